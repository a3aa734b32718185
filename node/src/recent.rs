//! Transactions whose signatures were checked lately, for those who meet them again.
//!
//! A transaction may arrive in a block before it arrives by itself, from two peers, or while the core has not yet taken it from the
//! signature checkers. Whoever looks here first checks it once. What is checked is remembered by the SHA-256 of its whole envelope,
//! signatures included, so nothing else can pass for it.
//!
//! What waits in the mempool comes again and again, since whoever answers for it sends it to each new proposer. So there is room for all
//! of that, beside what only passes through, and what somebody else still holds is not forgotten for its age.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use starfire_ledger::Checked;

use crate::mempool::Limits;

/// Transactions that are remembered at most, beside those that wait: some seconds' worth under load.
const TRANSACTIONS_MAX: usize = 16_384;
/// Bytes of their envelopes together, beside those that wait.
const BYTES_MAX: usize = 16 << 20;
/// Of the oldest, those that somebody else holds are passed over, so many for each that comes.
const SPARED_MAX: usize = 16;

/// The transactions checked lately. Clones share them.
#[derive(Debug, Clone)]
pub struct Recent(Arc<Mutex<Known>>);

#[derive(Debug)]
struct Known {
    by_id: BTreeMap<[u8; 32], Arc<Checked>>,
    oldest_first: VecDeque<[u8; 32]>,
    bytes: usize,
    transactions_max: usize,
    bytes_max: usize,
}

impl Recent {
    /// None yet, beside a mempool of these limits.
    pub fn beside(mempool: &Limits) -> Self {
        Self(Arc::new(Mutex::new(Known {
            by_id: BTreeMap::new(),
            oldest_first: VecDeque::new(),
            bytes: 0,
            transactions_max: mempool.transactions_max.saturating_add(TRANSACTIONS_MAX),
            bytes_max: mempool.bytes_max.saturating_add(BYTES_MAX),
        })))
    }

    /// The transaction with each of these ids, where it is known.
    pub fn find(&self, ids: &[[u8; 32]]) -> Vec<Option<Arc<Checked>>> {
        let known = self.lock();
        ids.iter().map(|id| known.by_id.get(id).cloned()).collect()
    }

    /// Takes note of transactions.
    pub fn add<'a>(&self, transactions: impl IntoIterator<Item = &'a Arc<Checked>>) {
        let mut known = self.lock();
        for transaction in transactions {
            known.add(transaction);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0
            .lock()
            .expect("nobody panics while holding what is known")
    }
}

impl Known {
    fn add(&mut self, transaction: &Arc<Checked>) {
        if self.by_id.contains_key(&transaction.id) {
            return;
        }
        self.by_id.insert(transaction.id, transaction.clone());
        self.oldest_first.push_back(transaction.id);
        self.bytes += transaction.bytes().len();
        self.make_room();
    }

    /// What only passes through is forgotten by its own bounds, what waits by those of the mempool beside them.
    fn make_room(&mut self) {
        let mut spared = 0;
        while self.is_over(TRANSACTIONS_MAX, BYTES_MAX) && spared < SPARED_MAX {
            if self.is_oldest_held() {
                self.oldest_first.rotate_left(1);
                spared += 1;
            } else {
                self.forget_oldest();
            }
        }
        while self.is_over(self.transactions_max, self.bytes_max) {
            self.forget_oldest();
        }
    }

    fn is_over(&self, transactions_max: usize, bytes_max: usize) -> bool {
        self.oldest_first.len() > transactions_max || self.bytes > bytes_max
    }

    fn is_oldest_held(&self) -> bool {
        let oldest = self.oldest_first.front();
        let oldest = oldest.and_then(|id| self.by_id.get(id));
        oldest.is_some_and(|known| Arc::strong_count(known) > 1)
    }

    fn forget_oldest(&mut self) {
        let id = self.oldest_first.pop_front();
        let id = id.expect("what is over a bound is something");
        let forgotten = self.by_id.remove(&id).expect("each id has its transaction");
        self.bytes -= forgotten.bytes().len();
    }
}

#[cfg(test)]
mod tests {
    use starfire_did::{Did, KeyAlgorithm, PrivateKey};
    use starfire_ledger::{ChainRules, Transaction, check};
    use starfire_proto::protocol;

    use super::*;

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

    /// So many bytes may wait.
    fn beside(bytes_max: usize) -> Recent {
        Recent::beside(&Limits {
            transactions_max: 1_000,
            bytes_max,
            work_max: u64::MAX,
            transactions_per_sender_max: 1_000,
        })
    }

    fn known(recent: &Recent, transactions: &[[u8; 32]]) -> Vec<bool> {
        let known = recent.find(transactions);
        known.iter().map(Option::is_some).collect()
    }

    #[test]
    fn what_is_remembered_is_bounded_in_bytes_and_the_oldest_goes() {
        let recent = beside(0);
        let size = BYTES_MAX / 20;
        let mut ids = Vec::new();
        for nonce in 1..=21 {
            let transaction = transaction(nonce, size);
            recent.add([&transaction]);
            recent.add([&transaction]);
            ids.push(transaction.id);
        }
        let known = known(&recent, &ids);
        assert_eq!(known.iter().filter(|known| **known).count(), 19);
        assert_eq!(known[..2], [false, false]);
    }

    #[test]
    fn what_passes_through_takes_no_room_of_what_may_wait() {
        let recent = beside(BYTES_MAX);
        for nonce in 1..=60 {
            recent.add([&transaction(nonce, BYTES_MAX / 20)]);
        }
        let bytes = recent.lock().bytes;
        assert!(bytes <= BYTES_MAX, "{bytes}");
    }

    #[test]
    fn what_waits_is_remembered_whatever_passes_through() {
        let recent = beside(BYTES_MAX);
        let size = BYTES_MAX / 20;
        let waiting: Vec<_> = (1..=19).map(|nonce| transaction(nonce, size)).collect();
        recent.add(&waiting);
        for nonce in 20..=60 {
            recent.add([&transaction(nonce, size)]);
        }
        let ids: Vec<[u8; 32]> = waiting.iter().map(|waiting| waiting.id).collect();
        assert_eq!(known(&recent, &ids), [true; 19]);
        let bytes = recent.lock().bytes;
        assert!(bytes <= 2 * BYTES_MAX, "{bytes}");
        drop(waiting);
        for nonce in 61..=105 {
            recent.add([&transaction(nonce, size)]);
        }
        assert_eq!(known(&recent, &ids), [false; 19]);
    }

    #[test]
    fn what_all_is_held_is_bounded_all_the_same() {
        let recent = beside(0);
        let size = BYTES_MAX / 20;
        let held: Vec<_> = (1..=30).map(|nonce| transaction(nonce, size)).collect();
        recent.add(&held);
        assert!(recent.lock().bytes <= BYTES_MAX);
    }
}
