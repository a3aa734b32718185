//! Presentations are for one verifier, once, by their holder.

use super::*;
use crate::credential::evidence::{Unknown, UnreadMethod};
use crate::credential::integrity::Suite;
use crate::credential::report::Outcome;
use crate::credential::verify::{self, Accreditation, KeyState, Method};
use crate::key::{KeyAlgorithm, PrivateKey};

const HOLDER: &str = "did:example:holder";
const ISSUER: &str = "did:example:issuer";
const VERIFIER: &str = "https://verifier.example";
const NOW_MS: i64 = 1_700_000_000_000;

fn key(seed: u8) -> SigningKey {
    PrivateKey::generate([seed; 32], KeyAlgorithm::Sm2).into()
}

fn found(id: &str, seed: u8, relationship: Relationship) -> Lookup {
    found_for(id, seed, &[relationship])
}

fn found_for(id: &str, seed: u8, relationships: &[Relationship]) -> Lookup {
    Lookup::Found(Party {
        id: id.into(),
        methods: vec![Method {
            id: format!("{id}#key-1"),
            key: key(seed).verification_key(),
            relationships: relationships.to_vec(),
            ends_ms: None,
        }],
        unread: Vec::new(),
        deactivated: false,
        known_at_ms: Some(NOW_MS),
        state: KeyState::Fixed,
    })
}

fn holder() -> Lookup {
    found(HOLDER, 1, Relationship::Authentication)
}

fn claims(issuer: &str) -> Value {
    json!({
        "@context": [BASE_CONTEXT],
        "type": ["VerifiableCredential"],
        "issuer": issuer,
        "credentialSubject": { "id": HOLDER, "https://example.org/#age": 44 },
    })
}

fn issued() -> Value {
    let options = Options::assertion(Suite::Sm2Jcs2026, format!("{ISSUER}#key-1"), NOW_MS);
    integrity::issue(claims(ISSUER), &options, &key(2), None).unwrap()
}

fn options() -> Options {
    let method = format!("{HOLDER}#key-1");
    Options::authentication(Suite::Sm2Jcs2026, method, NOW_MS, "n-1", VERIFIER)
}

fn presented(credentials: &[Value], options: &Options) -> Value {
    create(unsigned(HOLDER, credentials), options, &key(1), None).unwrap()
}

fn evidence(holder: &Lookup) -> Evidence<'_> {
    Evidence {
        now_ms: NOW_MS,
        clock_skew_ms: 1000,
        holder,
        challenge: Some("n-1"),
        domain: Some(VERIFIER),
        proof_wanted: false,
    }
}

/// The whole of a verification, as a verifier does it.
fn verified(secured: Value, evidence: &Evidence<'_>) -> PresentationReport {
    let presentation = match read(secured, None) {
        Ok(presentation) => presentation,
        Err(error) => return PresentationReport::malformed(&error),
    };
    let (steps, presenter) = check(&presentation, evidence);
    let issuer = found(ISSUER, 2, Relationship::AssertionMethod);
    let report = |contained: &Contained| {
        let Contained::Embedded(credential) = contained else {
            return Report::malformed(code::CREDENTIALS_INVALID, "not of this format");
        };
        let parsed = match integrity::credential(credential.clone(), None) {
            Ok(parsed) => parsed,
            Err(error) => return Report::malformed(error.code, error.detail),
        };
        let of = if parsed.issuer == HOLDER {
            evidence.holder
        } else {
            &issuer
        };
        let evidence = verify::Evidence {
            now_ms: NOW_MS,
            clock_skew_ms: 1000,
            issuer: of,
            signers: &[],
            accreditation: &Accreditation::NotAsked,
            schemas: &[],
            statuses: &[],
            status_age_max_ms: None,
            term_wanted: true,
            presenter: presenter.as_ref(),
            holder_is_subject: true,
            holder_wanted: false,
            challenge: evidence.challenge,
            domain: evidence.domain,
            audience: evidence.domain,
        };
        verify::verify(&parsed, &evidence)
    };
    let credentials = presentation.credentials.iter().map(report).collect();
    PresentationReport::of(steps, credentials)
}

