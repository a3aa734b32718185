//! A chain of its own for a measurement: nodes as separate processes, which end with it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use starfire_ledger::genesis::{ConsensusParams, GenesisAccount, Params, Profile, Routing};

use crate::ceremony::Terms;
use crate::client::Client;
use crate::config::{Config, memory_mib_default};
use crate::devnet::process::{self, Signal};
use crate::devnet::ready::{self, Started};
use crate::devnet::{Manifest, Node, Plan, Trust, found};
use crate::failure::Failure;
use crate::home::Home;
use crate::{clock, file};

/// How long nodes may take to catch up with each other.
const CATCH_UP: Duration = Duration::from_secs(60);
/// Heights between nodes that have caught up: they are asked one after the other, while the chain goes on.
const NEAR_HEIGHTS: u64 = 50;
const POLL: Duration = Duration::from_millis(50);

/// What chain to found.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    /// Validators.
    pub(crate) validators: usize,
    /// Where votes go.
    pub(crate) routing: Routing,
    /// How long an idle chain waits; 0: it never idles.
    pub(crate) heartbeat_ms: u64,
    /// Heights that a proposer stays; `None`: as usual.
    pub(crate) term_heights: Option<u64>,
    /// First balances.
    pub(crate) accounts: Vec<GenesisAccount>,
    /// Filter of the nodes' logs.
    pub(crate) log: &'static str,
}

impl Shape {
    /// A chain with these validators that is otherwise as usual.
    pub(crate) fn new(validators: usize, routing: Routing) -> Self {
        Self {
            validators,
            routing,
            heartbeat_ms: Terms::consensus().heartbeat_ms,
            term_heights: None,
            accounts: Vec::new(),
            log: "info",
        }
    }

    /// The chain's terms and timeouts.
    pub(crate) fn consensus(&self) -> ConsensusParams {
        let usual = Terms::consensus();
        ConsensusParams {
            term_heights: self.term_heights.unwrap_or(usual.term_heights),
            heartbeat_ms: self.heartbeat_ms,
            routing: self.routing,
            ..usual
        }
    }

    /// The chain's quotas: payers are no members, and the whole block is open to them.
    pub(crate) fn params(&self) -> Params {
        Params {
            open_share_percent: 100,
            ..Terms::params(Profile::Default)
        }
    }
}

/// The running chain. When it is dropped its processes are gone.
#[derive(Debug)]
pub(crate) struct Network {
    directory: PathBuf,
    /// Nobody asked to keep the directory.
    temporary: bool,
    manifest: Manifest,
    running: Vec<Option<Started>>,
}

impl Network {
    /// Founds the chain in `directory`, or in a temporary one, and starts it; returns when all nodes have a block.
    pub(crate) async fn start(
        directory: Option<&Path>,
        shape: &Shape,
        progress: &dyn Fn(&str),
    ) -> Result<Self, Failure> {
        let temporary = directory.is_none();
        let directory = directory.map_or_else(
            || {
                let name = format!("starfire-bench-{}-{}", std::process::id(), clock::unix_ms());
                std::env::temp_dir().join(name)
            },
            Path::to_owned,
        );
        if Manifest::path(&directory).exists() {
            return Err(Failure::usage(
                format!("{} holds a network already", directory.display()),
                "name a directory that is empty, or none",
            ));
        }
        progress("making keys, homes and genesis");
        let plan = Plan {
            validators: shape.validators,
            sub_chains: Vec::new(),
            params: shape.params(),
            consensus: shape.consensus(),
            accounts: shape.accounts.clone(),
        };
        let found::Founded { manifest, .. } = found::found(&directory, &plan)?;
        let mut network = Self {
            directory,
            temporary,
            running: manifest.nodes().map(|_| None).collect(),
            manifest,
        };
        for index in 0..network.nodes().len() {
            network.configure(index, |config| {
                shape.log.clone_into(&mut config.log);
                config.store.memory_mib = memory_mib_default();
            })?;
        }
        network.start_all(progress).await?;
        Ok(network)
    }

    /// Where it is.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Its nodes.
    pub(crate) fn nodes(&self) -> &[Node] {
        &self.manifest.chains[0].nodes
    }

    /// What names its chain to those who believe no node.
    pub(crate) fn trust(&self) -> &Trust {
        &self.manifest.trust
    }

