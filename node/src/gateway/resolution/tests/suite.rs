//! Recordings for the W3C DID test suite (w3c/did-test-suite), made of what this gateway answers.
//!
//! The suite tests recorded JSON and calls no server. With `STARFIRE_DID_SUITE` naming a directory, the recordings are written there:
//! `did-bid.json` for did-identifier, did-core-properties, did-production and did-consumption, `resolver.json` and
//! `dereferencer.json` for the other two. Here their rules are restated, as far as one can without the suite.

use std::path::Path;

use serde_json::{Map, json};

use super::*;

const FORMS: [&str; 2] = ["application/did+json", "application/did+ld+json"];
const RESOLUTION: &str = "application/did-resolution";
const DEREFERENCING: &str = "application/did-url-dereferencing";
/// The directory to write to.
const DIRECTORY: &str = "STARFIRE_DID_SUITE";

fn named(mut recording: Value) -> Value {
    recording["didMethod"] = json!("did:bid");
    recording["implementation"] = json!("Starfire");
    recording["implementer"] = json!("Starfire");
    recording
}

/// The suite speaks DID 1.0, whose errors are single words.
fn word(error: &Value) -> &'static str {
    match error["type"]
        .as_str()
        .and_then(|uri| uri.rsplit('#').next())
    {
        Some("INVALID_DID") => "invalidDid",
        Some("INVALID_DID_URL") => "invalidDidUrl",
        Some("NOT_FOUND") => "notFound",
        Some("REPRESENTATION_NOT_SUPPORTED") => "representationNotSupported",
        other => panic!("{other:?}"),
    }
}

/// Metadata as DID 1.0 has it.
fn metadata(resolution: &Value) -> Value {
    match resolution.get("error") {
        Some(error) => json!({ "error": word(error) }),
        None => match resolution.get("contentType") {
            Some(kind) => json!({ "contentType": kind }),
            None => json!({}),
        },
    }
}

async fn method(node: &Node, did: &Did) -> Value {
    let mut entry = Map::new();
    for form in FORMS {
        let path = format!("/1.0/identifiers/{did}");
        let bare = get(node, &path, form).await;
        let whole = get(node, &path, &format!("{RESOLUTION},{form}"))
            .await
            .json();
        let representation = String::from_utf8(bare.body.clone()).unwrap();
        let mut properties = bare.json();
        let members = properties.as_object_mut().unwrap();
        let mut specific = Map::new();
        if let Some(context) = members.remove("@context") {
            specific.insert("@context".into(), context);
        }
        entry.insert(
            "didDocumentDataModel".into(),
            json!({ "properties": members }),
        );
        entry.insert(
            form.into(),
            json!({
                "didDocumentDataModel": { "representationSpecificEntries": specific },
                "representation": representation,
                "didDocumentMetadata": whole["didDocumentMetadata"],
                "didResolutionMetadata": metadata(&whole["didResolutionMetadata"]),
            }),
        );
    }
    let mut recording = named(json!({
        "supportedContentTypes": FORMS,
        "dids": [did.to_string()],
        "didParameters": {
            "versionId": format!("{did}?versionId=1"),
            "versionTime": format!("{did}?versionTime=2026-11-18T11:08:40Z"),
            "service": format!("{did}?service=files"),
            "relativeRef": format!("{did}?service=files&relativeRef=%2Fresume.pdf"),
        },
    }));
    recording[did.to_string()] = Value::Object(entry);
    recording
}

