//! What processes of this measurement are told, and what they tell.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::kind::Kind;

/// What a client process asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Job {
    /// Whom: `127.0.0.1:26680`.
    pub(crate) address: String,
    /// What.
    pub(crate) kind: Kind,
    /// A file with the DIDs, one a line.
    pub(crate) dids: PathBuf,
    /// Questions on their way at one time.
    pub(crate) in_flight: u32,
    /// What its choice of DIDs begins with, so that no two clients make the same.
    pub(crate) seed: u64,
    /// For so long nothing is measured.
    pub(crate) warm_up_ms: u64,
    /// Then for so long everything is.
    pub(crate) measured_ms: u64,
}

/// What came of it, within the measured time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// From asked to answered, microseconds: one for each answer.
    pub(crate) latencies_us: Vec<u64>,
    /// Bytes of all answers: bodies of HTTP, messages of gRPC.
    pub(crate) bytes: u64,
    /// Answers that are not the DID's.
    pub(crate) wrong: u64,
    /// What the first of them was.
    pub(crate) first_wrong: Option<String>,
    /// Processor time of this client.
    pub(crate) cpu_ms: u64,
}

/// What the process with the empty handlers is told: nothing.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Listen {}

/// Where it listens.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Listening {
    /// `127.0.0.1:26680`
    pub(crate) address: String,
}
