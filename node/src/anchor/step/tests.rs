//! Chains whose validators change, before the main chain's own judgement.

use std::time::Duration;

use starfire_crosschain::anchor::Submit;
use starfire_crosschain::chain::{Registration, Validator, load};
use starfire_crosschain::path;
use starfire_did::{KeyAlgorithm, PrivateKey, PublicKey};
use starfire_state::{Batch, Changes, Env, Memory, Overlay, Store};
use tendermint::block::header::Version;
use tendermint::block::{CommitSig, Header, Height, Id, Round, parts};
use tendermint::vote::{Power, Type, ValidatorIndex, Vote};
use tendermint::{AppHash, Hash, Signature, Time};

use super::*;

const GENESIS_SECONDS: i64 = 1_795_000_000;

/// Who decides which height: seeds of keys with their powers.
type Powers = fn(u64) -> Vec<(u8, u32)>;

fn key(seed: u8) -> PrivateKey {
    PrivateKey::generate([seed; 32], KeyAlgorithm::Ed25519)
}

fn raw_key(key: &PrivateKey) -> [u8; 32] {
    let PublicKey::Ed25519(raw) = key.public() else {
        unreachable!("test keys are Ed25519")
    };
    raw
}

fn tendermint_key(seed: u8) -> tendermint::PublicKey {
    tendermint::PublicKey::from_raw_ed25519(&raw_key(&key(seed))).unwrap()
}

fn validator_set(powers: &[(u8, u32)]) -> validator::Set {
    let infos = powers
        .iter()
        .map(|(seed, power)| validator::Info::new(tendermint_key(*seed), Power::from(*power)));
    validator::Set::without_proposer(infos.collect())
}

fn encode(set: &validator::Set) -> Vec<u8> {
    Protobuf::<raw::ValidatorSet>::encode_vec(set.clone())
}

fn time(height: u64) -> Time {
    let seconds = GENESIS_SECONDS + i64::try_from(height).unwrap();
    Time::from_unix_timestamp(seconds, 0).unwrap()
}

fn header_at(powers: Powers, height: u64) -> Header {
    let set = validator_set(&powers(height));
    Header {
        version: Version { block: 11, app: 1 },
        chain_id: "starfire-by01-1".parse().unwrap(),
        height: Height::try_from(height).unwrap(),
        time: time(height),
        last_block_id: None,
        last_commit_hash: None,
        data_hash: None,
        validators_hash: set.hash(),
        next_validators_hash: validator_set(&powers(height + 1)).hash(),
        consensus_hash: Hash::Sha256([3; 32]),
        app_hash: AppHash::try_from(vec![4; 32]).unwrap(),
        last_results_hash: None,
        evidence_hash: None,
        proposer_address: set.validators()[0].address,
    }
}

/// Signed by all but whoever has the lowest seed, who is there the longest.
fn commit_at(powers: Powers, header: &Header) -> raw::Commit {
    let powers = powers(header.height.value());
    let oldest = powers.iter().map(|(seed, _)| *seed).min();
    let block_id = Id {
        hash: header.hash(),
        part_set_header: parts::Header::new(1, Hash::Sha256([7; 32])).unwrap(),
    };
    let sign = |(index, info): (usize, &validator::Info)| {
        let mut seeds = powers.iter().map(|(seed, _)| *seed);
        let seed = seeds.find(|seed| tendermint_key(*seed) == info.pub_key);
        if seed == oldest {
            return CommitSig::BlockIdFlagAbsent;
        }
        let vote = Vote {
            vote_type: Type::Precommit,
            height: header.height,
            round: Round::from(0_u8),
            block_id: Some(block_id),
            timestamp: Some(header.time),
            validator_address: info.address,
            validator_index: ValidatorIndex::try_from(index).unwrap(),
            signature: None,
            extension: Vec::new(),
            extension_signature: None,
        };
        let bytes = key(seed.unwrap()).sign(&vote.into_signable_vec(header.chain_id.clone()));
        CommitSig::BlockIdFlagCommit {
            validator_address: info.address,
            timestamp: header.time,
            signature: Some(Signature::try_from(bytes).unwrap()),
        }
    };
    let set = validator_set(&powers);
    let commit = Commit {
        height: header.height,
        round: Round::from(0_u8),
        block_id,
        signatures: set.validators().iter().enumerate().map(sign).collect(),
    };
    commit.into()
}

