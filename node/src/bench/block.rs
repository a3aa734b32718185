//! What a block costs one validator as the state grows: the same block on chains with more and more accounts.
//!
//! One replica over a store of its own, in this process and without a network: it admits payments, proposes, votes, executes,
//! updates the tree and writes, as a node's core does, and its own vote is the quorum. Accounts come by payments, as anywhere. Once
//! the store has made its files of what filled it, what is timed is one step: from transactions whose signatures are checked to their
//! block on the disk, and the empty block behind it that carries the root of its state.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use starfire_consensus::safety::SafetyRecord;
use starfire_did::{KeyAlgorithm, PrivateKey};
use starfire_ledger::genesis::{GenesisAccount, Routing};
use starfire_ledger::transaction::{OPERATIONS_MAX, Transaction};
use starfire_ledger::{ChainRules, Checked, Genesis, check_all};
use starfire_proto::v1;
use starfire_state::{SafetyBlocks, Store};
use tokio::task::yield_now;
use tokio::time::sleep;

use super::accounts::{address, addresses, funding, funds, key, payment};
use super::chance::Chance;
use super::figures::{Percentiles, micros, number, per_second, ratio};
use super::machine::{self, Machine};
use super::network::Shape;
use super::sample::{cpu_ms, disk_bytes, resident_kib};
use crate::ceremony::{CardKeys, MemberCard, Membership, Terms};
use crate::client::transaction;
use crate::clock;
use crate::config::{Config, Role};
use crate::failure::Failure;
use crate::mempool::{Limits, WORK_MAX};
use crate::replica::{Replica, ReplicaInput, Setup};
use crate::rocks::{Reader, Rocks};
use crate::signer::Signer;

/// Who funds the accounts, each with one transaction in a block.
const FUNDERS: u64 = 32;
/// Blocks before those that are measured.
const WARM_UP_BLOCKS: u64 = 10;
/// Fillings between two words about them.
const TOLD_EVERY: i64 = 10;
/// How often the store is asked whether it has come to rest after the filling.
const SETTLING_POLL: Duration = Duration::from_millis(500);

/// What to measure.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Where, if not in a temporary directory.
    pub(crate) directory: Option<PathBuf>,
    /// Accounts in the state.
    pub(crate) accounts: u64,
    /// Payments in a block.
    pub(crate) payments: u32,
    /// Blocks that are measured.
    pub(crate) blocks: u32,
}

/// The result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Accounts in the state.
    pub(crate) accounts: u64,
    /// Payments in a block, between accounts that chance picks.
    pub(crate) payments: u32,
    /// Blocks that were measured.
    pub(crate) blocks: u32,
    /// From checked transactions to their block on the disk, and the empty one behind it.
    pub(crate) took: Percentiles,
    /// Half of them did not take longer, microseconds.
    pub(crate) p50_us: u64,
    /// Processor time of all threads for a block, milliseconds: with what the store does on the side.
    pub(crate) cpu_ms: f64,
    /// Accounts that were made each second.
    pub(crate) filled_per_second: u64,
    /// What the store has for an account: state, all versions of the tree, blocks and receipts.
    pub(crate) disk_bytes_per_account: f64,
    /// Memory of the process at the end.
    pub(crate) resident_mib: u64,
    /// On what.
    pub(crate) machine: Machine,
}

/// Measures.
pub(crate) async fn measure(plan: &Plan, progress: &dyn Fn(&str)) -> Result<Record, Failure> {
    let place = Place::make(plan.directory.as_deref())?;
    let machine = machine::describe(&place.path)?;
    let data = place.path.join("data");
    let mut chain = Chain::found(&data, plan.accounts)?;

    let start = clock::monotonic();
    let step = FUNDERS * number(OPERATIONS_MAX);
    for (nonce, from) in (1..).zip((0..plan.accounts).step_by(usize_of(step))) {
        chain.fund(nonce, from..plan.accounts.min(from + step))?;
        if nonce % TOLD_EVERY == 0 {
            progress(&format!("{} of {} accounts", from + step, plan.accounts));
        }
        yield_now().await;
    }
    let filled_per_second = per_second(plan.accounts, clock::elapsed(start));

    progress("signing payments");
    let mut payments = Payments::new(plan.accounts);
    let blocks = u64::from(plan.blocks);
    let signed: Vec<_> = (0..WARM_UP_BLOCKS + blocks)
        .map(|_| payments.sign(&chain.record, plan.payments))
        .collect();
    progress("waiting for the store to have made its files");
    while chain.store.is_making_files() {
        sleep(SETTLING_POLL).await;
    }
    progress("measuring blocks");
    let (mut times, mut cpu) = (Vec::new(), 0);
    for (index, envelopes) in (0..).zip(signed) {
        let transactions = chain.check(envelopes)?;
        let before = cpu_ms(std::process::id());
        let start = clock::monotonic();
        chain.decide(transactions)?;
        let took = clock::elapsed(start);
        if index >= WARM_UP_BLOCKS {
            times.push(micros(took));
            cpu += cpu_ms(std::process::id()).saturating_sub(before);
        }
        yield_now().await;
    }
    drop(chain);
    times.sort_unstable();
    let p50_us = times
        .get((times.len() - 1) / 2)
        .copied()
        .unwrap_or_default();
    Ok(Record {
        accounts: plan.accounts,
        payments: plan.payments,
        blocks: plan.blocks,
        p50_us,
        took: Percentiles::of(times, 0),
        cpu_ms: ratio(cpu, blocks),
        filled_per_second,
        disk_bytes_per_account: ratio(disk_bytes(&data), plan.accounts),
        resident_mib: resident_kib(std::process::id()) / 1_024,
        machine,
    })
}

