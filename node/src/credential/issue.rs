//! Issuing: claims and a key in, a secured credential or presentation out, in any of the formats. No chain is asked.

use serde_json::{Map, Value};
use starfire_did::SigningKey;
use starfire_did::credential::integrity::{self, Options, Suite};
use starfire_did::credential::malformed::Malformed;
use starfire_did::credential::parsed::HolderKey;
use starfire_did::credential::presentation;
use starfire_did::credential::{code, timestamp};
use starfire_did::jose::bif::{self, Encoding, ParseType};
use starfire_did::jose::envelope::{self, Format};
use starfire_did::jose::vc_jwt::Times;
use starfire_did::jose::{vc_jwt, vp_jwt};
use starfire_did::sd_jwt::{self, Conceal, key_binding};

use super::read::{Reader, Secured, of_jose, of_sd_jwt, trimmed};

/// How a credential is secured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// A proof inside.
    DataIntegrity(Suite),
    /// `vc+jwt`, `vp+jwt`.
    Jwt,
    /// SD-JWT VC.
    SdJwt,
    /// RFC-008 of BIF; with hashes that the holder may leave the values out of, or without.
    Bif(ParseType),
}

/// Who signs.
#[derive(Debug)]
pub(crate) struct Signer {
    /// With what.
    pub(crate) key: SigningKey,
    /// The DID.
    pub(crate) did: String,
    /// The key's id in the DID's document.
    pub(crate) method: String,
}

/// A challenge and who gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Challenge<'a> {
    /// What is answered.
    pub(crate) challenge: &'a str,
    /// For whom.
    pub(crate) domain: &'a str,
}

/// Random bytes for salts.
pub(crate) type Random<'a> = dyn FnMut(&mut [u8]) + 'a;

/// Secures claims as a credential. `hidden` are JSON Pointers to what the holder may disclose singly, in an SD-JWT.
pub(crate) fn credential(
    claims: Map<String, Value>,
    form: Form,
    hidden: &[&str],
    signer: &Signer,
    now_ms: i64,
    random: &mut Random<'_>,
) -> Result<Value, Malformed> {
    match form {
        Form::DataIntegrity(suite) => {
            let options = Options::assertion(suite, signer.method.as_str(), now_ms);
            let claims = Value::Object(claims);
            let reader = Reader::new();
            let hash = |value: &Value| reader.rdf_hash(value);
            integrity::issue(claims, &options, &signer.key, Some(&hash))
        }
        Form::Jwt => {
            let times = Times {
                issued_at_ms: Some(now_ms),
                expires_ms: None,
            };
            let token = vc_jwt::issue(&claims, &signer.method, times, &signer.key);
            token.map(Value::String).map_err(|error| of_jose(&error))
        }
        Form::SdJwt => {
            let conceal = Conceal {
                hidden,
                decoys: &[],
            };
            let mut salt = salts(random);
            let token = sd_jwt::vc::issue(&claims, &signer.method, conceal, &signer.key, &mut salt);
            token.map(Value::String).map_err(|error| of_sd_jwt(&error))
        }
        Form::Bif(parse_type) => {
            let mut salt = salts(random);
            let encoding = Encoding::HexText;
            let token = bif::issue::issue(&claims, parse_type, encoding, &signer.key, &mut salt);
            token.map(Value::String).map_err(|error| of_jose(&error))
        }
    }
}

/// Secures credentials, each as its text, as a presentation of W3C's. Forms but Data Integrity and JWT have presentations of their own.
pub(crate) fn presentation(
    credentials: &[String],
    form: Form,
    challenge: Challenge<'_>,
    signer: &Signer,
    now_ms: i64,
) -> Result<Value, Malformed> {
    let credentials: Vec<Value> = credentials
        .iter()
        .map(|text| contained(text))
        .collect::<Result<_, _>>()?;
    let unsigned = presentation::unsigned(&signer.did, &credentials);
    let Challenge { challenge, domain } = challenge;
    match form {
        Form::DataIntegrity(suite) => {
            let method = signer.method.as_str();
            let options = Options::authentication(suite, method, now_ms, challenge, domain);
            let reader = Reader::new();
            let hash = |value: &Value| reader.rdf_hash(value);
            presentation::create(unsigned, &options, &signer.key, Some(&hash))
        }
        Form::Jwt => {
            let answer = vp_jwt::Answer {
                nonce: Some(challenge),
                audience: Some(domain),
                times: Times {
                    issued_at_ms: Some(now_ms),
                    expires_ms: None,
                },
            };
            let Value::Object(claims) = unsigned else {
                return Err(Malformed::new(code::JSON_INVALID, "it is no object"));
            };
            let token = vp_jwt::present(&claims, &signer.method, answer, &signer.key);
            token.map(Value::String).map_err(|error| of_jose(&error))
        }
        Form::SdJwt | Form::Bif(_) => Err(Malformed::new(
            code::CREDENTIALS_INVALID,
            "such a credential is shown by itself, not in a presentation of this format",
        )),
    }
}

