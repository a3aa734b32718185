//! DID Resolution §5: what a DID URL names.

use serde_json::json;
use sha2::{Digest, Sha256};

use super::*;

const RESULT: &str = "application/did-url-dereferencing";

#[tokio::test]
async fn a_fragment_names_a_key_or_a_service() {
    let (node, did, _) = node().await;
    for (fragment, kind) in [("key-1", "Multikey"), ("files", "Files")] {
        let id = format!("{did}#{fragment}");
        let encoded = id.replace(':', "%3A").replace('#', "%23");
        let path = format!("/1.0/identifiers/{encoded}");
        let json = get(&node, &path, RESULT).await.json();
        assert_eq!(json["content"]["id"], json!(id));
        assert_eq!(json["content"]["type"], json!(kind));
        assert_eq!(
            json["dereferencingMetadata"]["contentType"],
            "application/did"
        );
        let bare = get(&node, &path, "application/did+ld+json").await;
        assert_eq!(
            bare.header("content-type"),
            Some("application/did+ld+json;charset=utf-8")
        );
        assert_eq!(bare.json()["id"], json!(id));
    }
    let key = format!("/1.0/identifiers/{did}%23key-1?verificationRelationship=");
    assert_eq!(
        get(&node, &format!("{key}authentication"), RESULT)
            .await
            .status,
        200
    );
    let wrong = get(&node, &format!("{key}keyAgreement"), RESULT).await;
    assert_eq!(wrong.status, 500);
    let uri = wrong.json()["dereferencingMetadata"]["error"]["type"].clone();
    assert_eq!(
        uri,
        "https://w3id.org/security#INVALID_RELATIONSHIP_FOR_VERIFICATION_METHOD"
    );
    assert_eq!(
        get(&node, &format!("{key}friendship"), RESULT).await.status,
        400
    );
}

#[tokio::test]
async fn what_is_no_key_is_for_no_use() {
    let (node, did, _) = node().await;
    let key = "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK";
    for path in [
        did.to_string(),
        format!("{did}%23files"),
        format!("{did}?service=files"),
        format!("{did}/resources/logo"),
        key.to_owned(),
    ] {
        let joint = if path.contains('?') { '&' } else { '?' };
        let path = format!("/1.0/identifiers/{path}{joint}verificationRelationship=authentication");
        for accept in ["", RESULT, "application/did"] {
            let reply = get(&node, &path, accept).await;
            let json = reply.json();
            let error = match json.get("didResolutionMetadata") {
                Some(metadata) => &metadata["error"],
                None => &json["dereferencingMetadata"]["error"],
            };
            assert_eq!(
                (reply.status, &error["type"]),
                (
                    500,
                    &json!("https://w3id.org/security#INVALID_VERIFICATION_METHOD")
                ),
                "{path}"
            );
        }
    }
}

#[tokio::test]
async fn a_service_is_redirected_to_or_shown() {
    let (node, did, _) = node().await;
    let path = format!("/1.0/identifiers/{did}?service=files&relativeRef=%2Fresume.pdf%3Fa");
    let reply = get(&node, &path, "text/uri-list").await;
    assert_eq!((reply.status, reply.body.as_slice()), (303, &b""[..]));
    assert_eq!(
        reply.header("location"),
        Some("https://files.example.org/resume.pdf?a")
    );

    let path = format!("/1.0/identifiers/{did}?serviceType=Files");
    let json = get(&node, &path, RESULT).await.json();
    assert_eq!(json["content"]["service"].as_array().unwrap().len(), 2);
    assert_eq!(json["contentMetadata"]["versionId"], "3");
    let both = get(&node, &path, &format!("{RESULT}, text/uri-list"))
        .await
        .json();
    assert_eq!(
        both["dereferencingMetadata"]["contentType"],
        "text/uri-list"
    );
    assert_eq!(
        both["content"],
        json!([
            "https://files.example.org/root/list",
            "https://mirror.example.org/"
        ])
    );
    let document = get(&node, &path, "application/did").await;
    assert_eq!(document.json()["service"].as_array().unwrap().len(), 2);
    assert_eq!(
        get(
            &node,
            &format!("/1.0/identifiers/{did}?service=none"),
            RESULT
        )
        .await
        .status,
        404
    );
}

