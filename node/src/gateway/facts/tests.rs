//! Credentials judged by what a chain proves to a client that has pinned it.

use std::time::Duration;

use serde_json::{Value, json};
use starfire_crosschain::trust::Bundle;
use starfire_did::credential::integrity::{self, Options, Suite};
use starfire_did::credential::report::{Report, StepName, Verdict};
use starfire_did::credential::timestamp;
use starfire_did::jose::bif;
use starfire_did::{Document, KeyAlgorithm, PrivateKey, path};
use starfire_proto::v1;
use starfire_state::Changes;

use crate::client::Client;
use crate::credential::proved::Proved;
use crate::credential::{Answer, Asked, AskedAccreditation, Facts, Source, verify};
use crate::gateway::fixture::{Node, did, record, registered};

const NOW_MS: i64 = 1_795_000_100_000;
const CREATED_MS: i64 = 1_790_000_000_000;
const KIND: &str = "CertificateOfOrigin";

/// A chain with these records, provable, and a client that has pinned it.
struct Court {
    _node: Node,
    proved: Proved,
}

impl Court {
    async fn new(records: Changes) -> Self {
        Self::pinning(records, NOW_MS, |told| told).await
    }

    async fn pinning(records: Changes, now_ms: i64, pin: impl FnOnce(Bundle) -> Bundle) -> Self {
        let mut node = Node::main(records).await;
        node.block(Changes::new(), &[]);
        let client = Client::connect(&node.url).unwrap();
        let mut proofs = client.proofs();
        let told = client.call(proofs.trust(v1::TrustRequest {})).await;
        let told = Bundle::parse(&told.unwrap().bundle).unwrap();
        let age_max = Duration::from_secs(3_600);
        Self {
            _node: node,
            proved: Proved::new(client, None, pin(told), now_ms, age_max),
        }
    }

    async fn judge(&self, credential: &Value, asked: &Asked) -> Report {
        let facts = Facts::of(Source::Proved(&self.proved));
        match verify(&credential.to_string(), asked, &facts).await {
            Answer::Credential(report) => report,
            Answer::Presentation(report) => panic!("no presentation was shown: {report:?}"),
        }
    }

    #[track_caller]
    fn expect(report: &Report, name: StepName, code: Option<&str>) {
        assert_eq!(report.step(name).unwrap().code(), code, "{report:?}");
    }

    /// What could not be learned says why, and what to do.
    #[track_caller]
    fn expect_unknown(report: &Report, name: StepName, code: &str, why: &str) {
        Self::expect(report, name, Some(code));
        let step = report.step(name).unwrap();
        assert!(step.detail.contains(why), "{step:?}");
        assert!(!step.hint.is_empty(), "{step:?}");
    }
}

fn key(seed: u8) -> PrivateKey {
    PrivateKey::generate([seed; 32], KeyAlgorithm::Ed25519)
}

/// A credential of the DID of seed 1, signed by a key at a time, with more members.
fn credential(signer: u8, created_ms: i64, more: Value) -> Value {
    let issuer = did(1, None).to_string();
    let mut claims = json!({
        "@context": ["https://www.w3.org/ns/credentials/v2", "https://www.w3.org/ns/credentials/undefined-terms/v2"],
        "type": ["VerifiableCredential", KIND],
        "issuer": issuer,
        "credentialSubject": {"country": "CN"},
    });
    for (name, value) in more.as_object().unwrap() {
        claims[name] = value.clone();
    }
    issued(claims, signer, Some(created_ms))
}

/// The same, whose proof may say no time.
fn issued(claims: Value, signer: u8, created_ms: Option<i64>) -> Value {
    let method = format!("{}#key-1", did(1, None));
    let options = Options {
        created_ms,
        ..Options::assertion(Suite::EddsaJcs2022, method, 0)
    };
    integrity::issue(claims, &options, &key(signer).into(), None).unwrap()
}

