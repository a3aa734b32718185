//! Signatures are checked here, off the core's thread: decoded once, verified in batches, handed on as [`Checked`].
//!
//! Envelopes come from clients, who want answers; from peers in batches, over streams that name the peer; and by gossip, which
//! wants a verdict before it passes them on. What the core gets is already for this chain and well signed; it only judges nonces
//! and room. A peer that hands on what is invalid is blamed for it, since no honest node does.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::stream::{self, StreamExt};
use libp2p::PeerId;
use sha2::{Digest as _, Sha256};
use starfire_ledger::{ChainRules, Checked, Transaction, check_all};
use starfire_state::Rejection;
use tokio::sync::{mpsc, oneshot};

use crate::clock;
use crate::network::{Judgement, Network};
use crate::recent::Recent;

/// Arrivals that may wait for a check. Clients' are fewer, by the gateway's seats; peers' are as a rule of up to 256 KiB.
pub const QUEUE_MAX: usize = 1024;
/// Envelopes that are enough for a batch: more are cheaper by nothing, and hold up the first.
pub const BATCH_ENOUGH: usize = 256;
/// Under load a batch follows the one before it after so long, unless it is full: ten signatures checked together cost half of what
/// they cost one by one, and what follows from them is done once. A transaction that comes alone does not wait.
const BATCH_PERIOD: Duration = Duration::from_millis(4);
/// Bytes that are enough too: one transaction may carry ten thousand signatures.
const BATCH_BYTES_ENOUGH: usize = 1 << 20;
/// So few are checked where they arrive, if they are short: to wake another thread would cost as much.
const INLINE_MAX: usize = 4;
const INLINE_BYTES_MAX: usize = 64 << 10;
/// Batches that are checked at one time.
const WORKERS: usize = 2;

/// A verdict on each of some transactions, in order: its hash, or why it may not wait here.
pub type Verdicts = Vec<Result<[u8; 32], Rejection>>;

/// Where envelopes come from, and who hears what became of them.
#[derive(Debug)]
pub enum Origin {
    /// A client, who hears every verdict.
    Client(oneshot::Sender<Verdicts>),
    /// A peer, which hears nothing.
    Peer(PeerId),
    /// Gossip of one envelope, to be passed on or not.
    Gossip(oneshot::Sender<Judgement>),
}

impl Origin {
    /// All is decided. Whoever has gone away does not mind.
    pub fn decided(self, verdicts: Verdicts) {
        match self {
            Self::Client(reply) => drop(reply.send(verdicts)),
            Self::Peer(_) => {}
            Self::Gossip(reply) => {
                let accepted = verdicts.iter().all(Result::is_ok);
                let judgement = if accepted {
                    Judgement::Accept
                } else {
                    Judgement::Ignore
                };
                reply.send(judgement).ok();
            }
        }
    }
}

/// Envelopes that came together.
#[derive(Debug)]
pub struct Arrival {
    /// Encoded, as received.
    pub envelopes: Vec<Vec<u8>>,
    /// From whom.
    pub origin: Origin,
}

impl Arrival {
    fn bytes(&self) -> usize {
        self.envelopes.iter().map(Vec::len).sum()
    }
}

/// The same after the check.
#[derive(Debug)]
pub struct Admission {
    /// In order: the proof that the signatures hold, or why it can never be executed here.
    pub transactions: Vec<Result<Arc<Checked>, Rejection>>,
    /// From whom.
    pub origin: Origin,
}

/// Checks envelopes until nobody sends any more.
pub async fn run(
    rules: ChainRules,
    recent: Recent,
    inbox: mpsc::Receiver<Arrival>,
    network: Network,
    core: mpsc::Sender<Vec<Admission>>,
) {
    let batches = stream::unfold((inbox, clock::monotonic()), |(mut inbox, due)| async move {
        let batch = gather(&mut inbox, due).await?;
        Some((batch, (inbox, clock::monotonic() + BATCH_PERIOD)))
    });
    let checks = batches.map(|batch| {
        let (rules, recent) = (rules.clone(), recent.clone());
        async move {
            let count: usize = batch.iter().map(|arrival| arrival.envelopes.len()).sum();
            let bytes: usize = batch.iter().map(Arrival::bytes).sum();
            if count <= INLINE_MAX && bytes <= INLINE_BYTES_MAX {
                return Ok(check(batch, &rules, &recent));
            }
            tokio::task::spawn_blocking(move || check(batch, &rules, &recent)).await
        }
    });
    let mut checked = pin!(checks.buffered(WORKERS));
    while let Some(Ok(admissions)) = checked.next().await {
        let admissions = admissions
            .into_iter()
            .filter_map(|admission| judge(admission, &network))
            .collect();
        if core.send(admissions).await.is_err() {
            return;
        }
    }
}