#[tokio::test]
async fn a_version_of_a_document_can_be_asked_for_by_its_url() {
    let (node, did, ended) = node().await;
    let path = format!("/1.0/identifiers/{did}?versionId=2");
    let json = get(&node, &path, RESULT).await.json();
    assert_eq!(
        json["content"]["alsoKnownAs"],
        json!(["https://example.org/2"])
    );
    assert_eq!(json["contentMetadata"]["nextVersionId"], "3");
    let gone = get(&node, &format!("/1.0/identifiers/{ended}%23key-1"), RESULT).await;
    assert_eq!(gone.status, 410);
    assert_eq!(gone.json()["contentMetadata"]["deactivated"], json!(true));
}

#[tokio::test]
async fn a_result_says_which_did_url_it_is_of() {
    let (mut node, did, ended) = node().await;
    node.block(resource("logo", 1, "image/png", b"logo"), &[]);
    node.block(Changes::new(), &[]);
    for (path, url) in [
        (format!("{did}%23key-1"), format!("{did}#key-1")),
        (
            format!("{did}%23key-1?versionId=2"),
            format!("{did}?versionId=2#key-1"),
        ),
        (
            format!("{did}?service=files&relativeRef=%2Fa%3Fb"),
            format!("{did}?service=files&relativeRef=%2Fa%3Fb"),
        ),
        (format!("{did}/resources/logo/1"), format!("{did}/resources/logo/1")),
        (format!("{did}%3FversionId%3D2"), format!("{did}?versionId=2")),
        (format!("{ended}%23key-1"), format!("{ended}#key-1")),
        (
            "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK%23z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK".into(),
            "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK#z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK".into(),
        ),
    ] {
        let json = get(&node, &format!("/1.0/identifiers/{path}"), RESULT)
            .await
            .json();
        assert_eq!(json["dereferencingMetadata"]["didUrl"], json!(url), "{json}");
    }
}

#[tokio::test]
async fn a_did_url_is_dereferenced_in_success_and_in_error_alike() {
    let (node, did, ended) = node().await;
    let unknown = crate::gateway::fixture::did(9, None);
    let web = "text/html,application/xhtml+xml,*/*;q=0.8";
    for (path, status) in [
        (format!("{did}%23key-1"), 200),
        (format!("{did}%3FversionId%3D1"), 200),
        (format!("{did}%23nothing"), 404),
        (format!("{did}?service=none"), 404),
        (format!("{did}?service=files&service=mirror"), 400),
        (format!("{did}?relativeRef=a"), 400),
        (format!("{did}%3FversionId%3Dx"), 400),
        (format!("{did}/resources/none"), 404),
        (format!("{unknown}%23key-1"), 404),
        (format!("{unknown}%3FversionId%3D1"), 404),
        (format!("{ended}%23key-1"), 410),
        ("did:example:1%23key-1".into(), 501),
        (format!("{did}%23key-1?color=red"), 501),
    ] {
        for accept in ["", web, RESULT] {
            let reply = get(&node, &format!("/1.0/identifiers/{path}"), accept).await;
            let json = reply.json();
            assert_eq!(reply.status, status, "{path} {accept}: {json}");
            assert_eq!(
                reply.header("content-type"),
                Some("application/did-url-dereferencing;charset=utf-8"),
                "{path} {accept}"
            );
            let error = &json["dereferencingMetadata"]["error"];
            assert_eq!(error.is_object(), !matches!(status, 200 | 410), "{json}");
            assert_eq!(json["content"].is_null(), status != 200, "{json}");
            assert!(json["contentMetadata"].is_object(), "{json}");
        }
    }
    // Who takes a document alone gets the same errors.
    let reply = get(
        &node,
        &format!("/1.0/identifiers/{did}%23nothing"),
        "application/did",
    )
    .await;
    assert!(reply.json()["dereferencingMetadata"]["error"].is_object());
}

#[tokio::test]
async fn a_reference_counts_whatever_the_caller_takes() {
    let (node, did, _) = node().await;
    let path = format!("/1.0/identifiers/{did}?serviceType=Files&relativeRef=a.pdf");
    let expected = json!([
        "https://files.example.org/root/a.pdf",
        "https://mirror.example.org/a.pdf"
    ]);
    for accept in ["", RESULT, "application/did", "application/did+json"] {
        let json = get(&node, &path, accept).await.json();
        let document = json.get("content").unwrap_or(&json);
        let services = document["service"].as_array().unwrap().iter();
        let endpoints: Value = services
            .map(|service| service["serviceEndpoint"].clone())
            .collect();
        assert_eq!(endpoints, expected, "{accept}");
    }
}

