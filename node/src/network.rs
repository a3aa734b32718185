//! The network: who may speak to this node, and how messages travel.
//!
//! A chain is permissioned, and that begins here. A connection passes, in this order: an optional pre-shared key; a Noise handshake
//! whose prologue is the chain id and the genesis hash, so that nodes of two chains cannot even shake hands; the allow-list of
//! admitted members' peers and of configured ones. Only then is a protocol negotiated. A stranger's peer id is logged and counted,
//! and nothing that it sends is read.
//!
//! Three protocols run on a connection, each with this chain in its name:
//!
//! - the **direct stream** carries consensus messages, and transactions in batches, between two nodes, without negotiation or answer.
//!   Messages keep their order, and go before transactions. A slow peer loses its oldest messages, never anyone else's; after a
//!   reconnect nothing is replayed.
//! - **gossip** spreads committed heights, and transactions that did not get through: it finds a way round a broken link. A
//!   transaction goes on only after this node's core has accepted it.
//! - **requests** of nodes that are behind fetch blocks, headers and snapshots. They are believed for their certificates and
//!   hashes, not for who sent them.
//!
//! Who floods the port with connections cannot keep a peer out: see the `lobby` module. Peers that connect as often as they may
//! cannot keep out validators and configured peers: see the `swarm` module.
//!
//! The rest of the node holds a [`Network`], which never makes it wait, and reads an [`Inbox`], which is bounded by entries, by bytes
//! and by peer. Where something has to be dropped, the policy is written down in the module concerned and the loss is in [`Gauges`].
//!
//! Peers that are configured are dialled for ever. Nobody is banned: a peer that breaks the protocol loses its connection, and a
//! node can never lock itself out of its own chain.

mod allowance;
mod announcers;
mod blame;
mod connection;
mod direct;
mod exchange;
mod frame;
mod gauges;
mod gossip;
mod handle;
mod inbox;
mod lobby;
mod outbox;
mod protocol;
mod redial;
mod requests;
mod swarm;
mod task;
#[cfg(test)]
mod tests;
mod traffic;
mod transport;
mod troubles;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use futures::StreamExt;
use libp2p::identity::Keypair;
use libp2p::swarm::SwarmEvent;
use libp2p::{Multiaddr, PeerId, Swarm, TransportError, noise};

pub use gauges::Gauges;
pub use gossip::GossipError;
pub use handle::{Admission, Network, RequestError};
pub use inbox::{Inbox, Incoming, Judgement, Pending};
pub use requests::{RESPONSE_BLOCKS_MAX, RESPONSE_BYTES_MAX, RESPONSE_RECEIPTS_MAX};

use exchange::Exchange;
use gauges::Counters;
use lobby::Lobby;
use outbox::Outboxes;
use protocol::Names;
use redial::Redial;
use task::Task;

/// What the network has to know before it starts.
#[derive(Clone, Debug)]
pub struct NetworkConfig {
    /// This node's key: its public half is the peer id.
    pub key: Keypair,
    /// The chain that is spoken here, and no other.
    pub chain_id: String,
    /// Of that chain.
    pub genesis_hash: [u8; 32],
    /// An IP address and a TCP port; port 0 takes a free one.
    pub listen: Multiaddr,
    /// Peers to dial. They are allowed unless [`Network::admit`] denies them. Addresses are IP addresses; this node itself is skipped.
    pub peers: Vec<(PeerId, Multiaddr)>,
    /// The peers of admitted members, to begin with.
    pub allowed: BTreeSet<PeerId>,
    /// Of these, the nodes of validators.
    pub validators: BTreeSet<PeerId>,
    /// The key that all nodes of this network share, if there is one.
    pub psk: Option<[u8; 32]>,
}

/// Why the network does not start.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// The key does not sign.
    #[error("the node key cannot be used")]
    Key(#[source] noise::Error),
    /// Gossip refuses its configuration.
    #[error("gossip cannot be set up")]
    Gossip(#[source] GossipError),
    /// The address is wrong, or taken.
    #[error("cannot listen on {address}")]
    Listen {
        /// The configured address.
        address: Multiaddr,
        /// What the system says.
        #[source]
        source: TransportError<io::Error>,
    },
    /// The listener ended before it had an address.
    #[error("the listener on {address} ended at once")]
    ListenerEnded {
        /// The configured address.
        address: Multiaddr,
    },
}

/// Listens, starts dialling and returns the handle and the inbox. The network runs as a task of the current runtime.
pub async fn start(config: NetworkConfig) -> Result<(Network, Inbox), NetworkError> {
    let names = Names::new(&config.chain_id, &config.genesis_hash);
    let outboxes = Outboxes::default();
    let counters = Arc::new(Counters::default());
    let lobby = Lobby::new(
        config.peers.iter().map(|(_, address)| address),
        Arc::clone(&counters),
    );
    let mut swarm = swarm::build(
        &config.key,
        &names,
        config.psk,
        outboxes.clone(),
        Arc::clone(&counters),
        &lobby,
    )
    .map_err(NetworkError::from)?;
    let listen = listen(&mut swarm, config.listen).await?;
    let local = *swarm.local_peer_id();
    tracing::info!(peer = %local, address = %listen, chain = %config.chain_id, "listening");

    let mut peers = config.peers;
    peers.retain(|(peer, _)| *peer != local);
    let configured: BTreeSet<PeerId> = peers.iter().map(|(peer, _)| *peer).collect();

    let (delivery, inbox) = inbox::channel();
    let (network, ends) = handle::channel(
        local,
        listen,
        outboxes,
        Arc::clone(&counters),
        delivery.level(),
        lobby.clone(),
    );
    for peer in config.allowed.iter().chain(&configured) {
        swarm.behaviour_mut().allowed.allow_peer(*peer);
    }
    for peer in config.validators.iter().chain(&configured) {
        swarm.behaviour_mut().places.bypass_peer_id(peer);
    }
    let task = Task {
        swarm,
        names,
        configured,
        validators: config.validators,
        members: BTreeMap::new(),
        redial: Redial::new(peers),
        delivery,
        counters,
        ends,
        exchange: Exchange::default(),
        strangers: BTreeSet::new(),
        blames: blame::Blames::default(),
        announcers: announcers::Announcers::default(),
        troubles: troubles::Troubles::default(),
        lobby,
    };
    // The task ends by itself when the last handle is gone; nobody waits for it.
    drop(tokio::spawn(task.run()));
    Ok((network, inbox))
}

async fn listen(
    swarm: &mut Swarm<swarm::Behaviour>,
    address: Multiaddr,
) -> Result<Multiaddr, NetworkError> {
    let listening = transport::check_free(&address)
        .map_err(TransportError::Other)
        .and_then(|()| swarm.listen_on(address.clone()));
    if let Err(source) = listening {
        return Err(NetworkError::Listen { address, source });
    }
    loop {
        let event = swarm.select_next_some().await;
        if let SwarmEvent::NewListenAddr { address, .. } = event {
            return Ok(address);
        }
        if let SwarmEvent::ListenerClosed { .. } = event {
            return Err(NetworkError::ListenerEnded { address });
        }
    }
}

impl From<swarm::BuildError> for NetworkError {
    fn from(error: swarm::BuildError) -> Self {
        match error {
            swarm::BuildError::Key(error) => Self::Key(error),
            swarm::BuildError::Gossip(error) => Self::Gossip(error),
        }
    }
}
