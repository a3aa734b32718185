//! Adding resources.

use super::*;

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
    assert_eq!(answer["didUrlState"].get("secret"), None);
    assert_eq!(answer["jobId"], Value::Null);

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
            with("secret", json!({ "privateKeyHex": "00" })),
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
        let relative = request["relativeDidUrl"].as_str();
        let url = relative.map(|url| format!("{}{url}", request["did"].as_str().unwrap()));
        assert_eq!(answer["didUrlState"]["didUrl"], json!(url));
    }
    // What a resource is about is nobody's business here.
    for content in [
        json!({ "seed": "maize" }),
        json!([{ "kty": "OKP", "d": "AA" }]),
    ] {
        let mut request = with("content", content);
        request["relativeDidUrl"] = json!("/resources/other");
        let (status, answer) = post(&node, "createResource", &request).await;
        assert_eq!(
            (status, &answer["didUrlState"]["action"]),
            (200, &json!("signPayload")),
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
