//! DIDs of sub-chains, asked of the main chain.

use serde_json::json;
use starfire_crosschain::path as chain_path;
use starfire_crosschain::proof_file::Verdict;
use tendermint::block::Header;
use tonic::Code;

use super::proofs::verdict;
use super::*;
use crate::gateway::fixture::refusal;
use crate::grpc::dids_client::DidsClient;

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
    let bare = resolve(&main, &format!("{did}?proof=false")).await.json();
    assert!(bare["didDocument"].is_object(), "{bare}");
    assert!(bare["didDocumentMetadata"].get("proof").is_none(), "{bare}");
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
    drop(sub);
    assert_eq!(
        resolve(&main, &did).await.json()["didDocumentMetadata"]["versionId"],
        "1"
    );
    assert_eq!(
        resolve(&main, &format!("{did}?noCache=true")).await.status,
        503
    );
    // The chain disowns that gateway, so that nothing which it may have told counts any more.
    main.block(registered_at(&newer, "http://127.0.0.1:9"), &[]);
    main.block(Changes::new(), &[]);
    assert_eq!(resolve(&main, &did).await.status, 503);
}

#[tokio::test]
async fn a_sub_chain_that_cannot_be_asked_says_so_by_a_code_of_its_own() {
    let mut sub = Node::sub(versions(1, Some("by01"), 1, false)).await;
    let anchored = sub.block(Changes::new(), &[]);
    let did = did(1, Some("by01"));
    // Nobody listens there; a gateway of another chain, which cannot prove what was anchored.
    let liar = Node::main(Changes::new()).await;
    let not_anchored = v1::SubChainRecord {
        chain_code: "by01".into(),
        ..Default::default()
    };
    for (records, status, code, retry) in [
        (
            registered_at(&anchored, "http://127.0.0.1:9"),
            503,
            "RESOLVER_UNREACHABLE",
            "5",
        ),
        (
            registered_at(&anchored, &liar.url),
            503,
            "RESOLVER_UNREACHABLE",
            "5",
        ),
        (
            record(chain_path::sub_chain("by01"), &not_anchored),
            503,
            "CHAIN_NOT_ANCHORED",
            "30",
        ),
    ] {
        let mut main = Node::main(records).await;
        main.block(Changes::new(), &[]);
        for path in [
            did.to_string(),
            format!("{did}%23key-1"),
            format!("{did}/resources/logo"),
        ] {
            let path = format!("/1.0/identifiers/{path}");
            for accept in ["", "application/did-resolution", "application/did"] {
                let reply = get(&main, &path, accept).await;
                let json = reply.json();
                assert_eq!(reply.status, status, "{path}: {json}");
                assert_eq!(
                    reply.header("content-type"),
                    Some("application/problem+json;charset=utf-8")
                );
                assert_eq!(reply.header("retry-after"), Some(retry));
                assert_eq!(json["code"], json!(code));
                assert_eq!(json["type"], json!(format!("urn:starfire:code:{code}")));
                assert_eq!(json["status"], json!(status));
                assert!(json["title"].is_string() && json["detail"].is_string());
            }
        }
    }
}

#[tokio::test]
async fn nothing_that_a_frozen_sub_chain_says_is_believed() {
    let mut sub = Node::sub(versions(1, Some("by01"), 1, false)).await;
    let anchored = sub.block(Changes::new(), &[]);
    let mut main = Node::main(registered_at(&anchored, &sub.url)).await;
    main.block(Changes::new(), &[]);
    let did = did(1, Some("by01"));
    // From memory neither.
    assert_eq!(resolve(&main, &did.to_string()).await.status, 200);
    let frozen = v1::SubChainRecord {
        chain_code: "by01".into(),
        resolvers: vec![sub.url.clone()],
        status: v1::SubChainStatus::Frozen.into(),
        latest_height: anchored.height.value(),
        frozen_height: 7,
        frozen_reason: "two headers".into(),
        ..Default::default()
    };
    main.block(record(chain_path::sub_chain("by01"), &frozen), &[]);
    main.block(Changes::new(), &[]);
    for path in [
        did.to_string(),
        format!("{did}?versionId=1"),
        format!("{did}%23key-1"),
        format!("{did}/resources/logo"),
    ] {
        let reply = get(&main, &format!("/1.0/identifiers/{path}"), "").await;
        let json = reply.json();
        let code = &json["code"];
        assert_eq!(
            (reply.status, code),
            (502, &json!("CHAIN_FROZEN")),
            "{path}"
        );
        assert_eq!(reply.header("retry-after"), None);
        let detail = json["detail"].as_str().unwrap();
        assert!(detail.contains("height 7: two headers"), "{detail}");
    }
}

/// A receipt that tells of a DID's new version.
fn told(did: &Did, version: u64) -> v1::Receipt {
    let attribute = |key: &str, value: String| v1::EventAttribute {
        key: key.into(),
        value,
    };
    let event = v1::Event {
        r#type: "did.updated".into(),
        attributes: vec![
            attribute("did", did.to_string()),
            attribute("version", version.to_string()),
        ],
    };
    v1::Receipt {
        events: vec![event],
        ..v1::Receipt::default()
    }
}

