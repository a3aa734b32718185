//! Catching up: fetches committed blocks from several peers at once while others are higher than this node.
//!
//! A claim of height says whom to ask, no more. Ranges of blocks are asked of several peers in parallel and handed to the core in
//! order, which checks each block by its commit before it uses it. A peer whose blocks do not hold, or which has nothing of what
//! it claims, loses its claim and is left alone for a while, longer each time; the others go on. What a peer has pruned is asked of
//! another; when all have pruned it, the status says so, since then only a snapshot helps (see [`crate::state_sync`]).
//!
//! What people are told is more than whom to ask: that this node is behind, and how far, is believed of more than half of the voting
//! power that is heard, not of one peer.
//!
//! In a chain that runs well this task sleeps: the block that everybody just decided usually arrives by consensus before the
//! pause here is over.

mod claims;
mod progress;
pub mod serve;
mod sources;
mod window;

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::future::pending;
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use libp2p::PeerId;
use starfire_proto::v1;
use tokio::sync::{mpsc, oneshot, watch};

pub use claims::Claims;
use progress::Progress;
use sources::Sources;

use window::Window;

use crate::clock;
use crate::core_loop::CoreInput;
use crate::gateway::backend::Published;
use crate::network::{Network, RequestError};
use crate::roster::Roster;

/// Time for consensus to bring a block by itself.
const PATIENCE: Duration = Duration::from_millis(400);
/// Who is further behind than this does not wait for consensus.
const PATIENT_BLOCKS: u64 = 8;
/// How long to wait when the core could not take the blocks: its disk may be full.
const RETRY: Duration = Duration::from_secs(2);
/// How long to wait when there is nobody to ask.
const LOOK_PERIOD: Duration = Duration::from_secs(1);

/// What the task stands on.
#[derive(Debug)]
pub struct Surroundings {
    /// Peers.
    pub network: Network,
    /// The core, which judges blocks.
    pub core: mpsc::Sender<CoreInput>,
    /// How far it is.
    pub published: watch::Receiver<Published>,
    /// How far others say that they are.
    pub claims: Claims,
    /// Whose peers they are, and how much they weigh.
    pub roster: watch::Receiver<Roster>,
    /// Peers that just connected.
    pub arrivals: mpsc::Receiver<PeerId>,
    /// What the status shows; `None`: up to date.
    pub progress: watch::Sender<Option<v1::SyncProgress>>,
}

/// Runs until the network is gone.
pub async fn run(surroundings: Surroundings) {
    let mut heard = surroundings.claims.watch();
    let mut sync = Sync {
        around: surroundings,
        sources: Sources::default(),
        seen: BTreeMap::new(),
        window: Window::default(),
        requests: FuturesUnordered::new(),
        applying: None,
        handed: 0,
        behind_since: None,
        rest_until: None,
        progress: None,
    };
    loop {
        let now = clock::monotonic();
        sync.hear(&heard.borrow_and_update(), now);
        let wake = sync.proceed(now);
        tokio::select! {
            changed = heard.changed() => if changed.is_err() { return },
            arrived = sync.around.arrivals.recv() => match arrived {
                // An empty range tells how high the new peer is.
                Some(peer) => sync.ask(peer, sync.height(), 0),
                None => return,
            },
            Some(answer) = sync.requests.next() => sync.answered(answer).await,
            applied = applied(&mut sync.applying) => {
                sync.applying = None;
                match applied {
                    Some(applied) => sync.applied(applied),
                    None => return,
                }
            }
            () = sleep_until(wake) => {}
        }
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => pending().await,
    }
}

async fn applied(applying: &mut Option<BoxFuture<'static, Option<Applied>>>) -> Option<Applied> {
    match applying {
        Some(applying) => applying.await,
        None => pending().await,
    }
}

/// What became of a request.
struct Answer {
    peer: PeerId,
    from: u64,
    count: u32,
    response: Result<v1::BlockResponse, RequestError>,
}

/// What became of blocks in the core.
struct Applied {
    peer: PeerId,
    upto: u64,
    outcome: Result<u64, String>,
}

struct Sync {
    around: Surroundings,
    sources: Sources,
    /// Claims as they were heard last.
    seen: BTreeMap<PeerId, u64>,
    window: Window,
    requests: FuturesUnordered<BoxFuture<'static, Answer>>,
    applying: Option<BoxFuture<'static, Option<Applied>>>,
    /// The last height that the core was given.
    handed: u64,
    /// Since when others are higher, and at which height of this node.
    behind_since: Option<(Instant, u64)>,
    rest_until: Option<Instant>,
    progress: Option<Progress>,
}

impl Sync {
    fn height(&self) -> u64 {
        self.around.published.borrow().height
    }

    /// Takes in claims that are new.
    fn hear(&mut self, claims: &BTreeMap<PeerId, u64>, now: Instant) {
        for (peer, height) in claims {
            if self.seen.insert(*peer, *height) != Some(*height) {
                self.sources.claim(*peer, *height, now);
            }
        }
        self.seen.retain(|peer, _| claims.contains_key(peer));
    }