async fn resolver(node: &Node, did: &Did, ended: &Did) -> Value {
    let unknown = crate::gateway::fixture::did(9, None).to_string();
    let did = did.to_string();
    let mut executions = Vec::new();
    for (did, accept) in [
        (did.as_str(), None),
        (did.as_str(), Some(FORMS[0])),
        (did.as_str(), Some(FORMS[1])),
        ("did:bid:nonsense", None),
        (unknown.as_str(), None),
        (did.as_str(), Some("application/did+cbor")),
        (ended.to_string().as_str(), None),
    ] {
        let path = format!("/1.0/identifiers/{did}?proof=false");
        let taken = accept.map_or(RESOLUTION.to_owned(), |accept| {
            format!("{RESOLUTION},{accept}")
        });
        let whole = get(node, &path, &taken).await.json();
        let failed = whole["didResolutionMetadata"].get("error").is_some();
        let mut output = json!({
            "didResolutionMetadata": metadata(&whole["didResolutionMetadata"]),
            "didDocumentMetadata": whole["didDocumentMetadata"],
        });
        let streamed = accept.is_some() && !failed;
        match streamed {
            true => output["didDocumentStream"] = json!(whole["didDocument"].to_string()),
            false => {
                output["didDocument"] = whole["didDocument"].clone();
                output["didResolutionMetadata"]
                    .as_object_mut()
                    .unwrap()
                    .remove("contentType");
            }
        }
        let options = accept.map_or(json!({}), |accept| json!({ "accept": accept }));
        executions.push(json!({
            "function": if streamed { "resolveRepresentation" } else { "resolve" },
            "input": { "did": did, "resolutionOptions": options },
            "output": output,
        }));
    }
    named(json!({
        "expectedOutcomes": {
            "defaultOutcome": [0, 1, 2],
            "invalidDidErrorOutcome": [3],
            "notFoundErrorOutcome": [4],
            "representationNotSupportedErrorOutcome": [5],
            "deactivatedOutcome": [6],
        },
        "executions": executions,
    }))
}

async fn dereferencer(node: &Node, did: &Did) -> Value {
    let mut executions = Vec::new();
    for url in [
        did.to_string(),
        format!("{did}#key-1"),
        format!("{did}?service=files"),
        format!("{did}#nothing"),
        format!("{did}?service=a&service=b"),
    ] {
        let escaped = url
            .replace(':', "%3A")
            .replace('?', "%3F")
            .replace('#', "%23");
        let whole = get(node, &format!("/1.0/identifiers/{escaped}"), DEREFERENCING)
            .await
            .json();
        let content = &whole["content"];
        let content = if content.is_null() {
            String::new()
        } else {
            content.to_string()
        };
        let mut about = whole["contentMetadata"].clone();
        about.as_object_mut().unwrap().remove("proof");
        executions.push(json!({
            "function": "dereference",
            "input": { "didUrl": url, "dereferenceOptions": {} },
            "output": {
                "dereferencingMetadata": metadata(&whole["dereferencingMetadata"]),
                "contentStream": content,
                "contentMetadata": about,
            },
        }));
    }
    named(json!({
        "expectedOutcomes": {
            "defaultOutcome": [0, 1, 2],
            "notFoundErrorOutcome": [3],
            "invalidDidUrlErrorOutcome": [4],
        },
        "executions": executions,
    }))
}

fn is_did(text: &str) -> bool {
    let mut parts = text.splitn(3, ':');
    let plain = |part: &str| {
        part.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".-_:".contains(&byte))
    };
    parts.next() == Some("did")
        && parts
            .next()
            .is_some_and(|method| method.bytes().all(|byte| byte.is_ascii_lowercase()))
        && parts
            .next()
            .is_some_and(|id| !id.is_empty() && !id.ends_with(':') && plain(id))
}

fn is_moment(value: &Value) -> bool {
    value
        .as_str()
        .is_some_and(|text| starfire_did::resolution::unix_seconds(text).is_some())
}

/// did-identifier, did-core-properties, did-production and did-consumption.
fn check_method(recording: &Value) {
    let did = recording["dids"][0].as_str().unwrap();
    assert!(is_did(did));
    let properties = &recording[did]["didDocumentDataModel"]["properties"];
    assert_eq!(properties["id"], did);
    let strings = |name: &str| {
        properties
            .get(name)
            .map_or(Vec::new(), |list| list.as_array().unwrap().clone())
    };
    assert!(
        strings("alsoKnownAs")
            .iter()
            .all(|name| name.as_str().unwrap().contains(':'))
    );
    assert!(
        strings("controller")
            .iter()
            .all(|name| is_did(name.as_str().unwrap()))
    );
    let mut ids = Vec::new();
    for method in strings("verificationMethod") {
        assert!(is_did(method["controller"].as_str().unwrap()) && method["type"].is_string());
        assert!(
            method
                .get("publicKeyJwk")
                .is_none_or(|jwk| jwk.get("d").is_none())
        );
        assert_ne!(
            method.get("publicKeyJwk").is_some(),
            method.get("publicKeyMultibase").is_some()
        );
        ids.push(method["id"].clone());
    }
    for relationship in [
        "authentication",
        "assertionMethod",
        "keyAgreement",
        "capabilityInvocation",
        "capabilityDelegation",
    ] {
        assert!(
            strings(relationship).iter().all(|id| ids.contains(id)),
            "{relationship}"
        );
    }
    for service in strings("service") {
        assert!(service["id"].is_string() && service["type"].is_string());
        assert!(service["serviceEndpoint"].as_str().unwrap().contains("://"));
        assert!(!ids.contains(&service["id"]), "ids are unique");
        ids.push(service["id"].clone());
    }
    for form in FORMS {
        let recorded = &recording[did][form];
        assert_eq!(recorded["didResolutionMetadata"]["contentType"], form);
        let document: Value =
            serde_json::from_str(recorded["representation"].as_str().unwrap()).unwrap();
        let context =
            &recorded["didDocumentDataModel"]["representationSpecificEntries"]["@context"];
        match form.contains("ld") {
            true => {
                assert_eq!(context[0], "https://www.w3.org/ns/did/v1");
                assert_eq!(document["@context"], *context);
            }
            false => assert_eq!(document.get("@context"), None),
        }
        let metadata = &recorded["didDocumentMetadata"];
        assert!(is_moment(&metadata["created"]) && is_moment(&metadata["updated"]));
        assert!(metadata["versionId"].is_string());
        assert!(metadata["proof"].is_array());
    }
}

