//! What we issue, checked by @digitalbazaar/vc, jose, @sd-jwt/sd-jwt-vc and @digitalbazaar/vc-bitstring-status-list.

use serde_json::{Map, Value, json};
use starfire_did::SigningKey;
use starfire_did::credential::bitstring::{self, StatusList};
use starfire_did::credential::integrity::{self, Options, Suite};
use starfire_did::credential::presentation;
use starfire_did::jose::{vc_jwt, vp_jwt};
use starfire_did::sd_jwt::{self, Conceal, key_binding};

use super::scripts::{Desk, run};
use super::{NOW_MS, Party, rdfc, unsigned};

const W3C_SUITES: [Suite; 4] = [
    Suite::EddsaJcs2022,
    Suite::EcdsaJcs2019,
    Suite::EddsaRdfc2022,
    Suite::EcdsaRdfc2019,
];

fn documents(parties: &[&Party]) -> Value {
    let entries = parties
        .iter()
        .map(|party| (party.did.clone(), party.document()));
    Value::Object(entries.collect())
}

fn key_of(party: &Party, suite: Suite) -> &SigningKey {
    match suite {
        Suite::EddsaJcs2022 | Suite::EddsaRdfc2022 => &party.ed25519,
        Suite::EcdsaJcs2019 | Suite::EcdsaRdfc2019 => &party.p256,
        Suite::Sm2Jcs2026 => panic!("no library but ours has SM2"),
    }
}

fn object(value: Value) -> Map<String, Value> {
    let Value::Object(object) = value else {
        panic!("{value} is no object");
    };
    object
}

fn accepted(verdict: &Value) -> bool {
    if verdict["verified"] == json!(true) {
        assert!(verdict["error"].is_null(), "{verdict}");
        return true;
    }
    assert!(verdict["error"].is_string(), "{verdict}");
    false
}

#[test]
fn credentials_by_each_suite_verify_and_fail_when_altered() {
    let (issuer, holder) = (Party::new(1), Party::new(2));
    let desk = Desk::new();
    let documents = desk.file("documents", documents(&[&issuer]));
    for suite in W3C_SUITES {
        let key = key_of(&issuer, suite);
        let options = Options::assertion(suite, issuer.method(key), NOW_MS);
        let credential =
            integrity::issue(unsigned(&issuer, &holder), &options, key, Some(&rdfc)).unwrap();
        let verdict = run(
            "verify.mjs",
            &[&desk.file("credential", &credential), &documents],
        );
        assert!(accepted(&verdict), "{}: {verdict}", suite.name());

        let mut altered = credential;
        altered["credentialSubject"]["exporter"]["name"] = json!("另一家公司");
        let verdict = run("verify.mjs", &[&desk.file("altered", &altered), &documents]);
        assert!(!accepted(&verdict), "{}", suite.name());
    }
}

#[test]
fn presentations_verify_for_their_challenge_and_no_other() {
    let (issuer, holder) = (Party::new(1), Party::new(2));
    let desk = Desk::new();
    let documents = desk.file("documents", documents(&[&issuer, &holder]));
    for suite in W3C_SUITES {
        let key = key_of(&issuer, suite);
        let options = Options::assertion(suite, issuer.method(key), NOW_MS);
        let credential =
            integrity::issue(unsigned(&issuer, &holder), &options, key, Some(&rdfc)).unwrap();
        let key = key_of(&holder, suite);
        let options =
            Options::authentication(suite, holder.method(key), NOW_MS, "c-1", "verifier.example");
        let shown = presentation::unsigned(&holder.did, &[credential]);
        let shown = presentation::create(shown, &options, key, Some(&rdfc)).unwrap();
        let file = desk.file("presentation", shown);
        for (challenge, expected) in [("c-1", true), ("c-2", false)] {
            let (file, documents) = (file.to_str().unwrap(), documents.to_str().unwrap());
            let verdict = run(
                "verify.mjs",
                &[file, documents, challenge, "verifier.example"],
            );
            assert_eq!(accepted(&verdict), expected, "{}: {verdict}", suite.name());
        }
    }
}

#[test]
fn tokens_verify_with_jose_and_fail_when_altered() {
    let (issuer, holder) = (Party::new(1), Party::new(2));
    let desk = Desk::new();
    for key in [&issuer.ed25519, &issuer.p256] {
        let claims = object(unsigned(&issuer, &holder));
        let token =
            vc_jwt::issue(&claims, &issuer.method(key), vc_jwt::Times::default(), key).unwrap();
        let jwk = desk.file("jwk", key.verification_key().to_jwk());
        let command = |token: &str| {
            let file = desk.file("token", token);
            let (file, jwk) = (file.to_str().unwrap(), jwk.to_str().unwrap());
            run("jwt.mjs", &["verify", file, jwk])
        };
        let verdict = command(&token);
        assert!(accepted(&verdict), "{verdict}");
        assert_eq!(verdict["claims"], Value::Object(claims));
        let (head, signature) = token.rsplit_once('.').unwrap();
        let (header, _) = head.split_once('.').unwrap();
        assert!(!accepted(&command(&format!("{header}.e30.{signature}"))));
    }
}

