//! The checks in order, from the pin outwards. The first that does not hold decides.

use std::time::Duration;

use super::content::{ProofFile, Values};
use super::headers;
use super::report::{Ended, Reason, Report, Stop, Summary, Verdict, stop};
use super::{Subject, certificate, did, evidence};
use crate::unix_ms::rfc3339;

/// From so many seconds on, an age is told in minutes.
const COARSE_SECONDS: u64 = 600;

/// What is shown beside the proof file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shown<'a> {
    /// A document (certificates) or the note of salted evidence.
    pub(super) document: Option<&'a [u8]>,
    /// The file that was committed to.
    pub(super) file: Option<&'a [u8]>,
}

/// Verifies a proof file against the main chain pinned by `pin`, the fingerprint of `bundle`.
///
/// `document` is the certificate's document file, or the note (`starfire-evidence/1`) of salted evidence; `file` the file that
/// either commits to. `now_ms` is the verifier's clock, Unix milliseconds. Any bytes may be given; none of them is believed.
pub fn verify(
    proof: &[u8],
    document: Option<&[u8]>,
    file: Option<&[u8]>,
    bundle: &[u8],
    pin: &str,
    now_ms: i64,
    max_age: Duration,
) -> Report {
    let mut report = Report::begin();
    let shown = Shown { document, file };
    match walk(&mut report, proof, shown, bundle, pin, now_ms, max_age) {
        Ok(()) => report.verdict = Verdict::Valid,
        Err(Ended) => assert!(
            report.code.is_some(),
            "a verification that ends early says why"
        ),
    }
    report
}

fn walk(
    report: &mut Report,
    proof: &[u8],
    shown: Shown<'_>,
    bundle: &[u8],
    pin: &str,
    now_ms: i64,
    max_age: Duration,
) -> Result<(), Ended> {
    let file = report.step("proof file", parse(proof))?;
    report.subject = Some(summary(&file.subject));

    let bundle = report.step("pinned bundle", headers::pinned(bundle, pin))?;
    report.main_chain = Some(bundle.chain_id().to_string());
    let (signed, validators) = report.step(
        "pinned chain",
        headers::on_pinned_chain(&file.main, &bundle),
    )?;
    let main = report.step(
        "main header",
        headers::main_header(&signed, &validators, now_ms),
    )?;

    let sub = report.step("subject", headers::subject_chain(&file))?;
    let anchored = sub.as_ref().map(|(_, header)| header.height.value());
    let main_values = Values::prove(
        &main.app_hash,
        &file.main_values,
        &file.subject.main_paths(anchored),
    );
    let main_values = report.step("main values", main_values)?;
    let main_time_ms = main.time_ms;
    let (values, header) = match sub {
        None => (main_values, main),
        Some((part, header)) => {
            report.step("sub-chain", headers::sub_chain(&main_values, part, &header))?;
            let (header, anchor) = report.step(
                "anchor",
                headers::anchor(&main_values, part, &header, now_ms),
            )?;
            report.proved_before = Some(rfc3339(anchor.main_time_ms));
            let sub_values = Values::prove(
                &header.app_hash,
                &file.sub_values,
                &file.subject.sub_paths(),
            );
            (
                main_values.join(report.step("sub values", sub_values)?),
                header,
            )
        }
    };
    report.revocation_as_of = Some(rfc3339(header.time_ms));

    match &file.subject {
        Subject::Certificate(certificate) => {
            certificate::check(report, certificate, &values, shown, header.time_ms, now_ms)?;
        }
        Subject::Evidence { issuer, id } => {
            evidence::check(report, issuer, id, &values, shown, header.time_ms)?;
        }
        Subject::Did { did } => did::check(report, did, &values, shown)?,
    }
    // The main header shows what the sub-chain's does not: freezes and accreditations.
    report.step(
        "freshness",
        freshness(header.time_ms.min(main_time_ms), now_ms, max_age),
    )
}

fn parse(proof: &[u8]) -> Result<(ProofFile, String), Stop> {
    let file =
        ProofFile::parse(proof).map_err(|error| stop(Reason::ProofMalformed, error.to_string()))?;
    Ok((file, format!("{} bytes, whole", proof.len())))
}

pub(super) fn freshness(
    as_of_ms: i64,
    now_ms: i64,
    max_age: Duration,
) -> Result<((), String), Stop> {
    let age_ms = now_ms.saturating_sub(as_of_ms).max(0);
    let age = Duration::from_millis(u64::try_from(age_ms).expect("an age is not negative"));
    let detail = format!("state as of {}, {} old", rfc3339(as_of_ms), span(age));
    if age > max_age {
        let allowed = span(max_age);
        return Err(stop(
            Reason::Stale,
            format!("{detail}, more than the {allowed} allowed: get a newer one"),
        ));
    }
    Ok(((), detail))
}

/// A length of time for people: in seconds where minutes would be too coarse.
fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    let (number, unit) = match seconds {
        0..COARSE_SECONDS => (seconds, "second"),
        COARSE_SECONDS.. => (seconds / 60, "minute"),
    };
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {unit}{plural}")
}

fn summary(subject: &Subject) -> Summary {
    let sub_chain = subject.chain_code().map(|code| code.to_string());
    let (kind, id, certificate) = match subject {
        Subject::Certificate(certificate) => (
            "certificate",
            Some(certificate.id.clone()),
            Some(certificate),
        ),
        Subject::Evidence { id, .. } => ("evidence", Some(id.clone()), None),
        Subject::Did { .. } => ("did", None, None),
    };
    Summary {
        kind,
        did: subject.did().to_string(),
        id,
        document_type: certificate.map(|certificate| certificate.document_type.clone()),
        jurisdiction: certificate.map(|certificate| certificate.jurisdiction.clone()),
        sub_chain,
        ..Summary::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_told_as_finely_as_it_matters() {
        for (seconds, told) in [
            (0, "0 seconds"),
            (1, "1 second"),
            (599, "599 seconds"),
            (600, "10 minutes"),
            (86_400, "1440 minutes"),
        ] {
            assert_eq!(span(Duration::from_secs(seconds)), told);
        }
    }

    #[test]
    fn a_state_of_a_minute_is_too_old_where_seconds_are_allowed() {
        let allowed = Duration::from_secs(10);
        assert!(freshness(0, 10_000, allowed).is_ok());
        let mut report = Report::begin();
        let ended = report.step("freshness", freshness(0, 61_000, allowed));
        assert!(ended.is_err());
        assert_eq!(
            report.steps[0].detail,
            "state as of 1970-01-01T00:00:00.000Z, 61 seconds old, more than the 10 seconds allowed: get a newer one"
        );
    }
}
