//! What keeps this node and a peer apart, told once for each peer until they are connected: an operator who looks at the log has to
//! see it, and who dials every five seconds would otherwise fill the log with it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId};

/// What keeps a configured peer away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Trouble {
    /// Nobody answers where it should be, or not as a node of this chain does.
    Unreachable,
    /// Another peer answers.
    Mistaken,
    /// It answers, and ends the connection before its first word.
    TurnedAway,
}

/// What was told, and where peers are.
#[derive(Debug, Default)]
pub(crate) struct Troubles {
    /// As many peers as are configured, at most.
    told: BTreeSet<(PeerId, Trouble)>,
    /// Of the connections that stand.
    places: BTreeMap<PeerId, Places>,
}

#[derive(Debug, Default)]
struct Places {
    /// With how many connections from each.
    addresses: BTreeMap<IpAddr, usize>,
    told: bool,
}

impl Troubles {
    /// Whether this is to be told of a configured peer.
    pub(crate) fn is_news(&mut self, peer: PeerId, trouble: Trouble) -> bool {
        self.told.insert((peer, trouble))
    }

    /// They are connected: what comes after this is news again.
    pub(crate) fn over(&mut self, peer: &PeerId) {
        self.told.retain(|(told, _)| told != peer);
    }

    /// A connection stands. Returns the other address, if the peer has connections from two now and nobody was told yet.
    pub(crate) fn opened(&mut self, peer: PeerId, remote: &Multiaddr) -> Option<IpAddr> {
        let address = ip(remote)?;
        let places = self.places.entry(peer).or_default();
        *places.addresses.entry(address).or_default() += 1;
        let other = places.addresses.keys().find(|other| **other != address)?;
        (!std::mem::replace(&mut places.told, true)).then_some(*other)
    }

    /// A connection ended.
    pub(crate) fn closed(&mut self, peer: &PeerId, remote: &Multiaddr) {
        let (Some(address), Some(places)) = (ip(remote), self.places.get_mut(peer)) else {
            return;
        };
        if let Some(count) = places.addresses.get_mut(&address) {
            *count -= 1;
        }
        places.addresses.retain(|_, count| *count > 0);
        if places.addresses.is_empty() {
            self.places.remove(peer);
        }
    }
}

fn ip(address: &Multiaddr) -> Option<IpAddr> {
    address.iter().find_map(|part| {
        if let Protocol::Ip4(address) = part {
            Some(address.into())
        } else if let Protocol::Ip6(address) = part {
            Some(address.to_canonical())
        } else {
            None
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trouble_is_told_once_until_the_peer_is_connected() {
        let (peer, other) = (PeerId::random(), PeerId::random());
        let mut troubles = Troubles::default();
        assert!(troubles.is_news(peer, Trouble::Unreachable));
        assert!(!troubles.is_news(peer, Trouble::Unreachable));
        assert!(troubles.is_news(peer, Trouble::Mistaken));
        assert!(troubles.is_news(other, Trouble::Unreachable));
        troubles.over(&peer);
        assert!(troubles.is_news(peer, Trouble::Unreachable));
        assert!(!troubles.is_news(other, Trouble::Unreachable));
    }

    #[test]
    fn a_peer_at_two_addresses_is_told_of_once_while_it_is_connected() {
        let peer = PeerId::random();
        let mut troubles = Troubles::default();
        let at = |text: &str| text.parse::<Multiaddr>().expect("an address");
        let (first, again) = (at("/ip4/10.0.0.1/tcp/1"), at("/ip6/::ffff:10.0.0.1/tcp/2"));
        let second = at("/ip4/10.0.0.2/tcp/1");
        assert_eq!(troubles.opened(peer, &first), None);
        assert_eq!(troubles.opened(peer, &again), None);
        assert_eq!(troubles.opened(PeerId::random(), &second), None);
        let both = "10.0.0.1".parse().ok();
        assert_eq!(troubles.opened(peer, &second), both);
        troubles.closed(&peer, &second);
        assert_eq!(troubles.opened(peer, &second), None);
        for address in [&first, &again, &second] {
            troubles.closed(&peer, address);
        }
        assert_eq!(troubles.opened(peer, &second), None);
        assert_eq!(troubles.opened(peer, &first), "10.0.0.2".parse().ok());
    }
}
