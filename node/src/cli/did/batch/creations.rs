//! The file of creations: one a line, each checked as the chain will check it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;
use starfire_did::create::Create;
use starfire_did::credential::json;
use starfire_did::document::{Document, from_w3c};
use starfire_did::{ChainCode, Did, PublicKey, VerificationKey, signature};
use starfire_proto::v1;

use crate::failure::Failure;

/// The longest line: a document of the greatest size, with room for its spelling in JSON.
const LINE_BYTES_MAX: u64 = 256 << 10;
/// Lines of one file.
const LINES_MAX: usize = 1_000_000;

/// The chain that the creations are for.
#[derive(Debug)]
pub(super) struct Chain {
    pub(super) id: String,
    pub(super) code: Option<ChainCode>,
}

/// A line that can be sent.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Creation {
    /// Its number in the file, from 1.
    pub(super) line: usize,
    pub(super) did: Did,
    pub(super) message: v1::DidCreate,
}

/// A line as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    /// The document, as W3C writes it.
    document: Option<Value>,
    /// Instead of it the DID's key, for the least document: a Multikey, BIF's hex, or a JSON Web Key.
    key: Option<Value>,
    /// The key's consent, hex. Not needed of who signs the transaction.
    consent: Option<String>,
}

/// Reads all lines but the first so many; empty ones are passed over. `signing` are those who sign the transactions.
pub(super) fn read(
    path: &Path,
    skip: usize,
    chain: &Chain,
    signing: &[Did],
) -> Result<Vec<Creation>, Failure> {
    let fault = |error| Failure::file("read", path, &error);
    let mut reader: Box<dyn BufRead> = if path.as_os_str() == "-" {
        Box::new(BufReader::new(std::io::stdin()))
    } else {
        Box::new(BufReader::new(File::open(path).map_err(fault)?))
    };
    let mut creations = Vec::new();
    let mut seen = BTreeMap::new();
    for number in 1.. {
        let mut text = Vec::new();
        let taken = (&mut reader)
            .take(LINE_BYTES_MAX + 1)
            .read_until(b'\n', &mut text)
            .map_err(fault)?;
        if taken == 0 {
            break;
        }
        let wrong = |what: &str| Failure::content(path, format!("line {number}: {what}"));
        if u64::try_from(taken).unwrap_or(u64::MAX) > LINE_BYTES_MAX {
            return Err(wrong("it is too long"));
        }
        if number > LINES_MAX {
            return Err(wrong("there are too many lines: split the file"));
        }
        if number <= skip || text.trim_ascii().is_empty() {
            continue;
        }
        let creation = parse(number, &text, chain, signing).map_err(|refusal| Failure {
            message: format!("{}, line {number}: {}", path.display(), refusal.message),
            ..refusal
        })?;
        if let Some(first) = seen.insert(creation.did, number) {
            return Err(wrong(&format!(
                "{} stands in line {first} too",
                creation.did
            )));
        }
        creations.push(creation);
    }
    if creations.is_empty() {
        return Err(Failure::content(path, "there is no creation in it"));
    }
    Ok(creations)
}

fn parse(line: usize, text: &[u8], chain: &Chain, signing: &[Did]) -> Result<Creation, Failure> {
    let wrong = |what: String| {
        let hint = "a line is {\"document\": …, \"consent\": \"hex\"}, as `starfire did consent` prints it";
        Failure::new("CONTENT", what, hint)
    };
    let value = json::parse(text).map_err(|error| wrong(error.to_string()))?;
    let read: Line = serde_json::from_value(value).map_err(|error| wrong(error.to_string()))?;
    let document = match (&read.document, &read.key) {
        (Some(document), None) => from_w3c(document).map_err(|error| {
            Failure::new(
                "DID_DOCUMENT_INVALID",
                error.to_string(),
                "docs/did-method.md has the rules",
            )
        })?,
        (None, Some(key)) => {
            let key = public_key(key).ok_or_else(|| {
                wrong(
                    "the key is no Multikey, BIF public key or JSON Web Key of Ed25519 or SM2"
                        .to_owned(),
                )
            })?;
            Document::for_key(&Did::derive(&key, chain.code.as_ref()), &key)
        }
        (Some(_), Some(_)) | (None, None) => {
            return Err(wrong("it has either a document or a key".to_owned()));
        }
    };
    let consent = match &read.consent {
        None => Vec::new(),
        Some(text) => hex::decode(text).map_err(|_| wrong("the consent is not hex".to_owned()))?,
    };
    let did = *document.id();
    let message = v1::DidCreate {
        document: Some((&document).into()),
        consent,
    };
    require_consent(&did, &message, chain, signing)?;
    Ok(Creation { line, did, message })
}

