//! Transactions that wait to be proposed: bounded, fair between senders, in order of nonces.
//!
//! Every transaction in here is already [`Checked`], and is remembered by its id, so that a proposal which contains it costs no
//! signature check. A sender's transactions leave in the order of their nonces; between senders the order is that of arrival. What
//! cannot run in its turn is dropped by whoever finds it, so that it holds nobody up.

use std::collections::{BTreeMap, BTreeSet, btree_map};
use std::iter::Peekable;
use std::sync::Arc;

use starfire_ledger::Checked;
use starfire_state::{Code, Rejection};

/// How far above the account's nonce a waiting transaction's may be.
pub const NONCE_GAP_MAX: i64 = 10_000;
/// How long a transaction may wait, milliseconds.
pub const WAIT_MS_MAX: i64 = 10 * 60 * 1000;

/// One part in this many is for transactions that no member sends or sponsors: strangers cannot lock members out.
const OPEN_SHARE: usize = 2;

/// The mempool is full; nothing that waits is driven out by newcomers.
pub const FULL: Code = Code::new("MEMPOOL_FULL", 160);
/// The sender has as many transactions waiting as one sender may.
pub const SENDER_FULL: Code = Code::new("MEMPOOL_SENDER_FULL", 160);
/// Another transaction of this sender with this nonce waits already.
pub const NONCE_TAKEN: Code = Code::new("NONCE_TAKEN", 99);
/// The nonce was used, or is too far ahead.
pub const NONCE_OUT_OF_RANGE: Code = Code::new("BAD_SEQUENCE", 99);

/// What may wait at most.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Transactions.
    pub transactions_max: usize,
    /// Bytes of their envelopes together.
    pub bytes_max: usize,
    /// Transactions of one sender.
    pub transactions_per_sender_max: usize,
}

#[derive(Debug, Clone)]
struct Waiting {
    transaction: Arc<Checked>,
    arrival: u64,
    since_ms: i64,
    open: bool,
}

/// One sender's transactions, by nonce.
#[derive(Debug, Default)]
struct Queue {
    /// The account's nonce in the newest state, so that a proposer need not read it.
    account_nonce: i64,
    waiting: BTreeMap<i64, Waiting>,
    /// When the one arrived whose turn it is, if that waits.
    ready: Option<u64>,
}

impl Queue {
    fn next_nonce(&self) -> i64 {
        self.account_nonce.saturating_add(1)
    }
}

/// The transactions that wait.
#[derive(Debug)]
pub struct Mempool {
    limits: Limits,
    senders: BTreeMap<Arc<str>, Queue>,
    /// By id: where it stands.
    ids: BTreeMap<[u8; 32], (Arc<str>, i64)>,
    /// By hash, for clients' questions.
    hashes: BTreeMap<[u8; 32], [u8; 32]>,
    arrivals: BTreeMap<u64, (Arc<str>, i64)>,
    next_arrival: u64,
    /// The senders of those whose turn it is, by arrival.
    ready: BTreeMap<u64, Arc<str>>,
    bytes: usize,
    open: Share,
    /// Transactions that name their last height, by it.
    ceilings: BTreeSet<(u64, Arc<str>, i64)>,
}

/// What transactions that no member stands behind take of the mempool.
#[derive(Debug, Clone, Copy, Default)]
struct Share {
    transactions: usize,
    bytes: usize,
}