/// A credential whose proof says no time, valid from one.
fn undated(signer: u8, valid_from_ms: i64) -> Value {
    let mut claims = credential(signer, 0, json!({}));
    claims.as_object_mut().unwrap().remove("proof");
    claims["validFrom"] = json!(timestamp::format(valid_from_ms).unwrap());
    issued(claims, signer, None)
}

/// The records of the DID of seed 1: its own key until `rotated_ms`, then that of seed 2.
fn rotated(rotated_ms: i64) -> Changes {
    let did = did(1, None);
    let version = |signer: u8, version: u64, updated_ms: i64| v1::DidRecord {
        document: Some((&Document::for_key(&did, &key(signer).public())).into()),
        version,
        created_ms: 1_000,
        updated_ms,
        ..Default::default()
    };
    let (first, second) = (version(1, 1, 1_000), version(2, 2, rotated_ms));
    let mut changes = record(path::version(&did, 1), &first);
    changes.extend(record(path::version(&did, 2), &second));
    changes.extend(record(path::record(&did), &second));
    changes
}

#[tokio::test]
async fn a_credential_is_judged_by_the_document_in_force_when_it_was_issued() {
    let court = Court::new(rotated(CREATED_MS)).await;
    let asked = Asked::at(NOW_MS);
    for (signer, created_ms, signature, issuer) in [
        (1, CREATED_MS - 1_000, None, None),
        (2, CREATED_MS, None, None),
        (1, CREATED_MS, Some("SIGNATURE_WRONG"), None),
        (2, CREATED_MS - 1_000, Some("SIGNATURE_WRONG"), None),
        (1, 0, Some("METHOD_UNKNOWN"), Some("ISSUER_NOT_FOUND")),
    ] {
        let report = court
            .judge(&credential(signer, created_ms, json!({})), &asked)
            .await;
        Court::expect(&report, StepName::Signature, signature);
        Court::expect(&report, StepName::Issuer, issuer);
    }
}

/// The same credential with another proof beside.
fn cosigned(credential: &Value, of: u8, signer: u8, created_ms: i64) -> Value {
    let method = format!("{}#key-1", did(of, None));
    let options = Options::assertion(Suite::EddsaJcs2022, method, created_ms);
    integrity::create(credential.clone(), &options, &key(signer).into(), None).unwrap()
}

/// The records of an inspector's DID: registered with the key of seed 3, then with that of seed 4, then deactivated.
fn inspector(times_ms: [i64; 3]) -> Changes {
    let did = did(3, None);
    let mut changes = Changes::new();
    for ((version, signer), updated_ms) in [(1, Some(3)), (2, Some(4)), (3, None)]
        .into_iter()
        .zip(times_ms)
    {
        let document = signer.map(|signer| Document::for_key(&did, &key(signer).public()));
        let of_version = v1::DidRecord {
            document: document.as_ref().map(Into::into),
            version,
            created_ms: times_ms[0],
            updated_ms,
            ..Default::default()
        };
        changes.extend(record(path::version(&did, version), &of_version));
        changes.extend(record(path::record(&did), &of_version));
    }
    changes
}

#[tokio::test]
async fn who_adds_a_proof_is_judged_by_its_own_time_and_not_by_the_issuer_s() {
    let later = |seconds: i64| CREATED_MS + seconds * 1_000;
    let mut records = rotated(later(40));
    records.extend(inspector([later(10), later(20), later(30)]));
    let court = Court::new(records).await;
    let asked = Asked::at(NOW_MS);
    let issued = credential(1, CREATED_MS, json!({}));
    for (of, signer, created_ms, code) in [
        (3, 3, CREATED_MS, Some("METHOD_UNKNOWN")),
        (3, 3, later(15), None),
        (3, 4, later(15), Some("SIGNATURE_WRONG")),
        (3, 3, later(25), Some("SIGNATURE_WRONG")),
        (3, 4, later(25), None),
        (3, 4, later(35), Some("COSIGNER_DEACTIVATED")),
        // The issuer itself, once more.
        (1, 1, later(35), None),
        (1, 1, later(45), Some("SIGNATURE_WRONG")),
        (1, 2, later(45), None),
    ] {
        let shown = cosigned(&issued, of, signer, created_ms);
        let report = court.judge(&shown, &asked).await;
        Court::expect(&report, StepName::Signature, code);
        Court::expect(&report, StepName::Issuer, None);
    }
}

