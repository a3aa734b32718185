//! Status lists: opened and changed on the chain, looked at, and published as a credential for verifiers that know no chain.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use starfire_crosschain::unix_ms::{from_time, rfc3339};
use starfire_did::credential::bitstring::StatusList;
use starfire_did::credential::integrity::Suite;
use starfire_did::status_list::{
    CHUNK_BITS, CHUNK_BYTES, LENGTH_MIN, answer, proof_paths, proved_bit, root,
};
use starfire_did::{Did, path};
use starfire_proto::protocol::operation::Native;
use starfire_proto::v1;
use tendermint::block::signed_header::SignedHeader;
use tendermint_proto::Protobuf;
use tendermint_proto::v0_38::types::SignedHeader as RawSignedHeader;

use super::key::SignerArguments;
use super::{Format, deliver, malformed, save, suite};
use crate::cli::context::Context;
use crate::cli::did::Sender;
use crate::cli::output::Report;
use crate::cli::state::{self, bad_answer, decoded, values};
use crate::client::{Client, Committed, operation};
use crate::credential::names::ListName;
use crate::credential::{CLOCK_SKEW_MS, issue};
use crate::failure::Failure;
use crate::{clock, keystore};

/// Paths of one question to a node.
const PATHS_MAX: usize = 60;
const TTL_SECONDS: u32 = 300;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Open a list of the sender's
    Create(Create),
    /// Set and clear bits; a bit of a revocation list is never cleared
    Set(Set),
    /// Print a list's record, or one bit
    Show(Show),
    /// Sign the list as it stands as a BitstringStatusListCredential
    Publish(Publish),
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Its name: letters, digits, `-` and `_`
    name: String,
    #[command(flatten)]
    sender: Sender,
    /// revocation, suspension or message
    #[arg(long, default_value = "revocation")]
    purpose: String,
    /// Its bits, a multiple of 8192
    #[arg(long, default_value_t = LENGTH_MIN)]
    length: u64,
    /// Seconds that a verifier may keep it
    #[arg(long, default_value_t = TTL_SECONDS)]
    ttl: u32,
}

