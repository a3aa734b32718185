//! A store in memory: for tests, and for simulated nodes whose disks fail on command.
//!
//! Cloning copies everything, so that a clone is what a disk held at that moment.

use std::collections::BTreeMap;

#[cfg(test)]
use crate::overlay::Changes;
use crate::rows::Rows;
use crate::store::{Archive, Batch, Convictions, SafetyBlocks, Store, StoreError};
use crate::view::View;

/// Everything that a node keeps, in maps.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    height: Option<u64>,
    /// Each path's values by the height that wrote them; `None` is a deletion.
    state: BTreeMap<Vec<u8>, BTreeMap<u64, Option<Vec<u8>>>>,
    tree: BTreeMap<Vec<u8>, Vec<u8>>,
    blocks: BTreeMap<u64, (Vec<u8>, Vec<u8>)>,
    justifications: BTreeMap<u64, Vec<u8>>,
    receipts: BTreeMap<u64, Vec<Vec<u8>>>,
    misbehaviours: BTreeMap<(u64, [u8; 20]), Vec<u8>>,
    convictions: Convictions,
    transactions: BTreeMap<[u8; 32], (u64, u32)>,
    safety: Option<Vec<u8>>,
    safety_blocks: SafetyBlocks,
    failing: bool,
}

/// The reason of a failure that was asked for.
#[derive(Debug, thiserror::Error)]
#[error("writes are switched off")]
struct SwitchedOff;

impl Memory {
    /// An empty store, before genesis.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes writes fail, as a full disk does, or work again.
    pub fn set_failing(&mut self, failing: bool) {
        self.failing = failing;
    }

    /// Puts a slice of a snapshot of `height` in, which then is the newest.
    #[cfg(test)]
    pub(crate) fn write_slice(&mut self, entries: Changes, tree: &Rows, height: u64) {
        for (key, change) in entries {
            self.state.entry(key).or_default().insert(height, change);
        }
        self.write_rows(tree, &[]);
        self.height = Some(height);
    }

    /// Adds and deletes rows of the tree.
    #[cfg(test)]
    pub(crate) fn write_rows(&mut self, tree: &Rows, deletes: &[Vec<u8>]) {
        for key in deletes {
            self.tree.remove(key);
        }
        self.put_rows(tree);
    }

    /// The rows of the tree.
    #[cfg(test)]
    pub(crate) fn tree_rows(&self) -> &BTreeMap<Vec<u8>, Vec<u8>> {
        &self.tree
    }

    fn put_rows(&mut self, tree: &Rows) {
        let rows = tree.iter();
        self.tree
            .extend(rows.map(|(key, value)| (key.to_vec(), value.to_vec())));
    }

    fn check_switch(&self) -> Result<(), StoreError> {
        if self.failing {
            Err(StoreError(Box::new(SwitchedOff)))
        } else {
            Ok(())
        }
    }
}

impl Archive for Memory {
    fn height(&self) -> Option<u64> {
        self.height
    }

    fn state_at(&self, height: u64) -> Box<dyn View + '_> {
        Box::new(At {
            memory: self,
            height,
        })
    }

    fn tree(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.tree.get(key).cloned()
    }

    fn block(&self, height: u64) -> Option<(Vec<u8>, Vec<u8>)> {
        self.blocks.get(&height).cloned()
    }

    fn receipts(&self, height: u64) -> Option<Vec<Vec<u8>>> {
        self.receipts.get(&height).cloned()
    }

    fn transaction(&self, hash: &[u8; 32]) -> Option<(u64, u32)> {
        self.transactions.get(hash).copied()
    }

    fn safety(&self) -> Option<Vec<u8>> {
        self.safety.clone()
    }

    fn justification(&self, height: u64) -> Option<Vec<u8>> {
        self.justifications.get(&height).cloned()
    }

    fn misbehaviours(&self) -> Vec<Vec<u8>> {
        self.misbehaviours.values().cloned().collect()
    }

    fn safety_block(&self, digest: &[u8; 32]) -> Option<Vec<u8>> {
        self.safety_blocks.get(digest).map(|bytes| bytes.to_vec())
    }
}

impl Store for Memory {
    fn commit(&mut self, batch: Batch) -> Result<(), StoreError> {
        self.check_switch()?;
        batch.check(self.height);
        let Batch {
            height,
            changes,
            tree,
            tree_deletes,
            block,
            commit,
            fuller_commit,
            justification,
            receipts,
            transactions,
            lazy: _,
        } = batch;
        for (key, change) in changes {
            self.state.entry(key).or_default().insert(height, change);
        }
        for key in tree_deletes {
            self.tree.remove(&key);
        }
        self.put_rows(&tree);
        if let Some(fuller) = fuller_commit
            && let Some((_, commit)) = self.blocks.get_mut(&(height - 1))
        {
            *commit = fuller;
        }
        if !justification.is_empty() {
            self.justifications.insert(height, justification);
        }
        if height > 0 {
            self.blocks.insert(height, (block, commit));
            self.receipts.insert(height, receipts);
        }
        self.transactions.extend(
            (0..)
                .zip(transactions)
                .filter_map(|(index, hash)| Some((hash?, (height, index)))),
        );
        self.height = Some(height);
        Ok(())
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        self.check_switch()
    }

