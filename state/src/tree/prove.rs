//! Making a proof: what stands at a key, or its neighbours, with the way to the root.

use ics23::commitment_proof::Proof;
use ics23::{CommitmentProof, ExistenceProof, HashOp, InnerOp, NonExistenceProof};
use prost_ics23::Message;

use super::find::{Side, Way, neighbour, way};
use super::hash::{self, Hash, goes_right};
use super::page::Slot;
use super::row::Kept;
use super::stored_root;
use crate::store::Archive;

/// What stands at a key, or that nothing does, with the proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proved {
    /// The value; `None`: absent.
    pub value: Option<Vec<u8>>,
    /// An encoded `cosmos.ics23.v1.CommitmentProof`.
    pub proof: Vec<u8>,
}

/// Proves what stands at `key` after block `height`, or that nothing does. [`verify`](super::verify()) refuses a proof for a key that
/// is no state path.
///
/// # Panics
/// As [`root`](super::root).
pub fn prove(archive: &dyn Archive, height: u64, key: &[u8]) -> Proved {
    let root = stored_root(archive, height);
    let at = hash::of_key(key);
    let way = way(archive, root, &at);
    if way.leaf.is_some_and(|leaf| leaf.key == at) {
        let existence = existence(archive, height, key.to_vec(), &at, way);
        return Proved {
            value: Some(existence.value.clone()),
            proof: encode(Proof::Exist(existence)),
        };
    }
    let beside = |side| {
        let at = neighbour(archive, root, &at, side)?;
        Some(existing(archive, height, root, &at))
    };
    // In a tree that holds nothing there is no neighbour: see `of_absence_in_nothing`.
    Proved {
        value: None,
        proof: encode(Proof::Nonexist(NonExistenceProof {
            key: key.to_vec(),
            left: beside(Side::Left),
            right: beside(Side::Right),
        })),
    }
}

/// The existence of a leaf that is known by hash.
fn existing(archive: &dyn Archive, height: u64, root: Slot, at: &Hash) -> ExistenceProof {
    let kept = Kept::read(archive, at).expect("the key of every leaf is kept");
    existence(archive, height, kept.key, at, way(archive, root, at))
}

fn existence(
    archive: &dyn Archive,
    height: u64,
    key: Vec<u8>,
    at: &Hash,
    way: Way,
) -> ExistenceProof {
    let value = archive
        .state_at(height)
        .get(&key)
        .expect("what stands in the tree stands in state");
    assert_eq!(
        way.leaf.map(|leaf| leaf.hash),
        Some(hash::leaf(at, &value)),
        "tree and state agree"
    );
    let steps = way.beside.iter().enumerate().rev();
    let path = steps.map(|(depth, beside)| step(beside, goes_right(at, depth)));
    ExistenceProof {
        key,
        value,
        leaf: Some(hash::leaf_op()),
        path: path.collect(),
    }
}

/// A step from a node to the one above it.
fn step(beside: &Hash, right: bool) -> InnerOp {
    let (prefix, suffix) = if right {
        (beside.to_vec(), Vec::new())
    } else {
        (Vec::new(), beside.to_vec())
    };
    InnerOp {
        hash: HashOp::Blake3.into(),
        prefix,
        suffix,
    }
}

fn encode(proof: Proof) -> Vec<u8> {
    CommitmentProof { proof: Some(proof) }.encode_to_vec()
}
