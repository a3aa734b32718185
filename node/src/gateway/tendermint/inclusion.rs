//! That a transaction is in a block: a Merkle path to the header's `data_hash`, as CometBFT has it.
//!
//! The tree is RFC 6962's over SHA-256. A leaf is the SHA-256 of an envelope, hashed once more after a zero byte.

use sha2::{Digest, Sha256};

type Hash = [u8; 32];

/// The tree over a block's envelopes, level by level from the leaves up. A node without a neighbour stands in the next level as it is.
#[derive(Debug)]
pub(super) struct Tree(Vec<Vec<Hash>>);

/// The path of one leaf.
#[derive(Debug)]
pub(super) struct Path {
    pub(super) root: Hash,
    pub(super) leaf: Hash,
    /// Siblings, from the leaf's own up to that below the root.
    pub(super) aunts: Vec<Hash>,
}

impl Tree {
    /// # Panics
    /// When there is no envelope.
    pub(super) fn of(envelopes: &[Vec<u8>]) -> Self {
        assert!(!envelopes.is_empty(), "a tree has leaves");
        let leaf = |envelope: &Vec<u8>| hash(&[&[0], Sha256::digest(envelope).as_slice()]);
        let mut levels = vec![envelopes.iter().map(leaf).collect::<Vec<_>>()];
        while let Some(below) = levels.last().filter(|level| level.len() > 1) {
            let above = below.chunks(2).map(|pair| match pair {
                [left, right] => hash(&[&[1], left, right]),
                alone => alone[0],
            });
            let above = above.collect();
            levels.push(above);
        }
        Self(levels)
    }

    /// The path of the envelope at `index`.
    ///
    /// # Panics
    /// When there is none there.
    pub(super) fn path(&self, index: usize) -> Path {
        let siblings = self
            .0
            .iter()
            .enumerate()
            .filter_map(|(height, level)| level.get((index >> height) ^ 1));
        Path {
            root: self.0.last().expect("a tree has a root")[0],
            leaf: self.0[0][index],
            aunts: siblings.copied().collect(),
        }
    }
}

fn hash(parts: &[&[u8]]) -> Hash {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use tendermint::merkle;

    use super::*;

    /// The root that a verifier computes from a leaf: CometBFT's `computeHashFromAunts`.
    fn believed(index: usize, total: usize, leaf: Hash, aunts: &[Hash]) -> Hash {
        if total == 1 {
            assert!(aunts.is_empty());
            return leaf;
        }
        let split = total.next_power_of_two() / 2;
        let (last, rest) = aunts.split_last().unwrap();
        if index < split {
            hash(&[&[1], &believed(index, split, leaf, rest), last])
        } else {
            let right = believed(index - split, total - split, leaf, rest);
            hash(&[&[1], last, &right])
        }
    }

    #[test]
    fn each_envelopes_path_leads_to_tendermints_own_root() {
        for total in 1..=20_u8 {
            let envelopes: Vec<Vec<u8>> = (0..total).map(|byte| vec![byte; 3]).collect();
            let ids: Vec<Vec<u8>> = envelopes
                .iter()
                .map(|envelope| Sha256::digest(envelope).to_vec())
                .collect();
            let root = merkle::simple_hash_from_byte_vectors::<Sha256>(&ids);
            let tree = Tree::of(&envelopes);
            for index in 0..envelopes.len() {
                let path = tree.path(index);
                assert_eq!(path.root, root);
                assert_eq!(
                    believed(index, envelopes.len(), path.leaf, &path.aunts),
                    root
                );
            }
        }
    }
}
