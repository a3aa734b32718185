//! A node that joins peers of which not all are honest, or keep everything.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use starfire_proto::v1::{self, sync_request::Request, sync_response::Response};
use starfire_state::{Memory, tree};
use tempfile::TempDir;

use super::fixture::{Answers, Chain, Neighbourhood, PATIENCE, follow, range};
use crate::clock;
use crate::rocks::Rocks;

/// The long chain's height.
const LONG: u64 = 10_000;
/// A height that nobody has.
const BOAST: u64 = 1_000_000;

/// A long chain, made once.
pub(crate) static CHAIN: LazyLock<(
    Arc<Vec<v1::CommittedBlock>>,
    starfire_ledger::Genesis,
    [u8; 32],
)> = LazyLock::new(|| {
    let mut chain = Chain::new();
    chain.note(1_000);
    chain.grow(LONG);
    let root = tree::root(chain.archive(), LONG);
    (chain.blocks(), chain.genesis, root)
});

fn blocks_only(
    mut answer: impl FnMut(v1::BlockRequest) -> v1::BlockResponse + Send + 'static,
) -> Answers {
    Box::new(move |request| match request {
        Request::Blocks(request) => Some(Response::Blocks(answer(request))),
        Request::Header(_)
        | Request::Snapshots(_)
        | Request::Manifest(_)
        | Request::Block(_)
        | Request::Chunk(_) => Some(Response::Absent(v1::Absent {})),
    })
}

fn honest(blocks: Arc<Vec<v1::CommittedBlock>>) -> Answers {
    blocks_only(move |request| range(&blocks, 1, &request))
}

/// Prunes while it serves: with every answer it forgets a hundred blocks more.
fn pruning(blocks: Arc<Vec<v1::CommittedBlock>>) -> Answers {
    let mut base = 1;
    blocks_only(move |request| {
        base += 100;
        range(&blocks, base.min(LONG), &request)
    })
}

/// Claims a height that it does not have, and spoils every commit.
fn liar(blocks: Arc<Vec<v1::CommittedBlock>>, asked: Arc<AtomicU64>) -> Answers {
    blocks_only(move |request| {
        asked.fetch_add(u64::from(request.count > 0), Ordering::Relaxed);
        let mut response = range(&blocks, 1, &request);
        for block in &mut response.blocks {
            let last = block.commit.len() - 1;
            block.commit[last] ^= 1;
        }
        v1::BlockResponse {
            height: BOAST,
            ..response
        }
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_joiner_gets_ten_thousand_blocks_though_one_peer_lies_and_one_prunes() {
    let (blocks, genesis, root) = &*CHAIN;
    let asked = Arc::new(AtomicU64::new(0));
    let answers = vec![
        honest(blocks.clone()),
        pruning(blocks.clone()),
        liar(blocks.clone(), asked.clone()),
    ];
    let neighbourhood = Neighbourhood::new(genesis, answers).await;
    let directory = TempDir::new().unwrap();
    let rocks = Rocks::open(directory.path()).unwrap();
    let reader = rocks.reader();
    let start = clock::monotonic();
    let mut joiner = neighbourhood.join(genesis, Box::new(rocks));
    joiner.reaches(LONG).await;
    println!(
        "{LONG} blocks from three peers, one of them lying: {} ms",
        clock::elapsed_ms(start)
    );
    assert_eq!(tree::root(&reader, LONG), *root, "the same state");
    // The liar's height is believed by nobody once it was asked, and it is left alone.
    let done = joiner.progress.wait_for(Option::is_none);
    tokio::time::timeout(PATIENCE, done).await.unwrap().unwrap();
    assert!(
        (1..20).contains(&asked.load(Ordering::Relaxed)),
        "the liar was asked {} times",
        asked.load(Ordering::Relaxed)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn when_all_peers_have_pruned_the_status_says_so() {
    let (blocks, genesis, _) = &*CHAIN;
    let blocks = blocks.clone();
    let answers = vec![blocks_only(move |request| range(&blocks, 5_000, &request))];
    let neighbourhood = Neighbourhood::new(genesis, answers).await;
    let mut joiner = neighbourhood.join(genesis, Box::new(Memory::new()));
    let told = joiner.progress.wait_for(|progress| {
        progress
            .as_ref()
            .is_some_and(|progress| progress.problem.starts_with("PRUNED: "))
    });
    tokio::time::timeout(PATIENCE, told).await.unwrap().unwrap();
    assert_eq!(joiner.published.borrow().height, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_height_that_one_peer_alone_claims_and_cannot_show_is_not_told_of() {
    let (blocks, genesis, _) = &*CHAIN;
    let blocks = Arc::new(blocks[..300].to_vec());
    let boasting = blocks_only(|_| v1::BlockResponse {
        height: BOAST,
        base: BOAST,
        blocks: Vec::new(),
    });
    let answers = vec![boasting, honest(blocks.clone()), honest(blocks)];
    let neighbourhood = Neighbourhood::new(genesis, answers).await;
    let mut joiner = neighbourhood.join(genesis, Box::new(Memory::new()));
    joiner.reaches(300).await;
    let done = joiner.progress.wait_for(Option::is_none);
    tokio::time::timeout(PATIENCE, done).await.unwrap().unwrap();
    assert_eq!(joiner.network.connected().len(), 3, "nobody is cut off");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_lowers_its_height_stops_nothing() {
    let (blocks, genesis, _) = &*CHAIN;
    let (few, many) = (
        Arc::new(blocks[..50].to_vec()),
        Arc::new(blocks[..300].to_vec()),
    );
    let mut boasts = 2;
    let lowering = blocks_only(move |request| {
        let mut response = range(&few, 1, &request);
        if boasts > 0 {
            boasts -= 1;
            response.height = 400;
        }
        response
    });
    let neighbourhood = Neighbourhood::new(genesis, vec![lowering, honest(many)]).await;
    let mut joiner = neighbourhood.join(genesis, Box::new(Memory::new()));
    joiner.reaches(300).await;
    let done = joiner.progress.wait_for(Option::is_none);
    tokio::time::timeout(PATIENCE, done).await.unwrap().unwrap();
    assert_eq!(joiner.network.connected().len(), 2, "nobody is cut off");
}

#[test]
fn a_range_that_breaks_in_the_middle_is_kept_up_to_there() {
    let (blocks, genesis, _) = &*CHAIN;
    let mut broken = blocks[..64].to_vec();
    broken[40].commit = broken[39].commit.clone();
    let replica = follow(genesis, Box::new(Memory::new()), &broken);
    assert_eq!(replica.height(), 40);
    assert_eq!(replica.archive().height(), Some(40));
}
