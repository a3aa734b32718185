//! The registrar over raw HTTP: jobs, signatures from outside, and what it refuses.

use base64::Engine as _;
use serde_json::{Value, json};
use starfire_did::{Did, Document, KeyAlgorithm, PrivateKey, VerificationKey, path, render};
use starfire_ledger::payload::Payload;
use starfire_ledger::transaction::Transaction;
use starfire_state::Changes;
use tokio::task::JoinHandle;

use super::*;
use crate::gateway::fixture::raw::ask;
use crate::gateway::fixture::{Node, did, did_record, private_key, record, registered};

async fn post(node: &Node, operation: &str, body: &Value) -> (u16, Value) {
    let path = format!("/1.0/{operation}");
    ask(&node.url, "POST", &path, &body.to_string()).await
}

/// The same, while the test goes on.
fn posted(node: &Node, operation: &str, body: Value) -> JoinHandle<(u16, Value)> {
    let (url, path) = (node.url.clone(), format!("/1.0/{operation}"));
    tokio::spawn(async move { ask(&url, "POST", &path, &body.to_string()).await })
}

fn multikey(key: &PrivateKey) -> String {
    VerificationKey::from(key.public()).to_multikey()
}

/// Signs what an answer asks for, each request by the key that it names.
fn signed(answer: &Value, keys: &[(&str, &PrivateKey)]) -> Value {
    let state = answer.get("didUrlState").unwrap_or(&answer["didState"]);
    let requests = state["signingRequest"].as_object().unwrap();
    let responses = requests.iter().map(|(name, request)| {
        let kid = request["kid"].as_str().unwrap();
        let (_, key) = keys.iter().find(|(known, _)| *known == kid).unwrap();
        let payload = STANDARD
            .decode(request["serializedPayload"].as_str().unwrap())
            .unwrap();
        let signature = STANDARD.encode(key.sign(&payload));
        (
            name.clone(),
            json!({ "signature": signature, "kid": kid, "alg": request["alg"] }),
        )
    });
    json!({
        "jobId": answer["jobId"],
        "options": { "clientSecretMode": true },
        "secret": { "signingResponse": responses.collect::<serde_json::Map<_, _>>() },
    })
}

/// Takes the one transaction that was submitted and admits it.
async fn admitted(node: &mut Node) -> Transaction {
    let mut submission = node.submissions.recv().await.unwrap();
    let transaction = Transaction::decode(&submission.envelopes.remove(0)).unwrap();
    submission.reply.send(vec![Ok(transaction.hash)]).unwrap();
    transaction
}

/// Commits a block in which the transaction came to this.
fn commit(node: &mut Node, changes: Changes, transaction: &Transaction, receipt: v1::Receipt) {
    let receipt = v1::Receipt {
        hash: transaction.hash.to_vec(),
        ..receipt
    };
    node.block_with(changes, &[(b"envelope", receipt)]);
}

fn option() -> Value {
    json!({ "clientSecretMode": true })
}

