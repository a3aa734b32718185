//! DID documents, parsed: what a chain stores is well formed, bounded, and can act.
//!
//! The stored form is the protobuf record, and [`Document`] is the proof that it keeps the rules: parsing a record and making it
//! a record again gives the same bytes. So a document has one encoding, one hash and one proof, whichever way it is rendered.
//! There are two renderings, one for W3C's clients and one for BIF's; what only one of them could show is refused here.

use starfire_proto::v1;

use crate::id::Did;
use crate::key::{KeyAlgorithm, PublicKey};
use crate::verification_key::VerificationKey;

mod bid;
mod error;
pub(crate) mod json;
mod name;
mod parse;
mod policy;
#[cfg(test)]
pub(crate) mod sample;
mod subject;
#[cfg(test)]
mod tests;
mod w3c;

pub use bid::{FromBid, from_bid};
pub use error::DocumentError;
pub use json::FormError;
pub use name::NameKind;
pub use policy::{Policy, PolicyError, WEIGHT_MAX};
pub use subject::{
    Attribute, AttributeFormat, CredentialKind, DelegateSign, PublicCredential, Subject,
    SubjectType,
};
pub use w3c::from_w3c;

pub(crate) use bid::RESOLVER;
pub(crate) use json::Object;

/// The largest document, bytes of its record.
pub const DOCUMENT_BYTES_MAX: usize = 16 * 1024;
/// The most controllers, guardians, keys, services, attributes or other names, each.
pub const ENTRIES_MAX: usize = 32;
/// The longest service type, bytes.
pub const SERVICE_TYPE_BYTES_MAX: usize = 64;
/// The longest name of an attribute, bytes.
pub const ATTRIBUTE_KEY_BYTES_MAX: usize = 128;
/// The longest description of an attribute, bytes. Its value is bounded by the document.
pub const ATTRIBUTE_DESCRIPTION_BYTES_MAX: usize = 512;
/// The longest `delegateSign` signature, characters.
pub const SIGNATURE_VALUE_BYTES_MAX: usize = 512;
/// How long a recovery can wait for a veto at most, milliseconds: 90 days.
pub const RECOVERY_DELAY_MS_MAX: i64 = 90 * 24 * 60 * 60 * 1000;
/// How long a resolver may keep a document that says nothing of it, seconds.
pub const TTL_SECONDS_DEFAULT: u32 = 24 * 60 * 60;
/// How long a resolver may keep a document at most, seconds: 30 days.
pub const TTL_SECONDS_MAX: u32 = 30 * 24 * 60 * 60;

/// A document that keeps the rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    id: Did,
    controllers: Policy,
    methods: Vec<Method>,
    relationships: Relationships,
    services: Vec<Service>,
    also_known_as: Vec<String>,
    recovery: Option<Recovery>,
    ttl_seconds: Option<u32>,
    subject: Subject,
}

/// A key of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Method {
    /// The DID, `#`, a fragment.
    pub id: String,
    /// The key.
    pub key: VerificationKey,
    /// How the W3C rendering shows it.
    pub form: KeyForm,
}

/// How the W3C rendering shows a key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum KeyForm {
    /// `Multikey`, with `publicKeyMultibase`.
    #[default]
    Multikey,
    /// `JsonWebKey`, with `publicKeyJwk`.
    Jwk,
}

/// What a key may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Relationship {
    /// To act as the DID.
    Authentication,
    /// To sign claims.
    AssertionMethod,
    /// To agree on a key for encryption.
    KeyAgreement,
    /// To use what the DID was allowed.
    CapabilityInvocation,
    /// To hand on what the DID was allowed.
    CapabilityDelegation,
}

impl Relationship {
    /// All of them, in the order of DID Core §5.3.
    pub const ALL: [Self; 5] = [
        Self::Authentication,
        Self::AssertionMethod,
        Self::KeyAgreement,
        Self::CapabilityInvocation,
        Self::CapabilityDelegation,
    ];

