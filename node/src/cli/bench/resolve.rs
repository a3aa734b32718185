//! `starfire bench resolve`: how many DIDs a gateway resolves, beside empty handlers.

use clap::Args;

use super::load::percentiles;
use super::measured;
use crate::bench::resolve;
use crate::cli::context::Context;
use crate::cli::output::Report;
use crate::failure::Failure;

#[derive(Debug, Args)]
pub(crate) struct Resolve {
    /// DIDs on the chain
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    dids: u64,
    /// How long each kind of answer is measured
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    seconds: u32,
    /// Client processes
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=64))]
    clients: u32,
    /// Questions on their way at one time
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=100))]
    in_flight: u32,
}

pub(super) fn run(arguments: &Resolve, context: &Context) -> Result<(), Failure> {
    let plan = resolve::Plan {
        directory: context.home.clone(),
        dids: arguments.dids,
        seconds: arguments.seconds,
        clients: arguments.clients,
        in_flight: arguments.in_flight,
    };
    let progress = |line: &str| context.output.progress(line);
    let record = measured(resolve::measure(&plan, &progress))?;
    let answers = record.answers.iter().map(|figure| {
        Report::new()
            .with("kind", figure.kind.name())
            .with("per_second", figure.per_second)
            .with("share_of_empty", figure.share_of_empty)
            .group("latency", percentiles(&figure.latency))
            .with("cpu_us", figure.cpu_us)
            .with("clients_cpu_us", figure.clients_cpu_us)
            .with("bytes", figure.bytes)
    });
    let report = Report::new()
        .with("dids", record.dids)
        .with("filled_per_second", record.fill.dids_per_second)
        .with("envelope_bytes_per_did", record.fill.envelope_bytes_per_did)
        .with("disk_bytes_per_did", record.disk_bytes_per_did)
        .with("resident_mib", record.resident_mib)
        .rows("answers", answers.collect())
        .with("proofs_verified", record.proofs_verified)
        .with("load_before", record.settings.load_before.as_str());
    context.output.record(&record, &report)?;
    Ok(())
}
