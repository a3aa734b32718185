//! Proofs inside the document, by the suites over RDF.

use serde_json::{Value, json};
use ssi::claims::data_integrity::AnySuite;
use starfire_did::credential::integrity::{self, Options, Suite};
use starfire_did::credential::presentation;
use starfire_oracle::person::{Curve, Person};
use starfire_oracle::theirs::Challenge;
use starfire_oracle::{ISSUED_MS, NOW_MS, YEAR_MS, altered, ours, theirs};

use crate::{claims, people};

fn suites(issuer: &Person) -> (Suite, AnySuite) {
    match issuer.public().curve() {
        "Ed25519" => (Suite::EddsaRdfc2022, AnySuite::EdDsaRdfc2022),
        _ => (Suite::EcdsaRdfc2019, AnySuite::EcdsaRdfc2019),
    }
}

fn accepted(secured: &Value, issuer: &Person) {
    assert_eq!(ours::check(secured, issuer, NOW_MS), Ok(()), "{secured}");
    assert_eq!(
        theirs::check(secured, &[issuer], NOW_MS),
        Ok(()),
        "{secured}"
    );
}

fn refused(secured: &Value, issuer: &Person, now_ms: i64) {
    assert!(ours::check(secured, issuer, now_ms).is_err(), "{secured}");
    assert!(
        theirs::check(secured, &[issuer], now_ms).is_err(),
        "{secured}"
    );
}

fn accepted_unless_altered(secured: &Value, issuer: &Person) {
    accepted(secured, issuer);
    for (pointer, place) in [
        ("/credentialSubject/certificateNumber", 4),
        ("/id", 9),
        ("/type/1", 0),
        ("/validFrom", 18),
        ("/validUntil", 18),
        ("/proof/created", 18),
        ("/proof/proofValue", 40),
    ] {
        refused(&altered::text_at(secured, pointer, place), issuer, NOW_MS);
    }
    let mut heavier = secured.clone();
    heavier["credentialSubject"]["items"][0]["weight"] = json!(1250.25);
    refused(&heavier, issuer, NOW_MS);
    refused(secured, issuer, ISSUED_MS - 1);
    refused(secured, issuer, ISSUED_MS + YEAR_MS + 1);
}

#[test]
fn what_we_issue_holds_on_both_sides_and_fails_when_altered() {
    for issuer in people() {
        let (suite, _) = suites(&issuer);
        accepted_unless_altered(&ours::issue(&claims(&issuer), suite, &issuer), &issuer);
    }
}

#[test]
fn what_ssi_issues_holds_on_both_sides_and_fails_when_altered() {
    for issuer in people() {
        let (_, suite) = suites(&issuer);
        accepted_unless_altered(&theirs::issue(&claims(&issuer), suite, &issuer), &issuer);
    }
}

// Both sign without randomness, EdDSA by its nature and P-256 by RFC 6979, so that nothing may differ.
#[test]
fn both_sides_make_the_same_proof() {
    for issuer in people() {
        let (our_suite, their_suite) = suites(&issuer);
        let mut ours = ours::issue(&claims(&issuer), our_suite, &issuer);
        let mut theirs = theirs::issue(&claims(&issuer), their_suite, &issuer);
        assert_eq!(ours["proof"].take(), theirs["proof"].take());
    }
}

#[test]
fn two_proofs_hold_on_both_sides() {
    let issuer = Person::of_key(Curve::Ed25519, [7; 32]);
    let once = ours::issue(&claims(&issuer), Suite::EddsaRdfc2022, &issuer);
    let twice = ours::issue(&once, Suite::EddsaRdfc2022, &issuer);
    assert_eq!(twice["proof"].as_array().map(Vec::len), Some(2));
    accepted(&twice, &issuer);
    refused(
        &altered::text_at(&twice, "/proof/1/proofValue", 40),
        &issuer,
        NOW_MS,
    );
}

