//! Passing transactions on: to whoever proposes at once, to the others what waits for longer, and by gossip what waits too long.
//!
//! A block brings its transactions along, so only its proposer needs them beforehand. A validator sends what its clients, and
//! followers, brought it to the proposer of the present round, and answers for it until it is committed or gossiped: when another
//! proposes, or a link to the proposer comes up anew, it sends what still waits again. What waits for longer than a moment is told to everybody,
//! a few at a time: whoever knows of work gives up on a proposer that does none. A broken link would keep a transaction from
//! whoever proposes; so a node gossips what waits too long.
//!
//! Whoever brought a transaction may be gone before it is committed. So a validator that heard of it from another sends it to the proposer
//! too, if it waits for so long that nobody seems to answer for it. What this node gossiped it sends on in the same way, for as long as
//! it waits: those that the gossip reached may have had no room.
//!
//! A node that does not vote cannot tell who proposes: it sends what is new to everybody that it is connected to, but not back. Only
//! what is new somewhere is passed on, so it goes round no circle.

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
/// So much work for who checks it, as [`starfire_ledger::signature_work`] counts; one transaction may be more.
const BATCH_WORK: u64 = 150_000_000;
/// Transactions in a batch.
pub const BATCH_TRANSACTIONS_MAX: usize = 1024;
/// The number of `starfire.v1.TransactionBatch.envelopes`.
const ENVELOPES_FIELD: u32 = 1;
/// How often this node looks for what waits.
const PERIOD: Duration = Duration::from_millis(100);
/// What waits for longer is told to everybody: under a load that the chain keeps up with, that is little.
const TELL_AFTER: Duration = Duration::from_millis(100);
/// To how many that happens in each period. One would do to show that there is work.
const TELL_MAX: usize = 16;
/// What waits so long after it was sent is sent to the proposer again, which may have had no room for it.
const AGAIN_AFTER: Duration = Duration::from_secs(3);
/// A transaction that waits for longer is gossiped.
const GOSSIP_AFTER: Duration = Duration::from_secs(3);
/// How often that happens at most, and to how many. Under a load that is too high all wait long, and gossip would only add to it.
const GOSSIP_PERIOD: Duration = Duration::from_secs(1);
const GOSSIP_MAX: usize = 64;
/// What another answers for is sent to the proposer when it has waited for so long, and as often while it does.
const ADOPT_AFTER: Duration = Duration::from_secs(6);
/// How often that happens at most, and to how many.
const ADOPT_PERIOD: Duration = Duration::from_secs(1);
const ADOPT_MAX: usize = 64;
/// That ends with the transaction that makes up so many bytes, or [`BATCH_WORK`].
const ADOPT_BYTES: usize = 1 << 20;
/// Transactions that this node answers for at most, and as many that others do.
const QUEUE_MAX: usize = 65_536;
/// Bytes of them: what a mempool holds by default.
const QUEUE_BYTES_MAX: usize = 64 << 20;

/// What waits, as far as this node sends it on.
#[derive(Debug)]
pub struct Spread {
    /// What this node answers for: what its clients brought lately.
    own: Queue,
    /// What others answer for, and what this node gossiped.
    heard: Queue,
    looked_at: Instant,
    gossiped_at: Instant,
    adopted_at: Instant,
}

/// A transaction that this node answers for, or another.
#[derive(Debug)]
struct Entry {
    transaction: Arc<Checked>,
    /// When it came. What another answers for: or was last sent on.
    since: Instant,
    /// When it was last sent to who proposed then.
    sent: Instant,
    /// Everybody has heard of it.
    told: bool,
}

impl Entry {
    fn bytes(&self) -> usize {
        self.transaction.bytes().len()
    }
}

/// Oldest first. When there is no room, the oldest go.
#[derive(Debug, Default)]
struct Queue {
    entries: VecDeque<Entry>,
    bytes: usize,
}

impl Queue {
    fn push(&mut self, entry: Entry) {
        self.bytes += entry.bytes();
        self.entries.push_back(entry);
        while self.entries.len() > QUEUE_MAX || self.bytes > QUEUE_BYTES_MAX {
            self.pop_if(|_| true);
        }
    }

    /// Takes out the oldest if it is one of these.
    fn pop_if(&mut self, is_one: impl FnOnce(&Entry) -> bool) -> Option<Entry> {
        let entry = self.entries.pop_front_if(|entry| is_one(entry))?;
        self.bytes -= entry.bytes();
        Some(entry)
    }

