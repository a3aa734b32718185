//! A new node among peers that offer snapshots, honest ones or not.

use std::sync::LazyLock;

use prost::Message;
use starfire_proto::v1::{self, sync_request::Request, sync_response::Response};
use starfire_state::{Archive, Changes, tree};
use tempfile::TempDir;

use super::{StateSyncError, Terms, TrustedHeader};
use crate::rocks::{Reader, Rocks};
use crate::roster::Roster;
use crate::snapshot::chunk::{self, Cutter};
use crate::snapshot::{self, Shelf};
use crate::sync::fixture::{Answers, Chain, Neighbourhood, follow};
use crate::sync::serve::serve;

/// Where the snapshot is taken.
const HEIGHT: u64 = 60;
/// The chain's height.
const NEWEST: u64 = 80;

/// A chain with a state of several chunks, and a node that serves it.
struct Served {
    genesis: starfire_ledger::Genesis,
    blocks: Vec<v1::CommittedBlock>,
    reader: Reader,
    shelf: Shelf,
    _directory: TempDir,
}

impl Served {
    fn new(mut chain: Chain) -> Self {
        for _ in 0..9 {
            chain.note(200_000);
        }
        chain.grow(NEWEST);
        let directory = TempDir::new().unwrap();
        let rocks = Rocks::open(&directory.path().join("data")).unwrap();
        let reader = rocks.reader();
        let blocks = chain.blocks().to_vec();
        let replica = follow(&chain.genesis, Box::new(rocks), &blocks);
        assert_eq!(replica.height(), NEWEST);
        let shelf = Shelf::open(&directory.path().join("snapshots"), 2).unwrap();
        let manifest = shelf.take(&reader, HEIGHT).unwrap();
        assert!(manifest.chunks.len() >= 2 * snapshot::HASH_BYTES);
        Self {
            genesis: chain.genesis,
            blocks,
            reader,
            shelf,
            _directory: directory,
        }
    }

    fn answer(&self, request: Request) -> Option<Response> {
        let request = v1::SyncRequest {
            request: Some(request),
        };
        serve(&self.reader, &self.shelf, &request)?.response
    }

    fn header(&self, height: u64) -> TrustedHeader {
        let block = starfire_ledger::Block::decode(&self.reader.block(height).unwrap().0).unwrap();
        let hash = block.header.hash().as_bytes().try_into().unwrap();
        TrustedHeader { height, hash }
    }
}

static SERVED: LazyLock<Served> = LazyLock::new(|| Served::new(Chain::new()));

fn honest() -> Answers {
    Box::new(|request| SERVED.answer(request))
}

/// A peer whose answers are changed on the way.
fn changed(
    mut change: impl FnMut(&Request, Response) -> Option<Response> + Send + 'static,
) -> Answers {
    Box::new(move |request| {
        let response = SERVED.answer(request)?;
        change(&request, response)
    })
}

fn changing_chunks(change: fn(&mut Vec<u8>)) -> Answers {
    changed(move |_, mut response| {
        if let Response::Chunk(chunk) = &mut response {
            change(chunk);
        }
        Some(response)
    })
}

/// Offers its state as that of a height which is not there yet.
fn boasting() -> Answers {
    changed(|request, response| {
        let again = |request| SERVED.answer(request);
        match (request, response) {
            (_, Response::Snapshots(mut list)) => {
                for summary in &mut list.snapshots {
                    summary.height = 5_000;
                }
                Some(Response::Snapshots(list))
            }
            (Request::Manifest(_), _) => {
                let Some(Response::Manifest(manifest)) = again(Request::Manifest(HEIGHT)) else {
                    return None;
                };
                let height = 5_000;
                Some(Response::Manifest(v1::SnapshotManifest {
                    height,
                    ..manifest
                }))
            }
            (Request::Header(_), _) => again(Request::Header(HEIGHT + 1)),
            (_, response) => Some(response),
        }
    })
}

