//! One door for whatever a verifier kept: it looks what the file is, and has it checked by those who know its kind.
//!
//! Beside proof files these are answers of gateways, as they came over HTTP, each with the state proof in it. What such an answer says
//! must follow from what it proves, to the byte; and what it proves is handed on, so that a credential can be judged by it.

use std::time::Duration;

use serde_json::Value;

use super::content::FORMAT;
use super::proven::{Proven, Verifier};
use super::report::{Ended, Reason, Report, Stop, Verdict, stop};
use super::verify::verify;
use super::{batch, dereferenced, headers, resolved, resource, standing};
use crate::json as strict;
use crate::{commitment, document, trust};

/// The largest answer about one thing, bytes.
pub const RESULT_BYTES_MAX: usize = 1 << 20;
/// The largest answer, bytes: a batch of a thousand documents with their proofs.
pub const ANSWER_BYTES_MAX: usize = 32 << 20;
/// How deep an answer is nested: the result of a sub-chain beside that of the main chain, and a document in it.
const DEPTH_MAX: usize = 24;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `starfire-proof/1`, or bytes that are no JSON and may have been one.
    ProofFile,
    /// A DID resolution result, perhaps with those of sub-chains in it.
    Resolution,
    /// A result of dereferencing a DID URL.
    Dereferencing,
    /// A resource of a DID, with its metadata.
    Resource,
    /// Results of many DIDs.
    Batch,
    /// An entry of a status list.
    StatusEntry,
    /// Several of them.
    StatusEntries,
    /// A whole status list.
    StatusList,
    /// Whether an issuer is accredited.
    Accreditations,
    /// A version of a schema.
    Schema,
    /// Something else; it says what.
    Other(&'static str),
}

impl Kind {
    /// By the members that each has and no other. Nothing is said of whether it holds.
    pub fn of(bytes: &[u8]) -> Self {
        match serde_json::from_slice(bytes) {
            Ok(value) => Self::of_json(&value),
            // A token of a credential is text in three parts.
            Err(_) if is_token(bytes) => Self::Other(CREDENTIAL),
            Err(_) => Self::ProofFile,
        }
    }

    fn of_json(value: &Value) -> Self {
        let has = |name: &str| value.get(name).is_some();
        let is_resource = || {
            let about = &value["contentMetadata"];
            about.get("checksum").is_some() && about.get("name").is_some()
        };
        match value["format"].as_str() {
            Some(FORMAT) => return Self::ProofFile,
            Some(trust::FORMAT) => {
                return Self::Other("a trust bundle: pin it by `starfire trust pin`");
            }
            Some(document::FORMAT) => {
                return Self::Other(
                    "a certificate's document: name the certificate's proof file, and this one by --document",
                );
            }
            Some(commitment::FORMAT) => {
                return Self::Other(
                    "the note of salted evidence: name the evidence's proof file, and this one by --document",
                );
            }
            Some(_) | None => {}
        }
        if has("didResolutionMetadata") {
            Self::Resolution
        } else if has("dereferencingMetadata") && is_resource() {
            Self::Resource
        } else if has("dereferencingMetadata") {
            Self::Dereferencing
        } else if has("results") {
            Self::Batch
        } else if has("statuses") {
            Self::StatusEntries
        } else if has("encodedList") {
            Self::StatusList
        } else if has("index") && has("set") {
            Self::StatusEntry
        } else if has("held") && has("levels") {
            Self::Accreditations
        } else if has("author") && has("checksum") {
            Self::Schema
        } else {
            Self::Other(other(value))
        }
    }
}

const CREDENTIAL: &str = "a credential or a presentation: `starfire vc verify` judges it";

