//! `starfire verify`: a proof file or a saved answer of a gateway, against a pinned main chain, without any network.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use starfire_crosschain::document::DOCUMENT_BYTES_MAX;
use starfire_crosschain::proof_file::{
    self, ANSWER_BYTES_MAX, Beside, Checked, Kind, Reason, Trust, Verdict, verify_answer,
};
use starfire_crosschain::trust::{BUNDLE_BYTES_MAX, Bundle};

use super::context::Context;
use super::output::Report;
use crate::failure::Failure;
use crate::pins::Pins;
use crate::{clock, file};

/// The largest file that evidence or a certificate may be of.
pub(crate) const FILE_BYTES_MAX: usize = 1 << 30;

/// How old the revocation state may be, unless it is said.
const MAX_AGE: Duration = Duration::from_secs(24 * 3_600);

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The proof file, or a gateway's answer with its proof: a DID, many DIDs, a part of a document, a resource, a status or a list
    /// of them, accreditations, a schema
    proof: PathBuf,
    /// The certificate's document, or the note beside a file whose evidence is salted
    #[arg(long, value_name = "FILE")]
    document: Option<PathBuf>,
    /// The file that was committed to, or the resource's own bytes
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// What was dereferenced, where the answer does not say it
    #[arg(long, value_name = "DID-URL")]
    did_url: Option<String>,
    #[command(flatten)]
    trusted: Trusted,
}

/// Which main chain the verifier believes.
#[derive(Debug, Args)]
pub(crate) struct Trusted {
    /// Trust bundle of the main chain [default: those pinned in HOME/trust]
    #[arg(long, value_name = "BUNDLE")]
    trust: Option<PathBuf>,
    /// The main chain's fingerprint, got by another way than the bundle [default: those pinned in HOME/trust]
    #[arg(long, value_name = "FINGERPRINT")]
    pin: Option<String>,
    /// How old the revocation state may be: 90s, 30m, 24h, 3650d [default: 24h]
    #[arg(long, value_name = "AGE", value_parser = age)]
    max_age: Option<Duration>,
}

/// Bundles, each with the fingerprint that it must have.
#[derive(Debug)]
pub(crate) struct Pinned {
    chains: Vec<(Vec<u8>, String)>,
    max_age: Duration,
}

impl Trusted {
    /// The chains to believe; none is an answer too.
    pub(crate) fn pins(&self, context: &Context) -> Result<Pinned, Failure> {
        let pins = Pins::at(context.home()?.trust());
        let chains = match (&self.trust, &self.pin) {
            (Some(trust), Some(pin)) => {
                vec![(file::read_cut(trust, BUNDLE_BYTES_MAX)?, pin.clone())]
            }
            (Some(trust), None) => {
                let bytes = file::read_cut(trust, BUNDLE_BYTES_MAX)?;
                // A bundle never vouches for itself: without its pin it is checked against none.
                let fingerprint = Bundle::parse(&bytes)
                    .map(|bundle| bundle.fingerprint())
                    .unwrap_or_default();
                let pin = pins
                    .get(&fingerprint)?
                    .map(|pin| pin.fingerprint)
                    .unwrap_or_default();
                vec![(bytes, pin)]
            }
            (None, Some(fingerprint)) => match pins.get(fingerprint)? {
                Some(pin) => vec![(pin.bytes, pin.fingerprint)],
                // No bundle, no chain to believe: the verdict says so.
                None => Vec::new(),
            },
            (None, None) => pins
                .list()?
                .into_iter()
                .map(|pin| (pin.bytes, pin.fingerprint))
                .collect(),
        };
        Ok(Pinned {
            chains,
            max_age: self.max_age(),
        })
    }

    /// How old the revocation state may be.
    pub(crate) fn max_age(&self) -> Duration {
        self.max_age.unwrap_or(MAX_AGE)
    }

    /// Whether it was said how old that state may be.
    pub(crate) fn asks_for_age(&self) -> bool {
        self.max_age.is_some()
    }

    /// Why a file is not believed.
    pub(crate) fn refusal(report: &proof_file::Report) -> Failure {
        refusal(report)
    }

    /// Refuses an answer that is not proved. That a DID does not exist, or was deactivated, can be proved as well.
    pub(crate) fn require_proved(report: &proof_file::Report) -> Result<(), Failure> {
        match report.code {
            None | Some(Reason::DidUnknown | Reason::DidDeactivated) => Ok(()),
            Some(_) => Err(refusal(report)),
        }
    }
}

