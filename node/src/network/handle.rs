//! The network as the rest of the node sees it: a handle that is cheap to clone and never makes its caller wait.
//!
//! Consensus messages go straight into the peer's outbox. What is only a newest value (the allow-list, the announced height) is a
//! watched value and cannot be lost. The rest are commands in a bounded queue.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use libp2p::{Multiaddr, PeerId};
use starfire_proto::v1::{self, sync_request::Request, sync_response::Response};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};

use super::exchange::Reply;
use super::frame::{BATCH_BYTES_MAX, FRAME_BYTES_MAX, Kind};
use super::gauges::{Counters, Gauges, number};
use super::gossip::TRANSACTION_BYTES_MAX;
use super::inbox::{Judgement, Level, Pending};
use super::lobby::Lobby;
use super::outbox::Outboxes;

/// Commands that may wait for the network's task.
pub(crate) const COMMANDS_MAX: usize = 4_096;

/// Bytes of transactions that may wait to be gossiped.
const GOSSIP_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What the handle asks of the network's task.
#[derive(Debug)]
pub(crate) enum Command {
    Gossip {
        bytes: Vec<u8>,
        /// Gives the room back when the command is done.
        room: OwnedSemaphorePermit,
    },
    Judge {
        pending: Pending,
        judgement: Judgement,
    },
    Blame {
        peer: PeerId,
        count: usize,
    },
    Request {
        peer: PeerId,
        request: v1::SyncRequest,
        reply: Reply,
    },
    Stop(oneshot::Sender<()>),
}

/// Why there is no answer from a peer.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// There is no connection to the peer.
    #[error("the peer is not connected")]
    NotConnected,
    /// Too many requests are under way.
    #[error("too many requests are under way")]
    Busy,
    /// No answer within ten seconds.
    #[error("the peer did not answer in time")]
    TimedOut,
    /// The connection ended before the answer.
    #[error("the connection ended")]
    Disconnected,
    /// The peer speaks no such protocol.
    #[error("the peer does not serve this chain")]
    Unsupported,
    /// The peer refused, or sent something that is no answer.
    #[error("the peer sent no valid answer")]
    Stream(#[source] io::Error),
    /// The peer sent more blocks than it was asked for.
    #[error("the peer sent {sent} blocks where {asked} were asked for")]
    TooMany {
        /// How many it sent.
        sent: usize,
        /// How many were asked for.
        asked: u32,
    },
    /// The answer is to another question.
    #[error("the peer answered another question")]
    OtherAnswer,
    /// The network has stopped.
    #[error("the network has stopped")]
    Stopped,
}

/// A handle on the running network. When the last one is dropped, the network stops.
#[derive(Clone, Debug)]
pub struct Network(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    local: PeerId,
    listen: Multiaddr,
    outboxes: Outboxes,
    counters: Arc<Counters>,
    inbox: Level,
    lobby: Lobby,
    room: Arc<Semaphore>,
    commands: mpsc::Sender<Command>,
    admission: watch::Sender<Admission>,
    announced: watch::Sender<u64>,
    connected: watch::Receiver<BTreeSet<PeerId>>,
}

/// Whom the chain lets in, and whom it keeps out.
#[derive(Clone, Debug, Default)]
pub struct Admission {
    /// Peers of members.
    pub allowed: BTreeSet<PeerId>,
    /// Of these, the nodes of validators.
    pub validators: BTreeSet<PeerId>,
    /// Of these again, the address of the member whose node each is.
    pub members: BTreeMap<PeerId, String>,
    /// Peers of members that were removed.
    pub denied: BTreeSet<PeerId>,
}

/// The ends of the handle's channels that the network's task holds.
pub(crate) struct TaskEnds {
    pub(crate) commands: mpsc::Receiver<Command>,
    pub(crate) admission: watch::Receiver<Admission>,
    pub(crate) announced: watch::Receiver<u64>,
    pub(crate) connected: watch::Sender<BTreeSet<PeerId>>,
}

