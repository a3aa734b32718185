//! What arrives from the network for the core.
//!
//! The inbox is bounded three ways: in entries, in bytes, and by peer, so that one peer cannot crowd out the others and a slow core
//! never costs unlimited memory. Its entries are taken from the peers in turn: a peer that fills its share is before nobody else.
//! Transactions are refused first: gossip brings them again. A consensus message is refused only when its own sender has filled its
//! share. Every refusal is counted.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use libp2p::PeerId;
use libp2p::gossipsub::MessageId;
use starfire_proto::v1;
use tokio::sync::{mpsc, oneshot};

use crate::rota::Rota;

/// Entries of all kinds.
const ENTRIES_MAX: usize = 32_768;

/// The last entries are kept for connects and disconnects.
const ENTRIES_RESERVED: usize = 1_024;

/// Consensus messages of one peer.
const CONSENSUS_SHARE: Share = Share {
    entries: 1_024,
    bytes: 48 * 1024 * 1024,
};

/// Announcements and requests of one peer.
const OTHERS_SHARE: Share = Share {
    entries: 64,
    bytes: 0,
};

/// Transactions from one peer, and from all.
const TRANSACTIONS_SHARE: Share = Share {
    entries: 8_192,
    bytes: 16 * 1024 * 1024,
};
const TRANSACTIONS_ALL: Share = Share {
    entries: 16_384,
    bytes: 32 * 1024 * 1024,
};

/// Something that a peer sent, or did.
#[derive(Debug)]
pub enum Incoming {
    /// An encoded `v1::ConsensusMessage` that came on the direct stream. One peer's messages keep their order.
    Consensus {
        /// Who sent it.
        peer: PeerId,
        /// As received, at most 17 MiB.
        bytes: Vec<u8>,
    },
    /// A batch of transactions that came on the direct stream.
    Transactions {
        /// Who sent it: not necessarily who made them.
        peer: PeerId,
        /// An encoded `v1::TransactionBatch`, as received.
        batch: Vec<u8>,
    },
    /// A gossiped transaction. It goes on to other peers only after `Network::judge` accepted it.
    Transaction {
        /// Who passed it on: not necessarily who made it.
        peer: PeerId,
        /// The encoded envelope, as received.
        bytes: Vec<u8>,
        /// To be given to `Network::judge`.
        pending: Pending,
    },
    /// A peer has committed a height, it says.
    Announcement {
        /// Who says so; it signed the announcement.
        peer: PeerId,
        /// The height.
        height: u64,
    },
    /// A peer that is behind asks for blocks, a header or a snapshot. Dropping `reply` refuses.
    SyncRequest {
        /// Who asks.
        peer: PeerId,
        /// For what.
        request: v1::SyncRequest,
        /// Takes the answer, within ten seconds.
        reply: oneshot::Sender<v1::SyncResponse>,
    },
    /// The direct stream to a peer is open: what is sent now will reach it.
    Connected(PeerId),
    /// The last connection to a peer is gone, with all that waited to be sent to it.
    Disconnected(PeerId),
}

/// A gossiped message that waits for a judgement.
#[derive(Debug)]
pub struct Pending {
    pub(crate) message: MessageId,
    pub(crate) source: PeerId,
}

/// What becomes of a gossiped message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// It is good: pass it on.
    Accept,
    /// It is of no use here, and nobody's fault: a full mempool, a stale nonce.
    Ignore,
    /// No honest peer passes this on. The sender's gossip score falls.
    Reject,
}

impl Incoming {
    fn peer(&self) -> PeerId {
        match self {
            Self::Consensus { peer, .. }
            | Self::Transactions { peer, .. }
            | Self::Transaction { peer, .. }
            | Self::Announcement { peer, .. }
            | Self::SyncRequest { peer, .. }
            | Self::Connected(peer)
            | Self::Disconnected(peer) => *peer,
        }
    }
}

/// The receiving end, for the core.
#[derive(Debug)]
pub struct Inbox {
    wake: mpsc::Receiver<()>,
    waiting: Arc<Mutex<Waiting>>,
}

impl Inbox {
    /// The next entry; `None` when the network has stopped. May be cancelled without loss.
    pub async fn recv(&mut self) -> Option<Incoming> {
        loop {
            if let Some(entry) = self.try_recv() {
                return Some(entry);
            }
            if self.wake.recv().await.is_none() {
                return self.try_recv();
            }
        }
    }

    /// The next entry, from a thread outside the runtime.
    pub fn blocking_recv(&mut self) -> Option<Incoming> {
        loop {
            if let Some(entry) = self.try_recv() {
                return Some(entry);
            }
            if self.wake.blocking_recv().is_none() {
                return self.try_recv();
            }
        }
    }

    /// The next entry if there is one now.
    pub fn try_recv(&mut self) -> Option<Incoming> {
        lock(&self.waiting).pop()
    }
}

impl Drop for Inbox {
    /// Whoever waits for an answer to one of the entries hears that there is none.
    fn drop(&mut self) {
        self.wake.close();
        while self.try_recv().is_some() {}
    }
}

