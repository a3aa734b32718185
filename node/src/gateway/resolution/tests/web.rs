//! `did:web` by the same route: off unless configured.

use serde_json::json;

use super::*;
use crate::web_did::tests::Site;

#[tokio::test]
async fn a_node_fetches_nothing_unless_it_is_configured_to() {
    let (node, _, _) = node().await;
    let reply = resolve(&node, "did:web:example.org").await;
    assert_eq!(reply.status, 501);
    let error = &reply.json()["didResolutionMetadata"]["error"];
    assert_eq!(
        error["type"],
        "https://www.w3.org/ns/did#METHOD_NOT_SUPPORTED"
    );
    let detail = error["detail"].as_str().unwrap();
    assert!(detail.starts_with("DID_WEB_OFF: "), "{detail}");
    let methods = get(&node, "/1.0/methods", "").await.json();
    assert_eq!(methods, json!(["bid", "jwk", "key"]));
}

#[tokio::test]
async fn a_website_s_document_resolves_and_dereferences() {
    let site = Site::open().await;
    let did = site.did(":user:alice");
    let document = json!({
        "@context": ["https://www.w3.org/ns/did/v1"],
        "id": did,
        "verificationMethod": [{ "id": "#key-1", "type": "Multikey", "controller": did, "publicKeyMultibase": "z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK" }],
        "assertionMethod": ["#key-1"],
    });
    site.put_document("/user/alice/did.json", &document);
    let node = Node::with_web(Changes::new(), site.web_dids()).await;

    let encoded = did.replace('%', "%25").replace(':', "%3A");
    for path in [&did, &encoded] {
        let reply = resolve(&node, path).await;
        assert_eq!(reply.status, 200, "{path}");
        assert_eq!(reply.json()["didDocument"], document);
        assert_eq!(reply.header("cache-control"), Some("no-cache"));
    }
    let key = get(
        &node,
        &format!("/1.0/identifiers/{did}%23key-1"),
        "application/did-url-dereferencing",
    )
    .await;
    assert_eq!(key.json()["content"], document["verificationMethod"][0]);
    let path = format!("/1.0/identifiers/{did}%23key-1?verificationRelationship=assertionMethod");
    assert_eq!(get(&node, &path, "").await.status, 200);

    for (did, status, code) in [
        (site.did(":nobody"), 404, "DID_WEB_NOT_FOUND"),
        (
            "did:web:example.org".into(),
            501,
            "DID_WEB_HOST_NOT_ALLOWED",
        ),
        ("did:web:127.0.0.1".into(), 400, "DID_WEB_INVALID"),
        (site.did(":user:alice") + "?versionId=1", 501, "DIDs of"),
    ] {
        let reply = resolve(&node, &did).await;
        assert_eq!(reply.status, status, "{did}");
        let error = &reply.json()["didResolutionMetadata"]["error"];
        assert!(
            error["detail"].as_str().unwrap().starts_with(code),
            "{error}"
        );
    }
    let service = resolve(&node, &(site.did(":user:alice") + "?service=files")).await;
    assert_eq!(service.status, 501);
    let told = service.json().to_string();
    assert!(told.contains("services of a did:web document"), "{told}");
    let methods = get(&node, "/1.0/methods", "").await.json();
    assert_eq!(methods, json!(["bid", "jwk", "key", "web"]));
    let traits = get(&node, "/1.0/traits", "").await.json();
    assert_eq!(traits["web"]["updatable"], json!(true));
}

#[tokio::test]
async fn a_website_s_document_is_sent_as_it_stands_and_called_what_it_is() {
    let site = Site::open().await;
    let did = site.did(":user:bob");
    let node = Node::with_web(Changes::new(), site.web_dids()).await;
    for (context, media_type) in [
        (json!(["https://www.w3.org/ns/did/v1.1"]), "application/did"),
        (
            json!(["https://www.w3.org/ns/did/v1"]),
            "application/did+ld+json",
        ),
        (Value::Null, "application/did+json"),
    ] {
        let mut document = json!({ "id": did });
        if context.is_array() {
            document["@context"] = context;
        }
        site.put_document("/user/bob/did.json", &document);
        for accept in [
            "application/did",
            "application/did+ld+json",
            "application/did+json",
        ] {
            let path = format!("/1.0/identifiers/{did}?noCache=true");
            let bare = get(&node, &path, accept).await;
            assert_eq!(bare.json(), document, "{accept}");
            let sent = format!("{media_type};charset=utf-8");
            assert_eq!(bare.header("content-type"), Some(sent.as_str()), "{accept}");
            let accept = format!("application/did-resolution, {accept}");
            let whole = get(&node, &path, &accept).await.json();
            assert_eq!(whole["didDocument"], document);
            assert_eq!(
                whole["didResolutionMetadata"]["contentType"],
                json!(media_type)
            );
        }
    }
}

#[tokio::test]
async fn a_key_that_stands_in_a_relationship_is_found_there() {
    let site = Site::open().await;
    let did = site.did(":user:carol");
    let key = |id: &str| json!({ "id": id, "type": "Multikey", "controller": did, "publicKeyMultibase": "z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK" });
    let whole = format!("{did}#key-2");
    let document = json!({
        "@context": ["https://www.w3.org/ns/did/v1"],
        "id": did,
        "verificationMethod": [key("#key-1")],
        "authentication": ["#key-1", key(&whole)],
        "service": [{ "id": "#files", "type": "Files", "serviceEndpoint": "https://example.org/" }],
    });
    site.put_document("/user/carol/did.json", &document);
    let node = Node::with_web(Changes::new(), site.web_dids()).await;
    for (rest, status, part) in [
        ("%23key-2", 200, &document["authentication"][1]),
        (
            "%23key-2?verificationRelationship=authentication",
            200,
            &document["authentication"][1],
        ),
        (
            "%23key-1?verificationRelationship=authentication",
            200,
            &document["verificationMethod"][0],
        ),
        ("%23files", 200, &document["service"][0]),
        (
            "%23key-2?verificationRelationship=assertionMethod",
            500,
            &Value::Null,
        ),
        (
            "%23files?verificationRelationship=authentication",
            500,
            &Value::Null,
        ),
        ("%23key-3", 404, &Value::Null),
    ] {
        let reply = get(&node, &format!("/1.0/identifiers/{did}{rest}"), "").await;
        assert_eq!(
            (reply.status, &reply.json()["content"]),
            (status, part),
            "{rest}"
        );
    }
}
