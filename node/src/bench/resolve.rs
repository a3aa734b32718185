//! Resolving DIDs: how many answers a gateway gives, of each kind, beside an empty handler on the same kind of listener.
//!
//! One validator, started as an operator would, holds the DIDs of all accounts in its store: they came by transactions, so state,
//! tree, index and the signed headers are what a chain has. It is killed and started again before anything is measured, so that
//! nothing of the filling is left in memory. Then client processes ask for DIDs that chance picks, in one way after the other, and
//! everything twice, forth and back, so that a machine that gets slower does not favour what came first.

mod ask;
pub(crate) mod asker;
mod check;
pub(crate) mod empty;
pub(crate) mod fill;
pub(crate) mod job;
pub(crate) mod kind;
mod wire;

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use starfire_ledger::genesis::{GenesisAccount, Routing};
use tokio::time::sleep_until;

use super::accounts;
use super::chance::Chance;
use super::clients::{Clients, Role};
use super::figures::{Percentiles, number, per_second, ratio};
use super::job::Ready;
use super::machine::{self, Machine};
use super::network::{Network, Shape};
use super::sample::{cpu_ms, disk_bytes, resident_kib};
use crate::clock;
use crate::failure::Failure;
use crate::home::Home;
use check::Checks;
use fill::Fill;
use job::{Job, Listen, Listening, Outcome};
use kind::Kind;

/// The funder creates, and pays nothing: fees are off on the chain that is founded here.
const FUNDS: i64 = 1_000_000;
/// For so long each way of asking is warmed up, milliseconds.
const WARM_UP_MS: u64 = 500;
/// From the word to the beginning, so that every client has heard it.
const LEAD: Duration = Duration::from_millis(200);
/// How often everything is measured.
const ROUNDS: u64 = 2;
/// DIDs of which every kind of answer is verified, before measuring and after.
const CHECKED: usize = 3;
const MS_PER_S: u64 = 1_000;

/// What to measure.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Where, if not in a temporary directory.
    pub(crate) directory: Option<PathBuf>,
    /// How many DIDs there are.
    pub(crate) dids: u64,
    /// How long each kind of answer is measured, all rounds together.
    pub(crate) seconds: u32,
    /// Client processes.
    pub(crate) clients: u32,
    /// Questions on their way at one time.
    pub(crate) in_flight: u32,
}

/// One kind of answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figure {
    /// Which.
    pub(crate) kind: Kind,
    /// Answers a second.
    pub(crate) per_second: u64,
    /// The same as a share of the empty handler's.
    pub(crate) share_of_empty: f64,
    /// From asked to answered, in a closed loop.
    pub(crate) latency: Percentiles,
    /// Processor time of the process that answers, for one answer.
    pub(crate) cpu_us: f64,
    /// Processor time of all clients for one answer.
    pub(crate) clients_cpu_us: f64,
    /// The answer's body or message.
    pub(crate) bytes: u64,
}

/// Everything that shaped it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Settings {
    /// On what.
    pub(crate) machine: Machine,
    /// What ran on the machine in the minute before, as the kernel counts it; 0: nothing.
    pub(crate) load_before: String,
    /// What a document is.
    pub(crate) document: String,
    /// Client processes.
    pub(crate) clients: u32,
    /// Questions on their way at one time.
    pub(crate) in_flight: u32,
    /// How long each kind of answer was measured.
    pub(crate) seconds: u32,
    /// In how many parts.
    pub(crate) rounds: u64,
}

/// The result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// How many DIDs there are.
    pub(crate) dids: u64,
    /// How they came there.
    pub(crate) fill: Fill,
    /// What the store grew by for each: state, tree, index, blocks and receipts.
    pub(crate) disk_bytes_per_did: f64,
    /// Memory of the node after everything.
    pub(crate) resident_mib: u64,
    /// Every kind of answer.
    pub(crate) answers: Vec<Figure>,
    /// Proofs that were verified offline, before measuring and after.
    pub(crate) proofs_verified: u64,
    /// What shaped it.
    pub(crate) settings: Settings,
}

impl Record {
    /// The lowest share of the empty handler's answers among those over HTTP or over gRPC, with or without proof.
    pub(super) fn share(&self, empty: Kind, proof: bool) -> Option<f64> {
        let answers = self.answers.iter().filter(|figure| {
            let kind = figure.kind;
            kind.empty() == empty && !kind.is_empty() && kind.has_proof() == proof
        });
        answers.map(|figure| figure.share_of_empty).reduce(f64::min)
    }
}

