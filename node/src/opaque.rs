//! The opaque mode of the benchmarks: the node's network and consensus, ordering bytes that nobody looks into.
//!
//! Research prototypes publish how many unsigned 512-byte transactions they order a second, with nothing executed and nothing
//! synced to disk. To stand beside them the same is measured here. These nodes share the network, the state machine of consensus,
//! its messages and its signatures with a real node, and nothing else: they have no genesis, no ledger, no safety record and no
//! gateway, and no configuration of a real node leads here. Keys are derived from the node's number, so they can guard nothing.
//!
//! Clients write transactions of one fixed length to a node's own port, each beginning with the moment at which it was due. A node
//! proposes what its own clients sent, in its turn, so a transaction travels once: in its block. The blocks go to RocksDB without
//! sync. Latency is from due to decided, at the node that took the transaction.

mod flood;
mod measure;
mod node;
mod order;

pub use flood::{Flood, flood};
pub use measure::{Measure, Measured, measure};
pub use node::{NodeSettings, node};

/// The chain that all signatures name.
const CHAIN_ID: &str = "starfire-opaque-1";
/// The moment at which a transaction was due, Unix time in milliseconds, at its beginning.
const STAMP_BYTES: usize = 8;
/// Nodes that can be run together.
const NODES_MAX: u16 = 64;
/// How far a node's port for clients lies above its port for peers.
const CLIENTS_ABOVE: u16 = NODES_MAX;
