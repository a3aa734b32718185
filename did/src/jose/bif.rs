//! BIF's credentials, as RFC-008 of the Xinghuo chain and its SDKs make them: a token beside the standards.
//!
//! It differs from a JWT in four ways. The header says `SM2`, `ED25519` or nothing, which means SM2. The signature stands as base64url
//! of its *hexadecimal text* in credentials and of its bytes in presentations; both are read. What is signed is the canonical payload
//! (RFC 8785) with each `value` and `salt` of the subject left out, so that a holder may leave them out as well. And the issuer is
//! named without a key: any key of its that may assert.
//!
//! BIF's own verifier tries the key even where the header names another algorithm. Here the header decides.

use serde_json::{Map, Value};

use super::{Algorithm, JoseError, SIGNATURE_BYTES, base64url, canonical, header, object};
use crate::Did;
use crate::credential::parsed::{Parsed, Relationship, Signed, StatusReference};
use crate::credential::timestamp;
use crate::verification_key::VerificationKey;

pub mod disclosure;
pub mod issue;

pub use disclosure::ParseType;

/// Claims that limit credentials of W3C's models and JWTs. RFC-008 has `validBefore` and `revocationId` in their place, and no key that
/// a credential is bound to.
const FOREIGN: [&str; 9] = [
    "aud",
    "cnf",
    "credentialSchema",
    "credentialStatus",
    "exp",
    "expirationDate",
    "nbf",
    "validFrom",
    "validUntil",
];

/// Says that the credential may be revoked, by its own `id`.
const REVOCATION_ID: &str = "revocationId";

/// How the third part writes the signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// base64url of the hexadecimal text: in credentials.
    HexText,
    /// base64url of the bytes: in presentations.
    Raw,
}

/// A credential of BIF's that was read. Nothing in it is believed yet, but what it discloses has the hashes that it says.
#[derive(Debug, Clone, PartialEq)]
pub struct BifCredential {
    algorithm: Algorithm,
    parse_type: ParseType,
    encoding: Encoding,
    claims: Map<String, Value>,
    message: Vec<u8>,
    signature: Vec<u8>,
    parts: [String; 2],
}

/// Whether the token's header is BIF's rather than a JWT's: without `typ`, and with BIF's names of algorithms or none.
pub fn is_bif(text: &str) -> bool {
    super::parts(text)
        .and_then(|parts| object("header", parts.header, super::HEADER_BYTES_MAX))
        .is_ok_and(|members| !members.contains_key("typ") && algorithm(&members).is_ok())
}

/// Reads a credential.
pub fn decode(text: &str) -> Result<BifCredential, JoseError> {
    let parts = super::parts(text)?;
    let members = object("header", parts.header, super::HEADER_BYTES_MAX)?;
    header::refuse_extensions(&members)?;
    let algorithm = algorithm(&members)?;
    let claims = object("payload", parts.payload, super::TOKEN_BYTES_MAX)?;
    let parse_type = ParseType::of(&claims, algorithm)?;
    let message = match parse_type {
        ParseType::Direct => parts.signing_input.as_bytes().to_vec(),
        ParseType::Selective => {
            disclosure::check(&claims, algorithm)?;
            let stripped = disclosure::stripped(&claims)?;
            issue::signing_input(parts.header, &stripped).into_bytes()
        }
    };
    let (encoding, signature) = signature(&base64url("signature", parts.signature)?)?;
    Ok(BifCredential {
        algorithm,
        parse_type,
        encoding,
        claims,
        message,
        signature,
        parts: [parts.header.to_owned(), parts.signature.to_owned()],
    })
}

fn algorithm(members: &Map<String, Value>) -> Result<Algorithm, JoseError> {
    match members.get("alg") {
        None | Some(Value::Null) => Ok(Algorithm::Sm2),
        Some(Value::String(name)) => match name.as_str() {
            "" | "SM2" => Ok(Algorithm::Sm2),
            "ED25519" => Ok(Algorithm::EdDsa),
            _ => Err(JoseError::Algorithm(name.clone())),
        },
        Some(_) => Err(JoseError::Header("alg")),
    }
}

/// BIF's name of an algorithm; it has none for P-256.
fn name(algorithm: Algorithm) -> Option<&'static str> {
    match algorithm {
        Algorithm::Sm2 => Some("SM2"),
        Algorithm::EdDsa => Some("ED25519"),
        Algorithm::Es256 => None,
    }
}

// Digits of both cases in one text would be two texts of one signature.
fn signature(bytes: &[u8]) -> Result<(Encoding, Vec<u8>), JoseError> {
    if bytes.len() == SIGNATURE_BYTES {
        return Ok((Encoding::Raw, bytes.to_vec()));
    }
    let one_case =
        !(bytes.iter().any(u8::is_ascii_lowercase) && bytes.iter().any(u8::is_ascii_uppercase));
    match hex::decode(bytes) {
        Ok(signature) if one_case && signature.len() == SIGNATURE_BYTES => {
            Ok((Encoding::HexText, signature))
        }
        Ok(_) | Err(_) => Err(JoseError::SignatureEncoding),
    }
}