#[test]
fn presentations_as_tokens_verify_with_jose() {
    let (issuer, holder) = (Party::new(1), Party::new(2));
    let desk = Desk::new();
    for key in [&holder.ed25519, &holder.p256] {
        let claims = object(unsigned(&issuer, &holder));
        let method = issuer.method(&issuer.ed25519);
        let credential =
            vc_jwt::issue(&claims, &method, vc_jwt::Times::default(), &issuer.ed25519).unwrap();
        let enveloped = json!({
            "@context": "https://www.w3.org/ns/credentials/v2",
            "id": format!("data:application/vc+jwt,{credential}"),
            "type": "EnvelopedVerifiableCredential"
        });
        let shown = object(presentation::unsigned(&holder.did, &[enveloped]));
        let answer = vp_jwt::Answer {
            nonce: Some("c-1"),
            audience: Some("verifier.example"),
            ..vp_jwt::Answer::default()
        };
        let token = vp_jwt::present(&shown, &holder.method(key), answer, key).unwrap();
        let file = desk.file("token", token);
        let jwk = desk.file("jwk", key.verification_key().to_jwk());
        let (file, jwk) = (file.to_str().unwrap(), jwk.to_str().unwrap());
        let verdict = run("jwt.mjs", &["verify", file, jwk, "vp+jwt"]);
        assert!(accepted(&verdict), "{verdict}");
        assert_eq!(verdict["claims"]["nonce"], "c-1");
    }
}

#[test]
fn sd_jwt_vcs_verify_with_key_binding_and_fail_for_another_nonce() {
    let (issuer, holder) = (Party::new(1), Party::new(2));
    let desk = Desk::new();
    for (key, bound) in [
        (&issuer.ed25519, &holder.ed25519),
        (&issuer.p256, &holder.p256),
    ] {
        let claims = object(json!({
            "iss": issuer.did,
            "iat": NOW_MS / 1000,
            "vct": "https://credentials.example/driving_licence",
            "cnf": {"jwk": bound.verification_key().to_jwk()},
            "given_name": "小明",
            "address": {"locality": "厦门", "country": "CN"},
            "categories": ["B", "C1"]
        }));
        let conceal = Conceal {
            hidden: &[
                "/given_name",
                "/address",
                "/address/locality",
                "/categories/0",
                "/categories/1",
            ],
            decoys: &[("", 2)],
        };
        let mut count = 0;
        let mut salt = || {
            count += 1;
            [count; sd_jwt::SALT_BYTES]
        };
        let token =
            sd_jwt::vc::issue(&claims, &issuer.method(key), conceal, key, &mut salt).unwrap();
        let token = sd_jwt::decode(&token).unwrap();
        let shown = token
            .present(&["/address/locality", "/categories/1"])
            .unwrap();
        let shown =
            key_binding::bind(&shown, "n-1", "https://verifier.example", NOW_MS, bound).unwrap();

        let jwk = desk.file("jwk", key.verification_key().to_jwk());
        let verify = |token: &str, nonce: &str| {
            let file = desk.file("token", token);
            let (file, jwk) = (file.to_str().unwrap(), jwk.to_str().unwrap());
            run("sd-jwt.mjs", &["verify", file, jwk, nonce])
        };
        let verdict = verify(&shown, "n-1");
        assert!(accepted(&verdict), "{verdict}");
        assert_eq!(
            verdict["claims"]["address"],
            json!({"locality": "厦门", "country": "CN"})
        );
        assert_eq!(verdict["claims"]["categories"], json!(["C1"]));
        assert!(verdict["claims"]["given_name"].is_null());
        assert!(!accepted(&verify(&shown, "n-2")));
        // Without one of its disclosures, the holder's proof is over something else.
        let parts: Vec<&str> = shown.split('~').collect();
        let fewer = [&parts[..1], &parts[2..]].concat().join("~");
        assert!(!accepted(&verify(&fewer, "n-1")));
    }
}

#[test]
fn our_status_list_says_in_javascript_who_is_revoked() {
    let (issuer, holder) = (Party::new(1), Party::new(2));
    let desk = Desk::new();
    let url = "https://issuer.example/status/1";
    let options = |suite| Options::assertion(suite, issuer.method(&issuer.ed25519), NOW_MS);
    let mut bits = vec![0; usize::try_from(bitstring::ENTRIES_MIN / 8).unwrap()];
    bits[4242 / 8] = 0x80 >> (4242 % 8);
    let list = StatusList {
        id: Some(url.to_owned()),
        issuer: issuer.did.clone(),
        purposes: vec!["revocation".to_owned()],
        bits,
        ttl_ms: None,
        valid_from_ms: Some(NOW_MS),
    };
    let list = list.to_credential(url).unwrap();
    let list = integrity::issue(
        list,
        &options(Suite::EddsaRdfc2022),
        &issuer.ed25519,
        Some(&rdfc),
    )
    .unwrap();
    let mut known = documents(&[&issuer]);
    known[url] = list;
    let known = desk.file("documents", known);
    for (index, revoked) in [(4242, true), (4241, false), (4243, false)] {
        let mut credential = unsigned(&issuer, &holder);
        credential["credentialStatus"] = json!({
            "type": "BitstringStatusListEntry",
            "statusPurpose": "revocation",
            "statusListIndex": index.to_string(),
            "statusListCredential": url
        });
        let options = options(Suite::EddsaJcs2022);
        let credential = integrity::issue(credential, &options, &issuer.ed25519, None).unwrap();
        let verdict = run(
            "status.mjs",
            &[&desk.file("credential", &credential), &known],
        );
        assert!(accepted(&verdict), "{verdict}");
        assert_eq!(verdict["statuses"], json!([revoked]), "entry {index}");
    }
}
