//! `starfire bench report`: the tables of a page, written from the files that measurements left.

use std::path::PathBuf;

use clap::Args;

use crate::bench::{page, tables};
use crate::cli::context::Context;
use crate::cli::output::Report;
use crate::failure::Failure;
use crate::file;

/// The longest page.
const PAGE_BYTES_MAX: usize = 1 << 20;

#[derive(Debug, Args)]
pub(crate) struct Pages {
    /// Where the measurements' JSON files are
    directory: PathBuf,
    /// The page; its tables stand between `<!-- table NAME -->` and `<!-- end -->`
    page: PathBuf,
}

pub(super) fn run(arguments: &Pages, context: &Context) -> Result<(), Failure> {
    let bytes = file::read(&arguments.page, PAGE_BYTES_MAX)?;
    let text =
        String::from_utf8(bytes).map_err(|error| Failure::content(&arguments.page, error))?;
    let measurements = tables::Measurements::load(&arguments.directory)?;
    let filled = page::fill(&text, |name| measurements.table(name))
        .map_err(|error| Failure::content(&arguments.page, error))?;
    file::replace(&arguments.page, filled.text.as_bytes())?;
    context.output.report(
        &Report::new()
            .with("page", arguments.page.display().to_string())
            .with("tables", filled.tables),
    )?;
    Ok(())
}
