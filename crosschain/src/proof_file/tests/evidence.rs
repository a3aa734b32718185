//! Evidence of files, and DIDs.

use starfire_proto::v1;
use starfire_state::Changes;

use super::world::*;
use crate::commitment::{Algorithm, Sidecar};
use crate::fixture::{key, time_ms};
use crate::proof_file::*;

#[test]
fn public_and_salted_evidence_is_valid_with_its_file() {
    for algorithm in [Algorithm::Sha256, Algorithm::Sm3, Algorithm::Blake3] {
        let mut world = World::new();
        let id = "a".repeat(64);
        let evidence = v1::EvidenceRecord {
            id: id.clone(),
            algorithm: algorithm.to_proto().into(),
            ..v1::EvidenceRecord::default()
        };
        world.put_evidence(v1::EvidenceRecord {
            kind: v1::EvidenceKind::Public.into(),
            commitment: algorithm.digest(b"file").to_vec(),
            ..evidence.clone()
        });
        let note = Sidecar::new(
            &world.did.to_string(),
            "a.txt",
            b"file",
            algorithm,
            &mut random(),
        );
        world.put_evidence(v1::EvidenceRecord {
            id: note.id.clone(),
            kind: v1::EvidenceKind::Salted.into(),
            commitment: note.commitment(b"file").to_vec(),
            ..evidence
        });
        world.anchor();
        let file = Some(b"file".to_vec());
        let public = Shown {
            subject: Subject::Evidence {
                issuer: world.did,
                id,
            },
            document: None,
            file: file.clone(),
        };
        let proof = world.prove(&public.subject);
        valid(&judge(&proof, &public));
        // Without the file, the commitment alone is proved; shown as the only document, the file is taken for what it is.
        let bare = Shown {
            file: None,
            ..public.clone()
        };
        valid(&judge(&proof, &bare));
        let as_document = |bytes: &[u8]| Shown {
            document: Some(bytes.to_vec()),
            ..bare.clone()
        };
        valid(&judge(&proof, &as_document(b"file")));
        refused(&judge(&proof, &as_document(b"filf")), Reason::FileMismatch);
        refused(
            &judge(
                &proof,
                &Shown {
                    file: Some(b"filf".to_vec()),
                    ..public.clone()
                },
            ),
            Reason::FileMismatch,
        );
        refused(
            &judge(
                &proof,
                &Shown {
                    document: Some(note.encode()),
                    ..public
                },
            ),
            Reason::FileUnexpected,
        );

        let subject = Subject::Evidence {
            issuer: world.did,
            id: note.id.clone(),
        };
        let salted = Shown {
            subject,
            document: Some(note.encode()),
            file,
        };
        let proof = world.prove(&salted.subject);
        valid(&judge(&proof, &salted));
        refused(
            &judge(
                &proof,
                &Shown {
                    document: None,
                    ..salted.clone()
                },
            ),
            Reason::DocumentMissing,
        );
        refused(
            &judge(
                &proof,
                &Shown {
                    file: Some(b"filf".to_vec()),
                    ..salted.clone()
                },
            ),
            Reason::FileMismatch,
        );
        let mut other = note;
        other.id = "c".repeat(64);
        refused(
            &judge(
                &proof,
                &Shown {
                    document: Some(other.encode()),
                    ..salted.clone()
                },
            ),
            Reason::DocumentMismatch,
        );
        world.revoke(&salted);
        world.anchor();
        refused(
            &judge(&world.prove(&salted.subject), &salted),
            Reason::Revoked,
        );
    }
}

#[test]
fn evidence_cannot_be_dated_after_the_header_that_proves_it() {
    let mut world = World::new();
    let id = "a".repeat(64);
    let evidence = v1::EvidenceRecord {
        id: id.clone(),
        issuer: world.did.to_string(),
        kind: v1::EvidenceKind::Public.into(),
        algorithm: v1::DigestAlgorithm::Sha256.into(),
        commitment: Algorithm::Sha256.digest(b"file").to_vec(),
        time_ms: time_ms(100),
        ..v1::EvidenceRecord::default()
    };
    let path = starfire_registry::path::evidence(&world.did.to_string(), &id);
    world.sub.block(Changes::from([record(path, &evidence)]));
    world.anchor();
    let subject = Subject::Evidence {
        issuer: world.did,
        id,
    };
    let shown = Shown {
        subject,
        document: None,
        file: Some(b"file".to_vec()),
    };
    refused(
        &judge(&world.prove(&shown.subject), &shown),
        Reason::RecordMalformed,
    );
}

#[test]
fn a_did_is_proved_as_of_a_header() {
    let mut world = World::new();
    world.anchor();
    let shown = Shown {
        subject: Subject::Did { did: world.did },
        document: None,
        file: None,
    };
    let proof = world.prove(&shown.subject);
    valid(&judge(&proof, &shown));
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
    let nobody = Subject::Did {
        did: key(72).public().address(world.did.chain_code().as_ref()),
    };
    refused(&judge(&world.prove(&nobody), &shown), Reason::DidUnknown);
    world.did_version(2, &key(70), true);
    world.anchor();
    refused(
        &judge(&world.prove(&shown.subject), &shown),
        Reason::DidDeactivated,
    );
}
