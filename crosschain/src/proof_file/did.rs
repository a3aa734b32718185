//! A DID: its newest record, as of the header.

use starfire_did::Did;
use starfire_proto::v1;

use super::content::Values;
use super::report::{Ended, Reason, Report, Stop, stop};
use super::verify::Shown;
use crate::unix_ms::rfc3339;

/// The checks of a proof file about a DID.
pub(super) fn check(
    report: &mut Report,
    did: &Did,
    values: &Values,
    shown: Shown<'_>,
) -> Result<(), Ended> {
    report.step("nothing else shown", alone(shown))?;
    let record = report.step("record", recorded(values, did))?;
    if let Some(subject) = &mut report.subject {
        subject.issued_at = Some(rfc3339(record.created_ms));
    }
    report.step("standing", active(&record))
}

fn alone(shown: Shown<'_>) -> Result<((), String), Stop> {
    if shown.document.is_some() || shown.file.is_some() {
        return Err(stop(
            Reason::FileUnexpected,
            "a proof of a DID says nothing about a document or file",
        ));
    }
    Ok(((), "the proof file alone".to_owned()))
}

fn recorded(values: &Values, did: &Did) -> Result<(v1::DidRecord, String), Stop> {
    let Some(record) = values.record::<v1::DidRecord>(&starfire_did::path::record(did))? else {
        return Err(stop(
            Reason::DidUnknown,
            format!("the chain holds no {did}"),
        ));
    };
    let detail = format!(
        "version {}, updated {}",
        record.version,
        rfc3339(record.updated_ms)
    );
    Ok((record, detail))
}

fn active(record: &v1::DidRecord) -> Result<((), String), Stop> {
    if record.deactivated {
        let detail = format!(
            "deactivated at {}: {}",
            rfc3339(record.updated_ms),
            record.deactivation_reason
        );
        return Err(stop(Reason::DidDeactivated, detail));
    }
    Ok(((), "not deactivated".to_owned()))
}
