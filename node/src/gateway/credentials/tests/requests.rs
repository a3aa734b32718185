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
