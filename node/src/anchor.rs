//! The backbone's loop: shows the main chain the sub-chain's headers.
//!
//! A client of main-chain gateways with an account of its own, and nothing more: the main chain believes the signatures on the
//! header, not this node. It anchors the newest header as soon as there are transactions that no anchor proves yet, at most one
//! a second, and a heartbeat when nothing happens. What to send is derived from the main chain's record and the own archive
//! each time, so a restart, a lost answer or a second backbone does no harm.

use std::sync::Arc;
use std::time::{Duration, Instant};

use prost::Message as _;
use starfire_did::PrivateKey;
use starfire_ledger::Block;
use starfire_proto::{protocol, v1};
use starfire_state::Archive;
use tendermint_proto::v0_38::types as raw;
use tokio::sync::watch;

use crate::client::{Client, ClientError};
use crate::clock;
use crate::gateway::backend::Published;

/// Anchors follow each other at this distance at least.
const PERIOD: Duration = Duration::from_secs(1);
/// An idle chain is anchored this often.
const HEARTBEAT: Duration = Duration::from_secs(60);
/// The longest pause after failures.
const PAUSE_MAX: Duration = Duration::from_secs(15);
/// Blocks looked through for transactions in one go, newest first.
const LOOK_BACK_MAX: u64 = 1000;

/// The loop's state.
pub struct Anchor {
    account: PrivateKey,
    gateways: Vec<String>,
    chain_code: String,
    archive: Arc<dyn Archive>,
    published: watch::Receiver<Published>,
    status: watch::Sender<Option<v1::AnchorLoopStatus>>,
}

impl std::fmt::Debug for Anchor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Anchor")
            .field("chain_code", &self.chain_code)
            .field("gateways", &self.gateways)
            .finish_non_exhaustive()
    }
}

/// What the main chain knows of this chain.
struct Known {
    client: Client,
    gateway: String,
    height: u64,
}

impl Anchor {
    /// A loop that anchors what `archive` holds, through the first of `gateways` that answers.
    pub fn new(
        account: PrivateKey,
        gateways: Vec<String>,
        chain_code: String,
        archive: Arc<dyn Archive>,
        published: watch::Receiver<Published>,
        status: watch::Sender<Option<v1::AnchorLoopStatus>>,
    ) -> Self {
        Self {
            account,
            gateways,
            chain_code,
            archive,
            published,
            status,
        }
    }

    /// Runs until the node ends.
    pub async fn run(mut self) {
        let mut known: Option<Known> = None;
        let mut next_gateway = 0;
        let mut failures: u32 = 0;
        let mut anchored_at: Option<Instant> = None;
        loop {
            let current = match known.take() {
                Some(current) => current,
                None => match self.connect(next_gateway).await {
                    Ok(found) => found,
                    Err(error) => {
                        next_gateway += 1;
                        failures += 1;
                        self.tell(|status| status.last_error = error.to_string());
                        tracing::warn!(%error, "no main-chain gateway answers");
                        tokio::time::sleep(pause(failures)).await;
                        continue;
                    }
                },
            };
            let due = anchored_at.map_or(Duration::ZERO, |at| {
                HEARTBEAT.saturating_sub(clock::elapsed(at))
            });
            let Some(height) = self.wait_for_news(current.height, due).await else {
                return;
            };
            match self.submit(&current, height).await {
                Ok(main_height) => {
                    failures = 0;
                    anchored_at = Some(clock::monotonic());
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

    async fn connect(&self, first: usize) -> Result<Known, ClientError> {
        let gateway = self.gateways[first % self.gateways.len()].clone();
        let client = Client::connect(&gateway)?;
        let request = v1::ListAnchorsRequest {
            chain_code: self.chain_code.clone(),
            limit: 1,
            from_height: 0,
        };
        let anchors = client.call(client.chains().anchors(request)).await?.anchors;
        let height = anchors.first().map_or(0, |anchor| anchor.height);
        Ok(Known {
            client,
            gateway,
            height,
        })
    }

    /// The newest height, as soon as it proves transactions that the anchored one does not, or the heartbeat is due.
    async fn wait_for_news(&mut self, anchored: u64, heartbeat: Duration) -> Option<u64> {
        let deadline = clock::monotonic() + heartbeat;
        loop {
            let height = self.published.borrow_and_update().height;
            self.tell(|status| status.provable_height = height);
            if height > anchored && self.proves_transactions(anchored, height) {
                return Some(height);
            }
            if height > anchored && clock::monotonic() >= deadline {
                return Some(height);
            }
            tokio::select! {
                changed = self.published.changed() => changed.ok()?,
                () = tokio::time::sleep_until(deadline.into()), if height > anchored => {}
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
            self.archive
                .receipts(height)
                .is_some_and(|receipts| !receipts.is_empty())
        })
    }

    async fn submit(&self, known: &Known, height: u64) -> Result<u64, ClientError> {
        let (block, commit) = self
            .archive
            .block(height)
            .expect("a published block is stored");
        let header = Block::decode(&block)
            .expect("a stored block decodes")
            .header;
        let commit = raw::Commit::decode(commit.as_slice()).expect("a stored commit decodes");
        let signed_header = raw::SignedHeader {
            header: Some(header.into()),
            commit: Some(commit),
        };
        let validators = starfire_state::chain::validators(&*self.archive.state_at(height))
            .expect("genesis wrote the validators");
        let operation = protocol::Operation {
            r#type: protocol::operation::Type::AnchorSubmit.into(),
            native: Some(protocol::operation::Native::AnchorSubmit(
                v1::AnchorSubmit {
                    chain_code: self.chain_code.clone(),
                    trusted_height: known.height,
                    signed_header: signed_header.encode_to_vec(),
                    validators: validators.clone(),
                    next_validators: validators.clone(),
                    trusted_next_validators: validators,
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

fn pause(failures: u32) -> Duration {
    (PERIOD * 2u32.saturating_pow(failures.saturating_sub(1).min(8))).min(PAUSE_MAX)
}
