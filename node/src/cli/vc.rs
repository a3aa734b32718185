//! `starfire vc`: issue, verify, present and revoke credentials, in every format.
//!
//! Issuing and presenting need a key and no node. Verifying asks a node for facts and believes what the pinned main chain proves;
//! without a node it goes by the documents and status lists that are handed in.

mod accreditation;
mod issue;
mod key;
mod present;
mod schema;
mod status;
mod verify;

use std::io::Read;
use std::path::Path;

use clap::{Subcommand, ValueEnum};
use serde_json::Value;
use starfire_crosschain::proof_file;
use starfire_did::credential::integrity::Suite;
use starfire_did::credential::json::JSON_BYTES_MAX;
use starfire_did::credential::malformed::Malformed;
use starfire_did::jose::bif::ParseType;
use starfire_proto::v1;

use super::context::Context;
use super::output::Report;
use super::state::bad_answer;
use crate::credential::issue::{Form, Signer};
use crate::credential::read::trimmed;
use crate::failure::Failure;
use crate::file;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Sign claims as a credential
    Issue(issue::Issue),
    /// Say step by step whether a credential or a presentation is valid
    Verify(verify::Verify),
    /// Show credentials to a verifier, with the holder's signature over its challenge
    #[command(mut_arg("issuer", |issuer| issuer.long("holder").alias("issuer")))]
    Present(present::Present),
    /// Set a credential's bit in a revocation or suspension list
    Revoke(status::Revoke),
    /// Status lists: open, change, look at, publish as a credential
    #[command(subcommand)]
    Status(status::Command),
    /// Schemas of credentials: register, retire, look at
    #[command(subcommand)]
    Schema(schema::Command),
    /// Who may issue what: let others, take it back, look at it
    #[command(subcommand)]
    Accreditation(accreditation::Command),
}

pub(crate) async fn run(command: Command, context: &Context) -> Result<(), Failure> {
    match command {
        Command::Issue(arguments) => issue::run(&arguments, context),
        Command::Verify(arguments) => verify::run(&arguments, context).await,
        Command::Present(arguments) => present::run(&arguments, context),
        Command::Revoke(arguments) => status::revoke(&arguments, context).await,
        Command::Status(command) => status::run(command, context).await,
        Command::Schema(command) => schema::run(command, context).await,
        Command::Accreditation(command) => accreditation::run(command, context).await,
    }
}

/// How a credential is secured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// W3C Data Integrity: a proof inside the JSON
    DataIntegrity,
    /// W3C `vc+jwt`
    Jwt,
    /// SD-JWT VC
    SdJwt,
    /// BIF's RFC-008
    Bif,
    /// The same, each member of the subject hashed, so that the holder may leave it out
    BifSelective,
}

impl Format {
    /// With the suite asked for, or the one that the key is for.
    fn form(self, suite: Option<Suite>, signer: &Signer) -> Result<Form, Failure> {
        match self {
            Self::DataIntegrity => suite
                .or_else(|| Suite::of_curve(signer.key.curve()))
                .map(Form::DataIntegrity)
                .ok_or_else(|| {
                    Failure::usage(
                        format!("no suite is for keys of {}", signer.key.curve()),
                        "sign with another key",
                    )
                }),
            Self::Jwt => Ok(Form::Jwt),
            Self::SdJwt => Ok(Form::SdJwt),
            Self::Bif => Ok(Form::Bif(ParseType::Direct)),
            Self::BifSelective => Ok(Form::Bif(ParseType::Selective)),
        }
    }
}

/// A cryptosuite by its name.
fn suite(text: &str) -> Result<Suite, String> {
    Suite::parse(text).ok_or_else(|| {
        let names: Vec<&str> = Suite::ALL.into_iter().map(Suite::name).collect();
        format!("the suites are {}", names.join(", "))
    })
}

/// Reads a credential or claims; `-` is standard input.
fn read(path: &Path) -> Result<String, Failure> {
    let bytes = if path.as_os_str() == "-" {
        let mut bytes = Vec::new();
        let most = u64::try_from(JSON_BYTES_MAX).expect("a limit is small") + 1;
        std::io::stdin()
            .lock()
            .take(most)
            .read_to_end(&mut bytes)
            .map_err(|error| Failure::file("read", path, &error))?;
        bytes
    } else {
        file::read_cut(path, JSON_BYTES_MAX)?
    };
    let text = String::from_utf8(bytes).map_err(|_| Failure::content(path, "it is no text"))?;
    let text = trimmed(&text);
    if text.is_empty() {
        return Err(Failure::content(path, "it is empty"));
    }
    Ok(text.to_owned())
}

fn malformed(error: &Malformed) -> Failure {
    Failure::new(
        error.code,
        error.detail.clone(),
        "docs/credentials.md says what is asked for",
    )
}

/// Keeps an answer of a gateway with its proof, as it would have come over HTTP.
fn save(
    path: &Path,
    mut answer: Value,
    proof: Option<&v1::StateProof>,
    anchor: Option<&v1::StateProof>,
) -> Result<(), Failure> {
    let proof = proof.and_then(|proof| proof_file::state_proof(proof, anchor));
    answer["proof"] = proof.ok_or_else(|| bad_answer("the node's proof does not decode"))?;
    file::write_new(path, format!("{answer}\n").as_bytes())
}

/// Prints what was made, or writes it to a file and says so.
fn deliver(
    context: &Context,
    made: &Value,
    out: Option<&Path>,
    report: Report,
) -> Result<(), Failure> {
    let Some(out) = out else {
        // A credential is its own answer: what is printed can be handed on.
        match made.as_str().filter(|_| !context.output.is_json()) {
            Some(text) => context.output.text(text)?,
            None => context.output.value(made)?,
        }
        return Ok(());
    };
    let text = made
        .as_str()
        .map_or_else(|| made.to_string(), str::to_owned);
    file::write_new(out, format!("{text}\n").as_bytes())?;
    context
        .output
        .report(&report.with("file", out.display().to_string()))?;
    Ok(())
}
