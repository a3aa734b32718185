//! Validator sets over several heights, and what state keeps of their changes.

use prost::Message;
use starfire_ledger::genesis::Profile;
use starfire_ledger::validators::Sets;
use starfire_proto::protocol::Operation;
use starfire_proto::protocol::operation::{Native, Type};
use starfire_proto::v1;
use starfire_proto::v1::motion_propose::Action;
use starfire_state::{key as path, record};
use tendermint::block::{Commit, Header};
use tendermint_proto::Protobuf;
use tendermint_proto::v0_38::types::{Commit as RawCommit, Header as RawHeader};

use crate::world::{World, address, pay};
fn operation(kind: Type, native: Native) -> Operation {
    Operation {
        r#type: kind.into(),
        native: Some(native),
        ..Default::default()
    }
}

fn set_power(name: &str, voting_power: u64) -> Operation {
    let action = Action::SetPower(v1::SetPower {
        address: address(name),
        voting_power,
    });
    let propose = v1::MotionPropose {
        action: Some(action),
    };
    operation(Type::MotionPropose, Native::MotionPropose(propose))
}

fn vote(motion: u64) -> Operation {
    let vote = v1::MotionVote {
        motion,
        approve: true,
    };
    operation(Type::MotionVote, Native::MotionVote(vote))
}

/// Proposes by north, with south's vote: one more adopts it.
fn almost_adopt(world: &mut World, motion: u64, propose: Operation) {
    assert_eq!(world.send("north", &["north"], vec![propose]).code, 0);
    assert_eq!(world.send("south", &["south"], vec![vote(motion)]).code, 0);
}

#[test]
fn the_motions_of_one_block_share_its_bound() {
    let mut world = World::new(Profile::Default);
    almost_adopt(&mut world, 1, set_power("north", 19));
    almost_adopt(&mut world, 2, set_power("south", 19));
    let both = world.sign("east", &["east"], vec![vote(1), vote(2)]);
    assert_eq!(world.commit(vec![both])[0].code, 0);
    let rejections = [1, 2].map(|id| {
        let motion = starfire_ledger::motion::load(world.state().as_ref(), id).unwrap();
        (motion.executed, motion.rejection)
    });
    assert_eq!(
        rejections,
        [
            (true, String::new()),
            (false, "VALIDATOR_CHANGE_TOO_LARGE".to_owned())
        ]
    );
    // The same again at another height is a step of its own.
    almost_adopt(&mut world, 3, set_power("south", 19));
    world.send("east", &["east"], vec![vote(3)]);
    let sets = Sets::load(world.state().as_ref());
    assert_eq!(sets.next.total_voting_power().value(), 58);
}

#[test]
fn a_change_leaves_the_header_and_commit_that_prove_it() {
    let mut world = World::new(Profile::Default);
    almost_adopt(&mut world, 1, set_power("west", 0));
    assert_eq!(world.send("east", &["east"], vec![vote(1)]).code, 0);
    let executed = world.height();
    let before = Sets::load(world.state().as_ref());
    assert_eq!(before.current, before.last);
    assert_ne!(before.next, before.current);

    // Header `executed + 1` announces the set; its block keeps the header, and the block after that the commit.
    let change = |world: &World| -> Option<v1::ValidatorChange> {
        record(
            world.state().as_ref(),
            &path::validator_change(executed + 1),
        )
    };
    assert!(change(&world).is_none());
    world.send("bank", &["bank"], vec![pay("alice", 1)]);
    assert!(change(&world).unwrap().commit.is_empty());
    world.send("bank", &["bank"], vec![pay("alice", 1)]);
    let change = change(&world).unwrap();
    let header = <Header as Protobuf<RawHeader>>::decode_vec(&change.header).unwrap();
    let commit = RawCommit::decode(change.commit.as_slice()).unwrap();
    let commit = Commit::try_from(commit).unwrap();
    assert_eq!(header.height.value(), executed + 1);
    assert_eq!(header.validators_hash, before.current.hash());
    assert_eq!(header.next_validators_hash, before.next.hash());
    assert_eq!(commit.height, header.height);
    assert_eq!(commit.block_id.hash, header.hash());
    let after = Sets::load(world.state().as_ref());
    assert_eq!(
        [&after.last, &after.current, &after.next],
        [&before.next; 3]
    );
    assert_eq!(
        world
            .state()
            .scan(path::VALIDATOR_CHANGES, None, usize::MAX)
            .len(),
        1
    );
}
