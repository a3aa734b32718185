//! A node's configuration: one TOML file that documents itself.
//!
//! `starfire init` writes every field with its default and a comment. There are no layers: no environment, no command-line
//! overrides, so the file says what runs. Rules of the chain stand in genesis, since every node must share them.

mod text;

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;
use serde::Deserialize;
use starfire_ledger::genesis::GenesisRole;
use starfire_ledger::transaction::BATCH_ENVELOPE_BYTES_MAX;

use crate::client::endpoint;
use crate::log_filter;
use crate::rocks::MEMORY_MIB_MIN;
use crate::state_sync::TrustedHeader;
use crate::web_did::Allowed;

/// Longest name of a node, bytes.
const NAME_BYTES_MAX: usize = 64;
/// The fewest blocks that a node keeps: others catch up by them, and proofs that are being made hang on them.
const RETAIN_BLOCKS_MIN: u64 = 10;
/// The most memory that a store can be given, MiB: 1 TiB.
const MEMORY_MIB_MAX: usize = 1 << 20;
/// What a completed check of a credential that is not valid may be answered with.
const REFUSED_STATUSES: [u16; 3] = [200, 400, 422];

/// Everything a node is told beside genesis and keys.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What people call this node.
    pub name: String,
    /// What it does in its chain.
    pub role: Role,
    /// Filter of the log, as `tracing` reads it.
    pub log: String,
    /// The network.
    pub p2p: P2p,
    /// The port for clients.
    pub gateway: Gateway,
    /// Bounds of waiting transactions.
    pub mempool: Mempool,
    /// What is kept on disk.
    pub store: Store,
    /// How a new node catches up.
    pub sync: Sync,
    /// Anchoring on the main chain; for backbone nodes.
    pub anchor: Option<Anchor>,
    /// Fetching documents of `did:web`; without it, none is fetched.
    pub did_web: Option<DidWeb>,
}

/// A node's role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Runs the main chain.
    Super,
    /// Runs a sub-chain and anchors it.
    Backbone,
    /// Runs a sub-chain.
    Business,
    /// Serves clients, without a vote.
    Service,
    /// Watches, without a vote.
    Regulator,
}

/// The network between nodes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct P2p {
    /// Where peers connect to.
    pub listen: Multiaddr,
    /// Peers to connect to; each ends in `/p2p/` and its peer id.
    pub peers: Vec<Multiaddr>,
    /// A pre-shared network key, relative to the home: who lacks it cannot even shake hands.
    pub psk_file: Option<PathBuf>,
}

/// The port for clients.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gateway {
    /// gRPC and HTTP.
    pub listen: SocketAddr,
    /// The HTTP status of a completed check that did not find a credential valid.
    #[serde(default = "refused_status_default")]
    pub refused_status: u16,
    /// A key that anyone may have credentials signed with, relative to the home; for tests.
    pub issuer_key: Option<PathBuf>,
}

// VCALM 1.0, /presentations/verify: "A 200 status indicates the verification process itself succeeded, regardless of whether the
// presentation and/or credentials were determined to be valid or invalid."
fn refused_status_default() -> u16 {
    200
}

/// Bounds of waiting transactions.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mempool {
    /// Transactions that may wait.
    pub transactions_max: usize,
    /// Their bytes together.
    pub bytes_max: usize,
    /// Transactions of one sender that may wait.
    pub transactions_per_sender_max: usize,
}

/// What is kept on disk.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Store {
    /// Every so many blocks a snapshot is taken; 0: never.
    pub snapshot_interval: u64,
    /// But only at the first such height in every so many seconds of the headers' time; 0: at each.
    #[serde(default = "snapshot_period_s_default")]
    pub snapshot_period_s: u64,
    /// Snapshots kept.
    pub snapshots_kept: usize,
    /// Newest blocks kept; 0: all.
    pub retain_blocks: u64,
    /// Of older blocks every so many-th is kept; 0: none.
    pub retain_every: u64,
    /// For the database's cache and buffers and the records that are held beside it, together, MiB.
    #[serde(default = "memory_mib_default")]
    pub memory_mib: usize,
}

/// Whoever begins with a snapshot executes what came after it: ten minutes of blocks and one interval at most.
fn snapshot_period_s_default() -> u64 {
    600
}

/// What a machine of its own has to spare.
pub(crate) fn memory_mib_default() -> usize {
    1024
}

