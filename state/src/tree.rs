//! The Merkle tree over state: its root is the app hash, its paths are what proof files carry.
//!
//! One version a height: version 0 is genesis, executing block H makes version H, and header H + 1 carries that version's root.
//! Every height has a root of its own, also when its block changed nothing, so that any header can be asked. All versions are
//! kept.
//!
//! Which tree it is, nobody outside this module knows: keys and values go in, roots and ICS-23 proofs come out. It is a
//! jellyfish Merkle tree over SHA-256. A key stands in the tree as its hash, so that nobody grows one branch by choosing keys
//! at will, and the tree's shape follows from its content alone, not from the order of writes.

mod disk;
mod proof;

use jmt::{KeyHash, Sha256Jmt};
use prost_ics23::Message;
use sha2::{Digest, Sha256};

use crate::overlay::Changes;
use crate::store::Archive;
use disk::Disk;

pub use proof::{PROOF_BYTES_MAX, ProofError, verify};

/// The root of a tree that holds nothing.
pub const EMPTY_ROOT: [u8; 32] = *b"SPARSE_MERKLE_PLACEHOLDER_HASH__";

/// What a block does to the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeUpdate {
    /// The new version's root.
    pub root: [u8; 32],
    /// What to store, for [`Batch::tree`](crate::Batch::tree).
    pub writes: Vec<(Vec<u8>, Vec<u8>)>,
}

/// What stands at a key, or that nothing does, with the proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proved {
    /// The value; `None`: absent.
    pub value: Option<Vec<u8>>,
    /// An encoded `cosmos.ics23.v1.CommitmentProof`.
    pub proof: Vec<u8>,
}

/// Makes version `height` of the tree out of the one before it. Nothing is written yet.
///
/// # Panics
/// When the version before is not in the archive, or a key or value is empty.
pub fn apply(archive: &dyn Archive, height: u64, changes: &Changes) -> TreeUpdate {
    let disk = Disk(archive);
    if let Some(before) = height.checked_sub(1) {
        assert!(
            disk.has_version(before),
            "the tree's version {before} is stored before version {height} is made"
        );
    }
    let hashed: Vec<(KeyHash, Option<Vec<u8>>)> = changes
        .iter()
        .map(|(key, value)| {
            assert!(
                !key.is_empty() && value.as_ref().is_none_or(|value| !value.is_empty()),
                "ICS-23 cannot prove empty keys or values"
            );
            (key_hash(key), value.clone())
        })
        .collect();
    let (root, update) = Sha256Jmt::new(&disk)
        .put_value_set(hashed, height)
        .expect("the stored tree is whole");
    let nodes = update
        .node_batch
        .nodes()
        .iter()
        .map(|(key, node)| (disk::node_key(key), disk::encode_node(node)));
    let values = changes.iter().map(|(key, value)| {
        (
            disk::value_key(key_hash(key), height),
            disk::encode_value(key, value.as_deref()),
        )
    });
    TreeUpdate {
        root: root.0,
        writes: nodes.chain(values).collect(),
    }
}

/// The root of the tree after block `height`.
///
/// # Panics
/// When the archive has no such block yet: a height from outside is compared with [`Archive::height`] first.
pub fn root(archive: &dyn Archive, height: u64) -> [u8; 32] {
    Sha256Jmt::new(&Disk(archive))
        .get_root_hash(height)
        .expect("the height is stored, and every stored height has a root")
        .0
}

/// Proves what stands at `key` after block `height`, or that nothing does. [`verify`] refuses a proof for a key that is no
/// state path.
///
/// # Panics
/// As [`root`].
pub fn prove(archive: &dyn Archive, height: u64, key: &[u8]) -> Proved {
    if root(archive, height) == EMPTY_ROOT {
        return Proved {
            value: None,
            proof: proof::of_absence_in_nothing(key).encode_to_vec(),
        };
    }
    let disk = Disk(archive);
    let (value, proof) = Sha256Jmt::new(&disk)
        .get_with_ics23_proof(key.to_vec(), height)
        .expect("the stored tree is whole");
    Proved {
        value,
        proof: proof.encode_to_vec(),
    }
}

fn key_hash(key: &[u8]) -> KeyHash {
    KeyHash(Sha256::digest(key).into())
}

#[cfg(test)]
mod tests;
