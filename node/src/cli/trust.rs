//! `starfire trust`: pin main chains by fingerprint, and export a chain's bundle.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use starfire_crosschain::trust::{BUNDLE_BYTES_MAX, Bundle};

use super::context::Context;
use super::output::Report;
use super::proof;
use crate::failure::Failure;
use crate::file;
use crate::pins::{Pin, Pins};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Believe the main chain of a bundle, whose fingerprint came by another way
    Pin(PinArguments),
    /// Get a main chain's bundle or fingerprint from a node, to hand it to others
    Export(Export),
    /// Learn from a node how the validators of a pinned chain changed; each change proves itself
    Update,
    /// Print the pinned chains
    List,
}

#[derive(Debug, Args)]
pub(crate) struct PinArguments {
    /// The trust bundle
    bundle: PathBuf,
    /// The fingerprint: from print, a circular, a colleague — not from where the bundle came
    #[arg(long, value_name = "FINGERPRINT")]
    pin: String,
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// Where to write the bundle
    #[arg(long, value_name = "FILE", required_unless_present = "fingerprint")]
    out: Option<PathBuf>,
    /// Print the fingerprint and nothing else
    #[arg(long)]
    fingerprint: bool,
}

pub(crate) async fn run(command: Command, context: &Context) -> Result<(), Failure> {
    let pins = Pins::at(context.home()?.trust());
    match command {
        Command::Pin(PinArguments { bundle, pin }) => {
            let pin = pins.add(&file::read(&bundle, BUNDLE_BYTES_MAX)?, &pin)?;
            context
                .output
                .report(&described(&pin.bundle).with("bundle", pin.path.display().to_string()))?;
        }
        Command::Export(Export { out, fingerprint }) => {
            let client = context.client()?;
            let bundle = proof::bundle(&client).await?;
            if !client.chain().await?.chain_code.is_empty() {
                context.output.warn(&format!(
                    "{} is a sub-chain: proof files hang on a main chain, so pin that one instead",
                    bundle.chain_id()
                ));
            }
            if let Some(out) = &out {
                file::replace(out, &bundle.encode())?;
            }
            if fingerprint {
                context.output.text(&bundle.fingerprint())?;
            } else {
                context.output.report(
                    &described(&bundle)
                        .with_some("bundle", out.map(|out| out.display().to_string())),
                )?;
            }
        }
        Command::Update => {
            let bundle = proof::bundle(&context.client()?).await?;
            let pin = pins.update(&bundle)?;
            context
                .output
                .report(&described(&pin.bundle).with("bundle", pin.path.display().to_string()))?;
        }
        Command::List => {
            let rows = pins
                .list()?
                .into_iter()
                .map(|Pin { bundle, .. }| described(&bundle))
                .collect();
            context.output.report(&Report::new().rows("pinned", rows))?;
        }
    }
    Ok(())
}

fn described(bundle: &Bundle) -> Report {
    Report::new()
        .with("chain_id", bundle.chain_id().to_string())
        .with("name", bundle.name())
        .with("fingerprint", bundle.fingerprint())
        .with(
            "validators",
            bundle.succession().newest().validators().len(),
        )
        .with("changes", bundle.changes().len())
}
