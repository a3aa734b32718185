//! What we say.

use serde_json::{Map, Value};
use starfire_did::credential::integrity::{self, HASH_BYTES, Options, Suite, Uncanonical};
use starfire_did::credential::parsed::Parsed;
use starfire_did::credential::report::Verdict;
use starfire_did::credential::verify::{Accreditation, Evidence, Lookup, verify};
use starfire_did::jose::vc_jwt;

use crate::ISSUED_MS;
use crate::person::Person;

/// An answer: nothing, or why not.
pub type Answer = Result<(), String>;

/// What `node` hands to `did` for the suites over RDF.
pub fn rdfc(value: &Value) -> Result<[u8; HASH_BYTES], Uncanonical> {
    starfire_rdfc::hash(value, &mut starfire_rdfc::Work::new())
        .map_err(|error| Uncanonical::Refused(format!("{}: {error}", error.code())))
}

/// Issues a credential with a proof inside.
pub fn issue(claims: &Value, suite: Suite, issuer: &Person) -> Value {
    let options = Options::assertion(suite, issuer.method.as_str(), ISSUED_MS);
    integrity::issue(claims.clone(), &options, &issuer.key, Some(&rdfc)).expect("it is well formed")
}

/// Issues a credential as a token.
pub fn issue_token(claims: &Value, issuer: &Person) -> String {
    let times = vc_jwt::Times {
        issued_at_ms: Some(ISSUED_MS),
        expires_ms: None,
    };
    vc_jwt::issue(&object(claims), &issuer.method, times, &issuer.key).expect("it is well formed")
}

/// Whether a credential with a proof inside is valid.
pub fn check(secured: &Value, issuer: &Person, now_ms: i64) -> Answer {
    let parsed = integrity::credential(secured.clone(), Some(&rdfc));
    judge(
        &parsed.map_err(|error| error.code.to_owned())?,
        issuer,
        now_ms,
    )
}

/// Whether a credential as a token is valid.
pub fn check_token(token: &str, issuer: &Person, now_ms: i64) -> Answer {
    let parsed = vc_jwt::parse(token).map_err(|error| error.code().to_owned())?;
    judge(&parsed, issuer, now_ms)
}

/// The verdict on a credential, its issuer's document known.
pub fn judge(parsed: &Parsed, issuer: &Person, now_ms: i64) -> Answer {
    let evidence = Evidence {
        now_ms,
        clock_skew_ms: 0,
        issuer: &Lookup::Found(issuer.party()),
        cosigners: &[],
        accreditation: &Accreditation::NotAsked,
        schemas: &[],
        statuses: &[],
        status_age_max_ms: None,
        presenter: None,
        holder_is_subject: false,
        holder_wanted: false,
        challenge: None,
        domain: None,
        audience: None,
    };
    let report = verify(parsed, &evidence);
    match report.verdict {
        Verdict::Valid => Ok(()),
        Verdict::Invalid | Verdict::Undecided => {
            Err(report.code().unwrap_or("without a code").to_owned())
        }
    }
}

/// The members of an object.
pub fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().expect("an object")
}
