//! Each safety switch bites, and lets go when it is safe: records that are damaged, lost or old; a key that two nodes have; a
//! state that is not the chain's; validators that are dead or break the rules.

use starfire_consensus::message::{Message, Unsigned};
use starfire_consensus::misbehaviour::Misbehaviour;
use starfire_consensus::quorum::Justification;
use starfire_consensus::safety::{SafetyRecord, WATCH_HEIGHTS, WIPED_SILENCE_HEIGHTS};
use starfire_node::replica::{Replica, ReplicaInput};
use starfire_proto::v1::CommittedBlock;
use starfire_state::{Archive, Batch, Memory, SafetyBlocks, Store};
use starfire_tests::quartet::Quartet;
use starfire_tests::world::World;
use tendermint::block::{CommitSig, Height, Id, Round, parts};
use tendermint::vote::{Type, ValidatorIndex, Vote};
use tendermint::{Hash, Signature, account};
use tendermint_proto::v0_38::types::Commit as RawCommit;

/// Of the simulated world.
const TERM_HEIGHTS: u64 = 8;

fn address(world: &World, validator: usize) -> account::Id {
    world.signer(validator).address()
}

fn code(silences: &[String]) -> Vec<&str> {
    let codes = silences.iter().map(|reason| reason.split(':').next());
    codes.map(Option::unwrap).collect()
}

fn signatures(replica: &Replica, height: u64) -> usize {
    let (_, commit) = replica.archive().block(height).unwrap();
    let commit = <RawCommit as prost::Message>::decode(commit.as_slice()).unwrap();
    let commit = tendermint::block::Commit::try_from(commit).unwrap();
    let present = |place: &&CommitSig| !place.is_absent();
    commit.signatures.iter().filter(present).count()
}

#[test]
fn a_damaged_record_keeps_the_node_from_starting_and_is_not_taken_for_a_lost_one() {
    let world = World::new(4);
    let mut quartet = Quartet::new(&world);
    quartet.run_to(2, 3);
    let good = quartet.kill(2);
    let record = good.safety().unwrap();
    for at in [0, 1, 20, 40, record.len() - 1] {
        let mut disk = good.clone();
        let mut bytes = record.clone();
        bytes[at] ^= 0x10;
        disk.save_safety(&bytes, &SafetyBlocks::new()).unwrap();
        quartet.members[2].disk.put(disk);
        let error = quartet.start(2).unwrap_err();
        assert_eq!(error.code(), "SAFETY_RECORD", "byte {at}");
        quartet.members[2].disk.take();
    }
    let mut torn = good.clone();
    torn.save_safety(&record[..record.len() / 2], &SafetyBlocks::new())
        .unwrap();
    quartet.members[2].disk.put(torn);
    assert_eq!(quartet.start(2).unwrap_err().code(), "SAFETY_RECORD");
    quartet.members[2].disk.put(good);
    quartet.start(2).unwrap();
    quartet.run_to(2, 6);
}

#[test]
fn a_node_that_may_speak_amid_the_blocks_of_one_answer_speaks_after_the_last() {
    let world = World::new(4);
    let mut quartet = Quartet::new(&world);
    quartet.run_to(3, 3);
    let disk = quartet.kill(3);
    quartet.run_to(0, 9);
    let source = quartet.replica(0).archive();
    let blocks: Vec<CommittedBlock> = (1..=source.height().unwrap())
        .map(|height| {
            let (block, commit) = source.block(height).unwrap();
            CommittedBlock { block, commit }
        })
        .collect();
    quartet.members[3].disk.put(disk);
    quartet.start(3).unwrap();
    let validator = address(&world, 0);
    quartet.tell(
        3,
        ReplicaInput::Height {
            validator,
            height: 6,
        },
    );
    quartet.tell(3, ReplicaInput::Blocks(blocks));
    quartet.kill(2);
    let goal = quartet.replica(0).height() + 3;
    quartet.run_to(0, goal);
}

