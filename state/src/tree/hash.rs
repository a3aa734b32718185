//! How the tree is hashed, and the ICS-23 specification that says so to a stock verifier.
//!
//! ```text
//! leaf   =  BLAKE3(LEAF ‖ BLAKE3(key) ‖ BLAKE3(value))      96 bytes
//! inner  =  BLAKE3(left ‖ right)                            64 bytes
//! ```
//! A subtree with one leaf is that leaf; a subtree with none is [`EMPTY_ROOT`].
//!
//! Inner nodes have no prefix, so that their 64 bytes are one block of BLAKE3: half the work of 65. Nothing is taken for anything
//! else all the same: leaf and inner differ in length, and to read a leaf as an inner node with a longer path, as a stock verifier
//! might let a liar do, a child would have to hash to [`LEAF`], which is text and no hash.

use ics23::{HashOp, InnerSpec, LeafOp, LengthOp, ProofSpec};

/// A BLAKE3 hash.
pub(super) type Hash = [u8; 32];

/// The root of a tree that holds nothing, and what stands for an empty subtree.
pub const EMPTY_ROOT: Hash = *b"STARFIRE_STATE_TREE_V1_NO_LEAVES";

/// What a leaf is hashed with first.
pub(super) const LEAF: Hash = *b"STARFIRE_STATE_TREE_V1_LEAF_NODE";

/// A path has at most one step for each bit of a key's hash.
pub(super) const STEPS_MAX: usize = 256;

/// Where a key stands in the tree.
pub(super) fn of_key(key: &[u8]) -> Hash {
    blake3::hash(key).into()
}

/// A hash as two numbers in the order of hashes, which a processor compares faster than bytes.
pub(super) fn order(hash: &Hash) -> [u128; 2] {
    let (halves, _) = hash.as_chunks();
    [0, 1].map(|half| u128::from_be_bytes(halves[half]))
}

/// The hash of the leaf with this value, at the key with this hash.
pub(super) fn leaf(key: &Hash, value: &[u8]) -> Hash {
    let mut bytes = [0; 96];
    bytes[..32].copy_from_slice(&LEAF);
    bytes[32..64].copy_from_slice(key);
    bytes[64..].copy_from_slice(blake3::hash(value).as_bytes());
    blake3::hash(&bytes).into()
}

/// The hash of the node with these two children.
pub(super) fn inner(children: &[Hash; 2]) -> Hash {
    blake3::hash(children.as_flattened()).into()
}

/// Whether the path to the key with this hash goes right below the node at `depth`.
pub(super) fn goes_right(key: &Hash, depth: usize) -> bool {
    (key[depth / 8] >> (7 - depth % 8)) & 1 == 1
}

/// The specification by which any ICS-23 verifier that knows BLAKE3 reads this tree's proofs.
pub fn proof_spec() -> ProofSpec {
    ProofSpec {
        leaf_spec: Some(leaf_op()),
        inner_spec: Some(InnerSpec {
            child_order: vec![0, 1],
            child_size: 32,
            min_prefix_length: 0,
            max_prefix_length: 0,
            empty_child: EMPTY_ROOT.to_vec(),
            hash: HashOp::Blake3.into(),
        }),
        max_depth: 256,
        min_depth: 0,
        prehash_key_before_comparison: true,
    }
}

/// How a leaf is hashed, in the words of ICS-23.
pub(super) fn leaf_op() -> LeafOp {
    LeafOp {
        hash: HashOp::Blake3.into(),
        prehash_key: HashOp::Blake3.into(),
        prehash_value: HashOp::Blake3.into(),
        length: LengthOp::NoPrefix.into(),
        prefix: LEAF.to_vec(),
    }
}
