//! Each step, passed, failed with each of its codes, and skipped.

mod telling;

use serde_json::{Value, json};

use super::*;
use crate::credential::integrity::{self, Options, Suite};
use crate::credential::malformed::Malformed;
use crate::credential::parsed::KeyBinding;
use crate::credential::report::{Outcome, Verdict};
use crate::key::{KeyAlgorithm, PrivateKey};
use crate::signing_key::SigningKey;

const ISSUER: &str = "did:example:issuer";
const SUBJECT: &str = "did:example:subject";
const LIST: &str = "https://example.com/status/3";
const NOW_MS: i64 = 1_700_000_000_000;

fn key(seed: u8) -> SigningKey {
    PrivateKey::generate([seed; 32], KeyAlgorithm::Ed25519).into()
}

fn party(id: &str, seed: u8, relationships: &[Relationship]) -> Party {
    Party {
        id: id.into(),
        methods: vec![Method {
            id: format!("{id}#key-1"),
            key: key(seed).verification_key(),
            relationships: relationships.to_vec(),
            ends_ms: None,
        }],
        unread: Vec::new(),
        deactivated: false,
        known_at_ms: Some(NOW_MS - 5),
        state: KeyState::Fixed,
    }
}

/// Somebody beside the issuer whose key signs.
#[derive(Debug, Clone)]
struct Cosigner {
    id: String,
    found: Lookup,
}

fn cosigner(seed: u8) -> Vec<Cosigner> {
    let id = "did:example:other";
    let party = party(id, seed, &[Relationship::AssertionMethod]);
    vec![Cosigner {
        id: id.into(),
        found: Lookup::Found(party),
    }]
}

fn claims() -> Value {
    json!({
        "@context": ["https://www.w3.org/ns/credentials/v2"],
        "type": ["VerifiableCredential"],
        "issuer": ISSUER,
        "validFrom": "2023-01-01T00:00:00Z",
        "validUntil": "2024-01-01T00:00:00Z",
        "credentialSubject": { "id": SUBJECT },
        "credentialSchema": { "id": "https://example.com/schema", "type": "JsonSchema" },
        "credentialStatus": {
            "type": "BitstringStatusListEntry",
            "statusPurpose": "revocation",
            "statusListIndex": "7",
            "statusListCredential": LIST,
        },
    })
}

fn options(id: &str) -> Options {
    Options::assertion(Suite::EddsaJcs2022, format!("{id}#key-1"), NOW_MS - 1000)
}

fn status(value: Result<u8, Malformed>, known_at_ms: i64) -> StatusCheck {
    StatusCheck {
        list: LIST.into(),
        purpose: "revocation".into(),
        index: 7,
        outcome: Ok(StatusFact { value, known_at_ms }),
    }
}

/// A credential and all that is known about it, which a test changes.
struct Case {
    parsed: Parsed,
    now_ms: i64,
    issuer: Lookup,
    cosigners: Vec<Cosigner>,
    /// Who made each signature; `None`: the issuer and the cosigners, as they are known.
    signers: Option<Vec<Lookup>>,
    accreditation: Accreditation,
    schemas: Vec<SchemaCheck>,
    statuses: Vec<StatusCheck>,
    status_age_max_ms: Option<i64>,
    term_wanted: bool,
    presenter: Option<Presenter>,
    holder_is_subject: bool,
    holder_wanted: bool,
    challenge: Option<String>,
    domain: Option<String>,
    /// The verifier's name; its domain, if it is not said.
    audience: Option<String>,
}

impl Case {
    fn of(claims: Value, options: &Options) -> Self {
        let secured = integrity::issue(claims, options, &key(1), None).unwrap();
        Self {
            parsed: integrity::credential(secured, None).unwrap(),
            now_ms: NOW_MS,
            issuer: Lookup::Found(party(ISSUER, 1, &[Relationship::AssertionMethod])),
            cosigners: Vec::new(),
            signers: None,
            accreditation: Accreditation::NotAsked,
            schemas: vec![SchemaCheck {
                id: "https://example.com/schema".into(),
                outcome: SchemaOutcome::Satisfied,
            }],
            statuses: vec![status(Ok(0), NOW_MS - 60_000)],
            status_age_max_ms: Some(3_600_000),
            term_wanted: true,
            presenter: None,
            holder_is_subject: true,
            holder_wanted: false,
            challenge: None,
            domain: None,
            audience: None,
        }
    }

    fn good() -> Self {
        Self::of(claims(), &options(ISSUER))
    }

    /// Whose key a signature names.
    fn signer(&self, signed: &Signed) -> Lookup {
        let owner = signed.controller();
        if owner == self.parsed.issuer {
            return self.issuer.clone();
        }
        let known = self.cosigners.iter().find(|one| one.id == owner);
        known.map_or(Lookup::NotFound, |one| one.found.clone())
    }

