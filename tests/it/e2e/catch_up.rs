//! Nodes that missed much: one that was dead for a hundred blocks, one whose disk was lost, and one that begins with a snapshot.

use starfire_node::client::Client;
use starfire_proto::v1;
use tendermint::account;
use tendermint::block::CommitSig;
use tendermint::block::signed_header::SignedHeader;
use tendermint_proto::Protobuf;
use tendermint_proto::v0_38::types::SignedHeader as RawSignedHeader;

use super::devnet::{Devnet, block, eventually, nudge};

/// Blocks that the dead node misses.
const MISSED: u64 = 100;

/// Whether a validator signed the commit of a block.
async fn signed(client: &Client, height: u64, validator: account::Id) -> bool {
    let view = block(client, height).await;
    let signed =
        <SignedHeader as Protobuf<RawSignedHeader>>::decode_vec(&view.signed_header).unwrap();
    let mut places = signed.commit.signatures.iter();
    places.any(|place| matches!(place, CommitSig::BlockIdFlagCommit { validator_address, .. } if *validator_address == validator))
}

/// The chain goes on until the validator's signature is in the newest commit, as the other node's status tells.
async fn takes_part(devnet: &Devnet, validator: &str) {
    let client = devnet.client("main-1");
    eventually(&format!("{validator} signs again"), async || {
        nudge(&client).await.expect("the chain goes on");
        let status = devnet.status("main-1").await?;
        let mut validators = status.validators.iter();
        validators
            .any(|known| known.address == validator && known.signed)
            .then_some(())
    })
    .await;
}

async fn address(devnet: &Devnet, node: &str) -> String {
    devnet
        .status(node)
        .await
        .expect("the node answers")
        .validator
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_joiner_catches_up_and_votes() {
    let devnet = Devnet::up(&[]);
    let validator = address(&devnet, "main-4").await;
    let client = devnet.client("main-1");
    devnet.tell("kill", "main-4");
    let left = devnet.height("main-1").await;
    while devnet.height("main-1").await <= left + MISSED {
        nudge(&client).await.expect("three of four go on");
    }
    let target = devnet.height("main-1").await;
    let status = devnet.status("main-1").await.expect("the node answers");
    let mut known = status.validators.iter();
    assert!(
        known.any(|known| known.address == validator && !known.signed && !known.connected),
        "a dead validator is seen to be"
    );

    devnet.tell("resume", "main-4");
    eventually("the late joiner has every block", async || {
        (devnet.status("main-4").await?.height >= target).then_some(())
    })
    .await;
    takes_part(&devnet, &validator).await;
    for height in [1, left, left + MISSED / 2, target] {
        let (own, other) = (
            block(&devnet.client("main-4"), height).await,
            block(&client, height).await,
        );
        assert_eq!(own.block, other.block, "block {height} is the same");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wiped_validator_catches_up_and_votes_only_after_the_safe_height() {
    let devnet = Devnet::up(&[]);
    let validator = address(&devnet, "main-3").await;
    let id: account::Id = validator.parse().unwrap();
    let client = devnet.client("main-1");
    for _ in 0..5 {
        nudge(&client).await.expect("the chain goes on");
    }
    devnet.tell("kill", "main-3");
    // It may have signed the block that was being decided, but not this one.
    let first = nudge(&client).await.expect("three of four go on").height;
    std::fs::remove_dir_all(devnet.node("main-3").home.join("data")).unwrap();
    devnet.tell("resume", "main-3");

    takes_part(&devnet, &validator).await;
    let log = devnet.log("main-3");
    let line = log
        .lines()
        .rfind(|line| line.contains("votes again from this height on"))
        .expect("a wiped validator says from where it votes");
    let from: u64 = line
        .split("from=")
        .nth(1)
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or_else(|| panic!("no height in {line:?}"));
    assert!(from >= first + 3, "{from} is above what it may have signed");
    let newest = devnet.height("main-1").await;
    assert!(from <= newest);
    for height in first..from {
        assert!(
            !signed(&client, height, id).await,
            "it signed {height}, before {from}"
        );
    }
    let mut later = from..=newest;
    let mut since = None;
    while let (None, Some(height)) = (since, later.next()) {
        since = signed(&client, height, id).await.then_some(height);
    }
    assert!(
        since.is_some(),
        "its signature is in a commit from {from} on"
    );
}

/// Changes lines of a node's configuration.
fn configure(devnet: &Devnet, node: &str, changes: &[(&str, &str)]) {
    let path = devnet.node(node).home.join("config.toml");
    let mut config = std::fs::read_to_string(&path).unwrap();
    for (from, to) in changes {
        assert!(config.contains(from), "{from:?} in {config}");
        config = config.replace(from, to);
    }
    std::fs::write(&path, config).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wiped_validator_begins_with_a_snapshot_of_peers_that_prune_and_votes_again() {
    /// Blocks between snapshots.
    const INTERVAL: u64 = 10;
    /// Far enough for all to have pruned the first block.
    const FAR: u64 = 60;
    let devnet = Devnet::up(&[]);
    devnet.tell("kill", "all");
    for node in devnet.chain("").nodes {
        let changes = [
            ("snapshot_interval = 1000", "snapshot_interval = 10"),
            ("snapshot_period_s = 600", "snapshot_period_s = 0"),
            ("retain_blocks = 0", "retain_blocks = 20"),
            ("snapshots = false", "snapshots = true"),
        ];
        configure(&devnet, &node.name, &changes);
    }
    devnet.tell("resume", "all");
    let client = devnet.client("main-1");
    let validator = address(&devnet, "main-4").await;
    while devnet.height("main-1").await < FAR {
        nudge(&client).await.expect("the chain goes on");
    }
    for name in ["main-1", "main-2", "main-3"] {
        eventually(
            &format!("{name} has pruned and has a snapshot"),
            async || {
                let pruned = devnet.status(name).await?.base > 1;
                (pruned && devnet.log(name).contains("snapshot taken")).then_some(())
            },
        )
        .await;
    }

    devnet.tell("kill", "main-4");
    std::fs::remove_dir_all(devnet.node("main-4").home.join("data")).unwrap();
    devnet.tell("resume", "main-4");
    takes_part(&devnet, &validator).await;

    let log = devnet.log("main-4");
    assert!(log.contains("the store begins with a snapshot"), "{log}");
    let status = devnet.status("main-4").await.expect("it answers");
    assert!(status.base > FAR - 2 * INTERVAL, "{status:?}");
    let joined = devnet.client("main-4");
    let request = v1::GetBlockRequest { height: 1 };
    let refusal = joined.call(joined.blocks().get(request)).await.unwrap_err();
    assert_eq!(refusal.code, "PRUNED");
    let height = eventually("both keep one height", async || {
        let (own, other) = (
            devnet.status("main-4").await?,
            devnet.status("main-1").await?,
        );
        let height = own.height.min(other.height);
        (height >= own.base.max(other.base)).then_some(height)
    })
    .await;
    let (own, other) = (block(&joined, height).await, block(&client, height).await);
    assert_eq!(own.block, other.block, "block {height} is the same");
}
