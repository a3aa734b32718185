//! One validator takes no transactions of strangers: how long their payments wait for one that does.
//!
//! The censor is an ordinary node whose mempool has no room, so it votes and serves as ever, and when it is its turn it proposes
//! nothing. The chain is idle but for single payments, handed to an honest node, and its proposers change often, so that many of the
//! payments find the censor in their way: the others' patience with it is then the payment's latency.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use starfire_ledger::genesis::{GenesisAccount, Routing};
use starfire_ledger::transaction::Transaction;
use tokio::time::{sleep, timeout};

use super::accounts::{address, funder, funds, key, payment};
use super::feed::Feed;
use super::figures::{Percentiles, micros, ratio};
use super::machine::{self, Machine};
use super::network::{Network, Shape};
use crate::client::transaction;
use crate::clock;
use crate::failure::Failure;

/// Heights that a proposer stays here. A payment takes two: its own, and the one that proves it.
const TERM_HEIGHTS: u64 = 2;
/// A mempool with this room has none for strangers, who get a part of it.
const NO_ROOM: usize = 1;
/// The censor.
const CENSOR: usize = 0;
/// The chain is idle again before the next payment.
const PAUSE: Duration = Duration::from_millis(100);
/// How long a payment may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What to measure.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Where, if not in a temporary directory.
    pub(crate) directory: Option<PathBuf>,
    /// Validators.
    pub(crate) validators: usize,
    /// Where votes go.
    pub(crate) routing: Routing,
    /// Payments for each validator.
    pub(crate) times: u32,
}

/// The result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Validators, one of which censors.
    pub(crate) validators: usize,
    /// Where votes went.
    pub(crate) routing: Routing,
    /// The first round's timeout.
    pub(crate) timeout_base_ms: u64,
    /// Payments, one after the other.
    pub(crate) payments: u32,
    /// From sent to committed.
    pub(crate) latency: Percentiles,
    /// The longest as a multiple of the first round's timeout.
    pub(crate) longest_in_timeouts: f64,
    /// On what.
    pub(crate) machine: Machine,
}

/// Measures.
pub(crate) async fn measure(plan: &Plan, progress: &dyn Fn(&str)) -> Result<Record, Failure> {
    if plan.validators < 4 {
        return Err(Failure::usage(
            "with fewer than four validators the others cannot go on without the censor",
            "four are enough",
        ));
    }
    let shape = Shape {
        term_heights: Some(TERM_HEIGHTS),
        accounts: vec![GenesisAccount {
            address: address(&funder()),
            balance: funds(1),
        }],
        log: "warn",
        ..Shape::new(plan.validators, plan.routing)
    };
    let timeout_base_ms = shape.consensus().timeout_base_ms;
    let mut network = Network::start(plan.directory.as_deref(), &shape, progress).await?;
    let machine = machine::describe(network.directory())?;
    network.kill(CENSOR);
    network.configure(CENSOR, |config| config.mempool.transactions_max = NO_ROOM)?;
    network.start_all(progress).await?;
    network.level().await?;

    let count = plan.times * u32::try_from(plan.validators).unwrap_or(u32::MAX);
    progress("sending one payment after the other");
    let latencies = payments(&network, count).await?;
    network.remove()?;
    let longest = latencies.iter().copied().max().unwrap_or_default();
    Ok(Record {
        validators: plan.validators,
        routing: plan.routing,
        timeout_base_ms,
        payments: count,
        latency: Percentiles::of(latencies, 0),
        longest_in_timeouts: ratio(longest, timeout_base_ms * 1_000),
        machine,
    })
}

/// Latencies of payments that an honest node takes, microseconds.
async fn payments(network: &Network, count: u32) -> Result<Vec<u64>, Failure> {
    let clients = network.clients()?;
    let client = &clients[(CENSOR + 1) % clients.len()];
    let chain = client.chain().await?;
    let mut feed = Feed::open(client).await?;
    let mut latencies = Vec::new();
    for nonce in 1..=i64::from(count) {
        let operations = vec![payment(address(&key(0)), 1)];
        let body = transaction(chain, address(&funder()), nonce, operations);
        let envelope = Transaction::sign(&body, &[&funder()]);
        let start = clock::monotonic();
        let hash = client.submit(envelope).await?;
        let committed = async {
            while let Some(seen) = feed.next().await {
                if seen.outcomes().any(|(other, _)| other == hash) {
                    return Some(seen.at);
                }
            }
            None
        };
        let Ok(Some(at)) = timeout(PATIENCE, committed).await else {
            return Err(Failure::new(
                "BENCH",
                format!("payment {nonce} was not committed"),
                format!("logs are in {}", network.directory().display()),
            ));
        };
        latencies.push(micros(at.saturating_duration_since(start)));
        sleep(PAUSE).await;
    }
    Ok(latencies)
}
