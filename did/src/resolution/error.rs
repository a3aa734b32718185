//! Why a DID does not resolve, or a DID URL does not dereference: problem details of RFC 9457.

use serde_json::{Value, json};

use crate::dereference::DereferenceError;

/// What all types begin with.
const NAMESPACE: &str = "https://www.w3.org/ns/did#";
/// Where Controlled Identifiers keep theirs.
const SECURITY_NAMESPACE: &str = "https://w3id.org/security#";
/// Where ours are, which say that this resolver cannot answer now, and nothing of the DID.
const OWN_NAMESPACE: &str = "urn:starfire:code:";

/// The kinds of problem that the standard names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProblemKind {
    /// Not a DID.
    InvalidDid,
    /// Not a DID URL.
    InvalidDidUrl,
    /// An option has a value that it cannot have.
    InvalidOptions,
    /// There is no such DID, version, or part of its document.
    NotFound,
    /// It cannot be had in a media type that the caller takes.
    RepresentationNotSupported,
    /// A method that is not resolved here.
    MethodNotSupported,
    /// An option that is not known here, or a chain that is not served.
    FeatureNotSupported,
    /// What the chain holds is no document.
    InvalidDidDocument,
    /// It is no key.
    InvalidVerificationMethod,
    /// The key is not for the use that was asked about.
    InvalidRelationship,
    /// Anything else.
    InternalError,
    /// Ours: no gateway of the DID's sub-chain answered.
    ResolverUnreachable,
    /// Ours: what a gateway of the DID's sub-chain answered is not proved.
    ResolverUnproven,
    /// Ours: no header of the DID's sub-chain is anchored yet.
    ChainNotAnchored,
    /// Ours: the DID's sub-chain is frozen, so that nothing it says is believed.
    ChainFrozen,
    /// Ours: more work than is taken on at once, or in one answer.
    Busy,
    /// Ours: the node is going down.
    Stopping,
}

impl ProblemKind {
    /// Every kind.
    pub const ALL: [Self; 17] = [
        Self::InvalidDid,
        Self::InvalidDidUrl,
        Self::InvalidOptions,
        Self::NotFound,
        Self::RepresentationNotSupported,
        Self::MethodNotSupported,
        Self::FeatureNotSupported,
        Self::InvalidDidDocument,
        Self::InvalidVerificationMethod,
        Self::InvalidRelationship,
        Self::InternalError,
        Self::ResolverUnreachable,
        Self::ResolverUnproven,
        Self::ChainNotAnchored,
        Self::ChainFrozen,
        Self::Busy,
        Self::Stopping,
    ];

