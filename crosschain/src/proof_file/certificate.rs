//! A certificate: the chain holds it, the document is the one held, its issuer signed it, was allowed to, and has not revoked it.

use starfire_did::PublicKey;
use starfire_did::document::Document as DidDocument;
use starfire_proto::v1;

use super::accreditation::accredited;
use super::content::Values;
use super::evidence;
use super::report::{Ended, Reason, Report, Stop, stop};
use super::subject::Certificate;
use super::verify::Shown;
use crate::document::{Content, Document};
use crate::unix_ms::rfc3339;

/// The checks of a proof file about a certificate.
pub(super) fn check(
    report: &mut Report,
    subject: &Certificate,
    values: &Values,
    shown: Shown<'_>,
    as_of_ms: i64,
    now_ms: i64,
) -> Result<(), Ended> {
    let record = report.step("evidence", recorded(values, subject, as_of_ms))?;
    evidence::note(report, &record);
    let document = report.step("document", document(&record, shown))?;
    if let Some(summary) = &mut report.subject {
        summary.number = Some(document.fields().number.clone());
    }
    let issuer = report.step("issuer", issuer_at_issue(values, subject, record.time_ms))?;
    report.step("signature", signed(&document, &issuer))?;
    report.step("accreditation", accredited(values, subject, record.time_ms))?;
    report.step("validity", not_expired(&record, now_ms))?;
    report.step(
        "revocation",
        evidence::not_revoked(values, &subject.issuer, &subject.id),
    )
}

/// The chain holds a commitment of this issuer to a certificate of this type and jurisdiction.
fn recorded(
    values: &Values,
    subject: &Certificate,
    as_of_ms: i64,
) -> Result<(v1::EvidenceRecord, String), Stop> {
    let (record, detail) = evidence::recorded(values, &subject.issuer, &subject.id, as_of_ms)?;
    let same_kind = record.kind() == v1::EvidenceKind::Certificate;
    if !same_kind
        || record.r#type != subject.document_type
        || record.jurisdiction != subject.jurisdiction
    {
        return Err(stop(
            Reason::EvidenceMismatch,
            "the evidence is of another kind, type or jurisdiction",
        ));
    }
    Ok((
        record,
        format!(
            "{} ({}), {detail}",
            subject.document_type, subject.jurisdiction
        ),
    ))
}

/// The document shown, with its file if it has one, is the one that the chain holds a commitment to.
fn document(record: &v1::EvidenceRecord, shown: Shown<'_>) -> Result<(Document, String), Stop> {
    let Some(bytes) = shown.document else {
        return Err(stop(
            Reason::DocumentMissing,
            "show the document that the certificate is",
        ));
    };
    let document = Document::parse(bytes)
        .map_err(|error| stop(Reason::DocumentMalformed, error.to_string()))?;
    let fields = document.fields();
    let differs = |what: &str| {
        Err(stop(
            Reason::DocumentMismatch,
            format!("the document has another {what} than the evidence"),
        ))
    };
    if document.evidence_id() != record.id {
        return differs("number");
    }
    if fields.issuer.to_string() != record.issuer {
        return differs("issuer");
    }
    if fields.kind != record.r#type {
        return differs("type");
    }
    if fields.jurisdiction != record.jurisdiction {
        return differs("jurisdiction");
    }
    if record.commitment != document.doc_hash() {
        return differs("content");
    }
    let what = match (document.content(), shown.file) {
        (Content::Json(_), None) => "its fields".to_owned(),
        (Content::File(descriptor), Some(file)) if descriptor.matches(file) => {
            format!("the file {:?}", descriptor.name)
        }
        (Content::File(descriptor), Some(_)) => {
            return Err(stop(
                Reason::FileMismatch,
                format!("it is not the file {:?} of the document", descriptor.name),
            ));
        }
        (Content::File(descriptor), None) => {
            return Err(stop(
                Reason::FileMissing,
                format!("show the file {:?} of the document too", descriptor.name),
            ));
        }
        (Content::Json(_), Some(_)) => {
            return Err(stop(
                Reason::FileUnexpected,
                "the document is of its own fields and says nothing about a file",
            ));
        }
    };
    let detail = format!(
        "number {}, {what} hash to the commitment on the chain",
        fields.number
    );
    Ok((document, detail))
}

