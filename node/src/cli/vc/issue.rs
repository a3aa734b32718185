//! Signing claims as a credential: what is left out of them is filled in.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Map, Value, json};
use starfire_crosschain::unix_ms;
use starfire_did::Did;
use starfire_did::credential::bitstring::Entry;
use starfire_did::credential::integrity::Suite;
use starfire_did::credential::json;
use starfire_did::credential::model::BASE_CONTEXT;
use starfire_did::name::is_name;
use starfire_did::sd_jwt::vc::BITSTRING_STATUS;
use tendermint::Time;

use super::key::{ISSUER_MISMATCH, SignerArguments};
use super::{Format, deliver, malformed, read, suite};
use crate::cli::context::Context;
use crate::cli::member::propose::moment;
use crate::cli::output::Report;
use crate::credential::issue::{self, written};
use crate::credential::names::ListName;
use crate::failure::Failure;
use crate::{clock, keystore};

type Claims = Map<String, Value>;

#[derive(Debug, Args)]
pub(crate) struct Issue {
    /// The claims: a JSON object in the words of the format, or `-` for standard input
    file: PathBuf,
    #[command(flatten)]
    signer: SignerArguments,
    /// How it is secured
    #[arg(long, value_enum, default_value = "data-integrity")]
    format: Format,
    /// The cryptosuite of Data Integrity [default: the one over JCS for the key]
    #[arg(long, value_parser = suite, value_name = "NAME")]
    suite: Option<Suite>,
    /// What the holder of an SD-JWT may disclose singly: a JSON Pointer
    #[arg(long = "sd", value_name = "POINTER")]
    hidden: Vec<String>,
    /// Its place in a status list: the name of a list of the issuer's on the chain, or a list's URL
    #[arg(long, value_name = "LIST:INDEX", value_parser = place)]
    status: Option<(String, u64)>,
    /// What the list is for
    #[arg(long, default_value = "revocation", requires = "status")]
    status_purpose: String,
    /// Last moment of its validity, e.g. 2027-01-01
    #[arg(long, value_parser = moment)]
    valid_until: Option<Time>,
    /// Write it to a file that is not there yet
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// LIST:INDEX
fn place(text: &str) -> Result<(String, u64), String> {
    text.rsplit_once(':')
        .filter(|(list, _)| !list.is_empty())
        .and_then(|(list, index)| Some((list.to_owned(), index.parse().ok()?)))
        .ok_or_else(|| format!("{text:?} is not a list and an index such as revoked-2026:7"))
}

pub(super) fn run(arguments: &Issue, context: &Context) -> Result<(), Failure> {
    let text = read(&arguments.file)?;
    let claims = json::parse(text.as_bytes()).map_err(|error| malformed(&error))?;
    let Value::Object(claims) = claims else {
        return Err(Failure::content(&arguments.file, "it is no JSON object"));
    };
    let signer = arguments.signer.open(context)?;
    let now_ms = clock::unix_ms();
    let status = match &arguments.status {
        None => None,
        Some((list, index)) => Some(Entry {
            purpose: arguments.status_purpose.clone(),
            index: *index,
            list: list_url(list, &signer.did)?,
        }),
    };
    let filling = Filling {
        issuer: &signer.did,
        now_ms,
        until_ms: arguments.valid_until.map(unix_ms::from_time),
        status: status.as_ref(),
    };
    let claims = match arguments.format {
        Format::DataIntegrity | Format::Jwt => filling.w3c(claims),
        Format::SdJwt => filling.sd_jwt(claims),
        Format::Bif | Format::BifSelective => filling.bif(claims),
    }?;
    if arguments.format != Format::SdJwt && !arguments.hidden.is_empty() {
        return Err(Failure::usage(
            "--sd is for --format sd-jwt",
            "leave it out, or choose the format",
        ));
    }
    let form = arguments.format.form(arguments.suite, &signer)?;
    let hidden: Vec<&str> = arguments.hidden.iter().map(String::as_str).collect();
    let mut random = keystore::fill_random();
    let made = issue::credential(claims, form, &hidden, &signer, now_ms, &mut random)
        .map_err(|error| malformed(&error))?;
    let report = Report::new()
        .with("issuer", signer.did)
        .with("method", signer.method)
        .with_some("status_list", status.map(|entry| entry.list));
    deliver(context, &made, arguments.out.as_deref(), report)
}

/// A list's URL: as given, or that of the issuer's list of this name.
pub(super) fn list_url(list: &str, issuer: &str) -> Result<String, Failure> {
    if !is_name(list) {
        return Ok(list.to_owned());
    }
    let issuer = Did::parse(issuer).map_err(|_| {
        Failure::usage(
            format!("{issuer} has no lists on a chain"),
            "name the list by its URL",
        )
    })?;
    let name = list.to_owned();
    Ok(ListName { issuer, name }.url())
}

/// What goes into claims that do not say it themselves.
struct Filling<'a> {
    issuer: &'a str,
    now_ms: i64,
    until_ms: Option<i64>,
    status: Option<&'a Entry>,
}