#[derive(Debug, Args)]
pub(crate) struct Set {
    /// The list's name
    name: String,
    #[command(flatten)]
    sender: Sender,
    /// Bits to set
    #[arg(long, value_name = "N", num_args = 1..)]
    set: Vec<u64>,
    /// Bits to clear
    #[arg(long, value_name = "N", num_args = 1..)]
    clear: Vec<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct Revoke {
    /// The list's name
    #[arg(long, value_name = "NAME")]
    list: String,
    /// The credential's bit
    #[arg(long, value_name = "N")]
    index: u64,
    #[command(flatten)]
    sender: Sender,
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The list: DID/status-lists/NAME, or an address of the same
    #[arg(value_parser = list_name)]
    list: ListName,
    /// One bit of it
    #[arg(long, value_name = "N")]
    index: Option<u64>,
    /// Save the bit with what proves it, for `vc verify --proofs`
    #[arg(long, value_name = "FILE", requires = "index")]
    proof: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Publish {
    /// The list's name
    name: String,
    #[command(flatten)]
    signer: SignerArguments,
    /// The credential's id, as credentials name the list [default: DID/status-lists/NAME]
    #[arg(long, value_name = "URL")]
    id: Option<String>,
    /// data-integrity or jwt
    #[arg(long, value_enum, default_value = "data-integrity")]
    format: Format,
    /// The cryptosuite of Data Integrity [default: the one over JCS for the key]
    #[arg(long, value_parser = suite, value_name = "NAME")]
    suite: Option<Suite>,
    /// Write it to a file that is not there yet
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

fn list_name(text: &str) -> Result<ListName, String> {
    ListName::parse(text)
        .ok_or_else(|| format!("{text:?} is not a list such as DID/status-lists/NAME"))
}

pub(super) async fn run(command: Command, context: &Context) -> Result<(), Failure> {
    let report = match command {
        Command::Create(arguments) => create(arguments, context).await?,
        Command::Set(arguments) => {
            let Set {
                name,
                sender,
                set,
                clear,
            } = arguments;
            change(context, &sender, name, set, clear).await?
        }
        Command::Show(arguments) => show(&arguments, context).await?,
        Command::Publish(arguments) => return publish(&arguments, context).await,
    };
    context.output.report(&report)?;
    Ok(())
}

pub(super) async fn revoke(arguments: &Revoke, context: &Context) -> Result<(), Failure> {
    let list = arguments.list.clone();
    let set = vec![arguments.index];
    let report = change(context, &arguments.sender, list, set, Vec::new()).await?;
    context.output.report(&report)?;
    Ok(())
}

async fn create(arguments: Create, context: &Context) -> Result<Report, Failure> {
    let client = context.client()?;
    let (key, issuer) = arguments.sender.open(context, &client).await?;
    let list = ListName {
        issuer,
        name: arguments.name.clone(),
    };
    let create = v1::StatusListCreate {
        name: arguments.name,
        purpose: arguments.purpose,
        length: arguments.length,
        ttl: arguments.ttl,
    };
    let native = Native::StatusListCreate(create);
    let sent = client.send_as(&issuer, &key, vec![operation(native)]);
    Ok(committed(&list, &sent.await?))
}

async fn change(
    context: &Context,
    sender: &Sender,
    name: String,
    set: Vec<u64>,
    clear: Vec<u64>,
) -> Result<Report, Failure> {
    let client = context.client()?;
    let (key, issuer) = sender.open(context, &client).await?;
    let list = ListName {
        issuer,
        name: name.clone(),
    };
    let record = record(&client, &list).await?;
    let update = v1::StatusListUpdate {
        name,
        expected_version: record.version,
        set,
        clear,
    };
    let native = Native::StatusListUpdate(update);
    let sent = client.send_as(&issuer, &key, vec![operation(native)]);
    Ok(committed(&list, &sent.await?))
}

fn committed(list: &ListName, committed: &Committed) -> Report {
    Report::new()
        .with("list", list.url())
        .with("height", committed.height)
        .with("transaction", hex::encode(committed.hash))
}

async fn show(arguments: &Show, context: &Context) -> Result<Report, Failure> {
    let client = context.client()?;
    let list = &arguments.list;
    if let (Some(path), Some(index)) = (&arguments.proof, arguments.index) {
        return keep(&client, list, index, path).await;
    }
    let record = record(&client, list).await?;
    let report = Report::new()
        .with("list", list.url())
        .with("purpose", record.purpose.as_str())
        .with("length", record.length)
        .with("version", record.version)
        .with("created", rfc3339(record.created_ms))
        .with("updated", rfc3339(record.updated_ms))
        .with("ttl", record.ttl)
        .with("root", hex::encode(&record.root));
    let Some(index) = arguments.index else {
        return Ok(report);
    };
    let paths = proof_paths(&list.issuer, &list.name, index);
    let proof = values(&client, paths.to_vec(), 0).await?;
    let record = decoded::<v1::StatusListRecord>(&proof, 0)?.unwrap_or_default();
    let chunk = decoded::<v1::StatusListChunk>(&proof, 1)?;
    let bit = proved_bit(&list.issuer, &list.name, index, &record, chunk.as_ref());
    let bit = bit.ok_or_else(|| {
        Failure::usage(
            format!("the list has {} bits", record.length),
            "the first is 0",
        )
    })?;
    Ok(report.with("index", index).with("set", bit))
}

/// Saves one bit as the gateway proves it; of a sub-chain's list, a gateway of the main chain does.
async fn keep(
    client: &Client,
    list: &ListName,
    index: u64,
    path: &Path,
) -> Result<Report, Failure> {
    let request = v1::CredentialStatusRequest {
        issuer: list.issuer.to_string(),
        name: list.name.clone(),
        index,
    };
    let answer = client.call(client.credentials().status(request)).await?;
    let record = answer
        .list
        .ok_or_else(|| bad_answer("the node does not show the list"))?;
    let kept = answer::entry(&record, index, answer.set, answer.known_at_ms);
    save(
        path,
        kept,
        answer.proof.as_ref(),
        answer.anchor_proof.as_ref(),
    )?;
    Ok(Report::new()
        .with("list", list.url())
        .with("index", index)
        .with("set", answer.set)
        .with("known_at", rfc3339(answer.known_at_ms))
        .with("proof_file", path.display().to_string()))
}

async fn publish(arguments: &Publish, context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    let signer = arguments.signer.open(context)?;
    let issuer = Did::parse(&signer.did).map_err(|error| {
        Failure::usage(
            format!("{}: {error}", signer.did),
            "name the list's issuer by --issuer",
        )
    })?;
    let list = ListName {
        issuer,
        name: arguments.name.clone(),
    };
    let whole = whole(&client, &list).await?;
    let now_ms = clock::unix_ms();
    let time_ms = recent(&whole, now_ms)?;
    let Whole { record, bits, .. } = whole;
    let published = StatusList {
        id: None,
        issuer: signer.did.clone(),
        purposes: vec![record.purpose.clone()],
        bits,
        ttl_ms: Some(u64::from(record.ttl).saturating_mul(1_000)),
        valid_from_ms: Some(time_ms - time_ms.rem_euclid(1_000)),
    };
    let id = arguments.id.clone().unwrap_or_else(|| list.url());
    let unsigned = published
        .to_credential(&id)
        .map_err(|error| malformed(&error))?;
    let serde_json::Value::Object(claims) = unsigned else {
        return Err(Failure::new("INTERNAL", "a credential is an object", ""));
    };
    let form = arguments.format.form(arguments.suite, &signer)?;
    let mut random = keystore::fill_random();
    let made = issue::credential(claims, form, &[], &signer, now_ms, &mut random)
        .map_err(|error| malformed(&error))?;
    let report = Report::new()
        .with("list", id)
        .with("version", record.version);
    deliver(context, &made, arguments.out.as_deref(), report)
}

/// A list as of one height.
struct Whole {
    record: v1::StatusListRecord,
    bits: Vec<u8>,
    /// The time of the block that carries its root.
    time_ms: i64,
}

/// When the list was as it is told, if a verifier would not find it too old by now: its bits are signed as of then, and not as of now, since a node
/// that is behind does not know what was revoked meanwhile.
fn recent(list: &Whole, now_ms: i64) -> Result<i64, Failure> {
    let ttl_ms = i64::from(list.record.ttl) * 1_000;
    if now_ms.saturating_sub(list.time_ms) <= ttl_ms + CLOCK_SKEW_MS {
        return Ok(list.time_ms.min(now_ms));
    }
    Err(Failure::new(
        "STATUS_LIST_OLD",
        format!(
            "the node's newest block is of {}, longer ago than the {} seconds for which a verifier may keep the list",
            rfc3339(list.time_ms),
            list.record.ttl
        ),
        "ask a node that has caught up, by --node; if this one has, look at this machine's clock, and whether the chain decides blocks"
            .to_owned(),
    ))
}

/// The list's record and all its bits. The record's root says whether the bits are the list's.
async fn whole(client: &Client, list: &ListName) -> Result<Whole, Failure> {
    let ListName { issuer, name } = list;
    let first = values(client, vec![path::status_list(issuer, name)], 0).await?;
    let record = decoded::<v1::StatusListRecord>(&first, 0)?.ok_or_else(|| unknown(list))?;
    let signed = <SignedHeader as Protobuf<RawSignedHeader>>::decode_vec(&first.signed_header)
        .map_err(|_| bad_answer("the node's signed header does not decode"))?;
    let height = signed.header.height.value();
    let chunks: Vec<u64> = (0..record.length / CHUNK_BITS).collect();
    let mut bits = Vec::new();
    for some in chunks.chunks(PATHS_MAX) {
        let path = |chunk: &u64| path::status_list_chunk(issuer, name, *chunk);
        let proof = values(client, some.iter().map(path).collect(), height).await?;
        for position in 0..some.len() {
            match decoded::<v1::StatusListChunk>(&proof, position)? {
                Some(chunk) => bits.extend_from_slice(&chunk.bits),
                None => bits.extend_from_slice(&[0; CHUNK_BYTES]),
            }
        }
    }
    if root(&bits).as_slice() != record.root {
        return Err(bad_answer("the bits are not those of the list's record"));
    }
    Ok(Whole {
        record,
        bits,
        time_ms: from_time(signed.header.time),
    })
}

async fn record(client: &Client, list: &ListName) -> Result<v1::StatusListRecord, Failure> {
    let path = path::status_list(&list.issuer, &list.name);
    let record = state::record(client, path).await?;
    record.ok_or_else(|| unknown(list))
}

fn unknown(list: &ListName) -> Failure {
    Failure::new(
        "STATUS_LIST_NOT_FOUND",
        format!("there is no {}", list.url()),
        "open it by `starfire vc status create`",
    )
}