    fn report(&self) -> Report {
        let signers = self.signers.clone().unwrap_or_else(|| {
            let signatures = self.parsed.signatures.iter();
            signatures.map(|signed| self.signer(signed)).collect()
        });
        let evidence = Evidence {
            now_ms: self.now_ms,
            clock_skew_ms: 1000,
            issuer: &self.issuer,
            signers: &signers,
            accreditation: &self.accreditation,
            schemas: &self.schemas,
            statuses: &self.statuses,
            status_age_max_ms: self.status_age_max_ms,
            term_wanted: self.term_wanted,
            presenter: self.presenter.as_ref(),
            holder_is_subject: self.holder_is_subject,
            holder_wanted: self.holder_wanted,
            challenge: self.challenge.as_deref(),
            domain: self.domain.as_deref(),
            audience: self.audience.as_deref().or(self.domain.as_deref()),
        };
        let report = verify(&self.parsed, &evidence);
        let names: Vec<StepName> = report.steps.iter().map(|step| step.name).collect();
        assert_eq!(names, StepName::ALL);
        report
    }

    /// The one step that fails, with this code.
    fn fails(&self, name: StepName, code: &str) {
        let report = self.report();
        let failed: Vec<_> = report
            .steps
            .iter()
            .filter_map(|step| Some((step.name, step.code()?)))
            .collect();
        assert_eq!(failed, [(name, code)]);
        let undecided = code::UNDECIDED.contains(&code);
        assert_eq!(report.verdict == Verdict::Undecided, undecided);
        assert_ne!(report.verdict, Verdict::Valid);
    }

    fn passes(&self, name: StepName) {
        let report = self.report();
        assert_eq!(report.verdict, Verdict::Valid, "{report:?}");
        assert_eq!(report.step(name).unwrap().outcome, Outcome::Passed);
    }

    fn skips(&self, name: StepName) {
        let report = self.report();
        assert_eq!(report.verdict, Verdict::Valid, "{report:?}");
        assert!(matches!(
            report.step(name).unwrap().outcome,
            Outcome::Skipped { .. }
        ));
    }
}

fn changed(change: impl FnOnce(&mut Case)) -> Case {
    let mut case = Case::good();
    change(&mut case);
    case
}

fn without(name: &str) -> Case {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(name);
    Case::of(claims, &options(ISSUER))
}

#[test]
fn a_good_credential_is_valid_and_its_report_is_json() {
    let report = Case::good().report();
    assert_eq!(report.verdict, Verdict::Valid);
    assert_eq!(
        serde_json::to_value(&report).unwrap(),
        json!({
            "verdict": "VALID",
            "steps": [
                { "name": "parsed", "outcome": "passed", "detail": "VerifiableCredential" },
                { "name": "signature", "outcome": "passed", "detail": "eddsa-jcs-2022 by did:example:issuer#key-1" },
                { "name": "issuer", "outcome": "passed", "detail": ISSUER, "known_at_ms": NOW_MS - 5, "age_ms": 5 },
                { "name": "accreditation", "outcome": "skipped", "why": "the verifier does not ask for one" },
                { "name": "schema", "outcome": "passed", "detail": "1 satisfied" },
                { "name": "dates", "outcome": "passed",
                  "detail": "valid from 2023-01-01T00:00:00Z until 2024-01-01T00:00:00Z" },
                { "name": "status", "outcome": "passed", "detail": "revocation: not set", "known_at_ms": NOW_MS - 60_000, "age_ms": 60_000 },
                { "name": "holder", "outcome": "skipped", "why": "nobody presents it, and the verifier does not ask" },
            ],
        })
    );
    let malformed = Report::malformed(code::JSON_INVALID, "no JSON");
    assert_eq!(malformed.verdict, Verdict::Invalid);
    assert_eq!(malformed.code(), Some(code::JSON_INVALID));
    assert_eq!(malformed.steps.len(), StepName::ALL.len());
}

