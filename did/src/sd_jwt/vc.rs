//! SD-JWT VC (draft-ietf-oauth-sd-jwt-vc): a credential as an SD-JWT, with claims of its own instead of W3C's data model.
//!
//! `vct` names its type, `cnf` the holder's key, `status` where to learn whether it still holds. None of these may be hidden. The
//! issuer signs with a key of its DID document, which `kid` names; how a website publishes keys is left out.

use serde_json::{Map, Value};

use super::{Conceal, Proof, SALT_BYTES, SdJwt, SdJwtError, key_binding};
use crate::credential::bitstring;
use crate::credential::malformed::Malformed;
use crate::credential::parsed::{KeyBinding, Parsed, Relationship, StatusReference};
use crate::jose::header::names_type;
use crate::jose::{self, Algorithm, Header, JoseError, key_id, numeric_date};
use crate::shown::shown;
use crate::signing_key::SigningKey;
use crate::uri::URI_BYTES_MAX;

/// Its `typ`.
pub const TYP: &str = "dc+sd-jwt";
/// Its `typ` until November 2024, which is still read.
pub const OLD_TYP: &str = "vc+sd-jwt";
/// The member of `status` that holds an entry of a Bitstring Status List, as W3C's `credentialStatus` has it. It is ours: IETF's
/// `status_list` names lists of another form.
pub const BITSTRING_STATUS: &str = "bitstring_status_list_entry";

// `vc+sd-jwt` is also the media type of W3C's credentials as SD-JWTs (VC-JOSE-COSE §3.2.1), which have no `vct` and are not read. What is
// both is neither.
const FOREIGN: [&str; 5] = [
    "credentialSchema",
    "credentialStatus",
    "expirationDate",
    "validFrom",
    "validUntil",
];

/// Reads a credential, perhaps in a presentation, as all formats are judged.
pub fn parse(text: &str) -> Result<Parsed, SdJwtError> {
    let (token, proof) = super::without_key_binding(text)?;
    let header = token.jws().header();
    let has_old_type = header
        .typ
        .as_deref()
        .is_some_and(|typ| names_type(typ, OLD_TYP));
    if !has_old_type {
        header.expect_typ(TYP)?;
    }
    header.agrees_with(token.jws().claims())?;
    let claims = token.claims();
    if has_old_type && !claims.contains_key("vct") && claims.contains_key("@context") {
        return Err(JoseError::FormUnknown("a W3C credential as an SD-JWT").into());
    }
    jose::refuse_foreign(claims, &FOREIGN)?;
    let said = text_claim(claims, "iss")?;
    let (issuer, method) = key_id::signer(header.key_id.as_deref(), said.as_deref())?;
    let mut signed = token.jws().signed(method, Relationship::AssertionMethod)?;
    // "iat" may be hidden. "nbf" and "exp" are the term of the credential, not only of its signature.
    signed.created_ms = numeric_date::at_ms(claims, "iat")?;
    let (valid_from_ms, valid_until_ms) = (signed.not_before_ms, signed.expires_ms);
    let subject = text_claim(claims, "sub")?;
    Ok(Parsed {
        types: vec![type_of(claims)?],
        subject_hidden: subject.is_none() && hides_claims(&token),
        subjects: vec![subject],
        audience: token.jws().audience()?,
        holder_key: key_binding::confirmed(claims)?,
        valid_from_ms,
        valid_until_ms,
        schemas: Vec::new(),
        statuses: statuses(claims)?,
        signatures: vec![signed],
        unsupported: Vec::new(),
        key_binding: bound(proof),
        claims: Value::Object(claims.clone()),
        issuer,
    })
}

/// Makes a credential. `claims` have `iss` and `vct` at least; `key_id` names the key in the issuer's document.
pub fn issue(
    claims: &Map<String, Value>,
    key_id: &str,
    conceal: Conceal<'_>,
    key: &SigningKey,
    salt: &mut dyn FnMut() -> [u8; SALT_BYTES],
) -> Result<String, SdJwtError> {
    let public = key.verification_key();
    let algorithm =
        Algorithm::of(&public).ok_or_else(|| JoseError::Algorithm(public.curve().to_owned()))?;
    let text = super::issue::issue(
        &Header::new(algorithm, Some(key_id), TYP),
        claims,
        conceal,
        key,
        salt,
    )?;
    if parse(&text)?.issuer.is_empty() {
        return Err(JoseError::Signer.into());
    }
    Ok(text)
}

fn bound(proof: Proof) -> Option<Result<KeyBinding, Malformed>> {
    let to_judge = |proof: Result<_, SdJwtError>| {
        let proof: key_binding::KeyBindingJwt = proof?;
        Ok(proof.to_judge()?)
    };
    let told = |error: SdJwtError| Malformed::new(error.code(), error.to_string());
    proof.map(|proof| to_judge(proof).map_err(told))
}

/// Whether a claim was left out that stands beside the others. Which one, nobody can tell.
fn hides_claims(token: &SdJwt) -> bool {
    let shown = |hash: &Value| {
        let mut disclosures = token.disclosures().iter();
        disclosures.any(|placed| hash.as_str() == Some(placed.disclosure.digest()))
    };
    let hashes = token.jws().claims().get("_sd").and_then(Value::as_array);
    hashes.is_some_and(|hashes| !hashes.iter().all(shown))
}

fn type_of(claims: &Map<String, Value>) -> Result<String, JoseError> {
    text_claim(claims, "vct")?.ok_or(JoseError::Claim {
        name: "vct",
        why: "is missing",
    })
}

fn text_claim(
    claims: &Map<String, Value>,
    name: &'static str,
) -> Result<Option<String>, JoseError> {
    match claims.get(name) {
        None => Ok(None),
        Some(Value::String(text)) if (1..=URI_BYTES_MAX).contains(&text.len()) => {
            Ok(Some(text.clone()))
        }
        Some(_) => Err(JoseError::Claim {
            name,
            why: "is no text of 1 to 2048 bytes",
        }),
    }
}

// draft-ietf-oauth-status-list §6.1: members of "status" are ways to learn the status, and others than its own may be there.
fn statuses(claims: &Map<String, Value>) -> Result<Vec<StatusReference>, SdJwtError> {
    let Some(status) = claims.get("status") else {
        return Ok(Vec::new());
    };
    let ways = status
        .as_object()
        .filter(|ways| !ways.is_empty())
        .ok_or(JoseError::Claim {
            name: "status",
            why: "is no object of ways to learn the status",
        })?;
    ways.iter()
        .map(|(kind, way)| status_by(kind, way))
        .collect()
}

fn status_by(kind: &str, way: &Value) -> Result<StatusReference, SdJwtError> {
    let wrong = |why: &'static str| JoseError::Claim {
        name: "status",
        why,
    };
    if kind == BITSTRING_STATUS {
        let entry = way
            .as_object()
            .ok_or_else(|| wrong("has a bitstring_status_list_entry that is no object"))?;
        return Ok(bitstring::reference(entry).map_err(JoseError::from)?);
    }
    // §6.2: "idx" is not negative, "uri" a text. Such lists begin with the lowest bit of a byte, and are tokens: none is read here.
    let is_list = |way: &Value| {
        way.get("idx").is_some_and(Value::is_u64) && way.get("uri").is_some_and(Value::is_string)
    };
    if kind == "status_list" && !is_list(way) {
        return Err(wrong("has a status_list without an idx and a uri").into());
    }
    Ok(StatusReference::Other { kind: shown(kind) })
}
