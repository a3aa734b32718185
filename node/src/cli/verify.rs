//! `starfire verify`: a proof file or a saved DID resolution result, against a pinned main chain, without any network.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use starfire_crosschain::document::DOCUMENT_BYTES_MAX;
use starfire_crosschain::proof_file::{self, PROOF_BYTES_MAX, Reason, Verdict};
use starfire_crosschain::trust::{BUNDLE_BYTES_MAX, Bundle};

use super::context::Context;
use super::output::Report;
use crate::failure::Failure;
use crate::pins::Pins;
use crate::{clock, file};

/// The largest file that evidence or a certificate may be of.
pub(crate) const FILE_BYTES_MAX: usize = 1 << 30;

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The proof file, or the DID resolution result of a gateway
    proof: PathBuf,
    /// The certificate's document, or the note beside a file whose evidence is salted
    #[arg(long, value_name = "FILE")]
    document: Option<PathBuf>,
    /// The file that was committed to
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
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
    /// How old the revocation state may be: 90s, 30m, 24h, 3650d
    #[arg(long, value_name = "AGE", default_value = "24h", value_parser = age)]
    max_age: Duration,
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
            max_age: self.max_age,
        })
    }

    /// How old the revocation state may be.
    pub(crate) fn max_age(&self) -> Duration {
        self.max_age
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
        let now_ms = clock::unix_ms();
        let mut answer = proof_file::Report {
            verdict: Verdict::Unpinned,
            code: Some(Reason::BundleNotPinned),
            steps: Vec::new(),
            trusted: "light client",
            main_chain: None,
            proved_before: None,
            revocation_as_of: None,
            subject: None,
        };
        let alone = document.is_none() && file.is_none();
        let is_result = alone && proof_file::is_resolution_result(proof);
        for (bundle, pin) in &self.chains {
            answer = match is_result {
                true => proof_file::verify_resolution(proof, bundle, pin, now_ms, self.max_age),
                false => {
                    proof_file::verify(proof, document, file, bundle, pin, now_ms, self.max_age)
                }
            };
            if answer.verdict != Verdict::Unpinned {
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
    let proof = file::read_cut(&arguments.proof, PROOF_BYTES_MAX)?;
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
    let report =
        arguments
            .trusted
            .pins(context)?
            .verify(&proof, document.as_deref(), shown.as_deref());
    conclude(context, &report)
}

/// Prints the answer; anything but `valid` is a failure.
pub(crate) fn conclude(context: &Context, report: &proof_file::Report) -> Result<(), Failure> {
    context.output.report(&described(report));
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

fn refusal(report: &proof_file::Report) -> Failure {
    let hint = match report.verdict {
        Verdict::Valid => "",
        Verdict::Stale => "get a newer proof file: `starfire certificate refresh`",
        Verdict::Unpinned => {
            "compare fingerprints with the chain's operators, then `starfire trust pin`"
        }
        Verdict::Refused => "do not act on it; ask for the original files",
    };
    let code = report.code.map(|code| name(&code)).unwrap_or_default();
    let detail = match report.steps.last() {
        Some(step) => format!("{}: {}", step.name, step.detail),
        None => "no main chain is pinned".to_owned(),
    };
    let verdict = name(&report.verdict);
    Failure::new(
        code.as_str().unwrap_or_default(),
        format!("{}: {detail}", verdict.as_str().unwrap_or_default()),
        hint,
    )
}

/// A verdict or a reason as it is written.
fn name(value: &impl serde::Serialize) -> serde_json::Value {
    serde_json::to_value(value).expect("a name is plain JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_read_with_their_unit() {
        assert_eq!(age("24h"), Ok(Duration::from_secs(86_400)));
        assert_eq!(age("3650d"), Ok(Duration::from_secs(315_360_000)));
        for text in [
            "",
            "h",
            "24",
            "1w",
            "-1h",
            "24 h",
            "9999999999999999999d",
            "1é",
        ] {
            assert!(age(text).is_err(), "{text}");
        }
    }

    #[test]
    fn without_any_pin_the_verdict_is_unpinned() {
        let report = Pinned {
            chains: Vec::new(),
            max_age: Duration::ZERO,
        }
        .verify(b"{}", None, None);
        assert_eq!(report.verdict, Verdict::Unpinned);
        let failure = refusal(&report);
        assert_eq!(failure.code, "BUNDLE_NOT_PINNED");
        assert!(failure.hint.contains("trust pin"));
    }

    #[test]
    fn a_verification_is_one_object_with_verdict_code_and_steps() {
        let report = Pinned {
            chains: vec![(b"x".to_vec(), String::new())],
            max_age: Duration::ZERO,
        }
        .verify(b"{}", None, None);
        let value = serde_json::to_value(described(&report)).unwrap();
        assert_eq!(value["verdict"], "refused");
        assert_eq!(value["code"], "PROOF_MALFORMED");
        assert_eq!(value["steps"][0]["ok"], false);
    }
}
