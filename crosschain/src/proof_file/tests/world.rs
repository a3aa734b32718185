//! Two chains, an issuer, and what a holder shows.

use std::time::Duration;

use starfire_did::document::Document as DidDocument;
use starfire_did::{ChainCode, Did, PrivateKey};
use starfire_proto::v1;
use starfire_state::{Changes, Overlay};

use super::super::*;
use crate::anchor::Submit;
use crate::document::{Draft, DraftContent, Fields};
use crate::fixture::{
    self, Chain, Nothing, Validators, encode, env, gateway, key, registration, time_ms,
};
use crate::succession::Change;
use crate::trust::Bundle;

pub(super) const SAMPLE: &[u8] =
    include_bytes!("../../../../tests/samples/certificate-of-origin.json");
pub(super) const TYPE: &str = "CertificateOfOrigin";
pub(super) const MAIN: &str = "starfire-main-1";
pub(super) const GENESIS_HASH: [u8; 32] = [9; 32];
pub(super) const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// The verifier's clock: ten minutes after genesis.
pub(super) const NOW_MS: i64 = fixture::GENESIS_MS + 600_000;

pub(super) fn record<M: prost::Message>(path: Vec<u8>, record: &M) -> (Vec<u8>, Option<Vec<u8>>) {
    (path, Some(record.encode_to_vec()))
}

pub(super) fn main_validators() -> Validators {
    Validators::new(1, 4, 10)
}

pub(super) fn bundle_of(validators: &Validators, genesis_hash: [u8; 32]) -> Bundle {
    Bundle::new(
        MAIN.parse().unwrap(),
        "Main chain",
        genesis_hash,
        validators.set(),
    )
    .unwrap()
}

/// The bundle that the verifier has pinned: genesis and nothing since.
pub(super) fn main_bundle() -> Bundle {
    bundle_of(&main_validators(), GENESIS_HASH)
}

pub(super) fn random() -> impl FnMut(&mut [u8]) {
    let mut next = 0_u8;
    move |buffer| {
        next = next.wrapping_add(1);
        buffer.fill(next);
    }
}

/// An issuer on the sub-chain, its documents, and both chains.
pub(super) struct World {
    pub(super) main: Chain,
    pub(super) sub: Chain,
    pub(super) issuer: PrivateKey,
    pub(super) did: Did,
    changes: Vec<Change>,
}

impl World {
    /// The sub-chain is registered, the issuer has a DID on it; nobody is accredited yet.
    pub(super) fn new() -> Self {
        let mut state = Overlay::new(&Nothing);
        registration().write(&mut state).unwrap();
        let mut main = Chain::new(MAIN, main_validators(), state.into_parts().0);
        while main.height() < 20 {
            main.block(Changes::new());
        }
        let issuer = key(70);
        let did = issuer
            .public()
            .address(Some(&ChainCode::parse("by01").unwrap()));
        let mut world = Self {
            main,
            sub: Chain::new("starfire-by01-1", fixture::sub_validators(), Changes::new()),
            issuer,
            did,
            changes: Vec::new(),
        };
        world.did_version(1, &key(70), false);
        world
    }

    /// Writes a version of the issuer's DID record in the sub-chain's next block.
    pub(super) fn did_version(&mut self, version: u64, key: &PrivateKey, deactivated: bool) {
        let height = self.sub.height() + 1;
        let record_of = v1::DidRecord {
            document: Some(v1::DidDocument::from(&DidDocument::for_key(
                &self.did,
                &key.public(),
            ))),
            version,
            created_ms: time_ms(1),
            updated_ms: time_ms(height),
            deactivated,
            ..v1::DidRecord::default()
        };
        let paths = [
            starfire_did::path::record(&self.did),
            starfire_did::path::version(&self.did, version),
        ];
        self.sub.block(
            paths
                .into_iter()
                .map(|path| record(path, &record_of))
                .collect(),
        );
    }

    pub(super) fn accreditation(&self) -> v1::AccreditationRecord {
        v1::AccreditationRecord {
            issuer: self.did.to_string(),
            r#type: TYPE.to_owned(),
            jurisdiction: "CN".to_owned(),
            valid_from_ms: fixture::GENESIS_MS,
            motion: 1,
            ..v1::AccreditationRecord::default()
        }
    }

    pub(super) fn accredit(&mut self, accreditation: &v1::AccreditationRecord) {
        let path = starfire_did::path::accreditation(
            &accreditation.issuer.parse().unwrap(),
            &accreditation.r#type,
            &accreditation.jurisdiction,
        );
        self.main
            .block(Changes::from([record(path, accreditation)]));
    }

    pub(super) fn draft(&self, content: DraftContent<'_>) -> Draft {
        let fields = Fields {
            schema: "https://example.org/coo".to_owned(),
            issuer: self.did,
            kind: TYPE.to_owned(),
            jurisdiction: "CN".to_owned(),
            number: "E243700000010086".to_owned(),
        };
        Draft::new(fields, content, &mut random()).unwrap()
    }

    /// Puts a record of evidence on the sub-chain.
    pub(super) fn put_evidence(&mut self, mut evidence: v1::EvidenceRecord) {
        let height = self.sub.height() + 1;
        evidence.issuer = self.did.to_string();
        evidence.time_ms = time_ms(height);
        evidence.height = height;
        let path = subject::evidence_path(&self.did, &evidence.id);
        self.sub.block(Changes::from([record(path, &evidence)]));
    }

