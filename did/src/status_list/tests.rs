//! A list's life, each refusal, and the list beside a plain vector of bits.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use starfire_proto::v1;
use starfire_state::{Rejection, View, record};

use super::*;
use crate::code;
use crate::fixture::{World, person};
use crate::path;

const NAME: &str = "revoked-2026";

fn message(purpose: &str, length: u64) -> v1::StatusListCreate {
    v1::StatusListCreate {
        name: NAME.into(),
        purpose: purpose.into(),
        length,
        ttl: 300,
    }
}

fn create(world: &mut World, message: v1::StatusListCreate) -> Result<(), Rejection> {
    let env = world.env(person(1).did);
    Create::try_from(message)?.apply(&mut world.state, &env)
}

fn update(world: &mut World, version: u64, set: &[u64], clear: &[u64]) -> Result<(), Rejection> {
    let env = world.env(person(1).did);
    let message = v1::StatusListUpdate {
        name: NAME.into(),
        expected_version: version,
        set: set.to_vec(),
        clear: clear.to_vec(),
    };
    Update::try_from(message)?.apply(&mut world.state, &env)
}

fn with(purpose: &str) -> World {
    let mut world = World::main();
    create(&mut world, message(purpose, LENGTH_MIN)).unwrap();
    world
}

fn stored(world: &World) -> v1::StatusListRecord {
    list(&world.state, &person(1).did, NAME).unwrap()
}

fn read(world: &World, index: u64) -> Option<bool> {
    bit(&world.state, &person(1).did, NAME, index)
}

#[track_caller]
fn refused(result: Result<(), Rejection>, code: starfire_state::Code) {
    assert_eq!(result.unwrap_err().code, code);
}

#[test]
fn a_bit_is_set_and_stays() {
    let mut world = with("revocation");
    assert_eq!(read(&world, 9), Some(false));
    update(&mut world, 1, &[9, LENGTH_MIN - 1], &[]).unwrap();
    let list = stored(&world);
    assert_eq!((list.version, list.length), (2, LENGTH_MIN));
    let set: Vec<_> = [8, 9, 10, LENGTH_MIN - 1]
        .map(|index| read(&world, index))
        .into();
    assert_eq!(set, [Some(false), Some(true), Some(false), Some(true)]);
    assert_eq!(read(&world, LENGTH_MIN), None);
    let bytes = bytes(&world.state, &person(1).did, NAME).unwrap();
    // The first bit is the highest of the first byte.
    assert_eq!((bytes[1], bytes.last()), (0b0100_0000, Some(&1)));
    assert_eq!(list.root, root(&bytes));

    refused(
        update(&mut world, 2, &[], &[9]),
        code::STATUS_LIST_REVOCATION_FINAL,
    );
    assert_eq!(read(&world, 9), Some(true));
}

#[test]
fn a_suspension_ends_and_leaves_nothing_in_state() {
    let mut world = with("suspension");
    let empty = stored(&world).root;
    update(&mut world, 1, &[9_000], &[]).unwrap();
    assert_ne!(stored(&world).root, empty);
    update(&mut world, 2, &[], &[9_000]).unwrap();
    assert_eq!(read(&world, 9_000), Some(false));
    assert_eq!(stored(&world).root, empty);
    let chunks = path::status_list_chunks(&person(1).did, NAME);
    assert_eq!(world.state.scan(&chunks, None, 10), []);
}

