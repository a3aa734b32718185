//! Fetching a snapshot's chunks from several peers, in parallel, each checked by its hash.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use libp2p::PeerId;
use starfire_proto::v1::{self, sync_request::Request, sync_response::Response};
use tokio::sync::mpsc;

use super::liars::Liars;
use super::offers::Offer;
use crate::network::{Network, RequestError};
use crate::snapshot;

/// Chunks under way at once, of all peers and of one.
const UNDER_WAY_MAX: usize = 6;
const UNDER_WAY_PER_PEER_MAX: usize = 2;
/// Chunks that are here before their turn.
const AHEAD_MAX: usize = 16;
/// Questions without an answer, after which a peer is asked no more.
const SILENCES_MAX: u32 = 3;

/// Why the chunks do not come.
#[derive(Debug)]
pub(super) enum Stopped {
    /// Nobody is left to ask.
    NobodyLeft,
    /// Whoever takes the chunks does not want more.
    NotWanted,
}

/// How a peer has done.
#[derive(Debug, Default)]
struct Record {
    under_way: usize,
    silences: u32,
}

/// Sends all chunks on, in order. A peer whose chunk is not the one that the manifest names is added to `liars` and dropped.
pub(super) async fn fetch(
    network: &Network,
    offer: &Offer,
    chunks: mpsc::Sender<Vec<u8>>,
    liars: &mut Liars<'_>,
) -> Result<(), Stopped> {
    let mut peers: BTreeMap<PeerId, Record> = offer
        .peers
        .iter()
        .map(|peer| (*peer, Record::default()))
        .collect();
    let count = offer.chunks();
    let mut requests = FuturesUnordered::new();
    let mut here: BTreeMap<usize, Vec<u8>> = BTreeMap::new();
    let mut wanted: BTreeSet<usize> = BTreeSet::new();
    let (mut next, mut first) = (0, 0);
    loop {
        while let Some(chunk) = here.remove(&first) {
            chunks.send(chunk).await.map_err(|_| Stopped::NotWanted)?;
            first += 1;
        }
        if first == count {
            return Ok(());
        }
        while next < count.min(first + AHEAD_MAX) {
            wanted.insert(next);
            next += 1;
        }
        while requests.len() < UNDER_WAY_MAX
            && let Some(index) = wanted.first().copied()
            && let Some(peer) = least_busy(&peers)
        {
            wanted.remove(&index);
            peers.entry(peer).or_default().under_way += 1;
            requests.push(ask(network.clone(), peer, offer.height, index));
        }
        let Some((peer, index, answer)) = requests.next().await else {
            return Err(Stopped::NobodyLeft);
        };
        let Some(record) = peers.get_mut(&peer) else {
            wanted.insert(index);
            continue;
        };
        record.under_way -= 1;
        match answer {
            Ok(Response::Chunk(chunk))
                if offer.hash(index) == Some(snapshot::hash(&chunk).as_slice()) =>
            {
                here.insert(index, chunk);
                continue;
            }
            // It has a newer one by now.
            Ok(Response::Absent(_)) => {
                peers.remove(&peer);
            }
            Ok(_) => {
                tracing::warn!(%peer, index, "a peer sent a chunk that the manifest does not name");
                liars.add(peer);
                peers.remove(&peer);
            }
            Err(error) => {
                tracing::debug!(%peer, index, %error, "a chunk did not come");
                record.silences += 1;
                if record.silences >= SILENCES_MAX {
                    peers.remove(&peer);
                }
            }
        }
        wanted.insert(index);
    }
}

fn least_busy(peers: &BTreeMap<PeerId, Record>) -> Option<PeerId> {
    let free = peers
        .iter()
        .filter(|(_, record)| record.under_way < UNDER_WAY_PER_PEER_MAX);
    free.min_by_key(|(_, record)| (record.under_way, record.silences))
        .map(|(peer, _)| *peer)
}

async fn ask(
    network: Network,
    peer: PeerId,
    height: u64,
    index: usize,
) -> (PeerId, usize, Result<Response, RequestError>) {
    let request = Request::Chunk(v1::SnapshotChunkRequest {
        height,
        index: u32::try_from(index).expect("a manifest's chunks are counted in 32 bits"),
    });
    (peer, index, network.request(peer, request).await)
}