    /// Signs with `key` and puts the commitment on the sub-chain.
    pub(super) fn issue(&mut self, draft: Draft, key: &PrivateKey, valid_until_ms: i64) -> Shown {
        let document = draft.sign(&format!("{}#key-1", self.did), key).unwrap();
        self.put_evidence(v1::EvidenceRecord {
            id: document.evidence_id(),
            kind: v1::EvidenceKind::Certificate.into(),
            algorithm: v1::DigestAlgorithm::Sha256.into(),
            commitment: document.doc_hash().to_vec(),
            r#type: TYPE.to_owned(),
            jurisdiction: "CN".to_owned(),
            valid_until_ms,
            ..v1::EvidenceRecord::default()
        });
        let subject = self.certificate(document.evidence_id(), None);
        Shown {
            subject,
            document: Some(document.encode()),
            file: None,
        }
    }

    pub(super) fn certificate(&self, id: String, issuer_version: Option<u64>) -> Subject {
        let (document_type, jurisdiction) = (TYPE.to_owned(), "CN".to_owned());
        Subject::Certificate(Certificate {
            issuer: self.did,
            id,
            document_type,
            jurisdiction,
            issuer_version,
            accreditors: Vec::new(),
            accredited_for: None,
        })
    }

    pub(super) fn revoke(&mut self, shown: &Shown) {
        let id = shown.id();
        let revocation = v1::RevocationRecord {
            id: id.clone(),
            issuer: self.did.to_string(),
            reason: "error".to_owned(),
            ..v1::RevocationRecord::default()
        };
        self.sub.block(Changes::from([record(
            subject::revocation_path(&self.did, &id),
            &revocation,
        )]));
    }

    /// Anchors the sub-chain's next header.
    pub(super) fn anchor(&mut self) {
        let set = self.sub.validators.encoded();
        let message = v1::AnchorSubmit {
            chain_code: "by01".to_owned(),
            trusted_height: 0,
            signed_header: encode(self.sub.signed()),
            validators: set.clone(),
            next_validators: set.clone(),
            trusted_next_validators: set,
        };
        self.on_main(message);
    }

    pub(super) fn on_main(&mut self, message: v1::AnchorSubmit) {
        let view = self.main.state();
        let mut state = Overlay::new(&*view);
        let env = env(self.main.height() + 1, &gateway());
        Submit::try_from(message)
            .unwrap()
            .apply(&mut state, &env)
            .unwrap();
        let changes = state.into_parts().0;
        drop(view);
        self.main.block(changes);
    }

    /// From the next height but one, others decide on the main chain.
    pub(super) fn hand_over(&mut self, next: Validators) {
        self.changes.push(self.main.hand_over(next));
    }

    /// The main chain's bundle as its gateways have it.
    pub(super) fn bundle(&self) -> Bundle {
        let bundle = bundle_of(&main_validators(), GENESIS_HASH);
        bundle.with_changes(self.changes.clone()).unwrap()
    }

    /// The proof file as things stand.
    pub(super) fn prove(&self, subject: &Subject) -> Vec<u8> {
        let sub = self.sub.prove(&subject.sub_paths());
        let main = self
            .main
            .prove(&subject.main_paths(Some(self.sub.height() + 1)));
        assemble(subject.clone(), &self.bundle(), &main, Some(&sub)).unwrap()
    }
}

/// What a holder shows beside the proof file.
#[derive(Clone)]
pub(super) struct Shown {
    pub(super) subject: Subject,
    pub(super) document: Option<Vec<u8>>,
    pub(super) file: Option<Vec<u8>>,
}

impl Shown {
    pub(super) fn id(&self) -> String {
        match &self.subject {
            Subject::Certificate(certificate) => certificate.id.clone(),
            Subject::Evidence { id, .. } => id.clone(),
            Subject::Did { .. } => unreachable!("a DID has no identifier of evidence"),
        }
    }
}

/// The sample certificate, issued by an accredited issuer, anchored.
pub(super) fn issued() -> (World, Shown) {
    let mut world = World::new();
    let accreditation = world.accreditation();
    world.accredit(&accreditation);
    let shown = world.issue(world.draft(DraftContent::Json(SAMPLE)), &key(70), 0);
    world.anchor();
    (world, shown)
}

pub(super) fn judge_at(proof: &[u8], shown: &Shown, now_ms: i64) -> Report {
    let bundle = main_bundle();
    let (document, file) = (shown.document.as_deref(), shown.file.as_deref());
    verify(
        proof,
        document,
        file,
        &bundle.encode(),
        &bundle.fingerprint(),
        now_ms,
        DAY,
    )
}

/// The verdict of a verifier who has this bundle.
pub(super) fn judge_by(bundle: &Bundle, proof: &[u8], shown: &Shown) -> Report {
    let (document, file) = (shown.document.as_deref(), shown.file.as_deref());
    let (bytes, pin) = (bundle.encode(), bundle.fingerprint());
    verify(proof, document, file, &bytes, &pin, NOW_MS, DAY)
}

pub(super) fn judge(proof: &[u8], shown: &Shown) -> Report {
    judge_at(proof, shown, NOW_MS)
}

#[track_caller]
pub(super) fn valid(report: &Report) {
    assert_eq!(
        (report.verdict, report.code),
        (Verdict::Valid, None),
        "{report:#?}"
    );
    assert!(report.steps.iter().all(|step| step.ok));
}

#[track_caller]
pub(super) fn refused(report: &Report, reason: Reason) {
    assert_eq!(report.code, Some(reason), "{report:#?}");
    assert_eq!(report.verdict, reason.verdict());
    let (last, before) = report.steps.split_last().unwrap();
    assert!(!last.ok && before.iter().all(|step| step.ok));
}
