//! `extension`: the one object that both renderings keep what W3C's data model has no word for in.
//!
//! BIF's names (RFC-005) where BIF has them; what only this chain knows, weights and the delay of a recovery, stands beside them.
//! A property is left out where it says nothing, so the commonest documents have no extension in their W3C view.

use serde_json::{Map, Value, json};

use crate::document::{
    Attribute, Document, Policy, PublicCredential, Recovery, Subject, SubjectType,
};
use crate::id::Did;

/// What stands in the extension of either view.
pub(crate) fn of(document: &Document) -> Map<String, Value> {
    let mut extension = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            extension.insert(name.to_owned(), value);
        }
    };
    let control = document.controller_policy();
    put("controllerWeight", weights(control));
    put("controllerThreshold", threshold(control));
    if let Some(recovery) = document.recovery() {
        put("recovery", Some(guardian_keys(document, recovery)));
        put("recoveryWeight", weights(&recovery.guardians));
        put("recoveryThreshold", threshold(&recovery.guardians));
        let delay = (recovery.delay_ms > 0).then(|| json!(recovery.delay_ms));
        put("recoveryDelayMs", delay);
    }
    put("ttl", document.written_ttl().map(|ttl| json!(ttl)));
    let Subject {
        kind,
        attributes,
        chains,
        credentials,
        delegate_sign,
    } = document.subject();
    let known = (*kind != SubjectType::Other).then(|| json!(kind.number()));
    put("type", known);
    put("attributes", list(attributes, attribute));
    put("acsns", list(chains, |code| json!(code.as_str())));
    put("verifiableCredentials", list(credentials, credential));
    let delegate = delegate_sign.as_ref().map(
        |delegate| json!({ "signer": delegate.signer, "signatureValue": delegate.signature_value }),
    );
    put("delegateSign", delegate);
    extension
}

fn list<T>(items: &[T], render: impl Fn(&T) -> Value) -> Option<Value> {
    (!items.is_empty()).then(|| items.iter().map(render).collect())
}

fn weights(policy: &Policy) -> Option<Value> {
    list(policy.weights(), |weight| json!(weight))
}

fn threshold(policy: &Policy) -> Option<Value> {
    let written = policy.written_threshold();
    (written > 0).then(|| json!(written))
}

/// BIF names keys that recover, this chain DIDs: a guardian is shown as its key in the document, or as its own first key.
fn guardian_keys(document: &Document, recovery: &Recovery) -> Value {
    let code = document.id().chain_code();
    let key_id = |guardian: &Did| {
        let own = document.methods().iter().find(|method| {
            method
                .key
                .account_key()
                .is_some_and(|key| key.address(code.as_ref()) == *guardian)
        });
        own.map_or_else(|| format!("{guardian}#key-1"), |method| method.id.clone())
    };
    recovery.guardians.members().iter().map(key_id).collect()
}

/// An attribute, as RFC-005 has it.
pub(crate) fn attribute(attribute: &Attribute) -> Value {
    let mut properties = Map::new();
    properties.insert("key".into(), json!(attribute.key));
    if !attribute.description.is_empty() {
        properties.insert("desc".into(), json!(attribute.description));
    }
    properties.insert("encrypt".into(), json!(u8::from(attribute.encrypted)));
    if let Some(format) = attribute.format {
        properties.insert("format".into(), json!(format.as_str()));
    }
    if !attribute.value.is_empty() {
        properties.insert("value".into(), json!(attribute.value));
    }
    Value::Object(properties)
}

/// A public credential, as RFC-005 has it.
pub(crate) fn credential(credential: &PublicCredential) -> Value {
    json!({ "id": credential.id.to_string(), "type": credential.kind.number() })
}
