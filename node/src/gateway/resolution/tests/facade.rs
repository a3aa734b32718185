//! RFC-005, as its published driver asks.

use serde_json::json;

use super::*;

async fn ask(node: &Node, path: &str) -> Value {
    let reply = get(node, path, "").await;
    assert_eq!(reply.status, 200, "{path}");
    assert_eq!(
        reply.header("content-type"),
        Some("application/json;charset=utf-8")
    );
    let json = reply.json();
    assert!(
        json["message"].is_string() && json["data"].is_object(),
        "{json}"
    );
    json
}

#[tokio::test]
async fn a_document_and_its_fields_are_served() {
    let (node, did, _) = node().await;
    let answer = ask(&node, &format!("/{did}")).await;
    assert_eq!(
        (&answer["errorCode"], &answer["message"]),
        (&json!(0), &json!("success"))
    );
    let document = &answer["data"]["didDocument"];
    assert_eq!(document["id"], json!(did.to_string()));
    assert_eq!(answer["data"].get("verify"), None);

    let verified = ask(
        &node,
        &format!("/{}?verify=true", did.to_string().replace(':', "%3A")),
    )
    .await;
    assert_eq!(verified["data"]["verify"], json!(true));
    assert_eq!(verified["data"]["version"], "1.0.0");

    let keys = ask(&node, &format!("/{did}/public-keys")).await;
    assert_eq!(keys["data"]["publicKey"], document["publicKey"]);
    assert_eq!(keys["data"]["id"], json!(did.to_string()));
    for id in [format!("{did}%23key-1"), "key-1".to_owned()] {
        let key = ask(&node, &format!("/{did}/public-keys/{id}")).await;
        assert_eq!(
            key["data"]["publicKey"]["id"],
            json!(format!("{did}#key-1"))
        );
    }
    let service = ask(&node, &format!("/{did}/services?id={did}%23files")).await;
    assert_eq!(
        service["data"]["service"]["id"],
        json!(format!("{did}#files"))
    );
    for field in ["attributes", "acsns", "verifiableCredentials"] {
        let answer = ask(&node, &format!("/{did}/{field}")).await;
        assert!(answer["data"][field].is_array(), "{answer}");
    }
}

#[tokio::test]
async fn each_refusal_has_its_code() {
    let (node, did, ended) = node().await;
    let unknown = crate::gateway::fixture::did(9, None);
    for (path, code) in [
        (format!("/{unknown}"), 6),
        (format!("/{ended}"), 6),
        ("/did:bid:nonsense".to_owned(), 4),
        (format!("/{did}/nonsense"), 4),
        (format!("/{did}/services"), 4),
        (format!("/{did}/public-keys/a/b"), 4),
        (format!("/{did}?verify=maybe"), 4),
        (format!("/{did}/%zz"), 4),
        (format!("/{did}/public-keys/key-9"), 8),
        (format!("/{did}/services?id=none"), 8),
        ("/did:bid:by09".to_owned(), 10),
        (
            "/did:bid:by09:efvebF7eV9qKxr3sppyHCHKqkPG5RTUn".to_owned(),
            10,
        ),
    ] {
        assert_eq!(ask(&node, &path).await["errorCode"], json!(code), "{path}");
    }
    assert_eq!(
        ask(&node, &format!("/{unknown}")).await["message"],
        "docuement not exist"
    );
    let changed = send(&node, &format!("POST /{did}"), "", "{}").await;
    assert_eq!(changed.json()["errorCode"], json!(5));
    let sub = Node::sub(Changes::new()).await;
    assert_eq!(ask(&sub, &format!("/{did}")).await["errorCode"], json!(5));
}

#[tokio::test]
async fn other_paths_stay_what_they_were() {
    let (node, _, _) = node().await;
    let reply = get(&node, "/did", "").await;
    assert_eq!(
        (reply.status, &reply.json()["code"]),
        (404, &json!("ROUTE_UNKNOWN"))
    );
}