impl Mempool {
    /// Empty.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            senders: BTreeMap::new(),
            ids: BTreeMap::new(),
            hashes: BTreeMap::new(),
            arrivals: BTreeMap::new(),
            next_arrival: 0,
            ready: BTreeMap::new(),
            bytes: 0,
            open: Share::default(),
            ceilings: BTreeSet::new(),
        }
    }

    /// Takes a transaction whose account's nonce in state is `account_nonce`. `open`: no member sends or sponsors it. `Ok(false)`:
    /// it waits already.
    pub fn add(
        &mut self,
        transaction: Arc<Checked>,
        account_nonce: i64,
        open: bool,
        now_ms: i64,
    ) -> Result<bool, Rejection> {
        if self.waits(&transaction.id) {
            return Ok(false);
        }
        let (nonce, size) = (transaction.nonce, transaction.bytes().len());
        let sender = &transaction.sender;
        if nonce <= account_nonce {
            let detail = format!(
                "Transaction nonce({nonce}) too small, the account({sender}) nonce is ({account_nonce})"
            );
            return Err(Rejection::new(NONCE_OUT_OF_RANGE, detail));
        }
        if nonce.saturating_sub(account_nonce) > NONCE_GAP_MAX {
            let detail = format!(
                "Transaction nonce({nonce}) is more than {NONCE_GAP_MAX} above the account's ({account_nonce})"
            );
            return Err(Rejection::new(NONCE_OUT_OF_RANGE, detail));
        }
        self.has_place(&transaction, open)?;

        let sender = sender.clone();
        if let Some(ceiling) = ceiling(&transaction) {
            self.ceilings.insert((ceiling, sender.clone(), nonce));
        }
        let arrival = self.next_arrival;
        self.next_arrival += 1;
        self.bytes += size;
        if open {
            self.open.transactions += 1;
            self.open.bytes += size;
        }
        self.ids.insert(transaction.id, (sender.clone(), nonce));
        self.hashes.insert(transaction.hash, transaction.id);
        self.arrivals.insert(arrival, (sender.clone(), nonce));
        let entry = Waiting {
            transaction,
            arrival,
            since_ms: now_ms,
            open,
        };
        let queue = self.senders.entry(sender.clone()).or_default();
        queue.account_nonce = queue.account_nonce.max(account_nonce);
        queue.waiting.insert(nonce, entry);
        self.note_ready(&sender);
        Ok(true)
    }

    /// Whether there is a place for a transaction that does not wait, as far as one can tell without any state.
    pub fn has_place(&self, transaction: &Checked, open: bool) -> Result<(), Rejection> {
        let (nonce, size) = (transaction.nonce, transaction.bytes().len());
        let sender = &transaction.sender;
        if self.ids.len() >= self.limits.transactions_max
            || self.bytes.saturating_add(size) > self.limits.bytes_max
        {
            return Err(Rejection::new(
                FULL,
                "the mempool is full: send it again in a moment",
            ));
        }
        if open
            && (self.open.transactions >= self.limits.transactions_max / OPEN_SHARE
                || self.open.bytes.saturating_add(size) > self.limits.bytes_max / OPEN_SHARE)
        {
            let detail = "the part of the mempool for strangers is full: send it again in a moment, or find a sponsor";
            return Err(Rejection::new(FULL, detail));
        }
        let waiting = self.senders.get(sender).map(|queue| &queue.waiting);
        if waiting.is_some_and(|waiting| waiting.contains_key(&nonce)) {
            return Err(Rejection::new(
                NONCE_TAKEN,
                format!("another transaction of {sender} waits with nonce {nonce}"),
            ));
        }
        if waiting.is_some_and(|waiting| waiting.len() >= self.limits.transactions_per_sender_max) {
            return Err(Rejection::new(
                SENDER_FULL,
                format!("{sender} has too many transactions waiting"),
            ));
        }
        Ok(())
    }

    /// Whether the transaction with this id waits.
    pub fn waits(&self, id: &[u8; 32]) -> bool {
        self.ids.contains_key(id)
    }

    /// The transaction with this id, if it waits: checked before.
    pub fn checked(&self, id: &[u8; 32]) -> Option<Arc<Checked>> {
        let (sender, nonce) = self.ids.get(id)?;
        let waiting = &self.senders.get(sender)?.waiting;
        Some(waiting.get(nonce)?.transaction.clone())
    }

    /// Whether a transaction with this hash waits.
    pub fn contains_hash(&self, hash: &[u8; 32]) -> bool {
        self.hashes.contains_key(hash)
    }

    /// The nonce that this sender is to use next: what waits beyond a gap waits in vain until the gap is filled. `None`: nothing of
    /// this sender waits.
    pub fn next_nonce_of(&self, sender: &str) -> Option<i64> {
        let queue = self.senders.get(sender)?;
        Some(self.next_nonce(sender, queue.account_nonce))
    }

    /// The nonce that follows everything of this sender that waits without a gap.
    pub fn next_nonce(&self, sender: &str, account_nonce: i64) -> i64 {
        let mut next = account_nonce.saturating_add(1);
        if let Some(queue) = self.senders.get(sender) {
            while queue.waiting.contains_key(&next) {
                next += 1;
            }
        }
        next
    }

    /// What may be proposed, in order: each sender's without a gap above its account's nonce.
    pub fn candidates(&self) -> Candidates<'_> {
        Candidates {
            pool: self,
            ready: self.ready.iter().peekable(),
            following: BTreeMap::new(),
        }
    }

    /// Drops what turned out to be unable to run.
    pub fn drop_refused(&mut self, id: &[u8; 32]) {
        if let Some((sender, nonce)) = self.ids.get(id).cloned() {
            self.remove(&sender, nonce);
        }
    }

    /// Drops what the block of `height` has used, what expired with it, and what has waited too long.
    pub fn committed(&mut self, senders: &BTreeMap<Arc<str>, i64>, height: u64, now_ms: i64) {
        for (sender, account_nonce) in senders {
            let Some(queue) = self.senders.get_mut(sender) else {
                continue;
            };
            queue.account_nonce = *account_nonce;
            let used = queue.waiting.range(..=*account_nonce);
            let used: Vec<i64> = used.map(|(nonce, _)| *nonce).collect();
            for nonce in used {
                self.remove(sender, nonce);
            }
            self.note_ready(sender);
        }
        self.drop_expired(height);
        while let Some((sender, nonce)) = self.arrivals.values().next().cloned() {
            let waiting = &self.senders[&sender].waiting[&nonce];
            if now_ms.saturating_sub(waiting.since_ms) <= WAIT_MS_MAX {
                break;
            }
            self.remove(&sender, nonce);
        }
    }

    /// A transaction may name the last height for it.
    fn drop_expired(&mut self, height: u64) {
        let expired = |entry: &(u64, Arc<str>, i64)| entry.0 <= height;
        while let Some((_, sender, nonce)) = self
            .ceilings
            .first()
            .filter(|entry| expired(entry))
            .cloned()
        {
            self.remove(&sender, nonce);
        }
    }

    fn remove(&mut self, sender: &str, nonce: i64) {
        let Some(queue) = self.senders.get_mut(sender) else {
            return;
        };
        if let Some(removed) = queue.waiting.remove(&nonce) {
            self.bytes -= removed.transaction.bytes().len();
            self.ids.remove(&removed.transaction.id);
            self.hashes.remove(&removed.transaction.hash);
            self.arrivals.remove(&removed.arrival);
            if removed.open {
                self.open.transactions -= 1;
                self.open.bytes -= removed.transaction.bytes().len();
            }
            if let Some(ceiling) = ceiling(&removed.transaction) {
                self.ceilings
                    .remove(&(ceiling, removed.transaction.sender.clone(), nonce));
            }
        }
        self.note_ready(sender);
        if self
            .senders
            .get(sender)
            .is_some_and(|queue| queue.waiting.is_empty())
        {
            self.senders.remove(sender);
        }
    }

    /// Called whenever a sender's queue or its account's nonce is another one.
    fn note_ready(&mut self, sender: &str) {
        let Some(queue) = self.senders.get_mut(sender) else {
            return;
        };
        let head = queue.waiting.get(&queue.next_nonce());
        let arrival = head.map(|waiting| waiting.arrival);
        let sender = head.map(|waiting| waiting.transaction.sender.clone());
        if let Some(before) = std::mem::replace(&mut queue.ready, arrival) {
            self.ready.remove(&before);
        }
        if let Some((arrival, sender)) = arrival.zip(sender) {
            self.ready.insert(arrival, sender);
        }
    }

    /// Whether something of this sender waits.
    pub fn has_sender(&self, sender: &str) -> bool {
        self.senders.contains_key(sender)
    }

    /// How many senders have something waiting.
    pub fn senders(&self) -> usize {
        self.senders.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// How many transactions wait.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Bytes of their envelopes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

/// The transactions that may be proposed, in order of arrival; one that arrived before its turn comes as soon as that does.
#[derive(Debug)]
pub struct Candidates<'a> {
    pool: &'a Mempool,
    ready: Peekable<btree_map::Iter<'a, u64, Arc<str>>>,
    /// Those whose turn came with one before them, by arrival.
    following: BTreeMap<u64, (&'a Queue, i64)>,
}

impl<'a> Iterator for Candidates<'a> {
    type Item = &'a Arc<Checked>;

    fn next(&mut self) -> Option<Self::Item> {
        let ready = self.ready.peek().map(|(arrival, _)| **arrival);
        let following = self
            .following
            .first_entry()
            .filter(|entry| ready.is_none_or(|ready| *entry.key() < ready));
        let (queue, nonce) = match following {
            Some(entry) => entry.remove(),
            None => {
                let (_, sender) = self.ready.next()?;
                let queue = &self.pool.senders[sender];
                (queue, queue.next_nonce())
            }
        };
        if let Some(after) = nonce.checked_add(1)
            && let Some(waiting) = queue.waiting.get(&after)
        {
            self.following.insert(waiting.arrival, (queue, after));
        }
        Some(&queue.waiting[&nonce].transaction)
    }
}

/// The last height at which it may be executed, if it names one.
fn ceiling(transaction: &Checked) -> Option<u64> {
    u64::try_from(transaction.ceil_ledger_seq)
        .ok()
        .filter(|ceiling| *ceiling > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use starfire_did::{Did, KeyAlgorithm, PrivateKey};
    use starfire_ledger::{ChainRules, Transaction, check};
    use starfire_proto::protocol;

    const LIMITS: Limits = Limits {
        transactions_max: 5,
        bytes_max: 10_000,
        transactions_per_sender_max: 3,
    };

    fn transaction(key: u8, nonce: i64) -> Arc<Checked> {
        transaction_with(key, nonce, "topic")
    }

    fn transaction_until(key: u8, nonce: i64, ceiling: i64) -> Arc<Checked> {
        signed(key, nonce, "topic", ceiling)
    }

    fn transaction_with(key: u8, nonce: i64, topic: &str) -> Arc<Checked> {
        signed(key, nonce, topic, 0)
    }

    fn signed(key: u8, nonce: i64, topic: &str, ceil_ledger_seq: i64) -> Arc<Checked> {
        let key = PrivateKey::generate([key; 32], KeyAlgorithm::Ed25519);
        let source = Did::derive(&key.public(), None).to_string();
        let body = protocol::Transaction {
            source_address: source,
            nonce,
            ceil_ledger_seq,
            operations: vec![protocol::Operation {
                r#type: protocol::operation::Type::Log.into(),
                log: Some(protocol::OperationLog {
                    topic: topic.into(),
                    datas: vec![],
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
        Arc::new(
            check(
                Transaction::decode(&Transaction::sign(&body, &[&key])).unwrap(),
                &rules,
            )
            .unwrap(),
        )
    }

    fn nonces(pool: &Mempool) -> Vec<i64> {
        pool.candidates()
            .map(|transaction| transaction.nonce)
            .collect()
    }

    #[test]
    fn a_sender_s_transactions_leave_in_the_order_of_their_nonces() {
        let mut pool = Mempool::new(LIMITS);
        for nonce in [3, 1, 2] {
            assert!(pool.add(transaction(1, nonce), 0, false, 0).unwrap());
        }
        assert_eq!(nonces(&pool), [1, 2, 3]);
    }

    #[test]
    fn a_gap_holds_back_what_stands_above_it() {
        let mut pool = Mempool::new(LIMITS);
        pool.add(transaction(1, 1), 0, false, 0).unwrap();
        pool.add(transaction(1, 3), 0, false, 0).unwrap();
        assert_eq!(nonces(&pool), [1]);
        assert_eq!(pool.next_nonce(&transaction(1, 1).source.to_string(), 0), 2);
    }

    #[test]
    fn the_next_nonce_is_that_of_the_gap_until_it_is_filled() {
        let mut pool = Mempool::new(LIMITS);
        let sender = transaction(1, 1).sender.clone();
        assert_eq!(pool.next_nonce_of(&sender), None);
        for (nonce, next) in [(7, 5), (5, 6), (6, 8)] {
            pool.add(transaction(1, nonce), 4, false, 0).unwrap();
            assert_eq!(pool.next_nonce_of(&sender), Some(next), "after {nonce}");
        }
        pool.drop_refused(&transaction(1, 5).id);
        assert_eq!(pool.next_nonce_of(&sender), Some(5));
    }

    #[test]
    fn between_senders_the_order_is_that_of_arrival_as_soon_as_it_is_their_turn() {
        let mut pool = Mempool::new(LIMITS);
        for (key, nonce) in [(1, 2), (2, 1), (1, 1), (3, 1), (2, 2)] {
            pool.add(transaction(key, nonce), 0, false, 0).unwrap();
        }
        let sender = |key| transaction(key, 1).sender.clone();
        let order = |pool: &Mempool| -> Vec<(Arc<str>, i64)> {
            pool.candidates()
                .map(|transaction| (transaction.sender.clone(), transaction.nonce))
                .collect()
        };
        let [one, two, three] = [1, 2, 3].map(sender);
        let expected = [(&two, 1), (&one, 1), (&one, 2), (&three, 1), (&two, 2)];
        let expected = expected.map(|(sender, nonce)| (sender.clone(), nonce));
        assert_eq!(order(&pool), expected);
        pool.committed(&BTreeMap::from([(one.clone(), 1)]), 1, 0);
        let expected = [(&one, 2), (&two, 1), (&three, 1), (&two, 2)];
        let expected = expected.map(|(sender, nonce)| (sender.clone(), nonce));
        assert_eq!(order(&pool), expected);
    }

    #[test]
    fn what_is_dropped_in_its_turn_holds_back_what_stands_above_it_until_it_comes_again() {
        let mut pool = Mempool::new(LIMITS);
        for nonce in [1, 2] {
            pool.add(transaction(1, nonce), 0, false, 0).unwrap();
        }
        pool.drop_refused(&transaction(1, 1).id);
        assert_eq!((nonces(&pool), pool.len()), (vec![], 1));
        pool.add(transaction(1, 1), 0, false, 0).unwrap();
        assert_eq!(nonces(&pool), [1, 2]);
        pool.drop_refused(&transaction(1, 2).id);
        pool.drop_refused(&transaction(1, 1).id);
        assert_eq!((pool.len(), pool.bytes(), pool.senders()), (0, 0, 0));
        assert!(pool.candidates().next().is_none());
    }

    #[test]
    fn a_known_transaction_is_no_news_and_a_second_one_with_its_nonce_is_refused() {
        let mut pool = Mempool::new(LIMITS);
        let first = transaction(1, 1);
        assert!(pool.add(first.clone(), 0, false, 0).unwrap());
        assert!(!pool.add(first, 0, false, 0).unwrap());
        assert_eq!(
            pool.add(transaction_with(1, 1, "other"), 0, false, 0)
                .unwrap_err()
                .code,
            NONCE_TAKEN
        );
    }

    #[test]
    fn used_and_far_nonces_are_refused() {
        let mut pool = Mempool::new(LIMITS);
        assert_eq!(
            pool.add(transaction(1, 4), 4, false, 0).unwrap_err().code,
            NONCE_OUT_OF_RANGE
        );
        assert_eq!(
            pool.add(transaction(1, NONCE_GAP_MAX + 1), 0, false, 0)
                .unwrap_err()
                .code,
            NONCE_OUT_OF_RANGE
        );
    }

    #[test]
    fn bounds_hold_for_one_sender_and_for_all() {
        let mut pool = Mempool::new(LIMITS);
        for nonce in 1..=3 {
            pool.add(transaction(1, nonce), 0, false, 0).unwrap();
        }
        assert_eq!(
            pool.add(transaction(1, 4), 0, false, 0).unwrap_err().code,
            SENDER_FULL
        );
        pool.add(transaction(2, 1), 0, false, 0).unwrap();
        pool.add(transaction(3, 1), 0, false, 0).unwrap();
        assert_eq!(
            pool.add(transaction(4, 1), 0, false, 0).unwrap_err().code,
            FULL
        );
    }

    #[test]
    fn a_committed_block_frees_what_it_used_and_time_frees_the_rest() {
        let mut pool = Mempool::new(LIMITS);
        let (first, second) = (transaction(1, 1), transaction(1, 2));
        let sender = first.sender.clone();
        pool.add(first, 0, false, 0).unwrap();
        pool.add(second.clone(), 0, false, 0).unwrap();
        pool.committed(&BTreeMap::from([(sender, 1)]), 1, 1);
        assert_eq!(pool.len(), 1);
        assert!(pool.contains_hash(&second.hash));
        pool.committed(&BTreeMap::new(), 2, WAIT_MS_MAX + 1);
        assert_eq!((pool.len(), pool.bytes()), (0, 0));
    }

    #[test]
    fn strangers_cannot_fill_the_part_that_is_kept_for_members() {
        let mut pool = Mempool::new(LIMITS);
        assert!(pool.add(transaction(1, 1), 0, true, 0).unwrap());
        assert!(pool.add(transaction(2, 1), 0, true, 0).unwrap());
        assert_eq!(
            pool.add(transaction(3, 1), 0, true, 0).unwrap_err().code,
            FULL
        );
        assert!(pool.add(transaction(3, 1), 0, false, 0).unwrap());
    }

    #[test]
    fn what_expired_with_a_block_does_not_hold_up_the_rest() {
        let mut pool = Mempool::new(LIMITS);
        let expiring = transaction_until(1, 1, 7);
        pool.add(expiring.clone(), 0, false, 0).unwrap();
        pool.add(transaction(2, 1), 0, false, 0).unwrap();
        pool.committed(&BTreeMap::new(), 6, 0);
        assert!(pool.contains_hash(&expiring.hash));
        pool.committed(&BTreeMap::new(), 7, 0);
        assert!(!pool.contains_hash(&expiring.hash));
        assert_eq!(pool.len(), 1);
    }
}
