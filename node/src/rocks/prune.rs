//! Forgetting what is old: blocks, receipts, places of transactions, values and tree pages that no height which is kept needs.
//!
//! First the base moves: from then on nobody is promised what is below. Then, in a later round, when nobody reads there any more, rows
//! are deleted, a slice at a time, beside the core. Nothing of it reaches state: the root of a version is the same on every node,
//! whether it keeps older ones or not.
//!
//! A height may be kept while its neighbours go: its block, and the states before and after it, so that its header still proves what
//! it proved. Which ones were kept is itself on disk, so that another configuration changes only what is pruned from then on.

use std::ops::Range;

use rocksdb::{DB, ReadOptions, WriteBatch, WriteOptions};
use starfire_proto::v1;
use starfire_state::{Archive, StoreError, tree};

use super::Rocks;
use super::read::{Reader, must};
use super::tables::{self, BLOCKS, META, RECEIPTS, STATE, TRANSACTIONS, TREE, table};

/// Heights whose blocks are looked at in one slice.
const BLOCKS_SLICE: u64 = 256;
/// Places of transactions that are deleted at once: the core waits for it.
const PLACES_SLICE: usize = 1_000;
/// Rows of the tree that are looked at in one slice: the core waits for it.
const TREE_SLICE: usize = 2_000;
/// Rows of state that are looked at in one slice.
const STATE_SLICE: usize = 20_000;
/// Heights by which the base moves at once.
const BASE_SLICE: u64 = 4_096;

/// What a slice of pruning has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Swept {
    /// There is more to do below this base.
    More,
    /// Nothing is left that could go.
    All,
}

/// Prunes the store of a running node.
#[derive(Debug)]
pub struct Pruner {
    reader: Reader,
    state: StatePass,
}

/// Keeps heights when their neighbours are pruned. Clones share one store; none of them waits for a slice of pruning, but of the tree.
#[derive(Debug, Clone)]
pub struct Keeper(Reader);

/// A walk over all rows of state.
#[derive(Debug, Default)]
struct StatePass {
    /// Versions from here on stay, and those retained.
    low: u64,
    /// Where the walk goes on; `None`: it has ended.
    next: Option<Vec<u8>>,
    /// The path and the version of the row before, which is newer if the path is the same.
    newer: Option<(Vec<u8>, u64)>,
}

impl Rocks {
    /// A handle for pruning, for a task beside the core. One at a time.
    pub fn pruner(&self) -> Pruner {
        Pruner {
            reader: self.reader(),
            state: StatePass::default(),
        }
    }
}

impl Rocks {
    /// A handle for keeping heights, for any task.
    pub fn keeper(&self) -> Keeper {
        Keeper(self.reader())
    }
}

impl Keeper {
    /// Keeps these heights from now on, durably, whatever is pruned. Too late for those that were, too early for those that are not
    /// there yet.
    pub fn keep(&self, heights: &[u64]) -> Result<(), StoreError> {
        self.write(heights, None)
    }

    /// Keeps the heights of these anchors, of which there are no others from [`Self::anchors_kept`] on up to the last of them.
    pub fn keep_anchored(&self, heights: &[u64]) -> Result<(), StoreError> {
        self.write(heights, heights.last().copied())
    }

    /// Up to here every height that is anchored is kept, or was pruned before that was known.
    pub fn anchors_kept(&self) -> u64 {
        let bytes = self.0.get(META, tables::ANCHORED_KEY);
        bytes.map_or(0, |bytes| tables::decode_height(&bytes))
    }

    fn write(&self, heights: &[u64], anchored: Option<u64>) -> Result<(), StoreError> {
        // The base stands still meanwhile.
        let _alone = self.0.shared().alone();
        let base = self.0.base();
        let mut held = heights.to_vec();
        held.retain(|height| *height >= base && self.0.keeps(*height));
        let written = self.0.shared().with(|db| {
            let facts = table(db, META);
            let mut batch = WriteBatch::default();
            for height in &held {
                batch.put_cf(facts, tables::kept_row(*height), [1]);
            }
            if let Some(anchored) = anchored {
                batch.put_cf(facts, tables::ANCHORED_KEY, anchored.to_be_bytes());
            }
            let mut options = WriteOptions::default();
            options.set_sync(true);
            db.write_opt(batch, &options)
        });
        written.map_err(|error| StoreError(Box::new(error)))
    }
}

