//! Passing transactions on: in batches over the direct streams, and by gossip what is not committed after all.
//!
//! Whoever takes a transaction from a client sends it to every peer that it is connected to, so each validator has it once, however
//! soon the proposer dies. What a follower sent is passed on by those who get it: by a validator to the other validators, by
//! another follower to all. Only what is new here is passed on, so it goes round no circle. A broken link between two validators
//! would keep a transaction from one of them; so a node gossips those of its own clients that wait too long.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use libp2p::PeerId;
use prost::encoding;
use starfire_ledger::Checked;

use crate::network::Network;
use crate::roster::Roster;
use crate::verify_pool::Origin;

/// A batch is sent when it has so many bytes; one transaction may have more.
const BATCH_BYTES: usize = 256 * 1024;
/// Transactions in a batch.
pub const BATCH_TRANSACTIONS_MAX: usize = 1024;
/// The number of `starfire.v1.TransactionBatch.envelopes`.
const ENVELOPES_FIELD: u32 = 1;
/// A client's transaction that waits for longer is gossiped.
const GOSSIP_AFTER: Duration = Duration::from_secs(3);
/// How often that happens at most, and to how many. Under a load that is too high all wait long, and gossip would only add to it.
const GOSSIP_PERIOD: Duration = Duration::from_secs(1);
const GOSSIP_MAX: usize = 64;
/// Clients' transactions of which the time is known.
const OWN_MAX: usize = 65_536;

/// What is to be passed on, and what was taken from clients lately.
#[derive(Debug)]
pub struct Spread {
    own: VecDeque<(Instant, Arc<Checked>)>,
    gossiped_at: Instant,
}

impl Spread {
    /// Nothing yet.
    pub fn new(now: Instant) -> Self {
        Self {
            own: VecDeque::new(),
            gossiped_at: now,
        }
    }

    /// Takes note of a transaction that a client brought.
    pub fn own(&mut self, now: Instant, transaction: Arc<Checked>) {
        if self.own.len() >= OWN_MAX {
            self.own.pop_front();
        }
        self.own.push_back((now, transaction));
    }

    /// When [`Self::overdue`] may have something.
    pub fn due_at(&self) -> Option<Instant> {
        let (since, _) = self.own.front()?;
        Some((*since + GOSSIP_AFTER).max(self.gossiped_at + GOSSIP_PERIOD))
    }

    /// What waits for too long, by `waits`.
    pub fn overdue(&mut self, now: Instant, waits: impl Fn(&Checked) -> bool) -> Vec<Arc<Checked>> {
        let mut overdue = Vec::new();
        if self.due_at().is_none_or(|due| now < due) {
            return overdue;
        }
        self.gossiped_at = now;
        while overdue.len() < GOSSIP_MAX
            && let Some((since, transaction)) = self.own.front()
            && (*since + GOSSIP_AFTER <= now || !waits(transaction))
        {
            if waits(transaction) {
                overdue.push(transaction.clone());
            }
            self.own.pop_front();
        }
        overdue
    }
}

/// Which peers get what came from there.
pub fn audience(origin: &Origin, network: &Network, roster: &Roster, votes: bool) -> Vec<PeerId> {
    let mut connected = network.connected();
    match origin {
        Origin::Client(_) => connected,
        Origin::Peer(from) if roster.validator(from).is_none() => {
            connected.retain(|peer| peer != from && (!votes || roster.validator(peer).is_some()));
            connected
        }
        // A validator has sent it to the others, and gossip goes its own way.
        Origin::Peer(_) | Origin::Gossip(_) => Vec::new(),
    }
}