/// How a new node catches up.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sync {
    /// It begins with a snapshot of its peers.
    pub snapshots: bool,
    /// The largest snapshot that is taken, MiB.
    #[serde(default = "snapshot_mib_max_default")]
    pub snapshot_mib_max: u64,
    /// The height of a header that the operator trusts.
    pub trust_height: Option<u64>,
    /// Its hash, hex.
    pub trust_hash: Option<String>,
}

/// Far more than the states of most chains, and no more than a disk should spare for a peer's word.
fn snapshot_mib_max_default() -> u64 {
    16_384
}

impl Sync {
    /// The same in bytes.
    pub fn snapshot_bytes_max(&self) -> u64 {
        self.snapshot_mib_max.saturating_mul(1 << 20)
    }

    /// The trusted header, if one is set.
    pub fn trust(&self) -> Option<TrustedHeader> {
        let hash = hex::decode(self.trust_hash.as_ref()?).ok()?;
        Some(TrustedHeader {
            height: self.trust_height.filter(|height| *height > 0)?,
            hash: hash.try_into().ok()?,
        })
    }
}

/// Anchoring on the main chain.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Anchor {
    /// Gateways of main-chain nodes, tried in order.
    pub main: Vec<String>,
}

/// Fetching documents of `did:web` from the websites that they stand on.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DidWeb {
    /// Hosts at public addresses, each perhaps with a port; `*`: every host, at port 443.
    pub hosts: Vec<String>,
    /// Hosts that may stand at private addresses: in this machine or its network.
    #[serde(default)]
    pub private_hosts: Vec<String>,
    /// Certificates that are trusted in place of the system's, relative to the home.
    pub ca_file: Option<PathBuf>,
}

impl DidWeb {
    /// The hosts, if the lists make sense.
    pub fn allowed(&self) -> Result<Allowed, String> {
        let allowed = Allowed::parse(&self.hosts, &self.private_hosts)?;
        match allowed.is_empty() {
            true => Err("must name a host; without the section, nothing is fetched".to_owned()),
            false => Ok(allowed),
        }
    }
}

/// The configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is not the TOML that is expected.
    #[error("{}: {message}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Line, field and reason.
        message: String,
    },
    /// A field's value makes no sense.
    #[error("{}: {field}: {message}", path.display())]
    Field {
        /// The file.
        path: PathBuf,
        /// The field, dotted.
        field: &'static str,
        /// What is wrong with it.
        message: String,
    },
}

impl Config {
    /// A configuration with every default.
    pub fn new(name: &str, role: Role) -> Self {
        Self {
            name: name.to_owned(),
            role,
            log: "info".to_owned(),
            p2p: P2p {
                listen: "/ip4/0.0.0.0/tcp/26656"
                    .parse()
                    .expect("the default address is well formed"),
                peers: Vec::new(),
                psk_file: None,
            },
            gateway: Gateway {
                listen: SocketAddr::from(([127, 0, 0, 1], 26680)),
                refused_status: refused_status_default(),
                issuer_key: None,
            },
            mempool: Mempool {
                transactions_max: 20_000,
                bytes_max: 64 << 20,
                transactions_per_sender_max: 1_000,
            },
            store: Store {
                snapshot_interval: 1_000,
                snapshot_period_s: snapshot_period_s_default(),
                snapshots_kept: 2,
                retain_blocks: 0,
                retain_every: 0,
                memory_mib: memory_mib_default(),
            },
            sync: Sync {
                snapshots: false,
                snapshot_mib_max: snapshot_mib_max_default(),
                trust_height: None,
                trust_hash: None,
            },
            anchor: None,
            did_web: None,
        }
    }

