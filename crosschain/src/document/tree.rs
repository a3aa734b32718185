//! Salted leaves under one root.
//!
//! A salt keeps a leaf from being guessed; the pointer in it keeps values from changing places; decoys round the count up to a
//! power of two, so that the shape tells little of how many fields there are. Inner nodes are those of RFC 6962.

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::json;
use crate::text::Hex;

/// SHA-256(0x00 ‖ JCS([salt, pointer, value])), the salt in lower-case hex.
pub(super) fn leaf<T: Serialize>(salt: &Hex<16>, pointer: &str, value: &T) -> [u8; 32] {
    tagged(0, &json::canonical(&(salt, pointer, value)))
}

/// How many decoys `leaves` leaves need.
pub(super) fn decoys(leaves: usize) -> usize {
    leaves.next_power_of_two() - leaves
}

/// The root over leaves and decoys. RFC 6962 §2.1: MTH = SHA-256(0x01 ‖ left ‖ right); over a power of two, the halves are equal.
pub(super) fn root(mut nodes: Vec<[u8; 32]>) -> [u8; 32] {
    assert!(
        nodes.len().is_power_of_two(),
        "decoys fill the leaves up to a power of two"
    );
    while nodes.len() > 1 {
        nodes = nodes
            .chunks_exact(2)
            .map(|pair| tagged(1, pair.as_flattened()))
            .collect();
    }
    nodes[0]
}

/// SHA-256(tag ‖ data): the tag keeps leaves, inner nodes, documents and commitments apart.
pub(crate) fn tagged(tag: u8, data: &[u8]) -> [u8; 32] {
    Sha256::new()
        .chain_update([tag])
        .chain_update(data)
        .finalize()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sha256(parts: &[&[u8]]) -> [u8; 32] {
        Sha256::digest(parts.concat()).into()
    }

    #[test]
    fn a_leaf_binds_salt_place_and_value() {
        let salt = Hex([7; 16]);
        let expected = sha256(&[b"\0[\"07070707070707070707070707070707\",\"/a\",1]"]);
        assert_eq!(leaf(&salt, "/a", &1), expected);
        assert_ne!(leaf(&salt, "/a", &1), leaf(&salt, "/a", &"1"));
        assert_ne!(leaf(&salt, "/a", &1), leaf(&salt, "/b", &1));
        assert_ne!(leaf(&salt, "/a", &1), leaf(&Hex([8; 16]), "/a", &1));
    }

    #[test]
    fn the_root_is_rfc_6962() {
        let [a, b, c, d] = [[1; 32], [2; 32], [3; 32], [4; 32]];
        assert_eq!(root(vec![a]), a);
        let left = sha256(&[&[1], &a, &b]);
        let right = sha256(&[&[1], &c, &d]);
        assert_eq!(root(vec![a, b, c, d]), sha256(&[&[1], &left, &right]));
        assert_eq!((decoys(1), decoys(3), decoys(4), decoys(5)), (0, 1, 0, 3));
    }
}
