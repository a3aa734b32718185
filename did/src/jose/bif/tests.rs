//! The vectors that the SDKs of BIF share, each refusal with its code, and what one changed bit does.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::key::{PrivateKey, PublicKey};
use crate::signing_key::SigningKey;

fn vectors() -> Value {
    serde_json::from_str(include_str!(
        "../../../../tests/vectors/bif_credentials.json"
    ))
    .unwrap()
}

fn keys(vectors: &Value, algorithm: &str) -> (VerificationKey, SigningKey) {
    let key = &vectors["keys"][algorithm];
    let public = PublicKey::parse(key["public_key"].as_str().unwrap()).unwrap();
    let private = PrivateKey::parse(key["private_key"].as_str().unwrap()).unwrap();
    (public.into(), private.into())
}

fn salts() -> impl FnMut() -> [u8; 16] {
    let mut next = 0;
    move || {
        next += 1;
        [next; 16]
    }
}

#[test]
fn the_published_credentials_hold_in_both_encodings() {
    let vectors = vectors();
    for vector in vectors["vectors"].as_array().unwrap() {
        let name = vector["name"].as_str().unwrap();
        let (algorithm, kind) = name.split_once('-').unwrap();
        let other = if algorithm == "SM2" { "ED25519" } else { "SM2" };
        for (wire, encoding) in [("hex_text", Encoding::HexText), ("raw", Encoding::Raw)] {
            let text = vector[wire].as_str().unwrap();
            assert!(is_bif(text));
            let credential = decode(text).unwrap();
            assert!(
                credential.holds(&keys(&vectors, algorithm).0),
                "{name} {wire}"
            );
            assert!(!credential.holds(&keys(&vectors, other).0), "{name} {wire}");
            assert_eq!(credential.encoding(), encoding);
            assert_eq!(
                credential.parse_type() == ParseType::Selective,
                kind == "selective"
            );
            assert_eq!(
                Value::Object(credential.claims().clone()),
                vector["credential"]
            );
        }
    }
}

#[test]
fn the_published_hash_is_that_of_value_and_salt() {
    assert_eq!(
        disclosure::hash(Algorithm::Sm2, "Alice Smith", "2026010100000001"),
        "782eb2d5ccc386acf5f8a6b21c8916ed729caabc9cb985d9736ffa2ac7e7e387"
    );
    assert_eq!(
        disclosure::hash(Algorithm::EdDsa, "Alice Smith", "2026010100000001"),
        "e7126f4487c148e096103c69888b99a9e2227920a101c3adccfe1339ff39be2d"
    );
}

#[test]
fn ed25519_credentials_are_made_to_the_published_byte() {
    let vectors = vectors();
    let direct = &vectors["vectors"][2];
    let key = keys(&vectors, "ED25519").1;
    let credential = direct["credential"].as_object().unwrap();
    for (wire, encoding) in [("hex_text", Encoding::HexText), ("raw", Encoding::Raw)] {
        let token =
            issue::issue(credential, ParseType::Direct, encoding, &key, &mut salts()).unwrap();
        assert_eq!(token, direct[wire].as_str().unwrap());
    }
}

#[test]
fn what_the_holder_leaves_out_does_not_break_the_signature() {
    let vectors = vectors();
    for (index, algorithm) in [(1, "SM2"), (3, "ED25519")] {
        let text = vectors["vectors"][index]["hex_text"].as_str().unwrap();
        let shown = decode(text).unwrap().present(&["name"]).unwrap();
        let shown = decode(&shown).unwrap();
        assert!(shown.holds(&keys(&vectors, algorithm).0));
        let subject = &shown.claims()["credentialSubject"];
        assert_eq!(subject["name"]["value"], "Alice Smith");
        assert_eq!(subject["age"].as_object().unwrap().len(), 1);
        assert_eq!(subject["id"], "did:bid:zfHolder00000042");
    }
    let direct = decode(vectors["vectors"][0]["raw"].as_str().unwrap()).unwrap();
    for name in ["name", "id", "nothing"] {
        assert_eq!(
            direct.present(&[name]).unwrap_err().code(),
            "BIF_CREDENTIAL_INVALID"
        );
    }
}

