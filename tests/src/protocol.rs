//! The fast simulator: consensus alone, thousands of chains a minute.
//!
//! It drives [`Consensus::step`](starfire_consensus::machine::Consensus::step) with real messages, encoded and decoded, really
//! signed and really verified, and with the real record. Blocks carry nothing, so a seed costs milliseconds and many more
//! interleavings are seen than [`cluster`](crate::cluster), which runs whole replicas, can afford. Everything is a function of
//! its input, so a signature that was made or checked once, in whatever seed, is remembered ([`chain`]).
//!
//! [`story`] turns a seed into faults: loss, doubling, delay, cut links, crashes in the middle of an effect list, records torn
//! or damaged by the crash, blocks that were not synced, lost records, and validators that lie ([`crate::byzantine`]).
//! [`twins`] enumerates partitions instead. [`checks`] hold after every effect.

pub mod chain;
pub mod checks;
pub mod cluster;
mod disk;

pub mod network;
pub mod story;
pub mod twins;
