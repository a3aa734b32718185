//! RocksDB against the store in memory.

use std::path::Path;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use rocksdb::{ColumnFamilyDescriptor, Options};
use starfire_state::{
    Changes, MISBEHAVING_VALIDATORS_MAX, MISBEHAVIOURS_PER_VALIDATOR_MAX, Memory, Rows, tree,
};
use tempfile::TempDir;

use super::*;

mod full_disk;

#[derive(Debug, Clone)]
enum Step {
    Commit {
        changes: Changes,
        tree: Rows,
        tree_deletes: Vec<Vec<u8>>,
        transactions: Vec<u8>,
    },
    SaveSafety(Vec<u8>, Vec<u8>),
    Misbehaviour(u64, u8),
    Reopen,
}

/// Paths that begin with one another, and two that nothing is written to.
fn a_path() -> impl Strategy<Value = Vec<u8>> {
    "a|b|aa|a/|ab|b~|b!a".prop_map(String::into_bytes)
}

fn a_tree_key() -> impl Strategy<Value = Vec<u8>> {
    ("[nk]", vec(any::<u8>(), 0..2)).prop_map(|(kind, rest)| [kind.into_bytes(), rest].concat())
}

fn a_tree() -> impl Strategy<Value = Rows> {
    vec((a_tree_key(), vec(any::<u8>(), 0..4)), 0..6).prop_map(|rows| rows.into_iter().collect())
}

fn a_step() -> impl Strategy<Value = Step> {
    let changes = btree_map(a_path(), proptest::option::of(vec(any::<u8>(), 1..4)), 0..6);
    prop_oneof![
        8 => (changes, a_tree(), vec(a_tree_key(), 0..6), vec(0..5u8, 0..4))
            .prop_map(|(changes, tree, tree_deletes, transactions)| Step::Commit { changes, tree, tree_deletes, transactions }),
        2 => (vec(any::<u8>(), 0..8), vec(0..6u8, 0..4))
            .prop_map(|(record, blocks)| Step::SaveSafety(record, blocks)),
        1 => (0..3u64, 0..3u8).prop_map(|(height, validator)| Step::Misbehaviour(height, validator)),
        1 => Just(Step::Reopen),
    ]
}

fn batch(height: u64, changes: Changes, tree: Rows, transactions: &[u8]) -> Batch {
    let of = |what: &str| {
        if height == 0 {
            Vec::new()
        } else {
            format!("{what} {height}").into_bytes()
        }
    };
    Batch {
        height,
        changes,
        tree,
        block: of("block"),
        commit: of("commit"),
        fuller_commit: (height > 1 && transactions.len() == 1).then(|| of("fuller commit before")),
        justification: if transactions.len() > 1 {
            of("justification")
        } else {
            Vec::new()
        },
        receipts: transactions
            .iter()
            .map(|&n| vec![n; usize::from(n)])
            .collect(),
        transactions: transactions.iter().map(|&n| Some([n; 32])).collect(),
        ..Batch::default()
    }
}

/// What to read in a state: a path, a prefix, where to go on, and how much.
type Read = (Vec<u8>, Vec<u8>, Option<Vec<u8>>, usize);

fn a_read() -> impl Strategy<Value = Read> {
    // A cursor comes from outside, and may be any bytes.
    let after = prop_oneof![
        a_path(),
        vec(
            prop_oneof![Just(0u8), Just(1), Just(b'a'), Just(0xff)],
            0..4
        )
    ];
    (
        a_path(),
        "|a|b|b!|c".prop_map(String::into_bytes),
        proptest::option::of(after),
        prop_oneof![0..4usize, Just(usize::MAX)],
    )
}