/// What was seen of one kind, all rounds together.
#[derive(Debug, Default)]
struct Sum {
    latencies_us: Vec<u64>,
    bytes: u64,
    cpu_ms: u64,
    clients_cpu_ms: u64,
}

/// Measures.
pub(crate) async fn measure(plan: &Plan, progress: &dyn Fn(&str)) -> Result<Record, Failure> {
    let load_before = load_average();
    let shape = Shape {
        accounts: vec![GenesisAccount {
            address: accounts::address(&accounts::funder()),
            balance: FUNDS,
        }],
        log: "warn",
        ..Shape::new(1, Routing::Collector)
    };
    let mut network = Network::start(plan.directory.as_deref(), &shape, progress).await?;
    let machine = machine::describe(network.directory())?;
    let dids = network.directory().join("dids");
    let data = Home::at(&network.nodes()[0].home).data();
    let empty_store = disk_bytes(&data);
    let fill = fill::fill(&network.clients()?[0], plan.dids, &dids, progress).await?;
    progress("starting the node anew");
    network.kill(0);
    network.start_all(progress).await?;

    let picked = picked(&dids)?;
    let node = &network.nodes()[0];
    let address = node.http.trim_start_matches("http://").to_owned();
    let checks = Checks {
        address: &address,
        client: network.clients()?.remove(0),
        trust: network.trust(),
    };
    let mut proofs_verified = 0;
    for did in &picked {
        proofs_verified += checks.check(did).await?;
    }
    let (empty, listening) = Clients::start_as::<Listening>(Role::Empty, &[Listen {}]).await?;
    let empty = Answering {
        pid: empty.pids()[0],
        address: listening[0].address.clone(),
        _process: Some(empty),
    };
    let resolving = Answering {
        pid: node.pid,
        address: address.clone(),
        _process: None,
    };
    progress("asking until what is asked for often is at hand");
    let mut unmeasured = Sum::default();
    ask(
        plan,
        &resolving,
        Kind::HttpProof,
        &dids,
        ROUNDS,
        &mut unmeasured,
    )
    .await?;
    let mut sums: Vec<(Kind, Sum)> = Kind::ALL.map(|kind| (kind, Sum::default())).into();
    for round in 0..ROUNDS {
        progress(&format!("measuring, round {} of {ROUNDS}", round + 1));
        for (kind, sum) in &mut sums {
            let answering = if kind.is_empty() { &empty } else { &resolving };
            ask(plan, answering, *kind, &dids, round, sum).await?;
        }
        sums.reverse();
    }
    for did in &picked {
        proofs_verified += checks.check(did).await?;
    }
    sums.sort_by_key(|(kind, _)| Kind::ALL.iter().position(|other| other == kind));
    let grown = disk_bytes(&data).saturating_sub(empty_store);
    let resident_mib = resident_kib(node.pid) / 1_024;
    network.remove()?;
    Ok(Record {
        dids: plan.dids,
        fill,
        disk_bytes_per_did: ratio(grown, plan.dids),
        resident_mib,
        answers: figures(sums, plan.seconds),
        proofs_verified,
        settings: Settings {
            machine,
            load_before,
            document: "one Ed25519 key, for authentication and assertions".to_owned(),
            clients: plan.clients,
            in_flight: plan.in_flight,
            seconds: plan.seconds,
            rounds: ROUNDS,
        },
    })
}

/// A process that answers.
#[derive(Debug)]
struct Answering {
    pid: u32,
    address: String,
    /// The process of the empty handlers ends with this.
    _process: Option<Clients>,
}