/// Encodes transactions as `starfire.v1.TransactionBatch`es.
pub fn batches(transactions: &[Arc<Checked>]) -> Vec<Vec<u8>> {
    let mut batches = Vec::new();
    let mut batch = Vec::new();
    let mut count = 0;
    for transaction in transactions {
        let size = transaction.bytes().len();
        if count == BATCH_TRANSACTIONS_MAX || count > 0 && batch.len() + size > BATCH_BYTES {
            batches.push(std::mem::take(&mut batch));
            count = 0;
        }
        encoding::encode_key(
            ENVELOPES_FIELD,
            encoding::WireType::LengthDelimited,
            &mut batch,
        );
        encoding::encode_varint(
            u64::try_from(size).expect("a length fits in 64 bits"),
            &mut batch,
        );
        batch.extend_from_slice(transaction.bytes());
        count += 1;
    }
    if count > 0 {
        batches.push(batch);
    }
    batches
}

#[cfg(test)]
mod tests {
    use prost::Message;
    use starfire_did::{Did, KeyAlgorithm, PrivateKey};
    use starfire_ledger::{ChainRules, Transaction, check};
    use starfire_proto::{protocol, v1};

    use super::*;
    use crate::clock;

    fn transaction(nonce: i64, bytes: usize) -> Arc<Checked> {
        let key = PrivateKey::generate([1; 32], KeyAlgorithm::Ed25519);
        let body = protocol::Transaction {
            source_address: Did::derive(&key.public(), None).to_string(),
            nonce,
            operations: vec![protocol::Operation {
                r#type: protocol::operation::Type::Log.into(),
                log: Some(protocol::OperationLog {
                    topic: "t".into(),
                    datas: vec!["x".repeat(bytes)],
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
        Arc::new(check(Transaction::decode(&envelope).unwrap(), &rules).unwrap())
    }

    #[test]
    fn batches_hold_all_in_order_and_are_bounded() {
        let long = BATCH_BYTES / 3;
        let mut all: Vec<_> = (1..=5).map(|nonce| transaction(nonce, long)).collect();
        all.extend((6..=6 + BATCH_TRANSACTIONS_MAX as i64).map(|nonce| transaction(nonce, 1)));
        all.push(transaction(9_000, BATCH_BYTES));
        let batches = batches(&all);
        let decoded: Vec<Vec<Vec<u8>>> = batches
            .iter()
            .map(|batch| {
                v1::TransactionBatch::decode(batch.as_slice())
                    .unwrap()
                    .envelopes
            })
            .collect();
        for (batch, envelopes) in batches.iter().zip(&decoded) {
            assert!(envelopes.len() <= BATCH_TRANSACTIONS_MAX);
            assert!(envelopes.len() == 1 || batch.len() <= BATCH_BYTES + 8 * envelopes.len());
        }
        let flat: Vec<&[u8]> = decoded.iter().flatten().map(Vec::as_slice).collect();
        let sent: Vec<&[u8]> = all.iter().map(|transaction| transaction.bytes()).collect();
        assert_eq!(flat, sent);
    }

    #[test]
    fn only_what_waits_too_long_is_gossiped_a_few_at_a_time() {
        let start = clock::monotonic();
        let mut spread = Spread::new(start);
        assert_eq!(spread.due_at(), None);
        for nonce in 1..=200 {
            spread.own(start, transaction(nonce, 1));
        }
        assert!(
            spread
                .overdue(start + GOSSIP_AFTER / 2, |_| true)
                .is_empty()
        );
        let late = start + GOSSIP_AFTER;
        let nonces = |all: Vec<Arc<Checked>>| -> Vec<i64> {
            all.iter().map(|transaction| transaction.nonce).collect()
        };
        let first = spread.overdue(late, |transaction| transaction.nonce > 10);
        assert_eq!(nonces(first), (11..75).collect::<Vec<_>>());
        assert!(spread.overdue(late, |_| true).is_empty());
        let second = spread.overdue(late + GOSSIP_PERIOD, |transaction| transaction.nonce > 190);
        assert_eq!(nonces(second), (191..=200).collect::<Vec<_>>());
        assert_eq!(spread.due_at(), None);
    }
}