impl Pruner {
    /// What it prunes.
    pub fn archive(&self) -> &Reader {
        &self.reader
    }

    /// Moves the base to `below`; of the heights passed over, those that `keep` names stay.
    pub fn move_base(&self, below: u64, keep: impl Fn(u64) -> bool) -> Result<(), StoreError> {
        let newest = self.reader.height().unwrap_or(0);
        assert!(below <= newest, "the newest block stays");
        let mut base = self.reader.base();
        while base < below {
            let upto = below.min(base + BASE_SLICE);
            // Nobody is told meanwhile that a height is kept.
            let _alone = self.reader.shared().alone();
            self.write(|db, writes| {
                for height in (base..upto).filter(|height| keep(*height)) {
                    writes.put_cf(table(db, META), tables::kept_row(height), [1]);
                }
                writes.put_cf(table(db, META), tables::BASE_KEY, upto.to_be_bytes());
            })?;
            self.reader.shared().set_base(upto);
            base = upto;
        }
        Ok(())
    }

    /// Deletes a slice of what is below `base`, at which the base has stood for a while.
    pub fn sweep(&mut self, base: u64) -> Result<Swept, StoreError> {
        assert!(base <= self.reader.base(), "what is promised stays");
        // The header of a height proves the state before it.
        let low = base.saturating_sub(1);
        let blocks = self.sweep_blocks(base)?;
        let tree = self.sweep_tree(low)?;
        let state = self.sweep_state(low)?;
        let all = blocks && tree && state;
        Ok(if all { Swept::All } else { Swept::More })
    }

    fn sweep_blocks(&self, base: u64) -> Result<bool, StoreError> {
        let swept = self.reader.get(META, tables::SWEPT_KEY);
        let from = swept.map_or(1, |bytes| tables::decode_height(&bytes));
        // The newest block stays, even one that a store began with.
        let end = base.min(self.reader.height().unwrap_or(0));
        let upto = end.min(from.saturating_add(BLOCKS_SLICE));
        if from >= upto {
            return Ok(true);
        }
        let gone: Vec<u64> = (from..upto)
            .filter(|height| !self.reader.keeps(*height))
            .collect();
        for height in &gone {
            let receipts = self.reader.receipts(*height).unwrap_or_default();
            let placed: Vec<[u8; 32]> = receipts
                .iter()
                .map(|receipt| transaction_of(receipt))
                .filter(|hash| self.is_placed(hash, *height))
                .collect();
            for hashes in placed.chunks(PLACES_SLICE) {
                self.forget_places(*height, hashes)?;
            }
        }
        self.write(|db, writes| {
            for height in &gone {
                writes.delete_cf(table(db, BLOCKS), tables::block_row(*height));
                writes.delete_cf(table(db, BLOCKS), tables::commit_row(*height));
                writes.delete_cf(table(db, BLOCKS), tables::justification_row(*height));
                writes.delete_cf(table(db, RECEIPTS), height.to_be_bytes());
            }
            writes.put_cf(table(db, META), tables::SWEPT_KEY, upto.to_be_bytes());
        })?;
        Ok(upto == end)
    }

    /// Whether a transaction's place is at this height. Tried again later, it has another.
    fn is_placed(&self, hash: &[u8; 32], height: u64) -> bool {
        let place = self.reader.transaction(hash);
        place.is_some_and(|(place, _)| place == height)
    }

    /// The core may give a transaction another place, so it does not write between the look and the delete.
    fn forget_places(&self, height: u64, hashes: &[[u8; 32]]) -> Result<(), StoreError> {
        let _alone = self.reader.shared().alone();
        let stale: Vec<&[u8; 32]> = hashes
            .iter()
            .filter(|hash| self.is_placed(hash, height))
            .collect();
        self.write(|db, writes| {
            for hash in &stale {
                writes.delete_cf(table(db, TRANSACTIONS), hash);
            }
        })
    }

