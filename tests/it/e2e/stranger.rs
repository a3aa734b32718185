//! A node that no member runs: it has the genesis file and every address, and gets nowhere. With a member's key it does.

use std::path::Path;
use std::time::Duration;

use starfire_node::clock;

use super::devnet::{ByHand, Devnet, eventually, fed, starfire, text};

/// How long a stranger is watched for not getting in, once it was refused by everybody.
const WATCH: Duration = Duration::from_secs(3);

/// A home like a member's, with keys of its own.
fn make_home(devnet: &Devnet) -> std::path::PathBuf {
    let home = devnet.path().join("stranger");
    let listen = [
        "--p2p-listen",
        "/ip4/127.0.0.1/tcp/0",
        "--gateway-listen",
        "127.0.0.1:0",
    ];
    let who = ["init", "--name", "stranger", "--role", "super", "--home"];
    starfire([&who[..], &[&text(&home)], &listen[..]].concat()).json();
    std::fs::copy(
        devnet.node("main-1").home.join("genesis.json"),
        home.join("genesis.json"),
    )
    .unwrap();
    let nodes = devnet.chain("").nodes;
    let peers: Vec<String> = nodes.iter().map(|node| format!("{:?}", node.p2p)).collect();
    let config = std::fs::read_to_string(home.join("config.toml")).unwrap();
    assert!(config.contains("peers = []"));
    let config = config.replace("peers = []", &format!("peers = [{}]", peers.join(", ")));
    std::fs::write(home.join("config.toml"), config).unwrap();
    home
}

/// Puts a member's node key in the place of the stranger's.
fn take_key(devnet: &Devnet, member: &str, home: &Path) {
    let own = devnet.node(member).home.join("keys/node.json");
    let exported = devnet.run(["key", "export", &text(&own)]).json();
    let target = home.join("keys/node.json");
    std::fs::remove_file(&target).unwrap();
    let import = [
        "key",
        "import",
        "--out",
        &text(&target),
        "--passphrase-file",
        &text(&home.join("passphrase")),
    ];
    fed(import, exported["private_key"].as_str().unwrap()).json();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strangers_peer_is_never_connected_and_the_same_node_with_a_members_key_is() {
    let devnet = Devnet::up(&[]);
    let home = make_home(&devnet);
    {
        let stranger = ByHand::start(&home);
        let client = stranger.client().await;
        for node in devnet.chain("").nodes {
            eventually(&format!("{} refuses the stranger", node.name), async || {
                devnet
                    .log(&node.name)
                    .contains("a stranger was refused")
                    .then_some(())
            })
            .await;
        }
        for node in devnet.chain("").nodes {
            eventually(
                &format!("{} has the members as peers", node.name),
                async || (devnet.status(&node.name).await?.peers == 3).then_some(()),
            )
            .await;
        }
        let start = clock::monotonic();
        while clock::elapsed(start) < WATCH {
            let status = client
                .status()
                .await
                .expect("the stranger's own gateway answers");
            assert_eq!((status.peers, status.height), (0, 0), "{status:?}");
            for node in devnet.chain("").nodes {
                let status = devnet.status(&node.name).await.expect("the member answers");
                assert_eq!(status.peers, 3, "{} has the members as peers", node.name);
            }
            tokio::time::sleep(super::devnet::POLL).await;
        }
    }

    // It was the key and nothing else.
    devnet.tell("kill", "main-4");
    take_key(&devnet, "main-4", &home);
    let member = ByHand::start(&home);
    let client = member.client().await;
    let target = devnet.height("main-1").await;
    eventually(
        "with a member's key the node is connected and catches up",
        async || {
            let status = client.status().await.ok()?;
            (status.peers == 3 && status.height >= target).then_some(())
        },
    )
    .await;
}