#[test]
fn the_issuer_must_have_signed_with_a_key_for_claims() {
    let name = StepName::Signature;
    changed(|case| case.parsed.signatures.clear()).fails(name, code::PROOF_MISSING);
    changed(|case| {
        case.parsed.signatures.clear();
        case.parsed.unsupported.push("bbs-2023".into());
    })
    .fails(name, code::SUITE_UNSUPPORTED);
    changed(|case| case.parsed.signatures[0].method.push('0')).fails(name, code::METHOD_UNKNOWN);
    changed(|case| case.parsed.signatures[0].curve = "P-256").fails(name, code::METHOD_KIND);
    changed(|case| case.parsed.signatures[0].signature[9] ^= 1).fails(name, code::SIGNATURE_WRONG);
    changed(|case| {
        case.issuer = Lookup::Found(party(ISSUER, 2, &[Relationship::AssertionMethod]));
    })
    .fails(name, code::SIGNATURE_WRONG);
    changed(|case| {
        case.issuer = Lookup::Found(party(ISSUER, 1, &[Relationship::Authentication]));
    })
    .fails(name, code::METHOD_PURPOSE);

    // Whose key it is, but not which: a token may say so, a proof may not.
    let mut nameless = Case::of(
        claims(),
        &Options {
            verification_method: ISSUER.into(),
            ..options(ISSUER)
        },
    );
    nameless.fails(name, code::METHOD_UNKNOWN);
    nameless.parsed.signatures[0].signer_alone = true;
    nameless.passes(name);

    // Signed with a key for logging in, for logging in.
    let login = Options {
        purpose: Relationship::Authentication,
        ..options(ISSUER)
    };
    let mut case = Case::of(claims(), &login);
    case.issuer = Lookup::Found(party(ISSUER, 1, &[Relationship::Authentication]));
    case.fails(name, code::PROOF_NOT_BY_ISSUER);

    // Signed by somebody else, whose key is known.
    let mut case = Case::of(claims(), &options("did:example:other"));
    case.fails(name, code::METHOD_UNKNOWN);
    case.cosigners = cosigner(1);
    case.fails(name, code::PROOF_NOT_BY_ISSUER);
    // Beside a proof that nothing is concluded from, which may be the issuer's.
    case.parsed.unsupported.push("bbs-2023".into());
    case.fails(name, code::SUITE_UNSUPPORTED);
    case.parsed.signatures[0].signature[9] ^= 1;
    case.fails(name, code::SIGNATURE_WRONG);
}

#[test]
fn all_who_sign_must_have_signed() {
    let one = integrity::issue(claims(), &options(ISSUER), &key(1), None).unwrap();
    let both = integrity::issue(one, &options("did:example:other"), &key(2), None).unwrap();
    let mut case = Case::good();
    case.parsed = integrity::credential(both, None).unwrap();
    case.fails(StepName::Signature, code::METHOD_UNKNOWN);
    case.cosigners = cosigner(2);
    case.passes(StepName::Signature);
    case.cosigners = cosigner(3);
    case.fails(StepName::Signature, code::SIGNATURE_WRONG);
}

#[test]
fn each_who_signs_is_who_it_was_when_it_signed() {
    let name = StepName::Signature;
    let one = integrity::issue(claims(), &options(ISSUER), &key(1), None).unwrap();
    let by = |seed: u8| Lookup::Found(party(ISSUER, seed, &[Relationship::AssertionMethod]));
    let ended = |found: Lookup| match found {
        Lookup::Found(party) => Lookup::Found(Party {
            deactivated: true,
            ..party
        }),
        Lookup::NotFound | Lookup::Unknown(_) => panic!("it is known"),
    };
    // The issuer signs again, later, when it has another key.
    let again = integrity::issue(one.clone(), &options(ISSUER), &key(2), None).unwrap();
    let mut case = Case::good();
    case.parsed = integrity::credential(again, None).unwrap();
    case.fails(name, code::SIGNATURE_WRONG);
    case.signers = Some(vec![by(1), by(2)]);
    case.passes(name);
    case.signers = Some(vec![by(1), ended(by(2))]);
    case.fails(name, code::ISSUER_DEACTIVATED);
    case.signers = Some(vec![by(1), Lookup::NotFound]);
    case.fails(name, code::METHOD_UNKNOWN);
    let unknown = Unknown::new("version 2 is not kept", "ask another");
    case.signers = Some(vec![by(1), Lookup::Unknown(unknown)]);
    case.fails(name, code::ISSUER_UNKNOWN);

    // Another does, with a key of its own that it has no more use for, or whose form is not known here.
    let both = integrity::issue(one, &options("did:example:other"), &key(2), None).unwrap();
    let mut case = Case::good();
    case.parsed = integrity::credential(both, None).unwrap();
    case.cosigners = cosigner(2);
    case.passes(name);
    case.cosigners[0].found = ended(case.cosigners[0].found.clone());
    case.fails(name, code::COSIGNER_DEACTIVATED);
    let Lookup::Found(other) = &mut case.cosigners[0].found else {
        panic!("the other is known")
    };
    let method = other.methods.remove(0);
    other.unread.push(UnreadMethod {
        id: method.id,
        relationships: method.relationships,
        ends_ms: None,
    });
    case.fails(name, code::COSIGNER_DEACTIVATED);
    // A signature that is none is wrong, whoever has ended.
    case.cosigners = cosigner(3);
    case.cosigners[0].found = ended(case.cosigners[0].found.clone());
    case.fails(name, code::SIGNATURE_WRONG);
}