    /// Does what can be done now; says when to look again.
    fn proceed(&mut self, now: Instant) -> Option<Instant> {
        let connected = self.around.network.connected().into_iter().collect();
        self.sources.gone(&connected);
        let (height, target) = (self.height(), self.sources.target(now));
        let believed = self.sources.believed(&self.around.roster.borrow());
        if believed <= height && self.applying.is_none() {
            self.caught_up(height);
        }
        if target <= height && self.applying.is_none() {
            self.window.clear();
            self.behind_since = None;
            return None;
        }
        let since = match self.behind_since {
            Some((since, before)) if before == height || self.progress.is_some() => since,
            Some(_) | None => {
                self.behind_since = Some((now, height));
                now
            }
        };
        let is_near = believed.saturating_sub(height) <= PATIENT_BLOCKS;
        let has_begun =
            self.progress.is_some() || self.applying.is_some() || self.window.has_begun();
        if !has_begun && is_near && now < since + PATIENCE {
            return Some(since + PATIENCE);
        }
        if believed > height {
            self.tell(height, believed, now);
        }
        if let Some(until) = self.rest_until {
            if now < until {
                return Some(until);
            }
            self.rest_until = None;
        }
        let held = if self.applying.is_some() {
            self.handed.max(height)
        } else {
            height
        };
        self.window.cover(held, target);
        for wish in self.window.wishes() {
            // With one peer left, who failed is better than nobody.
            let peer = self
                .sources
                .choose(wish.from, wish.except, now)
                .or_else(|| self.sources.choose(wish.from, None, now));
            if let Some(peer) = peer {
                self.window.asked(wish.from);
                self.ask(peer, wish.from, wish.count);
            }
        }
        self.hand_on(height);
        self.sources
            .wake_at(now)
            .or(Some(now + LOOK_PERIOD))
            .map(|at| at.min(now + LOOK_PERIOD))
    }

    /// Nobody who is believed is higher.
    fn caught_up(&mut self, height: u64) {
        if let Some(progress) = self.progress.take() {
            progress.end(height);
            self.around.progress.send_replace(None);
        }
    }

    fn tell(&mut self, height: u64, target: u64, now: Instant) {
        let problem = if self.sources.have_all_pruned(height) {
            "PRUNED: no peer has the next block any more; begin with an empty store and [sync] snapshots = true"
        } else {
            ""
        };
        let progress = self
            .progress
            .get_or_insert_with(|| Progress::begin(height, now));
        let message = progress.message(height, target, problem);
        progress.log(&message, height, now);
        self.around.progress.send_replace(Some(message));
    }

    fn ask(&mut self, peer: PeerId, from: u64, count: u32) {
        self.sources.asked(peer);
        let network = self.around.network.clone();
        self.requests.push(Box::pin(async move {
            Answer {
                peer,
                from,
                count,
                response: network.request_blocks(peer, from, count).await,
            }
        }));
    }

    async fn answered(&mut self, answer: Answer) {
        let Answer {
            peer,
            from,
            count,
            response,
        } = answer;
        let now = clock::monotonic();
        let response = match response {
            Ok(response) => response,
            Err(error) => {
                tracing::debug!(%peer, %error, "a request for blocks failed");
                self.window.failed(from, peer);
                if self.sources.silent(peer, now) {
                    self.distrust(peer, "it does not answer");
                }
                return;
            }
        };
        let v1::BlockResponse {
            height,
            blocks,
            base,
        } = response;
        self.sources.answered(peer, height, base, now);
        let core = &self.around.core;
        let report = CoreInput::Height {
            peer,
            height,
            live: true,
        };
        // When the core is gone, the channel of arrivals closes too.
        core.send(report).await.ok();
        if count == 0 {
            return;
        }
        if blocks.is_empty() && base <= from && from <= height {
            self.window.failed(from, peer);
            self.distrust(peer, "it sent nothing of what it claims to have");
            return;
        }
        self.window.arrived(from, peer, blocks);
    }

    /// Gives the core the blocks that come next, one range at a time.
    fn hand_on(&mut self, height: u64) {
        if self.applying.is_some() {
            return;
        }
        let Some((peer, blocks)) = self.window.next(height) else {
            return;
        };
        let upto = height + u64::try_from(blocks.len()).unwrap_or(u64::MAX);
        self.handed = upto;
        let core = self.around.core.clone();
        self.applying = Some(Box::pin(async move {
            let (reply, answer) = oneshot::channel();
            core.send(CoreInput::Blocks { blocks, reply }).await.ok()?;
            let outcome = answer.await.ok()?;
            Some(Applied {
                peer,
                upto,
                outcome,
            })
        }));
    }

    fn applied(&mut self, applied: Applied) {
        let Applied {
            peer,
            upto,
            outcome,
        } = applied;
        match outcome {
            Ok(reached) if reached >= upto => self.sources.proved(peer),
            // The blocks are good, but the core cannot go on: it says why, and tries again.
            Ok(_) => self.rest_until = Some(clock::monotonic() + RETRY),
            Err(reason) => self.distrust(peer, &reason),
        }
    }

    fn distrust(&mut self, peer: PeerId, reason: &str) {
        let pause = self.sources.lied(peer, clock::monotonic());
        self.window.distrust(peer);
        self.around.claims.withdraw(&peer);
        self.seen.remove(&peer);
        tracing::warn!(%peer, reason, pause_s = pause.as_secs(), "a peer is not asked for blocks for a while");
    }
}
