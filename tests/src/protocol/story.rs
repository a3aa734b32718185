//! A seed becomes a story: weather, crashes, cuts, lost disks and liars; then healing, and the demand that the chain goes on.

use std::collections::{BTreeMap, BTreeSet};

use starfire_consensus::machine::Routing;

use super::chain::Chain;
use super::cluster::{Cast, Cluster, Pace, Report};
use super::network::{Event, Node, Weather};
use crate::byzantine::{LIES, Lie};
use crate::violation::Violation;

/// How long faults go on, simulated milliseconds.
const FAULTS_MS: u64 = 5_000;
/// Something new to decide, this often.
const WORK_EVERY_MS: u64 = 600;
/// Heights that must follow once all is well.
const HEIGHTS_AFTER_HEALING: u64 = 3;
/// Within this time.
const HEALING_MS_MAX: u64 = 60_000;
/// Effects that a dying node may still carry out.
const LAST_EFFECTS_MAX: u32 = 12;

/// What a run is about.
#[derive(Debug, Clone, Copy)]
pub struct Plot {
    /// Which story.
    pub seed: u64,
    /// The lie that its liars tell; none: each seed chooses.
    pub lie: Option<Lie>,
}

/// Runs a seed to its end.
pub fn run(chain: &mut Chain, plot: Plot) -> Result<Report, Violation> {
    chain.forget();
    let mut random = fastrand::Rng::with_seed(plot.seed);
    let pace = Pace {
        routing: if random.bool() {
            Routing::Collector
        } else {
            Routing::Broadcast
        },
        timeout_base_ms: 300,
        timeout_max_ms: 2_400,
        rebroadcast_ms: 300,
    };
    let weather = Weather {
        loss_percent: random.u32(0..25),
        double_percent: random.u32(0..15),
        delay_ms_max: random.u64(5..200),
    };
    // Liars and nodes that lose what they wrote are the faults that the protocol allows f of.
    let faults = chain.faults_max();
    let liars = match plot.lie {
        Some(_) => 1.max(random.usize(0..=faults)),
        None if random.bool() => random.usize(0..=faults),
        None => 0,
    };
    let losses = faults - liars;
    let nodes = chain.count();
    let mut lies = BTreeMap::new();
    while lies.len() < liars {
        let lie = plot
            .lie
            .unwrap_or_else(|| LIES[random.usize(0..LIES.len())]);
        lies.insert(random.usize(0..nodes), (lie.make)(random.u64(..)));
    }
    let cast = Cast {
        nodes: (0..nodes).collect(),
        liars: lies,
    };
    let mut cluster = Cluster::new(chain, pace, cast, weather, losses, random.u64(..));
    for (at, event) in events(nodes, &mut random) {
        cluster.schedule(at, event);
    }
    cluster.play(HEIGHTS_AFTER_HEALING, HEALING_MS_MAX)
}

/// The faults of a story, each at its time.
fn events(nodes: usize, random: &mut fastrand::Rng) -> Vec<(u64, Event)> {
    let mut events = Vec::new();
    let mut crash = |random: &mut fastrand::Rng, node: Node, at: u64, down: u64| {
        let effects = random.u32(0..LAST_EFFECTS_MAX);
        events.push((at, Event::Crash { node, effects }));
        events.push((at + down, Event::Restart(node)));
    };
    for _ in 0..random.usize(0..2 * nodes) {
        let (at, down) = (random.u64(0..FAULTS_MS), random.u64(50..1_500));
        let node = random.usize(0..nodes);
        crash(random, node, at, down);
    }
    if random.u32(0..4) == 0 {
        let at = random.u64(0..FAULTS_MS);
        for node in 0..nodes {
            let down = random.u64(50..1_000);
            crash(random, node, at, down);
        }
    }
    for _ in 0..random.usize(0..3) {
        let (at, length) = (random.u64(0..FAULTS_MS), random.u64(100..2_000));
        events.push((at, Event::Cut(cut(nodes, random))));
        events.push((at + length, Event::Cut(BTreeSet::new())));
    }
    for at in (WORK_EVERY_MS..FAULTS_MS).step_by(usize::try_from(WORK_EVERY_MS).unwrap_or(1)) {
        events.push((at, Event::Work));
    }
    events.push((FAULTS_MS, Event::Heal));
    events
}

/// Two sides that do not hear each other, or of which only one hears the other; or one deaf or mute node; or a bridge.
fn cut(nodes: usize, random: &mut fastrand::Rng) -> BTreeSet<(Node, Node)> {
    let side: Vec<bool> = (0..nodes).map(|_| random.bool()).collect();
    let bridge = (random.u32(0..4) == 0).then(|| random.usize(0..nodes));
    let both_ways = random.u32(0..3) > 0;
    let lone = (random.u32(0..4) == 0).then(|| (random.usize(0..nodes), random.bool()));
    let mut links = BTreeSet::new();
    for from in 0..nodes {
        for to in 0..nodes {
            let apart = match lone {
                Some((node, deaf)) => node == if deaf { to } else { from },
                None => {
                    side[from] != side[to]
                        && (both_ways || side[from])
                        && bridge != Some(from)
                        && bridge != Some(to)
                }
            };
            if apart {
                links.insert((from, to));
            }
        }
    }
    links
}