    /// Its name in the W3C data model.
    pub fn name(self) -> &'static str {
        match self {
            Self::Authentication => "authentication",
            Self::AssertionMethod => "assertionMethod",
            Self::KeyAgreement => "keyAgreement",
            Self::CapabilityInvocation => "capabilityInvocation",
            Self::CapabilityDelegation => "capabilityDelegation",
        }
    }

    /// A record's ids of keys that may be used so.
    fn ids_of(self, record: &mut v1::DidDocument) -> &mut Vec<String> {
        match self {
            Self::Authentication => &mut record.authentication,
            Self::AssertionMethod => &mut record.assertion_method,
            Self::KeyAgreement => &mut record.key_agreement,
            Self::CapabilityInvocation => &mut record.capability_invocation,
            Self::CapabilityDelegation => &mut record.capability_delegation,
        }
    }

    /// Whether such a key can be used so at all.
    fn suits(self, key: &VerificationKey) -> bool {
        match self {
            Self::KeyAgreement => !key.signs(),
            Self::Authentication
            | Self::AssertionMethod
            | Self::CapabilityInvocation
            | Self::CapabilityDelegation => key.signs(),
        }
    }
}

/// Ids of keys, by what they are for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Relationships {
    authentication: Vec<String>,
    assertion_method: Vec<String>,
    key_agreement: Vec<String>,
    capability_invocation: Vec<String>,
    capability_delegation: Vec<String>,
}

/// A service of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// The DID, `#`, a fragment.
    pub id: String,
    /// What kind of service, e.g. `LinkedDomains`.
    pub kind: String,
    /// Where: an absolute URI.
    pub endpoint: String,
}

/// Who may give the DID new keys when its own are lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// Who decides.
    pub guardians: Policy,
    /// How long the controllers may veto.
    pub delay_ms: i64,
}

impl Document {
    /// The least document: one key, to log in and to sign claims with.
    pub fn for_key(did: &Did, key: &PublicKey) -> Self {
        let id = format!("{did}#key-1");
        Self {
            id: *did,
            controllers: Policy::default(),
            methods: vec![Method {
                id: id.clone(),
                key: VerificationKey::Account(*key),
                form: KeyForm::Multikey,
            }],
            relationships: Relationships {
                authentication: vec![id.clone()],
                assertion_method: vec![id],
                ..Relationships::default()
            },
            services: Vec::new(),
            also_known_as: Vec::new(),
            recovery: None,
            ttl_seconds: None,
            subject: Subject::default(),
        }
    }

    /// Whom it is about.
    pub fn id(&self) -> &Did {
        &self.id
    }

    /// Who may change it, where that is not (only) the DID itself.
    pub fn controllers(&self) -> &[Did] {
        self.controllers.members()
    }

    /// The controllers with their weights and threshold, as written: without members, the DID itself is in control.
    pub fn controller_policy(&self) -> &Policy {
        &self.controllers
    }

    /// Who must agree to a change.
    // DID Core §5.1.2: without a controller property, the DID subject is in control.
    pub fn control(&self) -> Policy {
        if self.controllers.members().is_empty() {
            Policy::of_one(self.id)
        } else {
            self.controllers.clone()
        }
    }

    /// Its keys.
    pub fn methods(&self) -> &[Method] {
        &self.methods
    }

    /// The key with this id.
    pub fn method(&self, id: &str) -> Option<&Method> {
        self.methods.iter().find(|method| method.id == id)
    }

    /// Ids of the keys that may be used so.
    pub fn key_ids(&self, relationship: Relationship) -> &[String] {
        let of = &self.relationships;
        match relationship {
            Relationship::Authentication => &of.authentication,
            Relationship::AssertionMethod => &of.assertion_method,
            Relationship::KeyAgreement => &of.key_agreement,
            Relationship::CapabilityInvocation => &of.capability_invocation,
            Relationship::CapabilityDelegation => &of.capability_delegation,
        }
    }

    /// Ids of the keys that may act for the DID.
    pub fn authentication(&self) -> &[String] {
        self.key_ids(Relationship::Authentication)
    }

    /// Ids of the keys that may sign claims for the DID.
    pub fn assertion_method(&self) -> &[String] {
        self.key_ids(Relationship::AssertionMethod)
    }

    /// Its services.
    pub fn services(&self) -> &[Service] {
        &self.services
    }

    /// Other names of the same subject: URIs.
    pub fn also_known_as(&self) -> &[String] {
        &self.also_known_as
    }

    /// Who may give it new keys when its own are lost.
    pub fn recovery(&self) -> Option<&Recovery> {
        self.recovery.as_ref()
    }

    /// How long a resolver may keep it.
    pub fn ttl_seconds(&self) -> u32 {
        self.ttl_seconds.unwrap_or(TTL_SECONDS_DEFAULT)
    }

    /// How long it says that a resolver may keep it, if it says so.
    pub(crate) fn written_ttl(&self) -> Option<u32> {
        self.ttl_seconds
    }

