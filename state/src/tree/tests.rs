//! The tree against a naive one, and its proofs against mutation.

use std::collections::BTreeMap;

use ics23::{CommitmentProof, HostFunctionsManager};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use prost_ics23::Message;

use super::hash::Hash;
use super::*;
use crate::memory::Memory;
use crate::store::{Batch, Store};

pub(super) type Model = BTreeMap<Vec<u8>, Vec<u8>>;

/// Commits one block of changes a height, from genesis on.
pub(super) fn grow(blocks: &[Changes]) -> Memory {
    let mut memory = Memory::new();
    let mut cache = Cache::new();
    for (height, changes) in (0..).zip(blocks) {
        let update = apply_cached(&mut cache, &memory, height, changes);
        assert_eq!(
            update,
            apply(&memory, height, changes),
            "the cache changes nothing"
        );
        memory
            .commit(Batch {
                height,
                changes: changes.clone(),
                tree: update.writes,
                ..Batch::default()
            })
            .unwrap();
        assert_eq!(root(&memory, height), update.root);
    }
    memory
}

/// What stands in state after each block.
pub(super) fn models(blocks: &[Changes]) -> Vec<Model> {
    let mut model = Model::new();
    let mut models = Vec::new();
    for changes in blocks {
        for (key, change) in changes {
            match change {
                Some(value) => model.insert(key.clone(), value.clone()),
                None => model.remove(key),
            };
        }
        models.push(model.clone());
    }
    models
}

/// The root by definition: nothing is [`EMPTY_ROOT`], one leaf is itself, more are split by the next bit of the key's hash.
pub(super) fn naive_root(leaves: &[(Hash, Hash)], depth: usize) -> Hash {
    match leaves {
        [] => *b"STARFIRE_STATE_TREE_V1_NO_LEAVES",
        [(_, leaf)] => *leaf,
        leaves => {
            let middle =
                leaves.partition_point(|(key, _)| (key[depth / 8] >> (7 - depth % 8)) & 1 == 0);
            let (left, right) = leaves.split_at(middle);
            blake3(&[&naive_root(left, depth + 1), &naive_root(right, depth + 1)])
        }
    }
}

pub(super) fn root_of(model: &Model) -> Hash {
    let mut leaves: Vec<_> = model
        .iter()
        .map(|(key, value)| {
            let key = blake3(&[key]);
            (
                key,
                blake3(&[b"STARFIRE_STATE_TREE_V1_LEAF_NODE", &key, &blake3(&[value])]),
            )
        })
        .collect();
    leaves.sort_unstable();
    naive_root(&leaves, 0)
}

fn blake3(parts: &[&[u8]]) -> Hash {
    ::blake3::hash(&parts.concat()).into()
}

fn a_key() -> impl Strategy<Value = Vec<u8>> {
    "[abc]{1,2}|did/[a-z]{1,8}".prop_map(String::into_bytes)
}

pub(super) fn a_block() -> impl Strategy<Value = Changes> {
    btree_map(
        a_key(),
        proptest::option::weighted(0.7, vec(any::<u8>(), 1..40)),
        0..12,
    )
}

