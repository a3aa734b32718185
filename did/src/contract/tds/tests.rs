//! The rules that a story does not show; the stories are in `tests/golden/contract`.

use super::*;
use crate::contract::{self, Contract};
use crate::fixture::{World, person};

fn send(world: &mut World, number: u8, method: &str, params: Value) -> Result<(), Rejection> {
    let input = json!({ "method": method, "params": params }).to_string();
    let call = contract::Call::parse(Contract::Tds, 0, &input)?;
    let sender = person(number).did;
    world.act(&sender, &[&sender], |state, env, signers| {
        call.apply(state, env, signers, false)
    })
}

fn company() -> Value {
    json!({ "endpoint": "https://a.cn", "companyName": "A", "publicKey": person(1).key.to_string() })
}

#[test]
fn a_revocation_is_the_issuers_own_and_final() {
    let mut world = World::main();
    let params = json!({ "credentialId": "vc-1", "reason": "lost" });
    send(&mut world, 1, "revoke", params.clone()).unwrap();
    let found = revoked(&world.state, &person(1).did, "vc-1").unwrap();
    assert_eq!((found.reason.as_str(), found.time_ms), ("lost", 1_000_000));
    assert_eq!(revoked(&world.state, &person(2).did, "vc-1"), None);
    assert_eq!(revoked(&world.state, &person(1).did, "vc-2"), None);
    let again = send(&mut world, 1, "revoke", params).unwrap_err();
    assert_eq!(again.code, code::CREDENTIAL_REVOCATION_EXISTS);
}

#[test]
fn an_applicant_has_a_document_with_its_key() {
    let mut world = World::main();
    let absent = send(&mut world, 1, "issuerApply", company()).unwrap_err();
    assert_eq!(absent.code, code::DID_NOT_FOUND);
    let mut world = World::with(&person(1));
    let mut params = company();
    params["publicKey"] = json!(person(2).key.to_string());
    let foreign = send(&mut world, 1, "issuerApply", params).unwrap_err();
    assert_eq!(foreign.code, code::CONTRACT_CALL_INVALID);
    send(&mut world, 1, "issuerApply", company()).unwrap();
    let found = issuer(&world.state, &person(1).did).unwrap();
    assert_eq!(found.number, NUMBER_BASE + 1);
    let twice = send(&mut world, 1, "issuerApply", company()).unwrap_err();
    assert_eq!(twice.code, code::TRUST_APPLICATION_EXISTS);
}

#[test]
fn no_fraction_reaches_state() {
    let mut world = World::with(&person(1));
    send(&mut world, 1, "issuerApply", company()).unwrap();
    let template = |format: &str| {
        let input = format!(
            r#"{{"method":"templateApply","params":{{"templateId":"t","vcFormat":{format}}}}}"#
        );
        contract::Call::parse(Contract::Tds, 0, &input).map_err(|refused| refused.detail)
    };
    for fraction in ["1.5", "1.0", "1e2", "[{\"a\":0.1}]", "-0.0"] {
        let refused = template(fraction).unwrap_err();
        assert!(
            refused.contains("numbers are integers"),
            "{fraction}: {refused}"
        );
    }
    let integer = template("[1]").err().unwrap_or_default();
    assert!(!integer.contains("numbers are integers"), "{integer}");
}

#[test]
fn issuers_apply_on_the_main_chain_alone() {
    let mut world = World::sub_chain("by01");
    let abroad = send(&mut world, 1, "issuerApply", company()).unwrap_err();
    assert_eq!(abroad.code, code::ONLY_ON_MAIN_CHAIN);
    send(&mut world, 1, "revoke", json!({ "credentialId": "vc-1" })).unwrap();
}

#[test]
fn texts_have_bounds() {
    let mut world = World::with(&person(1));
    let long = "x".repeat(TEXT_BYTES_MAX + 1);
    for (method, params) in [
        ("revoke", json!({ "credentialId": long })),
        ("revoke", json!({ "credentialId": "" })),
        ("revoke", json!({ "credentialId": "a", "reason": long })),
        ("revoke", json!({ "credentialId": 1 })),
        (
            "approveIssuer",
            json!({ "applyNo": "10000001", "status": "2" }),
        ),
        ("approveIssuer", json!({ "status": "1" })),
        (
            "templateApply",
            json!({ "templateId": "t", "templateName": "T" }),
        ),
    ] {
        let refused = send(&mut world, 1, method, params).unwrap_err();
        assert_eq!(refused.code, code::CONTRACT_CALL_INVALID, "{method}");
    }
}
