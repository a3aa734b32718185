//! Recordings for the W3C DID test suite (w3c/did-test-suite), made of what this gateway answers.
//!
//! The suite tests recorded JSON and calls no server. With `STARFIRE_DID_SUITE` naming a directory, the recordings are written there:
//! `did-bid.json` for did-identifier, did-core-properties, did-production and did-consumption, `resolver.json` and
//! `dereferencer.json` for the other two, `deactivated.json` for what the suite and DID Resolution ask differently
//! (docs/did-resolution.md). The suite is not here; [`rules`] has what it asks, and every run of the tests holds the recordings
//! against that.

mod rules;
mod sample;

use std::path::Path;

use serde_json::{Map, json};

use super::*;

/// The forms of DID 1.0.
const FORMS: [&str; 2] = ["application/did+json", "application/did+ld+json"];
const RESOLUTION: &str = "application/did-resolution";
const DEREFERENCING: &str = "application/did-url-dereferencing";
/// The directory to write to.
const DIRECTORY: &str = "STARFIRE_DID_SUITE";
/// Whose document has every property.
const FULL: u8 = 3;
/// Who is not registered.
const ABSENT: u8 = 9;

/// [`super::node`]'s chain, and the DID whose document is full.
async fn node() -> (Node, Did, Did) {
    let mut records = versions(1, None, 3, false);
    records.extend(versions(2, None, 3, true));
    let full = did(FULL, None);
    for key in [path::record(&full), path::version(&full, 1)] {
        records.extend(record(key, &sample::full()));
    }
    let mut node = Node::main(records).await;
    node.block(Changes::new(), &[]);
    (node, did(1, None), did(2, None))
}

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

async fn method(node: &Node, dids: &[Did]) -> Value {
    let first = dids[0];
    let mut recording = named(json!({
        "supportedContentTypes": FORMS,
        "dids": dids.iter().map(Did::to_string).collect::<Vec<_>>(),
        "didParameters": {
            "versionId": format!("{first}?versionId=1"),
            "versionTime": format!("{first}?versionTime=2026-11-18T11:08:40Z"),
            "service": format!("{first}?service=files"),
            "relativeRef": format!("{first}?service=files&relativeRef=%2Fresume.pdf"),
        },
    }));
    for did in dids {
        recording[did.to_string()] = Value::Object(representations(node, did).await);
    }
    recording
}

async fn representations(node: &Node, did: &Did) -> Map<String, Value> {
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
    entry
}

/// One resolution as the suite records it: `accept` if a representation is asked for, `query` for all other options.
///
/// An error is recorded as one of `resolve`, without the `accept` that led to it: of `resolveRepresentation` the suite asks for a
/// document whatever came out, and with `resolve` it allows no `accept`.
async fn resolution(node: &Node, did: &str, accept: Option<&str>, query: Option<&str>) -> Value {
    let path = match query {
        None => format!("/1.0/identifiers/{did}"),
        Some(query) => format!("/1.0/identifiers/{did}?{query}"),
    };
    let taken = accept.map_or(RESOLUTION.to_owned(), |accept| {
        format!("{RESOLUTION},{accept}")
    });
    let whole = get(node, &path, &taken).await.json();
    let failed = whole["didResolutionMetadata"].get("error").is_some();
    let mut output = json!({
        "didResolutionMetadata": metadata(&whole["didResolutionMetadata"]),
        "didDocumentMetadata": whole["didDocumentMetadata"],
    });
    let mut options = Map::new();
    if let Some((name, value)) = query.and_then(|query| query.split_once('=')) {
        options.insert(name.into(), json!(value));
    }
    let streamed = accept.filter(|_| !failed);
    if let Some(accept) = streamed {
        options.insert("accept".into(), json!(accept));
        output["didDocumentStream"] = json!(whole["didDocument"].to_string());
    } else {
        output["didDocument"] = whole["didDocument"].clone();
        let about = output["didResolutionMetadata"].as_object_mut().unwrap();
        about.remove("contentType");
    }
    json!({
        "function": streamed.map_or("resolve", |_| "resolveRepresentation"),
        "input": { "did": did, "resolutionOptions": options },
        "output": output,
    })
}

