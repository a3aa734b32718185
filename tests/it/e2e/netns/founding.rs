//! The genesis of a chain whose nodes stand at places of a [`World`].

use std::path::{Path, PathBuf};

use super::super::devnet::{starfire, text};
use super::world::World;

/// Where peers connect to, at every place.
pub(super) const PEERS_PORT: u16 = 26656;
/// Where clients do, at every place.
pub(super) const GATEWAY: &str = "127.0.0.1:26680";

/// Homes with one genesis that all have signed.
pub(super) fn hold_ceremony(directory: &Path, homes: &[PathBuf]) {
    let file = |name: &str| text(&directory.join(name));
    let (draft, genesis) = (file("draft.json"), file("genesis.json"));
    let mut cards = Vec::new();
    for (place, home) in (1..).zip(homes) {
        let name = format!("super-{place}");
        let listen = format!("/ip4/{}/tcp/{PEERS_PORT}", World::address(place));
        let who = [
            "init",
            "--name",
            &name,
            "--role",
            "super",
            "--organisation",
            &name,
        ];
        let place = [
            "--home",
            &text(home),
            "--p2p-listen",
            &listen,
            "--gateway-listen",
            GATEWAY,
        ];
        starfire([&who[..], &place[..]].concat()).json();
        cards.push(text(&home.join("member.json")));
    }
    let collect = [
        "genesis",
        "collect",
        "--chain-id",
        "starfire-main-1",
        "--out",
        &draft,
    ];
    let collected = starfire(collect.into_iter().chain(cards.iter().map(String::as_str))).json();
    let signatures: Vec<String> = homes
        .iter()
        .map(|home| {
            let signed = starfire(["genesis", "sign", &draft, "--home", &text(home)]).json();
            signed["signature"].as_str().expect("a path").to_owned()
        })
        .collect();
    let build = ["genesis", "build", &draft, "--out", &genesis];
    starfire(
        build
            .into_iter()
            .chain(signatures.iter().map(String::as_str)),
    )
    .json();
    for home in homes {
        std::fs::copy(&genesis, home.join("genesis.json")).expect("there is room for a genesis");
        let config = home.join("config.toml");
        let whole = std::fs::read_to_string(&config).expect("init wrote it");
        let peers = format!("peers = {}", collected["peers"]);
        std::fs::write(&config, whole.replace("peers = []", &peers)).expect("it is ours");
    }
}