#[test]
fn a_wiped_node_is_silent_until_it_cannot_contradict_itself_and_then_votes() {
    let world = World::new(4);
    let mut quartet = Quartet::new(&world);
    quartet.run_to(1, 4);
    quartet.kill(1);
    let before = quartet.members[1].signed;
    quartet.members[1].disk.put(Memory::new());
    quartet.start(1).unwrap();
    assert_eq!(
        code(&[quartet.replica(1).silence().unwrap()]),
        ["SAFETY_RECORD_LOST"]
    );
    let at_least = quartet.replica(0).height() + WIPED_SILENCE_HEIGHTS + WATCH_HEIGHTS;
    quartet.run_to(1, at_least - 1);
    assert_eq!(
        quartet.members[1].signed, before,
        "not a word before height {at_least}"
    );
    let voted = quartet.run(120, |quartet| quartet.members[1].signed > before);
    assert!(voted && quartet.replica(1).votes());
    assert!(quartet.members[1].silences.is_empty());
}

#[test]
fn a_chain_without_its_record_is_a_wiped_node_too() {
    let world = World::new(4);
    let mut quartet = Quartet::new(&world);
    quartet.run_to(0, 2);
    let follower = quartet.add(1);
    quartet.members[follower].disk.put(Memory::new());
    quartet.start_as(follower, false).unwrap();
    quartet.run_to(follower, 4);
    quartet.kill(1);
    let disk = quartet.kill(follower);
    assert!(disk.safety().is_none() && disk.height() >= Some(4));
    quartet.members[1].disk.put(disk);
    let before = quartet.members[1].signed;
    quartet.start(1).unwrap();
    assert_eq!(
        code(&[quartet.replica(1).silence().unwrap()]),
        ["SAFETY_RECORD_LOST"]
    );
    quartet.run_to(1, 7);
    assert_eq!(quartet.members[1].signed, before);
}

#[test]
fn a_backup_that_was_put_back_is_noticed_by_the_first_block_that_it_lacks() {
    let world = World::new(4);
    let mut quartet = Quartet::new(&world);
    quartet.run_to(3, 3);
    let backup = quartet.kill(3);
    quartet.members[3].disk.put(backup.clone());
    quartet.start(3).unwrap();
    quartet.run_to(3, 9);
    quartet.kill(3);
    let before = quartet.members[3].signed;
    quartet.members[3].disk.put(backup);
    quartet.start(3).unwrap();
    quartet.run_to(3, 11);
    assert_eq!(code(&quartet.members[3].silences), ["SAFETY_RECORD_LOST"]);
    assert_eq!(
        quartet.members[3].signed, before,
        "it signs nothing before it knows"
    );
    let voted = quartet.run(120, |quartet| quartet.members[3].signed > before);
    assert!(voted, "and votes again when that is safe");
    assert!(
        quartet.members[..3]
            .iter()
            .all(|member| member.silences.is_empty())
    );
}

#[test]
fn what_a_silent_node_found_outlives_a_restart() {
    let world = World::new(4);
    let mut quartet = Quartet::new(&world);
    quartet.run_to(3, 3);
    let backup = quartet.kill(3);
    quartet.members[3].disk.put(backup.clone());
    quartet.start(3).unwrap();
    quartet.run_to(3, 8);
    quartet.kill(3);
    quartet.members[3].disk.put(backup);
    quartet.start(3).unwrap();
    assert!(quartet.run(60, |quartet| !quartet.members[3].silences.is_empty()));
    let disk = quartet.kill(3);
    let stored = SafetyRecord::decode(&disk.safety().unwrap(), |_| None).unwrap();
    assert!(stored.is_lost());
    quartet.members[3].disk.put(disk);
    quartet.start(3).unwrap();
    assert!(quartet.replica(3).silence().is_some());
}