/// A node that came to `newest` by a snapshot: it has that block and that state, and nothing before.
fn node_at(powers: Powers, newest: u64) -> Memory {
    let mut state = Changes::new();
    let mut put = |path: Vec<u8>, value: Vec<u8>| state.insert(path, Some(value));
    let encoded = |height| encode(&validator_set(&powers(height)));
    put(key::VALIDATORS_LAST.to_vec(), encoded(newest));
    put(key::VALIDATORS.to_vec(), encoded(newest + 1));
    for height in (1..=newest).filter(|height| powers(*height) != powers(height + 1)) {
        let header = header_at(powers, height);
        let commit = commit_at(powers, &header).encode_to_vec();
        let change = v1::ValidatorChange {
            header: Protobuf::<raw::Header>::encode_vec(header),
            commit: if height < newest { commit } else { Vec::new() },
            next_validators: encoded(height + 1),
        };
        put(key::validator_change(height), change.encode_to_vec());
    }
    let mut memory = Memory::new();
    for height in 0..newest {
        let nothing = Batch {
            height,
            ..Batch::default()
        };
        memory.commit(nothing).unwrap();
    }
    let header = header_at(powers, newest);
    let block = v1::Block {
        header: Protobuf::<raw::Header>::encode_vec(header.clone()),
        ..v1::Block::default()
    };
    let last = Batch {
        height: newest,
        changes: state,
        block: block.encode_to_vec(),
        commit: commit_at(powers, &header).encode_to_vec(),
        ..Batch::default()
    };
    memory.commit(last).unwrap();
    memory
}

/// The main chain's record of the sub-chain, which may have validators of any seed.
fn register<'a>(powers: Powers, before: &'a dyn View) -> Overlay<'a> {
    let mut state = Overlay::new(before);
    let validator = |(seed, power): &(u8, u32)| Validator {
        public_key: raw_key(&key(*seed)),
        power: u64::from(*power),
        owner: "one".to_owned(),
    };
    let registration = Registration {
        chain_code: "by01".to_owned(),
        chain_id: "starfire-by01-1".to_owned(),
        name: "by01".to_owned(),
        genesis_hash: [4; 32],
        genesis_time_ms: GENESIS_SECONDS * 1000,
        validators: powers(1).iter().map(validator).collect(),
        gateways: vec![gateway()],
        resolvers: Vec::new(),
    };
    registration.write(&mut state).unwrap();
    for seed in 0..=u8::MAX {
        let address = tendermint::account::Id::from(tendermint_key(seed));
        let registered = v1::RegisteredValidator {
            public_key: raw_key(&key(seed)).to_vec(),
            owner: "one".to_owned(),
        };
        state.put_record(path::validator("by01", &address), &registered);
    }
    state
}

fn gateway() -> String {
    key(99).public().address(None).to_string()
}

