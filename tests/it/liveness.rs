//! What must not hold a chain up: dead transactions, clocks that were set back, and a validator that is never done.

use std::time::Duration;

use starfire_node::replica::{Output, ReplicaInput, ReplicaTimer};
use starfire_tests::quartet::Quartet;
use starfire_tests::world::World;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[test]
fn transactions_that_can_no_longer_run_hold_up_nobody() {
    // More of them than a block has room for, and before all others.
    let world = World::with_small_blocks(4, 5);
    let mut quartet = Quartet::new(&world);
    let farewell = World::farewell(9);
    let other = world.transactions[0][0].clone();
    for node in 0..4 {
        quartet.tell(node, ReplicaInput::Transactions(farewell[1..].to_vec()));
        quartet.tell(node, ReplicaInput::Transactions(farewell[..1].to_vec()));
        quartet.tell(node, ReplicaInput::Transactions(vec![other.clone()]));
    }
    let run = quartet.run(2, |quartet| {
        let archive = quartet.replica(0).archive();
        archive.transaction(&other.hash).is_some()
    });
    assert!(run, "at height {}", quartet.replica(0).height());
    // Nothing can run any more: the chain rests until the heartbeat, and forgets what waits in vain.
    quartet.run(30, |_| false);
    let replica = quartet.replica(0);
    assert!(replica.height() < 20, "height {}", replica.height());
    assert!(replica.mempool().is_empty() || replica.mempool().candidates().next().is_none());
}

#[test]
fn clocks_that_are_all_set_back_a_day_do_not_hold_the_chain_up() {
    let world = World::new(4);
    let mut quartet = Quartet::new(&world);
    quartet.run_to(0, 3);
    quartet.set_clocks_back(DAY);
    for (sent, transaction) in world.transactions[0][..5].iter().enumerate() {
        for node in 0..4 {
            quartet.tell(node, ReplicaInput::Transactions(vec![transaction.clone()]));
        }
        let run = quartet.run(1, |quartet| {
            let archive = quartet.replica(0).archive();
            archive.transaction(&transaction.hash).is_some()
        });
        let replica = quartet.replica(0);
        let (height, round) = (replica.height(), replica.round());
        assert!(
            run,
            "transaction {sent} waits at height {height}, round {round}"
        );
    }
}

#[test]
fn a_validator_alone_comes_to_the_end_of_each_step_and_of_its_mempool() {
    let world = World::with_small_blocks(1, 1);
    let mut quartet = Quartet::new(&world);
    quartet.run_to(0, 1);
    let now = quartet.now();
    let replica = quartet.members[0].replica.as_mut().unwrap();
    let transactions = world.transactions[0][..8].to_vec();
    let mut input = ReplicaInput::Transactions(transactions);
    for _ in 0..8 {
        let outputs = replica.step(now, input);
        let blocks = |output: &&Output| matches!(output, Output::Committed(_));
        assert!(outputs.iter().filter(blocks).count() <= 2);
        let newest = replica.height() + 1;
        let again = outputs.iter().rev().find_map(|output| {
            let Output::Arm(ReplicaTimer::Heartbeat(height), after) = output else {
                return None;
            };
            (*height == newest).then_some((ReplicaTimer::Heartbeat(*height), *after))
        });
        let (timer, after) = again.expect("a height has a heartbeat");
        if replica.mempool().is_empty() {
            return;
        }
        assert_eq!(
            after,
            Duration::ZERO,
            "what waits does not wait for the heartbeat"
        );
        input = ReplicaInput::Timer(timer);
    }
    panic!("{} transactions still wait", replica.mempool().len());
}
