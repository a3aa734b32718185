//! Signatures are checked here, off the core's thread: decoded once, verified in batches, handed on as [`Checked`].
//!
//! Envelopes come from clients, who want answers; from peers in batches, over streams that name the peer; and by gossip, which
//! wants a verdict before it passes them on. What the core gets is already for this chain and well signed; it only judges nonces
//! and room. A peer that hands on what is invalid whatever the state is blamed for it, since no honest node does.
//!
//! Clients and peers wait apart, and while both wait the checkers spend as much time on the ones as on the others. Time is counted as
//! work, which follows from an envelope's length and its signatures: few bytes may carry many. An arrival of much work is checked
//! beside the others, one at a time, so that these wait for none such: at most for a batch, and a batch is short.

mod sources;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, Stream, StreamExt};
use libp2p::PeerId;
use sha2::{Digest as _, Sha256};
use starfire_ledger::{ChainRules, Checked, Transaction, check_all, signature_work};
use starfire_state::Rejection;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinError;

use crate::clock;
use crate::gateway::backend::Submission;
use crate::gateway::error::BUSY;
use crate::intake::Outlet;
use crate::network::{Judgement, Network};
use crate::recent::Recent;
use crate::roster::Roster;

pub use sources::BATCH_ENOUGH;
use sources::{BYTE_WORK, Sources, gather};

/// Clients' submissions that may wait for a check. They are fewer, by the gateway's seats.
pub const SUBMISSIONS_MAX: usize = 1024;
/// Under load a batch follows the one before it after so long, unless it is full: ten signatures checked together cost half of what
/// they cost one by one, and what follows from them is done once. A transaction that comes alone does not wait.
const BATCH_PERIOD: Duration = Duration::from_millis(4);
/// So few are checked where they arrive, if they are little work: to wake another thread would cost as much.
const INLINE_MAX: usize = 4;
const INLINE_WORK_MAX: u64 = 2_000_000;
/// Batches that are checked at one time, beside a large arrival.
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
    Gossip {
        /// The neighbour that passed it on.
        peer: PeerId,
        /// Who waits for the verdict.
        reply: oneshot::Sender<Judgement>,
    },
}

