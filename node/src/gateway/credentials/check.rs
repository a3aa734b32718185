//! Checks: a credential or presentation is read and judged beside the network's threads, a few at a time.
//!
//! Reading canonicalises, judging verifies signatures: both take a processor, so they run where they hold up nobody's I/O. What
//! the judge has to learn of sub-chains is asked in between. All of it ends after [`CHECK_TIME_MAX`]; what no timer can end, since it
//! waits for nothing, has bounds of its own ([`Reader`]).

use std::net::IpAddr;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{Extensions, StatusCode};
use axum::response::Response;
use serde_json::Value;
use starfire_did::credential::malformed::Malformed;
use starfire_did::credential::parsed::Relationship;
use starfire_did::credential::presentation::PresentationReport;
use starfire_did::credential::report::{Report, Step, StepName, Verdict};
use starfire_did::credential::{code, json};
use starfire_did::jose::envelope;
use starfire_state::Rejection;
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::super::limits::peer;
use super::super::{Gateway, error};
use super::request::{self, Options};
use super::{answer, reply};
use crate::clock;
use crate::credential::{self, Answer, Facts, Reader, Secured, Source, read};

/// How long one check may take, questions to sub-chains included.
const CHECK_TIME_MAX: Duration = Duration::from_secs(20);
/// How long a check may wait for its turn.
const TURN_WAIT_MAX: Duration = Duration::from_secs(5);
/// Media types of JSON: its own `type` says what it is.
const JSON_TYPES: [&str; 5] = [
    "application/vc",
    "application/vp",
    "application/vc+ld+json",
    "application/ld+json",
    "application/json",
];
/// Media types of tokens whose header says what they are.
const TOKEN_TYPES: [&str; 2] = ["application/vp+jwt", "application/jwt"];

/// What a caller says that it shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// A credential.
    Credential,
    /// A presentation.
    Presentation,
}

impl Shown {
    /// What a proof of it is for, whoever asks: no other is accepted.
    fn purpose(self) -> &'static str {
        match self {
            Self::Credential => Relationship::AssertionMethod.name(),
            Self::Presentation => Relationship::Authentication.name(),
        }
    }

    /// The members of a body that hold it. VCALM 1.0 calls a presentation without a proof by the second name.
    fn members(self) -> &'static [&'static str] {
        match self {
            Self::Credential => &["verifiableCredential"],
            Self::Presentation => &["verifiablePresentation", "presentation"],
        }
    }
}

/// `POST /credentials/verify`
pub(super) async fn credential(
    State(gateway): State<Gateway>,
    from: Extensions,
    body: Body,
) -> Result<Response, reply::Problem> {
    by_body(gateway, Shown::Credential, &from, body).await
}

/// `POST /presentations/verify`
pub(super) async fn presentation(
    State(gateway): State<Gateway>,
    from: Extensions,
    body: Body,
) -> Result<Response, reply::Problem> {
    by_body(gateway, Shown::Presentation, &from, body).await
}

async fn by_body(
    gateway: Gateway,
    shown: Shown,
    from: &Extensions,
    body: Body,
) -> Result<Response, reply::Problem> {
    let bytes = reply::body(body).await?;
    let judge = gateway.clone();
    let (verdict, answer) = gateway
        .work(peer(from), move || judge_body(&judge, shown, &bytes))
        .await??;
    let status = match verdict {
        Verdict::Valid => StatusCode::OK,
        Verdict::Invalid | Verdict::Undecided => {
            StatusCode::from_u16(gateway.backend.credentials.refused_status)
                .unwrap_or(StatusCode::OK)
        }
    };
    Ok(reply::json_reply(status, &answer))
}

fn judge_body(
    gateway: &Gateway,
    shown: Shown,
    bytes: &[u8],
) -> Result<(Verdict, Value), reply::Problem> {
    let mut body = request::Body::parse(bytes)?;
    let options = body.options(clock::unix_ms())?;
    let members = shown.members();
    let member = members.iter().find(|name| body.has(name));
    let value = body.take(member.unwrap_or(&members[0]))?;
    let input = options.returned.input.then(|| value.clone());
    let judged = judge(gateway, shown, &options, |reader| Ok(reader.value(value)))?;
    let mut answer = match &judged {
        Answer::Credential(report) => answer::credential(report, options.returned),
        Answer::Presentation(report) => answer::presentation(report, options.returned),
    };
    if let Some(input) = input {
        let name = match shown {
            Shown::Credential => "credential",
            Shown::Presentation => "verifiablePresentation",
        };
        answer[name] = input;
    }
    Ok((judged.verdict(), answer))
}

