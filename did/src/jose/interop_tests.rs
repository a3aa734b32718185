//! Tokens that published JavaScript libraries made (`tests/clients/credentials/make_vectors.mjs`), and judgement as a whole.

use serde_json::Value;

use super::envelope::{self, Format};
use super::{vc_jwt, vp_jwt};
use crate::credential::model::Contained;
use crate::credential::parsed::{Parsed, Relationship};
use crate::credential::report::{Report, StepName, Verdict};
use crate::credential::verify::{
    Accreditation, Evidence, KeyState, Lookup, Method, Party, StatusCheck, StatusFact, verify,
};
use crate::sd_jwt::{self, key_binding};
use crate::verification_key::VerificationKey;

fn jwt() -> Value {
    serde_json::from_str(include_str!("../../../tests/vectors/credentials/jwt.json")).unwrap()
}

fn selective() -> Value {
    serde_json::from_str(include_str!(
        "../../../tests/vectors/credentials/sd-jwt.json"
    ))
    .unwrap()
}

fn list<'a>(vectors: &'a Value, name: &str) -> &'a [Value] {
    let list = vectors[name].as_array().unwrap();
    assert!(!list.is_empty());
    list
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap()
}

fn key(value: &Value) -> VerificationKey {
    VerificationKey::from_jwk(&value["jwk"]).unwrap()
}

/// Judged with this one key in the issuer's document.
fn judge(
    parsed: &Parsed,
    key: VerificationKey,
    statuses: &[StatusCheck],
    challenge: Option<&str>,
    now_ms: i64,
) -> Report {
    let named = &parsed.signatures[0].method;
    let party = Party {
        id: parsed.issuer.clone(),
        methods: vec![Method {
            id: if named.contains('#') {
                named.clone()
            } else {
                format!("{named}#key-1")
            },
            key,
            relationships: vec![Relationship::AssertionMethod],
            ends_ms: None,
        }],
        unread: Vec::new(),
        deactivated: false,
        known_at_ms: Some(now_ms),
        state: KeyState::Fixed,
    };
    let evidence = Evidence {
        now_ms,
        clock_skew_ms: 0,
        issuer: &Lookup::Found(party),
        signers: &[],
        accreditation: &Accreditation::NotAsked,
        schemas: &[],
        statuses,
        status_age_max_ms: None,
        term_wanted: true,
        presenter: None,
        holder_is_subject: false,
        holder_wanted: false,
        challenge,
        domain: None,
        audience: None,
    };
    verify(parsed, &evidence)
}

/// The text with one character of the first part's signature, or of the payload, changed.
fn altered(token: &str, from_end: usize) -> String {
    let end = token.find('~').unwrap_or(token.len()) - from_end;
    let other = if token.as_bytes()[end] == b'A' {
        'B'
    } else {
        'A'
    };
    format!("{}{other}{}", &token[..end], &token[end + 1..])
}

const NOW_MS: i64 = 1_767_312_000_000;

#[test]
fn tokens_of_jose_for_javascript_hold_and_fail_when_altered() {
    let vectors = jwt();
    for vector in list(&vectors, "tokens") {
        let (name, token) = (text(vector, "name"), text(vector, "token"));
        let signed = |token: &str| match text(vector, "typ") {
            "vc+jwt" => {
                let parsed = vc_jwt::parse(token)?;
                assert_eq!(parsed.claims, vector["claims"], "{name}");
                assert_eq!(
                    judge(&parsed, key(vector), &[], None, NOW_MS).verdict,
                    Verdict::Valid,
                    "{name}"
                );
                Ok(parsed.signatures[0].clone())
            }
            _ => vp_jwt::parse(token).map(|read| read.proofs[0].signed.clone()),
        };
        assert!(signed(token).unwrap().holds(&key(vector)), "{name}");
        for from_end in [10, 100] {
            let altered = super::decode(&altered(token, from_end));
            assert!(
                altered.is_err() || altered.is_ok_and(|token| !token.holds(&key(vector))),
                "{name}"
            );
        }
    }
}

#[test]
fn presentations_of_jose_for_javascript_open() {
    let vectors = jwt();
    let mut opened = 0;
    for vector in list(&vectors, "tokens")
        .iter()
        .filter(|one| text(one, "typ") == "vp+jwt")
    {
        let read = vp_jwt::parse(text(vector, "token")).unwrap();
        assert_eq!(
            read.proofs[0].challenge.as_deref(),
            vector["claims"]["nonce"].as_str()
        );
        for contained in &read.credentials {
            let Contained::Enveloped {
                media_type,
                content,
            } = contained
            else {
                panic!("an envelope")
            };
            envelope::open(media_type, content).unwrap();
            opened += 1;
        }
    }
    assert!(opened > 0);
}