#[test]
fn what_is_made_is_read_and_says_the_same() {
    let vectors = vectors();
    let mut credential = vectors["vectors"][0]["credential"]
        .as_object()
        .unwrap()
        .clone();
    credential["credentialSubject"] = json!({
        "id": "did:bid:zfHolder00000042", "age": 28, "mass": 1.5, "member": true, "list": ["b", {"c": 1, "a": 2}], "姓名": "王",
    });
    for algorithm in ["SM2", "ED25519"] {
        let (public, private) = keys(&vectors, algorithm);
        for parse_type in [ParseType::Direct, ParseType::Selective] {
            let token = issue::issue(
                &credential,
                parse_type,
                Encoding::HexText,
                &private,
                &mut salts(),
            )
            .unwrap();
            let read = decode(&token).unwrap();
            assert!(read.holds(&public));
            let subject = &read.claims()["credentialSubject"];
            if parse_type == ParseType::Selective {
                assert_eq!(subject["mass"]["value"], "1.5");
                assert_eq!(subject["list"]["value"], r#"["b",{"a":2,"c":1}]"#);
                assert_eq!(subject["姓名"]["value"], "王");
            } else {
                assert_eq!(*subject, credential["credentialSubject"]);
            }
        }
    }
    let p256 = SigningKey::p256(&[7; 32]).unwrap();
    let error = issue::issue(
        &credential,
        ParseType::Direct,
        Encoding::Raw,
        &p256,
        &mut salts(),
    )
    .unwrap_err();
    assert_eq!(error.code(), "JOSE_ALGORITHM_REFUSED");
}

#[test]
fn a_holder_cannot_move_the_end_of_a_value_into_its_salt_or_back() {
    let vectors = vectors();
    for (index, algorithm) in [(1, "SM2"), (3, "ED25519")] {
        let (public, private) = keys(&vectors, algorithm);
        let mut told = vectors["vectors"][index]["credential"].clone();
        told["credentialSubject"] = json!({ "id": "did:bid:zfHolder00000042", "age": 28 });
        let made = issue::issue(
            told.as_object().unwrap(),
            ParseType::Selective,
            Encoding::HexText,
            &private,
            &mut salts(),
        )
        .unwrap();
        let (ours, ours_member) = (made.as_str(), "age");
        let (theirs, theirs_member) = (vectors["vectors"][index]["hex_text"].as_str(), "name");
        for (token, member) in [(ours, ours_member), (theirs.unwrap(), theirs_member)] {
            let read = decode(token).unwrap();
            assert!(read.holds(&public));
            let disclosed = &read.claims()["credentialSubject"][member];
            let text = |name: &str| disclosed[name].as_str().unwrap();
            let both = format!("{}{}", text("value"), text("salt"));
            for end in (0..=both.len()).filter(|end| *end != text("value").len()) {
                let mut claims = read.claims().clone();
                claims["credentialSubject"][member]["value"] = json!(both[..end]);
                claims["credentialSubject"][member]["salt"] = json!(both[end..]);
                let [header, signature] = &read.parts;
                let moved = issue::signing_input(header, &claims);
                refused(&format!("{moved}.{signature}"), "BIF_DISCLOSURE_WRONG");
            }
        }
    }
}

#[test]
fn it_is_judged_as_other_formats_are() {
    let vectors = vectors();
    let parsed = decode(vectors["vectors"][0]["hex_text"].as_str().unwrap())
        .unwrap()
        .parse()
        .unwrap();
    let issuer = vectors["keys"]["SM2"]["did"].as_str().unwrap();
    assert_eq!(parsed.issuer, issuer);
    assert_eq!(
        parsed.types,
        ["VerifiableCredential", "identityCertification"]
    );
    assert_eq!(
        parsed.subjects,
        [Some("did:bid:zfHolder00000042".to_owned())]
    );
    assert_eq!(parsed.valid_from_ms, Some(1_767_225_600_000));
    assert_eq!(parsed.valid_until_ms, Some(4_070_908_799_999));
    let list = revocation_list(issuer, "did:bid:zfInteropVc00000042");
    let named = (Did::parse(issuer).unwrap(), "did:bid:zfInteropVc00000042");
    assert_eq!(parse_revocation_list(&list), Some(named));
    assert_eq!(
        parse_revocation_list("https://a.example/?revocation=1"),
        None
    );
    assert!(
        matches!(&parsed.statuses[..], [StatusReference::List { list: found, index: 0, .. }] if *found == list)
    );
    assert_eq!(parsed.signatures[0].method, issuer);
    assert!(parsed.signatures[0].holds(&keys(&vectors, "SM2").0));
}

/// The credential with another header or other claims, unsigned.
fn altered(header: &Value, change: impl Fn(&mut Value)) -> String {
    let mut claims = vectors()["vectors"][1]["credential"].clone();
    change(&mut claims);
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!(
        "{}.{}.{}",
        encode(header),
        encode(&claims),
        URL_SAFE_NO_PAD.encode([1; 64])
    )
}

fn refused(text: &str, code: &str) {
    let error = decode(text).and_then(|read| read.parse()).unwrap_err();
    assert_eq!(error.code(), code, "{error}");
}

#[test]
fn each_refusal_has_its_code() {
    let sm2 = json!({ "alg": "SM2" });
    for header in [
        json!({}),
        json!({ "alg": "" }),
        json!({ "alg": null }),
        sm2.clone(),
    ] {
        assert!(decode(&altered(&header, |_| ())).is_ok(), "{header}");
    }
    for name in ["none", "HS256", "EdDSA", "sm2"] {
        refused(
            &altered(&json!({ "alg": name }), |_| ()),
            "JOSE_ALGORITHM_REFUSED",
        );
    }
    refused(
        &altered(&json!({ "alg": 1 }), |_| ()),
        "JOSE_HEADER_INVALID",
    );
    refused(
        &altered(&json!({ "crit": ["x"] }), |_| ()),
        "JOSE_EXTENSION_UNKNOWN",
    );
    refused(
        &altered(&json!({ "b64": false }), |_| ()),
        "JOSE_EXTENSION_UNKNOWN",
    );

    let bad = |change: fn(&mut Value), code: &str| {
        refused(&altered(&json!({ "alg": "SM2" }), change), code);
    };
    bad(
        |c| c["parseType"] = json!("sel-disclose-ED25519"),
        "BIF_CREDENTIAL_INVALID",
    );
    bad(
        |c| c["parseType"] = json!("other"),
        "BIF_CREDENTIAL_INVALID",
    );
    bad(|c| c["parseType"] = json!(1), "JOSE_CLAIM_INVALID");
    bad(
        |c| c["credentialSubject"]["name"] = json!("Alice"),
        "BIF_CREDENTIAL_INVALID",
    );
    bad(
        |c| c["credentialSubject"]["name"]["more"] = json!("x"),
        "BIF_CREDENTIAL_INVALID",
    );
    bad(
        |c| c["credentialSubject"]["name"]["value"] = json!("Bob"),
        "BIF_DISCLOSURE_WRONG",
    );
    bad(
        |c| c["credentialSubject"]["name"]["salt"] = json!("1"),
        "BIF_DISCLOSURE_WRONG",
    );
    bad(
        |c| c["credentialSubject"]["name"]["salt"] = json!(1),
        "BIF_CREDENTIAL_INVALID",
    );
    bad(
        |c| {
            drop(
                c["credentialSubject"]["name"]
                    .as_object_mut()
                    .unwrap()
                    .remove("salt"),
            );
        },
        "BIF_CREDENTIAL_INVALID",
    );
    bad(|c| c["credentialSubject"] = json!([]), "JOSE_CLAIM_INVALID");
    bad(|c| c["issuer"] = json!("somebody"), "JOSE_CLAIM_INVALID");
    bad(|c| c["type"] = json!(["Other"]), "JOSE_CLAIM_INVALID");
    bad(
        |c| c["issuanceDate"] = json!("yesterday"),
        "JOSE_CLAIM_INVALID",
    );
    bad(
        |c| drop(c.as_object_mut().unwrap().remove("issuanceDate")),
        "JOSE_CLAIM_INVALID",
    );
    bad(|c| c["validBefore"] = json!(1), "JOSE_CLAIM_INVALID");

    let (input, _) = altered(&sm2, |_| ())
        .rsplit_once('.')
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();
    for signature in [
        &b"ab"[..],
        &[7; 63],
        &[b'a'; 126],
        &[b'g'; 128],
        &[&[b'a'; 127][..], b"B"].concat(),
    ] {
        refused(
            &format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature)),
            "JOSE_MALFORMED",
        );
    }
}

