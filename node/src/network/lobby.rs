//! The lobby: connections that came in and have not shown yet who they are.
//!
//! Whoever reaches the port may wait here, so places are few, and none is refused for that: a newcomer always gets one. When all are
//! taken, the most crowded address gives one up: the oldest of its connections. So a flood from few addresses drives out itself. An
//! address of a peer has some places before it counts as crowded, so that a flood from many addresses drives out itself as well. A
//! peer that shares its address with a flood has for its handshake, which takes milliseconds, the time in which the flood fills all
//! places anew. What a connection has sent so far counts for nothing: bytes are cheap, and who has just come has sent none.
//!
//! The lobby is a part of the transport, since only there a connection can be ended before libp2p knows whose it is.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};

use libp2p::core::muxing::StreamMuxerBox;
use libp2p::core::transport::{Boxed, DialOpts, ListenerId, TransportEvent};
use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId, Transport, TransportError};
use tokio::sync::oneshot;

use super::gauges::Counters;

/// Connections that wait at once, whoever they come from.
pub(crate) const PLACES_MAX: usize = 128;

/// With so many an address of a peer is as crowded as another with none.
const PEER_PLACES: usize = 16;

/// Addresses that are remembered since a peer was connected from there, beside the configured ones.
const MET_MAX: usize = 256;

/// The bits of an IPv6 address that its owner did not choose.
const IPV6_PREFIX_BITS: u32 = 64;

type Secured = (PeerId, StreamMuxerBox);
type Upgrade = <Boxed<Secured> as Transport>::ListenerUpgrade;
type Dial = <Boxed<Secured> as Transport>::Dial;

/// Who waits. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Lobby {
    places: Arc<Mutex<Places>>,
    counters: Arc<Counters>,
}

#[derive(Debug, Default)]
struct Places {
    /// By the order in which they came.
    waiting: BTreeMap<u64, Waiting>,
    next: u64,
    configured: BTreeSet<IpAddr>,
    /// Oldest first.
    met: VecDeque<IpAddr>,
}

#[derive(Debug)]
struct Waiting {
    address: IpAddr,
    /// While this is here, the connection may go on.
    _stays: oneshot::Sender<()>,
}

/// The place of one connection. It is free again when this is dropped.
#[derive(Debug)]
struct Place {
    lobby: Lobby,
    number: u64,
    given_up: oneshot::Receiver<()>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.lobby.lock().waiting.remove(&self.number);
    }
}

