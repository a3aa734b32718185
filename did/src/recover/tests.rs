//! Recovery: asking, vetoing, completing, and who may.

use super::*;
use crate::credential::timestamp;
use crate::fixture::{World, did_keys, person, unregistered};
use crate::policy::keys_weigh_enough;
use crate::resolve::resolve;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Alice (1), whose guardians are two of 2, 3 and 4, with this delay.
fn guarded(delay_ms: i64) -> World {
    let mut world = World::main();
    let mut document = unregistered(1);
    document.recovery = Some(v1::DidRecovery {
        guardian: (2..=4)
            .map(|number| person(number).did.to_string())
            .collect(),
        threshold: 2,
        delay_ms,
        ..v1::DidRecovery::default()
    });
    world.create(&person(1).did, &document).unwrap();
    world
}

fn new_key(number: u8) -> To {
    To::Keys(did_keys(&person(1).did, &[person(number).key]))
}

fn end() -> To {
    To::End(v1::DidEnd {
        reason: "the keys are lost".into(),
    })
}

fn alice() -> Did {
    person(1).did
}

/// Whether a person's key acts for Alice's account.
fn acts(world: &World, number: u8) -> bool {
    let key = person(number).did.to_string();
    keys_weigh_enough(&world.state, &alice().to_string(), &[&key])
}

/// What guardians 2 and 3 ask for.
fn ask(world: &mut World, version: u64, to: To) -> Result<(), Rejection> {
    world.recover(&[&person(2).did, &person(3).did], &alice(), version, to)
}

fn code_of(result: Result<(), Rejection>) -> starfire_state::Code {
    result.unwrap_err().code
}

#[test]
fn guardians_recover_at_once_where_there_is_no_delay() {
    let mut world = guarded(0);
    ask(&mut world, 1, new_key(8)).unwrap();
    assert_eq!(world.told(), ["did.recovered"]);
    assert_eq!(world.version(&alice()), 2);
    assert!(acts(&world, 8) && !acts(&world, 1) && !acts(&world, 2));
    assert_eq!(pending(&world.state, &alice()), None);
}

#[test]
fn too_few_guardians_recover_nothing() {
    let mut world = guarded(0);
    let (two, stranger) = (person(2).did, person(9).did);
    let few = world.recover(&[&two], &alice(), 1, new_key(8));
    assert_eq!(code_of(few), code::DID_GUARDIANS_TOO_FEW);
    let none = world.recover(&[&stranger, &alice()], &alice(), 1, new_key(8));
    assert_eq!(code_of(none), code::DID_NOT_GUARDIAN);
    let mut world = World::with(&person(1));
    assert_eq!(
        code_of(ask(&mut world, 1, new_key(8))),
        code::DID_NO_GUARDIANS
    );
    let mut world = World::main();
    assert_eq!(code_of(ask(&mut world, 1, new_key(8))), code::DID_NOT_FOUND);
}

#[test]
fn a_recovery_with_a_delay_waits_and_anyone_completes_it() {
    let mut world = guarded(DAY_MS);
    ask(&mut world, 1, new_key(8)).unwrap();
    assert_eq!(world.told(), ["did.recovery_asked"]);
    assert!(acts(&world, 1) && !acts(&world, 8));
    let waiting = pending(&world.state, &alice()).unwrap();
    assert_eq!(waiting.effective_ms, world.now_ms + DAY_MS);
    assert_eq!(
        waiting.guardian,
        [person(2).did.to_string(), person(3).did.to_string()]
    );
    world.now_ms += DAY_MS - 1;
    let early = world.complete(&alice()).unwrap_err();
    assert_eq!(early.code, code::DID_RECOVERY_TOO_EARLY);
    let until = timestamp::format(waiting.effective_ms).unwrap();
    assert!(early.detail.ends_with(&format!("waits until {until}")));
    world.now_ms += 1;
    world.complete(&alice()).unwrap();
    assert_eq!(world.told(), ["did.recovered"]);
    assert!(acts(&world, 8) && !acts(&world, 1));
    assert_eq!(
        code_of(world.complete(&alice())),
        code::DID_RECOVERY_NOT_FOUND
    );
}

