//! What peers send, each kind to where it belongs.

use std::sync::Arc;

use libp2p::PeerId;
use prost::Message as _;
use starfire_proto::v1;
use starfire_state::Archive;
use tokio::sync::{mpsc, oneshot};

use crate::core_loop::CoreInput;
use crate::intake::Intake;
use crate::network::{Inbox, Incoming, Judgement, Network};
use crate::snapshot::Shelf;
use crate::spread::BATCH_TRANSACTIONS_MAX;
use crate::sync::serve::serve;
use crate::verify_pool::{Arrival, Origin};

/// Sorts what peers send: consensus to the core, transactions to the checkers, requests to the archive.
pub(super) async fn take_incoming(
    network: Network,
    mut incoming: Inbox,
    core: mpsc::Sender<CoreInput>,
    intake: Intake,
    arrivals: mpsc::Sender<PeerId>,
    archive: Arc<dyn Archive>,
    shelf: Shelf,
) {
    while let Some(message) = incoming.recv().await {
        let open = match message {
            Incoming::Consensus { peer, bytes } => core
                .send(CoreInput::Consensus { peer, bytes })
                .await
                .is_ok(),
            Incoming::Transactions { peer, batch } => {
                take_batch(&network, &intake, peer, &batch);
                true
            }
            Incoming::Transaction {
                peer,
                bytes,
                pending,
            } => {
                let (reply, judgement) = oneshot::channel();
                let arrival = Arrival {
                    envelopes: vec![bytes],
                    origin: Origin::Gossip { peer, reply },
                };
                // One that is not taken drops its reply, which the task below hears.
                network.lost_batches(intake.offer(peer, arrival));
                let network = network.clone();
                tokio::spawn(async move {
                    let judgement = judgement.await.unwrap_or(Judgement::Ignore);
                    network.judge(pending, judgement);
                });
                true
            }
            Incoming::Announcement { peer, height } => core
                .send(CoreInput::Height {
                    peer,
                    height,
                    live: false,
                })
                .await
                .is_ok(),
            Incoming::SyncRequest { request, reply, .. } => {
                let (archive, shelf) = (archive.clone(), shelf.clone());
                tokio::task::spawn_blocking(move || {
                    if let Some(response) = serve(&*archive, &shelf, &request) {
                        // Who asked may have gone.
                        drop(reply.send(response));
                    }
                });
                true
            }
            Incoming::Connected(peer) => {
                // A full queue only means that enough peers are being asked already.
                arrivals.try_send(peer).ok();
                core.send(CoreInput::Peer(peer)).await.is_ok()
            }
            Incoming::Disconnected(peer) => core.send(CoreInput::Peer(peer)).await.is_ok(),
        };
        if !open {
            return;
        }
    }
}

/// A peer's batch waits for its check, unless there is no room: the sender gossips what is not committed.
fn take_batch(network: &Network, intake: &Intake, peer: PeerId, batch: &[u8]) {
    match v1::TransactionBatch::decode(batch) {
        Ok(v1::TransactionBatch { envelopes })
            if (1..=BATCH_TRANSACTIONS_MAX).contains(&envelopes.len()) =>
        {
            let arrival = Arrival {
                envelopes,
                origin: Origin::Peer(peer),
            };
            network.lost_batches(intake.offer(peer, arrival));
        }
        Ok(_) | Err(_) => network.blame(peer, 1),
    }
}
