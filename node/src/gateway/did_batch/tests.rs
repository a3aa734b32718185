//! Many DIDs in one answer, over real sockets.

use starfire_state::Changes;
use tonic::{Code, Response};

use super::*;
use crate::gateway::fixture::raw::ask;
use crate::gateway::fixture::{Node, check_proof, did, did_record, refusal, registered};
use crate::grpc::dids_client::DidsClient;

#[tokio::test]
async fn a_thousand_dids_have_one_proof() {
    let mut node = Node::main(registered(1, None, 4)).await;
    node.block(Changes::new(), &[]);
    let dids: Vec<String> = (0..IDENTIFIERS_MAX)
        .map(|n| did(u8::try_from(n % 250 + 1).unwrap(), None).to_string())
        .collect();
    let request = v1::BatchResolveRequest {
        dids: dids.clone(),
        proof: true,
    };
    let mut client = DidsClient::new(node.channel()).max_decoding_message_size(16 << 20);
    let answer = client
        .batch_resolve(request)
        .await
        .map(Response::into_inner)
        .unwrap();
    let asked: Vec<_> = answer
        .resolutions
        .iter()
        .map(|resolution| &resolution.did)
        .collect();
    assert_eq!(asked, dids.iter().collect::<Vec<_>>());
    for (n, resolution) in answer.resolutions.iter().enumerate() {
        let expected = (n % 250 == 0).then(|| did_record(1, None, 4));
        assert_eq!(
            (&resolution.record, resolution.code.as_str()),
            (&expected, "")
        );
    }
    let proof = answer.proof.unwrap();
    assert_eq!(check_proof(&proof, &node), 1);
    assert_eq!(proof.values.len(), IDENTIFIERS_MAX);
}

#[tokio::test]
async fn each_did_of_a_batch_has_an_answer_of_its_own() {
    let mut node = Node::main(registered(1, None, 2)).await;
    node.block(Changes::new(), &[]);
    let here = did(1, None).to_string();
    let elsewhere = did(1, Some("by01")).to_string();
    let body = json!({ "identifiers": [here, "did:web:x", did(2, None).to_string(), elsewhere] });
    let (status, answer) = ask(
        &node.url,
        "POST",
        "/1.0/identifiers:batch",
        &body.to_string(),
    )
    .await;
    assert_eq!(status, 200, "{answer}");
    assert!(answer["proof"].is_null());
    let results = answer["results"].as_array().unwrap();
    assert_eq!(results.len(), 4);
    assert_eq!(results[0]["didDocument"]["id"], json!(here));
    assert_eq!(results[0]["didDocumentMetadata"]["versionId"], json!("2"));
    let error = |index: usize| results[index]["didResolutionMetadata"]["error"]["type"].clone();
    assert_eq!(error(0), Value::Null);
    let of_another_method = json!("https://www.w3.org/ns/did#METHOD_NOT_SUPPORTED");
    assert_eq!(error(1), of_another_method);
    assert_eq!(error(2), json!("https://www.w3.org/ns/did#NOT_FOUND"));
    // No such sub-chain is registered, so there is no such DID.
    assert_eq!(error(3), json!("https://www.w3.org/ns/did#NOT_FOUND"));

    let body = json!({ "identifiers": [here], "options": { "proof": true } });
    let (_, answer) = ask(
        &node.url,
        "POST",
        "/1.0/identifiers:batch",
        &body.to_string(),
    )
    .await;
    assert!(answer["proof"].is_object(), "{answer}");
}

