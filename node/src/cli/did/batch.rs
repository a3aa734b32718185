//! Registering many DIDs at once: creations come as a file of JSON lines, and go in transactions of up to ten thousand each.
//!
//! All lines are read and checked before anything is sent: a batch is registered as a whole or not at all, and the chain's refusal
//! would not say which line is wrong. A file may be longer than one transaction takes. What was registered is written out
//! transaction by transaction, so that who is interrupted knows where to go on.

mod creations;
mod split;

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use starfire_proto::protocol::operation::Native;
use starfire_proto::v1;

use super::sign::{Cosigners, Sender, Signers};
use crate::cli::context::Context;
use crate::cli::output::Report;
use crate::client::{ClientError, Committed};
use crate::failure::Failure;
use creations::{Chain, Creation};

#[derive(Debug, Args)]
pub(crate) struct Batch {
    /// The creations, a JSON object a line: {"document": …, "consent": "hex"}, or "key" instead of the document; `-` is standard input
    file: PathBuf,
    #[command(flatten)]
    sender: Sender,
    #[command(flatten)]
    cosigners: Cosigners,
    /// Leave out so many lines at the beginning, empty ones included: those that are registered already
    #[arg(long, value_name = "N", default_value_t = 0)]
    skip: usize,
    /// Write a JSON line for each DID that was registered to a file that is not there yet
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) async fn run(arguments: &Batch, context: &Context) -> Result<Report, Failure> {
    let (signers, _) = Signers::changing(context, &arguments.sender, &arguments.cosigners).await?;
    let chain = Chain {
        id: signers.client.chain().await?.chain_id.clone(),
        code: signers.client.chain_code().await?,
    };
    let signing = signers.addresses().await?;
    context
        .output
        .progress("reading and checking the creations");
    let creations = creations::read(&arguments.file, arguments.skip, &chain, &signing)?;
    let total = creations.len();
    let mut results = arguments.out.as_deref().map(Results::create).transpose()?;
    let bounds = split::bounds(&signers.client, &signing).await?;
    let mut rows = Vec::new();
    let mut done = 0;
    for batch in split::split(&creations, bounds) {
        let create = batch
            .iter()
            .map(|creation| creation.message.clone())
            .collect();
        let native = Native::DidCreateBatch(v1::DidCreateBatch { create });
        let committed = signers
            .send(native)
            .await
            .map_err(|error| interrupted(error, batch))?;
        done += batch.len();
        context
            .output
            .progress_over(&format!("{done} of {total} DIDs are registered"));
        if let Some(results) = &mut results {
            results.write(batch, &committed)?;
        }
        rows.push(row(batch, &committed));
    }
    context.output.progress_done();
    Ok(Report::new()
        .with("created", done)
        .rows("transactions", rows)
        .with_some(
            "results",
            arguments.out.as_ref().map(|out| out.display().to_string()),
        ))
}

/// A transaction with the lines that it registered.
fn row(batch: &[Creation], committed: &Committed) -> Report {
    let line = |creation: Option<&Creation>| creation.map_or(0, |creation| creation.line);
    Report::new()
        .with("from_line", line(batch.first()))
        .with("to_line", line(batch.last()))
        .with("created", batch.len())
        .with("height", committed.height)
        .with("transaction", hex::encode(committed.hash))
}

/// The refusal of one transaction of several: what stands on the chain by then, and how to go on.
fn interrupted(error: ClientError, batch: &[Creation]) -> Failure {
    let is_pending = error.pending.is_some();
    let failure = Failure::from(error);
    let (Some(first), Some(last)) = (batch.first(), batch.last()) else {
        return failure;
    };
    // Lines and not creations are skipped: there may be empty ones among them.
    let go_on = format!(
        "nothing of this transaction was done: go on with --skip {}",
        first.line.saturating_sub(1)
    );
    let hint = match failure.hint.as_str() {
        // It may be committed after all.
        hint if is_pending => hint.to_owned(),
        "" => go_on,
        hint => format!("{hint}; {go_on}"),
    };
    Failure {
        message: format!("lines {} to {}: {}", first.line, last.line, failure.message),
        hint,
        ..failure
    }
}

/// The file of what was registered.
struct Results<'a> {
    file: File,
    path: &'a Path,
}

impl<'a> Results<'a> {
    fn create(path: &'a Path) -> Result<Self, Failure> {
        let file = File::create_new(path).map_err(|error| Failure::file("write", path, &error))?;
        Ok(Self { file, path })
    }

    fn write(&mut self, batch: &[Creation], committed: &Committed) -> Result<(), Failure> {
        let transaction = hex::encode(committed.hash);
        let lines: String = batch
            .iter()
            .map(|creation| {
                let line = json!({
                    "line": creation.line,
                    "did": creation.did.to_string(),
                    "height": committed.height,
                    "transaction": transaction,
                });
                format!("{line}\n")
            })
            .collect();
        self.file
            .write_all(lines.as_bytes())
            .and_then(|()| self.file.sync_all())
            .map_err(|error| Failure::file("write", self.path, &error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_interrupted_is_told_where_to_go_on() {
        let creation = |line| Creation {
            line,
            did: "did:bid:efnVUgqQFfYeu97ABf6sGm3WFtVXHZB2".parse().unwrap(),
            message: v1::DidCreate::default(),
        };
        // Line 1 is done, lines 2, 3 and 5 are empty.
        let batch = [creation(4), creation(6)];
        let refused = ClientError::new("QUOTA", "used up", "wait");
        let told = interrupted(refused, &batch);
        assert_eq!(told.message, "lines 4 to 6: used up");
        assert!(told.hint.starts_with("wait; ") && told.hint.ends_with("--skip 3"));
        let late = ClientError::new("NODE_UNREACHABLE", "gone", "").of_pending([7; 32]);
        let told = interrupted(late, &batch);
        assert!(told.hint.contains("tx wait") && !told.hint.contains("--skip"));
    }
}
