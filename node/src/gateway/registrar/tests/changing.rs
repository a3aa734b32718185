//! Changing and withdrawing DIDs, and who signs.

use super::*;

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
async fn setting_the_document_as_it_is_changes_nothing_and_a_stale_version_is_not_worth_a_signature()
 {
    let mut node = Node::main(registered(1, None, 3)).await;
    node.block(Changes::new(), &[]);
    let document = Document::try_from(did_record(1, None, 3).document.unwrap()).unwrap();
    let mut document = render::document(&document);
    let mut request = json!({ "did": did(1, None).to_string(), "options": { "clientSecretMode": true, "expectedVersion": 3 }, "didDocument": [document] });
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
    assert_eq!(operations[0]["expectedVersion"], 3);
    request["options"]["expectedVersion"] = json!(2);
    for operation in ["update", "deactivate"] {
        let (status, answer) = post(&node, operation, &request).await;
        assert_eq!(
            (status, &answer["didState"]["reason"], &answer["jobId"]),
            (400, &json!("DID_VERSION_CONFLICT"), &Value::Null),
            "{answer}"
        );
    }
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
    for version in [json!(3), json!("3")] {
        let (status, answer) = ask(version).await;
        assert_eq!(status, 200, "{answer}");
        let shown = &answer["didState"]["signingRequest"]["signingRequest0"]["payload"];
        assert_eq!(shown["operations"][0]["expectedVersion"], 3);
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
    assert_eq!(answer["didState"]["did"], request["did"]);
}
