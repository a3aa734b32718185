//! Which snapshots peers offer.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use libp2p::PeerId;
use prost::Message;
use starfire_proto::v1::{self, sync_request::Request, sync_response::Response};

use super::StateSyncError;
use super::liars::Liars;
use crate::clock;
use crate::network::{Network, RequestError};
use crate::snapshot::{self, CHUNK_BYTES, CHUNKS_MAX, HASH_BYTES};

/// Snapshots of one peer that are looked at, newest first.
const PER_PEER_MAX: usize = 4;
/// How long others have to connect and answer once one has.
const SETTLE: Duration = Duration::from_secs(2);
/// How often it is looked who has connected.
const LOOK_PERIOD: Duration = Duration::from_millis(100);
/// How often the log says that nobody is there.
const LOG_PERIOD: Duration = Duration::from_secs(10);

/// A snapshot, and who has it.
#[derive(Debug, Clone)]
pub(super) struct Offer {
    pub(super) height: u64,
    pub(super) manifest: v1::SnapshotManifest,
    pub(super) peers: Vec<PeerId>,
}

impl Offer {
    /// How many chunks there are.
    pub(super) fn chunks(&self) -> usize {
        self.manifest.chunks.len() / HASH_BYTES
    }

    /// Whether its chunks may be no longer than this together: any two that follow each other hold more than one full chunk.
    pub(super) fn may_fit(&self, bytes_max: u64) -> bool {
        let full = u64::try_from(self.chunks() / 2).unwrap_or(u64::MAX);
        full.saturating_mul(CHUNK_BYTES as u64) <= bytes_max
    }

    /// The hash of a chunk.
    pub(super) fn hash(&self, index: usize) -> Option<&[u8]> {
        self.manifest.chunks.chunks_exact(HASH_BYTES).nth(index)
    }
}

/// Asks all peers but `liars`, and waits for as long as there is none. First comes what most members have, then what is newest: one
/// member's fancy does not cost a download, however many nodes it lists.
pub(super) async fn collect(
    network: &Network,
    liars: &Liars<'_>,
) -> Result<Vec<Offer>, StateSyncError> {
    let mut asked = BTreeSet::new();
    let mut answers = FuturesUnordered::new();
    let mut found: BTreeMap<(u64, Vec<u8>), Offer> = BTreeMap::new();
    // Where somebody has lied, the honest may be there already.
    let mut settle_at = (!liars.is_empty()).then(|| clock::monotonic() + SETTLE);
    let mut logged_at = clock::monotonic();
    loop {
        for peer in network.connected() {
            if !liars.contains(&peer) && asked.insert(peer) {
                answers.push(ask(network.clone(), peer));
            }
        }
        tokio::select! {
            Some((peer, manifests)) = answers.next() => match manifests {
                Ok(manifests) => {
                    settle_at.get_or_insert(clock::monotonic() + SETTLE);
                    for (id, manifest) in manifests {
                        let offer = found.entry((manifest.height, id)).or_insert_with(|| Offer {
                            height: manifest.height,
                            manifest,
                            peers: Vec::new(),
                        });
                        offer.peers.push(peer);
                    }
                }
                Err(RequestError::Stopped) => return Err(StateSyncError::Stopped),
                Err(error) => {
                    tracing::debug!(%peer, %error, "a peer did not list its snapshots");
                    asked.remove(&peer);
                }
            },
            () = tokio::time::sleep(LOOK_PERIOD) => {}
        }
        if settle_at.is_some_and(|at| clock::monotonic() >= at) {
            break;
        }
        if clock::elapsed(logged_at) > LOG_PERIOD {
            logged_at = clock::monotonic();
            tracing::info!(
                connected = network.connected().len(),
                "waiting for a peer that lists its snapshots"
            );
        }
    }
    Ok(ranked(found.into_values().collect(), liars))
}