// A presentation says its credentials in graphs of their own, which are blank nodes too.
#[test]
fn presentations_hold_on_both_sides_for_their_challenge_alone() {
    let issuer = Person::of_key(Curve::P256, [7; 32]);
    let credential = ours::issue(&claims(&issuer), Suite::EcdsaRdfc2019, &issuer);
    for holder in people() {
        let (suite, their_suite) = suites(&holder);
        let unsigned = presentation::unsigned(&holder.did, std::slice::from_ref(&credential));
        let (challenge, domain) = ("c-1", "verifier.example");
        let method = holder.method.as_str();
        let options = Options::authentication(suite, method, ISSUED_MS, challenge, domain);
        let key = &holder.key;
        let by_us = presentation::create(unsigned.clone(), &options, key, Some(&ours::rdfc));
        let asked = Challenge { challenge, domain };
        let by_ssi = theirs::secure(&unsigned, their_suite, &holder, Some(asked));
        let holds_here = |shown: &Value| {
            let shown = presentation::read(shown.clone(), Some(&ours::rdfc)).unwrap();
            let [proof] = shown.proofs.as_slice() else {
                panic!("one proof");
            };
            assert_eq!(proof.domain, [domain]);
            proof.signed.holds(&holder.public())
        };
        for shown in [by_us.unwrap(), by_ssi] {
            assert!(
                holds_here(&shown) && theirs::holds(&shown, &[&holder]),
                "{shown}"
            );
            for (pointer, place) in [
                ("/proof/challenge", 2),
                ("/verifiableCredential/0/validUntil", 18),
                ("/verifiableCredential/0/proof/created", 18),
            ] {
                let altered = altered::text_at(&shown, pointer, place);
                assert!(!holds_here(&altered), "{altered}");
                assert!(!theirs::holds(&altered, &[&holder]), "{altered}");
            }
        }
    }
}

#[test]
fn the_suites_over_jcs_are_not_known_to_ssi() {
    for (curve, suite) in [
        (Curve::Ed25519, Suite::EddsaJcs2022),
        (Curve::P256, Suite::EcdsaJcs2019),
    ] {
        let issuer = Person::of_key(curve, [7; 32]);
        let secured = ours::issue(&claims(&issuer), suite, &issuer);
        assert_eq!(ours::check(&secured, &issuer, NOW_MS), Ok(()));
        assert!(theirs::check(&secured, &[&issuer], NOW_MS).is_err());
    }
}

// CID 1.0 §3.3: a key counts as its controller's, who here must be the issuer. Data Integrity 1.0 §2.1: a proof ends with `expires`.
// ssi leaves both to its caller.
#[test]
fn ssi_asks_neither_whose_key_it_is_nor_whether_the_proof_has_expired() {
    let issuer = Person::of_key(Curve::Ed25519, [7; 32]);
    let other = Person::of_key(Curve::Ed25519, [8; 32]);
    let forged = ours::issue(&claims(&issuer), Suite::EddsaRdfc2022, &other);
    assert_eq!(theirs::check(&forged, &[&issuer, &other], NOW_MS), Ok(()));
    assert!(ours::check(&forged, &issuer, NOW_MS).is_err());

    let options = Options {
        expires_ms: Some(ISSUED_MS + 1000),
        ..Options::assertion(Suite::EddsaRdfc2022, issuer.method.as_str(), ISSUED_MS)
    };
    let expired =
        integrity::issue(claims(&issuer), &options, &issuer.key, Some(&ours::rdfc)).unwrap();
    assert_eq!(ours::check(&expired, &issuer, ISSUED_MS), Ok(()));
    assert!(ours::check(&expired, &issuer, NOW_MS).is_err());
    assert_eq!(theirs::check(&expired, &[&issuer], NOW_MS), Ok(()));
}

// VC Data Model 2.0 §4.9: validUntil is the latest moment of validity, and so part of it.
#[test]
fn the_last_moment_of_validity_counts_for_us_alone() {
    let issuer = Person::of_key(Curve::Ed25519, [7; 32]);
    let secured = ours::issue(&claims(&issuer), Suite::EddsaRdfc2022, &issuer);
    let last_ms = ISSUED_MS + YEAR_MS;
    assert_eq!(ours::check(&secured, &issuer, last_ms), Ok(()));
    assert!(theirs::check(&secured, &[&issuer], last_ms).is_err());
    assert_eq!(theirs::check(&secured, &[&issuer], last_ms - 1), Ok(()));
}
