//! The store on disk: RocksDB.
//!
//! One write batch a block, so that a crash leaves the block before or the block after, never a part. Reads go through a
//! [`Reader`], which clones, crosses threads and never waits for the core.
//!
//! Beside the state stand an index of its DIDs (`did_index.rs`) and their newest records (`records.rs`), which follow from it.
//!
//! A store may also begin with the state of a later height that others executed (`import.rs`), and forget what is old (`prune.rs`).
//!
//! After some failed writes RocksDB refuses all others until it is opened anew. [`Rocks`] does that by itself, so that a node
//! whose disk was full goes on once there is room, and answers reads meanwhile.

mod check;
mod did_index;
mod held;
mod import;
mod many;
mod newest;
mod prune;
mod read;
mod records;
mod state;
mod tables;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

use rocksdb::{DB, WriteBatch, WriteOptions};
use starfire_state::{
    Archive, Batch, Convictions, SafetyBlocks, Store, StoreError, View, key, tree,
};

use crate::did_index::did_of;
pub use check::BadRow;
use newest::{Newest, NewestState};
pub use prune::{Keeper, Pruner, Swept};
pub use read::Reader;
use read::Shared;
pub(crate) use read::Unreadable;
pub(crate) use tables::MEMORY_MIB_MIN;
use tables::{BLOCKS, META, RECEIPTS, STATE, TRANSACTIONS, TREE, table};

/// How the store lies on disk. Another layout has another number, and is refused.
const SCHEMA: &[u8] = b"starfire-store/2";

/// Length of a validator's address.
const ADDRESS_BYTES: usize = 20;

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("the store at {} is in use by another process: stop that one first", path.display())]
    Locked {
        /// Where.
        path: PathBuf,
    },
    /// Written by another version of this program, or not by this program.
    #[error(
        "the store has the layout {found:?}, this program reads {:?}: use the version that wrote it",
        String::from_utf8_lossy(SCHEMA)
    )]
    Schema {
        /// The layout's name.
        found: String,
    },
    /// It holds another chain.
    #[error(
        "the store holds the chain with genesis {stored}, not {asked}: name the right home, or begin with an empty one"
    )]
    OtherChain {
        /// Hash of the genesis whose chain is stored.
        stored: String,
        /// Hash of the genesis that was asked for.
        asked: String,
    },
    /// What belongs to the newest height is not there.
    #[error(
        "the store at {} is damaged: it has no {missing} of height {height}; move it away and start with an empty one",
        path.display()
    )]
    Damaged {
        /// Where.
        path: PathBuf,
        /// The newest height that it names.
        height: u64,
        /// What is not there.
        missing: &'static str,
    },
    /// The files cannot be read or written, or are damaged.
    #[error("the store at {} cannot be opened", path.display())]
    Files {
        /// Where.
        path: PathBuf,
        /// RocksDB's reason.
        #[source]
        source: rocksdb::Error,
    },
}

impl OpenError {
    /// A stable name, for people and programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Locked { .. } => "STORE_LOCKED",
            Self::Schema { .. } => "STORE_SCHEMA",
            Self::OtherChain { .. } => "STORE_OTHER_CHAIN",
            Self::Damaged { .. } => Unreadable::CODE,
            Self::Files { .. } => "STORE_FILES",
        }
    }

    fn files(path: &Path, source: rocksdb::Error) -> Self {
        let path = path.to_owned();
        // RocksDB has no kinds of its own for these. A lock is told of in one way if another process has it, in another if this one.
        let message = source.as_ref();
        if message.contains("While lock file") || message.contains("lock hold by current process") {
            Self::Locked { path }
        } else if message.contains("Column families not opened") {
            Self::Schema {
                found: message.to_owned(),
            }
        } else {
            Self::Files { path, source }
        }
    }
}

/// The store of one node.
#[derive(Debug)]
pub struct Rocks {
    reader: Reader,
    /// For the core's reads; a write that fails empties it.
    newest: Mutex<Newest>,
    /// The last write failed.
    suspect: bool,
    /// A lazy batch was written, and nothing durable since.
    unsynced: bool,
    /// Blocks beside the safety record. `None`: to be looked up, since a write that failed may have reached the log.
    safety_blocks: Option<BTreeSet<[u8; 32]>>,
    /// Whom the proofs that are kept are against. `None`: to be looked up, as above.
    convictions: Option<Convictions>,
}

