//! The examples of RFC 9901, each of its rules, and what one changed bit does.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::credential::bitstring;
use crate::credential::code::UNDECIDED;
use crate::credential::parsed::{HolderKey, Parsed, StatusReference};
use crate::jose::{Algorithm, Header};
use crate::key::{KeyAlgorithm, PrivateKey};
use crate::signing_key::SigningKey;

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../../tests/vectors/sd_jwt.json")).unwrap()
}

fn text<'a>(vectors: &'a Value, name: &str) -> &'a str {
    vectors[name].as_str().unwrap()
}

fn issuer_key(vectors: &Value) -> VerificationKey {
    VerificationKey::from_jwk(&vectors["issuer_jwk"]).unwrap()
}

fn expected(vectors: &Value) -> key_binding::Expected<'_> {
    key_binding::Expected {
        nonce: text(vectors, "nonce"),
        audience: text(vectors, "aud"),
        now_ms: (vectors["iat"].as_i64().unwrap() + 5) * 1000,
        clock_skew_ms: 0,
    }
}

fn key() -> SigningKey {
    SigningKey::p256(&[7; 32]).unwrap()
}

fn salts() -> impl FnMut() -> [u8; 16] {
    let mut next = 0;
    move || {
        next += 1;
        [next; 16]
    }
}