/// A state of its own, under a manifest of its own.
fn forging() -> Answers {
    let Some(Response::Chunk(first)) = SERVED.answer(Request::Chunk(v1::SnapshotChunkRequest {
        height: HEIGHT,
        index: 0,
    })) else {
        panic!("there is a first chunk")
    };
    let mut cutter = Cutter::default();
    for (path, value) in chunk::decode(&first, None).unwrap() {
        let value = if path.starts_with(b"account/") {
            b"rich"
        } else {
            &value[..]
        };
        assert!(cutter.push(&path, value).is_none());
    }
    let forged = cutter.finish().unwrap();
    changed(move |request, response| match (request, response) {
        (_, Response::Manifest(mut manifest)) => {
            manifest.chunks[..snapshot::HASH_BYTES].copy_from_slice(&snapshot::hash(&forged));
            Some(Response::Manifest(manifest))
        }
        (Request::Chunk(request), _) if request.index == 0 => Some(Response::Chunk(forged.clone())),
        (_, response) => Some(response),
    })
}

/// Joins with an empty store; returns it with what became of it.
async fn join(
    answers: Vec<Answers>,
    trust: Option<TrustedHeader>,
    prepare: impl FnOnce(&mut Rocks),
) -> (TempDir, Result<(Rocks, Option<u64>), StateSyncError>) {
    join_chain(&SERVED.genesis, answers, trust, u64::MAX, prepare).await
}

async fn join_chain(
    genesis: &starfire_ledger::Genesis,
    answers: Vec<Answers>,
    trust: Option<TrustedHeader>,
    bytes_max: u64,
    prepare: impl FnOnce(&mut Rocks),
) -> (TempDir, Result<(Rocks, Option<u64>), StateSyncError>) {
    let directory = TempDir::new().unwrap();
    let mut rocks = Rocks::open(directory.path()).unwrap();
    prepare(&mut rocks);
    drop(rocks);
    let rocks = Rocks::open(directory.path()).unwrap();
    let mut around = Neighbourhood::new(genesis, answers).await;
    let terms = Terms {
        genesis,
        trust,
        roster: &Roster::default(),
        bytes_max,
        liars: directory.path().join("liars"),
    };
    let joined = super::run(&around.network, &mut around.inbox, &terms, rocks).await;
    (directory, joined)
}

