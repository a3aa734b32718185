//! Certificates: what holds, and each thing about document, issuer and time that must not.

use starfire_state::Changes;

use super::world::*;
use crate::document::{Draft, DraftContent, Fields};
use crate::fixture::{self, Chain, key, time_ms};
use crate::proof_file::content::{Entry, ProofFile};
use crate::proof_file::*;
use crate::text::Base64;

#[test]
fn an_issued_certificate_is_valid_and_the_report_says_why() {
    let (world, shown) = issued();
    let report = judge(&world.prove(&shown.subject), &shown);
    valid(&report);
    let names: Vec<_> = report.steps.iter().map(|step| step.name).collect();
    assert_eq!(
        names,
        [
            "proof file",
            "pinned bundle",
            "pinned chain",
            "main header",
            "subject",
            "main values",
            "sub-chain",
            "anchor",
            "sub values",
            "evidence",
            "document",
            "issuer",
            "signature",
            "accreditation",
            "validity",
            "revocation",
            "freshness"
        ]
    );
    let summary = report.subject.as_ref().unwrap();
    assert_eq!(summary.number.as_deref(), Some("E243700000010086"));
    assert_eq!(
        summary.issued_at.as_deref(),
        Some("2026-11-21T08:30:02.000Z")
    );
    assert_eq!(
        report.revocation_as_of.as_deref(),
        Some("2026-11-21T08:30:03.000Z")
    );
    assert_eq!(
        report.proved_before.as_deref(),
        Some("2026-11-21T08:30:22.000Z")
    );
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(
        (&json["verdict"], &json["code"], &json["subject"]["type"]),
        (&"valid".into(), &serde_json::Value::Null, &TYPE.into())
    );
}

#[test]
fn a_certificate_on_the_main_chain_is_valid() {
    let mut world = World::new();
    world.did = world.issuer.public().address(None);
    // The same records, on the main chain itself.
    world.sub = std::mem::replace(
        &mut world.main,
        Chain::new("starfire-by01-1", fixture::sub_validators(), Changes::new()),
    );
    world.did_version(1, &key(70), false);
    let shown = world.issue(world.draft(DraftContent::Json(SAMPLE)), &key(70), 0);
    world.main = std::mem::replace(
        &mut world.sub,
        Chain::new("starfire-by01-1", fixture::sub_validators(), Changes::new()),
    );
    let accreditation = world.accreditation();
    let path = starfire_did::path::accreditation(&world.did, TYPE, "CN");
    world
        .main
        .block(Changes::from([record(path, &accreditation)]));
    let main = world.main.prove(&shown.subject.main_paths(None));
    let proof = assemble(shown.subject.clone(), &main_bundle(), &main, None).unwrap();
    let report = judge(&proof, &shown);
    valid(&report);
    assert_eq!(report.subject.unwrap().sub_chain, None);
    assert_eq!(
        assemble(shown.subject, &main_bundle(), &main, Some(&main)),
        Err(AssembleError::Chain)
    );
}

#[test]
fn a_certificate_of_a_file_needs_the_file() {
    let (mut world, _) = issued();
    let draft = Draft::new(
        Fields {
            number: "2".to_owned(),
            ..world.draft(DraftContent::Json(b"{}")).fields().clone()
        },
        DraftContent::File {
            name: "scan.pdf",
            bytes: b"%PDF",
        },
        &mut random(),
    );
    let shown = world.issue(draft.unwrap(), &key(70), 0);
    world.anchor();
    let proof = world.prove(&shown.subject);
    refused(&judge(&proof, &shown), Reason::FileMissing);
    refused(
        &judge(
            &proof,
            &Shown {
                file: Some(b"%PDG".to_vec()),
                ..shown.clone()
            },
        ),
        Reason::FileMismatch,
    );
    valid(&judge(
        &proof,
        &Shown {
            file: Some(b"%PDF".to_vec()),
            ..shown
        },
    ));
}

