//! The load: payments signed beforehand, sent when they are due, and followed into their blocks.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use starfire_did::{ChainCode, KeyAlgorithm, PrivateKey};
use starfire_ledger::transaction::Transaction;
use starfire_proto::protocol::operation::Type;
use starfire_proto::{protocol, v1};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::Bench;
use crate::cli::context::Context;
use crate::client::{Client, transaction};
use crate::devnet::Chain;
use crate::devnet::process::cpu_ticks;
use crate::failure::Failure;
use crate::{clock, keystore};

/// Payments that may be on their way on one connection. More would measure the client.
const IN_FLIGHT_MAX: usize = 512;
/// How long the last payments may take.
const TAIL: Duration = Duration::from_secs(15);
/// Payments are signed before the load begins, so they are all in memory.
const PAYMENTS_MAX: usize = 5_000_000;

/// A signed payment and when it is due.
#[derive(Debug)]
struct Payment {
    hash: [u8; 32],
    envelope: Vec<u8>,
    due: Duration,
}

/// What came of the load.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) submitted: usize,
    /// How often submission was refused, by code.
    pub(super) refused: BTreeMap<String, u64>,
    /// From due to committed, sorted, milliseconds.
    pub(super) latencies_ms: Vec<u64>,
    /// Committed with a receipt that says otherwise.
    pub(super) failed: usize,
    /// From the beginning to the last commit.
    pub(super) took: Duration,
    pub(super) cpu_ticks: u64,
}

/// Puts the load on the chain; answers what came of it, and the chain's parameters.
pub(super) async fn load(
    arguments: &Bench,
    chain: &Chain,
    context: &Context,
) -> Result<(Outcome, v1::ChainRecord), Failure> {
    let clients = (0..usize::from(arguments.connections))
        .map(|index| Client::connect(&chain.nodes[index % chain.nodes.len()].grpc))
        .collect::<Result<Vec<_>, _>>()?;
    let parameters = clients[0].chain().await?.clone();
    if parameters.bif_profile {
        return Err(Failure::usage(
            "fresh accounts have no coins, and under BIF's rules they would need some",
            "measure a devnet of the default profile",
        ));
    }
    context.output.progress("signing payments");
    let payments = payments(arguments, &parameters)?;
    let due: BTreeMap<[u8; 32], Duration> = payments
        .iter()
        .map(|payment| (payment.hash, payment.due))
        .collect();

    let from = clients[0].status().await?.height + 1;
    context.output.progress("sending");
    let ticks = ticks(chain);
    let start = clock::monotonic();
    let watcher = tokio::spawn(watch(
        clients[0].clone(),
        from,
        due,
        start,
        arguments.seconds,
    ));
    let (submitted, refused) = send(&clients, payments, start).await;
    let mut outcome = watcher
        .await
        .map_err(|error| Failure::caused("BENCH", &error, ""))??;
    outcome.cpu_ticks = self::ticks(chain).saturating_sub(ticks);
    outcome.submitted = submitted;
    outcome.refused = refused;
    Ok((outcome, parameters))
}

/// One payment from each of many fresh accounts to the next, which it activates.
fn payments(arguments: &Bench, chain: &v1::ChainRecord) -> Result<Vec<Payment>, Failure> {
    let rate = u64::from(arguments.rate);
    let count = usize::try_from(rate * u64::from(arguments.seconds)).unwrap_or(usize::MAX);
    if count > PAYMENTS_MAX {
        return Err(Failure::usage(
            format!("{count} payments are more than {PAYMENTS_MAX}"),
            "lower --rate or --seconds",
        ));
    }
    let code = ChainCode::parse_optional(&chain.chain_code)
        .map_err(|error| Failure::caused("BAD_ANSWER", &error, ""))?;
    let address = |key: &PrivateKey| key.public().address(code.as_ref()).to_string();
    let mut key = keystore::generate(KeyAlgorithm::Ed25519)?;
    let mut payments = Vec::with_capacity(count);
    for index in 0..count {
        let next = keystore::generate(KeyAlgorithm::Ed25519)?;
        let payment = protocol::OperationPayCoin {
            dest_address: address(&next),
            ..Default::default()
        };
        let operation = protocol::Operation {
            r#type: Type::PayCoin.into(),
            pay_coin: Some(payment),
            ..Default::default()
        };
        let envelope = Transaction::sign(
            &transaction(chain, address(&key), 1, vec![operation]),
            &[&key],
        );
        let hash = Transaction::decode(&envelope)
            .map_err(|error| Failure::caused("BENCH", &error, ""))?
            .hash;
        let nanos = u64::try_from(index)
            .unwrap_or(u64::MAX)
            .saturating_mul(1_000_000_000)
            / rate;
        payments.push(Payment {
            hash,
            envelope,
            due: Duration::from_nanos(nanos),
        });
        key = next;
    }
    Ok(payments)
}

