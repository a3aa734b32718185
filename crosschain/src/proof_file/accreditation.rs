//! Whether the issuer of a certificate was allowed to issue it: by every level of the tree, at the moment of issue.

use starfire_did::code;
use starfire_did::issuer::{self, Asked, Refused};
use starfire_proto::v1;

use super::content::Values;
use super::report::{Reason, Stop, stop};
use super::subject::Certificate;
use crate::unix_ms::rfc3339;

/// The main chain's super nodes allowed the issuer to issue this type there at that time, or allowed another to allow it.
pub(super) fn accredited(
    values: &Values,
    subject: &Certificate,
    issued_ms: i64,
) -> Result<((), String), Stop> {
    let mut levels = levels(values, subject)?;
    if levels.is_empty() {
        levels.extend(other(values, subject)?);
    }
    let asked = Asked {
        issuer: &subject.issuer,
        kind: &subject.document_type,
        jurisdiction: &subject.jurisdiction,
    };
    issuer::judge(&levels, asked, issued_ms).map_err(|refused| {
        let detail = format!("at {}: {}", rfc3339(issued_ms), refused.detail);
        stop(reason(&refused), detail)
    })?;
    let detail = format!(
        "for {} in {}, {}",
        subject.document_type,
        subject.jurisdiction,
        issuer::describe(&levels)
    );
    Ok(((), detail))
}

/// The accreditations of the issuer and of those above it, each of whom the file must name.
fn levels(values: &Values, subject: &Certificate) -> Result<Vec<v1::AccreditationRecord>, Stop> {
    let mut levels = Vec::new();
    for holder in subject.holders() {
        let path = subject.accreditation_path(holder);
        let Some(level) = values.record::<v1::AccreditationRecord>(&path)? else {
            break;
        };
        let same_path = level.issuer == holder.to_string()
            && level.r#type == subject.document_type
            && level.jurisdiction == subject.jurisdiction;
        if !same_path {
            return Err(another());
        }
        levels.push(level);
    }
    let givers = levels
        .iter()
        .map(|level| level.accreditor.clone())
        .filter(|giver| !giver.is_empty());
    if !givers.eq(subject.accreditors.iter().map(ToString::to_string)) {
        let detail = "it must prove the accreditations of exactly those who accredited one another, up to the root: get a newer proof file";
        return Err(stop(Reason::ValuesUnexpected, detail));
    }
    Ok(levels)
}

/// Something else that the issuer is accredited for, if the file shows it.
fn other(values: &Values, subject: &Certificate) -> Result<Option<v1::AccreditationRecord>, Stop> {
    let (Some(scope), Some(path)) = (&subject.accredited_for, subject.other_path()) else {
        return Ok(None);
    };
    let found: Option<v1::AccreditationRecord> = values.record(&path)?;
    let same_path = found.as_ref().is_none_or(|other| {
        other.issuer == subject.issuer.to_string()
            && other.r#type == scope.document_type
            && other.jurisdiction == scope.jurisdiction
    });
    if same_path { Ok(found) } else { Err(another()) }
}

fn another() -> Stop {
    stop(
        Reason::RecordMalformed,
        "the accreditation's record is of another issuer, type or jurisdiction",
    )
}

fn reason(refused: &Refused) -> Reason {
    match refused.code {
        code::ACCREDITATION_NOT_FOUND => Reason::IssuerNotAccredited,
        code::ACCREDITATION_OTHER_TYPE => Reason::AccreditationOtherType,
        code::ACCREDITATION_OTHER_JURISDICTION => Reason::AccreditationOtherJurisdiction,
        code::ACCREDITATION_ISSUES_NOTHING => Reason::AccreditationIssuesNothing,
        code::ACCREDITATION_NOT_YET_VALID => Reason::AccreditationNotYetValid,
        code::ACCREDITATION_EXPIRED => Reason::AccreditationExpired,
        code::ACCREDITATION_WITHDRAWN => Reason::AccreditationWithdrawn,
        code::ACCREDITOR_NOT_YET_VALID => Reason::AccreditorNotYetValid,
        code::ACCREDITOR_EXPIRED => Reason::AccreditorExpired,
        code::ACCREDITOR_WITHDRAWN => Reason::AccreditorWithdrawn,
        // One level was not allowed to give the next, or no motion stands behind the last.
        _ => Reason::AccreditationUnrooted,
    }
}