    fn retain(&mut self, waits: impl Fn(&Checked) -> bool) {
        let bytes = &mut self.bytes;
        self.entries.retain(|entry| {
            let stays = waits(&entry.transaction);
            *bytes -= if stays { 0 } else { entry.bytes() };
            stays
        });
    }
}

/// What is to be sent of what waits.
#[derive(Debug, Default)]
pub struct Due {
    /// To everybody.
    pub everybody: Vec<Arc<Checked>>,
    /// To whoever proposes.
    pub proposer: Vec<Arc<Checked>>,
    /// By gossip.
    pub gossip: Vec<Arc<Checked>>,
}

impl Spread {
    /// Nothing yet.
    pub fn new(now: Instant) -> Self {
        Self {
            own: Queue::default(),
            heard: Queue::default(),
            looked_at: now,
            gossiped_at: now,
            adopted_at: now,
        }
    }

    /// Takes note of a transaction that was sent to whoever proposes now; `told`: to everybody else too.
    pub fn own(&mut self, now: Instant, transaction: Arc<Checked>, told: bool) {
        self.own.push(Entry {
            transaction,
            since: now,
            sent: now,
            told,
        });
    }

    /// Takes note of transactions that another node answers for.
    pub fn heard(&mut self, now: Instant, transactions: Vec<Arc<Checked>>) {
        for transaction in transactions {
            self.heard.push(Entry {
                transaction,
                since: now,
                sent: now,
                told: true,
            });
        }
    }

    /// Lets go of what waits no more, by `waits`. `waiting`: how many wait here and elsewhere. If there are no more than that in here,
    /// nothing is looked for.
    pub fn forget(&mut self, waiting: usize, waits: impl Fn(&Checked) -> bool) {
        if self.own.entries.len() + self.heard.entries.len() > waiting {
            self.own.retain(&waits);
            self.heard.retain(&waits);
        }
    }

    /// When [`Self::due`] may have something.
    pub fn due_at(&self) -> Option<Instant> {
        let own = self.own.entries.front();
        let own = own.map(|oldest| oldest.since + TELL_AFTER);
        let own = own.map(|at| at.max(self.looked_at + PERIOD));
        let heard = self.heard.entries.front();
        let heard = heard.map(|oldest| oldest.since + ADOPT_AFTER);
        let heard = heard.map(|at| at.max(self.adopted_at + ADOPT_PERIOD));
        own.into_iter().chain(heard).min()
    }

    /// All that waits, by `waits`, for one that proposes from now on.
    pub fn all(&mut self, now: Instant, waits: impl Fn(&Checked) -> bool) -> Vec<Arc<Checked>> {
        self.own.retain(waits);
        let own = self.own.entries.iter_mut();
        own.map(|own| {
            own.sent = now;
            own.transaction.clone()
        })
        .collect()
    }

    /// What waits for too long, by `waits`.
    pub fn due(&mut self, now: Instant, waits: impl Fn(&Checked) -> bool) -> Due {
        let mut due = Due::default();
        if self.due_at().is_none_or(|at| now < at) {
            return due;
        }
        self.looked_at = now;
        // What came first is committed first, as a rule: whether the others still wait is asked only of what would be sent.
        while self.own.pop_if(|own| !waits(&own.transaction)).is_some() {}
        for own in &mut self.own.entries {
            let tell = !own.told && due.everybody.len() < TELL_MAX && own.since + TELL_AFTER <= now;
            let again =
                own.sent + AGAIN_AFTER <= now && due.proposer.len() < BATCH_TRANSACTIONS_MAX;
            if !(tell || again) || !waits(&own.transaction) {
                continue;
            }
            if tell {
                own.told = true;
                due.everybody.push(own.transaction.clone());
            }
            if again {
                own.sent = now;
                due.proposer.push(own.transaction.clone());
            }
        }
        if now >= self.adopted_at + ADOPT_PERIOD {
            self.adopted_at = now;
            self.adopt(now, &mut due.proposer, &waits);
        }
        if now >= self.gossiped_at + GOSSIP_PERIOD {
            self.gossiped_at = now;
            while due.gossip.len() < GOSSIP_MAX
                && let Some(own) = self.own.pop_if(|own| own.since + GOSSIP_AFTER <= now)
            {
                if waits(&own.transaction) {
                    due.gossip.push(own.transaction.clone());
                    self.heard.push(Entry { since: now, ..own });
                }
            }
        }
        due
    }

