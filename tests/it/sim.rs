//! Simulated chains under faults: agreement, validity, equal state, no double vote, and progress once healed.
//!
//! `SEED=7` replays one seed, `SEEDS=100000` runs that many. A failure prints the seed that shows it.

use starfire_tests::byzantine::LIES;
use starfire_tests::byzantine::invalid_block::{FIELDS, invalid_block};
use starfire_tests::cluster::{Report, run, run_with_churn, run_with_liar};
use starfire_tests::world::World;

/// Seeds of an ordinary run.
const SEEDS: u64 = 200;
/// Motions of a run whose validators change.
const MOTIONS: usize = 8;

pub(crate) fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| {
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is not a number: {text:?}"))
    })
}

pub(crate) fn seeds(ordinary: u64) -> std::ops::Range<u64> {
    match number("SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SEEDS").unwrap_or(ordinary),
    }
}

fn check(world: &World, seed: u64, twins: bool) -> Report {
    match run(world, seed, twins) {
        Ok(report) => report,
        Err(violation) => panic!("SEED={seed} twins={twins}: {}", violation.0),
    }
}

fn check_all(validators: u8, twins: bool, seeds: std::ops::Range<u64>) {
    let world = World::new(validators);
    let (mut heights, mut crashes, mut transactions, mut slowest) = (0, 0, 0, 0);
    let count = seeds.end - seeds.start;
    for seed in seeds {
        let report = check(&world, seed, twins);
        heights += report.height;
        crashes += report.crashes;
        transactions += report.transactions;
        slowest = report.healed_ms.max(slowest);
    }
    println!(
        "{count} seeds of {validators} validators (twins: {twins}): {heights} heights, {transactions} transactions, \
         {crashes} crashes; slowest healing {slowest} simulated ms"
    );
    assert!(
        transactions > 0 || count < 5,
        "the seeds commit transactions"
    );
    assert!(crashes > 0 || count < 5, "the seeds crash processes");
}

#[test]
fn four_validators_keep_every_rule_under_faults() {
    check_all(4, false, seeds(SEEDS));
}

#[test]
fn four_validators_one_of_them_with_a_twin_keep_every_rule() {
    check_all(4, true, seeds(SEEDS / 4));
}

#[test]
fn seven_validators_keep_every_rule_under_faults() {
    check_all(7, false, seeds(SEEDS / 20));
}

#[test]
fn members_and_validators_that_change_under_faults_keep_every_rule() {
    // Four begin, two may join, and each may rotate its key twice.
    let world = World::with_joiners(4, 2, 2);
    let seeds = seeds(SEEDS / 4);
    let count = seeds.end - seeds.start;
    let (mut heights, mut changes, mut left, mut crashes) = (0, 0, 0, 0);
    for seed in seeds {
        let report = match run_with_churn(&world, seed, MOTIONS) {
            Ok(report) => report,
            Err(violation) => panic!("SEED={seed} with motions: {}", violation.0),
        };
        heights += report.height;
        changes += report.set_changes;
        left += report.proposers_left;
        crashes += report.crashes;
    }
    println!(
        "{count} seeds with {MOTIONS} motions each: {heights} heights, {changes} changes of the set, {left} proposers that left, \
         {crashes} crashes"
    );
    assert!(left > 0 || count < 20, "some proposer is removed");
    assert!(crashes > 0 || count < 5, "the seeds crash processes");
}

#[test]
fn equal_seeds_give_equal_traces_and_other_seeds_other_ones() {
    let world = World::new(4);
    let seed = number("SEED").unwrap_or(3);
    let first = check(&world, seed, false);
    assert_eq!(first, check(&world, seed, false));
    assert_ne!(first.trace, check(&world, seed + 1, false).trace);
}

#[test]
fn a_proposer_with_any_one_wrong_header_field_is_refused_and_the_chain_goes_on() {
    let world = World::new(4);
    for (field, (name, _)) in FIELDS.iter().enumerate() {
        let seed = number("SEED").unwrap_or(field as u64);
        let liar = invalid_block(field);
        if let Err(violation) = run_with_liar(&world, seed, liar) {
            panic!("SEED={seed} wrong {name}: {}", violation.0);
        }
    }
}

#[test]
fn whole_replicas_withstand_every_lie() {
    let world = World::new(4);
    for (place, lie) in LIES.iter().enumerate() {
        let seed = number("SEED").unwrap_or(100 + place as u64);
        if let Err(violation) = run_with_liar(&world, seed, (lie.make)(seed)) {
            panic!("SEED={seed} {}: {}", lie.name, violation.0);
        }
    }
}
