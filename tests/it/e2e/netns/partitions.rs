//! Links that are cut, lossy or slow: a quorum that can talk goes on, any other stops, and all is well when the links are.

use std::time::Duration;

use starfire_node::client::Client;
use starfire_proto::v1::transaction_status::State;
use starfire_proto::v1::{SubmitRequest, WaitTransactionRequest};

use super::super::devnet::{PATIENCE, eventually, fresh_key, note, nudge};
use super::chain::Chain;

/// How long a part without a quorum is watched for not going on.
const WATCH: Duration = Duration::from_secs(3);
/// Transactions, one after the other, that a chain on bad links must commit.
const ON_BAD_LINKS: usize = 3;
/// Of a hundred packets.
const LOSSES: [u32; 3] = [5, 10, 20];
/// Of each piece of a stream, at most.
const DELAY_MS_MAX: u64 = 150;

/// Submits a transaction.
async fn submit(client: &Client) -> [u8; 32] {
    let key = fresh_key();
    let source = client.address(&key).await.expect("the node answers");
    let chain = client.chain().await.expect("the node answers");
    let body = starfire_node::client::transaction(
        chain,
        source.to_string(),
        1,
        vec![note("netns", "cut off")],
    );
    let envelope = starfire_ledger::Transaction::sign(&body, &[&key]);
    let request = SubmitRequest { envelope };
    let submitted = client.call(client.transactions().submit(request)).await;
    let hash = submitted.expect("it is admitted").hash;
    hash.try_into().expect("a hash has 32 bytes")
}

/// A transaction that waits, for as long as it is watched.
async fn check_stuck(client: &Client, hash: [u8; 32], why: &str) {
    let request = WaitTransactionRequest {
        hash: hash.to_vec(),
        timeout_ms: u32::try_from(WATCH.as_millis()).expect("a short time"),
    };
    let waited = client.call(client.transactions().wait(request)).await;
    let state = waited.expect("the node answers").state();
    assert_eq!(state, State::Pending, "{why}: nothing is decided");
}

/// Three of four go on without node 4.
async fn majority_goes_on(chain: &Chain, why: &str) {
    for node in 1..=3 {
        let committed = nudge(&chain.client(node)).await;
        committed.unwrap_or_else(|error| panic!("{why}: node {node} goes on: {error}"));
    }
}

/// What was submitted to whoever was cut off is committed once the links are whole, without anybody's doing.
async fn resumes(chain: &Chain, node: usize, hash: [u8; 32], why: &str) {
    chain.heal();
    let committed = chain.client(node).wait(hash, PATIENCE).await;
    let committed = committed.unwrap_or_else(|error| panic!("after {why}: {error}"));
    for node in chain.all() {
        chain.reaches(node, committed.height).await;
    }
    eventually(&format!("after {why} no node complains"), async || {
        for node in chain.all() {
            let status = chain.status(node).await?;
            if !status.stalled.is_empty() || !status.voting {
                return None;
            }
        }
        Some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_links_stop_whoever_has_no_quorum_and_nobody_else_and_all_resume_when_they_are_whole() {
    let Some(chain) = Chain::of_four().await else {
        return;
    };
    let why = "node 4 is cut off both ways";
    chain.part(&[4], &[1, 2, 3]);
    let stuck = submit(&chain.client(4)).await;
    majority_goes_on(&chain, why).await;
    check_stuck(&chain.client(4), stuck, why).await;
    resumes(&chain, 4, stuck, why).await;

    let why = "node 4 hears nobody";
    chain.deafen(&[4], &[1, 2, 3]);
    majority_goes_on(&chain, why).await;
    let late = submit(&chain.client(4)).await;
    resumes(&chain, 4, late, why).await;

    let why = "nobody hears node 4";
    chain.deafen(&[1, 2, 3], &[4]);
    let stuck = submit(&chain.client(4)).await;
    majority_goes_on(&chain, why).await;
    check_stuck(&chain.client(4), stuck, why).await;
    resumes(&chain, 4, stuck, why).await;

    let why = "two are cut off from two";
    chain.part(&[1, 2], &[3, 4]);
    let stuck = [
        submit(&chain.client(1)).await,
        submit(&chain.client(4)).await,
    ];
    check_stuck(&chain.client(1), stuck[0], why).await;
    check_stuck(&chain.client(4), stuck[1], why).await;
    resumes(&chain, 1, stuck[0], why).await;
    resumes(&chain, 4, stuck[1], why).await;

    let why = "two hear not the other two, who hear them";
    chain.deafen(&[1, 2], &[3, 4]);
    let stuck = submit(&chain.client(1)).await;
    check_stuck(&chain.client(1), stuck, why).await;
    resumes(&chain, 1, stuck, why).await;

    let why = "each hears two neighbours in a ring";
    chain.deafen(&[1], &[3]);
    chain.deafen(&[3], &[1]);
    chain.deafen(&[2], &[4]);
    chain.deafen(&[4], &[2]);
    let late = submit(&chain.client(2)).await;
    resumes(&chain, 2, late, why).await;

    let signatures = chain.agrees().await;
    println!("cut links: {signatures} signatures, none against another");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_commits_while_its_links_lose_five_to_twenty_packets_of_a_hundred() {
    let Some(chain) = Chain::of_four().await else {
        return;
    };
    for percent in LOSSES {
        chain.lose(percent);
        for node in 1..=ON_BAD_LINKS {
            let committed = nudge(&chain.client(node)).await;
            committed.unwrap_or_else(|error| panic!("with {percent} % of packets lost: {error}"));
        }
    }
    chain.heal();
    let signatures = chain.agrees().await;
    println!("lossy links: {signatures} signatures, none against another");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_commits_while_messages_are_late_and_overtake_each_other() {
    let Some(mut chain) = Chain::found(4) else {
        return;
    };
    chain.delay(DELAY_MS_MAX);
    chain.begin().await;
    for node in 1..=ON_BAD_LINKS {
        let committed = nudge(&chain.client(node)).await;
        committed.unwrap_or_else(|error| panic!("with messages late: {error}"));
    }
    let signatures = chain.agrees().await;
    println!("slow links: {signatures} signatures, none against another");
}
