//! Transactions whose signatures were checked lately, for those who meet them again.
//!
//! A transaction may arrive in a block before it arrives by itself, from two peers, or while the core has not yet taken it from the
//! signature checkers. Whoever looks here first checks it once. What is checked is remembered by the SHA-256 of its whole envelope,
//! signatures included, so nothing else can pass for it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use starfire_ledger::Checked;

/// Transactions that are remembered at most: some seconds' worth under load.
const TRANSACTIONS_MAX: usize = 16_384;
/// Bytes of their envelopes together.
const BYTES_MAX: usize = 16 << 20;

/// The transactions checked lately. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Recent(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    by_id: BTreeMap<[u8; 32], Arc<Checked>>,
    oldest_first: VecDeque<[u8; 32]>,
    bytes: usize,
}

impl Recent {
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
        if self
            .by_id
            .insert(transaction.id, transaction.clone())
            .is_some()
        {
            return;
        }
        self.oldest_first.push_back(transaction.id);
        self.bytes += transaction.bytes().len();
        while self.oldest_first.len() > TRANSACTIONS_MAX || self.bytes > BYTES_MAX {
            let Some(forgotten) = self
                .oldest_first
                .pop_front()
                .and_then(|id| self.by_id.remove(&id))
            else {
                return;
            };
            self.bytes -= forgotten.bytes().len();
        }
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

    #[test]
    fn what_is_remembered_is_bounded_in_bytes_and_the_oldest_goes() {
        let recent = Recent::default();
        let size = BYTES_MAX / 20;
        let all: Vec<_> = (1..=21).map(|nonce| transaction(nonce, size)).collect();
        recent.add(&all);
        recent.add(&all[19..]);
        let ids: Vec<[u8; 32]> = all.iter().map(|transaction| transaction.id).collect();
        let known: Vec<bool> = recent.find(&ids).iter().map(Option::is_some).collect();
        assert_eq!(known.iter().filter(|known| **known).count(), 19);
        assert_eq!(known[..2], [false, false]);
    }
}