#[tokio::test]
async fn a_did_is_created_with_a_key_that_stays_with_its_holder() {
    let mut node = Node::main(Changes::new()).await;
    node.block(Changes::new(), &[]);
    let (status, answer) = post(&node, "create", &json!({ "options": option() })).await;
    assert_eq!((status, &answer["jobId"]), (200, &Value::Null));
    assert_eq!(answer["didState"]["action"], "getVerificationMethod");
    assert_eq!(
        answer["didState"]["verificationMethodTemplate"][0]["id"],
        "#key-1"
    );

    let key = private_key(5);
    let name = did(5, None).to_string();
    let request = json!({
        "jobId": null,
        "options": option(),
        "secret": { "verificationMethod": [{ "id": "#key-1", "type": "Multikey", "publicKeyMultibase": multikey(&key), "purpose": ["authentication", "assertionMethod"] }] },
        "didDocument": { "service": [{ "id": "#web", "type": "LinkedDomains", "serviceEndpoint": "https://example.org/" }] },
    });
    let (status, answer) = post(&node, "create", &request).await;
    assert_eq!(status, 200, "{answer}");
    let state = &answer["didState"];
    assert_eq!(
        (&state["state"], &state["action"]),
        (&json!("action"), &json!("signPayload"))
    );
    assert_eq!(state["did"], json!(name));
    let asked = &state["signingRequest"]["signingRequest0"];
    let kid = format!("{name}#key-1");
    assert_eq!(
        (&asked["kid"], &asked["alg"]),
        (&json!(kid), &json!("EdDSA"))
    );
    assert_eq!(
        asked["payload"]["operations"][0]["document"]["service"][0]["id"],
        json!(format!("{name}#web"))
    );

    let sent = posted(&node, "create", signed(&answer, &[(&kid, &key)]));
    let transaction = admitted(&mut node).await;
    assert_eq!(json!(hex::encode(transaction.hash)), answer["jobId"]);
    assert_eq!((transaction.source, transaction.nonce), (did(5, None), 1));
    assert!(matches!(
        transaction.operations[0].payload,
        Ok(Payload::DidCreate(_))
    ));
    commit(
        &mut node,
        registered(5, None, 1),
        &transaction,
        v1::Receipt::default(),
    );
    let (status, answer) = sent.await.unwrap();
    assert_eq!(status, 201, "{answer}");
    assert_eq!(answer["didState"]["state"], "finished");
    assert_eq!(answer["didState"]["didDocument"]["id"], json!(name));
    assert_eq!(answer["didDocumentMetadata"]["versionId"], "1");
    assert_eq!(answer["didRegistrationMetadata"]["height"], 2);

    // Whoever missed the answer asks again.
    let again = json!({ "jobId": answer["jobId"], "options": option() });
    assert_eq!(post(&node, "create", &again).await, (201, answer));
    let (status, answer) = post(&node, "create", &request).await;
    assert_eq!(
        (status, &answer["didState"]["reason"]),
        (400, &json!("DID_EXISTS"))
    );
}

#[tokio::test]
async fn an_sm2_key_signs_by_its_own_algorithm() {
    let mut node = Node::main(Changes::new()).await;
    node.block(Changes::new(), &[]);
    let key = PrivateKey::generate([7; 32], KeyAlgorithm::Sm2);
    let method = json!({ "type": "JsonWebKey2020", "publicKeyJwk": VerificationKey::from(key.public()).to_jwk() });
    let request = json!({ "options": option(), "secret": { "verificationMethod": [method] } });
    let (_, answer) = post(&node, "create", &request).await;
    let asked = &answer["didState"]["signingRequest"]["signingRequest0"];
    assert_eq!(asked["alg"], "SM2", "{answer}");
    let kid = asked["kid"].as_str().unwrap().to_owned();
    let sent = posted(&node, "create", signed(&answer, &[(&kid, &key)]));
    let transaction = admitted(&mut node).await;
    assert_eq!(transaction.source, Did::derive(&key.public(), None));
    let receipt = v1::Receipt {
        code: 6,
        reason: "ACCESS_DENIED".into(),
        detail: "not here".into(),
        ..Default::default()
    };
    commit(&mut node, Changes::new(), &transaction, receipt);
    let (status, answer) = sent.await.unwrap();
    assert_eq!(
        (status, &answer["didState"]["reason"]),
        (400, &json!("ACCESS_DENIED"))
    );
}