pub(super) fn by_stock_verifier(root: &[u8; 32], key: &[u8], proved: &Proved) -> bool {
    let (proof, root, spec) = (
        CommitmentProof::decode(proved.proof.as_slice()).unwrap(),
        root.to_vec(),
        proof_spec(),
    );
    match &proved.value {
        Some(value) => {
            ics23::verify_membership::<HostFunctionsManager>(&proof, &spec, &root, key, value)
        }
        None => ics23::verify_non_membership::<HostFunctionsManager>(&proof, &spec, &root, key),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_key_is_proved_at_every_height(blocks in vec(a_block(), 1..8), others in vec(a_key(), 4)) {
        let memory = grow(&blocks);
        for (height, model) in (0..).zip(models(&blocks)) {
            let root = root(&memory, height);
            prop_assert_eq!(root, root_of(&model));
            for key in blocks.iter().flat_map(BTreeMap::keys).chain(&others) {
                let proved = prove(&memory, height, key);
                prop_assert_eq!(proved.value.as_ref(), model.get(key));
                prop_assert_eq!(verify(&root, key, proved.value.as_deref(), &proved.proof), Ok(()));
                prop_assert!(model.is_empty() || by_stock_verifier(&root, key, &proved));

                let opposite = if proved.value.is_some() { None } else { Some(b"forged".as_slice()) };
                prop_assert_eq!(verify(&root, key, opposite, &proved.proof), Err(ProofError::Kind));
            }
        }
    }

    #[test]
    fn the_root_follows_from_content_alone(blocks in vec(a_block(), 1..6), cuts in vec(0..4usize, 24)) {
        let content = models(&blocks).pop().unwrap();
        let one_by_one: Vec<Changes> =
            content.iter().map(|(key, value)| Changes::from([(key.clone(), Some(value.clone()))])).collect();
        let mut grouped = vec![Changes::new()];
        for (change, cut) in one_by_one.iter().rev().zip(cuts.iter().cycle()) {
            if *cut == 0 {
                grouped.push(Changes::new());
            }
            grouped.last_mut().unwrap().extend(change.clone());
        }
        let last_root = |blocks: &[Changes]| root(&grow(blocks), (blocks.len() as u64).saturating_sub(1));
        prop_assert_eq!(last_root(&blocks), root_of(&content));
        prop_assert_eq!(last_root(&grouped), root_of(&content));
        if !one_by_one.is_empty() {
            prop_assert_eq!(last_root(&one_by_one), root_of(&content));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_mutated_proof_is_refused(
        content in btree_map(a_key(), vec(any::<u8>(), 1..40), 1..20),
        key in a_key(),
        at in any::<prop::sample::Index>(),
        bit in 0..8u32,
        byte in any::<u8>(),
        how in 0..7,
    ) {
        let memory = grow(&[content.iter().map(|(key, value)| (key.clone(), Some(value.clone()))).collect()]);
        let mut root = root(&memory, 0);
        let proved = prove(&memory, 0, &key);
        let (mut key, mut value, mut proof) = (key, proved.value, proved.proof);
        prop_assert_eq!(verify(&root, &key, value.as_deref(), &proof), Ok(()));
        match how {
            0 => root[at.index(32)] ^= 1 << bit,
            1 => { let at = at.index(key.len()); key[at] ^= 1 << bit; }
            2 => match &mut value {
                Some(value) => { let at = at.index(value.len()); value[at] ^= 1 << bit; }
                None => value = Some(vec![byte]),
            },
            3 => { proof.truncate(at.index(proof.len())); }
            4 => proof.insert(at.index(proof.len() + 1), byte),
            5 => { let at = at.index(proof.len()); proof.remove(at); }
            _ => { let at = at.index(proof.len()); proof[at] ^= 1 << bit; }
        }
        prop_assert!(verify(&root, &key, value.as_deref(), &proof).is_err());
    }

    #[test]
    fn no_bytes_make_the_verifier_panic(proof in vec(any::<u8>(), 0..200)) {
        prop_assert!(verify(&EMPTY_ROOT, b"key", None, &proof).is_err());
        prop_assert!(verify(&EMPTY_ROOT, b"key", Some(b"value"), &proof).is_err());
    }
}

#[test]
fn an_empty_block_keeps_the_root_and_has_its_own_version() {
    let some = Changes::from([(b"a".to_vec(), Some(b"1".to_vec()))]);
    let memory = grow(&[
        Changes::new(),
        Changes::new(),
        some,
        Changes::new(),
        Changes::from([(b"b".to_vec(), None)]),
        Changes::new(),
    ]);
    assert_eq!(root(&memory, 0), EMPTY_ROOT);
    assert_eq!(root(&memory, 1), EMPTY_ROOT);
    let full = root(&memory, 2);
    assert_ne!(full, EMPTY_ROOT);
    for height in 3..6 {
        assert_eq!(root(&memory, height), full);
        let proved = prove(&memory, height, b"a");
        assert_eq!(verify(&full, b"a", Some(b"1"), &proved.proof), Ok(()));
    }
}

#[test]
fn absence_in_an_empty_tree_is_believed_against_the_empty_root_alone() {
    let memory = grow(&[
        Changes::new(),
        Changes::from([(b"a".to_vec(), Some(b"1".to_vec()))]),
    ]);
    let proved = prove(&memory, 0, b"b");
    assert_eq!(verify(&EMPTY_ROOT, b"b", None, &proved.proof), Ok(()));
    assert_eq!(
        verify(&EMPTY_ROOT, b"c", None, &proved.proof),
        Err(ProofError::OtherKey)
    );
    assert_eq!(
        verify(&root(&memory, 1), b"b", None, &proved.proof),
        Err(ProofError::Root)
    );
}

/// So many that their pages are read before their turn, and then so many that they are read subtree by subtree.
#[test]
fn many_changes_make_the_tree_of_their_content() {
    let key = |n: u32| format!("key/{n}").into_bytes();
    let mut drawn = 0u64;
    let mut random = || {
        drawn += 1;
        let [a, b, c, d, ..] = blake3(&[&drawn.to_be_bytes()]);
        u32::from_be_bytes([a, b, c, d])
    };
    let blocks: Vec<Changes> = [300, 1, 127, 128, 700, 20_000, 8_192, 9_000, 500]
        .map(|count| {
            let change = |_| {
                let value = random();
                let value = (value % 3 > 0).then(|| value.to_be_bytes().to_vec());
                (key(random() % 30_000), value)
            };
            (0..count).map(change).collect()
        })
        .into();
    let memory = grow(&blocks);
    for (height, model) in (0..).zip(models(&blocks)) {
        assert_eq!(root(&memory, height), root_of(&model), "height {height}");
    }
}

/// Among so many keys some share the first 30 bits of their hashes, and so a chain of pages.
#[test]
fn keys_whose_hashes_begin_alike_are_told_apart() {
    let mut hashed: Vec<(Hash, Vec<u8>)> = (0..1u32 << 17)
        .map(|n| {
            let key = format!("key/{n}").into_bytes();
            (hash::of_key(&key), key)
        })
        .collect();
    hashed.sort_unstable();
    let prefix = |pair: &[(Hash, Vec<u8>)]| {
        let first = |at: usize| u64::from_be_bytes(pair[at].0[..8].try_into().unwrap());
        (first(0) ^ first(1)).leading_zeros()
    };
    let closest = hashed.windows(2).max_by_key(|pair| prefix(pair)).unwrap();
    assert!(prefix(closest) >= 24, "some pair is close");
    let [(_, one), (_, other)] = closest else {
        unreachable!("a window of two")
    };
    let put = |key: &Vec<u8>, value: &[u8]| Changes::from([(key.clone(), Some(value.to_vec()))]);
    let blocks = [
        put(one, b"1"),
        put(other, b"2"),
        put(one, b"3"),
        Changes::from([(one.clone(), None)]),
        put(one, b"4"),
        Changes::from([(one.clone(), None), (other.clone(), None)]),
    ];
    let memory = grow(&blocks);
    for (height, model) in (0..).zip(models(&blocks)) {
        let root = root(&memory, height);
        assert_eq!(root, root_of(&model));
        for key in [one, other] {
            let proved = prove(&memory, height, key);
            assert_eq!(proved.value.as_ref(), model.get(key));
            assert_eq!(
                verify(&root, key, proved.value.as_deref(), &proved.proof),
                Ok(())
            );
            assert!(model.is_empty() || by_stock_verifier(&root, key, &proved));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_snapshot_is_imported_in_any_slices(
        content in btree_map(a_key(), vec(any::<u8>(), 1..40), 0..40),
        slices in vec(0..4usize, 40),
        next in a_block(),
    ) {
        let mut memory = Memory::new();
        let mut cache = Cache::new();
        let mut import_slice = |entries: Changes| {
            let update = import(&mut cache, &memory, 7, &entries);
            memory.write_slice(entries, &update.writes, 7);
            update.root
        };
        let mut root = EMPTY_ROOT;
        for slice in 0..4 {
            let chosen = content.iter().zip(&slices).filter(|(_, of)| **of == slice);
            root = import_slice(chosen.map(|((key, value), _)| (key.clone(), Some(value.clone()))).collect());
        }
        prop_assert_eq!(root, root_of(&content));
        for key in content.keys() {
            let proved = prove(&memory, 7, key);
            prop_assert_eq!(verify(&root, key, content.get(key).map(Vec::as_slice), &proved.proof), Ok(()));
        }
        prop_assert!(!is_kept(&memory, 6));

        let update = apply_cached(&mut cache, &memory, 8, &next);
        let mut after = content;
        for (key, change) in &next {
            match change {
                Some(value) => after.insert(key.clone(), value.clone()),
                None => after.remove(key),
            };
        }
        prop_assert_eq!(update.root, root_of(&after));
        memory.write_slice(next, &update.writes, 8);
        let pruned = prune(&memory, 8, &|_| false, 10_000);
        prop_assert!(pruned.finished);
    }
}

#[test]
fn the_page_on_proof_files_shows_what_is_proved() {
    let page = include_str!("../../../docs/proof-file.md");
    let content = [("a", "1"), ("b", "2"), ("c", "3")];
    let content = content.map(|(key, value)| (key.into(), Some(value.into())));
    let memory = grow(&[Changes::from(content)]);
    let shown = [
        root(&memory, 0).to_vec(),
        prove(&memory, 0, b"a").proof,
        prove(&memory, 0, b"d").proof,
    ];
    for bytes in shown {
        let line: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(page.lines().any(|shown| shown == line), "{line}");
    }
    for text in [EMPTY_ROOT, hash::LEAF] {
        let text = String::from_utf8(text.to_vec()).unwrap();
        assert!(page.contains(&text), "{text}");
    }
    assert!(page.contains("at most 4,259,840 bytes"));
    assert_eq!(PROOF_BYTES_MAX, 4_259_840);
}