    /// Reads and checks the file.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.to_owned(),
            source,
        })?;
        let config: Self = toml::from_str(&text).map_err(|error| ConfigError::Parse {
            path: path.to_owned(),
            message: error.to_string().trim().to_owned(),
        })?;
        match config.fault() {
            None => Ok(config),
            Some((field, message)) => Err(ConfigError::Field {
                path: path.to_owned(),
                field,
                message,
            }),
        }
    }

    /// The first field that makes no sense, and why.
    pub(crate) fn fault(&self) -> Option<(&'static str, String)> {
        if self.name.is_empty()
            || self.name.len() > NAME_BYTES_MAX
            || !self.name.chars().all(|c| c.is_ascii_graphic())
        {
            return Some((
                "name",
                format!("must be 1 to {NAME_BYTES_MAX} printable characters without spaces"),
            ));
        }
        if let Err(message) = log_filter::parse(&self.log) {
            return Some(("log", message));
        }
        if !self
            .p2p
            .listen
            .iter()
            .any(|part| matches!(part, Protocol::Tcp(_)))
        {
            return Some((
                "p2p.listen",
                "must name a TCP port, as /ip4/0.0.0.0/tcp/26656 does".to_owned(),
            ));
        }
        if let Some(peer) = self
            .p2p
            .peers
            .iter()
            .find(|peer| !matches!(peer.iter().last(), Some(Protocol::P2p(_))))
        {
            return Some((
                "p2p.peers",
                format!("{peer} must end in /p2p/ and the peer's id"),
            ));
        }
        if !REFUSED_STATUSES.contains(&self.gateway.refused_status) {
            return Some((
                "gateway.refused_status",
                "must be 200, 400 or 422".to_owned(),
            ));
        }
        if self.gateway.issuer_key.is_some() && self.role.votes() {
            return Some((
                "gateway.issuer_key",
                format!(
                    "a node with a vote signs no credentials for others; this one's role is {}",
                    self.role
                ),
            ));
        }
        if self.mempool.transactions_max == 0 {
            return Some(("mempool.transactions_max", "must be at least 1".to_owned()));
        }
        if self.mempool.bytes_max < BATCH_ENVELOPE_BYTES_MAX {
            return Some((
                "mempool.bytes_max",
                format!("must be at least {BATCH_ENVELOPE_BYTES_MAX}, the largest transaction"),
            ));
        }
        if self.mempool.transactions_per_sender_max == 0 {
            return Some((
                "mempool.transactions_per_sender_max",
                "must be at least 1".to_owned(),
            ));
        }
        if (1..RETAIN_BLOCKS_MIN).contains(&self.store.retain_blocks) {
            return Some((
                "store.retain_blocks",
                format!("must be 0, which keeps all, or at least {RETAIN_BLOCKS_MIN}"),
            ));
        }
        if self.store.snapshot_interval > 0 && self.store.snapshots_kept == 0 {
            return Some((
                "store.snapshots_kept",
                "must be at least 1 while snapshots are taken".to_owned(),
            ));
        }
        if !(MEMORY_MIB_MIN..=MEMORY_MIB_MAX).contains(&self.store.memory_mib) {
            return Some((
                "store.memory_mib",
                format!("must be {MEMORY_MIB_MIN} to {MEMORY_MIB_MAX}"),
            ));
        }
        let sync = &self.sync;
        if sync.snapshot_mib_max == 0 {
            return Some(("sync.snapshot_mib_max", "must be at least 1".to_owned()));
        }
        if (sync.trust_height.is_some() || sync.trust_hash.is_some()) && sync.trust().is_none() {
            return Some((
                "sync.trust_hash",
                "trust_height and trust_hash belong together: a height above 0, and 64 hex digits"
                    .to_owned(),
            ));
        }
        let allowed = self.did_web.as_ref().map(DidWeb::allowed);
        if let Some(Err(message)) = allowed {
            return Some(("did_web.hosts", message));
        }
        let anchor = self.anchor.as_ref()?;
        if self.role != Role::Backbone {
            return Some((
                "anchor",
                format!(
                    "only a backbone node anchors; this one's role is {}",
                    self.role
                ),
            ));
        }
        if anchor.main.is_empty() {
            return Some((
                "anchor.main",
                "must name at least one gateway of the main chain".to_owned(),
            ));
        }
        let stray = anchor.main.iter().find(|url| !endpoint::is_url(url))?;
        Some((
            "anchor.main",
            format!("{stray:?} is not a URL like http://127.0.0.1:26680 or https://node.example"),
        ))
    }
}

impl Role {
    /// Whether nodes of this role may have a vote in their chain.
    pub fn votes(self) -> bool {
        match self {
            Self::Super | Self::Backbone | Self::Business => true,
            Self::Service | Self::Regulator => false,
        }
    }
}