#[tokio::test]
async fn an_update_changes_document_and_keys_in_one_transaction() {
    let mut node = Node::main(registered(1, None, 3)).await;
    node.block(Changes::new(), &[]);
    let name = did(1, None).to_string();
    let service = |id: &str| json!({ "id": id, "type": "LinkedDomains", "serviceEndpoint": "https://example.org/" });
    let request = json!({
        "did": name,
        "options": option(),
        "didDocumentOperation": ["addToDidDocument", "addToDidDocument", "removeFromDidDocument"],
        "didDocument": [
            { "service": [service("#a"), service("#b")] },
            { "verificationMethod": [{ "id": "#key-2", "type": "Multikey", "publicKeyMultibase": multikey(&private_key(2)) }], "authentication": ["#key-2"] },
            { "service": [{ "id": "#a" }], "authentication": ["#key-1"] },
        ],
    });
    let (status, answer) = post(&node, "update", &request).await;
    assert_eq!(status, 200, "{answer}");
    let kid = format!("{name}#key-1");
    let sent = posted(&node, "update", signed(&answer, &[(&kid, &private_key(1))]));
    let transaction = admitted(&mut node).await;
    let kinds: Vec<_> = transaction
        .operations
        .iter()
        .map(|operation| operation.payload.as_ref().unwrap())
        .collect();
    assert!(matches!(
        kinds[..],
        [Payload::DidRotate(_), Payload::DidUpdate(_)]
    ));
    let operations =
        &answer["didState"]["signingRequest"]["signingRequest0"]["payload"]["operations"];
    assert_eq!(
        (
            &operations[0]["expectedVersion"],
            &operations[1]["expectedVersion"]
        ),
        (&json!(3), &json!(4))
    );
    let document = &operations[1]["document"];
    assert_eq!(document["authentication"], json!([format!("{name}#key-2")]));
    assert_eq!(document["service"], json!([service(&format!("{name}#b"))]));
    assert_eq!(document["verificationMethod"].as_array().unwrap().len(), 2);
    commit(
        &mut node,
        registered(1, None, 5),
        &transaction,
        v1::Receipt::default(),
    );
    let (status, answer) = sent.await.unwrap();
    assert_eq!(
        (status, &answer["didDocumentMetadata"]["versionId"]),
        (200, &json!("5"))
    );
}

#[tokio::test]
async fn setting_the_document_as_it_is_changes_nothing_and_an_old_version_is_kept() {
    let mut node = Node::main(registered(1, None, 3)).await;
    node.block(Changes::new(), &[]);
    let document = Document::try_from(did_record(1, None, 3).document.unwrap()).unwrap();
    let mut document = render::document(&document);
    let mut request = json!({ "did": did(1, None).to_string(), "options": { "clientSecretMode": true, "expectedVersion": 2 }, "didDocument": [document] });
    let (status, answer) = post(&node, "update", &request).await;
    assert_eq!(
        (status, &answer["didState"]["reason"]),
        (400, &json!("INVALID_PARAMETER")),
        "{answer}"
    );
    document["alsoKnownAs"] = json!(["https://example.org/"]);
    request["didDocument"] = json!([document]);
    let (status, answer) = post(&node, "update", &request).await;
    assert_eq!(status, 200, "{answer}");
    let operations =
        &answer["didState"]["signingRequest"]["signingRequest0"]["payload"]["operations"];
    assert_eq!(operations.as_array().unwrap().len(), 1);
    assert_eq!(operations[0]["expectedVersion"], 2);
}

#[tokio::test]
async fn a_version_may_be_told_as_metadata_tells_it() {
    let mut node = Node::main(registered(1, None, 3)).await;
    node.block(Changes::new(), &[]);
    let ask = async |version: Value| {
        let options = json!({ "clientSecretMode": true, "expectedVersion": version });
        let request = json!({ "did": did(1, None).to_string(), "options": options });
        post(&node, "deactivate", &request).await
    };
    for version in [json!(2), json!("2")] {
        let (status, answer) = ask(version).await;
        assert_eq!(status, 200, "{answer}");
        let shown = &answer["didState"]["signingRequest"]["signingRequest0"]["payload"];
        assert_eq!(shown["operations"][0]["expectedVersion"], 2);
    }
    for version in [json!("two"), json!(2.5), json!(-1), json!([2])] {
        let (status, answer) = ask(version).await;
        assert_eq!(
            (status, &answer["didState"]["description"]),
            (
                400,
                &json!("options.expectedVersion is a whole number, as 2 or \"2\"")
            )
        );
        assert_eq!(answer["didState"]["state"], "failed");
    }
}

