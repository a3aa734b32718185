//! Judging a credential or a presentation, and saying why step by step.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::Value;
use starfire_crosschain::proof_file::{self, ANSWER_BYTES_MAX, Beside, Proven};
use starfire_crosschain::trust::Bundle;
use starfire_did::credential::code::UNDECIDED;
use starfire_did::credential::json;
use starfire_did::credential::report::{Outcome, Step, Verdict, span};

use super::{malformed, read};
use crate::cli::context::Context;
use crate::cli::output::Report;
use crate::cli::verify::{Pinned, Trusted};
use crate::client::Client;
use crate::credential::proved::Proved;
use crate::credential::{self, Answer, Asked, AskedAccreditation, Facts, Source};
use crate::failure::Failure;
use crate::web_did::{self, Allowed, WebDids};
use crate::{clock, file};

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The credential or presentation, in any format, or `-` for standard input
    file: PathBuf,
    /// DID documents, which are believed, or results of resolving DIDs, which are held to their proof if a main chain is pinned: for
    /// issuers and holders that are not looked up
    #[arg(long, value_name = "FILE", num_args = 1..)]
    documents: Vec<PathBuf>,
    /// Answers of gateways with their proofs, each held to its proof under a pinned main chain: accreditations, entries of status lists,
    /// schemas, DIDs. They count where no node knows better
    #[arg(long, value_name = "FILE", num_args = 1..)]
    proofs: Vec<PathBuf>,
    /// Credentials that hold status lists; each must be signed by its issuer
    #[arg(long, value_name = "FILE", num_args = 1..)]
    status_list: Vec<PathBuf>,
    /// Fetch documents of did:web from these hosts, each perhaps with a port; `*`: from every host at port 443
    #[arg(long, value_name = "HOST", num_args = 1..)]
    did_web: Vec<String>,
    /// The same from hosts of your own network, which may stand at private addresses
    #[arg(long, value_name = "HOST", num_args = 1..)]
    did_web_private: Vec<String>,
    /// Certificates in PEM that these hosts must have one of, in place of those that this machine trusts
    #[arg(long, value_name = "FILE")]
    did_web_ca: Option<PathBuf>,
    /// Ask that the issuer was accredited in this jurisdiction, for every type of the credential
    #[arg(long, value_name = "JURISDICTION")]
    accredited: Option<String>,
    /// Ask that the issuer was accredited for this type, and that the credential is of it
    #[arg(long = "type", value_name = "TYPE", requires = "accredited")]
    kind: Option<String>,
    /// The challenge that the holder must have signed
    #[arg(long)]
    challenge: Option<String>,
    /// The verifier's name: who the holder's proof must be for, and a token that says for whom it is made
    #[arg(long)]
    domain: Option<String>,
    /// Accept credentials that are about others than who presents them
    #[arg(long)]
    any_holder: bool,
    /// Ask no node, even if one is named
    #[arg(long)]
    offline: bool,
    /// A gateway of the main chain, if --node is of a sub-chain
    #[arg(long, value_name = "URL")]
    main: Option<String>,
    #[command(flatten)]
    trusted: Trusted,
}

pub(super) async fn run(arguments: &Verify, context: &Context) -> Result<(), Failure> {
    let answer = judge(arguments, context, clock::unix_ms()).await?;
    conclude(context, &answer)
}

/// The answer as of a time.
async fn judge(arguments: &Verify, context: &Context, now_ms: i64) -> Result<Answer, Failure> {
    let text = read(&arguments.file)?;
    let proved = if arguments.offline || context.node.is_none() {
        None
    } else {
        Some(proved(arguments, context, now_ms).await?)
    };
    let source = proved.as_ref().map_or(Source::Offline, Source::Proved);
    let web = web_dids(arguments)?;
    let mut facts = Facts::of(source).with_web(web.as_ref());
    let pinned = arguments.trusted.pins(context)?;
    for path in &arguments.documents {
        let text = read(path)?;
        let document = json::parse(text.as_bytes()).map_err(|error| malformed(&error))?;
        // What brings a proof is held to it, wherever there is a chain to hold it to.
        if document["didDocumentMetadata"].get("proof").is_some() && !pinned.is_empty() {
            let checked = pinned.check(text.as_bytes(), Beside::default(), now_ms);
            Trusted::require_proved(&checked.report)?;
        }
        facts
            .hand_document(&document)
            .map_err(|error| Failure::content(path, error))?;
    }
    for path in &arguments.proofs {
        facts.hand_proven(proven(path, &pinned, now_ms)?);
    }
    for path in &arguments.status_list {
        facts
            .hand_status_list(&read(path)?)
            .map_err(|error| Failure::content(path, error))?;
    }
    let asked = Asked {
        accreditation: arguments
            .accredited
            .clone()
            .map(|jurisdiction| AskedAccreditation {
                kind: arguments.kind.clone(),
                jurisdiction,
            }),
        status_age_max_ms: i64::try_from(arguments.trusted.max_age().as_millis()).ok(),
        challenge: arguments.challenge.clone(),
        domain: arguments.domain.clone(),
        holder_is_subject: !arguments.any_holder,
        ..Asked::at(now_ms)
    };
    Ok(credential::verify(&text, &asked, &facts).await)
}

/// What a saved answer proves under the pinned chain. One that does not hold is no evidence, and is not judged by.
fn proven(path: &Path, pinned: &Pinned, now_ms: i64) -> Result<Vec<Proven>, Failure> {
    let bytes = file::read_cut(path, ANSWER_BYTES_MAX)?;
    let checked = pinned.check(&bytes, Beside::default(), now_ms);
    if checked.report.verdict != proof_file::Verdict::Valid {
        let failure = Trusted::refusal(&checked.report);
        let message = format!("{}: {}", path.display(), failure.message);
        return Err(Failure { message, ..failure });
    }
    if checked.proven.is_empty() {
        return Err(Failure::content(
            path,
            "it is a proof file, by which no credential is judged",
        ));
    }
    Ok(checked.proven)
}

