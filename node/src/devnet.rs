//! Whole chains on one machine: real nodes, real keys, a real ceremony, in processes of their own.
//!
//! A main chain of super nodes and any number of sub-chains, each of one backbone and business nodes that all vote. What it made is
//! in `devnet.json`, which every other command of the devnet starts from. Only processes are ever signalled that are recorded
//! there *and* still run this program for that home.

pub(crate) mod found;
mod identity;
mod manifest;
pub mod process;
pub(crate) mod ready;

use std::path::Path;
use std::time::Duration;

use starfire_did::ChainCode;
use starfire_ledger::genesis::{ConsensusParams, GenesisAccount, Params};

pub use manifest::{Chain, Identity, Manifest, Node, Trust};

use crate::failure::Failure;
use crate::{clock, file};
use process::{Condition, Signal};
use ready::Started;

/// A node that has not ended by itself after this long is killed.
const FAREWELL: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(50);

/// What to run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Super nodes of the main chain.
    pub validators: usize,
    /// Sub-chains, and how many validating nodes each has.
    pub sub_chains: Vec<(ChainCode, usize)>,
    /// Fees and quotas of every chain.
    pub params: Params,
    /// Terms and timeouts of every chain.
    pub consensus: ConsensusParams,
    /// First balances on the main chain, beside those that the profile calls for.
    pub accounts: Vec<GenesisAccount>,
}

/// Makes the homes, starts the nodes, registers the identities and pins the main chain; returns when all is ready.
/// `progress` is told what is going on.
pub async fn up(
    directory: &Path,
    plan: &Plan,
    progress: &dyn Fn(&str),
) -> Result<Manifest, Failure> {
    if Manifest::path(directory).exists() {
        return Err(Failure::new(
            "DEVNET_EXISTS",
            format!("{} holds a devnet already", directory.display()),
            "`starfire devnet resume all` starts it again, `starfire devnet down --erase` removes it",
        ));
    }
    progress("making keys, homes and genesis files");
    let found::Founded { mut manifest, keys } = found::found(directory, plan)?;
    manifest.save(directory)?;
    let mut started = Vec::new();
    let outcome = async {
        for node in manifest.nodes_mut() {
            started.push(Started::now(node)?);
        }
        manifest.save(directory)?;
        ready::answering(&mut started, progress).await?;
        progress("registering DIDs");
        identity::register(&manifest, &keys).await?;
        ready::deciding(&mut started, progress).await?;
        progress("waiting for the first anchors");
        identity::resolvable(&manifest).await
    };
    let outcome = tokio::select! {
        outcome = outcome => outcome,
        _ = tokio::signal::ctrl_c() => Err(Failure::new("INTERRUPTED", "interrupted", "`starfire devnet down --erase` removes what was made")),
    };
    if outcome.is_err() {
        // Logs stay, for whoever wants to know why.
        started.into_iter().for_each(Started::abort);
    }
    outcome.map(|()| manifest)
}

/// Sends a signal to the named nodes that run; the answer is how many got it. Who is killed is gone when this returns.
pub async fn signal(manifest: &Manifest, names: &str, signal: Signal) -> Result<usize, Failure> {
    let selected = manifest.select(names)?;
    let mut reached = 0;
    for node in &selected {
        if process::send(node.pid, &node.home, signal)? {
            reached += 1;
        }
    }
    if signal == Signal::Kill && !gone(&selected).await {
        return Err(still_running(&selected));
    }
    Ok(reached)
}

/// Lets paused nodes go on and starts dead ones again; returns when those answer.
pub async fn resume(
    directory: &Path,
    names: &str,
    progress: &dyn Fn(&str),
) -> Result<Manifest, Failure> {
    let mut manifest = Manifest::load(directory)?;
    let selected: Vec<String> = manifest
        .select(names)?
        .into_iter()
        .map(|node| node.name.clone())
        .collect();
    let mut started = Vec::new();
    for node in manifest
        .nodes_mut()
        .filter(|node| selected.contains(&node.name))
    {
        match process::condition(node.pid, &node.home) {
            Condition::Running => {}
            Condition::Paused => {
                process::send(node.pid, &node.home, Signal::Resume)?;
            }
            Condition::Ending => {
                if !gone(&[&*node]).await {
                    return Err(still_running(&[&*node]));
                }
                started.push(Started::now(node)?);
            }
            Condition::Dead => started.push(Started::now(node)?),
        }
    }
    manifest.save(directory)?;
    ready::answering(&mut started, progress).await?;
    Ok(manifest)
}

/// Ends every node, the unwilling ones by force, and makes sure that none is left.
pub async fn down(manifest: &Manifest, name: &str) -> Result<(), Failure> {
    let nodes = manifest.select(name)?;
    for node in &nodes {
        // A paused process cannot end.
        process::send(node.pid, &node.home, Signal::End)?;
        process::send(node.pid, &node.home, Signal::Resume)?;
    }
    if gone(&nodes).await {
        return Ok(());
    }
    for node in &nodes {
        process::send(node.pid, &node.home, Signal::Kill)?;
    }
    if gone(&nodes).await {
        return Ok(());
    }
    Err(still_running(&nodes))
}

/// Removes what [`up`] made, and nothing else that may stand in the directory.
pub fn erase(directory: &Path, manifest: &Manifest) -> Result<(), Failure> {
    for part in [found::NODES, found::IDENTITIES] {
        let path = directory.join(part);
        if path.exists() {
            std::fs::remove_dir_all(&path)
                .map_err(|error| Failure::file("remove", &path, &error))?;
        }
    }
    if manifest.trust.bundle.exists() {
        file::remove(&manifest.trust.bundle)?;
        // The directory goes with its last pin; if it has others, they are the user's.
        if let Some(pins) = manifest.trust.bundle.parent() {
            std::fs::remove_dir(pins).ok();
        }
    }
    file::remove(&Manifest::path(directory))
}

fn is_gone(node: &Node) -> bool {
    process::condition(node.pid, &node.home) == Condition::Dead
}

/// Whether these nodes ended in time.
async fn gone(nodes: &[&Node]) -> bool {
    let start = clock::monotonic();
    while clock::elapsed(start) < FAREWELL {
        if nodes.iter().all(|node| is_gone(node)) {
            return true;
        }
        tokio::time::sleep(POLL).await;
    }
    false
}

fn still_running(nodes: &[&Node]) -> Failure {
    let left = nodes.iter().filter(|node| !is_gone(node));
    let names: Vec<&str> = left.map(|node| node.name.as_str()).collect();
    Failure::new(
        "STILL_RUNNING",
        format!("{} did not end", names.join(", ")),
        "the machine may be out of order",
    )
}
