//! `starfire start`: run the node of a home until it is told to stop.

use clap::Args;

use super::context::Context;
use crate::failure::Failure;
use crate::home::KeyRole;
use crate::run;

#[derive(Debug, Args)]
pub(crate) struct Start {
    /// What goes into the log, instead of the configuration's `log`
    #[arg(long, value_name = "FILTER")]
    log: Option<String>,
}

pub(crate) fn run(arguments: &Start, context: &Context) -> Result<(), Failure> {
    let home = context.home()?;
    let passphrase = context.passphrase_for(&home.key(KeyRole::Validator), "passphrase: ")?;
    run::start(&home, &passphrase, arguments.log.clone()).map_err(|error| {
        Failure::new(
            "START",
            format!("{error:#}"),
            format!("the log is {}", home.log().display()),
        )
    })
}
