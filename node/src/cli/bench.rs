//! `starfire bench`: load on a running devnet, and what it does with it.
//!
//! Open loop: payments are sent when they are due, however the chain fares, and each one's latency counts from when it was due. A
//! chain that falls behind so shows it, instead of slowing down its own load. A payment is committed when a block with its receipt
//! can be read from a node, after that node's synced write.

mod figures;
mod load;

use clap::{Args, ValueEnum};
use starfire_did::ChainCode;
use starfire_proto::v1;

use super::context::Context;
use super::output::Report;
use crate::devnet::{Chain, Manifest};
use crate::failure::Failure;
use figures::{cpu_seconds_per_1000, per_second, percentile, verifications_per_second};
use load::Outcome;

#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// What a commit promises
    #[arg(long, value_enum, default_value = "durable")]
    mode: Mode,
    /// Payments that become due each second
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: u32,
    /// How long payments become due
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    seconds: u32,
    /// Connections, spread over the chain's nodes
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    connections: u16,
    /// A sub-chain's code; without it, the main chain
    #[arg(long, value_name = "CODE")]
    chain_code: Option<ChainCode>,
}

/// What a commit promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Mode {
    /// On the disks of a quorum, by synced writes: what a node always does
    Durable,
}

pub(crate) fn run(arguments: &Bench, context: &Context) -> Result<(), Failure> {
    let directory = context
        .home
        .clone()
        .unwrap_or(context.home()?.root().join("devnet"));
    let manifest = Manifest::load(&std::path::absolute(&directory).unwrap_or(directory))?;
    let code = arguments
        .chain_code
        .map(|code| code.to_string())
        .unwrap_or_default();
    let Some(chain) = manifest.chain(&code) else {
        return Err(Failure::usage(
            format!("the devnet has no chain {code:?}"),
            "`starfire devnet status` lists its nodes",
        ));
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::caused("RUNTIME", &error, ""))?;
    let (outcome, parameters) = runtime.block_on(load::load(arguments, chain, context))?;
    context.output.progress("measuring signature checks");
    let verified = verifications_per_second()?;
    context.output.report(&described(
        arguments,
        chain,
        &parameters,
        &outcome,
        verified,
    ));
    Ok(())
}

fn described(
    arguments: &Bench,
    chain: &Chain,
    parameters: &v1::ChainRecord,
    outcome: &Outcome,
    verified: u64,
) -> Report {
    let committed = u64::try_from(outcome.latencies_ms.len()).unwrap_or(u64::MAX);
    let mode = match arguments.mode {
        Mode::Durable => "durable",
    };
    let settings = Report::new()
        .with("mode", mode)
        .with("chain_id", chain.chain_id.as_str())
        .with("nodes", chain.nodes.len())
        .with("rate", arguments.rate)
        .with("seconds", arguments.seconds)
        .with("connections", arguments.connections)
        .with(
            "payload",
            "payment of 0 coins from a fresh account to a fresh account",
        )
        .with("block_transactions_max", parameters.block_transactions_max)
        .with("open_share_percent", parameters.open_share_percent)
        .with(
            "cores",
            std::thread::available_parallelism().map_or(1, usize::from),
        )
        .with(
            "build",
            if cfg!(debug_assertions) {
                "development"
            } else {
                "release"
            },
        );
    let refused = outcome.refused.iter().map(|(code, count)| {
        Report::new()
            .with("code", code.as_str())
            .with("count", *count)
    });
    Report::new()
        .with("committed_per_second", per_second(committed, outcome.took))
        .group(
            "latency_ms",
            Report::new()
                .with("p50", percentile(&outcome.latencies_ms, 50))
                .with("p99", percentile(&outcome.latencies_ms, 99)),
        )
        .with(
            "cpu_seconds_per_1000",
            cpu_seconds_per_1000(outcome.cpu_ticks, committed),
        )
        .with("machine_batch_verify_per_second", verified)
        .with("submitted", outcome.submitted)
        .with("committed", committed)
        .with("failed", outcome.failed)
        .rows("refused", refused.collect())
        .group("settings", settings)
}
