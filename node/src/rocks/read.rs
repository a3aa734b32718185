//! Reading the store, from any thread.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, RwLock};

use rocksdb::DB;
use starfire_state::{Archive, Convictions, View};

use super::held::Held;
use super::many::read_all;
use super::state::StateAt;
use super::tables::{self, BLOCKS, META, Open, RECEIPTS, TRANSACTIONS, TREE, table};

/// RocksDB is told when the memory that it has changes by so many bytes.
const SHARED_BY: usize = 1 << 20;

/// No block yet, not even genesis.
const NO_HEIGHT: u64 = u64::MAX;
/// Where every store begins that began with genesis.
const FIRST_HEIGHT: u64 = 1;

/// The open database, which its readers share.
pub(super) struct Shared {
    path: PathBuf,
    /// For cache and buffers.
    memory_mib: usize,
    /// Written only to open it anew. `None`: that failed, even for reading.
    open: RwLock<Option<Open>>,
    /// The newest block that is written. Durable with the sync that follows; what clients are shown waits for that.
    height: AtomicU64,
    /// From here on every block is kept: advanced before anything below is deleted.
    base: AtomicU64,
    /// Rows of `records`.
    held: Held,
    /// What they took when RocksDB was last told what they leave, bytes.
    lent: AtomicUsize,
    /// Held by who writes what others read before they write.
    writing: Mutex<()>,
}

impl Shared {
    pub(super) fn new(path: &Path, memory_mib: usize, open: Open) -> Self {
        let db = &open.db;
        Self {
            path: path.to_owned(),
            memory_mib,
            height: AtomicU64::new(stored_height(db)),
            base: AtomicU64::new(stored_number(db, tables::BASE_KEY).unwrap_or(FIRST_HEIGHT)),
            open: RwLock::new(Some(open)),
            lent: AtomicUsize::new(0),
            held: Held::new(tables::held_bytes(memory_mib)),
            writing: Mutex::new(()),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn held(&self) -> &Held {
        &self.held
    }

    pub(super) fn state_at(&self, height: u64) -> StateAt<'_> {
        StateAt {
            shared: self,
            height,
        }
    }

    pub(super) fn set_height(&self, height: u64) {
        self.height.store(height, Ordering::Release);
    }

    pub(super) fn set_base(&self, base: u64) {
        self.base.store(base, Ordering::Release);
    }

    pub(super) fn base(&self) -> u64 {
        self.base.load(Ordering::Acquire)
    }

    /// One writer at a time, from what it reads to what it writes.
    pub(super) fn alone(&self) -> MutexGuard<'_, ()> {
        self.writing
            .lock()
            .expect("a writer that panics takes the node with it")
    }

    pub(super) fn with<T>(&self, act: impl FnOnce(&DB) -> T) -> T {
        self.with_open(|open| act(&open.db))
    }

    fn with_open<T>(&self, act: impl FnOnce(&Open) -> T) -> T {
        let open = self.open.read().expect("opening anew does not panic");
        act(open
            .as_ref()
            .expect("the store can be opened, at least for reading"))
    }

    /// Leaves RocksDB the memory that held rows do not take. Asked at each block, so that the two together are soon within bounds again.
    pub(super) fn share_memory(&self) {
        let held = self.held.bytes();
        if held.abs_diff(self.lent.load(Ordering::Relaxed)) >= SHARED_BY {
            self.lent.store(held, Ordering::Relaxed);
            let left = tables::left_bytes(self.memory_mib, held);
            self.with_open(|open| open.set_memory(left));
        }
    }

    /// Closes and opens the database, to leave the state that a failed write put it in. Readers wait meanwhile. When it cannot be
    /// opened for writing it is opened for reading.
    pub(super) fn reopen(&self) -> Result<(), rocksdb::Error> {
        let mut slot = self.open.write().expect("opening anew does not panic");
        // Closed first: the lock file admits one at a time.
        *slot = None;
        // A write that was reported as failed may come to light.
        self.held.clear();
        self.lent.store(0, Ordering::Relaxed);
        match tables::open(&self.path, self.memory_mib) {
            Ok(open) => {
                self.set_height(stored_height(&open.db));
                *slot = Some(open);
                Ok(())
            }
            Err(error) => {
                *slot = tables::open_read_only(&self.path, self.memory_mib).ok();
                if let Some(open) = &*slot {
                    self.set_height(stored_height(&open.db));
                }
                Err(error)
            }
        }
    }
}

fn stored_height(db: &DB) -> u64 {
    stored_number(db, tables::HEIGHT_KEY).unwrap_or(NO_HEIGHT)
}

fn stored_number(db: &DB, key: &[u8]) -> Option<u64> {
    let bytes = must(db.get_cf(table(db, META), key));
    bytes.map(|bytes| tables::decode_height(&bytes))
}

