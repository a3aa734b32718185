//! The backbone's loop: shows the main chain the sub-chain's headers.
//!
//! A client of main-chain gateways with an account of its own, and nothing more: the main chain believes the signatures on the
//! header, not this node. It anchors the newest header as soon as there are transactions that no anchor proves yet, at most one
//! a second, and a heartbeat when nothing happens. What to send is derived from the main chain's record and the own archive
//! each time, so a restart, a lost answer or a second backbone does no harm. When the validators changed so much since the last
//! anchor that it does not vouch for the newest header, headers in between are anchored first: see [`step`].
//!
//! What the main chain knows this chain by stays provable here when older blocks are pruned: a height is kept before it is shown, and
//! so are those of the main chain's list, which others have shown.

mod step;

use std::sync::Arc;
use std::time::{Duration, Instant};

use starfire_did::PrivateKey;
use starfire_proto::{protocol, v1};
use starfire_state::{Archive, StoreError};
use tokio::sync::watch;

use crate::client::{Client, ClientError};
use crate::clock;
use crate::gateway::backend::Published;
use crate::rocks::Keeper;
use step::Step;

/// Anchors follow each other at this distance at least.
const PERIOD: Duration = Duration::from_secs(1);
/// An idle chain is anchored this often, and the main chain is asked this often what it knows.
const HEARTBEAT: Duration = Duration::from_secs(60);
/// The longest pause after failures.
const PAUSE_MAX: Duration = Duration::from_secs(15);
/// Anchors in one answer, as a gateway bounds it.
const PAGE_MAX: u32 = 100;
/// Blocks looked through for transactions in one go, newest first.
const LOOK_BACK_MAX: u64 = 1000;

/// The sub-chain that is anchored.
#[derive(Clone)]
pub struct SubChain {
    /// Its chain code.
    pub code: String,
    /// The validators of its first block: a `tendermint.types.ValidatorSet`, encoded.
    pub genesis_validators: Vec<u8>,
    /// Its blocks.
    pub archive: Arc<dyn Archive>,
    /// Keeps what is anchored when older blocks are pruned.
    pub keeper: Keeper,
    /// What is committed.
    pub published: watch::Receiver<Published>,
}

impl std::fmt::Debug for SubChain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SubChain")
            .field("code", &self.code)
            .finish_non_exhaustive()
    }
}

/// The loop's state.
pub struct Anchor {
    account: PrivateKey,
    gateways: Vec<String>,
    chain: SubChain,
    status: watch::Sender<Option<v1::AnchorLoopStatus>>,
}

impl std::fmt::Debug for Anchor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Anchor")
            .field("chain", &self.chain)
            .field("gateways", &self.gateways)
            .finish_non_exhaustive()
    }
}

/// What the main chain knows of this chain.
struct Known {
    client: Client,
    gateway: String,
    height: u64,
    asked_at: Instant,
}

/// Why a height is not anchored now.
#[derive(Debug, thiserror::Error)]
enum AnchorError {
    /// The main chain did not take it, or did not answer.
    #[error(transparent)]
    Main(#[from] ClientError),
    /// It cannot be kept, so it is not shown.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The gateway is wrong, or this node is behind. Nothing could be anchored on its word.
    #[error(
        "ANCHOR_AHEAD: {gateway} says that this chain is anchored up to height {anchored}, and {newest} is the newest height here"
    )]
    Ahead {
        /// Who says so.
        gateway: String,
        /// The height that it names.
        anchored: u64,
        /// This node's.
        newest: u64,
    },
    /// The gateway leaves out anchors, and those that it leaves out would be pruned here.
    #[error(
        "ANCHOR_GAP: {gateway} lists the anchor of height {height} as the one after height {previous}, which it leaves out"
    )]
    Gap {
        /// Who lists them.
        gateway: String,
        /// An anchored height.
        height: u64,
        /// The one before, by the main chain's record.
        previous: u64,
    },
}

/// What there is to anchor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum News {
    /// This height.
    Newest(u64),
    /// Nothing, for so long that the main chain is asked again.
    None,
    /// The node ends.
    End,
}