#[tokio::test]
async fn who_was_overtaken_is_told_to_begin_anew() {
    let mut node = Node::main(registered(1, None, 1)).await;
    node.block(Changes::new(), &[]);
    let name = did(1, None).to_string();
    let (kid, key) = (format!("{name}#key-1"), private_key(1));
    let request = json!({ "did": name, "options": option() });
    let (_, begun) = post(&node, "deactivate", &request).await;

    // The pool knows of another one first.
    let sent = posted(&node, "deactivate", signed(&begun, &[(&kid, &key)]));
    let submission = node.submissions.recv().await.unwrap();
    let taken = Rejection::new(NONCE_TAKEN, "another one waits");
    submission.reply.send(vec![Err(taken)]).unwrap();
    let (status, answer) = sent.await.unwrap();
    let state = &answer["didState"];
    assert_eq!(
        (status, &state["state"], &state["reason"], &state["did"]),
        (400, &json!("failed"), &json!("NONCE_TAKEN"), &json!(name))
    );
    let description = state["description"].as_str().unwrap();
    assert!(description.contains("Begin anew"), "{description}");
    let (_, gone) = post(&node, "deactivate", &signed(&begun, &[(&kid, &key)])).await;
    assert_eq!(gone["didState"]["reason"], "JOB_UNKNOWN");

    // A block has taken the nonce, before or after the client has signed.
    let (_, begun) = post(&node, "deactivate", &request).await;
    let account = v1::AccountRecord {
        address: name.clone(),
        nonce: 1,
        ..v1::AccountRecord::default()
    };
    node.block(record(starfire_state::key::account(&name), &account), &[]);
    for body in [
        signed(&begun, &[(&kid, &key)]),
        json!({ "jobId": begun["jobId"], "options": option() }),
    ] {
        let (status, answer) = post(&node, "deactivate", &body).await;
        let state = &answer["didState"];
        assert_eq!(status, 400);
        if state["reason"] == "BAD_SEQUENCE" {
            let description = state["description"].as_str().unwrap();
            assert!(description.contains("Begin anew"), "{description}");
        } else {
            assert_eq!(state["reason"], "JOB_UNKNOWN", "{answer}");
        }
    }
    let (_, anew) = post(&node, "deactivate", &request).await;
    let payload = &anew["didState"]["signingRequest"]["signingRequest0"]["payload"];
    assert_eq!(payload["nonce"], 2);

    // The chain has judged: the document has changed.
    let sent = posted(&node, "deactivate", signed(&anew, &[(&kid, &key)]));
    let transaction = admitted(&mut node).await;
    let receipt = v1::Receipt {
        code: 144,
        reason: "DID_VERSION_CONFLICT".into(),
        detail: "it has version 2".into(),
        ..Default::default()
    };
    commit(&mut node, Changes::new(), &transaction, receipt);
    let (_, answer) = sent.await.unwrap();
    let description = answer["didState"]["description"].as_str().unwrap();
    assert!(
        description.starts_with("it has version 2: another transaction was faster"),
        "{description}"
    );
}

