//! The outcome of a verification, step by step.

use serde::Serialize;

use super::code;

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

    /// The same, with the time of what is known.
    pub fn known_at(self, known_at_ms: Option<i64>) -> Self {
        Self {
            known_at_ms,
            ..self
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
        }
    }
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

    /// Of bytes that are no credential.
    pub fn malformed(code: &'static str, detail: impl Into<String>) -> Self {
        let rest = StepName::ALL[1..]
            .iter()
            .map(|name| Step::skipped(*name, "it is not well formed"));
        let parsed = Step::failed(StepName::Parsed, code, detail);
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
