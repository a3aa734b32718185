//! Every way to be refused, and the two ways to freeze.

use starfire_state::Changes;
use tendermint::block::Header;

use super::*;
use crate::chain::newest_anchors;
use crate::fixture::{
    self, Chain, Nothing, Validators, encode, env, gateway, registration, time, time_ms,
};

/// A sub-chain of 20 blocks, to take headers from.
fn sub_chain() -> Chain {
    let mut chain = Chain::new("starfire-by01-1", fixture::sub_validators(), Changes::new());
    while chain.height() < 20 {
        chain.block(Changes::new());
    }
    chain
}

/// A header to anchor, from genesis or an anchored height, signed by three of four.
fn submit(header: &Header, trusted_height: u64) -> v1::AnchorSubmit {
    submit_by(
        &fixture::sub_validators(),
        header,
        trusted_height,
        &[0, 2, 3],
    )
}

fn submit_by(
    validators: &Validators,
    header: &Header,
    trusted_height: u64,
    signers: &[usize],
) -> v1::AnchorSubmit {
    v1::AnchorSubmit {
        chain_code: "by01".to_owned(),
        trusted_height,
        signed_header: encode(validators.sign(header, signers)),
        validators: validators.encoded(),
        next_validators: validators.encoded(),
        trusted_next_validators: validators.encoded(),
    }
}

/// The main chain with the sub-chain registered.
fn main_chain() -> Overlay<'static> {
    let mut state = Overlay::new(&Nothing);
    registration().write(&mut state).unwrap();
    state
}

fn apply_at(
    state: &mut Overlay<'_>,
    message: v1::AnchorSubmit,
    env: &Env,
) -> Result<(), &'static str> {
    Submit::try_from(message)
        .and_then(|submit| submit.apply(state, env))
        .map_err(|rejection| rejection.code.name)
}

