//! Nodes that missed much: one that was dead for a hundred blocks, and one whose disk was lost.

use starfire_node::client::Client;
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
