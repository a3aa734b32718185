//! Jobs between the first request and the last: wrong signatures, and others who are faster.

use super::*;

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
    let name = did(1, None).to_string();
    assert_eq!(
        (&refused["jobId"], &refused["didState"]["did"]),
        (&Value::Null, &json!(name))
    );
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
    assert_eq!(refused["jobId"], Value::Null);
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
    assert_eq!(answer["jobId"], Value::Null);
    assert_eq!(
        answer["didRegistrationMetadata"]["transaction"],
        begun["jobId"]
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