/// Shows an SD-JWT: with these disclosures only, and, for a challenge, the proof of the holder's key.
pub(crate) fn show_sd_jwt(
    text: &str,
    disclosed: &[&str],
    binding: Option<(&SigningKey, Challenge<'_>)>,
    now_ms: i64,
) -> Result<String, Malformed> {
    let token = sd_jwt::decode(text).map_err(|error| of_sd_jwt(&error))?;
    let shown = token
        .present(disclosed)
        .map_err(|error| of_sd_jwt(&error))?;
    let Some((key, Challenge { challenge, domain })) = binding else {
        return Ok(shown);
    };
    // Signed by a key that the issuer did not name, a proof proves nothing, and looks as if it did.
    match key_binding::confirmed(token.claims()).map_err(|error| of_sd_jwt(&error))? {
        None => Err(Malformed::new(
            code::HOLDER_UNBOUND,
            "the credential has no cnf: its issuer bound it to no key, so no key can answer a challenge; show it without one",
        )),
        Some(HolderKey::Unknown(what)) => {
            let detail = format!("{what}, so nobody can tell here whether this is it");
            Err(Malformed::new(code::HOLDER_UNKNOWN, detail))
        }
        Some(HolderKey::Known(bound)) if bound != key.verification_key() => Err(Malformed::new(
            code::HOLDER_MISMATCH,
            "the credential is bound to another key than this one",
        )),
        Some(HolderKey::Known(_)) => key_binding::bind(&shown, challenge, domain, now_ms, key)
            .map_err(|error| of_sd_jwt(&error)),
    }
}

/// Shows a credential of BIF's with only these members of its subject.
pub(crate) fn show_bif(text: &str, disclosed: &[&str]) -> Result<String, Malformed> {
    bif::decode(text)
        .and_then(|credential| credential.present(disclosed))
        .map_err(|error| of_jose(&error))
}

/// A credential as it stands in a presentation: JSON as it is, a token in an envelope.
fn contained(text: &str) -> Result<Value, Malformed> {
    let text = trimmed(text);
    match Reader::new().read(text)? {
        Secured::Presentation(_) => Err(Malformed::new(
            code::CREDENTIALS_INVALID,
            "a presentation holds credentials, not presentations",
        )),
        Secured::Credential(_) if text.starts_with('{') => {
            starfire_did::credential::json::parse(text.as_bytes())
        }
        Secured::Credential(_) => {
            envelope::seal(Format::of(text), text).map_err(|error| of_jose(&error))
        }
    }
}

/// A moment as credentials write it.
pub(crate) fn written(ms: i64) -> Result<String, Malformed> {
    timestamp::format(ms)
        .ok_or_else(|| Malformed::new(code::DATE_INVALID, "a time is beyond the year 9999"))
}

fn salts<const N: usize>(random: &mut Random<'_>) -> impl FnMut() -> [u8; N] {
    move || {
        let mut salt = [0; N];
        random(&mut salt);
        salt
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use starfire_did::{KeyAlgorithm, PrivateKey};

    use super::*;

    fn key(seed: u8) -> SigningKey {
        PrivateKey::generate([seed; 32], KeyAlgorithm::Ed25519).into()
    }

    fn issued(cnf: Option<Value>) -> String {
        let signer = Signer {
            key: key(1),
            did: "did:example:issuer".into(),
            method: "did:example:issuer#key-1".into(),
        };
        let mut claims = json!({"iss": signer.did, "vct": "Origin", "country": "CN"});
        if let Some(cnf) = cnf {
            claims["cnf"] = cnf;
        }
        let claims = claims.as_object().unwrap().clone();
        let mut random = |salt: &mut [u8]| salt.fill(7);
        let made = credential(claims, Form::SdJwt, &[], &signer, 0, &mut random);
        made.unwrap().as_str().unwrap().to_owned()
    }

    #[test]
    fn only_the_key_that_a_credential_is_bound_to_answers_a_challenge() {
        let challenge = Challenge {
            challenge: "c",
            domain: "d",
        };
        let show = |text: &str, by: Option<&SigningKey>| {
            show_sd_jwt(text, &[], by.map(|key| (key, challenge)), 0)
        };
        let cnf = json!({"jwk": key(2).verification_key().to_jwk()});
        let (unbound, bound) = (issued(None), issued(Some(cnf)));
        let refused = |text: &str, seed: u8| show(text, Some(&key(seed))).unwrap_err().code;
        assert_eq!(refused(&unbound, 2), code::HOLDER_UNBOUND);
        assert_eq!(refused(&bound, 3), code::HOLDER_MISMATCH);
        let named = issued(Some(json!({"kid": "key-1"})));
        assert_eq!(refused(&named, 2), code::HOLDER_UNKNOWN);
        assert_eq!(show(&unbound, None).unwrap(), unbound);
        let shown = show(&bound, Some(&key(2))).unwrap();
        assert!(sd_jwt::decode(&shown).unwrap().key_binding().is_some());
    }
}
