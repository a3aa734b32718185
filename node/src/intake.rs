//! Transactions of peers that wait for the check of their signatures.
//!
//! What waits is bounded in arrivals and in bytes, of one peer and of all, and the peers are served in turn. When all room is taken,
//! the peer with the most gives up its newest, unless that is who wants to add more. What has no room is lost: an honest node sends
//! it again, and gossips it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use libp2p::PeerId;
use tokio::sync::mpsc;

use crate::rota::Rota;
use crate::verify_pool::Arrival;

/// Arrivals of one peer.
const PEER_ARRIVALS_MAX: usize = 1_024;
/// What one peer's arrivals take: two of the longest transactions.
const PEER_BYTES_MAX: usize = 9 << 20;
/// What all peers' arrivals take.
const ALL_BYTES_MAX: usize = 64 << 20;
/// What an arrival, and each of its envelopes, takes beside its bytes.
const ENTRY_BYTES: usize = 128;

/// The way in.
#[derive(Debug)]
pub struct Intake {
    waiting: Arc<Mutex<Waiting>>,
    /// One that is there already will do for several arrivals.
    wake: mpsc::Sender<()>,
}

/// The way out, for the checkers.
#[derive(Debug)]
pub struct Outlet {
    waiting: Arc<Mutex<Waiting>>,
    wake: mpsc::Receiver<()>,
}

/// An intake that holds nothing.
pub fn channel() -> (Intake, Outlet) {
    let (wake, woken) = mpsc::channel(1);
    let waiting = Arc::new(Mutex::new(Waiting::default()));
    let intake = Intake {
        waiting: Arc::clone(&waiting),
        wake,
    };
    let outlet = Outlet {
        waiting,
        wake: woken,
    };
    (intake, outlet)
}

impl Intake {
    /// Takes what a peer sent; says how many arrivals had no room, of this peer or of another.
    pub fn offer(&self, peer: PeerId, arrival: Arrival) -> usize {
        let lost = lock(&self.waiting).push(peer, arrival);
        self.wake.try_send(()).ok();
        lost
    }
}

impl Outlet {
    /// The next arrival; `None` when no more can come. May be cancelled without loss.
    pub async fn recv(&mut self) -> Option<Arrival> {
        loop {
            if let Some(arrival) = self.try_recv() {
                return Some(arrival);
            }
            if self.wake.recv().await.is_none() {
                return self.try_recv();
            }
        }
    }

    /// The next arrival if there is one now.
    pub fn try_recv(&mut self) -> Option<Arrival> {
        lock(&self.waiting).pop()
    }
}

fn lock(waiting: &Mutex<Waiting>) -> MutexGuard<'_, Waiting> {
    waiting
        .lock()
        .expect("nobody panics while holding what waits")
}

#[derive(Debug, Default)]
struct Waiting {
    rota: Rota<Arrival>,
    /// What each peer has in it. One with nothing has no entry.
    shares: BTreeMap<PeerId, Share>,
    bytes: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Share {
    arrivals: usize,
    bytes: usize,
}

impl Waiting {
    fn push(&mut self, peer: PeerId, arrival: Arrival) -> usize {
        let size = size(&arrival);
        let before = self.shares.get(&peer).copied().unwrap_or_default();
        let share = Share {
            arrivals: before.arrivals + 1,
            bytes: before.bytes + size,
        };
        if share.arrivals > PEER_ARRIVALS_MAX || share.bytes > PEER_BYTES_MAX {
            return 1;
        }
        let mut lost = 0;
        while self.bytes + size > ALL_BYTES_MAX {
            let Some(most) = self.fullest().filter(|(_, most)| *most > share.bytes) else {
                return lost + 1;
            };
            self.give_up_newest(&most.0);
            lost += 1;
        }
        self.bytes += size;
        self.shares.insert(peer, share);
        self.rota.push(peer, arrival);
        lost
    }

