//! The network's task: it drives the swarm and turns what happens there into entries of the inbox.
//!
//! It never waits for the core. Where the inbox has no room, the entry is dropped and counted, and a gossiped message is ignored.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::StreamExt;
use libp2p::allow_block_list::NotAllowed;
use libp2p::core::ConnectedPoint;
use libp2p::gossipsub::{self, MessageAcceptance, PublishError};
use libp2p::request_response::{self, InboundRequestId, ResponseChannel};
use libp2p::swarm::dial_opts::DialOpts;
use libp2p::swarm::{ConnectionDenied, DialError, ListenError, SwarmEvent};
use libp2p::{Multiaddr, PeerId, Swarm};
use prost::Message;
use starfire_proto::v1;
use tracing::{debug, info, warn};

use super::announcers::Announcers;
use super::blame::Blames;
use super::direct;
use super::exchange::{Answer, Asker, Exchange, Reply};
use super::frame::Kind;
use super::gauges::Counters;
use super::handle::{Admission, Command, RequestError, TaskEnds};
use super::inbox::{Delivery, Incoming, Judgement, Pending};
use super::lobby::Lobby;
use super::protocol::Names;
use super::redial::Redial;
use super::swarm::{Behaviour, BehaviourEvent};
use super::troubles::{Trouble, Troubles};
use crate::clock;
use crate::roster::Voice;

/// Strangers that are remembered, so that each is warned of once.
const STRANGERS_MAX: usize = 256;

type RequestEvent = request_response::Event<v1::SyncRequest, v1::SyncResponse>;

/// Everything that the task owns.
pub(crate) struct Task {
    pub(crate) swarm: Swarm<Behaviour>,
    pub(crate) names: Names,
    /// Peers that are allowed unless the members exclude them.
    pub(crate) configured: BTreeSet<PeerId>,
    /// The nodes of validators. Nobody else's consensus messages are taken.
    pub(crate) validators: BTreeSet<PeerId>,
    /// The address of the member whose node a peer is.
    pub(crate) members: BTreeMap<PeerId, String>,
    pub(crate) redial: Redial,
    pub(crate) delivery: Delivery,
    pub(crate) counters: Arc<Counters>,
    pub(crate) ends: TaskEnds,
    pub(crate) exchange: Exchange,
    pub(crate) strangers: BTreeSet<PeerId>,
    pub(crate) blames: Blames,
    pub(crate) announcers: Announcers,
    pub(crate) troubles: Troubles,
    pub(crate) lobby: Lobby,
}

impl Task {
    /// Runs until it is told to stop or all handles are gone.
    pub(crate) async fn run(mut self) {
        let stopped = loop {
            tokio::select! {
                event = self.swarm.select_next_some() => self.on_event(event),
                command = self.ends.commands.recv() => match command {
                    Some(Command::Stop(done)) => break Some(done),
                    Some(command) => self.on_command(command),
                    None => break None,
                },
                changed = self.ends.admission.changed() => match changed {
                    Ok(()) => self.allow(),
                    Err(_) => break None,
                },
                changed = self.ends.announced.changed() => match changed {
                    Ok(()) => self.announce(),
                    Err(_) => break None,
                },
                (peer, addresses) = self.redial.next() => self.dial(peer, addresses),
                answer = self.exchange.answer() => self.respond(answer),
            }
        };
        self.ends.connected.send_replace(BTreeSet::new());
        drop(self.swarm);
        info!("the network has stopped");
        if let Some(done) = stopped {
            // Who asked may have gone.
            done.send(()).ok();
        }
    }

