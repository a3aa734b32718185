//! What the loop keeps of a pruned chain, before a main chain whose answers are lost.

use std::ops::RangeInclusive;

use starfire_crosschain::path;
use starfire_did::KeyAlgorithm;
use starfire_state::Changes;
use tempfile::TempDir;
use tendermint_proto::Protobuf;
use tendermint_proto::v0_38::types::ValidatorSet as RawValidatorSet;

use super::*;
use crate::gateway::fixture::{Node, record};
use crate::replica::{Replica, ReplicaInput};
use crate::rocks::{Rocks, Swept};
use crate::sync::fixture::{Chain, follow};

const CODE: &str = "by01";
/// The main chain knows every height up to this one, by another backbone: more than a page of anchors.
const ANCHORED: u64 = 130;
/// What this node shows it.
const SHOWN: u64 = 150;
const NEWEST: u64 = 200;
const BASE: u64 = 180;

async fn main_chain() -> Node {
    main_chain_up_to(ANCHORED).await
}

async fn main_chain_up_to(latest_height: u64) -> Node {
    main_chain_that_lists(1..=latest_height).await
}

/// It has an anchor of every height, and lists these of them.
async fn main_chain_that_lists(heights: RangeInclusive<u64>) -> Node {
    let latest_height = *heights.end();
    let sub_chain = v1::SubChainRecord {
        chain_code: CODE.into(),
        latest_height,
        ..v1::SubChainRecord::default()
    };
    let mut records: Changes = record(path::sub_chain(CODE), &sub_chain);
    for height in heights {
        let anchor = v1::AnchorRecord {
            height,
            previous_height: height - 1,
            ..v1::AnchorRecord::default()
        };
        records.extend(record(path::anchor(CODE, height), &anchor));
    }
    Node::main(records).await
}

/// A loop for the first blocks of a chain, and what it goes on.
struct Backbone {
    anchor: Anchor,
    status: watch::Receiver<Option<v1::AnchorLoopStatus>>,
    keeper: Keeper,
    _replica: Replica,
    _published: watch::Sender<Published>,
    _directory: TempDir,
}

fn backbone(chain: &mut Chain, gateways: Vec<String>) -> Backbone {
    chain.grow(SHOWN);
    let directory = TempDir::new().unwrap();
    let rocks = Rocks::open(directory.path()).unwrap();
    let (reader, keeper) = (rocks.reader(), rocks.keeper());
    let replica = follow(&chain.genesis, Box::new(rocks), &chain.blocks());
    let (published_sender, published) = watch::channel(Published { height: SHOWN });
    let (status_sender, status) = watch::channel(None);
    let sub_chain = SubChain {
        code: CODE.to_owned(),
        genesis_validators: Protobuf::<RawValidatorSet>::encode_vec(
            chain.genesis.validators().clone(),
        ),
        archive: Arc::new(reader),
        keeper: keeper.clone(),
        published,
    };
    let account = PrivateKey::generate([7; 32], KeyAlgorithm::Ed25519);
    Backbone {
        anchor: Anchor::new(account, gateways, sub_chain, status_sender),
        status,
        keeper,
        _replica: replica,
        _published: published_sender,
        _directory: directory,
    }
}

#[tokio::test]
async fn a_gateway_that_knows_of_heights_which_are_not_here_yet_is_told_of_and_the_next_one_asked()
{
    let wrong = main_chain_up_to(SHOWN + 1).await;
    let mut right = main_chain().await;
    let mut chain = Chain::new();
    let gateways = vec![wrong.url.clone(), right.url.clone()];
    let mut backbone = backbone(&mut chain, gateways);
    let running = tokio::spawn(backbone.anchor.run());
    let told = |status: &Option<v1::AnchorLoopStatus>| {
        let error = status.as_ref().map(|status| status.last_error.as_str());
        error.is_some_and(|error| error.starts_with("ANCHOR_AHEAD") && error.contains(&wrong.url))
    };
    backbone.status.wait_for(told).await.unwrap();
    assert!(backbone.keeper.anchors_kept() <= SHOWN);
    let submission = right.submissions.recv().await;
    assert!(submission.is_some(), "it shows the other gateway a height");
    running.abort();
}

