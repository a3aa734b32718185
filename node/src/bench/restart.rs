//! All validators killed at once, again and again: how long until commits go on, and whether anybody signed twice.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use starfire_ledger::genesis::Routing;
use tokio::time::sleep;

use super::double_signing;
use super::figures::{Percentiles, micros};
use super::machine::{self, Machine};
use super::network::{Network, Shape};
use super::sample::Sample;
use crate::clock;
use crate::failure::Failure;

/// How long an idle chain waits here: it is always deciding, and its log of votes stays small.
const HEARTBEAT_MS: u64 = 20;
/// How long the chain runs between kills, for a height or a part of one to be under way at each.
const RUN: Duration = Duration::from_millis(700);
/// Kills come at different moments of a height.
const STAGGER: Duration = Duration::from_millis(7);
/// Heights that may be decided before a status tells of them: it is published ten times a second.
const HEIGHTS_UNTOLD: u64 = 100 / HEARTBEAT_MS + 1;
/// How long a chain may take to go on.
const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(20);

/// What to measure.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Where, if not in a temporary directory.
    pub(crate) directory: Option<PathBuf>,
    /// Validators.
    pub(crate) validators: usize,
    /// Where votes go.
    pub(crate) routing: Routing,
    /// How often.
    pub(crate) times: u32,
}

/// The result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Validators, all of which were killed.
    pub(crate) validators: usize,
    /// Where votes went.
    pub(crate) routing: Routing,
    /// How often they were killed.
    pub(crate) times: u32,
    /// From the start of the processes to the first new commit.
    pub(crate) resumed: Percentiles,
    /// Heights at the end.
    pub(crate) height: u64,
    /// Votes that all validators signed.
    pub(crate) votes_signed: u64,
    /// Votes that contradict an earlier vote of the same validator: none is right.
    pub(crate) double_votes: u64,
    /// Whether all nodes hold the same block at the end.
    pub(crate) nodes_agree: bool,
    /// On what.
    pub(crate) machine: Machine,
}

/// Measures.
pub(crate) async fn measure(plan: &Plan, progress: &dyn Fn(&str)) -> Result<Record, Failure> {
    let shape = Shape {
        heartbeat_ms: HEARTBEAT_MS,
        log: double_signing::LOG,
        ..Shape::new(plan.validators, plan.routing)
    };
    let mut network = Network::start(plan.directory.as_deref(), &shape, progress).await?;
    let machine = machine::describe(network.directory())?;
    let mut resumed = Vec::new();
    for number in 1..=plan.times {
        sleep(RUN + STAGGER * (number % 10)).await;
        let height = highest(&network).await?;
        network.kill_all();
        let start = clock::monotonic();
        network.spawn_all()?;
        let took = commit_above(&network, height, start).await?;
        progress(&format!(
            "{number} of {}: {} ms",
            plan.times,
            took.as_millis()
        ));
        resumed.push(micros(took));
    }
    network.level().await?;
    let height = Sample::take(&network).await?.height();
    let nodes_agree = network.agrees_at(height).await?;
    let votes = double_signing::votes(&network)?;
    network.remove()?;
    Ok(Record {
        validators: plan.validators,
        routing: plan.routing,
        times: plan.times,
        resumed: Percentiles::of(resumed, 0),
        height,
        votes_signed: votes.signed,
        double_votes: votes.double,
        nodes_agree,
        machine,
    })
}

async fn highest(network: &Network) -> Result<u64, Failure> {
    let mut highest = 0;
    for client in network.clients()? {
        highest = client.status().await?.height.max(highest);
    }
    Ok(highest)
}

/// Waits until some node has committed a height that none had before; how long that was after `start`. A status may be a tenth of a
/// second old, and then the time is longer than it was, never shorter.
async fn commit_above(
    network: &Network,
    height: u64,
    start: std::time::Instant,
) -> Result<Duration, Failure> {
    // What was committed between the last look and the kill is not a new commit.
    let new = height + HEIGHTS_UNTOLD;
    let clients = network.clients()?;
    while clock::elapsed(start) < PATIENCE {
        for client in &clients {
            if client
                .status()
                .await
                .is_ok_and(|status| status.height > new)
            {
                return Ok(clock::elapsed(start));
            }
        }
        sleep(POLL).await;
    }
    Err(Failure::new(
        "BENCH",
        format!("no commit within {} s of the restart", PATIENCE.as_secs()),
        format!("logs are in {}", network.directory().display()),
    ))
}
