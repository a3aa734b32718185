//! `extension`: the one object that both renderings keep what W3C's data model has no word for in.
//!
//! BIF's names (RFC-005) where BIF has them; what only this chain knows, weights and the delay of a recovery, stands beside them.
//! A property is left out where it says nothing, so the commonest documents have no extension in their W3C view.

use serde_json::{Map, Value, json};
use starfire_proto::v1;

use crate::document::{
    Attribute, Document, FormError, Object, Policy, PublicCredential, Recovery, Subject,
    SubjectType, TTL_SECONDS_DEFAULT, key_of,
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

/// Reads an extension into a record that has its keys already. The rest of the object is the caller's.
pub(crate) fn read(object: &mut Object<'_>, record: &mut v1::DidDocument) -> Result<(), FormError> {
    record.controller_weight = object.numbers("controllerWeight")?;
    record.controller_threshold = object.number("controllerThreshold")?.unwrap_or(0);
    record.recovery = read_recovery(object, record)?;
    record.ttl = object
        .number("ttl")?
        .filter(|ttl| *ttl != TTL_SECONDS_DEFAULT)
        .unwrap_or(0);
    record.subject_type = object
        .number("type")?
        .filter(|number| *number != SubjectType::Other.number())
        .unwrap_or(0);
    record.attribute = read_attributes(object)?;
    record.acsn = object.texts("acsns")?;
    for mut entry in object.objects("verifiableCredentials")? {
        record.credential.push(v1::DidCredential {
            id: entry.text("id")?.to_owned(),
            r#type: entry.number("type")?.unwrap_or(0),
        });
        entry.finish()?;
    }
    // Several of the specifications' examples have a space at the end of the name.
    for name in ["delegateSign", "delegateSign "] {
        if let Some(mut delegate) = object.object(name)? {
            record.delegate_sign = Some(v1::DidDelegateSign {
                signer: delegate.text("signer")?.to_owned(),
                signature_value: delegate.text("signatureValue")?.to_owned(),
            });
            delegate.finish()?;
        }
    }
    Ok(())
}

fn read_recovery(
    object: &mut Object<'_>,
    record: &v1::DidDocument,
) -> Result<Option<v1::DidRecovery>, FormError> {
    let path = object.path("recovery");
    let key_ids = object.texts("recovery")?;
    let recovery = v1::DidRecovery {
        guardian: guardians(&path, &key_ids, record)?,
        weight: object.numbers("recoveryWeight")?,
        threshold: object.number("recoveryThreshold")?.unwrap_or(0),
        delay_ms: object.long("recoveryDelayMs")?.unwrap_or(0),
    };
    Ok((recovery != v1::DidRecovery::default()).then_some(recovery))
}

/// Whose the keys are that recover: for a key of the document, the account that the key has by itself. The DID's own first key is
/// left out: it needs no recovery to act, and when it is lost it recovers nothing.
fn guardians(
    path: &str,
    key_ids: &[String],
    record: &v1::DidDocument,
) -> Result<Vec<String>, FormError> {
    let own = Did::parse(&record.id).ok();
    let code = own.and_then(|did| did.chain_code());
    let mut guardians = Vec::new();
    for (key_id, at) in key_ids.iter().zip(0..) {
        let (base, _) = key_id.split_once('#').unwrap_or((key_id, ""));
        let guardian = if base == record.id {
            let methods = &record.verification_method;
            methods
                .iter()
                .find(|method| method.id == *key_id)
                .and_then(|method| Some(key_of(method)?.account_key()?.address(code.as_ref())))
        } else {
            Did::parse(base).ok()
        };
        match guardian {
            Some(guardian) if Some(guardian) == own => {}
            Some(guardian) => guardians.push(guardian.to_string()),
            None => {
                return Err(FormError::Expected {
                    path: format!("{path}[{at}]"),
                    expected: "another DID's key, or an Ed25519 or SM2 key of the document",
                });
            }
        }
    }
    Ok(guardians)
}

/// Attributes, wherever they stand.
pub(crate) fn read_attributes(object: &mut Object<'_>) -> Result<Vec<v1::DidAttribute>, FormError> {
    let mut attributes = Vec::new();
    for mut entry in object.objects("attributes")? {
        attributes.push(v1::DidAttribute {
            key: entry.text("key")?.to_owned(),
            description: entry.optional_text("desc")?.unwrap_or_default().to_owned(),
            encrypted: is_encrypted(&mut entry)?,
            format: entry
                .optional_text("format")?
                .unwrap_or_default()
                .to_owned(),
            value: entry.optional_text("value")?.unwrap_or_default().to_owned(),
        });
        entry.finish()?;
    }
    Ok(attributes)
}

/// 0 or 1 in RFC-005's tables, `"false"` in its examples.
fn is_encrypted(attribute: &mut Object<'_>) -> Result<bool, FormError> {
    let path = attribute.path("encrypt");
    match attribute.take("encrypt") {
        None => Ok(false),
        Some(value) if *value == json!(0) || *value == json!(false) => Ok(false),
        Some(value) if *value == json!(1) || *value == json!(true) => Ok(true),
        Some(Value::String(text)) if text == "0" || text == "false" => Ok(false),
        Some(Value::String(text)) if text == "1" || text == "true" => Ok(true),
        Some(_) => Err(FormError::Expected {
            path,
            expected: "0 or 1",
        }),
    }
}
