//! Sync requests under way: ours, that wait for a peer, and theirs, that wait for the core.
//!
//! Both are bounded, theirs by peer too. Whoever asked may give up at any time; an entry goes when its request ends, by its timeout
//! at the latest.

use std::collections::BTreeMap;
use std::future::pending;

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use libp2p::PeerId;
use libp2p::request_response::{OutboundFailure, OutboundRequestId, ResponseChannel};
use starfire_proto::v1;
use tokio::sync::oneshot;

use super::handle::RequestError;
use super::requests::Requests;

/// Requests that wait for the core: of all peers, and of one.
const THEIRS_MAX: usize = 16;
const THEIRS_PER_PEER_MAX: usize = 4;

/// Requests that wait for a peer.
const OURS_MAX: usize = 64;

/// Takes what became of a request of ours.
pub(crate) type Reply = oneshot::Sender<Result<v1::SyncResponse, RequestError>>;

/// The core's answer to a peer: nothing if it refused.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) peer: PeerId,
    pub(crate) channel: ResponseChannel<v1::SyncResponse>,
    pub(crate) response: Option<v1::SyncResponse>,
}

/// All requests under way.
#[derive(Default)]
pub(crate) struct Exchange {
    ours: BTreeMap<OutboundRequestId, Reply>,
    theirs: FuturesUnordered<BoxFuture<'static, Answer>>,
    theirs_per_peer: BTreeMap<PeerId, usize>,
}

impl Exchange {
    /// Sends a request to a connected peer.
    pub(crate) fn request(
        &mut self,
        requests: &mut Requests,
        peer: &PeerId,
        request: v1::SyncRequest,
        reply: Reply,
    ) {
        if self.ours.len() >= OURS_MAX {
            reply.send(Err(RequestError::Busy)).ok();
            return;
        }
        self.ours
            .insert(requests.send_request(peer, request), reply);
    }

    /// A request of ours has ended.
    pub(crate) fn ended(
        &mut self,
        id: OutboundRequestId,
        result: Result<v1::SyncResponse, RequestError>,
    ) {
        if let Some(reply) = self.ours.remove(&id) {
            reply.send(result).ok();
        }
    }

    /// A peer asks: this takes the core's response. Without room there is none, and the peer is refused.
    pub(crate) fn asked(
        &mut self,
        peer: PeerId,
        channel: ResponseChannel<v1::SyncResponse>,
    ) -> Option<oneshot::Sender<v1::SyncResponse>> {
        let waiting = self.theirs_per_peer.get(&peer).copied().unwrap_or(0);
        if self.theirs.len() >= THEIRS_MAX || waiting >= THEIRS_PER_PEER_MAX {
            return None;
        }
        self.theirs_per_peer.insert(peer, waiting + 1);
        let (reply, response) = oneshot::channel();
        self.theirs.push(Box::pin(async move {
            Answer {
                peer,
                channel,
                response: response.await.ok(),
            }
        }));
        Some(reply)
    }

    /// The core's next answer. May be cancelled without loss.
    pub(crate) async fn answer(&mut self) -> Answer {
        let Some(answer) = self.theirs.next().await else {
            return pending().await;
        };
        let waiting = self
            .theirs_per_peer
            .get_mut(&answer.peer)
            .expect("a request that waits is counted");
        *waiting -= 1;
        if *waiting == 0 {
            self.theirs_per_peer.remove(&answer.peer);
        }
        answer
    }
}

impl From<OutboundFailure> for RequestError {
    fn from(failure: OutboundFailure) -> Self {
        match failure {
            OutboundFailure::DialFailure => Self::NotConnected,
            OutboundFailure::Timeout => Self::TimedOut,
            OutboundFailure::ConnectionClosed => Self::Disconnected,
            OutboundFailure::UnsupportedProtocols => Self::Unsupported,
            OutboundFailure::Io(error) => Self::Stream(error),
        }
    }
}
