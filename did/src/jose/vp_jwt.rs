//! `vp+jwt`: a presentation of W3C's data model 2.0 as the payload of a token (VC-JOSE-COSE §3.1.2).
//!
//! The holder signs; `nonce` is the verifier's challenge and `aud` the verifier. The credentials in it are read each by itself:
//! those of other formats stand in it as data URLs ([`super::envelope`]).

use serde_json::{Map, Value};

use super::vc_jwt::{self, Times};
use super::{Header, JoseError, key_id};
use crate::credential::model;
use crate::credential::parsed::Relationship;
use crate::credential::presentation::{HolderProof, Presentation};
use crate::signing_key::SigningKey;

/// Its `typ`; its media type is `application/vp+jwt`.
pub const TYP: &str = "vp+jwt";
/// Its `cty`.
pub const CTY: &str = "vp";

/// Reads a presentation. Its `holder` is who signs, if only the key or `iss` says so.
pub fn parse(text: &str) -> Result<Presentation, JoseError> {
    let jws = super::decode(text)?;
    vc_jwt::expect(&jws, TYP, CTY)?;
    let claims = jws.claims();
    let shape = model::presentation(&Value::Object(claims.clone()))?;
    let challenge = match claims.get("nonce") {
        None => None,
        Some(nonce) => Some(nonce.as_str().map(str::to_owned).ok_or(JoseError::Claim {
            name: "nonce",
            why: "is no text",
        })?),
    };
    let domain = jws.audience()?;
    let claimed = claims.get("iss").and_then(Value::as_str);
    if shape.holder.is_some() {
        vc_jwt::repeats(claims, "iss", "holder", shape.holder.as_deref())?;
    }
    vc_jwt::names(claims)?;
    let holder = shape.holder.as_deref().or(claimed);
    let method = key_id::method(jws.header().key_id.as_deref(), holder)?;
    Ok(Presentation {
        holder: Some(key_id::controller(&method).to_owned()),
        credentials: shape.credentials,
        proofs: vec![HolderProof {
            signed: jws.signed(method, Relationship::Authentication)?,
            challenge,
            domain,
        }],
        unsupported: Vec::new(),
    })
}

/// What the holder signs beside the presentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Answer<'a> {
    /// The verifier's challenge.
    pub nonce: Option<&'a str>,
    /// The verifier.
    pub audience: Option<&'a str>,
    /// When, and until when.
    pub times: Times,
}

/// Makes a token of a presentation. `key_id` names the key in the holder's document.
pub fn present(
    presentation: &Map<String, Value>,
    key_id: &str,
    answer: Answer<'_>,
    key: &SigningKey,
) -> Result<String, JoseError> {
    let mut claims = presentation.clone();
    for (name, text) in [("nonce", answer.nonce), ("aud", answer.audience)] {
        if let Some(text) = text {
            claims.insert(name.to_owned(), text.into());
        }
    }
    let header = Header::new(vc_jwt::algorithm(key)?, Some(key_id), TYP).of(CTY);
    let text = vc_jwt::sign(&claims, header, answer.times, key)?;
    parse(&text)?;
    Ok(text)
}