#[test]
fn a_cosigner_who_cannot_be_looked_up_leaves_it_open() {
    let one = integrity::issue(claims(), &options(ISSUER), &key(1), None).unwrap();
    let both = integrity::issue(one, &options("did:example:other"), &key(2), None).unwrap();
    let mut case = Case::good();
    case.parsed = integrity::credential(both, None).unwrap();
    case.cosigners = vec![Cosigner {
        id: "did:example:other".into(),
        found: Lookup::Unknown(Unknown::new("its website is not asked", "hand it in")),
    }];
    case.fails(StepName::Signature, code::COSIGNER_UNKNOWN);
    assert_eq!(case.report().verdict, Verdict::Undecided);
    // What is wrong with another proof is certain all the same, whichever comes first.
    for order in [[0, 1], [1, 0]] {
        let mut wrong = Case::good();
        wrong.cosigners.clone_from(&case.cosigners);
        let signatures = &case.parsed.signatures;
        wrong.parsed.signatures = order.map(|index| signatures[index].clone()).to_vec();
        let own = wrong.parsed.signatures.iter_mut();
        for signed in own.filter(|signed| signed.method.starts_with(ISSUER)) {
            signed.signature[0] ^= 1;
        }
        wrong.fails(StepName::Signature, code::SIGNATURE_WRONG);
    }
    case.cosigners[0].found = Lookup::NotFound;
    case.fails(StepName::Signature, code::METHOD_UNKNOWN);
}

#[test]
fn a_key_is_used_until_its_document_ends_it() {
    let ending = |ends_ms| {
        let mut case = Case::good();
        let Lookup::Found(party) = &mut case.issuer else {
            panic!("the issuer is known")
        };
        party.methods[0].ends_ms = Some(ends_ms);
        case
    };
    ending(NOW_MS + 1).passes(StepName::Signature);
    // When it was signed is the signer's word.
    for ends_ms in [NOW_MS - 10_000, NOW_MS - 500, NOW_MS] {
        ending(ends_ms).fails(StepName::Signature, code::METHOD_REVOKED);
    }
}

#[test]
fn a_key_in_a_form_that_is_not_known_here_leaves_it_open() {
    let name = StepName::Signature;
    let unread = |change: &dyn Fn(&mut UnreadMethod)| {
        let mut case = Case::good();
        let Lookup::Found(party) = &mut case.issuer else {
            panic!("the issuer is known")
        };
        let Method {
            id, relationships, ..
        } = party.methods.remove(0);
        let mut method = UnreadMethod {
            id,
            relationships,
            ends_ms: None,
        };
        change(&mut method);
        party.unread.push(method);
        case
    };
    let open = unread(&|_| ());
    open.fails(name, code::SUITE_UNSUPPORTED);
    assert!(!open.report().step(name).unwrap().hint.is_empty());
    // It is wrong all the same for what it is not for, once it has ended, and if it is another than the one that is named.
    unread(&|method| method.relationships.clear()).fails(name, code::METHOD_PURPOSE);
    unread(&|method| method.ends_ms = Some(NOW_MS)).fails(name, code::METHOD_REVOKED);
    unread(&|method| method.id.push('0')).fails(name, code::METHOD_UNKNOWN);
    // A key that the issuer's document lists under another's name is no word on that one's.
    let foreign = "did:web:else.example#key-1";
    let mut case = unread(&|method| method.id = foreign.to_owned());
    case.parsed.signatures[0].method = foreign.to_owned();
    case.fails(name, code::METHOD_UNKNOWN);
    // Which of its keys signed, a token need not say: this one may have, if none that is known did.
    let nameless = |mut case: Case| {
        let signed = &mut case.parsed.signatures[0];
        (signed.method, signed.signer_alone) = (ISSUER.to_owned(), true);
        case
    };
    nameless(unread(&|method| method.id.push('0'))).fails(name, code::SUITE_UNSUPPORTED);
    let mut both = nameless(unread(&|_| ()));
    let Lookup::Found(issuer) = &mut both.issuer else {
        panic!("the issuer is known")
    };
    issuer.methods = party(ISSUER, 1, &[Relationship::AssertionMethod]).methods;
    both.passes(name);
    // A proof of another's that is wrong decides.
    let one = integrity::issue(claims(), &options(ISSUER), &key(1), None).unwrap();
    let both = integrity::issue(one, &options("did:example:other"), &key(2), None).unwrap();
    let mut case = unread(&|_| ());
    case.parsed = integrity::credential(both, None).unwrap();
    case.cosigners = cosigner(2);
    case.fails(name, code::SUITE_UNSUPPORTED);
    case.cosigners = cosigner(3);
    case.fails(name, code::SIGNATURE_WRONG);
}

#[test]
fn nobody_but_the_issuer_dates_a_credential() {
    let issued = integrity::issue(claims(), &options(ISSUER), &key(1), None).unwrap();
    let mut backdated = options("did:example:other");
    backdated.created_ms = Some(5);
    let both = integrity::issue(issued, &backdated, &key(2), None).unwrap();
    let mut parsed = integrity::credential(both, None).unwrap();
    assert_eq!(parsed.signed_ms(), Some(NOW_MS - 1000));
    parsed.signatures[0].created_ms = None;
    assert_eq!(parsed.signed_ms(), None);
    parsed.signatures.remove(0);
    assert_eq!(parsed.signed_ms(), Some(5));
}