fn header() -> Header {
    Header::new(Algorithm::Es256, Some("did:bid:ef1#key-1"), vc::TYP)
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

// RFC 9901 §5.1.
#[test]
fn the_published_issuance_has_the_published_payload() {
    let vectors = vectors();
    let token = decode(text(&vectors, "issuance")).unwrap();
    assert!(token.holds(&issuer_key(&vectors)));
    assert_eq!(
        Value::Object(token.claims().clone()),
        vectors["issuance_claims"]
    );
    assert_eq!(token.disclosures().len(), 10);
    assert_eq!(token.disclosures()[9].pointer, "/nationalities/1");
    assert!(token.key_binding().is_none());
}

// RFC 9901 §5.2, with the hash that it prints.
#[test]
fn the_published_presentation_holds_with_its_key_binding() {
    let vectors = vectors();
    let shown = text(&vectors, "presentation");
    let (presentation, _) = shown.rsplit_once('~').unwrap();
    assert_eq!(
        disclosure::digest(&format!("{presentation}~")),
        text(&vectors, "sd_hash")
    );
    let token = decode(shown).unwrap();
    assert!(token.holds(&issuer_key(&vectors)));
    assert_eq!(
        Value::Object(token.claims().clone()),
        vectors["presentation_claims"]
    );
    key_binding::check(&token, &expected(&vectors)).unwrap();

    // The holder of the issuance chooses the same claims.
    let held = decode(text(&vectors, "issuance")).unwrap();
    let chosen = held
        .present(&[
            "/family_name",
            "/address",
            "/given_name",
            "/nationalities/0",
        ])
        .unwrap();
    assert_eq!(decode(&chosen).unwrap().claims(), token.claims());
}

// RFC 9901 appendix A.3: an SD-JWT VC whose disclosures stand in one another.
#[test]
fn the_published_identity_credential_is_judged_as_other_formats_are() {
    let vectors = vectors();
    let shown = text(&vectors, "pid_presentation");
    let token = decode(shown).unwrap();
    key_binding::check(&token, &expected(&vectors)).unwrap();
    assert_eq!(token.disclosures()[1].pointer, "/age_equal_or_over/18");

    let parsed = vc::parse(shown).unwrap();
    assert_eq!(parsed.claims, vectors["pid_claims"]);
    assert_eq!(parsed.issuer, "https://pid-issuer.bund.de.example");
    assert_eq!(parsed.types, ["urn:eudi:pid:de:1"]);
    assert_eq!(parsed.valid_until_ms, Some(1_882_999_999_999));
    assert_eq!(parsed.signed_ms(), Some(1_683_000_000_000));
    assert!(parsed.signatures[0].holds(&issuer_key(&vectors)));
    let holder = VerificationKey::from_jwk(&vectors["holder_jwk"]).unwrap();
    assert_eq!(parsed.holder_key, Some(holder.into()));
    let proof = parsed.key_binding.unwrap().unwrap();
    assert!(proof.signed.holds(&holder));
    assert_eq!(
        (proof.challenge.as_str(), proof.domain.as_str()),
        ("1234567890", "https://verifier.example.org")
    );
}

#[test]
fn a_proof_of_the_holder_is_for_one_presentation_one_verifier_and_now() {
    let vectors = vectors();
    let shown = text(&vectors, "presentation");
    let token = decode(shown).unwrap();
    let check = |expected| key_binding::check(&token, &expected).unwrap_err().code();
    let good = expected(&vectors);
    assert_eq!(
        check(key_binding::Expected { nonce: "0", ..good }),
        "CHALLENGE_MISMATCH"
    );
    assert_eq!(
        check(key_binding::Expected {
            audience: "https://other.example.org",
            ..good
        }),
        "DOMAIN_MISMATCH"
    );
    for now_ms in [good.now_ms - 6000, good.now_ms + key_binding::AGE_MS_MAX] {
        assert_eq!(
            check(key_binding::Expected { now_ms, ..good }),
            "SD_JWT_KEY_BINDING_TIME"
        );
        key_binding::check(
            &token,
            &key_binding::Expected {
                now_ms,
                clock_skew_ms: 6000,
                ..good
            },
        )
        .unwrap();
    }
    // Another presentation of the same credential.
    let (presentation, proof) = shown.rsplit_once('~').unwrap();
    let (less, _) = presentation.rsplit_once('~').unwrap();
    assert_eq!(
        decode(&format!("{less}~{proof}")).unwrap_err().code(),
        "SD_JWT_KEY_BINDING_WRONG"
    );
    // Nothing at all, or by another's key.
    let unbound = format!("{presentation}~");
    let missing = key_binding::check(&decode(&unbound).unwrap(), &good).unwrap_err();
    assert_eq!(missing.code(), "HOLDER_UNPROVEN");
    let forged =
        key_binding::bind(&unbound, good.nonce, good.audience, good.now_ms, &key()).unwrap();
    let forged = key_binding::check(&decode(&forged).unwrap(), &good).unwrap_err();
    assert_eq!(forged.code(), "HOLDER_SIGNATURE_WRONG");
    // A presentation is not presented on.
    assert_eq!(
        token.present(&[]).unwrap_err().code(),
        "SD_JWT_NOT_DISCLOSABLE"
    );
    let twice = key_binding::bind(shown, good.nonce, good.audience, good.now_ms, &key());
    assert_eq!(twice.unwrap_err().code(), "SD_JWT_NOT_DISCLOSABLE");
}

#[test]
fn a_proof_of_the_holder_has_a_term_of_its_own() {
    const NOW: i64 = 1_767_225_600;
    let cnf = json!({ "iss": "did:bid:ef1", "vct": "v", "cnf": { "jwk": key().verification_key().to_jwk() } });
    let presentation = format!("{}~", jose::sign(&header(), &object(cnf), &key()).unwrap());
    let code = |term: Value, now: i64| {
        let mut claims = object(json!({
            "iat": NOW, "nonce": "n", "aud": "d", "sd_hash": disclosure::digest(&presentation),
        }));
        claims.extend(object(term));
        let proof_header = Header::new(Algorithm::Es256, None, key_binding::TYP);
        let proof = jose::sign(&proof_header, &claims, &key()).unwrap();
        let token = decode(&format!("{presentation}{proof}")).unwrap();
        let expected = key_binding::Expected {
            nonce: "n",
            audience: "d",
            now_ms: now * 1000,
            clock_skew_ms: 0,
        };
        let checked = key_binding::check(&token, &expected);
        checked.err().map(|error| error.code())
    };
    let refused = Some("SD_JWT_KEY_BINDING_TIME");
    assert_eq!(code(json!({}), NOW), None);
    assert_eq!(code(json!({ "nbf": NOW + 60 }), NOW + 59), refused);
    assert_eq!(code(json!({ "nbf": NOW + 60 }), NOW + 60), None);
    assert_eq!(code(json!({ "nbf": NOW - 60 }), NOW - 1), refused);
    assert_eq!(code(json!({ "exp": NOW + 60 }), NOW + 59), None);
    assert_eq!(code(json!({ "exp": NOW + 60 }), NOW + 60), refused);
    assert_eq!(code(json!({ "exp": NOW + 9999 }), NOW + 601), refused);
    assert_eq!(
        code(json!({ "nbf": "soon" }), NOW),
        Some("JOSE_CLAIM_INVALID")
    );
}

#[test]
fn what_is_issued_is_shown_as_the_holder_chooses() {
    for holder in [
        key(),
        PrivateKey::generate([8; 32], KeyAlgorithm::Ed25519).into(),
        PrivateKey::generate([8; 32], KeyAlgorithm::Sm2).into(),
    ] {
        let claims = object(json!({
            "iss": "did:bid:ef1", "vct": "https://example.org/licence", "exp": 1_900_000_000,
            "cnf": { "jwk": holder.verification_key().to_jwk() },
            "name": "王小明", "a/b~c": 1.5,
            "address": { "city": "北京", "street": { "name": "x", "number": 1 } },
            "categories": ["A", { "code": "B", "since": "2020" }, "C"],
        }));
        let conceal = Conceal {
            hidden: &[
                "/name",
                "/a~1b~0c",
                "/address",
                "/address/street/name",
                "/categories/0",
                "/categories/1",
                "/categories/1/since",
            ],
            decoys: &[("", 3), ("/address", 1), ("/categories", 2)],
        };
        let issued =
            vc::issue(&claims, "did:bid:ef1#key-1", conceal, &key(), &mut salts()).unwrap();
        let held = decode(&issued).unwrap();
        assert!(held.holds(&key().verification_key()));
        assert_eq!(held.claims(), &claims);
        assert_eq!(held.disclosures().len(), conceal.hidden.len());
        assert_eq!(held.jws().claims()["_sd"].as_array().unwrap().len(), 6);
        assert_eq!(
            held.jws().claims()["categories"].as_array().unwrap().len(),
            5
        );

        // One within another brings the outer one along, and nothing else.
        let shown = held.present(&["/categories/1/since", "/a~1b~0c"]).unwrap();
        let shown =
            key_binding::bind(&shown, "n", "did:bid:ef2", 1_800_000_000_000, &holder).unwrap();
        let read = decode(&shown).unwrap();
        let expected = key_binding::Expected {
            nonce: "n",
            audience: "did:bid:ef2",
            now_ms: 1_800_000_000_000,
            clock_skew_ms: 0,
        };
        key_binding::check(&read, &expected).unwrap();
        assert_eq!(
            read.claims()["categories"],
            json!([{ "code": "B", "since": "2020" }, "C"])
        );
        assert_eq!(read.claims()["a/b~c"], json!(1.5));
        assert!(!read.claims().contains_key("name") && !read.claims().contains_key("address"));
        let none = decode(&held.present(&[]).unwrap()).unwrap();
        assert_eq!(none.claims()["categories"], json!(["C"]));
    }
}

#[test]
fn what_cannot_be_hidden_or_shown_is_refused() {
    let claims = object(
        json!({ "iss": "did:bid:ef1", "vct": "v", "status": { "status_list": { "idx": 1, "uri": "u" } }, "name": "x", "list": [] }),
    );
    let hide = |hidden: &[&str], decoys: &[(&str, usize)]| {
        issue::hide(&claims, Conceal { hidden, decoys }, &mut salts())
            .map(drop)
            .unwrap_err()
            .code()
    };
    for at in PLAIN_CLAIMS {
        assert_eq!(hide(&[&format!("/{at}")], &[]), "SD_JWT_CLAIM_HIDDEN");
    }
    assert_eq!(hide(&["/status/status_list"], &[]), "SD_JWT_CLAIM_HIDDEN");
    assert_eq!(hide(&[], &[("/status", 1)]), "SD_JWT_CLAIM_HIDDEN");
    for at in ["", "name", "/other", "/list/0", "/name/x"] {
        assert_eq!(hide(&[at], &[]), "SD_JWT_NOT_DISCLOSABLE", "{at}");
    }
    assert_eq!(hide(&[], &[("/name", 1)]), "SD_JWT_NOT_DISCLOSABLE");
    assert_eq!(
        hide(&["/name"], &[("", DISCLOSURES_MAX)]),
        "SD_JWT_MALFORMED"
    );
    for name in disclosure::RESERVED_NAMES {
        let claims = object(json!({ "x": { name: 1 } }));
        let error = issue::hide(&claims, Conceal::default(), &mut salts())
            .map(drop)
            .unwrap_err();
        assert_eq!(error.code(), "SD_JWT_DISCLOSURE_WRONG");
    }
    let held = vc::issue(
        &claims,
        "did:bid:ef1#key-1",
        Conceal {
            hidden: &["/name"],
            decoys: &[],
        },
        &key(),
        &mut salts(),
    );
    let held = decode(&held.unwrap()).unwrap();
    assert_eq!(
        held.present(&["/iss"]).unwrap_err().code(),
        "SD_JWT_NOT_DISCLOSABLE"
    );
    // Without anything hidden there is no word of hashes.
    let plain =
        decode(&vc::issue(&claims, "#key-1", Conceal::default(), &key(), &mut salts()).unwrap())
            .unwrap();
    assert_eq!(plain.jws().claims(), &claims);
}

/// A token with these claims and disclosures, whose hashes the claims are given.
fn made(disclosures: &[Value], claims: impl Fn(&[String]) -> Value) -> Result<SdJwt, SdJwtError> {
    let texts: Vec<String> = disclosures
        .iter()
        .map(|list| URL_SAFE_NO_PAD.encode(list.to_string()))
        .collect();
    let digests: Vec<String> = texts.iter().map(|text| disclosure::digest(text)).collect();
    let mut token = jose::sign(&header(), &object(claims(&digests)), &key()).unwrap();
    for text in texts {
        token.push('~');
        token.push_str(&text);
    }
    token.push('~');
    decode(&token)
}

fn refused(code: &str, disclosures: &[Value], claims: impl Fn(&[String]) -> Value) {
    let error = made(disclosures, claims).unwrap_err();
    assert_eq!(error.code(), code, "{error}");
}

// RFC 9901 §7.1.
#[test]
fn each_rule_of_processing_is_kept() {
    let wrong = "SD_JWT_DISCLOSURE_WRONG";
    let a = json!(["salt", "a", 1]);
    assert!(made(std::slice::from_ref(&a), |d| json!({ "_sd": d })).is_ok());
    // A hash twice: in one list, in two places, within another disclosure; also of what is not disclosed.
    refused(
        wrong,
        std::slice::from_ref(&a),
        |d| json!({ "_sd": [d[0], d[0]] }),
    );
    refused(
        wrong,
        std::slice::from_ref(&a),
        |d| json!({ "_sd": d, "x": { "_sd": d } }),
    );
    refused(
        wrong,
        &[],
        |_| json!({ "_sd": ["hash"], "x": ["y", { "...": "hash" }] }),
    );
    refused(
        wrong,
        &[json!(["salt", "b", { "_sd": ["hash"] }])],
        |d| json!({ "_sd": [d[0], "hash"] }),
    );
    // The same disclosure twice.
    refused(wrong, &[a.clone(), a.clone()], |d| json!({ "_sd": [d[0]] }));
    // A disclosure without a place.
    refused(wrong, std::slice::from_ref(&a), |_| json!({ "_sd": [] }));
    refused(
        wrong,
        &[a.clone(), json!(["salt", "b", 2])],
        |d| json!({ "_sd": [d[0]] }),
    );
    // Of the other kind.
    refused(wrong, &[json!(["salt", 1])], |d| json!({ "_sd": d }));
    refused(
        wrong,
        std::slice::from_ref(&a),
        |d| json!({ "x": [{ "...": d[0] }] }),
    );
    // A name that stands there.
    refused(
        wrong,
        std::slice::from_ref(&a),
        |d| json!({ "_sd": d, "a": 2 }),
    );
    refused(
        wrong,
        &[a, json!(["other", "a", 1])],
        |d| json!({ "_sd": d }),
    );
    // Reserved names.
    for name in disclosure::RESERVED_NAMES {
        refused(wrong, &[json!(["salt", name, 1])], |d| json!({ "_sd": d }));
    }
    refused(wrong, &[], |_| json!({ "...": "hash" }));
    refused(wrong, &[], |_| json!({ "x": { "_sd_alg": "sha-256" } }));
    // Hashes that are none.
    for hashes in [json!("hash"), json!([1]), json!({})] {
        refused(wrong, &[], |_| json!({ "_sd": hashes }));
    }
    refused(wrong, &[], |_| json!({ "x": [{ "...": 1 }] }));
    refused(wrong, &[], |_| json!({ "x": [{ "...": "hash", "y": 1 }] }));
    // Disclosures that are none.
    for list in [
        json!("x"),
        json!({}),
        json!(["salt"]),
        json!([1, "a", 1]),
        json!(["salt", 1, 1]),
        json!([1, 1]),
        json!(["s", "a", 1, 1]),
    ] {
        refused("SD_JWT_MALFORMED", &[list], |d| json!({ "_sd": d }));
    }
    // Another hash function.
    for name in [
        json!("md5"),
        json!("SHA-256"),
        json!("sha-256-32"),
        json!(256),
    ] {
        refused("SD_JWT_HASH_REFUSED", &[], |_| json!({ "_sd_alg": name }));
    }
    let named = made(&[], |_| json!({ "_sd_alg": "md5" })).unwrap_err();
    assert_eq!(
        named.to_string(),
        "the hash function \"md5\" is not accepted"
    );
    // Claims that decide about validity, whole or in part.
    for name in PLAIN_CLAIMS {
        refused(
            "SD_JWT_CLAIM_HIDDEN",
            &[json!(["salt", name, 1])],
            |d| json!({ "_sd": d }),
        );
        refused(
            "SD_JWT_CLAIM_HIDDEN",
            &[],
            |_| json!({ name: { "x": [{ "...": "hash" }] } }),
        );
        assert!(
            made(
                &[json!(["salt", name, 1])],
                |d| json!({ "x": { "_sd": d } })
            )
            .is_ok()
        );
    }
}

#[test]
fn nesting_through_disclosures_is_bounded() {
    let chain = |links: usize| {
        let mut texts = vec![URL_SAFE_NO_PAD.encode(json!(["salt", "x", 1]).to_string())];
        for _ in 1..links {
            let inner = disclosure::digest(texts.last().unwrap());
            texts
                .push(URL_SAFE_NO_PAD.encode(json!(["salt", "x", { "_sd": [inner] }]).to_string()));
        }
        let outer = disclosure::digest(texts.last().unwrap());
        let token = jose::sign(&header(), &object(json!({ "_sd": [outer] })), &key()).unwrap();
        decode(&format!("{token}~{}~", texts.join("~"))).map(drop)
    };
    assert!(chain(jose::DEPTH_MAX).is_ok());
    assert_eq!(
        chain(jose::DEPTH_MAX + 1).unwrap_err().code(),
        "SD_JWT_DISCLOSURE_WRONG"
    );
}

#[test]
fn a_name_above_many_values_is_not_copied_for_each_of_them() {
    let long = "a".repeat(100_000);
    let plain = json!({ long.as_str(): vec![0; 100_000] });
    let read = made(&[], |_| plain.clone()).unwrap();
    assert_eq!(read.claims(), &object(plain));
    // Nor for more disclosures than make up a token's length.
    let shown = |count: usize| {
        let disclosures: Vec<Value> = (0..count)
            .map(|one| json!([one.to_string(), one]))
            .collect();
        made(&disclosures, |digests| {
            let hidden: Vec<Value> = digests.iter().map(|one| json!({ "...": one })).collect();
            json!({ long.as_str(): hidden })
        })
    };
    assert_eq!(shown(10).unwrap().disclosures().len(), 10);
    assert_eq!(shown(11).unwrap_err().code(), "JOSE_TOO_LARGE");
}

#[test]
fn the_compact_form_is_read_strictly() {
    let vectors = vectors();
    let good = text(&vectors, "issuance");
    let (token, _) = good.split_once('~').unwrap();
    for (bad, code) in [
        (token.to_owned(), "SD_JWT_MALFORMED"),
        (format!("{good}~"), "JSON_INVALID"),
        (good.replacen('~', "~~", 1), "JSON_INVALID"),
        (good.replacen('~', "=~", 1), "JOSE_MALFORMED"),
        (format!("{good}x"), "JOSE_MALFORMED"),
        (
            format!("{token}~{}", "W10~".repeat(DISCLOSURES_MAX + 1)),
            "SD_JWT_MALFORMED",
        ),
        ("~".repeat(TOKEN_BYTES_MAX + 1), "JOSE_TOO_LARGE"),
    ] {
        assert_eq!(decode(&bad).unwrap_err().code(), code);
    }
    // A whole token where the holder's proof belongs.
    assert_eq!(
        decode(&format!("{good}{token}")).unwrap_err().code(),
        "JOSE_TYPE_WRONG"
    );
}

fn credential(typ: &str, claims: Value) -> Result<Parsed, SdJwtError> {
    let header = Header::new(Algorithm::Es256, Some("did:bid:ef1#key-1"), typ);
    vc::parse(&format!(
        "{}~",
        jose::sign(&header, &object(claims), &key()).unwrap()
    ))
}

#[test]
fn a_credential_has_the_claims_of_its_profile() {
    let entry = bitstring::Entry {
        purpose: "suspension".to_owned(),
        index: 7,
        list: "https://example.org/1".to_owned(),
    };
    let good = json!({ "iss": "did:bid:ef1", "vct": "v", "sub": "did:bid:ef2", "nbf": 1, "exp": 2,
        "status": { vc::BITSTRING_STATUS: entry.to_value(), "other": {} } });
    for typ in ["dc+sd-jwt", "vc+sd-jwt", "application/DC+SD-JWT"] {
        let parsed = credential(typ, good.clone()).unwrap();
        assert_eq!(
            (parsed.valid_from_ms, parsed.valid_until_ms),
            (Some(1000), Some(1999))
        );
        assert_eq!(parsed.subjects, [Some("did:bid:ef2".to_owned())]);
        assert_eq!(parsed.signatures[0].method, "did:bid:ef1#key-1");
        let other = StatusReference::Other {
            kind: "other".to_owned(),
        };
        assert_eq!(parsed.statuses, [entry.clone().reference(), other]);
    }
    let mut addressed = good.clone();
    addressed["aud"] = json!(["a", "b"]);
    assert_eq!(credential(vc::TYP, addressed).unwrap().audience, ["a", "b"]);
    let mut fractions = good.clone();
    (fractions["nbf"], fractions["exp"], fractions["iat"]) =
        (json!(1.0005), json!(2.0005), json!(1.5));
    let fractions = credential(vc::TYP, fractions).unwrap();
    assert_eq!(
        (fractions.valid_from_ms, fractions.valid_until_ms),
        (Some(1001), Some(1999))
    );
    assert_eq!(fractions.signatures[0].created_ms, Some(1500));
    // Who does not say who issues is who holds the key.
    let mut anonymous = good.clone();
    anonymous.as_object_mut().unwrap().remove("iss");
    assert_eq!(
        credential(vc::TYP, anonymous).unwrap().issuer,
        "did:bid:ef1"
    );

    let bad = |name: &str, value: Value, code: &str| {
        let mut claims = good.clone();
        claims[name] = value;
        assert_eq!(
            credential(vc::TYP, claims).unwrap_err().code(),
            code,
            "{name}"
        );
    };
    bad("vct", json!(1), "JOSE_CLAIM_INVALID");
    bad("vct", json!(""), "JOSE_CLAIM_INVALID");
    bad("iss", json!({}), "JOSE_CLAIM_INVALID");
    bad("iss", json!("did:bid:ef9"), "JOSE_KEY_ID_INVALID");
    bad("exp", json!("tomorrow"), "JOSE_CLAIM_INVALID");
    bad("nbf", json!(-1), "JOSE_CLAIM_INVALID");
    bad("iat", json!(999_999_999_999_u64), "JOSE_CLAIM_INVALID");
    bad("aud", json!(1), "JOSE_CLAIM_INVALID");
    // What W3C's data model says of validity would be judged by nobody.
    bad(
        "validUntil",
        json!("2020-01-01T00:00:00Z"),
        "JOSE_CLAIM_INVALID",
    );
    bad(
        "credentialStatus",
        json!({ "type": "x" }),
        "JOSE_CLAIM_INVALID",
    );
    bad("credentialSchema", json!([]), "JOSE_CLAIM_INVALID");
    bad("status", json!({}), "JOSE_CLAIM_INVALID");
    bad(
        "status",
        json!({ "status_list": { "idx": -1, "uri": "u" } }),
        "JOSE_CLAIM_INVALID",
    );
    bad(
        "status",
        json!({ "status_list": { "idx": 1 } }),
        "JOSE_CLAIM_INVALID",
    );
    bad(
        "status",
        json!({ vc::BITSTRING_STATUS: { "statusListIndex": "1" } }),
        "MALFORMED_VALUE_ERROR",
    );
    bad(
        "status",
        json!({ vc::BITSTRING_STATUS: "x" }),
        "JOSE_CLAIM_INVALID",
    );
    bad("cnf", json!({ "kid": 1 }), "SD_JWT_CONFIRMATION_INVALID");
    let x25519 = json!({ "kty": "OKP", "crv": "X25519", "x": "3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08" });
    bad(
        "cnf",
        json!({ "jwk": x25519 }),
        "SD_JWT_CONFIRMATION_INVALID",
    );
    let mut private = key().verification_key().to_jwk();
    private["d"] = json!("x");
    bad(
        "cnf",
        json!({ "jwk": private }),
        "SD_JWT_CONFIRMATION_INVALID",
    );
    for (name, value) in [
        ("use", json!("enc")),
        ("key_ops", json!(["encrypt"])),
        ("alg", json!("ECDH-ES")),
    ] {
        let mut other = key().verification_key().to_jwk();
        other[name] = value;
        bad(
            "cnf",
            json!({ "jwk": other }),
            "SD_JWT_CONFIRMATION_INVALID",
        );
    }
    assert_eq!(
        credential("vc+jwt", good.clone()).unwrap_err().code(),
        "JOSE_TYPE_WRONG"
    );
    assert_eq!(
        credential("kb+jwt", good).unwrap_err().code(),
        "JOSE_TYPE_WRONG"
    );
}

/// A credential that another program may have made well, in a form that is not known here.
fn strange(header: &Header, claims: Value) -> Result<Parsed, SdJwtError> {
    let token = jose::sign(header, &object(claims), &key()).unwrap();
    vc::parse(&format!("{token}~"))
}

#[test]
fn a_form_that_is_not_known_here_is_told_from_one_that_is_wrong() {
    let good = json!({ "iss": "did:bid:ef1", "vct": "v" });
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        strange(&header(), claims)
    };
    for name in ["sha-384", "sha-512", "sha3-256", "sha3-512"] {
        let error = with("_sd_alg", json!(name)).unwrap_err();
        assert!(UNDECIDED.contains(&error.code()), "{error}");
        let said = format!("the hash function \"{name}\" is not known here");
        assert_eq!(error.to_string(), said);
    }
    let of_w3c = json!({ "@context": ["https://www.w3.org/ns/credentials/v2"], "issuer": "did:bid:ef1",
        "type": ["VerifiableCredential"], "validFrom": "2026-01-01T00:00:00Z", "credentialSubject": { "a": 1 } });
    let typed = |typ: &str| Header::new(Algorithm::Es256, Some("did:bid:ef1#key-1"), typ);
    let error = strange(&typed(vc::OLD_TYP), of_w3c.clone()).unwrap_err();
    assert!(UNDECIDED.contains(&error.code()), "{error}");
    // Of the other type, or without what W3C's have, it is wrong.
    let error = strange(&typed(vc::TYP), of_w3c).unwrap_err();
    assert_eq!(error.code(), "JOSE_CLAIM_INVALID");
    let error = strange(&typed(vc::OLD_TYP), json!({ "iss": "did:bid:ef1" })).unwrap_err();
    assert_eq!(error.code(), "JOSE_CLAIM_INVALID");
    // IETF's own lists: the status is not known, and the rest is judged.
    let list = json!({ "status_list": { "idx": 7, "uri": "https://example.org/1" } });
    let kind = "status_list".to_owned();
    assert_eq!(
        with("status", list).unwrap().statuses,
        [StatusReference::Other { kind }]
    );
    // So is a holder's key, which nobody may ask for.
    for cnf in [
        json!({ "kid": "x" }),
        json!({ "jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" }),
        json!({ "jwk": { "kty": "RSA", "n": "0vx7", "e": "AQAB" } }),
    ] {
        let key = with("cnf", cnf.clone()).unwrap().holder_key;
        assert!(matches!(key, Some(HolderKey::Unknown(_))), "{cnf}");
    }
}

