//! Payments against a chain that signs, executes, proves and syncs, as it always does: how many it takes, and how long each takes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use starfire_ledger::block::BLOCK_BYTES_MAX;
use starfire_ledger::genesis::{GenesisAccount, Routing};
use tokio::time::sleep_until;

use super::accounts;
use super::clients::Clients;
use super::figures::{Percentiles, number, per_second, ratio};
use super::job::{Job, Outcome, Pace};
use super::machine::{self, Machine};
use super::network::{Network, Shape};
use super::sample::{Sample, Usage};
use super::signatures::{self, SignatureLimits};
use crate::clock;
use crate::failure::Failure;

/// Payments a second that clients sign beforehand where there is no rate to go by.
const SATURATION_RATE: u32 = 16_000;
/// From the word to the beginning, so that every client has heard it.
const LEAD: Duration = Duration::from_millis(300);

/// How fast payments come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rate {
    /// So many each second, whatever becomes of them.
    PerSecond(u32),
    /// As many as the chain takes.
    Saturate,
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
    /// How fast payments come.
    pub(crate) rate: Rate,
    /// Payments on their way at one time, where there is no rate.
    pub(crate) in_flight: u32,
    /// For so long nothing is measured.
    pub(crate) warm_up_s: u32,
    /// Then for so long everything is.
    pub(crate) seconds: u32,
    /// Accounts that pay each other.
    pub(crate) accounts: usize,
    /// Client processes.
    pub(crate) clients: u32,
}

/// Everything that shaped a measurement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Settings {
    /// On what.
    pub(crate) machine: Machine,
    /// Validators, each a process.
    pub(crate) validators: usize,
    /// Where votes go.
    pub(crate) routing: Routing,
    /// What a transaction is.
    pub(crate) payload: String,
    /// Accounts that pay each other.
    pub(crate) accounts: usize,
    /// Client processes.
    pub(crate) clients: u32,
    /// Payments on their way at one time, where there is no rate.
    pub(crate) in_flight: Option<u32>,
    /// For so long nothing was measured.
    pub(crate) warm_up_s: u32,
    /// Then for so long everything was.
    pub(crate) seconds: u32,
    /// Transactions of a block.
    pub(crate) block_transactions_max: u32,
    /// Its bytes.
    pub(crate) block_bytes_max: usize,
    /// The first round's timeout.
    pub(crate) timeout_base_ms: u64,
    /// Heights that a proposer stays.
    pub(crate) term_heights: u64,
    /// How long an idle chain waits.
    pub(crate) heartbeat_ms: u64,
    /// Whether votes and blocks are synced to disk before they count.
    pub(crate) synced: bool,
}

/// Payments by what became of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Payments {
    /// Admitted by a node, warm-up included.
    pub(crate) submitted: u64,
    /// Committed within the measured time.
    pub(crate) committed: u64,
    /// Committed with a receipt that says otherwise.
    pub(crate) failed: u64,
    /// Due within the measured time and never committed.
    pub(crate) missing: u64,
    /// How often a node refused one for now, by code.
    pub(crate) put_off: BTreeMap<String, u64>,
    /// How often a node refused one for good, by code.
    pub(crate) refused: BTreeMap<String, u64>,
}

/// Processor seconds for a thousand committed transactions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct CpuPer1000 {
    /// Of all nodes together.
    pub(crate) nodes_s: f64,
    /// Of one node.
    pub(crate) node_s: f64,
    /// Of all clients together.
    pub(crate) clients_s: f64,
}

