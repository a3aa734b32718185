//! `starfire bench run`: transactions, or empty blocks, on one network.

use std::str::FromStr;

use clap::Args;

use super::{Mode, check_validators, measured, routing_name};
use crate::bench::figures::Percentiles;
use crate::bench::sample::Usage;
use crate::bench::{idle, load};
use crate::cli::context::Context;
use crate::cli::genesis::RoutingName;
use crate::cli::output::Report;
use crate::failure::Failure;

/// The highest rate that clients on one machine can be asked for.
const RATE_MAX: u32 = 100_000;

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// What is measured
    #[arg(long, value_enum, default_value = "durable")]
    mode: Mode,
    /// Validators, each a process
    #[arg(long, default_value_t = 4)]
    validators: usize,
    /// Where votes go
    #[arg(long, value_enum, default_value = "collector")]
    routing: RoutingName,
    /// Payments that become due each second, or `saturate`: as many as the chain takes
    #[arg(long, default_value = "1000")]
    rate: Rate,
    /// How long it is measured
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    seconds: u32,
    /// How long before that nothing is measured
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(0..=600))]
    warm_up: u32,
    /// Accounts that pay each other
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(2..=1_000_000))]
    accounts: u32,
    /// Client processes
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=64))]
    clients: u32,
    /// With `--rate saturate`: payments on their way at one time
    #[arg(long, default_value_t = 6_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    in_flight: u32,
}

/// `--rate`.
#[derive(Debug, Clone, Copy)]
struct Rate(load::Rate);

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "saturate" {
            return Ok(Self(load::Rate::Saturate));
        }
        match text.parse() {
            Ok(rate @ 1..=RATE_MAX) => Ok(Self(load::Rate::PerSecond(rate))),
            Ok(_) | Err(_) => Err(format!("expected 1 to {RATE_MAX}, or saturate")),
        }
    }
}

pub(super) fn run(arguments: &Run, context: &Context) -> Result<(), Failure> {
    check_validators(arguments.validators)?;
    let progress = |line: &str| context.output.progress(line);
    match arguments.mode {
        Mode::Durable => {
            let plan = load::Plan {
                directory: context.home.clone(),
                validators: arguments.validators,
                routing: arguments.routing.into(),
                rate: arguments.rate.0,
                in_flight: arguments.in_flight,
                warm_up_s: arguments.warm_up,
                seconds: arguments.seconds,
                accounts: usize::try_from(arguments.accounts).unwrap_or(usize::MAX),
                clients: arguments.clients,
            };
            let record = measured(load::measure(&plan, &progress))?;
            context.output.record(&record, &described(&record))?;
        }
        Mode::Idle => {
            let plan = idle::Plan {
                directory: context.home.clone(),
                validators: arguments.validators,
                routing: arguments.routing.into(),
                warm_up_s: arguments.warm_up,
                seconds: arguments.seconds,
            };
            let record = measured(idle::measure(&plan, &progress))?;
            context.output.record(&record, &idle_described(&record))?;
        }
    }
    Ok(())
}

fn described(record: &load::Record) -> Report {
    let load::Record {
        payments,
        settings,
        cpu_per_1000,
        ..
    } = record;
    let counts = |counts: &std::collections::BTreeMap<String, u64>| {
        counts
            .iter()
            .map(|(code, count)| {
                Report::new()
                    .with("code", code.as_str())
                    .with("count", *count)
            })
            .collect()
    };
    let report = Report::new()
        .with_some("offered_per_second", record.offered_per_second)
        .with("committed_per_second", record.committed_per_second)
        .group("latency", percentiles(&record.latency))
        .group("lag", percentiles(&record.lag))
        .with("blocks_per_second", record.blocks_per_second)
        .with("transactions_per_block", record.transactions_per_block)
        .group(
            "cpu_seconds_per_1000",
            Report::new()
                .with("nodes", cpu_per_1000.nodes_s)
                .with("node", cpu_per_1000.node_s)
                .with("clients", cpu_per_1000.clients_s),
        )
        .with(
            "bytes_sent_per_transaction",
            record.bytes_sent_per_transaction,
        )
        .with(
            "disk_bytes_per_transaction",
            record.disk_bytes_per_transaction,
        )
        .group("nodes", usage(&record.nodes))
        .with(
            "batch_verify_per_second",
            record.signatures.batch_per_second,
        )
        .with(
            "single_verify_per_second",
            record.signatures.single_per_second,
        )
        .with("share_of_batch_limit", record.share_of_batch_limit)
        .group(
            "payments",
            Report::new()
                .with("submitted", payments.submitted)
                .with("committed", payments.committed)
                .with("failed", payments.failed)
                .with("missing", payments.missing)
                .rows("put_off", counts(&payments.put_off))
                .rows("refused", counts(&payments.refused)),
        )
        .with("nodes_agree", record.nodes_agree);
    report.group(
        "settings",
        Report::new()
            .with("processor", settings.machine.processor.as_str())
            .with("cores", settings.machine.cores)
            .with("kernel", settings.machine.kernel.as_str())
            .with("version", settings.machine.version.as_str())
            .with("build", settings.machine.build.as_str())
            .group("synced_write", percentiles(&settings.machine.synced_write))
            .with("validators", settings.validators)
            .with("routing", routing_name(settings.routing))
            .with("payload", settings.payload.as_str())
            .with("accounts", settings.accounts)
            .with("clients", settings.clients)
            .with_some("in_flight", settings.in_flight)
            .with("warm_up_s", settings.warm_up_s)
            .with("seconds", settings.seconds)
            .with("block_transactions_max", settings.block_transactions_max)
            .with("block_bytes_max", settings.block_bytes_max)
            .with("timeout_base_ms", settings.timeout_base_ms)
            .with("synced", settings.synced),
    )
}

pub(super) fn idle_described(record: &idle::Record) -> Report {
    Report::new()
        .with("validators", record.validators)
        .with("routing", routing_name(record.routing))
        .with("heights_per_second", record.heights_per_second)
        .with(
            "messages_per_height_and_peer",
            record.messages_per_height_and_peer,
        )
        .group("nodes", usage(&record.nodes))
        .with("nodes_agree", record.nodes_agree)
        .with("synced", record.synced)
}

pub(super) fn percentiles(values: &Percentiles) -> Report {
    Report::new()
        .with_some("p50_ms", values.p50_ms)
        .with_some("p90_ms", values.p90_ms)
        .with_some("p99_ms", values.p99_ms)
        .with_some("p999_ms", values.p999_ms)
        .with_some("max_ms", values.max_ms)
}

fn usage(usage: &Usage) -> Report {
    Report::new()
        .with("heights", usage.heights)
        .with("cpu_ms_per_height", usage.cpu_ms_per_height)
        .with("messages_per_height", usage.messages_per_height)
        .with("bytes_per_height", usage.bytes_per_height)
        .with("bytes_sent_by_node", usage.bytes_sent_by_node.clone())
        .with(
            "bytes_received_by_node",
            usage.bytes_received_by_node.clone(),
        )
        .with("disk_bytes", usage.disk_bytes)
        .with("resident_mib", usage.resident_mib)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_or_saturation() {
        assert_eq!("500".parse::<Rate>().unwrap().0, load::Rate::PerSecond(500));
        assert_eq!("saturate".parse::<Rate>().unwrap().0, load::Rate::Saturate);
        for bad in ["0", "many", "-1", "100001"] {
            assert!(bad.parse::<Rate>().is_err(), "{bad}");
        }
    }
}
