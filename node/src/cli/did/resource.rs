//! Resources of a DID: small files under names of their own, of which every version stays.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use starfire_crosschain::unix_ms::rfc3339;
use starfire_did::add_resource::{CONTENT_BYTES_MAX, NAME_BYTES_MAX, is_name};
use starfire_did::{Did, code, path};
use starfire_proto::protocol::operation::Native;
use starfire_proto::v1;

use super::sign::{Cosigners, Sender, Signers};
use crate::cli::context::Context;
use crate::cli::output::Report;
use crate::cli::state::{self, bad_answer};
use crate::failure::Failure;
use crate::file;

/// Of bytes about which nothing is known.
const BYTES: &str = "application/octet-stream";
/// What a file's name says about its content.
const MEDIA_TYPES: [(&str, &str); 9] = [
    ("json", "application/json"),
    ("jsonld", "application/ld+json"),
    ("txt", "text/plain"),
    ("md", "text/markdown"),
    ("html", "text/html"),
    ("svg", "image/svg+xml"),
    ("png", "image/png"),
    ("jpg", "image/jpeg"),
    ("pdf", "application/pdf"),
];

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Add a version of a resource
    Add(Add),
    /// Print the newest version of each resource, or all versions of one
    List(List),
    /// Print a version of a resource, or write its content to a file
    Show(Show),
}

#[derive(Debug, Args)]
pub(crate) struct Add {
    /// Its name: letters, digits, `.`, `_` and `-`
    name: String,
    /// The content
    file: PathBuf,
    #[command(flatten)]
    sender: Sender,
    #[command(flatten)]
    cosigners: Cosigners,
    /// What the content is [default: what the file's name says]
    #[arg(long, value_name = "TYPE")]
    media_type: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// The DID
    did: Did,
    /// All versions of this resource
    #[arg(long)]
    name: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The DID
    did: Did,
    /// The resource's name
    name: String,
    /// A version; without it, the newest
    #[arg(long)]
    version: Option<u64>,
    /// Write the content to a file that is not there yet
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) async fn run(command: Command, context: &Context) -> Result<(), Failure> {
    match command {
        Command::Add(arguments) => context.output.report(&add(arguments, context).await?)?,
        Command::List(arguments) => context.output.report(&list(&arguments, context).await?)?,
        Command::Show(arguments) => show(&arguments, context).await?,
    }
    Ok(())
}

/// Before it stands in a state path, where nobody would know it for a name.
fn check_name(name: &str) -> Result<(), Failure> {
    if is_name(name) {
        return Ok(());
    }
    Err(Failure::new(
        code::DID_RESOURCE_INVALID.name,
        format!(
            "the name {name:?} does not have 1 to {NAME_BYTES_MAX} letters, digits, '.', '_' and '-', a letter or digit first"
        ),
        "choose another name",
    ))
}

async fn add(arguments: Add, context: &Context) -> Result<Report, Failure> {
    check_name(&arguments.name)?;
    let content = file::read(&arguments.file, CONTENT_BYTES_MAX)?;
    let (signers, did) =
        Signers::changing(context, &arguments.sender, &arguments.cosigners).await?;
    let name = arguments.name;
    let newest = path::resource(&did, &name);
    let newest: Option<v1::DidResourceRecord> = state::record(&signers.client, newest).await?;
    let expected_version = newest.map_or(0, |record| record.version);
    let media_type = match arguments.media_type {
        Some(media_type) => media_type,
        None => media_type(&arguments.file).to_owned(),
    };
    let checksum = hex::encode(Sha256::digest(&content));
    let add = v1::DidAddResource {
        did: did.to_string(),
        name: name.clone(),
        expected_version,
        media_type: media_type.clone(),
        content,
    };
    let committed = signers.send(Native::DidAddResource(add)).await?;
    Ok(Report::new()
        .with("did", did.to_string())
        .with("name", name)
        .with("version", expected_version + 1)
        .with("media_type", media_type)
        .with("checksum", checksum)
        .with("height", committed.height)
        .with("transaction", hex::encode(committed.hash)))
}

