//! What the gateway is given: how it reads the chain, submits to it and learns of its node.
//!
//! Nothing here is the core itself. Reads go to the archive at a published height and never enter the core; a submission is a
//! message with a reply; the rest are snapshots that the core replaces when something changed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, RwLock};

use starfire_crosschain::trust::Bundle;
use starfire_did::SigningKey;
use starfire_ledger::Genesis;
use starfire_proto::v1;
use starfire_state::{Archive, Rejection, View};
use tokio::sync::{mpsc, oneshot, watch};

use crate::did_index::DidIndex;
use crate::web_did::WebDids;

/// Everything that the gateway stands on.
pub struct Backend {
    /// Blocks, state and tree, read while the core writes.
    pub archive: Arc<dyn Archive>,
    /// By what DIDs are found, as of the newest block that is written.
    pub dids: Arc<dyn DidIndex>,
    /// The newest block that may be read, sent after each commit.
    pub published: watch::Receiver<Published>,
    /// Transactions on their way to the pool. Bounded: what does not fit is refused, not queued.
    pub submit: mpsc::Sender<Submission>,
    /// This node as it sees itself; `since_commit_ms` is filled in when somebody asks.
    pub status: watch::Receiver<v1::StatusResponse>,
    /// What waits in the pool.
    pub pool: Arc<RwLock<PoolView>>,
    /// The pinnable description of this chain, as genesis fixes it.
    pub trust: Bundle,
    /// How the chain began.
    pub genesis: Arc<Genesis>,
    /// The key that peers know this node by.
    pub node_key: tendermint::PublicKey,
    /// What this node does with credentials.
    pub credentials: CredentialPolicy,
    /// Fetches documents of `did:web`; `None`: nobody does.
    pub web_dids: Option<WebDids>,
}

/// What a node does with credentials, as its operator configured it.
#[derive(Debug, Clone)]
pub struct CredentialPolicy {
    /// The HTTP status of a completed check that did not find a credential valid.
    pub refused_status: u16,
    /// The key that `POST /credentials/issue` signs with. None on any node but one for tests.
    pub issuer: Option<SigningKey>,
}

impl fmt::Debug for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backend")
            .field("published", &self.published.borrow().height)
            .finish_non_exhaustive()
    }
}

/// How far the chain may be read: the block of this height, its commit, receipts and state are all in the archive.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Published {
    /// The newest committed height; 0 after genesis.
    pub height: u64,
}

/// Transactions for the pool.
#[derive(Debug)]
pub struct Submission {
    /// `starfire.v1.Envelope` each, as received.
    pub envelopes: Vec<Vec<u8>>,
    /// Of each, in order. Admitted: the hash, SHA-256 of the transaction's blob. Otherwise why not.
    pub reply: oneshot::Sender<Vec<Result<[u8; 32], Rejection>>>,
}

/// What waits in the pool, for status and nonces.
#[derive(Debug, Clone, Default)]
pub struct PoolView {
    /// Hashes of waiting transactions.
    pub pending: BTreeSet<[u8; 32]>,
    /// By address, the nonce after its last waiting transaction. An address without waiting transactions is absent.
    pub next_nonces: BTreeMap<Arc<str>, i64>,
}

/// The chain as of one published height.
#[derive(Clone)]
pub struct ReadView {
    archive: Arc<dyn Archive>,
    height: u64,
}

impl ReadView {
    /// The archive up to `height`, which must be published.
    pub fn new(archive: Arc<dyn Archive>, height: u64) -> Self {
        Self { archive, height }
    }

    /// The newest height that this view knows.
    pub fn height(&self) -> u64 {
        self.height
    }

    /// Blocks and the tree.
    pub fn archive(&self) -> &dyn Archive {
        self.archive.as_ref()
    }

    /// State after the newest block.
    pub fn state(&self) -> Box<dyn View + '_> {
        self.archive.state_at(self.height)
    }
}

impl fmt::Debug for ReadView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadView")
            .field("height", &self.height)
            .finish_non_exhaustive()
    }
}
