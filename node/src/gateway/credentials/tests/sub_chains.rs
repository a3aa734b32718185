//! Issuers of a sub-chain, asked about on the main chain.

use super::*;
use crate::gateway::fixture::check_proof;
use crate::grpc::credentials_client::CredentialsClient;

/// A sub-chain with an issuer's list, and a main chain on which it is anchored.
async fn chains() -> (Node, Node) {
    let issuer = did(ISSUER, Some("by01"));
    let mut records = registered(ISSUER, Some("by01"), 1);
    records.extend(revocations(&issuer));
    let mut sub = Node::sub(records).await;
    let anchored = sub.block(Changes::new(), &[]);
    let height = anchored.height.value();
    let chain = v1::SubChainRecord {
        chain_code: "by01".into(),
        resolvers: vec![sub.url.clone()],
        latest_height: height,
        ..Default::default()
    };
    let anchor = v1::AnchorRecord {
        height,
        header_hash: anchored.hash().as_bytes().to_vec(),
        ..Default::default()
    };
    let mut records = record(starfire_crosschain::path::sub_chain("by01"), &chain);
    records.extend(record(
        starfire_crosschain::path::anchor("by01", height),
        &anchor,
    ));
    (sub, proving(Node::main(records).await))
}

#[tokio::test]
async fn a_sub_chains_credential_is_judged_on_main_as_of_its_anchor() {
    let (sub, main) = chains().await;
    let issuer = did(ISSUER, Some("by01"));
    let method = format!("{issuer}#key-1");
    let issue = |index| {
        let mut claims = claims();
        claims["issuer"] = json!(issuer.to_string());
        claims["credentialStatus"] = entry(&issuer, index);
        claims.as_object_mut().unwrap().remove("credentialSchema");
        let options = Options::assertion(Suite::EddsaJcs2022, method.as_str(), clock::unix_ms());
        integrity::issue(claims, &options, &key(ISSUER), None).unwrap()
    };
    for node in [&sub, &main] {
        let answer = verify(node, &issue(8), &json!({})).await.json();
        assert_eq!(answer["verified"], json!(true), "{answer}");
        let answer = verify(node, &issue(REVOKED_INDEX), &json!({})).await.json();
        assert_eq!(failed(&answer), [("status", "REVOKED")]);
    }
    let status = v1::CredentialStatusRequest {
        issuer: issuer.to_string(),
        name: "revoked".into(),
        index: REVOKED_INDEX,
    };
    let mut client = CredentialsClient::new(main.channel());
    let status = client.status(status).await.unwrap().into_inner();
    assert!(status.set);
    check_proof(&status.proof.unwrap(), &sub);
    check_proof(&status.anchor_proof.unwrap(), &main);

    let path = format!(
        "/credentials/status?list={}&index={REVOKED_INDEX}",
        list_url(&issuer)
    );
    let proof = &get(&main, &path).await.json()["proof"];
    assert_eq!(proof["chainId"], json!("starfire-by01-1"));
    assert_eq!(proof["anchoredBy"]["chainId"], json!("starfire-main-1"));
    assert!(proof.get("signedHeader").is_none() && proof["header"].is_string());
}

#[tokio::test]
async fn no_credential_is_judged_by_what_a_frozen_sub_chain_says() {
    let (_sub, mut main) = chains().await;
    let issuer = did(ISSUER, Some("by01"));
    let mut claims = claims();
    claims["issuer"] = json!(issuer.to_string());
    for member in ["credentialSchema", "credentialStatus"] {
        claims.as_object_mut().unwrap().remove(member);
    }
    let method = format!("{issuer}#key-1");
    let options = Options::assertion(Suite::EddsaJcs2022, method, clock::unix_ms());
    let credential = integrity::issue(claims, &options, &key(ISSUER), None).unwrap();
    let before = verify(&main, &credential, &json!({})).await.json();
    assert_eq!(before["verified"], json!(true), "{before}");

    let frozen = v1::SubChainRecord {
        chain_code: "by01".into(),
        status: v1::SubChainStatus::Frozen.into(),
        ..Default::default()
    };
    let path = starfire_crosschain::path::sub_chain("by01");
    main.block(record(path, &frozen), &[]);
    main.block(Changes::new(), &[]);
    let after = verify(&main, &credential, &json!({})).await.json();
    assert_eq!(after["verified"], json!(false), "{after}");
    assert!(after.to_string().contains("CHAIN_FROZEN"), "{after}");
    let path = format!("/credentials/status?list={}&index=1", list_url(&issuer));
    let status = get(&main, &path).await;
    assert_eq!(status.json()["code"], json!("CHAIN_FROZEN"));
}

#[tokio::test]
async fn what_stands_on_another_chain_is_asked_for_there() {
    let (sub, main) = chains().await;
    let issuer = did(ISSUER, Some("by01"));
    let list = get(&main, &format!("/status-lists/{issuer}/revoked")).await;
    assert_eq!(
        (list.status, &list.json()["code"]),
        (409, &json!("DID_OTHER_CHAIN"))
    );
    let asked = format!("/accreditations?issuer={issuer}&type={KIND}&jurisdiction=CN");
    let accreditations = get(&sub, &asked).await;
    assert_eq!(accreditations.json()["code"], json!("DID_OTHER_CHAIN"));
}
