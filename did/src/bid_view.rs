//! BIF's view of a stored record: a BID document (RFC-004, RFC-005), and the fields that RFC-005 serves alone.
//!
//! The same record as [`crate::render`] shows. Keys that BIF's document has no place for, and what they are for, stand in
//! `extension`, so [`crate::document::from_bid`] gives the same record back.

use serde_json::{Map, Value, json};
use starfire_proto::v1;

use crate::document::{
    Document, KeyForm, Method, NameKind, RESOLVER, Relationship, Service, SubjectType,
    TTL_SECONDS_DEFAULT,
};
use crate::extension;
use crate::id::{ChainCode, Did};
use crate::render;

/// The version of the document's form, and of the resolution protocol.
pub const VERSION: &str = "1.0.0";

/// The BID document of a record.
pub fn document(document: &Document, record: &v1::DidRecord) -> Value {
    let mut properties = Map::new();
    let mut put = |name: &str, value: Value| properties.insert(name.to_owned(), value);
    put("@context", json!(["https://www.w3.org/ns/did/v1"]));
    put("version", json!(VERSION));
    put("id", json!(document.id().to_string()));
    put("publicKey", public_keys(document));
    put("authentication", json!(document.authentication()));
    if !document.also_known_as().is_empty() {
        put(
            "alsoKnownAs",
            document
                .also_known_as()
                .iter()
                .map(|uri| name(uri))
                .collect(),
        );
    }
    put("extension", Value::Object(extended(document)));
    if !document.services().is_empty() {
        put("service", document.services().iter().map(service).collect());
    }
    for (name, time) in [
        ("created", record.created_ms),
        ("updated", record.updated_ms),
    ] {
        if let Some(time) = render::timestamp(time) {
            put(name, json!(time));
        }
    }
    Value::Object(properties)
}

/// The BID document of a sub-chain as a whole: where it resolves. See [`render::chain_document`].
pub fn chain_document(code: ChainCode, resolvers: &[String]) -> Value {
    let services = render::resolver_services(code, resolvers);
    let services: Value = services.iter().map(service).collect();
    json!({
        "@context": ["https://www.w3.org/ns/did/v1"],
        "version": VERSION,
        "id": Did::of_chain(code).to_string(),
        "publicKey": [],
        "authentication": [],
        "extension": {
            "ttl": TTL_SECONDS_DEFAULT,
            "type": SubjectType::ChainCode.number(),
            "attributes": [],
        },
        "service": services,
    })
}

/// Ed25519 and SM2 keys, in BIF's envelope. Others stand in the extension.
fn public_keys(document: &Document) -> Value {
    let keys = document.methods().iter();
    keys.filter_map(|method| public_key(document.id(), method))
        .collect()
}

fn public_key(did: &Did, method: &Method) -> Option<Value> {
    let key = method.key.account_key()?;
    Some(json!({
        "id": method.id,
        "type": key.algorithm().name(),
        "controller": did.to_string(),
        "publicKeyHex": key.to_string(),
    }))
}

fn name(uri: &str) -> Value {
    let kind = NameKind::of(uri).expect("a document's names have types");
    json!({ "type": kind.number(), "id": kind.id(uri) })
}

/// The extension, with what BIF's clients expect to be there always, and the keys that its documents have no place for.
fn extended(document: &Document) -> Map<String, Value> {
    let mut extension = extension::of(document);
    extension.insert("ttl".into(), json!(document.ttl_seconds()));
    extension.insert("type".into(), json!(document.subject().kind.number()));
    extension
        .entry("attributes")
        .or_insert_with(|| Value::Array(Vec::new()));
    if !document.controllers().is_empty() {
        let controllers = document.controllers().iter();
        let texts = controllers.map(|did| json!(did.to_string())).collect();
        extension.insert("controller".into(), texts);
    }
    let is_bifs =
        |method: &Method| method.key.account_key().is_some() && method.form == KeyForm::Multikey;
    if !document.methods().iter().all(is_bifs) {
        let methods = document.methods().iter();
        let did = document.id().to_string();
        let methods = methods.map(|method| Value::Object(render::method(&did, method)));
        extension.insert("verificationMethod".into(), methods.collect());
    }
    for relationship in Relationship::ALL {
        let ids = document.key_ids(relationship);
        // A BIF key that logs in also signs claims, where nothing else is said.
        let is_said = match relationship {
            Relationship::Authentication => true,
            Relationship::AssertionMethod => ids == document.authentication(),
            Relationship::KeyAgreement
            | Relationship::CapabilityInvocation
            | Relationship::CapabilityDelegation => ids.is_empty(),
        };
        if !is_said {
            extension.insert(relationship.name().into(), json!(ids));
        }
    }
    extension
}

