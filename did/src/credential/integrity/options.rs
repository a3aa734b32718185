//! What a new proof says of itself, before it is signed.

use serde_json::{Map, Value};

use super::{Proof, Suite};
use crate::credential::code;
use crate::credential::malformed::Malformed;
use crate::credential::parsed::Relationship;
use crate::credential::timestamp;

/// What a new proof says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// How it is made.
    pub suite: Suite,
    /// The key's id, a DID URL.
    pub verification_method: String,
    /// What it proves.
    pub purpose: Relationship,
    /// When it is made, Unix milliseconds.
    pub created_ms: Option<i64>,
    /// Until when it holds.
    pub expires_ms: Option<i64>,
    /// The proof's own id, to which a later proof can refer.
    pub id: Option<String>,
    /// For whom it is.
    pub domain: Vec<String>,
    /// What it answers.
    pub challenge: Option<String>,
    /// Ids of proofs that it covers too.
    pub previous: Vec<String>,
}

impl Options {
    /// A proof of a claim, made at this time.
    pub fn assertion(suite: Suite, verification_method: impl Into<String>, now_ms: i64) -> Self {
        Self {
            suite,
            verification_method: verification_method.into(),
            purpose: Relationship::AssertionMethod,
            created_ms: Some(now_ms),
            expires_ms: None,
            id: None,
            domain: Vec::new(),
            challenge: None,
            previous: Vec::new(),
        }
    }

    /// A proof of who one is, made at this time for a verifier's challenge.
    pub fn authentication(
        suite: Suite,
        verification_method: impl Into<String>,
        now_ms: i64,
        challenge: impl Into<String>,
        domain: impl Into<String>,
    ) -> Self {
        Self {
            purpose: Relationship::Authentication,
            challenge: Some(challenge.into()),
            domain: vec![domain.into()],
            ..Self::assertion(suite, verification_method, now_ms)
        }
    }

    /// The proof without its value. The suites over JCS copy the document's `@context` into it.
    pub(super) fn to_value(&self, context: Option<&Value>) -> Result<Value, Malformed> {
        let time = |ms: i64| {
            let text = timestamp::format(ms).map(Value::from);
            text.ok_or_else(|| Malformed::new(code::DATE_INVALID, "a time is beyond the year 9999"))
        };
        let mut proof = Map::new();
        if let Some(context) = context {
            proof.insert("@context".into(), context.clone());
        }
        if let Some(id) = &self.id {
            proof.insert("id".into(), id.as_str().into());
        }
        proof.insert("type".into(), Proof::TYPE.into());
        proof.insert("cryptosuite".into(), self.suite.name().into());
        proof.insert(
            "verificationMethod".into(),
            self.verification_method.as_str().into(),
        );
        proof.insert("proofPurpose".into(), self.purpose.name().into());
        if let Some(created) = self.created_ms {
            proof.insert("created".into(), time(created)?);
        }
        if let Some(expires) = self.expires_ms {
            proof.insert("expires".into(), time(expires)?);
        }
        if let Some(challenge) = &self.challenge {
            proof.insert("challenge".into(), challenge.as_str().into());
        }
        for (name, values) in [("domain", &self.domain), ("previousProof", &self.previous)] {
            match values.as_slice() {
                [] => None,
                [one] => proof.insert(name.into(), one.as_str().into()),
                some => proof.insert(name.into(), some.into()),
            };
        }
        Ok(Value::Object(proof))
    }
}
