//! Taking a snapshot into the store, and using it only if its root is the one that the verified header carries.

use prost::Message;
use starfire_consensus::certificate;
use starfire_ledger::{Block, receipt};
use starfire_proto::v1::{self, sync_request::Request, sync_response::Response};
use starfire_state::tree::Cache;
use starfire_state::{Batch, Changes, StoreError};
use tendermint::block::signed_header::SignedHeader;
use tendermint::block::{Commit, Header};
use tendermint_proto::v0_38::types::Commit as RawCommit;
use tokio::sync::mpsc;

use super::StateSyncError;
use super::chunks::{self, Stopped};
use super::headers::decode_set;
use super::liars::Liars;
use super::offers::Offer;
use crate::network::Network;
use crate::rocks::Rocks;
use crate::snapshot::chunk;

/// Chunks between the network and the store.
const QUEUE_MAX: usize = 4;
/// How often the log tells how far it is, in chunks.
const LOG_CHUNKS: usize = 64;

/// What became of an import.
pub(super) enum Imported {
    /// The store begins with the snapshot.
    Done,
    /// The snapshot does not hold, or its chunks do not come; the store is empty.
    Failed,
}

/// Why the store does not take a snapshot.
enum Refusal {
    /// It cannot write.
    Store(StoreError),
    /// The snapshot is not what its manifest or the header says.
    Lie(String),
    /// Not all chunks came.
    Short,
    /// There is more of it than this node may take.
    TooLarge,
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Fetches and imports an offer; `header` is the verified header after its height.
pub(super) async fn import(
    network: &Network,
    offer: &Offer,
    header: &Header,
    bytes_max: u64,
    rocks: Rocks,
    liars: &mut Liars<'_>,
) -> Result<(Rocks, Imported), StateSyncError> {
    let Some(batch) = block(network, offer, header, liars).await else {
        return Ok((rocks, Imported::Failed));
    };
    let mut offer = offer.clone();
    offer.peers.retain(|peer| !liars.contains(peer));
    let (sender, receiver) = mpsc::channel(QUEUE_MAX);
    let (height, count) = (offer.height, offer.chunks());
    let root = header.app_hash.as_bytes().to_vec();
    let store = tokio::task::spawn_blocking(move || {
        let mut rocks = rocks;
        let chunks = Chunks {
            receiver,
            count,
            bytes_left: bytes_max,
        };
        let taken = take(&mut rocks, height, chunks, &root, &batch);
        (rocks, taken)
    });
    let fetched = chunks::fetch(network, &offer, sender, liars).await;
    let (mut rocks, taken) = store.await.map_err(|_| StateSyncError::Stopped)?;
    let Err(refusal) = taken else {
        return Ok((rocks, Imported::Done));
    };
    // Nothing of it may be there when another one is taken over, or genesis.
    rocks.discard_import()?;
    match (refusal, fetched) {
        (Refusal::Store(error), _) => return Err(StateSyncError::Store(error)),
        (Refusal::Lie(reason), _) => {
            tracing::warn!(
                height,
                reason,
                "a snapshot does not hold: its peers are asked no more"
            );
            for peer in &offer.peers {
                liars.add(*peer);
            }
        }
        (Refusal::TooLarge, _) => too_large(&offer, liars),
        (Refusal::Short, Err(Stopped::NobodyLeft)) => {
            tracing::warn!(height, "nobody is left who has the rest of the snapshot");
        }
        (Refusal::Short, Ok(()) | Err(Stopped::NotWanted)) => {}
    }
    Ok((rocks, Imported::Failed))
}

/// Passes over whoever offers what this node may not take. The chain's state may really be that large.
pub(super) fn too_large(offer: &Offer, liars: &mut Liars<'_>) {
    tracing::warn!(
        height = offer.height,
        chunks = offer.chunks(),
        "a snapshot is larger than sync.snapshot_mib_max: raise it, if the chain's state is"
    );
    for peer in &offer.peers {
        liars.pass_over(peer);
    }
}

/// The chunks of a snapshot as they come.
struct Chunks {
    receiver: mpsc::Receiver<Vec<u8>>,
    count: usize,
    bytes_left: u64,
}

impl Chunks {
    fn next(&mut self) -> Result<Vec<u8>, Refusal> {
        let chunk = self.receiver.blocking_recv().ok_or(Refusal::Short)?;
        let length = u64::try_from(chunk.len()).unwrap_or(u64::MAX);
        let left = self.bytes_left.checked_sub(length);
        self.bytes_left = left.ok_or(Refusal::TooLarge)?;
        Ok(chunk)
    }
}

fn take(
    rocks: &mut Rocks,
    height: u64,
    mut chunks: Chunks,
    root: &[u8],
    batch: &Batch,
) -> Result<(), Refusal> {
    let mut cache = Cache::new();
    let mut last: Option<Vec<u8>> = None;
    let mut reached = None;
    let count = chunks.count;
    for index in 0..count {
        let bytes = chunks.next()?;
        let entries = chunk::decode(&bytes, last.as_deref())
            .map_err(|error| Refusal::Lie(error.to_string()))?;
        last = entries.last().map(|(path, _)| path.clone());
        let entries: Changes = entries
            .into_iter()
            .map(|(path, value)| (path, Some(value)))
            .collect();
        reached = Some(rocks.import(&mut cache, height, &entries)?);
        if (index + 1) % LOG_CHUNKS == 0 {
            tracing::info!(
                height,
                chunks = index + 1,
                of = count,
                "taking over a snapshot"
            );
        }
    }
    if reached.as_ref().map(<[u8; 32]>::as_slice) != Some(root) {
        return Err(Refusal::Lie(
            "its root is not the one that the header carries".to_owned(),
        ));
    }
    Ok(rocks.finish_import(batch)?)
}

/// The block that the snapshot stands on, from the first peer whose block holds.
async fn block(
    network: &Network,
    offer: &Offer,
    header: &Header,
    liars: &mut Liars<'_>,
) -> Option<Batch> {
    for peer in &offer.peers {
        match network.request(*peer, Request::Block(offer.height)).await {
            Ok(Response::Block(block)) => match check(block, header) {
                Ok(batch) => return Some(batch),
                Err(reason) => {
                    tracing::warn!(%peer, reason, "a peer's block under its snapshot does not hold");
                    liars.add(*peer);
                }
            },
            Ok(_) => tracing::info!(%peer, "a peer does not have its snapshot any more"),
            Err(error) => tracing::info!(%peer, %error, "a peer did not answer"),
        }
    }
    None
}

/// What the store begins with: a block that the verified header after it names, with its receipts and its commit.
fn check(message: v1::SnapshotBlock, header: &Header) -> Result<Batch, String> {
    let v1::SnapshotBlock {
        block: bytes,
        commit: commit_bytes,
        receipts,
        validators,
    } = message;
    let block = Block::decode(&bytes).map_err(|error| error.to_string())?;
    if header.last_block_id != Some(block.id()) {
        return Err("the next header names another block".to_owned());
    }
    let commit: Commit = RawCommit::decode(commit_bytes.as_slice())
        .ok()
        .and_then(|raw| raw.try_into().ok())
        .ok_or("its commit does not decode")?;
    if commit.block_id != block.id() {
        return Err("its commit is for another block".to_owned());
    }
    let validators = decode_set(&validators)?;
    let signed =
        SignedHeader::new(block.header.clone(), commit).map_err(|error| error.to_string())?;
    certificate::verify(&signed, &validators).map_err(|error| error.to_string())?;

    let receipts: Vec<v1::Receipt> = receipts.into_iter().map(without_detail).collect();
    if receipts.len() != block.transactions.len()
        || header.last_results_hash != Some(receipt::results_hash(&receipts))
    {
        return Err("the next header names other receipts".to_owned());
    }
    let places = receipts
        .iter()
        .map(|receipt| <[u8; 32]>::try_from(receipt.hash.as_slice()).map(Some));
    Ok(Batch {
        height: block.height(),
        block: bytes,
        commit: commit_bytes,
        transactions: places
            .collect::<Result<_, _>>()
            .map_err(|_| "a receipt names no transaction")?,
        receipts: receipts.iter().map(Message::encode_to_vec).collect(),
        ..Batch::default()
    })
}

/// Detail and events of a receipt are not hashed, so a peer could make them up.
pub(super) fn without_detail(core: v1::ReceiptCore) -> v1::Receipt {
    let v1::ReceiptCore {
        hash,
        code,
        reason,
        fee,
    } = core;
    v1::Receipt {
        hash,
        code,
        reason,
        fee,
        ..v1::Receipt::default()
    }
}
