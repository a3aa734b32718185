//! A node's home: the names of what stands in its directory.

use std::fmt;
use std::path::{Path, PathBuf};

/// A node's directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home(PathBuf);

/// What a key of a node is for. Each has its own file, so that one can be replaced or moved to a signer alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyRole {
    /// Signs votes and proposals.
    Validator,
    /// Proves the node's identity to its peers.
    Node,
    /// Signs transactions of the member: anchors, motions.
    Account,
}

impl KeyRole {
    /// Every key of a node.
    pub const ALL: [Self; 3] = [Self::Validator, Self::Node, Self::Account];
}

impl fmt::Display for KeyRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Validator => "validator",
            Self::Node => "node",
            Self::Account => "account",
        })
    }
}

impl Home {
    /// The home at this directory.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self(root.into())
    }

    /// The directory itself.
    pub fn root(&self) -> &Path {
        &self.0
    }

    /// The configuration.
    pub fn config(&self) -> PathBuf {
        self.0.join("config.toml")
    }

    /// The chain's genesis.
    pub fn genesis(&self) -> PathBuf {
        self.0.join("genesis.json")
    }

    /// The directory of key files.
    pub fn keys(&self) -> PathBuf {
        self.0.join("keys")
    }

    /// One key file.
    pub fn key(&self, role: KeyRole) -> PathBuf {
        self.keys().join(format!("{role}.json"))
    }

    /// The key that takes the validator key's place once a motion says so.
    pub fn next_validator_key(&self) -> PathBuf {
        self.keys().join("validator-next.json")
    }

    /// The key that takes the node key's place once a motion says so.
    pub fn next_node_key(&self) -> PathBuf {
        self.keys().join("node-next.json")
    }

    /// The member card that names a next key.
    pub fn next_member_card(&self) -> PathBuf {
        self.0.join("member-next.json")
    }

    /// The store.
    pub fn data(&self) -> PathBuf {
        self.0.join("data")
    }

    /// Snapshots for new nodes.
    pub fn snapshots(&self) -> PathBuf {
        self.0.join("snapshots")
    }

    /// The peers whose snapshots did not hold, one a line.
    pub fn snapshot_liars(&self) -> PathBuf {
        self.0.join("snapshot-liars.txt")
    }

    /// The node's log.
    pub fn log(&self) -> PathBuf {
        self.0.join("starfire.log")
    }

    /// What this member hands to the genesis ceremony.
    pub fn member_card(&self) -> PathBuf {
        self.0.join("member.json")
    }

    /// Trust bundles and pins.
    pub fn trust(&self) -> PathBuf {
        self.0.join("trust")
    }
}
