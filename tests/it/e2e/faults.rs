//! Four super nodes, of which some are killed or paused: one changes nothing, two stop the chain, which then says so.

use std::time::Duration;

use starfire_proto::v1::transaction_status::State;
use starfire_proto::v1::{SubmitRequest, WaitTransactionRequest};

use super::devnet::{ByHand, Devnet, envelope, eventually, fresh_key, nudge};

/// How long a chain without a quorum is watched for not going on.
const WATCH: Duration = Duration::from_secs(3);

/// Two blocks at least are decided by those that are left.
async fn goes_on(devnet: &Devnet, order: &str) {
    let client = devnet.client("main-1");
    let before = devnet.height("main-1").await;
    let committed = nudge(&client)
        .await
        .unwrap_or_else(|error| panic!("after {order} of one of four: {error}"));
    assert!(
        committed.height > before,
        "after {order} of one of four the chain goes on"
    );
    eventually("the proof block follows", async || {
        let status = devnet.status("main-1").await?;
        (status.height > committed.height && status.stalled.is_empty()).then_some(())
    })
    .await;
}

/// Nothing is decided, what is submitted waits, and the node says why; then it goes on, what was submitted included.
async fn stops_and_goes_on(devnet: &Devnet, order: &str) {
    let client = devnet.client("main-1");
    let key = fresh_key();
    let source = client
        .address(&key)
        .await
        .expect("the node answers")
        .to_string();
    let native = starfire_proto::protocol::operation::Native::DidCreate(
        super::dids::creation(&client, &key).await,
    );
    let envelope = envelope(&client, &source, &key, native).await;
    let request = SubmitRequest { envelope };
    let hash = client
        .call(client.transactions().submit(request))
        .await
        .expect("it is admitted")
        .hash;

    let stalled = eventually("the node says that it has no quorum", async || {
        let status = devnet.status("main-1").await?;
        status.stalled.starts_with("NO_QUORUM").then_some(status)
    })
    .await;
    let there = stalled
        .validators
        .iter()
        .filter(|validator| validator.connected)
        .count();
    assert_eq!(there, 2, "after {order} of two: {}", stalled.stalled);
    assert!(
        stalled.stalled.contains("main-3") && stalled.stalled.contains("main-4"),
        "it names who is missing: {}",
        stalled.stalled
    );

    let request = WaitTransactionRequest {
        hash: hash.clone(),
        timeout_ms: u32::try_from(WATCH.as_millis()).expect("a short time"),
    };
    let waited = client
        .call(client.transactions().wait(request))
        .await
        .expect("the node answers");
    assert_eq!(
        waited.state(),
        State::Pending,
        "without a quorum nothing is decided"
    );
    assert_eq!(
        devnet.height("main-1").await,
        stalled.height,
        "without a quorum no block is decided"
    );

    devnet.tell("resume", "main-3");
    let hash = hash.try_into().expect("a hash has 32 bytes");
    let committed = client
        .wait(hash, super::devnet::PATIENCE)
        .await
        .unwrap_or_else(|error| panic!("after the resume: {error}"));
    assert!(committed.height > stalled.height);
    assert_eq!(committed.receipt.code, 0, "{}", committed.receipt.reason);
    devnet.tell("resume", "main-4");
    eventually("the resumed nodes follow, and all is well", async || {
        let status = devnet.status("main-4").await?;
        (status.height > committed.height && status.stalled.is_empty()).then_some(())
    })
    .await;
}

async fn one_then_two(order: &str) {
    let devnet = Devnet::up(&[]);
    devnet.tell(order, "main-4");
    goes_on(&devnet, order).await;
    devnet.tell(order, "main-3");
    stops_and_goes_on(&devnet, order).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_killed_super_node_is_not_missed_and_two_stop_the_chain_until_they_are_back() {
    one_then_two("kill").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_paused_super_node_is_not_missed_and_two_stop_the_chain_until_they_go_on() {
    one_then_two("pause").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_is_committed_whichever_super_node_is_paused_as_it_comes() {
    const NODES: [&str; 4] = ["main-1", "main-2", "main-3", "main-4"];
    let devnet = Devnet::up(&[]);
    // One of the four proposes, and gets what the others' clients bring; a paused one takes it from the socket much later.
    for (paused, asked) in NODES.iter().zip(NODES.iter().cycle().skip(1)) {
        devnet.tell("pause", paused);
        let committed = nudge(&devnet.client(asked))
            .await
            .unwrap_or_else(|error| panic!("by {asked}, with {paused} paused: {error}"));
        devnet.tell("resume", paused);
        eventually("the resumed node follows", async || {
            let status = devnet.status(paused).await?;
            (status.height >= committed.height).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_cannot_write_its_log_goes_on_committing() {
    let devnet = Devnet::up(&["--validators", "1"]);
    let before = devnet.height("main-1").await;
    devnet.tell("kill", "main-1");
    let mut node = ByHand::without_log(&devnet.node("main-1").home);
    let client = devnet.client("main-1");
    eventually("it goes on without its log", async || {
        assert_eq!(node.ended(), None, "it ended");
        (nudge(&client).await.ok()?.height > before).then_some(())
    })
    .await;
    for _ in 0..3 {
        nudge(&client).await.expect("it commits");
    }
}
