//! What pruning reads and deletes, on a store of its own. What a pruned node still proves: `node/src/upkeep/tests.rs`.

use std::collections::BTreeSet;

use rocksdb::perf::{PerfContext, PerfMetric, PerfStatsLevel, set_perf_stats};
use starfire_state::{Batch, Store as _};
use tempfile::TempDir;

use super::*;
use crate::sync::fixture::{Chain, follow};

/// Says that these heights are kept, whether they are there or not.
fn write_kept(reader: &Reader, heights: impl Iterator<Item = u64>) {
    reader.shared().with(|db| {
        let mut batch = WriteBatch::default();
        for height in heights {
            batch.put_cf(table(db, META), tables::kept_row(height), [1]);
        }
        db.write(batch).unwrap();
    });
}

/// How many rows are gone through meanwhile, of whatever table.
fn rows_read(act: impl FnOnce()) -> u64 {
    set_perf_stats(PerfStatsLevel::EnableCount);
    let mut counted = PerfContext::default();
    counted.reset();
    act();
    let rows = counted.metric(PerfMetric::InternalKeySkippedCount);
    set_perf_stats(PerfStatsLevel::Disable);
    rows
}

#[test]
fn a_kept_height_retains_its_own_version_and_the_one_before() {
    let home = TempDir::new().unwrap();
    let rocks = Rocks::open(home.path()).unwrap();
    let kept = [3, 4, 9, 300];
    write_kept(&rocks.reader(), kept.into_iter());
    let retained: BTreeSet<u64> = kept.iter().flat_map(|at| [at - 1, *at]).collect();
    rocks.reader().shared().with(|db| {
        for start in (0..14).chain(296..304) {
            for end in start..start + 6 {
                let expected = retained.range(start..end).next().is_some();
                assert_eq!(retains(db, start..end), expected, "{start}..{end}");
            }
        }
    });
}

#[test]
fn what_a_pass_reads_does_not_grow_with_the_heights_that_are_kept() {
    const NEWEST: u64 = 60;
    const BASE: u64 = 50;
    const KEPT: u64 = 100_000;
    let mut chain = Chain::new();
    chain.grow(NEWEST);
    let home = TempDir::new().unwrap();
    let rocks = Rocks::open(home.path()).unwrap();
    let (reader, mut pruner) = (rocks.reader(), rocks.pruner());
    let _replica = follow(&chain.genesis, Box::new(rocks), &chain.blocks());
    pruner
        .move_base(BASE, |height| height.is_multiple_of(7))
        .unwrap();
    write_kept(&reader, BASE..BASE + KEPT);

    let pass = rows_read(|| while pruner.sweep(BASE).unwrap() == Swept::More {});
    let all = rows_read(|| assert!(reader.facts(tables::KEPT_PREFIX).len() > 100_000));
    assert!(all >= KEPT, "what is read is counted: {all}");
    assert!(pass < KEPT / 10, "{pass} rows, and {KEPT} are kept");
    for height in 1..BASE {
        assert_eq!(reader.block(height).is_some(), height.is_multiple_of(7));
    }
}

#[test]
fn a_transaction_that_has_another_place_by_now_keeps_it() {
    let home = TempDir::new().unwrap();
    let mut rocks = Rocks::open(home.path()).unwrap();
    let (reader, pruner) = (rocks.reader(), rocks.pruner());
    let (again, once) = ([1; 32], [2; 32]);
    for (height, transactions) in [(0, vec![]), (1, vec![again, once]), (2, vec![again])] {
        rocks
            .commit(Batch {
                height,
                block: b"block".repeat(usize::from(height > 0)),
                commit: b"commit".repeat(usize::from(height > 0)),
                receipts: vec![b"receipt".to_vec(); transactions.len()],
                transactions: transactions.into_iter().map(Some).collect(),
                ..Batch::default()
            })
            .unwrap();
    }
    // The sweep of the first height saw both there, before the second was committed.
    pruner.forget_places(1, &[again, once]).unwrap();
    assert_eq!(reader.transaction(&again), Some((2, 0)));
    assert_eq!(reader.transaction(&once), None);
}
