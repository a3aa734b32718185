//! Twins: one validator runs twice with one key, and every partition of every slice of time is tried.
//!
//! A scenario is the place of the twinned validator in the order of proposers, and for each slice of time, as long as a round
//! takes, a partition of the five nodes into groups that do not hear each other. After the last slice the network is whole, and
//! the chain must go on. The two twins are alike, so a scenario and its mirror image are one: only the smaller is run.

use std::collections::{BTreeMap, BTreeSet};

use starfire_consensus::machine::Routing;

use super::chain::Chain;
use super::cluster::{Cast, Cluster, Pace, Report};
use super::network::{Event, Node, Weather};
use crate::violation::Violation;

/// Honest validators and the two twins.
const NODES: usize = 5;
/// The twins.
const TWINS: [Node; 2] = [3, 4];
/// How long a slice lasts: a round's timeout, and a few deliveries.
const SLICE_MS: u64 = 110;
const TIMEOUT_MS: u64 = 100;
const HEALING_MS_MAX: u64 = 20_000;

/// Which group each node is in.
type Partition = [u8; NODES];

/// A place of the twin and a partition for each slice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scenario {
    /// Place of the twinned validator in the set, which is the order of proposers.
    pub twin: usize,
    /// One for each slice.
    pub partitions: Vec<Partition>,
}

/// All scenarios of a number of slices, numbered.
#[derive(Debug, Clone)]
pub struct Space {
    partitions: Vec<Partition>,
    slices: u32,
    validators: u64,
}

impl Space {
    /// Partitions into at most `groups` groups, over `slices` slices, with four validators.
    pub fn new(groups: u8, slices: u32) -> Self {
        Self {
            partitions: partitions(groups),
            slices,
            validators: 4,
        }
    }

    /// How many ways there are to part the nodes.
    pub fn partitions(&self) -> usize {
        self.partitions.len()
    }

    /// How many scenarios there are, mirror images counted.
    pub fn count(&self) -> u64 {
        self.validators * (self.partitions.len() as u64).pow(self.slices)
    }

    /// How many there are when mirror images count once: half of those that are not their own image, and all that are.
    pub fn canonical_count(&self) -> u64 {
        let own = self
            .partitions
            .iter()
            .filter(|partition| mirrored(partition) == **partition)
            .count() as u64;
        let symmetric = self.validators * own.pow(self.slices);
        (self.count() + symmetric) / 2
    }

    /// The scenario of a number below [`Self::count`]; none if its mirror image comes first.
    ///
    /// # Panics
    /// Never: remainders are small.
    pub fn scenario(&self, number: u64) -> Option<Scenario> {
        let base = self.partitions.len() as u64;
        let small = |number: u64| usize::try_from(number).expect("a remainder");
        let twin = small(number % self.validators);
        let mut rest = number / self.validators;
        let mut partitions = Vec::new();
        for _ in 0..self.slices {
            partitions.push(self.partitions[small(rest % base)]);
            rest /= base;
        }
        let mirror: Vec<Partition> = partitions.iter().map(mirrored).collect();
        (partitions <= mirror).then_some(Scenario { twin, partitions })
    }
}

/// The ways to part the nodes into at most `groups` groups: strings in which a new group takes the next number.
fn partitions(groups: u8) -> Vec<Partition> {
    let mut found = Vec::new();
    let mut partial: Vec<(Vec<u8>, u8)> = vec![(Vec::new(), 0)];
    while let Some((labels, used)) = partial.pop() {
        if let Ok(partition) = Partition::try_from(labels.as_slice()) {
            found.push(partition);
            continue;
        }
        for label in 0..=used.min(groups - 1) {
            let mut next = labels.clone();
            next.push(label);
            partial.push((next, used.max(label + 1)));
        }
    }
    found.sort_unstable();
    found
}

/// The partition with the twins exchanged, groups numbered anew in order of appearance.
fn mirrored(partition: &Partition) -> Partition {
    let mut swapped = *partition;
    swapped.swap(TWINS[0], TWINS[1]);
    let mut names = BTreeMap::new();
    swapped.map(|label| {
        let next = u8::try_from(names.len()).expect("few groups");
        *names.entry(label).or_insert(next)
    })
}

fn links(partition: &Partition) -> BTreeSet<(Node, Node)> {
    let pairs = (0..NODES).flat_map(|from| (0..NODES).map(move |to| (from, to)));
    pairs
        .filter(|(from, to)| partition[*from] != partition[*to])
        .collect()
}

/// Plays a scenario.
pub fn run(chain: &mut Chain, scenario: &Scenario, routing: Routing) -> Result<Report, Violation> {
    chain.forget();
    let pace = Pace {
        routing,
        timeout_base_ms: TIMEOUT_MS,
        timeout_max_ms: TIMEOUT_MS,
        rebroadcast_ms: TIMEOUT_MS,
    };
    let mut nodes: Vec<usize> = (0..chain.count())
        .filter(|validator| *validator != scenario.twin)
        .collect();
    nodes.extend([scenario.twin; 2]);
    let cast = Cast {
        nodes,
        liars: BTreeMap::new(),
    };
    let mut cluster = Cluster::new(chain, pace, cast, Weather::STILL, 0, 0);
    let mut at = 0;
    for partition in &scenario.partitions {
        cluster.schedule(at, Event::Cut(links(partition)));
        at += SLICE_MS;
    }
    cluster.schedule(at, Event::Heal);
    cluster.play(1, HEALING_MS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_and_scenarios_are_counted() {
        // Stirling numbers of the second kind: 1, 15, 25, 10, 1 ways to part five nodes.
        assert_eq!(partitions(1).len(), 1);
        assert_eq!(partitions(2).len(), 16);
        assert_eq!(partitions(5).len(), 52);
        for (groups, slices) in [(2, 2), (3, 1), (5, 2)] {
            let space = Space::new(groups, slices);
            let canonical = (0..space.count())
                .filter(|number| space.scenario(*number).is_some())
                .count();
            assert_eq!(canonical as u64, space.canonical_count());
        }
    }

    #[test]
    fn a_mirror_image_of_a_mirror_image_is_the_scenario() {
        for partition in partitions(5) {
            assert_eq!(mirrored(&mirrored(&partition)), partition);
        }
    }
}