/// A handle and the other ends of its channels.
pub(crate) fn channel(
    local: PeerId,
    listen: Multiaddr,
    outboxes: Outboxes,
    counters: Arc<Counters>,
    inbox: Level,
    lobby: Lobby,
) -> (Network, TaskEnds) {
    let (commands_in, commands) = mpsc::channel(COMMANDS_MAX);
    let (admission_in, admission) = watch::channel(Admission::default());
    let (announced_in, announced) = watch::channel(0);
    let (connected, connected_out) = watch::channel(BTreeSet::new());
    let network = Network(Arc::new(Shared {
        local,
        listen,
        outboxes,
        counters,
        inbox,
        lobby,
        room: Arc::new(Semaphore::new(GOSSIP_BYTES_MAX)),
        commands: commands_in,
        admission: admission_in,
        announced: announced_in,
        connected: connected_out,
    }));
    let ends = TaskEnds {
        commands,
        admission,
        announced,
        connected,
    };
    (network, ends)
}

impl Network {
    /// Queues a consensus message for one peer; says whether it is queued. An absent peer's messages are lost, and counted.
    pub fn send(&self, peer: PeerId, bytes: Vec<u8>) -> bool {
        self.broadcast(&[peer], bytes) == 1
    }

    /// Queues a consensus message for each of `peers` that is connected; says for how many.
    pub fn broadcast(&self, peers: &[PeerId], bytes: Vec<u8>) -> usize {
        let counters = &self.0.counters;
        if bytes.is_empty() || bytes.len() > FRAME_BYTES_MAX {
            counters.consensus_unsent.add(peers.len());
            return 0;
        }
        let frame: Arc<[u8]> = bytes.into();
        let mut queued = 0;
        for peer in peers {
            let Some(outbox) = self.0.outboxes.get(peer) else {
                counters.consensus_unsent.one();
                continue;
            };
            counters
                .consensus_unsent
                .add(outbox.push(Kind::Consensus, Arc::clone(&frame)));
            counters.consensus_sent.one();
            queued += 1;
        }
        queued
    }

    /// Queues an encoded `v1::TransactionBatch` for each of `peers` that is connected.
    pub fn spread(&self, peers: &[PeerId], batch: Vec<u8>) {
        let counters = &self.0.counters;
        if batch.is_empty() || batch.len() > BATCH_BYTES_MAX {
            counters.batches_unsent.add(peers.len());
            return;
        }
        let frame: Arc<[u8]> = batch.into();
        for peer in peers {
            let unsent = match self.0.outboxes.get(peer) {
                Some(outbox) => outbox.push(Kind::Transactions, Arc::clone(&frame)),
                None => 1,
            };
            counters.batches_unsent.add(unsent);
        }
    }

    /// Notes that batches of peers were lost here, since too much waits for its check.
    pub fn lost_batches(&self, count: usize) {
        self.0.counters.transactions_dropped.add(count);
    }

    /// Says that a peer passed on transactions which no honest node does. After many its transactions are not read for a while.
    pub fn blame(&self, peer: PeerId, count: usize) {
        if count > 0 {
            let command = Command::Blame { peer, count };
            // What does not fit only means that the peer goes on being heard a little longer.
            self.0.commands.try_send(command).ok();
        }
    }

    /// Gives a transaction of this node's own to all peers by gossip; says whether it is on its way.
    pub fn gossip_transaction(&self, bytes: Vec<u8>) -> bool {
        let queued = self.try_gossip(bytes).is_some();
        if !queued {
            self.0.counters.transactions_dropped.one();
        }
        queued
    }

    fn try_gossip(&self, bytes: Vec<u8>) -> Option<()> {
        if bytes.len() > TRANSACTION_BYTES_MAX {
            return None;
        }
        let size = u32::try_from(bytes.len()).ok()?;
        let room = Arc::clone(&self.0.room).try_acquire_many_owned(size).ok()?;
        self.0
            .commands
            .try_send(Command::Gossip { bytes, room })
            .ok()
    }

    /// Says what becomes of a transaction that came by gossip. Without a judgement within ten seconds it goes nowhere.
    pub fn judge(&self, pending: Pending, judgement: Judgement) {
        let command = Command::Judge { pending, judgement };
        match self.0.commands.try_send(command) {
            Ok(()) | Err(TrySendError::Closed(_)) => {}
            Err(TrySendError::Full(_)) => self.0.counters.judgements_dropped.one(),
        }
    }

