//! What a node begins with: its store, filled from a snapshot if it is empty, and the snapshots that it keeps for others.

use std::collections::BTreeSet;

use anyhow::Context as _;
use starfire_consensus::safety::SafetyRecord;
use starfire_ledger::Genesis;
use starfire_ledger::validators::Sets;
use starfire_state::{Archive, SafetyBlocks, Store};
use tendermint::account;

use crate::config::Config;
use crate::home::Home;
use crate::network::{Inbox, Network};
use crate::rocks::{OpenError, Rocks};
use crate::roster::Roster;
use crate::signer::Signer;
use crate::snapshot::{self, Shelf};
use crate::state_sync::{self, Terms};

/// With its code in front, for people and programs.
pub(super) fn store_error(error: OpenError) -> anyhow::Error {
    let code = error.code();
    anyhow::Error::from(error).context(format!("{code}: open the store"))
}

/// Opens the store. If that fails, perhaps since the disk is full, an unfinished snapshot makes room and it is tried once more.
pub(super) fn open(home: &Home, config: &Config) -> Result<Rocks, OpenError> {
    match Rocks::open_with(&home.data(), config.store.memory_mib) {
        // Not when another process has the store: that one may be taking the snapshot.
        Err(OpenError::Files { .. }) if snapshot::discard_unfinished(&home.snapshots()) => {
            Rocks::open_with(&home.data(), config.store.memory_mib)
        }
        opened => opened,
    }
}

/// Sees to it that this node votes by no other validator's safety record: the directory may be a copy of that one's.
///
/// While a key is being rotated there are two, of which the record knows one. The other is new: one that is in the chain's set already
/// may have voted, by another node.
pub(super) fn own_safety(rocks: &mut Rocks, signers: &[Signer]) -> anyhow::Result<()> {
    if signers.is_empty() {
        return Ok(());
    }
    let own: Vec<_> = signers.iter().map(|one| raw(one.address())).collect();
    let voting = voting(rocks);
    let foreign = |known: Vec<[u8; 20]>| {
        let strange: Vec<_> = own.iter().filter(|one| !known.contains(one)).collect();
        strange.len() == own.len() || strange.into_iter().any(|one| voting.contains(one))
    };
    if rocks.signers().is_some_and(foreign) && rocks.reader().safety().is_some() {
        tracing::warn!(
            "SAFETY_RECORD_LOST: data/ is of a node with another validator's key, and knows nothing of what this node's have signed"
        );
        rocks
            .save_safety(&SafetyRecord::silent().encode(), &SafetyBlocks::new())
            .context("forget another validator's votes")?;
    }
    rocks.bind_signers(&own).map_err(store_error)
}

/// Who votes now or at the height after, by the newest state.
fn voting(rocks: &Rocks) -> BTreeSet<[u8; 20]> {
    let Some(height) = rocks.height() else {
        return BTreeSet::new();
    };
    let sets = Sets::load(&*rocks.state_at(height));
    let infos = [&sets.current, &sets.next].map(|set| set.validators().iter());
    infos
        .into_iter()
        .flatten()
        .map(|info| raw(info.address))
        .collect()
}

fn raw(address: account::Id) -> [u8; 20] {
    <[u8; 20]>::try_from(address.as_bytes()).expect("an address has 20 bytes")
}

/// Fills an empty store from a snapshot of the peers, if they have one. What is left of an earlier attempt goes in any case.
pub(super) async fn begin(
    home: &Home,
    config: &Config,
    genesis: &Genesis,
    roster: &Roster,
    network: &Network,
    incoming: &mut Inbox,
    mut rocks: Rocks,
) -> anyhow::Result<Rocks> {
    if !config.sync.snapshots {
        rocks.discard_import().context("empty the store")?;
        return Ok(rocks);
    }
    let terms = Terms {
        genesis,
        trust: config.sync.trust(),
        roster,
        bytes_max: config.sync.snapshot_bytes_max(),
        liars: home.snapshot_liars(),
    };
    let begun = state_sync::run(network, incoming, &terms, rocks).await;
    let (rocks, height) = begun.map_err(|error| {
        let code = error.code();
        anyhow::Error::from(error).context(format!("{code}: begin with a snapshot"))
    })?;
    if let Some(height) = height {
        tracing::info!(height, "the store begins with a snapshot");
    }
    Ok(rocks)
}