#[test]
fn a_second_node_with_the_same_key_never_signs_and_says_why() {
    let world = World::new(4);
    let mut quartet = Quartet::new(&world);
    quartet.run_to(0, 3);
    let second = quartet.add(3);
    quartet.start(second).unwrap();
    let noticed = quartet.run(300, |quartet| quartet.members[second].silences.len() == 2);
    assert!(noticed, "{:?}", quartet.members[second].silences);
    assert_eq!(
        code(&quartet.members[second].silences),
        ["SAFETY_RECORD_LOST", "KEY_IN_USE_ELSEWHERE"]
    );
    let height = quartet.replica(second).height();
    quartet.run_to(second, height + 5);
    assert_eq!(quartet.members[second].signed, 0);
    assert!(!quartet.replica(second).votes());
    assert!(quartet.replica(3).votes(), "the first one goes on");
}

#[test]
fn a_node_whose_state_is_not_the_chains_stops_and_the_others_go_on() {
    let world = World::new(4);
    let mut quartet = Quartet::stopped(&world);
    let mut other = Memory::new();
    let mut changes = world.genesis.changes().clone();
    changes.insert(b"chance".to_vec(), Some(vec![1]));
    let tree = starfire_state::tree::apply(&other, 0, &changes).writes;
    other
        .commit(Batch {
            changes,
            tree,
            ..Batch::default()
        })
        .unwrap();
    other
        .save_safety(&SafetyRecord::default().encode(), &SafetyBlocks::new())
        .unwrap();
    quartet.members[3].disk.put(other);
    for node in 0..4 {
        quartet.start(node).unwrap();
    }
    quartet.run_to(0, 5);
    assert_eq!(code(&quartet.members[3].silences), ["STATE_DIVERGED"]);
    assert_eq!(quartet.replica(3).height(), 0);
    assert!(!quartet.replica(3).votes());
}

#[test]
fn a_dead_validator_costs_one_round_and_then_loses_its_turns_until_it_is_back() {
    let world = World::new(4);
    let mut quartet = Quartet::new(&world);
    quartet.run_to(0, 2);
    let dead = quartet.chain[&2].proposer;
    let node = (0..4).find(|node| address(&world, *node) == dead).unwrap();
    let alive = (node + 1) % 4;
    let disk = quartet.kill(node);
    let last = 2 + 5 * 4 * TERM_HEIGHTS;
    quartet.run_to(alive, last);
    let failed: Vec<u64> = quartet
        .chain
        .values()
        .filter(|block| block.round > 0)
        .map(|block| block.height)
        .collect();
    assert_eq!(failed, [3], "it was the proposer when it died");
    let stored = quartet.replica(alive).archive().justification(3).unwrap();
    let shown = Justification::decode(&stored).unwrap();
    assert_eq!(shown.timeout_certificate.round, 0);

    quartet.members[node].disk.put(disk);
    quartet.start(node).unwrap();
    let back = quartet.run(600, |quartet| {
        quartet
            .chain
            .range(last..)
            .any(|(_, block)| block.proposer == dead)
    });
    assert!(back, "whoever signs again is in turn again");
}

#[test]
fn late_precommits_end_in_the_stored_commit_of_every_node() {
    let world = World::new(4);
    let mut quartet = Quartet::new(&world);
    quartet.run_to(0, 12);
    for node in 0..4 {
        let replica = quartet.replica(node);
        let full = (1..replica.height()).filter(|height| signatures(replica, *height) == 4);
        assert_eq!(full.count() as u64, replica.height() - 1, "node {node}");
    }
}

/// Two votes of one validator in one round.
fn double_vote(world: &World, validator: usize, replica: &Replica) -> Misbehaviour {
    let (height, signer) = (replica.height() + 1, world.signer(validator));
    let set = replica.validators().validators();
    let index = set
        .iter()
        .position(|info| info.address == signer.address())
        .unwrap();
    let vote = |hash| {
        let vote = Vote {
            vote_type: Type::Prevote,
            height: Height::try_from(height).unwrap(),
            round: Round::default(),
            block_id: Some(Id {
                hash: Hash::Sha256([hash; 32]),
                part_set_header: parts::Header::new(1, Hash::Sha256([hash; 32])).unwrap(),
            }),
            timestamp: Some(world.genesis.time()),
            validator_address: signer.address(),
            validator_index: ValidatorIndex::try_from(index).unwrap(),
            signature: None,
            extension: Vec::new(),
            extension_signature: None,
        };
        let bytes = Unsigned::Vote(vote.clone()).sign_bytes(world.genesis.chain_id());
        Vote {
            signature: Some(Signature::try_from(signer.sign(&bytes).as_slice()).unwrap()),
            ..vote
        }
    };
    Misbehaviour::DuplicateVote(vote(1), vote(2))
}

