//! Whoever changes, replaces or invents parts of a proof gets nowhere.

use std::time::Duration;

use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};
use starfire_proto::v1;
use starfire_state::Changes;
use tendermint::block::Header;

use super::world::*;
use crate::fixture::{Chain, Validators, encode};
use crate::proof_file::content::ProofFile;
use crate::proof_file::*;
use crate::sealed;
use crate::text::Base64;

#[test]
fn a_look_alike_main_chain_is_unpinned() {
    let check = |validators: Validators, genesis_hash: [u8; 32], id: &str| {
        let (mut world, shown) = issued();
        let mut state = Changes::new();
        for (key, value) in world.main.state().scan(b"", None, 1000) {
            state.insert(key, Some(value));
        }
        world.main = Chain::new(id, validators.clone(), state);
        let sub = world.sub.prove(&shown.subject.sub_paths());
        let main = world
            .main
            .prove(&shown.subject.main_paths(Some(world.sub.height() + 1)));
        let own = bundle_of(&validators, genesis_hash);
        let proof = assemble(shown.subject.clone(), &own, &main, Some(&sub)).unwrap();
        refused(&judge(&proof, &shown), Reason::ChainNotPinned);
        // With its own bundle, it is that which is not pinned.
        let real = main_bundle();
        if own != real {
            let document = shown.document.as_deref();
            let report = verify(
                &proof,
                document,
                None,
                &own.encode(),
                &real.fingerprint(),
                NOW_MS,
                DAY,
            );
            refused(&report, Reason::BundleNotPinned);
        }
    };
    check(Validators::new(40, 4, 10), GENESIS_HASH, MAIN);
    check(Validators::new(1, 4, 11), GENESIS_HASH, MAIN);
    check(main_validators(), [8; 32], MAIN);
    check(main_validators(), GENESIS_HASH, "starfire-main-2");
}

#[test]
fn a_main_header_without_a_quorum_or_with_a_false_signature_is_refused() {
    let (world, shown) = issued();
    let file = ProofFile::parse(&world.prove(&shown.subject)).unwrap();
    let header = world.main.header(world.main.height() + 1);
    let with = |signed| {
        let mut file = file.clone();
        file.main.signed_header = Base64(encode(signed));
        judge(&file.encode(), &shown)
    };
    valid(&with(main_validators().sign(&header, &[0, 1, 2])));
    refused(
        &with(main_validators().sign(&header, &[0, 1])),
        Reason::MainHeaderNotSigned,
    );
    refused(
        &with(Validators::new(40, 4, 10).sign(&header, &[0, 1, 2, 3])),
        Reason::MainHeaderNotSigned,
    );
    let other = Header {
        data_hash: None,
        ..header.clone()
    };
    let mut mixed = main_validators().sign(&header, &[0, 1, 2, 3]);
    mixed.commit.signatures[3] = main_validators()
        .sign(&other, &[3])
        .commit
        .signatures
        .remove(3);
    refused(&with(mixed), Reason::MainHeaderNotSigned);
    // A signed header of another state: true, but not of these values.
    refused(
        &with(main_validators().sign(&world.main.header(2), &[0, 1, 2])),
        Reason::ValueNotProved,
    );
}

#[test]
fn a_sub_chain_header_that_is_not_the_anchored_one_is_refused() {
    let (mut world, shown) = issued();
    let file = ProofFile::parse(&world.prove(&shown.subject)).unwrap();
    let mut other = file.clone();
    let header = Header {
        data_hash: None,
        ..world.sub.header(world.sub.height() + 1)
    };
    other.sub.as_mut().unwrap().header = Base64(tendermint_proto::Protobuf::<
        tendermint_proto::v0_38::types::Header,
    >::encode_vec(header));
    refused(&judge(&other.encode(), &shown), Reason::AnchorMismatch);
    // A later header, not anchored yet.
    world.sub.block(Changes::new());
    refused(
        &judge(&world.prove(&shown.subject), &shown),
        Reason::NotAnchored,
    );
    let mut none = file.clone();
    none.sub = None;
    refused(&judge(&none.encode(), &shown), Reason::WrongChain);
    let mut renamed = file;
    renamed.sub.as_mut().unwrap().chain_code = "by02".to_owned();
    refused(&judge(&renamed.encode(), &shown), Reason::WrongChain);
}

