//! The ledger from outside: published vectors, blocks and genesis as bytes, and stories told by scripts.

mod blocks;
mod execution;
mod genesis;
mod golden;
mod vectors;
mod world;
