//! `starfire-proof/1`: one file that a person takes away, and that verifies without any network.
//!
//! It holds a path: the value that matters, its proof under a sub-chain's header, that header's anchor under a main header, and
//! the main header with the signatures of the main chain's validators. Whoever has pinned that main chain needs nothing else.
//! [`verify()`] walks the path from the pin outwards and stops at the first step that does not hold. Specified in
//! `docs/proof-file.md`.
//!
//! Answers of gateways carry such a path too. [`verify_answer`] takes them as they were saved, and proof files as well.

mod accreditation;
mod answer;
mod assemble;
mod batch;
mod certificate;
mod content;
mod dereferenced;
mod did;
mod evidence;
mod headers;
mod proven;
mod report;
mod resolved;
mod resource;
mod standing;
mod state_proof;
mod subject;
mod verify;

pub use answer::{
    ANSWER_BYTES_MAX, Beside, Checked, Kind, RESULT_BYTES_MAX, Trust, verify_answer,
    verify_resolution,
};
pub use assemble::{AssembleError, assemble};
pub use certificate::was_in_force;
pub use content::{FORMAT, PROOF_BYTES_MAX};
pub use headers::CLOCK_DRIFT_MS;
pub use proven::Proven;
pub use report::{Reason, Report, Step, Summary, Verdict};
pub use resolved::attach;
pub use state_proof::{ProofView, state_proof};
pub use subject::{Certificate, Scope, Subject};
pub use verify::verify;

#[cfg(test)]
mod tests;
