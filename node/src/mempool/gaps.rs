//! What waits behind a gap of its sender's nonces: it takes room, and cannot run until the gap is filled.
//!
//! Anybody can make as much of it as fits, for nothing. So it counts for nothing against what can run, gives way to that, and is
//! dropped early.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Load, Waiting};

/// How long a transaction may wait behind a gap, milliseconds: what comes out of order comes within moments.
pub const GAP_WAIT_MS_MAX: i64 = 60 * 1000;

/// A transaction behind a gap.
#[derive(Debug)]
struct Stuck {
    sender: Arc<str>,
    nonce: i64,
    since_ms: i64,
}

/// Those of one share, in the order in which they came behind their gaps.
#[derive(Debug, Default)]
struct Part {
    load: Load,
    stuck: BTreeMap<u64, Stuck>,
}

/// All that waits behind gaps.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    members: Part,
    open: Part,
    next: u64,
}

impl Gaps {
    fn part(&mut self, open: bool) -> &mut Part {
        if open {
            &mut self.open
        } else {
            &mut self.members
        }
    }

    /// There is a gap before this one from now on.
    pub(super) fn insert(&mut self, waiting: &mut Waiting, now_ms: i64) {
        let place = self.next;
        self.next += 1;
        waiting.behind = Some(place);
        let part = self.part(waiting.open);
        part.load.add(Load::of(&waiting.transaction));
        let stuck = Stuck {
            sender: waiting.transaction.sender.clone(),
            nonce: waiting.transaction.nonce,
            since_ms: now_ms,
        };
        part.stuck.insert(place, stuck);
    }

    /// There is no gap before this one any more, or it is gone. Whether there was one.
    pub(super) fn remove(&mut self, waiting: &mut Waiting) -> bool {
        let Some(place) = waiting.behind.take() else {
            return false;
        };
        let part = self.part(waiting.open);
        part.stuck.remove(&place);
        part.load.take(Load::of(&waiting.transaction));
        true
    }

    /// What they take of the whole mempool.
    pub(super) fn load(&self) -> Load {
        self.members.load.with(self.open.load)
    }

    /// What those take that no member stands behind.
    pub(super) fn open_load(&self) -> Load {
        self.open.load
    }

    /// The sender of the one that came last behind its gap; `only_open`: of those that no member stands behind.
    pub(super) fn newest(&self, only_open: bool) -> Option<Arc<str>> {
        let parts = [(!only_open).then_some(&self.members), Some(&self.open)];
        let newest = parts
            .into_iter()
            .flatten()
            .filter_map(|part| part.stuck.last_key_value());
        let newest = newest.max_by_key(|(place, _)| **place);
        newest.map(|(_, stuck)| stuck.sender.clone())
    }

    /// One that has waited behind its gap for too long.
    pub(super) fn overdue(&self, now_ms: i64) -> Option<(Arc<str>, i64)> {
        let oldest = [&self.members, &self.open]
            .into_iter()
            .filter_map(|part| part.stuck.values().next());
        let mut overdue =
            oldest.filter(|stuck| now_ms.saturating_sub(stuck.since_ms) > GAP_WAIT_MS_MAX);
        overdue
            .next()
            .map(|stuck| (stuck.sender.clone(), stuck.nonce))
    }
}
