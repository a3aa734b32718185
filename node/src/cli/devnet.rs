//! `starfire devnet`: whole chains on this machine, and faults by hand.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use starfire_did::ChainCode;

use super::context::Context;
use super::genesis::ProfileName;
use super::output::Report;
use crate::ceremony::Terms;
use crate::client::Client;
use crate::clock;
use crate::devnet::process::{Condition, Signal, condition};
use crate::devnet::{self, Manifest, Node, Plan};
use crate::failure::Failure;

/// More nodes than these have no place on one machine.
const NODES_MAX: usize = 64;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Found and start chains; returns when they are ready
    Up(Up),
    /// Print what each node does
    Status(Named),
    /// Kill nodes at once (SIGKILL)
    Kill(Named),
    /// Stop nodes where they are (SIGSTOP)
    Pause(Named),
    /// Let paused nodes go on, and start dead ones again
    Resume(Named),
    /// End nodes in order
    Down(Down),
}

#[derive(Debug, Args)]
pub(crate) struct Up {
    /// Super nodes of the main chain
    #[arg(long, default_value_t = 4)]
    validators: usize,
    /// A sub-chain's code and how many nodes it has; may be given several times
    #[arg(long = "sub", value_name = "CODE:N", value_parser = sub_chain)]
    sub_chains: Vec<(ChainCode, usize)>,
    /// Whose rules fees follow
    #[arg(long, value_enum, default_value = "default")]
    profile: ProfileName,
}

#[derive(Debug, Args)]
pub(crate) struct Named {
    /// A node's name, or `all`
    // Not called `node`: that is the gateway that every command may be told.
    #[arg(value_name = "NODE", default_value = "all")]
    name: String,
}

#[derive(Debug, Args)]
pub(crate) struct Down {
    /// A node's name, or `all`
    // Not called `node`: that is the gateway that every command may be told.
    #[arg(value_name = "NODE", default_value = "all")]
    name: String,
    /// Remove the devnet's files too
    #[arg(long, conflicts_with = "name")]
    erase: bool,
}

fn sub_chain(text: &str) -> Result<(ChainCode, usize), String> {
    let fault = || format!("{text:?} is not a code and a number such as cn01:4");
    let (code, count) = text.split_once(':').ok_or_else(fault)?;
    let code = ChainCode::parse(code).map_err(|error| error.to_string())?;
    Ok((code, count.parse().map_err(|_| fault())?))
}

pub(crate) async fn run(command: Command, context: &Context) -> Result<(), Failure> {
    let directory = directory(context)?;
    match command {
        Command::Up(arguments) => up(&directory, arguments, context).await,
        Command::Status(Named { name: node }) => {
            let manifest = Manifest::load(&directory)?;
            context
                .output
                .report(&status(manifest.select(&node)?).await)?;
            Ok(())
        }
        Command::Kill(Named { name: node }) => told(&directory, &node, Signal::Kill, context).await,
        Command::Pause(Named { name: node }) => {
            told(&directory, &node, Signal::Pause, context).await
        }
        Command::Resume(Named { name: node }) => {
            let progress = |line: &str| context.output.progress_over(line);
            let resumed = devnet::resume(&directory, &node, &progress).await;
            context.output.progress_done();
            let manifest = resumed?;
            let rows = manifest.select(&node)?.into_iter();
            let rows = rows
                .map(|node| {
                    Report::new()
                        .with("name", node.name.as_str())
                        .with("pid", node.pid)
                })
                .collect();
            context
                .output
                .report(&Report::new().rows("resumed", rows))?;
            Ok(())
        }
        Command::Down(Down { name: node, erase }) => {
            let manifest = Manifest::load(&directory)?;
            devnet::down(&manifest, &node).await?;
            if erase {
                devnet::erase(&directory, &manifest)?;
            }
            context.output.report(
                &Report::new()
                    .with("ended", node.as_str())
                    .with("erased", erase),
            )?;
            Ok(())
        }
    }
}

/// `--home`, or `devnet` in the user's own.
fn directory(context: &Context) -> Result<PathBuf, Failure> {
    let directory = match &context.home {
        Some(home) => home.clone(),
        None => context.home()?.root().join("devnet"),
    };
    // Processes are known by their homes' full paths.
    std::path::absolute(&directory).map_err(|error| Failure::file("find", &directory, &error))
}

