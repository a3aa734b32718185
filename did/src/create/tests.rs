//! Who may register a DID, alone and in batches.

use super::*;
use crate::fixture::{CHAIN_ID, World, person, private_key, unregistered};
use crate::id::ChainCode;
use crate::key::{KeyAlgorithm, PrivateKey};
use crate::resolve::resolve;

fn least(did: &Did, key: &PublicKey) -> v1::DidDocument {
    (&Document::for_key(did, key)).into()
}

/// The consent of a person's key to a document.
fn consent(number: u8, document: &v1::DidDocument) -> Vec<u8> {
    private_key(number).sign(&consent_message(CHAIN_ID, document))
}

#[test]
fn a_key_registers_the_identifier_that_it_derives() {
    let mut world = World::main();
    let sm2 = PrivateKey::generate([1; 32], KeyAlgorithm::Sm2).public();
    for (key, did) in [(person(1).key, person(1).did), (sm2, sm2.address(None))] {
        world.create(&did, &least(&did, &key)).unwrap();
        let record = resolve(&world.state, &did, None).unwrap();
        assert_eq!(record.document, Some(least(&did, &key)));
        assert_eq!(
            (record.version, record.created_ms, record.deactivated),
            (1, 1_000_000, false)
        );
        assert!(record.previous_hash.is_empty());
        assert_eq!(resolve(&world.state, &did, Some(1)), Some(record));
        assert_eq!(world.told(), ["did.created"]);
    }
}

#[test]
fn nobody_squats() {
    let mut world = World::main();
    let (alice, mallory) = (person(1), person(2));
    let by_another = world.create(&mallory.did, &unregistered(1));
    assert_eq!(by_another.unwrap_err().code, code::DID_NOT_DERIVED);
    let by_another_key = world.create(&alice.did, &least(&alice.did, &mallory.key));
    assert_eq!(by_another_key.unwrap_err().code, code::DID_NOT_DERIVED);
    assert_eq!(resolve(&world.state, &alice.did, None), None);
}

// The bytes that a wallet in another language must sign.
#[test]
fn a_consent_names_the_chain_the_did_and_the_document() {
    let message = String::from_utf8(consent_message(CHAIN_ID, &unregistered(1))).unwrap();
    let lines: Vec<&str> = message.split('\n').collect();
    let digest = hex::encode(Sha256::digest(unregistered(1).encode_to_vec()));
    assert_eq!(
        lines,
        [
            "starfire-did-create/1",
            "starfire-test-1",
            &person(1).did.to_string(),
            &digest
        ]
    );
}

#[test]
fn others_register_with_the_keys_consent() {
    let mut world = World::main();
    let (company, device, tag, goods) = (person(1), person(2), person(3), person(4));
    let mut controlled = unregistered(2);
    controlled.controller = vec![company.did.to_string()];
    let agreed = consent(2, &controlled);
    world
        .create_with(&company.did, &[&company.did], &controlled, agreed)
        .unwrap();
    assert_eq!(world.version(&device.did), 1);
    // Its own keeper, registered by the company.
    let agreed = consent(3, &unregistered(3));
    world
        .create_with(&company.did, &[&company.did], &unregistered(3), agreed)
        .unwrap();
    assert_eq!(world.version(&tag.did), 1);
    // A signature over the whole transaction says as much as a consent.
    world
        .create_with(
            &company.did,
            &[&company.did, &goods.did],
            &unregistered(4),
            Vec::new(),
        )
        .unwrap();
    assert_eq!(world.version(&goods.did), 1);
}

#[test]
fn a_consent_is_to_one_document_on_one_chain() {
    let mut world = World::main();
    let (alice, mallory) = (person(1), person(2));
    let mut other = unregistered(1);
    other.controller = vec![mallory.did.to_string()];
    let elsewhere = private_key(1).sign(&consent_message("starfire-main-1", &other));
    for wrong in [
        consent(1, &unregistered(1)),
        consent(2, &other),
        elsewhere,
        vec![1],
    ] {
        let refused = world.create_with(&mallory.did, &[&mallory.did], &other, wrong);
        assert_eq!(refused.unwrap_err().code, code::DID_CONSENT_INVALID);
    }
    assert_eq!(world.version(&alice.did), 0);
}

#[test]
fn a_consent_that_nobody_has_checked_counts_nothing() {
    let mut world = World::main();
    let mallory = person(2).did;
    let create = Create::try_from(v1::DidCreate {
        document: Some(unregistered(1)),
        consent: consent(1, &unregistered(1)),
    })
    .unwrap();
    let refused = world.act(&mallory, &[&mallory], |state, env, signers| {
        create.apply(state, env, signers)
    });
    assert_eq!(refused.unwrap_err().code, code::DID_CONSENT_INVALID);
}

