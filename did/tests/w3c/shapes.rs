//! VC Data Model 2.0, and the entries of Bitstring Status List 1.0: what has which form, over `tests/vectors/credentials/w3c_shapes.json`.

use serde_json::{Value, json};
use starfire_did::credential::integrity::{self, Options};
use starfire_did::credential::{code, model, presentation};

use super::{NOW_MS, Signer};

fn cases() -> Value {
    let text = include_str!("../../../tests/vectors/credentials/w3c_shapes.json");
    serde_json::from_str(text).expect("the cases are JSON")
}

fn list<'a>(cases: &'a Value, name: &str) -> &'a [Value] {
    cases[name].as_array().expect("a list of cases")
}

/// What a case makes of a well-formed document.
fn changed(mut document: Value, case: &Value) -> Value {
    let members = document.as_object_mut().expect("an object");
    if let Some(set) = case["with"].as_object() {
        members.extend(set.clone());
    }
    for name in case["without"].as_array().into_iter().flatten() {
        let taken = members.remove(name.as_str().expect("a name"));
        assert!(taken.is_some(), "{case}: there is no such member");
    }
    document
}

/// The case's credential of this issuer.
fn credential(cases: &Value, case: &Value, signer: &Signer) -> Value {
    let mut claims = cases["credential"].clone();
    claims["issuer"] = json!(signer.did());
    if let Some(issuer) = case["issuer"].as_object() {
        let mut issuer = issuer.clone();
        issuer.insert("id".into(), json!(signer.did()));
        claims["issuer"] = Value::Object(issuer);
    }
    changed(claims, case)
}

#[test]
fn an_issuer_keeps_every_rule_of_form() {
    let cases = cases();
    for signer in Signer::all() {
        let options = Options::assertion(signer.suite, signer.method(), NOW_MS - 1000);
        for case in list(&cases, "credentials") {
            let claims = credential(&cases, case, &signer);
            let issued = integrity::issue(claims, &options, &signer.key, None);
            let found = issued.as_ref().err().map(|error| error.code);
            assert_eq!(found, case["code"].as_str(), "{}", case["rule"]);
        }
    }
}

#[test]
fn a_verifier_keeps_every_rule_of_form_whatever_was_signed() {
    let cases = cases();
    for signer in Signer::all() {
        let options = Options::assertion(signer.suite, signer.method(), NOW_MS - 1000);
        for case in list(&cases, "credentials") {
            let claims = credential(&cases, case, &signer);
            // Another issuer may sign anything: a proof is added without a look at the form.
            let secured = integrity::create(claims, &options, &signer.key, None).unwrap();
            let report = signer.judge(secured);
            let found = report.step(starfire_did::credential::report::StepName::Parsed);
            let found = found.and_then(|step| step.code());
            assert_eq!(found, case["code"].as_str(), "{}", case["rule"]);
        }
    }
}

#[test]
fn presentations_keep_every_rule_of_form() {
    let cases = cases();
    for signer in Signer::all() {
        for case in list(&cases, "presentations") {
            let document = changed(cases["presentation"].clone(), case);
            let found = model::presentation(&document).err().map(|error| error.code);
            assert_eq!(found, case["code"].as_str(), "{}", case["rule"]);

            let method = signer.method();
            let options = Options::authentication(signer.suite, method, NOW_MS, "c", "d");
            let created = presentation::create(document, &options, &signer.key, None);
            let read = created.and_then(|signed| presentation::read(signed, None));
            let found = read.err().map(|error| error.code);
            assert_eq!(found, case["code"].as_str(), "signed: {}", case["rule"]);
        }
    }
}

#[test]
fn what_is_no_credential_is_an_error() {
    let [signer, _] = Signer::all();
    let report = signer.judge(json!({ "type": ["NonconformingDocument"] }));
    assert_eq!(report.code(), Some(code::CONTEXT_INVALID));
    // §1.3: a credential is secured.
    let report = signer.judge(signer.claims());
    assert_eq!(report.code(), Some(code::PROOF_MISSING));
}
