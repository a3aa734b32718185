//! DIDs of sub-chains, asked of the main chain.

use serde_json::json;
use starfire_crosschain::path as chain_path;
use starfire_crosschain::proof_file::Verdict;
use tendermint::block::Header;

use super::proofs::verdict;
use super::*;

fn registered_at(anchored: &Header, resolver: &str) -> Changes {
    let height = anchored.height.value();
    let sub_chain = v1::SubChainRecord {
        chain_code: "by01".into(),
        chain_id: "starfire-by01-1".into(),
        name: "Example".into(),
        resolvers: vec![resolver.into()],
        status: v1::SubChainStatus::Active.into(),
        latest_height: height,
        ..Default::default()
    };
    let anchor = v1::AnchorRecord {
        chain_code: "by01".into(),
        height,
        header_hash: anchored.hash().as_bytes().to_vec(),
        ..Default::default()
    };
    let mut records = record(chain_path::sub_chain("by01"), &sub_chain);
    records.extend(record(chain_path::anchor("by01", height), &anchor));
    records
}

#[tokio::test]
async fn a_sub_chains_did_is_proved_from_the_main_chain_on() {
    let mut sub = Node::sub(versions(1, Some("by01"), 200, false)).await;
    let anchored = sub.block(Changes::new(), &[]);
    let mut main = Node::main(registered_at(&anchored, &sub.url)).await;
    main.block(Changes::new(), &[]);
    let did = did(1, Some("by01"));
    for (url, version) in [
        (did.to_string(), 200),
        (format!("{did}?versionId=7"), 7),
        (format!("{did}?versionId=199"), 199),
        (format!("{did}?versionTime=2026-11-18T11:20:30Z"), 13),
        (format!("{did}?versionTime=2026-11-18T11:07:40Z"), 1),
        (format!("{did}?versionTime=2027-11-18T11:07:40Z"), 200),
    ] {
        let reply = resolve(&main, &url).await;
        let json = reply.json();
        assert_eq!(
            json["didDocumentMetadata"]["versionId"],
            json!(version.to_string()),
            "{url}: {json}"
        );
        assert_eq!(verdict(&main, &reply.body), Verdict::Valid, "{url}");
    }
    for url in [
        format!("{did}?versionId=201"),
        format!("{did}?versionTime=2020-01-01T00:00:00Z"),
        crate::gateway::fixture::did(9, Some("by01")).to_string(),
    ] {
        let reply = resolve(&main, &url).await;
        assert_eq!(reply.status, 404, "{url}");
        assert_eq!(verdict(&main, &reply.body), Verdict::Valid, "{url}");
    }
}

#[tokio::test]
async fn an_answer_is_remembered_until_the_next_anchor() {
    let mut sub = Node::sub(versions(1, Some("by01"), 1, false)).await;
    let anchored = sub.block(Changes::new(), &[]);
    let next = versions(1, Some("by01"), 2, false);
    sub.block(next, &[]);
    let newer = sub.block(Changes::new(), &[]);
    let mut main = Node::main(registered_at(&anchored, &sub.url)).await;
    main.block(Changes::new(), &[]);
    let did = did(1, Some("by01")).to_string();
    assert_eq!(
        resolve(&main, &did).await.json()["didDocumentMetadata"]["versionId"],
        "1"
    );

    // The gateway is gone: what is remembered still answers, what is not does not.
    let url = sub.url.clone();
    drop(sub);
    assert_eq!(
        resolve(&main, &did).await.json()["didDocumentMetadata"]["versionId"],
        "1"
    );
    assert_eq!(
        resolve(&main, &format!("{did}?noCache=true")).await.status,
        500
    );
    main.block(registered_at(&newer, &url), &[]);
    main.block(Changes::new(), &[]);
    assert_eq!(resolve(&main, &did).await.status, 500);
}

#[tokio::test]
async fn the_did_of_a_chain_names_its_resolvers() {
    let mut sub = Node::sub(Changes::new()).await;
    let anchored = sub.block(Changes::new(), &[]);
    let mut main = Node::main(registered_at(&anchored, &sub.url)).await;
    main.block(Changes::new(), &[]);
    let reply = resolve(&main, "did:bid:by01").await;
    assert_eq!(reply.status, 200);
    let service = &reply.json()["didDocument"]["service"][0];
    assert_eq!(
        (&service["type"], &service["serviceEndpoint"]),
        (&json!("DIDSubResolver"), &json!(sub.url))
    );
    assert_eq!(verdict(&main, &reply.body), Verdict::Valid);
    let path = "/1.0/identifiers/did:bid:by01%23resolver-1";
    let part = get(&main, path, "application/did-url-dereferencing")
        .await
        .json();
    assert_eq!(part["content"]["serviceEndpoint"], json!(sub.url));
}

#[tokio::test]
async fn one_question_finds_an_account_on_all_its_chains() {
    let mut sub = Node::sub(versions(1, Some("by01"), 2, false)).await;
    let anchored = sub.block(Changes::new(), &[]);
    let mut records = registered_at(&anchored, &sub.url);
    let mut own = did_record(1, None, 1);
    own.document.as_mut().unwrap().acsn = vec!["by01".into(), "by02".into()];
    records.extend(record(path::record(&did(1, None)), &own));
    let mut main = Node::main(records).await;
    main.block(Changes::new(), &[]);
    let whole = resolve(&main, &format!("{}?aggregate=true", did(1, None)))
        .await
        .json();
    let chains = &whole["didDocumentMetadata"]["subChains"];
    assert_eq!(chains["by01"]["didDocumentMetadata"]["versionId"], "2");
    let error = &chains["by02"]["didResolutionMetadata"]["error"]["type"];
    assert_eq!(error, "https://www.w3.org/ns/did#NOT_FOUND");
    let alone = &chains["by01"];
    assert_eq!(verdict(&main, alone.to_string().as_bytes()), Verdict::Valid);
    let not_main = resolve(&main, &format!("{}?aggregate=true", did(1, Some("by01")))).await;
    assert_eq!(not_main.status, 400);
}