    /// Sends on what others answer for and what waits for too long all the same.
    fn adopt(
        &mut self,
        now: Instant,
        proposer: &mut Vec<Arc<Checked>>,
        waits: impl Fn(&Checked) -> bool,
    ) {
        let (mut adopted, mut bytes, mut work) = (0, 0, 0);
        while let Some(heard) = self.heard.pop_if(|heard| {
            let has_room = adopted < ADOPT_MAX && bytes < ADOPT_BYTES && work < BATCH_WORK;
            !waits(&heard.transaction) || has_room && heard.since + ADOPT_AFTER <= now
        }) {
            if !waits(&heard.transaction) {
                continue;
            }
            adopted += 1;
            bytes += heard.bytes();
            work += heard.transaction.signature_work;
            proposer.push(heard.transaction.clone());
            self.heard.push(Entry {
                since: now,
                ..heard
            });
        }
    }
}

/// Whom a node that does not vote passes on to what came from there.
pub fn audience(origin: &Origin, network: &Network, roster: &Roster) -> Vec<PeerId> {
    let mut connected = network.connected();
    match origin {
        Origin::Client(_) => connected,
        Origin::Peer(from) if roster.validator(from).is_none() => {
            connected.retain(|peer| peer != from);
            connected
        }
        // Validators see to it themselves, and gossip goes its own way.
        Origin::Peer(_) | Origin::Gossip { .. } => Vec::new(),
    }
}

