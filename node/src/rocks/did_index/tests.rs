//! The index against a naive scan of the state.

use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message;
use starfire_did::{Did, KeyAlgorithm, PrivateKey, VerificationKey, path};
use starfire_proto::v1;
use starfire_state::tree::Cache;
use starfire_state::{Batch, Store, tree};
use tempfile::TempDir;

use super::*;

/// What a DID's record says, as far as the index looks; `None`: withdrawn.
type Spec = Option<(Vec<u8>, Vec<u8>, u32)>;

#[derive(Debug, Clone)]
enum Step {
    /// The newest records of these DIDs, in one block; `false`: the record goes altogether.
    Block(Vec<(u8, Spec, bool)>),
    Reopen,
    /// The store as a version without an index left it.
    Forget,
    /// A build that was cut off, over rows that mean nothing.
    Cut,
    /// Another store, which begins with a snapshot of this one.
    Import,
}

fn a_step() -> impl Strategy<Value = Step> {
    let spec = proptest::option::weighted(0.8, (vec(0..4u8, 0..3), vec(0..4u8, 0..3), 0..3u32));
    prop_oneof![
        8 => vec((0..6u8, spec, proptest::bool::weighted(0.95)), 0..5).prop_map(Step::Block),
        1 => Just(Step::Reopen),
        1 => Just(Step::Forget),
        1 => Just(Step::Cut),
        1 => Just(Step::Import),
    ]
}

fn key(n: u8) -> PrivateKey {
    PrivateKey::generate([n + 1; 32], KeyAlgorithm::Ed25519)
}

fn did(n: u8) -> Did {
    Did::derive(&key(n).public(), None)
}

/// A key of one of two kinds, of which the first two have the same bytes.
fn held(n: u8) -> VerificationKey {
    let raw: [u8; 32] = key(n / 2).public().raw().try_into().unwrap();
    match n % 2 {
        0 => VerificationKey::Account(starfire_did::PublicKey::Ed25519(raw)),
        _ => VerificationKey::X25519(raw),
    }
}

fn record(subject: u8, spec: &Spec, version: u64) -> v1::DidRecord {
    let document = spec.as_ref().map(|(controllers, keys, kind)| {
        let method = |n: &u8| v1::VerificationMethod {
            algorithm: match held(*n) {
                VerificationKey::X25519(_) => v1::KeyAlgorithm::X25519.into(),
                VerificationKey::Account(_)
                | VerificationKey::P256(_)
                | VerificationKey::Secp256k1(_) => v1::KeyAlgorithm::Ed25519.into(),
            },
            public_key: key(n / 2).public().raw().to_vec(),
            ..v1::VerificationMethod::default()
        };
        v1::DidDocument {
            id: did(subject).to_string(),
            controller: controllers.iter().map(|n| did(*n).to_string()).collect(),
            verification_method: keys.iter().map(method).collect(),
            subject_type: *kind,
            ..v1::DidDocument::default()
        }
    });
    v1::DidRecord {
        deactivated: document.is_none(),
        document,
        version,
        ..v1::DidRecord::default()
    }
}

fn block(store: &mut Rocks, records: &[(u8, Spec, bool)]) {
    let height = store.height().map_or(0, |height| height + 1);
    let mut changes = Changes::from([(b"chain".to_vec(), Some(vec![1]))]);
    for (subject, spec, there) in records {
        let record = record(*subject, spec, height + 1).encode_to_vec();
        changes.insert(
            path::record(&did(*subject)),
            there.then_some(record.clone()),
        );
        changes.insert(path::version(&did(*subject), height + 1), Some(record));
    }
    let tree = tree::apply(store, height, &changes).writes;
    let batch = Batch {
        height,
        changes,
        tree,
        ..Batch::default()
    };
    store.commit(batch).unwrap();
}