impl Filling<'_> {
    fn w3c(&self, mut claims: Claims) -> Result<Claims, Failure> {
        absent(&mut claims, "@context", || json!([BASE_CONTEXT]));
        absent(&mut claims, "type", || json!(["VerifiableCredential"]));
        absent(&mut claims, "issuer", || self.issuer.into());
        let said = claims["issuer"]
            .as_str()
            .or(claims["issuer"]["id"].as_str());
        self.same_issuer(said)?;
        let now = written(whole_seconds(self.now_ms)).map_err(|error| malformed(&error))?;
        absent(&mut claims, "validFrom", || now.into());
        if let Some(until) = self.until_ms {
            let until = written(until).map_err(|error| malformed(&error))?;
            set(&mut claims, "validUntil", until.into())?;
        }
        if let Some(entry) = self.status {
            set(&mut claims, "credentialStatus", entry.to_value())?;
        }
        Ok(claims)
    }

    fn sd_jwt(&self, mut claims: Claims) -> Result<Claims, Failure> {
        absent(&mut claims, "iss", || self.issuer.into());
        self.same_issuer(claims["iss"].as_str())?;
        absent(&mut claims, "iat", || (self.now_ms / 1_000).into());
        if let Some(until) = self.until_ms {
            set(&mut claims, "exp", (until / 1_000).into())?;
        }
        if let Some(entry) = self.status {
            let status = json!({ BITSTRING_STATUS: entry.to_value() });
            set(&mut claims, "status", status)?;
        }
        Ok(claims)
    }

    fn bif(&self, mut claims: Claims) -> Result<Claims, Failure> {
        absent(&mut claims, "issuer", || self.issuer.into());
        let said = claims["issuer"]
            .as_str()
            .or(claims["issuer"]["id"].as_str());
        self.same_issuer(said)?;
        let now = written(whole_seconds(self.now_ms)).map_err(|error| malformed(&error))?;
        absent(&mut claims, "issuanceDate", || now.into());
        if let Some(until) = self.until_ms {
            let until = written(until).map_err(|error| malformed(&error))?;
            set(&mut claims, "validBefore", until.into())?;
        }
        if self.status.is_some() {
            return Err(Failure::usage(
                "a credential of BIF's names no status list",
                "leave --status out; its status is asked for by \"revocationId\"",
            ));
        }
        Ok(claims)
    }

    fn same_issuer(&self, said: Option<&str>) -> Result<(), Failure> {
        if said == Some(self.issuer) {
            return Ok(());
        }
        Err(Failure::new(
            ISSUER_MISMATCH,
            format!("the claims name another issuer than {}", self.issuer),
            "name the DID that signs by --issuer, or leave the issuer out of the claims",
        ))
    }
}

fn absent(claims: &mut Claims, name: &str, value: impl FnOnce() -> Value) {
    if !claims.contains_key(name) {
        claims.insert(name.to_owned(), value());
    }
}

/// Sets what an option says, which the claims must not say otherwise.
fn set(claims: &mut Claims, name: &str, value: Value) -> Result<(), Failure> {
    match claims.insert(name.to_owned(), value) {
        None => Ok(()),
        Some(_) => Err(Failure::usage(
            format!("the claims have a {name} already"),
            "leave out the option, or the claim",
        )),
    }
}

fn whole_seconds(ms: i64) -> i64 {
    ms - ms.rem_euclid(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DID: &str = "did:bid:efnVUgqQFfYeu97ABf6sGm3WFtVXHZB2";

    #[test]
    fn a_place_is_a_list_and_an_index() {
        assert_eq!(place("a:7"), Ok(("a".to_owned(), 7)));
        let url = format!("{DID}/status-lists/a");
        assert_eq!(place(&format!("{url}:0")), Ok((url.clone(), 0)));
        for text in ["a", "a:", ":7", "a:-1"] {
            assert!(place(text).is_err(), "{text}");
        }
        assert_eq!(list_url("a", DID).unwrap(), url);
        assert_eq!(
            list_url("https://a.example/1", "x").unwrap(),
            "https://a.example/1"
        );
        assert_eq!(list_url("a", "did:key:z6Mk").unwrap_err().code, "USAGE");
    }

    #[test]
    fn claims_are_filled_in_and_never_contradicted() {
        let entry = Entry {
            purpose: "revocation".to_owned(),
            index: 3,
            list: "https://a.example/1".to_owned(),
        };
        let filling = Filling {
            issuer: DID,
            now_ms: 1_500,
            until_ms: Some(4_000),
            status: Some(&entry),
        };
        let filled = Value::Object(filling.w3c(Claims::new()).unwrap());
        assert_eq!(filled["validFrom"], "1970-01-01T00:00:01Z");
        assert_eq!(filled["validUntil"], "1970-01-01T00:00:04Z");
        assert_eq!(filled["credentialStatus"]["statusListIndex"], "3");
        let filled = Value::Object(filling.sd_jwt(Claims::new()).unwrap());
        assert_eq!(
            (
                &filled["iat"],
                &filled["exp"],
                &filled["status"][BITSTRING_STATUS]
            ),
            (&json!(1), &json!(4), &entry.to_value())
        );
        for (claims, code) in [
            (json!({"issuer": "did:key:z6Mk"}), ISSUER_MISMATCH),
            (json!({"validUntil": "2027-01-01T00:00:00Z"}), "USAGE"),
            (json!({"credentialStatus": {}}), "USAGE"),
        ] {
            let Value::Object(claims) = claims else {
                panic!("it is an object");
            };
            assert_eq!(filling.w3c(claims).unwrap_err().code, code);
        }
    }
}
