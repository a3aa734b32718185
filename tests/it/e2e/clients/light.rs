//! The stock light client of tendermint-rs, over its own RPC client, and its detector of attacks.

use std::time::Duration;

use starfire_crosschain::attack;
use starfire_did::ChainCode;
use starfire_node::client::{Client, operation};
use starfire_proto::protocol::operation::Native;
use starfire_proto::v1;
use tendermint::block::Height;
use tendermint::crypto::default::Sha256;
use tendermint::evidence::LightClientAttackEvidence;
use tendermint::{AppHash, Hash, node, validator, vote};
use tendermint_light_client::builder::LightClientBuilder;
use tendermint_light_client::instance::Instance;
use tendermint_light_client::store::memory::MemoryStore;
use tendermint_light_client_detector::{Provider, detect_divergence};
use tendermint_light_client_verifier::options::Options;
use tendermint_light_client_verifier::types::TrustThreshold;
use tendermint_proto::Protobuf;
use tendermint_proto::v0_38::types::ValidatorSet as RawValidatorSet;
use tendermint_rpc::{Client as _, HttpClient};

use super::witness::Witness;
use crate::e2e::devnet::Devnet;
use crate::e2e::headers::{Signed, sign, signed_header, signers};

const OPTIONS: Options = Options {
    trust_threshold: TrustThreshold::TWO_THIRDS,
    trusting_period: Duration::from_secs(14 * 24 * 60 * 60),
    clock_drift: Duration::from_secs(5),
};
/// How long a light client waits for an answer.
const ANSWER_WAIT: Duration = Duration::from_secs(10);

fn rpc(url: &str) -> HttpClient {
    HttpClient::new(url).expect("a node's URL is one")
}

/// A light client that trusts the first header and nothing else.
async fn light_client(url: &str, first: Hash) -> Instance {
    let rpc = rpc(url);
    let build = move || {
        let store = Box::new(MemoryStore::new());
        let peer = node::Id::new([1; 20]);
        LightClientBuilder::prod(peer, rpc, store, OPTIONS, Some(ANSWER_WAIT))
            .trust_primary_at(Height::from(1_u32), first)
            .expect("the node shows the header that is trusted")
            .build()
    };
    // It blocks its thread while it asks.
    tokio::task::spawn_blocking(build).await.unwrap()
}

async fn first_hash(url: &str) -> Hash {
    let first = rpc(url).commit(Height::from(1_u32)).await;
    first.expect("the node answers").signed_header.header.hash()
}

/// Block by block from the first to the newest, and at once from the first to the newest.
pub(super) async fn follows_block_by_block_and_skipping(sub: &Client) {
    let first = first_hash(sub.url()).await;
    let status = rpc(sub.url()).status().await.expect("the node answers");
    let newest = status.sync_info.latest_block_height;
    let mut client = light_client(sub.url(), first).await;
    let followed = tokio::task::spawn_blocking(move || {
        for height in 2..=newest.value() {
            let height = Height::try_from(height).unwrap();
            let light_client = &client.light_client;
            let block = light_client.verify_to_target(height, &mut client.state);
            assert_eq!(block.expect("each block follows").height(), height);
        }
        client.state.get_trace(newest).len()
    });
    assert!(followed.await.unwrap() > 1);

    let mut client = light_client(sub.url(), first).await;
    let highest = tokio::task::spawn_blocking(move || {
        let highest = client.light_client.verify_to_highest(&mut client.state);
        highest.expect("the newest block follows").height()
    });
    assert!(highest.await.unwrap() >= newest);
}

/// A header of an anchored height with another app hash, signed by the sub-chain's own validators and shown by a witness: the
/// evidence against that witness.
pub(super) async fn detects_a_second_history(
    devnet: &Devnet,
    sub: &Client,
    anchored: u64,
) -> LightClientAttackEvidence {
    let first = signed_header(sub, 1).await;
    let true_header = signed_header(sub, anchored).await;
    let mut header = true_header.header.header.clone();
    header.app_hash = AppHash::try_from(vec![9; 32]).unwrap();
    let set = &true_header.validators;
    let forged = Signed {
        header: sign(
            &header,
            set,
            &signers(devnet, "cn01"),
            vote::Type::Precommit,
        ),
        validators: set.clone(),
    };
    let forged_hash = header.hash();
    let hash = first.header.header.hash();
    let witness = Witness::start(vec![first, forged]).await;

    let target = Height::try_from(anchored).unwrap();
    let mut client = light_client(sub.url(), hash).await;
    let (client, trace) = tokio::task::spawn_blocking(move || {
        let light_client = &client.light_client;
        let verified = light_client.verify_to_target(target, &mut client.state);
        verified.expect("the true header follows");
        let trace = client.state.get_trace(target);
        (client, trace)
    })
    .await
    .unwrap();
    let chain_id = header.chain_id.to_string();
    let primary = Provider::new(chain_id.clone(), client, rpc(sub.url()));
    let told = light_client(&witness.url, hash).await;
    let mut witness_provider = Provider::new(chain_id, told, rpc(&witness.url));
    let drift = OPTIONS.clock_drift;
    let found =
        detect_divergence::<Sha256>(Some(&primary), &mut witness_provider, trace, drift, drift);
    let found = found.await.expect("both answer");
    let evidence = found.expect("they diverge").evidence;
    let against = evidence.against_witness.expect("the primary is there");
    let shown = &against.conflicting_block.signed_header.header;
    assert_eq!(shown.hash(), forged_hash);
    assert_eq!(
        against.byzantine_validators.len(),
        set.validators().len(),
        "all of them signed it"
    );
    let refused = primary.report_evidence(against.clone().into()).await;
    assert!(
        refused.unwrap_err().to_string().contains("not taken here"),
        "evidence goes to the main chain, and the node says so"
    );
    against
}

/// Shown to the main chain, the evidence freezes the sub-chain.
pub(super) async fn freezes(devnet: &Devnet, main: &Client, evidence: LightClientAttackEvidence) {
    let before = record(main).await;
    let set = <validator::Set as Protobuf<RawValidatorSet>>::decode_vec(&before.genesis_validators)
        .expect("a registered set decodes");
    let code = ChainCode::parse("cn01").unwrap();
    let next = &evidence.conflicting_block.validator_set;
    let submission = attack::submission(&evidence, code, next, 0, &set)
        .expect("the evidence has its own validators");
    let gateway = devnet.key("cn01-1", "account");
    let sent = main.send(&gateway, vec![operation(Native::AnchorSubmit(submission))]);
    let receipt = sent.await.expect("it is committed").receipt;
    assert_eq!(receipt.code, 0, "{}: {}", receipt.reason, receipt.detail);
    let after = record(main).await;
    assert_eq!(after.status(), v1::SubChainStatus::Frozen);
    let height = evidence.conflicting_block.signed_header.header.height;
    assert_eq!(after.frozen_at_height, height.value());
}

/// What the main chain knows of the sub-chain.
pub(super) async fn record(main: &Client) -> v1::SubChainRecord {
    let list = main
        .call(main.chains().list(v1::ListChainsRequest {}))
        .await
        .expect("the node answers");
    let mut chains = list.sub_chains.into_iter();
    chains
        .find(|chain| chain.chain_code == "cn01")
        .expect("the sub-chain is registered")
}