fn fails(secured: Value, evidence: &Evidence<'_>, code: &str) {
    let report = verified(secured, evidence);
    assert_ne!(report.verdict, Verdict::Valid);
    assert_eq!(report.code(), Some(code), "{report:?}");
}

#[test]
fn a_key_that_cannot_be_read_leaves_open_only_what_answers_the_verifier() {
    let mut holder = holder();
    let Lookup::Found(party) = &mut holder else {
        panic!("the holder is known")
    };
    let Method {
        id, relationships, ..
    } = party.methods.remove(0);
    party.unread.push(UnreadMethod {
        id,
        relationships,
        ends_ms: None,
    });
    let shown = presented(&[issued()], &options());
    let told = |evidence: &Evidence<'_>| {
        let report = verified(shown.clone(), evidence);
        let step = report.steps.iter().find(|step| step.code().is_some());
        step.map(|step| (step.code().unwrap_or_default(), step.hint.is_empty()))
    };
    let asked = evidence(&holder);
    assert_eq!(told(&asked), Some((code::SUITE_UNSUPPORTED, false)));
    let asked = Evidence {
        challenge: Some("n-2"),
        ..evidence(&holder)
    };
    assert_eq!(told(&asked).unwrap().0, code::CHALLENGE_MISMATCH);
    let asked = Evidence {
        domain: Some("another"),
        ..evidence(&holder)
    };
    assert_eq!(told(&asked).unwrap().0, code::DOMAIN_MISMATCH);
    let asked = Evidence {
        now_ms: NOW_MS - 60_000,
        ..evidence(&holder)
    };
    assert_ne!(told(&asked).unwrap().0, code::SUITE_UNSUPPORTED);
}

#[test]
fn a_presentation_is_valid_with_all_that_is_in_it() {
    let holder = holder();
    let report = verified(
        presented(&[issued(), issued()], &options()),
        &evidence(&holder),
    );
    assert_eq!(report.verdict, Verdict::Valid, "{report:?}");
    assert_eq!(report.credentials.len(), 2);
    let step = report.credentials[0].step(StepName::Holder).unwrap();
    assert_eq!(step.outcome, Outcome::Passed);
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["verdict"], "VALID");
    assert_eq!(json["steps"][2]["name"], "holder");
    assert_eq!(json["credentials"][1]["verdict"], "VALID");
}

#[test]
fn it_answers_one_challenge_of_one_verifier() {
    let holder = holder();
    let good = presented(&[issued()], &options());
    let other = Evidence {
        challenge: Some("n-2"),
        ..evidence(&holder)
    };
    fails(good.clone(), &other, code::CHALLENGE_MISMATCH);
    let other = Evidence {
        domain: Some("https://other.example"),
        ..evidence(&holder)
    };
    fails(good, &other, code::DOMAIN_MISMATCH);
    let silent = Options {
        challenge: None,
        ..options()
    };
    fails(
        presented(&[issued()], &silent),
        &evidence(&holder),
        code::CHALLENGE_MISMATCH,
    );
    let nowhere = Options {
        domain: Vec::new(),
        ..options()
    };
    fails(
        presented(&[issued()], &nowhere),
        &evidence(&holder),
        code::DOMAIN_MISMATCH,
    );
    let both = Options {
        domain: vec!["https://other.example".into(), VERIFIER.into()],
        ..options()
    };
    let report = verified(presented(&[issued()], &both), &evidence(&holder));
    assert_eq!(report.verdict, Verdict::Valid);
}

