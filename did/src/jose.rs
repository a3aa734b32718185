//! Signed JSON in JOSE's compact form (JWS, RFC 7515; JWT, RFC 7519): read strictly, checked with a given key, and made.
//!
//! A token is a text with exactly one reading: three parts, base64url that decodes and encodes to itself, JSON without doubt. What
//! its header says is checked before anything else: one of three algorithms, no extension that must be understood, no key of its
//! own. Nothing here looks a key up; [`key_id`] says which one is asked for, and [`Jws::holds`] whether a given one signed.
//!
//! Credentials and presentations of W3C's data model: [`vc_jwt`], [`vp_jwt`], [`envelope`]. BIF's own form: [`bif`]. Selective
//! disclosure: [`crate::sd_jwt`].

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

pub mod algorithm;
pub mod bif;
pub mod envelope;
mod error;
pub mod header;
pub mod key_id;
pub(crate) mod numeric_date;
pub mod vc_jwt;
pub mod vp_jwt;

pub use algorithm::Algorithm;
pub use error::JoseError;
pub use header::Header;

use crate::credential::json;
use crate::credential::parsed::{Relationship, Signed};
use crate::signing_key::SigningKey;
use crate::verification_key::VerificationKey;

/// The longest token.
pub const TOKEN_BYTES_MAX: usize = 1 << 20;
/// The longest header, as JSON.
pub const HEADER_BYTES_MAX: usize = 8 << 10;
/// The most containers inside one another, in a header and in claims.
pub const DEPTH_MAX: usize = 32;
/// Every algorithm here makes signatures of this length.
pub(crate) const SIGNATURE_BYTES: usize = 64;

/// A token that was read. Nothing in it is believed yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Jws {
    header: Header,
    claims: Map<String, Value>,
    signing_input: String,
    signature: Vec<u8>,
}

/// Reads a token.
pub fn decode(text: &str) -> Result<Jws, JoseError> {
    let parts = parts(text)?;
    let header = Header::parse(object("header", parts.header, HEADER_BYTES_MAX)?)?;
    let signature = base64url("signature", parts.signature)?;
    if signature.len() != SIGNATURE_BYTES {
        return Err(JoseError::SignatureLength(signature.len()));
    }
    Ok(Jws {
        header,
        claims: object("payload", parts.payload, TOKEN_BYTES_MAX)?,
        signing_input: parts.signing_input.to_owned(),
        signature,
    })
}

impl Jws {
    /// Its header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// What it claims.
    pub fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }

    /// For whom it is (`aud`). Empty: it does not say.
    // RFC 7519 §4.1.3: one string, or an array of strings.
    pub(crate) fn audience(&self) -> Result<Vec<String>, JoseError> {
        let values = match self.claims.get("aud") {
            None => return Ok(Vec::new()),
            Some(Value::Array(values)) => values.as_slice(),
            Some(one) => std::slice::from_ref(one),
        };
        let names: Option<Vec<String>> = values
            .iter()
            .map(|one| one.as_str().map(str::to_owned))
            .collect();
        names
            .filter(|names| !names.is_empty())
            .ok_or(JoseError::Claim {
                name: "aud",
                why: "is neither a text nor a list of texts",
            })
    }

    /// What it claims, to keep.
    pub fn into_claims(self) -> Map<String, Value> {
        self.claims
    }

    /// Whether this key signed it: a sound key, of the curve that the header's algorithm is for.
    pub fn holds(&self, key: &VerificationKey) -> bool {
        self.header.algorithm.fits(key)
            && key.is_sound()
            && key.verify(self.signing_input.as_bytes(), &self.signature)
    }

    /// The signature, to be judged with the key that `method` names.
    pub(crate) fn signed(
        &self,
        method: String,
        relationship: Relationship,
    ) -> Result<Signed, JoseError> {
        Ok(Signed {
            method,
            signer_alone: true,
            relationship,
            curve: self.header.algorithm.curve(),
            suite: self.header.algorithm.name().to_owned(),
            message: self.signing_input.as_bytes().to_vec(),
            signature: self.signature.clone(),
            created_ms: numeric_date::at_ms(&self.claims, "iat")?,
            not_before_ms: numeric_date::from_ms(&self.claims, "nbf")?,
            expires_ms: numeric_date::until_ms(&self.claims, "exp")?,
        })
    }
}