/// The store's files cannot be read, or are not what was written. Every read that meets it panics with it, since there is no right
/// answer to give; the command line's panic hook ends the process with its code.
#[derive(Debug, thiserror::Error)]
#[error("the store cannot be read: {0}")]
pub(crate) struct Unreadable(#[source] rocksdb::Error);

impl Unreadable {
    /// The code of a store that is not what was written.
    pub(crate) const CODE: &str = "STORE_DAMAGED";
    /// What to do next.
    pub(crate) const HINT: &str =
        "keep a copy of data/, then begin with an empty one: blocks come from the peers";
}

/// What a read found, or the end of its thread.
pub(super) fn must<T>(read: Result<T, rocksdb::Error>) -> T {
    read.unwrap_or_else(|error| std::panic::panic_any(Unreadable(error)))
}

/// Reads the store. Clones share one database; none of them enters the core.
///
/// A read that fails ends its thread: there is no right answer to give.
#[derive(Clone)]
pub struct Reader(Arc<Shared>);

impl Reader {
    pub(super) fn new(shared: Shared) -> Self {
        Self(Arc::new(shared))
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.0
    }

    pub(super) fn get(&self, name: &str, key: &[u8]) -> Option<Vec<u8>> {
        self.0.with(|db| must(db.get_cf(table(db, name), key)))
    }
}

impl Reader {
    /// The store's own facts whose keys begin with `prefix`. They are few.
    pub(super) fn facts(&self, prefix: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.0.with(|db| facts(db, prefix))
    }

    /// Whether the store still makes files, or will, of what was written before.
    pub(crate) fn is_making_files(&self) -> bool {
        let made_for_any = ["num-running-flushes", "num-running-compactions"];
        let waits_for_one = ["mem-table-flush-pending", "compaction-pending"];
        self.0.with(|db| {
            tables::TABLES.iter().any(|name| {
                let is_some = |fact: &&str| {
                    let property = format!("rocksdb.{fact}");
                    must(db.property_int_value_cf(table(db, name), property.as_str()))
                        .is_some_and(|count| count > 0)
                };
                made_for_any.iter().chain(&waits_for_one).any(is_some)
            })
        })
    }

    /// Whom the stored proofs of misbehaviour are against.
    pub(super) fn convictions(&self) -> Convictions {
        let rows = self.facts(tables::MISBEHAVIOUR_PREFIX);
        rows.iter()
            .map(|(row, _)| tables::misbehaving_validator(row))
            .collect()
    }
}

/// The facts whose keys begin with `prefix`.
pub(super) fn facts(db: &DB, prefix: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut rows = db.raw_iterator_cf(table(db, META));
    let mut found = Vec::new();
    rows.seek(prefix);
    while let Some((key, value)) = rows.item() {
        if !key.starts_with(prefix) {
            break;
        }
        found.push((key.to_vec(), value.to_vec()));
        rows.next();
    }
    must(rows.status());
    found
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("path", &self.0.path)
            .field("height", &self.height())
            .finish()
    }
}

impl Archive for Reader {
    fn height(&self) -> Option<u64> {
        let height = self.0.height.load(Ordering::Acquire);
        (height != NO_HEIGHT).then_some(height)
    }

    fn state_at(&self, height: u64) -> Box<dyn View + '_> {
        Box::new(self.0.state_at(height))
    }

    fn tree(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.get(TREE, key)
    }

    fn tree_rows(&self, keys: &[&[u8]]) -> Vec<Option<Vec<u8>>> {
        self.0.with(|db| {
            let tree = table(db, TREE);
            read_all(keys, |key| must(db.get_cf(tree, key)))
        })
    }

    fn base(&self) -> u64 {
        self.0.base()
    }

    fn keeps(&self, height: u64) -> bool {
        let committed = self.height().is_some_and(|newest| height <= newest);
        committed && (height >= self.base() || self.get(META, &tables::kept_row(height)).is_some())
    }

    fn block(&self, height: u64) -> Option<(Vec<u8>, Vec<u8>)> {
        let block = self.get(BLOCKS, &tables::block_row(height))?;
        // Below the base both may be swept between the two reads.
        let commit = self.get(BLOCKS, &tables::commit_row(height))?;
        Some((block, commit))
    }

    fn receipts(&self, height: u64) -> Option<Vec<Vec<u8>>> {
        Some(tables::decode_list(
            &self.get(RECEIPTS, &height.to_be_bytes())?,
        ))
    }

    fn transaction(&self, hash: &[u8; 32]) -> Option<(u64, u32)> {
        Some(tables::decode_place(&self.get(TRANSACTIONS, hash)?))
    }

    fn justification(&self, height: u64) -> Option<Vec<u8>> {
        self.get(BLOCKS, &tables::justification_row(height))
    }

    fn misbehaviours(&self) -> Vec<Vec<u8>> {
        let rows = self.facts(tables::MISBEHAVIOUR_PREFIX);
        rows.into_iter().map(|(_, proof)| proof).collect()
    }

    fn safety(&self) -> Option<Vec<u8>> {
        self.get(META, tables::SAFETY_KEY)
    }

    fn safety_block(&self, digest: &[u8; 32]) -> Option<Vec<u8>> {
        self.get(META, &tables::safety_block_row(digest))
    }
}
