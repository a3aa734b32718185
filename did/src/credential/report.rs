//! The outcome of a verification, step by step.

use serde::Serialize;

use super::code;
use super::evidence::Unknown;

/// What to do about a signature that cannot be checked here.
pub(crate) const SUITE_HINT: &str =
    "verify it with a program that knows the suite, or ask its issuer for another";

/// What to do about a credential that was not looked at, since there are too many.
const TOO_MANY_HINT: &str = "show fewer at once, or verify it by itself";

/// The answer to the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Verdict {
    /// Every step passed, or had nothing to check.
    Valid,
    /// Something is wrong.
    Invalid,
    /// Nothing was found wrong, but something could not be learned. Not to be taken for valid.
    Undecided,
}

/// The steps, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StepName {
    /// It is well formed.
    Parsed,
    /// The issuer's key signed it.
    Signature,
    /// The issuer existed and was active.
    Issuer,
    /// The issuer was accredited for such credentials at that time.
    Accreditation,
    /// It satisfies the schemas that it names.
    Schema,
    /// It is valid now.
    Dates,
    /// It is not revoked, suspended or the like.
    Status,
    /// Who shows it is whom it was issued to.
    Holder,
}

impl StepName {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Parsed,
        Self::Signature,
        Self::Issuer,
        Self::Accreditation,
        Self::Schema,
        Self::Dates,
        Self::Status,
        Self::Holder,
    ];
}

/// How a step went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "lowercase")]
pub enum Outcome {
    /// It was checked, and holds.
    Passed,
    /// It does not hold, or cannot be known.
    Failed {
        /// Upper-case: one of [`code`], of the model's, or an accreditation's.
        code: &'static str,
    },
    /// There was nothing to check.
    Skipped {
        /// Why not.
        why: &'static str,
    },
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Which.
    pub name: StepName,
    /// How it went.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// What was found, for people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// Of when that is known, Unix milliseconds, where it comes from a record that changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub known_at_ms: Option<i64>,
    /// How old that was when it was judged, milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age_ms: Option<i64>,
    /// What to do about what could not be learned, for people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub hint: String,
}

impl Step {
    /// A step that holds.
    pub fn passed(name: StepName, detail: impl Into<String>) -> Self {
        Self::new(name, Outcome::Passed, detail.into())
    }

    /// A step that does not hold.
    pub fn failed(name: StepName, code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(name, Outcome::Failed { code }, detail.into())
    }

    /// A step with nothing to check.
    pub fn skipped(name: StepName, why: &'static str) -> Self {
        Self::new(name, Outcome::Skipped { why }, String::new())
    }

    /// A step about something that could not be learned.
    pub fn unknown(name: StepName, code: &'static str, unknown: &Unknown) -> Self {
        Self::failed(name, code, &unknown.why).with_hint(&unknown.hint)
    }

    /// The same, with the time of what is known, and its age by then.
    pub fn known_at(self, known_at_ms: Option<i64>, now_ms: i64) -> Self {
        Self {
            known_at_ms,
            age_ms: known_at_ms.map(|known_at_ms| age_ms(known_at_ms, now_ms)),
            ..self
        }
    }

    /// The same, with what to do about it.
    pub fn with_hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: hint.into(),
            ..self
        }
    }

    /// The same, with what to do about a code that always calls for the same.
    pub(super) fn with_hint_of_code(self) -> Self {
        match self.code() {
            Some(code::SUITE_UNSUPPORTED) => self.with_hint(SUITE_HINT),
            Some(code::CREDENTIALS_TOO_MANY) => self.with_hint(TOO_MANY_HINT),
            _ => self,
        }
    }

    /// Its code, if it failed.
    pub fn code(&self) -> Option<&'static str> {
        match self.outcome {
            Outcome::Failed { code } => Some(code),
            Outcome::Passed | Outcome::Skipped { .. } => None,
        }
    }

    fn new(name: StepName, outcome: Outcome, detail: String) -> Self {
        Self {
            name,
            outcome,
            detail,
            known_at_ms: None,
            age_ms: None,
            hint: String::new(),
        }
    }
}

/// How old what is known of a moment is. Clocks differ: what is of a later moment has no age.
pub(crate) fn age_ms(known_at_ms: i64, now_ms: i64) -> i64 {
    now_ms.saturating_sub(known_at_ms).max(0)
}

/// A span of time as people say it, in the two greatest units.
pub fn span(ms: i64) -> String {
    const UNITS: [(&str, i64); 4] = [("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)];
    let mut seconds = ms.max(0) / 1_000;
    let mut parts = Vec::new();
    for (unit, length) in UNITS {
        let count = seconds / length;
        seconds %= length;
        if count > 0 {
            parts.push(format!("{count} {unit}"));
        } else if !parts.is_empty() {
            break;
        }
    }
    parts.truncate(2);
    if parts.is_empty() {
        return "less than a second".to_owned();
    }
    parts.join(" ")
}

/// The verdict on a credential, with the reasons.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The answer.
    pub verdict: Verdict,
    /// All steps of [`StepName::ALL`], in that order.
    pub steps: Vec<Step>,
}

impl Report {
    /// Concludes from steps.
    pub fn of(steps: Vec<Step>) -> Self {
        Self {
            verdict: verdict(steps.iter().filter_map(Step::code)),
            steps,
        }
    }

    /// Of bytes that are no credential, or of a credential that nobody here can read.
    pub fn malformed(code: &'static str, detail: impl Into<String>) -> Self {
        let why = match code::UNDECIDED.contains(&code) {
            true => "it was not read",
            false => "it is not well formed",
        };
        let rest = StepName::ALL[1..]
            .iter()
            .map(|name| Step::skipped(*name, why));
        let parsed = Step::failed(StepName::Parsed, code, detail).with_hint_of_code();
        Self::of(std::iter::once(parsed).chain(rest).collect())
    }

    /// The step of this name.
    pub fn step(&self, name: StepName) -> Option<&Step> {
        self.steps.iter().find(|step| step.name == name)
    }

    /// The first code, if any step failed.
    pub fn code(&self) -> Option<&'static str> {
        self.steps.iter().find_map(Step::code)
    }
}

/// The verdict that follows from the codes of failed steps.
pub(crate) fn verdict<'a>(codes: impl Iterator<Item = &'a str>) -> Verdict {
    let mut verdict = Verdict::Valid;
    for code in codes {
        if !code::UNDECIDED.contains(&code) {
            return Verdict::Invalid;
        }
        verdict = Verdict::Undecided;
    }
    verdict
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_told_in_its_two_greatest_units() {
        for (ms, expected) in [
            (-5, "less than a second"),
            (999, "less than a second"),
            (1_000, "1 s"),
            (61_500, "1 min 1 s"),
            (3_600_000, "1 h"),
            (3_605_000, "1 h"),
            (90_061_000, "1 d 1 h"),
            (i64::MAX, "106751991167 d 7 h"),
        ] {
            assert_eq!(span(ms), expected);
        }
    }

    #[test]
    fn an_age_is_never_below_zero_and_always_beside_its_time() {
        let step = |now_ms| Step::passed(StepName::Status, "").known_at(Some(100), now_ms);
        assert_eq!(step(350).age_ms, Some(250));
        assert_eq!(step(50).age_ms, Some(0));
        let never = Step::passed(StepName::Dates, "").known_at(None, 350);
        assert_eq!((never.known_at_ms, never.age_ms), (None, None));
        let written = serde_json::to_value(step(350)).unwrap();
        assert_eq!(written["age_ms"], 250);
        assert!(written.get("hint").is_none());
    }
}