/// What comes until `due`, up to about a batch; waits for the first however long.
async fn gather(inbox: &mut mpsc::Receiver<Arrival>, due: Instant) -> Option<Vec<Arrival>> {
    let first = inbox.recv().await?;
    let (mut count, mut bytes) = (first.envelopes.len(), first.bytes());
    let mut batch = vec![first];
    while count < BATCH_ENOUGH && bytes < BATCH_BYTES_ENOUGH {
        // What is there is taken, however late it is.
        let Ok(Some(next)) = tokio::time::timeout_at(due.into(), inbox.recv()).await else {
            break;
        };
        count += next.envelopes.len();
        bytes += next.bytes();
        batch.push(next);
    }
    Some(batch)
}

/// Decodes what is not known, and verifies all signatures together.
fn check(batch: Vec<Arrival>, rules: &ChainRules, recent: &Recent) -> Vec<Admission> {
    let envelopes = || batch.iter().flat_map(|arrival| &arrival.envelopes);
    let ids: Vec<[u8; 32]> = envelopes()
        .map(|envelope| Sha256::digest(envelope).into())
        .collect();
    let mut unknown = Vec::new();
    let mut results = Vec::with_capacity(ids.len());
    for (envelope, known) in envelopes().zip(recent.find(&ids)) {
        results.push(match known {
            Some(known) => Some(Ok(known)),
            None => match Transaction::decode(envelope) {
                Ok(transaction) => {
                    unknown.push(transaction);
                    None
                }
                Err(error) => Some(Err(Rejection::new(error.code(), error.to_string()))),
            },
        });
    }
    let mut checked = check_all(unknown, rules).into_iter();
    let mut fresh = Vec::new();
    for result in results.iter_mut().filter(|result| result.is_none()) {
        let checked = checked.next().expect("each transaction has an answer");
        let checked = checked.map(Arc::new).map_err(|error| error.rejection());
        fresh.extend(checked.clone());
        *result = Some(checked);
    }
    recent.add(&fresh);
    let mut results = results
        .into_iter()
        .map(|result| result.expect("filled in above"));
    let admission = |Arrival { envelopes, origin }: Arrival| Admission {
        transactions: results.by_ref().take(envelopes.len()).collect(),
        origin,
    };
    batch.into_iter().map(admission).collect()
}

/// Ends what no peer may pass on; what is left goes to the core.
fn judge(mut admission: Admission, network: &Network) -> Option<Admission> {
    let sent = admission.transactions.len();
    admission.origin = match admission.origin {
        Origin::Client(reply) => Origin::Client(reply),
        Origin::Peer(peer) => {
            admission.transactions.retain(Result::is_ok);
            network.blame(peer, sent - admission.transactions.len());
            Origin::Peer(peer)
        }
        Origin::Gossip(reply) if admission.transactions.iter().any(Result::is_err) => {
            reply.send(Judgement::Reject).ok();
            return None;
        }
        Origin::Gossip(reply) => Origin::Gossip(reply),
    };
    (!admission.transactions.is_empty()).then_some(admission)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrival(envelopes: usize) -> Arrival {
        Arrival {
            envelopes: vec![vec![0; 100]; envelopes],
            origin: Origin::Peer(PeerId::random()),
        }
    }

    fn count(batch: &[Arrival]) -> usize {
        batch.iter().map(|arrival| arrival.envelopes.len()).sum()
    }

    #[tokio::test]
    async fn what_comes_alone_does_not_wait_for_company() {
        let (sender, mut inbox) = mpsc::channel(QUEUE_MAX);
        sender.send(arrival(1)).await.unwrap();
        // The sender lives, so whoever waited for more would wait for ever.
        let batch = gather(&mut inbox, clock::monotonic()).await.unwrap();
        assert_eq!(count(&batch), 1);
    }

    #[tokio::test]
    async fn what_waits_is_one_batch_up_to_what_is_enough() {
        let (sender, mut inbox) = mpsc::channel(QUEUE_MAX);
        for _ in 0..10 {
            sender.send(arrival(60)).await.unwrap();
        }
        let long_ago = clock::monotonic() - Duration::from_secs(1);
        let first = gather(&mut inbox, long_ago).await.unwrap();
        assert_eq!(count(&first), 300);
        let second = gather(&mut inbox, long_ago).await.unwrap();
        assert_eq!(count(&second), 300);
    }

    #[tokio::test]
    async fn a_batch_that_is_not_due_takes_what_still_comes() {
        let (sender, mut inbox) = mpsc::channel(QUEUE_MAX);
        let never = clock::monotonic() + Duration::from_secs(3600);
        let gathered = tokio::spawn(async move { gather(&mut inbox, never).await });
        for _ in 0..3 {
            tokio::task::yield_now().await;
            sender.send(arrival(1)).await.unwrap();
        }
        drop(sender);
        assert_eq!(count(&gathered.await.unwrap().unwrap()), 3);
    }
}