    /// What it says of its subject.
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The keys that may act for the DID on a chain: those that sign transactions. At least one.
    pub fn authentication_keys(&self) -> impl Iterator<Item = &PublicKey> {
        self.authentication()
            .iter()
            .filter_map(|id| self.method(id)?.key.account_key())
    }

    /// Whether this account alone may change the document.
    pub fn is_controlled_by(&self, account: &Did) -> bool {
        self.control().is_met_by(|did| did == account)
    }

    /// Whether both have the same keys, for the same uses.
    pub fn has_keys_of(&self, other: &Self) -> bool {
        self.methods == other.methods && self.relationships == other.relationships
    }
}

impl From<&Document> for v1::DidDocument {
    fn from(document: &Document) -> Self {
        let controller = document.id.to_string();
        let method = |method: &Method| v1::VerificationMethod {
            id: method.id.clone(),
            controller: controller.clone(),
            form: match method.form {
                KeyForm::Multikey => v1::KeyForm::Multikey.into(),
                KeyForm::Jwk => v1::KeyForm::Jwk.into(),
            },
            ..record_key(&method.key)
        };
        let service = |service: &Service| v1::DidService {
            id: service.id.clone(),
            r#type: service.kind.clone(),
            endpoint: service.endpoint.clone(),
        };
        let dids = |policy: &Policy| policy.members().iter().map(Did::to_string).collect();
        let uses = |relationship| document.key_ids(relationship).to_vec();
        let subject = &document.subject;
        Self {
            id: document.id.to_string(),
            controller: dids(&document.controllers),
            verification_method: document.methods.iter().map(method).collect(),
            authentication: uses(Relationship::Authentication),
            assertion_method: uses(Relationship::AssertionMethod),
            service: document.services.iter().map(service).collect(),
            also_known_as: document.also_known_as.clone(),
            key_agreement: uses(Relationship::KeyAgreement),
            capability_invocation: uses(Relationship::CapabilityInvocation),
            capability_delegation: uses(Relationship::CapabilityDelegation),
            controller_weight: document.controllers.weights().to_vec(),
            controller_threshold: document.controllers.written_threshold(),
            recovery: document.recovery.as_ref().map(|recovery| v1::DidRecovery {
                guardian: dids(&recovery.guardians),
                weight: recovery.guardians.weights().to_vec(),
                threshold: recovery.guardians.written_threshold(),
                delay_ms: recovery.delay_ms,
            }),
            ttl: document.ttl_seconds.unwrap_or(0),
            subject_type: subject.kind.record_number(),
            attribute: subject.attributes.iter().map(record_attribute).collect(),
            acsn: subject.chains.iter().map(ToString::to_string).collect(),
            credential: subject
                .credentials
                .iter()
                .map(|credential| v1::DidCredential {
                    id: credential.id.to_string(),
                    r#type: credential.kind.number(),
                })
                .collect(),
            delegate_sign: subject
                .delegate_sign
                .as_ref()
                .map(|delegate| v1::DidDelegateSign {
                    signer: delegate.signer.clone(),
                    signature_value: delegate.signature_value.clone(),
                }),
        }
    }
}

/// The key of a verification method, if it is one.
pub(crate) fn key_of(method: &v1::VerificationMethod) -> Option<VerificationKey> {
    parse::verification_key(method).ok()
}

/// A verification method with nothing but its key.
fn record_key(key: &VerificationKey) -> v1::VerificationMethod {
    let (algorithm, raw): (_, &[u8]) = match key {
        VerificationKey::Account(key) => match key.algorithm() {
            KeyAlgorithm::Ed25519 => (v1::KeyAlgorithm::Ed25519, key.raw()),
            KeyAlgorithm::Sm2 => (v1::KeyAlgorithm::Sm2, key.raw()),
        },
        VerificationKey::P256(point) => (v1::KeyAlgorithm::P256, point),
        VerificationKey::Secp256k1(point) => (v1::KeyAlgorithm::Secp256k1, point),
        VerificationKey::X25519(raw) => (v1::KeyAlgorithm::X25519, raw),
    };
    v1::VerificationMethod {
        algorithm: algorithm.into(),
        public_key: raw.to_vec(),
        ..v1::VerificationMethod::default()
    }
}

fn record_attribute(attribute: &Attribute) -> v1::DidAttribute {
    v1::DidAttribute {
        key: attribute.key.clone(),
        description: attribute.description.clone(),
        encrypted: attribute.encrypted,
        format: attribute
            .format
            .map_or_else(String::new, |format| format.as_str().to_owned()),
        value: attribute.value.clone(),
    }
}