#[test]
fn a_credential_is_read_whatever_proof_of_its_holder_came_along() {
    let claims = json!({ "iss": "did:bid:ef1", "vct": "v", "cnf": { "jwk": key().verification_key().to_jwk() } });
    let token = jose::sign(&header(), &object(claims), &key()).unwrap();
    let read = |proof: &str| vc::parse(&format!("{token}~{proof}")).unwrap().key_binding;
    assert_eq!(read(""), None);
    let code = |proof: &str| read(proof).unwrap().unwrap_err().code;
    let encoded = |json: &str| URL_SAFE_NO_PAD.encode(json);
    let by = |header: &str| {
        let signature = URL_SAFE_NO_PAD.encode([7; 96]);
        format!("{}.{}.{signature}", encoded(header), encoded("{}"))
    };
    let es384 = by(r#"{"alg":"ES384","typ":"kb+jwt"}"#);
    assert_eq!(code(&es384), "SUITE_UNSUPPORTED");
    assert_eq!(code(&by(r#"{"alg":"none"}"#)), "JOSE_ALGORITHM_REFUSED");
    assert_eq!(code("a.b"), "JOSE_MALFORMED");
    // Who reads it for the proof's sake is told at once.
    let strict = decode(&format!("{token}~{es384}")).unwrap_err();
    assert_eq!(strict.code(), "SUITE_UNSUPPORTED");
}

#[test]
fn an_issuer_that_is_no_did_calls_its_keys_what_it_likes() {
    let read = |kid: Option<&str>, iss: Option<&str>| {
        let mut claims = object(json!({ "vct": "v" }));
        claims.extend(iss.map(|iss| ("iss".to_owned(), iss.into())));
        let header = Header::new(Algorithm::Es256, kid, vc::TYP);
        let read = strange(&header, Value::Object(claims));
        read.map(|parsed| (parsed.issuer, parsed.signatures[0].method.clone()))
            .map_err(|error| error.code())
    };
    let thumbprint = "urn:ietf:params:oauth:jwk-thumbprint:sha-256:NzbLs";
    let website = "https://issuer.example";
    for kid in [
        None,
        Some(thumbprint),
        Some("a b"),
        Some("did:bid:ef2#key-1"),
    ] {
        let expected = (website.to_owned(), website.to_owned());
        assert_eq!(read(kid, Some(website)), Ok(expected), "{kid:?}");
    }
    let own = (website.to_owned(), format!("{website}#key-1"));
    assert_eq!(read(Some("key-1"), Some(website)), Ok(own));
    // Of who does not say it, certificates might.
    for kid in [None, Some(thumbprint), Some("key-1")] {
        assert_eq!(read(kid, None), Ok((String::new(), String::new())));
    }
    for (kid, iss) in [
        (thumbprint, Some("did:bid:ef1")),
        ("did:bid:ef2#key-1", Some("did:bid:ef1")),
        ("did:bid:ef1#", None),
        ("did:bid:ef1", None),
    ] {
        assert_eq!(read(Some(kid), iss), Err("JOSE_KEY_ID_INVALID"), "{kid}");
    }
    let claims = object(json!({ "vct": "v" }));
    let issued = vc::issue(&claims, "#key-1", Conceal::default(), &key(), &mut salts());
    assert_eq!(issued.unwrap_err().code(), "JOSE_KEY_ID_INVALID");
}

#[test]
fn what_is_refused_is_repeated_in_part() {
    let long = "a".repeat(1 << 19);
    let refusal = |claims: Value| {
        let error = strange(&header(), claims).unwrap_err().to_string();
        assert!(error.len() <= 200, "{error}");
    };
    refusal(json!({ "_sd_alg": long }));
    refusal(json!({ "iss": format!("did:{long}"), "vct": "v" }));
    refusal(json!({ long.as_str(): { "_sd": 1 } }));
    refusal(json!({ "_sd": [long, long] }));
    let twice = made(
        &[json!(["salt", long, 1])],
        |digests| json!({ "_sd": digests, long.as_str(): 1 }),
    );
    assert!(twice.unwrap_err().to_string().len() <= 200);
}

#[test]
fn a_credential_says_whether_its_subject_may_be_left_out() {
    let claims = object(json!({ "iss": "did:bid:ef1", "vct": "v", "sub": "did:bid:ef2", "a": 1 }));
    let shown = |hidden: &[&str], disclosed: &[&str]| {
        let conceal = Conceal {
            hidden,
            decoys: &[],
        };
        let issued = vc::issue(&claims, "#key-1", conceal, &key(), &mut salts()).unwrap();
        let shown = decode(&issued).unwrap().present(disclosed).unwrap();
        vc::parse(&shown).unwrap()
    };
    assert!(shown(&["/sub"], &[]).subject_hidden);
    assert!(shown(&["/sub", "/a"], &["/a"]).subject_hidden);
    for shown in [shown(&["/sub", "/a"], &["/sub"]), shown(&["/a"], &[])] {
        assert!(!shown.subject_hidden);
        assert_eq!(shown.subjects, [Some("did:bid:ef2".to_owned())]);
    }
    let nameless = json!({ "iss": "did:bid:ef1", "vct": "v" });
    assert!(!credential(vc::TYP, nameless).unwrap().subject_hidden);
}

fn accepted(vectors: &Value, shown: &str) -> bool {
    decode(shown).is_ok_and(|token| {
        token.holds(&issuer_key(vectors)) && key_binding::check(&token, &expected(vectors)).is_ok()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_presentation_with_one_bit_changed_is_refused(pid in any::<bool>(), at in any::<prop::sample::Index>(), bit in 0..7_u8) {
        let vectors = vectors();
        let good = text(&vectors, if pid { "pid_presentation" } else { "presentation" });
        let mut shown = good.as_bytes().to_vec();
        let at = at.index(shown.len());
        shown[at] ^= 1 << bit;
        prop_assert!(accepted(&vectors, good));
        prop_assert!(!accepted(&vectors, &String::from_utf8(shown).unwrap()), "byte {at} bit {bit}");
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,80}", json in "\\PC{0,80}") {
        drop(decode(&text));
        drop(Disclosure::parse(&text));
        drop(Disclosure::parse(&URL_SAFE_NO_PAD.encode(&json)));
        let (token, _) = include_str!("../../../tests/vectors/sd_jwt.json").split_once('~').unwrap();
        let token = &token[token.rfind('"').unwrap() + 1..];
        drop(decode(&format!("{token}~{}~{text}", URL_SAFE_NO_PAD.encode(&json))));
    }

    #[test]
    fn whatever_is_hidden_comes_back(names in prop::collection::btree_set("[a-z/~]{1,4}", 1..6), elements in 0..6_usize, decoys in 0..4_usize) {
        let mut claims = object(json!({ "list": (0..elements).collect::<Vec<_>>() }));
        let mut hidden: Vec<String> = (0..elements).step_by(2).map(|index| format!("/list/{index}")).collect();
        for name in names.iter().filter(|name| name.as_str() != "list" && !PLAIN_CLAIMS.contains(&name.as_str())) {
            claims.insert(name.clone(), json!({ "inner": name }));
            hidden.push(pointer("", name));
            hidden.push(pointer(&pointer("", name), "inner"));
        }
        let hidden: Vec<&str> = hidden.iter().map(String::as_str).collect();
        let conceal = Conceal { hidden: &hidden, decoys: &[("", decoys), ("/list", decoys)] };
        let issued = issue::issue(&header(), &claims, conceal, &key(), &mut salts()).unwrap();
        let held = decode(&issued).unwrap();
        prop_assert_eq!(held.claims(), &claims);
        let all = held.present(&hidden).unwrap();
        prop_assert_eq!(all, issued);
    }
}
