//! The store's column families, their rows and their tuning.
//!
//! ```text
//! state          path ‖ 00 ‖ complement of the height   →  value, empty: deleted
//! tree           the tree's own keys                    →  the tree's own values
//! blocks         height ‖ 00, 01 or 02                  →  block, its commit, or its justification
//! receipts       height                                 →  each receipt with its length before it
//! transactions   hash of the blob                       →  height ‖ index
//! dids           what a DID is found by ‖ the DID       →  nothing: see `crate::did_index`
//! records        DID                                    →  height ‖ its newest record: see `records.rs`
//! default        schema, chain, height, safety, base, … →  the store's own facts
//!                safety-block/ ‖ BLAKE3                 →  a block that the safety record names
//!                misbehaviour/ ‖ height ‖ validator     →  a proof against a validator
//!                kept/ ‖ height                         →  the height stays when its neighbours are pruned
//!                did-index                              →  the index of DIDs is whole, in this layout
//!                signers                                →  addresses of the validators whose votes the safety record knows
//! ```
//! Numbers are big-endian. A height is stored as its complement in `state`, so that the newest value of a path comes first, and
//! the value as of a height is where a seek lands. Paths are printable, so 00 ends them, and a path's rows lie together.
//!
//! Half of the memory that RocksDB may have, up to [`BUFFERS_MAX`], is for what was written last, when there is as much: the larger
//! that is, the more seldom files are made of it, and the fewer of them are merged again. Whatever it leaves is for what was read.
//! Where there is plenty, up to half of the store's holds rows of `records` (`held.rs`), and RocksDB has what those leave.

use std::path::Path;

use rocksdb::{
    BlockBasedOptions, BlockBasedTablePinningTier, Cache, ColumnFamily, ColumnFamilyDescriptor, DB,
    DBCompressionType, DBRecoveryMode, DataBlockIndexType, Env, LogLevel, Options, SliceTransform,
    WriteBufferManager,
};

pub(super) const STATE: &str = "state";
pub(super) const TREE: &str = "tree";
pub(super) const BLOCKS: &str = "blocks";
pub(super) const RECEIPTS: &str = "receipts";
pub(super) const TRANSACTIONS: &str = "transactions";
pub(super) const DIDS: &str = "dids";
pub(super) const RECORDS: &str = "records";
/// RocksDB always has a family of this name.
pub(super) const META: &str = "default";

pub(super) const TABLES: [&str; 8] = [
    STATE,
    TREE,
    BLOCKS,
    RECEIPTS,
    TRANSACTIONS,
    DIDS,
    RECORDS,
    META,
];

pub(super) const SCHEMA_KEY: &[u8] = b"schema";
pub(super) const CHAIN_KEY: &[u8] = b"chain";
pub(super) const HEIGHT_KEY: &[u8] = b"height";
pub(super) const SAFETY_KEY: &[u8] = b"safety";
/// Whose votes the safety record knows: addresses, one after the other.
pub(super) const SIGNERS_KEY: &[u8] = b"signers";
pub(super) const SAFETY_BLOCK_PREFIX: &[u8] = b"safety-block/";
pub(super) const MISBEHAVIOUR_PREFIX: &[u8] = b"misbehaviour/";
/// The height from which on every block is kept. Absent: 1.
pub(super) const BASE_KEY: &[u8] = b"base";
/// Below this height, blocks that are not kept are deleted. Absent: 1.
pub(super) const SWEPT_KEY: &[u8] = b"swept";
/// A state is being taken over: its height. Until it is whole there is no height.
pub(super) const IMPORT_KEY: &[u8] = b"import";
/// What the rows of heights begin with that stay when their neighbours are pruned.
pub(super) const KEPT_PREFIX: &[u8] = b"kept/";
/// Up to here it was asked which heights are anchored. Absent: 0.
pub(super) const ANCHORED_KEY: &[u8] = b"anchored";

/// The index of DIDs is whole, and so are their newest records: how the rows are made.
pub(super) const DID_INDEX_KEY: &[u8] = b"did-index";

/// The value of a deleted path. No other value is empty.
pub(super) const DELETED: &[u8] = &[];

/// The least that a store can do with, MiB; a dozen nodes run on one laptop.
pub(crate) const MEMORY_MIB_MIN: usize = 32;
/// How much of a buffer of newest rows of state its filter on paths may take.
const MEMTABLE_FILTER_SHARE: f64 = 0.02;
const OPEN_FILES_MAX: i32 = 256;
/// So much of a file that is being made goes to the disk at a time, bytes.
const FILE_BYTES_PER_SYNC: u64 = 1 << 20;
/// For what was written last, bytes. With more a write costs more, since its place is searched in memory that no cache holds.
const BUFFERS_MAX: usize = 128 << 20;

/// From here on memory is plenty, bytes: some of it has a fixed use.
const PLENTY: usize = 512 << 20;

