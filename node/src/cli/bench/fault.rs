//! `starfire bench gap` and `starfire bench restart`: validators that fail, and how soon commits go on.

use clap::{Args, ValueEnum};

use super::load::percentiles;
use super::{check_validators, measured, routing_name};
use crate::bench::{censor, gap, restart};
use crate::cli::context::Context;
use crate::cli::genesis::RoutingName;
use crate::cli::output::Report;
use crate::failure::Failure;

#[derive(Debug, Args)]
pub(crate) struct Gap {
    /// What fails
    #[arg(long, value_enum)]
    fault: Fault,
    #[command(flatten)]
    network: Network,
    /// How often
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    times: u32,
}

#[derive(Debug, Args)]
pub(crate) struct Restart {
    #[command(flatten)]
    network: Network,
    /// How often
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    times: u32,
}

#[derive(Debug, Args)]
struct Network {
    /// Validators, each a process
    #[arg(long, default_value_t = 4)]
    validators: usize,
    /// Where votes go
    #[arg(long, value_enum, default_value = "collector")]
    routing: RoutingName,
}

/// What fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Fault {
    /// The proposer is killed
    Kill,
    /// The proposer is stopped where it is, its connections open
    Pause,
    /// One validator takes no transactions of strangers
    Censor,
    /// The proposer and another one are killed, and started again later
    KillTwo,
}

pub(super) fn gap(arguments: &Gap, context: &Context) -> Result<(), Failure> {
    let Network {
        validators,
        routing,
    } = arguments.network;
    check_validators(validators)?;
    let progress = |line: &str| context.output.progress(line);
    let fault = match arguments.fault {
        Fault::Kill => gap::Fault::Kill,
        Fault::Pause => gap::Fault::Pause,
        Fault::KillTwo => gap::Fault::KillTwo,
        Fault::Censor => {
            let plan = censor::Plan {
                directory: context.home.clone(),
                validators,
                routing: routing.into(),
                times: arguments.times,
            };
            let record = measured(censor::measure(&plan, &progress))?;
            context.output.record(&record, &censored(&record))?;
            return Ok(());
        }
    };
    let plan = gap::Plan {
        directory: context.home.clone(),
        validators,
        routing: routing.into(),
        fault,
        times: arguments.times,
    };
    let record = measured(gap::measure(&plan, &progress))?;
    let trials = record.trials.iter().map(|trial| {
        Report::new()
            .with("height", trial.height)
            .with("gap_us", trial.gap_us)
            .with("commits_without_quorum", trial.commits_without_quorum)
            .with("resumed_us", trial.resumed_us)
    });
    let report = Report::new()
        .with("validators", record.validators)
        .with("routing", routing_name(record.routing))
        .with("timeout_base_ms", record.timeout_base_ms)
        .group("calm", percentiles(&record.calm))
        .with_some("longest_ms", record.longest_ms)
        .with_some("longest_in_timeouts", record.longest_in_timeouts)
        .rows("trials", trials.collect());
    context.output.record(&record, &report)?;
    Ok(())
}

fn censored(record: &censor::Record) -> Report {
    Report::new()
        .with("validators", record.validators)
        .with("routing", routing_name(record.routing))
        .with("timeout_base_ms", record.timeout_base_ms)
        .with("payments", record.payments)
        .group("latency", percentiles(&record.latency))
        .with("longest_in_timeouts", record.longest_in_timeouts)
}

pub(super) fn restart(arguments: &Restart, context: &Context) -> Result<(), Failure> {
    let Network {
        validators,
        routing,
    } = arguments.network;
    check_validators(validators)?;
    let progress = |line: &str| context.output.progress(line);
    let plan = restart::Plan {
        directory: context.home.clone(),
        validators,
        routing: routing.into(),
        times: arguments.times,
    };
    let record = measured(restart::measure(&plan, &progress))?;
    let report = Report::new()
        .with("validators", record.validators)
        .with("routing", routing_name(record.routing))
        .with("times", record.times)
        .group("resumed", percentiles(&record.resumed))
        .with("height", record.height)
        .with("votes_signed", record.votes_signed)
        .with("double_votes", record.double_votes)
        .with("nodes_agree", record.nodes_agree);
    context.output.record(&record, &report)?;
    Ok(())
}