async fn resolver(node: &Node, one: &Did) -> Value {
    let unknown = did(ABSENT, None).to_string();
    let one = one.to_string();
    let full = did(FULL, None).to_string();
    let mut executions = Vec::new();
    for (did, accept, query) in [
        (one.as_str(), None, None),
        (one.as_str(), Some(FORMS[0]), None),
        (one.as_str(), Some(FORMS[1]), None),
        (full.as_str(), Some(FORMS[1]), None),
        (one.as_str(), None, Some("versionId=1")),
        (one.as_str(), None, Some("versionTime=2026-11-18T11:09:00Z")),
        ("did:bid:efY:", None, None),
        (unknown.as_str(), None, None),
        (one.as_str(), Some("application/did+cbor"), None),
    ] {
        executions.push(resolution(node, did, accept, query).await);
    }
    named(json!({
        "expectedOutcomes": {
            "defaultOutcome": [0, 1, 2, 3, 4, 5],
            "invalidDidErrorOutcome": [6],
            "notFoundErrorOutcome": [7],
            "representationNotSupportedErrorOutcome": [8],
            "deactivatedOutcome": [],
        },
        "executions": executions,
    }))
}

/// A DID that has ended.
async fn deactivated(node: &Node, ended: &Did) -> Value {
    let execution = resolution(node, &ended.to_string(), None, None).await;
    named(json!({
        "expectedOutcomes": { "deactivatedOutcome": [0] },
        "executions": [execution],
    }))
}

async fn dereferencer(node: &Node, did: &Did) -> Value {
    let mut executions = Vec::new();
    for url in [
        did.to_string(),
        format!("{did}#key-1"),
        format!("{did}?service=files"),
        format!("{did}?versionId=1"),
        format!("{did}#nothing"),
        format!("{did}#key-1#key-1"),
    ] {
        let escaped = url
            .replace(':', "%3A")
            .replace('?', "%3F")
            .replace('#', "%23");
        let path = format!("/1.0/identifiers/{escaped}");
        let whole = get(node, &path, DEREFERENCING).await.json();
        let content = &whole["content"];
        let content = if content.is_null() {
            String::new()
        } else {
            content.to_string()
        };
        executions.push(json!({
            "function": "dereference",
            "input": { "didUrl": url, "dereferenceOptions": {} },
            "output": {
                "dereferencingMetadata": metadata(&whole["dereferencingMetadata"]),
                "contentStream": content,
                "contentMetadata": whole["contentMetadata"],
            },
        }));
    }
    named(json!({
        "expectedOutcomes": {
            "defaultOutcome": [0, 1, 2, 3],
            "notFoundErrorOutcome": [4],
            "invalidDidUrlErrorOutcome": [5],
        },
        "executions": executions,
    }))
}

#[tokio::test]
async fn the_recordings_keep_the_rules_of_the_w3c_suite() {
    let (node, one, ended) = node().await;
    let of_method = method(&node, &[one, did(FULL, None)]).await;
    let resolved = resolver(&node, &one).await;
    let dereferenced = dereferencer(&node, &one).await;
    let over = deactivated(&node, &ended).await;
    if let Ok(directory) = std::env::var(DIRECTORY) {
        for (name, recording) in [
            ("did-bid.json", &of_method),
            ("resolver.json", &resolved),
            ("dereferencer.json", &dereferenced),
            ("deactivated.json", &over),
        ] {
            let text = serde_json::to_string_pretty(recording).unwrap();
            std::fs::write(Path::new(&directory).join(name), text).unwrap();
        }
    }
    rules::check("did-identifier", &rules::IDENTIFIER, &of_method);
    rules::check("did-core-properties", &rules::PROPERTIES, &of_method);
    rules::check("did-production", &rules::PRODUCTION, &of_method);
    rules::check("did-consumption", &rules::CONSUMPTION, &of_method);
    rules::check("did-resolution", &rules::RESOLUTION, &resolved);
    rules::check("did-resolution", &rules::DEACTIVATED, &over);
    rules::check(
        "did-url-dereferencing",
        &rules::DEREFERENCING,
        &dereferenced,
    );
}