async fn up(directory: &std::path::Path, arguments: Up, context: &Context) -> Result<(), Failure> {
    let Up {
        validators,
        sub_chains,
        profile,
    } = arguments;
    let nodes = sub_chains
        .iter()
        .fold(validators, |nodes, (_, count)| nodes.saturating_add(*count));
    if validators == 0 || sub_chains.iter().any(|(_, count)| *count == 0) || nodes > NODES_MAX {
        return Err(Failure::usage(
            format!("every chain has at least one node, and all have at most {NODES_MAX} together"),
            "four nodes a chain go on when one is down",
        ));
    }
    let mut codes: Vec<ChainCode> = sub_chains.iter().map(|(code, _)| *code).collect();
    codes.sort_unstable();
    if codes.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(Failure::usage(
            "a sub-chain's code is given twice",
            "every sub-chain has a code of its own",
        ));
    }
    let start = clock::monotonic();
    let progress = |line: &str| context.output.progress_over(line);
    let plan = Plan {
        validators,
        sub_chains,
        params: Terms::params(profile.into()),
        consensus: Terms::consensus(),
        accounts: Vec::new(),
    };
    let outcome = devnet::up(directory, &plan, &progress).await;
    context.output.progress_done();
    let manifest = outcome?;
    context.output.report(
        &described(&manifest)
            .with("ready_ms", clock::elapsed_ms(start))
            .with("manifest", Manifest::path(directory).display().to_string()),
    )?;
    Ok(())
}

fn described(manifest: &Manifest) -> Report {
    let chains = manifest.chains.iter().map(|chain| {
        let nodes = chain.nodes.iter().map(node);
        Report::new()
            .with("chain_id", chain.chain_id.as_str())
            .with("chain_code", chain.chain_code.as_str())
            .rows("nodes", nodes.collect())
    });
    let identities = manifest.identities.iter().map(|identity| {
        Report::new()
            .with("name", identity.name.as_str())
            .with("did", identity.did.as_str())
            .with("key_file", identity.key_file.display().to_string())
    });
    Report::new()
        .rows("chains", chains.collect())
        .rows("identities", identities.collect())
        .with("fingerprint", manifest.trust.fingerprint.as_str())
}

fn node(node: &Node) -> Report {
    Report::new()
        .with("name", node.name.as_str())
        .with("role", node.role.as_str())
        .with("grpc", node.grpc.as_str())
        .with("http", node.http.as_str())
        .with("p2p", node.p2p.as_str())
        .with("pid", node.pid)
        .with("home", node.home.display().to_string())
}

async fn status(nodes: Vec<&Node>) -> Report {
    let mut rows = Vec::new();
    for node in nodes {
        let state = condition(node.pid, &node.home);
        let answer = match state {
            Condition::Running => match Client::connect(&node.grpc) {
                Ok(client) => client.status().await.ok(),
                Err(_) => None,
            },
            Condition::Paused | Condition::Ending | Condition::Dead => None,
        };
        let name = match (state, &answer) {
            (Condition::Running, Some(_)) => "running",
            (Condition::Running, None) => "silent",
            (Condition::Paused, _) => "paused",
            (Condition::Ending | Condition::Dead, _) => "dead",
        };
        let answer = answer.unwrap_or_default();
        rows.push(
            Report::new()
                .with("name", node.name.as_str())
                .with("role", node.role.as_str())
                .with("state", name)
                .with("height", answer.height)
                .with("app_hash", hex::encode(&answer.app_hash))
                .with("peers", answer.peers)
                .with("since_commit_ms", answer.since_commit_ms)
                .with("stalled", answer.stalled)
                .with("pid", node.pid),
        );
    }
    Report::new().rows("nodes", rows)
}

async fn told(
    directory: &std::path::Path,
    name: &str,
    signal: Signal,
    context: &Context,
) -> Result<(), Failure> {
    let reached = devnet::signal(&Manifest::load(directory)?, name, signal).await?;
    if reached == 0 {
        return Err(Failure::new(
            "NOT_RUNNING",
            format!("{name} does not run"),
            "`starfire devnet status` tells what runs, `starfire devnet resume` starts it again",
        ));
    }
    context
        .output
        .report(&Report::new().with("node", name).with("signalled", reached))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sub_chain_is_a_code_and_a_number() {
        assert_eq!(
            sub_chain("cn01:4"),
            Ok((ChainCode::parse("cn01").unwrap(), 4))
        );
        for text in ["cn01", "cn1:4", "cn01:", "cn01:x", "CN01:4"] {
            assert!(sub_chain(text).is_err(), "{text}");
        }
    }
}
