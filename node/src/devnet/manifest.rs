//! `devnet.json`: every chain, node and identity of a devnet. Scripts read it, so its names stay.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::file;

const FILE: &str = "devnet.json";
const BYTES_MAX: usize = 1 << 20;

/// The whole devnet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The chains, main first.
    pub chains: Vec<Chain>,
    /// People and organisations with a DID.
    pub identities: Vec<Identity>,
    /// What names the main chain.
    pub trust: Trust,
}

/// A chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chain {
    /// `starfire-main-1`, `starfire-cn01-1`.
    pub chain_id: String,
    /// Empty on the main chain.
    pub chain_code: String,
    /// Its nodes.
    pub nodes: Vec<Node>,
}

/// A node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// `main-1`, `cn01-2`.
    pub name: String,
    /// `super`, `backbone` or `business`.
    pub role: String,
    /// Its gateway, for gRPC.
    pub grpc: String,
    /// Its gateway, for HTTP: the same port.
    pub http: String,
    /// Where peers connect to, with its peer id.
    pub p2p: String,
    /// Its process.
    pub pid: u32,
    /// Its home.
    pub home: PathBuf,
}

/// Somebody with a DID.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// `issuing-customs`, `exporter`, `importing-customs`, `backbone-cn01`.
    pub name: String,
    /// The chain that holds the DID; empty: the main chain.
    pub chain_code: String,
    /// The DID.
    pub did: String,
    /// The key file.
    pub key_file: PathBuf,
    /// What unlocks it.
    pub passphrase_file: PathBuf,
}

/// What names the main chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trust {
    /// The bundle, pinned.
    pub bundle: PathBuf,
    /// Its fingerprint.
    pub fingerprint: String,
}

impl Manifest {
    /// Where it stands in a devnet's directory.
    pub fn path(directory: &Path) -> PathBuf {
        directory.join(FILE)
    }

    /// Reads it.
    pub fn load(directory: &Path) -> Result<Self, Failure> {
        let path = Self::path(directory);
        if !path.exists() {
            return Err(Failure::new(
                "NO_DEVNET",
                format!("{} holds no devnet", directory.display()),
                "name its directory by --home, or make one by `starfire devnet up`",
            ));
        }
        serde_json::from_slice(&file::read(&path, BYTES_MAX)?)
            .map_err(|error| Failure::content(&path, error))
    }

    /// Writes it.
    pub fn save(&self, directory: &Path) -> Result<(), Failure> {
        let mut text = serde_json::to_string_pretty(self).expect("a manifest is plain JSON");
        text.push('\n');
        file::replace(&Self::path(directory), text.as_bytes())
    }

    /// Every node, main chain first.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.chains.iter().flat_map(|chain| &chain.nodes)
    }

    /// The same, to change.
    pub fn nodes_mut(&mut self) -> impl Iterator<Item = &mut Node> {
        self.chains.iter_mut().flat_map(|chain| &mut chain.nodes)
    }

    /// The node of this name, or all of them.
    pub fn select(&self, name: &str) -> Result<Vec<&Node>, Failure> {
        let selected: Vec<&Node> = self
            .nodes()
            .filter(|node| name == "all" || node.name == name)
            .collect();
        if selected.is_empty() {
            let names: Vec<&str> = self.nodes().map(|node| node.name.as_str()).collect();
            return Err(Failure::usage(
                format!("there is no node {name:?}"),
                format!("there are {} and all", names.join(", ")),
            ));
        }
        Ok(selected)
    }

    /// The chain with this code; empty: the main chain.
    pub fn chain(&self, code: &str) -> Option<&Chain> {
        self.chains.iter().find(|chain| chain.chain_code == code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Manifest {
        let node = |name: &str| Node {
            name: name.to_owned(),
            role: "super".to_owned(),
            grpc: "http://127.0.0.1:1".to_owned(),
            http: "http://127.0.0.1:1".to_owned(),
            p2p: String::new(),
            pid: 1,
            home: "/nowhere".into(),
        };
        let chain = Chain {
            chain_id: "starfire-main-1".to_owned(),
            chain_code: String::new(),
            nodes: vec![node("main-1"), node("main-2")],
        };
        Manifest {
            chains: vec![chain],
            identities: Vec::new(),
            trust: Trust {
                bundle: "/nowhere".into(),
                fingerprint: String::new(),
            },
        }
    }

    #[test]
    fn it_survives_saving_and_loading() {
        let directory = tempfile::tempdir().unwrap();
        sample().save(directory.path()).unwrap();
        assert_eq!(Manifest::load(directory.path()).unwrap(), sample());
    }

    #[test]
    fn nodes_are_selected_by_name_or_all_at_once() {
        assert_eq!(sample().select("main-2").unwrap()[0].name, "main-2");
        assert_eq!(sample().select("all").unwrap().len(), 2);
        assert!(
            sample()
                .select("main-3")
                .unwrap_err()
                .hint
                .contains("main-1, main-2 and all")
        );
    }

    #[test]
    fn a_directory_without_a_devnet_says_so() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(
            Manifest::load(directory.path()).unwrap_err().code,
            "NO_DEVNET"
        );
    }
}
