//! Sync requests under way: ours, that wait for a peer, and theirs, that wait for the core and then until the peer has read the answer.
//!
//! Both are bounded, theirs by member too, however many nodes one has, and in the bytes of answers that are not read yet. Whoever
//! asked may give up at any time; an entry goes when its request ends, by its timeout at the latest.

use std::collections::BTreeMap;
use std::future::pending;

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use libp2p::PeerId;
use libp2p::request_response::{
    InboundRequestId, OutboundFailure, OutboundRequestId, ResponseChannel,
};
use prost::Message;
use starfire_proto::v1;
use tokio::sync::oneshot;

use super::handle::RequestError;
use super::requests::{RESPONSE_BYTES_MAX, Requests};
use crate::roster::Voice;

/// Requests of all peers that wait for the core, and up to how many one may be added that is of no validator's node.
const THEIRS_MAX: usize = 16;
const THEIRS_OPEN_MAX: usize = 12;
/// Requests of one member's nodes that wait for the core, or whose answers they have not read.
const THEIRS_PER_MEMBER_MAX: usize = 4;

/// Bytes of answers that one member's nodes have not read: two full ones of blocks, or the longest.
const UNREAD_PER_MEMBER_BYTES_MAX: usize = 40 * 1024 * 1024;
const _: () = assert!(UNREAD_PER_MEMBER_BYTES_MAX > RESPONSE_BYTES_MAX as usize);
/// Bytes of answers that nobody has read yet, and to how many of them an answer may be added that is for no validator's node.
const UNREAD_BYTES_MAX: usize = 160 * 1024 * 1024;
const UNREAD_OPEN_BYTES_MAX: usize = 96 * 1024 * 1024;

/// Requests that wait for a peer.
const OURS_MAX: usize = 64;

/// Takes what became of a request of ours.
pub(crate) type Reply = oneshot::Sender<Result<v1::SyncResponse, RequestError>>;

/// Who asks.
#[derive(Debug)]
pub(crate) struct Asker {
    pub(crate) peer: PeerId,
    /// To whom its requests are counted.
    pub(crate) voice: Voice,
    /// The peer is a validator's.
    pub(crate) votes: bool,
}

/// The core's answer to a peer: nothing if it refused.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) peer: PeerId,
    id: InboundRequestId,
    pub(crate) channel: ResponseChannel<v1::SyncResponse>,
    pub(crate) response: Option<v1::SyncResponse>,
}

/// All requests under way.
#[derive(Default)]
pub(crate) struct Exchange {
    ours: BTreeMap<OutboundRequestId, Reply>,
    theirs: FuturesUnordered<BoxFuture<'static, Answer>>,
    /// All of theirs, those too that are answered and not read.
    slots: BTreeMap<InboundRequestId, Slot>,
}

/// A request of a peer.
#[derive(Debug)]
struct Slot {
    voice: Voice,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// It waits for the core.
    Asked,
    /// The same, but the peer waits no more.
    Deserted,
    /// So many bytes of the answer are on their way.
    Sent(usize),
}

/// Why an answer is not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unsent {
    #[error("it came too late")]
    TooLate,
    #[error("the peer, or another of its member's, has not read what it was sent")]
    Unread,
    #[error("too much that was sent is not read yet")]
    Full,
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
        asker: Asker,
        id: InboundRequestId,
        channel: ResponseChannel<v1::SyncResponse>,
    ) -> Option<oneshot::Sender<v1::SyncResponse>> {
        let Asker { peer, voice, votes } = asker;
        let most = if votes { THEIRS_MAX } else { THEIRS_OPEN_MAX };
        let of_member = self.slots.values().filter(|slot| slot.voice == voice);
        if self.theirs.len() >= most || of_member.count() >= THEIRS_PER_MEMBER_MAX {
            return None;
        }
        let stage = Stage::Asked;
        self.slots.insert(id, Slot { voice, stage });
        let (reply, response) = oneshot::channel();
        self.theirs.push(Box::pin(async move {
            Answer {
                peer,
                id,
                channel,
                response: response.await.ok(),
            }
        }));
        Some(reply)
    }

    /// The core's next answer. May be cancelled without loss.
    pub(crate) async fn answer(&mut self) -> Answer {
        match self.theirs.next().await {
            Some(answer) => answer,
            None => pending().await,
        }
    }

    /// Sends the core's answer, if the peer still waits and there is room for it. `votes`: the peer is a validator's.
    pub(crate) fn respond(
        &mut self,
        requests: &mut Requests,
        answer: Answer,
        votes: bool,
    ) -> Result<(), Unsent> {
        let id = answer.id;
        let sent = self.send(requests, answer, votes);
        if sent != Ok(true) {
            self.slots.remove(&id);
        }
        sent.map(|_| ())
    }

    /// Says whether there was an answer.
    fn send(
        &mut self,
        requests: &mut Requests,
        answer: Answer,
        votes: bool,
    ) -> Result<bool, Unsent> {
        let Some(response) = answer.response else {
            return Ok(false);
        };
        let bytes = response.encoded_len();
        let slot = self.slots.get(&answer.id).ok_or(Unsent::TooLate)?;
        self.room_for(&slot.voice, bytes, votes)?;
        let slot = self.slots.get_mut(&answer.id);
        let slot = slot.filter(|slot| slot.stage == Stage::Asked);
        let slot = slot.ok_or(Unsent::TooLate)?;
        requests
            .send_response(answer.channel, response)
            .map_err(|_| Unsent::TooLate)?;
        slot.stage = Stage::Sent(bytes);
        Ok(true)
    }

    fn room_for(&self, voice: &Voice, bytes: usize, votes: bool) -> Result<(), Unsent> {
        let (mut all, mut own) = (bytes, bytes);
        for slot in self.slots.values() {
            if let Stage::Sent(unread) = slot.stage {
                all += unread;
                own += if slot.voice == *voice { unread } else { 0 };
            }
        }
        let most = if votes {
            UNREAD_BYTES_MAX
        } else {
            UNREAD_OPEN_BYTES_MAX
        };
        if own > UNREAD_PER_MEMBER_BYTES_MAX {
            return Err(Unsent::Unread);
        }
        if all > most {
            return Err(Unsent::Full);
        }
        Ok(())
    }

    /// A peer has read the answer to its request, or waits for it no more.
    pub(crate) fn over(&mut self, id: InboundRequestId) {
        let Some(slot) = self.slots.get_mut(&id) else {
            return;
        };
        match slot.stage {
            // The core is still busy with it.
            Stage::Asked => slot.stage = Stage::Deserted,
            Stage::Deserted => {}
            Stage::Sent(_) => drop(self.slots.remove(&id)),
        }
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