#[test]
fn each_mistake_has_its_code() {
    let mut world = with("message");
    refused(
        create(&mut world, message("message", LENGTH_MIN)),
        code::STATUS_LIST_EXISTS,
    );
    for wrong in [
        message("other", LENGTH_MIN),
        message("message", 0),
        message("message", LENGTH_MIN - CHUNK_BITS),
        message("message", LENGTH_MIN + 1),
        message("message", LENGTH_MAX + CHUNK_BITS),
        v1::StatusListCreate {
            name: "a/b".into(),
            ..message("message", LENGTH_MIN)
        },
        v1::StatusListCreate {
            ttl: TTL_MAX_SECONDS + 1,
            ..message("message", LENGTH_MIN)
        },
    ] {
        refused(create(&mut world, wrong), code::STATUS_LIST_INVALID);
    }
    for (set, clear) in [
        (vec![], vec![]),
        (vec![1, 1], vec![]),
        (vec![1], vec![1]),
        ((0..=4096).collect(), vec![]),
    ] {
        refused(
            update(&mut world, 1, &set, &clear),
            code::STATUS_LIST_INVALID,
        );
    }
    refused(
        update(&mut world, 2, &[1], &[]),
        code::STATUS_LIST_VERSION_CONFLICT,
    );
    refused(
        update(&mut world, 1, &[LENGTH_MIN], &[]),
        code::STATUS_LIST_OUT_OF_RANGE,
    );
    refused(
        update(&mut World::main(), 1, &[1], &[]),
        code::STATUS_LIST_NOT_FOUND,
    );
}

#[test]
fn a_proved_bit_is_of_its_own_list() {
    let mut world = with("revocation");
    update(&mut world, 1, &[9_000], &[]).unwrap();
    let issuer = person(1).did;
    let [header, chunk] = proof_paths(&issuer, NAME, 9_000);
    let header: v1::StatusListRecord = record(&world.state, &header).unwrap();
    let chunk: v1::StatusListChunk = record(&world.state, &chunk).unwrap();
    let proved = |index, chunk| proved_bit(&issuer, NAME, index, &header, chunk);
    assert_eq!(proved(9_000, Some(&chunk)), Some(true));
    assert_eq!(proved(9_001, Some(&chunk)), Some(false));
    assert_eq!(proved(0, None), Some(false));
    assert_eq!(proved(LENGTH_MIN, None), None);
    let short = v1::StatusListChunk { bits: vec![255] };
    assert_eq!(proved(9_000, Some(&short)), None);
    assert_eq!(proved_bit(&issuer, "other", 0, &header, None), None);
    let other = person(2).did;
    assert_eq!(proved_bit(&other, NAME, 0, &header, None), None);
}

#[test]
fn the_longest_list_is_read_whole() {
    let mut world = World::main();
    create(&mut world, message("revocation", LENGTH_MAX)).unwrap();
    update(&mut world, 1, &[0, LENGTH_MAX - 1], &[]).unwrap();
    let bytes = bytes(&world.state, &person(1).did, NAME).unwrap();
    assert_eq!(bytes.len() as u64, LENGTH_MAX / 8);
    assert_eq!((bytes[0], bytes.last()), (0x80, Some(&1)));
    assert_eq!(stored(&world).root, root(&bytes));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_list_is_a_vector_of_bits(
        updates in vec(btree_map(0..LENGTH_MIN, any::<bool>(), 1..20), 1..12),
        near in vec(btree_map(8_180..8_205_u64, any::<bool>(), 1..20), 1..12),
    ) {
        let mut world = with("suspension");
        let mut model = vec![false; usize::try_from(LENGTH_MIN).unwrap()];
        for (version, changes) in (1..).zip(updates.into_iter().chain(near)) {
            let pick = |wanted: bool| -> Vec<u64> {
                let picked = changes.iter().filter(|(_, set)| **set == wanted);
                picked.map(|(index, _)| *index).collect()
            };
            update(&mut world, version, &pick(true), &pick(false)).unwrap();
            for (index, set) in &changes {
                model[usize::try_from(*index).unwrap()] = *set;
            }
            for (index, _) in changes {
                let expected = model[usize::try_from(index).unwrap()];
                prop_assert_eq!(read(&world, index), Some(expected));
            }
        }
        let packed: Vec<u8> = model
            .chunks(8)
            .map(|bits| bits.iter().fold(0, |byte, bit| byte << 1 | u8::from(*bit)))
            .collect();
        let bytes = bytes(&world.state, &person(1).did, NAME).unwrap();
        prop_assert_eq!(&bytes, &packed);
        prop_assert_eq!(stored(&world).root, root(&packed).to_vec());
    }
}
