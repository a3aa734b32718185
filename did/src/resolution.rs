//! W3C DID Resolution, the part without a network: what a question means, which values of state answer it, and the answer.
//!
//! The answer is a function of the question and of records that can be proved, and of nothing else. So a resolver and whoever
//! checks it afterwards compute it by the same code: the check is that both come to the same JSON.

mod error;
mod question;
mod result;

pub use crate::render::Representation;
pub use error::{Problem, ProblemKind};
pub use question::{At, Found, Origin, Question, VERSION_TIME_FORM, unix_seconds};
pub use result::{Resolved, rendered, rendered_text, result};
