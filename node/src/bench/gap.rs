//! The longest time without a commit when a validator fails, on a chain that otherwise decides one height after the other.
//!
//! Every node's feed is followed, and a height counts when the first node tells of it. A trial starts with the fault at the node
//! that proposes, and looks on long enough for each validator to have had its turn, the failed one included. Then the node comes
//! back, and the next trial waits until it votes again.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use starfire_ledger::genesis::Routing;
use tokio::sync::mpsc;
use tokio::time::timeout_at;

use super::feed::{Feed, Seen};
use super::figures::{Percentiles, micros, ratio};
use super::machine::{self, Machine};
use super::network::{Network, Shape};
use crate::clock;
use crate::devnet::process::Signal;
use crate::failure::Failure;

/// Heights that a proposer stays here: short, so that every validator's turn comes soon.
const TERM_HEIGHTS: u64 = 20;
/// How long the chain runs undisturbed before a fault.
const CALM: Duration = Duration::from_secs(2);
/// How long a trial looks on after the fault.
const LOOK_ON: Duration = Duration::from_secs(8);
/// What was decided when the second of two validators died has been told of after this.
const ON_THE_WAY: Duration = Duration::from_millis(500);
/// How long a chain without a quorum may take to go on once it has one again.
const RESUMPTION: Duration = Duration::from_secs(60);
/// Blocks that were told and not yet looked at.
const TOLD_MAX: usize = 4_096;

/// What fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Fault {
    /// The proposer's process is killed.
    Kill,
    /// The proposer's process is stopped where it is, its connections open.
    Pause,
    /// The proposer and another validator are killed, and started again later.
    KillTwo,
}

/// What to measure.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Where, if not in a temporary directory.
    pub(crate) directory: Option<PathBuf>,
    /// Validators.
    pub(crate) validators: usize,
    /// Where votes go.
    pub(crate) routing: Routing,
    /// What fails.
    pub(crate) fault: Fault,
    /// How often.
    pub(crate) times: u32,
}

/// One fault and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Trial {
    /// The height that was decided last before it.
    pub(crate) height: u64,
    /// The longest time without a commit, where a quorum is left, microseconds.
    pub(crate) gap_us: Option<u64>,
    /// Commits while no quorum was there, but for those on their way when it was lost: none is right.
    pub(crate) commits_without_quorum: Option<u64>,
    /// From the start of the killed processes to the next commit, microseconds.
    pub(crate) resumed_us: Option<u64>,
}

/// The result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// What failed.
    pub(crate) fault: Fault,
    /// Of how many validators.
    pub(crate) validators: usize,
    /// Where votes went.
    pub(crate) routing: Routing,
    /// The first round's timeout.
    pub(crate) timeout_base_ms: u64,
    /// Between two heights before the faults.
    pub(crate) calm: Percentiles,
    /// Every trial.
    pub(crate) trials: Vec<Trial>,
    /// The longest gap of all.
    pub(crate) longest_ms: Option<f64>,
    /// The same as a multiple of the first round's timeout.
    pub(crate) longest_in_timeouts: Option<f64>,
    /// On what.
    pub(crate) machine: Machine,
}

/// When each height was first told of.
#[derive(Debug, Default)]
struct Heights(BTreeMap<u64, Told>);

#[derive(Debug, Clone)]
struct Told {
    at: Instant,
    proposer: Vec<u8>,
}

impl Heights {
    fn note(&mut self, seen: Seen) {
        self.0.entry(seen.block.height).or_insert(Told {
            at: seen.at,
            proposer: seen.block.proposer,
        });
    }

    /// How many were first told of from `from` on.
    fn since(&self, from: Instant) -> usize {
        self.0.values().filter(|told| told.at >= from).count()
    }

    fn newest(&self) -> Option<(u64, &Told)> {
        self.0
            .iter()
            .next_back()
            .map(|(height, told)| (*height, told))
    }

    /// Times between heights that were told of from `from` on, and from `from` to the first; then to `until`.
    fn intervals(&self, from: Instant, until: Instant) -> Vec<Duration> {
        let mut last = from;
        let mut intervals = Vec::new();
        for told in self.0.values().filter(|told| told.at >= from) {
            intervals.push(told.at.saturating_duration_since(last));
            last = last.max(told.at);
        }
        intervals.push(until.saturating_duration_since(last));
        intervals
    }
}

/// Measures.
pub(crate) async fn measure(plan: &Plan, progress: &dyn Fn(&str)) -> Result<Record, Failure> {
    let shape = Shape {
        heartbeat_ms: 0,
        term_heights: Some(TERM_HEIGHTS),
        log: "warn",
        ..Shape::new(plan.validators, plan.routing)
    };
    let timeout_base_ms = shape.consensus().timeout_base_ms;
    let mut network = Network::start(plan.directory.as_deref(), &shape, progress).await?;
    let machine = machine::describe(network.directory())?;
    let (mut calm, mut trials) = (Vec::new(), Vec::new());
    for number in 1..=plan.times {
        progress(&format!("trial {number} of {}", plan.times));
        network.level().await?;
        trials.push(trial(&mut network, plan.fault, &mut calm).await?);
        network.start_all(progress).await?;
    }
    network.level().await?;
    network.remove()?;
    let longest = trials.iter().filter_map(|trial| trial.gap_us).max();
    Ok(Record {
        fault: plan.fault,
        validators: plan.validators,
        routing: plan.routing,
        timeout_base_ms,
        calm: Percentiles::of(calm, 0),
        trials,
        longest_ms: longest.map(|gap| ratio(gap, 1_000)),
        longest_in_timeouts: longest.map(|gap| ratio(gap, timeout_base_ms * 1_000)),
        machine,
    })
}

