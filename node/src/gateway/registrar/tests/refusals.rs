//! What is refused at once.

use super::*;

#[tokio::test]
async fn no_secret_is_taken() {
    let node = Node::main(Changes::new()).await;
    let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": "AA", "d": "AA" });
    for request in [
        json!({}),
        json!({ "options": { "clientSecretMode": false } }),
        json!({ "options": { "clientSecretMode": true, "storeSecrets": true } }),
        json!({ "options": { "clientSecretMode": true, "returnSecrets": true } }),
        json!({ "options": option(), "secret": { "verificationMethod": [{ "privateKeyMultibase": "z" }] } }),
        json!({ "options": option(), "secret": { "verificationMethod": [{ "secretKeyMultibase": "z" }] } }),
        json!({ "options": option(), "secret": { "verificationMethod": [{ "publicKeyJwk": jwk }] } }),
        json!({ "options": option(), "secret": { "seed": "00" } }),
    ] {
        for operation in ["create", "update", "deactivate"] {
            let (status, answer) = post(&node, operation, &request).await;
            assert_eq!(
                (status, &answer["didState"]["reason"]),
                (400, &json!("SECRETS_REFUSED")),
                "{request}"
            );
            assert_eq!(answer["didState"]["state"], "failed");
            let mut named = request.clone();
            named["did"] = json!("did:bid:x");
            let (_, answer) = post(&node, operation, &named).await;
            assert_eq!(answer["didState"]["did"], "did:bid:x");
        }
    }
}

#[tokio::test]
async fn each_bad_request_has_its_code() {
    let mut node = Node::main(registered(1, None, 1)).await;
    node.block(Changes::new(), &[]);
    let name = did(1, None).to_string();
    let p256 = json!([{ "id": "#key-1", "publicKeyMultibase": "zDnaerx9CtbPJ1q36T5Ln5wYt3MQYeGRG5ehnPAmxcf5mDZpv" }]);
    let own = json!([{ "id": "#key-1", "publicKeyMultibase": multikey(&private_key(5)) }]);
    for (operation, request, code) in [
        ("create", json!([]), "INVALID_PARAMETER"),
        (
            "create",
            json!({ "options": option(), "didDocument": [{}, {}] }),
            "INVALID_PARAMETER",
        ),
        (
            "create",
            json!({ "options": option(), "didDocument": { "verificationMethod": p256 } }),
            "INVALID_PARAMETER",
        ),
        (
            "create",
            json!({ "options": option(), "didDocument": { "id": name, "verificationMethod": own } }),
            "INVALID_PARAMETER",
        ),
        (
            "create",
            json!({ "options": option(), "didDocument": { "id": "did:web:x", "verificationMethod": own } }),
            "INVALID_ADDRESS",
        ),
        (
            "create",
            json!({ "options": option(), "didDocument": { "id": did(5, Some("by01")).to_string(), "verificationMethod": own } }),
            "DID_OTHER_CHAIN",
        ),
        (
            "create",
            json!({ "options": option(), "didDocument": { "verificationMethod": own, "service": [{ "id": "#a", "type": "x" }] } }),
            "DID_DOCUMENT_INVALID",
        ),
        (
            "update",
            json!({ "options": option() }),
            "INVALID_PARAMETER",
        ),
        (
            "update",
            json!({ "options": option(), "did": name }),
            "INVALID_PARAMETER",
        ),
        (
            "update",
            json!({ "options": option(), "did": "x" }),
            "INVALID_ADDRESS",
        ),
        (
            "update",
            json!({ "options": option(), "did": did(1, Some("by01")).to_string() }),
            "DID_OTHER_CHAIN",
        ),
        (
            "update",
            json!({ "options": option(), "did": name, "didDocumentOperation": "turnAround", "didDocument": {} }),
            "INVALID_PARAMETER",
        ),
        (
            "update",
            json!({ "options": option(), "did": name, "didDocumentOperation": ["setDidDocument"], "didDocument": [] }),
            "INVALID_PARAMETER",
        ),
        (
            "update",
            json!({ "options": option(), "did": name, "didDocumentOperation": "addToDidDocument", "didDocument": { "id": did(2, None).to_string() } }),
            "INVALID_PARAMETER",
        ),
        (
            "deactivate",
            json!({ "options": { "clientSecretMode": true, "kid": format!("{name}#key-9") }, "did": name }),
            "INVALID_PARAMETER",
        ),
        (
            "update",
            json!({ "options": option(), "did": "did:bid:by01", "didDocument": {} }),
            "INVALID_PARAMETER",
        ),
        (
            "deactivate",
            json!({ "options": { "clientSecretMode": true, "reason": "x".repeat(300) }, "did": name }),
            "DID_DOCUMENT_INVALID",
        ),
        (
            "deactivate",
            json!({ "options": option(), "did": name, "jobId": "00" }),
            "JOB_UNKNOWN",
        ),
    ] {
        let (status, answer) = post(&node, operation, &request).await;
        assert_eq!(
            (status, &answer["didState"]["reason"]),
            (400, &json!(code)),
            "{request}: {answer}"
        );
        assert_eq!(answer["didState"].get("did"), request.get("did"));
        assert_eq!(answer["jobId"], Value::Null);
    }
    let long = "x".repeat(BODY_BYTES_MAX + 1);
    let (status, answer) = ask(&node.url, "POST", "/1.0/create", &long).await;
    assert_eq!(
        (status, &answer["didState"]["reason"]),
        (400, &json!("REQUEST_TOO_LONG"))
    );
    let (status, answer) = ask(&node.url, "POST", "/1.0/create", "{").await;
    assert_eq!(
        (status, &answer["didState"]["state"]),
        (400, &json!("failed"))
    );
}