#[tokio::test]
async fn a_credential_that_does_not_say_when_it_was_signed_is_judged_by_now_first() {
    let court = Court::new(rotated(CREATED_MS)).await;
    let asked = Asked::at(NOW_MS);
    for (signer, valid_from_ms, signature) in [
        // By the key of now, whenever it is valid from: before the key, before the issuer, in its second.
        (2, CREATED_MS + 5_000, None),
        (2, CREATED_MS - 5_000, None),
        (2, 0, None),
        // By the key before, only as of then.
        (1, CREATED_MS - 5_000, None),
        (1, CREATED_MS + 5_000, Some("SIGNATURE_WRONG")),
        (1, 0, Some("SIGNATURE_WRONG")),
        (3, CREATED_MS - 5_000, Some("SIGNATURE_WRONG")),
    ] {
        let report = court.judge(&undated(signer, valid_from_ms), &asked).await;
        Court::expect(&report, StepName::Signature, signature);
        Court::expect(&report, StepName::Issuer, None);
    }
}

#[tokio::test]
async fn a_stamp_in_whole_seconds_means_any_moment_of_its_second() {
    let changed_ms = CREATED_MS + 400;
    let court = Court::new(rotated(changed_ms)).await;
    let asked = Asked::at(NOW_MS);
    for (signer, created_ms, code) in [
        (1, CREATED_MS, None),
        (2, CREATED_MS, None),
        (3, CREATED_MS, Some("SIGNATURE_WRONG")),
        (2, CREATED_MS - 1_000, Some("SIGNATURE_WRONG")),
        (1, CREATED_MS + 1_000, Some("SIGNATURE_WRONG")),
        // Who says the millisecond means it.
        (1, changed_ms - 1, None),
        (2, changed_ms - 1, Some("SIGNATURE_WRONG")),
        (1, changed_ms, Some("SIGNATURE_WRONG")),
        (2, changed_ms, None),
    ] {
        let report = court
            .judge(&credential(signer, created_ms, json!({})), &asked)
            .await;
        Court::expect(&report, StepName::Signature, code);
        Court::expect(&report, StepName::Issuer, None);
    }

    let did = did(1, None);
    let registered = |updated_ms: i64| {
        let first = v1::DidRecord {
            document: Some((&Document::for_key(&did, &key(1).public())).into()),
            version: 1,
            created_ms: updated_ms,
            updated_ms,
            ..Default::default()
        };
        let mut records = record(path::version(&did, 1), &first);
        records.extend(record(path::record(&did), &first));
        records
    };
    let mut deactivated = registered(1_000);
    let end = v1::DidRecord {
        version: 2,
        created_ms: 1_000,
        updated_ms: changed_ms,
        ..Default::default()
    };
    deactivated.extend(record(path::version(&did, 2), &end));
    deactivated.extend(record(path::record(&did), &end));
    for (records, created_ms, code) in [
        (&registered(changed_ms), CREATED_MS, None),
        (
            &registered(changed_ms),
            changed_ms - 1,
            Some("ISSUER_NOT_FOUND"),
        ),
        (
            &registered(changed_ms),
            CREATED_MS - 1_000,
            Some("ISSUER_NOT_FOUND"),
        ),
        (&deactivated, CREATED_MS, None),
        (&deactivated, changed_ms, Some("ISSUER_DEACTIVATED")),
        (&deactivated, CREATED_MS + 1_000, Some("ISSUER_DEACTIVATED")),
    ] {
        let court = Court::new(records.clone()).await;
        let credential = credential(1, created_ms, json!({}));
        let report = court.judge(&credential, &asked).await;
        Court::expect(&report, StepName::Issuer, code);
    }
}