async fn trial(network: &mut Network, fault: Fault, calm: &mut Vec<u64>) -> Result<Trial, Failure> {
    let mut told = follow(network).await?;
    let mut heights = Heights::default();
    let start = clock::monotonic();
    gather(&mut told, &mut heights, start + CALM).await;
    let intervals = heights.intervals(start, clock::monotonic());
    calm.extend(intervals.into_iter().map(micros));
    let Some((height, newest)) = heights.newest() else {
        return Err(Failure::new("BENCH", "the chain decides nothing", ""));
    };
    let proposer = node_of(network, &newest.proposer).await?;

    let at = clock::monotonic();
    let mut trial = Trial {
        height,
        gap_us: None,
        commits_without_quorum: None,
        resumed_us: None,
    };
    match fault {
        Fault::Kill => network.kill(proposer),
        Fault::Pause => network.signal(proposer, Signal::Pause)?,
        Fault::KillTwo => {
            network.kill(proposer);
            network.kill((proposer + 1) % network.nodes().len());
        }
    }
    let failed = clock::monotonic();
    gather(&mut told, &mut heights, at + LOOK_ON).await;
    if fault == Fault::Pause {
        network.signal(proposer, Signal::Resume)?;
    }
    if fault == Fault::KillTwo {
        let stopped = heights.newest().map_or(height, |(height, _)| height);
        trial.commits_without_quorum = u64::try_from(heights.since(failed + ON_THE_WAY)).ok();
        trial.resumed_us = Some(micros(resumption(network, &mut told, stopped).await?));
    } else {
        let intervals = heights.intervals(at, at + LOOK_ON);
        trial.gap_us = intervals.into_iter().max().map(micros);
    }
    Ok(trial)
}

/// Starts what was killed; how long the chain then takes to decide a height above `stopped`.
async fn resumption(
    network: &mut Network,
    told: &mut mpsc::Receiver<Seen>,
    stopped: u64,
) -> Result<Duration, Failure> {
    let restart = clock::monotonic();
    network.spawn_all()?;
    let deadline = restart + RESUMPTION;
    while let Ok(Some(seen)) = timeout_at(deadline.into(), told.recv()).await {
        if seen.block.height > stopped {
            return Ok(seen.at.saturating_duration_since(restart));
        }
    }
    Err(Failure::new(
        "BENCH",
        "the chain did not go on after its validators came back",
        format!("logs are in {}", network.directory().display()),
    ))
}

/// All nodes' feeds in one. A node that fails falls silent.
async fn follow(network: &Network) -> Result<mpsc::Receiver<Seen>, Failure> {
    let (sender, told) = mpsc::channel(TOLD_MAX);
    for client in network.clients()? {
        let mut feed = Feed::open(&client).await?;
        let sender = sender.clone();
        // It ends with the node, or when nobody listens any more.
        drop(tokio::spawn(async move {
            while let Some(seen) = feed.next().await {
                if sender.send(seen).await.is_err() {
                    return;
                }
            }
        }));
    }
    Ok(told)
}

async fn gather(told: &mut mpsc::Receiver<Seen>, heights: &mut Heights, until: Instant) {
    while let Ok(Some(seen)) = timeout_at(until.into(), told.recv()).await {
        heights.note(seen);
    }
}

/// Which node is the validator with this address.
async fn node_of(network: &Network, address: &[u8]) -> Result<usize, Failure> {
    let address = hex::encode(address);
    for (index, client) in network.clients()?.iter().enumerate() {
        if client.status().await?.validator == address {
            return Ok(index);
        }
    }
    Err(Failure::new("BENCH", "nobody is the proposer", ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_before_the_first_and_after_the_last_height_counts_too() {
        let start = clock::monotonic();
        let after = |ms| start + Duration::from_millis(ms);
        let mut heights = Heights::default();
        for (height, ms) in [(1, 5), (2, 30), (2, 40), (3, 90)] {
            let block = starfire_proto::v1::BlockSummary {
                height,
                ..Default::default()
            };
            heights.note(Seen {
                block,
                at: after(ms),
            });
        }
        let intervals: Vec<u128> = heights
            .intervals(after(10), after(200))
            .iter()
            .map(Duration::as_millis)
            .collect();
        assert_eq!(intervals, [20, 60, 110]);
        // The second was told of at 30, however late others told of it too.
        assert_eq!([30, 31, 91].map(|ms| heights.since(after(ms))), [2, 1, 0]);
    }
}
