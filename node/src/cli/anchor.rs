//! `starfire anchor`: what the main chain knows of its sub-chains.

use clap::{Args, Subcommand};
use starfire_crosschain::unix_ms::rfc3339;
use starfire_proto::v1;

use super::context::Context;
use super::output::Report;
use crate::clock;
use crate::failure::Failure;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print every sub-chain's state and newest anchor; asked of a backbone node, its anchoring loop too
    Status(Status),
}

#[derive(Debug, Args)]
pub(crate) struct Status {
    /// Anchors to print for each sub-chain, newest first
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    limit: u32,
}

pub(crate) async fn run(command: Command, context: &Context) -> Result<(), Failure> {
    let Command::Status(Status { limit }) = command;
    let client = context.client()?;
    let status = client.status().await?;
    let chains = client
        .call(client.chains().list(v1::ListChainsRequest {}))
        .await?;
    let mut sub_chains = Vec::new();
    for chain in chains.sub_chains {
        let request = v1::ListAnchorsRequest {
            chain_code: chain.chain_code.clone(),
            limit,
            from_height: 0,
        };
        let anchors = client.call(client.chains().anchors(request)).await?.anchors;
        sub_chains.push(described(&chain, &anchors));
    }
    let mut report = Report::new()
        .with("chain_id", status.chain_id)
        .with("height", status.height);
    if let Some(anchoring) = status.anchoring {
        report = report.group("anchoring", looped(&anchoring));
    }
    context
        .output
        .report(&report.rows("sub_chains", sub_chains))?;
    Ok(())
}

fn described(chain: &v1::SubChainRecord, anchors: &[v1::AnchorRecord]) -> Report {
    let state = match chain.status() {
        v1::SubChainStatus::Unspecified => "unspecified",
        v1::SubChainStatus::Active => "active",
        v1::SubChainStatus::Frozen => "frozen",
    };
    let rows = anchors.iter().map(|anchor| {
        Report::new()
            .with("height", anchor.height)
            .with("time", rfc3339(anchor.time_ms))
            .with("main_height", anchor.main_height)
            .with(
                "age_ms",
                clock::unix_ms().saturating_sub(anchor.main_time_ms),
            )
            .with("header_hash", hex::encode(&anchor.header_hash))
    });
    let frozen = (chain.frozen_height != 0).then(|| {
        format!(
            "at main height {}: {}",
            chain.frozen_height, chain.frozen_reason
        )
    });
    Report::new()
        .with("chain_code", chain.chain_code.as_str())
        .with("chain_id", chain.chain_id.as_str())
        .with("state", state)
        .with_some("frozen", frozen)
        .with("latest_height", chain.latest_height)
        .with("anchors_total", chain.anchors)
        .with("gateways", chain.gateways.clone())
        .rows("anchors", rows.collect())
}

fn looped(anchoring: &v1::AnchorLoopStatus) -> Report {
    Report::new()
        .with("main", anchoring.main.as_str())
        .with("anchored_height", anchoring.anchored_height)
        .with("provable_height", anchoring.provable_height)
        .with("last", rfc3339(anchoring.last_ms))
        .with("last_error", anchoring.last_error.as_str())
}
