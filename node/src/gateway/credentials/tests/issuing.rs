//! Signing for whoever asks, on a node for tests.

use super::*;

fn issuing() -> CredentialPolicy {
    CredentialPolicy {
        refused_status: 200,
        issuer: Some(key(STRANGER)),
    }
}

fn own_did() -> String {
    format!("did:key:{}", key(STRANGER).verification_key().to_multikey())
}

fn unsigned(issuer: &str) -> Value {
    json!({
        "@context": ["https://www.w3.org/ns/credentials/v2"],
        "type": ["VerifiableCredential"],
        "issuer": issuer,
        "credentialSubject": { "id": "did:example:subject", "name": "Somebody" },
    })
}

#[tokio::test]
async fn a_node_without_a_key_signs_nothing() {
    let node = world().await;
    let body = json!({ "credential": unsigned(&own_did()) });
    let reply = post(&node, "/credentials/issue", &body).await;
    assert_eq!(reply.status, 403);
    assert_eq!(reply.json()["code"], json!("ISSUING_OFF"));
}

#[tokio::test]
async fn what_a_test_node_issues_is_the_bare_credential_and_verifies() {
    let node = world_with(issuing()).await;
    for suite in [None, Some("eddsa-jcs-2022"), Some("eddsa-rdfc-2022")] {
        let mut body = json!({ "credential": unsigned(&own_did()), "options": {} });
        if let Some(suite) = suite {
            body["options"]["cryptosuite"] = json!(suite);
        }
        let reply = post(&node, "/credentials/issue", &body).await;
        assert_eq!(reply.status, 201);
        assert!(!reply.head.contains("access-control-allow-origin"));
        let issued = reply.json();
        assert_eq!(
            issued["proof"]["cryptosuite"],
            json!(suite.unwrap_or("eddsa-jcs-2022"))
        );
        let answer = verify(&node, &issued, &json!({})).await.json();
        assert_eq!(answer["verified"], json!(true), "{answer}");
    }
}

#[tokio::test]
async fn a_test_node_signs_well_formed_claims_of_its_own_alone() {
    let node = world_with(issuing()).await;
    let mut untyped = unsigned(&own_did());
    untyped["type"] = json!([]);
    let mut nobody = unsigned(&own_did());
    nobody.as_object_mut().unwrap().remove("issuer");
    for (credential, suite, code) in [
        (
            unsigned("did:example:other"),
            "eddsa-jcs-2022",
            "ISSUER_INVALID",
        ),
        (nobody, "eddsa-jcs-2022", "ISSUER_INVALID"),
        (untyped, "eddsa-jcs-2022", "TYPE_INVALID"),
        (unsigned(&own_did()), "bbs-2023", "SUITE_UNSUPPORTED"),
        (unsigned(&own_did()), "ecdsa-jcs-2019", "SUITE_KEY"),
    ] {
        let body = json!({ "credential": credential, "options": { "cryptosuite": suite } });
        let reply = post(&node, "/credentials/issue", &body).await;
        assert_eq!(
            (reply.status, &reply.json()["code"]),
            (400, &json!(code)),
            "{credential}"
        );
    }
    // What a page of another site may send without asking.
    let body = json!({ "credential": unsigned(&own_did()) }).to_string();
    let plain = "content-type: text/plain\r\n";
    let reply = ask(&node, "POST", "/credentials/issue", plain, body.as_bytes()).await;
    assert_eq!(reply.status, 400);
}