#[tokio::test]
async fn a_node_of_another_chain_or_of_yesterday_is_not_believed() {
    let credential = credential(1, CREATED_MS, json!({}));
    let court = Court::pinning(registered(1, None, 1), NOW_MS, |told| {
        Bundle::new(
            told.chain_id().clone(),
            told.name(),
            [8; 32],
            told.validators().clone(),
        )
        .unwrap()
    })
    .await;
    let report = court.judge(&credential, &Asked::at(NOW_MS)).await;
    Court::expect(&report, StepName::Issuer, Some("ISSUER_UNKNOWN"));
    assert_eq!(report.verdict, Verdict::Undecided);

    let court = Court::new(registered(1, None, 1)).await;
    let report = court.judge(&credential, &Asked::at(NOW_MS)).await;
    assert_eq!(report.verdict, Verdict::Valid, "{report:?}");
    let known = report.step(StepName::Issuer).unwrap().known_at_ms;
    assert!(known.is_some_and(|known| known < NOW_MS), "{report:?}");

    let day_later_ms = NOW_MS + 86_400_000;
    let court = Court::pinning(registered(1, None, 1), day_later_ms, |told| told).await;
    let report = court.judge(&credential, &Asked::at(day_later_ms)).await;
    Court::expect(&report, StepName::Issuer, Some("ISSUER_UNKNOWN"));
}

#[tokio::test]
async fn a_bit_of_a_list_on_the_chain_revokes() {
    let issuer = did(1, None);
    let list = v1::StatusListRecord {
        issuer: issuer.to_string(),
        name: "revoked".into(),
        purpose: "revocation".into(),
        length: 131_072,
        version: 2,
        ..Default::default()
    };
    let mut bits = vec![0; 1_024];
    // Bit 9 is the second highest of the second byte.
    bits[1] = 0x40;
    let mut records = registered(1, None, 1);
    records.extend(record(path::status_list(&issuer, "revoked"), &list));
    let chunk = v1::StatusListChunk { bits };
    records.extend(record(
        path::status_list_chunk(&issuer, "revoked", 0),
        &chunk,
    ));
    let court = Court::new(records).await;
    let at = |name: &str, purpose: &str, index: &str| {
        json!({"credentialStatus": {
            "type": "BitstringStatusListEntry",
            "statusPurpose": purpose,
            "statusListIndex": index,
            "statusListCredential": format!("https://gateway.example/status-lists/{issuer}/{name}"),
        }})
    };
    for (status, code) in [
        (at("revoked", "revocation", "8"), None),
        (at("revoked", "revocation", "131071"), None),
        (at("revoked", "revocation", "9"), Some("REVOKED")),
        (
            at("revoked", "suspension", "9"),
            Some("STATUS_VERIFICATION_ERROR"),
        ),
        (at("revoked", "revocation", "131072"), Some("RANGE_ERROR")),
    ] {
        let credential = credential(1, CREATED_MS, status);
        let report = court.judge(&credential, &Asked::at(NOW_MS)).await;
        Court::expect(&report, StepName::Status, code);
        let step = report.step(StepName::Status).unwrap();
        assert!(step.age_ms.is_some_and(|age| age > 0), "{step:?}");
    }
    let list_of = |status: Value| credential(1, CREATED_MS, status);
    for (status, why) in [
        (
            at("another", "revocation", "9"),
            "the list was not on the chain at 20",
        ),
        (at("no/list", "revocation", "9"), "the list is of no chain"),
    ] {
        let report = court.judge(&list_of(status), &Asked::at(NOW_MS)).await;
        Court::expect_unknown(&report, StepName::Status, "STATUS_UNKNOWN", why);
    }
    let offline = Facts::of(Source::Offline);
    let credential = list_of(at("revoked", "revocation", "8")).to_string();
    let answer = verify(&credential, &Asked::at(NOW_MS), &offline).await;
    let Answer::Credential(report) = answer else {
        panic!("no presentation was shown: {answer:?}");
    };
    Court::expect_unknown(
        &report,
        StepName::Status,
        "STATUS_UNKNOWN",
        "no node is asked",
    );
}