// A key that the account no longer follows must not take the identifier back.
#[test]
fn a_key_without_weight_consents_to_nothing() {
    let mut world = World::main();
    let (alice, phone) = (person(1), person(2));
    let mut account = starfire_state::Account::create(&alice.did.to_string());
    account.record.master_weight = 0;
    account.record.signers = vec![v1::SignerWeight {
        address: phone.did.to_string(),
        weight: 1,
    }];
    account.save(&mut world.state);
    let agreed = consent(1, &unregistered(1));
    let mallory = person(3).did;
    let refused = world.create_with(&mallory, &[&mallory], &unregistered(1), agreed);
    assert_eq!(refused.unwrap_err().code, code::DID_CONSENT_INVALID);
    let keys = [&mallory, &phone.did];
    world
        .create_with(&mallory, &keys, &unregistered(1), Vec::new())
        .unwrap();
}

#[test]
fn controllers_agree_to_what_others_register() {
    let mut world = World::main();
    let (one, two, mallory) = (person(1).did, person(2).did, person(9).did);
    let mut shared = unregistered(3);
    shared.controller = vec![one.to_string(), two.to_string()];
    shared.controller_threshold = 2;
    let agreed = consent(3, &shared);
    let mut create =
        |sender: &Did, keys: &[&Did]| world.create_with(sender, keys, &shared, agreed.clone());
    let stranger = create(&mallory, &[&mallory]).unwrap_err();
    assert_eq!(stranger.code, code::DID_NOT_CONTROLLER);
    let alone = create(&one, &[&one]).unwrap_err();
    assert_eq!(alone.code, code::DID_CONTROLLERS_TOO_FEW);
    create(&mallory, &[&mallory, &one, &two]).unwrap();
}

// A document may say from the start that other keys act than the one that its identifier derives from.
#[test]
fn the_account_follows_the_first_document() {
    let mut world = World::main();
    let (alice, phone, stranger) = (person(1), person(2), person(9));
    let mut document = unregistered(1);
    let mut method = unregistered(2).verification_method.remove(0);
    method.id = format!("{}#phone", alice.did);
    method.controller = alice.did.to_string();
    document.authentication = vec![method.id.clone()];
    document.verification_method.push(method);
    world.create(&alice.did, &document).unwrap();
    let acts = |key: &Did| {
        policy::keys_weigh_enough(&world.state, &alice.did.to_string(), &[&key.to_string()])
    };
    assert!(acts(&phone.did) && !acts(&alice.did) && !acts(&stranger.did));
}

#[test]
fn a_chain_may_keep_creation_to_its_members() {
    let mut world = World::main();
    world.did_creation = v1::DidCreation::Members;
    let (alice, member) = (person(1).did, person(2).did);
    let refused = world.create(&alice, &unregistered(1)).unwrap_err();
    assert_eq!(refused.code, code::DID_CREATION_RESTRICTED);
    let record = v1::MemberRecord {
        address: member.to_string(),
        ..v1::MemberRecord::default()
    };
    world
        .state
        .put_record(key::member(&member.to_string()), &record);
    world
        .create_with(&alice, &[&alice, &member], &unregistered(1), Vec::new())
        .unwrap();
    // The ledger tells whether the sender is one.
    let create = Create::try_from(v1::DidCreate {
        document: Some(unregistered(2)),
        ..v1::DidCreate::default()
    })
    .unwrap();
    let mut env = world.env(member);
    env.member = Some(record);
    create.apply(&mut world.state, &env, &[]).unwrap();
}

#[test]
fn an_identifier_belongs_to_one_chain() {
    let alice = person(1);
    let abroad = Did::derive(&alice.key, Some(&ChainCode::parse("byo1").unwrap()));
    let mut main = World::main();
    let mut sub = World::sub_chain("byo1");
    let wrong = main
        .create(&abroad, &least(&abroad, &alice.key))
        .unwrap_err();
    assert_eq!(wrong.code, code::DID_WRONG_CHAIN);
    let wrong = sub.create(&alice.did, &unregistered(1)).unwrap_err();
    assert_eq!(wrong.code, code::DID_WRONG_CHAIN);
    sub.create(&abroad, &least(&abroad, &alice.key)).unwrap();
}

#[test]
fn an_identifier_is_registered_once_even_after_its_end() {
    let alice = person(1);
    let mut world = World::with(&alice);
    let again = world.create(&alice.did, &unregistered(1));
    assert_eq!(again.unwrap_err().code, code::DID_EXISTS);
    world.deactivate(&alice.did, &alice.did, 1).unwrap();
    let again = world.create(&alice.did, &unregistered(1));
    assert_eq!(again.unwrap_err().code, code::DID_EXISTS);
}

#[test]
fn what_is_no_document_is_refused() {
    assert_eq!(
        Create::try_from(v1::DidCreate::default()).unwrap_err().code,
        code::DID_DOCUMENT_INVALID
    );
}
