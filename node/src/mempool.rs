//! Transactions that wait to be proposed: bounded, fair between senders, in order of nonces.
//!
//! Every transaction in here is already [`Checked`], and is remembered by its id, so that a proposal which contains it costs no
//! signature check. A sender's transactions leave in the order of their nonces; between senders the order is that of arrival. What
//! cannot run in its turn is dropped by whoever finds it, so that it holds nobody up.
//!
//! What can run as soon as those before it have, is ready. What waits behind a gap of its sender's nonces is not, and where there is
//! no room it gives way to what is: nobody can keep others out with what nobody can run. What is ready is never driven out.

mod candidates;
mod gaps;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use starfire_ledger::Checked;
use starfire_ledger::signature_work::{ENVELOPE_SIGNATURE_WORK_MAX, SELECTED_SIGNATURE_WORK_MAX};
use starfire_state::{Code, Rejection};

pub use candidates::Candidates;
pub use gaps::GAP_WAIT_MS_MAX;
use gaps::Gaps;

/// How far above the account's nonce a waiting transaction's may be.
pub const NONCE_GAP_MAX: i64 = 10_000;
/// How long a transaction that is ready may wait, milliseconds.
pub const WAIT_MS_MAX: i64 = 10 * 60 * 1000;

/// Signature work of all that waits: what as many blocks hold as a proposer selects. What is within other bounds, and ordinary, has less.
pub const WORK_MAX: u64 = 64 * SELECTED_SIGNATURE_WORK_MAX;

/// One part in this many is for transactions that no member sends or sponsors: strangers cannot lock members out.
const OPEN_SHARE: usize = 2;
/// Of the work it is one in this many, as of a block by default: what strangers have waiting takes them no more blocks than that of members.
const OPEN_WORK_SHARE: u64 = 10;
/// One part in this many of the bytes, and of the work, that it may be among is for one sender. One transaction of a sender may always
/// wait.
const SENDER_SHARE: usize = 4;
const SENDER_WORK_SHARE: u64 = 4;

// A member may have two of the largest batches waiting, and all strangers together whatever strangers may send.
const _: () = assert!(2 * ENVELOPE_SIGNATURE_WORK_MAX <= WORK_MAX / SENDER_WORK_SHARE);
const _: () = assert!(SELECTED_SIGNATURE_WORK_MAX <= WORK_MAX / OPEN_WORK_SHARE);

/// The mempool is full; no newcomer drives out what is ready.
pub const FULL: Code = Code::new("MEMPOOL_FULL", 160);
/// The sender has as many transactions waiting as one sender may, or as many bytes, or as much signature work.
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
    /// Their signature work together: [`WORK_MAX`].
    pub work_max: u64,
    /// Transactions of one sender.
    pub transactions_per_sender_max: usize,
}

#[derive(Debug, Clone)]
struct Waiting {
    transaction: Arc<Checked>,
    arrival: u64,
    since_ms: i64,
    open: bool,
    /// Its place among those behind a gap, if it is one of them.
    behind: Option<u64>,
}

/// One sender's transactions, by nonce.
#[derive(Debug)]
struct Queue {
    /// The account's nonce in the newest state, so that a proposer need not read it.
    account_nonce: i64,
    waiting: BTreeMap<i64, Waiting>,
    /// The nonce of the first gap: what is below it is ready.
    gap: i64,
    load: Load,
    /// Of these, what waits behind the gap.
    behind: Load,
    /// When the one arrived whose turn it is, if that waits.
    ready: Option<u64>,
}

impl Queue {
    fn new(account_nonce: i64) -> Self {
        Self {
            account_nonce,
            waiting: BTreeMap::new(),
            gap: account_nonce.saturating_add(1),
            load: Load::default(),
            behind: Load::default(),
            ready: None,
        }
    }

    fn next_nonce(&self) -> i64 {
        self.account_nonce.saturating_add(1)
    }

    /// What is ready from the gap on is behind it no more: the gap is filled, or the account's nonce has passed it.
    fn close_gap(&mut self, gaps: &mut Gaps) {
        self.gap = self.gap.max(self.next_nonce());
        while let Some(waiting) = self.waiting.get_mut(&self.gap) {
            if gaps.remove(waiting) {
                self.behind.take(Load::of(&waiting.transaction));
            }
            self.gap += 1;
        }
    }

    /// There is a gap at this nonce, if something is to run before what stands above it.
    fn open_gap(&mut self, nonce: i64, gaps: &mut Gaps, now_ms: i64) {
        if !(self.next_nonce()..self.gap).contains(&nonce) {
            return;
        }
        for (_, waiting) in self.waiting.range_mut(nonce..self.gap) {
            gaps.insert(waiting, now_ms);
            self.behind.add(Load::of(&waiting.transaction));
        }
        self.gap = nonce;
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
    load: Load,
    /// What transactions that no member stands behind take of it.
    open: Load,
    gaps: Gaps,
    /// Transactions that name their last height, by it.
    ceilings: BTreeSet<(u64, Arc<str>, i64)>,
    /// What newcomers drove out since the last block, and nobody was told of.
    driven_out: Vec<Arc<Checked>>,
    now_ms: i64,
}

/// What transactions take of the mempool.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Load {
    transactions: usize,
    bytes: usize,
    /// What it costs to check them: blocks are bounded by it too, and few bytes may ask for much.
    work: u64,
}

