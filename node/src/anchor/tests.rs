//! What the loop keeps of a pruned chain, before a main chain whose answers are lost.

use starfire_crosschain::path;
use starfire_did::KeyAlgorithm;
use starfire_state::Changes;
use tempfile::TempDir;
use tendermint_proto::Protobuf;
use tendermint_proto::v0_38::types::ValidatorSet as RawValidatorSet;

use super::*;
use crate::gateway::fixture::{Node, record};
use crate::replica::ReplicaInput;
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
    let sub_chain = v1::SubChainRecord {
        chain_code: CODE.into(),
        latest_height: ANCHORED,
        ..v1::SubChainRecord::default()
    };
    let mut records: Changes = record(path::sub_chain(CODE), &sub_chain);
    for height in 1..=ANCHORED {
        let anchor = v1::AnchorRecord {
            height,
            previous_height: height - 1,
            ..v1::AnchorRecord::default()
        };
        records.extend(record(path::anchor(CODE, height), &anchor));
    }
    Node::main(records).await
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
