//! Showing credentials: a presentation of W3C's, an SD-JWT with chosen disclosures, a credential of BIF's with chosen members.

use std::path::PathBuf;

use clap::Args;
use serde_json::Value;
use starfire_did::credential::integrity::Suite;
use starfire_did::jose::envelope;

use super::key::SignerArguments;
use super::{Format, deliver, malformed, read, suite};
use crate::cli::context::Context;
use crate::cli::output::Report;
use crate::clock;
use crate::credential::issue::{self, Challenge};
use crate::failure::Failure;

#[derive(Debug, Args)]
pub(crate) struct Present {
    /// The credentials, in any format; one SD-JWT or one credential of BIF's is shown by itself, an SD-JWT among others discloses
    /// nothing
    #[arg(required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    signer: SignerArguments,
    /// What the verifier asked to be signed; a credential that is bound to no key is shown without
    #[arg(long, requires = "domain")]
    challenge: Option<String>,
    /// The verifier, by the name that it gave
    #[arg(long, requires = "challenge")]
    domain: Option<String>,
    /// How a presentation is secured: data-integrity or jwt
    #[arg(long, value_enum, default_value = "data-integrity")]
    format: Format,
    /// The cryptosuite of Data Integrity [default: the one over JCS for the key]
    #[arg(long, value_parser = suite, value_name = "NAME")]
    suite: Option<Suite>,
    /// What an SD-JWT discloses (a JSON Pointer), or a credential of BIF's (a member of its subject)
    #[arg(long, value_name = "POINTER")]
    disclose: Vec<String>,
    /// Write it to a file that is not there yet
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) fn run(arguments: &Present, context: &Context) -> Result<(), Failure> {
    let texts: Vec<String> = arguments
        .files
        .iter()
        .map(|path| read(path))
        .collect::<Result<_, _>>()?;
    let now_ms = clock::unix_ms();
    let asked = arguments
        .challenge
        .as_deref()
        .zip(arguments.domain.as_deref());
    let challenge = asked.map(|(challenge, domain)| Challenge { challenge, domain });
    let disclosed: Vec<&str> = arguments.disclose.iter().map(String::as_str).collect();
    let report = Report::new().with("credentials", texts.len());
    let made = match texts.as_slice() {
        [one] if is(one, envelope::Format::SdJwtVc) => {
            // The credential itself says whose key it is bound to.
            let key = arguments.signer.key(context)?;
            let binding = challenge.map(|challenge| (&key, challenge));
            issue::show_sd_jwt(one.trim(), &disclosed, binding, now_ms).map(Value::String)
        }
        [one] if is(one, envelope::Format::Bif) => {
            if challenge.is_some() {
                context.output.warn(
                    "a credential of BIF's is bound to no key: nothing in it answers the challenge",
                );
            }
            issue::show_bif(one.trim(), &disclosed).map(Value::String)
        }
        _ if !disclosed.is_empty() => {
            return Err(Failure::usage(
                "--disclose is for one SD-JWT or one credential of BIF's",
                "present it by itself",
            ));
        }
        texts => {
            let challenge = challenge.ok_or_else(|| {
                Failure::usage(
                    "a presentation answers a verifier's challenge",
                    "add --challenge and --domain, as the verifier gave them",
                )
            })?;
            let texts = closed(texts, now_ms, context)?;
            let signer = arguments.signer.open(context)?;
            let form = arguments.format.form(arguments.suite, &signer)?;
            issue::presentation(&texts, form, challenge, &signer, now_ms)
        }
    };
    let made = made.map_err(|error| malformed(&error))?;
    deliver(context, &made, arguments.out.as_deref(), report)
}

/// The same credentials, of which no SD-JWT discloses anything that its holder has not chosen to show.
fn closed(texts: &[String], now_ms: i64, context: &Context) -> Result<Vec<String>, Failure> {
    let mut shown = Vec::with_capacity(texts.len());
    for text in texts {
        if is_enveloped_sd_jwt(text) {
            return Err(Failure::usage(
                "an SD-JWT in an envelope would be shown with all that it can disclose",
                "name the SD-JWT itself, as its issuer gave it",
            ));
        }
        if !is(text, envelope::Format::SdJwtVc) {
            shown.push(text.clone());
            continue;
        }
        let closed = issue::show_sd_jwt(text.trim(), &[], None, now_ms)
            .map_err(|error| malformed(&error))?;
        if closed != text.trim() {
            context.output.warn(
                "an SD-JWT among several credentials discloses nothing: to disclose some of it, present it by itself",
            );
        }
        shown.push(closed);
    }
    Ok(shown)
}

fn is_enveloped_sd_jwt(text: &str) -> bool {
    let Ok(value) = serde_json::from_str::<Value>(text) else {
        return false;
    };
    let url = value["id"].as_str().unwrap_or_default();
    let media_type = url
        .split_once(':')
        .and_then(|(_, rest)| rest.split_once(','));
    media_type.is_some_and(|(media_type, _)| {
        envelope::Format::of_media_type(media_type) == Some(envelope::Format::SdJwtVc)
    })
}

fn is(text: &str, format: envelope::Format) -> bool {
    let text = text.trim();
    !text.starts_with('{') && envelope::Format::of(text) == format
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_sd_jwt_in_an_envelope_is_known_as_one() {
        let envelope =
            |id: &str| format!(r#"{{"type":"EnvelopedVerifiableCredential","id":"{id}"}}"#);
        for id in [
            "data:application/dc+sd-jwt,e30.e30.AA~",
            "DATA:Application/VC+SD-JWT;charset=utf-8,e30.e30.AA~",
        ] {
            assert!(is_enveloped_sd_jwt(&envelope(id)), "{id}");
        }
        for text in [
            envelope("data:application/vc+jwt,e30.e30.AA"),
            "e30.e30.AA~".to_owned(),
        ] {
            assert!(!is_enveloped_sd_jwt(&text), "{text}");
        }
    }
}