    /// Tells all peers that this node has committed `height`. Lower heights that were not told yet are skipped.
    pub fn announce(&self, height: u64) {
        self.0.announced.send_replace(height);
    }

    /// Asks a peer for `count` committed blocks, the first of them at height `from`. They are not verified here.
    pub async fn request_blocks(
        &self,
        peer: PeerId,
        from: u64,
        count: u32,
    ) -> Result<v1::BlockResponse, RequestError> {
        let request = Request::Blocks(v1::BlockRequest { from, count });
        let Response::Blocks(response) = self.request(peer, request).await? else {
            return Err(RequestError::OtherAnswer);
        };
        let sent = response.blocks.len();
        if number(sent) > u64::from(count) {
            return Err(RequestError::TooMany { sent, asked: count });
        }
        Ok(response)
    }

    /// Asks a peer. The answer is of the kind that was asked for, or says that there is none, if the peer is honest: the caller looks.
    pub async fn request(&self, peer: PeerId, request: Request) -> Result<Response, RequestError> {
        let (reply, answer) = oneshot::channel();
        let command = Command::Request {
            peer,
            request: v1::SyncRequest {
                request: Some(request),
            },
            reply,
        };
        let sent = self.0.commands.send(command).await;
        sent.map_err(|_| RequestError::Stopped)?;
        let response = answer.await.map_err(|_| RequestError::Stopped)??;
        response.response.ok_or(RequestError::OtherAnswer)
    }

    /// Replaces the admitted members' peers, and those that may not connect. Configured peers stay allowed, unless they are denied:
    /// the chain's word goes before the configuration's. Connections of peers that are no longer allowed end.
    pub fn admit(&self, admission: Admission) {
        self.0.admission.send_replace(admission);
    }

    /// The peers to which a direct stream works.
    pub fn connected(&self) -> Vec<PeerId> {
        self.0.connected.borrow().iter().copied().collect()
    }

    /// The same, to be waited on.
    pub fn watch_connected(&self) -> watch::Receiver<BTreeSet<PeerId>> {
        self.0.connected.clone()
    }

    /// Where this node listens; the port is the real one even if 0 was configured.
    pub fn listen_address(&self) -> &Multiaddr {
        &self.0.listen
    }

    /// This node's own peer id.
    pub fn local_peer(&self) -> PeerId {
        self.0.local
    }

    /// Queues and losses.
    pub fn gauges(&self) -> Gauges {
        let counters = &self.0.counters;
        let (outbox_frames, outbox_bytes) = self.0.outboxes.waiting();
        let (inbox_entries, inbox_bytes) = self.0.inbox.waiting();
        Gauges {
            connected: number(self.0.connected.borrow().len()),
            outbox_frames: number(outbox_frames),
            outbox_bytes: number(outbox_bytes),
            inbox_entries: number(inbox_entries),
            inbox_bytes: number(inbox_bytes),
            bytes_sent: counters.bytes_sent.value(),
            bytes_received: counters.bytes_received.value(),
            consensus_sent: counters.consensus_sent.value(),
            consensus_received: counters.consensus_received.value(),
            consensus_unsent: counters.consensus_unsent.value(),
            consensus_dropped: counters.consensus_dropped.value(),
            consensus_refused: counters.consensus_refused.value(),
            transactions_dropped: counters.transactions_dropped.value(),
            batches_unsent: counters.batches_unsent.value(),
            batches_refused: counters.batches_refused.value(),
            others_dropped: counters.others_dropped.value(),
            judgements_dropped: counters.judgements_dropped.value(),
            incoming_waiting: number(self.0.lobby.waiting()),
            incoming_displaced: counters.incoming_displaced.value(),
            strangers_refused: counters.strangers_refused.value(),
            violations: counters.violations.value(),
            gossip_slow: counters.gossip_slow.value(),
        }
    }

    /// Closes all connections and the listener. Returns when the port is free again.
    pub async fn stop(&self) {
        let (done, stopped) = oneshot::channel();
        if self.0.commands.send(Command::Stop(done)).await.is_ok() {
            // An error only says that the task is gone, which is what was asked for.
            stopped.await.ok();
        }
    }

    /// Lets a test send what `send` refuses.
    #[cfg(test)]
    pub(crate) fn outboxes(&self) -> &Outboxes {
        &self.0.outboxes
    }
}