#[test]
fn tokens_of_sd_jwt_for_javascript_hold_and_fail_when_altered() {
    let vectors = selective();
    for vector in list(&vectors, "selective") {
        let (name, token, shown) = (
            text(vector, "name"),
            text(vector, "token"),
            text(vector, "presentation"),
        );
        let held = sd_jwt::decode(token).unwrap();
        assert!(held.holds(&key(vector)), "{name}");
        assert_eq!(
            Value::Object(held.claims().clone()),
            vector["claims"],
            "{name}"
        );
        let read = sd_jwt::decode(shown).unwrap();
        assert_eq!(
            Value::Object(read.claims().clone()),
            vector["shown"],
            "{name}"
        );
        let binding = &vector["keyBinding"];
        let expected = key_binding::Expected {
            nonce: text(binding, "nonce"),
            audience: text(binding, "aud"),
            now_ms: binding["iat"].as_i64().unwrap() * 1000,
            clock_skew_ms: 0,
        };
        key_binding::check(&read, &expected).unwrap();

        let parsed = envelope::parse(Format::of(shown), shown).unwrap();
        let report = judge(
            &parsed,
            key(vector),
            &[],
            Some(expected.nonce),
            expected.now_ms,
        );
        assert_eq!(report.verdict, Verdict::Valid, "{name}: {report:?}");
        let replayed = judge(&parsed, key(vector), &[], Some("another"), expected.now_ms);
        assert_eq!(
            replayed.step(StepName::Holder).unwrap().code(),
            Some("CHALLENGE_MISMATCH")
        );
        let too_late_ms = expected.now_ms + key_binding::AGE_MS_MAX + 1;
        let late = judge(&parsed, key(vector), &[], Some(expected.nonce), too_late_ms);
        assert_eq!(
            late.step(StepName::Holder).unwrap().code(),
            Some("PROOF_EXPIRED")
        );
        // To who does not ask for it, it matters not.
        let unasked = judge(&parsed, key(vector), &[], None, too_late_ms);
        assert_eq!(unasked.step(StepName::Holder).unwrap().code(), None);
        let unbound = envelope::parse(Format::SdJwtVc, token).unwrap();
        let unbound = judge(
            &unbound,
            key(vector),
            &[],
            Some(expected.nonce),
            expected.now_ms,
        );
        assert_eq!(unbound.code(), Some("HOLDER_UNPROVEN"));
        for from_end in [10, 100] {
            let altered = sd_jwt::decode(&altered(token, from_end));
            assert!(
                altered.is_err() || altered.is_ok_and(|token| !token.holds(&key(vector))),
                "{name}"
            );
        }
    }
}

#[test]
fn bifs_credentials_are_judged_by_any_key_of_the_issuer_and_their_own_status() {
    let vectors: Value =
        serde_json::from_str(include_str!("../../../tests/vectors/bif_credentials.json")).unwrap();
    for vector in list(&vectors, "vectors") {
        let (algorithm, _) = text(vector, "name").split_once('-').unwrap();
        let other = if algorithm == "SM2" { "ED25519" } else { "SM2" };
        let key = |algorithm: &str| {
            let public = text(&vectors["keys"][algorithm], "public_key");
            VerificationKey::from(crate::PublicKey::parse(public).unwrap())
        };
        let parsed = envelope::parse(Format::Bif, text(vector, "hex_text")).unwrap();
        let status = |value: u8| StatusCheck {
            list: super::bif::revocation_list(&parsed.issuer, text(&vector["credential"], "id")),
            purpose: "revocation".to_owned(),
            index: 0,
            outcome: Ok(StatusFact {
                value: Ok(value),
                known_at_ms: NOW_MS,
            }),
        };
        let report = |key, statuses: &[StatusCheck]| judge(&parsed, key, statuses, None, NOW_MS);
        assert_eq!(report(key(algorithm), &[status(0)]).verdict, Verdict::Valid);
        assert_eq!(report(key(algorithm), &[status(1)]).code(), Some("REVOKED"));
        assert_eq!(report(key(algorithm), &[]).verdict, Verdict::Undecided);
        assert_eq!(
            report(key(other), &[status(0)]).code(),
            Some("METHOD_UNKNOWN")
        );
        let stranger =
            crate::PrivateKey::generate([9; 32], key(algorithm).account_key().unwrap().algorithm());
        assert_eq!(
            report(stranger.public().into(), &[status(0)]).code(),
            Some("SIGNATURE_WRONG")
        );
    }
}
