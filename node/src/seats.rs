//! Seats: a bound on how much happens at once, of which no single one may take all: no address, or no chain that is asked.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// So many seats, so many of them for one.
#[derive(Debug, Clone)]
pub(crate) struct Seats<Who: Ord + Clone = IpAddr> {
    max: usize,
    each_max: usize,
    taken: Arc<Mutex<BTreeMap<Who, usize>>>,
}

impl<Who: Ord + Clone> Seats<Who> {
    pub(crate) fn new(max: usize, each_max: usize) -> Self {
        Self {
            max,
            each_max,
            taken: Arc::default(),
        }
    }

    /// A seat, if there is one for this address or chain. Nobody queues for one: whoever is over is refused at once, so that a flood costs
    /// its sender more than this node.
    pub(crate) fn take(&self, who: Who) -> Option<Seat<Who>> {
        // Nothing between lock and unlock panics, so the lock's poison means nothing.
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = taken.values().sum();
        let own = taken.get(&who).copied().unwrap_or(0);
        if all >= self.max || own >= self.each_max {
            return None;
        }
        taken.insert(who.clone(), own + 1);
        Some(Seat {
            seats: self.clone(),
            who,
        })
    }
}

/// A seat, given back when dropped.
#[derive(Debug)]
pub(crate) struct Seat<Who: Ord + Clone = IpAddr> {
    seats: Seats<Who>,
    who: Who,
}

impl<Who: Ord + Clone> Drop for Seat<Who> {
    fn drop(&mut self) {
        let mut taken = self
            .seats
            .taken
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match taken.get_mut(&self.who) {
            Some(count) if *count > 1 => *count -= 1,
            Some(_) | None => drop(taken.remove(&self.who)),
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
    fn a_chain_that_does_not_answer_leaves_the_others_their_seats() {
        let seats = Seats::new(4, 2);
        let asked = (seats.take("by01"), seats.take("by01"));
        assert!(asked.1.is_some());
        assert!(seats.take("by01").is_none());
        assert!(seats.take("by02").is_some());
    }

    #[test]
    fn an_address_without_seats_is_forgotten() {
        let seats = Seats::new(3, 2);
        drop((seats.take(HERE), seats.take(HERE)));
        assert!(seats.taken.lock().unwrap().is_empty());
    }
}
