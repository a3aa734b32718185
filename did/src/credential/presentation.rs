//! Presentations: a holder shows credentials to one verifier, at its request.
//!
//! The holder signs the verifier's challenge and name with a key for authentication, so that what is shown cannot be shown again by
//! another, or elsewhere. Each credential inside is then judged as ever, with the holder as its [`Presenter`].

use serde::Serialize;
use serde_json::{Value, json};

use super::code;
use super::integrity::{self, Canonicalizer, Options, Proof};
use super::malformed::Malformed;
use super::model::{self, BASE_CONTEXT, Contained};
use super::parsed::{Relationship, Signed};
use super::report::{Report, SUITE_HINT, Step, StepName, Verdict, verdict};
use super::verify::{Lookup, Party, Presenter, check_in_use, check_signed, check_times, unread};
use crate::shown::{quoted, shown};
use crate::signing_key::SigningKey;

/// A signature of a presentation, whatever its format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HolderProof {
    /// What was signed, with what key.
    pub signed: Signed,
    /// What it answers.
    pub challenge: Option<String>,
    /// For whom it is.
    pub domain: Vec<String>,
}

impl HolderProof {
    fn of((proof, signed): (Proof, Signed)) -> Self {
        Self {
            signed,
            challenge: proof.challenge,
            domain: proof.domain,
        }
    }
}

/// A presentation that was read and is well formed. Nothing in it is believed yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Presentation {
    /// Who presents, where it says so.
    pub holder: Option<String>,
    /// What is presented, in its order.
    pub credentials: Vec<Contained>,
    /// Signatures by suites that are known.
    pub proofs: Vec<HolderProof>,
    /// Names of the suites of other signatures.
    pub unsupported: Vec<String>,
}

impl Presentation {
    /// Whom to look up: the holder, or else whoever's key the first proof names.
    pub fn presenter(&self) -> Option<&str> {
        let controller = || Some(self.proofs.first()?.signed.controller());
        self.holder.as_deref().or_else(controller)
    }
}

/// A presentation without a proof.
pub fn unsigned(holder: &str, credentials: &[Value]) -> Value {
    json!({
        "@context": [BASE_CONTEXT],
        "type": ["VerifiablePresentation"],
        "holder": holder,
        "verifiableCredential": credentials,
    })
}

/// Makes a presentation: checks its shape and adds a proof.
pub fn create(
    unsigned: Value,
    options: &Options,
    key: &SigningKey,
    rdfc: Option<&Canonicalizer<'_>>,
) -> Result<Value, Malformed> {
    model::presentation(&unsigned)?;
    integrity::create(unsigned, options, key, rdfc)
}

/// Reads a presentation with its proofs.
pub fn read(secured: Value, rdfc: Option<&Canonicalizer<'_>>) -> Result<Presentation, Malformed> {
    let opened = integrity::open(secured, rdfc)?;
    let shape = model::presentation(&opened.document)?;
    Ok(Presentation {
        holder: shape.holder,
        credentials: shape.credentials,
        proofs: opened.proofs.into_iter().map(HolderProof::of).collect(),
        unsupported: opened.unsupported,
    })
}

/// What is known besides the presentation itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence<'a> {
    /// The time, Unix milliseconds.
    pub now_ms: i64,
    /// How far clocks may differ, milliseconds.
    pub clock_skew_ms: i64,
    /// Who presents ([`Presentation::presenter`]), as of now.
    pub holder: &'a Lookup,
    /// What a proof must answer. With it, or with a domain, there must be one.
    pub challenge: Option<&'a str>,
    /// For whom a proof must be.
    pub domain: Option<&'a str>,
    /// Whether there must be a proof, whatever it answers: something is concluded from who presents.
    pub proof_wanted: bool,
}

/// The verdict on a presentation and on each credential in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PresentationReport {
    /// The answer to the whole: valid only if all is.
    pub verdict: Verdict,
    /// The steps `parsed`, `signature` and `holder`, of the presentation itself; and one for what was asked of a credential, where there
    /// is none.
    pub steps: Vec<Step>,
    /// The credentials' own, in their order.
    pub credentials: Vec<Report>,
}

impl PresentationReport {
    /// Concludes from the presentation's own steps and a report on each credential in it.
    pub fn of(steps: Vec<Step>, credentials: Vec<Report>) -> Self {
        let all = steps
            .iter()
            .chain(credentials.iter().flat_map(|one| &one.steps));
        Self {
            verdict: verdict(all.filter_map(Step::code)),
            steps,
            credentials,
        }
    }

    /// Of bytes that are no presentation.
    pub fn malformed(error: &Malformed) -> Self {
        let parsed = Step::failed(StepName::Parsed, error.code, &error.detail);
        Self::of(vec![parsed.with_hint_of_code()], Vec::new())
    }

    /// The first code, of the presentation or else of its credentials.
    pub fn code(&self) -> Option<&'static str> {
        let own = self.steps.iter().find_map(Step::code);
        own.or_else(|| self.credentials.iter().find_map(Report::code))
    }
}

/// Judges the presentation itself. The second answer, where its proof holds, is whom the credentials are judged to be shown by.
pub fn check(
    presentation: &Presentation,
    evidence: &Evidence<'_>,
) -> (Vec<Step>, Option<Presenter>) {
    let parsed = Step::passed(
        StepName::Parsed,
        format!("{} credentials", presentation.credentials.len()),
    );
    let holder = holder(presentation, evidence);
    let (signature, presenter) = signature(presentation, evidence);
    let presenter = presenter.filter(|_| holder.code().is_none());
    (vec![parsed, signature, holder], presenter)
}

