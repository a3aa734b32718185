//! Requests that are not carried out, and what browsers ask before they ask.

use super::*;

#[tokio::test]
async fn a_request_that_cannot_be_read_is_a_problem_with_a_code() {
    let node = world().await;
    let credential = signed(claims(), ISSUER);
    let twice = r#"{"verifiableCredential":{"a":1,"a":2}}"#.to_owned();
    let unknown_check =
        json!({ "verifiableCredential": credential, "options": { "checks": ["prof"] } });
    for (body, code) in [
        ("{".to_owned(), "JSON_INVALID"),
        (twice, "JSON_INVALID"),
        ("[]".to_owned(), "JSON_INVALID"),
        (r#"{"credential":{}}"#.to_owned(), "REQUEST_MALFORMED"),
        (unknown_check.to_string(), "OPTION_INVALID"),
    ] {
        let reply = ask(&node, "POST", "/credentials/verify", "", body.as_bytes()).await;
        assert_eq!(reply.status, 400, "{body}");
        reply.has("content-type: application/problem+json");
        let problem = reply.json();
        assert_eq!(
            (&problem["code"], &problem["status"]),
            (&json!(code), &json!(400)),
            "{body}"
        );
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_by_every_route() {
    let node = world().await;
    let long = vec![b' '; super::super::BODY_BYTES_MAX + 1];
    for path in [
        "/credentials/verify",
        "/credentials/status",
        "/presentations/verify",
    ] {
        let reply = ask(&node, "POST", path, "", &long).await;
        assert_eq!(reply.status, 413, "{path}");
        assert_eq!(reply.json()["code"], json!("REQUEST_TOO_LONG"));
    }
}

#[tokio::test]
async fn what_is_asked_for_in_vain_is_a_problem_too() {
    let node = world().await;
    let issuer = did(ISSUER, None);
    for (path, status, code) in [
        (format!("/schemas/{issuer}/none/1"), 404, "SCHEMA_NOT_FOUND"),
        (
            format!("/schemas/{issuer}/none/x"),
            400,
            "INVALID_PARAMETER",
        ),
        (format!("/schemas/{issuer}/%ff/1"), 400, "INVALID_PARAMETER"),
        (
            format!("/status-lists/{issuer}/none"),
            404,
            "STATUS_LIST_NOT_FOUND",
        ),
        (
            format!("/status-lists/{issuer}/%ff"),
            400,
            "INVALID_PARAMETER",
        ),
        ("/status-lists/x/y".into(), 400, "INVALID_PARAMETER"),
        ("/credentials/status".into(), 400, "INVALID_PARAMETER"),
        (
            format!("/credentials/status?list={}&index=x", list_url(&issuer)),
            400,
            "INVALID_PARAMETER",
        ),
        (
            format!("/credentials/status?list={}", list_url(&issuer)),
            400,
            "INVALID_PARAMETER",
        ),
        ("/accreditations".into(), 400, "INVALID_PARAMETER"),
        (
            format!("/accreditations?issuer={issuer}&type={KIND}&jurisdiction=CN&at=now"),
            400,
            "INVALID_PARAMETER",
        ),
        // A slip in a name would judge another moment, or another entry.
        (
            format!(
                "/accreditations?issuer={issuer}&type={KIND}&jurisdiction=CN&At=2020-01-01T00:00:00Z"
            ),
            400,
            "INVALID_PARAMETER",
        ),
        (
            format!(
                "/credentials/status?list={}&index=7&Index=8",
                list_url(&issuer)
            ),
            400,
            "INVALID_PARAMETER",
        ),
    ] {
        let reply = get(&node, &path).await;
        let json = reply.json();
        assert_eq!(
            (reply.status, &json["code"]),
            (status, &json!(code)),
            "{path}"
        );
        reply.has("content-type: application/problem+json");
        assert_eq!(json["status"], json!(status));
        assert!(json["type"].is_string() && json["title"].is_string());
        let detail = json["detail"].as_str().unwrap();
        for word in ["deserialize", "missing field", "`"] {
            assert!(!detail.contains(word), "{detail}");
        }
    }
}

#[tokio::test]
async fn any_page_may_ask_but_none_has_a_credential_issued() {
    let node = world().await;
    for path in [
        "/credentials/verify",
        "/credentials/status",
        "/presentations/verify",
    ] {
        let reply = ask(&node, "OPTIONS", path, "origin: https://a.example\r\n", b"").await;
        assert_eq!(reply.status, 204, "{path}");
        reply
            .has("access-control-allow-origin: *")
            .has("access-control-allow-headers: accept, content-type");
    }
    verify(&node, &signed(claims(), ISSUER), &json!({}))
        .await
        .has("access-control-allow-origin: *")
        .has("x-content-type-options: nosniff");
    let reply = ask(&node, "OPTIONS", "/credentials/issue", "", b"").await;
    assert_eq!(reply.status, 405);
}