impl Load {
    fn of(transaction: &Checked) -> Self {
        Self {
            transactions: 1,
            bytes: transaction.bytes().len(),
            work: transaction.signature_work,
        }
    }

    fn add(&mut self, one: Self) {
        *self = self.with(one);
    }

    fn take(&mut self, one: Self) {
        *self = self.without(one);
    }

    fn with(self, other: Self) -> Self {
        Self {
            transactions: self.transactions + other.transactions,
            bytes: self.bytes + other.bytes,
            work: self.work + other.work,
        }
    }

    fn without(self, part: Self) -> Self {
        Self {
            transactions: self.transactions - part.transactions,
            bytes: self.bytes - part.bytes,
            work: self.work - part.work,
        }
    }

    fn is_within(self, most: Self) -> bool {
        self.transactions <= most.transactions && self.bytes <= most.bytes && self.work <= most.work
    }
}

impl Limits {
    fn all(&self) -> Load {
        Load {
            transactions: self.transactions_max,
            bytes: self.bytes_max,
            work: self.work_max,
        }
    }

    fn open(&self) -> Load {
        Load {
            transactions: self.transactions_max / OPEN_SHARE,
            bytes: self.bytes_max / OPEN_SHARE,
            work: self.work_max / OPEN_WORK_SHARE,
        }
    }

    fn of_sender(&self, open: bool) -> Load {
        let share = if open { self.open() } else { self.all() };
        Load {
            transactions: self.transactions_per_sender_max,
            bytes: share.bytes / SENDER_SHARE,
            work: share.work / SENDER_WORK_SHARE,
        }
    }

    fn has_place(&self, load: Load, one: Load) -> bool {
        load.with(one).is_within(self.all())
    }

    fn has_open_place(&self, load: Load, one: Load) -> bool {
        load.with(one).is_within(self.open())
    }

