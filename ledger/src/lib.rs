//! The ledger: (state, block) → outcome.
//!
//! A transaction comes in as bytes and goes one way. [`transaction`] decodes its envelope once, [`mod@check`] proves without any state
//! that it is for this chain and well signed, [`admission`] asks the state whether it may run, [`selection`] is what a proposer makes of
//! those that wait, [`execute()`] runs their operations, and [`receipt`] tells what became of each. [`payload`] is the one list of what a
//! transaction can do. [`block`] is how transactions are decided together, [`genesis`] how a chain begins, [`validators`] who decides which
//! height.
//!
//! Nothing here knows the node that runs it: no clock, no disk, no key, no randomness.

pub mod account;
pub mod admission;
pub mod block;
pub mod check;
pub mod code;
pub mod execute;
mod fee;
pub mod genesis;
mod hash;
pub mod membership;
pub mod motion;
pub mod path;
pub mod payload;
pub mod presence;
pub mod quota;
pub mod read_ahead;
pub mod receipt;
pub mod selection;
pub mod signature_work;
pub mod transaction;
pub mod validators;

pub use admission::{Admission, Admitted};
pub use block::{Block, Expected, InvalidBlock};
pub use check::{ChainRules, Checked, CheckedBlock, InvalidTransaction, check, check_all};
pub use execute::{Outcome, execute};
pub use genesis::Genesis;
pub use payload::Payload;
pub use quota::Payer;
pub use selection::{Selection, select};
pub use transaction::{EnvelopeError, Transaction};
