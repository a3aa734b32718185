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

/// A node, and a peer of it that asks and never reads.
struct Pair {
    node: Node,
    asking: Swarm<Asking>,
    begun: mpsc::UnboundedReceiver<()>,
}

impl Pair {
    async fn new() -> Self {
        let key = Keypair::generate_ed25519();
        let peer = PeerId::from(key.public());
        let config = config(&[peer], Vec::new());
        let names = Names::new(&config.chain_id, &config.genesis_hash);
        let node = Node::start(config).await;
        let counters = Arc::new(Counters::default());
        let lobby = Lobby::new([], Arc::clone(&counters));
        let transport =
            transport::build(&key, names.prologue.clone(), None, counters, &lobby).unwrap();
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
        Self {
            node,
            asking,
            begun,
        }
    }

    /// Asks, and gives what takes the answer if the request reaches the core.
    async fn ask(&mut self) -> Option<oneshot::Sender<v1::SyncResponse>> {
        let request = Request::Blocks(v1::BlockRequest { from: 1, count: 1 });
        let request = v1::SyncRequest {
            request: Some(request),
        };
        let asked = &mut self.asking;
        let peer = self.node.network.local_peer();
        asked.behaviour_mut().requests.send_request(&peer, request);
        let arrived = pin!(self.node.until(|entry| {
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

    /// Answers with so many bytes; says whether the peer is refused all the same.
    async fn answer(&mut self, reply: oneshot::Sender<v1::SyncResponse>, bytes: usize) -> bool {
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
        let dropped = self.node.network.gauges().others_dropped;
        let refused = pin!(refused(&mut self.asking));
        let begun = pin!(self.begun.recv());
        let is_refused = matches!(soon(select(refused, begun)).await, Either::Left(_));
        let counted = self.node.network.gauges().others_dropped > dropped;
        assert_eq!(is_refused, counted);
        is_refused
    }
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
    let mut pair = Pair::new().await;
    for _ in 0..4 {
        let reply = pair.ask().await.expect("there is room for four");
        assert!(!pair.answer(reply, 1 << 20).await);
    }
    assert!(pair.ask().await.is_none());
    assert_eq!(pair.node.network.gauges().others_dropped, 1);
}

#[tokio::test]
async fn the_bytes_of_unread_answers_are_bounded() {
    let mut pair = Pair::new().await;
    let reply = pair.ask().await.unwrap();
    assert!(!pair.answer(reply, 25 << 20).await);
    let reply = pair.ask().await.unwrap();
    assert!(pair.answer(reply, 25 << 20).await);
    let reply = pair.ask().await.unwrap();
    assert!(!pair.answer(reply, 10 << 20).await);
}
