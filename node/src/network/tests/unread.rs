//! A peer that asks and does not read what it is sent.

use std::io;
use std::pin::pin;
use std::sync::Arc;

use futures::future::{Either, pending, select};
use futures::{AsyncRead, AsyncWrite, AsyncWriteExt, StreamExt};
use libp2p::request_response::{self, OutboundFailure, ProtocolSupport};
use libp2p::swarm::dial_opts::DialOpts;
use libp2p::swarm::{self, NetworkBehaviour, SwarmEvent};
use libp2p::{StreamProtocol, Swarm};
use prost::Message;
use tokio::sync::{mpsc, oneshot};

use super::*;
use crate::network::direct::Direct;
use crate::network::gauges::Counters;
use crate::network::lobby::Lobby;
use crate::network::outbox::Outboxes;
use crate::network::protocol::Names;
use crate::network::transport;

/// Sends requests as they should be, and reads one byte of each answer.
#[derive(Clone, Debug)]
struct Deaf {
    /// Hears of each byte.
    begun: mpsc::UnboundedSender<()>,
}

impl request_response::Codec for Deaf {
    type Protocol = StreamProtocol;
    type Request = v1::SyncRequest;
    type Response = v1::SyncResponse;

    async fn read_request<T>(&mut self, _: &StreamProtocol, _: &mut T) -> io::Result<Self::Request>
    where
        T: AsyncRead + Unpin + Send,
    {
        pending().await
    }

    async fn read_response<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
    ) -> io::Result<Self::Response>
    where
        T: AsyncRead + Unpin + Send,
    {
        futures::AsyncReadExt::read_exact(io, &mut [0]).await?;
        self.begun.send(()).ok();
        pending().await
    }

    async fn write_request<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        request: Self::Request,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        let bytes = request.encode_to_vec();
        let length = u32::try_from(bytes.len()).unwrap();
        io.write_all(&length.to_be_bytes()).await?;
        io.write_all(&bytes).await
    }

    async fn write_response<T>(
        &mut self,
        _: &StreamProtocol,
        _: &mut T,
        _: Self::Response,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        pending().await
    }
}

#[derive(NetworkBehaviour)]
struct Asking {
    requests: request_response::Behaviour<Deaf>,
    direct: Direct,
}

/// A peer of a node that asks and never reads.
struct Asker {
    asking: Swarm<Asking>,
    begun: mpsc::UnboundedReceiver<()>,
}

impl Asker {
    async fn connect(key: &Keypair, node: &Node) -> Self {
        let peer = PeerId::from(key.public());
        let names = Names::new(&node.config.chain_id, &node.config.genesis_hash);
        let counters = Arc::new(Counters::default());
        let lobby = Lobby::new([], Arc::clone(&counters));
        let transport =
            transport::build(key, names.prologue.clone(), None, counters, &lobby).unwrap();
        let (begin, begun) = mpsc::unbounded_channel();
        let behaviour = Asking {
            requests: request_response::Behaviour::with_codec(
                Deaf { begun: begin },
                [(names.sync, ProtocolSupport::Full)],
                request_response::Config::default(),
            ),
            direct: Direct::new(names.consensus, Outboxes::default()),
        };
        let config = swarm::Config::with_tokio_executor()
            .with_idle_connection_timeout(Duration::from_secs(60));
        let mut asking = Swarm::new(transport, behaviour, peer, config);
        let (peer, address) = node.address();
        let dial = DialOpts::peer_id(peer).addresses(vec![address]).build();
        asking.dial(dial).unwrap();
        let connected = async {
            while !asking.is_connected(&peer) {
                asking.select_next_some().await;
            }
        };
        soon(connected).await;
        Self { asking, begun }
    }

    /// Asks, and gives what takes the answer if the request reaches the core.
    async fn ask(&mut self, node: &mut Node) -> Option<oneshot::Sender<v1::SyncResponse>> {
        let request = Request::Blocks(v1::BlockRequest { from: 1, count: 1 });
        let request = v1::SyncRequest {
            request: Some(request),
        };
        let asked = &mut self.asking;
        let peer = node.peer();
        asked.behaviour_mut().requests.send_request(&peer, request);
        let arrived = pin!(node.until(|entry| {
            let Incoming::SyncRequest { reply, .. } = entry else {
                return None;
            };
            Some(reply)
        }));
        match select(arrived, pin!(refused(asked))).await {
            Either::Left((reply, _)) => Some(reply),
            Either::Right(((), _)) => None,
        }
    }

