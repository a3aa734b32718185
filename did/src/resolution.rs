//! W3C DID Resolution, the part without a network: what a question means, which values of state answer it, and the answer.

mod error;

pub use error::{Problem, ProblemKind};
