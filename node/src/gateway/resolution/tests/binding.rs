//! DID Resolution §12.1: paths, options, media types, statuses and errors.

use prost::Message;
use serde_json::json;
use starfire_state::key;

use super::*;

fn kind(reply: &Reply) -> String {
    let json = reply.json();
    let error = match json.get("didResolutionMetadata") {
        Some(metadata) => &metadata["error"],
        None => &json["dereferencingMetadata"]["error"],
    };
    assert!(
        error["title"].is_string() && error["detail"].is_string(),
        "{json}"
    );
    let uri = error["type"].as_str().unwrap().to_owned();
    uri.strip_prefix("https://www.w3.org/ns/did#")
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn a_universal_resolver_gets_document_and_metadata() {
    let (node, did, _) = node().await;
    let did = did.to_string();
    for spelling in [did.clone(), did.replace(':', "%3A")] {
        let reply = resolve(&node, &spelling).await;
        assert_eq!(reply.status, 200);
        assert_eq!(
            reply.header("content-type"),
            Some("application/did-resolution;charset=utf-8")
        );
        let json = reply.json();
        assert_eq!(json["didDocument"]["id"], json!(did));
        assert_eq!(
            json["didResolutionMetadata"]["contentType"],
            "application/did"
        );
        let metadata = &json["didDocumentMetadata"];
        assert_eq!(metadata["versionId"], "3");
        assert_eq!(metadata["created"], "2026-11-18T11:07:40Z");
        assert_eq!(metadata["updated"], "2026-11-18T11:09:40Z");
        assert_eq!(metadata.get("deactivated"), None);
        assert!(metadata["proof"].is_array());
    }
}

#[tokio::test]
async fn a_caller_gets_the_form_that_it_takes() {
    let (node, did, _) = node().await;
    let path = format!("/1.0/identifiers/{did}");
    let resolution = "application/did-resolution;charset=utf-8";
    let legacy = "application/ld+json;profile=\"https://w3id.org/did-resolution\"";
    for (accept, media_type) in [
        ("", resolution),
        ("*/*", resolution),
        ("application/did-resolution", resolution),
        (
            legacy,
            "application/ld+json;profile=\"https://w3id.org/did-resolution\";charset=utf-8",
        ),
        ("application/did", "application/did;charset=utf-8"),
        ("application/did+json", "application/did+json;charset=utf-8"),
        (
            "application/did+ld+json",
            "application/did+ld+json;charset=utf-8",
        ),
        (
            "application/did-url-dereferencing",
            "application/did-url-dereferencing;charset=utf-8",
        ),
    ] {
        let reply = get(&node, &path, accept).await;
        assert_eq!(reply.status, 200, "{accept}");
        assert_eq!(reply.header("content-type"), Some(media_type), "{accept}");
        let json = reply.json();
        let document = match media_type {
            _ if json.get("didDocument").is_some() => &json["didDocument"],
            _ if json.get("content").is_some() => &json["content"],
            _ => &json,
        };
        assert_eq!(document["id"], json!(did.to_string()), "{accept}");
    }
    let contexts = get(&node, &path, "application/did").await.json()["@context"].clone();
    assert_eq!(contexts[0], "https://www.w3.org/ns/did/v1.1");
    assert!(
        get(&node, &path, "application/did+json")
            .await
            .json()
            .get("@context")
            .is_none()
    );
}

#[tokio::test]
async fn versions_are_asked_for_in_every_way() {
    let (node, did, _) = node().await;
    let encoded = did.to_string().replace(':', "%3A");
    let time = "2026-11-18T11:08:40Z";
    for path in [
        format!("{encoded}?versionId=2"),
        format!("{did}?versionId=2"),
        format!("{encoded}%3FversionId%3D2"),
        format!("{encoded}?versionTime={time}"),
        format!("{did}?versionTime={time}&noCache=true&expandRelativeUrls=true"),
        format!("{encoded}?%7B%22versionId%22%3A%222%22%7D"),
    ] {
        let json = resolve(&node, &path).await.json();
        let metadata = &json["didDocumentMetadata"];
        assert_eq!(metadata["versionId"], "2", "{path}: {json}");
        assert_eq!(metadata["nextVersionId"], "3");
        assert_eq!(metadata["nextUpdate"], "2026-11-18T11:09:40Z");
        assert_eq!(
            json["didDocument"]["alsoKnownAs"],
            json!(["https://example.org/2"])
        );
    }
    let line = format!("POST /1.0/identifiers/{did}");
    let reply = send(
        &node,
        &line,
        "accept: application/did-resolution\r\n",
        "{\"versionId\":\"1\"}",
    )
    .await;
    assert_eq!(reply.json()["didDocumentMetadata"]["versionId"], "1");
    assert_eq!(
        send(&node, &line, "", "").await.json()["didDocumentMetadata"]["versionId"],
        "3"
    );
}

#[tokio::test]
async fn a_deactivated_did_is_gone_with_a_whole_result() {
    let (node, _, ended) = node().await;
    for accept in ["application/did-resolution", "application/did"] {
        let reply = get(&node, &format!("/1.0/identifiers/{ended}"), accept).await;
        assert_eq!(reply.status, 410);
        let json = reply.json();
        assert_eq!(json["didDocument"], Value::Null);
        assert_eq!(json["didDocumentMetadata"]["deactivated"], json!(true));
        assert_eq!(json["didDocumentMetadata"]["versionId"], "3");
        assert_eq!(json["didResolutionMetadata"].get("error"), None);
    }
    let before = resolve(&node, &format!("{ended}?versionId=2")).await;
    assert_eq!(before.status, 200);
    assert_eq!(before.json()["didDocument"]["id"], json!(ended.to_string()));
}

#[tokio::test]
async fn each_error_has_its_type_and_status() {
    let (node, did, _) = node().await;
    let unknown = crate::gateway::fixture::did(9, None);
    let elsewhere = "application/did-resolution,application/did+cbor";
    let result = "application/did-resolution";
    let dereferencing = "application/did-url-dereferencing";
    let bare = "application/did";
    for (path, accept, status, name) in [
        ("did:bid:nonsense".to_owned(), result, 400, "INVALID_DID"),
        (String::new(), result, 400, "INVALID_DID"),
        ("nonsense".to_owned(), bare, 400, "INVALID_DID"),
        (
            format!("{did}?service=a&service=b"),
            dereferencing,
            400,
            "INVALID_DID_URL",
        ),
        (format!("{did}?versionId=x"), result, 400, "INVALID_OPTIONS"),
        (
            format!("{did}%3FversionId=x"),
            result,
            400,
            "INVALID_DID_URL",
        ),
        (
            format!("{did}?versionTime=yesterday"),
            result,
            400,
            "INVALID_OPTIONS",
        ),
        (
            format!("{did}?versionId=1&versionTime=2026-11-18T11:08:40Z"),
            result,
            400,
            "INVALID_OPTIONS",
        ),
        (
            format!("{did}?noCache=maybe"),
            result,
            400,
            "INVALID_OPTIONS",
        ),
        (
            format!("{did}?verificationRelationship=nonsense"),
            result,
            400,
            "INVALID_OPTIONS",
        ),
        (
            "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK?verificationRelationship=nonsense"
                .to_owned(),
            result,
            400,
            "INVALID_OPTIONS",
        ),
        (unknown.to_string(), result, 404, "NOT_FOUND"),
        (unknown.to_string(), bare, 404, "NOT_FOUND"),
        (format!("{did}?versionId=4"), result, 404, "NOT_FOUND"),
        (
            format!("{did}?versionTime=2020-01-01T00:00:00Z"),
            result,
            404,
            "NOT_FOUND",
        ),
        (
            format!("{did}#nothing").replace('#', "%23"),
            dereferencing,
            404,
            "NOT_FOUND",
        ),
        (
            did.to_string(),
            elsewhere,
            406,
            "REPRESENTATION_NOT_SUPPORTED",
        ),
        (
            did.to_string(),
            "image/png",
            406,
            "REPRESENTATION_NOT_SUPPORTED",
        ),
        (
            "did:example:123".to_owned(),
            result,
            501,
            "METHOD_NOT_SUPPORTED",
        ),
        (
            "did:unknown:abc?versionId=x".to_owned(),
            result,
            501,
            "METHOD_NOT_SUPPORTED",
        ),
        (
            "did:unknown:abc?noCache=maybe".to_owned(),
            result,
            501,
            "METHOD_NOT_SUPPORTED",
        ),
        (
            "did:web:example.org?versionId=x".to_owned(),
            result,
            501,
            "METHOD_NOT_SUPPORTED",
        ),
        (
            "did:bid:nonsense?versionId=x".to_owned(),
            result,
            400,
            "INVALID_DID",
        ),
        (
            format!("{did}?color=red"),
            result,
            501,
            "FEATURE_NOT_SUPPORTED",
        ),
        (
            "did:bid:by01:efvebF7eV9qKxr3sppyHCHKqkPG5RTUn".to_owned(),
            result,
            404,
            "NOT_FOUND",
        ),
    ] {
        let reply = get(&node, &format!("/1.0/identifiers/{path}"), accept).await;
        assert_eq!(
            (reply.status, kind(&reply).as_str()),
            (status, name),
            "{path}"
        );
        assert!(
            reply
                .header("content-type")
                .unwrap()
                .ends_with(";charset=utf-8")
        );
        let json = reply.json();
        let (content, metadata) = match accept == dereferencing {
            true => (&json["content"], &json["contentMetadata"]),
            false => (&json["didDocument"], &json["didDocumentMetadata"]),
        };
        assert_eq!((content, metadata), (&Value::Null, &json!({})), "{path}");
    }
    let long = "x".repeat(20_000);
    let line = format!("POST /1.0/identifiers/{did}");
    let reply = send(&node, &line, "", &long).await;
    assert_eq!(
        (reply.status, kind(&reply).as_str()),
        (400, "INVALID_OPTIONS")
    );
    let reply = send(&node, &line, "", "[]").await;
    assert_eq!(
        (reply.status, kind(&reply).as_str()),
        (400, "INVALID_OPTIONS")
    );
}

#[tokio::test]
async fn a_sub_chain_says_that_it_does_not_serve_others() {
    let mut sub = Node::sub(Changes::new()).await;
    sub.block(Changes::new(), &[]);
    let reply = resolve(&sub, &did(1, None).to_string()).await;
    assert_eq!(
        (reply.status, kind(&reply).as_str()),
        (501, "FEATURE_NOT_SUPPORTED")
    );
}

#[tokio::test]
async fn before_the_first_block_there_is_an_answer_without_proof_alone() {
    let node = Node::main(versions(1, None, 1, false)).await;
    let did = did(1, None);
    let reply = resolve(&node, &did.to_string()).await;
    assert_eq!(
        (reply.status, kind(&reply).as_str()),
        (500, "INTERNAL_ERROR")
    );
    assert_eq!(
        resolve(&node, &format!("{did}?proof=false")).await.status,
        200
    );
}

#[tokio::test]
async fn dids_of_keys_are_resolved_without_a_chain() {
    let (node, _, _) = node().await;
    let key = "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK";
    let json = resolve(&node, key).await.json();
    assert_eq!(json["didDocument"]["id"], json!(key));
    for (form, context) in [
        ("application/did", json!("https://www.w3.org/ns/did/v1.1")),
        (
            "application/did+ld+json",
            json!("https://www.w3.org/ns/did/v1"),
        ),
        ("application/did+json", Value::Null),
    ] {
        let path = format!("/1.0/identifiers/{key}");
        let document = get(&node, &path, form).await.json();
        assert_eq!(document["@context"][0], context, "{form}");
        let accept = format!("application/did-resolution, {form}");
        let whole = get(&node, &path, &accept).await.json();
        assert_eq!(whole["didDocument"], document);
        assert_eq!(whole["didResolutionMetadata"]["contentType"], json!(form));
    }
    let fragment = "%23z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK";
    let reply = get(
        &node,
        &format!("/1.0/identifiers/{key}{fragment}"),
        "application/did",
    )
    .await;
    assert_eq!(reply.json()["type"], "Multikey");
    assert_eq!(
        resolve(&node, &format!("{key}?versionId=1")).await.status,
        501
    );
    assert_eq!(resolve(&node, "did:key:z6Mk").await.status, 400);
}

#[tokio::test]
async fn a_resolver_describes_itself() {
    let (node, _, _) = node().await;
    let properties = get(&node, "/1.0/properties", "").await;
    assert_eq!(
        properties.header("content-type"),
        Some("application/json;charset=utf-8")
    );
    let properties = properties.json();
    assert!(
        properties["bid"]["resolutionOptions"]
            .as_array()
            .unwrap()
            .contains(&json!("proof"))
    );
    assert_eq!(
        get(&node, "/1.0/methods", "").await.json(),
        json!(["bid", "jwk", "key"])
    );
    assert_eq!(
        get(&node, "/1.0/traits", "").await.json()["bid"]["historyAvailable"],
        json!(true)
    );
}

#[tokio::test]
async fn an_identifier_of_an_earlier_generation_is_named_on_a_chain_of_bifs_profile() {
    let chain = v1::ChainRecord {
        chain_id: "starfire-main-1".into(),
        bif_profile: true,
        ..v1::ChainRecord::default()
    };
    let records = Changes::from([(key::CHAIN.to_vec(), Some(chain.encode_to_vec()))]);
    let of_bif = Node::main(records).await;
    let other = Node::main(Changes::new()).await;
    for (legacy, generation) in [
        (
            "did:bid:6cc796b8d6e2fbebc9b3cf9e",
            "2019 and 2020, 24 hexadecimal digits",
        ),
        (
            "did:bid:38VPR182Y4uTkq32fykXjbKBPdQZutH",
            "about 2021, which name no kind of key",
        ),
        ("did:bid:sfUt7GMaqhWTByMcYscXvqr5brc3fLEV", "Keccak"),
    ] {
        let named = resolve(&of_bif, legacy).await;
        assert_eq!(named.status, 404);
        let error = &named.json()["didResolutionMetadata"]["error"];
        assert_eq!(error["type"], "https://www.w3.org/ns/did#NOT_FOUND");
        let detail = error["detail"].as_str().unwrap();
        assert!(detail.contains(generation), "{detail}");
        let elsewhere = resolve(&other, legacy).await;
        assert!(!elsewhere.json().to_string().contains(generation));

        let batch = json!({ "identifiers": [legacy] }).to_string();
        let line = "POST /1.0/identifiers:batch";
        let batch = send(&of_bif, line, "", &batch).await.json().to_string();
        assert!(
            batch.contains(generation) && batch.contains("#NOT_FOUND"),
            "{batch}"
        );
        let bid = get(&of_bif, &format!("/{legacy}"), "").await.json();
        assert_eq!(bid["errorCode"], 6);
    }
    assert_eq!(resolve(&of_bif, "did:bid:nonsense").await.status, 400);
}