#[test]
fn the_issuer_must_have_existed_and_been_active() {
    let name = StepName::Issuer;
    Case::good().passes(name);
    let codes = |issuer: Lookup| {
        let report = changed(|case| case.issuer = issuer).report();
        (report.verdict, report.step(name).unwrap().code())
    };
    assert_eq!(
        codes(Lookup::NotFound),
        (Verdict::Invalid, Some(code::ISSUER_NOT_FOUND))
    );
    let unknown = Unknown::new("the resolver does not answer", "ask another");
    assert_eq!(
        codes(Lookup::Unknown(unknown)),
        (Verdict::Undecided, Some(code::ISSUER_UNKNOWN))
    );
    let other = party("did:example:other", 1, &[Relationship::AssertionMethod]);
    assert_eq!(
        codes(Lookup::Found(other)),
        (Verdict::Invalid, Some(code::ISSUER_MISMATCH))
    );
    changed(|case| {
        let mut party = party(ISSUER, 1, &[Relationship::AssertionMethod]);
        party.deactivated = true;
        case.issuer = Lookup::Found(party);
    })
    .fails(name, code::ISSUER_DEACTIVATED);
    // Its keys may not be known any more.
    let mut keyless = party(ISSUER, 1, &[]);
    keyless.methods.clear();
    keyless.deactivated = true;
    let report = changed(|case| case.issuer = Lookup::Found(keyless)).report();
    for name in [StepName::Signature, name] {
        let found = report.step(name).unwrap().code();
        assert_eq!(found, Some(code::ISSUER_DEACTIVATED));
    }
}

#[test]
fn an_accreditation_that_is_asked_for_must_be_held() {
    let name = StepName::Accreditation;
    Case::good().skips(name);
    let known_at_ms = Some(NOW_MS);
    changed(|case| {
        let detail = "by did:example:root".into();
        case.accreditation = Accreditation::Held {
            detail,
            known_at_ms,
        };
    })
    .passes(name);
    changed(|case| {
        case.accreditation = Accreditation::Refused {
            code: crate::code::ACCREDITATION_EXPIRED.name,
            detail: "ended".into(),
            known_at_ms,
        };
    })
    .fails(name, "ACCREDITATION_EXPIRED");
    changed(|case| {
        case.accreditation = Accreditation::Unknown(Unknown::new("no main chain", "name one"));
    })
    .fails(name, code::ACCREDITATION_UNKNOWN);
}

#[test]
fn schemas_that_are_named_must_be_satisfied() {
    let name = StepName::Schema;
    without("credentialSchema").skips(name);
    changed(|case| case.schemas.clear()).fails(name, code::SCHEMA_UNKNOWN);
    changed(|case| case.schemas[0].id.push('2')).fails(name, code::SCHEMA_UNKNOWN);
    changed(|case| case.schemas[0].outcome = SchemaOutcome::Violated("/name: missing".into()))
        .fails(name, code::SCHEMA_VIOLATED);
}

#[test]
fn a_credential_is_judged_at_its_time() {
    let name = StepName::Dates;
    let (from, until) = (1_672_531_200_000, 1_704_067_200_000);
    let at = |now_ms: i64| {
        changed(|case| {
            case.now_ms = now_ms;
            case.parsed.signatures[0].created_ms = None;
            case.status_age_max_ms = None;
        })
    };
    at(from - 1001).fails(name, code::NOT_YET_VALID);
    at(from - 1000).passes(name);
    at(until + 1000).passes(name);
    at(until + 1001).fails(name, code::EXPIRED);
    for now_ms in [i64::MIN, i64::MAX] {
        assert_eq!(at(now_ms).report().verdict, Verdict::Invalid);
    }
    changed(|case| case.parsed.signatures[0].created_ms = Some(NOW_MS + 1001))
        .fails(name, code::PROOF_FROM_THE_FUTURE);
    changed(|case| case.parsed.signatures[0].not_before_ms = Some(NOW_MS + 1000)).passes(name);
    changed(|case| case.parsed.signatures[0].not_before_ms = Some(NOW_MS + 1001))
        .fails(name, code::NOT_YET_VALID);
    changed(|case| case.parsed.signatures[0].expires_ms = Some(NOW_MS - 1001))
        .fails(name, code::PROOF_EXPIRED);
    changed(|case| {
        case.parsed.valid_from_ms = None;
        case.parsed.valid_until_ms = None;
        case.parsed.signatures[0].created_ms = None;
    })
    .skips(name);
}