impl Rocks {
    /// Opens the store at `path`, or makes an empty one, with as little memory as it can do with.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        Self::open_with(path, MEMORY_MIB_MIN)
    }

    /// Opens the store at `path`, or makes an empty one. `memory_mib` is for RocksDB's cache and buffers and for records held beside it, together, MiB.
    pub fn open_with(path: &Path, memory_mib: usize) -> Result<Self, OpenError> {
        let open =
            tables::open(path, memory_mib).map_err(|source| OpenError::files(path, source))?;
        let rocks = Self {
            reader: Reader::new(Shared::new(path, memory_mib, open)),
            newest: Mutex::new(Newest::new()),
            suspect: false,
            unsynced: false,
            safety_blocks: None,
            convictions: None,
        };
        match rocks.meta(tables::SCHEMA_KEY) {
            Some(found) if found == SCHEMA => {}
            Some(found) => {
                return Err(OpenError::Schema {
                    found: String::from_utf8_lossy(&found).into_owned(),
                });
            }
            None if rocks.height().is_some() => {
                return Err(OpenError::Schema {
                    found: String::new(),
                });
            }
            None => rocks.put_meta(tables::SCHEMA_KEY, SCHEMA)?,
        }
        rocks.ensure_did_index()?;
        Ok(rocks)
    }

    /// Looks for what the newest height needs: files that were cut off may open as a store without it.
    pub fn check_newest(&self) -> Result<(), OpenError> {
        let Some(height) = self.height() else {
            return Ok(());
        };
        let state = self.state_at(height);
        let missing = if !tree::is_kept(self, height) {
            "state tree"
        } else if [key::CHAIN, key::VALIDATORS]
            .iter()
            .any(|path| state.get(path).is_none())
        {
            "state"
        } else if height > 0 && (self.block(height).is_none() || self.receipts(height).is_none()) {
            "block"
        } else {
            return Ok(());
        };
        Err(OpenError::Damaged {
            path: self.reader.shared().path().to_owned(),
            height,
            missing,
        })
    }

    /// Binds the store to the chain with this genesis. A store is bound once, and refuses every other chain.
    pub fn bind_chain(&mut self, genesis_hash: &[u8; 32]) -> Result<(), OpenError> {
        match self.meta(tables::CHAIN_KEY) {
            Some(stored) if stored == genesis_hash => Ok(()),
            Some(stored) => Err(OpenError::OtherChain {
                stored: hex::encode(stored),
                asked: hex::encode(genesis_hash),
            }),
            None => self.put_meta(tables::CHAIN_KEY, genesis_hash),
        }
    }

    /// The validators whose votes the safety record knows, if that was ever said.
    pub fn signers(&self) -> Option<Vec<[u8; ADDRESS_BYTES]>> {
        let stored = self.meta(tables::SIGNERS_KEY)?;
        let (addresses, rest) = stored.as_chunks();
        assert!(rest.is_empty(), "addresses are stored whole");
        Some(addresses.to_vec())
    }

    /// Says whose votes the safety record knows from now on.
    pub fn bind_signers(&mut self, addresses: &[[u8; ADDRESS_BYTES]]) -> Result<(), OpenError> {
        if self.signers().as_deref() == Some(addresses) {
            return Ok(());
        }
        self.put_meta(tables::SIGNERS_KEY, addresses.as_flattened())
    }

    /// A handle for reading, for other threads.
    pub fn reader(&self) -> Reader {
        self.reader.clone()
    }

    fn meta(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.reader.get(META, key)
    }

    fn put_meta(&self, key: &[u8], value: &[u8]) -> Result<(), OpenError> {
        let path = self.reader.shared().path();
        self.try_write(true, &|db, batch| {
            batch.put_cf(table(db, META), key, value);
        })
        .map_err(|source| OpenError::files(path, source))
    }

    /// Writes a batch, durably. After a second failure in a row the database is opened anew and the batch tried once more.
    fn write(&mut self, fill: &dyn Fn(&DB, &mut WriteBatch)) -> Result<(), StoreError> {
        self.write_opt(true, fill)
    }

    fn write_opt(
        &mut self,
        sync: bool,
        fill: &dyn Fn(&DB, &mut WriteBatch),
    ) -> Result<(), StoreError> {
        self.insist(&|rocks| rocks.try_write(sync, fill))?;
        self.unsynced = !sync;
        Ok(())
    }

    /// Has something written; again in a database that is opened anew, when what was written before failed too.
    fn insist(
        &mut self,
        write: &dyn Fn(&Self) -> Result<(), rocksdb::Error>,
    ) -> Result<(), StoreError> {
        let failed_before = self.suspect;
        let mut result = write(self).map_err(failed);
        if result.is_err() && failed_before {
            let stood = self.height();
            result = self
                .reader
                .shared()
                .reopen()
                .map_err(failed)
                .and_then(|()| {
                    let stands = self.height();
                    // What is to be written may follow from what is gone.
                    if stands < stood {
                        return Err(failed(Gone { stands, stood }));
                    }
                    write(self).map_err(failed)
                });
        }
        self.suspect = result.is_err();
        if self.suspect {
            self.newest().clear();
        }
        result
    }

    fn newest(&self) -> MutexGuard<'_, Newest> {
        self.newest
            .lock()
            .expect("nobody panics while holding the newest values")
    }

    fn try_write(
        &self,
        sync: bool,
        fill: &dyn Fn(&DB, &mut WriteBatch),
    ) -> Result<(), rocksdb::Error> {
        let _alone = self.reader.shared().alone();
        self.reader.shared().with(|db| {
            let mut batch = WriteBatch::default();
            fill(db, &mut batch);
            let mut options = WriteOptions::default();
            options.set_sync(sync);
            db.write_opt(batch, &options)
        })
    }
}