    fn has_place_for_sender(&self, load: Load, one: Load, open: bool) -> bool {
        let is_first = load.transactions == 0 && self.transactions_per_sender_max > 0;
        is_first || load.with(one).is_within(self.of_sender(open))
    }
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
            load: Load::default(),
            open: Load::default(),
            gaps: Gaps::default(),
            ceilings: BTreeSet::new(),
            driven_out: Vec::new(),
            now_ms: i64::MIN,
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
        let nonce = transaction.nonce;
        let sender = transaction.sender.clone();
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
        self.now_ms = now_ms;
        self.note_account(&sender, account_nonce);
        let next = account_nonce.saturating_add(1);
        let is_ready = nonce == self.next_nonce_of(&sender).unwrap_or(next);
        self.find_place(&transaction, open, is_ready)?;
        if is_ready {
            self.make_room(&transaction, open);
        }
        self.insert(transaction, account_nonce, open);
        Ok(true)
    }

    fn insert(&mut self, transaction: Arc<Checked>, account_nonce: i64, open: bool) {
        let (nonce, one) = (transaction.nonce, Load::of(&transaction));
        let sender = transaction.sender.clone();
        if let Some(ceiling) = ceiling(&transaction) {
            self.ceilings.insert((ceiling, sender.clone(), nonce));
        }
        let arrival = self.next_arrival;
        self.next_arrival += 1;
        self.load.add(one);
        if open {
            self.open.add(one);
        }
        self.ids.insert(transaction.id, (sender.clone(), nonce));
        self.hashes.insert(transaction.hash, transaction.id);
        self.arrivals.insert(arrival, (sender.clone(), nonce));
        let mut entry = Waiting {
            transaction,
            arrival,
            since_ms: self.now_ms,
            open,
            behind: None,
        };
        let queue = self
            .senders
            .entry(sender.clone())
            .or_insert_with(|| Queue::new(account_nonce));
        queue.load.add(one);
        if nonce != queue.gap {
            self.gaps.insert(&mut entry, self.now_ms);
            queue.behind.add(one);
        }
        queue.waiting.insert(nonce, entry);
        queue.close_gap(&mut self.gaps);
        self.note_ready(&sender);
    }

    /// Whether there is a place for a transaction that does not wait, as far as one can tell without any state: of a sender of whom
    /// nothing waits, any may be the next.
    pub fn has_place(&self, transaction: &Checked, open: bool) -> Result<(), Rejection> {
        let queue = self.senders.get(&transaction.sender);
        let is_ready = queue.is_none_or(|queue| transaction.nonce == queue.gap);
        self.find_place(transaction, open, is_ready)
    }

    /// What waits behind a gap takes no place of one that is ready.
    fn find_place(
        &self,
        transaction: &Checked,
        open: bool,
        is_ready: bool,
    ) -> Result<(), Rejection> {
        let (nonce, one) = (transaction.nonce, Load::of(transaction));
        let sender = &transaction.sender;
        let counted = |all: Load, behind: Load| if is_ready { all.without(behind) } else { all };
        let load = counted(self.load, self.gaps.load());
        if !self.limits.has_place(load, one) {
            return Err(Rejection::new(
                FULL,
                "the mempool is full: send it again in a moment",
            ));
        }
        let load = counted(self.open, self.gaps.open_load());
        if open && !self.limits.has_open_place(load, one) {
            let detail = "the part of the mempool for strangers is full: send it again in a moment, or find a sponsor";
            return Err(Rejection::new(FULL, detail));
        }
        let Some(queue) = self.senders.get(sender) else {
            return Ok(());
        };
        if queue.waiting.contains_key(&nonce) {
            return Err(Rejection::new(
                NONCE_TAKEN,
                format!("another transaction of {sender} waits with nonce {nonce}"),
            ));
        }
        let load = counted(queue.load, queue.behind);
        if !self.limits.has_place_for_sender(load, one, open) {
            return Err(Rejection::new(
                SENDER_FULL,
                format!(
                    "{sender} has too many transactions waiting, or too many bytes, or too much signature work"
                ),
            ));
        }
        Ok(())
    }

    /// Drives out of each bound what waits behind gaps, until there is room for a transaction that is ready, and finds it there.
    fn make_room(&mut self, transaction: &Checked, open: bool) {
        let (limits, one) = (self.limits, Load::of(transaction));
        let sender = &transaction.sender;
        while self
            .senders
            .get(sender)
            .is_some_and(|queue| !limits.has_place_for_sender(queue.load, one, open))
        {
            self.drive_out(sender, false);
        }
        while open && !limits.has_open_place(self.open, one) {
            self.drive_out_newest(true);
        }
        while !limits.has_place(self.load, one) {
            self.drive_out_newest(false);
        }
    }

    fn drive_out_newest(&mut self, only_open: bool) {
        let newest = self.gaps.newest(only_open);
        let sender = newest.expect("what is ready alone leaves room");
        self.drive_out(&sender, only_open);
    }

    /// Drives out a sender's highest nonce behind its gap, which has the most before it; `only_open`: of those that no member stands
    /// behind.
    fn drive_out(&mut self, sender: &str, only_open: bool) {
        let behind = self.senders[sender].waiting.iter().rev();
        let mut behind =
            behind.filter(|(_, waiting)| waiting.behind.is_some() && (waiting.open || !only_open));
        let (nonce, waiting) = behind.next().expect("something of it waits behind a gap");
        let (nonce, transaction) = (*nonce, waiting.transaction.clone());
        self.driven_out.push(transaction);
        self.remove(sender, nonce);
    }

    /// What newcomers drove out since this was asked last, or since the last block.
    pub fn take_driven_out(&mut self) -> Vec<Arc<Checked>> {
        std::mem::take(&mut self.driven_out)
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
        Some(self.senders.get(sender)?.gap)
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
        Candidates::of(self)
    }

    /// Drops what turned out to be unable to run.
    pub fn drop_refused(&mut self, id: &[u8; 32]) {
        if let Some((sender, nonce)) = self.ids.get(id).cloned() {
            self.remove(&sender, nonce);
        }
    }

    /// Drops what the block of `height` has used, what expired with it, and what has waited too long.
    pub fn committed(&mut self, senders: &BTreeMap<Arc<str>, i64>, height: u64, now_ms: i64) {
        self.now_ms = now_ms;
        self.driven_out.clear();
        for (sender, account_nonce) in senders {
            self.note_account(sender, *account_nonce);
            let Some(queue) = self.senders.get(sender) else {
                continue;
            };
            let used = queue.waiting.range(..=*account_nonce);
            let used: Vec<i64> = used.map(|(nonce, _)| *nonce).collect();
            for nonce in used {
                self.remove(sender, nonce);
            }
        }
        self.drop_expired(height);
        while let Some((sender, nonce)) = self.gaps.overdue(now_ms) {
            self.remove(&sender, nonce);
        }
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
        if let Some(mut removed) = queue.waiting.remove(&nonce) {
            let one = Load::of(&removed.transaction);
            queue.load.take(one);
            if self.gaps.remove(&mut removed) {
                queue.behind.take(one);
            }
            queue.open_gap(nonce, &mut self.gaps, self.now_ms);
            self.load.take(one);
            self.ids.remove(&removed.transaction.id);
            self.hashes.remove(&removed.transaction.hash);
            self.arrivals.remove(&removed.arrival);
            if removed.open {
                self.open.take(one);
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

    /// A nonce that was used once stays used.
    fn note_account(&mut self, sender: &str, nonce: i64) {
        if let Some(queue) = self.senders.get_mut(sender)
            && queue.account_nonce < nonce
        {
            queue.account_nonce = nonce;
            queue.close_gap(&mut self.gaps);
            self.note_ready(sender);
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
        self.load.bytes
    }
}

/// The last height at which it may be executed, if it names one.
fn ceiling(transaction: &Checked) -> Option<u64> {
    u64::try_from(transaction.ceil_ledger_seq)
        .ok()
        .filter(|ceiling| *ceiling > 0)
}
