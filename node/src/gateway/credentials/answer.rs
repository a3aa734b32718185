//! Reports as VCALM 1.0 has verification results, with all steps beside.

use serde_json::{Value, json};
use starfire_did::credential::code;
use starfire_did::credential::presentation::PresentationReport;
use starfire_did::credential::report::{Report, Step, StepName, Verdict};

use super::request::Returned;

/// Problem types of VC Data Model 2.0 §7.1.
const DATA_MODEL: &str = "https://www.w3.org/TR/vc-data-model#";
/// Of Bitstring Status List 1.0 §3.5.
const STATUS_LIST: &str = "https://www.w3.org/ns/credentials/status-list#";
/// Of Data Integrity 1.0 §4.7 and Controlled Identifiers 1.0 §3.6.
const SECURITY: &str = "https://w3id.org/security#";
/// Ours, for what no standard names.
const OURS: &str = "urn:starfire:code:";

/// What became of a credential.
pub(super) fn credential(report: &Report, returned: Returned) -> Value {
    let mut answer = verified(report.verdict, &report.steps, returned);
    if returned.results {
        answer["steps"] = json!(report.steps);
    }
    answer
}

/// What became of a presentation and the credentials in it.
pub(super) fn presentation(report: &PresentationReport, returned: Returned) -> Value {
    let mut answer = verified(report.verdict, &report.steps, returned);
    if returned.results {
        answer["steps"] = json!(report.steps);
    }
    let credentials = report.credentials.iter();
    answer["results"] = json!({
        "credentials": credentials.map(|one| credential(one, returned)).collect::<Vec<_>>(),
    });
    answer
}

fn verified(verdict: Verdict, steps: &[Step], returned: Returned) -> Value {
    let mut answer = json!({ "verified": verdict == Verdict::Valid, "verdict": verdict });
    if returned.problems {
        answer["problemDetails"] = steps.iter().filter_map(problem).collect();
    }
    answer
}

/// A step that failed, as a problem.
fn problem(step: &Step) -> Option<Value> {
    let code = step.code()?;
    let kind = match step.name {
        StepName::Parsed => parsing_type(code),
        StepName::Signature
        | StepName::Issuer
        | StepName::Accreditation
        | StepName::Schema
        | StepName::Dates
        | StepName::Status
        | StepName::Holder => problem_type(code),
    };
    Some(json!({
        "type": kind,
        "title": code,
        "detail": step.detail,
        "code": code,
        "step": step.name,
    }))
}

/// Of what is not well formed: it cannot be read at all, or a value in it is wrong.
fn parsing_type(code: &str) -> String {
    let unreadable = [code::JSON_INVALID, "JOSE_MALFORMED", "SD_JWT_MALFORMED"];
    let name = if unreadable.contains(&code) {
        "PARSING_ERROR"
    } else {
        "MALFORMED_VALUE_ERROR"
    };
    format!("{DATA_MODEL}{name}")
}

/// The URL of a problem: a standard's where there is one that says the same.
pub(super) fn problem_type(code: &str) -> String {
    let (space, name) = match code {
        code::JSON_INVALID => (DATA_MODEL, "PARSING_ERROR"),
        code::MALFORMED_VALUE_ERROR | code::RANGE_ERROR => (DATA_MODEL, code),
        "STATUS_LIST_OUT_OF_RANGE" => (DATA_MODEL, code::RANGE_ERROR),
        code::STATUS_VERIFICATION_ERROR | code::STATUS_LIST_LENGTH_ERROR => (STATUS_LIST, code),
        code::STATUS_UNKNOWN => (STATUS_LIST, "STATUS_RETRIEVAL_ERROR"),
        code::SIGNATURE_WRONG
        | code::PROOF_MISSING
        | code::PROOF_NOT_BY_ISSUER
        | code::SUITE_UNSUPPORTED
        | code::HOLDER_SIGNATURE_WRONG => (SECURITY, "PROOF_VERIFICATION_ERROR"),
        code::METHOD_UNKNOWN | code::METHOD_KIND => (SECURITY, "INVALID_VERIFICATION_METHOD"),
        code::METHOD_PURPOSE => (SECURITY, "INVALID_RELATIONSHIP_FOR_VERIFICATION_METHOD"),
        code::CHALLENGE_MISMATCH => (SECURITY, "INVALID_CHALLENGE_ERROR"),
        code::DOMAIN_MISMATCH => (SECURITY, "INVALID_DOMAIN_ERROR"),
        ours => (OURS, ours),
    };
    format!("{space}{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Returned = Returned {
        problems: true,
        results: true,
        input: false,
    };

    #[test]
    fn what_a_standard_names_has_its_url_and_the_rest_ours() {
        for (code, kind) in [
            (
                code::SIGNATURE_WRONG,
                "https://w3id.org/security#PROOF_VERIFICATION_ERROR",
            ),
            (
                code::RANGE_ERROR,
                "https://www.w3.org/TR/vc-data-model#RANGE_ERROR",
            ),
            (
                starfire_did::code::STATUS_LIST_OUT_OF_RANGE.name,
                "https://www.w3.org/TR/vc-data-model#RANGE_ERROR",
            ),
            (
                code::STATUS_UNKNOWN,
                "https://www.w3.org/ns/credentials/status-list#STATUS_RETRIEVAL_ERROR",
            ),
            (code::REVOKED, "urn:starfire:code:REVOKED"),
        ] {
            assert_eq!(problem_type(code), kind);
        }
    }

    #[test]
    fn a_result_that_was_not_asked_for_is_left_out() {
        let report = Report::malformed(code::JSON_INVALID, "no");
        let answer = credential(&report, ALL);
        assert_eq!(answer["verified"], json!(false));
        assert_eq!(answer["problemDetails"][0]["step"], json!("parsed"));
        assert_eq!(
            answer["problemDetails"][0]["type"],
            json!("https://www.w3.org/TR/vc-data-model#PARSING_ERROR")
        );
        assert_eq!(answer["steps"].as_array().map(Vec::len), Some(8));
        let none = Returned {
            problems: false,
            results: false,
            ..ALL
        };
        assert_eq!(
            credential(&report, none),
            json!({ "verified": false, "verdict": "INVALID" })
        );
    }
}