#[tokio::test]
async fn controllers_sign_with_the_keys_that_the_client_names() {
    let mut subject = did_record(1, None, 1);
    subject.document.as_mut().unwrap().controller =
        vec![did(2, None).to_string(), did(3, None).to_string()];
    let mut state = record(path::record(&did(1, None)), &subject);
    state.extend(registered(2, None, 1));
    state.extend(registered(3, None, 1));
    let mut node = Node::main(state).await;
    node.block(Changes::new(), &[]);
    let kids = [2, 3].map(|seed| format!("{}#key-1", did(seed, None)));
    let mut request = json!({ "did": did(1, None).to_string(), "options": { "clientSecretMode": true, "kid": kids, "reason": "sold" } });
    let (status, answer) = post(&node, "deactivate", &request).await;
    assert_eq!(status, 200, "{answer}");
    let (two, three) = (private_key(2), private_key(3));
    let sent = posted(
        &node,
        "deactivate",
        signed(&answer, &[(&kids[0], &two), (&kids[1], &three)]),
    );
    let transaction = admitted(&mut node).await;
    assert_eq!(transaction.source, did(2, None));
    assert_eq!(transaction.signatures.len(), 2);
    assert!(matches!(
        transaction.operations[0].payload,
        Ok(Payload::DidDeactivate(_))
    ));
    let withdrawn = v1::DidRecord {
        version: 2,
        deactivated: true,
        ..Default::default()
    };
    commit(
        &mut node,
        record(path::record(&did(1, None)), &withdrawn),
        &transaction,
        v1::Receipt::default(),
    );
    let (status, answer) = sent.await.unwrap();
    assert_eq!(
        (status, &answer["didState"]["didDocument"]),
        (200, &Value::Null)
    );
    assert_eq!(answer["didDocumentMetadata"]["deactivated"], true);

    let (status, answer) = post(&node, "deactivate", &request).await;
    assert_eq!(
        (status, &answer["didState"]["reason"]),
        (400, &json!("DID_DEACTIVATED"))
    );
    request["did"] = json!(did(9, None).to_string());
    let (_, answer) = post(&node, "deactivate", &request).await;
    assert_eq!(answer["didState"]["reason"], "DID_NOT_FOUND");
}

#[tokio::test]
async fn a_wrong_signature_leaves_the_job_open() {
    let mut node = Node::main(registered(1, None, 1)).await;
    node.block(Changes::new(), &[]);
    let request = json!({ "did": did(1, None).to_string(), "options": option() });
    let (_, answer) = post(&node, "deactivate", &request).await;
    let kid = format!("{}#key-1", did(1, None));
    let (status, refused) = post(
        &node,
        "deactivate",
        &signed(&answer, &[(&kid, &private_key(2))]),
    )
    .await;
    assert_eq!(
        (status, &refused["didState"]["reason"]),
        (400, &json!("INVALID_SIGNATURE"))
    );
    assert_eq!(refused["jobId"], answer["jobId"]);
    for response in [
        json!({}),
        json!({ "signingRequest0": { "signature": "!" } }),
    ] {
        let mut wrong = signed(&answer, &[(&kid, &private_key(1))]);
        wrong["secret"]["signingResponse"] = json!({ "other": { "signature": "" } });
        if response["signingRequest0"].is_object() {
            wrong["secret"]["signingResponse"] = response;
        }
        let (_, refused) = post(&node, "deactivate", &wrong).await;
        assert_eq!(refused["didState"]["reason"], "INVALID_SIGNATURE");
    }
    // Another operation's job is none of this one.
    let (_, refused) = post(
        &node,
        "update",
        &signed(&answer, &[(&kid, &private_key(1))]),
    )
    .await;
    assert_eq!(refused["didState"]["reason"], "JOB_UNKNOWN");
    let sent = posted(
        &node,
        "deactivate",
        signed(&answer, &[(&kid, &private_key(1))]),
    );
    let transaction = admitted(&mut node).await;
    commit(
        &mut node,
        Changes::new(),
        &transaction,
        v1::Receipt::default(),
    );
    assert_eq!(sent.await.unwrap().0, 200);
}

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