/// The empty `store`, begun with the newest state of `from`, taken over in slices.
fn imported(from: &Rocks, mut store: Rocks) -> Rocks {
    let height = from.height().unwrap();
    let entries = from.state_at(height).scan(b"", None, usize::MAX);
    let mut cache = Cache::new();
    for slice in entries.chunks(3) {
        let slice = slice.iter().cloned();
        let slice = slice.map(|(path, value)| (path, Some(value))).collect();
        store.import(&mut cache, height, &slice).unwrap();
    }
    let batch = Batch {
        height,
        ..Batch::default()
    };
    store.finish_import(&batch).unwrap();
    store
}

/// Every look-up that the records above can answer.
fn look_ups() -> Vec<By> {
    let mut all = vec![By::All];
    all.extend((0..6).map(|n| By::Controller(did(n))));
    all.extend((0..4).map(|n| By::Key(held(n))));
    all.extend([1, 2, 999].map(By::Type));
    all
}

/// The newest records answer for every height as the rows of state do.
fn check_records(store: &Rocks) {
    let reader = store.reader();
    for n in 0..6 {
        let path = path::record(&did(n));
        for height in (0..=store.height().unwrap_or(0)).chain([u64::MAX]) {
            let found = reader.shared().with(|db| search(db, &path, height));
            let standing = found.filter(|record| !record.is_empty());
            assert_eq!(
                reader.state_at(height).get(&path),
                standing,
                "as of {height}"
            );
        }
    }
}

fn check(store: &Rocks) {
    check_records(store);
    let newest = store.height().unwrap_or(0);
    let mut records: Vec<(String, v1::DidRecord)> = (0..6)
        .filter_map(|n| {
            let record = starfire_did::resolve::resolve(&*store.state_at(newest), &did(n), None)?;
            Some((did(n).to_string(), record))
        })
        .collect();
    records.sort_by(|left, right| left.0.cmp(&right.0));
    let reader = store.reader();
    for by in look_ups() {
        let naive: Vec<String> = records
            .iter()
            .filter(|(_, record)| by.holds_for(record))
            .map(|(did, _)| did.clone())
            .collect();
        assert_eq!(reader.dids(&by, None, usize::MAX), naive, "{by:?}");
        let mut paged: Vec<String> = Vec::new();
        loop {
            let page = reader.dids(&by, paged.last().map(String::as_str), 2);
            assert!(page.len() <= 2);
            if page.is_empty() {
                break;
            }
            paged.extend(page);
        }
        assert_eq!(paged, naive, "{by:?} in pages");
    }
    store.check_did_index().unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn the_index_answers_as_a_scan_of_the_state_does(
        steps in vec(a_step(), 1..16),
        // The least, and enough to hold records.
        memory_mib in prop_oneof![Just(tables::MEMORY_MIB_MIN), Just(512)],
    ) {
        prop_assert_eq!(tables::held_bytes(memory_mib) > 0, memory_mib == 512);
        let open = |home: &TempDir| Rocks::open_with(home.path(), memory_mib).unwrap();
        let mut home = TempDir::new().unwrap();
        let mut store = open(&home);
        block(&mut store, &[]);
        for step in steps {
            match step {
                Step::Block(records) => block(&mut store, &records),
                Step::Reopen => {
                    drop(store);
                    store = open(&home);
                }
                Step::Forget | Step::Cut => {
                    store.try_write(true, &|db, writes| {
                        writes.delete_cf(table(db, META), tables::DID_INDEX_KEY);
                        writes.delete_range_cf(table(db, DIDS), &[] as &[u8], END);
                        writes.delete_range_cf(table(db, RECORDS), &[] as &[u8], END);
                        if matches!(step, Step::Cut) {
                            writes.put_cf(table(db, DIDS), b"adid:bid:nobody", []);
                            records::put(db, writes, "did:bid:nobody", 0, b"what is this");
                        }
                    }).unwrap();
                    drop(store);
                    store = open(&home);
                }
                Step::Import => {
                    let other = TempDir::new().unwrap();
                    let begun = imported(&store, open(&other));
                    (store, home) = (begun, other);
                }
            }
            check(&store);
        }
    }
}

