//! What waits to be sent to each connected peer.
//!
//! An outbox stands between those who send (they never wait) and the connection that writes. It has a lane for consensus and one for
//! transactions, which leave only while no consensus message waits. Each lane is bounded in frames and in bytes; when it is full
//! its oldest frame goes, because in consensus the newest message says more than the oldest, and the loss is counted. An outbox
//! lives as long as the peer is connected: after a reconnect nothing is replayed, since the protocol sends again what still
//! matters.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Waker};

use libp2p::PeerId;
use libp2p::swarm::ConnectionId;

use super::frame::Kind;

/// What may wait for one peer: of consensus three of the longest messages and some, of transactions some seconds' worth.
const CONSENSUS: Bound = Bound {
    frames: 1_024,
    bytes: 64 * 1024 * 1024,
};
const TRANSACTIONS: Bound = Bound {
    frames: 1_024,
    bytes: 16 * 1024 * 1024,
};

#[derive(Clone, Copy, Debug)]
struct Bound {
    frames: usize,
    bytes: usize,
}

/// The outboxes of all connected peers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outboxes(Arc<Mutex<BTreeMap<PeerId, Arc<Outbox>>>>);

impl Outboxes {
    /// The peer's outbox, made if there is none.
    pub(crate) fn open(&self, peer: PeerId) -> Arc<Outbox> {
        Arc::clone(self.lock().entry(peer).or_default())
    }

    /// The outbox of a connected peer.
    pub(crate) fn get(&self, peer: &PeerId) -> Option<Arc<Outbox>> {
        self.lock().get(peer).map(Arc::clone)
    }

    /// Forgets the outbox with all that waits in it; says how many frames that is.
    pub(crate) fn close(&self, peer: &PeerId) -> usize {
        let closed = self.lock().remove(peer);
        closed.map_or(0, |outbox| outbox.lock().consensus.frames.len())
    }

    /// Consensus messages and bytes that wait, of all peers together.
    pub(crate) fn waiting(&self) -> (usize, usize) {
        let outboxes: Vec<_> = self.lock().values().map(Arc::clone).collect();
        let mut sum = (0, 0);
        for outbox in outboxes {
            let lane = &outbox.lock().consensus;
            sum = (sum.0 + lane.frames.len(), sum.1 + lane.bytes);
        }
        sum
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<PeerId, Arc<Outbox>>> {
        self.0
            .lock()
            .expect("nobody panics while holding the outboxes")
    }
}

/// The frames that wait for one peer.
#[derive(Debug, Default)]
pub(crate) struct Outbox(Mutex<Queue>);

#[derive(Debug, Default)]
struct Queue {
    consensus: Lane,
    transactions: Lane,
    /// The one connection that takes frames, so that they stay in order even if there are two.
    writer: Option<ConnectionId>,
    waker: Option<Waker>,
}

/// Frames of one kind.
#[derive(Debug, Default)]
struct Lane {
    frames: VecDeque<Arc<[u8]>>,
    bytes: usize,
}

impl Outbox {
    /// Adds a frame; says how many older ones of its kind had to go for it.
    pub(crate) fn push(&self, kind: Kind, frame: Arc<[u8]>) -> usize {
        let mut queue = self.lock();
        let dropped = match kind {
            Kind::Consensus => queue.consensus.push(frame, CONSENSUS),
            Kind::Transactions => queue.transactions.push(frame, TRANSACTIONS),
        };
        let waker = queue.waker.take();
        drop(queue);
        if let Some(waker) = waker {
            waker.wake();
        }
        dropped
    }

    /// The next frame for `connection`, if it is the one that writes. When there is none, the caller is woken for the next.
    pub(crate) fn pop(
        &self,
        connection: ConnectionId,
        cx: &Context<'_>,
    ) -> Option<(Kind, Arc<[u8]>)> {
        let mut queue = self.lock();
        if queue.writer != Some(connection) {
            return None;
        }
        let frame = queue.pop();
        if frame.is_none() {
            queue.waker = Some(cx.waker().clone());
        }
        frame
    }

