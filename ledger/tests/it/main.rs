//! The ledger from outside: published vectors, blocks and genesis as bytes, and stories told by scripts.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, also in its own functions"
)]

mod blocks;
mod dids;
mod execution;
mod genesis;
mod golden;
mod signatures;
mod validators;
mod vectors;
mod world;
