//! Signatures are checked here, off the core's thread: decoded once, verified in batches, handed on as [`Checked`].
//!
//! Envelopes come from clients, who want an answer, and from peers, whose gossip wants a verdict before it goes further. What the
//! core gets is already for this chain and well signed; it only judges nonces and room.

use std::sync::Arc;

use crate::network::Judgement;
use starfire_ledger::{ChainRules, Checked, Transaction, check_all};
use starfire_state::Rejection;
use tokio::sync::{mpsc, oneshot};

/// Envelopes that may wait for a check.
pub const QUEUE_MAX: usize = 8192;
/// Envelopes that one batch checks.
pub const BATCH_MAX: usize = 256;

/// Who waits for the verdict, and hears it exactly once.
#[derive(Debug)]
pub enum Verdict {
    /// A client, for the hash or the reason.
    Client(oneshot::Sender<Result<[u8; 32], Rejection>>),
    /// Gossip, to pass the transaction on or not.
    Peer(oneshot::Sender<Judgement>),
}

impl Verdict {
    /// The transaction can never be executed here.
    fn invalid(self, rejection: Rejection) {
        match self {
            Self::Client(reply) => drop(reply.send(Err(rejection))),
            Self::Peer(reply) => drop(reply.send(Judgement::Reject)),
        }
    }

    /// The core has taken it, or has no use for it now. Whoever has gone away does not mind.
    pub fn decided(self, result: Result<[u8; 32], Rejection>) {
        match self {
            Self::Client(reply) => drop(reply.send(result)),
            Self::Peer(reply) => drop(reply.send(if result.is_ok() {
                Judgement::Accept
            } else {
                Judgement::Ignore
            })),
        }
    }
}

/// An envelope as it came in.
#[derive(Debug)]
pub struct Unchecked {
    /// Encoded.
    pub envelope: Vec<u8>,
    /// Answered here when it is invalid, by the core otherwise.
    pub verdict: Verdict,
}

/// An envelope whose signatures hold.
#[derive(Debug)]
pub struct Admission {
    /// The proof of it.
    pub transaction: Arc<Checked>,
    /// Answered by the core.
    pub verdict: Verdict,
}

/// Checks envelopes until nobody sends any more.
pub async fn run(
    rules: ChainRules,
    mut inbox: mpsc::Receiver<Unchecked>,
    core: mpsc::Sender<Vec<Admission>>,
) {
    let mut batch = Vec::with_capacity(BATCH_MAX);
    while inbox.recv_many(&mut batch, BATCH_MAX).await > 0 {
        let envelopes = std::mem::take(&mut batch);
        let rules = rules.clone();
        let Ok(admissions) = tokio::task::spawn_blocking(move || admit(envelopes, &rules)).await
        else {
            return;
        };
        if !admissions.is_empty() && core.send(admissions).await.is_err() {
            return;
        }
    }
}

fn admit(envelopes: Vec<Unchecked>, rules: &ChainRules) -> Vec<Admission> {
    let mut decoded = Vec::with_capacity(envelopes.len());
    let mut verdicts = Vec::with_capacity(envelopes.len());
    for Unchecked { envelope, verdict } in envelopes {
        match Transaction::decode(&envelope) {
            Ok(transaction) => {
                decoded.push(transaction);
                verdicts.push(verdict);
            }
            Err(error) => verdict.invalid(Rejection::new(error.code(), error.to_string())),
        }
    }
    let mut admissions = Vec::with_capacity(decoded.len());
    for (checked, verdict) in check_all(decoded, rules).into_iter().zip(verdicts) {
        match checked {
            Ok(checked) => admissions.push(Admission {
                transaction: Arc::new(checked),
                verdict,
            }),
            Err(error) => verdict.invalid(error.rejection()),
        }
    }
    admissions
}
