//! Reads a BID document (RFC-004, RFC-005), as BIF's SDKs send it, back into a record.
//!
//! BIF's specifications and SDKs differ in spelling. Taken here: keys with BIF's envelope and without, both names of the resolver
//! service, `delegateSign` with the trailing space of the examples, attributes beside the extension and within. Times and the
//! `proof` are not the document's: the chain has times of its own, and a transaction is signed already.

use serde_json::Value;
use starfire_proto::v1;

use super::json::{FormError, Object};
use super::{Document, Relationship, name, w3c};
use crate::extension;
use crate::key::{KeyAlgorithm, PublicKey};
use crate::verification_key::VerificationKey;

/// The service of a sub-chain's resolver, in the SDKs' spelling.
pub(crate) const RESOLVER: &str = "DIDSubResolver";
/// The same in the specifications' examples.
const RESOLVER_IN_EXAMPLES: &str = "DIDSubResolve";

/// What BIF's JSON says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FromBid {
    /// The document.
    pub document: Document,
    /// A form of earlier examples that it has, for people: only chains of BIF's profile take it.
    pub legacy: Option<&'static str>,
}

/// The document that BIF's JSON says.
pub fn from_bid(value: &Value) -> Result<FromBid, FormError> {
    let mut legacy = None;
    let mut object = Object::of("", value)?;
    context(&mut object)?;
    object.optional_text("version")?;
    let id = object.text("id")?.to_owned();
    let mut record = v1::DidDocument {
        authentication: object.texts("authentication")?,
        ..v1::DidDocument::default()
    };
    for entry in object.objects("publicKey")? {
        record.verification_method.push(public_key(entry)?);
    }
    for entry in object.objects("alsoKnownAs")? {
        record.also_known_as.push(also_known_as(entry)?);
    }
    for entry in object.objects("service")? {
        record.service.push(service(entry, &mut legacy)?);
    }
    record.assertion_method.clone_from(&record.authentication);
    record.id = id;
    if let Some(mut held) = object.object("extension")? {
        keys_beyond_bif(&mut held, &mut record)?;
        extension::read(&mut held, &mut record)?;
        held.finish()?;
    }
    beside_the_extension(&mut object, &mut record)?;
    for ignored in ["created", "updated", "proof"] {
        object.take(ignored);
    }
    object.finish()?;
    Ok(FromBid {
        document: Document::try_from(record)?,
        legacy,
    })
}

// RFC-004 asks for https://www.w3.org/ns/did/v1; RFC-005's signed example has it without "www.".
fn context(object: &mut Object<'_>) -> Result<(), FormError> {
    let contexts = match object.take("@context") {
        None => return Err(FormError::Missing("@context".into())),
        Some(Value::Array(contexts)) => contexts.as_slice(),
        Some(one) => std::slice::from_ref(one),
    };
    let is_known = |context: &Value| {
        let text = context.as_str().unwrap_or_default();
        text == "https://www.w3.org/ns/did/v1" || text == "https://w3.org/ns/did/v1"
    };
    if !contexts.is_empty() && contexts.iter().all(is_known) {
        Ok(())
    } else {
        Err(FormError::Expected {
            path: "@context".into(),
            expected: "https://www.w3.org/ns/did/v1",
        })
    }
}

fn public_key(mut object: Object<'_>) -> Result<v1::VerificationMethod, FormError> {
    let id = object.text("id")?.to_owned();
    let controller = object.text("controller")?.to_owned();
    let kind = object.text("type")?;
    let algorithm = [KeyAlgorithm::Ed25519, KeyAlgorithm::Sm2]
        .into_iter()
        .find(|algorithm| algorithm.name().eq_ignore_ascii_case(kind));
    let Some(algorithm) = algorithm else {
        return Err(FormError::Expected {
            path: object.path("type"),
            expected: "Ed25519 or SM2",
        });
    };
    let text = object.text("publicKeyHex")?;
    let bare = || PublicKey::from_raw(algorithm, &hex::decode(text).ok()?).ok();
    let key = PublicKey::parse(text).ok().or_else(bare);
    let Some(key) = key.filter(|key| key.algorithm() == algorithm) else {
        return Err(FormError::Expected {
            path: object.path("publicKeyHex"),
            expected: "a key of the type, in BIF's envelope",
        });
    };
    object.finish()?;
    Ok(v1::VerificationMethod {
        id,
        controller,
        ..super::record_key(&VerificationKey::Account(key))
    })
}