#[test]
fn controllers_veto_in_the_window_only() {
    let mut world = guarded(DAY_MS);
    let first_ms = world.now_ms;
    assert_eq!(
        code_of(world.veto(&alice(), &alice(), first_ms)),
        code::DID_RECOVERY_NOT_FOUND
    );
    ask(&mut world, 1, new_key(8)).unwrap();
    assert_eq!(
        code_of(world.veto(&person(2).did, &alice(), first_ms)),
        code::DID_NOT_CONTROLLER
    );
    world.veto(&alice(), &alice(), first_ms).unwrap();
    assert_eq!(world.told(), ["did.recovery_vetoed"]);
    world.now_ms += DAY_MS;
    assert_eq!(
        code_of(world.complete(&alice())),
        code::DID_RECOVERY_NOT_FOUND
    );
    let second_ms = world.now_ms;
    ask(&mut world, 1, new_key(8)).unwrap();
    world.now_ms += DAY_MS;
    assert_eq!(
        code_of(world.veto(&alice(), &alice(), second_ms)),
        code::DID_VETO_TOO_LATE
    );
    world.complete(&alice()).unwrap();
}

#[test]
fn a_veto_stops_the_recovery_that_it_names_and_no_other() {
    let mut world = guarded(DAY_MS);
    let first_ms = world.now_ms;
    ask(&mut world, 1, new_key(8)).unwrap();
    world.veto(&alice(), &alice(), first_ms).unwrap();
    world.now_ms += 1;
    ask(&mut world, 1, new_key(9)).unwrap();
    for other_ms in [0, first_ms, world.now_ms + 1] {
        assert_eq!(
            code_of(world.veto(&alice(), &alice(), other_ms)),
            code::DID_RECOVERY_NOT_FOUND
        );
    }
    world.now_ms += DAY_MS;
    world.complete(&alice()).unwrap();
    assert!(acts(&world, 9));
}

// One controller of two, who is in league with the guardians, changes the document in every block.
#[test]
fn mere_business_stops_no_veto() {
    let mut world = guarded(DAY_MS);
    let (honest, other) = (person(5).did, person(6).did);
    let mut document = world.document(&alice());
    document.controller = vec![honest.to_string(), other.to_string()];
    world
        .update_with(&alice(), &[&alice()], 1, &document)
        .unwrap();
    let asked_ms = world.now_ms;
    ask(&mut world, 2, new_key(8)).unwrap();
    for version in 2..5 {
        world.now_ms += 1;
        document.also_known_as = vec![format!("urn:busy:{version}")];
        world
            .update_with(&other, &[&other], version, &document)
            .unwrap();
    }
    world.veto(&honest, &alice(), asked_ms).unwrap();
    assert_eq!(pending(&world.state, &alice()), None);
}

#[test]
fn one_recovery_waits_at_a_time() {
    let mut world = guarded(DAY_MS);
    ask(&mut world, 1, new_key(8)).unwrap();
    assert_eq!(
        code_of(ask(&mut world, 1, new_key(9))),
        code::DID_RECOVERY_PENDING
    );
}

// A thief who holds the key is as busy as can be, but for a veto.
#[test]
fn mere_business_stops_no_recovery() {
    let mut world = guarded(DAY_MS);
    ask(&mut world, 1, new_key(8)).unwrap();
    let mut document = world.document(&alice());
    // The id of the new key, and as long as a document may be.
    document.service = vec![v1::DidService {
        id: format!("{}#key-1", alice()),
        r#type: "LinkedDomains".into(),
        endpoint: "https://thief.example/".into(),
    }];
    document.controller = vec![person(9).did.to_string()];
    let mut taken = did_keys(&alice(), &[person(9).key]);
    taken.verification_method[0].id = format!("{}#thief", alice());
    let ids = vec![taken.verification_method[0].id.clone()];
    let rotate = crate::rotate::Rotate::try_from(v1::DidRotate {
        did: alice().to_string(),
        expected_version: 1,
        verification_method: taken.verification_method.clone(),
        authentication: ids.clone(),
        ..v1::DidRotate::default()
    })
    .unwrap();
    world
        .act(&alice(), &[&alice()], |state, env, signers| {
            rotate.apply(state, env, signers)
        })
        .unwrap();
    document.verification_method = taken.verification_method;
    document.authentication = ids;
    document.assertion_method.clear();
    world
        .update_with(&alice(), &[&alice()], 2, &document)
        .unwrap();
    assert!(acts(&world, 9));
    world.now_ms += DAY_MS;
    world.complete(&alice()).unwrap();
    assert!(acts(&world, 8) && !acts(&world, 9));
    let found = world.document(&alice());
    assert_eq!(world.version(&alice()), 4);
    assert!(found.controller.is_empty() && found.service.is_empty());
    assert_eq!(found.recovery, document.recovery);
}