#[test]
fn a_proof_is_checked_kept_and_passed_on_once() {
    let world = World::new(4);
    let mut quartet = Quartet::new(&world);
    quartet.run_to(0, 3);
    let proof = double_vote(&world, 3, quartet.replica(0));
    let mut forged = proof.clone();
    if let Misbehaviour::DuplicateVote(one, two) = &mut forged {
        one.signature = two.signature.clone();
    }
    for _ in 0..2 {
        quartet.inject(0, 1, Message::Misbehaviour(Box::new(forged.clone())));
        quartet.inject(0, 1, Message::Misbehaviour(Box::new(proof.clone())));
    }
    quartet.run_to(0, 6);
    for node in 0..3 {
        let kept = quartet.replica(node).archive().misbehaviours();
        assert_eq!(kept, [proof.encode()], "node {node}");
        assert_eq!(quartet.members[node].misbehaviours, 1, "node {node}");
    }
    let disk = quartet.kill(1);
    assert_eq!(disk.misbehaviours().len(), 1);
    assert_eq!(
        code(&quartet.members[3].silences),
        ["KEY_IN_USE_ELSEWHERE"],
        "the accused knows that it was not it"
    );
}

#[test]
fn a_validators_word_counts_only_from_its_own_node() {
    let world = World::new(4);
    let mut quartet = Quartet::new(&world);
    quartet.run_to(0, 2);
    let Misbehaviour::DuplicateVote(one, two) = double_vote(&world, 3, quartet.replica(0)) else {
        unreachable!("two votes")
    };
    quartet.inject(0, 1, Message::Vote(one));
    quartet.inject(0, 1, Message::Vote(two));
    quartet.run_to(0, 3);
    assert_eq!(quartet.members[0].misbehaviours, 0, "another node's word");
    let Misbehaviour::DuplicateVote(one, two) = double_vote(&world, 3, quartet.replica(0)) else {
        unreachable!("two votes")
    };
    quartet.inject(0, 3, Message::Vote(one));
    quartet.inject(0, 3, Message::Vote(two));
    quartet.run_to(0, 4);
    assert_eq!(quartet.members[0].misbehaviours, 1);
}

#[test]
fn blocks_that_a_failing_disk_takes_with_it_come_again_and_nobody_was_told_of_them() {
    let mut lost = 0;
    for (node, writes) in (0..2).flat_map(|node| (0..12).map(move |writes| (node, writes))) {
        let world = World::new(4);
        let mut quartet = Quartet::new(&world);
        quartet.run_to(node, 3);
        quartet.members[node].may_stall = true;
        quartet.members[node].disk.forget_on_failure(true);
        quartet.members[node].disk.fail_after(writes);
        let stalled = quartet.run(600, |quartet| quartet.members[node].stalled_at.is_some());
        assert!(stalled, "node {node} after {writes} writes");
        let (stood, stands) = (
            quartet.replica(node).height(),
            quartet.members[node].stalled_at,
        );
        let stands = stands.unwrap();
        assert!(quartet.members[node].told <= stands, "told of what is gone");
        lost += stood - stands;
        quartet.members[node].disk.recover();
        quartet.run_to(node, stood + 3);
        assert!(quartet.replica(node).votes());
        assert_eq!(quartet.members[node].told, quartet.replica(node).height());
    }
    assert!(lost > 0, "some failure comes between a block and its sync");
}