    fn on_command(&mut self, command: Command) {
        match command {
            Command::Gossip { bytes, room } => {
                self.publish_transaction(bytes);
                drop(room);
            }
            Command::Judge { pending, judgement } => self.judge(&pending, judgement),
            Command::Blame { peer, count } => {
                debug!(%peer, count, "a peer passed on invalid transactions");
                self.blames.add(peer, count, clock::monotonic());
            }
            Command::Request {
                peer,
                request,
                reply,
            } => self.request(peer, request, reply),
            Command::Stop(_) => unreachable!("the loop ends at this command"),
        }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "libp2p's enum, which may grow"
    )]
    fn on_event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::Behaviour(BehaviourEvent::Direct(event)) => self.on_direct(event),
            SwarmEvent::Behaviour(BehaviourEvent::Gossip(event)) => self.on_gossip(event),
            SwarmEvent::Behaviour(BehaviourEvent::Requests(event)) => self.on_requests(event),
            SwarmEvent::ConnectionEstablished {
                peer_id, endpoint, ..
            } => {
                let address = endpoint.get_remote_address();
                self.lobby.met(address);
                if let Some(other) = self.troubles.opened(peer_id, address) {
                    warn!(peer = %peer_id, %address, %other, "a peer is connected from two addresses: does its key run twice?");
                }
            }
            SwarmEvent::ConnectionClosed {
                peer_id,
                endpoint,
                num_established,
                ..
            } => {
                self.troubles
                    .closed(&peer_id, endpoint.get_remote_address());
                if num_established == 0 {
                    self.lost(peer_id, &endpoint);
                }
            }
            SwarmEvent::IncomingConnectionError { error, peer_id, .. } => {
                debug!(%error, "an incoming connection failed");
                if let (ListenError::Denied { cause }, Some(peer)) = (&error, peer_id)
                    && is_stranger(cause)
                {
                    self.refused(peer);
                }
            }
            SwarmEvent::OutgoingConnectionError { error, peer_id, .. } => {
                debug!(%error, peer = ?peer_id, "a dial failed");
                if let DialError::WrongPeerId { obtained, .. } = &error {
                    self.refused(*obtained);
                }
                if let Some(peer) = peer_id {
                    self.not_reached(peer, &error);
                    self.redial.again(&peer);
                }
            }
            SwarmEvent::ListenerError { error, .. } => warn!(%error, "the listener failed"),
            other => debug!(event = ?other, "swarm"),
        }
    }

    fn on_direct(&mut self, event: direct::Event) {
        match event {
            direct::Event::Connected(peer) => {
                info!(%peer, "a peer is connected");
                self.redial.succeeded(&peer);
                self.troubles.over(&peer);
                self.ends.connected.send_modify(|connected| {
                    connected.insert(peer);
                });
                self.deliver(Incoming::Connected(peer));
            }
            direct::Event::Disconnected { peer, unsent } => {
                info!(%peer, unsent, "a peer is gone");
                self.counters.consensus_unsent.add(unsent);
                self.ends.connected.send_modify(|connected| {
                    connected.remove(&peer);
                });
                self.deliver(Incoming::Disconnected(peer));
            }
            direct::Event::Frame {
                peer,
                kind: Kind::Consensus,
                bytes,
            } => {
                self.counters.consensus_received.one();
                if self.validators.contains(&peer) {
                    self.deliver(Incoming::Consensus { peer, bytes });
                } else {
                    self.counters.consensus_refused.one();
                }
            }
            direct::Event::Frame {
                peer,
                kind: Kind::Transactions,
                bytes: batch,
            } => {
                if self.blames.refuses(&peer, clock::monotonic()) {
                    self.counters.batches_refused.one();
                } else {
                    self.deliver(Incoming::Transactions { peer, batch });
                }
            }
            direct::Event::Failed { peer, failure } => {
                if failure.is_violation() {
                    self.counters.violations.one();
                    warn!(%peer, error = %failure, "a peer broke the protocol");
                } else {
                    debug!(%peer, error = %failure, "a direct stream failed");
                }
            }
        }
    }

    fn on_gossip(&mut self, event: gossipsub::Event) {
        match event {
            gossipsub::Event::Message {
                propagation_source,
                message_id,
                message,
            } => {
                let pending = Pending {
                    message: message_id,
                    source: propagation_source,
                };
                if message.topic == self.names.transactions.hash() {
                    self.on_transaction(pending, message.data);
                } else {
                    self.on_announcement(&pending, &message);
                }
            }
            gossipsub::Event::SlowPeer { peer_id, .. } => {
                self.counters.gossip_slow.one();
                debug!(peer = %peer_id, "a peer is too slow for gossip");
            }
            gossipsub::Event::Subscribed { .. }
            | gossipsub::Event::Unsubscribed { .. }
            | gossipsub::Event::GossipsubNotSupported { .. } => {}
        }
    }

    fn on_transaction(&mut self, pending: Pending, bytes: Vec<u8>) {
        if self.blames.refuses(&pending.source, clock::monotonic()) {
            self.counters.batches_refused.one();
            return self.judge(&pending, Judgement::Ignore);
        }
        let entry = Incoming::Transaction {
            peer: pending.source,
            bytes,
            pending,
        };
        if let Some(Incoming::Transaction { pending, .. }) = self.deliver(entry) {
            self.judge(&pending, Judgement::Ignore);
        }
    }

    fn on_announcement(&mut self, pending: &Pending, message: &gossipsub::Message) {
        let Ok(announcement) = v1::Announcement::decode(message.data.as_slice()) else {
            return self.judge(pending, Judgement::Reject);
        };
        let allowed = self.swarm.behaviour().allowed.allowed_peers();
        // Lists differ for a while after a change, so this is nobody's fault.
        let Some(peer) = message.source.filter(|author| allowed.contains(author)) else {
            return self.judge(pending, Judgement::Ignore);
        };
        let height = announcement.height;
        let now = clock::monotonic();
        let judgement = self.announcers.judge(peer, pending.source, height, now);
        self.judge(pending, judgement);
        if judgement == Judgement::Accept {
            self.deliver(Incoming::Announcement { peer, height });
        } else {
            self.counters.others_dropped.one();
        }
    }

    fn on_requests(&mut self, event: RequestEvent) {
        match event {
            request_response::Event::Message { peer, message, .. } => match message {
                request_response::Message::Request {
                    request_id,
                    request,
                    channel,
                } => self.asked(peer, request_id, request, channel),
                request_response::Message::Response {
                    request_id,
                    response,
                } => self.exchange.ended(request_id, Ok(response)),
            },
            request_response::Event::OutboundFailure {
                request_id, error, ..
            } => self.exchange.ended(request_id, Err(error.into())),
            request_response::Event::InboundFailure {
                peer,
                request_id,
                error,
                ..
            } => {
                debug!(%peer, %error, "a request was not answered");
                self.exchange.over(request_id);
            }
            request_response::Event::ResponseSent { request_id, .. } => {
                self.exchange.over(request_id);
            }
        }
    }

    /// A peer asks. It is refused by dropping what would take the response.
    fn asked(
        &mut self,
        peer: PeerId,
        id: InboundRequestId,
        request: v1::SyncRequest,
        channel: ResponseChannel<v1::SyncResponse>,
    ) {
        let voice = match self.members.get(&peer) {
            Some(address) => Voice::Member(address.clone()),
            None => Voice::Peer(peer),
        };
        let asker = Asker {
            peer,
            voice,
            votes: self.validators.contains(&peer),
        };
        let Some(reply) = self.exchange.asked(asker, id, channel) else {
            self.counters.others_dropped.one();
            return;
        };
        self.deliver(Incoming::SyncRequest {
            peer,
            request,
            reply,
        });
    }

    fn respond(&mut self, answer: Answer) {
        let (peer, votes) = (answer.peer, self.validators.contains(&answer.peer));
        let requests = &mut self.swarm.behaviour_mut().requests;
        if let Err(reason) = self.exchange.respond(requests, answer, votes) {
            self.counters.others_dropped.one();
            debug!(%peer, %reason, "a response was not sent");
        }
    }

    fn request(&mut self, peer: PeerId, request: v1::SyncRequest, reply: Reply) {
        if !self.swarm.is_connected(&peer) {
            reply.send(Err(RequestError::NotConnected)).ok();
            return;
        }
        let requests = &mut self.swarm.behaviour_mut().requests;
        self.exchange.request(requests, &peer, request, reply);
    }

    fn publish_transaction(&mut self, bytes: Vec<u8>) {
        let topic = self.names.transactions.hash();
        let published = self.swarm.behaviour_mut().gossip.publish(topic, bytes);
        match published {
            // A node alone has nobody to tell, and a message that was seen has been told.
            Ok(_) | Err(PublishError::Duplicate | PublishError::NoPeersSubscribedToTopic) => {}
            Err(
                error @ (PublishError::SigningError(_)
                | PublishError::MessageTooLarge
                | PublishError::TransformFailed(_)
                | PublishError::AllQueuesFull(_)),
            ) => {
                self.counters.transactions_dropped.one();
                debug!(%error, "a transaction was not gossiped");
            }
        }
    }

    fn announce(&mut self) {
        let height = *self.ends.announced.borrow_and_update();
        let data = v1::Announcement { height }.encode_to_vec();
        let topic = self.names.announcements.hash();
        if let Err(error) = self.swarm.behaviour_mut().gossip.publish(topic, data) {
            debug!(%error, height, "a height was not announced");
        }
    }

    fn judge(&mut self, pending: &Pending, judgement: Judgement) {
        let acceptance = match judgement {
            Judgement::Accept => MessageAcceptance::Accept,
            Judgement::Ignore => MessageAcceptance::Ignore,
            Judgement::Reject => MessageAcceptance::Reject,
        };
        let gossip = &mut self.swarm.behaviour_mut().gossip;
        gossip.report_message_validation_result(&pending.message, &pending.source, acceptance);
    }

    fn allow(&mut self) {
        let Admission {
            allowed,
            validators,
            members,
            denied,
        } = self.ends.admission.borrow_and_update().clone();
        let mut wanted = allowed;
        wanted.extend(self.configured.difference(&denied));
        let places = &mut self.swarm.behaviour_mut().places;
        for peer in self.validators.difference(&self.configured) {
            places.remove_peer_id(peer);
        }
        for peer in &validators {
            places.bypass_peer_id(peer);
        }
        self.validators = validators;
        self.members = members;
        self.announcers.keep(&wanted);
        let list = &mut self.swarm.behaviour_mut().allowed;
        let present: BTreeSet<PeerId> = list.allowed_peers().iter().copied().collect();
        for peer in present.difference(&wanted) {
            info!(%peer, "a peer is no longer allowed");
            list.disallow_peer(*peer);
        }
        for peer in wanted.difference(&present) {
            list.allow_peer(*peer);
        }
    }

    fn dial(&mut self, peer: PeerId, addresses: Vec<Multiaddr>) {
        if self.swarm.is_connected(&peer) {
            // It dialled us. When that connection ends, its turn comes again.
            return;
        }
        let options = DialOpts::peer_id(peer)
            .addresses(addresses)
            .allocate_new_port()
            .build();
        if let Err(error) = self.swarm.dial(options) {
            debug!(%peer, %error, "a peer cannot be dialled");
            self.redial.again(&peer);
        }
    }

    /// The last connection to a peer ended.
    fn lost(&mut self, peer: PeerId, endpoint: &ConnectedPoint) {
        let spoke = self.ends.connected.borrow().contains(&peer);
        if !spoke
            && endpoint.is_dialer()
            && self.configured.contains(&peer)
            && self.troubles.is_news(peer, Trouble::TurnedAway)
        {
            let (local, address) = (self.swarm.local_peer_id(), endpoint.get_remote_address());
            warn!(%peer, %address, %local, "a peer turned this node away: is the peer id of this node a member's there, or configured?");
        }
        self.redial.again(&peer);
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "libp2p's enum, which may grow"
    )]
    fn not_reached(&mut self, peer: PeerId, error: &DialError) {
        let trouble = match error {
            DialError::WrongPeerId { .. } => Trouble::Mistaken,
            DialError::Transport(_) => Trouble::Unreachable,
            // Ours: the list does not admit it, or a connection stands already.
            _ => return,
        };
        if !self.configured.contains(&peer) || !self.troubles.is_news(peer, trouble) {
            return;
        }
        if let DialError::WrongPeerId { obtained, address } = error {
            warn!(expected = %peer, found = %obtained, %address, "another peer answers where one was expected: correct peers in [p2p]");
        } else {
            info!(%peer, %error, "a peer is not reached: it is tried again until it is");
        }
    }

    fn refused(&mut self, peer: PeerId) {
        self.counters.strangers_refused.one();
        if self.strangers.len() >= STRANGERS_MAX {
            self.strangers.clear();
        }
        if self.strangers.insert(peer) {
            warn!(%peer, "a stranger was refused");
        }
    }

    /// Hands an entry to the core, or counts it and gives it back.
    fn deliver(&mut self, entry: Incoming) -> Option<Incoming> {
        let refused = self.delivery.offer(entry)?;
        match &refused {
            Incoming::Consensus { peer, .. } => {
                self.counters.consensus_dropped.one();
                debug!(%peer, "the core is too slow for a consensus message");
            }
            Incoming::Transaction { .. } | Incoming::Transactions { .. } => {
                self.counters.transactions_dropped.one();
            }
            Incoming::Announcement { .. }
            | Incoming::SyncRequest { .. }
            | Incoming::Connected(_)
            | Incoming::Disconnected(_) => self.counters.others_dropped.one(),
        }
        Some(refused)
    }
}

fn is_stranger(cause: &ConnectionDenied) -> bool {
    cause.downcast_ref::<NotAllowed>().is_some()
}
