//! Processes frozen: whoever proposes next is passed over.

use std::time::Duration;

use starfire_node::clock;

use super::super::devnet::nudge;
use super::chain::Chain;

/// The middle one and the largest.
fn median_and_max(mut times: Vec<Duration>) -> (Duration, Duration) {
    times.sort_unstable();
    let max = *times.last().expect("there were some");
    (times[times.len() / 2], max)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_proposer_is_passed_over_and_follows_when_it_thaws() {
    let Some(chain) = Chain::of_four().await else {
        return;
    };
    let mut times = Vec::new();
    // Whoever proposes next is among the four.
    for frozen in chain.all() {
        chain.freeze(frozen);
        let start = clock::monotonic();
        let other = frozen % 4 + 1;
        let committed = nudge(&chain.client(other)).await;
        let committed = committed
            .unwrap_or_else(|error| panic!("node {frozen} is frozen, and node {other}: {error}"));
        times.push(clock::elapsed(start));
        chain.thaw(frozen);
        chain.reaches(frozen, committed.height).await;
    }
    let signatures = chain.agrees().await;
    let (median, max) = median_and_max(times);
    println!(
        "each node frozen in turn: {signatures} signatures, none against another; a transaction took {median:?} median, {max:?} max"
    );
}
