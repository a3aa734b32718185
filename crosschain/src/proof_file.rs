//! `starfire-proof/1`: one file that a person takes away, and that verifies without any network.
//!
//! It holds a path: the value that matters, its proof under a sub-chain's header, that header's anchor under a main header, and
//! the main header with the signatures of the main chain's validators. Whoever has pinned that main chain needs nothing else.
//! [`verify()`] walks the path from the pin outwards and stops at the first step that does not hold. Specified in
//! `docs/proof-file.md`.

mod accreditation;
mod assemble;
mod certificate;
mod content;
mod did;
mod evidence;
mod headers;
mod report;
mod resolved;
mod subject;
mod verify;

pub use assemble::{AssembleError, assemble};
pub use certificate::was_in_force;
pub use content::{FORMAT, PROOF_BYTES_MAX};
pub use headers::CLOCK_DRIFT_MS;
pub use report::{Reason, Report, Step, Summary, Verdict};
pub use resolved::{
    RESULT_BYTES_MAX, attach, is_resolution_result, state_proof, verify_resolution,
};
pub use subject::{Certificate, Scope, Subject};
pub use verify::verify;

#[cfg(test)]
mod tests;
