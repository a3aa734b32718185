//! `starfire bench scaling`: networks of several sizes, by either routing.

use clap::Args;

use super::{check_validators, measured, routing_name};
use crate::bench::scaling;
use crate::cli::context::Context;
use crate::cli::genesis::RoutingName;
use crate::cli::output::Report;
use crate::failure::Failure;

#[derive(Debug, Args)]
pub(crate) struct Scaling {
    /// Sizes of the networks
    #[arg(long, value_delimiter = ',', default_value = "4,7,10,16,31")]
    validators: Vec<usize>,
    /// By which routings
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "collector,broadcast"
    )]
    routing: Vec<RoutingName>,
    /// How long each is measured
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    seconds: u32,
    /// How long before that nothing is measured
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(0..=600))]
    warm_up: u32,
}

pub(super) fn run(arguments: &Scaling, context: &Context) -> Result<(), Failure> {
    arguments
        .validators
        .iter()
        .try_for_each(|validators| check_validators(*validators))?;
    let plan = scaling::Plan {
        validators: arguments.validators.clone(),
        routings: arguments
            .routing
            .iter()
            .map(|name| (*name).into())
            .collect(),
        warm_up_s: arguments.warm_up,
        seconds: arguments.seconds,
    };
    let progress = |line: &str| context.output.progress(line);
    let record = measured(scaling::measure(&plan, &progress))?;
    let rows = record.networks.iter().map(|network| {
        Report::new()
            .with("validators", network.validators)
            .with("routing", routing_name(network.routing))
            .with("heights_per_second", network.heights_per_second)
            .with("messages_per_height", network.nodes.messages_per_height)
            .with(
                "messages_per_height_and_peer",
                network.messages_per_height_and_peer,
            )
            .with("bytes_per_height", network.nodes.bytes_per_height)
            .with("cpu_ms_per_height", network.nodes.cpu_ms_per_height)
    });
    context
        .output
        .record(&record, &Report::new().rows("networks", rows.collect()))?;
    Ok(())
}
