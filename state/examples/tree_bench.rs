//! What the tree costs: CPU, bytes and memory, over a tree of so many keys, in memory.
//!
//! ```text
//! cargo run -p starfire-state --example tree_bench -- KEYS [BATCH] [BLOCKS]
//! ```
//! It writes KEYS accounts in large blocks, then makes BLOCKS blocks that each change BATCH of them at random, forgets all but the
//! newest [`KEPT`] versions on the way, and prints one line of JSON. Times are CPU time of the one thread that works, so that a busy
//! machine changes them little. A hash table stands in for the store: reading from it counts, writing to it is told apart. Only the
//! tree is stored.

#![expect(
    clippy::disallowed_types,
    reason = "rows are looked up by key, and nothing sees their order"
)]

use std::collections::HashMap;
use std::fs;

use starfire_state::tree::{self, Cache};
use starfire_state::{Archive, Changes, Memory, Rows, View};

/// As in the node.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Versions that are kept.
const KEPT: u64 = 10;
/// Keys that are written at once at the beginning.
const SLICE: usize = 100_000;
/// Rows that are forgotten with one block, about.
const PRUNE_LIMIT: usize = 100_000;

/// A sequence that looks random and is always the same: SplitMix64.
struct Sequence(u64);

impl Sequence {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// The tree's rows.
#[derive(Default)]
struct Table {
    height: Option<u64>,
    rows: HashMap<Vec<u8>, Vec<u8>>,
    /// What a store holds beside the tree: nothing.
    rest: Memory,
}

impl Archive for Table {
    fn height(&self) -> Option<u64> {
        self.height
    }

    fn tree(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.rows.get(key).cloned()
    }

    fn state_at(&self, height: u64) -> Box<dyn View + '_> {
        self.rest.state_at(height)
    }

    fn block(&self, height: u64) -> Option<(Vec<u8>, Vec<u8>)> {
        self.rest.block(height)
    }

    fn receipts(&self, height: u64) -> Option<Vec<Vec<u8>>> {
        self.rest.receipts(height)
    }

    fn transaction(&self, hash: &[u8; 32]) -> Option<(u64, u32)> {
        self.rest.transaction(hash)
    }

    fn safety(&self) -> Option<Vec<u8>> {
        self.rest.safety()
    }

    fn justification(&self, height: u64) -> Option<Vec<u8>> {
        self.rest.justification(height)
    }

    fn misbehaviours(&self) -> Vec<Vec<u8>> {
        self.rest.misbehaviours()
    }

    fn safety_block(&self, digest: &[u8; 32]) -> Option<Vec<u8>> {
        self.rest.safety_block(digest)
    }
}

/// The tree, its store, and what was spent.
#[derive(Default)]
struct Bench {
    store: Table,
    cache: Cache,
    spent: Spent,
}

/// What was spent.
#[derive(Default)]
struct Spent {
    keys: u64,
    apply_ns: u64,
    prune_ns: u64,
    store_ns: u64,
    rows: u64,
    bytes: u64,
    deletes: u64,
}

impl Bench {
    fn block(&mut self, changes: &Changes) {
        let height = self.store.height().map_or(0, |newest| newest + 1);
        let start = cpu_ns();
        let update = tree::apply_cached(&mut self.cache, &self.store, height, changes);
        let applied = cpu_ns();
        let mut writes = update.writes;
        let mut deletes = Vec::new();
        let spent = &mut self.spent;
        spent.keys += changes.len() as u64;
        spent.apply_ns += applied - start;
        spent.rows += writes.len() as u64;
        spent.bytes += bytes(&writes);
        if let Some(newest) = self.store.height {
            let start = cpu_ns();
            let below = newest.saturating_sub(KEPT);
            let pruning = tree::prune(&self.store, below, &|_| false, PRUNE_LIMIT);
            spent.prune_ns += cpu_ns() - start;
            spent.deletes += pruning.deletes.len() as u64;
            writes.extend(&pruning.writes);
            deletes = pruning.deletes;
        }
        let start = cpu_ns();
        for key in &deletes {
            self.store.rows.remove(key);
        }
        let rows = writes.iter();
        self.store
            .rows
            .extend(rows.map(|(key, value)| (key.to_vec(), value.to_vec())));
        self.store.height = Some(height);
        spent.store_ns += cpu_ns() - start;
    }
}

fn bytes(rows: &Rows) -> u64 {
    rows.iter()
        .map(|(key, value)| (key.len() + value.len()) as u64)
        .sum()
}

fn account(number: u64) -> Vec<u8> {
    format!("account/did:bid:ef{number:024}").into_bytes()
}

fn value(number: u64, height: u64) -> Vec<u8> {
    [number.to_be_bytes(), height.to_be_bytes()].concat()
}

#[expect(clippy::print_stdout, reason = "printing the figures is its job")]
fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut number = |or: u64| {
        arguments.next().map_or(or, |argument| {
            argument.parse().expect("an argument is a number")
        })
    };
    let (keys, batch, blocks) = (number(1_000_000), number(4_000), number(100));
    let mut bench = Bench::default();
    for first in (0..keys).step_by(SLICE) {
        let slice = first..keys.min(first + SLICE as u64);
        bench.block(
            &slice
                .map(|number| (account(number), Some(value(number, 0))))
                .collect(),
        );
    }
    // Versions of the beginning are not what a chain leaves behind.
    for _ in 0..=KEPT + 1 {
        bench.block(&Changes::new());
    }
    let filled = std::mem::take(&mut bench.spent);

    let mut sequence = Sequence(keys);
    for height in 1..=blocks {
        let changes = (0..batch)
            .map(|_| sequence.below(keys))
            .map(|number| (account(number), Some(value(number, height))))
            .collect();
        bench.block(&changes);
    }

    let spent = bench.spent;
    let each = |total: u64| total / spent.keys.max(1);
    println!(
        "{{\"keys\":{keys},\"batch\":{batch},\"blocks\":{blocks},\"apply_ns_per_key\":{},\"apply_us_per_block\":{},\
         \"prune_ns_per_key\":{},\"map_ns_per_key\":{},\"rows_per_1000_keys\":{},\"bytes_per_key\":{},\
         \"deletes_per_1000_keys\":{},\"fill_ns_per_key\":{},\"resident_mib\":{}}}",
        each(spent.apply_ns),
        spent.apply_ns / blocks.max(1) / 1000,
        each(spent.prune_ns),
        each(spent.store_ns),
        each(1000 * spent.rows),
        each(spent.bytes),
        each(1000 * spent.deletes),
        filled.apply_ns / filled.keys.max(1),
        resident_mib(),
    );
}

/// CPU time of this thread so far.
fn cpu_ns() -> u64 {
    let spent =
        fs::read_to_string("/proc/thread-self/schedstat").expect("Linux tells a thread its time");
    let first = spent.split_whitespace().next();
    first
        .and_then(|time| time.parse().ok())
        .expect("the first figure is the time on a processor")
}

/// Memory that the process has now.
fn resident_mib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux tells a process its size");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib: u64 = line
        .and_then(|line| line.split_whitespace().next()?.parse().ok())
        .expect("the size is a number of KiB");
    kib / 1024
}