#[tokio::test]
async fn a_resource_is_added_with_a_key_that_stays_with_its_holder() {
    let mut node = Node::main(registered(1, None, 1)).await;
    node.block(Changes::new(), &[]);
    let (key, name) = (private_key(1), did(1, None).to_string());
    let kid = format!("{name}#key-1");
    let request = json!({
        "did": name,
        "relativeDidUrl": "/resources/terms",
        "options": option(),
        "content": { "price": 7 },
    });
    let (status, answer) = post(&node, "createResource", &request).await;
    assert_eq!(status, 200, "{answer}");
    let state = &answer["didUrlState"];
    assert_eq!(state["action"], "signPayload");
    assert_eq!(state["didUrl"], json!(format!("{name}/resources/terms")));
    let shown = &state["signingRequest"]["signingRequest0"]["payload"]["operations"][0];
    assert_eq!(
        (&shown["mediaType"], &shown["size"]),
        (&json!("application/json"), &json!(11))
    );

    let sent = posted(&node, "createResource", signed(&answer, &[(&kid, &key)]));
    let transaction = admitted(&mut node).await;
    let Ok(Payload::DidAddResource(_)) = &transaction.operations[0].payload else {
        panic!("{transaction:?}")
    };
    let stored = v1::DidResourceRecord {
        did: name.clone(),
        name: "terms".into(),
        version: 1,
        media_type: "application/json".into(),
        checksum: vec![0xab; 32],
        size: 11,
        created_ms: 1_795_000_000_000,
        previous_hash: Vec::new(),
    };
    let mut changes = record(path::resource(&did(1, None), "terms"), &stored);
    changes.extend(record(
        path::resource_version(&did(1, None), "terms", 1),
        &stored,
    ));
    commit(&mut node, changes, &transaction, v1::Receipt::default());
    let (status, answer) = sent.await.unwrap();
    assert_eq!(status, 201, "{answer}");
    assert_eq!(answer["didUrlState"]["state"], "finished");
    let metadata = &answer["contentMetadata"];
    assert_eq!(
        (&metadata["versionId"], &metadata["size"]),
        (&json!("1"), &json!("11"))
    );
    assert!(answer.get("didState").is_none());

    let with = |member: &str, value: Value| {
        let mut request = request.clone();
        request[member] = value;
        request
    };
    let options = |name: &str, value: Value| {
        let mut options = option();
        options[name] = value;
        with("options", options)
    };
    let long = "x".repeat(starfire_did::add_resource::CONTENT_BYTES_MAX + 1);
    for (request, code) in [
        // It is there already: only who has seen it adds the next version.
        (request.clone(), "DID_VERSION_CONFLICT"),
        (options("expectedVersion", json!(2)), "DID_VERSION_CONFLICT"),
        (with("relativeDidUrl", json!("/terms")), "INVALID_PARAMETER"),
        (with("relativeDidUrl", Value::Null), "INVALID_PARAMETER"),
        (with("content", Value::Null), "INVALID_PARAMETER"),
        (
            options("contentEncoding", json!("base64")),
            "INVALID_PARAMETER",
        ),
        (options("mediaType", json!("json")), "DID_RESOURCE_INVALID"),
        (
            with("relativeDidUrl", json!("/resources/a/b")),
            "DID_RESOURCE_INVALID",
        ),
        (with("content", json!(long)), "DID_RESOURCE_INVALID"),
        (
            with("content", json!({ "privateKeyHex": "00" })),
            "SECRETS_REFUSED",
        ),
        (
            with("did", json!(did(9, None).to_string())),
            "DID_NOT_FOUND",
        ),
    ] {
        let (status, answer) = post(&node, "createResource", &request).await;
        assert_eq!(
            (status, &answer["didUrlState"]["reason"]),
            (400, &json!(code)),
            "{answer}"
        );
    }
    let mut next = options("expectedVersion", json!(1));
    next["options"]["contentEncoding"] = json!("base64");
    next["content"] = json!("AAEC");
    let (status, answer) = post(&node, "createResource", &next).await;
    let shown = &answer["didUrlState"]["signingRequest"]["signingRequest0"]["payload"];
    assert_eq!(status, 200, "{answer}");
    assert_eq!(
        (
            &shown["operations"][0]["size"],
            &shown["operations"][0]["mediaType"]
        ),
        (&json!(3), &json!("application/octet-stream"))
    );
}
