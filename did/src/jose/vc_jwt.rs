//! `vc+jwt`: a credential of W3C's data model 2.0 as the payload of a token (VC-JOSE-COSE §3.1.1).
//!
//! The payload *is* the credential. Claims of JWT may stand beside its members; where they repeat one, they must say the same, so
//! that a reader of either learns the same. `vc` and `vp`, which wrapped a credential in version 1.1, are refused.

use serde_json::{Map, Value};

use super::{Algorithm, Header, JoseError, Jws, key_id, numeric_date};
use crate::credential::model;
use crate::credential::parsed::{Parsed, Relationship};
use crate::signing_key::SigningKey;

/// Its `typ`; its media type is `application/vc+jwt`.
pub const TYP: &str = "vc+jwt";
/// Its `cty`.
pub const CTY: &str = "vc";

/// What limits credentials of other formats: `status` an SD-JWT, `expirationDate` version 1.1, the others BIF's.
const FOREIGN: [&str; 4] = ["expirationDate", "revocationId", "status", "validBefore"];

/// What a signature says of itself, beside the credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Times {
    /// When it was made, Unix milliseconds, of which whole seconds are kept.
    pub issued_at_ms: Option<i64>,
    /// Until when it holds.
    pub expires_ms: Option<i64>,
}

/// Reads a credential as all formats are judged.
pub fn parse(text: &str) -> Result<Parsed, JoseError> {
    let jws = super::decode(text)?;
    expect(&jws, TYP, CTY)?;
    super::refuse_foreign(jws.claims(), &FOREIGN)?;
    let mut parsed = model::credential(Value::Object(jws.claims().clone()))?;
    let claims = jws.claims();
    repeats(claims, "iss", "issuer", Some(&parsed.issuer))?;
    names(claims)?;
    let subject = match parsed.subjects.as_slice() {
        [only] => only.as_deref(),
        _ => None,
    };
    repeats(claims, "sub", "credentialSubject.id", subject)?;
    let method = key_id::method(jws.header().key_id.as_deref(), Some(&parsed.issuer))?;
    parsed
        .signatures
        .push(jws.signed(method, Relationship::AssertionMethod)?);
    parsed.audience = jws.audience()?;
    // "nbf" is not recommended (§3.1.3), but whoever wrote it meant it.
    parsed.valid_from_ms = parsed
        .valid_from_ms
        .max(numeric_date::from_ms(claims, "nbf")?);
    Ok(parsed)
}

/// Makes a token of a credential. `key_id` names the key in the issuer's document.
pub fn issue(
    credential: &Map<String, Value>,
    key_id: &str,
    times: Times,
    key: &SigningKey,
) -> Result<String, JoseError> {
    let text = sign(
        credential,
        Header::new(algorithm(key)?, Some(key_id), TYP).of(CTY),
        times,
        key,
    )?;
    parse(&text)?;
    Ok(text)
}

pub(super) fn algorithm(key: &SigningKey) -> Result<Algorithm, JoseError> {
    let public = key.verification_key();
    Algorithm::of(&public).ok_or_else(|| JoseError::Algorithm(public.curve().to_owned()))
}

pub(super) fn sign(
    document: &Map<String, Value>,
    header: Header,
    times: Times,
    key: &SigningKey,
) -> Result<String, JoseError> {
    let mut claims = document.clone();
    for (name, ms) in [("iat", times.issued_at_ms), ("exp", times.expires_ms)] {
        if let Some(ms) = ms {
            claims.insert(name.to_owned(), numeric_date::seconds(ms).into());
        }
    }
    super::sign(&header, &claims, key)
}

/// Refuses other kinds of tokens, and those of version 1.1.
// VC-JOSE-COSE §3.1.1: the claims "vc" and "vp" must not be present.
pub(super) fn expect(jws: &Jws, typ: &'static str, cty: &'static str) -> Result<(), JoseError> {
    jws.header().expect_typ(typ)?;
    jws.header().expect_cty(cty)?;
    if let Some(name) = ["vc", "vp"]
        .into_iter()
        .find(|name| jws.claims().contains_key(*name))
    {
        return Err(JoseError::Wrapper(name));
    }
    jws.header().agrees_with(jws.claims())
}

/// Refuses a token's own name that differs from that of the document in it. A document without one leaves it to the token.
// RFC 7519 §4.1.7: "jti" is a unique identifier for the JWT, a string.
pub(super) fn names(claims: &Map<String, Value>) -> Result<(), JoseError> {
    match (claims.get("id"), claims.get("jti")) {
        (None, None | Some(Value::String(_))) => Ok(()),
        (None, Some(_)) => Err(JoseError::Claim {
            name: "jti",
            why: "is no text",
        }),
        (Some(id), _) => repeats(claims, "jti", "id", id.as_str()),
    }
}

/// Refuses a claim that says another thing than the member that it repeats.
pub(super) fn repeats(
    claims: &Map<String, Value>,
    claim: &'static str,
    member: &'static str,
    said: Option<&str>,
) -> Result<(), JoseError> {
    match claims.get(claim) {
        Some(value) if value.as_str() != said || said.is_none() => {
            Err(JoseError::Conflict { claim, member })
        }
        Some(_) | None => Ok(()),
    }
}
