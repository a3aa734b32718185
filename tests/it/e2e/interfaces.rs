//! What scripts rely on: names of fields, what is printed and what is not, and commands that ask nobody.

use serde_json::Value;
use starfire_node::client::Client;

use super::devnet::{Devnet, fed, starfire};

fn names(value: &Value) -> Vec<&str> {
    let object = value
        .as_object()
        .unwrap_or_else(|| panic!("an object: {value}"));
    object.keys().map(String::as_str).collect()
}

fn has(value: &Value, expected: &[&str]) {
    for name in expected {
        assert!(names(value).contains(name), "{name} in {value}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn devnet_json_names_every_chain_and_node_and_the_command_prints_the_same() {
    let devnet = Devnet::up(&["--validators", "2", "--sub", "cn01:2", "--sub", "my01:1"]);
    let text = std::fs::read(devnet.path().join("devnet.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&text).unwrap();
    let chains = manifest["chains"].as_array().unwrap();
    let shape: Vec<(&str, &str, usize)> = chains
        .iter()
        .map(|chain| {
            has(chain, &["chain_id", "chain_code", "nodes"]);
            let text = |name: &str| chain[name].as_str().unwrap();
            (
                text("chain_id"),
                text("chain_code"),
                chain["nodes"].as_array().unwrap().len(),
            )
        })
        .collect();
    let expected = [
        ("starfire-main-1", "", 2),
        ("starfire-cn01-1", "cn01", 2),
        ("starfire-my01-1", "my01", 1),
    ];
    assert_eq!(shape, expected, "main first");
    for chain in chains {
        for (number, node) in chain["nodes"].as_array().unwrap().iter().enumerate() {
            has(
                node,
                &["name", "role", "grpc", "http", "p2p", "pid", "home"],
            );
            let role = match (chain["chain_code"].as_str().unwrap(), number) {
                ("", _) => "super",
                (_, 0) => "backbone",
                (_, _) => "business",
            };
            assert_eq!(node["role"], role);
            let client = Client::connect(node["grpc"].as_str().unwrap()).unwrap();
            let status = client.status().await.expect("the node answers");
            assert_eq!(
                (status.name.as_str(), status.role.as_str()),
                (node["name"].as_str().unwrap(), role)
            );
            assert_eq!(status.chain_id, chain["chain_id"].as_str().unwrap());
            let command = format!("/proc/{}/cmdline", node["pid"]);
            let command = std::fs::read_to_string(command).expect("the process runs");
            assert!(command.contains(node["home"].as_str().unwrap()));
        }
    }
    let people: Vec<&str> = manifest["identities"]
        .as_array()
        .unwrap()
        .iter()
        .map(|person| {
            has(person, &["name", "did", "key_file", "passphrase_file"]);
            person["name"].as_str().unwrap()
        })
        .collect();
    for expected in [
        "issuing-customs",
        "exporter",
        "importing-customs",
        "backbone-cn01",
        "backbone-my01",
    ] {
        assert!(people.contains(&expected), "{expected} among {people:?}");
    }

    let status = devnet.run(["devnet", "status"]).json();
    let nodes = status["nodes"].as_array().unwrap();
    assert_eq!(nodes.len(), 5);
    assert!(
        nodes
            .iter()
            .all(|node| node["state"] == "running" && node["height"].as_u64() > Some(0))
    );
    let taken = devnet.run(["devnet", "up", "--validators", "1"]);
    assert_eq!(taken.refusal(), "DEVNET_EXISTS", "nothing is written over");

    trust_and_dids(&devnet);
}

/// The same devnet: `trust export`, `did create`.
fn trust_and_dids(devnet: &Devnet) {
    let url = devnet.node("main-1").grpc;
    let fingerprint = devnet.manifest().trust.fingerprint;
    let plain = std::process::Command::new(super::devnet::binary())
        .args(["trust", "export", "--fingerprint", "--node", &url])
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8(plain.stdout).unwrap(),
        format!("{fingerprint}\n"),
        "the fingerprint and nothing else"
    );
    assert!(plain.stderr.is_empty());

    // No passphrase, no terminal, a home that is not there yet.
    let home = devnet.at("somebody");
    let created = starfire(["did", "create", "--node", &url, "--home", &home]).json();
    has(&created, &["did", "key_file", "height"]);
    let (did, key_file) = (
        created["did"].as_str().unwrap(),
        created["key_file"].as_str().unwrap(),
    );
    assert!(did.starts_with("did:bid:ef"), "{did}");
    assert!(created["height"].as_u64() > Some(0));
    let shown = starfire(["key", "show", key_file]).json();
    assert_eq!(shown["did"], did);
    // The key file is good for more, again with nobody there.
    let update = [
        "did",
        "update",
        "--key",
        key_file,
        "--also-known-as",
        "urn:example:me",
        "--node",
        &url,
    ];
    assert_eq!(starfire(update).json()["version"], 2);

    let key = fed(["key", "show", "--stdin"], &vectors()[0].0);
    let bare = devnet.at("bare.key");
    std::fs::write(&bare, &vectors()[0].0).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&bare, mode).unwrap();
    let taken = starfire(["did", "create", "--node", &url, "--key", &bare]).json();
    assert_eq!(
        taken["did"],
        key.json()["did"],
        "a bare BIF private key will do"
    );
    assert_eq!(taken["key_file"], bare.as_str());
}

/// Private keys, and what is known of each.
fn vectors() -> Vec<(String, Value)> {
    let vectors: Value = serde_json::from_str(include_str!("../../vectors/keys.json")).unwrap();
    let keys = vectors["keys"].as_array().unwrap().iter();
    keys.map(|key| (key["private_key"].as_str().unwrap().to_owned(), key.clone()))
        .collect()
}

#[test]
fn key_show_prints_the_published_public_key_and_did_of_every_published_private_key() {
    let vectors = vectors();
    assert!(vectors.len() >= 4);
    for (private, known) in vectors {
        // With and without the end of the line that people type.
        for input in [private.clone(), format!("{private}\n")] {
            let shown = fed(["key", "show", "--stdin"], &input).json();
            for field in ["algorithm", "public_key", "did"] {
                assert_eq!(shown[field], known[field], "{field}");
            }
            assert!(
                !shown.to_string().contains(&private),
                "the private key is not printed"
            );
        }
    }
}

#[test]
fn verify_prints_one_object_with_verdict_code_and_steps() {
    let directory = tempfile::tempdir().unwrap();
    let proof = directory.path().join("proof.json");
    std::fs::write(&proof, r#"{"format":"starfire-proof/1"}"#).unwrap();
    let proof = super::devnet::text(&proof);
    let home = super::devnet::text(&directory.path().join("home"));
    let answer = starfire(["verify", &proof, "--home", &home]);
    assert_eq!(answer.exit, Some(1));
    let report = answer.object();
    has(
        &report,
        &[
            "verdict",
            "code",
            "steps",
            "trusted",
            "main_chain",
            "revocation_as_of",
            "subject",
        ],
    );
    assert_eq!(report["verdict"], "unpinned");
    assert_eq!(report["code"], "BUNDLE_NOT_PINNED");
    assert!(report["steps"].is_array());
    assert!(
        answer.err.is_empty(),
        "one object and no other: {}",
        answer.err
    );
}
