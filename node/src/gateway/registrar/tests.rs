//! The registrar over raw HTTP, with signatures from outside.

mod changing;
mod creating;
mod keeping;
mod refusals;
mod resources;
mod rotating;
mod waiting;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use starfire_did::{Did, Document, KeyAlgorithm, PrivateKey, VerificationKey, path, render};
use starfire_ledger::payload::Payload;
use starfire_ledger::transaction::Transaction;
use starfire_state::Changes;
use tokio::task::JoinHandle;

use super::*;
use crate::gateway::fixture::raw::ask;
use crate::gateway::fixture::{Node, did, did_record, private_key, record, registered};

async fn post(node: &Node, operation: &str, body: &Value) -> (u16, Value) {
    let path = format!("/1.0/{operation}");
    ask(&node.url, "POST", &path, &body.to_string()).await
}

/// The same, while the test goes on.
fn posted(node: &Node, operation: &str, body: Value) -> JoinHandle<(u16, Value)> {
    let (url, path) = (node.url.clone(), format!("/1.0/{operation}"));
    tokio::spawn(async move { ask(&url, "POST", &path, &body.to_string()).await })
}

fn multikey(key: &PrivateKey) -> String {
    VerificationKey::from(key.public()).to_multikey()
}

/// Signs what an answer asks for, each request by the key that it names.
fn signed(answer: &Value, keys: &[(&str, &PrivateKey)]) -> Value {
    let state = answer.get("didUrlState").unwrap_or(&answer["didState"]);
    let requests = state["signingRequest"].as_object().unwrap();
    let responses = requests.iter().map(|(name, request)| {
        let kid = request["kid"].as_str().unwrap();
        let (_, key) = keys.iter().find(|(known, _)| *known == kid).unwrap();
        let payload = STANDARD
            .decode(request["serializedPayload"].as_str().unwrap())
            .unwrap();
        let signature = STANDARD.encode(key.sign(&payload));
        (
            name.clone(),
            json!({ "signature": signature, "kid": kid, "alg": request["alg"] }),
        )
    });
    json!({
        "jobId": answer["jobId"],
        "options": { "clientSecretMode": true },
        "secret": { "signingResponse": responses.collect::<serde_json::Map<_, _>>() },
    })
}

/// Takes the one transaction that was submitted and admits it.
async fn admitted(node: &mut Node) -> Transaction {
    let mut submission = node.submissions.recv().await.unwrap();
    let transaction = Transaction::decode(&submission.envelopes.remove(0)).unwrap();
    submission.reply.send(vec![Ok(transaction.hash)]).unwrap();
    transaction
}

/// Commits a block in which the transaction came to this.
fn commit(node: &mut Node, changes: Changes, transaction: &Transaction, receipt: v1::Receipt) {
    let receipt = v1::Receipt {
        hash: transaction.hash.to_vec(),
        ..receipt
    };
    node.block_with(changes, &[(b"envelope", receipt)]);
}

/// The least document of the first DID, changed.
fn document_with(change: impl FnOnce(&mut Value)) -> Value {
    let least = Document::for_key(&did(1, None), &private_key(1).public());
    let mut document = render::document(&least);
    change(&mut document);
    document
}

/// What a node answers to an update of the first DID, where it has this document.
async fn update_of(document: &Value, request: &Value) -> (u16, Value) {
    let held = v1::DidRecord {
        document: Some(parse_w3c(document).unwrap()),
        ..did_record(1, None, 3)
    };
    let mut state = record(path::record(&did(1, None)), &held);
    state.extend(registered(2, None, 1));
    let mut node = Node::main(state).await;
    node.block(Changes::new(), &[]);
    let mut request = request.clone();
    request["did"] = json!(did(1, None).to_string());
    request["options"]["clientSecretMode"] = json!(true);
    post(&node, "update", &request).await
}

/// The operations that are to be signed.
fn operations(answer: &Value) -> &[Value] {
    let asked = &answer["didState"]["signingRequest"]["signingRequest0"];
    let operations = asked["payload"]["operations"].as_array();
    operations.unwrap_or_else(|| panic!("nothing to sign: {answer}"))
}

/// The document that they lead to.
fn document_of(answer: &Value) -> &Value {
    &operations(answer).last().unwrap()["document"]
}

/// Why nothing is to be signed.
fn refusal(answer: &Value) -> &str {
    assert_eq!(
        answer["didState"]["reason"], "INVALID_PARAMETER",
        "{answer}"
    );
    answer["didState"]["description"].as_str().unwrap()
}

fn option() -> Value {
    json!({ "clientSecretMode": true })
}

#[test]
fn a_signature_is_read_in_all_four_spellings_of_base64() {
    use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
    let bytes = [0xfb, 0xff, 0xfe, 0x01];
    for spelling in [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD] {
        assert_eq!(base64(&spelling.encode(bytes)), Ok(bytes.to_vec()));
    }
    assert!(base64("+_==").is_err() && base64("A").is_err());
}
