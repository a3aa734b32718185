//! A node that prunes beside one that keeps everything.

use std::collections::BTreeSet;

use starfire_proto::v1;
use starfire_state::{Archive, tree};
use tempfile::TempDir;

use super::*;
use crate::rocks::{Reader, Rocks};
use crate::sync::fixture::{Chain, follow};
use crate::sync::serve::light_block;

const NEWEST: u64 = 200;
const RETENTION: Retention = Retention {
    blocks: 50,
    every: 40,
};

/// Heights that the main chain knows.
const ANCHORED: [u64; 3] = [33, 47, 61];

const KEEP_ALL: Retention = Retention {
    blocks: 0,
    every: 0,
};
const NEVER: Schedule = Schedule {
    interval: 0,
    period_s: 0,
};

/// What stands at both nodes at a height that is kept.
fn same(pruned: &Reader, whole: &dyn Archive, height: u64) {
    assert_eq!(pruned.block(height), whole.block(height));
    assert_eq!(pruned.receipts(height), whole.receipts(height));
    assert_eq!(light_block(pruned, height), light_block(whole, height));
    for version in [height - 1, height] {
        assert_eq!(tree::root(pruned, version), tree::root(whole, version));
        let (left, right) = (pruned.state_at(version), whole.state_at(version));
        let entries = right.scan(b"", None, usize::MAX);
        assert_eq!(left.scan(b"", None, usize::MAX), entries);
    }
    let root = tree::root(whole, height - 1);
    for key in [b"chain".as_slice(), b"nothing/here"] {
        let proved = tree::prove(pruned, height - 1, key);
        let verified = tree::verify(&root, key, proved.value.as_deref(), &proved.proof);
        assert_eq!(verified, Ok(()), "at {height}");
    }
}

fn rows(reader: &Reader) -> usize {
    (1..=NEWEST)
        .filter(|height| reader.block(*height).is_some())
        .count()
}

#[test]
fn a_pruned_node_proves_what_it_keeps_and_goes_on_like_one_that_keeps_all() {
    let mut chain = Chain::new();
    for _ in 0..10 {
        chain.note(100);
    }
    chain.grow(NEWEST + 30);
    let blocks = chain.blocks();
    let (newest, directory) = (usize::try_from(NEWEST).unwrap(), TempDir::new().unwrap());
    let rocks = Rocks::open(directory.path()).unwrap();
    let (reader, pruner, keeper) = (rocks.reader(), rocks.pruner(), rocks.keeper());
    let mut replica = follow(&chain.genesis, Box::new(rocks), &blocks[..newest]);

    let mut upkeep = Upkeep::new(pruner, Shelf::none(), NEVER, RETENTION);
    assert!(upkeep.is_due(NEWEST, 1));
    // The main chain knows this one by more than one height since the last round.
    keeper.keep(&ANCHORED).unwrap();
    upkeep.round(NEWEST, 1);
    let base = NEWEST + 1 - RETENTION.blocks;
    assert_eq!(
        (reader.base(), rows(&reader)),
        (base, newest),
        "nothing is deleted yet"
    );
    upkeep.round(NEWEST, base);
    assert!(!upkeep.is_due(NEWEST, base));

    let kept = |height: u64| {
        height >= base || height.is_multiple_of(RETENTION.every) || ANCHORED.contains(&height)
    };
    for height in 1..=NEWEST {
        assert_eq!(reader.keeps(height), kept(height), "{height}");
        if kept(height) {
            same(&reader, chain.archive(), height);
        } else {
            assert_eq!(reader.block(height), None);
            assert_eq!(light_block(&reader, height), None);
        }
    }
    keeper.keep(&[34]).unwrap();
    assert!(!reader.keeps(34), "what is pruned cannot be kept any more");
    // A transaction of a pruned block is not found any more.
    let hash = |height: u64| {
        let receipts = chain.archive().receipts(height).unwrap();
        let receipt: v1::Receipt = prost::Message::decode(receipts[0].as_slice()).unwrap();
        <[u8; 32]>::try_from(receipt.hash).unwrap()
    };
    let early = (2..30)
        .find(|height| !chain.archive().receipts(*height).unwrap().is_empty())
        .unwrap();
    assert_eq!(reader.transaction(&hash(early)), None);

    replica.step(
        clock::now(),
        crate::replica::ReplicaInput::Blocks(blocks[newest..].to_vec()),
    );
    assert_eq!(replica.height(), NEWEST + 30);
    same(&reader, chain.archive(), NEWEST + 30);
    drop((replica, upkeep, reader, keeper));

    // And so does one that starts again.
    let rocks = Rocks::open(directory.path()).unwrap();
    let (reader, pruner) = (rocks.reader(), rocks.pruner());
    assert_eq!(reader.base(), base);
    let replica = follow(&chain.genesis, Box::new(rocks), &[]);
    let mut upkeep = Upkeep::new(pruner, Shelf::none(), NEVER, RETENTION);
    upkeep.round(replica.height(), base);
    upkeep.round(replica.height(), reader.base());
    assert_eq!(reader.base(), base + 30);
    for height in [33, 40, 61, 160, base + 30, NEWEST + 30] {
        same(&reader, chain.archive(), height);
    }
}

