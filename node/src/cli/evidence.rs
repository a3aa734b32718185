//! `starfire evidence`: commit to files, check them, withdraw. The file itself never travels.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use starfire_crosschain::commitment::{Algorithm, SIDECAR_BYTES_MAX, Sidecar};
use starfire_crosschain::proof_file::{PROOF_BYTES_MAX, Subject};
use starfire_crosschain::unix_ms::rfc3339;
use starfire_did::Did;
use starfire_proto::protocol::operation::Native;
use starfire_proto::v1;

use super::context::Context;
use super::did::Sender;
use super::output::Report;
use super::proof::Chains;
use super::verify::{self, Trusted, read_subject};
use crate::client::{Client, ClientError, operation};
use crate::failure::Failure;
use crate::{file, keystore};

/// The note of salted evidence stands beside the file.
const NOTE_SUFFIX: &str = ".evidence.json";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Put a commitment to a file on the chain
    Add(Add),
    /// Check that the chain holds a commitment to a file, or do so offline with a proof file
    Check(Check),
    /// Withdraw evidence
    Revoke(Revoke),
}

/// How a file is hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum AlgorithmName {
    Sha256,
    Sm3,
    Blake3,
}

impl From<AlgorithmName> for Algorithm {
    fn from(name: AlgorithmName) -> Self {
        match name {
            AlgorithmName::Sha256 => Self::Sha256,
            AlgorithmName::Sm3 => Self::Sm3,
            AlgorithmName::Blake3 => Self::Blake3,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Add {
    /// The file
    file: PathBuf,
    #[command(flatten)]
    sender: Sender,
    /// How the file is hashed
    #[arg(long, value_enum, default_value = "sha256")]
    algorithm: AlgorithmName,
    /// Put the plain digest on the chain, for everybody who has the file to find; otherwise a salted commitment
    #[arg(long)]
    public: bool,
    /// Where the note with the salt goes [default: FILE.evidence.json]
    #[arg(long, value_name = "FILE", conflicts_with = "public")]
    note: Option<PathBuf>,
    /// A gateway of the main chain, if --node is of a sub-chain and a proof file is wanted
    #[arg(long, value_name = "URL")]
    main: Option<String>,
    /// Save what proves it
    #[arg(long, value_name = "FILE")]
    proof: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The file
    file: PathBuf,
    /// The note with the salt [default: FILE.evidence.json, if it is there]
    #[arg(long, value_name = "FILE")]
    note: Option<PathBuf>,
    /// Check offline, by this proof file
    #[arg(long, value_name = "FILE")]
    proof: Option<PathBuf>,
    /// A gateway of the main chain, if --node is of a sub-chain
    #[arg(long, value_name = "URL")]
    main: Option<String>,
    #[command(flatten)]
    trusted: Trusted,
}

#[derive(Debug, Args)]
pub(crate) struct Revoke {
    /// The note of the evidence
    #[arg(long, value_name = "FILE", required_unless_present = "id")]
    note: Option<PathBuf>,
    /// The evidence's identifier
    #[arg(long, conflicts_with = "note")]
    id: Option<String>,
    /// Why, for everybody to read
    #[arg(long, default_value = "")]
    reason: String,
    #[command(flatten)]
    sender: Sender,
}

pub(crate) async fn run(command: Command, context: &Context) -> Result<(), Failure> {
    match command {
        Command::Add(arguments) => context.output.report(&add(&arguments, context).await?)?,
        Command::Check(arguments) => return check(&arguments, context).await,
        Command::Revoke(arguments) => {
            let id = match (&arguments.note, arguments.id) {
                (Some(note), _) => read_note(note)?.id,
                (None, id) => id.unwrap_or_default(),
            };
            let client = context.client()?;
            let (key, issuer) = arguments.sender.open(context, &client).await?;
            let revoke = v1::EvidenceRevoke {
                id: id.clone(),
                reason: arguments.reason,
            };
            let committed = client
                .send_as(
                    &issuer,
                    &key,
                    vec![operation(Native::EvidenceRevoke(revoke))],
                )
                .await?;
            let report = Report::new()
                .with("issuer", issuer.to_string())
                .with("id", id);
            context
                .output
                .report(&report.with("height", committed.height))?;
        }
    }
    Ok(())
}

async fn add(arguments: &Add, context: &Context) -> Result<Report, Failure> {
    let bytes = read_subject(&arguments.file)?;
    let client = context.client()?;
    // What will be missing at the end is better missed at the start.
    let chains = match &arguments.proof {
        Some(_) => Some(Chains::connect(context, arguments.main.as_deref()).await?),
        None => None,
    };
    let (key, issuer) = arguments.sender.open(context, &client).await?;
    let algorithm = Algorithm::from(arguments.algorithm);
    let (kind, commitment, note) = if arguments.public {
        (v1::EvidenceKind::Public, algorithm.digest(&bytes), None)
    } else {
        let mut salt = keystore::fill_random();
        let note = Sidecar::new(
            &issuer.to_string(),
            &name(&arguments.file),
            &bytes,
            algorithm,
            &mut salt,
        );
        let path = arguments
            .note
            .clone()
            .unwrap_or_else(|| note_beside(&arguments.file));
        // Before the chain knows: without the salt its record would say nothing.
        file::write_new(&path, &note.encode())?;
        (
            v1::EvidenceKind::Salted,
            note.commitment(&bytes),
            Some(path),
        )
    };
    let id = hex::encode(commitment);
    let add = v1::EvidenceAdd {
        id: id.clone(),
        kind: kind.into(),
        algorithm: algorithm.to_proto().into(),
        commitment: commitment.to_vec(),
        ..v1::EvidenceAdd::default()
    };
    let sent = client
        .send_as(&issuer, &key, vec![operation(Native::EvidenceAdd(add))])
        .await;
    let committed = sent.map_err(|error| unsent(error, &arguments.file, note.as_deref()))?;
    let mut report = Report::new()
        .with("issuer", issuer.to_string())
        .with("id", id.as_str())
        .with("algorithm", algorithm.name())
        .with("height", committed.height)
        .with_some("note", note.map(|path| path.display().to_string()));
    if let (Some(path), Some(chains)) = (&arguments.proof, chains) {
        let proof = chains
            .prove(context, Subject::Evidence { issuer, id }, committed.height)
            .await?;
        file::replace(path, &proof)?;
        report = report.with("proof_file", path.display().to_string());
    }
    Ok(report)
}

/// Why evidence is not known to be on the chain. Without its salt its record would say nothing, so the note goes only where nothing was
/// sent, or where it was refused.
fn unsent(error: ClientError, file: &Path, note: Option<&Path>) -> Failure {
    let Some(note) = note else {
        return error.into();
    };
    if error.pending.is_none() {
        drop(std::fs::remove_file(note));
        return error.into();
    }
    let failure = Failure::from(error);
    let (note, file) = (note.display(), file.display());
    let hint = format!(
        "{}; {note} is kept: `starfire evidence check {file} --note {note}` tells the same",
        failure.hint
    );
    Failure { hint, ..failure }
}

async fn check(arguments: &Check, context: &Context) -> Result<(), Failure> {
    let bytes = read_subject(&arguments.file)?;
    let beside = note_beside(&arguments.file);
    let note_path = arguments
        .note
        .clone()
        .or_else(|| beside.exists().then_some(beside));
    let note = note_path
        .as_deref()
        .map(|path| file::read(path, SIDECAR_BYTES_MAX))
        .transpose()?;
    if let Some(proof) = &arguments.proof {
        let proof = file::read(proof, PROOF_BYTES_MAX)?;
        let report = arguments
            .trusted
            .pins(context)?
            .verify(&proof, note.as_deref(), Some(&bytes));
        return verify::conclude(context, &report);
    }
    let client = context.client()?;
    let found = match note_path.as_deref().map(read_note).transpose()? {
        Some(note) => salted(&client, &note, &bytes).await?,
        None => public(&client, &bytes).await?,
    };
    let pinned = arguments.trusted.pins(context)?;
    let provable =
        !pinned.is_empty() && (arguments.main.is_some() || client.chain_code().await?.is_none());
    if provable {
        let issuer = Did::parse(&found.issuer)
            .map_err(|error| Failure::new("BAD_ANSWER", error.to_string(), ""))?;
        let subject = Subject::Evidence {
            issuer,
            id: found.id,
        };
        let chains = Chains::connect(context, arguments.main.as_deref()).await?;
        let proof = chains.prove(context, subject, found.height).await?;
        return verify::conclude(
            context,
            &pinned.verify(&proof, note.as_deref(), Some(&bytes)),
        );
    }
    context.output.report(
        &Report::new()
            .with("found", true)
            .with("verified", false)
            .with("issuer", found.issuer)
            .with("id", found.id)
            .with("time", rfc3339(found.time_ms))
            .with("height", found.height),
    )?;
    Ok(())
}

/// The record that a note names, if it is of these bytes.
async fn salted(
    client: &Client,
    note: &Sidecar,
    bytes: &[u8],
) -> Result<v1::EvidenceRecord, Failure> {
    let request = v1::GetEvidenceRequest {
        issuer: note.issuer.clone(),
        id: note.id.clone(),
    };
    let view = client.call(client.evidence().get(request)).await?;
    let Some(record) = view.record else {
        return Err(not_found());
    };
    if record.commitment != note.commitment(bytes) {
        return Err(Failure::new(
            "FILE_MISMATCH",
            "the file is not the one that was committed to, or the note is another file's",
            "compare with the original file",
        ));
    }
    in_force(record, view.revocation)
}

/// The oldest record in force, of whichever issuer, with one of the file's plain digests.
async fn public(client: &Client, bytes: &[u8]) -> Result<v1::EvidenceRecord, Failure> {
    let mut refused = None;
    let mut found = Vec::new();
    for algorithm in [Algorithm::Sha256, Algorithm::Sm3, Algorithm::Blake3] {
        let digest = algorithm.digest(bytes).to_vec();
        let request = v1::FindEvidenceRequest {
            algorithm: algorithm.to_proto().into(),
            digest,
        };
        for view in client.call(client.evidence().find(request)).await?.found {
            match view.record.map(|record| in_force(record, view.revocation)) {
                Some(Ok(record)) => found.push(record),
                Some(Err(failure)) => refused = Some(failure),
                None => {}
            }
        }
    }
    found
        .into_iter()
        .min_by_key(|record| record.height)
        .ok_or_else(|| refused.unwrap_or_else(not_found))
}

fn in_force(
    record: v1::EvidenceRecord,
    revocation: Option<v1::RevocationRecord>,
) -> Result<v1::EvidenceRecord, Failure> {
    match revocation {
        None => Ok(record),
        Some(revocation) => Err(Failure::new(
            "REVOKED",
            format!(
                "{} revoked it at {}: {}",
                record.issuer,
                rfc3339(revocation.time_ms),
                revocation.reason
            ),
            "do not rely on it; ask the issuer",
        )),
    }
}

fn not_found() -> Failure {
    Failure::new(
        "EVIDENCE_NOT_FOUND",
        "the chain holds no commitment to this file",
        "salted evidence needs its note: --note FILE; evidence of another chain needs that chain's --node",
    )
}

fn read_note(path: &Path) -> Result<Sidecar, Failure> {
    Sidecar::parse(&file::read(path, SIDECAR_BYTES_MAX)?)
        .map_err(|error| Failure::content(path, error))
}

fn note_beside(path: &Path) -> PathBuf {
    let mut note = path.as_os_str().to_owned();
    note.push(NOTE_SUFFIX);
    PathBuf::from(note)
}

/// A file's name, for people.
pub(crate) fn name(path: &Path) -> String {
    path.file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_stays_unless_its_commitment_was_refused() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("f");
        let note = note_beside(&file);
        std::fs::write(&note, "salt").unwrap();
        let lost = ClientError::new("CONNECTION_LOST", "gone", "").of_pending([7; 32]);
        let failure = unsent(lost, &file, Some(&note));
        assert!(note.exists());
        assert!(failure.hint.contains("evidence check"), "{failure}");
        let refused = ClientError::new("EVIDENCE_EXISTS", "used", "");
        assert_eq!(unsent(refused, &file, Some(&note)).code, "EVIDENCE_EXISTS");
        assert!(!note.exists());
    }
}
