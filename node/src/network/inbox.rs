//! What arrives from the network for the core.
//!
//! The inbox is bounded three ways: in entries, in bytes, and by peer, so that one peer cannot crowd out the others and a slow core
//! never costs unlimited memory. Transactions are refused first: gossip brings them again. A consensus message is refused only when
//! its own sender has filled its share. Every refusal is counted.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use libp2p::PeerId;
use libp2p::gossipsub::MessageId;
use starfire_proto::v1;
use tokio::sync::{mpsc, oneshot};

/// Entries of all kinds.
const ENTRIES_MAX: usize = 32_768;

/// The last entries are kept for connects and disconnects.
const ENTRIES_RESERVED: usize = 1_024;

/// Consensus messages of one peer.
const CONSENSUS_SHARE: Share = Share {
    entries: 1_024,
    bytes: 48 * 1024 * 1024,
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

/// The receiving end, for the core.
#[derive(Debug)]
pub struct Inbox {
    entries: mpsc::Receiver<Incoming>,
    load: Arc<Mutex<Load>>,
}

impl Inbox {
    /// The next entry; `None` when the network has stopped. May be cancelled without loss.
    pub async fn recv(&mut self) -> Option<Incoming> {
        let entry = self.entries.recv().await;
        self.released(entry)
    }

    /// The next entry, from a thread outside the runtime.
    pub fn blocking_recv(&mut self) -> Option<Incoming> {
        let entry = self.entries.blocking_recv();
        self.released(entry)
    }

    /// The next entry if there is one now.
    pub fn try_recv(&mut self) -> Option<Incoming> {
        let entry = self.entries.try_recv().ok();
        self.released(entry)
    }

    fn released(&self, entry: Option<Incoming>) -> Option<Incoming> {
        if let Some(entry) = &entry {
            lock(&self.load).release(entry);
        }
        entry
    }
}

/// The sending end, for the network.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    entries: mpsc::Sender<Incoming>,
    load: Arc<Mutex<Load>>,
}

/// An inbox that holds nothing, and the way into it.
pub(crate) fn channel() -> (Delivery, Inbox) {
    let (sender, receiver) = mpsc::channel(ENTRIES_MAX);
    let load = Arc::new(Mutex::new(Load::default()));
    let delivery = Delivery {
        entries: sender,
        load: Arc::clone(&load),
    };
    let inbox = Inbox {
        entries: receiver,
        load,
    };
    (delivery, inbox)
}

impl Delivery {
    /// Puts an entry into the inbox, or gives it back when there is no room for it.
    #[must_use]
    pub(crate) fn offer(&self, entry: Incoming) -> Option<Incoming> {
        let free = self.entries.capacity();
        let news = matches!(entry, Incoming::Connected(_) | Incoming::Disconnected(_));
        if !news && free <= ENTRIES_RESERVED {
            return Some(entry);
        }
        // Held until the entry stands in the channel, so that its release cannot come before.
        let mut load = lock(&self.load);
        if !load.take(&entry) {
            return Some(entry);
        }
        let refused = self.entries.try_send(entry).err()?.into_inner();
        load.release(&refused);
        Some(refused)
    }

    pub(crate) fn level(&self) -> Level {
        Level(Arc::clone(&self.load))
    }
}

/// How full the inbox is; keeps neither end open.
#[derive(Clone, Debug)]
pub(crate) struct Level(Arc<Mutex<Load>>);

impl Level {
    /// Entries and bytes that the core has not taken yet.
    pub(crate) fn waiting(&self) -> (usize, usize) {
        let load = lock(&self.0);
        (load.entries, load.bytes())
    }
}

fn lock(load: &Mutex<Load>) -> MutexGuard<'_, Load> {
    load.lock().expect("nobody panics while holding the load")
}

/// What lies in the inbox, by peer. A peer with nothing in it has no entry.
#[derive(Debug, Default)]
struct Load {
    entries: usize,
    consensus: BTreeMap<PeerId, Share>,
    transactions: BTreeMap<PeerId, Share>,
    all_transactions: Share,
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
            Incoming::Announcement { .. }
            | Incoming::SyncRequest { .. }
            | Incoming::Connected(_)
            | Incoming::Disconnected(_) => {}
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
            Incoming::Announcement { .. }
            | Incoming::SyncRequest { .. }
            | Incoming::Connected(_)
            | Incoming::Disconnected(_) => {}
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
        assert!(lock(&delivery.load).consensus.is_empty());
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
    fn a_stopped_core_gives_everything_back() {
        let (delivery, inbox) = channel();
        drop(inbox);
        assert!(delivery.offer(consensus(PeerId::random(), 10)).is_some());
        assert_eq!(delivery.level().waiting(), (0, 0));
    }
}
