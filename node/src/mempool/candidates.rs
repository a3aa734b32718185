//! What may be proposed, in its order.

use std::collections::{BTreeMap, btree_map};
use std::iter::Peekable;
use std::sync::Arc;

use starfire_ledger::Checked;

use super::{Mempool, Queue};

/// The transactions that may be proposed, in order of arrival; one that arrived before its turn comes as soon as that does.
#[derive(Debug, Clone)]
pub struct Candidates<'a> {
    pool: &'a Mempool,
    ready: Peekable<btree_map::Iter<'a, u64, Arc<str>>>,
    /// Those whose turn came with one before them, by arrival.
    following: BTreeMap<u64, (&'a Queue, i64)>,
}

impl<'a> Candidates<'a> {
    pub(super) fn of(pool: &'a Mempool) -> Self {
        Self {
            pool,
            ready: pool.ready.iter().peekable(),
            following: BTreeMap::new(),
        }
    }
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
