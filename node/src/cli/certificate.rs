//! `starfire certificate`: documents that an accredited issuer commits to, and their proof files.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};
use serde::de::IgnoredAny;
use serde_json::Value;
use starfire_crosschain::document::{
    Content, DOCUMENT_BYTES_MAX, Document, DocumentError, Draft, DraftContent, Fields,
};
use starfire_crosschain::proof_file::{self, Certificate, Subject, Verdict};
use starfire_crosschain::trust::Bundle;
use starfire_crosschain::unix_ms;
use starfire_did::document::Document as DidDocument;
use starfire_did::{Did, PrivateKey};
use starfire_proto::protocol::operation::Native;
use starfire_proto::v1;
use tendermint::Time;

use super::context::Context;
use super::did::Sender;
use super::evidence::name;
use super::member::propose::moment;
use super::output::Report;
use super::proof::{self, Chains};
use super::verify::{self, Trusted, Verify, read_subject};
use crate::client::{Client, ClientError, operation};
use crate::failure::Failure;
use crate::{clock, file, keystore};

const DOCUMENT_FILE: &str = "certificate.document.json";
const PROOF_FILE: &str = "certificate.proof.json";
/// The schema of content that names none.
const ANY_SCHEMA: &str = "urn:starfire:any";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Commit to a JSON document, or to any file, and wait until that can be proved on the main chain
    Issue(Issue),
    /// Print what is in a document file
    Show(Show),
    /// Verify a certificate offline, as `starfire verify` does
    Verify(Verify),
    /// Withdraw a certificate
    Revoke(Revoke),
    /// Get a proof file with the newest revocation state
    Refresh(Refresh),
}