/// The result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Payments that became due each second; absent: as many as the chain took.
    pub(crate) offered_per_second: Option<u32>,
    /// Those committed.
    pub(crate) committed_per_second: u64,
    /// From due to committed. Without a rate: from sent to committed, which is a closed loop's latency.
    pub(crate) latency: Percentiles,
    /// How late clients sent: what the harness itself adds to the latency.
    pub(crate) lag: Percentiles,
    /// By what became of them.
    pub(crate) payments: Payments,
    /// Blocks each second.
    pub(crate) blocks_per_second: f64,
    /// Transactions of a block on average.
    pub(crate) transactions_per_block: f64,
    /// Processor time.
    pub(crate) cpu_per_1000: CpuPer1000,
    /// What a node sends for a transaction, on average.
    pub(crate) bytes_sent_per_transaction: u64,
    /// What a node's store grows by for a transaction.
    pub(crate) disk_bytes_per_transaction: u64,
    /// What the nodes used in all.
    pub(crate) nodes: Usage,
    /// What this machine checks with nothing else to do.
    pub(crate) signatures: SignatureLimits,
    /// Committed transactions a second as a share of the batch limit.
    pub(crate) share_of_batch_limit: f64,
    /// Whether all nodes hold the same block at the end.
    pub(crate) nodes_agree: bool,
    /// What shaped it.
    pub(crate) settings: Settings,
}

/// Measures.
pub(crate) async fn measure(plan: &Plan, progress: &dyn Fn(&str)) -> Result<Record, Failure> {
    let shape = Shape {
        accounts: vec![GenesisAccount {
            address: accounts::address(&accounts::funder()),
            balance: accounts::funds(plan.accounts),
        }],
        ..Shape::new(plan.validators, plan.routing)
    };
    let network = Network::start(plan.directory.as_deref(), &shape, progress).await?;
    let machine = machine::describe(network.directory())?;
    accounts::fund(&network.clients()?[0], plan.accounts, progress).await?;
    progress("signing payments");
    let mut clients = Clients::start(&jobs(plan, &network)).await?;

    progress("sending");
    let start = clock::monotonic() + LEAD;
    let lead_ms = i64::try_from(LEAD.as_millis()).unwrap_or_default();
    clients.go(clock::unix_ms() + lead_ms)?;
    let from = start + Duration::from_secs(plan.warm_up_s.into());
    sleep_until(from.into()).await;
    let before = Sample::take(&network).await?;
    let measured = Duration::from_secs(plan.seconds.into());
    sleep_until((from + measured).into()).await;
    let after = Sample::take(&network).await?;
    let outcomes: Vec<Outcome> = clients.outcomes().await?;
    let nodes_agree = network.agrees_at(after.height()).await?;
    network.remove()?;
    progress("measuring signature checks");
    let signatures = signatures::limits()?;
    let used = Used {
        nodes: after.since(&before),
        signatures,
        nodes_agree,
        settings: settings(plan, &shape, machine),
    };
    record(plan, outcomes, used)
}

/// What each client has to do: an equal part of the accounts and of the payments, at a node of its own as far as there are any.
fn jobs(plan: &Plan, network: &Network) -> Vec<Job> {
    let (nodes, clients) = (network.nodes(), plan.clients);
    let accounts = number(plan.accounts) / u64::from(clients);
    let rate = match plan.rate {
        Rate::PerSecond(rate) => rate,
        Rate::Saturate => SATURATION_RATE,
    };
    let all = u64::from(rate) * u64::from(plan.warm_up_s + plan.seconds);
    let places = nodes.iter().cycle();
    (0..clients)
        .zip(places)
        .map(|(client, node)| Job {
            node: node.grpc.clone(),
            first_account: accounts * u64::from(client),
            accounts,
            payments: all / u64::from(clients),
            pace: match plan.rate {
                Rate::PerSecond(rate) => Pace::Open {
                    rate,
                    clients,
                    client,
                },
                Rate::Saturate => Pace::Saturate {
                    in_flight: (plan.in_flight / clients).max(1),
                },
            },
            warm_up_ms: u64::from(plan.warm_up_s) * 1_000,
            measured_ms: u64::from(plan.seconds) * 1_000,
        })
        .collect()
}

