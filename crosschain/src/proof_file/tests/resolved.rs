//! Saved resolution results: what is proved holds, and nothing else does.

use serde_json::{Value, json};
use starfire_did::Did;
use starfire_did::resolution::{At, Found, Question, Representation, result};
use starfire_proto::v1;
use starfire_state::Changes;

use super::world::*;
use crate::fixture::{Chain, key, registration, time_ms};
use crate::proof_file::*;
use crate::{chain_document, path};

/// A DID of the main chain with three versions, at heights 21, 23 and 25 of it.
fn main_world(deactivated: bool) -> (World, Did) {
    let mut world = World::new();
    let did = world.issuer.public().address(None);
    for version in 1..=3 {
        let height = world.main.height() + 1;
        let last = deactivated && version == 3;
        let document = starfire_did::Document::for_key(&did, &key(70).public());
        let record_of = v1::DidRecord {
            document: (!last).then(|| (&document).into()),
            version,
            created_ms: time_ms(21),
            updated_ms: time_ms(height),
            deactivated: last,
            ..v1::DidRecord::default()
        };
        let paths = [
            starfire_did::path::record(&did),
            starfire_did::path::version(&did, version),
        ];
        let changes = paths.into_iter().map(|path| record(path, &record_of));
        world.main.block(changes.collect());
        world.main.block(Changes::new());
    }
    (world, did)
}

fn answer(chain: &Chain, question: Question, form: Representation) -> Value {
    result(&question, &question.found_in(chain.state().as_ref()), form)
}

/// What a gateway of the main chain answers.
fn resolved(world: &World, did: Did, at: At) -> Value {
    let question = Question { did, at };
    let mut answer = answer(&world.main, question, Representation::JsonLd);
    let paths = question.paths_in(world.main.state().as_ref());
    attach(
        &mut answer,
        state_proof(&world.main.prove(&paths), None).unwrap(),
    );
    answer
}

fn judge_result(result: &Value) -> Report {
    judge_bytes(result.to_string().as_bytes())
}

fn judge_bytes(bytes: &[u8]) -> Report {
    let bundle = main_bundle();
    verify_resolution(bytes, &bundle.encode(), &bundle.fingerprint(), NOW_MS, DAY)
}

#[test]
fn present_historical_absent_and_ended_dids_are_proved_offline() {
    for deactivated in [false, true] {
        let (world, did) = main_world(deactivated);
        let stranger = key(71).public().address(None);
        for (did, at) in [
            (did, At::Newest),
            (did, At::Version(1)),
            (did, At::Version(2)),
            (did, At::Version(3)),
            (did, At::Version(4)),
            (did, At::Time(time_ms(20))),
            (did, At::Time(time_ms(21) + 999)),
            (did, At::Time(time_ms(24) + 999)),
            (did, At::Time(time_ms(99) + 999)),
            (stranger, At::Newest),
            (stranger, At::Version(1)),
            (stranger, At::Time(time_ms(21) + 999)),
        ] {
            let report = judge_result(&resolved(&world, did, at));
            assert_eq!(
                report.verdict,
                Verdict::Valid,
                "{did} {at:?}: {:?}",
                report.steps
            );
        }
    }
}

#[test]
fn no_byte_of_an_answer_may_be_changed() {
    let (world, did) = main_world(true);
    let stranger = key(71).public().address(None);
    // One of them whole, of the others every fifth byte: each try verifies signatures.
    for (did, at, step) in [
        (did, At::Newest, 1),
        (did, At::Version(1), 5),
        (did, At::Time(time_ms(22) + 999), 5),
        (stranger, At::Newest, 5),
    ] {
        let saved = resolved(&world, did, at).to_string().into_bytes();
        assert_eq!(judge_bytes(&saved).verdict, Verdict::Valid);
        for place in (0..saved.len()).step_by(step) {
            let mut altered = saved.clone();
            altered[place] ^= 1;
            let report = judge_bytes(&altered);
            assert_ne!(
                report.verdict,
                Verdict::Valid,
                "byte {place} of {}",
                String::from_utf8_lossy(&saved)
            );
        }
    }
}