fn same(left: &dyn Archive, right: &dyn Archive, reads: &[Read], bounds: &[Vec<u8>]) {
    assert_eq!(left.height(), right.height());
    assert_eq!(left.safety(), right.safety());
    assert_eq!(left.misbehaviours(), right.misbehaviours());
    for n in 0..6 {
        assert_eq!(left.safety_block(&[n; 32]), right.safety_block(&[n; 32]));
    }
    for height in 0..=right.height().map_or(0, |height| height + 1) {
        assert_eq!(left.block(height), right.block(height));
        assert_eq!(left.justification(height), right.justification(height));
        assert_eq!(left.receipts(height), right.receipts(height));
        let (left, right) = (left.state_at(height), right.state_at(height));
        for (path, prefix, after, limit) in reads {
            assert_eq!(left.get(path), right.get(path), "{path:?} at {height}");
            let after = after.as_deref();
            assert_eq!(
                left.scan(prefix, after, *limit),
                right.scan(prefix, after, *limit),
                "{prefix:?} after {after:?} at {height}"
            );
        }
    }
    for bound in bounds {
        assert_eq!(left.tree(bound), right.tree(bound));
    }
    for n in 0..5 {
        assert_eq!(left.transaction(&[n; 32]), right.transaction(&[n; 32]));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn rocks_and_memory_answer_alike(steps in vec(a_step(), 1..16), reads in vec(a_read(), 24), bounds in vec(a_tree_key(), 12)) {
        let home = TempDir::new().unwrap();
        let mut memory = Memory::new();
        let mut rocks = Rocks::open(home.path()).unwrap();
        let mut height = 0;
        same(&rocks, &memory, &reads, &bounds);
        for step in steps {
            match step {
                Step::Commit { changes, tree, tree_deletes, transactions } => {
                    let batch = Batch { tree_deletes, ..batch(height, changes, tree, &transactions) };
                    memory.commit(batch.clone()).unwrap();
                    rocks.commit(batch).unwrap();
                    height += 1;
                }
                Step::SaveSafety(record, blocks) => {
                    let blocks = blocks.iter().map(|&n| ([n; 32], vec![n; 9].into())).collect();
                    memory.save_safety(&record, &blocks).unwrap();
                    rocks.save_safety(&record, &blocks).unwrap();
                }
                Step::Misbehaviour(at, validator) => {
                    let mut kept = [false; 2];
                    let stores: [&mut dyn Store; 2] = [&mut memory, &mut rocks];
                    for (kept, store) in kept.iter_mut().zip(stores) {
                        *kept = store.save_misbehaviour(at, [validator; 20], b"proof").unwrap();
                    }
                    assert_eq!(kept[0], kept[1]);
                }
                Step::Reopen => {
                    drop(rocks);
                    rocks = Rocks::open(home.path()).unwrap();
                }
            }
            same(&rocks.reader(), &memory, &reads, &bounds);
        }
        // From files too, not only from the log and memory.
        rocks.reader.shared().with(|db| tables::TABLES.iter().for_each(|name| db.flush_cf(table(db, name)).unwrap()));
        same(&rocks, &memory, &reads, &bounds);
    }
}

/// What is kept of one more proof, in both stores.
fn convict(stores: [&mut dyn Store; 2], height: u64, validator: u64) -> bool {
    let mut address = [0; 20];
    address[..8].copy_from_slice(&validator.to_be_bytes());
    let kept = stores.map(|store| store.save_misbehaviour(height, address, b"proof").unwrap());
    assert_eq!(kept[0], kept[1], "{validator} at {height}");
    kept[0]
}

#[test]
fn whoever_goes_on_to_misbehave_takes_no_room_from_proofs_against_others() {
    let home = TempDir::new().unwrap();
    let mut memory = Memory::new();
    let mut rocks = Rocks::open(home.path()).unwrap();
    let per_validator = u64::try_from(MISBEHAVIOURS_PER_VALIDATOR_MAX).unwrap();
    let validators = u64::try_from(MISBEHAVING_VALIDATORS_MAX).unwrap();
    for height in 0..1100 {
        let kept = convict([&mut memory, &mut rocks], height, 0);
        assert_eq!(kept, height < per_validator, "the first ones are kept");
    }
    drop(rocks);
    let mut rocks = Rocks::open(home.path()).unwrap();
    assert!(!convict([&mut memory, &mut rocks], 1100, 0));
    for validator in 1..validators {
        assert!(convict([&mut memory, &mut rocks], 5, validator));
        assert!(!convict([&mut memory, &mut rocks], 5, validator));
    }
    assert!(!convict([&mut memory, &mut rocks], 5, validators));
    assert!(convict([&mut memory, &mut rocks], 6, 1));
    same(&rocks, &memory, &[], &[]);
    let total = u64::try_from(rocks.misbehaviours().len()).unwrap();
    assert_eq!(total, per_validator + validators);
}

#[test]
fn a_block_that_is_swept_between_two_reads_is_not_there() {
    let home = TempDir::new().unwrap();
    let mut rocks = Rocks::open(home.path()).unwrap();
    for height in 0..3 {
        rocks
            .commit(batch(height, Changes::new(), Rows::new(), &[]))
            .unwrap();
    }
    let reader = rocks.reader();
    assert!(reader.block(1).is_some());
    let swept = |db: &DB| db.delete_cf(table(db, BLOCKS), tables::commit_row(1));
    reader.shared().with(swept).unwrap();
    assert_eq!(reader.block(1), None);
}

#[test]
fn a_path_is_found_among_many_files_and_versions() {
    let home = TempDir::new().unwrap();
    let mut memory = Memory::new();
    let mut rocks = Rocks::open(home.path()).unwrap();
    let path = |n: u64| format!("account/{n}").into_bytes();
    for height in 0..120 {
        let changes: Changes = (0..20)
            .map(|n| {
                (
                    path((height * 7 + n) % 50),
                    (!n.is_multiple_of(5)).then(|| height.to_be_bytes().to_vec()),
                )
            })
            .chain([(b"hot".to_vec(), Some(height.to_be_bytes().to_vec()))])
            .collect();
        let batch = batch(height, changes, Rows::new(), &[]);
        memory.commit(batch.clone()).unwrap();
        rocks.commit(batch).unwrap();
        if height % 10 == 0 {
            rocks
                .reader
                .shared()
                .with(|db| db.flush_cf(table(db, STATE)).unwrap());
        }
    }
    let reads: Vec<Read> = (0..60)
        .map(|n| (path(n), b"account/1".to_vec(), Some(path(n)), 5))
        .chain([(b"hot".to_vec(), Vec::new(), None, usize::MAX)])
        .collect();
    same(&rocks, &memory, &reads, &[]);
}

/// Enough of them that threads share the reads.
#[test]
fn what_is_read_ahead_is_what_would_have_been_read() {
    let home = TempDir::new().unwrap();
    let mut rocks = Rocks::open(home.path()).unwrap();
    let path = |n: u64| format!("account/{n}").into_bytes();
    let entries = |from: u64, to: u64| -> Changes {
        let entry = |n: u64| {
            (
                path(n),
                (!n.is_multiple_of(5)).then(|| [from, n].map(u64::to_be_bytes).concat()),
            )
        };
        (from..to).map(entry).collect()
    };
    for (height, changes) in (0..).zip([entries(0, 600), entries(400, 800)]) {
        let update = tree::apply(&rocks, height, &changes);
        rocks
            .commit(batch(height, changes, update.writes, &[]))
            .unwrap();
    }
    rocks.newest().clear();
    let paths: Vec<Vec<u8>> = (0..1_000).chain(0..50).map(path).collect();
    let state = rocks.state_at(1);
    state.read_ahead(&mut paths.iter().cloned());
    let stored = rocks.reader.state_at(1);
    for path in &paths {
        assert_eq!(rocks.newest().get(path), Some(stored.get(path)));
        assert_eq!(state.get(path), stored.get(path));
    }
    drop((state, stored));

    // What a later block writes is not hidden by it.
    rocks
        .commit(batch(2, entries(1, 300), Rows::new(), &[]))
        .unwrap();
    for path in &paths {
        assert_eq!(
            rocks.state_at(2).get(path),
            rocks.reader.state_at(2).get(path)
        );
    }
}

#[test]
fn the_tree_lives_in_the_store() {
    let home = TempDir::new().unwrap();
    let mut roots = Vec::new();
    for height in 0..20u64 {
        let mut rocks = Rocks::open(home.path()).unwrap();
        let changes = Changes::from([(format!("key/{}", height % 7).into_bytes(), Some(vec![1]))]);
        let update = tree::apply(&rocks, height, &changes);
        roots.push(update.root);
        rocks
            .commit(batch(height, changes, update.writes, &[]))
            .unwrap();
    }
    let reader = Rocks::open(home.path()).unwrap().reader();
    for (height, root) in (0..).zip(roots) {
        assert_eq!(tree::root(&reader, height), root);
        let proved = tree::prove(&reader, height, b"key/3");
        assert_eq!(proved.value.is_some(), height >= 3);
        assert_eq!(
            tree::verify(&root, b"key/3", proved.value.as_deref(), &proved.proof),
            Ok(())
        );
    }
}

#[test]
fn one_process_at_a_time() {
    let home = TempDir::new().unwrap();
    let first = Rocks::open(home.path()).unwrap();
    assert_eq!(Rocks::open(home.path()).unwrap_err().code(), "STORE_LOCKED");
    let reader = first.reader();
    drop(first);
    assert_eq!(
        Rocks::open(home.path()).unwrap_err().code(),
        "STORE_LOCKED",
        "a reader keeps it open"
    );
    drop(reader);
    Rocks::open(home.path()).unwrap();
}

#[test]
fn a_store_serves_one_chain() {
    let home = TempDir::new().unwrap();
    let mut rocks = Rocks::open(home.path()).unwrap();
    rocks.bind_chain(&[1; 32]).unwrap();
    drop(rocks);
    let mut rocks = Rocks::open(home.path()).unwrap();
    rocks.bind_chain(&[1; 32]).unwrap();
    assert_eq!(
        rocks.bind_chain(&[2; 32]).unwrap_err().code(),
        "STORE_OTHER_CHAIN"
    );
}

#[test]
fn another_layout_is_refused() {
    let home = TempDir::new().unwrap();
    Rocks::open(home.path())
        .unwrap()
        .put_meta(tables::SCHEMA_KEY, b"starfire-store/0")
        .unwrap();
    let error = Rocks::open(home.path()).unwrap_err();
    assert_eq!(error.code(), "STORE_SCHEMA");
    assert!(error.to_string().contains("starfire-store/0"));

    let foreign = TempDir::new().unwrap();
    let mut options = Options::default();
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    drop(
        DB::open_cf_descriptors(
            &options,
            foreign.path(),
            [ColumnFamilyDescriptor::new("other", Options::default())],
        )
        .unwrap(),
    );
    assert_eq!(
        Rocks::open(foreign.path()).unwrap_err().code(),
        "STORE_SCHEMA"
    );

    let file = foreign.path().join("LOG");
    assert_eq!(Rocks::open(&file).unwrap_err().code(), "STORE_FILES");
}

#[test]
fn a_write_that_failed_but_stood_is_taken_again() {
    let home = TempDir::new().unwrap();
    let mut rocks = Rocks::open(home.path()).unwrap();
    let block = |height| batch(height, Changes::new(), Rows::new(), &[]);
    rocks.commit(block(0)).unwrap();
    rocks.commit(block(1)).unwrap();
    rocks.commit(block(1)).unwrap();
    assert_eq!(rocks.height(), Some(1));
}

#[test]
fn opening_names_the_place() {
    let path = Path::new("/proc/no-store-here");
    assert!(
        Rocks::open(path)
            .unwrap_err()
            .to_string()
            .contains("/proc/no-store-here")
    );
}

#[test]
fn a_read_of_a_damaged_file_panics_with_what_ends_the_process() {
    let home = TempDir::new().unwrap();
    let mut rocks = Rocks::open(home.path()).unwrap();
    let changes = Changes::from([(b"a".to_vec(), Some(vec![7; 64]))]);
    rocks.commit(batch(0, changes, Rows::new(), &[])).unwrap();
    drop(rocks);
    // What the log held goes to table files.
    drop(Rocks::open(home.path()).unwrap());
    let mut damaged = 0;
    for entry in std::fs::read_dir(home.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "sst") {
            let mut bytes = std::fs::read(&path).unwrap();
            bytes[0] ^= 1;
            std::fs::write(path, bytes).unwrap();
            damaged += 1;
        }
    }
    assert_ne!(damaged, 0);
    let read = std::panic::catch_unwind(|| {
        let rocks = Rocks::open(home.path()).unwrap();
        rocks.state_at(0).get(b"a")
    });
    let panicked = read.unwrap_err();
    let error = panicked.downcast_ref::<Unreadable>().unwrap().to_string();
    assert!(error.contains("Corruption"), "{error}");
}
