//! Pruning against a model: what is kept answers as before, and nothing that no height needs is left.

use std::collections::BTreeSet;

use proptest::collection::{btree_set, vec};
use proptest::prelude::*;

use super::*;
use crate::memory::Memory;
use crate::overlay::Changes;
use crate::store::{Batch, Store};
use crate::tree::hash::Hash;
use crate::tree::page::{BITS, SLOTS, Slot};
use crate::tree::tests::{a_block, models, root_of};
use crate::tree::update::read;
use crate::tree::{Cache, apply_cached, is_kept, prove, root, verify};

/// Whether one of some versions is among these.
fn is_among(retained: &BTreeSet<u64>) -> impl Fn(Range<u64>) -> bool {
    move |versions| retained.range(versions).next().is_some()
}

/// Commits the blocks, each with a pruning of what is `keep` heights below it.
fn grow_pruned(blocks: &[Changes], keep: u64, retained: &BTreeSet<u64>, limit: usize) -> Memory {
    let mut memory = Memory::new();
    let mut cache = Cache::new();
    for (height, changes) in (0..).zip(blocks) {
        let mut update = apply_cached(&mut cache, &memory, height, changes);
        let mut tree_deletes = Vec::new();
        if let Some(newest) = memory.height() {
            let pruning = prune(
                &memory,
                newest.saturating_sub(keep),
                &is_among(retained),
                limit,
            );
            assert!(pruning.deletes.len() <= 2 * limit + 1);
            update.writes.extend(&pruning.writes);
            tree_deletes = pruning.deletes;
        }
        memory
            .commit(Batch {
                height,
                changes: changes.clone(),
                tree: update.writes,
                tree_deletes,
                ..Batch::default()
            })
            .unwrap();
    }
    memory
}

/// Prunes to the end, in as many calls as it takes.
fn finish(memory: &mut Memory, below: u64, retained: &BTreeSet<u64>, limit: usize) {
    loop {
        let pruning = prune(memory, below, &is_among(retained), limit);
        let height = memory.height().unwrap();
        memory.write_rows(&pruning.writes, &pruning.deletes);
        assert_eq!(memory.height(), Some(height));
        if pruning.finished {
            return;
        }
    }
}

/// The rows that the versions at these heights need, by going through them.
fn needed(memory: &Memory, heights: &[u64]) -> BTreeSet<Vec<u8>> {
    fn walk(memory: &Memory, slot: Slot, depth: usize, place: Hash, rows: &mut BTreeSet<Vec<u8>>) {
        match slot {
            Slot::Empty => {}
            Slot::Leaf(leaf) => drop(rows.insert(row::key(&leaf.key))),
            Slot::Page(found) => {
                rows.insert(row::page(found.height, depth, &place).to_vec());
                let (page, _) = read(memory, found.height, depth, &place);
                for (at, slot) in page.slots.into_iter().enumerate() {
                    let mut below = place;
                    for bit in 0..BITS.min(256 - depth) {
                        let one = u8::from((at >> (BITS - 1 - bit)) & 1 == 1);
                        below[(depth + bit) / 8] |= one << (7 - (depth + bit) % 8);
                    }
                    assert!(at < SLOTS);
                    walk(memory, slot, depth + BITS, below, rows);
                }
            }
        }
    }
    let mut rows = BTreeSet::new();
    for &height in heights {
        rows.insert(row::root(height));
        let root = row::read_root(memory, height).unwrap();
        walk(memory, root, 0, [0; 32], &mut rows);
    }
    rows
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn what_is_kept_answers_as_before(
        blocks in vec(a_block(), 1..16),
        keep in 0..6u64,
        retained in btree_set(0..16u64, 0..4),
        limit in 1..40usize,
    ) {
        let mut memory = grow_pruned(&blocks, keep, &retained, limit);
        let newest = memory.height().unwrap();
        let below = newest.saturating_sub(keep);
        finish(&mut memory, below, &retained, limit);
        for (height, model) in (0..).zip(models(&blocks)) {
            prop_assert_eq!(is_kept(&memory, height), height >= below || retained.contains(&height));
            if !is_kept(&memory, height) {
                continue;
            }
            let root = root(&memory, height);
            prop_assert_eq!(root, root_of(&model));
            for key in blocks.iter().flat_map(Changes::keys) {
                let proved = prove(&memory, height, key);
                prop_assert_eq!(proved.value.as_ref(), model.get(key));
                prop_assert_eq!(verify(&root, key, proved.value.as_deref(), &proved.proof), Ok(()));
            }
        }
    }

    #[test]
    fn nothing_is_left_that_no_kept_height_needs(
        blocks in vec(a_block(), 1..16),
        keep in 0..6u64,
        limit in 1..40usize,
    ) {
        let mut memory = grow_pruned(&blocks, keep, &BTreeSet::new(), limit);
        let newest = memory.height().unwrap();
        let below = newest.saturating_sub(keep);
        finish(&mut memory, below, &BTreeSet::new(), limit);
        let mut rows: BTreeSet<Vec<u8>> = memory.tree_rows().keys().cloned().collect();
        // How far it got, and what the kept heights made stale of each other.
        rows.remove(PRUNED);
        for height in below + 1..=newest {
            rows.remove(&row::stale(height));
        }
        let heights: Vec<u64> = (below..=newest).collect();
        prop_assert_eq!(rows, needed(&memory, &heights));
    }
}

#[test]
fn the_newest_version_stays() {
    let blocks = vec![Changes::from([(b"a".to_vec(), Some(b"1".to_vec()))]); 5];
    let mut memory = grow_pruned(&blocks, 100, &BTreeSet::new(), 1);
    finish(&mut memory, 4, &BTreeSet::new(), 1);
    assert!((0..4).all(|height| !is_kept(&memory, height)));
    assert!(is_kept(&memory, 4));
    assert!(prune(&memory, 4, &|_| false, 1).finished);
    assert!(prune(&memory, 4, &|_| false, 1).writes.is_empty());
}