fn show(main: &mut Overlay<'_>, trusted_height: u64, step: Step) -> Result<(), &'static str> {
    let message = v1::AnchorSubmit {
        chain_code: "by01".to_owned(),
        trusted_height,
        signed_header: step.signed_header,
        validators: step.validators,
        next_validators: step.next_validators,
        trusted_next_validators: step.trusted_next_validators,
    };
    let env = Env {
        chain: v1::ChainRecord::default(),
        height: 100,
        time: (time(step.height) + Duration::from_secs(5)).unwrap(),
        sender: gateway(),
        member: None,
    };
    let anchored = Submit::try_from(message).and_then(|submit| submit.apply(main, &env));
    anchored.map_err(|rejection| rejection.code.name)
}

/// Anchors these heights, one after another, each from the one before; the heights that were shown on the way.
fn anchor(powers: Powers, heights: &[u64]) -> Vec<u64> {
    let nothing = Memory::new();
    let before = nothing.state_at(0);
    let mut main = register(powers, &*before);
    let genesis = encode(&validator_set(&powers(1)));
    let mut shown = Vec::new();
    let mut anchored = 0;
    for newest in heights {
        let node = node_at(powers, *newest);
        while anchored < *newest {
            let step = towards(&node, &genesis, anchored, *newest);
            let height = step.height;
            assert_eq!(
                show(&mut main, anchored, step),
                Ok(()),
                "{anchored} to {height}"
            );
            assert_eq!(load(&main, "by01").unwrap().latest_height, height);
            shown.push(height);
            anchored = height;
        }
    }
    shown
}

#[test]
fn a_chain_whose_validators_stay_is_anchored_at_its_newest_height() {
    let stay: Powers = |_| vec![(1, 10), (2, 10), (3, 10), (4, 10)];
    assert_eq!(anchor(stay, &[1, 2, 9, 20]), [1, 2, 9, 20]);
}

#[test]
fn a_chain_whose_powers_change_is_anchored_at_every_moment_of_it() {
    let change: Powers = |height| {
        let more = if height < 6 { 10 } else { 12 };
        vec![(1, 10), (2, 10), (3, 10), (4, more)]
    };
    // Height 5 announces the change, and 6 is the first that the new powers decide.
    for heights in [
        &[3, 4, 5, 6, 7, 8][..],
        &[3, 8],
        &[4, 6],
        &[5, 9],
        &[5],
        &[6],
        &[9, 12],
    ] {
        assert_eq!(anchor(change, heights), heights);
    }
}

#[test]
fn a_chain_whose_validators_are_all_replaced_is_anchored_by_steps() {
    // Every fifth height one of four gives way, so that none is left after 20.
    let replace: Powers = |height| {
        let first = u8::try_from((height - 1) / 5).unwrap();
        (first..first + 4).map(|seed| (seed, 10)).collect()
    };
    let node = node_at(replace, 62);
    let genesis = encode(&validator_set(&replace(1)));
    let newest = Step {
        height: 62,
        ..towards(&node, &encode(&validator_set(&replace(62))), 61, 62)
    };
    let nothing = Memory::new();
    let before = nothing.state_at(0);
    let refused = show(
        &mut register(replace, &*before),
        0,
        Step {
            trusted_next_validators: genesis,
            ..newest
        },
    );
    assert_eq!(refused, Err("ANCHOR_NOT_ENOUGH_TRUST"));

    let shown = anchor(replace, &[62]);
    assert!(shown.len() > 4, "{shown:?}");
    let (last, steps) = shown.split_last().unwrap();
    assert_eq!(*last, 62);
    assert!(
        steps.iter().all(|height| height % 5 == 0),
        "each announces a change: {shown:?}"
    );
    // At an anchor of any height, and to any height.
    for anchored in 1..31 {
        assert_eq!(anchor(replace, &[anchored, 31]).last(), Some(&31));
    }
}

#[test]
fn steps_lead_past_more_changes_than_are_looked_at_for_one() {
    let replace: Powers = |height| {
        let first = u8::try_from(height).unwrap();
        (first..first + 4).map(|seed| (seed, 10)).collect()
    };
    let newest = u64::try_from(CHANGES_MAX).unwrap() * 2 + 9;
    assert_eq!(anchor(replace, &[newest]).last(), Some(&newest));
    // The same for a node that begins late.
    assert_eq!(anchor(replace, &[newest - 9, newest]).last(), Some(&newest));
}