/// The DID's key agrees: by its consent, or since it signs the transaction.
fn require_consent(
    did: &Did,
    message: &v1::DidCreate,
    chain: &Chain,
    signing: &[Did],
) -> Result<(), Failure> {
    if message.consent.is_empty() {
        if signing.contains(did) {
            return Ok(());
        }
        let what = format!("the key of {did} does not agree: there is no consent");
        let hint = "make the line by `starfire did consent`, or let the key sign by --with";
        return Err(Failure::new("DID_NOT_DERIVED", what, hint));
    }
    let create = Create::try_from(message.clone())
        .map_err(|refusal| Failure::new(refusal.code.name, refusal.detail, ""))?;
    let holds = create
        .claim(&chain.id)
        .is_some_and(|claim| signature::verify(&claim.key, &claim.message, &claim.signature));
    if holds {
        return Ok(());
    }
    let what = format!(
        "the consent is not by the key of {did}, over this document, on {}",
        chain.id
    );
    let hint = "make it anew by `starfire did consent`";
    Err(Failure::new("DID_CONSENT_INVALID", what, hint))
}

fn public_key(value: &Value) -> Option<PublicKey> {
    let key = match value {
        Value::String(text) if text.starts_with('z') => VerificationKey::from_multikey(text)?,
        Value::String(text) => return PublicKey::parse(text).ok(),
        jwk @ Value::Object(_) => VerificationKey::from_jwk(jwk)?,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => return None,
    };
    key.account_key().copied()
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use starfire_did::create::consent_message;
    use starfire_did::{KeyAlgorithm, PrivateKey, render};

    use super::*;

    fn chain() -> Chain {
        Chain {
            id: "starfire-main-1".to_owned(),
            code: None,
        }
    }

    fn key(seed: u8) -> PrivateKey {
        PrivateKey::generate([seed; 32], KeyAlgorithm::Ed25519)
    }

    fn line(key: &PrivateKey, chain_id: &str) -> Value {
        let did = Did::derive(&key.public(), None);
        let document = Document::for_key(&did, &key.public());
        let consent = key.sign(&consent_message(chain_id, &(&document).into()));
        json!({"document": render::document(&document), "consent": hex::encode(consent)})
    }

    fn parsed(line: &Value, signing: &[Did]) -> Result<Creation, String> {
        parse(7, line.to_string().as_bytes(), &chain(), signing).map_err(|failure| failure.code)
    }

    #[test]
    fn a_line_is_a_document_or_a_key_with_its_consent() {
        let alice = key(1);
        let did = Did::derive(&alice.public(), None);
        let whole = line(&alice, "starfire-main-1");
        let creation = parsed(&whole, &[]).unwrap();
        assert_eq!((creation.line, creation.did), (7, did));
        let verification_key = VerificationKey::from(alice.public());
        for key in [
            json!(verification_key.to_multikey()),
            verification_key.to_jwk(),
            json!(alice.public().to_string()),
        ] {
            let short = json!({"key": key, "consent": whole["consent"]});
            assert_eq!(parsed(&short, &[]).unwrap(), creation);
            let own = json!({"key": short["key"]});
            assert!(parsed(&own, &[did]).unwrap().message.consent.is_empty());
        }
    }

    #[test]
    fn what_the_chain_would_refuse_is_refused_with_its_line() {
        let (alice, bob) = (key(1), key(2));
        let good = line(&alice, "starfire-main-1");
        let mut without = good.clone();
        without["consent"].take();
        let mut mixed = good.clone();
        mixed["consent"] = line(&bob, "starfire-main-1")["consent"].clone();
        let mut both = good.clone();
        both["key"] = json!("z6Mk");
        let mut more = good.clone();
        more["private_key"] = json!("priSPK");
        let mut bad = good;
        bad["document"]["authentication"] = json!([]);
        for (line, code) in [
            (&without, "DID_NOT_DERIVED"),
            (&mixed, "DID_CONSENT_INVALID"),
            (&line(&alice, "starfire-cn01-1"), "DID_CONSENT_INVALID"),
            (&both, "CONTENT"),
            (&more, "CONTENT"),
            (&bad, "DID_DOCUMENT_INVALID"),
            (&json!({"consent": ""}), "CONTENT"),
            (&json!([]), "CONTENT"),
        ] {
            assert_eq!(parsed(line, &[]), Err(code.to_owned()), "{line}");
        }
    }

    #[test]
    fn a_file_has_each_did_once_and_empty_lines_are_passed_over() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("creations.jsonl");
        let (one, two) = (
            line(&key(1), "starfire-main-1"),
            line(&key(2), "starfire-main-1"),
        );
        let written = |content: String, skip| {
            std::fs::write(&path, content).unwrap();
            read(&path, skip, &chain(), &[])
        };
        let both = written(format!("{one}\n\n{two}"), 0).unwrap();
        let lines: Vec<usize> = both.iter().map(|creation| creation.line).collect();
        assert_eq!(lines, [1, 3]);
        assert_eq!(written(format!("{one}\n{two}\n"), 1).unwrap().len(), 1);
        for (content, skip) in [
            (format!("{one}\n{two}\n{one}\n"), 0),
            (format!("{one}\n"), 1),
            (String::new(), 0),
            ("x".repeat(300 << 10), 0),
        ] {
            assert_eq!(written(content, skip).unwrap_err().code, "CONTENT");
        }
    }
}
