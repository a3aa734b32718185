//! The proof that a presentation is made with the holder's own key: a token over the presentation, for one verifier and one challenge.

use serde_json::{Map, Value};

use super::disclosure::digest;
use super::{SdJwt, SdJwtError};
use crate::credential::confirmation;
use crate::credential::parsed::{HolderKey, KeyBinding, Relationship};
use crate::jose::{self, Algorithm, Header, JoseError, Jws, numeric_date};
use crate::signing_key::SigningKey;

/// Its `typ`.
pub const TYP: &str = "kb+jwt";
/// How long after it was made a proof is accepted, milliseconds. The challenge makes it fresh; this bounds what a verifier remembers.
pub const AGE_MS_MAX: i64 = 10 * 60 * 1000;

/// A key binding token. It is over the presentation that it stands behind; by whose key, [`check`] says.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyBindingJwt {
    jws: Jws,
    nonce: String,
    audience: String,
    issued_at_ms: i64,
}

/// What a verifier expects of a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected<'a> {
    /// The challenge that it gave.
    pub nonce: &'a str,
    /// Its own name.
    pub audience: &'a str,
    /// The time, Unix milliseconds.
    pub now_ms: i64,
    /// How far clocks may differ, milliseconds.
    pub clock_skew_ms: i64,
}

impl KeyBindingJwt {
    // RFC 9901 §4.3: typ, iat, aud, nonce and sd_hash are required; aud is one string.
    pub(super) fn parse(text: &str, presentation: &str) -> Result<Self, SdJwtError> {
        let jws = jose::decode(text)?;
        jws.header().expect_typ(TYP)?;
        let claim = |name: &'static str| {
            let why = "is no text";
            let text = jws
                .claims()
                .get(name)
                .and_then(Value::as_str)
                .filter(|text| !text.is_empty());
            text.map(str::to_owned)
                .ok_or(JoseError::Claim { name, why })
        };
        if claim("sd_hash")? != digest(presentation) {
            return Err(SdJwtError::KeyBindingHash);
        }
        Ok(Self {
            nonce: claim("nonce")?,
            audience: claim("aud")?,
            issued_at_ms: numeric_date::at_ms(jws.claims(), "iat")?.ok_or(JoseError::Claim {
                name: "iat",
                why: "is missing",
            })?,
            jws,
        })
    }

    /// The challenge that it answers.
    pub fn nonce(&self) -> &str {
        &self.nonce
    }

    /// For whom it is.
    pub fn audience(&self) -> &str {
        &self.audience
    }

    /// When it was made, as it says, Unix milliseconds.
    pub fn issued_at_ms(&self) -> i64 {
        self.issued_at_ms
    }

    /// As all formats are judged. It expires by itself after [`AGE_MS_MAX`].
    pub(super) fn to_judge(&self) -> Result<KeyBinding, JoseError> {
        let mut signed = self
            .jws
            .signed("cnf".to_owned(), Relationship::Authentication)?;
        let latest = self.issued_at_ms.saturating_add(AGE_MS_MAX);
        signed.expires_ms = Some(
            signed
                .expires_ms
                .map_or(latest, |expires| expires.min(latest)),
        );
        Ok(KeyBinding {
            signed,
            challenge: self.nonce.clone(),
            domain: self.audience.clone(),
        })
    }
}

/// Proves the holder's key over a presentation: the same text with the proof behind it.
pub fn bind(
    presentation: &str,
    nonce: &str,
    audience: &str,
    issued_at_ms: i64,
    key: &SigningKey,
) -> Result<String, SdJwtError> {
    if super::decode(presentation)?.key_binding.is_some() {
        return Err(SdJwtError::AlreadyPresented);
    }
    let public = key.verification_key();
    let algorithm =
        Algorithm::of(&public).ok_or_else(|| JoseError::Algorithm(public.curve().to_owned()))?;
    let claims: Map<String, Value> = [
        ("nonce", nonce.into()),
        ("aud", audience.into()),
        ("iat", numeric_date::seconds(issued_at_ms).into()),
        ("sd_hash", digest(presentation).into()),
    ]
    .into_iter()
    .map(|(name, value): (&str, Value)| (name.to_owned(), value))
    .collect();
    let proof = jose::sign(&Header::new(algorithm, None, TYP), &claims, key)?;
    let bound = format!("{presentation}{proof}");
    super::decode(&bound)?;
    Ok(bound)
}

/// Checks the proof of a presentation by itself: RFC 9901 §7.3, step 5.
pub fn check(presentation: &SdJwt, expected: &Expected<'_>) -> Result<(), SdJwtError> {
    let proof = presentation
        .key_binding()
        .ok_or(SdJwtError::KeyBindingMissing)?;
    let key = match confirmed(presentation.claims())? {
        Some(HolderKey::Known(key)) => key,
        Some(HolderKey::Unknown(what)) => return Err(SdJwtError::ConfirmationUnknown(what)),
        None => return Err(SdJwtError::Confirmation),
    };
    if !proof.jws.holds(&key) {
        return Err(SdJwtError::KeyBindingKey);
    }
    if proof.nonce != expected.nonce {
        return Err(SdJwtError::KeyBindingNonce);
    }
    if proof.audience != expected.audience {
        return Err(SdJwtError::KeyBindingAudience);
    }
    let claims = proof.jws.claims();
    let earliest = expected.now_ms.saturating_sub(expected.clock_skew_ms);
    let latest = expected.now_ms.saturating_add(expected.clock_skew_ms);
    let begins = numeric_date::from_ms(claims, "nbf")?.max(Some(proof.issued_at_ms));
    let oldest = proof.issued_at_ms.saturating_add(AGE_MS_MAX);
    let ends = numeric_date::until_ms(claims, "exp")?.map_or(oldest, |ends| ends.min(oldest));
    if begins > Some(latest) || ends < earliest {
        return Err(SdJwtError::KeyBindingTime);
    }
    Ok(())
}

/// The holder's key that the claims confirm, RFC 7800 §3.2: `cnf` with a public key for verifying.
pub fn confirmed(claims: &Map<String, Value>) -> Result<Option<HolderKey>, SdJwtError> {
    let Some(cnf) = claims.get("cnf") else {
        return Ok(None);
    };
    confirmation::read(cnf)
        .map(Some)
        .ok_or(SdJwtError::Confirmation)
}