impl Pinned {
    /// Whether no chain is believed.
    pub(crate) fn is_empty(&self) -> bool {
        self.chains.is_empty()
    }

    /// The pinned chain that a node says it is of. What the node says beyond the pin is not believed by this.
    pub(crate) fn bundle_of(&self, told: &Bundle) -> Option<Bundle> {
        let fingerprint = told.fingerprint();
        self.chains
            .iter()
            .filter(|(_, pin)| *pin == fingerprint)
            .filter_map(|(bytes, _)| Bundle::parse(bytes).ok())
            .find(|bundle| bundle.fingerprint() == fingerprint)
    }

    /// Verifies against the pinned chain that the proof is of.
    pub(crate) fn verify(
        &self,
        proof: &[u8],
        document: Option<&[u8]>,
        file: Option<&[u8]>,
    ) -> proof_file::Report {
        let beside = Beside {
            document,
            file,
            did_url: None,
        };
        self.check(proof, beside, clock::unix_ms()).report
    }

    /// The same of a file of any kind, with the values that it proves.
    pub(crate) fn check(&self, bytes: &[u8], beside: Beside<'_>, now_ms: i64) -> Checked {
        let against = |bundle, pin| {
            let trust = Trust {
                bundle,
                pin,
                now_ms,
                max_age: self.max_age,
            };
            verify_answer(bytes, beside, trust)
        };
        if let Kind::Other(_) = Kind::of(bytes) {
            // Whatever is pinned.
            return against(b"", "");
        }
        let mut answer = Checked {
            report: proof_file::Report {
                verdict: Verdict::Unpinned,
                code: Some(Reason::BundleNotPinned),
                steps: Vec::new(),
                trusted: "light client",
                main_chain: None,
                proved_before: None,
                revocation_as_of: None,
                subject: None,
            },
            proven: Vec::new(),
        };
        for (bundle, pin) in &self.chains {
            answer = against(bundle, pin);
            if answer.report.verdict != Verdict::Unpinned {
                break;
            }
        }
        answer
    }
}

/// 90s, 30m, 24h, 3650d
pub(crate) fn age(text: &str) -> Result<Duration, String> {
    let fault = || format!("{text:?} is not an age such as 90s, 30m, 24h or 3650d");
    let split = text
        .len()
        .checked_sub(1)
        .filter(|at| text.is_char_boundary(*at))
        .ok_or_else(fault)?;
    let (number, unit) = text.split_at(split);
    let seconds: u64 = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(fault()),
    };
    let number: u64 = number.parse().map_err(|_| fault())?;
    number
        .checked_mul(seconds)
        .map(Duration::from_secs)
        .ok_or_else(fault)
}

pub(crate) fn run(arguments: &Verify, context: &Context) -> Result<(), Failure> {
    let proof = file::read_cut(&arguments.proof, ANSWER_BYTES_MAX)?;
    let document = arguments
        .document
        .as_deref()
        .map(|path| file::read_cut(path, DOCUMENT_BYTES_MAX))
        .transpose()?;
    let shown = arguments
        .file
        .as_deref()
        .map(|path| file::read(path, FILE_BYTES_MAX))
        .transpose()?;
    let beside = Beside {
        document: document.as_deref(),
        file: shown.as_deref(),
        did_url: arguments.did_url.as_deref(),
    };
    let pinned = arguments.trusted.pins(context)?;
    conclude(
        context,
        &pinned.check(&proof, beside, clock::unix_ms()).report,
    )
}

/// Prints the answer; anything but `valid` is a failure.
pub(crate) fn conclude(context: &Context, report: &proof_file::Report) -> Result<(), Failure> {
    context.output.report(&described(report))?;
    if report.verdict == Verdict::Valid {
        Ok(())
    } else if context.output.is_json() {
        // The one object has been printed; what is left is the exit code.
        Err(Failure::told())
    } else {
        Err(refusal(report))
    }
}

/// Reads the file that a command is about, for its hash.
pub(crate) fn read_subject(path: &Path) -> Result<Vec<u8>, Failure> {
    file::read(path, FILE_BYTES_MAX)
}

fn described(report: &proof_file::Report) -> Report {
    let steps = report.steps.iter().map(|step| {
        Report::new()
            .with("name", step.name)
            .with("ok", step.ok)
            .with("detail", step.detail.as_str())
    });
    let text = |value: &Option<String>| value.clone().map_or(serde_json::Value::Null, Into::into);
    Report::new()
        .with("verdict", name(&report.verdict))
        .with(
            "code",
            report
                .code
                .map_or(serde_json::Value::Null, |code| name(&code)),
        )
        .with("trusted", report.trusted)
        .with("main_chain", text(&report.main_chain))
        .with("proved_before", text(&report.proved_before))
        .with("revocation_as_of", text(&report.revocation_as_of))
        .with(
            "subject",
            serde_json::to_value(&report.subject).expect("a summary is plain JSON"),
        )
        .rows("steps", steps.collect())
}