#[test]
fn an_answer_that_contradicts_its_proof_is_refused() {
    let (world, did) = main_world(false);
    let honest = resolved(&world, did, At::Version(2));
    let check = |change: &dyn Fn(&mut Value), code: Reason| {
        let mut altered = honest.clone();
        change(&mut altered);
        assert_eq!(judge_result(&altered).code, Some(code));
    };
    check(
        &|answer| answer["didDocument"]["service"] = json!([]),
        Reason::AnswerMismatch,
    );
    check(
        &|answer| answer["didDocumentMetadata"]["deactivated"] = json!(true),
        Reason::AnswerMismatch,
    );
    // The right document for another question.
    check(
        &|answer| answer["didResolutionMetadata"]["didUrl"] = json!(did.to_string()),
        Reason::ValuesUnexpected,
    );
    check(
        &|answer| {
            answer["didResolutionMetadata"]
                .as_object_mut()
                .unwrap()
                .remove("didUrl");
        },
        Reason::ProofMalformed,
    );
    check(
        &|answer| {
            answer["didDocumentMetadata"]
                .as_object_mut()
                .unwrap()
                .remove("proof");
        },
        Reason::AnswerUnproved,
    );
    check(
        &|answer| answer["didDocumentMetadata"]["proof"][0]["type"] = json!("Another"),
        Reason::ProofMalformed,
    );
    check(
        &|answer| answer["didDocumentMetadata"]["proof"][0]["height"] = json!("7"),
        Reason::MainHeaderMalformed,
    );
    // DID Core §7.3: metadata has no numbers.
    check(
        &|answer| {
            let height = &mut answer["didDocumentMetadata"]["proof"][0]["height"];
            *height = json!(height.as_str().unwrap().parse::<u64>().unwrap());
        },
        Reason::ProofMalformed,
    );
    check(
        &|answer| {
            let values = &mut answer["didDocumentMetadata"]["proof"][0]["values"];
            values[0]["value"] = values[1]["value"].clone();
        },
        Reason::ValueNotProved,
    );
    assert_eq!(judge_bytes(b"[]").code, Some(Reason::ProofMalformed));
}

#[test]
fn only_the_pinned_chain_and_a_fresh_header_count() {
    let (world, did) = main_world(false);
    let saved = resolved(&world, did, At::Newest).to_string();
    let other = bundle_of(&crate::fixture::Validators::new(40, 4, 10), GENESIS_HASH);
    let report = verify_resolution(
        saved.as_bytes(),
        &other.encode(),
        &other.fingerprint(),
        NOW_MS,
        DAY,
    );
    assert_eq!(report.code, Some(Reason::ChainNotPinned));
    let bundle = main_bundle();
    let later = |saved: &str| {
        let now_ms = NOW_MS + 2 * 24 * 60 * 60 * 1000;
        verify_resolution(
            saved.as_bytes(),
            &bundle.encode(),
            &bundle.fingerprint(),
            now_ms,
            DAY,
        )
    };
    assert_eq!(later(&saved).verdict, Verdict::Stale);
    // What was in force then does not change any more.
    let old = resolved(&world, did, At::Version(1)).to_string();
    assert_eq!(later(&old).verdict, Verdict::Valid);
}

#[test]
fn a_sub_chains_did_hangs_on_its_anchor() {
    let mut world = World::new();
    world.did_version(2, &key(70), false);
    world.anchor();
    let stranger = key(71).public().address(world.did.chain_code().as_ref());
    for (did, at) in [
        (world.did, At::Newest),
        (world.did, At::Version(1)),
        (stranger, At::Newest),
    ] {
        let saved = on_sub_chain(&world, did, at);
        let report = judge_result(&saved);
        assert_eq!(
            report.verdict,
            Verdict::Valid,
            "{did} {at:?}: {:?}",
            report.steps
        );
        let bytes = saved.to_string().into_bytes();
        // Every seventh byte: the main chain's part is tried whole elsewhere.
        for place in (0..bytes.len()).step_by(7) {
            let mut altered = bytes.clone();
            altered[place] ^= 1;
            assert_ne!(
                judge_bytes(&altered).verdict,
                Verdict::Valid,
                "byte {place}"
            );
        }
    }
    let mut bare = on_sub_chain(&world, world.did, At::Newest);
    bare["didDocumentMetadata"]["proof"][0]
        .as_object_mut()
        .unwrap()
        .remove("anchoredBy");
    assert_ne!(judge_result(&bare).verdict, Verdict::Valid);
}