fn also_known_as(mut object: Object<'_>) -> Result<String, FormError> {
    let kind = object
        .number("type")?
        .ok_or_else(|| FormError::Missing(object.path("type")))?;
    let id = object.text("id")?;
    let Some(uri) = name::from_bid(kind.into(), id) else {
        return Err(FormError::Expected {
            path: object.path("id"),
            expected: "a name of the type: 101 BID, 102 other DID, 103 domain, 104 Zid or URN, 105 handle",
        });
    };
    object.finish()?;
    Ok(uri)
}

fn service(
    mut object: Object<'_>,
    legacy: &mut Option<&'static str>,
) -> Result<v1::DidService, FormError> {
    let id = object.text("id")?.to_owned();
    let kind = match object.text("type")?.trim() {
        RESOLVER_IN_EXAMPLES => {
            *legacy = Some("the service type DIDSubResolve");
            RESOLVER
        }
        other => other,
    };
    let endpoint = object.text("serviceEndpoint")?;
    let endpoint = if kind == RESOLVER {
        resolver_address(&mut object, endpoint)?
    } else {
        endpoint.to_owned()
    };
    object.finish()?;
    Ok(v1::DidService {
        id,
        r#type: kind.to_owned(),
        endpoint,
    })
}

/// A resolver's address stands in parts: 0 UDP, 1 TCP, 2 HTTP, 3 HTTPS, then a host, then a port.
fn resolver_address(object: &mut Object<'_>, endpoint: &str) -> Result<String, FormError> {
    object.optional_text("version")?;
    let is_in_parts = object.number("serverType")?.is_some();
    let protocol = object.number("protocol")?;
    let port = object.number("port")?;
    if endpoint.contains("://") || !is_in_parts {
        return Ok(endpoint.to_owned());
    }
    let scheme = match protocol {
        Some(0) => "udp",
        Some(1) => "tcp",
        Some(2) => "http",
        Some(3) | None => "https",
        Some(_) => {
            return Err(FormError::Expected {
                path: object.path("protocol"),
                expected: "0 (UDP), 1 (TCP), 2 (HTTP) or 3 (HTTPS)",
            });
        }
    };
    Ok(match port {
        Some(port) => format!("{scheme}://{endpoint}:{port}/"),
        None => format!("{scheme}://{endpoint}/"),
    })
}

/// Keys and uses of keys that BIF's document has no place for. See [`crate::bid_view`], which writes them.
fn keys_beyond_bif(object: &mut Object<'_>, record: &mut v1::DidDocument) -> Result<(), FormError> {
    record.controller = object.texts("controller")?;
    for relationship in Relationship::ALL {
        if relationship == Relationship::Authentication {
            continue;
        }
        let name = relationship.name();
        if object.take(name).is_some() {
            *relationship.ids_of(record) = object.texts(name)?;
        }
    }
    if object.take("verificationMethod").is_none() {
        return Ok(());
    }
    let mut methods = Vec::new();
    for entry in object.objects("verificationMethod")? {
        methods.push(w3c::read_method(&record.id, entry)?);
    }
    let as_bif = |method: &v1::VerificationMethod| v1::VerificationMethod {
        form: v1::KeyForm::Multikey.into(),
        ..method.clone()
    };
    let of_bif: Vec<_> = methods.iter().map(as_bif).collect();
    let stray = record
        .verification_method
        .iter()
        .find(|method| !of_bif.contains(method));
    if let Some(stray) = stray {
        return Err(FormError::Disagree(stray.id.clone()));
    }
    record.verification_method = methods;
    Ok(())
}

