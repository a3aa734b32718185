//! What an operator can see of the network: how full the queues are, and what was lost or refused.

use std::sync::atomic::{AtomicU64, Ordering};

/// A snapshot. Counters only rise; the others are of the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gauges {
    /// Peers with a working direct stream.
    pub connected: u64,
    /// Consensus messages that wait to be sent.
    pub outbox_frames: u64,
    /// Their bytes.
    pub outbox_bytes: u64,
    /// Entries that wait for the core.
    pub inbox_entries: u64,
    /// Their bytes.
    pub inbox_bytes: u64,
    /// Counter: bytes written to sockets, whatever they carry.
    pub bytes_sent: u64,
    /// Counter: bytes read from sockets.
    pub bytes_received: u64,
    /// Counter: consensus messages sent or queued.
    pub consensus_sent: u64,
    /// Counter: consensus messages received.
    pub consensus_received: u64,
    /// Counter: consensus messages that were too old for a full outbox, or whose peer went or was not there.
    pub consensus_unsent: u64,
    /// Counter: consensus messages that the core was too slow for.
    pub consensus_dropped: u64,
    /// Counter: consensus messages of peers that are nodes of no validator.
    pub consensus_refused: u64,
    /// Counter: gossiped transactions, and batches, that the core was too slow for or that gossip could not take.
    pub transactions_dropped: u64,
    /// Counter: batches of transactions that were too old for a full outbox, or whose peer was not there.
    pub batches_unsent: u64,
    /// Counter: batches that were not read, since their sender passed on invalid transactions lately.
    pub batches_refused: u64,
    /// Counter: announcements, block requests and news of connections that the core was too slow for, announcements that are no news or
    /// above an author's measure, and requests and answers without room.
    pub others_dropped: u64,
    /// Counter: judgements that came faster than they could be passed on.
    pub judgements_dropped: u64,
    /// Connections that came in and are in the handshake.
    pub incoming_waiting: u64,
    /// Counter: such connections that made room for newer ones.
    pub incoming_displaced: u64,
    /// Counter: connections refused because the peer id is on no list.
    pub strangers_refused: u64,
    /// Counter: connections closed because the peer broke the protocol.
    pub violations: u64,
    /// Counter: gossip that a peer was too slow for.
    pub gossip_slow: u64,
}

/// The counters behind the snapshot.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) bytes_sent: Counter,
    pub(crate) bytes_received: Counter,
    pub(crate) consensus_sent: Counter,
    pub(crate) consensus_received: Counter,
    pub(crate) consensus_unsent: Counter,
    pub(crate) consensus_dropped: Counter,
    pub(crate) consensus_refused: Counter,
    pub(crate) transactions_dropped: Counter,
    pub(crate) batches_unsent: Counter,
    pub(crate) batches_refused: Counter,
    pub(crate) others_dropped: Counter,
    pub(crate) judgements_dropped: Counter,
    pub(crate) incoming_displaced: Counter,
    pub(crate) strangers_refused: Counter,
    pub(crate) violations: Counter,
    pub(crate) gossip_slow: Counter,
}

/// A number that only rises.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn one(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn add(&self, more: usize) {
        self.0.fetch_add(number(more), Ordering::Relaxed);
    }

    pub(crate) fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A size in memory as a number for people.
pub(crate) fn number(size: usize) -> u64 {
    u64::try_from(size).unwrap_or(u64::MAX)
}
