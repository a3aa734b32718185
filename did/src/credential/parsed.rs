//! A credential that was read and is well formed, whatever its format: what it says, and what signs it.
//!
//! Each format makes one of these: Data Integrity here, JOSE and SD-JWT elsewhere. Nothing in it is believed yet.

use serde_json::Value;

use super::malformed::Malformed;
use crate::verification_key::VerificationKey;

pub use crate::document::Relationship;

/// A signature with the very bytes that it is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// Which key: a DID URL (`verificationMethod`, or a JOSE `kid`); or the signer's DID alone, if that is allowed.
    pub method: String,
    /// Whether `method` may be the signer's DID alone, for any of its keys that fits: a token need not name the key.
    pub signer_alone: bool,
    /// What the key must be allowed to do.
    pub relationship: Relationship,
    /// The one curve ([`VerificationKey::curve`]) that the suite or algorithm is for.
    pub curve: &'static str,
    /// The suite's or algorithm's name, for people.
    pub suite: String,
    /// The bytes signed.
    pub message: Vec<u8>,
    /// The signature, 64 bytes for every curve.
    pub signature: Vec<u8>,
    /// When it was made, as the signer says.
    pub created_ms: Option<i64>,
    /// From when it holds.
    pub not_before_ms: Option<i64>,
    /// Until when it holds.
    pub expires_ms: Option<i64>,
}

impl Signed {
    /// Whose key it is, as the key's name says.
    pub fn controller(&self) -> &str {
        let controller = self.method.split_once('#');
        controller.map_or(self.method.as_str(), |(controller, _)| controller)
    }

    /// Whether this key made it. A key that everybody can sign for made nothing.
    pub fn holds(&self, key: &VerificationKey) -> bool {
        key.curve() == self.curve && key.is_sound() && key.verify(&self.message, &self.signature)
    }
}

/// A proof that travels with the credential and says that its holder showed it: SD-JWT's KB-JWT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyBinding {
    /// Made with the key to which the credential is bound. `method` is not looked at.
    pub signed: Signed,
    /// What the verifier asked to be signed (`nonce`).
    pub challenge: String,
    /// For whom (`aud`).
    pub domain: String,
}

/// The key to which a credential is bound (`cnf`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HolderKey {
    /// This one.
    Known(VerificationKey),
    /// One of a kind, or named in a way, that is not known here: what there is of it, for people.
    Unknown(String),
}

impl From<VerificationKey> for HolderKey {
    fn from(key: VerificationKey) -> Self {
        Self::Known(key)
    }
}

/// A schema that a credential says it satisfies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaReference {
    /// Its URL.
    pub id: String,
    /// `JsonSchema` and so on.
    pub kind: String,
}

/// Where a credential's status is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatusReference {
    /// A bit of a list of Bitstring Status List 1.0.
    List {
        /// The list's URL.
        list: String,
        /// `revocation`, `suspension`, `message`, `refresh` or another.
        purpose: String,
        /// Which entry.
        index: u64,
    },
    /// A kind of status not known here.
    Other {
        /// Its type.
        kind: String,
    },
}

/// What a credential says, and what signs it.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    /// The issuer: a DID or another URL.
    pub issuer: String,
    /// Its types, `VerifiableCredential` and `VerifiableAttestation`-like ones too, or SD-JWT's `vct`.
    pub types: Vec<String>,
    /// The ids of those whom it is about, where it names them. One per subject: `None` for a subject without an id.
    pub subjects: Vec<Option<String>>,
    /// Whether whom it is about may be among what its holder left out.
    pub subject_hidden: bool,
    /// For which verifiers it is (a token's `aud`). Empty: it does not say.
    pub audience: Vec<String>,
    /// The key that its holder must prove, where it is bound to one (`cnf`).
    pub holder_key: Option<HolderKey>,
    /// From when it is valid.
    pub valid_from_ms: Option<i64>,
    /// Until when it is valid, inclusively.
    pub valid_until_ms: Option<i64>,
    /// What it says of schemas.
    pub schemas: Vec<SchemaReference>,
    /// What it says of its status.
    pub statuses: Vec<StatusReference>,
    /// Signatures by suites that are known.
    pub signatures: Vec<Signed>,
    /// Names of suites of other signatures, which nothing is concluded from.
    pub unsupported: Vec<String>,
    /// A proof of the holder's key that came with it, or what keeps that from being read: for who asks for it, and for nobody else.
    pub key_binding: Option<Result<KeyBinding, Malformed>>,
    /// The claims as a whole.
    pub claims: Value,
}

impl Parsed {
    /// When it was issued, as it says: the issuer's earliest signature by a known suite. `None`: no signature says when it was made.
    ///
    /// Others' signatures do not count: anyone may add one to a set, with any date. Nor does `validFrom`: it may lie long before or after.
    // VCDM 2.0 §4.9: "validFrom" is when a credential "becomes valid", and may be in the future or in the past.
    pub fn signed_ms(&self) -> Option<i64> {
        let alone = self.signatures.len() == 1;
        let by_issuer = |signed: &&Signed| {
            let controller = signed.method.split_once('#').map(|(did, _)| did);
            alone || controller == Some(self.issuer.as_str())
        };
        self.signatures
            .iter()
            .filter(by_issuer)
            .filter_map(|signed| signed.created_ms)
            .min()
    }
}
