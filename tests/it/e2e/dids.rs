//! DIDs over the command line, from registration to the end, and what nobody can do to them.

use serde_json::Value;
use starfire_did::document::Document;
use starfire_did::{Did, PrivateKey};
use starfire_node::client::Client;
use starfire_proto::protocol::operation::Native;
use starfire_proto::v1;

use super::devnet::{Answer, Devnet, envelope, eventually, fresh_key, note};

/// The registration of a key's DID.
pub(super) async fn creation(client: &Client, key: &PrivateKey) -> v1::DidCreate {
    let did = client.address(key).await.expect("the node answers");
    v1::DidCreate {
        document: Some(document(&did, key)),
        ..v1::DidCreate::default()
    }
}

fn document(did: &Did, key: &PrivateKey) -> v1::DidDocument {
    (&Document::for_key(did, &key.public())).into()
}

/// Hands a signed envelope to a node by `tx send`.
fn send(devnet: &Devnet, node: &str, envelope: &[u8]) -> Answer {
    let file = devnet.at(&format!("{}.envelope", blake3::hash(envelope)));
    std::fs::write(&file, envelope).expect("there is room");
    devnet.ask(node, &["tx", "send", &file])
}

/// The record as the pinned main chain proves it, once it is that far.
async fn resolved(devnet: &Devnet, did: &str, done: impl Fn(&Value) -> bool) -> Value {
    eventually(&format!("{did} resolves as it should"), async || {
        let answer = devnet.ask("main-1", &["did", "resolve", did]);
        let found = (answer.exit == Some(0)).then(|| answer.json())?;
        done(&found).then_some(found)
    })
    .await
}

/// Create, update, rotate, resolve, deactivate, with every command's answer; and old keys and versions refused.
async fn life(devnet: &Devnet, node: &str, algorithm: &str) {
    let of = format!("{node}-{algorithm}");
    let (first, second) = (
        devnet.at(&format!("{of}-1.json")),
        devnet.at(&format!("{of}-2.json")),
    );
    let created = ["did", "create", "--algorithm", algorithm, "--out", &first];
    let created = devnet.ask(node, &created).json();
    let did = created["did"].as_str().unwrap().to_owned();
    assert_eq!(created["key_file"], first.as_str());
    let again = devnet.ask(node, &["did", "create", "--key", &first]);
    assert_eq!(again.refusal(), "DID_EXISTS");

    let url = "https://example.cn/api";
    let service = format!("api,LinkedDomains,{url}");
    let update = ["did", "update", "--key", &first, "--service", &service];
    assert_eq!(devnet.ask(node, &update).json()["version"], 2);

    // Whoever has seen version 1 only has seen too little.
    let passphrase = starfire_node::keystore::passphrase_beside(first.as_ref());
    let key = starfire_node::keystore::load(
        first.as_ref(),
        &starfire_node::keystore::Passphrase::read_file(&passphrase).unwrap(),
    )
    .unwrap();
    let client = devnet.client(node);
    let stale = Native::DidUpdate(v1::DidUpdate {
        did: did.clone(),
        expected_version: 1,
        document: Some(document(&did.parse().unwrap(), &key)),
    });
    let stale = envelope(&client, &did, &key, stale).await;
    let refused = send(devnet, node, &stale);
    assert_eq!(refused.refusal(), "DID_VERSION_CONFLICT");
    assert_eq!(refused.object()["code"], 144, "with BIF's number");

    let rotate = ["did", "rotate", "--key", &first, "--algorithm", algorithm];
    let rotated = devnet.ask(node, &[&rotate[..], &["--out", &second]].concat());
    assert_eq!(rotated.json()["version"], 3);
    let by = |key: &str, service: &str| {
        let line = [
            "did",
            "update",
            "--key",
            key,
            "--did",
            &did,
            "--service",
            service,
        ];
        devnet.ask(node, &line)
    };
    let code = by(&first, "old,LinkedDomains,https://example.cn/old").refusal();
    assert!(
        ["INVALID_SIGNATURE", "DID_NOT_CONTROLLER"].contains(&code.as_str()),
        "the old key is worth nothing any more: {code}"
    );
    assert_eq!(
        by(&second, "new,LinkedDomains,https://example.cn/new").json()["version"],
        4
    );

    let found = resolved(devnet, &did, |found| found["version"] == 4).await;
    assert_eq!(found["verified"], true);
    assert_eq!(found["deactivated"], false);
    assert_eq!(found["document"]["id"], did.as_str());
    assert_eq!(found["document"]["service"][0]["serviceEndpoint"], url);

    let end = [
        "did",
        "deactivate",
        "--key",
        &second,
        "--did",
        &did,
        "--reason",
        "over",
    ];
    assert_eq!(devnet.ask(node, &end).json()["version"], 5);
    resolved(devnet, &did, |found| found["deactivated"] == true).await;
    let refused = by(&second, "late,LinkedDomains,https://example.cn/late");
    assert_eq!(refused.refusal(), "DID_DEACTIVATED");
}

