//! Evidence: the record, the file that it commits to, and that it was not revoked.

use starfire_did::Did;
use starfire_proto::v1;

use super::content::Values;
use super::report::{Ended, Reason, Report, Stop, stop};
use super::subject::{evidence_path, revocation_path};
use super::verify::Shown;
use crate::commitment::{Algorithm, Sidecar};
use crate::unix_ms::rfc3339;

/// The checks of a proof file about evidence that is no certificate.
pub(super) fn check(
    report: &mut Report,
    issuer: &Did,
    id: &str,
    values: &Values,
    shown: Shown<'_>,
    as_of_ms: i64,
) -> Result<(), Ended> {
    let record = report.step("evidence", recorded(values, issuer, id, as_of_ms))?;
    note(report, &record);
    report.step("file", file(&record, shown))?;
    report.step("revocation", not_revoked(values, issuer, id))
}

/// What the record tells, for the report.
pub(super) fn note(report: &mut Report, record: &v1::EvidenceRecord) {
    if report.proved_before.is_none() {
        report.proved_before = Some(rfc3339(record.time_ms));
    }
    if let Some(subject) = &mut report.subject {
        subject.issued_at = Some(rfc3339(record.time_ms));
        subject.valid_until = (record.valid_until_ms != 0).then(|| rfc3339(record.valid_until_ms));
    }
}

/// The chain holds this evidence.
pub(super) fn recorded(
    values: &Values,
    issuer: &Did,
    id: &str,
    as_of_ms: i64,
) -> Result<(v1::EvidenceRecord, String), Stop> {
    let Some(record) = values.record::<v1::EvidenceRecord>(&evidence_path(issuer, id))? else {
        return Err(stop(
            Reason::EvidenceUnknown,
            format!("the chain holds no evidence {id} of {issuer}"),
        ));
    };
    if record.issuer != issuer.to_string() || record.id != id {
        return Err(stop(
            Reason::RecordMalformed,
            "the evidence's record is of another issuer or identifier",
        ));
    }
    if record.time_ms > as_of_ms {
        let detail = "the evidence's record is of a later time than the header that proves it";
        return Err(stop(Reason::RecordMalformed, detail));
    }
    let detail = format!("recorded by {issuer} at {}", rfc3339(record.time_ms));
    Ok((record, detail))
}

/// The issuer has not revoked it, as of the header.
pub(super) fn not_revoked(values: &Values, issuer: &Did, id: &str) -> Result<((), String), Stop> {
    let path = revocation_path(issuer, id);
    match values.record::<v1::RevocationRecord>(&path)? {
        Some(record) => {
            let detail = format!("revoked at {}: {}", rfc3339(record.time_ms), record.reason);
            Err(stop(Reason::Revoked, detail))
        }
        None => Ok(((), "not revoked, as of the header".to_owned())),
    }
}

/// The file shown is the one committed to.
fn file(record: &v1::EvidenceRecord, shown: Shown<'_>) -> Result<((), String), Stop> {
    let Some(algorithm) = Algorithm::from_proto(record.algorithm()) else {
        return Err(stop(
            Reason::RecordMalformed,
            "the evidence names no digest algorithm",
        ));
    };
    // Public evidence has nothing beside its file, so the one thing that is shown is the file.
    let (document, shown_file) = match (record.kind(), shown.document, shown.file) {
        (v1::EvidenceKind::Public, Some(only), None) => (None, Some(only)),
        (_, document, file) => (document, file),
    };
    let Some(bytes) = shown_file else {
        return no_file(record, document);
    };
    let committed = match record.kind() {
        v1::EvidenceKind::Public => {
            if document.is_some() {
                return Err(stop(
                    Reason::FileUnexpected,
                    "public evidence has no note beside it",
                ));
            }
            algorithm.digest(bytes)
        }
        v1::EvidenceKind::Salted => salted(record, algorithm, document, bytes)?,
        v1::EvidenceKind::Certificate => {
            return Err(stop(
                Reason::EvidenceMismatch,
                "it is a certificate, and must be proved as one",
            ));
        }
        v1::EvidenceKind::Unspecified => {
            return Err(stop(Reason::RecordMalformed, "the evidence has no kind"));
        }
    };
    if record.commitment != committed {
        return Err(stop(
            Reason::FileMismatch,
            "the file is not the one that the chain holds a commitment to",
        ));
    }
    Ok((
        (),
        format!(
            "{} bytes, committed to by {}",
            bytes.len(),
            algorithm.name()
        ),
    ))
}

/// Without a file the proof still says what it says: that the issuer recorded this commitment.
fn no_file(record: &v1::EvidenceRecord, document: Option<&[u8]>) -> Result<((), String), Stop> {
    if document.is_some() {
        let detail = "show the file that the evidence is of beside its note";
        return Err(stop(Reason::FileMissing, detail));
    }
    if record.kind() == v1::EvidenceKind::Certificate {
        let detail = "it is a certificate, and must be proved as one";
        return Err(stop(Reason::EvidenceMismatch, detail));
    }
    let commitment = hex::encode(&record.commitment);
    let detail = format!(
        "none shown: what is proved is the commitment {commitment}, not what file it is of"
    );
    Ok(((), detail))
}

fn salted(
    record: &v1::EvidenceRecord,
    algorithm: Algorithm,
    note: Option<&[u8]>,
    bytes: &[u8],
) -> Result<[u8; 32], Stop> {
    let Some(note) = note else {
        return Err(stop(
            Reason::DocumentMissing,
            "the evidence is salted: show its note (starfire-evidence/1) too",
        ));
    };
    let note = Sidecar::parse(note)
        .map_err(|error| stop(Reason::DocumentMalformed, format!("the note: {error}")))?;
    if note.issuer != record.issuer || note.id != record.id || note.algorithm != algorithm {
        return Err(stop(
            Reason::DocumentMismatch,
            "the note belongs to other evidence",
        ));
    }
    if note.size != bytes.len() as u64 {
        return Err(stop(
            Reason::FileMismatch,
            format!(
                "the file has {} bytes, the note says {}",
                bytes.len(),
                note.size
            ),
        ));
    }
    Ok(note.commitment(bytes))
}
