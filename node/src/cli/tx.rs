//! `starfire tx`: look at transactions, wait for them, send prepared ones.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use starfire_ledger::transaction::{BATCH_ENVELOPE_BYTES_MAX, Transaction};
use starfire_proto::v1;
use starfire_proto::v1::transaction_status::State;

use super::context::Context;
use super::output::Report;
use crate::client::{Committed, RECEIPT_WAIT};
use crate::failure::Failure;
use crate::file;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print a transaction's state and result
    Show(Named),
    /// Wait until a transaction is committed, and print its result
    Wait(Wait),
    /// Send an encoded and signed envelope
    Send(Send),
}

#[derive(Debug, Args)]
pub(crate) struct Named {
    /// SHA-256 of the transaction's blob, hex
    #[arg(value_parser = hash)]
    hash: Hash,
}

#[derive(Debug, Args)]
pub(crate) struct Wait {
    #[command(flatten)]
    named: Named,
    /// How long to wait
    #[arg(long, value_name = "SECONDS", default_value_t = RECEIPT_WAIT.as_secs())]
    seconds: u64,
}

#[derive(Debug, Args)]
pub(crate) struct Send {
    /// The envelope (starfire.v1.Envelope), as bytes or as hex
    envelope: PathBuf,
}

#[derive(Debug, Clone, Copy)]
struct Hash([u8; 32]);

fn hash(text: &str) -> Result<Hash, String> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).map_err(|_| "a hash has 64 hexadecimal digits")?;
    Ok(Hash(bytes))
}

pub(crate) async fn run(command: Command, context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    let committed = match command {
        Command::Show(Named { hash: Hash(hash) }) => {
            let request = v1::GetTransactionRequest {
                hash: hash.to_vec(),
            };
            let status = client.call(client.transactions().get(request)).await?;
            match (status.state(), status.receipt) {
                (State::Committed, Some(receipt)) => Committed {
                    hash,
                    height: status.height,
                    index: status.index,
                    receipt,
                },
                (State::Pending, _) => {
                    context.output.report(
                        &Report::new()
                            .with("hash", hex::encode(hash))
                            .with("state", "pending"),
                    )?;
                    return Ok(());
                }
                (State::Unknown | State::Committed, _) => {
                    return Err(Failure::new(
                        "TRANSACTION_UNKNOWN",
                        format!(
                            "{} does not know transaction {}",
                            client.url(),
                            hex::encode(hash)
                        ),
                        "it may have been refused, or the node may be behind",
                    ));
                }
            }
        }
        Command::Wait(Wait {
            named: Named { hash: Hash(hash) },
            seconds,
        }) => client.wait(hash, Duration::from_secs(seconds)).await?,
        Command::Send(Send { envelope }) => {
            let bytes = file::read(&envelope, 2 * BATCH_ENVELOPE_BYTES_MAX + 2)?;
            let bytes = match std::str::from_utf8(&bytes)
                .ok()
                .and_then(|text| hex::decode(text.trim()).ok())
            {
                Some(decoded) => decoded,
                None => bytes,
            };
            Transaction::decode(&bytes).map_err(|error| Failure::content(&envelope, error))?;
            let hash = client.submit(bytes).await?;
            client.wait(hash, RECEIPT_WAIT).await?
        }
    };
    context.output.report(&described(&committed))?;
    match committed.receipt.code {
        0 => Ok(()),
        _ => Err(Failure::new(
            &committed.receipt.reason,
            committed.receipt.detail,
            "the transaction changed nothing",
        )),
    }
}

fn described(committed: &Committed) -> Report {
    let Committed {
        hash,
        height,
        index,
        receipt,
    } = committed;
    let events = receipt.events.iter().map(|event| {
        let attributes: Vec<String> = event
            .attributes
            .iter()
            .map(|attribute| format!("{}={}", attribute.key, attribute.value))
            .collect();
        Report::new()
            .with("type", event.r#type.as_str())
            .with("attributes", attributes)
    });
    Report::new()
        .with("hash", hex::encode(hash))
        .with("state", "committed")
        .with("height", *height)
        .with("index", *index)
        .with("code", receipt.code)
        .with("reason", receipt.reason.as_str())
        .with("detail", receipt.detail.as_str())
        .with("fee", receipt.fee)
        .rows("events", events.collect())
}