fn settings(plan: &Plan, shape: &Shape, machine: Machine) -> Settings {
    let (params, consensus) = (shape.params(), shape.consensus());
    Settings {
        machine,
        validators: plan.validators,
        routing: plan.routing,
        payload: "payment of one coin between existing accounts, one Ed25519 signature".to_owned(),
        accounts: plan.accounts,
        clients: plan.clients,
        in_flight: match plan.rate {
            Rate::PerSecond(_) => None,
            Rate::Saturate => Some(plan.in_flight),
        },
        warm_up_s: plan.warm_up_s,
        seconds: plan.seconds,
        block_transactions_max: params.block_transactions_max,
        block_bytes_max: BLOCK_BYTES_MAX,
        timeout_base_ms: consensus.timeout_base_ms,
        term_heights: consensus.term_heights,
        heartbeat_ms: consensus.heartbeat_ms,
        synced: true,
    }
}

/// What is known beside the clients' outcomes.
#[derive(Debug)]
struct Used {
    nodes: Usage,
    signatures: SignatureLimits,
    nodes_agree: bool,
    settings: Settings,
}

fn record(plan: &Plan, outcomes: Vec<Outcome>, used: Used) -> Result<Record, Failure> {
    let Used {
        nodes,
        signatures,
        nodes_agree,
        settings,
    } = used;
    let mut payments = Payments::default();
    let (mut latencies, mut lags, mut clients_ms) = (Vec::new(), Vec::new(), 0);
    for outcome in outcomes {
        payments.submitted += outcome.submitted;
        payments.committed += outcome.committed;
        payments.failed += outcome.failed;
        payments.missing += outcome.missing;
        add(&mut payments.put_off, outcome.put_off);
        add(&mut payments.refused, outcome.refused);
        latencies.extend(outcome.latencies_us);
        lags.extend(outcome.lags_us);
        clients_ms += outcome.cpu_ms;
    }
    let (offered, took) = (plan.rate, Duration::from_secs(plan.seconds.into()));
    let signed = u64::from(SATURATION_RATE) * u64::from(plan.warm_up_s + plan.seconds);
    if offered == Rate::Saturate && payments.submitted + u64::from(plan.clients) > signed {
        return Err(Failure::new(
            "BENCH",
            format!("the chain took all {signed} payments: it was not saturated"),
            "give it a rate by --rate",
        ));
    }
    let committed = payments.committed;
    let committed_per_second = per_second(committed, took);
    let validators = number(plan.validators);
    let each = |sum: u64| {
        (sum / validators)
            .checked_div(committed)
            .unwrap_or_default()
    };
    Ok(Record {
        offered_per_second: match offered {
            Rate::PerSecond(rate) => Some(rate),
            Rate::Saturate => None,
        },
        committed_per_second,
        latency: Percentiles::of(
            latencies,
            usize::try_from(payments.missing).unwrap_or(usize::MAX),
        ),
        lag: Percentiles::of(lags, 0),
        blocks_per_second: ratio(nodes.heights, u64::from(plan.seconds)),
        transactions_per_block: ratio(committed, nodes.heights),
        // Milliseconds for one are seconds for a thousand.
        cpu_per_1000: CpuPer1000 {
            nodes_s: ratio(nodes.cpu_ms, committed),
            node_s: ratio(nodes.cpu_ms, committed * validators),
            clients_s: ratio(clients_ms, committed),
        },
        bytes_sent_per_transaction: each(nodes.bytes_sent_by_node.iter().sum()),
        disk_bytes_per_transaction: each(nodes.disk_bytes),
        share_of_batch_limit: ratio(committed_per_second, signatures.batch_per_second),
        payments,
        nodes,
        signatures,
        nodes_agree,
        settings,
    })
}

fn add(sum: &mut BTreeMap<String, u64>, more: BTreeMap<String, u64>) {
    for (code, count) in more {
        *sum.entry(code).or_default() += count;
    }
}