impl Anchor {
    /// A loop that anchors `chain`, through the first of `gateways` that answers.
    pub fn new(
        account: PrivateKey,
        gateways: Vec<String>,
        chain: SubChain,
        status: watch::Sender<Option<v1::AnchorLoopStatus>>,
    ) -> Self {
        Self {
            account,
            gateways,
            chain,
            status,
        }
    }

    /// Runs until the node ends.
    pub async fn run(mut self) {
        let mut known: Option<Known> = None;
        let mut next_gateway = 0;
        let mut failures: u32 = 0;
        let mut anchored_at: Option<Instant> = None;
        let mut unlearnt = false;
        loop {
            // Asked again now and then: there may be other backbones.
            let recent = |known: &Known| clock::elapsed(known.asked_at) < HEARTBEAT;
            let current = match known.take().filter(recent) {
                Some(current) => current,
                None => match self.connect(next_gateway).await {
                    Ok(found) => {
                        if std::mem::take(&mut unlearnt) {
                            self.tell(|status| status.last_error.clear());
                        }
                        found
                    }
                    Err(error) => {
                        unlearnt = true;
                        next_gateway += 1;
                        failures += 1;
                        self.tell(|status| status.last_error = error.to_string());
                        tracing::warn!(%error, "what the main chain knows cannot be learnt");
                        tokio::time::sleep(pause(failures)).await;
                        continue;
                    }
                },
            };
            let due = anchored_at.map_or(Duration::ZERO, |at| {
                HEARTBEAT.saturating_sub(clock::elapsed(at))
            });
            let patience = HEARTBEAT.saturating_sub(clock::elapsed(current.asked_at));
            let newest = match self.wait_for_news(current.height, due, patience).await {
                News::Newest(newest) => newest,
                News::None => continue,
                News::End => return,
            };
            let step = step::towards(
                &*self.chain.archive,
                &self.chain.genesis_validators,
                current.height,
                newest,
            );
            let height = step.height;
            match self.submit(&current, step).await {
                Ok(main_height) => {
                    failures = 0;
                    // After a step on the way nothing is waited for.
                    anchored_at = (height == newest).then(clock::monotonic);
                    tracing::info!(height, main_height, "anchored");
                    self.tell(|status| {
                        status.main.clone_from(&current.gateway);
                        status.anchored_height = height;
                        status.last_ms = clock::unix_ms();
                        status.last_error.clear();
                    });
                    known = Some(Known { height, ..current });
                    tokio::time::sleep(PERIOD).await;
                }
                Err(error) => {
                    // Whatever became of it, the main chain's record tells what to do next.
                    next_gateway += 1;
                    failures += 1;
                    tracing::warn!(%error, height, "anchoring failed");
                    self.tell(|status| status.last_error = error.to_string());
                    tokio::time::sleep(pause(failures)).await;
                }
            }
        }
    }

    async fn connect(&self, first: usize) -> Result<Known, AnchorError> {
        let gateway = self.gateways[first % self.gateways.len()].clone();
        let client = Client::connect(&gateway)?;
        let request = v1::ListAnchorsRequest {
            chain_code: self.chain.code.clone(),
            limit: 1,
            from_height: 0,
        };
        let anchors = client.call(client.chains().anchors(request)).await?.anchors;
        let height = anchors.first().map_or(0, |anchor| anchor.height);
        self.keep_anchored(&client).await?;
        let newest = self.chain.published.borrow().height;
        if height > newest {
            return Err(AnchorError::Ahead {
                gateway,
                anchored: height,
                newest,
            });
        }
        Ok(Known {
            client,
            gateway,
            height,
            asked_at: clock::monotonic(),
        })
    }

