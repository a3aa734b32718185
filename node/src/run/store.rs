//! What a node begins with: its store, filled from a snapshot if it is empty, and the snapshots that it keeps for others.

use anyhow::Context as _;
use starfire_consensus::safety::SafetyRecord;
use starfire_ledger::Genesis;
use starfire_state::{Archive, SafetyBlocks, Store};

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
/// While a key is being rotated there are two, of which the record knows one.
pub(super) fn own_safety(rocks: &mut Rocks, signers: &[Signer]) -> anyhow::Result<()> {
    if signers.is_empty() {
        return Ok(());
    }
    let address = |signer: &Signer| {
        let address = signer.address();
        <[u8; 20]>::try_from(address.as_bytes()).expect("an address has 20 bytes")
    };
    let own: Vec<_> = signers.iter().map(address).collect();
    let foreign = |known: Vec<_>| !known.iter().any(|address| own.contains(address));
    if rocks.signers().is_some_and(foreign) && rocks.reader().safety().is_some() {
        tracing::warn!(
            "SAFETY_RECORD_LOST: data/ is of a node with another validator's key, and knows nothing of what this one has signed"
        );
        rocks
            .save_safety(&SafetyRecord::silent().encode(), &SafetyBlocks::new())
            .context("forget another validator's votes")?;
    }
    rocks.bind_signers(&own).map_err(store_error)
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

    use super::*;
    use crate::config::Role;

    #[test]
    fn another_validators_votes_are_not_taken_for_own_ones() {
        let directory = TempDir::new().unwrap();
        let mut rocks = Rocks::open(directory.path()).unwrap();
        let signer = |seed: u8| {
            let key = PrivateKey::generate([seed; 32], KeyAlgorithm::Ed25519);
            Signer::new(&key).unwrap()
        };
        let lost = |rocks: &Rocks| {
            let record = rocks.reader().safety().unwrap();
            SafetyRecord::decode(&record, |_| None).unwrap().is_lost()
        };
        rocks
            .save_safety(&SafetyRecord::default().encode(), &SafetyBlocks::new())
            .unwrap();
        own_safety(&mut rocks, &[]).unwrap();
        own_safety(&mut rocks, &[signer(1)]).unwrap();
        // A key is rotated.
        own_safety(&mut rocks, &[signer(1), signer(2)]).unwrap();
        own_safety(&mut rocks, &[signer(2)]).unwrap();
        assert!(!lost(&rocks));
        own_safety(&mut rocks, &[signer(1)]).unwrap();
        assert!(lost(&rocks));
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
