//! Calls as BIF's SDKs write them.

use serde_json::json;
use starfire_proto::v1;
use starfire_state::account::Account;

use super::*;
use crate::bid_view;
use crate::document::Document;
use crate::fixture::{Person, World, person};
use crate::id::Did;

fn input(method: &str, params: Value) -> String {
    json!({ "method": method, "params": params }).to_string()
}

fn send(world: &mut World, sender: &Did, method: &str, params: Value) -> Result<(), Rejection> {
    let call = Call::parse(Contract::Ddo, 0, &input(method, params))?;
    world.act(sender, &[sender], |state, env, signers| {
        call.apply(state, env, signers, false)
    })
}

fn bid(person: &Person) -> Value {
    let document = Document::for_key(&person.did, &person.key);
    bid_view::document(&document, &v1::DidRecord::default())
}

/// The code and the beginning of the detail.
fn refused(result: Result<(), Rejection>) -> (&'static str, String) {
    let rejection = result.unwrap_err();
    (
        rejection.code.name,
        rejection.detail.chars().take(5).collect(),
    )
}

fn ask(world: &World, params: Value) -> Result<Value, Rejection> {
    query(&world.state, DDO_JAVA, &input("queryBid", params))
}

/// Alice's document with a spare key, which may recover it.
fn with_spare(alice: &Person, spare: &Person) -> Value {
    let mut document = bid(alice);
    let id = format!("{}#key-2", alice.did);
    let mut key = document["publicKey"][0].clone();
    key["id"] = json!(id);
    key["publicKeyHex"] = json!(spare.key.to_string());
    document["publicKey"].as_array_mut().unwrap().push(key);
    document["extension"]["recovery"] = json!([id]);
    document
}

#[test]
fn a_document_is_created_by_its_own_key_updated_and_read_back() {
    for method in ["creation", "create"] {
        let (alice, mallory) = (person(1), person(2));
        let mut world = World::main().of_bif_profile();
        let params = json!({ "document": bid(&alice) });
        let squatter = send(&mut world, &mallory.did, method, params.clone());
        assert_eq!(refused(squatter), ("DID_NOT_DERIVED", "10707".into()));
        send(&mut world, &alice.did, method, params.clone()).unwrap();
        assert_eq!(world.told(), ["did.created"]);
        let again = send(&mut world, &alice.did, method, params);
        assert_eq!(refused(again), ("DID_EXISTS", "10703".into()));

        let mut document = ask(&world, json!({ "id": alice.did.to_string() })).unwrap();
        assert_eq!(document["publicKey"], bid(&alice)["publicKey"]);
        document["service"] = json!([{
            "id": format!("{}#web", alice.did), "type": "LinkedDomains", "serviceEndpoint": "https://a.cn/",
        }]);
        let params = json!({ "document": document });
        let stranger = send(&mut world, &mallory.did, "update", params.clone());
        assert_eq!(refused(stranger), ("DID_NOT_CONTROLLER", "10707".into()));
        send(&mut world, &alice.did, "update", params).unwrap();
        assert_eq!(world.version(&alice.did), 2);
    }
}

#[test]
fn forms_of_earlier_sdks_are_for_chains_of_bifs_profile() {
    let alice = person(1);
    let mut resolver = bid(&alice);
    resolver["service"] = json!([{
        "id": format!("{}#resolve", alice.did), "type": "DIDSubResolve", "version": "1.0.0",
        "serverType": 0, "protocol": 3, "serviceEndpoint": "a.cn",
    }]);
    for (method, document) in [("creation", bid(&alice)), ("create", resolver)] {
        let params = json!({ "document": document });
        let mut world = World::main();
        let elsewhere = send(&mut world, &alice.did, method, params.clone());
        assert_eq!(elsewhere.unwrap_err().code, code::CONTRACT_LEGACY_FORM);
        let mut world = World::main().of_bif_profile();
        send(&mut world, &alice.did, method, params).unwrap();
    }
}

