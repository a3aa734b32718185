//! The genesis ceremony as four organisations hold it, and the chain that it founds.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};

use super::devnet::{ByHand, Seat, eventually, nudge, starfire, text};

const ORGANISATIONS: [&str; 4] = ["ministry", "customs", "port", "academy"];

/// Ports that nobody listens on; none is given twice.
fn free_ports(count: usize) -> Vec<u16> {
    let held: Vec<TcpListener> = (0..count)
        .map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there are ports"))
        .collect();
    held.iter()
        .map(|listener| listener.local_addr().expect("it listens").port())
        .collect()
}

fn file(directory: &Path, name: &str) -> String {
    text(&directory.join(name))
}

#[tokio::test(flavor = "multi_thread")]
async fn four_organisations_hold_a_ceremony_and_their_chain_advances() {
    let _seat = Seat::take();
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| file(directory.path(), name);
    let homes: Vec<PathBuf> = ORGANISATIONS
        .map(|name| directory.path().join(name))
        .to_vec();

    let mut cards = Vec::new();
    for ((name, home), port) in ORGANISATIONS.iter().zip(&homes).zip(free_ports(4)) {
        let listen = format!("/ip4/127.0.0.1/tcp/{port}");
        let who = [
            "init",
            "--name",
            name,
            "--role",
            "super",
            "--organisation",
            name,
        ];
        let place = [
            "--home",
            &text(home),
            "--p2p-listen",
            &listen,
            "--gateway-listen",
            "127.0.0.1:0",
        ];
        let made = starfire([&who[..], &place[..]].concat()).json();
        assert_eq!(made["member_card"], file(home, "member.json"));
        cards.push(file(home, "member.json"));
    }

    let (draft, genesis) = (at("draft.json"), at("genesis.json"));
    let line = [
        "genesis",
        "collect",
        "--chain-id",
        "starfire-main-1",
        "--out",
        &draft,
    ];
    let collected = starfire(line.iter().copied().chain(cards.iter().map(String::as_str))).json();
    assert_eq!(collected["complete"], false);
    // Made of the chain's id: no transaction of another main chain is valid here.
    let drafted: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&draft).unwrap()).unwrap();
    assert_eq!(drafted["bif_chain_id"], 1_383_235_277);
    let peers: Vec<String> = collected["peers"]
        .as_array()
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(peers.len(), 4);

    let mut signatures = Vec::new();
    for home in &homes {
        let signed = starfire(["genesis", "sign", &draft, "--home", &text(home)]).json();
        assert_eq!(signed["genesis_hash"], collected["genesis_hash"]);
        signatures.push(signed["signature"].as_str().unwrap().to_owned());
    }
    let build = |signatures: &[String]| {
        let line = ["genesis", "build", &draft, "--out", &genesis];
        starfire(
            line.iter()
                .copied()
                .chain(signatures.iter().map(String::as_str)),
        )
    };
    assert_eq!(
        build(&signatures[..3]).refusal(),
        "CEREMONY",
        "one founder did not sign"
    );
    let built = build(&signatures).json();
    assert_eq!(built["complete"], true);
    let fingerprint = built["fingerprint"].as_str().unwrap();

    let mut nodes = Vec::new();
    for home in &homes {
        let early = starfire(["start", "--home", &text(home)]);
        assert_eq!(
            early.refusal(),
            "GENESIS",
            "a node without its genesis file says so"
        );
        std::fs::copy(&genesis, home.join("genesis.json")).unwrap();
        let config = home.join("config.toml");
        let text = std::fs::read_to_string(&config).unwrap();
        let text = text.replace("peers = []", &format!("peers = [{}]", peers.join(", ")));
        std::fs::write(&config, text).unwrap();
        nodes.push(ByHand::start(home));
    }
    let first = nodes[0].client().await;
    eventually("the chain begins", async || {
        let status = first.status().await.ok()?;
        (status.height > 0 && status.stalled.is_empty()).then_some(())
    })
    .await;
    let committed = nudge(&first).await.expect("the chain takes transactions");
    for (node, name) in nodes.iter().zip(ORGANISATIONS) {
        let client = node.client().await;
        eventually(
            &format!("{name} has the transaction's block, and votes"),
            async || {
                let status = client.status().await.ok()?;
                (status.height > committed.height && status.voting).then_some(())
            },
        )
        .await;
        let status = client.status().await.unwrap();
        let mut validators: Vec<_> = status
            .validators
            .iter()
            .map(|known| known.organisation.clone())
            .collect();
        validators.sort_unstable();
        assert_eq!(validators, ["academy", "customs", "ministry", "port"]);
        let exported = starfire(["trust", "export", "--fingerprint", "--node", client.url()]);
        assert_eq!(
            exported.json(),
            fingerprint,
            "every node names the chain alike"
        );
    }
}
