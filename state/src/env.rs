//! What execution is told besides state, and what it answers.

use starfire_proto::v1;
use tendermint::Time;

/// The surroundings of an operation. Nothing of *this* node is in here.
#[derive(Debug, Clone)]
pub struct Env {
    /// The chain's parameters.
    pub chain: v1::ChainRecord,
    /// Height of the block in execution.
    pub height: u64,
    /// Time of the block in execution.
    pub time: Time,
    /// Source address of the operation: a did:bid account address, authorised by its keys.
    pub sender: String,
    /// The sender's membership, if it is a member.
    pub member: Option<v1::MemberRecord>,
}

impl Env {
    /// Block time, Unix milliseconds.
    pub fn time_ms(&self) -> i64 {
        i64::try_from(self.time.unix_timestamp_nanos() / 1_000_000)
            .expect("a block's time fits in 64 bits of milliseconds")
    }
}

/// A kind of rejection: a stable name for people and programs, and the number that BIF-Core clients know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// Upper-case, e.g. `DID_NOT_DERIVED`.
    pub name: &'static str,
    /// A BIF-Core error code; never 0.
    pub number: u32,
}

impl Code {
    /// A code, for a domain's list of constants.
    pub const fn new(name: &'static str, number: u32) -> Self {
        Self { name, number }
    }
}

/// Why an operation had no effect. Part of consensus: the code reaches `last_results_hash`, the detail is for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {detail}", code.name)]
pub struct Rejection {
    /// Which rule refused it.
    pub code: Code,
    /// What to do about it. A pure function of state and transaction, like all else.
    pub detail: String,
}

impl Rejection {
    /// A rejection by `code`.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
        }
    }
}

/// Something that an operation did, for indexes and subscribers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Domain and verb, e.g. `did.created`.
    pub kind: &'static str,
    /// Names and values, in a fixed order.
    pub attributes: Vec<(&'static str, String)>,
}

impl Event {
    /// An event with its attributes.
    pub fn new(kind: &'static str, attributes: Vec<(&'static str, String)>) -> Self {
        Self { kind, attributes }
    }
}
