//! `starfire did`: register, change and resolve DIDs.

mod batch;
mod change;
mod consent;
mod ending;
mod keys;
mod recover;
mod resolve;
mod resource;
mod sign;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::Value;
use starfire_did::document::Document;
use starfire_did::{Did, PrivateKey};
use starfire_proto::protocol::operation::Native;
use starfire_proto::v1;

use super::context::Context;
use super::key::{self, Algorithm};
use super::output::Report;
use super::proof;
use crate::client::{Client, Committed, operation};
use crate::failure::Failure;
use crate::keystore;
use batch::Batch;
use change::{Deactivate, Update};
use consent::Consent;
use keys::Rotate;
use recover::{Complete, Recover, Veto};
use resolve::Resolve;

pub(crate) use sign::Sender;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Register the DID of a key, by default of a new one
    Create(Create),
    /// Print a DID's record, as the node has it
    Show(Show),
    /// Register many DIDs in one transaction, from a file of creations
    Batch(Batch),
    /// Let others register the DIDs of these keys: print lines for `batch`
    Consent(Consent),
    /// Change services, other names, controllers and guardians
    Update(Update),
    /// Replace the keys that log in by a new one; other keys stay
    ///
    /// `replaces` in the answer names those that went. Keys for other uses are added by the registrar's update (POST /1.0/update).
    Rotate(Rotate),
    /// Replace all keys of a DID by a new one, by its guardians, at once or after its delay
    ///
    /// `replaces` in the answer names those that go. Keys for other uses are added by the registrar's update (POST /1.0/update).
    Recover(Recover),
    /// Stop a recovery in its delay, by the DID's controllers
    Veto(Veto),
    /// Carry out a recovery after its delay
    Complete(Complete),
    /// Withdraw the document for ever: first revoke, then deactivate
    ///
    /// A DID that has ended sets no bit of its status lists and takes back no accreditation. Whose keys were stolen revokes first what a
    /// thief may date back.
    Deactivate(Deactivate),
    /// Small files of a DID, of which every version stays
    #[command(subcommand)]
    Resource(resource::Command),
    /// Resolve a DID of any chain, and verify the answer against the pinned main chain
    Resolve(Resolve),
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    /// The key file to take, or a file with a BIF private key; without it, a key is made
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// What a new key signs with
    #[arg(long, value_enum, default_value = "ed25519", conflicts_with = "key")]
    algorithm: Algorithm,
    /// Where a new key is kept [default: HOME/keys/DID.json]
    #[arg(long, value_name = "FILE", conflicts_with = "key")]
    out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The DID
    did: Did,
    /// A version, from 1; without it, the newest
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    version: Option<u64>,
}

pub(crate) async fn run(command: Command, context: &Context) -> Result<(), Failure> {
    let report = match command {
        Command::Create(arguments) => create(arguments, context).await?,
        Command::Show(arguments) => show(&arguments, context).await?,
        Command::Batch(arguments) => batch::run(&arguments, context).await?,
        Command::Consent(arguments) => return consent::run(&arguments, context).await,
        Command::Update(arguments) => change::update(arguments, context).await?,
        Command::Rotate(arguments) => keys::rotate(arguments, context).await?,
        Command::Recover(arguments) => recover::recover(arguments, context).await?,
        Command::Veto(arguments) => recover::veto(arguments, context).await?,
        Command::Complete(arguments) => recover::complete(&arguments, context).await?,
        Command::Deactivate(arguments) => change::deactivate(arguments, context).await?,
        Command::Resource(command) => return resource::run(command, context).await,
        Command::Resolve(arguments) => resolve::resolve(&arguments, context).await?,
    };
    context.output.report(&report)?;
    Ok(())
}

async fn create(arguments: Create, context: &Context) -> Result<Report, Failure> {
    let client = context.client()?;
    let code = client.chain_code().await?;
    let (key, key_file, made) = match arguments.key {
        Some(path) => (context.key(&path)?, path, false),
        None => {
            let key = keystore::generate(arguments.algorithm.into())?;
            let kept = key::keep(context, &key, code.as_ref(), arguments.out)?;
            (key, kept.path, true)
        }
    };
    let (did, committed) = register(&client, &key)
        .await
        .map_err(|failure| match made {
            true => Failure {
                hint: format!(
                    "the new key is kept: try again with --key {}",
                    key_file.display()
                ),
                ..failure
            },
            false => failure,
        })?;
    Ok(Report::new()
        .with("did", did.to_string())
        .with("key_file", key_file.display().to_string())
        .with("height", committed.height)
        .with("transaction", hex::encode(committed.hash)))
}

async fn show(arguments: &Show, context: &Context) -> Result<Report, Failure> {
    let client = context.client()?;
    let did = arguments.did;
    let version = arguments.version.unwrap_or(0);
    let record = proof::record(&client, &did.to_string(), version).await?;
    let report = described(&did, &record)?;
    Ok(match recover::pending(&client, &did).await? {
        Some(pending) => report.group("pending_recovery", pending),
        None => report,
    })
}

/// Registers the DID that a key derives on the client's chain.
pub(crate) async fn register(
    client: &Client,
    key: &PrivateKey,
) -> Result<(Did, Committed), Failure> {
    let did = client.address(key).await?;
    let create = v1::DidCreate {
        document: Some((&Document::for_key(&did, &key.public())).into()),
        ..v1::DidCreate::default()
    };
    let committed = client
        .send(key, vec![operation(Native::DidCreate(create))])
        .await?;
    Ok((did, committed))
}

fn described(did: &Did, record: &v1::DidRecord) -> Result<Report, Failure> {
    let document = match &record.document {
        Some(document) => {
            let document = Document::try_from(document.clone()).map_err(|error| {
                Failure::new("BAD_ANSWER", error.to_string(), "ask another node")
            })?;
            starfire_did::render::document(&document)
        }
        None => Value::Null,
    };
    Ok(Report::new()
        .with("did", did.to_string())
        .with("version", record.version)
        .with("deactivated", record.deactivated)
        .with("metadata", starfire_did::render::metadata(record))
        .with("document", document))
}