/// The store is as if the node had executed everything, from the snapshot's height on.
fn check_joined(joined: Result<(Rocks, Option<u64>), StateSyncError>) {
    let (rocks, height) = joined.unwrap();
    assert_eq!(height, Some(HEIGHT));
    let reader = rocks.reader();
    assert_eq!(
        tree::root(&reader, HEIGHT),
        tree::root(&SERVED.reader, HEIGHT)
    );
    assert_eq!(
        reader.state_at(HEIGHT).scan(b"", None, usize::MAX),
        SERVED.reader.state_at(HEIGHT).scan(b"", None, usize::MAX)
    );
    assert!(
        !reader.keeps(HEIGHT),
        "its header proves a state that is not here"
    );
    let after = usize::try_from(HEIGHT).unwrap();
    let replica = follow(&SERVED.genesis, Box::new(rocks), &SERVED.blocks[after..]);
    assert_eq!(replica.height(), NEWEST);
    for height in HEIGHT + 1..=NEWEST {
        assert_eq!(
            tree::root(&reader, height),
            tree::root(&SERVED.reader, height)
        );
        assert!(reader.keeps(height));
    }
    drop(replica);
    assert_eq!(reader.base(), HEIGHT + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_node_begins_with_a_snapshot_though_one_peer_of_three_sends_wrong_chunks() {
    for change in [
        (|chunk| chunk[0] ^= 1) as fn(&mut Vec<u8>),
        |chunk| chunk.truncate(chunk.len() / 2),
        Vec::clear,
    ] {
        let answers = vec![changing_chunks(change), honest(), honest()];
        check_joined(join(answers, None, |_| {}).await.1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_height_that_is_not_there_and_a_forged_state_are_passed_over() {
    for liar in [boasting(), forging()] {
        check_joined(join(vec![liar, honest()], None, |_| {}).await.1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_state_is_never_used() {
    let (directory, joined) = join(vec![forging()], None, |_| {}).await;
    assert_eq!(joined.unwrap_err().code(), "STATE_SYNC_NONE_HOLDS");
    let rocks = Rocks::open(directory.path()).unwrap();
    assert_eq!((rocks.height(), rocks.is_importing()), (None, false));
    assert!(rocks.state_at(u64::MAX).scan(b"", None, 1).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_forged_a_state_is_remembered_and_who_was_honest_is_not() {
    let (directory, joined) = join(vec![forging(), honest()], None, |_| {}).await;
    check_joined(joined);
    let liars = std::fs::read_to_string(directory.path().join("liars")).unwrap_or_default();
    assert!(liars.lines().count() <= 1, "{liars}");
    let (directory, joined) = join(vec![forging()], None, |_| {}).await;
    assert!(joined.is_err());
    let liars = std::fs::read_to_string(directory.path().join("liars")).unwrap();
    assert_eq!(liars.lines().count(), 1, "{liars}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_larger_than_is_allowed_is_not_taken() {
    // The chain's state has about two MiB: a manifest that is longer than allowed, and one whose chunks turn out to be.
    for bytes_max in [1, 1_500_000] {
        let (directory, joined) =
            join_chain(&SERVED.genesis, vec![honest()], None, bytes_max, |_| {}).await;
        assert_eq!(joined.unwrap_err().code(), "STATE_SYNC_NONE_HOLDS");
        assert!(
            !directory.path().join("liars").exists(),
            "it may be as large as that"
        );
        let rocks = Rocks::open(directory.path()).unwrap();
        assert_eq!((rocks.height(), rocks.is_importing()), (None, false));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_crash_in_the_middle_it_begins_anew() {
    let half = |rocks: &mut Rocks| {
        let entries = Changes::from([(b"left/over".to_vec(), Some(vec![1]))]);
        let mut cache = tree::Cache::new();
        rocks.import(&mut cache, HEIGHT - 1, &entries).unwrap();
        assert_eq!((rocks.height(), rocks.is_importing()), (None, true));
    };
    check_joined(join(vec![honest()], None, half).await.1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trusted_header_is_where_trust_begins() {
    for height in [3, HEIGHT + 1] {
        let trust = Some(SERVED.header(height));
        check_joined(join(vec![honest()], trust, |_| {}).await.1);
    }
    let wrong = TrustedHeader {
        hash: [7; 32],
        ..SERVED.header(3)
    };
    let (_, joined) = join(vec![honest()], Some(wrong), |_| {}).await;
    assert_eq!(joined.unwrap_err().code(), "STATE_SYNC_UNTRUSTED");
}

/// A peer that answers the first question for a header like this, and is honest otherwise.
fn once(answer: Option<Response>) -> Answers {
    let mut first = true;
    changed(move |request, response| {
        if matches!(request, Request::Header(_)) && std::mem::take(&mut first) {
            return answer.clone();
        }
        Some(response)
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_show_the_trusted_header_at_once_is_asked_again() {
    for answer in [None, Some(Response::Absent(v1::Absent {}))] {
        let trust = Some(SERVED.header(3));
        check_joined(join(vec![once(answer)], trust, |_| {}).await.1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_never_answers_has_not_denied_the_trusted_header() {
    for (answer, code) in [
        (None, "STATE_SYNC_NONE_HOLDS"),
        (
            Some(Response::Absent(v1::Absent {})),
            "STATE_SYNC_UNTRUSTED",
        ),
    ] {
        let peer = changed(move |request, response| match request {
            Request::Header(_) => answer.clone(),
            Request::Blocks(_)
            | Request::Snapshots(_)
            | Request::Manifest(_)
            | Request::Block(_)
            | Request::Chunk(_) => Some(response),
        });
        let (_, joined) = join(vec![peer], Some(SERVED.header(3)), |_| {}).await;
        assert_eq!(joined.unwrap_err().code(), code);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn once_a_snapshot_was_seen_a_node_does_not_begin_with_the_first_block() {
    for trust in [None, Some(SERVED.header(3))] {
        let mut lists = 0;
        let slow = changed(move |request, response| match request {
            Request::Snapshots(_) => {
                lists += 1;
                let list = v1::SnapshotList::default();
                Some(if lists > 1 {
                    Response::Snapshots(list)
                } else {
                    response
                })
            }
            Request::Header(_) => None,
            Request::Blocks(_) | Request::Manifest(_) | Request::Block(_) | Request::Chunk(_) => {
                Some(response)
            }
        });
        let (directory, joined) = join(vec![slow], trust, |_| {}).await;
        assert_eq!(joined.unwrap_err().code(), "STATE_SYNC_NONE_HOLDS");
        assert!(
            !directory.path().join("liars").exists(),
            "who is slow has not lied"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_genesis_is_not_trusted_and_a_young_header_is() {
    const DAY_MS: i64 = 24 * 60 * 60 * 1000;
    static OLD: LazyLock<Served> = LazyLock::new(|| Served::new(Chain::aged(40 * DAY_MS)));
    let answers = || -> Vec<Answers> { vec![Box::new(|request| OLD.answer(request))] };
    let (_, joined) = join_chain(&OLD.genesis, answers(), None, u64::MAX, |_| {}).await;
    assert_eq!(joined.unwrap_err().code(), "STATE_SYNC_EXPIRED");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_snapshots_a_node_begins_with_the_first_block() {
    let none = changed(|request, response| match request {
        Request::Snapshots(_) => Some(Response::Snapshots(v1::SnapshotList::default())),
        Request::Blocks(_)
        | Request::Header(_)
        | Request::Manifest(_)
        | Request::Block(_)
        | Request::Chunk(_) => Some(response),
    });
    let (_, joined) = join(vec![none], None, |_| {}).await;
    assert_eq!(joined.unwrap().1, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_or_receipts_that_the_header_does_not_name_are_refused() {
    let changes: [fn(&mut v1::SnapshotBlock); 4] = [
        |block| block.block[20] ^= 1,
        |block| {
            let last = block.commit.len() - 1;
            block.commit[last] ^= 1;
        },
        |block| block.receipts.push(v1::ReceiptCore::default()),
        |block| block.validators.clear(),
    ];
    for change in changes {
        let liar = changed(move |_, mut response| {
            if let Response::Block(block) = &mut response {
                change(block);
            }
            Some(response)
        });
        let (directory, joined) = join(vec![liar], None, |_| {}).await;
        assert_eq!(joined.unwrap_err().code(), "STATE_SYNC_NONE_HOLDS");
        let rocks = Rocks::open(directory.path()).unwrap();
        assert_eq!(rocks.height(), None);
    }
}

#[test]
fn receipts_keep_what_is_hashed_and_nothing_else() {
    let receipt = v1::Receipt {
        hash: vec![1; 32],
        code: 99,
        reason: "BAD_SEQUENCE".to_owned(),
        fee: 3,
        detail: "made up".to_owned(),
        events: vec![v1::Event::default()],
    };
    let core = starfire_ledger::receipt::core(&receipt);
    let kept = super::import::without_detail(core.clone());
    assert_eq!(starfire_ledger::receipt::core(&kept), core);
    assert!(kept.detail.is_empty() && kept.events.is_empty());
    assert!(kept.encoded_len() < receipt.encoded_len());
}
