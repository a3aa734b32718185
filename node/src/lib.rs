//! The node: network, disk, clock, gateway and command line around the pure crates.
//!
//! [`run`] is the way in: it starts everything and is the only place that spawns. [`replica`] is the node without its
//! surroundings, which the simulator drives too. All other modules are one subject each; ARCHITECTURE.md has the map.

pub mod anchor;
pub mod audit;
mod bench;
pub mod ceremony;
pub mod cli;
pub mod client;
pub mod clock;
pub mod config;
pub mod core_loop;
mod credential;
pub mod devnet;
pub mod did_index;
pub mod failure;
pub mod file;
pub mod gateway;
pub mod grpc;
pub mod home;
pub mod intake;
pub mod keystore;
pub mod log_filter;
pub mod mempool;
pub mod network;
pub mod opaque;
pub mod pins;
pub mod recent;
pub mod replica;
pub mod rocks;
pub mod roster;
mod rota;
pub mod run;
mod seats;
pub mod signer;
pub mod snapshot;
pub mod spread;
pub mod state_sync;
pub mod status;
pub mod sync;
pub mod upkeep;
pub mod verify_pool;
pub mod web_did;
