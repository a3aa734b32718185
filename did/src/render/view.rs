//! The W3C document as it is written out: its members in the byte order of their names, so that the text is the same whether it is
//! written straight from here or from a tree of values.

use serde::Serialize;
use serde_json::{Map, Value};

use super::{EXTENSION, Representation};
use crate::document::{Document, KeyForm, Method, Relationship, Service};
use crate::extension;
use crate::id::Did;

/// A document in one form, with some of its services.
#[derive(Serialize)]
pub(crate) struct View<'a> {
    #[serde(rename = "@context", skip_serializing_if = "Option::is_none")]
    context: Option<Vec<Context>>,
    #[serde(rename = "alsoKnownAs", skip_serializing_if = "<[_]>::is_empty")]
    also_known_as: &'a [String],
    #[serde(rename = "assertionMethod", skip_serializing_if = "<[_]>::is_empty")]
    assertion_method: &'a [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    authentication: &'a [String],
    #[serde(
        rename = "capabilityDelegation",
        skip_serializing_if = "<[_]>::is_empty"
    )]
    capability_delegation: &'a [String],
    #[serde(
        rename = "capabilityInvocation",
        skip_serializing_if = "<[_]>::is_empty"
    )]
    capability_invocation: &'a [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    controller: &'a [Did],
    #[serde(skip_serializing_if = "Map::is_empty")]
    extension: Map<String, Value>,
    id: &'a str,
    #[serde(rename = "keyAgreement", skip_serializing_if = "<[_]>::is_empty")]
    key_agreement: &'a [String],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    service: Vec<ServiceView<'a>>,
    #[serde(rename = "verificationMethod", skip_serializing_if = "Vec::is_empty")]
    verification_method: Vec<MethodView<'a>>,
}

/// One item of `@context`.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Context {
    Name(&'static str),
    Extension { extension: Term },
}

/// What `extension` means to a JSON-LD processor.
#[derive(Serialize)]
pub(super) struct Term {
    #[serde(rename = "@id")]
    id: &'static str,
    #[serde(rename = "@type")]
    kind: &'static str,
}

impl Context {
    pub(super) const EXTENSION: Self = Self::Extension {
        extension: Term {
            id: EXTENSION,
            kind: "@json",
        },
    };
}

/// A key as a verification method.
#[derive(Serialize)]
pub(super) struct MethodView<'a> {
    controller: &'a str,
    id: &'a str,
    #[serde(rename = "publicKeyJwk", skip_serializing_if = "Option::is_none")]
    jwk: Option<Value>,
    #[serde(rename = "publicKeyMultibase", skip_serializing_if = "Option::is_none")]
    multibase: Option<String>,
    #[serde(rename = "type")]
    kind: &'static str,
}

/// A service.
#[derive(Serialize)]
pub(super) struct ServiceView<'a> {
    id: &'a str,
    #[serde(rename = "serviceEndpoint")]
    endpoint: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
}

impl<'a> View<'a> {
    /// `did` is the document's.
    pub(crate) fn new(
        document: &'a Document,
        did: &'a str,
        form: Representation,
        services: &'a [Service],
    ) -> Self {
        let extension = extension::of(document);
        let forms = || document.methods().iter().map(|method| method.form);
        let of = |relationship| document.key_ids(relationship);
        let methods = document.methods().iter();
        Self {
            context: form.context(forms(), !extension.is_empty()),
            also_known_as: document.also_known_as(),
            assertion_method: of(Relationship::AssertionMethod),
            authentication: of(Relationship::Authentication),
            capability_delegation: of(Relationship::CapabilityDelegation),
            capability_invocation: of(Relationship::CapabilityInvocation),
            controller: document.controllers(),
            extension,
            id: did,
            key_agreement: of(Relationship::KeyAgreement),
            service: services.iter().map(ServiceView::new).collect(),
            verification_method: methods.map(|method| MethodView::new(did, method)).collect(),
        }
    }
}

impl<'a> MethodView<'a> {
    pub(super) fn new(did: &'a str, method: &'a Method) -> Self {
        let (kind, multibase, jwk) = match method.form {
            KeyForm::Multikey => ("Multikey", Some(method.key.to_multikey()), None),
            KeyForm::Jwk => ("JsonWebKey", None, Some(method.key.to_jwk())),
        };
        Self {
            controller: did,
            id: &method.id,
            jwk,
            multibase,
            kind,
        }
    }
}

impl<'a> ServiceView<'a> {
    pub(super) fn new(service: &'a Service) -> Self {
        Self {
            id: &service.id,
            endpoint: &service.endpoint,
            kind: &service.kind,
        }
    }
}

/// The members of something that is an object.
pub(super) fn members(view: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(view) {
        Ok(Value::Object(members)) => members,
        Ok(_) | Err(_) => unreachable!("texts and lists of texts make an object"),
    }
}
