//! What a proposer makes of the transactions that wait.
//!
//! They come in the order of the mempool, but what signatures cost to check is shared out: what is more than its member's part of that
//! comes after what others have within theirs. So nobody with much to check keeps others out, and a member alone has all.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use starfire_did::Did;
use starfire_state::View;

use crate::admission::Admission;
use crate::block::transactions_bytes_max;
use crate::check::Checked;
use crate::code;
use crate::quota::Quota;
use crate::signature_work::Room;

/// Tag and length of an envelope in a block, at most.
const TRANSACTION_FRAME_BYTES: usize = 5;
/// Candidates that are set aside, while it is looked for what others have within their parts. What would be more is come to again.
const ASIDE_MAX: usize = 4_096;
/// So many are come to again at most.
const AGAIN_MAX: usize = 16_384;

/// What is selected.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// For the block, in order.
    pub taken: Vec<Arc<Checked>>,
    /// Not admitted as state is now, or too much for any block: whoever keeps them waits for nothing.
    pub refused: Vec<Arc<Checked>>,
}

/// Of `candidates` at most `places` that a proposer puts into the block at `admission.height`: admitted, each source's nonces without
/// a gap, within the quotas, and no more than fit beside the commit of so many validators and than a proposer may ask the others to
/// check.
pub fn select<'a>(
    view: &dyn View,
    admission: &Admission,
    validators: usize,
    places: u32,
    candidates: impl IntoIterator<Item = &'a Arc<Checked>, IntoIter: Clone>,
) -> Selection {
    let mut filling = Filling::new(view, admission, validators, places);
    let mut candidates = candidates.into_iter();
    let mut aside = Vec::new();
    let mut sources_aside = BTreeSet::new();
    let mut share = |filling: &mut Filling<'_>, transaction: &'a Arc<Checked>| {
        let follows = sources_aside.contains(&transaction.source);
        let is_decided = !follows && filling.decide(transaction, Turn::Shares);
        if !is_decided {
            sources_aside.insert(transaction.source);
        }
        is_decided
    };
    while aside.len() < ASIDE_MAX
        && !filling.is_full()
        && let Some(transaction) = candidates.next()
    {
        if !share(&mut filling, transaction) {
            aside.push(transaction);
        }
    }
    let mut beyond = candidates.clone().take(AGAIN_MAX);
    while aside.len() == ASIDE_MAX
        && !filling.is_full()
        && let Some(transaction) = beyond.next()
    {
        share(&mut filling, transaction);
    }
    let mut rest = aside.into_iter().chain(candidates);
    while !filling.is_full()
        && let Some(transaction) = rest.next()
    {
        if !filling.has(transaction) {
            filling.decide(transaction, Turn::Rest);
        }
    }
    filling.selection
}

/// Of what is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// What members have within their parts.
    Shares,
    /// What remains goes to whoever comes.
    Rest,
}

/// A block that is being filled.
struct Filling<'v> {
    view: &'v dyn View,
    admission: &'v Admission,
    bytes: usize,
    places: u32,
    work: Room,
    quota: Quota,
    /// Those of a block with nothing in it.
    empty: (Room, Quota),
    nonces: BTreeMap<Did, i64>,
    /// Theirs come after one that was passed over.
    passed: BTreeSet<Did>,
    selection: Selection,
}

impl<'v> Filling<'v> {
    fn new(view: &'v dyn View, admission: &'v Admission, validators: usize, places: u32) -> Self {
        let work = Room::new(admission.chain.open_share_percent);
        let quota = Quota::new(&admission.chain);
        Self {
            view,
            admission,
            bytes: transactions_bytes_max(validators),
            places: admission.chain.block_transactions_max.min(places),
            work: work.clone(),
            quota: quota.clone(),
            empty: (work, quota),
            nonces: BTreeMap::new(),
            passed: BTreeSet::new(),
            selection: Selection::default(),
        }
    }

    fn is_full(&self) -> bool {
        self.places == 0 || self.work.is_full()
    }

    /// Whether it is taken, or another in its place.
    fn has(&self, transaction: &Checked) -> bool {
        let last = self.nonces.get(&transaction.source);
        last.is_some_and(|last| transaction.nonce <= *last)
    }

    /// Takes it, or passes over its source. `false`: it is more than its member's part, and none of this turn.
    fn decide(&mut self, transaction: &Arc<Checked>, turn: Turn) -> bool {
        let source = transaction.source;
        if self.passed.contains(&source) {
            return true;
        }
        let (work, bytes) = (transaction.signature_work, transaction.bytes().len());
        let needed = bytes + TRANSACTION_FRAME_BYTES;
        // Who pays takes longer to tell than that there is no room for anybody.
        if !self.work.may_have(work) {
            self.passed.insert(source);
            return true;
        }
        let payer = self.admission.payer(transaction);
        if !self.work.has(work, &payer)
            || needed > self.bytes
            || self.quota.has_room(&payer, bytes).is_err()
        {
            self.passed.insert(source);
            let (empty_work, empty_quota) = &self.empty;
            if !empty_work.has(work, &payer) || empty_quota.has_room(&payer, bytes).is_err() {
                self.selection.refused.push(transaction.clone());
            }
            return true;
        }
        if turn == Turn::Shares && !self.work.is_in_share(work, &payer) {
            return false;
        }
        let admitted = match self
            .admission
            .admit_within(self.view, &mut self.quota, transaction)
        {
            Ok(admitted) => admitted,
            Err(rejection) => {
                self.passed.insert(source);
                // What its payer may not read in this block it may in the next.
                if rejection.code != code::READ_QUOTA {
                    self.selection.refused.push(transaction.clone());
                }
                return true;
            }
        };
        let last = self.nonces.get(&source).copied();
        let last = last.unwrap_or(admitted.account.record.nonce);
        if last.checked_add(1) != Some(transaction.nonce)
            || self.quota.take(&admitted.payer, bytes).is_err()
        {
            self.passed.insert(source);
            return true;
        }
        self.bytes -= needed;
        self.work.take(work, &payer);
        self.places -= 1;
        self.nonces.insert(source, transaction.nonce);
        self.selection.taken.push(transaction.clone());
        true
    }
}
