//! The W3C view of a stored record: a DID 1.0 document with Multikey verification methods, and its metadata.
//!
//! A view only: what is hashed and proved is the record, so any rendering can be checked against one proof.

use serde_json::{Map, Value, json};
use starfire_proto::v1;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::document::{Document, Method, Service};
use crate::id::Did;

/// What a DID document is, and what its keys are.
const CONTEXTS: [&str; 2] = [
    "https://www.w3.org/ns/did/v1",
    "https://w3id.org/security/multikey/v1",
];

/// The DID document. Empty properties are left out, as DID Core asks of sets.
pub fn document(document: &Document) -> Value {
    let mut properties = Map::new();
    properties.insert("@context".into(), json!(CONTEXTS));
    properties.insert("id".into(), json!(document.id().to_string()));
    insert_set(
        &mut properties,
        "alsoKnownAs",
        document.also_known_as(),
        |name| json!(name),
    );
    insert_set(
        &mut properties,
        "controller",
        document.controllers(),
        |did: &Did| json!(did.to_string()),
    );
    insert_set(
        &mut properties,
        "verificationMethod",
        document.methods(),
        |key| method(document.id(), key),
    );
    insert_set(
        &mut properties,
        "authentication",
        document.authentication(),
        |id| json!(id),
    );
    insert_set(
        &mut properties,
        "assertionMethod",
        document.assertion_method(),
        |id| json!(id),
    );
    insert_set(&mut properties, "service", document.services(), service);
    Value::Object(properties)
}

fn insert_set<T>(
    properties: &mut Map<String, Value>,
    name: &str,
    items: &[T],
    render: impl Fn(&T) -> Value,
) {
    if !items.is_empty() {
        properties.insert(name.into(), items.iter().map(render).collect());
    }
}

fn method(did: &Did, method: &Method) -> Value {
    json!({
        "id": method.id,
        "type": "Multikey",
        "controller": did.to_string(),
        "publicKeyMultibase": method.key.to_multikey(),
    })
}

fn service(service: &Service) -> Value {
    json!({ "id": service.id, "type": service.kind, "serviceEndpoint": service.endpoint })
}

/// The `didDocumentMetadata` of a record.
// DID Core §7.1.3: "created", "updated" (left out if never updated), "deactivated" (true if so), "versionId".
pub fn metadata(record: &v1::DidRecord) -> Value {
    let mut properties = Map::new();
    if let Some(created) = timestamp(record.created_ms) {
        properties.insert("created".into(), json!(created));
    }
    if let Some(updated) = timestamp(record.updated_ms).filter(|_| record.version > 1) {
        properties.insert("updated".into(), json!(updated));
    }
    if record.deactivated {
        properties.insert("deactivated".into(), json!(true));
    }
    properties.insert("versionId".into(), json!(record.version.to_string()));
    Value::Object(properties)
}

/// Without fractions, as DID Core asks. `None` beyond the year 9999.
fn timestamp(unix_ms: i64) -> Option<String> {
    OffsetDateTime::from_unix_timestamp(unix_ms.div_euclid(1000))
        .ok()?
        .format(&Rfc3339)
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{World, person};
    use crate::key::PublicKey;

    #[test]
    fn a_document_has_its_w3c_form() {
        let key = PublicKey::parse(
            "b0656667915ea003f9b273f10dd82ffa8c9d80bdc5df0385232da11a472c94c11e9eb6",
        )
        .unwrap();
        let did = Did::parse("did:bid:efvebF7eV9qKxr3sppyHCHKqkPG5RTUn").unwrap();
        let mut record = v1::DidDocument::from(&Document::for_key(&did, &key));
        record.also_known_as = vec!["https://example.org/".into()];
        record.service.push(v1::DidService {
            id: format!("{did}#web"),
            r#type: "LinkedDomains".into(),
            endpoint: "https://example.org/".into(),
        });
        let rendered = document(&Document::try_from(record).unwrap());
        let expected = json!({
            "@context": ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1"],
            "id": "did:bid:efvebF7eV9qKxr3sppyHCHKqkPG5RTUn",
            "alsoKnownAs": ["https://example.org/"],
            "verificationMethod": [{
                "id": "did:bid:efvebF7eV9qKxr3sppyHCHKqkPG5RTUn#key-1",
                "type": "Multikey",
                "controller": "did:bid:efvebF7eV9qKxr3sppyHCHKqkPG5RTUn",
                "publicKeyMultibase": "z6MkmRYbz4YPX9vkwDtasNUjre28WBKPfxCHxB2Bc5wvAoUh",
            }],
            "authentication": ["did:bid:efvebF7eV9qKxr3sppyHCHKqkPG5RTUn#key-1"],
            "assertionMethod": ["did:bid:efvebF7eV9qKxr3sppyHCHKqkPG5RTUn#key-1"],
            "service": [{
                "id": "did:bid:efvebF7eV9qKxr3sppyHCHKqkPG5RTUn#web",
                "type": "LinkedDomains",
                "serviceEndpoint": "https://example.org/",
            }],
        });
        assert_eq!(rendered, expected);
    }

    #[test]
    fn metadata_tells_times_version_and_end() {
        let alice = person(1);
        let mut world = World::with(&alice);
        let newest = |world: &World| {
            metadata(&crate::resolve::resolve(&world.state, &alice.did, None).unwrap())
        };
        assert_eq!(
            newest(&world),
            json!({ "created": "1970-01-01T00:16:40Z", "versionId": "1" })
        );
        world.now_ms += 1_999;
        world.deactivate(&alice.did, &alice.did, 1).unwrap();
        let expected = json!({
            "created": "1970-01-01T00:16:40Z",
            "updated": "1970-01-01T00:16:41Z",
            "deactivated": true,
            "versionId": "2",
        });
        assert_eq!(newest(&world), expected);
    }

    #[test]
    fn a_time_that_cannot_be_written_is_left_out() {
        let record = v1::DidRecord {
            created_ms: i64::MAX,
            version: 1,
            ..v1::DidRecord::default()
        };
        assert_eq!(metadata(&record), json!({ "versionId": "1" }));
    }
}