#[tokio::test]
async fn a_credential_of_bif_is_revoked_by_the_trust_contract() {
    let issuer = did(1, None);
    let told = json!({
        "@context": ["https://www.w3.org/2018/credentials/v1"],
        "id": "did:bid:efCredential1",
        "type": ["VerifiableCredential", KIND],
        "issuer": issuer.to_string(),
        "issuanceDate": "2026-09-01T00:00:00Z",
        "revocationId": "1",
        "parseType": "direct",
        "credentialSubject": {"id": issuer.to_string()},
    });
    let key = key(1).into();
    let token = bif::issue::issue(
        told.as_object().unwrap(),
        bif::ParseType::Direct,
        bif::Encoding::HexText,
        &key,
        &mut || [7; bif::issue::SALT_BYTES],
    )
    .unwrap();
    let revocation = v1::CredentialRevocation {
        issuer: issuer.to_string(),
        credential_id: "did:bid:efCredential1".into(),
        ..Default::default()
    };
    for (id, code) in [
        ("did:bid:efCredential1", Some("REVOKED")),
        ("did:bid:efCredential2", None),
    ] {
        let mut records = registered(1, None, 1);
        let path = path::credential_revocation(&issuer, id);
        records.extend(record(path, &revocation));
        let court = Court::new(records).await;
        let facts = Facts::of(Source::Proved(&court.proved));
        let answer = verify(&token, &Asked::at(NOW_MS), &facts).await;
        let Answer::Credential(report) = answer else {
            panic!("no presentation was shown: {answer:?}");
        };
        Court::expect(&report, StepName::Status, code);
    }
}

#[tokio::test]
async fn a_schema_on_the_chain_is_checked() {
    let author = did(5, None);
    let schema = v1::SchemaRecord {
        author: author.to_string(),
        name: "origin".into(),
        version: 1,
        content: br#"{"properties": {"credentialSubject": {"required": ["country"]}}}"#.to_vec(),
        ..Default::default()
    };
    let mut records = registered(1, None, 1);
    records.extend(record(path::schema_version(&author, "origin", 1), &schema));
    let court = Court::new(records).await;
    let named = |version: u64| json!({"id": format!("{author}/schemas/origin/{version}"), "type": "JsonSchema"});
    for (more, code) in [
        (json!({"credentialSchema": named(1)}), None),
        (
            json!({"credentialSchema": named(1), "credentialSubject": {"weight": 3}}),
            Some("SCHEMA_VIOLATED"),
        ),
    ] {
        let credential = credential(1, CREATED_MS, more);
        let report = court.judge(&credential, &Asked::at(NOW_MS)).await;
        Court::expect(&report, StepName::Schema, code);
    }
    let elsewhere = |kind: &str| json!({"id": "https://example.org/s.json", "type": kind});
    for (schema, why) in [
        (named(2), "it was not on the chain at 20"),
        (elsewhere("JsonSchema"), "nothing else is fetched"),
        (
            elsewhere("JsonSchemaCredential"),
            "of the kind JsonSchemaCredential",
        ),
    ] {
        let credential = credential(1, CREATED_MS, json!({"credentialSchema": schema}));
        let report = court.judge(&credential, &Asked::at(NOW_MS)).await;
        Court::expect_unknown(&report, StepName::Schema, "SCHEMA_UNKNOWN", why);
    }
}

