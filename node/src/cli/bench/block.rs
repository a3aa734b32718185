//! `starfire bench block`: what one block costs as the state grows.

use clap::Args;

use super::load::percentiles;
use super::measured;
use crate::bench::block;
use crate::cli::context::Context;
use crate::cli::output::Report;
use crate::failure::Failure;

#[derive(Debug, Args)]
pub(crate) struct Block {
    /// Accounts in the state
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(2..=100_000_000))]
    accounts: u64,
    /// Payments in a block
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    payments: u32,
    /// Blocks that are measured
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    blocks: u32,
}

pub(super) fn run(arguments: &Block, context: &Context) -> Result<(), Failure> {
    let plan = block::Plan {
        directory: context.home.clone(),
        accounts: arguments.accounts,
        payments: arguments.payments,
        blocks: arguments.blocks,
    };
    let progress = |line: &str| context.output.progress(line);
    let record = measured(block::measure(&plan, &progress))?;
    let report = Report::new()
        .with("accounts", record.accounts)
        .with("payments", record.payments)
        .with("blocks", record.blocks)
        .group("took", percentiles(&record.took))
        .with("cpu_ms", record.cpu_ms)
        .with("filled_per_second", record.filled_per_second)
        .with("disk_bytes_per_account", record.disk_bytes_per_account)
        .with("resident_mib", record.resident_mib);
    context.output.record(&record, &report)?;
    Ok(())
}