fn service(service: &Service) -> Value {
    let plain = json!({
        "id": service.id,
        "type": service.kind,
        "serviceEndpoint": service.endpoint,
    });
    if service.kind != RESOLVER {
        return plain;
    }
    let Some((protocol, host)) = protocol(&service.endpoint) else {
        return plain;
    };
    let mut parts = plain;
    parts["version"] = json!(VERSION);
    parts["protocol"] = json!(protocol);
    match address(host) {
        Some((ip, port)) => {
            parts["serverType"] = json!(1);
            parts["serviceEndpoint"] = json!(ip);
            parts["port"] = json!(port);
        }
        None => parts["serverType"] = json!(0),
    }
    parts
}

/// BIF's number of the protocol, and what follows it.
fn protocol(endpoint: &str) -> Option<(u32, &str)> {
    let (scheme, rest) = endpoint.split_once("://")?;
    let number = match scheme {
        "udp" => 0,
        "tcp" => 1,
        "http" => 2,
        "https" => 3,
        _ => return None,
    };
    Some((number, rest))
}

/// An IPv4 address and a port, if there is nothing else.
fn address(rest: &str) -> Option<(&str, u16)> {
    let (ip, port) = rest.strip_suffix('/')?.split_once(':')?;
    ip.parse::<std::net::Ipv4Addr>().ok()?;
    let number: u16 = port.parse().ok()?;
    (number.to_string() == port).then_some((ip, number))
}

/// A field of a document that RFC-005 serves alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// `/public-keys`
    PublicKeys,
    /// `/public-keys/{id}`
    PublicKey(String),
    /// `/attributes`
    Attributes,
    /// `/acsns`
    ChainCodes,
    /// `/verifiableCredentials`
    Credentials,
    /// `/services?id={id}`
    Service(String),
}

impl Field {
    /// The field of a path below the DID, decoded, and of the query's `id`.
    pub fn parse(path: &[&str], id: Option<&str>) -> Option<Self> {
        match (path, id) {
            (["public-keys"], None) => Some(Self::PublicKeys),
            (["public-keys", key], None) => Some(Self::PublicKey((*key).to_owned())),
            (["attributes"], None) => Some(Self::Attributes),
            (["acsns"], None) => Some(Self::ChainCodes),
            (["verifiableCredentials"], None) => Some(Self::Credentials),
            (["services"], Some(id)) => Some(Self::Service(id.to_owned())),
            _ => None,
        }
    }
}

/// The `data` that RFC-005 answers with for a field; `None`: the document has no such key or service.
pub fn field(document: &Document, field: &Field) -> Option<Value> {
    let subject = document.subject();
    let (name, value) = match field {
        Field::PublicKeys => ("publicKey", public_keys(document)),
        Field::PublicKey(id) => {
            let method = document.method(&full_id(document, id))?;
            ("publicKey", public_key(document.id(), method)?)
        }
        Field::Attributes => (
            "attributes",
            subject
                .attributes
                .iter()
                .map(extension::attribute)
                .collect(),
        ),
        Field::ChainCodes => (
            "acsns",
            subject
                .chains
                .iter()
                .map(|code| json!(code.as_str()))
                .collect(),
        ),
        Field::Credentials => (
            "verifiableCredentials",
            subject
                .credentials
                .iter()
                .map(extension::credential)
                .collect(),
        ),
        Field::Service(id) => {
            let id = full_id(document, id);
            let entry = document.services().iter().find(|entry| entry.id == id)?;
            ("service", service(entry))
        }
    };
    Some(json!({ "version": VERSION, "id": document.id().to_string(), name: value }))
}

