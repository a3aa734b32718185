//! Status lists on the chain: one bit a credential, set by its issuer.
//!
//! A list is a Bitstring Status List 1.0 whose bits stand in state, in chunks of 1024 bytes, so that setting one writes little and
//! one bit can be proved without the rest ([`proof_paths`], [`proved_bit`]). The list's record commits to all chunks by a tree
//! hash (RFC 6962), so that who holds the whole list can check it against the record alone ([`root`]). A chunk of zeros does not
//! stand in state.
//!
//! Bit 0 is the highest bit of the first byte, as in the standard's bitstring. A bit of a revocation list is never cleared.

pub mod answer;
mod create;
mod read;
mod tree;
mod update;

pub use create::{Create, LENGTH_MAX, LENGTH_MIN, Purpose, TTL_MAX_SECONDS};
pub use read::{bit, bytes, list, proof_paths, proved_bit};
pub use tree::root;
pub use update::{UPDATE_BITS_MAX, Update};

/// Bytes of a chunk.
pub const CHUNK_BYTES: usize = 1024;

/// Bits of a chunk. A list's length is a multiple of this.
pub const CHUNK_BITS: u64 = 8 * CHUNK_BYTES as u64;

#[cfg(test)]
mod tests;