impl BifCredential {
    /// What it claims, hashes and disclosed values as they came.
    pub fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }

    /// Whether members of the subject may be left out.
    pub fn parse_type(&self) -> ParseType {
        self.parse_type
    }

    /// How its signature was written.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Whether this key signed it.
    pub fn holds(&self, key: &VerificationKey) -> bool {
        self.algorithm.fits(key) && key.is_sound() && key.verify(&self.message, &self.signature)
    }

    /// The same credential with only these members of the subject disclosed; its `id` always is.
    pub fn present(&self, disclose: &[&str]) -> Result<String, JoseError> {
        let claims = disclosure::disclosing(&self.claims, self.parse_type, disclose)?;
        let [header, signature] = &self.parts;
        Ok(format!(
            "{}.{signature}",
            issue::signing_input(header, &claims)
        ))
    }

    /// As all formats are judged.
    pub fn parse(&self) -> Result<Parsed, JoseError> {
        super::refuse_foreign(&self.claims, &FOREIGN)?;
        let issuer = issuer(&self.claims)?;
        let issued_ms = date(&self.claims, "issuanceDate")?.ok_or(JoseError::Claim {
            name: "issuanceDate",
            why: "is missing",
        })?;
        let signed = Signed {
            method: issuer.clone(),
            signer_alone: true,
            relationship: Relationship::AssertionMethod,
            curve: self.algorithm.curve(),
            suite: format!("{} (RFC-008)", self.algorithm.name()),
            message: self.message.clone(),
            signature: self.signature.clone(),
            // RFC-008 has no other time of issue.
            created_ms: Some(issued_ms),
            not_before_ms: None,
            expires_ms: None,
        };
        Ok(Parsed {
            types: types(&self.claims)?,
            subjects: vec![
                subject(&self.claims)?
                    .get("id")
                    .and_then(Value::as_str)
                    .map(str::to_owned),
            ],
            // What may be left out is never the subject's `id`.
            subject_hidden: false,
            audience: Vec::new(),
            holder_key: None,
            valid_from_ms: Some(issued_ms),
            // The SDKs take it as the first moment at which the credential is not valid any more.
            valid_until_ms: date(&self.claims, "validBefore")?.map(|before| before - 1),
            schemas: Vec::new(),
            statuses: status(&self.claims, &issuer).into_iter().collect(),
            signatures: vec![signed],
            unsupported: Vec::new(),
            key_binding: None,
            claims: Value::Object(self.claims.clone()),
            issuer,
        })
    }
}

/// Under what name a [`StatusReference`] asks for the status of one credential, which the trust contract ("TDS") keeps by the issuer
/// and the credential's id. The purpose is `revocation`, the index 0.
pub fn revocation_list(issuer: &str, credential: &str) -> String {
    format!("{issuer}?revocation={credential}")
}

/// The issuer and the credential's id of a name that [`revocation_list`] made. `None`: another kind of list.
pub fn parse_revocation_list(list: &str) -> Option<(Did, &str)> {
    let (issuer, credential) = list.split_once("?revocation=")?;
    Some((Did::parse(issuer).ok()?, credential))
}

/// A status that is asked for in a way that cannot be looked up is of an unknown kind, so that it is not passed over.
fn status(claims: &Map<String, Value>, issuer: &str) -> Option<StatusReference> {
    let said = claims
        .get(REVOCATION_ID)
        .filter(|said| !said.is_null() && said.as_str() != Some(""))?;
    let id = claims.get("id").and_then(Value::as_str);
    Some(match id.filter(|id| said.is_string() && !id.is_empty()) {
        Some(id) => StatusReference::List {
            list: revocation_list(issuer, id),
            purpose: "revocation".to_owned(),
            index: 0,
        },
        None => StatusReference::Other {
            kind: REVOCATION_ID.to_owned(),
        },
    })
}

fn issuer(claims: &Map<String, Value>) -> Result<String, JoseError> {
    let said = claims.get("issuer");
    said.and_then(Value::as_str)
        .or_else(|| said?.get("id")?.as_str())
        .filter(|issuer| crate::uri::is_uri(issuer))
        .map(str::to_owned)
        .ok_or(JoseError::Claim {
            name: "issuer",
            why: "is no identifier",
        })
}

fn types(claims: &Map<String, Value>) -> Result<Vec<String>, JoseError> {
    let types: Option<Vec<String>> =
        claims
            .get("type")
            .and_then(Value::as_array)
            .and_then(|types| {
                types
                    .iter()
                    .map(|one| one.as_str().map(str::to_owned))
                    .collect()
            });
    types
        .filter(|types| types.iter().any(|one| one == "VerifiableCredential"))
        .ok_or(JoseError::Claim {
            name: "type",
            why: "is no list of names with \"VerifiableCredential\" among them",
        })
}

fn subject(claims: &Map<String, Value>) -> Result<&Map<String, Value>, JoseError> {
    claims
        .get("credentialSubject")
        .and_then(Value::as_object)
        .ok_or(JoseError::Claim {
            name: "credentialSubject",
            why: "is no object",
        })
}

fn date(claims: &Map<String, Value>, name: &'static str) -> Result<Option<i64>, JoseError> {
    let Some(value) = claims.get(name) else {
        return Ok(None);
    };
    value
        .as_str()
        .and_then(timestamp::parse)
        .map(Some)
        .ok_or(JoseError::Claim {
            name,
            why: "is no time",
        })
}

#[cfg(test)]
mod tests;