#[test]
fn who_does_not_ask_for_the_term_is_told_of_that_of_a_proof() {
    let name = StepName::Dates;
    let unasked = |change: &dyn Fn(&mut Case)| {
        changed(|case| {
            case.term_wanted = false;
            change(case);
        })
    };
    for out_of_term in [
        unasked(&|_| ()),
        unasked(&|case| case.parsed.valid_until_ms = Some(5)),
        unasked(&|case| case.parsed.valid_from_ms = Some(NOW_MS + 5_000)),
    ] {
        out_of_term.skips(name);
    }
    let proof = |change: &dyn Fn(&mut Signed)| {
        unasked(&|case| {
            case.parsed.valid_until_ms = Some(5);
            change(&mut case.parsed.signatures[0]);
        })
    };
    proof(&|signed| signed.expires_ms = Some(5)).fails(name, code::PROOF_EXPIRED);
    proof(&|signed| signed.not_before_ms = Some(NOW_MS + 5_000)).fails(name, code::NOT_YET_VALID);
    proof(&|signed| signed.created_ms = Some(NOW_MS + 5_000))
        .fails(name, code::PROOF_FROM_THE_FUTURE);
}

#[test]
fn a_status_that_is_named_must_be_known_and_clear() {
    let name = StepName::Status;
    without("credentialStatus").skips(name);
    changed(|case| case.statuses.clear()).fails(name, code::STATUS_UNKNOWN);
    changed(|case| case.statuses[0].index = 8).fails(name, code::STATUS_UNKNOWN);
    changed(|case| case.statuses[0].list.push('2')).fails(name, code::STATUS_UNKNOWN);
    changed(|case| case.statuses[0].purpose = "suspension".into())
        .fails(name, code::STATUS_UNKNOWN);
    let found =
        |value, known_at_ms| changed(|case| case.statuses = vec![status(value, known_at_ms)]);
    found(Ok(1), NOW_MS).fails(name, code::REVOKED);
    let range = Malformed::new(code::RANGE_ERROR, "no entry 7");
    found(Err(range), NOW_MS).fails(name, code::RANGE_ERROR);
    let mut old = found(Ok(0), NOW_MS - 3_600_001);
    old.fails(name, code::STATUS_STALE);
    old.status_age_max_ms = None;
    old.passes(name);
    changed(|case| {
        let kind = "https://example.org/#Other".into();
        case.parsed.statuses.push(StatusReference::Other { kind });
    })
    .fails(name, code::STATUS_UNKNOWN);
    for (purpose, code) in [
        ("suspension", Some(code::SUSPENDED)),
        ("sanctioned", Some(code::STATUS_SET)),
        ("refresh", None),
        ("message", None),
    ] {
        let case = changed(|case| {
            case.parsed.statuses = vec![StatusReference::List {
                list: LIST.into(),
                purpose: purpose.into(),
                index: 7,
            }];
            case.statuses = vec![StatusCheck {
                purpose: purpose.into(),
                ..status(Ok(1), NOW_MS)
            }];
        });
        match code {
            Some(code) => case.fails(name, code),
            None => case.passes(name),
        }
    }
}

/// The step as it is told, of a case whose one undecided step it is.
#[test]
fn who_presents_a_credential_must_be_its_subject() {
    let name = StepName::Holder;
    let presented = |holder: &str| {
        changed(|case| {
            case.challenge = Some("c".into());
            case.presenter = Some(Presenter {
                holder: holder.into(),
                key: key(9).verification_key(),
                named: true,
            });
        })
    };
    changed(|case| case.challenge = Some("c".into())).fails(name, code::HOLDER_UNPROVEN);
    changed(|case| case.domain = Some("d".into())).fails(name, code::HOLDER_UNPROVEN);
    presented(SUBJECT).passes(name);
    presented(ISSUER).fails(name, code::HOLDER_MISMATCH);
    let mut bearer = presented(ISSUER);
    bearer.parsed.subjects = vec![None];
    bearer.skips(name);
    let mut product = presented(ISSUER);
    product.holder_is_subject = false;
    product.skips(name);

    // Nobody who asks is told of a holder that nothing names.
    bearer.holder_wanted = true;
    bearer.fails(name, code::HOLDER_UNPROVEN);
    product.holder_wanted = true;
    product.skips(name);

    // Bound to a key, the key counts.
    let mut bound = presented(SUBJECT);
    bound.parsed.holder_key = Some(key(8).verification_key().into());
    bound.fails(name, code::HOLDER_MISMATCH);
    bound.parsed.holder_key = Some(key(9).verification_key().into());
    bound.passes(name);
    bound.holder_is_subject = false;
    bound.parsed.holder_key = Some(key(8).verification_key().into());
    bound.fails(name, code::HOLDER_MISMATCH);
}