/// How memory is shared out.
struct Memory {
    /// All of it: buffers are charged to it, so it holds what they leave.
    cache: Cache,
    /// Of all tables together, before the largest is written out.
    write_buffers: WriteBufferManager,
    /// Of one table, bytes.
    write_buffer: usize,
    /// There is enough that indexes and filters of what is asked for most need not make room.
    pinned: bool,
    /// Of the log, which holds what the buffers hold: it is read again after a crash. Bytes.
    log_max: u64,
}

impl Memory {
    fn of(mib: usize) -> Self {
        let buffers = BUFFERS_MAX.min(left_bytes(mib, held_bytes(mib)) / 2);
        // Looked up without a lock; it finds out by itself how large the entries are.
        let cache = Cache::new_hyper_clock_cache(left_bytes(mib, 0), 0);
        Self {
            write_buffers: WriteBufferManager::new_write_buffer_manager_with_cache(
                buffers,
                false,
                cache.clone(),
            ),
            cache,
            write_buffer: buffers / 2,
            pinned: is_plenty(mib),
            log_max: u64::try_from(buffers * 2).unwrap_or(u64::MAX),
        }
    }
}

fn bytes(mib: usize) -> usize {
    mib.max(MEMORY_MIB_MIN).saturating_mul(1 << 20)
}

fn is_plenty(mib: usize) -> bool {
    bytes(mib) >= PLENTY
}

/// For rows of `records`, of a store that may have so much memory.
pub(super) fn held_bytes(mib: usize) -> usize {
    if is_plenty(mib) { bytes(mib) / 2 } else { 0 }
}

/// For RocksDB, of a store that may have so much memory and holds so many bytes of `records`.
pub(super) fn left_bytes(mib: usize, held: usize) -> usize {
    bytes(mib) - held.min(held_bytes(mib))
}

/// An open database.
pub(super) struct Open {
    pub(super) db: DB,
    cache: Cache,
}

impl Open {
    /// Says how much memory RocksDB has, bytes. It lets go of what is too much when it next needs some.
    pub(super) fn set_memory(&self, bytes: usize) {
        self.cache.clone().set_capacity(bytes);
    }
}

pub(super) fn open(path: &Path, memory_mib: usize) -> Result<Open, rocksdb::Error> {
    let memory = Memory::of(memory_mib);
    let mut options = options(&memory);
    options.set_env(&unhurried()?);
    let db = DB::open_cf_descriptors(&options, path, descriptors(&memory))?;
    let cache = memory.cache;
    Ok(Open { db, cache })
}

/// Files are made of buffers, and merged, with what nobody else wants of the processors: votes and answers go before. Buffers have room
/// for what is written meanwhile.
fn unhurried() -> Result<Env, rocksdb::Error> {
    let mut env = Env::new()?;
    env.lower_thread_pool_cpu_priority();
    env.lower_high_priority_thread_pool_cpu_priority();
    Ok(env)
}

/// For reading alone, as a last resort: it takes no lock and writes no file of the database.
pub(super) fn open_read_only(path: &Path, memory_mib: usize) -> Result<Open, rocksdb::Error> {
    let memory = Memory::of(memory_mib);
    let (options, tables) = (options(&memory), descriptors(&memory));
    let db = DB::open_cf_descriptors_read_only(&options, path, tables, false)?;
    let cache = memory.cache;
    Ok(Open { db, cache })
}

pub(super) fn table<'a>(db: &'a DB, name: &str) -> &'a ColumnFamily {
    db.cf_handle(name).expect("every table was opened")
}

fn options(memory: &Memory) -> Options {
    let mut options = Options::default();
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    options.set_write_buffer_manager(&memory.write_buffers);
    options.set_max_total_wal_size(memory.log_max);
    options.set_max_open_files(OPEN_FILES_MAX);
    options.set_max_background_jobs(2);
    // Files go to the disk as they are made: at their end all at once, they would hold up the synced writes of votes.
    options.set_bytes_per_sync(FILE_BYTES_PER_SYNC);
    // What is not synced is the end of the log: a block, and the vote after it. Only that may be torn. Damage before it is no
    // crash's doing, and a store that silently lost a vote is worse than one that does not open.
    options.set_wal_recovery_mode(DBRecoveryMode::TolerateCorruptedTailRecords);
    options.set_log_level(LogLevel::Warn);
    options.set_keep_log_file_num(2);
    options.set_max_log_file_size(1 << 20);
    // An idle node does nothing: no statistics on a timer.
    options.set_stats_dump_period_sec(0);
    options.set_stats_persist_period_sec(0);
    options
}

fn descriptors(memory: &Memory) -> Vec<ColumnFamilyDescriptor> {
    TABLES
        .iter()
        .map(|&name| ColumnFamilyDescriptor::new(name, table_options(name, memory)))
        .collect()
}