/// What a file looks like that is verified elsewhere, or not at all.
fn other(value: &Value) -> &'static str {
    let has = |name: &str| value.get(name).is_some();
    let is_of_credentials = ["credentialSubject", "verifiableCredential", "proofValue"];
    if value.is_string() || is_of_credentials.iter().any(|name| has(name)) {
        CREDENTIAL
    } else if has("verificationMethod") || has("authentication") {
        "a DID document alone, which nothing proves: ask for `application/did-resolution`"
    } else if has("code") && has("message") || has("error") {
        "a refusal, which claims nothing"
    } else if value["format"].is_string() {
        "a file of a format that is not verified here"
    } else {
        "neither a proof file nor an answer of a gateway with its proof"
    }
}

/// `header.payload.signature`, perhaps with disclosures.
fn is_token(bytes: &[u8]) -> bool {
    let in_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(byte);
    let text = bytes.trim_ascii();
    text.starts_with(b"ey") && text.iter().all(in_token)
}

/// What a verifier brings beside the file.
#[derive(Debug, Clone, Copy, Default)]
pub struct Beside<'a> {
    /// A certificate's document, or the note of salted evidence.
    pub document: Option<&'a [u8]>,
    /// The file that was committed to, or the resource's own bytes.
    pub file: Option<&'a [u8]>,
    /// The DID URL that was dereferenced, where the answer does not say it.
    pub did_url: Option<&'a str>,
}

/// An answer's report, and what it proves.
#[derive(Debug)]
pub struct Checked {
    /// The verdict and its steps.
    pub report: Report,
    /// Proved values, where the verdict is `valid`; none of a proof file's.
    pub proven: Vec<Proven>,
}

/// Whom a verifier believes, and what time it is.
#[derive(Debug, Clone, Copy)]
pub struct Trust<'a> {
    /// The main chain's trust bundle.
    pub bundle: &'a [u8],
    /// The fingerprint that it must have, got by another way.
    pub pin: &'a str,
    /// The verifier's clock, Unix milliseconds.
    pub now_ms: i64,
    /// How old what may have changed since may be.
    pub max_age: Duration,
}

/// Verifies a proof file or an answer of a gateway against the pinned main chain.
///
/// `valid` means that everything it says is what that chain's records say, be it that there is nothing. Any bytes may be given; none
/// of them is believed.
pub fn verify_answer(bytes: &[u8], beside: Beside<'_>, trust: Trust<'_>) -> Checked {
    let kind = Kind::of(bytes);
    if kind == Kind::ProofFile {
        let Beside {
            document,
            file,
            did_url,
        } = beside;
        if did_url.is_some() {
            return unexpected_url();
        }
        let Trust {
            bundle,
            pin,
            now_ms,
            max_age,
        } = trust;
        return Checked {
            report: verify(bytes, document, file, bundle, pin, now_ms, max_age),
            proven: Vec::new(),
        };
    }
    check(kind, bytes, beside, trust)
}

/// The report on a proof file by which an address was asked for.
fn unexpected_url() -> Checked {
    let mut report = Report::begin();
    let detail = "a DID URL says nothing about a proof file";
    let refused: Result<((), String), Stop> = Err(stop(Reason::FileUnexpected, detail));
    let ended = report.step("file", refused);
    assert!(ended.is_err(), "a step that fails ends a verification");
    Checked {
        report,
        proven: Vec::new(),
    }
}

/// Verifies a DID resolution result, and nothing else.
pub fn verify_resolution(
    result: &[u8],
    bundle: &[u8],
    pin: &str,
    now_ms: i64,
    max_age: Duration,
) -> Report {
    let trust = Trust {
        bundle,
        pin,
        now_ms,
        max_age,
    };
    check(Kind::Resolution, result, Beside::default(), trust).report
}

fn check(kind: Kind, bytes: &[u8], beside: Beside<'_>, trust: Trust<'_>) -> Checked {
    let mut report = Report::begin();
    let proven = match walk(&mut report, kind, bytes, beside, trust) {
        Ok(proven) => {
            report.verdict = Verdict::Valid;
            proven
        }
        Err(Ended) => {
            assert!(
                report.code.is_some(),
                "a verification that ends early says why"
            );
            Vec::new()
        }
    };
    Checked { report, proven }
}