async fn list(arguments: &List, context: &Context) -> Result<Report, Failure> {
    let client = context.client()?;
    let mut rows = Vec::new();
    let mut cursor = String::new();
    loop {
        let request = v1::ListResourcesRequest {
            did: arguments.did.to_string(),
            name: arguments.name.clone().unwrap_or_default(),
            cursor,
            limit: 0,
        };
        let page = client.call(client.dids().resources(request)).await?;
        rows.extend(page.resources.iter().map(described));
        if page.cursor.is_empty() {
            break;
        }
        cursor = page.cursor;
        context
            .output
            .progress_over(&format!("{} resources so far", rows.len()));
    }
    Ok(Report::new()
        .with("did", arguments.did.to_string())
        .rows("resources", rows))
}

async fn show(arguments: &Show, context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    let (did, name) = (&arguments.did, &arguments.name);
    let path = match arguments.version {
        None => path::resource(did, name),
        Some(version) => path::resource_version(did, name, version),
    };
    let record: Option<v1::DidResourceRecord> = state::record(&client, path).await?;
    let record = record.ok_or_else(|| {
        Failure::new(
            "DID_RESOURCE_NOT_FOUND",
            format!("the node has no such version of a resource {name} of {did}"),
            "`starfire did resource list` prints what there is; ask a node of the DID's own chain",
        )
    })?;
    let path = path::resource_content(did, name, record.version);
    let proof = state::values(&client, vec![path], 0).await?;
    let content = state::bytes(&proof, 0).unwrap_or_default();
    if Sha256::digest(content).as_slice() != record.checksum {
        return Err(bad_answer("the content is not that of the record"));
    }
    let report = described(&record);
    if let Some(out) = &arguments.out {
        file::write_new(out, content)?;
        context
            .output
            .report(&report.with("file", out.display().to_string()))?;
        return Ok(());
    }
    let mut whole = serde_json::to_value(&report).expect("a report is plain JSON");
    if let Value::Object(members) = &mut whole {
        members.extend(shown(&record.media_type, content));
    }
    let size = format!("{} bytes: --out FILE writes them to a file", content.len());
    let text = std::str::from_utf8(content).map_or(size, str::to_owned);
    context
        .output
        .record(&whole, &report.with("content", text))?;
    Ok(())
}

fn described(record: &v1::DidResourceRecord) -> Report {
    Report::new()
        .with("name", record.name.as_str())
        .with("version", record.version)
        .with("media_type", record.media_type.as_str())
        .with("size", record.size)
        .with("created", rfc3339(record.created_ms))
        .with("checksum", hex::encode(&record.checksum))
}

/// JSON as itself, other text as a string, other bytes in base64.
fn shown(media_type: &str, content: &[u8]) -> Map<String, Value> {
    let is_json = media_type == "application/json" || media_type.ends_with("+json");
    let as_json = || serde_json::from_slice::<Value>(content).ok();
    let (name, value) = match (
        is_json.then(as_json).flatten(),
        std::str::from_utf8(content),
    ) {
        (Some(value), _) => ("content", value),
        (None, Ok(text)) => ("content", json!(text)),
        (None, Err(_)) => ("content_base64", json!(STANDARD.encode(content))),
    };
    Map::from_iter([(name.to_owned(), value)])
}

fn media_type(file: &Path) -> &'static str {
    let extension = file.extension().and_then(|extension| extension.to_str());
    let extension = extension.unwrap_or_default().to_ascii_lowercase();
    MEDIA_TYPES
        .iter()
        .find(|(known, _)| *known == extension)
        .map_or(BYTES, |(_, media_type)| media_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_files_name_says_what_it_is() {
        for (name, expected) in [
            ("logo.PNG", "image/png"),
            ("policy.json", "application/json"),
            ("firmware.bin", BYTES),
            ("README", BYTES),
        ] {
            assert_eq!(media_type(Path::new(name)), expected, "{name}");
        }
    }

    #[test]
    fn content_is_shown_as_what_it_is() {
        let shown = |media_type, content| Value::Object(shown(media_type, content));
        assert_eq!(shown("application/json", b"[1]"), json!({"content": [1]}));
        assert_eq!(shown("application/ld+json", b"["), json!({"content": "["}));
        assert_eq!(shown("text/plain", b"[1]"), json!({"content": "[1]"}));
        assert_eq!(shown(BYTES, &[0xff]), json!({"content_base64": "/w=="}));
    }
}
