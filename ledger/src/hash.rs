//! The two hashes that the ledger is made of: SHA-256, and tendermint's Merkle root over it.

use sha2::{Digest, Sha256};
use tendermint::{Hash, merkle};

/// SHA-256.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Tendermint's simple Merkle root (RFC 6962 with SHA-256) of these leaves, in this order.
pub(crate) fn merkle_root(leaves: &[impl AsRef<[u8]>]) -> Hash {
    Hash::Sha256(merkle::simple_hash_from_byte_vectors::<Sha256>(leaves))
}
