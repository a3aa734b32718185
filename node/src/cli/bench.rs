//! `starfire bench`: what a chain on this machine takes and costs, measured on networks that each measurement founds and removes.

mod block;
mod fault;
mod load;
mod report;
mod resolve;
mod size;

use clap::{Subcommand, ValueEnum};
use starfire_ledger::genesis::Routing;

use super::context::Context;
use crate::bench::client;
use crate::bench::resolve::{asker, empty};
use crate::failure::Failure;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Measure one network: transactions, or empty blocks
    Run(load::Run),
    /// Measure how messages, bytes and processor time grow with the number of validators
    Scaling(size::Scaling),
    /// Measure the longest time without a commit when a validator fails
    Gap(fault::Gap),
    /// Kill all validators at once, again and again
    Restart(fault::Restart),
    /// Measure what one block costs as the state grows
    Block(block::Block),
    /// Measure how many DIDs a gateway resolves, beside empty handlers
    Resolve(resolve::Resolve),
    /// Write the tables of a page from the files that measurements left
    Report(report::Pages),
    /// What `run` starts
    #[command(hide = true)]
    Client,
    /// What `resolve` starts
    #[command(hide = true)]
    ResolverClient,
    /// What `resolve` compares with
    #[command(hide = true)]
    Empty,
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Mode {
    /// Signed payments, executed, proved and on the disks of a quorum
    Durable,
    /// Empty blocks, as fast as rounds go, with the same synced writes
    Idle,
}

pub(crate) fn run(command: Command, context: &Context) -> Result<(), Failure> {
    match command {
        Command::Run(arguments) => load::run(&arguments, context),
        Command::Scaling(arguments) => size::run(&arguments, context),
        Command::Gap(arguments) => fault::gap(&arguments, context),
        Command::Restart(arguments) => fault::restart(&arguments, context),
        Command::Report(arguments) => report::run(&arguments, context),
        Command::Block(arguments) => block::run(&arguments, context),
        Command::Resolve(arguments) => resolve::run(&arguments, context),
        Command::Client => client::run(),
        Command::ResolverClient => asker::run(),
        Command::Empty => empty::run(),
    }
}

/// Runs a measurement until it is done or somebody ends it. Either way its processes are gone when this returns.
fn measured<T>(measurement: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::caused("RUNTIME", &error, ""))?;
    runtime.block_on(async {
        tokio::select! {
            outcome = measurement => outcome,
            ended = ended() => Err(ended),
        }
    })
}

async fn ended() -> Failure {
    use tokio::signal::unix::{SignalKind, signal};
    let fault = |error: std::io::Error| Failure::caused("RUNTIME", &error, "");
    let (mut terminate, mut interrupt) = match (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) {
        (Ok(terminate), Ok(interrupt)) => (terminate, interrupt),
        (Err(error), _) | (_, Err(error)) => return fault(error),
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Failure::new(
        "INTERRUPTED",
        "interrupted; the processes are gone",
        "logs stay where they were written: in --home, or in the temporary directory",
    )
}

fn routing_name(routing: Routing) -> &'static str {
    match routing {
        Routing::Collector => "collector",
        Routing::Broadcast => "broadcast",
    }
}

/// How the numbers of validators are bounded on one machine.
fn check_validators(validators: usize) -> Result<(), Failure> {
    const VALIDATORS_MAX: usize = 64;
    if (1..=VALIDATORS_MAX).contains(&validators) {
        return Ok(());
    }
    Err(Failure::usage(
        format!("a network has 1 to {VALIDATORS_MAX} validators, not {validators}"),
        "four go on when one is down",
    ))
}
