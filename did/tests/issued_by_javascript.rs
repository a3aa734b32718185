//! Credentials that published JavaScript libraries issued, as `tests/clients/credentials/make_vectors.mjs` kept them: each holds by the
//! issuer's key, says what it was made to say, and fails when a single character of it is altered.

use serde_json::{Value, json};
use starfire_did::credential::bitstring::{Entry, StatusList};
use starfire_did::credential::integrity;
use starfire_did::credential::parsed::Parsed;
use starfire_did::credential::presentation;
use starfire_did::jose::{vc_jwt, vp_jwt};
use starfire_did::sd_jwt::{self, key_binding};
use starfire_did::{Did, VerificationKey};

fn vectors(name: &str) -> Value {
    let text = match name {
        "data-integrity" => include_str!("../../tests/vectors/credentials/data-integrity.json"),
        "status" => include_str!("../../tests/vectors/credentials/status.json"),
        "jwt" => include_str!("../../tests/vectors/credentials/jwt.json"),
        _ => include_str!("../../tests/vectors/credentials/sd-jwt.json"),
    };
    serde_json::from_str(text).expect("the vectors are JSON")
}

fn cases<'a>(vectors: &'a Value, name: &str) -> &'a Vec<Value> {
    vectors[name].as_array().expect("cases")
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().expect("a text")
}

/// The key that a method names: of a did:key in its name, of a did:bid in its document.
fn key(method: &str, documents: &Value) -> VerificationKey {
    let (did, fragment) = method.split_once('#').expect("a URL of a key");
    let multikey = if did.starts_with("did:key:") {
        fragment
    } else {
        cases(&documents[did], "verificationMethod")
            .iter()
            .find(|entry| entry["id"] == method)
            .map(|entry| text(entry, "publicKeyMultibase"))
            .expect("a key of the document")
    };
    VerificationKey::from_multikey(multikey).expect("a key")
}

fn jwk(case: &Value) -> VerificationKey {
    VerificationKey::from_jwk(&case["jwk"]).expect("a key")
}

/// Whether every signature holds, and there is one.
fn holds(parsed: &Parsed, documents: &Value) -> bool {
    !parsed.signatures.is_empty()
        && parsed
            .signatures
            .iter()
            .all(|signed| signed.holds(&key(&signed.method, documents)))
}

/// A token with one character of one of its parts exchanged.
fn altered(token: &str, part: usize) -> String {
    let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    let middle = parts[part].len() / 2;
    let other = if parts[part].as_bytes()[middle] == b'A' {
        "B"
    } else {
        "A"
    };
    parts[part].replace_range(middle..=middle, other);
    parts.join(".")
}

#[test]
fn the_did_bid_of_a_javascript_key_is_ours() {
    let vectors = vectors("data-integrity");
    for party in ["issuer", "holder"] {
        let party = &vectors["parties"][party];
        let key = VerificationKey::from_jwk(&party["keys"][0]["jwk"]).expect("a key");
        assert_eq!(key.to_multikey(), text(&party["keys"][0], "multikey"));
        let account = key.account_key().expect("an Ed25519 key");
        assert_eq!(Did::derive(account, None).to_string(), text(party, "did"));
    }
}

#[test]
fn credentials_by_the_jcs_suites_hold_and_fail_when_altered() {
    let vectors = vectors("data-integrity");
    let documents = &vectors["documents"];
    let mut seen = 0;
    for case in cases(&vectors, "secured") {
        let (name, document) = (text(case, "name"), &case["document"]);
        if name.starts_with("presentation") || !text(case, "suite").contains("jcs") {
            continue;
        }
        let parsed = integrity::credential(document.clone(), None).expect(name);
        assert!(holds(&parsed, documents), "{name}");
        assert_eq!(json!(parsed.issuer), document["issuer"], "{name}");
        for (pointer, value) in [
            ("/credentialSubject/weight", json!(1250.6)),
            ("/validFrom", json!("2026-01-01T00:00:01Z")),
            ("/proof/created", json!("2026-01-02T03:04:06Z")),
        ] {
            let mut document = document.clone();
            *document.pointer_mut(pointer).expect("a field of it") = value;
            let parsed = integrity::credential(document, None);
            assert!(
                !parsed.is_ok_and(|parsed| holds(&parsed, documents)),
                "{name}: {pointer}"
            );
        }
        seen += 1;
    }
    assert_eq!(seen, 3);
}