fn on_sub_chain(world: &World, did: Did, at: At) -> Value {
    let question = Question { did, at };
    let mut answer = answer(&world.sub, question, Representation::V1_1);
    let proof = world
        .sub
        .prove(&question.paths_in(world.sub.state().as_ref()));
    let height = world.sub.height() + 1;
    let anchor = world
        .main
        .prove(&[path::sub_chain("by01"), path::anchor("by01", height)]);
    attach(&mut answer, state_proof(&proof, Some(&anchor)).unwrap());
    answer
}

#[test]
fn the_did_of_a_chain_and_of_no_chain_are_proved_by_the_main_chain() {
    let world = World::new();
    for (code, known) in [("by01", true), ("by02", false)] {
        let did = Did::parse(&format!("did:bid:{code}")).unwrap();
        let question = Question {
            did,
            at: At::Newest,
        };
        let proof = world.main.prove(&[path::sub_chain(code)]);
        let record = starfire_state::record::<v1::SubChainRecord>(
            world.main.state().as_ref(),
            &path::sub_chain(code),
        );
        let mut answer =
            chain_document::resolution_result(&question, record.as_ref(), Representation::V1_1);
        attach(&mut answer, state_proof(&proof, None).unwrap());
        let report = judge_result(&answer);
        assert_eq!(report.verdict, Verdict::Valid, "{code}: {:?}", report.steps);
        assert_eq!(answer["didDocument"].is_object(), known);
        if known {
            let resolver = &registration().resolvers[0];
            let service = &mut answer["didDocument"]["service"][0];
            assert_eq!(service["serviceEndpoint"], json!(resolver));
            service["serviceEndpoint"] = json!("http://127.0.0.1:2");
            assert_eq!(judge_result(&answer).code, Some(Reason::AnswerMismatch));
        }
    }
    let did = key(70).public().address(Some(&"by02".parse().unwrap()));
    let question = Question {
        did,
        at: At::Newest,
    };
    let proof = world
        .main
        .prove(&[path::sub_chain("by02"), path::anchor("by02", 0)]);
    let mut answer = result(&question, &Found::default(), Representation::V1_1);
    attach(&mut answer, state_proof(&proof, None).unwrap());
    assert_eq!(judge_result(&answer).verdict, Verdict::Valid);
}

#[test]
fn a_chain_has_no_versions_that_an_answer_could_be_of() {
    let world = World::new();
    let newest = Question {
        did: Did::parse("did:bid:by01").unwrap(),
        at: At::Newest,
    };
    let record = starfire_state::record::<v1::SubChainRecord>(
        world.main.state().as_ref(),
        &path::sub_chain("by01"),
    );
    for at in [At::Version(1), At::Version(99), At::Time(time_ms(20) + 999)] {
        let question = Question { at, ..newest };
        let told =
            chain_document::resolution_result(&question, record.as_ref(), Representation::V1_1);
        assert_eq!(told["didDocument"], Value::Null);
        assert_eq!(
            told["didResolutionMetadata"]["error"]["type"],
            "https://www.w3.org/ns/did#FEATURE_NOT_SUPPORTED"
        );
        // The newest, said to be that version.
        let mut answer =
            chain_document::resolution_result(&newest, record.as_ref(), Representation::V1_1);
        answer["didResolutionMetadata"]["didUrl"] = json!(question.to_url());
        let proof = world.main.prove(&[path::sub_chain("by01")]);
        attach(&mut answer, state_proof(&proof, None).unwrap());
        assert_eq!(
            judge_result(&answer).code,
            Some(Reason::AnswerMismatch),
            "{at:?}"
        );
    }
}