/// The snapshots for others, if this node takes any.
pub(super) fn shelf(home: &Home, config: &Config) -> anyhow::Result<Shelf> {
    if config.store.snapshot_interval == 0 {
        return Ok(Shelf::none());
    }
    Shelf::open(&home.snapshots(), config.store.snapshots_kept).map_err(|error| {
        let code = error.code();
        anyhow::Error::from(error).context(format!("{code}: open the snapshots"))
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use starfire_did::{KeyAlgorithm, PrivateKey};
    use starfire_state::{Batch, tree};

    use super::*;
    use crate::config::Role;
    use crate::sync::fixture::Chain;

    fn signer(seed: u8) -> Signer {
        let key = PrivateKey::generate([seed; 32], KeyAlgorithm::Ed25519);
        Signer::new(&key).unwrap()
    }

    fn is_lost(rocks: &Rocks) -> bool {
        let record = rocks.reader().safety().unwrap();
        SafetyRecord::decode(&record, |_| None).unwrap().is_lost()
    }

    #[test]
    fn another_validators_votes_are_not_taken_for_own_ones() {
        let directory = TempDir::new().unwrap();
        let mut rocks = Rocks::open(directory.path()).unwrap();
        rocks
            .save_safety(&SafetyRecord::default().encode(), &SafetyBlocks::new())
            .unwrap();
        own_safety(&mut rocks, &[]).unwrap();
        own_safety(&mut rocks, &[signer(1)]).unwrap();
        // A key is rotated.
        own_safety(&mut rocks, &[signer(1), signer(2)]).unwrap();
        own_safety(&mut rocks, &[signer(2)]).unwrap();
        assert!(!is_lost(&rocks));
        own_safety(&mut rocks, &[signer(1)]).unwrap();
        assert!(is_lost(&rocks));
    }

    #[test]
    fn the_key_of_another_who_votes_is_not_taken_for_a_new_one() {
        let chain = Chain::new();
        let votes = |seed| {
            let validators = chain.genesis.validators();
            validators.validator(signer(seed).address()).is_some()
        };
        assert!(votes(1) && !votes(2) && !votes(3));
        for (known, added, silent) in [
            // Its node died, and its key was put in here.
            (2, 1, true),
            // A key is rotated.
            (1, 2, false),
            (2, 3, false),
        ] {
            let directory = TempDir::new().unwrap();
            let mut rocks = Rocks::open(directory.path()).unwrap();
            let changes = chain.genesis.changes().clone();
            let tree = tree::apply(&rocks, 0, &changes).writes;
            let batch = Batch {
                changes,
                tree,
                ..Batch::default()
            };
            rocks.commit(batch).unwrap();
            rocks
                .save_safety(&SafetyRecord::default().encode(), &SafetyBlocks::new())
                .unwrap();
            own_safety(&mut rocks, &[signer(known)]).unwrap();
            assert!(!is_lost(&rocks));
            for _ in 0..2 {
                own_safety(&mut rocks, &[signer(known), signer(added)]).unwrap();
                assert_eq!(is_lost(&rocks), silent);
            }
        }
    }

    #[test]
    fn what_a_snapshot_left_makes_room_for_a_store_that_cannot_be_opened() {
        let directory = TempDir::new().unwrap();
        let home = Home::at(directory.path());
        let taking = home.snapshots().join("taking");
        fs::create_dir_all(&taking).unwrap();
        let config = Config::new("n", Role::Business);
        let running = open(&home, &config).unwrap();
        let error = open(&home, &config).unwrap_err();
        assert_eq!(error.code(), "STORE_LOCKED");
        assert!(taking.exists(), "whoever has the store may be taking it");
        drop(running);

        fs::write(home.data().join("CURRENT"), "nothing").unwrap();
        let error = open(&home, &config).unwrap_err();
        assert_eq!(error.code(), "STORE_FILES");
        assert!(!taking.exists());
    }
}
