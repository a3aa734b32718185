//! `starfire start`: run the node of a home until it is told to stop.

use std::error::Error;

use clap::Args;
use starfire_ledger::genesis::CeremonyError;
use starfire_ledger::genesis::GenesisError;

use super::context::Context;
use super::output::Output;
use crate::config::Config;
use crate::failure::Failure;
use crate::home::KeyRole;
use crate::keystore::{self, KeystoreError};
use crate::{log_filter, run};

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
    if let Some(filter) = &arguments.log {
        log_filter::parse(filter).map_err(|problem| {
            Failure::usage(
                format!("--log: {problem}"),
                "a filter is like info, or info,starfire_node::network=debug",
            )
        })?;
    }
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
    run::start(&home, &passphrase, arguments.log.clone()).map_err(|error| refused(&error))
}

/// Why a node does not start, with the code of the first cause that has one of its own.
fn refused(error: &anyhow::Error) -> Failure {
    // What only hands on its cause may have no text of its own.
    let causes = error.chain().map(ToString::to_string);
    let causes: Vec<String> = causes.filter(|cause| !cause.is_empty()).collect();
    let coded = error.chain().find_map(coded);
    Failure {
        message: causes.join(": "),
        ..coded.unwrap_or_else(|| Failure::new("START", "", "change what it names and start again"))
    }
}

/// Code and hint of a cause that other commands have too.
fn coded(cause: &(dyn Error + 'static)) -> Option<Failure> {
    if let Some(error) = cause.downcast_ref::<KeystoreError>() {
        return Some(error.into());
    }
    if cause.is::<GenesisError>() {
        return Some(Failure::new(
            "GENESIS",
            "",
            "put the file there that `starfire genesis build` made",
        ));
    }
    cause.is::<CeremonyError>().then(|| {
        Failure::new(
            "CEREMONY",
            "",
            "put the file there that `starfire genesis build` made of all founders' signatures",
        )
    })
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn a_cause_keeps_its_code_on_the_way_up() {
        let path = || "validator.json".into();
        let sealed = KeystoreError::Sealed { path: path() };
        let malformed = KeystoreError::Malformed {
            path: path(),
            message: "cut".into(),
        };
        let missing = CeremonyError::Missing("did:bid:ef1".into());
        let long = GenesisError::TooLong(9);
        for (error, code) in [
            (anyhow::Error::from(sealed), "WRONG_PASSPHRASE"),
            (anyhow::Error::from(malformed), "KEY_FILE"),
            (anyhow::Error::from(missing), "CEREMONY"),
            (anyhow::Error::from(long), "GENESIS"),
            (anyhow::Error::msg("a port is taken"), "START"),
        ] {
            let error = Err::<(), _>(error).context("start").unwrap_err();
            let failure = refused(&error);
            assert_eq!(failure.code, code);
            assert!(failure.message.starts_with("start: "), "{failure}");
            assert!(!failure.hint.is_empty());
        }
    }

    #[test]
    fn a_cause_without_a_text_leaves_no_gap() {
        #[derive(Debug, thiserror::Error)]
        #[error("")]
        struct Silent(#[source] std::io::Error);
        let taken = Silent(std::io::ErrorKind::AddrInUse.into());
        let error = anyhow::Error::from(taken).context("cannot listen");
        let message = refused(&error).message;
        assert!(!message.contains(": : "), "{message}");
    }
}