    /// Gives the frames to another connection, or to none for now.
    pub(crate) fn assign(&self, writer: Option<ConnectionId>) {
        self.lock().writer = writer;
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().expect("nobody panics while holding a queue")
    }
}

impl Queue {
    fn pop(&mut self) -> Option<(Kind, Arc<[u8]>)> {
        let message = self.consensus.pop().map(|frame| (Kind::Consensus, frame));
        message.or_else(|| {
            let batch = self.transactions.pop()?;
            Some((Kind::Transactions, batch))
        })
    }
}

impl Lane {
    fn push(&mut self, frame: Arc<[u8]>, bound: Bound) -> usize {
        let mut dropped = 0;
        while self.frames.len() >= bound.frames
            || (self.bytes + frame.len() > bound.bytes && !self.frames.is_empty())
        {
            dropped += usize::from(self.pop().is_some());
        }
        self.bytes += frame.len();
        self.frames.push_back(frame);
        dropped
    }

    fn pop(&mut self) -> Option<Arc<[u8]>> {
        let frame = self.frames.pop_front()?;
        self.bytes -= frame.len();
        Some(frame)
    }
}

#[cfg(test)]
mod tests {
    use futures::task::noop_waker;

    use super::*;

    fn frame(number: usize, bytes: usize) -> Arc<[u8]> {
        let mut frame = vec![0; bytes.max(8)];
        frame[..8].copy_from_slice(&number.to_be_bytes());
        frame.into()
    }

    #[test]
    fn frames_leave_in_order_and_only_by_the_writer() {
        let (outbox, waker) = (Outbox::default(), noop_waker());
        let cx = Context::from_waker(&waker);
        let (writer, other) = (
            ConnectionId::new_unchecked(1),
            ConnectionId::new_unchecked(2),
        );
        outbox.assign(Some(writer));
        for number in 0..3 {
            assert_eq!(outbox.push(Kind::Consensus, frame(number, 8)), 0);
        }
        assert_eq!(outbox.pop(other, &cx), None);
        for number in 0..3 {
            let expected = (Kind::Consensus, frame(number, 8));
            assert_eq!(outbox.pop(writer, &cx), Some(expected));
        }
        assert_eq!(outbox.pop(writer, &cx), None);
    }

    #[test]
    fn transactions_wait_for_consensus_and_never_drive_it_out() {
        let (outbox, waker) = (Outbox::default(), noop_waker());
        let writer = ConnectionId::new_unchecked(1);
        outbox.assign(Some(writer));
        outbox.push(Kind::Transactions, frame(1, 8));
        outbox.push(Kind::Consensus, frame(2, 8));
        for number in 0..TRANSACTIONS.frames {
            outbox.push(Kind::Transactions, frame(number, 8));
        }
        let pop = || outbox.pop(writer, &Context::from_waker(&waker));
        assert_eq!(pop(), Some((Kind::Consensus, frame(2, 8))));
        assert_eq!(pop(), Some((Kind::Transactions, frame(0, 8))));
    }

    #[test]
    fn a_full_outbox_drops_the_oldest_frame() {
        let (outbox, waker) = (Outbox::default(), noop_waker());
        let writer = ConnectionId::new_unchecked(1);
        outbox.assign(Some(writer));
        for number in 0..CONSENSUS.frames {
            assert_eq!(outbox.push(Kind::Consensus, frame(number, 8)), 0);
        }
        let newest = frame(CONSENSUS.frames, 8);
        assert_eq!(outbox.push(Kind::Consensus, newest), 1);
        let first = outbox.pop(writer, &Context::from_waker(&waker));
        assert_eq!(first, Some((Kind::Consensus, frame(1, 8))));
    }

    #[test]
    fn bytes_are_bounded_too() {
        let outbox = Outbox::default();
        let quarter = CONSENSUS.bytes / 4;
        let push = |number| outbox.push(Kind::Consensus, frame(number, quarter));
        let dropped: Vec<usize> = (0..6).map(push).collect();
        assert_eq!(dropped, [0, 0, 0, 0, 1, 1]);
        assert_eq!(outbox.lock().consensus.bytes, CONSENSUS.bytes);
    }

    #[test]
    fn a_closed_outbox_is_forgotten() {
        let (outboxes, peer) = (Outboxes::default(), PeerId::random());
        outboxes.open(peer).push(Kind::Consensus, frame(1, 100));
        assert_eq!(outboxes.waiting(), (1, 100));
        assert_eq!(outboxes.close(&peer), 1);
        assert!(outboxes.get(&peer).is_none());
        outboxes.open(peer);
        assert_eq!(outboxes.waiting(), (0, 0));
    }
}