#[derive(Debug, Args)]
pub(crate) struct Issue {
    /// The content: a JSON object, or any file
    file: PathBuf,
    #[command(flatten)]
    sender: Sender,
    /// A gateway of the main chain, if --node is of a sub-chain
    #[arg(long, value_name = "URL")]
    main: Option<String>,
    /// Commit to the bytes of a JSON object too, of which no part can then be shown alone
    #[arg(long)]
    as_file: bool,
    /// The credential type that the issuer is accredited for
    #[arg(long = "type", value_name = "TYPE")]
    kind: String,
    /// The jurisdiction that the issuer is accredited for, ISO 3166-1 alpha-2
    #[arg(long, value_name = "CODE")]
    jurisdiction: String,
    /// The issuer's own number for it [default: a random one]
    #[arg(long)]
    number: Option<String>,
    /// What the content's fields mean, e.g. the URL of a JSON Schema [default: the content's $schema]
    #[arg(long)]
    schema: Option<String>,
    /// Last moment of its validity, e.g. 2027-01-01
    #[arg(long, value_parser = moment)]
    valid_until: Option<Time>,
    /// Where certificate.document.json and certificate.proof.json go
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The document file
    document: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Revoke {
    /// The document file
    document: PathBuf,
    #[command(flatten)]
    sender: Sender,
    /// Why, for everybody to read
    #[arg(long, default_value = "")]
    reason: String,
}

#[derive(Debug, Args)]
pub(crate) struct Refresh {
    /// The document file
    document: PathBuf,
    /// A gateway of the main chain, if --node is of a sub-chain
    #[arg(long, value_name = "URL")]
    main: Option<String>,
    /// The new proof file
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

pub(crate) async fn run(command: Command, context: &Context) -> Result<(), Failure> {
    let report = match command {
        Command::Issue(arguments) => issue(arguments, context).await?,
        Command::Show(Show { document }) => shown(&load(&document)?),
        Command::Verify(arguments) => return verify::run(&arguments, context),
        Command::Revoke(arguments) => revoke(arguments, context).await?,
        Command::Refresh(arguments) => refresh(&arguments, context).await?,
    };
    context.output.report(&report)?;
    Ok(())
}

async fn issue(arguments: Issue, context: &Context) -> Result<Report, Failure> {
    let content = read_subject(&arguments.file)?;
    let chains = Chains::connect(context, arguments.main.as_deref()).await?;
    let (key, issuer) = arguments.sender.open(context, &chains.own).await?;
    let method = signing_method(&chains.own, &issuer, &key).await?;
    let fields = Fields {
        schema: arguments.schema.unwrap_or_else(|| schema(&content)),
        issuer,
        kind: arguments.kind,
        jurisdiction: arguments.jurisdiction,
        number: match arguments.number {
            Some(number) => number,
            None => hex::encode(keystore::random::<16>()?),
        },
    };
    let draft = draft(fields, &name(&arguments.file), &content, arguments.as_file)?;
    let add = v1::EvidenceAdd {
        id: draft.evidence_id(),
        kind: v1::EvidenceKind::Certificate.into(),
        algorithm: v1::DigestAlgorithm::Sha256.into(),
        commitment: draft.doc_hash().to_vec(),
        r#type: draft.fields().kind.clone(),
        jurisdiction: draft.fields().jurisdiction.clone(),
        valid_until_ms: arguments.valid_until.map_or(0, unix_ms::from_time),
    };
    let document = draft.sign(&method, &key).map_err(|error| refused(&error))?;

    std::fs::create_dir_all(&arguments.out)
        .map_err(|error| Failure::file("create", &arguments.out, &error))?;
    let document_path = arguments.out.join(DOCUMENT_FILE);
    // Before the chain knows: without its salts the commitment would say nothing.
    file::write_new(&document_path, &document.encode())?;
    let start = clock::monotonic();
    let sent = chains
        .own
        .send_as(&issuer, &key, vec![operation(Native::EvidenceAdd(add))])
        .await;
    let committed = sent.map_err(|error| unsent(error, &document_path))?;
    let committed_ms = clock::elapsed_ms(start);
    let (proof, bundle) = prove(context, &chains, &document, committed.height)
        .await
        .map_err(|failure| kept(failure, &document_path))?;
    let provable_ms = clock::elapsed_ms(start);
    let proof_path = arguments.out.join(PROOF_FILE);
    file::replace(&proof_path, &proof)?;
    let fault = fault(&proof, &document, &content, &bundle);
    if let Some(Failure { code, message, .. }) = &fault {
        context.output.warn(&format!(
            "whoever verifies this certificate refuses it: {code}: {message}"
        ));
    }
    Ok(described(&document)
        .with_some("warning", fault.map(|fault| fault.code))
        .with("height", committed.height)
        .with("committed_ms", committed_ms)
        .with("provable_ms", provable_ms)
        .with("document_file", document_path.display().to_string())
        .with("proof_file", proof_path.display().to_string()))
}

/// The proof file of a certificate that its chain took at a height.
async fn prove(
    context: &Context,
    chains: &Chains,
    document: &Document,
    committed: u64,
) -> Result<(Vec<u8>, Bundle), Failure> {
    let subject = chains.accredited(certificate(document)).await?;
    chains
        .prove_under(context, Subject::Certificate(subject), committed)
        .await
}

/// Why verifiers refuse a certificate that was just issued, if they do. Its issuer's node names the chain to go by, since the question is
/// not whether that is the right one.
fn fault(proof: &[u8], document: &Document, content: &[u8], told: &Bundle) -> Option<Failure> {
    let file = match document.content() {
        Content::Json(_) => None,
        Content::File(_) => Some(content),
    };
    let report = proof_file::verify(
        proof,
        Some(&document.encode()),
        file,
        &told.encode(),
        &told.fingerprint(),
        clock::unix_ms(),
        // The proof is new: how old others let it become is their affair.
        Duration::MAX,
    );
    (report.verdict != Verdict::Valid).then(|| Trusted::refusal(&report))
}

/// Why a commitment is not known to be on the chain. Without its salts it would say nothing, so the document goes only where nothing
/// was sent, or where it was refused.
fn unsent(error: ClientError, document: &Path) -> Failure {
    if error.pending.is_some() {
        return kept(error.into(), document);
    }
    drop(std::fs::remove_file(document));
    error.into()
}

/// Says what the document is good for that has no proof file yet.
fn kept(failure: Failure, document: &Path) -> Failure {
    let path = document.display();
    let later = format!(
        "{path} is kept: once it is committed, `starfire certificate refresh {path} --out FILE` makes its proof file"
    );
    let hint = match failure.hint.as_str() {
        "" => later,
        hint => format!("{hint}; {later}"),
    };
    Failure { hint, ..failure }
}

/// Commits to a JSON object by its fields, to anything else by its bytes. An object that not every reader would understand alike is
/// refused: committed to by its bytes, no part of it could be shown alone.
fn draft(fields: Fields, name: &str, content: &[u8], as_file: bool) -> Result<Draft, Failure> {
    let mut random = keystore::fill_random();
    let content = if as_file || !is_object(content) {
        DraftContent::File {
            name,
            bytes: content,
        }
    } else {
        DraftContent::Json(content)
    };
    Draft::new(fields, content, &mut random).map_err(|error| refused(&error))
}

/// Whether a reader of JSON that is less strict than ours sees an object. Nothing of it is kept, so its depth does not matter.
fn is_object(content: &[u8]) -> bool {
    content.trim_ascii_start().starts_with(b"{")
        && serde_json::from_slice::<IgnoredAny>(content).is_ok()
}

fn refused(error: &DocumentError) -> Failure {
    let hint = match error {
        DocumentError::Content(_)
        | DocumentError::TooManyLeaves
        | DocumentError::PointersTooLong => {
            "change the content; or commit to it by its bytes alone, as to any file: --as-file"
        }
        DocumentError::Sealed(_)
        | DocumentError::NotAnObject
        | DocumentError::NotOneContent
        | DocumentError::Text(_)
        | DocumentError::Salts
        | DocumentError::Decoys(_)
        | DocumentError::Hash(_)
        | DocumentError::Method(_) => "change the content or the options that it names",
    };
    // Its text names the cause.
    Failure::new("DOCUMENT", error.to_string(), hint)
}

fn schema(content: &[u8]) -> String {
    let value: Value = serde_json::from_slice(content).unwrap_or_default();
    value["$schema"].as_str().unwrap_or(ANY_SCHEMA).to_owned()
}

/// The issuer's verification method whose key this is.
async fn signing_method(
    client: &Client,
    issuer: &Did,
    key: &PrivateKey,
) -> Result<String, Failure> {
    let record = proof::record(client, &issuer.to_string(), 0).await?;
    let document = DidDocument::try_from(record.document.unwrap_or_default()).map_err(|error| {
        Failure::new(
            "DID_DEACTIVATED",
            format!("{issuer} has no document: {error}"),
            "issue with another DID",
        )
    })?;
    let method = document.methods().iter().find(|method| {
        method.key.account_key() == Some(&key.public())
            && document.assertion_method().contains(&method.id)
    });
    method.map(|method| method.id.clone()).ok_or_else(|| {
        Failure::new(
            "KEY_UNKNOWN",
            format!("{issuer} does not list this key for assertions"),
            "name the key file of its current key by --key, or add the key by `starfire did rotate`",
        )
    })
}

fn certificate(document: &Document) -> Certificate {
    let Fields {
        issuer,
        kind,
        jurisdiction,
        ..
    } = document.fields();
    Certificate {
        issuer: *issuer,
        id: document.evidence_id(),
        document_type: kind.clone(),
        jurisdiction: jurisdiction.clone(),
        issuer_version: None,
        accreditors: Vec::new(),
        accredited_for: None,
    }
}

async fn revoke(arguments: Revoke, context: &Context) -> Result<Report, Failure> {
    let document = load(&arguments.document)?;
    let client = context.client()?;
    let (key, issuer) = arguments.sender.open(context, &client).await?;
    if issuer != document.fields().issuer {
        return Err(Failure::new(
            "NOT_THE_ISSUER",
            format!(
                "the key is of {issuer}, the document of {}",
                document.fields().issuer
            ),
            "only the issuer revokes: name its key file by --key, and its --did if the keys were rotated",
        ));
    }
    let revoke = v1::EvidenceRevoke {
        id: document.evidence_id(),
        reason: arguments.reason,
    };
    let committed = client
        .send_as(
            &issuer,
            &key,
            vec![operation(Native::EvidenceRevoke(revoke))],
        )
        .await?;
    Ok(described(&document)
        .with("height", committed.height)
        .with("revoked", true))
}

async fn refresh(arguments: &Refresh, context: &Context) -> Result<Report, Failure> {
    let document = load(&arguments.document)?;
    let chains = Chains::connect(context, arguments.main.as_deref()).await?;
    let issuer = document.fields().issuer.to_string();
    let request = v1::GetEvidenceRequest {
        issuer,
        id: document.evidence_id(),
    };
    let view = chains.own.call(chains.own.evidence().get(request)).await?;
    let Some(record) = view.record else {
        return Err(Failure::new(
            "EVIDENCE_NOT_FOUND",
            format!("{} holds no commitment to this document", chains.own.url()),
            "name a node of the issuer's chain by --node",
        ));
    };
    // A proof file must not lag behind a revocation that the node knows.
    let revocation = view.revocation.map_or(0, |revocation| revocation.height);
    let subject = chains
        .certificate(certificate(&document), record.time_ms)
        .await?;
    let proof = chains
        .prove(context, subject, record.height.max(revocation))
        .await?;
    file::replace(&arguments.out, &proof)?;
    Ok(described(&document)
        .with("revoked", revocation != 0)
        .with("proof_file", arguments.out.display().to_string()))
}

fn load(path: &Path) -> Result<Document, Failure> {
    Document::parse(&file::read(path, DOCUMENT_BYTES_MAX)?)
        .map_err(|error| Failure::content(path, error))
}

fn described(document: &Document) -> Report {
    let Fields {
        schema,
        issuer,
        kind,
        jurisdiction,
        number,
    } = document.fields();
    let content = match document.content() {
        Content::Json(_) => "json".to_owned(),
        Content::File(file) => format!("file {}", file.name),
    };
    Report::new()
        .with("issuer", issuer.to_string())
        .with("type", kind.as_str())
        .with("jurisdiction", jurisdiction.as_str())
        .with("number", number.as_str())
        .with("schema", schema.as_str())
        .with("content", content)
        .with("id", document.evidence_id())
        .with("doc_hash", hex::encode(document.doc_hash()))
}

/// The same with the content: of JSON each value with its pointer.
fn shown(document: &Document) -> Report {
    let report = described(document);
    match document.content() {
        Content::Json(content) => {
            let mut rows = Vec::new();
            values(String::new(), content, &mut rows);
            report.rows("values", rows)
        }
        Content::File(file) => report
            .with("file_sha256", file.sha256.to_string())
            .with("file_size", file.size),
    }
}

/// Rows of the values below a pointer. Recursive: reading the document has bounded the depth.
fn values(pointer: String, value: &Value, rows: &mut Vec<Report>) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (name, member) in members {
                let name = name.replace('~', "~0").replace('/', "~1");
                values(format!("{pointer}/{name}"), member, rows);
            }
        }
        Value::Array(elements) if !elements.is_empty() => {
            for (index, element) in elements.iter().enumerate() {
                values(format!("{pointer}/{index}"), element, rows);
            }
        }
        Value::Object(_)
        | Value::Array(_)
        | Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_) => rows.push(
            Report::new()
                .with("pointer", pointer)
                .with("value", value.clone()),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(content: &[u8], as_file: bool) -> Result<Document, Failure> {
        let key = keystore::generate(starfire_did::KeyAlgorithm::Ed25519).unwrap();
        let issuer = key.public().address(None);
        let fields = Fields {
            schema: schema(content),
            issuer,
            kind: "CertificateOfOrigin".to_owned(),
            jurisdiction: "CN".to_owned(),
            number: "1".to_owned(),
        };
        let draft = draft(fields, "a.json", content, as_file)?;
        Ok(draft.sign(&format!("{issuer}#key-1"), &key).unwrap())
    }

    fn drafted(content: &[u8], as_file: bool) -> Content {
        document(content, as_file).unwrap().content().clone()
    }

    #[test]
    fn an_object_is_committed_to_field_by_field_and_all_else_by_its_bytes() {
        let object = br#" {"cooId":"E1"}"#;
        assert!(matches!(drafted(object, false), Content::Json(_)));
        for content in [b"[1]".as_slice(), b"{", b"%PDF-1.7", b"1.5"] {
            assert!(matches!(drafted(content, false), Content::File(_)));
        }
        assert!(matches!(drafted(object, true), Content::File(_)));
    }

    #[test]
    fn an_object_of_more_than_one_meaning_is_a_file_only_for_those_who_insist() {
        let deep = format!(r#"{{"a":{}1{}}}"#, "[".repeat(500), "]".repeat(500));
        for content in [
            r#"{"a":1.5}"#,
            r#"{"a":1,"a":2}"#,
            r#"{"a":9007199254740993}"#,
            &deep,
        ] {
            let refused = document(content.as_bytes(), false).unwrap_err();
            assert_eq!(refused.code, "DOCUMENT", "{content}");
            assert!(refused.hint.contains("--as-file"), "{refused}");
            assert!(matches!(
                drafted(content.as_bytes(), true),
                Content::File(_)
            ));
        }
    }

    #[test]
    fn a_document_stays_unless_its_commitment_was_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("certificate.document.json");
        std::fs::write(&path, "salts").unwrap();
        for code in ["TIMEOUT", "CONNECTION_LOST", "NODE_UNREACHABLE"] {
            let lost = ClientError::new(code, "gone", "").of_pending([7; 32]);
            let failure = unsent(lost, &path);
            assert!(path.exists(), "{code}");
            assert!(failure.hint.contains("certificate refresh"), "{failure}");
            assert!(failure.message.contains(&"07".repeat(32)), "{failure}");
        }
        let refused = unsent(ClientError::new("EVIDENCE_EXISTS", "used", ""), &path);
        assert_eq!(refused.hint, "");
        assert!(!path.exists());
    }

    #[test]
    fn the_values_of_json_are_shown_by_their_pointers() {
        let document = document(br#"{"a":{"b/c":[1,"x"]},"d":{}}"#, false).unwrap();
        let shown = serde_json::to_value(shown(&document)).unwrap();
        assert_eq!(
            shown["values"],
            serde_json::json!([
                {"pointer": "/a/b~1c/0", "value": 1},
                {"pointer": "/a/b~1c/1", "value": "x"},
                {"pointer": "/d", "value": {}},
            ])
        );
    }

    #[test]
    fn content_names_its_own_schema() {
        assert_eq!(
            schema(br#"{"$schema":"https://example.cn/coo.json"}"#),
            "https://example.cn/coo.json"
        );
        assert_eq!(schema(b"%PDF"), ANY_SCHEMA);
    }
}
