//! The simulator: a whole chain in one thread, driven by a seed.
//!
//! It runs the `Replica` of the node itself, with real signatures and a real ledger. Only its
//! surroundings are replaced: a queue of events for network and clock, memory for the disk. Messages are delayed, lost, doubled
//! and reordered; nodes are cut off, crash between two writes and come back from what they had written; a validator may have a
//! **twin**, a second replica with the same key, which is how a Byzantine validator is modelled. After every event the
//! `checks` hold, or the seed is printed. Equal seeds give equal traces.
//!
//! Without the feature `node`, what is left is what needs the consensus engine and the decoders alone: the fast simulator and the fuzz
//! targets, which build without RocksDB and libp2p.

pub mod byzantine;
#[cfg(feature = "node")]
pub mod checks;
#[cfg(feature = "node")]
pub mod churn;
#[cfg(feature = "node")]
pub mod cluster;
pub mod decoders;
#[cfg(feature = "node")]
pub mod disk;
#[cfg(feature = "node")]
pub mod network;
pub mod protocol;
#[cfg(feature = "node")]
pub mod quartet;
pub mod violation;
#[cfg(feature = "node")]
pub mod world;
