//! Bodies of the VC API: what is to be judged, and what the caller wants to know of it.

use serde_json::{Map, Value};
use starfire_did::credential::malformed::Malformed;
use starfire_did::credential::report::{Report, Step, StepName};
use starfire_did::credential::{code, json};

use crate::credential::{Asked, AskedAccreditation};

/// A body is not the object that the route takes, or lacks what it needs.
pub(super) const REQUEST_MALFORMED: &str = "REQUEST_MALFORMED";
/// An option is not of its kind.
const OPTION_INVALID: &str = "OPTION_INVALID";
/// The longest challenge or domain, bytes.
const TEXT_BYTES_MAX: usize = 1024;

/// What a caller wants to know, and be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Options {
    /// What is asked.
    pub(super) asked: Asked,
    /// What the proof must be for, where the caller says it.
    pub(super) purpose: Option<String>,
    /// Which steps count; `None`: all.
    pub(super) checks: Option<Checks>,
    /// What the answer has.
    pub(super) returned: Returned,
}

/// What an answer has, besides the verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Returned {
    /// What is wrong.
    pub(super) problems: bool,
    /// All steps.
    pub(super) results: bool,
    /// What was judged.
    pub(super) input: bool,
}

/// The steps that count. That it is well formed, and signed by an issuer that exists, always does, and so do a proof's own term and audience.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Checks(Vec<StepName>);

impl Checks {
    fn has(&self, name: StepName) -> bool {
        self.0.contains(&name)
    }

    /// The report without what was not asked for.
    pub(super) fn apply(&self, report: Report) -> Report {
        let kept = |step: Step| {
            let counts = match step.name {
                StepName::Parsed | StepName::Signature | StepName::Issuer => true,
                StepName::Accreditation | StepName::Schema | StepName::Status => {
                    self.has(step.name)
                }
                // The judge was told not to look at the credential's term: what fails is a proof's.
                StepName::Dates => self.has(step.name) || step.code().is_some(),
                // RFC 7519 §4.1.3. Without a domain and a challenge, there is no other proof that could be for another.
                StepName::Holder => {
                    self.has(step.name) || step.code() == Some(code::DOMAIN_MISMATCH)
                }
            };
            if counts {
                step
            } else {
                Step::skipped(step.name, "the caller does not ask")
            }
        };
        Report::of(report.steps.into_iter().map(kept).collect())
    }
}

/// What a body holds, and its options.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Body {
    members: Map<String, Value>,
}

impl Body {
    /// Reads a body.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let Value::Object(members) = json::parse(bytes)? else {
            return Err(Malformed::new(REQUEST_MALFORMED, "a body is an object"));
        };
        Ok(Self { members })
    }

    /// Whether there is such a member.
    pub(super) fn has(&self, name: &str) -> bool {
        self.members.contains_key(name)
    }

    /// A member that must be there.
    pub(super) fn take(&mut self, name: &str) -> Result<Value, Malformed> {
        let missing = || Malformed::new(REQUEST_MALFORMED, format!("a body has \"{name}\""));
        self.members.remove(name).ok_or_else(missing)
    }

    /// The options; those that are not known are not looked at.
    pub(super) fn options(&mut self, now_ms: i64) -> Result<Options, Malformed> {
        Given(self.given()?).options(now_ms)
    }

    /// The members of `options`.
    pub(super) fn given(&mut self) -> Result<Map<String, Value>, Malformed> {
        match self.members.remove("options") {
            None | Some(Value::Null) => Ok(Map::new()),
            Some(Value::Object(options)) => Ok(options),
            Some(_) => Err(invalid("options is an object")),
        }
    }
}

struct Given(Map<String, Value>);

impl Given {
    fn options(&self, now_ms: i64) -> Result<Options, Malformed> {
        let accreditation = self.accreditation()?;
        let (challenge, domain) = (self.text("challenge")?, self.text("domain")?);
        let purpose = self.text("expectedProofPurpose")?;
        // VCALM 1.0, /presentations/verify: "verifying that credential subjects match the presentation holder … is outside
        // the scope of this verification endpoint".
        let holder_is_subject = self.flag("holderIsSubject", false)?;
        let status_age_max_ms = self.status_age_max_ms()?;
        let mut checks = self.checks()?;
        let holder_wanted = holder_is_subject
            || checks
                .as_ref()
                .is_some_and(|checks| checks.has(StepName::Holder));
        let term_wanted = checks
            .as_ref()
            .is_none_or(|checks| checks.has(StepName::Dates));
        if let Some(Checks(steps)) = &mut checks {
            // Whoever names what it wants, wants it checked.
            if accreditation.is_some() {
                steps.push(StepName::Accreditation);
            }
            if status_age_max_ms.is_some() {
                steps.push(StepName::Status);
            }
            if holder_is_subject || challenge.is_some() || domain.is_some() {
                steps.push(StepName::Holder);
            }
        }
        Ok(Options {
            asked: Asked {
                accreditation,
                status_age_max_ms,
                term_wanted,
                challenge,
                domain,
                holder_is_subject,
                // Whoever says what the proof is for asks for a proof.
                proof_wanted: purpose.is_some(),
                holder_wanted,
                ..Asked::at(now_ms)
            },
            purpose,
            checks,
            returned: Returned {
                problems: self.flag("returnProblemDetails", true)?,
                results: self.flag("returnResults", true)?,
                input: self.flag("returnCredential", false)?
                    || self.flag("returnPresentation", false)?,
            },
        })
    }