fn signature(presentation: &Presentation, evidence: &Evidence<'_>) -> (Step, Option<Presenter>) {
    let name = StepName::Signature;
    let asked = evidence.proof_wanted || evidence.challenge.or(evidence.domain).is_some();
    if presentation.proofs.is_empty() {
        let empty = presentation.credentials.is_empty();
        let step = match (presentation.unsupported.as_slice(), asked) {
            ([], false) if empty => {
                let detail = "nothing signs it, and it holds no credential";
                Step::failed(name, code::PROOF_MISSING, detail)
            }
            ([], false) => Step::skipped(name, "it is not signed, and the verifier does not ask"),
            ([], true) => {
                let detail = "nothing signs it, so nobody knows who shows it";
                Step::failed(name, code::PROOF_MISSING, detail)
            }
            (suites, _) => {
                let detail = format!("signed by {} only", suites.join(", "));
                Step::failed(name, code::SUITE_UNSUPPORTED, detail).with_hint(SUITE_HINT)
            }
        };
        return (step, None);
    }
    let party = match evidence.holder {
        Lookup::Found(party) => party,
        Lookup::NotFound => {
            return (
                Step::failed(name, code::METHOD_UNKNOWN, "its holder does not exist"),
                None,
            );
        }
        Lookup::Unknown(unknown) => {
            return (Step::unknown(name, code::HOLDER_UNKNOWN, unknown), None);
        }
    };
    let mut presenter = None;
    // What is wrong goes before what could not be learned.
    let mut open = None;
    for proof in &presentation.proofs {
        match check_proof(proof, party, evidence, presentation.holder.is_some()) {
            Ok(one) => presenter = presenter.or(Some(one)),
            Err((code::SUITE_UNSUPPORTED, detail)) => {
                let step = Step::failed(name, code::SUITE_UNSUPPORTED, detail);
                open.get_or_insert(step.with_hint(SUITE_HINT));
            }
            Err((code, detail)) => return (Step::failed(name, code, detail), None),
        }
    }
    if let Some(open) = open {
        return (open, None);
    }
    let detail = &presentation.proofs[0].signed.method;
    (
        Step::passed(name, detail).known_at(party.known_at_ms, evidence.now_ms),
        presenter,
    )
}

fn check_proof(
    proof: &HolderProof,
    party: &Party,
    evidence: &Evidence<'_>,
    named: bool,
) -> Result<Presenter, (&'static str, String)> {
    let signed = &proof.signed;
    if let Some(method) = party.unread(signed) {
        check_purpose(signed)?;
        check_answer(proof, evidence)?;
        return Err(unread(signed, method, evidence.now_ms));
    }
    let Some(method) = party.method(signed) else {
        let detail = format!("{} is no key of {}", signed.method, party.id);
        return Err((code::METHOD_UNKNOWN, detail));
    };
    check_purpose(signed)?;
    check_signed(signed, method)?;
    check_in_use(method, evidence.now_ms)?;
    check_answer(proof, evidence)?;
    Ok(Presenter {
        holder: party.id.clone(),
        key: method.key,
        named,
    })
}

/// Whether a proof is of now, and for what its verifier asked, whoever made it.
fn check_answer(
    proof: &HolderProof,
    evidence: &Evidence<'_>,
) -> Result<(), (&'static str, String)> {
    check_times(&proof.signed, evidence.now_ms, evidence.clock_skew_ms)?;
    if evidence.challenge.is_some() && proof.challenge.as_deref() != evidence.challenge {
        let detail = format!(
            "it answers {}",
            quoted(proof.challenge.as_deref().unwrap_or_default())
        );
        return Err((code::CHALLENGE_MISMATCH, detail));
    }
    if evidence
        .domain
        .is_some_and(|domain| !proof.domain.iter().any(|one| one == domain))
    {
        let detail = format!("it is for \"{}\"", shown(&proof.domain.join("\", \"")));
        return Err((code::DOMAIN_MISMATCH, detail));
    }
    Ok(())
}

/// A presentation is made by logging in: a key that only asserts must not be used for it.
fn check_purpose(signed: &Signed) -> Result<(), (&'static str, String)> {
    if signed.relationship == Relationship::Authentication {
        return Ok(());
    }
    let detail = format!("a proof is for {}", signed.relationship.name());
    Err((code::METHOD_PURPOSE, detail))
}

fn holder(presentation: &Presentation, evidence: &Evidence<'_>) -> Step {
    let name = StepName::Holder;
    // Whoever stripped a proof away could name anybody.
    if presentation.proofs.is_empty() {
        return Step::skipped(
            name,
            "it is not signed: whoever it names need not be who shows it",
        );
    }
    let Some(presenter) = presentation.presenter() else {
        return Step::skipped(name, "it names no holder");
    };
    match evidence.holder {
        Lookup::Found(party) if party.id != presenter => {
            let detail = format!("{} is not {presenter}", party.id);
            Step::failed(name, code::HOLDER_MISMATCH, detail)
        }
        Lookup::Found(party) if party.deactivated => {
            let detail = format!("{presenter} is deactivated");
            let step = Step::failed(name, code::HOLDER_DEACTIVATED, detail);
            step.known_at(party.known_at_ms, evidence.now_ms)
        }
        Lookup::Found(party) => {
            Step::passed(name, presenter).known_at(party.known_at_ms, evidence.now_ms)
        }
        Lookup::NotFound => Step::failed(name, code::HOLDER_NOT_FOUND, presenter),
        Lookup::Unknown(unknown) => Step::unknown(name, code::HOLDER_UNKNOWN, unknown),
    }
}

#[cfg(test)]
mod tests;