fn table_options(name: &str, memory: &Memory) -> Options {
    let mut blocks = BlockBasedOptions::default();
    blocks.set_block_cache(&memory.cache);
    blocks.set_bloom_filter(10.0, false);
    blocks.set_cache_index_and_filter_blocks(true);
    blocks.set_pin_l0_filter_and_index_blocks_in_cache(true);
    if [RECORDS, TREE].contains(&name) {
        // Asked for whole keys: a hash of the key leads to its row in a block, which stands by itself.
        blocks.set_data_block_index_type(DataBlockIndexType::BinaryAndHash);
        blocks.set_data_block_hash_ratio(0.75);
        blocks.set_block_restart_interval(1);
        if memory.pinned {
            blocks.set_unpartitioned_pinning_tier(BlockBasedTablePinningTier::All);
        }
    }
    let mut options = hinted();
    options.set_block_based_table_factory(&blocks);
    options.set_compression_type(DBCompressionType::None);
    options.set_write_buffer_size(memory.write_buffer);
    options.set_arena_block_size(256 << 10);
    if name == STATE {
        // The filter then answers for a path, not for a path at a height: most look-ups of new names end there.
        options.set_prefix_extractor(SliceTransform::create("path", path_of, Some(has_path)));
        // An account that has not acted lately is not among the newest rows: a filter says so without a search of them.
        options.set_memtable_prefix_bloom_ratio(MEMTABLE_FILTER_SHARE);
    }
    options
}

/// A block writes its rows in their order, each not far from the one before: its place is searched from there, not from the root.
fn hinted() -> Options {
    Options::default()
        .get_options_from_string(
            "memtable_insert_with_hint_prefix_extractor=rocksdb.CappedPrefix.1",
        )
        .expect("RocksDB knows this option of its own")
}

fn has_path(row: &[u8]) -> bool {
    row.contains(&0)
}

/// The path of a row and the separator after it.
fn path_of(row: &[u8]) -> &[u8] {
    let separator = row
        .iter()
        .position(|&byte| byte == 0)
        .expect("only rows with a path are asked for it");
    &row[..=separator]
}

pub(super) fn state_row(path: &[u8], height: u64) -> Vec<u8> {
    let mut row = Vec::with_capacity(path.len() + 9);
    row.extend(path);
    row.push(0);
    row.extend((!height).to_be_bytes());
    row
}

/// The path and the height of a row.
pub(super) fn decode_state_row(row: &[u8]) -> (&[u8], u64) {
    let (path, height) = row
        .split_last_chunk::<8>()
        .expect("a row of state ends with its height");
    (
        path.strip_suffix(&[0])
            .expect("a row of state has a separator"),
        !u64::from_be_bytes(*height),
    )
}

pub(super) fn block_row(height: u64) -> Vec<u8> {
    [height.to_be_bytes().as_slice(), &[0]].concat()
}

pub(super) fn commit_row(height: u64) -> Vec<u8> {
    [height.to_be_bytes().as_slice(), &[1]].concat()
}

pub(super) fn justification_row(height: u64) -> Vec<u8> {
    [height.to_be_bytes().as_slice(), &[2]].concat()
}

pub(super) fn safety_block_row(digest: &[u8; 32]) -> Vec<u8> {
    [SAFETY_BLOCK_PREFIX, digest].concat()
}

pub(super) fn misbehaviour_row(height: u64, validator: &[u8; 20]) -> Vec<u8> {
    [MISBEHAVIOUR_PREFIX, &height.to_be_bytes(), validator].concat()
}

/// Whom the proof in this row is against.
pub(super) fn misbehaving_validator(row: &[u8]) -> [u8; 20] {
    let (_, validator) = row
        .split_last_chunk()
        .expect("a proof's row ends with a validator's address");
    *validator
}

pub(super) fn kept_row(height: u64) -> Vec<u8> {
    [KEPT_PREFIX, &height.to_be_bytes()].concat()
}

pub(super) fn decode_height(bytes: &[u8]) -> u64 {
    u64::from_be_bytes(bytes.try_into().expect("a stored height has 8 bytes"))
}

pub(super) fn encode_list(items: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for item in items {
        bytes.extend(
            u32::try_from(item.len())
                .expect("a receipt is shorter than a block")
                .to_be_bytes(),
        );
        bytes.extend(item);
    }
    bytes
}

pub(super) fn decode_list(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut items = Vec::new();
    while !bytes.is_empty() {
        let (length, rest) = bytes
            .split_first_chunk::<4>()
            .expect("a stored item begins with its length");
        let length =
            usize::try_from(u32::from_be_bytes(*length)).expect("usize has at least 32 bits");
        let (item, rest) = rest
            .split_at_checked(length)
            .expect("a stored item has its length");
        items.push(item.to_vec());
        bytes = rest;
    }
    items
}

pub(super) fn encode_place(height: u64, index: u32) -> Vec<u8> {
    [height.to_be_bytes().as_slice(), &index.to_be_bytes()].concat()
}

pub(super) fn decode_place(bytes: &[u8]) -> (u64, u32) {
    let (height, index) = bytes
        .split_first_chunk::<8>()
        .expect("a stored place begins with a height");
    (
        u64::from_be_bytes(*height),
        u32::from_be_bytes(index.try_into().expect("a stored place ends with an index")),
    )
}