#[test]
fn proofs_of_a_frozen_sub_chain_are_refused() {
    let (mut world, shown) = issued();
    let header = Header {
        data_hash: None,
        ..world.sub.header(world.sub.height() + 1)
    };
    let set = world.sub.validators.encoded();
    world.on_main(v1::AnchorSubmit {
        chain_code: "by01".to_owned(),
        trusted_height: 0,
        signed_header: encode(world.sub.validators.sign(&header, &[0, 1, 2])),
        validators: set.clone(),
        next_validators: set.clone(),
        trusted_next_validators: set,
    });
    refused(
        &judge(&world.prove(&shown.subject), &shown),
        Reason::ChainFrozen,
    );
}

#[test]
fn a_thousand_changed_bytes_are_never_valid() {
    let (world, shown) = issued();
    let proof = world.prove(&shown.subject);
    let bundle = bundle_of(&main_validators(), GENESIS_HASH);
    let files = [proof, shown.document.unwrap(), bundle.encode()];
    let mut rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    for round in 0..1000 {
        let mut files = files.clone();
        let file = &mut files[round % 3];
        let place = usize::try_from(rng.next_u64()).unwrap() % file.len();
        let change = u8::try_from(rng.next_u32() % 255).unwrap() + 1;
        file[place] ^= change;
        let [proof, document, changed] = &files;
        let report = verify(
            proof,
            Some(document),
            None,
            changed,
            &bundle.fingerprint(),
            NOW_MS,
            DAY,
        );
        assert_ne!(
            report.verdict,
            Verdict::Valid,
            "file {}, byte {place} ^ {change}",
            round % 3
        );
        assert!(report.code.is_some() && report.steps.last().is_some_and(|step| !step.ok));
    }
}

/// Whoever changes a file on purpose makes its digest anew. Then the change is in a part, and the part must be refused, or have
/// been of no account: the answer is the same, word for word.
#[test]
fn changed_parts_under_a_new_digest_never_prove_anything_else() {
    let (world, shown) = issued();
    let file = ProofFile::parse(&world.prove(&shown.subject)).unwrap();
    let original = judge(&file.encode(), &shown);
    let mut rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut draw =
        |below: usize| usize::try_from(rng.next_u64() % u64::try_from(below).unwrap()).unwrap();
    let mut same = 0;
    for _ in 0..1000 {
        let mut file = file.clone();
        let mut parts: Vec<&mut Vec<u8>> =
            vec![&mut file.main.signed_header.0, &mut file.main.validators.0];
        parts.push(&mut file.sub.as_mut().unwrap().header.0);
        for entry in file.main_values.iter_mut().chain(&mut file.sub_values) {
            parts.push(&mut entry.proof.0);
            parts.extend(entry.value.as_mut().map(|value| &mut value.0));
        }
        let chosen = draw(parts.len());
        let part = &mut *parts[chosen];
        match draw(3) {
            0 => {
                let place = draw(part.len());
                part[place] ^= u8::try_from(1 + draw(255)).unwrap();
            }
            1 => part.truncate(draw(part.len())),
            _ => part.push(u8::try_from(draw(256)).unwrap()),
        }
        let report = judge(&file.encode(), &shown);
        if report.verdict == Verdict::Valid {
            let told = |report: &Report| {
                (
                    report.subject.clone(),
                    report.proved_before.clone(),
                    report.revocation_as_of.clone(),
                )
            };
            assert_eq!(told(&report), told(&original));
            same += 1;
        }
    }
    assert!(same < 100, "{same} of 1000 changes were of no account");
}

#[test]
fn anything_at_all_is_answered_without_panic() {
    let bundle = bundle_of(&main_validators(), GENESIS_HASH);
    let (encoded, pin) = (bundle.encode(), bundle.fingerprint());
    for junk in [&b""[..], b"{}", b"null", b"[[[[", &[0xff; 100], &encoded] {
        let report = verify(
            junk,
            Some(junk),
            Some(junk),
            &encoded,
            &pin,
            0,
            Duration::MAX,
        );
        refused(&report, Reason::ProofMalformed);
    }
    let (world, shown) = issued();
    let proof = world.prove(&shown.subject);
    let report = verify(&proof, None, None, b"{}", &pin, NOW_MS, DAY);
    refused(&report, Reason::BundleMalformed);
    let report = verify(&proof, None, None, &encoded, "", NOW_MS, DAY);
    refused(&report, Reason::BundleNotPinned);
    // A file that says of itself that it is something else.
    let note = sealed::seal(&serde_json::json!({"format": "starfire-trust/1"}));
    refused(&judge(&note, &shown), Reason::ProofMalformed);
}
