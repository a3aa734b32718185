//! Reads a W3C document, of DID 1.0 or 1.1, back into a record.
//!
//! Takes what other wallets write too: relative ids, keys embedded where they are used, and the older names of the two key types.

use serde_json::Value;
use starfire_proto::v1;

use super::json::{FormError, Object};
use super::{Document, Relationship};
use crate::extension;
use crate::verification_key::VerificationKey;

/// What `@context` begins with.
const CONTEXTS: [&str; 2] = [
    "https://www.w3.org/ns/did/v1",
    "https://www.w3.org/ns/did/v1.1",
];

/// The document that W3C's JSON says, with `@context` or without.
pub fn from_w3c(value: &Value) -> Result<Document, FormError> {
    let mut object = Object::of("", value)?;
    context(&mut object)?;
    let id = object.text("id")?.to_owned();
    let mut record = v1::DidDocument {
        controller: one_or_more(&mut object, "controller")?,
        also_known_as: object.texts("alsoKnownAs")?,
        ..v1::DidDocument::default()
    };
    for method in object.objects("verificationMethod")? {
        record.verification_method.push(read_method(&id, method)?);
    }
    for relationship in Relationship::ALL {
        let ids = references(&id, &mut object, relationship, &mut record)?;
        *relationship.ids_of(&mut record) = ids;
    }
    for entry in object.objects("service")? {
        record.service.push(service(&id, entry)?);
    }
    record.id = id;
    if let Some(mut held) = object.object("extension")? {
        extension::read(&mut held, &mut record)?;
        held.finish()?;
    }
    object.finish()?;
    Ok(Document::try_from(record)?)
}

fn context(object: &mut Object<'_>) -> Result<(), FormError> {
    let first = match object.take("@context") {
        None => return Ok(()),
        Some(Value::Array(contexts)) => contexts.first(),
        other => other,
    };
    let is_known = first
        .and_then(Value::as_str)
        .is_some_and(|first| CONTEXTS.contains(&first));
    if is_known {
        Ok(())
    } else {
        Err(FormError::Expected {
            path: "@context".into(),
            expected: "of a DID document",
        })
    }
}

/// A text, or a list of texts.
fn one_or_more(object: &mut Object<'_>, name: &'static str) -> Result<Vec<String>, FormError> {
    match object.take(name) {
        Some(Value::String(one)) => Ok(vec![one.clone()]),
        Some(_) | None => object.texts(name),
    }
}

