//! What callers may keep, and for whom these answers are.

use super::dereferencing::resource_of;
use super::*;
use crate::gateway::fixture::registered;

#[tokio::test]
async fn an_answer_that_the_caller_has_is_not_sent_again() {
    let (mut node, did, ended) = node().await;
    let path = format!("/1.0/identifiers/{did}");
    let first = resolve(&node, &did.to_string()).await;
    assert_eq!(first.header("cache-control"), Some("public, max-age=86400"));
    let tag = first.tag();
    // Another block proves the same again.
    node.block(registered(7, None, 1), &[]);
    node.block(Changes::new(), &[]);
    let headers = format!("accept: application/did-resolution\r\nif-none-match: \"x\", {tag}\r\n");
    let again = send(&node, &format!("GET {path}"), &headers, "").await;
    assert_eq!((again.status, again.body.as_slice()), (304, &b""[..]));
    assert_eq!(again.tag(), tag);

    let other_form = format!("accept: application/did\r\nif-none-match: {tag}\r\n");
    assert_eq!(
        send(&node, &format!("GET {path}"), &other_form, "")
            .await
            .status,
        200
    );
    let old = format!("GET {path}?versionId=2");
    assert_eq!(send(&node, &old, &headers, "").await.status, 200);

    let mut newer = versions(1, None, 4, false);
    newer.retain(|_, value| value.is_some());
    node.block(newer, &[]);
    node.block(Changes::new(), &[]);
    assert_eq!(
        send(&node, &format!("GET {path}"), &headers, "")
            .await
            .status,
        200
    );

    let gone = resolve(&node, &ended.to_string()).await;
    assert!(gone.header("etag").is_some());
    let unknown = resolve(&node, &crate::gateway::fixture::did(9, None).to_string()).await;
    assert_eq!(
        (unknown.header("etag"), unknown.header("cache-control")),
        (None, Some("no-cache"))
    );
    let fresh = resolve(&node, &format!("{did}?noCache=true")).await;
    assert_eq!(fresh.header("cache-control"), Some("no-cache"));
}

#[tokio::test]
async fn what_never_changes_is_kept_and_not_sent_again() {
    let (node, _, _) = node().await;
    let key = "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK";
    let path = format!("GET /1.0/identifiers/{key}");
    let mut tags = Vec::new();
    for accept in [
        "application/did-resolution",
        "application/did-resolution, application/did+ld+json",
        "application/did",
        "application/did+json",
        "application/did-url-dereferencing",
    ] {
        let headers = format!("accept: {accept}\r\n");
        let first = send(&node, &path, &headers, "").await;
        assert_eq!(first.header("cache-control"), Some("public, max-age=86400"));
        let tag = first.tag();
        let again = send(
            &node,
            &path,
            &format!("{headers}if-none-match: {tag}\r\n"),
            "",
        )
        .await;
        assert_eq!((again.status, again.body.as_slice()), (304, &b""[..]));
        assert_eq!(again.tag(), tag);
        let other = send(
            &node,
            &path,
            &format!("{headers}if-none-match: \"x\"\r\n"),
            "",
        )
        .await;
        assert_eq!(other.status, 200);
        assert!(
            !tags.contains(&tag),
            "{accept}: another form has another tag"
        );
        tags.push(tag);
    }
    let post = send(
        &node,
        &format!("POST /1.0/identifiers/{key}"),
        &format!(
            "accept: application/did-resolution\r\nif-none-match: {}\r\n",
            tags[0]
        ),
        "",
    )
    .await;
    assert_eq!(post.status, 200, "only GET is answered with 304");
}

/// Each of these forms has a tag of its own, and no other form's tag is taken for it.
async fn check_tags(node: &Node, path: &str, forms: &[&str]) {
    let line = format!("GET {path}");
    let mut tags: Vec<String> = Vec::new();
    for accept in forms {
        let first = get(node, path, accept).await;
        assert_eq!(first.status, 200, "{path} {accept}");
        for tag in &tags {
            let headers = format!("accept: {accept}\r\nif-none-match: {tag}\r\n");
            let reply = send(node, &line, &headers, "").await;
            assert_eq!(reply.status, 200, "{path} {accept} {tag}");
            assert_eq!(reply.body, first.body);
        }
        let headers = format!("accept: {accept}\r\nif-none-match: {}\r\n", first.tag());
        let again = send(node, &line, &headers, "").await;
        assert_eq!(again.status, 304, "{path} {accept}");
        tags.push(first.tag());
    }
}

#[tokio::test]
async fn a_tag_is_of_one_form_of_an_answer() {
    let (mut node, did, _) = node().await;
    node.block(resource_of(1, None, "logo", 1, "image/png", b"logo"), &[]);
    node.block(Changes::new(), &[]);
    let forms = [
        "application/did",
        "application/did+json",
        "application/did+ld+json",
        "application/did-url-dereferencing",
        "application/did-url-dereferencing, application/did+json",
        "application/did-url-dereferencing, application/did+ld+json",
    ];
    let of = |rest: &str| format!("/1.0/identifiers/{did}{rest}");
    check_tags(&node, &of("%23key-1"), &forms).await;
    check_tags(&node, &of(""), &forms).await;
    let legacy = "application/ld+json;profile=\"https://w3id.org/did-resolution\"";
    let resolutions = [
        "application/did-resolution",
        "application/did-resolution, application/did+json",
        "application/did-resolution, application/did+ld+json",
        legacy,
    ];
    check_tags(&node, &of(""), &resolutions).await;
    let services = [
        "application/did-url-dereferencing",
        "application/did-url-dereferencing, text/uri-list",
        "application/did",
    ];
    check_tags(&node, &of("?service=files"), &services).await;
    let resources = ["image/png", "application/did-url-dereferencing"];
    check_tags(&node, &of("/resources/logo"), &resources).await;
}

#[tokio::test]
async fn a_new_version_of_a_resource_has_a_new_tag_though_its_bytes_are_the_same() {
    let (mut node, did, _) = node().await;
    let path = format!("/1.0/identifiers/{did}/resources/logo");
    let mut tags = Vec::new();
    for version in [1, 2] {
        let changes = resource_of(1, None, "logo", version, "image/png", b"logo");
        node.block(changes, &[]);
        node.block(Changes::new(), &[]);
        tags.push(
            get(&node, &path, "application/did-url-dereferencing")
                .await
                .tag(),
        );
    }
    assert_ne!(tags[0], tags[1]);
}

#[tokio::test]
async fn any_page_may_ask() {
    let (node, did, _) = node().await;
    let path = format!("/1.0/identifiers/{did}");
    let reply = get(&node, &path, "").await;
    assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
    assert_eq!(reply.header("vary"), Some("accept"));
    assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
    assert!(
        reply
            .header("content-security-policy")
            .unwrap()
            .contains("sandbox")
    );
    let asked = send(
        &node,
        &format!("OPTIONS {path}"),
        "origin: https://example.org\r\n",
        "",
    )
    .await;
    assert_eq!(asked.status, 204);
    assert_eq!(
        asked.header("access-control-allow-methods"),
        Some("get, post, options")
    );
}