/// RFC-004's text has these beside the extension; RFC-005 and the SDKs within.
fn beside_the_extension(
    object: &mut Object<'_>,
    record: &mut v1::DidDocument,
) -> Result<(), FormError> {
    if record.attribute.is_empty() {
        record.attribute = extension::read_attributes(object)?;
    }
    if record.acsn.is_empty() {
        record.acsn = object.texts("acsns")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::bid_view;
    use crate::document::sample::{any_record, full};
    use crate::{base58, signature};

    fn rendered(document: &Document) -> Value {
        let record = v1::DidRecord {
            version: 1,
            created_ms: 1_620_628_000_000,
            updated_ms: 1_620_628_001_000,
            ..v1::DidRecord::default()
        };
        bid_view::document(document, &record)
    }

    fn signed() -> Value {
        let vectors = include_str!("../../../tests/vectors/did-bid.json");
        serde_json::from_str::<Value>(vectors).unwrap()["signed_document"].clone()
    }

    /// A change to the published document, and what it is refused for.
    fn refused(change: impl FnOnce(&mut Value)) -> FormError {
        let mut value = signed();
        change(&mut value);
        from_bid(&value).unwrap_err()
    }

    #[test]
    fn the_published_document_is_one_and_its_signature_holds() {
        let mut value = signed();
        let document = from_bid(&value).unwrap().document;
        assert_eq!(document.subject().kind.number(), 105);
        assert_eq!(document.subject().attributes[0].key, "contract");
        assert_eq!(document.assertion_method(), document.authentication());
        // Its own first key is to recover it, which says nothing.
        assert_eq!(document.recovery(), None);

        let proof = value.as_object_mut().unwrap().remove("proof").unwrap();
        let text = serde_json_canonicalizer::to_vec(&value).unwrap();
        let signature: [u8; 64] =
            base58::decode(proof["signatureValue"].as_str().unwrap()).unwrap();
        let key = document.authentication_keys().next().unwrap();
        assert!(signature::verify(key, &text, &signature));
    }

    #[test]
    fn the_variants_of_specifications_and_sdks_are_taken() {
        let mut value = signed();
        let id = value["id"].as_str().unwrap().to_owned();
        let extension = &mut value["extension"];
        extension["delegateSign "] = json!({
            "signer": "did:bid:efJgt44mNDewKK1VEN454R17cjso3mSG#key-1",
            "signatureValue": "eyJhbGciOiJSUzI1NiIsImI2NCI6ZmFsc2UsImNyaXQiOlsiYjY0Il19",
        });
        extension["recovery"] = json!(["did:bid:efJgt44mNDewKK1VEN454R17cjso3mSG#key-2"]);
        extension["attributes"][0]["encrypt"] = json!("false");
        value["publicKey"][0]["type"] = json!("ED25519");
        value["publicKey"][0]["publicKeyHex"] =
            json!("f76733ae048fda721d47afe8780b572636496c93253db86dc8d5427fc54e9a06");
        value["service"] = json!([
            {
                "id": format!("{id}#subResolve"), "type": "DIDSubResolve", "version": "1.0.0",
                "serverType": 1, "protocol": 3, "serviceEndpoint": "192.168.1.23", "port": "8080",
            },
            { "id": format!("{id}#revocation"), "type": " DIDRevocation", "serviceEndpoint": "https://did.bif.com" },
            {
                "id": format!("{id}#other"), "type": "DIDSubResolver", "version": "1.0.0",
                "serverType": 0, "protocol": 2, "serviceEndpoint": "http://www.baidu.com",
            },
            { "id": format!("{id}#last"), "type": "DIDSubResolver", "serverType": 0, "protocol": 3, "serviceEndpoint": "a.cn" },
        ]);
        let FromBid { document, legacy } = from_bid(&value).unwrap();
        assert_eq!(legacy, Some("the service type DIDSubResolve"));
        value["service"][0]["type"] = json!("DIDSubResolver");
        let now = from_bid(&value).unwrap();
        assert_eq!((&now.document, now.legacy), (&document, None));
        let endpoints: Vec<&str> = document
            .services()
            .iter()
            .map(|service| service.endpoint.as_str())
            .collect();
        let expected = [
            "https://192.168.1.23:8080/",
            "https://did.bif.com",
            "http://www.baidu.com",
            "https://a.cn/",
        ];
        assert_eq!(endpoints, expected);
        assert_eq!(document.services()[0].kind, RESOLVER);
        assert_eq!(document.services()[1].kind, "DIDRevocation");
        assert!(document.subject().delegate_sign.is_some());
        let guardians = document.recovery().unwrap().guardians.members();
        assert_eq!(
            guardians[0].to_string(),
            "did:bid:efJgt44mNDewKK1VEN454R17cjso3mSG"
        );

        let out = rendered(&document);
        assert!(out["extension"].get("delegateSign").is_some());
        assert!(out["extension"].get("delegateSign ").is_none());
        assert_eq!(out["service"][0]["type"], json!("DIDSubResolver"));
        assert_eq!(out["service"][0]["port"], json!(8080));
        assert_eq!(
            out["extension"]["recovery"],
            json!(["did:bid:efJgt44mNDewKK1VEN454R17cjso3mSG#key-1"])
        );
    }

    #[test]
    fn a_key_of_the_document_that_recovers_is_a_guardian_by_itself() {
        let mut value = signed();
        let id = value["id"].as_str().unwrap().to_owned();
        let mut spare = value["publicKey"][0].clone();
        spare["id"] = json!(format!("{id}#key-2"));
        spare["publicKeyHex"] =
            json!("b0656667915ea003f9b273f10dd82ffa8c9d80bdc5df0385232da11a472c94c11e9eb6");
        value["publicKey"].as_array_mut().unwrap().push(spare);
        value["extension"]["recovery"] = json!([format!("{id}#key-2")]);
        let document = from_bid(&value).unwrap().document;
        let guardians = document.recovery().unwrap().guardians.members();
        assert_eq!(
            guardians[0].to_string(),
            "did:bid:efvebF7eV9qKxr3sppyHCHKqkPG5RTUn"
        );
        assert_eq!(
            rendered(&document)["extension"]["recovery"],
            value["extension"]["recovery"]
        );
    }

    #[test]
    fn what_the_record_cannot_hold_is_refused_by_its_path() {
        assert_eq!(
            refused(|d| d["extension"]["customObject"] = json!({ "nested": true })),
            FormError::Unknown("extension.customObject".into())
        );
        assert_eq!(
            refused(|d| d["extension"]["attributes"][0]["issuer"] = json!("x")),
            FormError::Unknown("extension.attributes[0].issuer".into())
        );
        assert_eq!(
            refused(|d| d["publicKey"][0]["publicKeyHex"] = Value::Null),
            FormError::Missing("publicKey[0].publicKeyHex".into())
        );
        for (path, change) in [
            (
                "publicKey[0].type",
                json!({ "publicKey": [{ "id": "x", "controller": "x", "type": "Secp256k1" }] }),
            ),
            ("@context", json!({ "@context": ["https://example.org/"] })),
            ("authentication", json!({ "authentication": "x" })),
            (
                "alsoKnownAs[0].id",
                json!({ "alsoKnownAs": [{ "type": 101, "id": "example.cn" }] }),
            ),
            ("extension", json!({ "extension": [] })),
            (
                "extension.recovery[0]",
                json!({ "extension": { "recovery": ["did:bid:ef18F9AVK4SQLZPRrPkrVWwp9kbpdXHx#key-9"] } }),
            ),
            ("extension.ttl", json!({ "extension": { "ttl": -1 } })),
            (
                "extension.attributes[0].encrypt",
                json!({ "extension": { "attributes": [{ "key": "a", "encrypt": 2 }] } }),
            ),
            (
                "service[0].protocol",
                json!({ "service": [{ "id": "x", "type": "DIDSubResolver", "serverType": 1, "protocol": 4, "serviceEndpoint": "a" }] }),
            ),
        ] {
            let error = refused(|d| {
                for (name, value) in change.as_object().unwrap() {
                    d[name] = value.clone();
                }
            });
            assert!(
                matches!(&error, FormError::Expected { path: found, .. } if found == path),
                "{path}: {error}"
            );
        }
        assert!(matches!(
            refused(|d| d["authentication"] = json!([])),
            FormError::Document(_)
        ));
        assert!(from_bid(&json!([])).is_err());
        assert!(from_bid(&json!({ "id": "x" })).is_err());
    }

    #[test]
    fn keys_beside_and_within_the_extension_agree() {
        let value = rendered(&Document::try_from(full()).unwrap());
        let mut other = value.clone();
        other["publicKey"][0]["publicKeyHex"] =
            json!("b0656667915ea003f9b273f10dd82ffa8c9d80bdc5df0385232da11a472c94c11e9eb6");
        assert!(from_bid(&value).is_ok());
        assert!(matches!(from_bid(&other), Err(FormError::Disagree(_))));
    }

    proptest! {
        #[test]
        fn every_record_comes_back_from_its_bid_view(record in any_record()) {
            let document = Document::try_from(record).unwrap();
            let text = rendered(&document).to_string();
            let value: Value = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(from_bid(&value).map(|told| told.document), Ok(document));
        }
    }
}