#[test]
fn who_leaves_out_whom_a_credential_is_about_has_not_shown_to_be_it() {
    let name = StepName::Holder;
    let mut hidden = changed(|case| {
        case.parsed.subjects = vec![None];
        case.parsed.subject_hidden = true;
        case.presenter = Some(Presenter {
            holder: SUBJECT.into(),
            key: key(9).verification_key(),
            named: true,
        });
    });
    hidden.fails(name, code::HOLDER_UNPROVEN);
    hidden.parsed.holder_key = Some(key(9).verification_key().into());
    hidden.passes(name);
    hidden.parsed.holder_key = None;
    hidden.holder_is_subject = false;
    hidden.skips(name);
}

#[test]
fn a_holder_s_key_that_is_not_known_here_matters_only_to_who_asks_for_it() {
    let name = StepName::Holder;
    let bound = |change: &dyn Fn(&mut Case)| {
        changed(|case| {
            case.parsed.holder_key = Some(HolderKey::Unknown("a key of P-384".into()));
            change(case);
        })
    };
    assert_eq!(bound(&|_| ()).report().verdict, Verdict::Valid);
    bound(&|_| ()).skips(name);
    bound(&|case| case.holder_wanted = true).fails(name, code::HOLDER_UNPROVEN);
    bound(&|case| case.challenge = Some("c".into())).fails(name, code::HOLDER_UNPROVEN);
    let presented = |case: &mut Case| {
        case.presenter = Some(Presenter {
            holder: SUBJECT.into(),
            key: key(9).verification_key(),
            named: true,
        });
    };
    let shown = bound(&presented);
    shown.fails(name, code::HOLDER_UNKNOWN);
    assert_eq!(shown.report().verdict, Verdict::Undecided);
    let about_others = bound(&|case| {
        presented(case);
        case.holder_is_subject = false;
    });
    about_others.fails(name, code::HOLDER_UNKNOWN);
}

#[test]
fn a_verifier_that_asks_who_shows_a_credential_is_not_told_that_nobody_does() {
    let name = StepName::Holder;
    changed(|case| case.holder_wanted = true).fails(name, code::HOLDER_UNPROVEN);
    let bound = changed(|case| {
        case.holder_wanted = true;
        case.parsed.holder_key = Some(key(9).verification_key().into());
    });
    bound.fails(name, code::HOLDER_UNPROVEN);
}

#[test]
fn a_credential_made_for_some_verifiers_is_refused_by_others() {
    let name = StepName::Holder;
    let made_for = |audience: &[&str], domain: Option<&str>| {
        changed(|case| {
            case.parsed.audience = audience.iter().map(|one| (*one).into()).collect();
            case.domain = domain.map(str::to_owned);
            case.presenter = Some(Presenter {
                holder: SUBJECT.into(),
                key: key(9).verification_key(),
                named: true,
            });
        })
    };
    made_for(&[], None).passes(name);
    made_for(&[], Some("d")).passes(name);
    made_for(&["other", "d"], Some("d")).passes(name);
    made_for(&["other"], Some("d")).fails(name, code::DOMAIN_MISMATCH);
    made_for(&["d"], None).fails(name, code::DOMAIN_MISMATCH);
}

/// What is made of a proof by ES384.
fn unreadable() -> Malformed {
    Malformed::new(code::SUITE_UNSUPPORTED, "the algorithm is not known here")
}

#[test]
fn a_domain_alone_is_answered_by_an_issuer_that_names_it() {
    let name = StepName::Holder;
    let made_for = |audience: &str, change: &dyn Fn(&mut Case)| {
        changed(|case| {
            case.parsed.audience = vec![audience.to_owned()];
            case.domain = Some("d".into());
            change(case);
        })
    };
    made_for("d", &|_| ()).skips(name);
    made_for("other", &|_| ()).fails(name, code::DOMAIN_MISMATCH);
    // Who asks for the holder besides is told of him.
    made_for("d", &|case| case.challenge = Some("c".into())).fails(name, code::HOLDER_UNPROVEN);
    made_for("d", &|case| case.holder_wanted = true).fails(name, code::HOLDER_UNPROVEN);
    made_for("d", &|case| {
        case.parsed.holder_key = Some(key(9).verification_key().into());
    })
    .fails(name, code::HOLDER_UNPROVEN);
    // Within a presentation, which answers for its holder, the verifier has its name all the same.
    let within = |audience: &str| {
        made_for(audience, &|case| {
            (case.domain, case.audience) = (None, Some("d".into()));
        })
    };
    within("d").skips(name);
    within("other").fails(name, code::DOMAIN_MISMATCH);
}