impl Lobby {
    /// Empty. The addresses of `configured` peers are known from the beginning.
    pub(crate) fn new<'a>(
        configured: impl IntoIterator<Item = &'a Multiaddr>,
        counters: Arc<Counters>,
    ) -> Self {
        let places = Places {
            configured: configured.into_iter().map(owner).collect(),
            ..Places::default()
        };
        Self {
            places: Arc::new(Mutex::new(places)),
            counters,
        }
    }

    /// A peer has been connected from this address.
    pub(crate) fn met(&self, remote: &Multiaddr) {
        self.lock().met(owner(remote));
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> usize {
        self.lock().waiting.len()
    }

    /// The transport with this lobby before its handshakes.
    pub(crate) fn before(&self, transport: Boxed<Secured>) -> Guarded {
        Guarded {
            transport,
            lobby: self.clone(),
        }
    }

    fn enter(&self, remote: &Multiaddr) -> Place {
        let (stays, given_up) = oneshot::channel();
        let mut places = self.lock();
        let number = places.enter(remote, stays);
        if places.waiting.len() > PLACES_MAX {
            let leaves = places.leaves(number).expect("others wait too");
            places.waiting.remove(&leaves);
            self.counters.incoming_displaced.one();
        }
        drop(places);
        Place {
            lobby: self.clone(),
            number,
            given_up,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Places> {
        self.places
            .lock()
            .expect("nobody panics while holding the lobby")
    }
}

impl Places {
    fn enter(&mut self, remote: &Multiaddr, stays: oneshot::Sender<()>) -> u64 {
        let number = self.next;
        self.next += 1;
        let waiting = Waiting {
            address: owner(remote),
            _stays: stays,
        };
        self.waiting.insert(number, waiting);
        number
    }

    fn met(&mut self, address: IpAddr) {
        self.met.retain(|known| *known != address);
        self.met.push_back(address);
        if self.met.len() > MET_MAX {
            self.met.pop_front();
        }
    }

    /// Who makes room for `newest`.
    fn leaves(&self, newest: u64) -> Option<u64> {
        let mut crowds: BTreeMap<IpAddr, usize> = BTreeMap::new();
        for waiting in self.waiting.values() {
            *crowds.entry(waiting.address).or_default() += 1;
        }
        for (address, crowd) in &mut crowds {
            if !self.configured.contains(address) && !self.met.contains(address) {
                *crowd += PEER_PLACES;
            }
        }
        let others = self.waiting.iter().filter(|(number, _)| **number != newest);
        others
            .min_by_key(|(number, waiting)| {
                let crowd = crowds.get(&waiting.address).copied().unwrap_or_default();
                (std::cmp::Reverse(crowd), **number)
            })
            .map(|(number, _)| *number)
    }
}

/// What stands for all addresses of one owner: an IPv4 address, or the network of an IPv6 address.
fn owner(remote: &Multiaddr) -> IpAddr {
    let ip = match remote.iter().next() {
        Some(Protocol::Ip4(ip)) => IpAddr::V4(ip),
        Some(Protocol::Ip6(ip)) => IpAddr::V6(ip).to_canonical(),
        // There are no others: the transport is TCP over IP.
        Some(_) | None => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    match ip {
        IpAddr::V4(ip) => IpAddr::V4(ip),
        IpAddr::V6(ip) => {
            let network = u128::MAX << (u128::BITS - IPV6_PREFIX_BITS);
            IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & network))
        }
    }
}

/// Goes through the handshake for as long as the place is not given up.
async fn shake_hands(mut place: Place, upgrade: Upgrade) -> io::Result<Secured> {
    tokio::select! {
        biased;
        _ = &mut place.given_up => Err(io::Error::other("made room for a newer connection")),
        secured = upgrade => secured,
    }
}

/// A transport whose incoming connections wait in a lobby until their handshake is over.
#[derive(Debug)]
pub(crate) struct Guarded {
    transport: Boxed<Secured>,
    lobby: Lobby,
}

impl Transport for Guarded {
    type Output = Secured;
    type Error = io::Error;
    type ListenerUpgrade = Upgrade;
    type Dial = Dial;

    fn listen_on(
        &mut self,
        id: ListenerId,
        address: Multiaddr,
    ) -> Result<(), TransportError<io::Error>> {
        self.transport.listen_on(id, address)
    }

    fn remove_listener(&mut self, id: ListenerId) -> bool {
        self.transport.remove_listener(id)
    }

    fn dial(
        &mut self,
        address: Multiaddr,
        options: DialOpts,
    ) -> Result<Dial, TransportError<io::Error>> {
        self.transport.dial(address, options)
    }

    fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<TransportEvent<Upgrade, io::Error>> {
        let polled = Pin::new(&mut self.transport).poll(cx);
        polled.map(|event| {
            let TransportEvent::Incoming {
                listener_id,
                upgrade,
                local_addr,
                send_back_addr,
            } = event
            else {
                return event;
            };
            let place = self.lobby.enter(&send_back_addr);
            TransportEvent::Incoming {
                listener_id,
                upgrade: Box::pin(shake_hands(place, upgrade)),
                local_addr,
                send_back_addr,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lobby(configured: &[&str]) -> Lobby {
        let configured: Vec<Multiaddr> = configured.iter().map(|ip| address(ip, 26_656)).collect();
        Lobby::new(&configured, Arc::default())
    }

    fn address(ip: &str, port: usize) -> Multiaddr {
        let kind = if ip.contains(':') { "ip6" } else { "ip4" };
        format!("/{kind}/{ip}/tcp/{port}").parse().unwrap()
    }

    fn enter(lobby: &Lobby, ip: &str, count: usize) -> Vec<Place> {
        let entered = (0..count).map(|port| lobby.enter(&address(ip, 1_024 + port)));
        entered.collect()
    }

    fn stays(place: &mut Place) -> bool {
        place.given_up.try_recv() == Err(oneshot::error::TryRecvError::Empty)
    }

    fn staying(places: &mut [Place]) -> Vec<usize> {
        let numbered = places.iter_mut().enumerate();
        let staying = numbered.filter_map(|(index, place)| stays(place).then_some(index));
        staying.collect()
    }

    #[test]
    fn a_flood_from_one_address_drives_out_itself() {
        let lobby = lobby(&[]);
        let mut other = enter(&lobby, "192.0.2.1", 1);
        let mut flood = enter(&lobby, "198.51.100.7", 1_000);
        assert_eq!(lobby.waiting(), PLACES_MAX);
        assert!(stays(&mut other[0]), "it is alone at its address");
        let newest: Vec<usize> = (1_000 - (PLACES_MAX - 1)..1_000).collect();
        assert_eq!(staying(&mut flood), newest);
        let displaced = 1_000 - (PLACES_MAX - 1);
        assert_eq!(lobby.counters.incoming_displaced.value(), displaced as u64);
        drop((other, flood));
        assert_eq!(lobby.waiting(), 0);
    }

    #[test]
    fn a_peer_that_shares_the_address_of_a_flood_has_time_for_its_handshake() {
        let lobby = lobby(&["127.0.0.1"]);
        let mut flood = enter(&lobby, "127.0.0.1", PLACES_MAX);
        let mut peer = lobby.enter(&address("127.0.0.1", 60_000));
        assert!(!stays(&mut flood[0]), "the oldest makes room");
        flood.extend(enter(&lobby, "127.0.0.1", PLACES_MAX - 1));
        assert!(stays(&mut peer), "all who were there before it go first");
        flood.extend(enter(&lobby, "127.0.0.1", 1));
        assert!(!stays(&mut peer));
    }

    #[test]
    fn a_flood_from_many_addresses_does_not_drive_out_peers() {
        let lobby = lobby(&["192.0.2.1"]);
        lobby.met(&address("192.0.2.2", 40_000));
        let mut configured = enter(&lobby, "192.0.2.1", PEER_PLACES);
        let mut met = enter(&lobby, "192.0.2.2", PEER_PLACES);
        let mut flood = Vec::new();
        for number in 0..2_000 {
            let ip = format!("10.0.{}.{}", number / 256, number % 256);
            flood.extend(enter(&lobby, &ip, 1));
        }
        assert_eq!(staying(&mut configured).len(), PEER_PLACES);
        assert_eq!(staying(&mut met).len(), PEER_PLACES);
        assert_eq!(staying(&mut flood).len(), PLACES_MAX - 2 * PEER_PLACES);
    }

    #[test]
    fn an_ipv6_network_is_one_owner_and_a_mapped_address_is_ipv4() {
        let remote = |ip| address(ip, 1);
        assert_eq!(
            owner(&remote("2001:db8:1:2:3::4")),
            owner(&remote("2001:db8:1:2:ffff::1"))
        );
        assert_ne!(
            owner(&remote("2001:db8:1:2::1")),
            owner(&remote("2001:db8:1:3::1"))
        );
        assert_eq!(
            owner(&remote("::ffff:192.0.2.1")),
            owner(&remote("192.0.2.1"))
        );
    }

    #[test]
    fn addresses_that_were_met_are_bounded() {
        let mut places = Places::default();
        for number in 0..1_000_u32 {
            places.met(IpAddr::V4(number.into()));
        }
        places.met(IpAddr::V4(900.into()));
        assert_eq!(places.met.len(), MET_MAX);
        assert_eq!(places.met.back(), Some(&IpAddr::V4(900.into())));
    }
}