    fn flag(&self, name: &str, default: bool) -> Result<bool, Malformed> {
        match self.0.get(name) {
            None => Ok(default),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(invalid(format!("{name} is true or false"))),
        }
    }

    fn text(&self, name: &str) -> Result<Option<String>, Malformed> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::String(text)) if (1..=TEXT_BYTES_MAX).contains(&text.len()) => {
                Ok(Some(text.clone()))
            }
            Some(_) => Err(invalid(format!(
                "{name} is a text of 1 to {TEXT_BYTES_MAX} bytes"
            ))),
        }
    }

    fn accreditation(&self) -> Result<Option<AskedAccreditation>, Malformed> {
        let Some(wanted) = self.0.get("accreditation") else {
            return Ok(None);
        };
        let text = |name| wanted.get(name).map(Value::as_str);
        match (text("jurisdiction"), text("type")) {
            (Some(Some(jurisdiction)), kind @ (None | Some(Some(_)))) => {
                Ok(Some(AskedAccreditation {
                    kind: kind.flatten().map(str::to_owned),
                    jurisdiction: jurisdiction.to_owned(),
                }))
            }
            (_, _) => Err(invalid(
                "accreditation is {\"jurisdiction\": …, \"type\": …}, or without a type",
            )),
        }
    }

    fn status_age_max_ms(&self) -> Result<Option<i64>, Malformed> {
        let Some(given) = self.0.get("statusAgeMaxSeconds") else {
            return Ok(None);
        };
        let ms = given
            .as_i64()
            .filter(|seconds| *seconds > 0)
            .and_then(|seconds| seconds.checked_mul(1000));
        ms.map(Some)
            .ok_or_else(|| invalid("statusAgeMaxSeconds is a number above 0"))
    }

    fn checks(&self) -> Result<Option<Checks>, Malformed> {
        let checks = match self.0.get("checks") {
            None => return Ok(None),
            Some(Value::Array(checks)) => checks,
            Some(_) => return Err(invalid("checks is a list")),
        };
        let mut steps = Vec::new();
        for check in checks {
            match check.as_str() {
                Some("proof") => {}
                Some("credentialStatus" | "status") => steps.push(StepName::Status),
                Some("credentialSchema" | "schema") => steps.push(StepName::Schema),
                Some("validityPeriod" | "dates") => steps.push(StepName::Dates),
                Some("accreditation") => steps.push(StepName::Accreditation),
                Some("holder") => steps.push(StepName::Holder),
                Some(_) | None => {
                    let detail = format!(
                        "{check} is none of proof, credentialStatus, credentialSchema, validityPeriod, accreditation and holder"
                    );
                    return Err(invalid(detail));
                }
            }
        }
        Ok(Some(Checks(steps)))
    }
}

