//! Which configured peer is dialled next, and when.
//!
//! Every configured peer is dialled until a direct stream to it works, for ever: first after a quarter of a second, at last every
//! five. Nobody is ever given up or banned, so a chain comes back whatever the order in which its nodes do.

use std::collections::BTreeMap;
use std::future::pending;
use std::time::Duration;

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use libp2p::{Multiaddr, PeerId};
use tokio::time::sleep;

const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The configured peers and the pauses before they are dialled again.
#[derive(Debug)]
pub(crate) struct Redial {
    peers: BTreeMap<PeerId, Known>,
    pauses: FuturesUnordered<BoxFuture<'static, PeerId>>,
}

#[derive(Debug)]
struct Known {
    addresses: Vec<Multiaddr>,
    pause: Duration,
    /// A pause runs already.
    waiting: bool,
}

impl Redial {
    /// All peers are due at once.
    pub(crate) fn new(peers: impl IntoIterator<Item = (PeerId, Multiaddr)>) -> Self {
        let mut known: BTreeMap<PeerId, Known> = BTreeMap::new();
        for (peer, address) in peers {
            let entry = known.entry(peer).or_insert_with(|| Known {
                addresses: Vec::new(),
                pause: FIRST_PAUSE,
                waiting: true,
            });
            entry.addresses.push(address);
        }
        let pauses = FuturesUnordered::new();
        for peer in known.keys() {
            pauses.push(wait(*peer, Duration::ZERO));
        }
        Self {
            peers: known,
            pauses,
        }
    }

    /// The next peer that is due, with its addresses. May be cancelled without loss.
    pub(crate) async fn next(&mut self) -> (PeerId, Vec<Multiaddr>) {
        let Some(peer) = self.pauses.next().await else {
            return pending().await;
        };
        let known = self
            .peers
            .get_mut(&peer)
            .expect("only known peers are waited for");
        known.waiting = false;
        (peer, known.addresses.clone())
    }

    /// A dial failed, or a connection ended: try again after a pause. Peers without a known address dial us.
    pub(crate) fn again(&mut self, peer: &PeerId) {
        let Some(known) = self.peers.get_mut(peer) else {
            return;
        };
        if std::mem::replace(&mut known.waiting, true) {
            return;
        }
        self.pauses.push(wait(*peer, known.pause));
        known.pause = longer(known.pause);
    }

    /// A direct stream works: the next pause is short again.
    pub(crate) fn succeeded(&mut self, peer: &PeerId) {
        if let Some(known) = self.peers.get_mut(peer) {
            known.pause = FIRST_PAUSE;
        }
    }
}

fn longer(pause: Duration) -> Duration {
    (pause * 2).min(LONGEST_PAUSE)
}

fn wait(peer: PeerId, pause: Duration) -> BoxFuture<'static, PeerId> {
    Box::pin(async move {
        sleep(pause).await;
        peer
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_five_seconds() {
        let pauses = std::iter::successors(Some(FIRST_PAUSE), |pause| Some(longer(*pause)));
        let millis: Vec<u128> = pauses.take(7).map(|pause| pause.as_millis()).collect();
        assert_eq!(millis, [250, 500, 1000, 2000, 4000, 5000, 5000]);
    }

    #[tokio::test]
    async fn a_success_makes_the_next_pause_short() {
        let peer = PeerId::random();
        let mut redial = Redial::new([(peer, Multiaddr::empty())]);
        assert_eq!(redial.next().await.0, peer);
        redial.again(&peer);
        assert_eq!(redial.peers[&peer].pause, FIRST_PAUSE * 2);
        redial.succeeded(&peer);
        assert_eq!(redial.peers[&peer].pause, FIRST_PAUSE);
    }

    #[tokio::test]
    async fn a_peer_is_waited_for_once_and_a_stranger_never() {
        let peer = PeerId::random();
        let mut redial = Redial::new([(peer, Multiaddr::empty()), (peer, Multiaddr::empty())]);
        assert_eq!(redial.next().await.1.len(), 2);
        redial.again(&PeerId::random());
        assert!(redial.pauses.is_empty());
        redial.again(&peer);
        redial.again(&peer);
        assert_eq!(redial.pauses.len(), 1);
    }
}