/// What fetches documents of `did:web`, if the caller names hosts.
fn web_dids(arguments: &Verify) -> Result<Option<WebDids>, Failure> {
    let allowed = Allowed::parse(&arguments.did_web, &arguments.did_web_private)
        .map_err(|message| Failure::usage(message, "name hosts as a did:web does"))?;
    if allowed.is_empty() {
        return Ok(None);
    }
    let settings = web_did::Settings {
        allowed,
        ca_file: arguments.did_web_ca.clone(),
    };
    WebDids::new(settings).map(Some).map_err(|error| {
        Failure::new(
            "CERTIFICATES",
            error.to_string(),
            "name a file of certificates in PEM by --did-web-ca",
        )
    })
}

/// A node whose answers are checked against the pinned chain that it says it is of.
async fn proved(arguments: &Verify, context: &Context, now_ms: i64) -> Result<Proved, Failure> {
    let own = context.client()?;
    let (main, sub) = match (own.chain_code().await?, &arguments.main) {
        (None, _) => (own, None),
        (Some(_), Some(main)) => (Client::connect(main)?, Some(own)),
        (Some(_), None) => {
            return Err(Failure::usage(
                "what a sub-chain's node says is proved by the main chain",
                "add --main URL: a gateway of a main-chain node",
            ));
        }
    };
    let told = crate::cli::proof::bundle(&main).await?;
    let pinned = arguments.trusted.pins(context)?.bundle_of(&told);
    let pinned: Bundle = pinned.ok_or_else(|| {
        Failure::new(
            "BUNDLE_NOT_PINNED",
            format!("the main chain of {} is not pinned", main.url()),
            "compare fingerprints with the chain's operators, then `starfire trust pin`; or verify with --offline",
        )
    })?;
    Ok(Proved::new(
        main,
        sub,
        pinned,
        now_ms,
        arguments.trusted.max_age(),
    ))
}

/// Prints the answer; anything but `VALID` is a failure.
fn conclude(context: &Context, answer: &Answer) -> Result<(), Failure> {
    context.output.record(answer, &described(answer))?;
    if answer.verdict() == Verdict::Valid {
        return Ok(());
    }
    if context.output.is_json() {
        // The one object has been printed; what is left is the exit code.
        return Err(Failure::told());
    }
    let failed = || {
        steps(answer)
            .into_iter()
            .filter_map(|step| Some((step, step.code()?)))
    };
    // What is wrong goes before what could not be learned.
    let (step, code) = failed()
        .find(|(_, code)| !UNDECIDED.contains(code))
        .or_else(|| failed().next())
        .expect("what is not valid has a step that failed");
    let hint = match answer.verdict() {
        Verdict::Valid => "",
        Verdict::Invalid => "do not act on it",
        // Each step that could not be learned says what to do about it.
        Verdict::Undecided => step.hint.as_str(),
    };
    let message = format!("{}: {}", lower(&step.name), step.detail);
    Err(Failure::new(code, message.trim_end_matches(": "), hint))
}

fn steps(answer: &Answer) -> Vec<&Step> {
    match answer {
        Answer::Credential(report) => report.steps.iter().collect(),
        Answer::Presentation(report) => {
            let within = report.credentials.iter().flat_map(|one| &one.steps);
            report.steps.iter().chain(within).collect()
        }
    }
}

fn described(answer: &Answer) -> Report {
    match answer {
        Answer::Credential(report) => Report::new()
            .with("verdict", lower(&report.verdict).to_uppercase())
            .rows("steps", rows(&report.steps)),
        Answer::Presentation(report) => {
            let credentials = report.credentials.iter().map(|one| {
                Report::new()
                    .with("verdict", lower(&one.verdict).to_uppercase())
                    .rows("steps", rows(&one.steps))
            });
            Report::new()
                .with("verdict", lower(&report.verdict).to_uppercase())
                .rows("steps", rows(&report.steps))
                .rows("credentials", credentials.collect())
        }
    }
}

fn rows(steps: &[Step]) -> Vec<Report> {
    let row = |step: &Step| {
        let (outcome, why) = match step.outcome {
            Outcome::Passed => ("passed", ""),
            Outcome::Failed { code } => ("FAILED", code),
            Outcome::Skipped { why } => ("skipped", why),
        };
        let detail = [why, step.detail.as_str()];
        let detail: Vec<&str> = detail.into_iter().filter(|text| !text.is_empty()).collect();
        let detail = match step.hint.as_str() {
            "" => detail.join(": "),
            hint => format!("{}; {hint}", detail.join(": ")),
        };
        Report::new()
            .with("step", lower(&step.name))
            .with("outcome", outcome)
            .with(
                "known at",
                step.known_at_ms.map_or(Value::Null, |ms| {
                    starfire_crosschain::unix_ms::rfc3339(ms).into()
                }),
            )
            .with("age", step.age_ms.map_or(Value::Null, |ms| span(ms).into()))
            .with("detail", detail)
    };
    steps.iter().map(row).collect()
}

/// A name as it is written in JSON, in lower case.
fn lower(name: &impl serde::Serialize) -> String {
    let name = serde_json::to_value(name).expect("a name is plain JSON");
    name.as_str().unwrap_or_default().to_lowercase()
}

#[cfg(test)]
mod tests;