    /// A client of each node, in their order.
    pub(crate) fn clients(&self) -> Result<Vec<Client>, Failure> {
        let nodes = self.nodes().iter();
        Ok(nodes
            .map(|node| Client::connect(&node.grpc))
            .collect::<Result<_, _>>()?)
    }

    /// Changes a node's configuration, which it reads when it starts.
    pub(crate) fn configure(
        &self,
        index: usize,
        change: impl FnOnce(&mut Config),
    ) -> Result<(), Failure> {
        let path = Home::at(&self.nodes()[index].home).config();
        let mut config = Config::load(&path)?;
        change(&mut config);
        file::replace(&path, config.to_toml().as_bytes())
    }

    /// Starts every node that does not run; returns when all nodes have a block.
    pub(crate) async fn start_all(&mut self, progress: &dyn Fn(&str)) -> Result<(), Failure> {
        self.spawn_all()?;
        let mut started: Vec<&mut Started> = self.running.iter_mut().flatten().collect();
        ready::deciding(&mut started, progress).await
    }

    /// Starts every node that does not run, and waits for nothing.
    pub(crate) fn spawn_all(&mut self) -> Result<(), Failure> {
        for (node, running) in self.manifest.nodes_mut().zip(&mut self.running) {
            if running.is_none() {
                *running = Some(Started::now(node)?);
            }
        }
        // So that `starfire devnet down` finds them, should this process be killed.
        self.manifest.save(&self.directory)
    }

    /// Kills a node (SIGKILL); it is gone when this returns.
    pub(crate) fn kill(&mut self, index: usize) {
        if let Some(started) = self.running[index].take() {
            started.abort();
        }
    }

    /// Kills all nodes. None has seen another one gone for long: the signals come first.
    pub(crate) fn kill_all(&mut self) {
        for node in self.nodes() {
            // One that has ended by itself needs no signal.
            drop(process::send(node.pid, &node.home, Signal::Kill));
        }
        for index in 0..self.running.len() {
            self.kill(index);
        }
    }

    /// Stops a node where it is, or lets it go on.
    pub(crate) fn signal(&self, index: usize, signal: Signal) -> Result<(), Failure> {
        let node = &self.nodes()[index];
        process::send(node.pid, &node.home, signal).map(|_| ())
    }

    /// Waits until every validator votes and none is far behind.
    pub(crate) async fn level(&self) -> Result<(), Failure> {
        let clients = self.clients()?;
        let start = clock::monotonic();
        loop {
            let mut heights = Vec::new();
            for client in &clients {
                let status = client.status().await;
                heights.extend(
                    status
                        .ok()
                        .filter(|status| status.voting)
                        .map(|status| status.height),
                );
            }
            let (lowest, highest) = (heights.iter().min(), heights.iter().max());
            if heights.len() == clients.len()
                && highest
                    .zip(lowest)
                    .is_some_and(|(highest, lowest)| highest - lowest <= NEAR_HEIGHTS)
            {
                return Ok(());
            }
            if clock::elapsed(start) > CATCH_UP {
                return Err(Failure::new(
                    "NOT_READY",
                    format!(
                        "after {} s only {} of {} validators vote, at heights {lowest:?} to {highest:?}",
                        CATCH_UP.as_secs(),
                        heights.len(),
                        clients.len()
                    ),
                    format!("logs are in {}", self.directory.display()),
                ));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Whether all nodes hold the same header at this height.
    pub(crate) async fn agrees_at(&self, height: u64) -> Result<bool, Failure> {
        let mut headers = Vec::new();
        for client in self.clients()? {
            let request = starfire_proto::v1::GetBlockRequest { height };
            let block = client.call(client.blocks().get(request)).await?;
            headers.push(block.block.map(|block| block.header));
        }
        Ok(headers.windows(2).all(|pair| pair[0] == pair[1]))
    }

    /// Ends the network and removes its files, unless somebody chose their directory.
    pub(crate) fn remove(mut self) -> Result<(), Failure> {
        self.kill_all();
        if !self.temporary {
            return Ok(());
        }
        std::fs::remove_dir_all(&self.directory)
            .map_err(|error| Failure::file("remove", &self.directory, &error))
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.kill_all();
    }
}
