//! Keys by chosen hashes, which no search for keys would find: alike in all bits but one.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use super::*;
use crate::memory::Memory;
use crate::store::{Batch, Store};
use crate::tree::find::{Side, neighbour, way};
use crate::tree::hash::{goes_right, inner};
use crate::tree::pages::Source;
use crate::tree::tests::naive_root;

type Model = std::collections::BTreeMap<Hash, Hash>;

/// A hash that differs from one and the same in a single bit, or in all from there on.
fn a_hash() -> impl Strategy<Value = Hash> {
    (0..256usize, any::<bool>()).prop_map(|(at, rest)| {
        let mut hash = [0x5a; 32];
        let end = if rest { 256 } else { at + 1 };
        for bit in at..end {
            hash[bit / 8] ^= 0x80 >> (bit % 8);
        }
        hash
    })
}

fn a_block() -> impl Strategy<Value = Vec<(Hash, Option<Hash>)>> {
    btree_map(
        a_hash(),
        proptest::option::weighted(0.6, any::<Hash>()),
        1..20,
    )
    .prop_map(|block| block.into_iter().collect())
}

fn root_over(key: &Hash, leaf: &Hash, beside: &[Hash]) -> Hash {
    let mut hash = *leaf;
    for (depth, sibling) in beside.iter().enumerate().rev() {
        hash = if goes_right(key, depth) {
            inner(&[*sibling, hash])
        } else {
            inner(&[hash, *sibling])
        };
    }
    hash
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn long_shared_paths_are_made_and_found(blocks in vec(a_block(), 1..6), others in vec(a_hash(), 8)) {
        let (mut memory, mut cache) = (Memory::new(), Cache::new());
        let (mut model, mut root) = (Model::new(), Slot::Empty);
        for (height, block) in (0..).zip(&blocks) {
            for (at, leaf) in block {
                match leaf {
                    Some(leaf) => model.insert(*at, *leaf),
                    None => model.remove(at),
                };
            }
            let changes: Vec<_> = block.iter().map(|(at, leaf)| Change { at: *at, leaf: *leaf, key: at }).collect();
            let mut pass = Pass::new(&memory, &mut cache, height);
            root = pass.root(root, &changes);
            let tree = pass.finish();
            memory.commit(Batch { height, tree, ..Batch::default() }).unwrap();

            let leaves: Vec<_> = model.iter().map(|(at, leaf)| (*at, *leaf)).collect();
            prop_assert_eq!(*root.hash(), naive_root(&leaves, 0));
            let source = Source { archive: &memory, pages: None };
            for key in model.keys().chain(&others) {
                let way = way(source, root, key);
                let found = way.leaf.filter(|leaf| leaf.key == *key);
                prop_assert_eq!(found.map(|leaf| leaf.hash), model.get(key).copied());
                if let Some(leaf) = way.leaf {
                    prop_assert_eq!(root_over(key, &leaf.hash, &way.beside), *root.hash());
                }
                if found.is_none() {
                    let left = model.range(..*key).next_back().map(|(key, _)| *key);
                    let right = model.range(*key..).next().map(|(key, _)| *key);
                    prop_assert_eq!(neighbour(source, root, key, Side::Left), left);
                    prop_assert_eq!(neighbour(source, root, key, Side::Right), right);
                }
            }
        }
    }
}