/// The sub-chain goes on by a block of this, and the main chain anchors it.
fn go_on(main: &mut Node, sub: &mut Node, changes: Changes, receipts: &[v1::Receipt]) -> u64 {
    let envelopes = receipts
        .iter()
        .map(|receipt| (&b"envelope"[..], receipt.clone()));
    sub.block_with(changes, &envelopes.collect::<Vec<_>>());
    let anchored = sub.block(Changes::new(), &[]);
    main.block(registered_at(&anchored, &sub.url), &[]);
    main.block(Changes::new(), &[]);
    anchored.height.value()
}

/// The version that is answered, and the height of the sub-chain's header that proves it.
async fn answered(main: &Node, did: &Did) -> (String, u64) {
    let json = resolve(main, &did.to_string()).await.json();
    let metadata = &json["didDocumentMetadata"];
    let version = metadata["versionId"]
        .as_str()
        .unwrap_or_else(|| panic!("{json}"));
    let height = metadata["proof"][0]["height"].as_str().unwrap();
    (version.to_owned(), height.parse().unwrap())
}

#[tokio::test]
async fn what_a_followed_chain_tells_of_is_asked_again_and_nothing_else() {
    let mut records = versions(1, Some("by01"), 1, false);
    records.extend(versions(2, Some("by01"), 1, false));
    let mut sub = Node::sub(records).await;
    let anchored = sub.block(Changes::new(), &[]);
    let mut main = Node::main(registered_at(&anchored, &sub.url)).await;
    main.block(Changes::new(), &[]);
    let (one, two) = (did(1, Some("by01")), did(2, Some("by01")));

    let story = async {
        // The stream opens beside the first answer. Until it is there, each anchor has the DID asked for again.
        let kept = loop {
            let before = answered(&main, &one).await;
            let newest = go_on(&mut main, &mut sub, Changes::new(), &[]);
            let after = answered(&main, &one).await;
            if after.1 < newest {
                assert_eq!(after, before);
                break after;
            }
        };
        let reply = resolve(&main, &one.to_string()).await;
        assert_eq!(verdict(&main, &reply.body), Verdict::Valid);

        let (version, height) = answered(&main, &two).await;
        assert_eq!(version, "1");
        let changes = versions(2, Some("by01"), 2, false);
        let newest = go_on(&mut main, &mut sub, changes, &[told(&two, 2)]);
        // What changed is asked again as soon as the stream has told of it.
        loop {
            match answered(&main, &two).await {
                (version, proved) if version == "1" => assert_eq!(proved, height),
                answer => {
                    assert_eq!(answer, ("2".to_owned(), newest));
                    break;
                }
            }
        }
        assert_eq!(answered(&main, &one).await, kept);
        let fresh = resolve(&main, &format!("{one}?noCache=true")).await.json();
        assert_eq!(
            fresh["didDocumentMetadata"]["proof"][0]["height"],
            json!(newest.to_string())
        );
        let newest = go_on(&mut main, &mut sub, Changes::new(), &[]);
        assert!(answered(&main, &one).await.1 < newest);

        // Nobody tells any more: what hung on its word alone goes, and nobody is there to be asked.
        drop(sub);
        while resolve(&main, &one.to_string()).await.status == 200 {}
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), story)
        .await
        .unwrap();
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
async fn the_did_of_a_chain_has_the_forms_of_every_document() {
    let mut sub = Node::sub(Changes::new()).await;
    let anchored = sub.block(Changes::new(), &[]);
    let mut main = Node::main(registered_at(&anchored, &sub.url)).await;
    main.block(Changes::new(), &[]);
    for (form, context) in [
        ("application/did", json!("https://www.w3.org/ns/did/v1.1")),
        (
            "application/did+ld+json",
            json!("https://www.w3.org/ns/did/v1"),
        ),
        ("application/did+json", Value::Null),
    ] {
        let path = "/1.0/identifiers/did:bid:by01";
        let document = get(&main, path, form).await.json();
        assert_eq!(document["@context"][0], context, "{form}");
        assert_eq!(document["extension"], json!({ "type": 206 }), "{form}");
        let accept = format!("application/did-resolution, {form}");
        let whole = get(&main, path, &accept).await;
        assert_eq!(whole.json()["didDocument"], document);
        assert_eq!(verdict(&main, &whole.body), Verdict::Valid, "{form}");
    }
}

#[tokio::test]
async fn the_did_of_a_chain_has_no_versions() {
    let mut sub = Node::sub(Changes::new()).await;
    let anchored = sub.block(Changes::new(), &[]);
    let mut main = Node::main(registered_at(&anchored, &sub.url)).await;
    main.block(Changes::new(), &[]);
    for version in [
        "versionId=1",
        "versionId=99",
        "versionTime=1999-01-01T00:00:00Z",
    ] {
        for path in [
            format!("did:bid:by01?{version}"),
            format!("did:bid:by01?proof=false&{version}"),
            format!("did:bid:by01%23resolver-1?{version}"),
        ] {
            let reply = resolve(&main, &path).await;
            let json = reply.json();
            assert_eq!(reply.status, 501, "{path}: {json}");
            assert!(json.to_string().contains("#FEATURE_NOT_SUPPORTED"));
        }
    }
    for (version, version_time_ms) in [(1, 0), (99, 0), (0, 1)] {
        let request = v1::ResolveRequest {
            did: "did:bid:by01".into(),
            version,
            version_time_ms,
            ..v1::ResolveRequest::default()
        };
        let status = DidsClient::new(main.channel())
            .resolve(request)
            .await
            .unwrap_err();
        assert_eq!(
            refusal(&status),
            (Code::Unimplemented, "FEATURE_NOT_SUPPORTED".into())
        );
    }
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