    /// Keeps the heights that the main chain lists, from where it was last asked for them.
    async fn keep_anchored(&self, client: &Client) -> Result<(), AnchorError> {
        loop {
            let newest = self.chain.archive.height().unwrap_or(0);
            let from = (self.chain.keeper.anchors_kept() + 1).max(self.chain.archive.base());
            let request = v1::ListAnchorsRequest {
                chain_code: self.chain.code.clone(),
                limit: PAGE_MAX,
                from_height: from,
            };
            let anchors = client.call(client.chains().anchors(request)).await?.anchors;
            // Those that this node has not come to yet are asked for again.
            let here = anchors
                .iter()
                .take_while(|anchor| (from..=newest).contains(&anchor.height));
            let mut heights: Vec<u64> = Vec::new();
            for anchor in here {
                if !follows(anchor, heights.last().copied(), from) {
                    return Err(AnchorError::Gap {
                        gateway: client.url().to_owned(),
                        height: anchor.height,
                        previous: anchor.previous_height,
                    });
                }
                heights.push(anchor.height);
            }
            if heights.is_empty() {
                return Ok(());
            }
            self.keep(move |keeper| keeper.keep_anchored(&heights))
                .await?;
        }
    }

    /// Waits for the disk elsewhere.
    async fn keep(
        &self,
        write: impl FnOnce(&Keeper) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<(), StoreError> {
        let keeper = self.chain.keeper.clone();
        tokio::task::spawn_blocking(move || write(&keeper))
            .await
            .expect("a store that cannot be read ends the node")
    }

    /// The newest height, as soon as it proves transactions that the anchored one does not, or the heartbeat is due. Nothing after
    /// `patience`: what the main chain was said to know may be wrong.
    async fn wait_for_news(
        &mut self,
        anchored: u64,
        heartbeat: Duration,
        patience: Duration,
    ) -> News {
        let deadline = clock::monotonic() + heartbeat;
        let ask_again = clock::monotonic() + patience;
        loop {
            let height = self.chain.published.borrow_and_update().height;
            self.tell(|status| status.provable_height = height);
            if height > anchored && self.proves_transactions(anchored, height) {
                return News::Newest(height);
            }
            if height > anchored && clock::monotonic() >= deadline {
                return News::Newest(height);
            }
            tokio::select! {
                changed = self.chain.published.changed() => {
                    if changed.is_err() {
                        return News::End;
                    }
                }
                () = tokio::time::sleep_until(deadline.into()), if height > anchored => {}
                () = tokio::time::sleep_until(ask_again.into()) => return News::None,
            }
        }
    }

    /// The header at `height` proves the blocks below it; the anchored one, those below that.
    fn proves_transactions(&self, anchored: u64, height: u64) -> bool {
        let first = anchored.max(1);
        if height - first > LOOK_BACK_MAX {
            return true;
        }
        (first..height).rev().any(|height| {
            self.chain
                .archive
                .receipts(height)
                .is_some_and(|receipts| !receipts.is_empty())
        })
    }

    async fn submit(&self, known: &Known, step: Step) -> Result<u64, AnchorError> {
        let height = step.height;
        // First, since the answer may be lost, and this node may die before it comes.
        self.keep(move |keeper| keeper.keep(&[height])).await?;
        let operation = protocol::Operation {
            r#type: protocol::operation::Type::AnchorSubmit.into(),
            native: Some(protocol::operation::Native::AnchorSubmit(
                v1::AnchorSubmit {
                    chain_code: self.chain.code.clone(),
                    trusted_height: known.height,
                    signed_header: step.signed_header,
                    validators: step.validators,
                    next_validators: step.next_validators,
                    trusted_next_validators: step.trusted_next_validators,
                },
            )),
            ..protocol::Operation::default()
        };
        let committed = known.client.send(&self.account, vec![operation]).await?;
        Ok(committed.height)
    }

    fn tell(&self, change: impl FnOnce(&mut v1::AnchorLoopStatus)) {
        self.status.send_if_modified(|status| {
            let before = status.clone();
            change(status.get_or_insert_default());
            *status != before
        });
    }
}

/// Whether an anchor is the next one after the one listed `before`, or the first one from a height on.
fn follows(anchor: &v1::AnchorRecord, before: Option<u64>, from: u64) -> bool {
    let previous = anchor.previous_height;
    match before {
        Some(before) => previous == before && before < anchor.height,
        None => previous < from,
    }
}

fn pause(failures: u32) -> Duration {
    (PERIOD * 2u32.saturating_pow(failures.saturating_sub(1).min(8))).min(PAUSE_MAX)
}

#[cfg(test)]
mod tests;
