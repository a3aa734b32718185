//! Turns: who wants to do much work waits until there is room for it, and no single address takes all the room.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// So many turns at one time, so many of them of one address.
#[derive(Debug, Clone)]
pub(super) struct Turns {
    all: Arc<Semaphore>,
    per_peer_max: usize,
    /// Of addresses that have a turn, or wait for one.
    of_peers: Arc<Mutex<BTreeMap<IpAddr, Weak<Semaphore>>>>,
}

/// A turn, over when dropped.
#[derive(Debug)]
pub(super) struct Turn {
    _own: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
}

impl Turns {
    pub(super) fn new(max: usize, per_peer_max: usize) -> Self {
        Self {
            all: Arc::new(Semaphore::new(max)),
            per_peer_max,
            of_peers: Arc::default(),
        }
    }

    /// Waits for a turn. Who waits for its own address holds up no other.
    pub(super) async fn take(&self, peer: IpAddr) -> Turn {
        let own = self.of_peer(peer);
        let closed = "nobody closes the semaphores of turns";
        Turn {
            _own: own.acquire_owned().await.expect(closed),
            _of_all: Arc::clone(&self.all).acquire_owned().await.expect(closed),
        }
    }

    fn of_peer(&self, peer: IpAddr) -> Arc<Semaphore> {
        // Nothing between lock and unlock panics, so the lock's poison means nothing.
        let mut peers = self.of_peers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = peers.get(&peer).and_then(Weak::upgrade) {
            return own;
        }
        peers.retain(|_, own| own.strong_count() > 0);
        let own = Arc::new(Semaphore::new(self.per_peer_max));
        peers.insert(peer, Arc::downgrade(&own));
        own
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const THERE: IpAddr = IpAddr::V6(std::net::Ipv6Addr::LOCALHOST);

    #[tokio::test]
    async fn an_address_waits_for_itself_and_holds_up_no_other() {
        let turns = Turns::new(3, 2);
        let (first, second) = (turns.take(HERE).await, turns.take(HERE).await);
        let mut third = std::pin::pin!(turns.take(HERE));
        assert!(futures::poll!(third.as_mut()).is_pending());
        let other = turns.take(THERE).await;
        drop(first);
        let third = third.await;
        drop((second, third, other));
        let _later = turns.take(THERE).await;
        assert_eq!(turns.of_peers.lock().unwrap().len(), 1);
    }
}
