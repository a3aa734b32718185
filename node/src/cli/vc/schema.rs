//! Schemas of credentials: JSON Schema 2020-12 under their authors' names, of which every version stays.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::Value;
use starfire_crosschain::unix_ms::rfc3339;
use starfire_did::path;
use starfire_did::schema::{self, SCHEMA_BYTES_MAX};
use starfire_proto::protocol::operation::Native;
use starfire_proto::v1;

use super::save;
use crate::cli::context::Context;
use crate::cli::did::Sender;
use crate::cli::output::Report;
use crate::cli::state::{self, bad_answer};
use crate::client::{Client, operation};
use crate::credential::names::SchemaName;
use crate::failure::Failure;
use crate::file;

/// How a gateway is asked for the newest version.
const NEWEST: u64 = 0;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Add a version of a schema under the sender's name
    Register(Register),
    /// Say that a version is not for new credentials any more
    Retire(Retire),
    /// Print a version, or write its content to a file
    Show(Show),
}

#[derive(Debug, Args)]
pub(crate) struct Register {
    /// Its name: letters, digits, `-` and `_`
    name: String,
    /// The schema, JSON Schema 2020-12
    file: PathBuf,
    #[command(flatten)]
    sender: Sender,
}

#[derive(Debug, Args)]
pub(crate) struct Retire {
    /// The schema's name
    name: String,
    /// Which version
    #[arg(long, value_name = "N")]
    version: u64,
    #[command(flatten)]
    sender: Sender,
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The schema: DID/schemas/NAME/VERSION, or without a version the newest
    #[arg(value_parser = schema_name)]
    schema: SchemaName,
    /// Write the schema itself to a file that is not there yet
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Save the schema with what proves it, for `vc verify --proofs`
    #[arg(long, value_name = "FILE")]
    proof: Option<PathBuf>,
}

fn schema_name(text: &str) -> Result<SchemaName, String> {
    let newest = || {
        let name = SchemaName::parse(&format!("{text}/1"))?;
        Some(SchemaName {
            version: NEWEST,
            ..name
        })
    };
    SchemaName::parse(text)
        .or_else(newest)
        .ok_or_else(|| format!("{text:?} is not a schema such as DID/schemas/NAME/VERSION"))
}

pub(super) async fn run(command: Command, context: &Context) -> Result<(), Failure> {
    match command {
        Command::Register(arguments) => {
            context
                .output
                .report(&register(arguments, context).await?)?;
        }
        Command::Retire(arguments) => context.output.report(&retire(arguments, context).await?)?,
        Command::Show(arguments) => show(&arguments, context).await?,
    }
    Ok(())
}

async fn register(arguments: Register, context: &Context) -> Result<Report, Failure> {
    let content = file::read(&arguments.file, SCHEMA_BYTES_MAX)?;
    let client = context.client()?;
    let (key, author) = arguments.sender.open(context, &client).await?;
    let name = arguments.name;
    let newest: Option<v1::SchemaRecord> =
        state::record(&client, path::schema(&author, &name)).await?;
    let expected_version = newest.map_or(0, |newest| newest.version);
    let register = v1::SchemaRegister {
        name: name.clone(),
        expected_version,
        content,
    };
    let native = Native::SchemaRegister(register);
    let sent = client.send_as(&author, &key, vec![operation(native)]);
    let committed = sent.await?;
    let registered = SchemaName {
        author,
        name,
        version: expected_version + 1,
    };
    Ok(Report::new()
        .with("schema", registered.url())
        .with("version", registered.version)
        .with("height", committed.height)
        .with("transaction", hex::encode(committed.hash)))
}

async fn retire(arguments: Retire, context: &Context) -> Result<Report, Failure> {
    let client = context.client()?;
    let (key, author) = arguments.sender.open(context, &client).await?;
    let Retire { name, version, .. } = arguments;
    let retire = v1::SchemaRetire {
        name: name.clone(),
        version,
    };
    let native = Native::SchemaRetire(retire);
    let sent = client.send_as(&author, &key, vec![operation(native)]);
    let committed = sent.await?;
    let retired = SchemaName {
        author,
        name,
        version,
    };
    Ok(Report::new()
        .with("schema", retired.url())
        .with("retired", true)
        .with("height", committed.height)
        .with("transaction", hex::encode(committed.hash)))
}

async fn show(arguments: &Show, context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    let mut answer = get(&client, &arguments.schema).await?;
    if let (Some(schema), Some(_), NEWEST) =
        (&answer.schema, &arguments.proof, arguments.schema.version)
    {
        // A version never changes, so its proof is for ever; which one is the newest is not.
        let version = SchemaName {
            version: schema.version,
            ..arguments.schema.clone()
        };
        answer = get(&client, &version).await?;
    }
    let schema = answer
        .schema
        .ok_or_else(|| bad_answer("the node does not show the schema"))?;
    let shown = SchemaName {
        version: schema.version,
        ..arguments.schema.clone()
    };
    let report = Report::new()
        .with("schema", shown.url())
        .with("version", schema.version)
        .with("created", rfc3339(schema.created_ms))
        .with(
            "retired",
            match schema.retired_ms {
                0 => Value::Null,
                ms => rfc3339(ms).into(),
            },
        )
        .with("checksum", hex::encode(&schema.checksum));
    let report = match &arguments.out {
        Some(out) => {
            file::write_new(out, &schema.content)?;
            report.with("file", out.display().to_string())
        }
        None => {
            let content: Value = serde_json::from_slice(&schema.content)
                .map_err(|_| bad_answer("the schema is not JSON"))?;
            report.with("content", content)
        }
    };
    let report = match &arguments.proof {
        Some(path) => {
            let kept =
                schema::answer(&schema).ok_or_else(|| bad_answer("the schema is no text"))?;
            save(
                path,
                kept,
                answer.proof.as_ref(),
                answer.anchor_proof.as_ref(),
            )?;
            report.with("proof_file", path.display().to_string())
        }
        None => report,
    };
    context.output.report(&report)?;
    Ok(())
}

async fn get(client: &Client, schema: &SchemaName) -> Result<v1::GetSchemaResponse, Failure> {
    let request = v1::GetSchemaRequest {
        author: schema.author.to_string(),
        name: schema.name.clone(),
        version: schema.version,
    };
    Ok(client
        .call(client.credentials().get_schema(request))
        .await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_is_named_with_its_version_or_is_the_newest() {
        const DID: &str = "did:bid:efnVUgqQFfYeu97ABf6sGm3WFtVXHZB2";
        let version = |text: &str| schema_name(&format!("{DID}{text}")).map(|name| name.version);
        assert_eq!(version("/schemas/origin/3"), Ok(3));
        assert_eq!(version("/schemas/origin"), Ok(NEWEST));
        for text in [
            "",
            "/schemas",
            "/schemas/origin/0",
            "/schemas/origin/1/2",
            "/lists/a",
        ] {
            assert!(version(text).is_err(), "{text}");
        }
    }
}