    /// The fragment of its type.
    pub fn name(self) -> &'static str {
        match self {
            Self::InvalidDid => "INVALID_DID",
            Self::InvalidDidUrl => "INVALID_DID_URL",
            Self::InvalidOptions => "INVALID_OPTIONS",
            Self::NotFound => "NOT_FOUND",
            Self::RepresentationNotSupported => "REPRESENTATION_NOT_SUPPORTED",
            Self::MethodNotSupported => "METHOD_NOT_SUPPORTED",
            Self::FeatureNotSupported => "FEATURE_NOT_SUPPORTED",
            Self::InvalidDidDocument => "INVALID_DID_DOCUMENT",
            Self::InvalidVerificationMethod => "INVALID_VERIFICATION_METHOD",
            Self::InvalidRelationship => "INVALID_RELATIONSHIP_FOR_VERIFICATION_METHOD",
            Self::InternalError => "INTERNAL_ERROR",
            Self::ResolverUnreachable => "RESOLVER_UNREACHABLE",
            Self::ResolverUnproven => "RESOLVER_UNPROVEN",
            Self::ChainNotAnchored => "CHAIN_NOT_ANCHORED",
            Self::ChainFrozen => "CHAIN_FROZEN",
            Self::Busy => "GATEWAY_BUSY",
            Self::Stopping => "GATEWAY_STOPPING",
        }
    }

    /// The kind of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether it is no outcome of resolving, but says that this resolver has none now.
    pub fn is_of_the_resolver(self) -> bool {
        self.namespace() == OWN_NAMESPACE
    }

    fn namespace(self) -> &'static str {
        match self {
            Self::InvalidVerificationMethod | Self::InvalidRelationship => SECURITY_NAMESPACE,
            Self::InvalidDid
            | Self::InvalidDidUrl
            | Self::InvalidOptions
            | Self::NotFound
            | Self::RepresentationNotSupported
            | Self::MethodNotSupported
            | Self::FeatureNotSupported
            | Self::InvalidDidDocument
            | Self::InternalError => NAMESPACE,
            Self::ResolverUnreachable
            | Self::ResolverUnproven
            | Self::ChainNotAnchored
            | Self::ChainFrozen
            | Self::Busy
            | Self::Stopping => OWN_NAMESPACE,
        }
    }

    /// The HTTP status that it goes by.
    // DID Resolution §12.1: the table of error types; "(any other error URI)": 500.
    pub fn status(self) -> u16 {
        match self {
            Self::InvalidDid | Self::InvalidDidUrl | Self::InvalidOptions => 400,
            Self::NotFound => 404,
            Self::RepresentationNotSupported => 406,
            Self::MethodNotSupported | Self::FeatureNotSupported => 501,
            Self::InvalidDidDocument
            | Self::InvalidVerificationMethod
            | Self::InvalidRelationship
            | Self::InternalError => 500,
            // RFC 9110 §15.6: what stands behind this node answered badly, or it cannot answer for now.
            Self::ResolverUnproven | Self::ChainFrozen => 502,
            Self::ResolverUnreachable | Self::ChainNotAnchored | Self::Busy | Self::Stopping => 503,
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::InvalidDid => "Not a DID",
            Self::InvalidDidUrl => "Not a DID URL",
            Self::InvalidOptions => "Invalid options",
            Self::NotFound => "Not found",
            Self::RepresentationNotSupported => "No such representation",
            Self::MethodNotSupported => "DID method not supported",
            Self::FeatureNotSupported => "Not supported here",
            Self::InvalidDidDocument => "Invalid DID document",
            Self::InvalidVerificationMethod => "Not a key",
            Self::InvalidRelationship => "The key is not for this use",
            Self::InternalError => "Internal error",
            Self::ResolverUnreachable => "No gateway of the sub-chain answers",
            Self::ResolverUnproven => "The sub-chain's answer is not proved",
            Self::ChainNotAnchored => "The sub-chain is not anchored yet",
            Self::ChainFrozen => "The sub-chain is frozen",
            Self::Busy => "Too much at once",
            Self::Stopping => "The node is going down",
        }
    }
}

/// A problem: its kind, and a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {detail}", kind.name())]
pub struct Problem {
    /// What kind.
    pub kind: ProblemKind,
    /// What to do about it, for people.
    pub detail: String,
}

impl From<&DereferenceError> for Problem {
    fn from(error: &DereferenceError) -> Self {
        let kind = error.uri().rsplit('#').next().and_then(ProblemKind::named);
        Self::new(
            kind.unwrap_or(ProblemKind::InternalError),
            error.to_string(),
        )
    }
}

impl Problem {
    /// A problem of this kind.
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
        }
    }

    /// The error object of the standard.
    pub fn to_json(&self) -> Value {
        json!({
            "type": format!("{}{}", self.kind.namespace(), self.kind.name()),
            "title": self.kind.title(),
            "detail": self.detail,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_type_and_status() {
        for kind in ProblemKind::ALL {
            let error = Problem::new(kind, "why").to_json();
            let uri = error["type"].as_str().unwrap();
            assert!(uri.ends_with(kind.name()), "{uri}");
            assert_eq!(ProblemKind::named(kind.name()), Some(kind));
            let statuses: &[u16] = match kind.is_of_the_resolver() {
                true => &[502, 503],
                false => &[400, 404, 406, 500, 501],
            };
            assert!(statuses.contains(&kind.status()), "{uri}");
        }
    }

    #[test]
    fn what_cannot_be_dereferenced_keeps_its_type() {
        for error in [
            DereferenceError::PathAndService,
            DereferenceError::NotFound("it".into()),
            DereferenceError::Representation("it"),
            DereferenceError::NotAMethod("it".into()),
        ] {
            assert_eq!(Problem::from(&error).to_json()["type"], error.uri());
        }
    }
}