/// Reads bytes of a media type, or of what they look like if it is empty.
pub(super) fn secured(
    reader: &Reader,
    bytes: &[u8],
    media_type: &str,
) -> Result<Result<Secured, Malformed>, Rejection> {
    let Ok(text) = std::str::from_utf8(bytes) else {
        let error = Malformed::new(code::JSON_INVALID, "it is not text in UTF-8");
        return Ok(Err(error));
    };
    let kind = media_type.split(';').next().unwrap_or_default().trim();
    let is = |known: &&str| known.eq_ignore_ascii_case(kind);
    if kind.is_empty() {
        return Ok(reader.read(text));
    }
    if JSON_TYPES.iter().any(&is) {
        return Ok(json::parse(bytes).and_then(|value| reader.value(value)));
    }
    if TOKEN_TYPES.iter().any(&is) {
        return Ok(reader.value(Value::String(text.to_owned())));
    }
    let Some(format) = envelope::Format::of_media_type(kind) else {
        return Err(Rejection::new(
            error::INVALID_PARAMETER,
            format!("credentials of the media type \"{kind}\" are not read here"),
        ));
    };
    let parsed = envelope::parse(format, text).map_err(|error| read::of_sd_jwt(&error));
    Ok(parsed.map(|parsed| Secured::Credential(Box::new(parsed))))
}

/// Judges what is read. It blocks: for [`Gateway::work`].
pub(super) fn judge(
    gateway: &Gateway,
    shown: Shown,
    options: &Options,
    read: impl FnOnce(&Reader) -> Result<Result<Secured, Malformed>, Rejection>,
) -> Result<Answer, Rejection> {
    let judged = async {
        let web = gateway.backend.web_dids.as_ref();
        let facts = Facts::of(Source::View(gateway)).with_web(web);
        let asked = &options.asked;
        // Within the time, as judging is.
        let secured = read(facts.reader())?;
        tokio::task::yield_now().await;
        Ok::<_, Rejection>(match (secured, shown) {
            (Ok(Secured::Credential(parsed)), Shown::Credential) => {
                Answer::Credential(credential::judge(&parsed, asked, &facts).await)
            }
            (Ok(Secured::Presentation(shown)), Shown::Presentation) => {
                Answer::Presentation(credential::judge_presentation(&shown, asked, &facts).await)
            }
            (Ok(Secured::Credential(_)), Shown::Presentation) => {
                unread(shown, &other("a credential is no presentation"))
            }
            (Ok(Secured::Presentation(_)), Shown::Credential) => {
                unread(shown, &other("a presentation is no credential"))
            }
            (Err(error), shown) => unread(shown, &error),
        })
    };
    let judged = Handle::current().block_on(async { timeout(CHECK_TIME_MAX, judged).await });
    let judged = judged.map_err(|_| {
        Rejection::new(
            error::BUSY,
            format!("the check did not end within {CHECK_TIME_MAX:?}"),
        )
    })??;
    let judged = match &options.purpose {
        Some(expected) if expected != shown.purpose() => for_another(judged, shown, expected),
        Some(_) | None => judged,
    };
    let Some(checks) = &options.checks else {
        return Ok(judged);
    };
    Ok(match judged {
        Answer::Credential(report) => Answer::Credential(checks.apply(report)),
        Answer::Presentation(report) => {
            let PresentationReport {
                steps, credentials, ..
            } = report;
            let credentials = credentials.into_iter().map(|one| checks.apply(one));
            Answer::Presentation(PresentationReport::of(steps, credentials.collect()))
        }
    })
}

/// The same answer to a caller that expects a proof for something else.
// Data Integrity 1.0 §4.3: an error if expectedProofPurpose "does not match proof.proofPurpose".
fn for_another(judged: Answer, shown: Shown, expected: &str) -> Answer {
    let refused = |step: Step| match step.name {
        StepName::Signature => {
            let detail = format!("the proof is for {}, not for {expected}", shown.purpose());
            Step::failed(step.name, code::METHOD_PURPOSE, detail)
        }
        StepName::Parsed
        | StepName::Issuer
        | StepName::Accreditation
        | StepName::Schema
        | StepName::Dates
        | StepName::Status
        | StepName::Holder => step,
    };
    match judged {
        Answer::Credential(report) => {
            Answer::Credential(Report::of(report.steps.into_iter().map(refused).collect()))
        }
        Answer::Presentation(report) => {
            let steps = report.steps.into_iter().map(refused).collect();
            Answer::Presentation(PresentationReport::of(steps, report.credentials))
        }
    }
}

fn other(detail: &str) -> Malformed {
    Malformed::new(code::TYPE_INVALID, detail)
}

fn unread(shown: Shown, error: &Malformed) -> Answer {
    match shown {
        Shown::Credential => Answer::Credential(Report::malformed(error.code, &error.detail)),
        Shown::Presentation => Answer::Presentation(PresentationReport::malformed(error)),
    }
}

impl Gateway {
    /// Does work that takes a processor, in its turn.
    pub(super) async fn work<T: Send + 'static>(
        &self,
        peer: IpAddr,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Rejection> {
        let turn = timeout(TURN_WAIT_MAX, self.checks.take(peer)).await;
        let turn = turn.map_err(|_| {
            Rejection::new(
                error::BUSY,
                "too many credentials are being judged; try again shortly",
            )
        })?;
        let done = tokio::task::spawn_blocking(move || {
            // Whoever gave up waiting does not make room for more work than there are turns.
            let _turn = turn;
            work()
        });
        done.await.map_err(|error| {
            tracing::error!(%error, "a check panicked");
            Rejection::new(
                error::INTERNAL,
                "this node could not judge it; its log says why",
            )
        })
    }
}