/// Where the store is. A temporary one goes with it.
#[derive(Debug)]
struct Place {
    path: PathBuf,
    temporary: bool,
}

impl Place {
    fn make(chosen: Option<&Path>) -> Result<Self, Failure> {
        let name = format!("starfire-bench-{}-{}", std::process::id(), clock::unix_ms());
        let path = chosen.map_or_else(|| std::env::temp_dir().join(name), Path::to_owned);
        std::fs::create_dir_all(&path).map_err(|error| Failure::file("create", &path, &error))?;
        Ok(Self {
            path,
            temporary: chosen.is_none(),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.temporary {
            // What cannot be removed lies in the directory for temporary files.
            std::fs::remove_dir_all(&self.path).ok();
        }
    }
}

/// A chain of one validator, in this process.
struct Chain {
    replica: Replica,
    store: Reader,
    rules: ChainRules,
    record: v1::ChainRecord,
}

impl Chain {
    fn found(data: &Path, accounts: u64) -> Result<Self, Failure> {
        if data.exists() {
            return Err(Failure::usage(
                format!("{} is there already", data.display()),
                "name a directory that is empty, or none",
            ));
        }
        let fault = |error: &dyn std::error::Error| Failure::caused("BENCH", error, "");
        let [validator, node, account] =
            [1, 2, 3].map(|seed| PrivateKey::generate([seed; 32], KeyAlgorithm::Ed25519));
        let genesis = genesis(&validator, &node, &account, accounts)?;
        let config = Config::new("bench", Role::Super);
        let mut store =
            Rocks::open_with(data, config.store.memory_mib).map_err(|error| fault(&error))?;
        store
            .save_safety(&SafetyRecord::default().encode(), &SafetyBlocks::new())
            .map_err(|error| fault(&error))?;
        let reader = store.reader();
        let setup = Setup {
            genesis,
            signers: vec![Signer::new(&validator).map_err(|error| fault(&error))?],
            mempool: Limits {
                transactions_max: config.mempool.transactions_max,
                bytes_max: config.mempool.bytes_max,
                work_max: WORK_MAX,
                transactions_per_sender_max: config.mempool.transactions_per_sender_max,
            },
        };
        let (replica, _) =
            Replica::open(setup, Box::new(store), clock::now()).map_err(|error| fault(&error))?;
        let record = {
            let state = replica.archive().state_at(replica.height());
            starfire_state::chain(&*state)
        };
        Ok(Self {
            replica,
            store: reader,
            rules: ChainRules::of(&record),
            record,
        })
    }

    /// Makes accounts, all in one block.
    fn fund(&mut self, nonce: i64, accounts: Range<u64>) -> Result<(), Failure> {
        let envelopes = (0..)
            .zip(addresses(accounts).chunks(OPERATIONS_MAX))
            .map(|(number, part)| funding(&self.record, &funder(number), nonce, part))
            .collect();
        let transactions = self.check(envelopes)?;
        self.decide(transactions)
    }

    fn check(&self, envelopes: Vec<Vec<u8>>) -> Result<Vec<Arc<Checked>>, Failure> {
        let fault = |error: &dyn std::error::Error| Failure::caused("BENCH", error, "");
        let transactions = envelopes
            .iter()
            .map(|envelope| Transaction::decode(envelope).map_err(|error| fault(&error)))
            .collect::<Result<_, _>>()?;
        check_all(transactions, &self.rules)
            .into_iter()
            .map(|checked| checked.map(Arc::new).map_err(|error| fault(&error)))
            .collect()
    }

    /// A block with these transactions and the empty one that proves them, durable when this returns.
    fn decide(&mut self, transactions: Vec<Arc<Checked>>) -> Result<(), Failure> {
        let count = transactions.len();
        let before = self.replica.height();
        self.replica
            .step(clock::now(), ReplicaInput::Transactions(transactions));
        let decided = before + 1..=self.replica.height();
        let receipts = decided
            .clone()
            .filter_map(|height| self.replica.archive().receipts(height))
            .flatten();
        let done = receipts.filter(|receipt| is_good(receipt)).count();
        if done == count {
            return Ok(());
        }
        let message =
            format!("{done} of {count} transactions did something at heights {decided:?}");
        Err(Failure::new("BENCH", message, ""))
    }
}

fn is_good(receipt: &[u8]) -> bool {
    let receipt: Result<v1::Receipt, _> = prost::Message::decode(receipt);
    receipt.is_ok_and(|receipt| receipt.code == 0)
}

/// A genesis with one member, whose quotas leave the whole block to strangers.
fn genesis(
    validator: &PrivateKey,
    node: &PrivateKey,
    account: &PrivateKey,
    accounts: u64,
) -> Result<Genesis, Failure> {
    let fault = |error: &dyn std::error::Error| Failure::caused("GENESIS", error, "");
    let membership = Membership {
        organisation: "Bench".to_owned(),
        chain_code: None,
        voting_power: 1,
        account: KeyAlgorithm::Ed25519,
        advertise: None,
    };
    let keys = CardKeys {
        validator,
        node,
        account,
    };
    let config = Config::new("bench", Role::Super);
    let card = MemberCard::issue(&config, &membership, &keys).map_err(|error| fault(&error))?;
    let shape = Shape::new(1, Routing::Collector);
    let terms = Terms {
        chain_id: "starfire-main-1".to_owned(),
        chain_code: None,
        name: "Bench".to_owned(),
        bif_chain_id: 0,
        time_ms: clock::unix_ms(),
        params: shape.params(),
        consensus: shape.consensus(),
        accounts: (0..FUNDERS)
            .map(|number| GenesisAccount {
                address: address(&funder(number)),
                balance: funds(usize_of(accounts)),
            })
            .collect(),
        sub_chains: Vec::new(),
    };
    terms.draft(&[card]).map_err(|error| fault(&error))
}

/// A key that no account with a small number has.
fn funder(number: u64) -> PrivateKey {
    key(u64::MAX - number)
}

fn usize_of(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Payments between accounts that chance picks.
struct Payments {
    chance: Chance,
    accounts: usize,
    nonces: BTreeMap<usize, i64>,
}

impl Payments {
    fn new(accounts: u64) -> Self {
        Self {
            chance: Chance(accounts),
            accounts: usize_of(accounts),
            nonces: BTreeMap::new(),
        }
    }

    /// So many envelopes. Nobody pays itself.
    fn sign(&mut self, chain: &v1::ChainRecord, count: u32) -> Vec<Vec<u8>> {
        let sign = |_| {
            let payer = self.chance.below(self.accounts);
            let other = 1 + self.chance.below(self.accounts - 1);
            let payee = (payer + other) % self.accounts;
            let nonce = self.nonces.entry(payer).or_default();
            *nonce += 1;
            let [from, to] = [payer, payee].map(|account| key(number(account)));
            let operations = vec![payment(address(&to), 1)];
            let body = transaction(chain, address(&from), *nonce, operations);
            Transaction::sign(&body, &[&from])
        };
        (0..count).map(sign).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn blocks_are_decided_on_a_store_and_nothing_in_them_fails() {
        let plan = Plan {
            directory: None,
            accounts: 40,
            payments: 30,
            blocks: 3,
        };
        let record = measure(&plan, &|_| {}).await.unwrap();
        assert_eq!((record.accounts, record.blocks), (40, 3));
        assert!(record.took.p50_ms.is_some_and(|ms| ms > 0.0), "{record:?}");
        assert!(record.disk_bytes_per_account > 0.0, "{record:?}");
    }

    #[tokio::test]
    async fn a_directory_that_holds_a_store_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("data")).unwrap();
        let plan = Plan {
            directory: Some(directory.path().to_owned()),
            accounts: 2,
            payments: 1,
            blocks: 1,
        };
        assert_eq!(measure(&plan, &|_| {}).await.unwrap_err().code, "USAGE");
    }
}
