//! Making a proof: what stands at a key, or its neighbours, with the way to the root.

use ics23::commitment_proof::Proof;
use ics23::{CommitmentProof, ExistenceProof, HashOp, InnerOp, NonExistenceProof};
use prost_ics23::Message;

use super::find::{Side, Way, neighbour, way};
use super::hash::{self, Hash, goes_right};
use super::page::Slot;
use super::pages::{Pages, Source};
use super::row::Kept;
use crate::store::Archive;

mod existing;

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
    let source = Source {
        archive,
        pages: None,
    };
    let root = source.root(height);
    let at = hash::of_key(key);
    let way = way(source, root, &at);
    if way.leaf.is_some_and(|leaf| leaf.key == at) {
        let value = value(archive, height, key, &at, &way);
        return Proved {
            proof: existing::encode(key, &value, &at, &way.beside),
            value: Some(value),
        };
    }
    Proved {
        value: None,
        proof: absence(source, height, root, key, &at),
    }
}

/// The proof that `value` stands at `key` after block `height`, or for `None` that nothing does; no proof, if that is not so. Who knows
/// the newest value learns at once whether an older version of the tree has it too. `pages` are at hand, and go with one archive.
///
/// # Panics
/// As [`root`](super::root).
pub fn prove_value(
    pages: &Pages,
    archive: &dyn Archive,
    height: u64,
    key: &[u8],
    value: Option<&[u8]>,
) -> Option<Vec<u8>> {
    let source = Source {
        archive,
        pages: Some(pages),
    };
    let root = source.root(height);
    let at = hash::of_key(key);
    let way = way(source, root, &at);
    match (way.leaf.filter(|leaf| leaf.key == at), value) {
        (Some(leaf), Some(value)) => (leaf.hash == hash::leaf(&at, value))
            .then(|| existing::encode(key, value, &at, &way.beside)),
        (None, None) => Some(absence(source, height, root, key, &at)),
        (Some(_), None) | (None, Some(_)) => None,
    }
}

/// That nothing stands at `key`, which hashes to `at`: what stands next to it.
fn absence(source: Source<'_>, height: u64, root: Slot, key: &[u8], at: &Hash) -> Vec<u8> {
    let beside = |side| {
        let at = neighbour(source, root, at, side)?;
        Some(existence(source, height, root, &at))
    };
    // In a tree that holds nothing there is no neighbour: see `of_absence_in_nothing`.
    let absence = NonExistenceProof {
        key: key.to_vec(),
        left: beside(Side::Left),
        right: beside(Side::Right),
    };
    let proof = CommitmentProof {
        proof: Some(Proof::Nonexist(absence)),
    };
    proof.encode_to_vec()
}

/// The existence of a leaf that is known by hash.
fn existence(source: Source<'_>, height: u64, root: Slot, at: &Hash) -> ExistenceProof {
    let key = Kept::read(source.archive, at)
        .expect("the key of every leaf is kept")
        .key;
    let way = way(source, root, at);
    let value = value(source.archive, height, &key, at, &way);
    let steps = way.beside.iter().enumerate().rev();
    let path = steps.map(|(depth, beside)| step(beside, goes_right(at, depth)));
    ExistenceProof {
        key,
        value,
        leaf: Some(hash::leaf_op()),
        path: path.collect(),
    }
}

/// The value of the leaf at the end of the way to it.
fn value(archive: &dyn Archive, height: u64, key: &[u8], at: &Hash, way: &Way) -> Vec<u8> {
    let value = archive
        .state_at(height)
        .get(key)
        .expect("what stands in the tree stands in state");
    assert_eq!(
        way.leaf.map(|leaf| leaf.hash),
        Some(hash::leaf(at, &value)),
        "tree and state agree"
    );
    value
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
