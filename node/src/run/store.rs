//! What a node begins with: its store, filled from a snapshot if it is empty, and the snapshots that it keeps for others.

use anyhow::Context as _;
use starfire_ledger::Genesis;

use crate::config::Config;
use crate::home::Home;
use crate::network::{Inbox, Network};
use crate::rocks::{OpenError, Rocks};
use crate::roster::Roster;
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

    use super::*;
    use crate::config::Role;

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
