//! `starfire opaque`: the network and consensus alone, for comparison with research prototypes. Hidden, since it is no part of a node.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::context::Context;
use super::output::Report;
use crate::failure::Failure;
use crate::opaque::{self, Flood, Measure, NodeSettings};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Measure: start nodes and clients, and add up what was decided
    Run(Run),
    /// One node; it ends with its standard input
    Node(Node),
    /// One client
    Flood(FloodArguments),
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    #[arg(long, default_value_t = 4)]
    nodes: u16,
    #[arg(long, default_value_t = 36_000)]
    port: u16,
    /// Transactions a second, over all nodes together
    #[arg(long, default_value_t = 50_000)]
    rate: u64,
    /// Length of a transaction
    #[arg(long, default_value_t = 512)]
    bytes: usize,
    #[arg(long, default_value_t = 5)]
    warm_up: u64,
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// An empty directory for the stores
    #[arg(long)]
    data: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Node {
    #[arg(long)]
    index: u16,
    #[arg(long)]
    nodes: u16,
    #[arg(long)]
    port: u16,
    #[arg(long)]
    bytes: usize,
    #[arg(long)]
    data: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct FloodArguments {
    #[arg(long)]
    to: SocketAddr,
    #[arg(long)]
    rate: u64,
    #[arg(long)]
    bytes: usize,
    #[arg(long)]
    seconds: u64,
}

pub(crate) fn run(command: Command, context: &Context) -> Result<(), Failure> {
    let failed = |error: anyhow::Error| Failure::caused("BENCH", error.as_ref(), "");
    match command {
        Command::Node(arguments) => opaque::node(NodeSettings {
            index: arguments.index,
            nodes: arguments.nodes,
            port: arguments.port,
            transaction_bytes: arguments.bytes,
            data: arguments.data,
        })
        .map_err(failed),
        Command::Flood(arguments) => opaque::flood(&Flood {
            to: arguments.to,
            rate: arguments.rate,
            transaction_bytes: arguments.bytes,
            time: Duration::from_secs(arguments.seconds),
        })
        .map_err(failed),
        Command::Run(arguments) => {
            let program =
                std::env::current_exe().map_err(|error| Failure::caused("BENCH", &error, ""))?;
            let measure = Measure {
                nodes: arguments.nodes,
                port: arguments.port,
                rate: arguments.rate,
                transaction_bytes: arguments.bytes,
                warm_up: Duration::from_secs(arguments.warm_up),
                time: Duration::from_secs(arguments.seconds),
                directory: arguments.data,
            };
            let measured = opaque::measure(&program, &measure).map_err(failed)?;
            context.output.report(
                &Report::new()
                    .with("decided_per_second", measured.decided_per_second)
                    .with("offered_per_second", measured.offered_per_second)
                    .with("heights_per_second", measured.heights_per_second)
                    .with("p50_ms", measured.p50_ms)
                    .with("p99_ms", measured.p99_ms)
                    .with("nodes_cpu_ms_per_1000", measured.nodes_cpu_ms_per_1000)
                    .with("nodes", measured.nodes)
                    .with("transaction_bytes", measured.transaction_bytes),
            )?;
            Ok(())
        }
    }
}
