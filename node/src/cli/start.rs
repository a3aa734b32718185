//! `starfire start`: run the node of a home until it is told to stop.

use clap::Args;

use super::context::Context;
use super::output::Output;
use crate::config::Config;
use crate::failure::Failure;
use crate::home::KeyRole;
use crate::{keystore, run};

#[derive(Debug, Args)]
pub(crate) struct Start {
    /// What goes into the log, instead of the configuration's `log`
    #[arg(long, value_name = "FILTER")]
    log: Option<String>,
}

/// A store that cannot be read ends the process, since there is no right answer to give. While the node starts that is told like
/// any other refusal; later the core's end is, and a request's is its own.
fn tell_what_ends_the_start(output: Output) {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        report(panic);
        if std::thread::current().name() == Some("main") {
            let why = panic.payload_as_str().unwrap_or("no reason is known");
            output.failure(&Failure::new(
                "START",
                format!("it cannot go on: {why}"),
                "if the store cannot be read, `starfire db verify` names what is damaged; move `data/` away and start again",
            ));
        }
    }));
}

pub(crate) fn run(arguments: &Start, context: &Context) -> Result<(), Failure> {
    tell_what_ends_the_start(context.output);
    let home = context.home()?;
    // What an operator forgets most, each with its own code, before anybody types a passphrase.
    Config::load(&home.config())?;
    if !home.genesis().exists() {
        return Err(Failure::new(
            "GENESIS",
            format!("there is no {}", home.genesis().display()),
            "put the file there that `starfire genesis build` made",
        ));
    }
    for role in KeyRole::ALL {
        keystore::check_private(&home.key(role))?;
    }
    if home.next_validator_key().exists() {
        keystore::check_private(&home.next_validator_key())?;
    }
    let passphrase = context.passphrase_for(&home.key(KeyRole::Validator), "passphrase: ")?;
    run::start(&home, &passphrase, arguments.log.clone()).map_err(|error| {
        Failure::new(
            "START",
            format!("{error:#}"),
            "change what it names and start again",
        )
    })
}
