//! Anchors on the wire: every wrong one is refused with its code, and two signed histories freeze the sub-chain.

use starfire_did::PrivateKey;
use starfire_node::client::{Client, Committed};
use starfire_node::signer::Signer;
use starfire_proto::protocol::operation::Native;
use starfire_proto::v1;
use tendermint::block::signed_header::SignedHeader;
use tendermint::block::{CommitSig, Header};
use tendermint::vote::Power;
use tendermint::{AppHash, Signature, validator, vote};
use tendermint_proto::Protobuf;
use tendermint_proto::v0_38::types::{
    SignedHeader as RawSignedHeader, ValidatorSet as RawValidatorSet,
};

use super::devnet::{Devnet, envelope, eventually, fresh_key, nudge};
use super::headers::{Signed, sign, signed_header, signers, with_signatures};
use super::proofs::{Kept, accredit, issue};

/// Who anchors: an account on the main chain.
struct Gateway {
    main: Client,
    key: PrivateKey,
    address: String,
}

impl Gateway {
    async fn new(main: Client, key: PrivateKey) -> Self {
        let address = main.address(&key).await.expect("the node answers");
        Self {
            main,
            key,
            address: address.to_string(),
        }
    }

    /// Shows a header from the sub-chain's genesis on; the answer is the receipt on the chain.
    async fn anchor(&self, header: &SignedHeader, validators: &validator::Set) -> Committed {
        self.anchor_from(header, validators, &genesis_set(&self.main).await)
            .await
    }

    async fn anchor_from(
        &self,
        header: &SignedHeader,
        validators: &validator::Set,
        trusted: &[u8],
    ) -> Committed {
        let validators = Protobuf::<RawValidatorSet>::encode_vec(validators.clone());
        let native = Native::AnchorSubmit(v1::AnchorSubmit {
            chain_code: "cn01".to_owned(),
            trusted_height: 0,
            signed_header: Protobuf::<RawSignedHeader>::encode_vec(header.clone()),
            next_validators: validators.clone(),
            validators,
            trusted_next_validators: trusted.to_vec(),
        });
        let envelope = envelope(&self.main, &self.address, &self.key, native).await;
        let hash = self.main.submit(envelope).await.expect("it is admitted");
        let committed = self.main.wait(hash, super::devnet::PATIENCE).await;
        committed.expect("it is committed, with whatever result")
    }

    /// Shows a wrong header, which changes nothing.
    async fn refused(&self, code: &str, header: &SignedHeader, validators: &validator::Set) {
        let before = record(&self.main).await;
        let receipt = self.anchor(header, validators).await.receipt;
        assert_eq!(receipt.reason, code, "{}", receipt.detail);
        assert_ne!(receipt.code, 0, "{code} has BIF's number too");
        assert!(!receipt.detail.is_empty(), "{code} says what is wrong");
        assert_eq!(
            record(&self.main).await,
            before,
            "{code} changed the record"
        );
    }
}

/// What the main chain knows of the sub-chain.
async fn record(main: &Client) -> v1::SubChainRecord {
    let list = main
        .call(main.chains().list(v1::ListChainsRequest {}))
        .await;
    let mut chains = list.expect("the node answers").sub_chains.into_iter();
    chains
        .find(|chain| chain.chain_code == "cn01")
        .expect("the sub-chain is registered")
}

async fn genesis_set(main: &Client) -> Vec<u8> {
    record(main).await.genesis_validators
}

/// A header of the sub-chain with one change, signed by these keys.
fn changed(of: &Signed, signers: &[Signer], change: impl FnOnce(&mut Header)) -> SignedHeader {
    let mut header = of.header.header.clone();
    change(&mut header);
    sign(&header, &of.validators, signers, vote::Type::Precommit)
}

fn with_forged_signature(header: &SignedHeader) -> SignedHeader {
    let mut commit = header.commit.clone();
    let mut signatures = commit.signatures.iter_mut();
    let signature = signatures.find_map(|place| match place {
        CommitSig::BlockIdFlagCommit { signature, .. } => signature.as_mut(),
        CommitSig::BlockIdFlagNil { .. } | CommitSig::BlockIdFlagAbsent => None,
    });
    let signature = signature.expect("a committed header is signed");
    let mut bytes = signature.as_bytes().to_vec();
    bytes[40] ^= 1;
    *signature = Signature::try_from(bytes).expect("64 bytes are a signature");
    SignedHeader::new(header.header.clone(), commit).expect("header and commit have one height")
}

