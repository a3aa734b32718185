//! The tree hash over a list's chunks: RFC 6962 §2.1, with SHA-256.

use sha2::{Digest, Sha256};

use super::CHUNK_BYTES;

/// A node's hash.
pub(super) type Hash = [u8; 32];

/// What goes before the bytes of a leaf.
const LEAF: [u8; 1] = [0];
/// What goes before the two hashes of an inner node.
const INNER: [u8; 1] = [1];

/// The hash of a chunk as a leaf.
pub(super) fn leaf(chunk: &[u8]) -> Hash {
    Sha256::new_with_prefix(LEAF)
        .chain_update(chunk)
        .finalize()
        .into()
}

/// The hash of the tree over these leaves.
pub(super) fn root_of(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Sha256::digest([]).into(),
        [leaf] => *leaf,
        // RFC 6962 §2.1: k is the largest power of two smaller than n
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            Sha256::new_with_prefix(INNER)
                .chain_update(root_of(left))
                .chain_update(root_of(right))
                .finalize()
                .into()
        }
    }
}

/// The root that a list's record holds, from the whole list's bytes.
pub fn root(bytes: &[u8]) -> [u8; 32] {
    let leaves: Vec<Hash> = bytes.chunks(CHUNK_BYTES).map(leaf).collect();
    root_of(&leaves)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_are_those_of_rfc_6962() {
        // The leaves and roots by which implementations of Certificate Transparency are tested.
        let leaves: Vec<Hash> = [
            "",
            "00",
            "10",
            "2021",
            "3031",
            "40414243",
            "5051525354555657",
            "606162636465666768696a6b6c6d6e6f",
        ]
        .map(|text| leaf(&hex::decode(text).unwrap()))
        .to_vec();
        for (count, root) in [
            (
                0,
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            ),
            (
                1,
                "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            ),
            (
                2,
                "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            ),
            (
                3,
                "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            ),
            (
                7,
                "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            ),
            (
                8,
                "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
            ),
        ] {
            assert_eq!(hex::encode(root_of(&leaves[..count])), root, "{count}");
        }
    }
}