#[tokio::test]
async fn what_is_no_service_has_no_list_of_addresses() {
    let (node, did, _) = node().await;
    let key = "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK";
    for named in [
        did.to_string(),
        format!("{did}?versionId=1"),
        format!("{did}%3FversionId%3D1"),
        format!("{did}%23key-1"),
        format!("{did}%23files"),
        key.to_owned(),
    ] {
        let path = format!("/1.0/identifiers/{named}");
        let reply = get(&node, &path, "text/uri-list").await;
        assert_eq!(reply.status, 406, "{named}");
        let json = reply.json();
        let error = match json.get("didResolutionMetadata") {
            Some(metadata) => &metadata["error"],
            None => &json["dereferencingMetadata"]["error"],
        };
        assert_eq!(
            error["type"],
            "https://www.w3.org/ns/did#REPRESENTATION_NOT_SUPPORTED"
        );
        let accept = format!("text/uri-list, {RESULT};q=0.5, */*;q=0.1");
        assert_eq!(get(&node, &path, &accept).await.status, 200, "{named}");
    }
}

#[tokio::test]
async fn nobody_is_redirected_to_what_is_no_place() {
    let did = did(3, None);
    let mut one = did_record(3, None, 1);
    for (fragment, kind, endpoint) in [
        ("mail", "Mail", "mailto:office@example.org"),
        ("urn", "Mail", "urn:example:office"),
        ("own", "Agent", "did:web:example.org"),
        ("page", "Page", "HTTPS://example.org/"),
    ] {
        one.document.as_mut().unwrap().service.push(v1::DidService {
            id: format!("{did}#{fragment}"),
            r#type: kind.into(),
            endpoint: endpoint.into(),
        });
    }
    let mut node = Node::main(record(path::record(&did), &one)).await;
    node.block(Changes::new(), &[]);
    let ask = async |query: &str, accept: &str| {
        get(&node, &format!("/1.0/identifiers/{did}?{query}"), accept).await
    };
    for query in ["service=mail", "service=urn", "serviceType=Mail"] {
        let reply = ask(query, "text/uri-list").await;
        assert_eq!(
            (reply.status, reply.header("location")),
            (406, None),
            "{query}"
        );
        let error = &reply.json()["dereferencingMetadata"]["error"];
        assert_eq!(
            error["type"],
            "https://www.w3.org/ns/did#REPRESENTATION_NOT_SUPPORTED"
        );
        // It is told all the same, to who decides for themselves.
        let both = ask(query, &format!("{RESULT}, text/uri-list")).await;
        assert_eq!(both.status, 200, "{query}");
    }
    for (query, location) in [
        ("service=own", "did:web:example.org"),
        ("service=page", "https://example.org/"),
    ] {
        let reply = ask(query, "text/uri-list").await;
        assert_eq!(
            (reply.status, reply.header("location")),
            (303, Some(location))
        );
    }
}

fn resource(name: &str, version: u64, media_type: &str, content: &[u8]) -> Changes {
    resource_of(1, None, name, version, media_type, content)
}

pub(super) fn resource_of(
    seed: u8,
    code: Option<&str>,
    name: &str,
    version: u64,
    media_type: &str,
    content: &[u8],
) -> Changes {
    let did = did(seed, code);
    let one = v1::DidResourceRecord {
        did: did.to_string(),
        name: name.into(),
        version,
        media_type: media_type.into(),
        checksum: Sha256::digest(content).to_vec(),
        size: u64::try_from(content.len()).unwrap(),
        created_ms: made_ms(version),
        ..Default::default()
    };
    let mut changes = record(path::resource(&did, name), &one);
    changes.extend(record(path::resource_version(&did, name, version), &one));
    let bytes = path::resource_content(&did, name, version);
    changes.insert(bytes, Some(content.to_vec()));
    changes
}

