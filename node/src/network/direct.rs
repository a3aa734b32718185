//! The direct streams of all connections: who is connected, and which connection writes.
//!
//! Two nodes that dial each other at the same moment have two connections. The first whose stream opens writes until it ends, so
//! messages keep their order; both are read. A peer counts as connected when a direct stream works, not when its handshake does:
//! a node that the other side refuses sees a handshake and then nothing.

use std::collections::{BTreeMap, VecDeque};
use std::task::{Context, Poll};

use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::swarm::{
    CloseConnection, ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, NotifyHandler,
    ToSwarm,
};
use libp2p::{Multiaddr, PeerId, StreamProtocol};

use super::allowance::Allowances;
use super::connection::{Connection, Failure, Report, Write};
use super::frame::Kind;
use super::outbox::Outboxes;

/// What the behaviour tells the network's task.
#[derive(Debug)]
pub(crate) enum Event {
    /// A direct stream to the peer works.
    Connected(PeerId),
    /// No connection to the peer is left, and there was a working one.
    Disconnected {
        peer: PeerId,
        /// Frames that were never sent.
        unsent: usize,
    },
    /// A message, or a batch of transactions.
    Frame {
        peer: PeerId,
        kind: Kind,
        bytes: Vec<u8>,
    },
    /// A connection is given up.
    Failed { peer: PeerId, failure: Failure },
}

/// The behaviour. It is the last of the swarm's behaviours, so that it sees only connections that all others let pass.
#[derive(Debug)]
pub(crate) struct Direct {
    protocol: StreamProtocol,
    outboxes: Outboxes,
    allowances: Allowances,
    peers: BTreeMap<PeerId, Peer>,
    actions: VecDeque<ToSwarm<Event, Write>>,
}

#[derive(Debug, Default)]
struct Peer {
    connections: Vec<ConnectionId>,
    /// Those with an open stream out, oldest first. The first one writes.
    open: Vec<ConnectionId>,
    connected: bool,
}

impl Direct {
    pub(crate) fn new(protocol: StreamProtocol, outboxes: Outboxes) -> Self {
        Self {
            protocol,
            outboxes,
            allowances: Allowances::default(),
            peers: BTreeMap::new(),
            actions: VecDeque::new(),
        }
    }

    fn connection(&mut self, id: ConnectionId, peer: PeerId) -> Connection {
        let outbox = self.outboxes.open(peer);
        let allowance = self.allowances.of(peer);
        Connection::new(id, self.protocol.clone(), outbox, allowance)
    }

    fn established(&mut self, peer: PeerId, id: ConnectionId) {
        self.peers.entry(peer).or_default().connections.push(id);
    }

    fn closed(&mut self, peer: PeerId, id: ConnectionId) {
        let Some(entry) = self.peers.get_mut(&peer) else {
            return;
        };
        entry.connections.retain(|connection| *connection != id);
        let wrote = entry.open.first() == Some(&id);
        entry.open.retain(|connection| *connection != id);
        if !entry.connections.is_empty() {
            if wrote {
                self.choose_writer(peer);
            }
            return;
        }
        let connected = entry.connected;
        self.peers.remove(&peer);
        let unsent = self.outboxes.close(&peer);
        if connected {
            self.tell(Event::Disconnected { peer, unsent });
        }
    }

    fn opened(&mut self, peer: PeerId, id: ConnectionId) {
        let Some(entry) = self.peers.get_mut(&peer) else {
            return;
        };
        entry.open.push(id);
        if entry.open.len() == 1 {
            self.choose_writer(peer);
        }
        self.connected(peer);
    }

    fn choose_writer(&mut self, peer: PeerId) {
        let open = self.peers.get(&peer).map_or(&[][..], |entry| &entry.open);
        let writer = open.first().copied();
        self.outboxes.open(peer).assign(writer);
        if let Some(writer) = writer {
            self.actions.push_back(ToSwarm::NotifyHandler {
                peer_id: peer,
                handler: NotifyHandler::One(writer),
                event: Write,
            });
        }
    }

    fn connected(&mut self, peer: PeerId) {
        let Some(entry) = self.peers.get_mut(&peer) else {
            return;
        };
        if !std::mem::replace(&mut entry.connected, true) {
            self.tell(Event::Connected(peer));
        }
    }

    fn tell(&mut self, event: Event) {
        self.actions.push_back(ToSwarm::GenerateEvent(event));
    }
}

impl NetworkBehaviour for Direct {
    type ConnectionHandler = Connection;
    type ToSwarm = Event;

    fn handle_established_inbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<Connection, ConnectionDenied> {
        Ok(self.connection(id, peer))
    }

    fn handle_established_outbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<Connection, ConnectionDenied> {
        Ok(self.connection(id, peer))
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        if let FromSwarm::ConnectionEstablished(established) = event {
            self.established(established.peer_id, established.connection_id);
        } else if let FromSwarm::ConnectionClosed(closed) = event {
            self.closed(closed.peer_id, closed.connection_id);
        }
    }

    fn on_connection_handler_event(&mut self, peer: PeerId, id: ConnectionId, report: Report) {
        match report {
            Report::Open => self.opened(peer, id),
            Report::Frame(kind, bytes) => {
                // The peer's stream may open before ours does.
                self.connected(peer);
                self.tell(Event::Frame { peer, kind, bytes });
            }
            Report::Failed(failure) => {
                self.actions.push_back(ToSwarm::CloseConnection {
                    peer_id: peer,
                    connection: CloseConnection::One(id),
                });
                self.tell(Event::Failed { peer, failure });
            }
        }
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Event, Write>> {
        // Actions arise only in the calls above, after which the swarm polls anyway: no waker is needed.
        match self.actions.pop_front() {
            Some(action) => Poll::Ready(action),
            None => Poll::Pending,
        }
    }
}