/// Ids of keys. A key that stands here in full joins the others.
fn references(
    did: &str,
    object: &mut Object<'_>,
    relationship: Relationship,
    record: &mut v1::DidDocument,
) -> Result<Vec<String>, FormError> {
    let name = relationship.name();
    let path = object.path(name);
    let mut ids = Vec::new();
    for (value, at) in object.list(name)?.iter().zip(0..) {
        let path = format!("{path}[{at}]");
        let id = match value {
            Value::String(id) => absolute(did, id),
            Value::Object(_) => {
                let method = read_method(did, Object::of(&path, value)?)?;
                let id = method.id.clone();
                record.verification_method.push(method);
                id
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => {
                return Err(FormError::Expected {
                    path,
                    expected: "a key or its id",
                });
            }
        };
        ids.push(id);
    }
    Ok(ids)
}

/// A verification method.
pub(super) fn read_method(
    did: &str,
    mut object: Object<'_>,
) -> Result<v1::VerificationMethod, FormError> {
    let id = absolute(did, object.text("id")?);
    let controller = object.text("controller")?.to_owned();
    let (key, form) = match object.text("type")? {
        "Multikey" | "Ed25519VerificationKey2020" | "X25519KeyAgreementKey2020" => (
            VerificationKey::from_multikey(object.text("publicKeyMultibase")?),
            v1::KeyForm::Multikey,
        ),
        "JsonWebKey" | "JsonWebKey2020" => {
            let path = object.path("publicKeyJwk");
            let Some(jwk) = object.take("publicKeyJwk") else {
                return Err(FormError::Missing(path));
            };
            if jwk.get("d").is_some() {
                return Err(FormError::PrivateKey(path));
            }
            (VerificationKey::from_jwk(jwk), v1::KeyForm::Jwk)
        }
        _ => {
            return Err(FormError::Expected {
                path: object.path("type"),
                expected: "Multikey or JsonWebKey",
            });
        }
    };
    let Some(key) = key else {
        return Err(FormError::Expected {
            path: object.path("publicKeyMultibase or publicKeyJwk"),
            expected: "a key of Ed25519, SM2, P-256, secp256k1 or X25519",
        });
    };
    object.finish()?;
    Ok(v1::VerificationMethod {
        id,
        controller,
        form: form.into(),
        ..super::record_key(&key)
    })
}

fn service(did: &str, mut object: Object<'_>) -> Result<v1::DidService, FormError> {
    let service = v1::DidService {
        id: absolute(did, object.text("id")?),
        r#type: single(&mut object, "type")?,
        endpoint: single(&mut object, "serviceEndpoint")?,
    };
    object.finish()?;
    Ok(service)
}

/// A text, or a list of just one.
fn single(object: &mut Object<'_>, name: &'static str) -> Result<String, FormError> {
    let path = object.path(name);
    let mut texts = one_or_more(object, name)?;
    match (texts.pop(), texts.is_empty()) {
        (Some(one), true) => Ok(one),
        (Some(_), false) => Err(FormError::Expected {
            path,
            expected: "one text",
        }),
        (None, _) => Err(FormError::Missing(path)),
    }
}

// DID Core §3.2.2: a relative DID URL is one of the document's DID.
fn absolute(did: &str, id: &str) -> String {
    if id.starts_with('#') {
        format!("{did}{id}")
    } else {
        id.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::document::DocumentError;
    use crate::document::sample::{any_record, did, full};
    use crate::render::{self, Representation};

    fn rendered() -> Value {
        render::document(&Document::try_from(full()).unwrap())
    }

    /// A change to a good document, and what it is refused for.
    fn refused(change: impl FnOnce(&mut Value)) -> FormError {
        let mut value = rendered();
        change(&mut value);
        from_w3c(&value).unwrap_err()
    }

    #[test]
    fn relative_ids_embedded_keys_and_older_types_are_taken() {
        let did = did().to_string();
        let written = json!({
            "@context": "https://www.w3.org/ns/did/v1",
            "id": did,
            "controller": did,
            "authentication": [{
                "id": "#key-1", "type": "Ed25519VerificationKey2020", "controller": did,
                "publicKeyMultibase": "z6MkmRYbz4YPX9vkwDtasNUjre28WBKPfxCHxB2Bc5wvAoUh",
            }],
            "assertionMethod": ["#key-1"],
            "service": [{ "id": "#web", "type": ["LinkedDomains"], "serviceEndpoint": ["https://example.org/"] }],
        });
        let document = from_w3c(&written).unwrap();
        assert_eq!(document.assertion_method(), [format!("{did}#key-1")]);
        assert_eq!(document.controllers()[0].to_string(), did);
        assert_eq!(document.services()[0].id, format!("{did}#web"));
        let out = render::document(&document);
        assert_eq!(out["verificationMethod"][0]["type"], json!("Multikey"));
    }

    #[test]
    fn what_the_record_cannot_hold_is_refused_by_its_path() {
        assert_eq!(
            refused(|d| d["proof"] = json!({})),
            FormError::Unknown("proof".into())
        );
        assert_eq!(
            refused(|d| d["service"][0]["accept"] = json!("x")),
            FormError::Unknown("service[0].accept".into())
        );
        assert_eq!(
            refused(|d| d["verificationMethod"][0]["publicKeyMultibase"] = Value::Null),
            FormError::Missing("verificationMethod[0].publicKeyMultibase".into())
        );
        assert_eq!(
            refused(|d| d["verificationMethod"][2]["publicKeyJwk"]["d"] = json!("secret")),
            FormError::PrivateKey("verificationMethod[2].publicKeyJwk".into())
        );
        let expected = |change: fn(&mut Value)| {
            let error = refused(change);
            assert!(matches!(error, FormError::Expected { .. }), "{error}");
        };
        expected(|d| d["@context"] = json!(["https://example.org/"]));
        expected(|d| d["@context"] = json!([]));
        expected(|d| d["authentication"][0] = json!(7));
        expected(|d| d["verificationMethod"][0]["type"] = json!("JsonWebKey2019"));
        expected(|d| d["verificationMethod"][0]["publicKeyMultibase"] = json!("z6Mkm"));
        expected(|d| d["service"][0]["serviceEndpoint"] = json!({ "uri": "x" }));
        expected(|d| d["service"][0]["type"] = json!(["A", "B"]));
        expected(|d| d["alsoKnownAs"] = json!("x"));
        assert_eq!(
            refused(|d| d["authentication"][0] = json!("#key-9")),
            FormError::Document(DocumentError::UnknownKey(format!("{}#key-9", did())))
        );
    }

    proptest! {
        #[test]
        fn every_record_comes_back_from_every_w3c_view(record in any_record()) {
            let document = Document::try_from(record).unwrap();
            for form in Representation::ALL {
                let text = render::document_as(&document, form).to_string();
                let value: Value = serde_json::from_str(&text).unwrap();
                prop_assert_eq!(from_w3c(&value), Ok(document.clone()));
            }
        }

        #[test]
        fn no_json_makes_the_parsers_panic(name in "[a-zA-Z@]{1,9}", at in 0..20usize, text in "\\PC{0,9}") {
            let values = [json!(null), json!(true), json!(-1), json!(1e300), json!(text), json!([text]), json!({ text: 1 })];
            let mut value = rendered();
            for other in &values {
                let names: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
                value[names[at % names.len()].as_str()] = other.clone();
                value[name.as_str()] = other.clone();
                drop(from_w3c(&value));
                drop(crate::document::from_bid(&value));
                drop(from_w3c(other));
                drop(crate::document::from_bid(other));
            }
        }
    }
}
