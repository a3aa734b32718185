//! Seats: a bound on how much happens at once, of which no single address may take all.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// So many seats, so many of them for one address.
#[derive(Debug, Clone)]
pub(super) struct Seats {
    max: usize,
    per_peer_max: usize,
    taken: Arc<Mutex<BTreeMap<IpAddr, usize>>>,
}

impl Seats {
    pub(super) fn new(max: usize, per_peer_max: usize) -> Self {
        Self {
            max,
            per_peer_max,
            taken: Arc::default(),
        }
    }

    /// A seat, if there is one for this address. Nobody queues for one: whoever is over is refused at once, so that a flood costs
    /// its sender more than this node.
    pub(super) fn take(&self, peer: IpAddr) -> Option<Seat> {
        // Nothing between lock and unlock panics, so the lock's poison means nothing.
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = taken.values().sum();
        let own = taken.get(&peer).copied().unwrap_or(0);
        if all >= self.max || own >= self.per_peer_max {
            return None;
        }
        taken.insert(peer, own + 1);
        Some(Seat {
            seats: self.clone(),
            peer,
        })
    }
}

/// A seat, given back when dropped.
#[derive(Debug)]
pub(super) struct Seat {
    seats: Seats,
    peer: IpAddr,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self
            .seats
            .taken
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match taken.get_mut(&self.peer) {
            Some(count) if *count > 1 => *count -= 1,
            Some(_) | None => drop(taken.remove(&self.peer)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const THERE: IpAddr = IpAddr::V6(std::net::Ipv6Addr::LOCALHOST);

    #[test]
    fn no_address_takes_all_seats() {
        let seats = Seats::new(3, 2);
        let first = seats.take(HERE).unwrap();
        let _second = seats.take(HERE).unwrap();
        assert!(seats.take(HERE).is_none());
        let third = seats.take(THERE).unwrap();
        assert!(seats.take(THERE).is_none(), "all are taken");
        drop(first);
        drop(third);
        assert!(
            seats.take(HERE).is_some(),
            "a seat that was given back can be taken"
        );
    }

    #[test]
    fn an_address_without_seats_is_forgotten() {
        let seats = Seats::new(3, 2);
        drop((seats.take(HERE), seats.take(HERE)));
        assert!(seats.taken.lock().unwrap().is_empty());
    }
}
