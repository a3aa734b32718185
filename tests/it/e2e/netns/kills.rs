//! Processes killed and frozen again and again under load: no key contradicts itself, and the chain is soon back.
//!
//! `REPEATS` says how often: a few times by default, fifty for the record.

use std::time::Duration;

use starfire_node::clock;

use super::super::devnet::{PATIENCE, POLL, eventually, nudge, repeats};
use super::super::killed::{Load, check_kept};
use super::chain::Chain;

/// What is committed at least between two kills, and at most: a kill finds the nodes at some other point each time.
const COMMITTED_BETWEEN: std::ops::Range<u64> = 1..12;
/// Kills of all nodes, unless `REPEATS` says more.
const REPEATS: usize = 3;

/// The middle one and the largest.
fn median_and_max(mut times: Vec<Duration>) -> (Duration, Duration) {
    times.sort_unstable();
    let max = *times.last().expect("there were some");
    (times[times.len() / 2], max)
}

async fn more_is_promised(chain: &Chain, load: &Load, more: u64, why: &str) {
    let wanted = load.promised() + more;
    let start = clock::monotonic();
    while load.promised() < wanted {
        if clock::elapsed(start) > PATIENCE {
            panic!(
                "{why}, but nothing is committed: {}",
                chain.situation().await
            );
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Restarts the killed, in any order, and tells how long it took until a client heard of a commit.
async fn back_after(chain: &mut Chain, load: &Load, killed: &[usize], why: &str) -> Duration {
    let mut order = killed.to_vec();
    fastrand::shuffle(&mut order);
    let start = clock::monotonic();
    for node in order {
        chain.start(node);
    }
    more_is_promised(chain, load, 1, why).await;
    clock::elapsed(start)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_key_contradicts_itself_however_often_one_two_or_all_nodes_are_killed_under_load() {
    let Some(mut chain) = Chain::of_four().await else {
        return;
    };
    let load = Load::start(chain.all().map(|node| chain.client(node)));
    let (mut after_two, mut after_all) = (Vec::new(), Vec::new());
    let repeats = repeats(REPEATS);
    for repeat in 0..repeats {
        more_is_promised(
            &chain,
            &load,
            fastrand::u64(COMMITTED_BETWEEN),
            "the load runs",
        )
        .await;
        let victims = [repeat % 4 + 1, (repeat + 1) % 4 + 1];

        chain.kill([victims[0]]);
        more_is_promised(&chain, &load, 1, "one of four killed is not missed").await;
        chain.start(victims[0]);
        eventually("the one votes again", async || {
            chain.status(victims[0]).await?.voting.then_some(())
        })
        .await;

        chain.kill(victims);
        let why = "two of four were killed, and restarted";
        after_two.push(back_after(&mut chain, &load, &victims, why).await);
        more_is_promised(
            &chain,
            &load,
            fastrand::u64(COMMITTED_BETWEEN),
            "the load runs",
        )
        .await;

        let all: Vec<usize> = chain.all().collect();
        chain.kill(all.iter().copied());
        let why = "all were killed, and restarted";
        after_all.push(back_after(&mut chain, &load, &all, why).await);
    }
    let promised = load.end().await;
    let signatures = chain.agrees().await;
    for node in chain.all() {
        check_kept(&chain.client(node), &promised).await;
    }
    let (two, all) = (median_and_max(after_two), median_and_max(after_all));
    println!(
        "killed {repeats} times one, two and all of four: {signatures} signatures, none against another; {} transactions promised, \
         all kept; from the restart to the first commit: two {:?} median, {:?} max; all {:?} median, {:?} max",
        promised.len(),
        two.0,
        two.1,
        all.0,
        all.1
    );
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
