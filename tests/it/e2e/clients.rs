//! Stock Tendermint clients against a running chain: the Rust light client, and CosmJS under Node.
//!
//! Both are the published ones, unchanged. They follow a sub-chain, one of whose validators is down, so that its commits have an empty
//! place; and at the end the light client's evidence of a second history goes to the main chain, which freezes the sub-chain.

mod cosmjs;
mod light;
mod witness;

use starfire_node::client::Client;

use super::devnet::{Devnet, eventually, nudge};

/// Blocks that there are to follow.
const BLOCKS: u64 = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn stock_tendermint_clients_follow_the_chain_and_prove_a_fork_of_it() {
    let devnet = Devnet::up(&["--validators", "1", "--sub", "cn01:4"]);
    let main = devnet.client("main-1");
    let anchored = eventually("the sub-chain is anchored", async || {
        Some(anchored(&main).await).filter(|height| *height > 1)
    })
    .await;
    // From here on nobody but the test anchors.
    devnet.tell("kill", "cn01-1");
    let sub = devnet.client("cn01-2");
    eventually("there are blocks to follow", async || {
        nudge(&sub).await.expect("three of four go on");
        (devnet.height("cn01-2").await >= BLOCKS).then_some(())
    })
    .await;

    cosmjs::follows(&sub).await;
    light::follows_block_by_block_and_skipping(&sub).await;
    let evidence = light::detects_a_second_history(&devnet, &sub, anchored).await;
    light::freezes(&devnet, &main, evidence).await;
}

/// The newest anchored height of the sub-chain.
async fn anchored(main: &Client) -> u64 {
    light::record(main).await.latest_height
}