#[test]
fn it_is_signed_by_its_holder_for_logging_in() {
    let good = presented(&[issued()], &options());
    let check = |holder: Lookup, code: &str| fails(good.clone(), &evidence(&holder), code);
    check(
        found(HOLDER, 3, Relationship::Authentication),
        code::SIGNATURE_WRONG,
    );
    check(
        found(HOLDER, 1, Relationship::AssertionMethod),
        code::METHOD_PURPOSE,
    );
    check(
        found("did:example:other", 1, Relationship::Authentication),
        code::METHOD_UNKNOWN,
    );
    check(Lookup::NotFound, code::METHOD_UNKNOWN);
    let nobody = verified(good.clone(), &evidence(&Lookup::NotFound));
    assert_eq!(nobody.steps[2].code(), Some(code::HOLDER_NOT_FOUND));
    let unknown = Unknown::new("no answer", "ask again");
    check(Lookup::Unknown(unknown), code::HOLDER_UNKNOWN);
    let Lookup::Found(mut party) = holder() else {
        panic!("the holder is known")
    };
    party.deactivated = true;
    check(Lookup::Found(party), code::HOLDER_DEACTIVATED);

    let assertion = Options::assertion(Suite::Sm2Jcs2026, format!("{HOLDER}#key-1"), NOW_MS);
    let holder = holder();
    fails(
        presented(&[issued()], &assertion),
        &evidence(&holder),
        code::METHOD_PURPOSE,
    );
    let stale = Options {
        expires_ms: Some(NOW_MS - 1001),
        ..options()
    };
    fails(
        presented(&[issued()], &stale),
        &evidence(&holder),
        code::PROOF_EXPIRED,
    );
    let nameless = Options {
        verification_method: HOLDER.into(),
        ..options()
    };
    fails(
        presented(&[issued()], &nameless),
        &evidence(&holder),
        code::METHOD_UNKNOWN,
    );
    let mut unknown = good.clone();
    unknown["proof"]["cryptosuite"] = json!("bbs-2023");
    fails(unknown, &evidence(&holder), code::SUITE_UNSUPPORTED);
    let mut changed = good;
    changed["holder"] = json!("did:example:thief");
    fails(changed, &evidence(&holder), code::SIGNATURE_WRONG);
}

#[test]
fn an_unsigned_presentation_proves_no_holder() {
    let unsigned = unsigned(HOLDER, &[issued()]);
    let holder = holder();
    fails(unsigned.clone(), &evidence(&holder), code::PROOF_MISSING);
    let nothing_asked = Evidence {
        challenge: None,
        domain: None,
        ..evidence(&Lookup::NotFound)
    };
    let report = verified(unsigned, &nothing_asked);
    assert_eq!(report.verdict, Verdict::Valid, "{report:?}");
    assert!(matches!(report.steps[1].outcome, Outcome::Skipped { .. }));
    let step = report.credentials[0].step(StepName::Holder).unwrap();
    assert!(matches!(step.outcome, Outcome::Skipped { .. }));
}

#[test]
fn a_proof_that_was_stripped_away_is_missed_by_who_concludes_from_it() {
    let holder = holder();
    let mut stripped = presented(&[issued()], &options());
    stripped.as_object_mut().unwrap().remove("proof");
    let wanted = Evidence {
        challenge: None,
        domain: None,
        proof_wanted: true,
        ..evidence(&holder)
    };
    fails(stripped.clone(), &wanted, code::PROOF_MISSING);
    // Of whom it names, nothing is said: neither that it is the holder, nor that it is none.
    let Lookup::Found(mut gone) = holder.clone() else {
        panic!("the holder is known")
    };
    gone.deactivated = true;
    for holder in [holder.clone(), Lookup::Found(gone), Lookup::NotFound] {
        let nothing_asked = Evidence {
            challenge: None,
            domain: None,
            ..evidence(&holder)
        };
        let report = verified(stripped.clone(), &nothing_asked);
        assert_eq!(report.verdict, Verdict::Valid, "{report:?}");
        assert!(matches!(report.steps[2].outcome, Outcome::Skipped { .. }));
    }
}

#[test]
fn a_presentation_that_shows_nothing_and_proves_nobody_is_not_valid() {
    let nothing_asked = Evidence {
        challenge: None,
        domain: None,
        ..evidence(&Lookup::NotFound)
    };
    let mut nobody = unsigned(HOLDER, &[]);
    fails(nobody.clone(), &nothing_asked, code::PROOF_MISSING);
    let members = nobody.as_object_mut().unwrap();
    members.remove("holder");
    members.remove("verifiableCredential");
    fails(nobody, &nothing_asked, code::PROOF_MISSING);
    // Who logs in shows nothing, and proves who it is.
    let holder = holder();
    let report = verified(presented(&[], &options()), &evidence(&holder));
    assert_eq!(report.verdict, Verdict::Valid, "{report:?}");
}

