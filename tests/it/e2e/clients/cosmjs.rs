//! CosmJS, `@cosmjs/tendermint-rpc` of npm, as `tests/clients/cosmjs.mjs` drives it.

use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use starfire_ledger::Transaction;
use starfire_node::client::{Client, transaction};
use starfire_state::{key, tree};

use crate::e2e::devnet::{fresh_key, note};
use crate::e2e::headers::signed_header;

/// Has CosmJS do all that it can with a node, and checks the proof that it was given.
pub(super) async fn follows(node: &Client) {
    let envelope = envelope(node).await;
    let clients = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients");
    assert!(
        clients.join("node_modules").exists(),
        "CosmJS is not installed: `scripts/setup.sh --tests` does that"
    );
    let path = String::from_utf8(key::CHAIN.to_vec()).unwrap();
    let mut command = Command::new("node");
    command.current_dir(clients).args([
        "cosmjs.mjs",
        node.url(),
        &STANDARD.encode(envelope),
        &path,
    ]);
    let output = tokio::task::spawn_blocking(move || command.output())
        .await
        .unwrap()
        .expect("node runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(report["headers"].as_u64() > Some(3));

    let bytes = |name: &str| STANDARD.decode(report[name].as_str().unwrap()).unwrap();
    let proving = report["height"].as_u64().unwrap() + 1;
    let header = signed_header(node, proving).await.header.header;
    let root = header.app_hash.as_bytes().try_into().unwrap();
    tree::verify(
        &root,
        key::CHAIN,
        Some(&bytes("value")),
        &bytes("operation"),
    )
    .expect("the next header proves what CosmJS was told");
}

/// A transaction that nobody has seen.
async fn envelope(node: &Client) -> Vec<u8> {
    let key = fresh_key();
    let source = node.address(&key).await.unwrap().to_string();
    let chain = node.chain().await.unwrap();
    let body = transaction(chain, source, 1, vec![note("e2e", "cosmjs")]);
    Transaction::sign(&body, &[&key])
}
