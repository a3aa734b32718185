//! The gateway: what clients see of a node, gRPC and HTTP on one port.
//!
//! The gateway decides nothing. Each surface is a file that parses a request, makes one call and renders the answer; what is true
//! is in the archive, what is admitted is the core's business. So whoever distrusts this node loses nothing by asking it: an answer
//! about state carries its proof, and a proof either holds or does not.
//!
//! Everything is bounded. Reads leave the network's threads, a few at a time; whoever would have to queue longer than that is
//! refused with [`error::BUSY`] and told when to come back.

mod accept;
mod accounts;
pub mod backend;
mod blocks;
mod chains;
mod connection;
mod contract;
mod credentials;
mod cross_origin;
mod did_batch;
mod did_changes;
mod did_list;
mod did_resources;
mod dids;
pub mod error;
mod evidence;
mod facts;
mod feeds;
mod fields;
mod http;
mod json;
mod legacy;
mod limits;
mod members;
mod page;
mod proofs;
mod registrar;
mod resolution;
mod resolver;
mod serve;
mod status;
mod tendermint;
mod transactions;
mod turns;

#[cfg(test)]
pub(crate) mod fixture;

use std::sync::{Arc, OnceLock};

use starfire_did::ChainCode;
use starfire_state::Rejection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};

pub use backend::{Backend, CredentialPolicy, PoolView, Published, ReadView, Submission};
pub(crate) use serve::accept;
pub use serve::serve;

use feeds::Feeds;
use proofs::Heads;
use resolution::Answers;
use turns::Turns;

use crate::seats::{Seat, Seats};

/// Reads of the archive at one time; others wait for their turn.
const READS_MAX: usize = 8;
/// Calls that wait for a transaction at one time.
const WAITS_MAX: usize = 2_048;
/// Questions to other chains' gateways at one time.
const RESOLVES_MAX: usize = 32;
/// Those to one chain's: one that does not answer takes no other's.
const RESOLVES_PER_CHAIN_MAX: usize = 8;
/// Credentials that are judged at one time: each takes a processor while it lasts.
const CHECKS_MAX: usize = 4;
/// Of one address: others get their turn while they last.
const CHECKS_PER_PEER_MAX: usize = 2;
/// Tendermint clients' websocket connections at one time.
const SOCKETS_MAX: usize = 128;
/// Those of one address.
const SOCKETS_PER_PEER_MAX: usize = 64;

/// All surfaces: each of the gateway's services is implemented for this type, in its own file.
#[derive(Debug, Clone)]
pub(crate) struct Gateway {
    backend: Arc<Backend>,
    feeds: Feeds,
    reads: Arc<Semaphore>,
    waits: Arc<Semaphore>,
    resolves: Seats<ChainCode>,
    answers: Arc<Answers>,
    heads: Arc<Heads>,
    chain_code: Arc<OnceLock<Option<ChainCode>>>,
    checks: Turns,
    sockets: Seats,
    changes: did_changes::Recent,
    jobs: registrar::Jobs,
}

impl Gateway {
    fn new(backend: Backend, feeds: Feeds) -> Self {
        Self {
            backend: Arc::new(backend),
            feeds,
            reads: Arc::new(Semaphore::new(READS_MAX)),
            waits: Arc::new(Semaphore::new(WAITS_MAX)),
            resolves: Seats::new(RESOLVES_MAX, RESOLVES_PER_CHAIN_MAX),
            answers: Arc::default(),
            heads: Arc::default(),
            chain_code: Arc::default(),
            checks: Turns::new(CHECKS_MAX, CHECKS_PER_PEER_MAX),
            sockets: Seats::new(SOCKETS_MAX, SOCKETS_PER_PEER_MAX),
            changes: did_changes::Recent::default(),
            jobs: registrar::Jobs::default(),
        }
    }

    /// A seat for asking this chain's gateways, or the refusal to queue for one.
    fn ask_seat(&self, code: ChainCode) -> Result<Seat<ChainCode>, Rejection> {
        self.resolves.take(code).ok_or_else(|| {
            Rejection::new(
                error::BUSY,
                format!("too many questions to {code}, or to all other chains, at once; try again shortly"),
            )
        })
    }

    /// The newest published height.
    fn height(&self) -> u64 {
        self.backend.published.borrow().height
    }

    /// The chain as of the newest published height.
    fn view(&self) -> ReadView {
        ReadView::new(Arc::clone(&self.backend.archive), self.height())
    }

    /// Reads the chain as of the newest published height, on a thread of its own, since a long read holds up whoever waits for the
    /// same thread. A look-up or two need none: the gateway's threads are not those of the network, so a slow disk delays answers,
    /// not votes.
    async fn read<T, F>(&self, read: F) -> Result<T, Rejection>
    where
        T: Send + 'static,
        F: FnOnce(&ReadView) -> Result<T, Rejection> + Send + 'static,
    {
        let turn = Arc::clone(&self.reads)
            .acquire_owned()
            .await
            .expect("nobody closes the semaphore of reads");
        let view = self.view();
        let read = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            read(&view)
        });
        read.await.unwrap_or_else(|error| {
            tracing::error!(%error, "a read panicked");
            Err(Rejection::new(
                error::INTERNAL,
                "this node could not read its own records; its log says why",
            ))
        })
    }
}

/// A seat, or the refusal to queue for one.
fn seat(seats: &Arc<Semaphore>, what: &str) -> Result<OwnedSemaphorePermit, Rejection> {
    Arc::clone(seats)
        .try_acquire_owned()
        .map_err(|error| match error {
            TryAcquireError::NoPermits => Rejection::new(
                error::BUSY,
                format!("too many {what} at once; try again shortly"),
            ),
            TryAcquireError::Closed => Rejection::new(error::STOPPING, "this node is going down"),
        })
}