#[test]
fn a_credential_does_not_become_a_presentation_by_saying_so() {
    let nothing_asked = Evidence {
        challenge: None,
        domain: None,
        ..evidence(&Lookup::NotFound)
    };
    let forged = |change: &dyn Fn(&mut Value)| {
        let mut forged = claims(ISSUER);
        forged["type"] = json!(["VerifiablePresentation"]);
        change(&mut forged);
        forged
    };
    let both = json!(["VerifiableCredential", "VerifiablePresentation"]);
    fails(
        forged(&|forged| forged["type"] = both.clone()),
        &nothing_asked,
        code::TYPE_INVALID,
    );
    let remove = |name: &'static str| {
        forged(&move |forged| {
            forged.as_object_mut().unwrap().remove(name);
        })
    };
    fails(
        remove("credentialSubject"),
        &nothing_asked,
        code::ISSUER_INVALID,
    );
    fails(remove("issuer"), &nothing_asked, code::SUBJECT_INVALID);
    let mut credential = claims(ISSUER);
    credential["type"] = both;
    let error = integrity::credential(credential, None).unwrap_err();
    assert_eq!(error.code, code::TYPE_INVALID);
}

#[test]
fn another_s_credential_cannot_be_presented() {
    let mut claims = claims(ISSUER);
    claims["credentialSubject"]["id"] = json!("did:example:other");
    let options_issue = Options::assertion(Suite::Sm2Jcs2026, format!("{ISSUER}#key-1"), NOW_MS);
    let stolen = integrity::issue(claims, &options_issue, &key(2), None).unwrap();
    let holder = holder();
    fails(
        presented(&[issued(), stolen], &options()),
        &evidence(&holder),
        code::HOLDER_MISMATCH,
    );
}

#[test]
fn an_altered_credential_inside_is_found() {
    let mut altered = issued();
    altered["credentialSubject"]["https://example.org/#age"] = json!(45);
    let holder = holder();
    fails(
        presented(&[altered], &options()),
        &evidence(&holder),
        code::SIGNATURE_WRONG,
    );
    let mut after = presented(&[issued()], &options());
    after["verifiableCredential"][0]["credentialSubject"]["https://example.org/#age"] = json!(45);
    fails(after, &evidence(&holder), code::SIGNATURE_WRONG);
    let malformed = presented(&[json!({ "a": 1 })], &options());
    fails(malformed, &evidence(&holder), code::CONTEXT_INVALID);
    let mut unformed = presented(&[issued()], &options());
    unformed["type"] = json!("VerifiableCredential");
    fails(unformed, &evidence(&holder), code::TYPE_INVALID);
}

// VCDM 2.0 §4.13.3.
#[test]
fn a_holder_may_assert_of_itself_and_nobody_else() {
    let both = [Relationship::Authentication, Relationship::AssertionMethod];
    let holder = found_for(HOLDER, 1, &both);
    let own = presented(&[claims(HOLDER)], &options());
    let judged = verified(own.clone(), &evidence(&holder));
    assert_eq!(judged.verdict, Verdict::Valid);
    let logs_in = found(HOLDER, 1, Relationship::Authentication);
    fails(own, &evidence(&logs_in), code::PROOF_MISSING);
    let of_another = presented(&[claims(ISSUER)], &options());
    fails(of_another, &evidence(&holder), code::PROOF_MISSING);
    let nameless = {
        let mut unsigned = unsigned(HOLDER, &[claims(HOLDER)]);
        unsigned.as_object_mut().unwrap().remove("holder");
        create(unsigned, &options(), &key(1), None).unwrap()
    };
    fails(nameless, &evidence(&holder), code::PROOF_MISSING);
}
