//! Catching up: asks peers for committed blocks while others are higher than this node.
//!
//! A claim of height is only a hint. Whatever a peer sends is judged by the core, block by block, by its commit; a peer whose
//! blocks do not follow is not asked again for a while. In a chain that runs well this task sleeps: the block that everybody
//! just decided usually arrives by consensus before the pause here is over.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use libp2p::PeerId;
use starfire_proto::v1;
use starfire_state::Archive;
use tokio::sync::{mpsc, oneshot, watch};

use crate::clock;
use crate::core_loop::CoreInput;
use crate::gateway::backend::Published;
use crate::network::Network;

/// Blocks asked for at once.
const BLOCKS_MAX: u32 = 64;
/// What a response may hold, bytes; one block always fits.
const RESPONSE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Time for consensus to bring the block by itself.
const PATIENCE: Duration = Duration::from_millis(400);
/// How long a peer that sent bad blocks, or none, is left alone.
const PEER_PAUSE: Duration = Duration::from_secs(2);
/// How long to wait when there is nobody to ask.
const RETRY: Duration = Duration::from_millis(500);

/// Runs until the core is gone.
pub async fn run(
    network: Network,
    core: mpsc::Sender<CoreInput>,
    published: watch::Receiver<Published>,
    mut behind: watch::Receiver<u64>,
    mut arrivals: mpsc::Receiver<PeerId>,
) {
    let mut paused: BTreeMap<PeerId, Instant> = BTreeMap::new();
    loop {
        tokio::select! {
            changed = behind.changed() => if changed.is_err() { return },
            arrived = arrivals.recv() => match arrived {
                // The first question to a new peer also tells how high it is.
                Some(peer) => { ask(&network, &core, &published, peer).await; }
                None => return,
            },
        }
        if *behind.borrow() > published.borrow().height {
            tokio::time::sleep(PATIENCE).await;
        }
        let mut failures = 0;
        while *behind.borrow() > published.borrow().height {
            let now = clock::monotonic();
            paused.retain(|_, until| *until > now);
            let candidates: Vec<PeerId> = network
                .connected()
                .into_iter()
                .filter(|peer| !paused.contains_key(peer))
                .collect();
            let Some(peer) = candidates.get(failures % candidates.len().max(1)).copied() else {
                // Everybody was asked just now. Pauses run out; and who claims to be higher may be lying.
                tokio::time::sleep(RETRY).await;
                continue;
            };
            let before = published.borrow().height;
            let reached = ask(&network, &core, &published, peer).await;
            if reached.is_none_or(|reached| reached <= before) {
                failures += 1;
                paused.insert(peer, clock::monotonic() + PEER_PAUSE);
            }
        }
    }
}

/// Asks one peer for what follows, and hands it to the core. `None`: nothing came of it.
async fn ask(
    network: &Network,
    core: &mpsc::Sender<CoreInput>,
    published: &watch::Receiver<Published>,
    peer: PeerId,
) -> Option<u64> {
    let from = published.borrow().height + 1;
    let response = match network.request_blocks(peer, from, BLOCKS_MAX).await {
        Ok(response) => response,
        Err(error) => {
            tracing::debug!(%peer, %error, "block request failed");
            return None;
        }
    };
    core.send(CoreInput::Height {
        peer,
        height: response.height,
        live: true,
    })
    .await
    .ok()?;
    if response.blocks.is_empty() {
        return None;
    }
    let (reply, answer) = oneshot::channel();
    core.send(CoreInput::Blocks {
        blocks: response.blocks,
        reply,
    })
    .await
    .ok()?;
    match answer.await.ok()? {
        Ok(height) => Some(height),
        Err(reason) => {
            tracing::warn!(%peer, reason, "peer sent blocks that do not follow");
            None
        }
    }
}

/// Answers a peer's request from the archive.
pub fn serve(archive: &dyn Archive, request: &v1::BlockRequest) -> v1::BlockResponse {
    let height = archive.height().unwrap_or(0);
    let mut blocks = Vec::new();
    let mut bytes = 0;
    let mut next = request.from.max(1);
    while next <= height
        && blocks.len() < usize::try_from(request.count.min(BLOCKS_MAX)).unwrap_or(0)
    {
        let Some((block, commit)) = archive.block(next) else {
            break;
        };
        bytes += block.len() + commit.len();
        if bytes > RESPONSE_BYTES_MAX && !blocks.is_empty() {
            break;
        }
        blocks.push(v1::CommittedBlock { block, commit });
        next += 1;
    }
    v1::BlockResponse { height, blocks }
}