#[test]
fn an_update_neither_changes_keys_nor_creates() {
    let (alice, spare) = (person(1), person(2));
    let mut world = World::with(&alice);
    let params = json!({ "document": with_spare(&alice, &spare) });
    let keys = send(&mut world, &alice.did, "update", params);
    assert_eq!(keys.unwrap_err().code, code::DID_KEYS_CHANGE_BY_ROTATE);
    let absent = send(
        &mut world,
        &spare.did,
        "update",
        json!({ "document": bid(&spare) }),
    );
    assert_eq!(refused(absent), ("DID_NOT_FOUND", "10706".into()));
}

#[test]
fn documents_that_are_none_have_bifs_numbers() {
    let alice = person(1);
    let mut world = World::main();
    let mut refuse = |change: fn(&mut Value)| {
        let mut document = bid(&alice);
        change(&mut document);
        let params = json!({ "document": document });
        refused(send(&mut world, &alice.did, "create", params)).1
    };
    assert_eq!(refuse(|d| d["id"] = Value::Null), "10700");
    assert_eq!(refuse(|d| d["@context"] = Value::Null), "10700");
    assert_eq!(refuse(|d| d["id"] = json!("did:bid:x")), "10702");
    assert_eq!(refuse(|d| d["authentication"] = json!([])), "10704");
    // As the SDK's own example has it: without a key nobody could act for it.
    let minimal = json!({ "document": {
        "@context": ["https://www.w3.org/ns/did/v1"], "id": alice.did.to_string(), "version": "1",
    } });
    let minimal = send(&mut world, &alice.did, "create", minimal);
    assert_eq!(refused(minimal), ("DID_DOCUMENT_INVALID", "10704".into()));
}

#[test]
fn guardians_give_a_document_back_at_once() {
    let (alice, spare, mallory) = (person(1), person(2), person(3));
    let mut world = World::main();
    let params = json!({ "document": with_spare(&alice, &spare) });
    send(&mut world, &alice.did, "create", params).unwrap();
    let id = |key: &str| format!("{}#{key}", alice.did);
    let to = |key: &str| json!({ "id": alice.did.to_string(), "authentication": [id(key)] });
    let mut re_auth = |sender: &Person, params| send(&mut world, &sender.did, "reAuth", params);
    let stranger = re_auth(&mallory, to("key-2"));
    assert_eq!(refused(stranger), ("DID_NOT_GUARDIAN", "10710".into()));
    let no_key = re_auth(&spare, to("key-9"));
    assert_eq!(refused(no_key), ("DID_DOCUMENT_INVALID", "10708".into()));
    let none = json!({ "id": alice.did.to_string(), "authentication": [] });
    assert_eq!(refused(re_auth(&spare, none)).1, "10704");
    re_auth(&spare, to("key-2")).unwrap();
    let document = world.document(&alice.did);
    assert_eq!(document.authentication, [id("key-2")]);
    assert_eq!(document.assertion_method, [id("key-2")]);
    assert_eq!(document.verification_method.len(), 1);
}

#[test]
fn the_did_itself_rotates_by_the_same_method() {
    let (alice, spare) = (person(1), person(2));
    let mut world = World::main();
    let params = json!({ "document": with_spare(&alice, &spare) });
    send(&mut world, &alice.did, "create", params).unwrap();
    let id = format!("{}#key-2", alice.did);
    let params = json!({ "id": alice.did.to_string(), "authentication": [id] });
    send(&mut world, &alice.did, "reAuth", params).unwrap();
    assert_eq!(world.told(), ["did.rotated"]);
    assert_eq!(world.document(&alice.did).authentication, [id]);
}

#[test]
fn a_recovery_is_refused_without_guardians_or_with_a_delay() {
    let (alice, spare) = (person(1), person(2));
    let mut world = World::with(&alice);
    let params = json!({
        "id": alice.did.to_string(), "authentication": [format!("{}#key-1", alice.did)],
    });
    let nobody = send(&mut world, &spare.did, "reAuth", params.clone());
    assert_eq!(refused(nobody), ("DID_NO_GUARDIANS", "10709".into()));
    let mut document = world.document(&alice.did);
    document.recovery = Some(v1::DidRecovery {
        guardian: vec![spare.did.to_string()],
        delay_ms: 1_000,
        ..v1::DidRecovery::default()
    });
    world.update(&alice.did, 1, &document).unwrap();
    let delayed = send(&mut world, &spare.did, "reAuth", params);
    assert_eq!(delayed.unwrap_err().code, code::DID_RECOVERY_DELAYED);
}