/// Was this record of a DID in force at a moment? `next` is the version after it, if there is one.
///
/// Of two records of the same block both were, since a block has one time.
pub fn was_in_force(record: &v1::DidRecord, next: Option<&v1::DidRecord>, at_ms: i64) -> bool {
    let replaced = next.is_some_and(|next| next.updated_ms < at_ms);
    record.updated_ms <= at_ms && !replaced
}

/// The issuer's DID document in force when the chain took the certificate.
fn issuer_at_issue(
    values: &Values,
    subject: &Certificate,
    issued_ms: i64,
) -> Result<(DidDocument, String), Stop> {
    let paths = subject.issuer_paths();
    let unknown = || {
        stop(
            Reason::IssuerUnknown,
            format!("{} has no DID record there", subject.issuer),
        )
    };
    let record: v1::DidRecord = values.record(&paths[0])?.ok_or_else(unknown)?;
    let next: Option<v1::DidRecord> = match paths.get(1) {
        Some(path) => Some(values.record(path)?.ok_or_else(unknown)?),
        None => None,
    };
    if !was_in_force(&record, next.as_ref(), issued_ms) {
        let detail = format!(
            "version {} of the issuer's record was not in force at {}",
            record.version,
            rfc3339(issued_ms)
        );
        return Err(stop(Reason::IssuerVersionMismatch, detail));
    }
    if record.deactivated {
        return Err(stop(
            Reason::IssuerDeactivated,
            format!("deactivated at {}", rfc3339(record.updated_ms)),
        ));
    }
    let malformed = |detail: String| stop(Reason::RecordMalformed, detail);
    let version = record.version;
    let document = record
        .document
        .ok_or_else(|| malformed("the issuer's record has no document".to_owned()))?;
    let document = DidDocument::try_from(document)
        .map_err(|error| malformed(format!("the issuer's document: {error}")))?;
    if *document.id() != subject.issuer {
        return Err(malformed(
            "the issuer's record is of another DID".to_owned(),
        ));
    }
    Ok((
        document,
        format!("{}, version {version} of its record", subject.issuer),
    ))
}

/// A key with which the issuer signs claims signed this document.
fn signed(document: &Document, issuer: &DidDocument) -> Result<((), String), Stop> {
    let method = &document.signature().method;
    let Some(key) = claim_key(issuer, method) else {
        return Err(stop(
            Reason::KeyUnknown,
            format!("{method} was not a key with which the issuer signs claims"),
        ));
    };
    if !document.verify_signature(key) {
        return Err(stop(
            Reason::SignatureInvalid,
            format!("{method} did not sign this document"),
        ));
    }
    Ok(((), format!("by {method}, {}", key.algorithm())))
}

/// The key, if claims may be signed with it. DID Core §5.3.2: `assertionMethod`. Documents of BIF clients have none; there, a key
/// that may act for the DID may also sign for it.
fn claim_key<'a>(issuer: &'a DidDocument, method: &str) -> Option<&'a PublicKey> {
    let assertion = issuer.assertion_method();
    let allowed = if assertion.is_empty() {
        issuer.authentication()
    } else {
        assertion
    };
    allowed
        .iter()
        .find(|id| *id == method)
        .and_then(|id| issuer.method(id)?.key.account_key())
}

/// Its own validity is not over.
fn not_expired(record: &v1::EvidenceRecord, now_ms: i64) -> Result<((), String), Stop> {
    match record.valid_until_ms {
        0 => Ok(((), "no end".to_owned())),
        until_ms if now_ms >= until_ms => Err(stop(
            Reason::CertificateExpired,
            format!("it was valid until {}", rfc3339(until_ms)),
        )),
        until_ms => Ok(((), format!("until {}", rfc3339(until_ms)))),
    }
}