#[test]
fn a_state_that_is_given_up_leaves_no_rows() {
    let (home, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let mut store = Rocks::open(home.path()).unwrap();
    block(&mut store, &[(1, Some((vec![2], vec![], 0)), true)]);
    let mut half = Rocks::open(other.path()).unwrap();
    let entries = store.state_at(0).scan(b"", None, usize::MAX);
    let entries = entries.into_iter().map(|(path, value)| (path, Some(value)));
    half.import(&mut Cache::new(), 0, &entries.collect())
        .unwrap();
    assert_eq!(half.reader().dids(&By::All, None, 9), [did(1).to_string()]);
    half.discard_import().unwrap();
    assert!(half.reader().dids(&By::All, None, 9).is_empty());
    let record = path::record(&did(1));
    assert_eq!(half.reader().state_at(0).get(&record), None);
    block(&mut half, &[(3, Some((vec![], vec![], 0)), true)]);
    check(&half);
}

#[test]
fn a_row_too_few_and_a_row_too_many_are_found_and_mended() {
    let home = TempDir::new().unwrap();
    let mut store = Rocks::open(home.path()).unwrap();
    block(&mut store, &[(1, Some((vec![2], vec![0], 0)), true)]);
    let row = [By::Controller(did(2)).prefix(), did(1).to_string().into()].concat();
    let wrong = [By::Controller(did(3)).prefix(), did(1).to_string().into()].concat();
    type Damage<'a> = &'a dyn Fn(&DB, &mut WriteBatch);
    let subject = did(1).to_string();
    let damages: [Damage<'_>; 6] = [
        &|db, writes| writes.delete_cf(table(db, DIDS), &row),
        &|db, writes| writes.put_cf(table(db, DIDS), &wrong, []),
        &|db, writes| writes.put_cf(table(db, DIDS), b"what is this", []),
        &|db, writes| writes.delete_cf(table(db, RECORDS), &subject),
        &|db, writes| records::put(db, writes, &subject, 0, b"another"),
        &|db, writes| records::put(db, writes, &did(3).to_string(), 0, b"what is this"),
    ];
    let problems = [
        "lacks",
        "has a DID",
        "has a DID",
        "is not the DID's newest",
        "is not the DID's newest",
        "has a DID",
    ];
    for (damage, problem) in damages.into_iter().zip(problems) {
        assert_eq!(store.check_did_index().unwrap(), 4);
        store.try_write(true, damage).unwrap();
        let bad = store.check_did_index().unwrap_err();
        assert!(bad.problem.contains(problem), "{bad}");
        assert_eq!(store.build_did_index().unwrap(), 1);
    }
}

#[test]
fn the_newest_record_stays_when_what_is_old_is_pruned() {
    let home = TempDir::new().unwrap();
    let mut store = Rocks::open(home.path()).unwrap();
    let spec = Some((vec![2], vec![0], 0));
    block(
        &mut store,
        &[(1, spec.clone(), true), (2, spec.clone(), true)],
    );
    block(&mut store, &[(1, spec, true), (2, None, false)]);
    for _ in 0..3 {
        block(&mut store, &[]);
    }
    let before = store.reader().state_at(4).get(&path::record(&did(1)));
    let mut pruner = store.pruner();
    pruner.move_base(4, |_| false).unwrap();
    while pruner.sweep(4).unwrap() == crate::rocks::Swept::More {}
    let first = store
        .reader()
        .shared()
        .with(|db| search(db, &path::record(&did(1)), 0));
    assert_eq!(first, None, "what is old is gone");
    assert!(before.is_some());
    for height in 3..=4 {
        let state = store.reader().state_at(height).get(&path::record(&did(1)));
        assert_eq!(state, before);
    }
    check(&store);
}