    /// What is stale depends on rows that the core writes, so it does not write meanwhile.
    fn sweep_tree(&self, low: u64) -> Result<bool, StoreError> {
        let shared = self.reader.shared();
        let _alone = shared.alone();
        let is_retained = |versions| shared.with(|db| retains(db, versions));
        let pruning = tree::prune(&self.reader, low, &is_retained, TREE_SLICE);
        self.write(|db, writes| {
            for row in &pruning.deletes {
                writes.delete_cf(table(db, TREE), row);
            }
            for (row, value) in &pruning.writes {
                writes.put_cf(table(db, TREE), row, value);
            }
        })?;
        Ok(pruning.finished)
    }

    /// A path's rows are newest first. Each one shows from its own height up to the one before the next newer; it goes when all of
    /// those heights are forgotten.
    fn sweep_state(&mut self, low: u64) -> Result<bool, StoreError> {
        if self.state.next.is_none() {
            if self.state.low >= low {
                return Ok(true);
            }
            self.state = StatePass {
                low,
                next: Some(Vec::new()),
                newer: None,
            };
        }
        let StatePass { low, next, newer } = &mut self.state;
        let from = next.take().unwrap_or_default();
        let mut stale: Vec<Vec<u8>> = Vec::new();
        self.reader.shared().with(|db| {
            let mut options = ReadOptions::default();
            options.set_total_order_seek(true);
            let mut rows = db.raw_iterator_cf_opt(table(db, STATE), options);
            rows.seek(&from);
            for _ in 0..STATE_SLICE {
                let Some(row) = rows.key() else { break };
                let (path, version) = tables::decode_state_row(row);
                let shows_below = newer
                    .as_ref()
                    .filter(|(newer, _)| newer == path)
                    .map(|(_, newer)| *newer);
                if let Some(end) = shows_below
                    && end <= *low
                    && !retains(db, version..end)
                {
                    stale.push(row.to_vec());
                }
                *newer = Some((path.to_vec(), version));
                rows.next();
            }
            must(rows.status());
            *next = rows.key().map(<[u8]>::to_vec);
        });
        let ended = next.is_none();
        self.write(|db, writes| {
            for row in &stale {
                writes.delete_cf(table(db, STATE), row);
            }
        })?;
        Ok(ended)
    }

    /// Not synced: what is lost of it is done again.
    fn write(&self, fill: impl Fn(&DB, &mut WriteBatch)) -> Result<(), StoreError> {
        let written = self.reader.shared().with(|db| {
            let mut batch = WriteBatch::default();
            fill(db, &mut batch);
            let mut options = WriteOptions::default();
            options.set_sync(false);
            db.write_opt(batch, &options)
        });
        written.map_err(|error| StoreError(Box::new(error)))
    }
}

/// The transaction that a stored receipt is of.
fn transaction_of(receipt: &[u8]) -> [u8; 32] {
    let receipt: v1::Receipt = prost::Message::decode(receipt).expect("a stored receipt decodes");
    <[u8; 32]>::try_from(receipt.hash.as_slice()).expect("a receipt names its transaction")
}

/// Whether one of these versions stays for a height that is kept: its own, or the one before, which its header proves. Of versions below
/// the base the answer is always the same. One look-up, however many heights are kept.
fn retains(db: &DB, versions: Range<u64>) -> bool {
    if versions.is_empty() {
        return false;
    }
    let (first, after) = (versions.start, versions.end + 1);
    let mut options = ReadOptions::default();
    options.set_iterate_range(tables::kept_row(first)..tables::kept_row(after));
    let mut rows = db.raw_iterator_cf_opt(table(db, META), options);
    rows.seek_to_first();
    must(rows.status());
    rows.valid()
}

#[cfg(test)]
mod tests;