/// The sending end, for the network.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    /// One wake-up that is there already will do for several entries.
    wake: mpsc::Sender<()>,
    waiting: Arc<Mutex<Waiting>>,
}

/// An inbox that holds nothing, and the way into it.
pub(crate) fn channel() -> (Delivery, Inbox) {
    let (wake, woken) = mpsc::channel(1);
    let waiting = Arc::new(Mutex::new(Waiting::default()));
    let delivery = Delivery {
        wake,
        waiting: Arc::clone(&waiting),
    };
    let inbox = Inbox {
        wake: woken,
        waiting,
    };
    (delivery, inbox)
}

impl Delivery {
    /// Puts an entry into the inbox, or gives it back when there is no room for it.
    #[must_use]
    pub(crate) fn offer(&self, entry: Incoming) -> Option<Incoming> {
        let mut waiting = lock(&self.waiting);
        // Asked with the lock held: what comes in before the inbox closes is given back by it.
        if self.wake.is_closed() {
            return Some(entry);
        }
        let refused = waiting.push(entry);
        drop(waiting);
        self.wake.try_send(()).ok();
        refused
    }

    pub(crate) fn level(&self) -> Level {
        Level(Arc::clone(&self.waiting))
    }
}

/// How full the inbox is; keeps neither end open.
#[derive(Clone, Debug)]
pub(crate) struct Level(Arc<Mutex<Waiting>>);

impl Level {
    /// Entries and bytes that the core has not taken yet.
    pub(crate) fn waiting(&self) -> (usize, usize) {
        let waiting = lock(&self.0);
        (waiting.load.entries, waiting.load.bytes())
    }
}

fn lock(waiting: &Mutex<Waiting>) -> MutexGuard<'_, Waiting> {
    waiting
        .lock()
        .expect("nobody panics while holding what waits")
}

/// What lies in the inbox.
#[derive(Debug, Default)]
struct Waiting {
    entries: Rota<Incoming>,
    load: Load,
}

impl Waiting {
    fn push(&mut self, entry: Incoming) -> Option<Incoming> {
        let news = matches!(entry, Incoming::Connected(_) | Incoming::Disconnected(_));
        let most = if news {
            ENTRIES_MAX
        } else {
            ENTRIES_MAX - ENTRIES_RESERVED
        };
        if self.load.entries >= most || !self.load.take(&entry) {
            return Some(entry);
        }
        self.entries.push(entry.peer(), entry);
        None
    }

    fn pop(&mut self) -> Option<Incoming> {
        let (_, entry) = self.entries.pop()?;
        self.load.release(&entry);
        Some(entry)
    }
}

/// How much that is, by peer. A peer with nothing in it has no entry.
#[derive(Debug, Default)]
struct Load {
    entries: usize,
    consensus: BTreeMap<PeerId, Share>,
    transactions: BTreeMap<PeerId, Share>,
    all_transactions: Share,
    others: BTreeMap<PeerId, Share>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Share {
    entries: usize,
    bytes: usize,
}

impl Load {
    fn take(&mut self, entry: &Incoming) -> bool {
        match entry {
            Incoming::Consensus { peer, bytes } => {
                let share = self.consensus.get(peer).copied().unwrap_or_default();
                let Some(more) = share.plus(bytes.len(), CONSENSUS_SHARE) else {
                    return false;
                };
                self.consensus.insert(*peer, more);
            }
            Incoming::Transaction { peer, bytes, .. }
            | Incoming::Transactions { peer, batch: bytes } => {
                let share = self.transactions.get(peer).copied().unwrap_or_default();
                let (Some(more), Some(all)) = (
                    share.plus(bytes.len(), TRANSACTIONS_SHARE),
                    self.all_transactions.plus(bytes.len(), TRANSACTIONS_ALL),
                ) else {
                    return false;
                };
                self.transactions.insert(*peer, more);
                self.all_transactions = all;
            }
            Incoming::Announcement { peer, .. } | Incoming::SyncRequest { peer, .. } => {
                let share = self.others.get(peer).copied().unwrap_or_default();
                let Some(more) = share.plus(0, OTHERS_SHARE) else {
                    return false;
                };
                self.others.insert(*peer, more);
            }
            Incoming::Connected(_) | Incoming::Disconnected(_) => {}
        }
        self.entries += 1;
        true
    }

    fn release(&mut self, entry: &Incoming) {
        self.entries -= 1;
        match entry {
            Incoming::Consensus { peer, bytes } => {
                release_from(&mut self.consensus, peer, bytes.len());
            }
            Incoming::Transaction { peer, bytes, .. }
            | Incoming::Transactions { peer, batch: bytes } => {
                release_from(&mut self.transactions, peer, bytes.len());
                self.all_transactions = self.all_transactions.minus(bytes.len());
            }
            Incoming::Announcement { peer, .. } | Incoming::SyncRequest { peer, .. } => {
                release_from(&mut self.others, peer, 0);
            }
            Incoming::Connected(_) | Incoming::Disconnected(_) => {}
        }
    }