    fn pop(&mut self) -> Option<Arrival> {
        let (peer, arrival) = self.rota.pop()?;
        self.release(&peer, size(&arrival));
        Some(arrival)
    }

    fn fullest(&self) -> Option<(PeerId, usize)> {
        let shares = self.shares.iter();
        shares
            .map(|(peer, share)| (*peer, share.bytes))
            .max_by_key(|(_, bytes)| *bytes)
    }

    fn give_up_newest(&mut self, peer: &PeerId) {
        let arrival = self.rota.pop_newest(peer);
        let arrival = arrival.expect("who has a share has something waiting");
        self.release(peer, size(&arrival));
    }

    fn release(&mut self, peer: &PeerId, size: usize) {
        self.bytes -= size;
        let share = self.shares.get_mut(peer);
        let share = share.expect("what waits has a share");
        share.arrivals -= 1;
        share.bytes -= size;
        if share.arrivals == 0 {
            self.shares.remove(peer);
        }
    }
}

fn size(arrival: &Arrival) -> usize {
    arrival.bytes() + ENTRY_BYTES * (1 + arrival.envelopes.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify_pool::Origin;

    fn arrival(peer: PeerId, bytes: usize) -> Arrival {
        Arrival {
            envelopes: vec![vec![0; bytes]],
            origin: Origin::Peer(peer),
        }
    }

    fn sender(arrival: &Arrival) -> PeerId {
        let Origin::Peer(peer) = arrival.origin else {
            panic!("all come from peers here");
        };
        peer
    }

    #[tokio::test]
    async fn one_peer_can_neither_fill_the_intake_nor_go_before_the_others() {
        let (intake, mut outlet) = channel();
        let (loud, quiet) = (PeerId::random(), PeerId::random());
        let sent = 2 * PEER_ARRIVALS_MAX;
        let lost: usize = (0..sent)
            .map(|_| intake.offer(loud, arrival(loud, 100)))
            .sum();
        assert_eq!(lost, sent - PEER_ARRIVALS_MAX);
        assert_eq!(intake.offer(quiet, arrival(quiet, 100)), 0);
        let first = [
            outlet.recv().await.unwrap(),
            outlet.recv().await.unwrap(),
            outlet.recv().await.unwrap(),
        ];
        assert_eq!(first.each_ref().map(sender), [loud, quiet, loud]);
    }

    #[tokio::test]
    async fn the_bytes_of_one_peer_are_bounded_and_come_free_when_taken() {
        let (intake, mut outlet) = channel();
        let peer = PeerId::random();
        let longest = 4 << 20;
        assert_eq!(intake.offer(peer, arrival(peer, longest)), 0);
        assert_eq!(intake.offer(peer, arrival(peer, longest)), 0);
        assert_eq!(intake.offer(peer, arrival(peer, longest)), 1);
        outlet.recv().await.unwrap();
        assert_eq!(intake.offer(peer, arrival(peer, longest)), 0);
        drop(intake);
        assert!(outlet.recv().await.is_some() && outlet.recv().await.is_some());
        assert!(outlet.recv().await.is_none());
        let waiting = lock(&outlet.waiting);
        assert!(waiting.bytes == 0 && waiting.shares.is_empty());
    }

    #[test]
    fn in_a_full_intake_those_with_the_most_make_room_for_the_others() {
        let (intake, outlet) = channel();
        let loud: Vec<PeerId> = (0..40).map(|_| PeerId::random()).collect();
        for _ in 0..8 {
            for peer in &loud {
                intake.offer(*peer, arrival(*peer, 1 << 20));
            }
        }
        let quiet = PeerId::random();
        assert_eq!(intake.offer(quiet, arrival(quiet, 1 << 20)), 1);
        let waiting = lock(&outlet.waiting);
        assert!(waiting.bytes <= ALL_BYTES_MAX);
        assert_eq!(waiting.shares[&quiet].arrivals, 1, "another lost one");
    }
}