#[tokio::test]
async fn only_some_dids_of_sub_chains_go_into_one_batch() {
    let mut node = Node::main(Changes::new()).await;
    node.block(Changes::new(), &[]);
    let dids =
        (0..=ELSEWHERE_MAX).map(|n| did(u8::try_from(n + 1).unwrap(), Some("by01")).to_string());
    let request = v1::BatchResolveRequest {
        dids: dids.collect(),
        proof: false,
    };
    let answer = DidsClient::new(node.channel())
        .batch_resolve(request)
        .await
        .unwrap();
    let codes: Vec<_> = answer
        .into_inner()
        .resolutions
        .into_iter()
        .map(|answer| answer.code)
        .collect();
    assert_eq!(codes[ELSEWHERE_MAX], "GATEWAY_BUSY");
    assert!(codes[..ELSEWHERE_MAX].iter().all(String::is_empty));

    // Over HTTP, each with an error of its own that does not blame the DID.
    let dids =
        (0..=ELSEWHERE_MAX).map(|n| did(u8::try_from(n + 1).unwrap(), Some("by01")).to_string());
    let body = json!({ "identifiers": dids.collect::<Vec<_>>() }).to_string();
    let (status, answer) = ask(&node.url, "POST", "/1.0/identifiers:batch", &body).await;
    assert_eq!(status, 200);
    let error = |index: usize| answer["results"][index]["didResolutionMetadata"]["error"].clone();
    assert_eq!(
        error(ELSEWHERE_MAX)["type"],
        json!("urn:starfire:code:GATEWAY_BUSY")
    );
    let detail = error(ELSEWHERE_MAX)["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("next batch"), "{detail}");
    assert_eq!(
        error(0)["type"],
        json!("https://www.w3.org/ns/did#NOT_FOUND")
    );

    // A sub-chain's node asks nobody.
    let mut node = Node::sub(Changes::new()).await;
    node.block(Changes::new(), &[]);
    let request = v1::BatchResolveRequest {
        dids: vec![did(1, None).to_string()],
        proof: false,
    };
    let answer = DidsClient::new(node.channel())
        .batch_resolve(request)
        .await
        .unwrap();
    assert_eq!(answer.into_inner().resolutions[0].code, "DID_OTHER_CHAIN");
}

#[tokio::test]
async fn a_sub_chain_does_not_answer_for_its_own_did_in_a_batch_either() {
    let mut node = Node::sub(Changes::new()).await;
    node.block(Changes::new(), &[]);
    let (_, alone) = ask(&node.url, "GET", "/1.0/identifiers/did:bid:by01", "").await;
    for proof in [true, false] {
        let body = json!({ "identifiers": ["did:bid:by01"], "options": { "proof": proof } });
        let (_, answer) = ask(
            &node.url,
            "POST",
            "/1.0/identifiers:batch",
            &body.to_string(),
        )
        .await;
        let result = &answer["results"][0];
        assert_eq!(*result, alone);
        let error = &result["didResolutionMetadata"]["error"];
        assert_eq!(
            error["type"],
            "https://www.w3.org/ns/did#FEATURE_NOT_SUPPORTED"
        );
        let detail = error["detail"].as_str().unwrap();
        assert!(
            detail.contains("did:bid:by01 is of the main chain"),
            "{detail}"
        );
        assert!(answer["proof"].is_null(), "{answer}");
    }
}

#[tokio::test]
async fn a_batch_of_none_of_too_many_and_of_too_many_bytes_is_refused() {
    let node = Node::main(Changes::new()).await;
    for count in [0, IDENTIFIERS_MAX + 1] {
        let dids = vec!["did:bid:x".to_owned(); count];
        let request = v1::BatchResolveRequest { dids, proof: false };
        let status = DidsClient::new(node.channel())
            .batch_resolve(request)
            .await
            .unwrap_err();
        assert_eq!(
            refusal(&status),
            (Code::InvalidArgument, "INVALID_PARAMETER".into())
        );
    }
    let long = format!("{{\"identifiers\":[\"{}\"]}}", "x".repeat(BODY_BYTES_MAX));
    for (body, code) in [
        ("", "INVALID_PARAMETER"),
        ("{\"identifiers\":[]}", "INVALID_PARAMETER"),
        ("{\"identifiers\":[],\"more\":1}", "INVALID_PARAMETER"),
        (long.as_str(), "REQUEST_TOO_LONG"),
    ] {
        let (status, answer) = ask(&node.url, "POST", "/1.0/identifiers:batch", body).await;
        assert_eq!((status, &answer["code"]), (400, &json!(code)));
    }
    for (body, said) in [
        ("[]", "the body is a JSON object"),
        ("{\"identifiers\":[1]}", "identifiers is a list of strings"),
        (
            "{\"identifiers\":[],\"option\":{}}",
            "option is not known here",
        ),
        (
            "{\"identifiers\":[],\"options\":{\"proof\":\"yes\"}}",
            "options.proof is true or false",
        ),
        (
            "{\"identifiers\":[],\"options\":{\"form\":1}}",
            "options.form is not known here",
        ),
    ] {
        let (_, answer) = ask(&node.url, "POST", "/1.0/identifiers:batch", body).await;
        assert_eq!(answer["message"], json!(said));
    }
}