/// Encodes transactions as `starfire.v1.TransactionBatch`es.
pub fn batches(transactions: &[Arc<Checked>]) -> Vec<Vec<u8>> {
    let mut batches = Vec::new();
    let mut batch = Vec::new();
    let (mut count, mut work) = (0, 0);
    for transaction in transactions {
        let size = transaction.bytes().len();
        let is_full =
            batch.len() + size > BATCH_BYTES || work + transaction.signature_work > BATCH_WORK;
        if count == BATCH_TRANSACTIONS_MAX || count > 0 && is_full {
            batches.push(std::mem::take(&mut batch));
            (count, work) = (0, 0);
        }
        work += transaction.signature_work;
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

    fn nonces(all: &[Arc<Checked>]) -> Vec<i64> {
        all.iter().map(|transaction| transaction.nonce).collect()
    }

    #[test]
    fn only_what_waits_too_long_is_gossiped_a_few_at_a_time() {
        let start = clock::monotonic();
        let mut spread = Spread::new(start);
        assert_eq!(spread.due_at(), None);
        for nonce in 1..=200 {
            spread.own(start, transaction(nonce, 1), true);
        }
        let early = spread.due(start + GOSSIP_AFTER / 2, |_| true);
        assert!(early.gossip.is_empty());
        let late = start + GOSSIP_AFTER;
        let first = spread.due(late, |transaction| transaction.nonce > 10);
        assert_eq!(nonces(&first.gossip), (11..75).collect::<Vec<_>>());
        let soon = spread.due(late + PERIOD, |_| true);
        assert!(soon.gossip.is_empty());
        let second = spread.due(late + GOSSIP_PERIOD, |transaction| transaction.nonce > 190);
        assert_eq!(nonces(&second.gossip), (191..=200).collect::<Vec<_>>());
    }

    #[test]
    fn what_was_gossiped_is_sent_on_for_as_long_as_it_waits() {
        let start = clock::monotonic();
        let mut spread = Spread::new(start);
        spread.own(start, transaction(1, 1), true);
        let gossiped = start + GOSSIP_AFTER;
        assert_eq!(nonces(&spread.due(gossiped, |_| true).gossip), [1]);
        for times in 1..=5 {
            let due = spread.due(gossiped + times * ADOPT_AFTER, |_| true);
            assert_eq!(nonces(&due.proposer), [1]);
            assert!(due.gossip.is_empty());
        }
        let committed = spread.due(gossiped + 6 * ADOPT_AFTER, |_| false);
        assert!(committed.proposer.is_empty());
        assert_eq!(spread.due_at(), None);
    }

    #[test]
    fn everybody_hears_once_of_what_waits_and_of_what_is_committed_never() {
        let start = clock::monotonic();
        let mut spread = Spread::new(start);
        for nonce in 1..=20 {
            spread.own(start, transaction(nonce, 1), nonce == 5);
        }
        assert_eq!(spread.due_at(), Some(start + TELL_AFTER));
        let at_once = spread.due(start + TELL_AFTER / 2, |_| true);
        assert!(at_once.everybody.is_empty());
        let first = spread.due(start + TELL_AFTER, |transaction| transaction.nonce > 2);
        let expected: Vec<i64> = (3..=19).filter(|nonce| *nonce != 5).collect();
        assert_eq!(nonces(&first.everybody), expected);
        let second = spread.due(start + TELL_AFTER + PERIOD, |_| true);
        assert_eq!(nonces(&second.everybody), [20]);
        let third = spread.due(start + TELL_AFTER + 2 * PERIOD, |_| true);
        assert!(third.everybody.is_empty());
    }

    #[test]
    fn what_others_answer_for_is_sent_on_when_it_waits_all_the_same() {
        let start = clock::monotonic();
        let mut spread = Spread::new(start);
        spread.heard(
            start,
            (1..=100).map(|nonce| transaction(nonce, 1)).collect(),
        );
        assert_eq!(spread.due_at(), Some(start + ADOPT_AFTER));
        let early = spread.due(start + ADOPT_AFTER / 2, |_| true);
        assert!(early.proposer.is_empty());
        let late = start + ADOPT_AFTER;
        let first = spread.due(late, |transaction| transaction.nonce > 10);
        assert_eq!(nonces(&first.proposer), (11..75).collect::<Vec<_>>());
        assert!(first.everybody.is_empty() && first.gossip.is_empty());
        let second = spread.due(late + ADOPT_PERIOD, |transaction| transaction.nonce > 98);
        assert_eq!(nonces(&second.proposer), [99, 100]);
        // As often as it waits so long again.
        let again = spread.due(late + ADOPT_PERIOD + ADOPT_AFTER, |transaction| {
            transaction.nonce == 100
        });
        assert_eq!(nonces(&again.proposer), [100]);
        let never = spread.due(late + 3 * ADOPT_AFTER, |_| false);
        assert!(never.proposer.is_empty());
        assert_eq!(spread.due_at(), None);
    }

    #[test]
    fn of_what_is_long_only_a_few_are_sent_on_at_one_time() {
        let start = clock::monotonic();
        let mut spread = Spread::new(start);
        let long = (1..=5).map(|nonce| transaction(nonce, ADOPT_BYTES / 2));
        spread.heard(start, long.collect());
        for (periods, expected) in [(0, &[1, 2][..]), (1, &[3, 4]), (2, &[5])] {
            let due = spread.due(start + ADOPT_AFTER + periods * ADOPT_PERIOD, |_| true);
            assert_eq!(nonces(&due.proposer), expected);
        }
    }

    #[test]
    fn what_waits_no_more_is_let_go_of_wherever_it_stands() {
        let start = clock::monotonic();
        let mut spread = Spread::new(start);
        for nonce in 1..=10 {
            spread.own(start, transaction(nonce, 1), true);
        }
        spread.heard(
            start,
            (11..=20).map(|nonce| transaction(nonce, 1)).collect(),
        );
        // The first of each wait for what never comes.
        let waits = |transaction: &Checked| [1, 11].contains(&transaction.nonce);
        spread.forget(20, waits);
        assert_eq!(spread.own.entries.len(), 10, "all may wait still");
        spread.forget(2, waits);
        for queue in [&spread.own, &spread.heard] {
            assert_eq!(queue.entries.len(), 1);
            assert_eq!(queue.bytes, queue.entries[0].bytes());
        }
    }

    #[test]
    fn what_is_kept_to_be_sent_on_is_bounded_in_bytes_and_the_oldest_goes() {
        let start = clock::monotonic();
        let mut spread = Spread::new(start);
        let size = QUEUE_BYTES_MAX / 80;
        for nonce in 1..=81 {
            let transaction = transaction(nonce, size);
            spread.own(start, transaction.clone(), true);
            spread.heard(start, vec![transaction]);
        }
        for queue in [&spread.own, &spread.heard] {
            assert_eq!(queue.entries.len(), 79);
            assert_eq!(queue.entries[0].transaction.nonce, 3);
            assert!(queue.bytes <= QUEUE_BYTES_MAX);
        }
        spread.forget(0, |_| false);
        assert_eq!((spread.own.bytes, spread.heard.bytes), (0, 0));
    }

    #[test]
    fn a_new_proposer_gets_all_that_waits_and_the_same_one_gets_it_again_after_long() {
        let start = clock::monotonic();
        let mut spread = Spread::new(start);
        for nonce in 1..=3 {
            spread.own(start, transaction(nonce, 1), true);
        }
        let later = start + AGAIN_AFTER / 2;
        let all = spread.all(later, |transaction| transaction.nonce > 1);
        assert_eq!(nonces(&all), [2, 3]);
        spread.gossiped_at = start + AGAIN_AFTER;
        let due = spread.due(start + AGAIN_AFTER, |_| true);
        assert!(due.proposer.is_empty());
        let due = spread.due(later + AGAIN_AFTER, |_| true);
        assert_eq!(nonces(&due.proposer), [2, 3]);
    }
}
