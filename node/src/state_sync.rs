//! Beginning with a snapshot: a node with an empty store takes over the state of a height that its peers executed.
//!
//! Nothing of it is believed for who sends it. A light client verifies the header after the snapshot's height, from a header that
//! the operator trusts or from genesis. Each chunk must have the hash that the manifest names, and before anything is used the tree
//! over all entries must have the root that the verified header carries. A peer that sends something else is dropped, and the next
//! offer is tried. Whether the root is right shows only after the last chunk, so what most members offer comes first, a member whose
//! snapshot did not hold is asked no more, and no snapshot may be larger than the operator allows. Until the root is right the store
//! has no height; a node that dies meanwhile begins anew.
//!
//! Blocks from the next height on come by [`crate::sync`]. Older ones are not there: who asks for them hears `PRUNED`.

mod chunks;
mod headers;
mod import;
mod liars;
mod offers;

use std::path::PathBuf;
use std::time::Duration;

use starfire_ledger::Genesis;
use starfire_state::StoreError;

use crate::network::{Inbox, Network};
use crate::rocks::Rocks;
use crate::roster::Roster;
use headers::{Believed, Fault};
use import::Imported;
use liars::Liars;
use offers::Offer;

/// How often peers are asked again when none has a snapshot that holds.
const ROUNDS_MAX: u32 = 3;
/// Between two rounds.
const ROUND_PAUSE: Duration = Duration::from_secs(2);

/// A header that the operator trusts, since it came by another way than from the peers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrustedHeader {
    /// Its height.
    pub height: u64,
    /// Its hash.
    pub hash: [u8; 32],
}

/// What a node that begins with a snapshot goes by.
#[derive(Debug)]
pub struct Terms<'a> {
    /// The chain's beginning.
    pub genesis: &'a Genesis,
    /// Where trust begins, if not with genesis.
    pub trust: Option<TrustedHeader>,
    /// Whose peers they are, as far as this node knows.
    pub roster: &'a Roster,
    /// All chunks of a snapshot together are not longer.
    pub bytes_max: u64,
    /// The file that remembers whose snapshots did not hold.
    pub liars: PathBuf,
}

/// Why a node does not begin with a snapshot.
#[derive(Debug, thiserror::Error)]
pub enum StateSyncError {
    /// What trust begins with is too old: its validators may have gone, and sold their keys.
    #[error(
        "the trusted header, or the genesis, is more than 30 days old: set sync.trust_height and sync.trust_hash to a recent header of the chain, got from somebody you trust"
    )]
    Expired,
    /// No peer has the trusted header.
    #[error(
        "no peer shows the header at height {0} with the hash of sync.trust_hash: compare both with somebody you trust; peers may have pruned the height"
    )]
    Untrusted(u64),
    /// There are snapshots, but none holds.
    #[error(
        "none of the peers' snapshots holds; the log says why: start again, or set sync.snapshots = false to begin with the first block"
    )]
    NoneHolds,
    /// The store cannot write.
    #[error("the snapshot cannot be stored")]
    Store(#[from] StoreError),
    /// The node is going down.
    #[error("the network has stopped")]
    Stopped,
}

impl StateSyncError {
    /// A stable name, for people and programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Expired => "STATE_SYNC_EXPIRED",
            Self::Untrusted(_) => "STATE_SYNC_UNTRUSTED",
            Self::NoneHolds => "STATE_SYNC_NONE_HOLDS",
            Self::Store(_) => "STATE_SYNC_STORE",
            Self::Stopped => "STATE_SYNC_STOPPED",
        }
    }
}

/// Fills an empty store from a peer's snapshot; gives it back with the height reached, or with none if no peer has a snapshot, so
/// that the chain is young and its blocks tell all.
pub async fn run(
    network: &Network,
    inbox: &mut Inbox,
    terms: &Terms<'_>,
    rocks: Rocks,
) -> Result<(Rocks, Option<u64>), StateSyncError> {
    tokio::select! {
        begun = begin(network, terms, rocks) => begun,
        // There is no chain here yet that messages could be for.
        () = drain(inbox) => Err(StateSyncError::Stopped),
    }
}

async fn drain(inbox: &mut Inbox) {
    while inbox.recv().await.is_some() {}
}