impl Origin {
    /// All is decided. Whoever has gone away does not mind.
    pub fn decided(self, verdicts: Verdicts) {
        match self {
            Self::Client(reply) => drop(reply.send(verdicts)),
            Self::Peer(_) => {}
            Self::Gossip { reply, .. } => {
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
    pub(crate) fn bytes(&self) -> usize {
        self.envelopes.iter().map(Vec::len).sum()
    }

    /// How long it takes to check.
    fn work(&self) -> u64 {
        let envelopes = self.envelopes.iter();
        let signatures = envelopes.map(|envelope| signature_work::foreseen(envelope));
        self.byte_work() + signatures.sum::<u64>()
    }

    /// How long it takes to decode and hash.
    fn byte_work(&self) -> u64 {
        u64::try_from(self.bytes()).expect("a length fits in 64 bits") * BYTE_WORK
    }

    fn ids(&self) -> impl Iterator<Item = [u8; 32]> {
        let envelopes = self.envelopes.iter();
        envelopes.map(|envelope| Sha256::digest(envelope).into())
    }

    /// Whether all of it was checked lately.
    fn is_known(&self, recent: &Recent) -> bool {
        self.ids().all(|id| recent.find(&[id])[0].is_some())
    }

    fn refuse(self) {
        let busy = || {
            let detail = "too many large batches arrive at once; try again shortly";
            Err(Rejection::new(BUSY, detail))
        };
        let verdicts = self.envelopes.iter().map(|_| busy()).collect();
        self.origin.decided(verdicts);
    }
}

impl From<Submission> for Arrival {
    fn from(Submission { envelopes, reply }: Submission) -> Self {
        Self {
            envelopes,
            origin: Origin::Client(reply),
        }
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
    clients: mpsc::Receiver<Submission>,
    peers: Outlet,
    network: Network,
    roster: watch::Receiver<Roster>,
    core: mpsc::Sender<Vec<Admission>>,
) {
    let losses = network.clone();
    let lost = move || losses.lost_batches(1);
    let (sources, large) = Sources::new(clients, peers, roster, recent.clone(), lost);
    let batches = stream::unfold(
        (sources, clock::monotonic()),
        |(mut sources, due)| async move {
            let batch = gather(&mut sources, due).await?;
            Some((batch, (sources, clock::monotonic() + BATCH_PERIOD)))
        },
    );
    let checks = batches.map(|batch| {
        let (rules, recent) = (rules.clone(), recent.clone());
        async move {
            if batch.envelopes <= INLINE_MAX && batch.work <= INLINE_WORK_MAX {
                return Ok(check(batch.arrivals, &rules, &recent));
            }
            tokio::task::spawn_blocking(move || check(batch.arrivals, &rules, &recent)).await
        }
    });
    let large_checks = large.then(|arrival| {
        let (rules, recent) = (rules.clone(), recent.clone());
        tokio::task::spawn_blocking(move || check(vec![arrival], &rules, &recent))
    });
    tokio::join!(
        hand_on(checks.buffered(WORKERS), &network, &core),
        hand_on(large_checks, &network, &core),
    );
}

/// Judges what is checked, and gives the core what is left, until nobody wants it or no more comes.
async fn hand_on(
    checked: impl Stream<Item = Result<Vec<Admission>, JoinError>>,
    network: &Network,
    core: &mpsc::Sender<Vec<Admission>>,
) {
    let mut checked = pin!(checked);
    while let Some(Ok(admissions)) = checked.next().await {
        let judged = admissions.into_iter().filter_map(|admission| {
            let (left, fault) = judge(admission);
            if let Some((peer, count)) = fault {
                network.blame(peer, count);
            }
            left
        });
        let admissions = judged.collect();
        if core.send(admissions).await.is_err() {
            return;
        }
    }
}

/// Decodes what is not known, and verifies all signatures together.
fn check(batch: Vec<Arrival>, rules: &ChainRules, recent: &Recent) -> Vec<Admission> {
    let envelopes = || batch.iter().flat_map(|arrival| &arrival.envelopes);
    let ids: Vec<[u8; 32]> = batch.iter().flat_map(Arrival::ids).collect();
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

/// Ends what no peer may pass on; what is left goes to the core. Says how many were invalid, and by which peer's fault.
fn judge(mut admission: Admission) -> (Option<Admission>, Option<(PeerId, usize)>) {
    let sent = admission.transactions.len();
    let mut fault = None;
    admission.origin = match admission.origin {
        Origin::Client(reply) => {
            tell_of_legacy_forms(&admission.transactions);
            Origin::Client(reply)
        }
        Origin::Peer(peer) => {
            admission.transactions.retain(may_be_passed_on);
            fault = Some((peer, sent - admission.transactions.len()));
            Origin::Peer(peer)
        }
        Origin::Gossip { reply, .. } if !admission.transactions.iter().all(may_be_passed_on) => {
            reply.send(Judgement::Reject).ok();
            return (None, None);
        }
        Origin::Gossip { peer, reply } => Origin::Gossip { peer, reply },
    };
    let left = (!admission.transactions.is_empty()).then_some(admission);
    (left, fault)
}

/// Where clients still use them is for operators to know, before these forms end.
fn tell_of_legacy_forms(transactions: &[Result<Arc<Checked>, Rejection>]) {
    for transaction in transactions.iter().flatten() {
        if let Some(form) = transaction.legacy() {
            tracing::info!(sender = %transaction.sender, form, "a call in a form of earlier SDKs");
        }
    }
}

/// Whether an honest node may have taken it: one that is refused whatever the state, for a wrong consent perhaps, enters no mempool.
fn may_be_passed_on(checked: &Result<Arc<Checked>, Rejection>) -> bool {
    checked
        .as_ref()
        .is_ok_and(|transaction| transaction.rejection().is_none())
}

#[cfg(test)]
mod tests {
    use starfire_did::{Did, KeyAlgorithm, PrivateKey};
    use starfire_ledger::check;
    use starfire_proto::protocol;

    use super::*;

    fn logging(topic: &str) -> Result<Arc<Checked>, Rejection> {
        let key = PrivateKey::generate([1; 32], KeyAlgorithm::Ed25519);
        let body = protocol::Transaction {
            source_address: Did::derive(&key.public(), None).to_string(),
            nonce: 1,
            operations: vec![protocol::Operation {
                r#type: protocol::operation::Type::Log.into(),
                log: Some(protocol::OperationLog {
                    topic: topic.to_owned(),
                    datas: vec!["x".to_owned()],
                }),
                ..Default::default()
            }],
            ..Default::default()
        };
        let rules = ChainRules {
            chain_id: "starfire-main-1".to_owned(),
            chain_code: None,
            bif_chain_id: 0,
        };
        let envelope = Transaction::sign(&body, &[&key]);
        Ok(Arc::new(
            check(Transaction::decode(&envelope).unwrap(), &rules).unwrap(),
        ))
    }

    #[test]
    fn a_peer_is_to_blame_for_what_is_refused_whatever_the_state() {
        let (good, senseless) = (logging("t"), logging(""));
        assert!(senseless.as_ref().unwrap().rejection().is_some());
        let peer = PeerId::random();
        let (left, fault) = judge(Admission {
            transactions: vec![good, senseless.clone()],
            origin: Origin::Peer(peer),
        });
        assert_eq!(fault, Some((peer, 1)));
        assert_eq!(left.unwrap().transactions.len(), 1);

        let (reply, mut judged) = oneshot::channel();
        let (left, _) = judge(Admission {
            transactions: vec![senseless.clone()],
            origin: Origin::Gossip { peer, reply },
        });
        assert!(left.is_none());
        assert_eq!(judged.try_recv(), Ok(Judgement::Reject));

        // A client learns from the core what is wrong.
        let (reply, _verdicts) = oneshot::channel();
        let (left, fault) = judge(Admission {
            transactions: vec![senseless],
            origin: Origin::Client(reply),
        });
        assert_eq!((left.unwrap().transactions.len(), fault), (1, None));
    }
}