fn walk(
    report: &mut Report,
    kind: Kind,
    bytes: &[u8],
    beside: Beside<'_>,
    trust: Trust<'_>,
) -> Result<Vec<Proven>, Ended> {
    let answer = report.step("file", read(kind, bytes, beside))?;
    let bundle = report.step("pinned bundle", headers::pinned(trust.bundle, trust.pin))?;
    report.main_chain = Some(bundle.chain_id().to_string());
    let verifier = &Verifier {
        bundle: &bundle,
        now_ms: trust.now_ms,
        max_age: trust.max_age,
    };
    match kind {
        Kind::Resolution => resolved::check(report, answer, verifier),
        Kind::Dereferencing => dereferenced::check(report, answer, beside.did_url, verifier),
        Kind::Resource => resource::check(report, answer, beside.file, verifier),
        Kind::Batch => batch::check(report, answer, verifier),
        Kind::StatusEntry => standing::check_entry(report, answer, verifier),
        Kind::StatusEntries => standing::check_entries(report, answer, verifier),
        Kind::StatusList => standing::check_list(report, answer, verifier),
        Kind::Accreditations => standing::check_accreditations(report, answer, verifier),
        Kind::Schema => standing::check_schema(report, answer, verifier),
        Kind::ProofFile | Kind::Other(_) => unreachable!("reading it has ended the verification"),
    }
}

/// The answer as strict JSON, if it is of a kind that is verified here, and nothing was shown that says nothing about it.
fn read(kind: Kind, bytes: &[u8], beside: Beside<'_>) -> Result<(Value, String), Stop> {
    let malformed = |why: String| stop(Reason::ProofMalformed, why);
    let parse = |bytes_max: usize| {
        strict::parse(bytes, bytes_max, DEPTH_MAX).map_err(|error| malformed(error.to_string()))
    };
    let (answer, what) = match kind {
        Kind::Resolution => (parse(RESULT_BYTES_MAX)?, "a DID resolution result"),
        Kind::Dereferencing => (parse(RESULT_BYTES_MAX)?, "a result of dereferencing"),
        Kind::Batch => (parse(ANSWER_BYTES_MAX)?, "a batch of resolution results"),
        Kind::StatusEntry => (parse(RESULT_BYTES_MAX)?, "an entry of a status list"),
        Kind::StatusEntries => (parse(RESULT_BYTES_MAX)?, "entries of status lists"),
        Kind::StatusList => (parse(RESULT_BYTES_MAX)?, "a status list"),
        Kind::Accreditations => (parse(RESULT_BYTES_MAX)?, "an issuer's accreditations"),
        Kind::Schema => (parse(RESULT_BYTES_MAX)?, "a schema"),
        // Its JSON is anybody's, and may have fractions.
        Kind::Resource => {
            let answer = starfire_did::credential::json::parse(bytes);
            let answer = answer.map_err(|error| malformed(error.to_string()))?;
            (answer, "a resource of a DID")
        }
        Kind::ProofFile => return Err(malformed("it is a proof file".to_owned())),
        Kind::Other(what) => {
            let detail = format!("the file is {what}");
            return Err(stop(Reason::FileKindUnknown, detail));
        }
    };
    let unexpected = |what: &str| {
        let detail = format!("{what} says nothing about an answer of this kind");
        Err(stop(Reason::FileUnexpected, detail))
    };
    match beside {
        Beside {
            document: Some(_), ..
        } => unexpected("a document"),
        Beside { file: Some(_), .. } if kind != Kind::Resource => unexpected("a file"),
        Beside {
            did_url: Some(_), ..
        } if kind != Kind::Dereferencing => unexpected("a DID URL"),
        Beside { .. } => Ok((answer, format!("{what}, {} bytes", bytes.len()))),
    }
}