impl Store for Rocks {
    fn commit(&mut self, batch: Batch) -> Result<(), StoreError> {
        if self.height() == Some(batch.height) {
            // A write that was reported as failed had reached the log, as an opening since then has shown.
            let stored = self
                .block(batch.height)
                .map(|(block, _)| block)
                .unwrap_or_default();
            assert_eq!(stored, batch.block, "a height is committed once");
            self.newest().clear();
            return Ok(());
        }
        batch.check(self.height());
        assert!(
            batch.height > 0 || !self.is_importing(),
            "what is left of a state that was taken over is discarded before genesis"
        );
        let room = bytes(&batch);
        self.write_opt(!batch.lazy, &|db, writes| {
            *writes = WriteBatch::with_capacity_bytes(room);
            fill(&batch, db, writes);
        })?;
        self.newest().commit(&batch.changes);
        // Before the height is: who asks for it is not told of the one before.
        for did in batch.changes.keys().filter_map(|path| did_of(path)) {
            self.reader.shared().held().forget(did);
        }
        self.reader.shared().share_memory();
        self.reader.shared().set_height(batch.height);
        Ok(())
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        if self.unsynced {
            self.insist(&|rocks| rocks.reader.shared().with(|db| db.flush_wal(true)))?;
            self.unsynced = false;
        }
        Ok(())
    }

    fn save_safety(&mut self, record: &[u8], blocks: &SafetyBlocks) -> Result<(), StoreError> {
        let known = self.safety_blocks.take();
        self.write(&|db, writes| {
            let facts = table(db, META);
            // Looked up in each attempt: opening the database anew may bring back a write that had failed.
            let held = known.clone().unwrap_or_else(|| stored_safety_blocks(db));
            for digest in held.iter().filter(|digest| !blocks.contains_key(*digest)) {
                writes.delete_cf(facts, tables::safety_block_row(digest));
            }
            for (digest, bytes) in blocks.iter().filter(|(digest, _)| !held.contains(*digest)) {
                writes.put_cf(facts, tables::safety_block_row(digest), bytes);
            }
            writes.put_cf(facts, tables::SAFETY_KEY, record);
        })?;
        self.safety_blocks = Some(blocks.keys().copied().collect());
        Ok(())
    }

    fn save_misbehaviour(
        &mut self,
        height: u64,
        validator: [u8; 20],
        proof: &[u8],
    ) -> Result<bool, StoreError> {
        let row = tables::misbehaviour_row(height, &validator);
        // The proof that arrives again and again costs one look-up.
        if self.meta(&row).is_some() {
            return Ok(false);
        }
        let known = self.convictions.take();
        let mut convictions = known.unwrap_or_else(|| self.reader.convictions());
        if !convictions.has_room(&validator) {
            self.convictions = Some(convictions);
            return Ok(false);
        }
        self.write(&|db, writes| writes.put_cf(table(db, META), &row, proof))?;
        convictions.add(validator);
        self.convictions = Some(convictions);
        Ok(true)
    }
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError(Box::new(error))
}

/// The disk took blocks, and has them no more.
#[derive(Debug, thiserror::Error)]
#[error("the disk lost blocks: its newest is {stands:?}, and was {stood:?}")]
struct Gone {
    stands: Option<u64>,
    stood: Option<u64>,
}

fn stored_safety_blocks(db: &DB) -> BTreeSet<[u8; 32]> {
    let rows = read::facts(db, tables::SAFETY_BLOCK_PREFIX);
    let digest = |row: &[u8]| row.split_last_chunk::<32>().map(|(_, digest)| *digest);
    rows.iter().filter_map(|(row, _)| digest(row)).collect()
}