/// A token that awaits its signature, so that a key may be held elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsigned {
    signing_input: String,
}

impl Unsigned {
    /// A token with this header and these claims, both in canonical form (RFC 8785).
    pub fn new(header: &Header, claims: &Map<String, Value>) -> Self {
        let header = URL_SAFE_NO_PAD.encode(canonical(&header.to_members()));
        let claims = URL_SAFE_NO_PAD.encode(canonical(claims));
        Self {
            signing_input: format!("{header}.{claims}"),
        }
    }

    /// What is to be signed.
    pub fn message(&self) -> &[u8] {
        self.signing_input.as_bytes()
    }

    /// The token, with a signature over [`Self::message`].
    pub fn with(self, signature: &[u8]) -> String {
        format!(
            "{}.{}",
            self.signing_input,
            URL_SAFE_NO_PAD.encode(signature)
        )
    }
}

/// Refuses claims that limit a credential in another format: they would limit nothing here, and a reader of that format would go by them.
pub(crate) fn refuse_foreign(
    claims: &Map<String, Value>,
    foreign: &[&'static str],
) -> Result<(), JoseError> {
    let set = |name: &&&str| claims.get(**name).is_some_and(|value| !value.is_null());
    match foreign.iter().find(set) {
        None => Ok(()),
        Some(name) => Err(JoseError::Claim {
            name,
            why: "limits a credential of another format, and nothing in this one",
        }),
    }
}

/// Makes a token. The key must be of the curve that the header's algorithm is for.
pub fn sign(
    header: &Header,
    claims: &Map<String, Value>,
    key: &SigningKey,
) -> Result<String, JoseError> {
    if !header.algorithm.fits(&key.verification_key()) {
        return Err(JoseError::Algorithm(header.algorithm.name().to_owned()));
    }
    let unsigned = Unsigned::new(header, claims);
    let signature = key.sign(unsigned.message());
    Ok(unsigned.with(&signature))
}

pub(crate) struct Parts<'a> {
    pub(crate) header: &'a str,
    pub(crate) payload: &'a str,
    pub(crate) signature: &'a str,
    pub(crate) signing_input: &'a str,
}

pub(crate) fn parts(text: &str) -> Result<Parts<'_>, JoseError> {
    if text.len() > TOKEN_BYTES_MAX {
        return Err(JoseError::TooLarge {
            bytes: text.len(),
            max: TOKEN_BYTES_MAX,
        });
    }
    let (signing_input, signature) = text.rsplit_once('.').ok_or(JoseError::Parts)?;
    let (header, payload) = signing_input.split_once('.').ok_or(JoseError::Parts)?;
    if payload.contains('.') {
        return Err(JoseError::Parts);
    }
    Ok(Parts {
        header,
        payload,
        signature,
        signing_input,
    })
}

/// Bytes of base64url. The engine refuses padding, other alphabets, and stray bits at the end: one text for each bytes.
pub(crate) fn base64url(part: &'static str, text: &str) -> Result<Vec<u8>, JoseError> {
    URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|source| JoseError::Base64 { part, source })
}

pub(crate) fn object(
    part: &'static str,
    text: &str,
    bytes_max: usize,
) -> Result<Map<String, Value>, JoseError> {
    let bytes = base64url(part, text)?;
    match json(part, &bytes, bytes_max)? {
        Value::Object(members) => Ok(members),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(JoseError::NotAnObject(part))
        }
    }
}

/// JSON of one meaning.
pub(crate) fn json(part: &'static str, bytes: &[u8], bytes_max: usize) -> Result<Value, JoseError> {
    json::parse_within(bytes, bytes_max, DEPTH_MAX)
        .map_err(|source| JoseError::Json { part, source })
}

pub(crate) fn canonical(members: &Map<String, Value>) -> Vec<u8> {
    serde_json_canonicalizer::to_vec(members)
        .expect("names are strings and numbers are finite, so it encodes")
}

#[cfg(test)]
mod interop_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod vc_tests;