/// Applied in the main chain's block 100.
fn apply(state: &mut Overlay<'_>, message: v1::AnchorSubmit) -> Result<(), &'static str> {
    apply_at(state, message, &env(100, &gateway()))
}

fn status(state: &Overlay<'_>) -> v1::SubChainStatus {
    load(state, "by01").unwrap().status()
}

#[test]
fn headers_are_anchored_from_genesis_and_from_one_another() {
    let (chain, mut state) = (sub_chain(), main_chain());
    apply(&mut state, submit(&chain.header(1), 0)).unwrap();
    apply(&mut state, submit(&chain.header(2), 1)).unwrap();
    apply(&mut state, submit(&chain.header(9), 1)).unwrap();
    apply(&mut state, submit(&chain.header(20), 0)).unwrap();
    let record = load(&state, "by01").unwrap();
    assert_eq!(
        (record.latest_height, record.anchors, record.status()),
        (20, 4, v1::SubChainStatus::Active)
    );
    let heights: Vec<u64> = newest_anchors(&state, "by01", 3)
        .iter()
        .map(|anchor| anchor.height)
        .collect();
    assert_eq!(heights, [20, 9, 2]);
    let heights: Vec<u64> = crate::chain::anchors_from(&state, "by01", 2, 2)
        .iter()
        .map(|anchor| anchor.height)
        .collect();
    assert_eq!(heights, [2, 9]);
    let anchor = load_anchor(&state, "by01", 9).unwrap();
    assert_eq!(anchor.header_hash, chain.header(9).hash().as_bytes());
    assert_eq!(
        (anchor.time_ms, anchor.main_height, anchor.main_time_ms),
        (time_ms(9), 100, time_ms(100))
    );
    assert_eq!(anchor.submitter, gateway());
    let (_, events) = state.into_parts();
    assert!(events.iter().all(|event| event.kind == "subchain.anchored"));
}

#[test]
fn the_same_header_again_changes_nothing() {
    let (chain, mut state) = (sub_chain(), main_chain());
    apply(&mut state, submit(&chain.header(5), 0)).unwrap();
    let before = load(&state, "by01");
    apply(&mut state, submit(&chain.header(5), 0)).unwrap();
    // Other signers of the same header are no contradiction.
    apply(
        &mut state,
        submit_by(
            &fixture::sub_validators(),
            &chain.header(5),
            0,
            &[0, 1, 2, 3],
        ),
    )
    .unwrap();
    assert_eq!(load(&state, "by01"), before);
}

/// One change to a good submission of height 9 after an anchor at height 5, and what is said to it.
fn check(refused: &'static str, change: impl FnOnce(&Chain, &mut v1::AnchorSubmit, &mut Env)) {
    let (chain, mut state) = (sub_chain(), main_chain());
    apply(&mut state, submit(&chain.header(5), 0)).unwrap();
    let mut message = submit(&chain.header(9), 5);
    let mut env = env(100, &gateway());
    change(&chain, &mut message, &mut env);
    let before = state.clone().into_parts().0;
    assert_eq!(apply_at(&mut state, message, &env), Err(refused));
    assert_eq!(state.into_parts().0, before, "{refused} changed state");
}

#[test]
fn who_may_not_anchor_is_refused() {
    check("ONLY_ON_MAIN_CHAIN", |_, _, env| {
        env.chain.chain_code = "by01".to_owned();
    });
    check("CHAIN_UNKNOWN", |_, message, _| {
        message.chain_code = "by02".to_owned();
    });
    check("ANCHOR_MALFORMED", |_, message, _| {
        message.chain_code = "BY01".to_owned();
    });
    check("NOT_A_GATEWAY", |_, _, env| {
        env.sender = fixture::key(91).public().address(None).to_string();
    });
}

#[test]
fn what_is_malformed_or_too_large_is_refused() {
    check("ANCHOR_MALFORMED", |_, message, _| {
        message.signed_header.truncate(50);
    });
    check("ANCHOR_MALFORMED", |_, message, _| {
        message.signed_header = vec![0; PART_BYTES_MAX + 1];
    });
    check("ANCHOR_MALFORMED", |_, message, _| {
        message.validators.clear();
    });
    check("ANCHOR_MALFORMED", |_, message, _| {
        message.next_validators = vec![0xff; 10];
    });
    check("ANCHOR_MALFORMED", |_, message, _| {
        message.trusted_next_validators = Validators::new(20, 65, 1).encoded();
    });
    check("ANCHOR_MALFORMED", |chain, message, _| {
        let header = Header {
            time: Time::from_unix_timestamp(fixture::GENESIS_MS / 1000 + 9, 1).unwrap(),
            ..chain.header(9)
        };
        *message = submit(&header, 5);
    });
}

#[test]
fn a_header_of_another_chain_is_refused() {
    check("ANCHOR_WRONG_CHAIN", |chain, message, _| {
        *message = submit(
            &Header {
                chain_id: "starfire-by02-1".parse().unwrap(),
                ..chain.header(9)
            },
            5,
        );
    });
}

#[test]
fn trust_must_be_anchored_matching_and_fresh() {
    check("ANCHOR_TRUST_UNKNOWN", |_, message, _| {
        message.trusted_height = 4;
    });
    check("ANCHOR_TRUST_MISMATCH", |_, message, _| {
        message.trusted_next_validators = Validators::new(50, 4, 10).encoded();
    });
    check("ANCHOR_TRUST_EXPIRED", |_, _, env| {
        env.time = (time(5) + TRUSTING_PERIOD).unwrap();
    });
    check("ANCHOR_TRUST_EXPIRED", |_, message, env| {
        message.trusted_height = 0;
        env.time = (time(0) + TRUSTING_PERIOD).unwrap();
    });
    check("ANCHOR_NOT_LATER", |chain, message, _| {
        *message = submit(&chain.header(5), 5);
    });
    check("ANCHOR_FROM_FUTURE", |_, _, env| {
        env.time = (time(9) - CLOCK_DRIFT).unwrap();
    });
}

#[test]
fn the_registration_vouches_until_the_first_anchor() {
    let (chain, mut state) = (sub_chain(), main_chain());
    let late = Env {
        time: (time(0) + TRUSTING_PERIOD * 20).unwrap(),
        ..env(100, &gateway())
    };
    apply_at(&mut state, submit(&chain.header(3), 0), &late).unwrap();
}

#[test]
fn validators_other_than_the_headers_are_refused() {
    check("ANCHOR_VALIDATORS_MISMATCH", |_, message, _| {
        message.validators = Validators::new(50, 4, 10).encoded();
    });
    check("ANCHOR_VALIDATORS_MISMATCH", |_, message, _| {
        message.next_validators = Validators::new(50, 4, 10).encoded();
    });
    // A whole set of strangers, who sign for themselves.
    check("ANCHOR_NOT_ENOUGH_TRUST", |chain, message, _| {
        let strangers = Validators::new(50, 4, 10);
        let header = Header {
            validators_hash: strangers.set().hash(),
            next_validators_hash: strangers.set().hash(),
            ..chain.header(9)
        };
        let trusted = fixture::sub_validators().encoded();
        *message = v1::AnchorSubmit {
            trusted_next_validators: trusted,
            ..submit_by(&strangers, &header, 5, &[0, 1, 2, 3])
        };
    });
}

#[test]
fn forged_and_missing_signatures_are_refused() {
    check("ANCHOR_NOT_ENOUGH_SIGNERS", |chain, message, _| {
        *message = submit_by(&fixture::sub_validators(), &chain.header(9), 5, &[0, 1]);
    });
    // One false signature behind three good ones, where the stock verifier no longer looks.
    check("ANCHOR_FORGED", |chain, message, _| {
        let (header, other) = (
            chain.header(9),
            Header {
                data_hash: None,
                ..chain.header(9)
            },
        );
        let validators = fixture::sub_validators();
        let mut signed = validators.sign(&header, &[0, 1, 2, 3]);
        signed.commit.signatures[3] = validators.sign(&other, &[3]).commit.signatures.remove(3);
        message.signed_header = encode(signed);
    });
    check("ANCHOR_HEADER_MISMATCH", |chain, message, _| {
        let mut signed = fixture::sub_validators().sign(&chain.header(9), &[0, 1, 2]);
        signed.header.data_hash = None;
        message.signed_header = encode(signed);
    });
}

#[test]
fn an_unregistered_signer_is_refused_even_with_a_quorum() {
    check("ANCHOR_UNREGISTERED_VALIDATOR", |chain, message, _| {
        // The sub-chain's validators admit a fifth by themselves.
        let five = Validators::new(20, 5, 10);
        let header = Header {
            validators_hash: five.set().hash(),
            next_validators_hash: five.set().hash(),
            ..chain.header(9)
        };
        let trusted = fixture::sub_validators().encoded();
        *message = v1::AnchorSubmit {
            trusted_next_validators: trusted,
            ..submit_by(&five, &header, 5, &[0, 1, 2, 3, 4])
        };
    });
}

#[test]
fn a_signer_counts_from_its_registration_until_it_is_struck_out() {
    let (chain, mut state) = (sub_chain(), main_chain());
    let five = Validators::new(20, 5, 10);
    let header = |height| Header {
        validators_hash: five.set().hash(),
        next_validators_hash: five.set().hash(),
        ..chain.header(height)
    };
    let fifth = tendermint::PublicKey::from_raw_ed25519(fixture::key(24).public().raw()).unwrap();
    let trusted = fixture::sub_validators().encoded();
    let first = v1::AnchorSubmit {
        trusted_next_validators: trusted,
        ..submit_by(&five, &header(5), 0, &[0, 1, 2, 3, 4])
    };
    let later = |height| submit_by(&five, &header(height), 5, &[0, 1, 2, 3, 4]);
    let refused = Err("ANCHOR_UNREGISTERED_VALIDATOR");
    assert_eq!(apply(&mut state, first.clone()), refused);
    registered::register(&mut state, "by01", fifth, "Another Customs").unwrap();
    assert_eq!(apply(&mut state, first), Ok(()));
    assert_eq!(apply(&mut state, later(9)), Ok(()));
    registered::strike(&mut state, "by01", fifth, "left").unwrap();
    assert_eq!(apply(&mut state, later(10)), refused);
    // The others go on without it.
    let at = |key: tendermint::PublicKey| {
        let set = five.set();
        let mut infos = set.validators().iter();
        infos.position(|info| info.pub_key == key).unwrap()
    };
    let others: Vec<usize> = (0..5).filter(|index| *index != at(fifth)).collect();
    let without = submit_by(&five, &header(10), 5, &others);
    assert_eq!(apply(&mut state, without), Ok(()));
}

#[test]
fn validators_that_were_replaced_vouch_for_nothing_new() {
    let (chain, mut state) = (sub_chain(), main_chain());
    let five = Validators::new(20, 5, 10);
    let fifth = tendermint::PublicKey::from_raw_ed25519(fixture::key(24).public().raw()).unwrap();
    registered::register(&mut state, "by01", fifth, "Another Customs").unwrap();
    let by_five = |height| Header {
        validators_hash: five.set().hash(),
        next_validators_hash: five.set().hash(),
        ..chain.header(height)
    };
    apply(&mut state, submit(&chain.header(1), 0)).unwrap();
    let change = v1::AnchorSubmit {
        trusted_next_validators: fixture::sub_validators().encoded(),
        ..submit_by(&five, &by_five(5), 1, &[0, 1, 2, 3, 4])
    };
    apply(&mut state, change).unwrap();
    // Another gateway that has not seen the latest anchor.
    let late = v1::AnchorSubmit {
        trusted_next_validators: fixture::sub_validators().encoded(),
        ..submit_by(&five, &by_five(7), 1, &[0, 1, 2, 3, 4])
    };
    apply(&mut state, late).unwrap();
    for trusted in [0, 1] {
        let forged = submit(&chain.header(9), trusted);
        assert_eq!(apply(&mut state, forged), Err("ANCHOR_TRUST_OUTDATED"));
    }
    // From any anchor with the same validators, and from the newest.
    apply(&mut state, submit_by(&five, &by_five(9), 5, &[0, 1, 2, 3])).unwrap();
    apply(&mut state, submit_by(&five, &by_five(10), 5, &[0, 1, 2, 3])).unwrap();
    apply(
        &mut state,
        submit_by(&five, &by_five(11), 10, &[0, 1, 2, 3]),
    )
    .unwrap();
    // What they signed against an anchor is a proof, now as before.
    assert_eq!(status(&state), v1::SubChainStatus::Active);
    apply(&mut state, submit(&chain.header(9), 0)).unwrap();
    assert_eq!(status(&state), v1::SubChainStatus::Frozen);
}

#[test]
fn a_height_between_anchors_is_stale() {
    check("ANCHOR_STALE", |chain, message, _| {
        *message = submit(&chain.header(3), 0);
    });
}

#[test]
fn a_second_header_at_an_anchored_height_freezes_the_sub_chain() {
    let (chain, mut state) = (sub_chain(), main_chain());
    apply(&mut state, submit(&chain.header(5), 0)).unwrap();
    apply(&mut state, submit(&chain.header(9), 5)).unwrap();
    let other = Header {
        data_hash: None,
        ..chain.header(5)
    };
    let message = submit(&other, 0);
    apply(&mut state, message.clone()).unwrap();
    let record = load(&state, "by01").unwrap();
    assert_eq!(
        (
            record.status(),
            record.frozen_height,
            record.frozen_at_height
        ),
        (v1::SubChainStatus::Frozen, 100, 5)
    );
    let fork: v1::ForkRecord =
        starfire_state::record(&state, &path::misbehaviour("by01", 5)).unwrap();
    assert_eq!(fork.anchored_hash, chain.header(5).hash().as_bytes());
    assert_eq!(fork.conflicting_signed_header, message.signed_header);
    assert_eq!(fork.signers.len(), 3);
    // Nothing is anchored any more.
    assert_eq!(
        apply(&mut state, submit(&chain.header(10), 9)),
        Err("CHAIN_FROZEN")
    );
    assert_eq!(
        load_anchor(&state, "by01", 5).unwrap().header_hash,
        chain.header(5).hash().as_bytes()
    );
    assert_eq!(state.into_parts().1.last().unwrap().kind, "subchain.frozen");
}

#[test]
fn time_that_does_not_move_forward_freezes_the_sub_chain() {
    let (chain, mut state) = (sub_chain(), main_chain());
    apply(&mut state, submit(&chain.header(5), 0)).unwrap();
    let backwards = Header {
        time: time(5),
        ..chain.header(9)
    };
    // From the later anchor it could be a mistake; from genesis it is a proof.
    assert_eq!(
        apply(&mut state, submit(&backwards, 5)),
        Err("ANCHOR_NOT_LATER")
    );
    assert_eq!(status(&state), v1::SubChainStatus::Active);
    apply(&mut state, submit(&backwards, 0)).unwrap();
    assert_eq!(status(&state), v1::SubChainStatus::Frozen);
}

#[test]
fn an_unsigned_contradiction_freezes_nothing() {
    let (chain, mut state) = (sub_chain(), main_chain());
    apply(&mut state, submit(&chain.header(5), 0)).unwrap();
    let other = Header {
        data_hash: None,
        ..chain.header(5)
    };
    let refused = apply(
        &mut state,
        submit_by(&fixture::sub_validators(), &other, 0, &[0, 1]),
    );
    assert_eq!(refused, Err("ANCHOR_NOT_ENOUGH_SIGNERS"));
    assert_eq!(status(&state), v1::SubChainStatus::Active);
}
