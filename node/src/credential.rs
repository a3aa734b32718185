//! Credentials at the edge: a text of any format is read, what must be known is learned, and `did` judges.
//!
//! Three steps, each in a file: [`mod@read`] turns a text into claims and signatures, [`facts`] learns what the judge has to be told
//! (each signer's document in force when it signed, the issuer's accreditations, schemas, status lists), and
//! [`starfire_did::credential::verify`] says step by step what that makes of it. Where facts come from is a [`Source`]: a gateway
//! reads its own chain, a command line checks each value against the main chain that its user pinned. What cannot be learned is
//! said to be unknown, and the verdict is then never `VALID`.
//!
//! Names of what stands on a chain, in credentials: a schema is `DID/schemas/NAME/VERSION`, a status list `DID/status-lists/NAME`, DID
//! being its author's or issuer's. A gateway's address of the same, `https://HOST/schemas/DID/NAME/VERSION` and
//! `https://HOST/status-lists/DID/NAME`, is read from the chain too, whatever its host ([`names`]).

mod accreditation;
pub(crate) mod facts;
pub(crate) mod issue;
pub(crate) mod names;
mod party;
pub(crate) mod proved;
pub(crate) mod read;
mod schema;
pub(crate) mod source;
mod status;

use serde::Serialize;
use starfire_did::credential::code;
use starfire_did::credential::evidence::{Evidence, Presenter};
use starfire_did::credential::parsed::{Parsed, Signed};
use starfire_did::credential::presentation::{self, Presentation, PresentationReport};
use starfire_did::credential::report::{Report, Step, StepName, Verdict};
use starfire_did::credential::verify;

pub(crate) use facts::Facts;
pub(crate) use read::{Reader, Secured};
pub(crate) use source::Source;

/// How far clocks may differ.
pub(crate) const CLOCK_SKEW_MS: i64 = 60_000;
/// Credentials of one presentation that are judged; of the others it is said that they were not.
pub(crate) const CREDENTIALS_MAX: usize = 32;

/// What a verifier wants to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    /// The time, Unix milliseconds.
    pub(crate) now_ms: i64,
    /// Whether the issuer must be accredited, and for what.
    pub(crate) accreditation: Option<AskedAccreditation>,
    /// How old what is known of a status may be; `None`: any age.
    pub(crate) status_age_max_ms: Option<i64>,
    /// Whether the term of a credential counts. That of a proof does in any case.
    pub(crate) term_wanted: bool,
    /// The challenge that the holder must have answered.
    pub(crate) challenge: Option<String>,
    /// For whom the holder's proof must be.
    pub(crate) domain: Option<String>,
    /// Whether who presents a credential must be whom it is about. With it, a presentation must be signed.
    pub(crate) holder_is_subject: bool,
    /// Whether a presentation must be signed, whatever else is asked of its proof.
    pub(crate) proof_wanted: bool,
    /// Whether the verifier asks who shows a credential: not by default, and not only of whom it is about.
    pub(crate) holder_wanted: bool,
}

/// An accreditation that the issuer must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AskedAccreditation {
    /// For this type, which the credential must be of; `None`: for all types that the credential names.
    pub(crate) kind: Option<String>,
    /// In this jurisdiction.
    pub(crate) jurisdiction: String,
}

impl Asked {
    /// Only what a credential says of itself.
    pub(crate) fn at(now_ms: i64) -> Self {
        Self {
            now_ms,
            accreditation: None,
            status_age_max_ms: None,
            term_wanted: true,
            challenge: None,
            domain: None,
            holder_is_subject: true,
            proof_wanted: false,
            holder_wanted: false,
        }
    }
}

/// When a credential may have been issued, or a signature of it made, as far as it says: moments up to now, Unix milliseconds, in the order in which they are tried.
/// There is one at least.
///
/// Tokens say it in whole seconds and records of a chain have milliseconds, so a time without a fraction means all of its second, as it
/// does in a `versionTime`: its end, as it is then that a new document is in force, and its beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Issued(Vec<i64>);

impl Issued {
    /// When its issuer signed it, as the signature says. Where none says it, now; and `validFrom`, the one time that there is.
    fn of(parsed: &Parsed, now_ms: i64) -> Self {
        Self::at(parsed.signed_ms(), parsed, now_ms)
    }

    /// When one of its signatures was made, as that says itself; where it does not say, as above.
    fn of_signature(signed: &Signed, parsed: &Parsed, now_ms: i64) -> Self {
        Self::at(signed.created_ms, parsed, now_ms)
    }

    fn at(signed_ms: Option<i64>, parsed: &Parsed, now_ms: i64) -> Self {
        let mut moments = match signed_ms {
            Some(signed_ms) => second(signed_ms, now_ms).to_vec(),
            None => {
                let from = parsed.valid_from_ms.map(|from_ms| second(from_ms, now_ms));
                std::iter::once(now_ms)
                    .chain(from.into_iter().flatten())
                    .collect()
            }
        };
        moments.dedup();
        Self(moments)
    }

    /// The moments, in their order.
    fn moments(&self) -> impl Iterator<Item = i64> {
        self.0.iter().copied()
    }

    /// The one that is tried first.
    fn first(&self) -> i64 {
        self.0[0]
    }

    /// The earliest.
    fn earliest(&self) -> i64 {
        self.moments().min().expect("there is one at least")
    }
}