/// Lets clients ask for a while.
async fn ask(
    plan: &Plan,
    answering: &Answering,
    kind: Kind,
    dids: &Path,
    round: u64,
    sum: &mut Sum,
) -> Result<(), Failure> {
    let measured_ms = u64::from(plan.seconds) * MS_PER_S / ROUNDS;
    let jobs: Vec<Job> = (0..plan.clients)
        .map(|client| Job {
            address: answering.address.clone(),
            kind,
            dids: dids.to_owned(),
            in_flight: (plan.in_flight / plan.clients).max(1),
            seed: round * u64::from(plan.clients) + u64::from(client),
            warm_up_ms: WARM_UP_MS,
            measured_ms,
        })
        .collect();
    let (mut clients, _) = Clients::start_as::<Ready>(Role::ResolverClient, &jobs).await?;
    let from = clock::monotonic() + LEAD + Duration::from_millis(WARM_UP_MS);
    let lead_ms = i64::try_from(LEAD.as_millis()).unwrap_or_default();
    clients.go(clock::unix_ms() + lead_ms)?;
    sleep_until(from.into()).await;
    let before = cpu_ms(answering.pid);
    sleep_until((from + Duration::from_millis(measured_ms)).into()).await;
    sum.cpu_ms += cpu_ms(answering.pid).saturating_sub(before);
    for outcome in clients.outcomes::<Outcome>().await? {
        if outcome.wrong > 0 {
            return Err(Failure::new(
                "BENCH",
                format!(
                    "{}: {} answers are not what was asked for, the first of them about {}",
                    kind.name(),
                    outcome.wrong,
                    outcome.first_wrong.unwrap_or_default()
                ),
                "",
            ));
        }
        sum.latencies_us.extend(outcome.latencies_us);
        sum.bytes += outcome.bytes;
        sum.clients_cpu_ms += outcome.cpu_ms;
    }
    Ok(())
}

fn figures(sums: Vec<(Kind, Sum)>, seconds: u32) -> Vec<Figure> {
    let counts: Vec<(Kind, u64)> = sums
        .iter()
        .map(|(kind, sum)| (*kind, number(sum.latencies_us.len())))
        .collect();
    let count = |wanted: Kind| {
        let mut counts = counts.iter().filter(|(kind, _)| *kind == wanted);
        counts.next().map_or(0, |(_, count)| *count)
    };
    sums.into_iter()
        .map(|(kind, sum)| {
            let answers = count(kind);
            Figure {
                kind,
                per_second: per_second(answers, Duration::from_secs(seconds.into())),
                share_of_empty: ratio(answers, count(kind.empty())),
                latency: Percentiles::of(sum.latencies_us, 0),
                cpu_us: ratio(sum.cpu_ms * 1_000, answers),
                clients_cpu_us: ratio(sum.clients_cpu_ms * 1_000, answers),
                bytes: sum.bytes.checked_div(answers).unwrap_or_default(),
            }
        })
        .collect()
}

/// Some of the DIDs.
fn picked(path: &Path) -> Result<Vec<String>, Failure> {
    let text =
        std::fs::read_to_string(path).map_err(|error| Failure::file("read", path, &error))?;
    let all: Vec<&str> = text.lines().collect();
    let mut chance = Chance(u64::MAX);
    let some = (0..CHECKED.min(all.len())).map(|_| all[chance.below(all.len())].to_owned());
    Ok(some.collect())
}

/// The first figure of /proc/loadavg: processes that ran or waited to, over the last minute.
fn load_average() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_the_handler_on_the_same_wire() {
        let sums = [
            (Kind::HttpEmpty, 100),
            (Kind::HttpDocument, 80),
            (Kind::HttpResult, 70),
            (Kind::HttpProof, 40),
            (Kind::GrpcEmpty, 50),
            (Kind::GrpcRecord, 40),
            (Kind::GrpcProof, 10),
        ]
        .map(|(kind, answers)| {
            let sum = Sum {
                latencies_us: vec![1_000; answers],
                bytes: number(answers) * 300,
                cpu_ms: number(answers) / 10,
                clients_cpu_ms: 0,
            };
            (kind, sum)
        });
        let answers = figures(sums.into(), 10);
        assert_eq!(answers[1].per_second, 8);
        assert_eq!(answers[1].cpu_us, 100.0);
        assert_eq!(answers[1].bytes, 300);
        let record = Record {
            dids: 1,
            fill: Fill {
                transactions: 1,
                dids_per_second: 1,
                envelope_bytes_per_did: 1.0,
            },
            disk_bytes_per_did: 1.0,
            resident_mib: 1,
            answers,
            proofs_verified: 2,
            settings: Settings {
                machine: machine::describe(&std::env::temp_dir()).unwrap(),
                load_before: load_average(),
                document: String::new(),
                clients: 1,
                in_flight: 1,
                seconds: 1,
                rounds: 1,
            },
        };
        let share = |empty, proof| record.share(empty, proof);
        assert_eq!(share(Kind::HttpEmpty, false), Some(0.7));
        assert_eq!(share(Kind::HttpEmpty, true), Some(0.4));
        assert_eq!(share(Kind::GrpcEmpty, false), Some(0.8));
        assert_eq!(share(Kind::GrpcEmpty, true), Some(0.2));
    }
}