/// Somebody registers another one's DID; its owner still can.
async fn squatting(devnet: &Devnet, node: &str) {
    let client = devnet.client(node);
    let (thief, owner) = (fresh_key(), fresh_key());
    let source = client.address(&thief).await.unwrap().to_string();
    let owned = client.address(&owner).await.unwrap();
    for key in [&thief, &owner] {
        let squat = Native::DidCreate(v1::DidCreate {
            document: Some(document(&owned, key)),
            ..v1::DidCreate::default()
        });
        let squat = envelope(&client, &source, &thief, squat).await;
        assert_eq!(send(devnet, node, &squat).refusal(), "DID_NOT_DERIVED");
    }
    // In the owner's name, with the thief's signature, it does not even get in.
    let forged = Native::DidCreate(creation(&client, &owner).await);
    let forged = envelope(&client, &owned.to_string(), &thief, forged).await;
    assert_eq!(send(devnet, node, &forged).refusal(), "INVALID_SIGNATURE");

    let own = Native::DidCreate(creation(&client, &owner).await);
    let own = envelope(&client, &owned.to_string(), &owner, own).await;
    let first = send(devnet, node, &own).json();
    assert_eq!(first["code"], 0);
    check_replays(devnet, node, &owned.to_string(), &own).await;
}

/// The same envelope again: the answer is what became of it the first time, and nothing happens twice.
async fn check_replays(devnet: &Devnet, node: &str, source: &str, envelope: &[u8]) {
    let client = devnet.client(node);
    let nonce = client.next_nonce(source).await.unwrap();
    let first = send(devnet, node, envelope).json();
    let from = first["height"].as_u64().unwrap() + 1;
    assert_eq!(send(devnet, node, envelope).json(), first);
    let marked = client
        .send(&fresh_key(), vec![note("after", "replays")])
        .await;
    let newest = marked.expect("the chain goes on").height;
    for height in from..=newest {
        let block = super::devnet::block(&client, height).await.block.unwrap();
        assert!(!block.transactions.iter().any(|known| known == envelope));
    }
    assert_eq!(client.next_nonce(source).await.unwrap(), nonce);
    let record = devnet.ask(node, &["did", "show", source]).json();
    assert_eq!(record["version"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn dids_live_and_end_over_the_command_line_with_either_algorithm_on_either_kind_of_chain() {
    let devnet = Devnet::up(&["--validators", "1", "--sub", "cn01:1"]);
    for algorithm in ["ed25519", "sm2"] {
        for node in ["main-1", "cn01-1"] {
            life(&devnet, node, algorithm).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_registers_the_did_of_another_and_a_replayed_envelope_does_nothing() {
    let devnet = Devnet::up(&["--validators", "1", "--sub", "cn01:1"]);
    for node in ["main-1", "cn01-1"] {
        squatting(&devnet, node).await;
    }
    let unknown = "did:bid:efnVUgqQFfYeu97ABf6sGm3WFtVXHZB2";
    let answer = devnet.ask("main-1", &["did", "resolve", unknown]);
    assert_eq!(answer.refusal(), "DID_NOT_FOUND");
}