/// The last and the first moment that a time up to now means.
fn second(ms: i64, now_ms: i64) -> [i64; 2] {
    let first_ms = ms.min(now_ms);
    let last_ms = match first_ms.rem_euclid(1_000) {
        0 => first_ms.saturating_add(999).min(now_ms),
        _ => first_ms,
    };
    [last_ms, first_ms]
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(crate) enum Answer {
    /// Of a credential, perhaps with the proof of its holder's key.
    Credential(Report),
    /// Of a presentation and the credentials in it.
    Presentation(PresentationReport),
}

impl Answer {
    /// The answer to the whole.
    pub(crate) fn verdict(&self) -> Verdict {
        match self {
            Self::Credential(report) => report.verdict,
            Self::Presentation(report) => report.verdict,
        }
    }
}

/// Judges a credential or a presentation of any format.
pub(crate) async fn verify(text: &str, asked: &Asked, facts: &Facts<'_>) -> Answer {
    match facts.reader().read(text) {
        Ok(Secured::Credential(parsed)) => Answer::Credential(judge(&parsed, asked, facts).await),
        Ok(Secured::Presentation(shown)) => {
            Answer::Presentation(judge_presentation(&shown, asked, facts).await)
        }
        Err(error) => Answer::Credential(Report::malformed(error.code, error.detail)),
    }
}

/// Judges a credential that was read and comes alone.
pub(crate) async fn judge(parsed: &Parsed, asked: &Asked, facts: &Facts<'_>) -> Report {
    let shown = Shown {
        presenter: None,
        challenge: asked.challenge.as_deref(),
        domain: asked.domain.as_deref(),
        holder_wanted: asked.holder_wanted,
    };
    judge_shown(parsed, shown, asked, facts).await
}

/// How a credential is shown, and what is asked of who shows it.
#[derive(Debug, Clone, Copy)]
struct Shown<'a> {
    /// Who that is, where a presentation proves it.
    presenter: Option<&'a Presenter>,
    /// What a proof that comes with the credential must answer.
    challenge: Option<&'a str>,
    /// For whom that proof must be.
    domain: Option<&'a str>,
    /// Whether somebody must show it.
    holder_wanted: bool,
}

async fn judge_shown(
    parsed: &Parsed,
    shown: Shown<'_>,
    asked: &Asked,
    facts: &Facts<'_>,
) -> Report {
    let issued = Issued::of(parsed, asked.now_ms);
    let signers = party::signers(facts, parsed, &issued, asked.now_ms).await;
    let accreditation = match &asked.accreditation {
        None => verify::Accreditation::NotAsked,
        Some(wanted) => accreditation::learn(facts, parsed, wanted, &issued, asked.now_ms).await,
    };
    let schemas = schema::learn(facts, parsed).await;
    let statuses = status::learn(facts, parsed, asked.now_ms).await;
    verify::verify(
        parsed,
        &Evidence {
            now_ms: asked.now_ms,
            clock_skew_ms: CLOCK_SKEW_MS,
            issuer: &signers.issuer,
            signers: &signers.each,
            accreditation: &accreditation,
            schemas: &schemas,
            statuses: &statuses,
            status_age_max_ms: asked.status_age_max_ms,
            term_wanted: asked.term_wanted,
            presenter: shown.presenter,
            holder_is_subject: asked.holder_is_subject,
            holder_wanted: shown.holder_wanted,
            challenge: shown.challenge,
            domain: shown.domain,
            audience: asked.domain.as_deref(),
        },
    )
}

/// Judges a presentation and each credential in it.
pub(crate) async fn judge_presentation(
    shown: &Presentation,
    asked: &Asked,
    facts: &Facts<'_>,
) -> PresentationReport {
    let holder = match shown.presenter() {
        Some(holder) => party::look_up(facts, holder, asked.now_ms).await,
        None => verify::Lookup::Unknown(verify::Unknown::new(
            "it names no holder",
            "ask for a presentation that is signed",
        )),
    };
    let (mut steps, presenter) = presentation::check(
        shown,
        &presentation::Evidence {
            now_ms: asked.now_ms,
            clock_skew_ms: CLOCK_SKEW_MS,
            holder: &holder,
            challenge: asked.challenge.as_deref(),
            domain: asked.domain.as_deref(),
            proof_wanted: asked.proof_wanted || asked.holder_wanted || asked.holder_is_subject,
        },
    );
    if asked.accreditation.is_some() && shown.credentials.is_empty() {
        let detail =
            "an accreditation is asked for, and there is no credential whose issuer could have it";
        steps.push(Step::failed(
            StepName::Accreditation,
            code::CREDENTIAL_MISSING,
            detail,
        ));
    }
    // Who shows the credentials is asked for once, of the presentation, whether its proof holds or not. For whom their issuers made them
    // is asked of each.
    let within = Shown {
        presenter: presenter.as_ref(),
        challenge: None,
        domain: None,
        holder_wanted: asked.holder_wanted && presenter.is_some(),
    };
    let mut reports = Vec::new();
    for (position, contained) in shown.credentials.iter().enumerate() {
        let report = if position >= CREDENTIALS_MAX {
            let detail = format!("at most {CREDENTIALS_MAX} credentials are judged at once");
            Report::malformed(code::CREDENTIALS_TOO_MANY, detail)
        } else {
            match facts.reader().contained(contained) {
                Ok(parsed) => Box::pin(judge_shown(&parsed, within, asked, facts)).await,
                Err(error) => Report::malformed(error.code, error.detail),
            }
        };
        reports.push(report);
        // Reading and judging take a processor: whoever set a time for all of it is asked in between.
        tokio::task::yield_now().await;
    }
    PresentationReport::of(steps, reports)
}
