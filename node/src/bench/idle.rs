//! A chain without transactions that never rests: how fast heights follow each other, and what each costs.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use starfire_ledger::genesis::Routing;
use tokio::time::sleep;

use super::figures::{number, ratio};
use super::machine::{self, Machine};
use super::network::{Network, Shape};
use super::sample::{Sample, Usage};
use crate::clock;
use crate::failure::Failure;

/// What to measure.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Where, if not in a temporary directory.
    pub(crate) directory: Option<PathBuf>,
    /// Validators.
    pub(crate) validators: usize,
    /// Where votes go.
    pub(crate) routing: Routing,
    /// For so long nothing is measured.
    pub(crate) warm_up_s: u32,
    /// Then for so long everything is.
    pub(crate) seconds: u32,
}

/// The result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Validators, each a process.
    pub(crate) validators: usize,
    /// Where votes went.
    pub(crate) routing: Routing,
    /// Heights each second.
    pub(crate) heights_per_second: f64,
    /// Consensus messages for a height, divided by the number of other validators: a proposal, two votes and two certificates are 5.
    pub(crate) messages_per_height_and_peer: f64,
    /// What the nodes used.
    pub(crate) nodes: Usage,
    /// How long it was measured, milliseconds.
    pub(crate) measured_ms: u64,
    /// Whether all nodes hold the same block at the end.
    pub(crate) nodes_agree: bool,
    /// Whether votes and blocks are synced to disk before they count.
    pub(crate) synced: bool,
    /// On what.
    pub(crate) machine: Machine,
}

/// Measures.
pub(crate) async fn measure(plan: &Plan, progress: &dyn Fn(&str)) -> Result<Record, Failure> {
    let shape = Shape {
        heartbeat_ms: 0,
        log: "warn",
        ..Shape::new(plan.validators, plan.routing)
    };
    let network = Network::start(plan.directory.as_deref(), &shape, progress).await?;
    let machine = machine::describe(network.directory())?;
    progress("deciding empty blocks");
    sleep(Duration::from_secs(plan.warm_up_s.into())).await;
    let before = Sample::take(&network).await?;
    let start = clock::monotonic();
    sleep(Duration::from_secs(plan.seconds.into())).await;
    let after = Sample::take(&network).await?;
    let measured_ms = clock::elapsed_ms(start);
    let nodes_agree = network.agrees_at(after.height()).await?;
    network.remove()?;
    let nodes = after.since(&before);
    let peers = plan.validators.saturating_sub(1);
    Ok(Record {
        validators: plan.validators,
        routing: plan.routing,
        heights_per_second: ratio(nodes.heights * 1_000, measured_ms),
        messages_per_height_and_peer: ratio(nodes.messages, nodes.heights * number(peers)),
        nodes,
        measured_ms,
        nodes_agree,
        synced: true,
        machine,
    })
}
