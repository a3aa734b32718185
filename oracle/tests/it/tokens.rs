//! Credentials and presentations as JSON Web Tokens.

use serde_json::{Value, json};
use ssi::claims::JwsSlice;
use ssi::claims::jws::JwsPayload as _;
use ssi::claims::vc::v2::JsonCredential;
use ssi::claims::vc_jose_cose::{JoseVc, JoseVp};
use starfire_did::jose::envelope::{self, Format};
use starfire_did::jose::{vc_jwt, vp_jwt};
use starfire_oracle::person::{Curve, Person};
use starfire_oracle::theirs::{Typed, now, said};
use starfire_oracle::{ISSUED_MS, NOW_MS, YEAR_MS, altered, ours, theirs};

use crate::{claims, people};

fn accepted(token: &str, issuer: &Person) {
    assert_eq!(ours::check_token(token, issuer, NOW_MS), Ok(()), "{token}");
    assert_eq!(
        theirs::check_token(token, &[issuer], NOW_MS),
        Ok(()),
        "{token}"
    );
}

fn refused(token: &str, issuer: &Person, now_ms: i64) {
    assert!(ours::check_token(token, issuer, now_ms).is_err(), "{token}");
    assert!(
        theirs::check_token(token, &[issuer], now_ms).is_err(),
        "{token}"
    );
}

fn accepted_unless_altered(token: &str, issuer: &Person) {
    accepted(token, issuer);
    for part in 0..3 {
        refused(&altered::token(token, part), issuer, NOW_MS);
    }
    for (pointer, place) in [
        ("/credentialSubject/certificateNumber", 4),
        ("/validFrom", 18),
        ("/validUntil", 18),
    ] {
        refused(&altered::claim(token, pointer, place), issuer, NOW_MS);
    }
    refused(token, issuer, ISSUED_MS - 1);
    refused(token, issuer, ISSUED_MS + YEAR_MS + 1);
}

#[test]
fn what_we_issue_holds_on_both_sides_and_fails_when_altered() {
    for issuer in people() {
        accepted_unless_altered(&ours::issue_token(&claims(&issuer), &issuer), &issuer);
    }
}

#[test]
fn what_ssi_issues_holds_on_both_sides_and_fails_when_altered() {
    for issuer in people() {
        let claims = claims(&issuer);
        let payload = Typed {
            typ: vc_jwt::TYP,
            claims: &claims,
        };
        accepted_unless_altered(&theirs::sign(payload, &issuer), &issuer);
    }
}

// VC-JOSE-COSE §3.1.1: the type is vc+jwt. ssi writes the name of a draft, and reads any.
#[test]
fn ssi_types_its_tokens_as_a_draft_did() {
    let issuer = Person::of_key(Curve::Ed25519, [7; 32]);
    let credential: JsonCredential = serde_json::from_value(claims(&issuer)).unwrap();
    let token = now(JoseVc(credential).sign(issuer.jwk()))
        .unwrap()
        .to_string();
    let header = JwsSlice::new(token.as_bytes())
        .unwrap()
        .decode_header()
        .unwrap();
    assert_eq!(header.type_.as_deref(), Some("vc-ld+jwt"));
    assert_eq!(theirs::check_token(&token, &[&issuer], NOW_MS), Ok(()));
    assert!(ours::check_token(&token, &issuer, NOW_MS).is_err());
}

// RFC 7519 §4.1.4: a token that has expired is not accepted. ssi reads the credential alone.
#[test]
fn ssi_does_not_read_when_a_credential_s_token_expires() {
    let issuer = Person::of_key(Curve::Ed25519, [7; 32]);
    let times = vc_jwt::Times {
        issued_at_ms: Some(ISSUED_MS),
        expires_ms: Some(ISSUED_MS + 1000),
    };
    let claims = ours::object(&claims(&issuer));
    let token = vc_jwt::issue(&claims, &issuer.method, times, &issuer.key).unwrap();
    assert_eq!(ours::check_token(&token, &issuer, ISSUED_MS), Ok(()));
    assert!(ours::check_token(&token, &issuer, NOW_MS).is_err());
    assert_eq!(theirs::check_token(&token, &[&issuer], NOW_MS), Ok(()));
}

fn presentation(issuer: &Person, holder: &Person) -> Value {
    let token = ours::issue_token(&claims(issuer), issuer);
    json!({
        "@context": ["https://www.w3.org/ns/credentials/v2"],
        "type": ["VerifiablePresentation"],
        "holder": holder.did,
        "verifiableCredential": [envelope::seal(Format::VcJwt, &token).unwrap()],
    })
}

/// Whether it holds: with us, with ssi.
fn shown(token: &str, holder: &Person) -> (bool, bool) {
    let ours = vp_jwt::parse(token).is_ok_and(|shown| {
        let holds = shown
            .proofs
            .iter()
            .all(|proof| proof.signed.holds(&holder.public()));
        holds && shown.credentials.len() == 1
    });
    let theirs = JwsSlice::new(token.as_bytes())
        .map_err(|_| "no JWS".to_owned())
        .and_then(|jws| JoseVp::decode_any(jws).map_err(said))
        .is_ok_and(|shown| {
            let parameters = theirs::parameters(&[holder], NOW_MS);
            let contained = shown.signing_bytes.payload.0.verifiable_credentials.len();
            now(shown.verify(parameters)).is_ok_and(|verdict| verdict.is_ok()) && contained == 1
        });
    (ours, theirs)
}

#[test]
fn presentations_hold_on_both_sides_and_fail_when_altered() {
    let issuer = Person::of_key(Curve::Ed25519, [7; 32]);
    for holder in people() {
        let document = presentation(&issuer, &holder);
        let answer = vp_jwt::Answer {
            nonce: Some("c-1"),
            audience: Some("verifier.example"),
            times: vc_jwt::Times::default(),
        };
        let claims = ours::object(&document);
        let by_us = vp_jwt::present(&claims, &holder.method, answer, &holder.key).unwrap();
        let typed = Typed {
            typ: vp_jwt::TYP,
            claims: &document,
        };
        let by_ssi = theirs::sign(typed, &holder);
        for token in [by_us, by_ssi] {
            assert_eq!(shown(&token, &holder), (true, true), "{token}");
            for part in 0..3 {
                assert_eq!(
                    shown(&altered::token(&token, part), &holder),
                    (false, false)
                );
            }
            let other = Person::of_key(Curve::Ed25519, [8; 32]);
            assert!(!shown(&token, &other).0);
        }
    }
}