#[tokio::test]
async fn an_accreditation_that_begins_within_the_second_of_issue_counts() {
    let begins_ms = CREATED_MS + 400;
    let issuer = did(1, None);
    let level = v1::AccreditationRecord {
        issuer: issuer.to_string(),
        r#type: KIND.into(),
        jurisdiction: "CN".into(),
        valid_from_ms: begins_ms,
        motion: 3,
        ..Default::default()
    };
    let mut records = registered(1, None, 1);
    records.extend(record(path::accreditation(&issuer, KIND, "CN"), &level));
    let court = Court::new(records).await;
    let asked = Asked {
        accreditation: Some(AskedAccreditation {
            kind: None,
            jurisdiction: "CN".to_owned(),
        }),
        ..Asked::at(NOW_MS)
    };
    let early = Some("ACCREDITATION_NOT_YET_VALID");
    for (created_ms, code) in [
        (CREATED_MS, None),
        (begins_ms, None),
        (begins_ms - 1, early),
        (CREATED_MS - 1_000, early),
    ] {
        let credential = credential(1, created_ms, json!({}));
        let report = court.judge(&credential, &asked).await;
        Court::expect(&report, StepName::Accreditation, code);
    }
    // Where no signature says when, it is held to the present, whenever it is valid from.
    for valid_from_ms in [CREATED_MS - 1_000_000, CREATED_MS + 1_000_000] {
        let report = court.judge(&undated(1, valid_from_ms), &asked).await;
        Court::expect(&report, StepName::Accreditation, None);
    }
    for (begins_ms, ends_ms, code) in [
        (NOW_MS + 1, 0, "ACCREDITATION_NOT_YET_VALID"),
        (CREATED_MS, NOW_MS, "ACCREDITATION_EXPIRED"),
    ] {
        let level = v1::AccreditationRecord {
            valid_from_ms: begins_ms,
            valid_until_ms: ends_ms,
            ..level.clone()
        };
        let mut records = registered(1, None, 1);
        records.extend(record(path::accreditation(&issuer, KIND, "CN"), &level));
        let court = Court::new(records).await;
        let report = court.judge(&undated(1, CREATED_MS), &asked).await;
        Court::expect(&report, StepName::Accreditation, Some(code));
    }
}

#[tokio::test]
async fn an_issuer_is_accredited_up_to_the_root_then_and_now() {
    let level = |holder: u8, accreditor: Option<u8>, depth: u32, until_ms: i64| {
        let holder = did(holder, None);
        let level = v1::AccreditationRecord {
            issuer: holder.to_string(),
            r#type: KIND.into(),
            jurisdiction: "CN".into(),
            valid_from_ms: 1_000,
            valid_until_ms: until_ms,
            delegation_depth: depth,
            motion: u64::from(accreditor.is_none()),
            accreditor: accreditor.map_or_else(String::new, |seed| did(seed, None).to_string()),
            ..Default::default()
        };
        record(path::accreditation(&holder, KIND, "CN"), &level)
    };
    let asked = |jurisdiction: &str, kind: Option<&str>| Asked {
        accreditation: Some(AskedAccreditation {
            kind: kind.map(str::to_owned),
            jurisdiction: jurisdiction.to_owned(),
        }),
        ..Asked::at(NOW_MS)
    };
    let credential = credential(1, CREATED_MS, json!({}));
    let far_ms = NOW_MS + 1_000_000;
    for (own_until_ms, root_until_ms, jurisdiction, kind, code) in [
        (far_ms, far_ms, "CN", None, None),
        (far_ms, far_ms, "CN", Some(KIND), None),
        (
            far_ms,
            far_ms,
            "CN",
            Some("Diploma"),
            Some("ACCREDITATION_OTHER_TYPE"),
        ),
        (far_ms, far_ms, "MY", None, Some("ACCREDITATION_NOT_FOUND")),
        (
            CREATED_MS,
            far_ms,
            "CN",
            None,
            Some("ACCREDITATION_EXPIRED"),
        ),
        // It held when the credential was issued, as its issuer says; who lost it issues nothing more.
        (NOW_MS, far_ms, "CN", None, Some("ACCREDITATION_EXPIRED")),
        (far_ms, NOW_MS, "CN", None, Some("ACCREDITOR_EXPIRED")),
    ] {
        let mut records = registered(1, None, 1);
        records.extend(level(1, Some(3), 0, own_until_ms));
        records.extend(level(3, None, 1, root_until_ms));
        let court = Court::new(records).await;
        let report = court.judge(&credential, &asked(jurisdiction, kind)).await;
        Court::expect(&report, StepName::Accreditation, code);
    }
}