impl From<Role> for GenesisRole {
    fn from(role: Role) -> Self {
        match role {
            Role::Super => Self::Super,
            Role::Backbone => Self::Backbone,
            Role::Business => Self::Business,
            Role::Service => Self::Service,
            Role::Regulator => Self::Regulator,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Super => "super",
            Self::Backbone => "backbone",
            Self::Business => "business",
            Self::Service => "service",
            Self::Regulator => "regulator",
        })
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [
            Self::Super,
            Self::Backbone,
            Self::Business,
            Self::Service,
            Self::Regulator,
        ]
        .into_iter()
        .find(|role| role.to_string() == text)
        .ok_or_else(|| {
            format!(
                "{text:?} is no role; there are super, backbone, business, service and regulator"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<Config, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config.toml");
        std::fs::write(&path, text).unwrap();
        Config::load(&path).map_err(|error| {
            let message = error.to_string();
            assert!(message.contains("config.toml"), "{message}");
            message
        })
    }

    #[test]
    fn the_defaults_written_are_the_defaults_read() {
        let config = Config::new("main-1", Role::Super);
        assert_eq!(check(&config.to_toml()), Ok(config));
    }

    #[test]
    fn every_field_survives_writing_and_reading() {
        let mut config = Config::new("cn01-1", Role::Backbone);
        let peer = "/ip4/127.0.0.1/tcp/9/p2p/12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN";
        config.p2p.peers = vec![peer.parse().unwrap()];
        config.p2p.psk_file = Some("network.psk".into());
        config.gateway.refused_status = 422;
        config.sync.snapshot_mib_max = 100;
        config.sync.trust_height = Some(7);
        config.sync.trust_hash = Some("ab".repeat(32));
        config.anchor = Some(Anchor {
            main: vec![
                "http://127.0.0.1:1".to_owned(),
                "http://127.0.0.1:2".to_owned(),
            ],
        });
        config.did_web = Some(DidWeb {
            hosts: vec!["*".to_owned(), "issuer.example:8443".to_owned()],
            private_hosts: vec!["localhost:9443".to_owned()],
            ca_file: Some("ca.pem".into()),
        });
        assert_eq!(check(&config.to_toml()), Ok(config));
    }

    #[test]
    fn an_unknown_field_is_named() {
        let text = Config::new("main-1", Role::Super)
            .to_toml()
            .replace("[gateway]", "[gateway]\nlisten_too = 1");
        let message = check(&text).unwrap_err();
        assert!(message.contains("listen_too"), "{message}");
    }

    #[test]
    fn a_missing_field_is_named() {
        let text = Config::new("main-1", Role::Super)
            .to_toml()
            .replace("role = \"super\"", "");
        assert!(check(&text).unwrap_err().contains("role"));
    }

    #[test]
    fn values_that_make_no_sense_are_refused_by_field() {
        let good = Config::new("main-1", Role::Super).to_toml();
        let anchored = good
            .replace("# [anchor]", "[anchor]")
            .replace("# main = ", "main = ");
        for (text, field) in [
            (good.replace("\"main-1\"", "\"\""), "name"),
            (good.replace("\"info\"", "\"inof\""), "log"),
            (good.replace("/tcp/26656", "/udp/26656"), "p2p.listen"),
            (
                good.replace("peers = []", "peers = [\"/ip4/127.0.0.1/tcp/1\"]"),
                "p2p.peers",
            ),
            (
                good.replace("transactions_max = 20000", "transactions_max = 0"),
                "mempool.transactions_max",
            ),
            (
                good.replace("bytes_max = 67108864", "bytes_max = 1"),
                "mempool.bytes_max",
            ),
            (
                good.replace("retain_blocks = 0", "retain_blocks = 3"),
                "store.retain_blocks",
            ),
            (
                good.replace("snapshots_kept = 2", "snapshots_kept = 0"),
                "store.snapshots_kept",
            ),
            (
                good.replace("snapshot_mib_max = 16384", "snapshot_mib_max = 0"),
                "sync.snapshot_mib_max",
            ),
            (
                good.replace("# trust_height = 1", "trust_height = 1"),
                "sync.trust_hash",
            ),
            (format!("{good}\n[did_web]\nhosts = []\n"), "did_web.hosts"),
            (
                format!("{good}\n[did_web]\nhosts = [\"https://a.example\"]\n"),
                "did_web.hosts",
            ),
            (anchored.clone(), "anchor"),
            (
                anchored
                    .replace("\"super\"", "\"backbone\"")
                    .replace("http://", "ftp://"),
                "anchor.main",
            ),
            (
                anchored
                    .replace("\"super\"", "\"backbone\"")
                    .replace("http://", "https:"),
                "anchor.main",
            ),
        ] {
            let message = check(&text).unwrap_err();
            assert!(
                message.contains(&format!(": {field}: ")),
                "{field}: {message}"
            );
        }
    }
}