/// did-resolution.
fn check_resolver(recording: &Value) {
    let outcome = |name: &str| -> Vec<&Value> {
        let places = recording["expectedOutcomes"][name].as_array().unwrap();
        places
            .iter()
            .map(|place| {
                &recording["executions"][usize::try_from(place.as_u64().unwrap()).unwrap()]
            })
            .collect()
    };
    for execution in outcome("defaultOutcome") {
        let output = &execution["output"];
        assert_eq!(output["didResolutionMetadata"].get("error"), None);
        match execution["function"].as_str().unwrap() {
            "resolve" => {
                assert_eq!(output["didResolutionMetadata"].get("contentType"), None);
                assert_eq!(output["didDocument"]["id"], execution["input"]["did"]);
            }
            _ => {
                assert_eq!(
                    output["didResolutionMetadata"]["contentType"],
                    execution["input"]["resolutionOptions"]["accept"]
                );
                let stream = output["didDocumentStream"].as_str().unwrap();
                let document: Value = serde_json::from_str(stream).unwrap();
                assert_eq!(document["id"], execution["input"]["did"]);
            }
        }
    }
    for (name, error) in [
        ("invalidDidErrorOutcome", "invalidDid"),
        ("notFoundErrorOutcome", "notFound"),
        (
            "representationNotSupportedErrorOutcome",
            "representationNotSupported",
        ),
    ] {
        let output = &outcome(name)[0]["output"];
        assert_eq!(output["didResolutionMetadata"], json!({ "error": error }));
        assert_eq!(output["didDocument"], Value::Null);
        assert_eq!(output["didDocumentMetadata"], json!({}));
    }
    let ended = &outcome("deactivatedOutcome")[0]["output"];
    assert_eq!(ended["didDocumentMetadata"]["deactivated"], json!(true));
    assert_eq!(ended["didDocument"], Value::Null);
}

/// did-url-dereferencing.
fn check_dereferencer(recording: &Value) {
    let executions = recording["executions"].as_array().unwrap();
    for execution in &executions[..3] {
        let output = &execution["output"];
        assert_eq!(
            output["dereferencingMetadata"]["contentType"],
            "application/did"
        );
        assert!(!output["contentStream"].as_str().unwrap().is_empty());
    }
    for (execution, error) in executions[3..].iter().zip(["notFound", "invalidDidUrl"]) {
        let output = &execution["output"];
        assert_eq!(output["dereferencingMetadata"], json!({ "error": error }));
        assert_eq!(
            (&output["contentStream"], &output["contentMetadata"]),
            (&json!(""), &json!({}))
        );
    }
}

#[tokio::test]
async fn the_recordings_keep_the_rules_of_the_w3c_suite() {
    let (node, did, ended) = node().await;
    let recordings = [
        ("did-bid.json", method(&node, &did).await),
        ("resolver.json", resolver(&node, &did, &ended).await),
        ("dereferencer.json", dereferencer(&node, &did).await),
    ];
    check_method(&recordings[0].1);
    check_resolver(&recordings[1].1);
    check_dereferencer(&recordings[2].1);
    if let Ok(directory) = std::env::var(DIRECTORY) {
        for (name, recording) in &recordings {
            let text = serde_json::to_string_pretty(recording).unwrap();
            std::fs::write(Path::new(&directory).join(name), text).unwrap();
        }
    }
}