    fn save_safety(&mut self, record: &[u8], blocks: &SafetyBlocks) -> Result<(), StoreError> {
        self.check_switch()?;
        self.safety = Some(record.to_vec());
        self.safety_blocks.clone_from(blocks);
        Ok(())
    }

    fn save_misbehaviour(
        &mut self,
        height: u64,
        validator: [u8; 20],
        proof: &[u8],
    ) -> Result<bool, StoreError> {
        let key = (height, validator);
        if self.misbehaviours.contains_key(&key) || !self.convictions.has_room(&validator) {
            return Ok(false);
        }
        self.check_switch()?;
        self.misbehaviours.insert(key, proof.to_vec());
        self.convictions.add(validator);
        Ok(true)
    }
}

/// State after one height.
struct At<'a> {
    memory: &'a Memory,
    height: u64,
}

impl At<'_> {
    fn newest<'v>(&self, versions: &'v BTreeMap<u64, Option<Vec<u8>>>) -> Option<&'v Vec<u8>> {
        versions.range(..=self.height).next_back()?.1.as_ref()
    }
}

impl View for At<'_> {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.newest(self.memory.state.get(key)?).cloned()
    }

    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        let matching = self
            .memory
            .state
            .range(prefix.to_vec()..)
            .take_while(|(key, _)| key.starts_with(prefix));
        matching
            .filter(|(key, _)| after.is_none_or(|after| key.as_slice() > after))
            .filter_map(|(key, versions)| Some((key.clone(), self.newest(versions)?.clone())))
            .take(limit)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(height: u64, changes: &[(&str, Option<&str>)]) -> Batch {
        let changes = changes.iter().map(|(key, value)| {
            (
                key.as_bytes().to_vec(),
                value.map(|value| value.as_bytes().to_vec()),
            )
        });
        Batch {
            height,
            changes: changes.collect(),
            ..Batch::default()
        }
    }

    #[test]
    fn every_height_keeps_its_own_state() {
        let mut memory = Memory::new();
        assert_eq!(memory.height(), None);
        memory
            .commit(batch(0, &[("a", Some("0")), ("b", Some("0"))]))
            .unwrap();
        memory
            .commit(batch(1, &[("a", None), ("c", Some("1"))]))
            .unwrap();
        memory.commit(batch(2, &[("a", Some("2"))])).unwrap();

        let keys = |height: u64| {
            let entries = memory.state_at(height).scan(b"", None, usize::MAX);
            entries
                .into_iter()
                .map(|(key, value)| String::from_utf8([key, value].concat()).unwrap())
                .collect::<Vec<_>>()
        };
        assert_eq!(keys(0), ["a0", "b0"]);
        assert_eq!(keys(1), ["b0", "c1"]);
        assert_eq!(keys(2), ["a2", "b0", "c1"]);
    }

    #[test]
    fn a_failed_write_leaves_nothing() {
        let mut memory = Memory::new();
        memory.commit(batch(0, &[("a", Some("0"))])).unwrap();
        memory.set_failing(true);
        assert!(memory.commit(batch(1, &[("a", Some("1"))])).is_err());
        assert!(memory.save_safety(b"vote", &SafetyBlocks::new()).is_err());
        assert_eq!((memory.height(), memory.safety()), (Some(0), None));
        assert_eq!(memory.state_at(1).get(b"a"), Some(b"0".to_vec()));

        memory.set_failing(false);
        memory.commit(batch(1, &[("a", Some("1"))])).unwrap();
        assert_eq!(memory.state_at(1).get(b"a"), Some(b"1".to_vec()));
    }

    #[test]
    fn a_tree_row_that_is_deleted_and_added_at_once_stays() {
        let mut memory = Memory::new();
        let rows = |rows: &[(&str, &str)]| rows.iter().copied().collect();
        memory
            .commit(Batch {
                tree: rows(&[("a", "0"), ("b", "0"), ("c", "0")]),
                ..Batch::default()
            })
            .unwrap();
        memory
            .commit(Batch {
                height: 1,
                tree: rows(&[("b", "1")]),
                tree_deletes: vec![b"a".to_vec(), b"b".to_vec(), b"none".to_vec()],
                ..Batch::default()
            })
            .unwrap();
        let rows = ["a", "b", "c"].map(|key| memory.tree(key.as_bytes()));
        assert_eq!(rows, [None, Some(b"1".to_vec()), Some(b"0".to_vec())]);
    }
}