/// Sends each payment when it is due.
async fn send(
    clients: &[Client],
    payments: Vec<Payment>,
    start: Instant,
) -> (usize, BTreeMap<String, u64>) {
    let room: Vec<_> = clients
        .iter()
        .map(|_| Arc::new(Semaphore::new(IN_FLIGHT_MAX)))
        .collect();
    let mut sent = JoinSet::new();
    for (index, payment) in payments.into_iter().enumerate() {
        tokio::time::sleep_until((start + payment.due).into()).await;
        let client = clients[index % clients.len()].clone();
        let permit = room[index % clients.len()]
            .clone()
            .acquire_owned()
            .await
            .expect("the semaphore is never closed");
        sent.spawn(async move {
            let outcome = client.submit(payment.envelope).await;
            drop(permit);
            outcome
        });
    }
    let mut submitted = 0;
    let mut refused = BTreeMap::new();
    for outcome in sent.join_all().await {
        match outcome {
            Ok(_) => submitted += 1,
            Err(error) => *refused.entry(error.code).or_insert(0) += 1,
        }
    }
    (submitted, refused)
}

/// Follows the blocks and notes when each payment is committed, until all are, or the time is over.
async fn watch(
    client: Client,
    from: u64,
    mut due: BTreeMap<[u8; 32], Duration>,
    start: Instant,
    seconds: u32,
) -> Result<Outcome, Failure> {
    let mut outcome = Outcome::default();
    let deadline = start + Duration::from_secs(u64::from(seconds)) + TAIL;
    let mut blocks = client
        .call(client.blocks().subscribe(v1::SubscribeBlocksRequest {
            from,
            ..Default::default()
        }))
        .await?;
    while !due.is_empty() {
        let next = match tokio::time::timeout_at(deadline.into(), blocks.message()).await {
            Err(_) | Ok(Ok(None)) => break,
            Ok(Err(status)) => {
                return Err(Failure::caused("BENCH", &status, "the node may have ended"));
            }
            Ok(Ok(Some(summary))) => summary,
        };
        let seen = clock::elapsed(start);
        if next.transactions == 0 {
            continue;
        }
        let block = client
            .call(client.blocks().get(v1::GetBlockRequest {
                height: next.height,
            }))
            .await?;
        for receipt in block.receipts {
            let hash: Option<[u8; 32]> = receipt.hash.try_into().ok();
            let Some(due) = hash.and_then(|hash| due.remove(&hash)) else {
                continue;
            };
            outcome.took = seen;
            match receipt.code {
                0 => outcome
                    .latencies_ms
                    .push(u64::try_from(seen.saturating_sub(due).as_millis()).unwrap_or(u64::MAX)),
                _ => outcome.failed += 1,
            }
        }
    }
    outcome.latencies_ms.sort_unstable();
    Ok(outcome)
}

/// Processor time of the chain's nodes.
fn ticks(chain: &Chain) -> u64 {
    chain
        .nodes
        .iter()
        .filter_map(|node| cpu_ticks(node.pid))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::super::Mode;
    use super::*;

    #[test]
    fn payments_are_due_evenly_and_all_differ() {
        let arguments = Bench {
            mode: Mode::Durable,
            rate: 4,
            seconds: 1,
            connections: 1,
            chain_code: None,
        };
        let payments = payments(&arguments, &v1::ChainRecord::default()).unwrap();
        let due: Vec<u128> = payments
            .iter()
            .map(|payment| payment.due.as_millis())
            .collect();
        assert_eq!(due, [0, 250, 500, 750]);
        let hashes: std::collections::BTreeSet<_> =
            payments.iter().map(|payment| payment.hash).collect();
        assert_eq!(hashes.len(), 4);
    }
}