#[test]
fn a_snapshot_is_taken_once_for_each_interval_and_outlives_the_blocks() {
    let mut chain = Chain::new();
    chain.grow(100);
    let (blocks, directory) = (chain.blocks(), TempDir::new().unwrap());
    let rocks = Rocks::open(&directory.path().join("data")).unwrap();
    let pruner = rocks.pruner();
    let shelf = Shelf::open(&directory.path().join("snapshots"), 2).unwrap();
    let mut upkeep = Upkeep::new(
        pruner,
        shelf.clone(),
        Schedule {
            interval: 20,
            period_s: 0,
        },
        Retention {
            blocks: 10,
            every: 0,
        },
    );
    let mut replica = follow(&chain.genesis, Box::new(rocks), &blocks[..40]);
    assert_eq!(upkeep.newest_of_interval(20), None, "no header is after it");
    upkeep.round(40, 1);
    assert_eq!(shelf.newest(), Some(20));
    replica.step(
        clock::now(),
        crate::replica::ReplicaInput::Blocks(blocks[40..].to_vec()),
    );
    upkeep.round(100, upkeep.base());
    upkeep.round(100, upkeep.base());
    assert_eq!(shelf.newest(), Some(80));
    let archive = upkeep.pruner.archive();
    assert!(!archive.keeps(81), "the block after the snapshot is pruned");
    assert_eq!(shelf.header(81), light_block(chain.archive(), 81));
}

#[test]
fn of_the_heights_in_one_period_the_first_is_taken_by_whoever_looks_when() {
    let (mut chain, start) = (Chain::new(), clock::now());
    chain.grow_from(start, 200);
    let (blocks, directory) = (chain.blocks(), TempDir::new().unwrap());
    let schedule = Schedule {
        interval: 10,
        period_s: 60,
    };
    let start = start.unix_timestamp();
    let period = |height: u64| (start + i64::try_from(height).unwrap()) / 60;
    let expected: BTreeSet<u64> = (1..20)
        .map(|place| 10 * place)
        .filter(|height| *height == 10 || period(*height) != period(height - 10))
        .collect();
    assert!((3..=5).contains(&expected.len()), "{expected:?}");
    // Also where the height of the interval before is pruned by then.
    let prunes = Retention {
        blocks: 5,
        every: 0,
    };
    for (step, retention) in [(1, KEEP_ALL), (35, KEEP_ALL), (200, KEEP_ALL), (1, prunes)] {
        let home = directory
            .path()
            .join(format!("{step}-{}", retention.blocks));
        let rocks = Rocks::open(&home.join("data")).unwrap();
        let shelf = Shelf::open(&home.join("snapshots"), 10).unwrap();
        let mut upkeep = Upkeep::new(rocks.pruner(), shelf.clone(), schedule, retention);
        let mut replica = follow(&chain.genesis, Box::new(rocks), &[]);
        let mut taken = BTreeSet::new();
        for part in blocks.chunks(step) {
            replica.step(
                clock::now(),
                crate::replica::ReplicaInput::Blocks(part.to_vec()),
            );
            upkeep.round(replica.height(), upkeep.base());
            taken.extend(shelf.newest());
        }
        assert!(taken.is_subset(&expected), "{taken:?} of {expected:?}");
        assert_eq!(taken.last(), expected.last(), "looked every {step} blocks");
        assert!(step > 1 || taken == expected, "{taken:?} of {expected:?}");
    }
}

#[test]
fn a_base_moves_in_steps_worth_a_walk() {
    let retention = Retention {
        blocks: 1_000,
        every: 0,
    };
    assert_eq!(retention.base(1, 1_000), None);
    assert_eq!(retention.base(1, 1_099), None);
    assert_eq!(retention.base(1, 1_101), Some(102));
    assert_eq!(KEEP_ALL.base(1, u64::MAX - 1), None);
}