async fn begin(
    network: &Network,
    terms: &Terms<'_>,
    rocks: Rocks,
) -> Result<(Rocks, Option<u64>), StateSyncError> {
    let mut rocks = rocks;
    if rocks.is_importing() {
        tracing::info!("a snapshot was half taken over: beginning anew");
        rocks.discard_import()?;
    }
    let mut liars = Liars::load(&terms.liars, terms.roster);
    let mut shown = Shown::default();
    // Who has offered a snapshot once may do so again: that the chain is young is no longer believed.
    let mut has_snapshots = false;
    for round in 0..ROUNDS_MAX {
        if round > 0 {
            tokio::time::sleep(ROUND_PAUSE).await;
        }
        let offers = offers::collect(network, &liars).await?;
        has_snapshots |= !offers.is_empty();
        if !has_snapshots {
            tracing::info!("no peer has a snapshot: beginning with the first block");
            return Ok((rocks, None));
        }
        for mut offer in offers {
            offer.peers.retain(|peer| !liars.contains(peer));
            match attempt(network, terms, &mut offer, rocks, &mut liars, &mut shown).await? {
                (store, Attempt::Done) => return Ok((store, Some(offer.height))),
                (store, Attempt::Failed) => rocks = store,
            }
        }
    }
    match terms.trust {
        Some(trust) if shown.denied && !shown.found => Err(StateSyncError::Untrusted(trust.height)),
        Some(_) | None => Err(StateSyncError::NoneHolds),
    }
}

/// What became of an offer.
enum Attempt {
    Done,
    Failed,
}

/// What peers have shown of the operator's trusted header. One that does not answer has shown nothing: it may in the next round.
#[derive(Debug, Default)]
struct Shown {
    /// One has it.
    found: bool,
    /// One has none at that height, or another.
    denied: bool,
}

async fn attempt(
    network: &Network,
    terms: &Terms<'_>,
    offer: &mut Offer,
    rocks: Rocks,
    liars: &mut Liars<'_>,
    shown: &mut Shown,
) -> Result<(Rocks, Attempt), StateSyncError> {
    let Terms { genesis, trust, .. } = *terms;
    if !offer.may_fit(terms.bytes_max) {
        import::too_large(offer, liars);
        return Ok((rocks, Attempt::Failed));
    }
    let mut header = None;
    for peer in offer.peers.clone() {
        let believed = match trust {
            Some(trust) => {
                let pinned = headers::pinned(network, peer, trust).await;
                shown.found |= pinned.is_ok();
                shown.denied |= matches!(pinned, Err(Fault::Absent | Fault::Other(_)));
                pinned
            }
            None => Ok(Believed::genesis(genesis)),
        };
        let verified = match believed {
            Ok(believed) => {
                headers::verify(
                    network,
                    peer,
                    &believed,
                    genesis.chain_id(),
                    offer.height + 1,
                )
                .await
            }
            Err(fault) => Err(fault),
        };
        match verified {
            Ok(verified) => {
                header = Some(verified);
                break;
            }
            Err(Fault::Expired) => return Err(StateSyncError::Expired),
            Err(fault) => drop_peer(peer, &fault, liars),
        }
    }
    offer.peers.retain(|peer| !liars.contains(peer));
    let Some(header) = header else {
        return Ok((rocks, Attempt::Failed));
    };
    tracing::info!(
        height = offer.height,
        peers = offer.peers.len(),
        "taking over a snapshot"
    );
    let (rocks, imported) =
        import::import(network, offer, &header, terms.bytes_max, rocks, liars).await?;
    Ok(match imported {
        Imported::Done => (rocks, Attempt::Done),
        Imported::Failed => (rocks, Attempt::Failed),
    })
}

fn drop_peer(peer: libp2p::PeerId, fault: &Fault, liars: &mut Liars<'_>) {
    match fault {
        Fault::Lie(reason) => {
            tracing::warn!(%peer, reason, "a peer's snapshot does not hold");
            liars.add(peer);
        }
        Fault::Other(height) => {
            tracing::warn!(%peer, height, "a peer's header is not the trusted one");
            liars.add(peer);
        }
        Fault::Silent(error) => tracing::info!(%peer, %error, "a peer did not answer"),
        Fault::Absent => tracing::info!(%peer, "a peer does not have the header"),
        Fault::Expired => {}
    }
}

#[cfg(test)]
mod tests;