#[test]
fn what_fits_with_the_new_keys_stays() {
    let mut world = guarded(0);
    let mut document = world.document(&alice());
    document.controller = vec![person(5).did.to_string(), person(6).did.to_string()];
    document.controller_weight = vec![2, 1];
    document.controller_threshold = 2;
    document.also_known_as = vec!["urn:name:alice".into()];
    world
        .update_with(&alice(), &[&alice()], 1, &document)
        .unwrap();
    ask(&mut world, 2, new_key(8)).unwrap();
    let found = world.document(&alice());
    assert_eq!(found.also_known_as, document.also_known_as);
    assert_eq!(found.recovery, document.recovery);
    assert!(found.controller.is_empty() && found.controller_weight.is_empty());
    assert_eq!(found.controller_threshold, 0);
}

#[test]
fn a_recovery_names_a_version_that_was() {
    let mut world = guarded(0);
    let document = world.document(&alice());
    world.update(&alice(), 1, &document).unwrap();
    for unseen in [0, 3] {
        assert_eq!(
            code_of(ask(&mut world, unseen, new_key(8))),
            code::DID_VERSION_CONFLICT
        );
    }
    ask(&mut world, 1, new_key(8)).unwrap();
}

#[test]
fn the_terms_stay_while_a_recovery_waits() {
    let mut world = guarded(DAY_MS);
    ask(&mut world, 1, new_key(8)).unwrap();
    let mut document = world.document(&alice());
    document.recovery = None;
    assert_eq!(
        code_of(world.update(&alice(), 1, &document)),
        code::DID_RECOVERY_PENDING
    );
    let asked_ms = world.now_ms;
    world.veto(&alice(), &alice(), asked_ms).unwrap();
    world.update(&alice(), 1, &document).unwrap();
}

#[test]
fn guardians_who_act_at_once_are_not_dismissed_by_a_key_alone() {
    let mut world = guarded(0);
    let mut document = world.document(&alice());
    document.recovery = None;
    assert_eq!(
        code_of(world.update(&alice(), 1, &document)),
        code::DID_NOT_GUARDIAN
    );
    let (two, three) = (person(2).did, person(3).did);
    let few = world.update_with(&alice(), &[&alice(), &two], 1, &document);
    assert_eq!(code_of(few), code::DID_GUARDIANS_TOO_FEW);
    world
        .update_with(&alice(), &[&alice(), &two, &three], 1, &document)
        .unwrap();
}

#[test]
fn guardians_end_a_did_too() {
    let mut world = guarded(0);
    ask(&mut world, 1, end()).unwrap();
    assert_eq!(world.told(), ["did.deactivated"]);
    let record = resolve(&world.state, &alice(), None).unwrap();
    assert!(record.deactivated && record.document.is_none());
    assert_eq!(record.deactivation_reason, "the keys are lost");

    let mut world = guarded(DAY_MS);
    ask(&mut world, 1, end()).unwrap();
    assert_eq!(world.version(&alice()), 1);
    world.now_ms += DAY_MS;
    world.complete(&alice()).unwrap();
    assert_eq!(world.told(), ["did.deactivated"]);
    assert_eq!(
        code_of(ask(&mut world, 2, new_key(8))),
        code::DID_DEACTIVATED
    );
}

#[test]
fn with_the_did_its_recovery_ends() {
    let mut world = guarded(DAY_MS);
    ask(&mut world, 1, new_key(8)).unwrap();
    world.deactivate(&alice(), &alice(), 1).unwrap();
    assert_eq!(pending(&world.state, &alice()), None);
    world.now_ms += DAY_MS;
    assert_eq!(code_of(world.complete(&alice())), code::DID_DEACTIVATED);
}

#[test]
fn what_makes_no_document_is_refused_when_it_is_asked_for() {
    let mut world = guarded(DAY_MS);
    let mut keys = did_keys(&alice(), &[person(8).key]);
    keys.authentication.clear();
    assert_eq!(
        code_of(ask(&mut world, 1, To::Keys(keys))),
        code::DID_DOCUMENT_INVALID
    );
    let long = To::End(v1::DidEnd {
        reason: "x".repeat(deactivate::REASON_BYTES_MAX + 1),
    });
    assert_eq!(
        code_of(ask(&mut world, 1, long)),
        code::DID_DOCUMENT_INVALID
    );
    let neither = Recover::try_from(v1::DidRecover {
        did: alice().to_string(),
        expected_version: 1,
        to: None,
    });
    assert_eq!(neither.unwrap_err().code, code::DID_DOCUMENT_INVALID);
}