    /// The node answers with so many bytes; says whether this peer is refused all the same.
    async fn is_refused(
        &mut self,
        node: &Node,
        reply: oneshot::Sender<v1::SyncResponse>,
        bytes: usize,
    ) -> bool {
        let block = v1::CommittedBlock {
            block: vec![3; bytes],
            commit: vec![4; 10],
        };
        let response = Response::Blocks(v1::BlockResponse {
            height: 9,
            blocks: vec![block],
            base: 1,
        });
        let response = Some(response);
        reply.send(v1::SyncResponse { response }).unwrap();
        let dropped = node.network.gauges().others_dropped;
        let refused = pin!(refused(&mut self.asking));
        let begun = pin!(self.begun.recv());
        let is_refused = matches!(soon(select(refused, begun)).await, Either::Left(_));
        let counted = node.network.gauges().others_dropped > dropped;
        assert_eq!(is_refused, counted);
        is_refused
    }
}

/// A node, and a peer of it that asks.
async fn one_asks() -> (Node, Asker) {
    let key = Keypair::generate_ed25519();
    let node = Node::start(config(&[PeerId::from(key.public())], Vec::new())).await;
    let asker = Asker::connect(&key, &node).await;
    (node, asker)
}

/// A node, peers of it that have no vote, each of a member with this address, and one of a validator.
async fn many_ask<const N: usize>(members: [&str; N]) -> (Node, Vec<Asker>, Asker) {
    let keys: Vec<Keypair> = (0..=N).map(|_| Keypair::generate_ed25519()).collect();
    let peers: Vec<PeerId> = keys.iter().map(|key| PeerId::from(key.public())).collect();
    let mut config = config(&peers, Vec::new());
    config.validators = [peers[N]].into();
    let node = Node::start(config).await;
    let addresses = members.into_iter().chain(["a validator"]);
    let addresses = addresses.map(str::to_owned);
    node.network.admit(Admission {
        allowed: peers.iter().copied().collect(),
        validators: [peers[N]].into(),
        members: peers.iter().copied().zip(addresses).collect(),
        denied: BTreeSet::new(),
    });
    let mut askers = Vec::new();
    for key in &keys {
        askers.push(Asker::connect(key, &node).await);
    }
    let validator = askers.pop().unwrap();
    (node, askers, validator)
}

/// Each of these asks four times, and none is answered; what takes the answers.
async fn flood(node: &mut Node, askers: &mut [Asker]) -> Vec<oneshot::Sender<v1::SyncResponse>> {
    let mut taken = Vec::new();
    for asker in askers {
        for _ in 0..4 {
            taken.extend(asker.ask(node).await);
        }
    }
    taken
}

/// Ends when a request is refused.
async fn refused(asking: &mut Swarm<Asking>) {
    loop {
        if let SwarmEvent::Behaviour(AskingEvent::Requests(
            request_response::Event::OutboundFailure { error, .. },
        )) = asking.select_next_some().await
        {
            assert!(matches!(error, OutboundFailure::Io(_)), "{error:?}");
            return;
        }
    }
}

#[tokio::test]
async fn a_peer_that_reads_no_answer_gets_few() {
    let (mut node, mut asker) = one_asks().await;
    for _ in 0..4 {
        let reply = asker.ask(&mut node).await.expect("there is room for four");
        assert!(!asker.is_refused(&node, reply, 1 << 20).await);
    }
    assert!(asker.ask(&mut node).await.is_none());
    assert_eq!(node.network.gauges().others_dropped, 1);
}

#[tokio::test]
async fn the_bytes_of_unread_answers_are_bounded() {
    let (mut node, mut asker) = one_asks().await;
    let reply = asker.ask(&mut node).await.unwrap();
    assert!(!asker.is_refused(&node, reply, 25 << 20).await);
    let reply = asker.ask(&mut node).await.unwrap();
    assert!(asker.is_refused(&node, reply, 25 << 20).await);
    let reply = asker.ask(&mut node).await.unwrap();
    assert!(!asker.is_refused(&node, reply, 10 << 20).await);
}

#[tokio::test]
async fn a_member_with_many_nodes_has_the_places_of_one() {
    let (mut node, mut askers, mut validator) = many_ask(["a business"; 4]).await;
    let taken = flood(&mut node, &mut askers).await;
    assert_eq!(taken.len(), 4);
    assert!(validator.ask(&mut node).await.is_some());
}

#[tokio::test]
async fn validators_nodes_have_places_that_nobody_else_takes() {
    let (mut node, mut askers, mut validator) = many_ask(["a", "b", "c", "d"]).await;
    let taken = flood(&mut node, &mut askers).await;
    assert_eq!(taken.len(), 12);
    assert!(validator.ask(&mut node).await.is_some());
}