#[test]
fn the_document_must_be_shown_and_be_the_one() {
    let (mut world, shown) = issued();
    let proof = world.prove(&shown.subject);
    refused(
        &judge(
            &proof,
            &Shown {
                document: None,
                ..shown.clone()
            },
        ),
        Reason::DocumentMissing,
    );
    refused(
        &judge(
            &proof,
            &Shown {
                document: Some(b"{}".to_vec()),
                ..shown.clone()
            },
        ),
        Reason::DocumentMalformed,
    );
    refused(
        &judge(
            &proof,
            &Shown {
                file: Some(Vec::new()),
                ..shown.clone()
            },
        ),
        Reason::FileUnexpected,
    );
    // Another content under the same number and blind, signed by the same issuer: never put on the chain.
    let other = world
        .draft(DraftContent::Json(br#"{"cooId":"E243700000010086"}"#))
        .sign(&format!("{}#key-1", world.did), &key(70));
    let other = Shown {
        document: Some(other.unwrap().encode()),
        ..shown
    };
    refused(&judge(&proof, &other), Reason::DocumentMismatch);
    // And a certificate that the chain has never heard of.
    let unknown = world.certificate("0".repeat(64), None);
    world.anchor();
    refused(
        &judge(&world.prove(&unknown), &other),
        Reason::EvidenceUnknown,
    );
}

#[test]
fn a_revoked_certificate_is_refused_and_the_revocation_cannot_be_hidden() {
    let (mut world, shown) = issued();
    let before = world.prove(&shown.subject);
    valid(&judge(&before, &shown));
    world.revoke(&shown);
    world.anchor();
    let proof = world.prove(&shown.subject);
    refused(&judge(&proof, &shown), Reason::Revoked);
    // Say that nothing stands there, with the old proof of it.
    let (old, mut hidden) = (
        ProofFile::parse(&before).unwrap(),
        ProofFile::parse(&proof).unwrap(),
    );
    hidden.sub_values[1] = old.sub_values[1].clone();
    refused(&judge(&hidden.encode(), &shown), Reason::ValueNotProved);
    // Or leave it out.
    hidden.sub_values.remove(1);
    refused(&judge(&hidden.encode(), &shown), Reason::ValuesUnexpected);
    // Or show another's absence.
    let mut other = ProofFile::parse(&proof).unwrap();
    let path = subject::revocation_path(&world.did, &"0".repeat(64));
    let absent = world
        .sub
        .prove(std::slice::from_ref(&path))
        .values
        .remove(0);
    other.sub_values[1] = Entry {
        key: String::from_utf8(path).unwrap(),
        value: None,
        proof: Base64(absent.proof),
    };
    refused(&judge(&other.encode(), &shown), Reason::ValuesUnexpected);
}

#[test]
fn an_old_proof_is_stale_and_an_expired_certificate_refused() {
    let (world, shown) = issued();
    let proof = world.prove(&shown.subject);
    let day_ms = i64::try_from(DAY.as_millis()).unwrap();
    // The sub-chain's header, at its third second, is the older of the two.
    valid(&judge_at(&proof, &shown, time_ms(3) + day_ms));
    refused(
        &judge_at(&proof, &shown, time_ms(3) + day_ms + 1),
        Reason::Stale,
    );
    refused(&judge_at(&proof, &shown, i64::MAX), Reason::Stale);
    // A verifier's clock far behind is not trusted to judge age.
    refused(
        &judge_at(&proof, &shown, time_ms(3) - CLOCK_DRIFT_MS - 1),
        Reason::HeaderFromFuture,
    );
    refused(
        &judge_at(&proof, &shown, i64::MIN),
        Reason::HeaderFromFuture,
    );

    let (mut world, _) = issued();
    let draft = Fields {
        number: "2".to_owned(),
        ..world.draft(DraftContent::Json(b"{}")).fields().clone()
    };
    let draft = Draft::new(draft, DraftContent::Json(SAMPLE), &mut random()).unwrap();
    let shown = world.issue(draft, &key(70), NOW_MS);
    world.anchor();
    let proof = world.prove(&shown.subject);
    valid(&judge_at(&proof, &shown, NOW_MS - 1));
    refused(
        &judge_at(&proof, &shown, NOW_MS),
        Reason::CertificateExpired,
    );
}

#[test]
fn the_issuers_record_in_force_at_issue_counts() {
    let (mut world, shown) = issued();
    let id = shown.id();
    // Rotated and deactivated later: the old version, with the one that replaced it, still vouches.
    world.did_version(2, &key(71), false);
    world.did_version(3, &key(71), true);
    world.anchor();
    refused(
        &judge(&world.prove(&shown.subject), &shown),
        Reason::IssuerVersionMismatch,
    );
    valid(&judge(
        &world.prove(&world.certificate(id.clone(), Some(1))),
        &shown,
    ));
    refused(
        &judge(
            &world.prove(&world.certificate(id.clone(), Some(2))),
            &shown,
        ),
        Reason::IssuerVersionMismatch,
    );
    refused(
        &judge(&world.prove(&world.certificate(id, Some(7))), &shown),
        Reason::IssuerUnknown,
    );

    // Signed with a key that the issuer had given up, or never had.
    let (mut world, _) = issued();
    world.did_version(2, &key(71), false);
    let fields = Fields {
        number: "2".to_owned(),
        ..world.draft(DraftContent::Json(b"{}")).fields().clone()
    };
    let draft = Draft::new(fields, DraftContent::Json(SAMPLE), &mut random()).unwrap();
    let shown = world.issue(draft.clone(), &key(70), 0);
    world.anchor();
    refused(
        &judge(&world.prove(&shown.subject), &shown),
        Reason::SignatureInvalid,
    );
    let method = format!("{}#key-2", world.did);
    let unknown = Shown {
        document: Some(draft.sign(&method, &key(71)).unwrap().encode()),
        ..shown.clone()
    };
    refused(
        &judge(&world.prove(&shown.subject), &unknown),
        Reason::KeyUnknown,
    );

    // Deactivated before.
    world.did_version(3, &key(71), true);
    let fields = Fields {
        number: "3".to_owned(),
        ..world.draft(DraftContent::Json(b"{}")).fields().clone()
    };
    let shown = world.issue(
        Draft::new(fields, DraftContent::Json(SAMPLE), &mut random()).unwrap(),
        &key(71),
        0,
    );
    world.anchor();
    refused(
        &judge(&world.prove(&shown.subject), &shown),
        Reason::IssuerDeactivated,
    );
}

#[test]
fn a_certificate_cannot_pass_for_another_type_or_for_plain_evidence() {
    let (mut world, shown) = issued();
    let Subject::Certificate(certificate) = shown.subject.clone() else {
        unreachable!("it is a certificate")
    };
    let mut licence = world.accreditation();
    licence.r#type = "DriverLicence".to_owned();
    world.accredit(&licence);
    let other = Subject::Certificate(Certificate {
        document_type: licence.r#type,
        ..certificate.clone()
    });
    refused(
        &judge(&world.prove(&other), &shown),
        Reason::EvidenceMismatch,
    );
    let plain = Subject::Evidence {
        issuer: world.did,
        id: certificate.id,
    };
    let shown = Shown {
        file: Some(SAMPLE.to_vec()),
        document: None,
        ..shown
    };
    refused(
        &judge(&world.prove(&plain), &shown),
        Reason::EvidenceMismatch,
    );
}