#[test]
fn keys_that_may_only_pay_change_no_document() {
    let (alice, phone) = (person(1), person(2));
    let mut world = World::with(&alice);
    let address = alice.did.to_string();
    let mut account = Account::load(&world.state, &address).unwrap();
    account.record.tx_threshold = 1;
    account.record.type_thresholds = vec![v1::TypeThreshold {
        r#type: starfire_proto::protocol::operation::Type::DidUpdate.into(),
        threshold: 2,
    }];
    account.record.signers = vec![v1::SignerWeight {
        address: phone.did.to_string(),
        weight: 1,
    }];
    account.save(&mut world.state);
    let call = input("update", json!({ "document": bid(&alice) }));
    let mut with = |keys: &[&Did]| {
        let call = Call::parse(Contract::Ddo, 0, &call).unwrap();
        world.act(&alice.did, keys, |state, env, signers| {
            call.apply(state, env, signers, false)
        })
    };
    let alone = with(&[&alice.did]).unwrap_err();
    assert_eq!(alone.code, code::CONTRACT_CALL_UNDERSIGNED);
    with(&[&alice.did, &phone.did]).unwrap();
}

#[test]
fn what_is_no_call_is_refused() {
    let parse = |amount, input: &str| Call::parse(Contract::Ddo, amount, input).unwrap_err();
    let deep = format!("{}{}", "[".repeat(20), "]".repeat(20));
    let long = format!("\"{}\"", "x".repeat(INPUT_BYTES_MAX));
    let good = input("create", json!({ "document": bid(&person(1)) }));
    for text in [
        "",
        "{}",
        "[]",
        r#"{"method":"update"}"#,
        r#"{"method":"update","params":{},"more":1}"#,
        r#"{"method":"update","method":"update","params":{}}"#,
        r#"{"method":"update","params":{}}"#,
        &good.replacen("\"params\":{", "\"params\":{\"more\":1,", 1),
        &deep,
        &long,
    ] {
        assert_eq!(parse(0, text).code, code::CONTRACT_CALL_INVALID, "{text}");
    }
    assert_eq!(parse(1, &good).code, code::CONTRACT_CALL_INVALID);
    let world = World::main();
    let nowhere = query(&world.state, "did:bid:x", &good).unwrap_err();
    assert_eq!(nowhere.code, code::CONTRACT_CALL_INVALID);
}

#[test]
fn questions_and_changes_do_not_mix() {
    let world = World::main();
    for (contract, address, changes, questions) in [
        (
            Contract::Ddo,
            DDO_TYPESCRIPT,
            &["creation", "create", "update", "reAuth", "revoke"][..],
            &["queryBid", "updateBaseInfo"][..],
        ),
        (
            Contract::Tds,
            TDS,
            &["issuerApply", "approveTemplate", "revoke", "queryBid"],
            &["queryIssuer", "queryTemplate", "updateManagers"],
        ),
    ] {
        assert_eq!(Contract::at(address), Some(contract));
        for method in changes {
            let asked = query(&world.state, address, &input(method, json!({}))).unwrap_err();
            assert_eq!(asked.code, code::CONTRACT_METHOD_UNKNOWN, "{method}");
        }
        for method in questions {
            let sent = Call::parse(contract, 0, &input(method, json!({}))).unwrap_err();
            assert_eq!(sent.code, code::CONTRACT_METHOD_UNKNOWN, "{method}");
        }
    }
}

#[test]
fn a_document_that_has_ended_is_not_found() {
    let alice = person(1);
    let mut world = World::with(&alice);
    world.deactivate(&alice.did, &alice.did, 1).unwrap();
    let ended = ask(&world, json!({ "id": alice.did.to_string() })).unwrap_err();
    assert_eq!(ended.code, code::DID_DEACTIVATED);
    assert!(ended.detail.starts_with("10706 "));
    for (params, number) in [(json!({}), "10700 "), (json!({ "id": "x" }), "10702 ")] {
        assert!(ask(&world, params).unwrap_err().detail.starts_with(number));
    }
}
