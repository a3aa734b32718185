//! The fast simulator's campaigns: seeds with faults and liars, each lie by itself, and Twins.
//!
//! `SEED=7` replays one seed, `SEEDS=100000` runs that many of each size, `SCENARIOS=0` runs every scenario of Twins. A failure
//! prints the seed or the scenario that shows it. `examples/seeds.rs` is the large campaign on every core.

use starfire_consensus::machine::Routing;
use starfire_tests::byzantine::LIES;
use starfire_tests::protocol::chain::Chain;
use starfire_tests::protocol::cluster::Report;
use starfire_tests::protocol::story::{Plot, run};
use starfire_tests::protocol::twins::{self, Space};

use crate::sim::{number, seeds};

/// Seeds of an ordinary run, for 4, 7 and 10 validators.
const SEEDS: [(u8, u64); 3] = [(4, 120), (7, 30), (10, 10)];
/// Seeds of each lie.
const SEEDS_PER_LIE: u64 = 8;
/// Scenarios of an ordinary run.
const SCENARIOS: u64 = 300;
/// After healing, the height in progress is decided within this many more rounds: f liars may be proposers one after another,
/// and the honest ones may have to meet in one round first.
fn rounds_max(validators: u8) -> u32 {
    u32::from(validators) + 2
}

fn check(chain: &mut Chain, plot: Plot) -> Report {
    match run(chain, plot) {
        Ok(report) => report,
        Err(violation) => panic!(
            "SEED={} of {} validators, lie {:?}: {}",
            plot.seed,
            chain.count(),
            plot.lie.map(|lie| lie.name),
            violation.0
        ),
    }
}

#[test]
fn consensus_is_safe_and_live_under_faults_of_network_disk_and_validators() {
    for (validators, ordinary) in SEEDS {
        let mut chain = Chain::new(validators);
        let (mut heights, mut crashes, mut rounds, mut convicted, mut refused) = (0, 0, 0, 0, 0);
        let range = seeds(ordinary);
        let count = range.end - range.start;
        for seed in range {
            let report = check(&mut chain, Plot { seed, lie: None });
            heights += report.height;
            crashes += report.counts.crashes;
            refused += report.counts.records_refused;
            convicted += report.convicted;
            rounds = report.rounds_to_progress.max(rounds);
        }
        println!(
            "{count} seeds of {validators} validators: {heights} heights, {crashes} crashes, {refused} damaged records \
             refused, {convicted} liars convicted, at most {rounds} rounds to progress after healing"
        );
        assert!(rounds <= rounds_max(validators), "{rounds} rounds");
    }
}

#[test]
fn equal_seeds_are_equal_stories_whatever_was_remembered_before() {
    let (mut fresh, mut used) = (Chain::new(4), Chain::new(4));
    let plot = |seed| Plot { seed, lie: None };
    for seed in 0..5 {
        check(&mut used, plot(seed));
    }
    let first = check(&mut fresh, plot(3));
    assert_eq!(first, check(&mut used, plot(3)));
    assert_ne!(first.trace, check(&mut used, plot(4)).trace);
}

#[test]
fn every_lie_leaves_the_rest_safe_and_live_and_is_convicted_where_it_can_be() {
    for (validators, share) in [(4, 1), (7, 2)] {
        let mut chain = Chain::new(validators);
        for lie in LIES {
            let mut convicted = 0;
            for seed in seeds((SEEDS_PER_LIE / share).max(1)) {
                let plot = Plot {
                    seed,
                    lie: Some(lie),
                };
                convicted += check(&mut chain, plot).convicted;
            }
            println!(
                "{validators} validators, {}: {convicted} convicted",
                lie.name
            );
            let one_seed = number("SEED").is_some();
            assert!(
                convicted > 0 || !lie.convicts || one_seed,
                "{} is never convicted",
                lie.name
            );
        }
    }
}

#[test]
fn no_partition_lets_a_twinned_validator_split_the_chain() {
    // Exhaustive: every partition of the five nodes into two groups, over four rounds. Sampled: any partition, over six.
    let (mut chain, wanted) = (Chain::new(4), number("SCENARIOS").unwrap_or(SCENARIOS));
    for (groups, slices, all) in [(2, 4, wanted == 0), (5, 6, false)] {
        let space = Space::new(groups, slices);
        let mut random = fastrand::Rng::with_seed(u64::from(slices));
        let sample = if wanted == 0 { 20_000 } else { wanted };
        let numbers: Box<dyn Iterator<Item = u64>> = if all {
            Box::new(0..space.count())
        } else {
            let count = space.count();
            Box::new(std::iter::repeat_with(move || random.u64(0..count)))
        };
        let chosen = numbers
            .filter_map(|number| Some((number, space.scenario(number)?)))
            .take(usize::try_from(if all { space.count() } else { sample }).unwrap());
        let (mut played, mut rounds) = (0u64, 0);
        for (number, scenario) in chosen {
            let routing = if number % 2 == 0 {
                Routing::Collector
            } else {
                Routing::Broadcast
            };
            match twins::run(&mut chain, &scenario, routing) {
                Ok(report) => rounds = report.rounds_to_progress.max(rounds),
                Err(violation) => panic!("{scenario:?} {routing:?}: {}", violation.0),
            }
            played += 1;
        }
        println!(
            "Twins: {} partitions, {slices} rounds: {played} of {} canonical scenarios ({} with mirror images), at most \
             {rounds} rounds to progress after healing",
            space.partitions(),
            space.canonical_count(),
            space.count()
        );
        assert!(!all || played == space.canonical_count());
    }
}
