//! As many DIDs in one transaction as one takes, from the file of a factory to the answers of another node.

use std::collections::BTreeSet;

use serde_json::json;
use starfire_did::create::consent_message;
use starfire_did::create_batch::CREATIONS_MAX;
use starfire_did::{Document, PrivateKey, VerificationKey};

use super::devnet::{Devnet, eventually, fresh_key, text};
use super::http;

/// The longest answer to a question about the list.
const PAGE: usize = 1_000;

/// A line of the file: a machine's key, and its consent to be registered on this chain.
fn line(chain: &str, key: &PrivateKey) -> String {
    let document = Document::for_key(&key.public().address(None), &key.public());
    let consent = key.sign(&consent_message(chain, &(&document).into()));
    let multikey = VerificationKey::from(key.public()).to_multikey();
    let line = json!({"key": multikey, "consent": hex::encode(consent)});
    format!("{line}\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_dids_are_registered_in_one_transaction_and_found_on_every_node() {
    let devnet = Devnet::up(&["--validators", "4"]);
    let chain = devnet
        .client("main-1")
        .chain()
        .await
        .unwrap()
        .chain_id
        .clone();
    let keys: Vec<PrivateKey> = (0..CREATIONS_MAX).map(|_| fresh_key()).collect();
    let lines: String = keys.iter().map(|key| line(&chain, key)).collect();
    let file = devnet.at("machines.jsonl");
    std::fs::write(&file, lines).expect("there is room");
    // A transaction of more than 1 MiB is a member's to send.
    let member = text(&devnet.node("main-1").home.join("keys/account.json"));
    let batch = ["did", "batch", &file, "--key", &member];
    let done = devnet.ask("main-1", &batch).json();
    assert_eq!(done["created"], json!(CREATIONS_MAX));
    assert_eq!(
        done["transactions"].as_array().map(Vec::len),
        Some(1),
        "in one transaction"
    );

    let expected: BTreeSet<String> = keys
        .iter()
        .map(|key| key.public().address(None).to_string())
        .collect();
    let height = done["transactions"][0]["height"].as_u64().unwrap();
    for node in ["main-1", "main-3"] {
        eventually(&format!("{node} has the block"), async || {
            (devnet.height(node).await > height).then_some(())
        })
        .await;
        let url = devnet.node(node).grpc;
        let mut found = BTreeSet::new();
        let mut cursor = String::new();
        loop {
            let path = format!("/1.0/identifiers?limit={PAGE}&cursor={cursor}");
            let (status, page) = http::ask(&url, "GET", &path, "", "");
            assert_eq!(status, 200, "{page}");
            for listed in page["identifiers"].as_array().unwrap() {
                found.insert(listed["did"].as_str().unwrap().to_owned());
            }
            match page["cursor"].as_str() {
                Some(next) => cursor = next.to_owned(),
                None => break,
            }
        }
        assert!(expected.is_subset(&found), "{} on {node}", found.len());
        let some: Vec<&String> = expected.iter().step_by(CREATIONS_MAX / PAGE).collect();
        let body = json!({ "identifiers": some, "options": { "proof": true } });
        let (status, answer) = http::post(&url, "/1.0/identifiers:batch", &body);
        assert_eq!(status, 200, "{answer}");
        assert!(answer["proof"].is_object());
        for (did, result) in some.into_iter().zip(answer["results"].as_array().unwrap()) {
            assert_eq!(result["didDocument"]["id"], json!(did), "{node}");
            assert_eq!(result["didDocumentMetadata"]["versionId"], "1");
        }
    }
}