/// An id as it stands in the document, from one that may be its fragment alone.
fn full_id(document: &Document, id: &str) -> String {
    if id.contains('#') && !id.starts_with('#') {
        id.to_owned()
    } else {
        format!("{}#{}", document.id(), id.trim_start_matches('#'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::sample::full;
    use crate::fixture::person;

    fn record() -> v1::DidRecord {
        v1::DidRecord {
            created_ms: 1_620_628_000_000,
            updated_ms: 1_620_628_001_999,
            version: 2,
            ..v1::DidRecord::default()
        }
    }

    #[test]
    fn the_least_document_has_what_bifs_clients_ask_for() {
        let alice = person(1);
        let did = alice.did.to_string();
        let expected = json!({
            "@context": ["https://www.w3.org/ns/did/v1"],
            "version": "1.0.0",
            "id": did,
            "publicKey": [{
                "id": format!("{did}#key-1"),
                "type": "Ed25519",
                "controller": did,
                "publicKeyHex": alice.key.to_string(),
            }],
            "authentication": [format!("{did}#key-1")],
            "extension": { "ttl": 86400, "type": 999, "attributes": [] },
            "created": "2021-05-10T06:26:40Z",
            "updated": "2021-05-10T06:26:41Z",
        });
        let least = Document::for_key(&alice.did, &alice.key);
        assert_eq!(document(&least, &record()), expected);
    }

    #[test]
    fn keys_and_uses_beyond_bif_stand_in_the_extension() {
        let full = Document::try_from(full()).unwrap();
        let did = full.id().to_string();
        let rendered = document(&full, &record());
        let types: Vec<&str> = rendered["publicKey"]
            .as_array()
            .unwrap()
            .iter()
            .map(|key| key["type"].as_str().unwrap())
            .collect();
        assert_eq!(types, ["Ed25519", "SM2"]);
        let extension = &rendered["extension"];
        assert_eq!(extension["verificationMethod"].as_array().unwrap().len(), 5);
        assert_eq!(extension["keyAgreement"], json!([format!("{did}#key-4")]));
        assert_eq!(extension["controller"].as_array().unwrap().len(), 2);
        assert_eq!(
            rendered["alsoKnownAs"],
            json!([{ "type": 104, "id": "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6" }])
        );
    }

    #[test]
    fn a_resolvers_address_stands_in_parts_only_where_they_say_it_all() {
        let shown = |endpoint: &str| {
            service(&Service {
                id: "x".into(),
                kind: RESOLVER.into(),
                endpoint: endpoint.into(),
            })
        };
        assert_eq!(
            shown("https://192.168.1.23:8080/"),
            json!({
                "id": "x", "type": "DIDSubResolver", "version": "1.0.0", "protocol": 3,
                "serverType": 1, "serviceEndpoint": "192.168.1.23", "port": 8080,
            })
        );
        for whole in [
            "https://resolver.cn/",
            "https://192.168.1.23:8080",
            "http://192.168.1.23:080/",
            "https://192.168.1.23/",
            "https://192.168.1.23:8080/a",
        ] {
            let parts = shown(whole);
            assert_eq!(parts["serviceEndpoint"], json!(whole));
            assert_eq!(parts["serverType"], json!(0));
        }
        assert_eq!(shown("did:web:a").get("protocol"), None);
    }

    #[test]
    fn a_field_is_served_alone() {
        let full = Document::try_from(full()).unwrap();
        let did = full.id().to_string();
        let get = |path: &[&str], id: Option<&str>| field(&full, &Field::parse(path, id).unwrap());
        let keys = get(&["public-keys"], None).unwrap();
        assert_eq!(keys["publicKey"].as_array().unwrap().len(), 2);
        assert_eq!(
            (&keys["version"], &keys["id"]),
            (&json!("1.0.0"), &json!(did))
        );
        let whole_id = format!("{did}#key-2");
        for id in ["key-2", "#key-2", whole_id.as_str()] {
            let key = get(&["public-keys", id], None).unwrap();
            assert_eq!(key["publicKey"]["type"], json!("SM2"), "{id}");
        }
        // A key that BIF does not know, and one that is not there.
        assert_eq!(get(&["public-keys", "key-3"], None), None);
        assert_eq!(get(&["public-keys", "key-9"], None), None);
        assert_eq!(get(&["acsns"], None).unwrap()["acsns"], json!(["by01"]));
        let attributes = get(&["attributes"], None).unwrap();
        assert_eq!(attributes["attributes"][0]["key"], json!("name"));
        let credentials = get(&["verifiableCredentials"], None).unwrap();
        assert_eq!(credentials["verifiableCredentials"][0]["type"], json!(203));
        let web = get(&["services"], Some("web")).unwrap();
        assert_eq!(
            web["service"]["serviceEndpoint"],
            json!("https://example.org/")
        );
        assert_eq!(get(&["services"], Some("none")), None);
        for (path, id) in [
            (&["services"][..], None),
            (&["keys"], None),
            (&[], None),
            (&["acsns"], Some("x")),
        ] {
            assert_eq!(Field::parse(path, id), None);
        }
    }
}
