//! Benchmarks: real nodes and real clients, each a process of its own, and what they cost.
//!
//! The harness founds a chain for the purpose, starts its nodes and the clients, reads counters of the kernel and of the nodes when
//! the measured time begins and when it ends, and takes everything down again, whatever happens. Load is an open loop: a payment is
//! sent when it is due, however the chain fares, and its latency counts from when it was due, so that a chain that falls behind
//! shows it instead of slowing down its own load. A payment counts as committed when a client reads its receipt from a node's feed,
//! which is after that node's synced write.
//!
//! Nothing here runs in a node: [`network`] starts `starfire start` as an operator would, and the chain's genesis is all that differs. Only
//! [`block`] has its validator in its own process: what it times is one step of it.

pub(crate) mod accounts;
pub(crate) mod block;
pub(crate) mod censor;
pub(crate) mod chance;
pub(crate) mod client;
pub(crate) mod clients;
pub(crate) mod double_signing;
pub(crate) mod feed;
pub(crate) mod figures;
pub(crate) mod gap;
pub(crate) mod idle;
pub(crate) mod job;
pub(crate) mod load;
pub(crate) mod machine;
pub(crate) mod network;
pub(crate) mod page;
pub(crate) mod payments;
pub(crate) mod resolve;
pub(crate) mod restart;
pub(crate) mod sample;
pub(crate) mod scaling;
pub(crate) mod sender;
pub(crate) mod signatures;
pub(crate) mod tables;
pub(crate) mod targets;