fn invalid(detail: impl Into<String>) -> Malformed {
    Malformed::new(OPTION_INVALID, detail)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use starfire_did::credential::report::Verdict;

    use super::*;

    fn options(options: &Value) -> Result<Options, Malformed> {
        let body = json!({ "options": options }).to_string();
        Body::parse(body.as_bytes())?.options(5)
    }

    #[test]
    fn options_say_what_is_asked() {
        let read = options(&json!({
            "accreditation": { "type": "Origin", "jurisdiction": "CN" },
            "statusAgeMaxSeconds": 60,
            "challenge": "c",
            "domain": "d",
            "holderIsSubject": true,
            "returnResults": false,
            "checks": ["proof"],
            "another": 1,
        }))
        .unwrap();
        let accreditation = AskedAccreditation {
            kind: Some("Origin".into()),
            jurisdiction: "CN".into(),
        };
        assert_eq!(read.asked.now_ms, 5);
        assert_eq!(read.asked.accreditation, Some(accreditation));
        assert_eq!(read.asked.status_age_max_ms, Some(60_000));
        assert!(read.asked.holder_is_subject && !read.returned.results);
        assert!(read.asked.holder_wanted && !read.asked.proof_wanted);
    }

    #[test]
    fn who_names_the_holder_asks_who_it_is_and_who_names_a_purpose_does_not() {
        for (asked, wanted) in [
            (json!({}), (false, false)),
            (json!({ "checks": ["proof"] }), (false, false)),
            (json!({ "checks": ["holder"] }), (true, false)),
            (json!({ "holderIsSubject": true }), (true, false)),
            (
                json!({ "expectedProofPurpose": "assertionMethod" }),
                (false, true),
            ),
        ] {
            let read = options(&asked).unwrap().asked;
            assert_eq!((read.holder_wanted, read.proof_wanted), wanted, "{asked}");
        }
    }

    #[test]
    fn what_an_option_asks_for_counts_whatever_the_checks_are() {
        for (asked, expected) in [
            (json!({}), vec![]),
            (json!({ "holderIsSubject": false }), vec![]),
            (
                json!({ "accreditation": { "jurisdiction": "CN" } }),
                vec![StepName::Accreditation],
            ),
            (json!({ "statusAgeMaxSeconds": 60 }), vec![StepName::Status]),
            (json!({ "holderIsSubject": true }), vec![StepName::Holder]),
            (json!({ "challenge": "c" }), vec![StepName::Holder]),
            (json!({ "domain": "d" }), vec![StepName::Holder]),
        ] {
            let mut with_checks = asked.clone();
            with_checks["checks"] = json!(["proof"]);
            let counted = options(&with_checks).unwrap().checks;
            assert_eq!(counted, Some(Checks(expected)), "{asked}");
            assert_eq!(options(&asked).unwrap().checks, None, "{asked}");
        }
    }

    #[test]
    fn an_option_of_another_kind_is_refused() {
        for bad in [
            json!("all"),
            json!({ "checks": "proof" }),
            json!({ "checks": ["prof"] }),
            json!({ "challenge": 7 }),
            json!({ "expectedProofPurpose": ["authentication"] }),
            json!({ "domain": "" }),
            json!({ "challenge": "c".repeat(TEXT_BYTES_MAX + 1) }),
            json!({ "holderIsSubject": "no" }),
            json!({ "statusAgeMaxSeconds": -1 }),
            json!({ "statusAgeMaxSeconds": "60" }),
            json!({ "accreditation": { "type": "Origin" } }),
            json!({ "accreditation": { "type": 7, "jurisdiction": "CN" } }),
        ] {
            assert!(options(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_term_is_judged_for_who_asks_for_it() {
        for (asked, wanted) in [
            (json!({}), true),
            (json!({ "checks": ["proof"] }), false),
            (json!({ "checks": ["proof", "validityPeriod"] }), true),
        ] {
            let read = options(&asked).unwrap().asked;
            assert_eq!(read.term_wanted, wanted, "{asked}");
        }
    }

    #[test]
    fn a_step_that_is_not_asked_for_does_not_count() {
        let failing = |failed: &[(StepName, &'static str)]| {
            let step = |name: StepName| {
                let code = failed.iter().find(|(one, _)| *one == name);
                match code {
                    Some((_, code)) => Step::failed(name, code, ""),
                    None => Step::passed(name, ""),
                }
            };
            Report::of(StepName::ALL.map(step).to_vec())
        };
        let status = failing(&[
            (StepName::Status, code::REVOKED),
            (StepName::Holder, code::HOLDER_MISMATCH),
        ]);
        let only = |checks: &[StepName]| Checks(checks.to_vec()).apply(status.clone());
        assert_eq!(only(&[]).verdict, Verdict::Valid);
        assert_eq!(only(&[StepName::Dates]).verdict, Verdict::Valid);
        assert_eq!(only(&[StepName::Status]).code(), Some(code::REVOKED));
        assert_eq!(
            only(&[StepName::Holder]).code(),
            Some(code::HOLDER_MISMATCH)
        );
        // What is wrong with a proof itself is, whatever is asked.
        for (name, code) in [
            (StepName::Dates, code::PROOF_EXPIRED),
            (StepName::Holder, code::DOMAIN_MISMATCH),
        ] {
            let report = Checks(Vec::new()).apply(failing(&[(name, code)]));
            assert_eq!(report.code(), Some(code));
        }
        let unsigned = Report::malformed(code::JSON_INVALID, "");
        assert_eq!(Checks(Vec::new()).apply(unsigned).verdict, Verdict::Invalid);
    }
}
