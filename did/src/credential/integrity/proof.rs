//! A proof as it stands in a document.

use serde_json::Value;

use super::suite::{self, HASH_DATA_BYTES, Suite};
use crate::credential::code;
use crate::credential::json::one_or_some;
use crate::credential::malformed::Malformed;
use crate::credential::parsed::{Relationship, Signed};
use crate::credential::timestamp;
use crate::uri;

/// The most proofs of one document, and the most that one proof covers.
pub const PROOFS_MAX: usize = 16;
/// The longest challenge, domain or nonce, bytes.
pub(super) const TEXT_BYTES_MAX: usize = 2048;

/// A proof of Data Integrity.
#[derive(Debug, Clone, PartialEq)]
pub struct Proof {
    /// Its own id.
    pub id: Option<String>,
    /// Its suite, if it is known here.
    pub suite: Option<Suite>,
    /// Its suite's name; that of the proof's type if it has none.
    pub suite_name: String,
    /// The key's id.
    pub verification_method: String,
    /// What it proves.
    pub purpose: Relationship,
    /// When it was made.
    pub created_ms: Option<i64>,
    /// Until when it holds.
    pub expires_ms: Option<i64>,
    /// For whom it is.
    pub domain: Vec<String>,
    /// What it answers.
    pub challenge: Option<String>,
    /// Ids of proofs that it covers too.
    pub previous: Vec<String>,
    /// The document's `@context` as it was when it was signed.
    pub context: Option<Value>,
    /// The proof without its value: what is hashed.
    pub options: Value,
    /// The signature.
    pub value: Vec<u8>,
}

impl Proof {
    /// `type` of all proofs of Data Integrity 1.0.
    pub const TYPE: &str = "DataIntegrityProof";

    /// Reads a proof. One of an unknown suite is read as far as all have the same form, and has no value.
    pub fn parse(value: &Value) -> Result<Self, Malformed> {
        let mut proof = Self::parse_unsigned(value)?;
        let text = text(value, "proofValue")?;
        let of_p384 = proof.suite.is_some_and(Suite::has_p384)
            && text.as_deref().is_some_and(suite::is_of_p384);
        if of_p384 {
            proof.suite = None;
            proof.suite_name.push_str(" with P-384");
        }
        let signature = match (proof.suite, text.as_deref()) {
            (None, _) => Some(Vec::new()),
            (Some(_), Some(text)) => suite::decode(text).map(Vec::from),
            (Some(_), None) => None,
        };
        let detail = "proofValue is \"z\" and 64 bytes in Base58";
        Ok(Self {
            value: signature.ok_or_else(|| Malformed::new(code::PROOF_INVALID, detail))?,
            ..proof
        })
    }

    /// Reads a proof that may have no value yet.
    pub(super) fn parse_unsigned(value: &Value) -> Result<Self, Malformed> {
        let invalid = |detail: &str| Malformed::new(code::PROOF_INVALID, detail);
        let Some(object) = value.as_object() else {
            return Err(invalid("a proof is an object"));
        };
        let kind = text(value, "type")?.ok_or_else(|| invalid("a proof has a type"))?;
        let of_data_integrity = kind == Self::TYPE;
        let suite_name = text(value, "cryptosuite")?.filter(|_| of_data_integrity);
        if of_data_integrity && suite_name.is_none() {
            return Err(invalid("a proof has a cryptosuite"));
        }
        let suite = suite_name.as_deref().and_then(Suite::parse);
        let url = |name: &str| match text(value, name)? {
            Some(url) if !uri::is_uri(&url) => Err(invalid(&format!("{name} is a URL"))),
            other => Ok(other),
        };
        let id = url("id")?;
        let method = url("verificationMethod")?
            .ok_or_else(|| invalid("a proof has a verificationMethod"))?;
        let purpose =
            text(value, "proofPurpose")?.ok_or_else(|| invalid("a proof has a proofPurpose"))?;
        let purpose = [Relationship::AssertionMethod, Relationship::Authentication]
            .into_iter()
            .find(|one| one.name() == purpose)
            .ok_or_else(|| invalid("proofPurpose is assertionMethod or authentication"))?;
        let time = |name: &str| match text(value, name)? {
            None => Ok(None),
            Some(text) => timestamp::parse(&text)
                .map(Some)
                .ok_or_else(|| invalid(&format!("{name} is a time with its zone"))),
        };
        text(value, "nonce")?;
        let mut options = object.clone();
        options.remove("proofValue");
        Ok(Self {
            id,
            suite,
            suite_name: suite_name.unwrap_or(kind),
            verification_method: method,
            purpose,
            created_ms: time("created")?,
            expires_ms: time("expires")?,
            domain: texts(value, "domain")?,
            challenge: text(value, "challenge")?,
            previous: texts(value, "previousProof")?,
            context: object.get("@context").cloned(),
            options: Value::Object(options),
            value: Vec::new(),
        })
    }

    /// As something that a key can be tried on.
    pub(super) fn signed(&self, suite: Suite, hash_data: &[u8; HASH_DATA_BYTES]) -> Signed {
        Signed {
            method: self.verification_method.clone(),
            signer_alone: false,
            relationship: self.purpose,
            curve: suite.curve(),
            suite: suite.name().into(),
            message: hash_data.to_vec(),
            signature: self.value.clone(),
            created_ms: self.created_ms,
            not_before_ms: None,
            expires_ms: self.expires_ms,
        }
    }
}

fn text(proof: &Value, name: &str) -> Result<Option<String>, Malformed> {
    match proof.get(name) {
        None => Ok(None),
        Some(Value::String(text)) if text.len() <= TEXT_BYTES_MAX => Ok(Some(text.clone())),
        Some(_) => {
            let detail = format!("{name} of a proof is a text of at most {TEXT_BYTES_MAX} bytes");
            Err(Malformed::new(code::PROOF_INVALID, detail))
        }
    }
}

/// A text, or a set of some.
fn texts(proof: &Value, name: &str) -> Result<Vec<String>, Malformed> {
    let values = match proof.get(name) {
        None => return Ok(Vec::new()),
        Some(value) => one_or_some(value),
    };
    let texts: Option<Vec<String>> = values
        .iter()
        .map(|one| one.as_str().map(str::to_owned))
        .collect();
    texts
        .filter(|texts| {
            (1..=PROOFS_MAX).contains(&texts.len())
                && texts.iter().all(|text| text.len() <= TEXT_BYTES_MAX)
        })
        .ok_or_else(|| {
            let detail = format!("{name} of a proof is a text, or 1 to {PROOFS_MAX} texts");
            Malformed::new(code::PROOF_INVALID, detail)
        })
}