/// What a batch takes, about: a buffer that grows copies what it holds again and again.
fn bytes(batch: &Batch) -> usize {
    // Lengths, kinds, tables' numbers and the heights in rows of state.
    const ROW: usize = 32;
    let changes = batch.changes.iter();
    let changes =
        changes.map(|(path, value)| ROW + path.len() + value.as_ref().map_or(0, Vec::len));
    let tree = batch.tree.iter();
    let tree = tree.map(|(key, value)| ROW + key.len() + value.len());
    let receipts = batch.receipts.iter().map(Vec::len);
    let places = batch.transactions.len() * (ROW + 32 + 12);
    let block = batch.block.len() + batch.commit.len() + batch.justification.len();
    changes.sum::<usize>() + tree.sum::<usize>() + receipts.sum::<usize>() + places + block
}

fn fill(batch: &Batch, db: &DB, writes: &mut WriteBatch) {
    let height = batch.height;
    for (key, change) in &batch.changes {
        writes.put_cf(
            table(db, STATE),
            tables::state_row(key, height),
            change.as_deref().unwrap_or(tables::DELETED),
        );
    }
    for key in &batch.tree_deletes {
        writes.delete_cf(table(db, TREE), key);
    }
    // The tree gives them in order: after each row RocksDB has the place of the next one at hand.
    for (key, value) in &batch.tree {
        writes.put_cf(table(db, TREE), key, value);
    }
    did_index::fill(&batch.changes, height, db, writes);
    fill_block(batch, db, writes);
    writes.put_cf(table(db, META), tables::HEIGHT_KEY, height.to_be_bytes());
}

/// What stands beside the state.
fn fill_block(batch: &Batch, db: &DB, writes: &mut WriteBatch) {
    let height = batch.height;
    if height > 0 {
        writes.put_cf(table(db, BLOCKS), tables::block_row(height), &batch.block);
        writes.put_cf(table(db, BLOCKS), tables::commit_row(height), &batch.commit);
        if let Some(fuller) = &batch.fuller_commit {
            writes.put_cf(table(db, BLOCKS), tables::commit_row(height - 1), fuller);
        }
        if !batch.justification.is_empty() {
            let row = tables::justification_row(height);
            writes.put_cf(table(db, BLOCKS), row, &batch.justification);
        }
        writes.put_cf(
            table(db, RECEIPTS),
            height.to_be_bytes(),
            tables::encode_list(&batch.receipts),
        );
    }
    let mut places: Vec<([u8; 32], u32)> = batch
        .transactions
        .iter()
        .zip(0..)
        .filter_map(|(hash, index)| Some(((*hash)?, index)))
        .collect();
    places.sort_unstable();
    for (hash, index) in places {
        let place = tables::encode_place(height, index);
        writes.put_cf(table(db, TRANSACTIONS), hash, place);
    }
}

impl Archive for Rocks {
    fn height(&self) -> Option<u64> {
        self.reader.height()
    }

    fn state_at(&self, height: u64) -> Box<dyn View + '_> {
        let state = self.reader.shared().state_at(height);
        if self.height() == Some(height) {
            Box::new(NewestState::new(state, &self.newest))
        } else {
            Box::new(state)
        }
    }

    fn tree(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.reader.tree(key)
    }

    fn tree_rows(&self, keys: &[&[u8]]) -> Vec<Option<Vec<u8>>> {
        self.reader.tree_rows(keys)
    }

    fn base(&self) -> u64 {
        self.reader.base()
    }

    fn keeps(&self, height: u64) -> bool {
        self.reader.keeps(height)
    }

    fn block(&self, height: u64) -> Option<(Vec<u8>, Vec<u8>)> {
        self.reader.block(height)
    }

    fn receipts(&self, height: u64) -> Option<Vec<Vec<u8>>> {
        self.reader.receipts(height)
    }

    fn transaction(&self, hash: &[u8; 32]) -> Option<(u64, u32)> {
        self.reader.transaction(hash)
    }

    fn justification(&self, height: u64) -> Option<Vec<u8>> {
        self.reader.justification(height)
    }

    fn misbehaviours(&self) -> Vec<Vec<u8>> {
        self.reader.misbehaviours()
    }

    fn safety(&self) -> Option<Vec<u8>> {
        self.reader.safety()
    }

    fn safety_block(&self, digest: &[u8; 32]) -> Option<Vec<u8>> {
        self.reader.safety_block(digest)
    }
}

#[cfg(test)]
mod tests;