/// What to do about a proof that is not valid: the last column of its table in docs/codes.md.
fn hint(report: &proof_file::Report) -> &'static str {
    let Some(reason) = report.code else {
        return "";
    };
    match reason {
        Reason::Stale => match report.subject.as_ref().map(|subject| subject.kind) {
            Some("certificate") => "get a newer proof file: `starfire certificate refresh`",
            Some("evidence") => {
                "check it by a node, `starfire evidence check FILE --node URL`, or accept what is older by --max-age"
            }
            Some("did") => {
                "resolve it again by `starfire did resolve`, or accept what is older by --max-age"
            }
            Some(_) | None => {
                "ask the gateway again (a DID with ?noCache=true), or accept what is older by --max-age"
            }
        },
        Reason::BundleNotPinned => {
            "compare fingerprints with the chain's operators, then `starfire trust pin`"
        }
        Reason::ChainNotPinned => {
            "find out which chain it is: perhaps a look-alike; `starfire trust list` shows those that are pinned"
        }
        Reason::ValidatorChangeInvalid => {
            "learn the changes by `starfire trust update`, or get a newer proof file; otherwise the file is forged"
        }
        Reason::ProofMalformed | Reason::BundleMalformed => "get the file again",
        Reason::HeaderFromFuture => "check this machine's clock",
        Reason::ChainFrozen => "ask the issuer's authority",
        Reason::NotAnchored | Reason::IssuerVersionMismatch => {
            "get a newer proof file: `starfire certificate refresh`"
        }
        Reason::DocumentMissing => {
            "name the certificate's document, or the note of salted evidence, by --document"
        }
        Reason::FileMissing => "name the file by --file",
        Reason::FileUnexpected => "leave it out",
        Reason::DocumentMalformed | Reason::DocumentMismatch | Reason::FileMismatch => {
            "get the original"
        }
        Reason::CertificateExpired => "ask for a new one",
        Reason::DidUnknown => "check the identifier",
        Reason::DidDeactivated => "that is final",
        Reason::FileKindUnknown => {
            "this takes proof files, and answers of gateways that carry their proof"
        }
        Reason::QuestionUnknown => "name the DID URL that was asked by --did-url",
        Reason::AnswerUnproved => "ask a gateway of the main chain again, with proof",
        Reason::MainHeaderMalformed
        | Reason::MainHeaderNotSigned
        | Reason::ValuesUnexpected
        | Reason::ValueNotProved
        | Reason::RecordMalformed
        | Reason::WrongChain
        | Reason::ChainUnknown
        | Reason::SubHeaderMalformed
        | Reason::AnchorMismatch
        | Reason::EvidenceUnknown
        | Reason::EvidenceMismatch
        | Reason::IssuerUnknown
        | Reason::IssuerDeactivated
        | Reason::KeyUnknown
        | Reason::SignatureInvalid
        | Reason::IssuerNotAccredited
        | Reason::AccreditationOtherType
        | Reason::AccreditationOtherJurisdiction
        | Reason::AccreditationIssuesNothing
        | Reason::AccreditationNotYetValid
        | Reason::AccreditationExpired
        | Reason::AccreditationWithdrawn
        | Reason::AccreditorNotYetValid
        | Reason::AccreditorExpired
        | Reason::AccreditorWithdrawn
        | Reason::AccreditationUnrooted
        | Reason::Revoked
        | Reason::AnswerMismatch => "do not rely on it",
    }
}

fn refusal(report: &proof_file::Report) -> Failure {
    let code = report.code.map(|code| name(&code)).unwrap_or_default();
    let detail = match report.steps.last() {
        Some(step) => format!("{}: {}", step.name, step.detail),
        None => "no main chain is pinned".to_owned(),
    };
    let verdict = name(&report.verdict);
    Failure::new(
        code.as_str().unwrap_or_default(),
        format!("{}: {detail}", verdict.as_str().unwrap_or_default()),
        hint(report),
    )
}

/// A verdict or a reason as it is written.
fn name(value: &impl serde::Serialize) -> serde_json::Value {
    serde_json::to_value(value).expect("a name is plain JSON")
}

#[cfg(test)]
mod tests;