#[test]
fn a_status_that_cannot_be_looked_up_is_asked_for_all_the_same() {
    let statuses = |id: Value, revocation: Value| {
        let token = altered(&json!({}), |claims| {
            claims["id"] = id.clone();
            claims["revocationId"] = revocation.clone();
        });
        decode(&token).unwrap().parse().unwrap().statuses
    };
    let unknown = [StatusReference::Other {
        kind: "revocationId".to_owned(),
    }];
    for id in [Value::Null, json!(5), json!(""), json!({})] {
        assert_eq!(statuses(id, json!("r")), unknown);
    }
    for revocation in [json!({}), json!(5), json!(["r"]), json!(false)] {
        assert_eq!(statuses(json!("did:x:1"), revocation), unknown);
    }
    for revocation in [Value::Null, json!("")] {
        assert_eq!(statuses(json!("did:x:1"), revocation), []);
    }
}

#[test]
fn what_limits_other_formats_is_refused() {
    for name in FOREIGN {
        let with = |value: Value| altered(&json!({}), |claims| claims[name] = value.clone());
        refused(&with(json!("2020-01-01T00:00:00Z")), "JOSE_CLAIM_INVALID");
        refused(&with(json!({})), "JOSE_CLAIM_INVALID");
        assert!(decode(&with(Value::Null)).unwrap().parse().is_ok());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_token_with_one_bit_changed_is_refused(which in 0..4_usize, wire in any::<bool>(), at in any::<prop::sample::Index>(), bit in 0..7_u8) {
        let vectors = vectors();
        let vector = &vectors["vectors"][which];
        let mut token = vector[if wire { "raw" } else { "hex_text" }].as_str().unwrap().as_bytes().to_vec();
        let at = at.index(token.len());
        token[at] ^= 1 << bit;
        let algorithm = if which < 2 { "SM2" } else { "ED25519" };
        if let Ok(read) = decode(&String::from_utf8(token).unwrap()) {
            prop_assert!(!read.holds(&keys(&vectors, algorithm).0), "byte {at} bit {bit}");
        }
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,80}", claims in "\\PC{0,80}") {
        drop(decode(&text));
        let token = format!("e30.{}.{}", URL_SAFE_NO_PAD.encode(&claims), URL_SAFE_NO_PAD.encode([1; 64]));
        drop(decode(&token).and_then(|read| read.parse()));
    }
}
