//! The swarm: libp2p's behaviours, put together in the order in which they judge a new connection.

use std::sync::Arc;
use std::time::Duration;

use libp2p::allow_block_list::{self, AllowedPeers};
use libp2p::connection_limits::{self, ConnectionLimits};
use libp2p::identity::Keypair;
use libp2p::swarm::{self, NetworkBehaviour};
use libp2p::{PeerId, Swarm, noise};

use super::direct::Direct;
use super::gauges::Counters;
use super::gossip::{self, Gossip, GossipError};
use super::lobby::{self, Lobby};
use super::outbox::Outboxes;
use super::protocol::Names;
use super::requests::{self, Requests};
use super::transport;

/// Connections in the handshake. The lobby keeps those that came in far below it; the rest are ending.
const PENDING_INCOMING_MAX: u32 = 1_024;
const PENDING_OUTGOING_MAX: u32 = 64;
/// Connections at which no more are taken, but of validators' nodes and configured peers: whatever the others do, a node that
/// starts reaches those that it needs, and is reached by them.
const ESTABLISHED_MAX: u32 = 256;
const _: () = assert!(lobby::PLACES_MAX < PENDING_INCOMING_MAX as usize);

/// Two nodes that dial each other at once have two; one more may still be dying.
const PER_PEER_MAX: u32 = 4;

/// A connection on which no stream is open ends after this time.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);

/// Streams of one connection that are still being negotiated.
const NEGOTIATING_STREAMS_MAX: usize = 16;

/// What a connection must pass and what then runs on it. Limits and the allow-list come first: no stream is negotiated with a
/// peer that they refuse.
#[derive(NetworkBehaviour)]
pub(crate) struct Behaviour {
    limits: connection_limits::Behaviour,
    /// Those that bypass it have a place even when all are taken.
    pub(crate) places: connection_limits::Behaviour,
    pub(crate) allowed: allow_block_list::Behaviour<AllowedPeers>,
    pub(crate) gossip: Gossip,
    pub(crate) requests: Requests,
    pub(crate) direct: Direct,
}

/// Why the swarm cannot be built.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BuildError {
    #[error("the node key cannot be used")]
    Key(#[from] noise::Error),
    #[error("gossip cannot be set up")]
    Gossip(#[from] GossipError),
}

pub(crate) fn build(
    key: &Keypair,
    names: &Names,
    psk: Option<[u8; 32]>,
    outboxes: Outboxes,
    counters: Arc<Counters>,
    lobby: &Lobby,
) -> Result<Swarm<Behaviour>, BuildError> {
    let transport = transport::build(key, names.prologue.clone(), psk, counters, lobby)?;
    let limits = ConnectionLimits::default()
        .with_max_pending_incoming(Some(PENDING_INCOMING_MAX))
        .with_max_pending_outgoing(Some(PENDING_OUTGOING_MAX))
        .with_max_established_per_peer(Some(PER_PEER_MAX));
    let behaviour = Behaviour {
        limits: connection_limits::Behaviour::new(limits),
        places: places(),
        allowed: allow_block_list::Behaviour::default(),
        gossip: gossip::build(key, names)?,
        requests: requests::build(names.sync.clone()),
        direct: Direct::new(names.consensus.clone(), outboxes),
    };
    let config = swarm::Config::with_tokio_executor()
        .with_idle_connection_timeout(IDLE_TIMEOUT)
        .with_max_negotiating_inbound_streams(NEGOTIATING_STREAMS_MAX);
    let local = PeerId::from(key.public());
    Ok(Swarm::new(transport, behaviour, local, config))
}

fn places() -> connection_limits::Behaviour {
    let limits = ConnectionLimits::default().with_max_established(Some(ESTABLISHED_MAX));
    connection_limits::Behaviour::new(limits)
}

#[cfg(test)]
mod tests {
    use libp2p::Multiaddr;
    use libp2p::core::ConnectedPoint;
    use libp2p::swarm::behaviour::ConnectionEstablished;
    use libp2p::swarm::{ConnectionId, FromSwarm};

    use super::*;

    struct Door {
        places: connection_limits::Behaviour,
        address: Multiaddr,
        next: usize,
    }

    impl Door {
        fn lets_in(&mut self, peer: PeerId) -> bool {
            let id = ConnectionId::new_unchecked(self.next);
            self.next += 1;
            let (places, address) = (&mut self.places, &self.address);
            if places
                .handle_established_inbound_connection(id, peer, address, address)
                .is_err()
            {
                return false;
            }
            places.on_swarm_event(FromSwarm::ConnectionEstablished(ConnectionEstablished {
                peer_id: peer,
                connection_id: id,
                endpoint: &ConnectedPoint::Listener {
                    local_addr: address.clone(),
                    send_back_addr: address.clone(),
                },
                failed_addresses: &[],
                other_established: 0,
            }));
            true
        }
    }

    #[test]
    fn peers_that_take_all_places_keep_no_validator_out() {
        let mut door = Door {
            places: places(),
            address: "/ip4/127.0.0.1/tcp/1".parse().unwrap(),
            next: 0,
        };
        let (validator, follower) = (PeerId::random(), PeerId::random());
        door.places.bypass_peer_id(&validator);
        while door.lets_in(follower) {}
        assert_eq!(u32::try_from(door.next), Ok(ESTABLISHED_MAX + 1));
        assert!(door.lets_in(validator));
        assert!(!door.lets_in(PeerId::random()));
        door.places.remove_peer_id(&validator);
        assert!(!door.lets_in(validator));
    }
}