#[tokio::test]
async fn a_gateway_that_leaves_out_anchors_is_told_of_and_moves_nothing() {
    let (page, next) = (u64::from(PAGE_MAX), u64::from(PAGE_MAX) + 1);
    // All before the newest, and the one after those that are kept.
    for (listed, kept) in [(ANCHORED..=ANCHORED, 0), (next + 1..=ANCHORED, page)] {
        let wrong = main_chain_that_lists(listed).await;
        let mut chain = Chain::new();
        let backbone = backbone(&mut chain, vec![wrong.url.clone()]);
        let known: Vec<u64> = (1..=kept).collect();
        backbone.keeper.keep_anchored(&known).unwrap();
        let error = backbone.anchor.connect(0).await.err().unwrap().to_string();
        assert!(error.starts_with("ANCHOR_GAP") && error.contains(&wrong.url));
        assert_eq!(backbone.keeper.anchors_kept(), kept);
    }
}

#[test]
fn anchors_follow_each_other_without_a_gap() {
    let anchor = |previous_height, height| v1::AnchorRecord {
        height,
        previous_height,
        ..v1::AnchorRecord::default()
    };
    assert!(follows(&anchor(0, 7), None, 1), "the first of all");
    assert!(follows(&anchor(4, 7), None, 5));
    assert!(!follows(&anchor(5, 7), None, 5), "5 was asked for");
    assert!(follows(&anchor(7, 9), Some(7), 5));
    assert!(!follows(&anchor(8, 9), Some(7), 5));
    assert!(!follows(&anchor(7, 7), Some(7), 5));
}

#[tokio::test]
async fn the_main_chain_is_asked_again_where_it_knows_all_that_is_here() {
    let mut chain = Chain::new();
    let mut backbone = backbone(&mut chain, Vec::new());
    let (long, short) = (HEARTBEAT, Duration::from_millis(10));
    for anchored in [SHOWN, SHOWN + 1] {
        let news = backbone.anchor.wait_for_news(anchored, long, short).await;
        assert_eq!(news, News::None);
    }
    let news = backbone
        .anchor
        .wait_for_news(SHOWN - 1, Duration::ZERO, short)
        .await;
    assert_eq!(news, News::Newest(SHOWN));
}

#[tokio::test]
async fn what_others_anchored_and_what_is_shown_without_an_answer_is_kept() {
    let mut main = main_chain().await;
    let mut chain = Chain::new();
    chain.grow(NEWEST);
    let (blocks, directory) = (chain.blocks(), TempDir::new().unwrap());
    let shown = usize::try_from(SHOWN).unwrap();
    let rocks = Rocks::open(directory.path()).unwrap();
    let (reader, keeper, mut pruner) = (rocks.reader(), rocks.keeper(), rocks.pruner());
    let mut replica = follow(&chain.genesis, Box::new(rocks), &blocks[..shown]);

    let (_published, published) = watch::channel(Published { height: SHOWN });
    let (status, _status) = watch::channel(None);
    let anchor = Anchor::new(
        PrivateKey::generate([7; 32], KeyAlgorithm::Ed25519),
        vec![main.url.clone()],
        SubChain {
            code: CODE.to_owned(),
            genesis_validators: Protobuf::<RawValidatorSet>::encode_vec(
                chain.genesis.validators().clone(),
            ),
            archive: Arc::new(reader.clone()),
            keeper: keeper.clone(),
            published,
        },
        status,
    );
    let running = tokio::spawn(anchor.run());
    // It is killed before it learns what became of what it showed.
    let submission = main.submissions.recv().await;
    assert!(submission.is_some(), "it shows a height");
    running.abort();
    assert_eq!(keeper.anchors_kept(), ANCHORED);

    replica.step(clock::now(), ReplicaInput::Blocks(blocks[shown..].to_vec()));
    pruner.move_base(BASE, |_| false).unwrap();
    while pruner.sweep(BASE).unwrap() == Swept::More {}
    for height in 1..BASE {
        let known = height <= ANCHORED || height == SHOWN;
        assert_eq!(reader.keeps(height), known, "{height}");
        assert_eq!(reader.block(height).is_some(), known, "{height}");
    }
}