#[test]
fn presentations_by_the_jcs_suites_hold_and_answer_their_challenge() {
    let vectors = vectors("data-integrity");
    let documents = &vectors["documents"];
    let mut seen = 0;
    for case in cases(&vectors, "secured") {
        let (name, document) = (text(case, "name"), &case["document"]);
        if !name.starts_with("presentation") || !text(case, "suite").contains("jcs") {
            continue;
        }
        let shown = presentation::read(document.clone(), None).expect(name);
        let [proof] = shown.proofs.as_slice() else {
            panic!("{name}: one proof");
        };
        let signed = &proof.signed;
        assert!(signed.holds(&key(&signed.method, documents)), "{name}");
        assert_eq!(proof.challenge.as_deref(), case["challenge"].as_str());
        assert_eq!(json!(proof.domain), json!([case["domain"]]));

        let mut replayed = document.clone();
        replayed["proof"]["challenge"] = json!("another");
        let shown = presentation::read(replayed, None).expect(name);
        let signed = &shown.proofs[0].signed;
        assert!(!signed.holds(&key(&signed.method, documents)), "{name}");
        seen += 1;
    }
    assert_eq!(seen, 3);
}

#[test]
fn a_status_list_of_javascript_says_who_is_revoked() {
    let vectors = vectors("status");
    // The list is signed over RDF, which another crate checks; here it is read.
    let list = integrity::credential(vectors["statusList"].clone(), None).expect("a credential");
    let list = StatusList::parse(&list).expect("a status list");
    for case in cases(&vectors, "credentials") {
        let parsed = integrity::credential(case["document"].clone(), None).expect("a credential");
        assert!(holds(&parsed, &vectors["documents"]));
        assert_eq!(parsed.statuses.len(), 1);
        let entry = case["document"]["credentialStatus"].as_object();
        let entry = Entry::parse(entry.expect("an entry")).expect("an entry");
        assert_eq!(json!(list.status(&entry).expect("a bit")), case["revoked"]);
    }
}

#[test]
fn tokens_of_jose_hold_and_fail_when_altered() {
    let vectors = vectors("jwt");
    for case in cases(&vectors, "tokens") {
        let (name, token) = (text(case, "name"), text(case, "token"));
        let key = jwk(case);
        let presented = text(case, "typ") == "vp+jwt";
        let signed = |token: &str| {
            if presented {
                let shown = vp_jwt::parse(token).ok()?;
                Some(shown.proofs.into_iter().next().expect("a proof").signed)
            } else {
                let parsed = vc_jwt::parse(token).ok()?;
                assert!(parsed.signatures.len() == 1 && parsed.unsupported.is_empty());
                parsed.signatures.into_iter().next()
            }
        };
        let whole = signed(token).expect(name);
        assert!(whole.holds(&key), "{name}");
        assert_eq!(
            whole.method.split('#').next(),
            case["claims"]["holder"]
                .as_str()
                .filter(|_| presented)
                .or(case["claims"]["issuer"].as_str())
        );
        for part in 0..3 {
            let bad = signed(&altered(token, part));
            assert!(
                !bad.is_some_and(|bad| bad.holds(&key)),
                "{name}: part {part}"
            );
        }
    }
}

#[test]
fn sd_jwt_vcs_hold_with_all_disclosures_and_with_some() {
    let vectors = vectors("sd-jwt");
    for case in cases(&vectors, "selective") {
        let (name, key) = (text(case, "name"), jwk(case));
        let whole = sd_jwt::decode(text(case, "token")).expect(name);
        assert!(whole.holds(&key), "{name}");
        assert_eq!(json!(whole.claims()), case["claims"], "{name}");

        let shown = sd_jwt::decode(text(case, "presentation")).expect(name);
        assert!(shown.holds(&key), "{name}");
        assert_eq!(json!(shown.claims()), case["shown"], "{name}");
        assert_eq!(shown.claims()["categories"], json!(["B"]), "{name}");

        let bound = &case["keyBinding"];
        let expected = key_binding::Expected {
            nonce: text(bound, "nonce"),
            audience: text(bound, "aud"),
            now_ms: bound["iat"].as_i64().expect("a time") * 1000,
            clock_skew_ms: 0,
        };
        key_binding::check(&shown, &expected).expect(name);
        let other = key_binding::Expected {
            nonce: "another",
            ..expected
        };
        assert!(key_binding::check(&shown, &other).is_err(), "{name}");
    }
}

#[test]
fn an_sd_jwt_vc_fails_when_a_disclosure_is_taken_out_or_exchanged() {
    let vectors = vectors("sd-jwt");
    for case in cases(&vectors, "selective") {
        let (name, shown) = (text(case, "name"), text(case, "presentation"));
        let parts: Vec<&str> = shown.split('~').collect();
        // Without its first disclosure the key binding is over something else.
        let fewer = [&parts[..1], &parts[2..]].concat().join("~");
        assert!(sd_jwt::decode(&fewer).is_err(), "{name}");
        let swapped = shown.replacen(parts[1], "WyJzYWx0IiwiZ2l2ZW5fbmFtZSIsIkV2ZSJd", 1);
        assert!(sd_jwt::decode(&swapped).is_err(), "{name}");
        let forged = altered(shown, 1);
        let holds = sd_jwt::decode(&forged).is_ok_and(|token| token.holds(&jwk(case)));
        assert!(!holds, "{name}");
    }
}
