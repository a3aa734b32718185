//! The simulator: a whole chain in one thread, driven by a seed.
//!
//! It runs the [`Replica`](starfire_node::replica::Replica) of the node itself, with real signatures and a real ledger. Only its
//! surroundings are replaced: a queue of events for network and clock, memory for the disk. Messages are delayed, lost, doubled
//! and reordered; nodes are cut off, crash between two writes and come back from what they had written; a validator may have a
//! **twin**, a second replica with the same key, which is how a Byzantine validator is modelled. After every event the
//! [`checks`] hold, or the seed is printed. Equal seeds give equal traces.

pub mod byzantine;
pub mod checks;
pub mod churn;
pub mod cluster;
pub mod decoders;
pub mod disk;
pub mod network;
pub mod protocol;
pub mod quartet;
pub mod world;
