//! `starfire db`: look at a store whose node does not run.

use clap::Subcommand;
use starfire_state::Archive;

use super::context::Context;
use super::output::Report;
use crate::audit;
use crate::failure::Failure;
use crate::rocks::{Rocks, Unreadable};

/// Heights between two lines of progress.
const PROGRESS_HEIGHTS: u64 = 1_000;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check every row, block, commit, receipt and the newest state of a stopped node
    Verify,
    /// Build the index of DIDs of a stopped node anew, from its newest state
    Reindex,
}

pub(crate) fn run(command: &Command, context: &Context) -> Result<(), Failure> {
    match command {
        Command::Verify => verify(context),
        Command::Reindex => reindex(context),
    }
}

fn reindex(context: &Context) -> Result<(), Failure> {
    let rocks = open(context)?;
    let dids = rocks.build_did_index().map_err(|error| {
        let hint = "see that the disk has room and can be written";
        Failure::caused(error.code(), &error, hint)
    })?;
    context.output.report(&Report::new().with("dids", dids))?;
    Ok(())
}

/// The store of a stopped node.
fn open(context: &Context) -> Result<Rocks, Failure> {
    let path = context.home()?.data();
    if !path.exists() {
        return Err(Failure::new(
            "STORE_FILES",
            format!("there is no store at {}", path.display()),
            "name the node's directory by --home",
        ));
    }
    Rocks::open(&path).map_err(|error| {
        let hint = "the node must be stopped, and the home the right one";
        Failure::caused(error.code(), &error, hint)
    })
}

fn verify(context: &Context) -> Result<(), Failure> {
    let rocks = open(context)?;
    let damaged =
        |error: &dyn std::error::Error| Failure::caused(Unreadable::CODE, error, Unreadable::HINT);
    let rows = rocks.check_rows().map_err(|error| damaged(&error))?;
    if rocks.is_importing() {
        return Err(Failure::new(
            "STORE_HALF_FULL",
            "a snapshot was being taken over and is not whole",
            "start the node: it begins anew",
        ));
    }
    let output = context.output;
    let newest = rocks.height().unwrap_or(0);
    let audited = audit::audit(&rocks, |height| {
        if height % PROGRESS_HEIGHTS == 0 {
            output.progress_over(&format!("block {height} of {newest}"));
        }
    });
    output.progress_done();
    let audited = audited.map_err(|finding| damaged(&finding))?;
    let index_rows = rocks.check_did_index().map_err(|error| {
        let hint = "build it anew: starfire db reindex";
        Failure::caused("DID_INDEX_DAMAGED", &error, hint)
    })?;
    output.report(
        &Report::new()
            .with("height", newest)
            .with("base", rocks.base())
            .with("rows", rows)
            .with("blocks", audited.blocks)
            .with("transactions", audited.transactions)
            .with("entries", audited.entries)
            .with("did_index_rows", index_rows),
    )?;
    Ok(())
}