    fn bytes(&self) -> usize {
        let consensus: usize = self.consensus.values().map(|share| share.bytes).sum();
        consensus + self.all_transactions.bytes
    }
}

fn release_from(shares: &mut BTreeMap<PeerId, Share>, peer: &PeerId, bytes: usize) {
    let share = shares.get_mut(peer).expect("what is released was taken");
    *share = share.minus(bytes);
    if share.entries == 0 {
        shares.remove(peer);
    }
}

impl Share {
    fn plus(self, bytes: usize, most: Self) -> Option<Self> {
        let more = Self {
            entries: self.entries + 1,
            bytes: self.bytes + bytes,
        };
        (more.entries <= most.entries && more.bytes <= most.bytes).then_some(more)
    }

    fn minus(self, bytes: usize) -> Self {
        Self {
            entries: self.entries - 1,
            bytes: self.bytes - bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn consensus(peer: PeerId, bytes: usize) -> Incoming {
        Incoming::Consensus {
            peer,
            bytes: vec![0; bytes],
        }
    }

    fn transaction(peer: PeerId, bytes: usize) -> Incoming {
        let pending = Pending {
            message: MessageId::new(b"id"),
            source: peer,
        };
        Incoming::Transaction {
            peer,
            bytes: vec![0; bytes],
            pending,
        }
    }

    #[test]
    fn one_peer_cannot_take_the_place_of_another() {
        let (delivery, mut inbox) = channel();
        let (loud, quiet) = (PeerId::random(), PeerId::random());
        for _ in 0..CONSENSUS_SHARE.entries {
            assert!(delivery.offer(consensus(loud, 1)).is_none());
        }
        assert!(delivery.offer(consensus(loud, 1)).is_some());
        assert!(delivery.offer(consensus(quiet, 1)).is_none());
        inbox.try_recv().unwrap();
        assert!(delivery.offer(consensus(loud, 1)).is_none());
    }

    #[test]
    fn a_full_share_of_one_peer_stands_before_no_message_of_another() {
        let (delivery, mut inbox) = channel();
        let (loud, quiet) = (PeerId::random(), PeerId::random());
        for _ in 0..CONSENSUS_SHARE.entries {
            assert!(delivery.offer(consensus(loud, 1)).is_none());
        }
        for bytes in [2, 3] {
            assert!(delivery.offer(consensus(quiet, bytes)).is_none());
        }
        let mut sizes = Vec::new();
        for _ in 0..4 {
            let Some(Incoming::Consensus { bytes, .. }) = inbox.try_recv() else {
                panic!("there are more than a thousand");
            };
            sizes.push(bytes.len());
        }
        assert_eq!(sizes, [1, 2, 1, 3]);
    }

    #[test]
    fn waiting_bytes_are_bounded_and_come_free_when_taken() {
        let (delivery, mut inbox) = channel();
        let peer = PeerId::random();
        let half = CONSENSUS_SHARE.bytes / 2;
        assert!(delivery.offer(consensus(peer, half)).is_none());
        assert!(delivery.offer(consensus(peer, half)).is_none());
        assert!(delivery.offer(consensus(peer, 1)).is_some());
        assert_eq!(delivery.level().waiting(), (2, CONSENSUS_SHARE.bytes));
        while inbox.try_recv().is_some() {}
        assert_eq!(delivery.level().waiting(), (0, 0));
        assert!(lock(&delivery.waiting).load.consensus.is_empty());
    }

    #[test]
    fn transactions_are_refused_while_consensus_still_gets_in() {
        let (delivery, _inbox) = channel();
        let mut refused = 0;
        for _ in 0..3 {
            let peer = PeerId::random();
            for _ in 0..TRANSACTIONS_SHARE.entries {
                refused += usize::from(delivery.offer(transaction(peer, 10)).is_some());
            }
        }
        assert_eq!(
            refused,
            3 * TRANSACTIONS_SHARE.entries - TRANSACTIONS_ALL.entries
        );
        assert!(delivery.offer(consensus(PeerId::random(), 10)).is_none());
    }

    #[test]
    fn news_of_connections_gets_in_when_nothing_else_does() {
        let (delivery, _inbox) = channel();
        while delivery
            .offer(Incoming::Announcement {
                peer: PeerId::random(),
                height: 1,
            })
            .is_none()
        {}
        let news = Incoming::Disconnected(PeerId::random());
        assert!(delivery.offer(news).is_none());
    }

    #[test]
    fn one_peers_announcements_take_no_place_of_a_consensus_message() {
        let (delivery, mut inbox) = channel();
        let announced = |peer, height| delivery.offer(Incoming::Announcement { peer, height });
        let peer = PeerId::random();
        let taken = (0..40_000).filter(|height| announced(peer, *height).is_none());
        assert_eq!(taken.count(), OTHERS_SHARE.entries);
        assert!(delivery.offer(consensus(PeerId::random(), 10)).is_none());
        inbox.try_recv().unwrap();
        assert!(announced(peer, 7).is_none());
    }

    #[test]
    fn a_stopped_core_gives_everything_back() {
        let (delivery, inbox) = channel();
        drop(inbox);
        assert!(delivery.offer(consensus(PeerId::random(), 10)).is_some());
        assert_eq!(delivery.level().waiting(), (0, 0));
    }
}
