//! One queue for each peer. They are served in turn, so whoever has much waiting waits for it alone.

use std::collections::{BTreeMap, VecDeque};

use libp2p::PeerId;

/// What waits, by peer. One peer's entries keep their order.
#[derive(Debug)]
pub(crate) struct Rota<T> {
    queues: BTreeMap<PeerId, VecDeque<T>>,
    /// Whose turn comes when: each peer with something waiting stands here once.
    turns: VecDeque<PeerId>,
}

impl<T> Default for Rota<T> {
    fn default() -> Self {
        Self {
            queues: BTreeMap::new(),
            turns: VecDeque::new(),
        }
    }
}

impl<T> Rota<T> {
    /// Puts an entry behind those of the same peer.
    pub(crate) fn push(&mut self, peer: PeerId, entry: T) {
        let queue = self.queues.entry(peer).or_default();
        if queue.is_empty() {
            self.turns.push_back(peer);
        }
        queue.push_back(entry);
    }

    /// The oldest entry of the peer whose turn it is.
    pub(crate) fn pop(&mut self) -> Option<(PeerId, T)> {
        let peer = self.turns.pop_front()?;
        let queue = self.queues.get_mut(&peer);
        let queue = queue.expect("who has a turn has something waiting");
        let entry = queue.pop_front().expect("an empty queue has no turn");
        if queue.is_empty() {
            self.queues.remove(&peer);
        } else {
            self.turns.push_back(peer);
        }
        Some((peer, entry))
    }

    /// Takes back what came last from a peer.
    pub(crate) fn pop_newest(&mut self, peer: &PeerId) -> Option<T> {
        let queue = self.queues.get_mut(peer)?;
        let entry = queue.pop_back();
        if queue.is_empty() {
            self.queues.remove(peer);
            self.turns.retain(|waiting| waiting != peer);
        }
        entry
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_much_waiting_holds_up_nobody_else() {
        let (mut rota, loud, quiet) = (Rota::default(), PeerId::random(), PeerId::random());
        for number in 0..100 {
            rota.push(loud, number);
        }
        rota.push(quiet, 100);
        rota.push(quiet, 101);
        let first: Vec<(PeerId, u32)> = std::iter::from_fn(|| rota.pop()).take(5).collect();
        let expected = [(loud, 0), (quiet, 100), (loud, 1), (quiet, 101), (loud, 2)];
        assert_eq!(first, expected);
        assert_eq!(std::iter::from_fn(|| rota.pop()).count(), 97);
        assert!(rota.queues.is_empty() && rota.turns.is_empty());
    }

    #[test]
    fn what_came_last_can_be_taken_back() {
        let (mut rota, peer, other) = (Rota::default(), PeerId::random(), PeerId::random());
        rota.push(peer, 1);
        rota.push(other, 2);
        rota.push(other, 3);
        assert_eq!(rota.pop_newest(&other), Some(3));
        assert_eq!(rota.pop_newest(&peer), Some(1));
        assert_eq!(rota.pop_newest(&peer), None);
        assert_eq!(rota.pop(), Some((other, 2)));
        assert_eq!(rota.pop(), None);
    }
}
