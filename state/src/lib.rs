//! What a transaction sees and changes.
//!
//! State is a map from printable byte paths to protobuf records. Execution reads it through a [`View`], writes into an
//! [`Overlay`], and the whole block's changes go into the Merkle [`tree`] whose root is the app hash. A [`Store`] keeps it all,
//! one atomic [`store::Batch`] a block.

pub mod account;
pub mod chain;
pub mod env;
pub mod key;
pub mod memory;
pub mod overlay;
pub mod rows;
pub mod store;
pub mod tree;
pub mod view;

pub use account::Account;
pub use chain::{chain, member};
pub use env::{Code, Env, Event, Rejection};
pub use memory::Memory;
pub use overlay::{Changes, Overlay};
pub use rows::Rows;
pub use store::{
    Archive, Batch, Convictions, MISBEHAVING_VALIDATORS_MAX, MISBEHAVIOURS_PER_VALIDATOR_MAX,
    SafetyBlocks, Store, StoreError,
};
pub use view::{View, record};