/// The same header under a set that has one validator more, whom nobody registered, signed by all.
fn with_unregistered_validator(
    of: &Signed,
    mut keys: Vec<Signer>,
) -> (SignedHeader, validator::Set) {
    let stranger = Signer::new(&fresh_key()).expect("an Ed25519 key");
    let power = Power::from(1_u32);
    let mut validators = of.validators.validators().clone();
    validators.push(validator::Info::new(stranger.public_key(), power));
    let set = validator::Set::without_proposer(validators);
    keys.push(stranger);
    let mut header = of.header.header.clone();
    header.validators_hash = set.hash();
    header.next_validators_hash = set.hash();
    (sign(&header, &set, &keys, vote::Type::Precommit), set)
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_anchors_are_refused_by_code_and_a_second_history_freezes_the_sub_chain() {
    let devnet = Devnet::up(&["--sub", "cn01:4"]);
    accredit(&devnet, "CertificateOfOrigin", "2026-01-01", "2046-01-01");
    let kept = Kept::new();
    issue(&devnet, &kept, "issuing-customs", "CertificateOfOrigin");
    assert_eq!(kept.verify()["verdict"], "valid");

    // From here on the test anchors in the backbone's place, with the backbone's account.
    let (main, sub) = (devnet.client("main-1"), devnet.client("cn01-2"));
    let gateway = Gateway::new(main.clone(), devnet.key("cn01-1", "account")).await;
    let keys = signers(&devnet, "cn01");
    devnet.tell("kill", "cn01-1");
    let anchored = record(&main).await.latest_height;
    let newest = eventually(
        "the sub-chain has headers that nobody anchored",
        async || {
            nudge(&sub).await.expect("three of four go on");
            let height = sub.status().await.ok()?.height;
            (height >= anchored + 5).then_some(height)
        },
    )
    .await;
    let header = signed_header(&sub, newest).await;
    let set = &header.validators;

    let forged = with_forged_signature(&header.header);
    gateway.refused("ANCHOR_FORGED", &forged, set).await;
    let two = with_signatures(&header.header, 2);
    gateway
        .refused("ANCHOR_NOT_ENOUGH_SIGNERS", &two, set)
        .await;
    let (unregistered, larger) = with_unregistered_validator(&header, signers(&devnet, "cn01"));
    gateway
        .refused("ANCHOR_UNREGISTERED_VALIDATOR", &unregistered, &larger)
        .await;
    let other_chain = changed(&header, &keys, |header| {
        header.chain_id = "starfire-my01-1".parse().unwrap();
    });
    gateway
        .refused("ANCHOR_WRONG_CHAIN", &other_chain, set)
        .await;
    let prevotes = sign(&header.header.header, set, &keys, vote::Type::Prevote);
    gateway.refused("ANCHOR_FORGED", &prevotes, set).await;
    let stranger = Gateway::new(main.clone(), fresh_key()).await;
    stranger.refused("NOT_A_GATEWAY", &header.header, set).await;

    let taken = gateway.anchor(&header.header, set).await.receipt;
    assert_eq!(taken.code, 0, "{}: {}", taken.reason, taken.detail);
    assert_eq!(record(&main).await.latest_height, newest);
    let stale = signed_header(&sub, newest - 2).await;
    gateway.refused("ANCHOR_STALE", &stale.header, set).await;
    let again = gateway.anchor(&header.header, set).await.receipt;
    assert_eq!(
        again.code, 0,
        "showing an anchored header again does no harm"
    );
    assert_eq!(record(&main).await.status(), v1::SubChainStatus::Active);

    let conflicting = changed(&header, &keys, |header| {
        header.app_hash = AppHash::try_from(vec![9; 32]).unwrap();
    });
    let frozen = gateway.anchor(&conflicting, set).await;
    assert_eq!(frozen.receipt.code, 0, "{}", frozen.receipt.reason);
    let known = record(&main).await;
    assert_eq!(known.status(), v1::SubChainStatus::Frozen);
    assert_eq!(known.frozen_height, frozen.height, "frozen in that block");
    assert_eq!(known.frozen_at_height, newest);
    assert_eq!(known.latest_height, newest, "the first history stays");

    nudge(&sub).await.expect("the sub-chain itself goes on");
    let later = signed_header(&sub, devnet.height("cn01-2").await).await;
    gateway.refused("CHAIN_FROZEN", &later.header, set).await;
    gateway.refused("CHAIN_FROZEN", &conflicting, set).await;

    kept.refresh(&devnet, "cn01-2");
    let report = kept.verify();
    assert_eq!(
        (&report["verdict"], &report["code"]),
        (&"refused".into(), &"CHAIN_FROZEN".into())
    );
}

/// Proposes a motion by the first of these nodes, and has the others vote for it; that it is executed.
fn decide(devnet: &Devnet, nodes: &[&str], motion: &[&str]) {
    let key = |node: &str| {
        let file = devnet.node(node).home.join("keys/account.json");
        file.to_str().expect("a path of ours is text").to_owned()
    };
    let (proposer, voters) = nodes.split_first().expect("somebody proposes");
    let line = ["member", "propose"]
        .into_iter()
        .chain(motion.iter().copied());
    let proposal: Vec<&str> = line.collect();
    let own = key(proposer);
    let signed = [&proposal[..], &["--key", &own]].concat();
    let mut outcome = devnet.ask(proposer, &signed).json();
    let number = outcome["motion"].to_string();
    for voter in voters {
        let vote = ["member", "vote", &number, "--approve", "--key", &key(voter)];
        outcome = devnet.ask(proposer, &vote).json();
    }
    assert_eq!(outcome["executed"], true, "{motion:?}: {outcome}");
}

/// Waits until a height is anchored that is not below the sub-chain's present one.
async fn anchored(devnet: &Devnet, main: &Client, what: &str) -> u64 {
    let sub = devnet.client("cn01-1");
    nudge(&sub).await.expect("the sub-chain goes on");
    let height = devnet.height("cn01-1").await;
    eventually(what, async || {
        let latest = record(main).await.latest_height;
        (latest >= height).then_some(latest)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sub_chain_whose_validators_change_goes_on_being_anchored() {
    let devnet = Devnet::up(&["--validators", "1", "--sub", "cn01:4"]);
    let (main, sub) = (devnet.client("main-1"), devnet.client("cn01-1"));
    let members = ["cn01-1", "cn01-2", "cn01-3"];
    anchored(&devnet, &main, "the sub-chain is anchored").await;

    let fourth = sub.address(&devnet.key("cn01-4", "account")).await;
    let fourth = fourth.expect("the node answers").to_string();
    decide(&devnet, &members, &["power", &fourth, "--power", "11"]);
    anchored(&devnet, &main, "it is anchored with another power").await;

    // A key that the main chain does not know signs: nothing is anchored, until the main chain registers it.
    let home = devnet.node("cn01-4").home;
    let passphrase = home.join("passphrase");
    let next = ["key", "next", "--passphrase-file"].map(Into::into);
    let home_of = ["--home".into(), home.clone().into_os_string()];
    let next = [&next[..], &[passphrase.into_os_string()], &home_of].concat();
    super::devnet::starfire::<std::ffi::OsString>(next).json();
    let card = home.join("member-next.json");
    let card = card.to_str().expect("a path of ours is text");
    devnet.tell("kill", "cn01-4");
    devnet.tell("resume", "cn01-4");
    decide(&devnet, &members, &["rotate-key", card]);
    eventually(
        "the main chain refuses the new key's signature",
        async || {
            nudge(&sub).await.expect("the sub-chain goes on");
            let loop_status = devnet.status("cn01-1").await?.anchoring?;
            let refused = loop_status
                .last_error
                .contains("ANCHOR_UNREGISTERED_VALIDATOR");
            refused.then_some(())
        },
    )
    .await;
    decide(&devnet, &["main-1"], &["register-validator", card]);
    anchored(&devnet, &main, "it is anchored with another key").await;
    assert_eq!(record(&main).await.status(), v1::SubChainStatus::Active);
}