#[test]
fn a_key_binding_is_by_the_bound_key_for_this_verifier_and_challenge() {
    let name = StepName::Holder;
    let holder = key(9);
    let signed = Signed {
        method: String::new(),
        signer_alone: true,
        relationship: Relationship::Authentication,
        curve: "Ed25519",
        suite: "EdDSA".into(),
        message: b"header.payload".to_vec(),
        signature: holder.sign(b"header.payload"),
        created_ms: Some(NOW_MS),
        not_before_ms: None,
        expires_ms: None,
    };
    let bound = |change: &dyn Fn(&mut Case)| {
        changed(|case| {
            case.challenge = Some("n-1".into());
            case.domain = Some("https://verifier.example".into());
            case.parsed.holder_key = Some(holder.verification_key().into());
            case.parsed.key_binding = Some(Ok(KeyBinding {
                signed: signed.clone(),
                challenge: "n-1".into(),
                domain: "https://verifier.example".into(),
            }));
            change(case);
        })
    };
    bound(&|_| ()).passes(name);
    bound(&|case| case.challenge = None).passes(name);
    let unasked = bound(&|case| (case.challenge, case.domain) = (None, None));
    unasked.skips(name);
    let wanted = bound(&|case| {
        (case.challenge, case.domain) = (None, None);
        case.holder_wanted = true;
    });
    wanted.passes(name);
    bound(&|case| case.challenge = Some("n-2".into())).fails(name, code::CHALLENGE_MISMATCH);
    bound(&|case| case.domain = Some("https://other.example".into()))
        .fails(name, code::DOMAIN_MISMATCH);
    bound(&|case| case.parsed.holder_key = None).fails(name, code::HOLDER_SIGNATURE_WRONG);
    bound(&|case| case.parsed.holder_key = Some(key(8).verification_key().into()))
        .fails(name, code::HOLDER_SIGNATURE_WRONG);
    bound(&|case| case.now_ms = NOW_MS - 1001).fails(name, code::PROOF_FROM_THE_FUTURE);
    // Nobody who does not ask for it is told what is wrong with it.
    for wrong in [
        bound(&|case| case.now_ms = NOW_MS - 1001),
        bound(&|case| case.parsed.holder_key = None),
        bound(&|case| case.parsed.key_binding = Some(Err(unreadable()))),
    ] {
        for (challenge, domain, holder_wanted) in [
            (Some("n-1"), None, false),
            (None, Some("https://verifier.example"), false),
            (None, None, true),
            (None, None, false),
        ] {
            let case = Case {
                parsed: wrong.parsed.clone(),
                now_ms: wrong.now_ms,
                challenge: challenge.map(str::to_owned),
                domain: domain.map(str::to_owned),
                holder_wanted,
                ..Case::good()
            };
            let asked = challenge.or(domain).is_some() || holder_wanted;
            let step = case.report().step(name).unwrap().clone();
            assert_eq!(step.code().is_some(), asked, "{step:?}");
        }
    }
    bound(&|case| case.parsed.key_binding = Some(Err(unreadable())))
        .fails(name, code::SUITE_UNSUPPORTED);
    // By a key that is not known here, it is wrong only in what it says.
    let unknown = |change: &dyn Fn(&mut Case)| {
        bound(&|case| {
            case.parsed.holder_key = Some(HolderKey::Unknown("a key of P-384".into()));
            change(case);
        })
    };
    unknown(&|_| ()).fails(name, code::HOLDER_UNKNOWN);
    unknown(&|case| case.challenge = Some("n-2".into())).fails(name, code::CHALLENGE_MISMATCH);
    unknown(&|case| case.domain = Some("d".into())).fails(name, code::DOMAIN_MISMATCH);
    unknown(&|case| case.now_ms = NOW_MS - 1001).fails(name, code::PROOF_FROM_THE_FUTURE);
    unknown(&|case| case.parsed.key_binding = None).fails(name, code::HOLDER_UNPROVEN);
    unknown(&|case| (case.challenge, case.domain) = (None, None)).skips(name);
    let begins = |ms: i64| {
        bound(&|case| {
            let binding = case.parsed.key_binding.as_mut().unwrap();
            let binding = binding.as_mut().unwrap();
            binding.signed.not_before_ms = Some(ms);
        })
    };
    begins(NOW_MS + 1000).passes(name);
    begins(NOW_MS + 1001).fails(name, code::NOT_YET_VALID);
    // Shown on by whoever it was made for.
    let shown_on = bound(&|case| {
        (case.challenge, case.domain) = (None, None);
        case.presenter = Some(Presenter {
            holder: SUBJECT.into(),
            key: key(8).verification_key(),
            named: true,
        });
    });
    shown_on.fails(name, code::HOLDER_MISMATCH);
}

#[test]
fn several_faults_are_all_told_and_one_that_is_certain_decides() {
    let report = changed(|case| {
        case.statuses.clear();
        case.parsed.signatures[0].signature[0] ^= 1;
    })
    .report();
    assert_eq!(report.verdict, Verdict::Invalid);
    let codes: Vec<_> = report.steps.iter().filter_map(|step| step.code()).collect();
    assert_eq!(codes, [code::SIGNATURE_WRONG, code::STATUS_UNKNOWN]);
}
