//! Creating DIDs: the key stays with its holder.

use super::*;

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

    let job = answer["jobId"].clone();
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
    // What is over has no job any more, and nobody was to return secrets.
    assert_eq!(answer["jobId"], Value::Null);
    assert_eq!(answer["didRegistrationMetadata"]["transaction"], job);
    assert_eq!(answer["didState"].get("secret"), None);

    // Whoever missed the answer asks again.
    let again = json!({ "jobId": job, "options": option() });
    assert_eq!(post(&node, "create", &again).await, (201, answer));
    let (status, answer) = post(&node, "create", &request).await;
    assert_eq!(
        (status, &answer["didState"]["reason"]),
        (400, &json!("DID_EXISTS"))
    );
}

#[tokio::test]
async fn a_did_is_created_with_a_key_that_may_act_for_it_though_the_list_is_empty() {
    let mut node = Node::main(Changes::new()).await;
    node.block(Changes::new(), &[]);
    let method = json!({ "id": "#key-1", "type": "Multikey", "publicKeyMultibase": multikey(&private_key(5)) });
    let mut request = json!({
        "options": option(),
        "secret": { "verificationMethod": [method] },
        "didDocument": { "authentication": [], "assertionMethod": [] },
    });
    let (status, answer) = post(&node, "create", &request).await;
    assert_eq!(status, 200, "{answer}");
    let asked = &answer["didState"]["signingRequest"]["signingRequest0"];
    let document = &asked["payload"]["operations"][0]["document"];
    let kid = format!("{}#key-1", did(5, None));
    assert_eq!(document["authentication"], json!([kid]));
    // Not to sign claims is a choice.
    assert_eq!(document.get("assertionMethod"), None);
    request["secret"]["verificationMethod"][0]["purpose"] = json!(["assertionMethod"]);
    let (_, answer) = post(&node, "create", &request).await;
    let asked = &answer["didState"]["signingRequest"]["signingRequest0"];
    let document = &asked["payload"]["operations"][0]["document"];
    assert_eq!(document["authentication"], json!([kid]));
    assert_eq!(document["assertionMethod"], json!([kid]));
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