fn ranked(mut offers: Vec<Offer>, liars: &Liars<'_>) -> Vec<Offer> {
    offers
        .sort_by_cached_key(|offer| std::cmp::Reverse((liars.voices(&offer.peers), offer.height)));
    offers
}

/// A peer's snapshots by the hashes of their manifests.
async fn ask(
    network: Network,
    peer: PeerId,
) -> (
    PeerId,
    Result<Vec<(Vec<u8>, v1::SnapshotManifest)>, RequestError>,
) {
    let request = Request::Snapshots(v1::SnapshotListRequest {});
    let list = match network.request(peer, request).await {
        Ok(Response::Snapshots(list)) => list.snapshots,
        Ok(_) => return (peer, Err(RequestError::OtherAnswer)),
        Err(error) => return (peer, Err(error)),
    };
    let mut manifests = Vec::new();
    for summary in list.into_iter().take(PER_PEER_MAX) {
        let manifest = match network
            .request(peer, Request::Manifest(summary.height))
            .await
        {
            Ok(Response::Manifest(manifest)) => manifest,
            // It was replaced by a newer one meanwhile.
            Ok(_) => continue,
            Err(error) => return (peer, Err(error)),
        };
        if is_sound(&manifest, summary.height) {
            let id = snapshot::hash(&manifest.encode_to_vec()).to_vec();
            manifests.push((id, manifest));
        } else {
            tracing::warn!(%peer, height = summary.height, "a peer's manifest makes no sense");
        }
    }
    (peer, Ok(manifests))
}

fn is_sound(manifest: &v1::SnapshotManifest, height: u64) -> bool {
    let chunks = manifest.chunks.len();
    manifest.height == height
        && (1..i64::MAX.unsigned_abs()).contains(&height)
        && chunks > 0
        && chunks.is_multiple_of(HASH_BYTES)
        && chunks / HASH_BYTES <= CHUNKS_MAX
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::roster::Roster;

    fn offer(height: u64, chunks: usize, peers: &[PeerId]) -> Offer {
        Offer {
            height,
            manifest: v1::SnapshotManifest {
                height,
                chunks: vec![0; chunks * HASH_BYTES],
                ..v1::SnapshotManifest::default()
            },
            peers: peers.to_vec(),
        }
    }

    #[test]
    fn many_nodes_of_one_member_do_not_outvote_two_members() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("liars");
        let peers: Vec<PeerId> = (0..18).map(|_| PeerId::random()).collect();
        let roster = Roster::of_members(&[
            ("crowd", &peers[..16], 0),
            ("a", &peers[16..17], 10),
            ("b", &peers[17..], 10),
        ]);
        let heights = |offers: Vec<Offer>| -> Vec<u64> {
            let offers = ranked(offers, &Liars::load(&path, &roster));
            offers.iter().map(|offer| offer.height).collect()
        };
        let fancy = offer(9_000, 1, &peers[..16]);
        assert_eq!(
            heights(vec![fancy.clone(), offer(1_000, 1, &peers[16..])]),
            [1_000, 9_000]
        );
        let one = offer(1_000, 1, &peers[16..17]);
        assert_eq!(heights(vec![fancy.clone(), one.clone()]), [9_000, 1_000]);
        Liars::load(&path, &roster).add(peers[3]);
        assert_eq!(
            heights(vec![fancy, one]),
            [1_000, 9_000],
            "it lied at an earlier start"
        );
    }

    #[test]
    fn a_manifest_with_too_many_chunks_is_not_begun() {
        const MIB: u64 = 1 << 20;
        assert!(offer(1, 20, &[]).may_fit(10 * MIB));
        assert!(!offer(1, 22, &[]).may_fit(10 * MIB));
        assert!(offer(1, CHUNKS_MAX, &[]).may_fit(32_768 * MIB));
        assert!(!offer(1, CHUNKS_MAX, &[]).may_fit(16_384 * MIB));
    }
}