#[tokio::test]
async fn resources_are_served_bare_or_with_their_metadata() {
    let (mut node, did, _) = node().await;
    let mut changes = resource("logo", 1, "image/png", b"\x89PNG one");
    changes.extend(resource(
        "schema",
        1,
        "application/schema+json",
        b"{\"a\":1}",
    ));
    changes.extend(resource("page", 1, "text/html", "<b>中文</b>".as_bytes()));
    node.block(changes, &[]);
    node.block(resource("logo", 2, "image/png", b"\x89PNG two"), &[]);
    node.block(Changes::new(), &[]);
    let path = format!("/1.0/identifiers/{did}/resources/logo");

    let newest = get(&node, &path, "").await;
    assert_eq!(newest.status, 200, "{}", newest.head);
    assert_eq!(
        (newest.header("content-type"), newest.body.as_slice()),
        (Some("image/png"), &b"\x89PNG two"[..])
    );
    for old in [
        format!("{path}?versionId=1"),
        format!("{path}/1"),
        format!("{path}?versionTime=2026-11-18T11:07:45Z"),
    ] {
        assert_eq!(
            get(&node, &old, "image/*").await.body,
            b"\x89PNG one",
            "{old}"
        );
    }
    let json = get(&node, &format!("{path}?versionId=1"), RESULT)
        .await
        .json();
    assert_eq!(json["contentMetadata"]["contentEncoding"], "base64");
    assert_eq!(json["contentMetadata"]["versionId"], "1");
    assert_eq!(json["contentMetadata"]["created"], "2026-11-18T11:07:40Z");
    assert_eq!(
        json["contentMetadata"]["checksum"],
        json!(hex::encode(Sha256::digest(b"\x89PNG one")))
    );
    assert!(json["contentMetadata"]["proof"].is_array());

    let schema = format!("/1.0/identifiers/{did}/resources/schema");
    assert_eq!(
        get(&node, &schema, RESULT).await.json()["content"],
        json!({ "a": 1 })
    );
    let page = get(
        &node,
        &format!("/1.0/identifiers/{did}/resources/page"),
        "text/html",
    )
    .await;
    assert_eq!(page.header("content-type"), Some("text/html;charset=utf-8"));
    assert!(
        page.header("content-security-policy")
            .unwrap()
            .contains("sandbox")
    );

    assert_eq!(get(&node, &path, "text/plain").await.status, 406);
    assert_eq!(
        get(&node, &format!("{path}?versionId=9"), RESULT)
            .await
            .status,
        404
    );
    for nothing in [
        "resources/none",
        "resources",
        "other/path",
        "resources/logo/1/2",
        "resources/logo/x",
    ] {
        let path = format!("/1.0/identifiers/{did}/{nothing}");
        assert_eq!(get(&node, &path, RESULT).await.status, 404, "{nothing}");
    }
    let tag = newest.tag();
    let again = send(
        &node,
        &format!("GET {path}"),
        &format!("if-none-match: {tag}\r\n"),
        "",
    )
    .await;
    assert_eq!(again.status, 304);
}

#[tokio::test]
async fn a_resource_is_gone_with_its_did() {
    let (mut node, _, ended) = node().await;
    node.block(resource_of(2, None, "logo", 1, "image/png", b"logo"), &[]);
    node.block(Changes::new(), &[]);
    let path = format!("/1.0/identifiers/{ended}/resources/logo");
    let key = format!("/1.0/identifiers/{ended}%23key-1");
    for accept in ["", "image/png", "*/*", RESULT] {
        for query in ["", "?versionTime=2026-11-18T11:09:40Z"] {
            let gone = get(&node, &format!("{path}{query}"), accept).await;
            let json = gone.json();
            assert_eq!(gone.status, 410, "{accept} {query}: {json}");
            assert_eq!(
                gone.header("content-type"),
                Some("application/did-url-dereferencing;charset=utf-8")
            );
            assert_eq!(json["content"], Value::Null);
            let url = format!("{ended}/resources/logo{query}");
            assert_eq!(json["dereferencingMetadata"]["didUrl"], json!(url));
            let of_key = get(&node, &format!("{key}{query}"), accept).await.json();
            if accept != "image/png" {
                assert_eq!(json["contentMetadata"], of_key["contentMetadata"]);
            }
        }
    }
    // What was there before the end stays, as the documents do.
    for old in [
        format!("{path}/1"),
        format!("{path}?versionId=1"),
        format!("{path}?versionTime=2026-11-18T11:08:45Z"),
    ] {
        let reply = get(&node, &old, "image/png").await;
        assert_eq!((reply.status, reply.body.as_slice()), (200, &b"logo"[..]));
    }
    let none = format!("/1.0/identifiers/{ended}/resources/none");
    assert_eq!(get(&node, &none, "").await.status, 410);
}
