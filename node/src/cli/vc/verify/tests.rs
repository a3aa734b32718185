//! `vc verify` without a node: by answers that a gateway gave, saved as files.

use clap::Parser;
use serde_json::json;
use starfire_crosschain::unix_ms;
use starfire_did::credential::bitstring::{self, StatusList};
use starfire_did::credential::integrity::{self, Options, Suite};
use starfire_did::credential::presentation;
use starfire_did::credential::report::{Report as Judged, StepName};
use starfire_did::{Did, Document, VerificationKey, path, status_list};
use starfire_proto::v1;
use starfire_state::Changes;
use tempfile::TempDir;

use super::*;
use crate::cli::output::Output;
use crate::cli::vc::schema;
use crate::gateway::fixture::{Node, did, private_key, raw, record};

/// A day after the chain's newest block.
const NOW_MS: i64 = 1_795_000_000_000 + 20 * 3_600_000;
/// When the accreditations of the tests begin and end.
const FROM_MS: i64 = 1_790_000_000_000;
const UNTIL_MS: i64 = 1_795_000_000_000 + 10 * 3_600_000;
const KIND: &str = "CertificateOfOrigin";
const ROOT: u8 = 11;
const ACCREDITOR: u8 = 12;
const ISSUER: u8 = 13;
const LIST_BITS: u64 = 131_072;
const SCHEMA: &[u8] = br#"{"properties": {"credentialSubject": {"required": ["country"]}}}"#;

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    verify: Verify,
}

#[derive(Debug, Parser)]
struct SchemaLine {
    #[command(subcommand)]
    command: schema::Command,
}

/// A chain that is gone, and the files that were saved while it was there.
struct Desk {
    node: Node,
    files: TempDir,
}

impl Desk {
    /// A chain with these records and those of every test: the people, a list in which entry 7 is set, a schema.
    async fn new(more: Changes) -> Self {
        let issuer = did(ISSUER, None);
        let mut records = Changes::new();
        for seed in [ROOT, ACCREDITOR, ISSUER] {
            let document = Document::for_key(&did(seed, None), &private_key(seed).public());
            records.extend(version(seed, 1, 1_000, &document));
        }
        let mut bits = vec![0; usize::try_from(LIST_BITS / 8).unwrap()];
        bits[0] = 1;
        let list = v1::StatusListRecord {
            issuer: issuer.to_string(),
            name: "revoked".into(),
            purpose: "revocation".into(),
            length: LIST_BITS,
            version: 2,
            root: status_list::root(&bits).to_vec(),
            ..Default::default()
        };
        let chunk = v1::StatusListChunk {
            bits: bits[..status_list::CHUNK_BYTES].to_vec(),
        };
        records.extend(record(path::status_list(&issuer, "revoked"), &list));
        records.extend(record(
            path::status_list_chunk(&issuer, "revoked", 0),
            &chunk,
        ));
        let schema = v1::SchemaRecord {
            author: issuer.to_string(),
            name: "origin".into(),
            version: 1,
            content: SCHEMA.to_vec(),
            checksum: vec![0xab; 32],
            ..Default::default()
        };
        records.extend(record(path::schema_version(&issuer, "origin", 1), &schema));
        records.extend(more);
        let mut node = Node::main(records).await;
        node.block(Changes::new(), &[]);
        node.block(Changes::new(), &[]);
        let files = tempfile::tempdir().unwrap();
        let desk = Self { node, files };
        desk.write("trust.json", &desk.node.trust().encode());
        desk
    }

    fn at(&self, name: &str) -> String {
        self.files.path().join(name).display().to_string()
    }

    fn write(&self, name: &str, content: &[u8]) -> String {
        std::fs::write(self.files.path().join(name), content).unwrap();
        self.at(name)
    }

    /// What the gateway answers over HTTP, saved as it came.
    async fn save(&self, name: &str, url: &str) -> String {
        let (_, body) = raw::exchange(&self.node.url, "GET", url, "", "").await;
        self.write(name, body.as_bytes())
    }

    async fn accreditation(&self, issuer: &Did, kind: &str, place: &str) -> String {
        self.accreditation_at(issuer, kind, place, NOW_MS).await
    }

    async fn accreditation_at(&self, issuer: &Did, kind: &str, place: &str, at_ms: i64) -> String {
        let at = unix_ms::rfc3339(at_ms);
        let url = format!(
            "/accreditations?issuer={issuer}&type={kind}&jurisdiction={place}&at={}Z",
            &at[..19]
        );
        self.save(&format!("accreditation-{kind}-{place}"), &url)
            .await
    }

    fn context(&self, node: Option<String>) -> Context {
        Context {
            output: Output::new(true),
            home: Some(self.files.path().join("home")),
            node,
            passphrase_file: None,
        }
    }

    async fn try_judge(&self, credential: &Value, more: &[&str]) -> Result<Judged, Failure> {
        let file = self.write("credential.json", credential.to_string().as_bytes());
        let (trust, pin) = (self.at("trust.json"), self.node.trust().fingerprint());
        let line = [
            "verify",
            &file,
            "--offline",
            "--trust",
            &trust,
            "--pin",
            &pin,
            "--accredited",
            "CN",
        ];
        let line = Line::parse_from(line.iter().chain(more));
        match judge(&line.verify, &self.context(None), NOW_MS).await? {
            Answer::Credential(report) => Ok(report),
            Answer::Presentation(report) => panic!("no presentation was shown: {report:?}"),
        }
    }

    async fn judge(&self, credential: &Value, more: &[&str]) -> Judged {
        self.try_judge(credential, more).await.unwrap()
    }
}

fn version(seed: u8, version: u64, updated_ms: i64, document: &Document) -> Changes {
    let did = did(seed, None);
    let of_version = v1::DidRecord {
        document: Some(document.into()),
        version,
        created_ms: 1_000,
        updated_ms,
        ..Default::default()
    };
    let mut changes = record(path::version(&did, version), &of_version);
    changes.extend(record(path::record(&did), &of_version));
    changes
}

/// An accreditation for a place, by another; seed 0 is a motion.
fn level(of: u8, by: u8, place: &str) -> v1::AccreditationRecord {
    v1::AccreditationRecord {
        issuer: did(of, None).to_string(),
        r#type: KIND.into(),
        jurisdiction: place.into(),
        valid_from_ms: FROM_MS,
        motion: if by == 0 { 3 } else { 0 },
        accreditor: match by {
            0 => String::new(),
            by => did(by, None).to_string(),
        },
        delegation_depth: match of {
            ROOT => 2,
            ACCREDITOR => 1,
            _ => 0,
        },
        ..Default::default()
    }
}

fn accredited(levels: &[v1::AccreditationRecord]) -> Changes {
    let place = |level: &v1::AccreditationRecord| {
        let issuer = Did::parse(&level.issuer).unwrap();
        let path = path::accreditation(&issuer, &level.r#type, &level.jurisdiction);
        record(path, level)
    };
    levels.iter().flat_map(place).collect()
}

/// From the root of trust down to the issuer.
fn tree() -> [v1::AccreditationRecord; 3] {
    [
        level(ROOT, 0, "CN"),
        level(ACCREDITOR, ROOT, "CN"),
        level(ISSUER, ACCREDITOR, "CN"),
    ]
}

/// A credential of the issuer's, signed by a key at a time.
fn credential(signer: u8, created_ms: i64, index: u64) -> Value {
    let issuer = did(ISSUER, None).to_string();
    let claims = json!({
        "@context": ["https://www.w3.org/ns/credentials/v2", "https://www.w3.org/ns/credentials/undefined-terms/v2"],
        "type": ["VerifiableCredential", KIND],
        "issuer": issuer,
        "credentialSubject": {"country": "CN"},
        "credentialSchema": {"id": format!("{issuer}/schemas/origin/1"), "type": "JsonSchema"},
        "credentialStatus": {
            "type": "BitstringStatusListEntry",
            "statusPurpose": "revocation",
            "statusListIndex": index.to_string(),
            "statusListCredential": format!("{issuer}/status-lists/revoked"),
        },
    });
    let method = format!("{issuer}#key-1");
    let options = Options::assertion(Suite::EddsaJcs2022, method, created_ms);
    integrity::issue(claims, &options, &private_key(signer).into(), None).unwrap()
}

#[track_caller]
fn code(report: &Judged, name: StepName) -> Option<&'static str> {
    report.step(name).unwrap().code()
}

#[test]
fn a_report_reads_as_a_table_of_steps() {
    let answer = Answer::Credential(Judged::malformed("JSON_INVALID", "no JSON"));
    let value = serde_json::to_value(described(&answer)).unwrap();
    assert_eq!(value["verdict"], "INVALID");
    assert_eq!(value["steps"][0]["detail"], "JSON_INVALID: no JSON");
    assert_eq!(value["steps"][1]["outcome"], "skipped");
    assert_eq!(steps(&answer).len(), StepName::ALL.len());
}

#[tokio::test]
async fn credentials_put_together_by_nobody_are_judged_only_where_anybody_may_show_them() {
    let files = tempfile::tempdir().unwrap();
    let key = VerificationKey::from(private_key(ISSUER).public());
    let issuer = format!("did:key:{}", key.to_multikey());
    let method = format!("{issuer}#{}", key.to_multikey());
    let claims = json!({
        "@context": ["https://www.w3.org/ns/credentials/v2"],
        "type": ["VerifiableCredential"],
        "issuer": issuer,
        "credentialSubject": {"id": issuer},
    });
    let options = Options::assertion(Suite::EddsaJcs2022, method, FROM_MS);
    let credential = integrity::issue(claims, &options, &private_key(ISSUER).into(), None).unwrap();
    let shown = presentation::unsigned(&issuer, &[credential]);
    let file = files.path().join("shown.json");
    std::fs::write(&file, shown.to_string()).unwrap();
    let context = Context {
        output: Output::new(true),
        home: Some(files.path().join("home")),
        node: None,
        passphrase_file: None,
    };
    let line = ["verify", file.to_str().unwrap(), "--offline"];
    for (more, expected) in [(&[][..], Some("PROOF_MISSING")), (&["--any-holder"], None)] {
        let line = Line::parse_from(line.iter().chain(more));
        let answer = judge(&line.verify, &context, NOW_MS).await.unwrap();
        let Answer::Presentation(report) = answer else {
            panic!("a presentation was shown")
        };
        assert_eq!(report.code(), expected, "{report:?}");
        assert_eq!(report.verdict == Verdict::Valid, expected.is_none());
    }
}

#[tokio::test]
async fn saved_answers_decide_all_that_a_node_would_be_asked() {
    let desk = Desk::new(accredited(&tree())).await;
    let issuer = did(ISSUER, None);
    let accreditation = desk.accreditation(&issuer, KIND, "CN").await;
    let issuer_file = desk
        .save("issuer", &format!("/1.0/identifiers/{issuer}"))
        .await;
    let status = |index: u64| {
        let url = format!("/credentials/status?list={issuer}/status-lists/revoked&index={index}");
        (format!("status-{index}"), url)
    };
    let (name, url) = status(8);
    let unset = desk.save(&name, &url).await;
    let (name, url) = status(7);
    let set = desk.save(&name, &url).await;
    let (schema, url) = (desk.at("schema"), format!("{issuer}/schemas/origin/1"));
    let line = SchemaLine::parse_from(["schema", "show", &url, "--proof", &schema]);
    let context = desk.context(Some(desk.node.url.clone()));
    schema::run(line.command, &context).await.unwrap();

    let good = credential(ISSUER, FROM_MS + 1_000, 8);
    let all = ["--proofs", &accreditation, &issuer_file, &schema];
    let report = desk.judge(&good, &[&all[..], &[&unset]].concat()).await;
    assert_eq!(report.verdict, Verdict::Valid, "{report:?}");
    let revoked = credential(ISSUER, FROM_MS + 1_000, 7);
    let report = desk.judge(&revoked, &[&all[..], &[&set]].concat()).await;
    assert_eq!(code(&report, StepName::Status), Some("REVOKED"));
    // Each file decides its own step; without it nothing is concluded.
    for (missing, name, expected) in [
        (
            &accreditation,
            StepName::Accreditation,
            "ACCREDITATION_UNKNOWN",
        ),
        (&issuer_file, StepName::Issuer, "ISSUER_UNKNOWN"),
        (&schema, StepName::Schema, "SCHEMA_UNKNOWN"),
        (&unset, StepName::Status, "STATUS_UNKNOWN"),
    ] {
        let files = [&accreditation, &issuer_file, &schema, &unset];
        let rest = files.into_iter().filter(|file| *file != missing);
        let line: Vec<&str> = std::iter::once("--proofs")
            .chain(rest.map(String::as_str))
            .collect();
        let report = desk.judge(&good, &line).await;
        assert_eq!(code(&report, name), Some(expected));
        assert_eq!(report.verdict, Verdict::Undecided);
    }
}

#[tokio::test]
async fn accreditation_decides_offline_before_within_and_after_its_dates_and_up_the_tree() {
    let mut revoked = tree();
    revoked[1].withdrawn_ms = FROM_MS + 5_000;
    revoked[1].withdrawn_by = did(ROOT, None).to_string();
    let mut over = tree();
    over[2].valid_until_ms = UNTIL_MS;
    for (levels, issued_ms, expected) in [
        (tree(), FROM_MS - 1_000, Some("ACCREDITATION_NOT_YET_VALID")),
        (tree(), FROM_MS + 1_000, None),
        // In its term when it was issued; by now that is over, and the date of issue is the issuer's word.
        (over.clone(), FROM_MS + 1_000, Some("ACCREDITATION_EXPIRED")),
        (over, UNTIL_MS + 1_000, Some("ACCREDITATION_EXPIRED")),
        (revoked, FROM_MS + 1_000, Some("ACCREDITOR_WITHDRAWN")),
        (
            [
                level(ROOT, 0, "MY"),
                level(ACCREDITOR, ROOT, "MY"),
                level(ISSUER, ACCREDITOR, "MY"),
            ],
            FROM_MS + 1_000,
            Some("ACCREDITATION_OTHER_JURISDICTION"),
        ),
    ] {
        let desk = Desk::new(accredited(&levels)).await;
        let saved = desk.accreditation(&did(ISSUER, None), KIND, "CN").await;
        let shown = credential(ISSUER, issued_ms, 8);
        let report = desk.judge(&shown, &["--proofs", &saved]).await;
        assert_eq!(
            code(&report, StepName::Accreditation),
            expected,
            "{report:?}"
        );
    }
    let other = level(ISSUER, 0, "CN");
    let other = v1::AccreditationRecord {
        r#type: "Quality".into(),
        ..other
    };
    let desk = Desk::new(accredited(&[other])).await;
    let saved = desk.accreditation(&did(ISSUER, None), KIND, "CN").await;
    let shown = credential(ISSUER, FROM_MS + 1_000, 8);
    let report = desk.judge(&shown, &["--proofs", &saved]).await;
    assert_eq!(
        code(&report, StepName::Accreditation),
        Some("ACCREDITATION_OTHER_TYPE")
    );
    // Nobody accredited it for anything.
    let desk = Desk::new(Changes::new()).await;
    let saved = desk.accreditation(&did(ISSUER, None), KIND, "CN").await;
    let report = desk.judge(&shown, &["--proofs", &saved]).await;
    assert_eq!(
        code(&report, StepName::Accreditation),
        Some("ACCREDITATION_NOT_FOUND")
    );
}

#[tokio::test]
async fn a_saved_answer_is_held_to_its_proof_and_its_age() {
    let desk = Desk::new(accredited(&tree())).await;
    let shown = credential(ISSUER, FROM_MS + 1_000, 8);
    let saved = desk.accreditation(&did(ISSUER, None), KIND, "CN").await;
    let text = std::fs::read_to_string(&saved).unwrap();
    let earlier = text.replace(&FROM_MS.to_string(), &(FROM_MS - 1).to_string());
    assert_ne!(earlier, text);
    let earlier = desk.write("earlier", earlier.as_bytes());
    let refused = desk.try_judge(&shown, &["--proofs", &earlier]).await;
    assert_eq!(refused.unwrap_err().code, "ANSWER_MISMATCH");
    let line = ["--proofs", saved.as_str(), "--max-age", "1h"];
    let refused = desk.try_judge(&shown, &line).await.unwrap_err();
    assert_eq!(refused.code, "STALE");
    assert!(refused.hint.contains("--max-age"), "{refused}");
    let itself = desk.at("credential.json");
    let refused = desk.try_judge(&shown, &["--proofs", &itself]).await;
    assert_eq!(refused.unwrap_err().code, "FILE_KIND_UNKNOWN");
    let other = "0".repeat(64);
    let line = ["--proofs", saved.as_str(), "--pin", &other];
    let file = desk.at("credential.json");
    let line = ["verify", &file, "--offline"].into_iter().chain(line);
    let line = Line::parse_from(line);
    let unpinned = judge(&line.verify, &desk.context(None), NOW_MS).await;
    assert_eq!(unpinned.unwrap_err().code, "BUNDLE_NOT_PINNED");
}

#[tokio::test]
async fn a_handed_in_result_is_held_to_its_proof() {
    let desk = Desk::new(Changes::new()).await;
    let issuer = did(ISSUER, None);
    let saved = desk
        .save("issuer", &format!("/1.0/identifiers/{issuer}"))
        .await;
    let shown = credential(ISSUER, FROM_MS + 1_000, 8);
    let report = desk.judge(&shown, &["--documents", &saved]).await;
    assert_eq!(code(&report, StepName::Issuer), None, "{report:?}");
    // Mallory's key in the place of the issuer's, under the issuer's proof.
    let mut result: Value = serde_json::from_slice(&std::fs::read(&saved).unwrap()).unwrap();
    let forged = Document::for_key(&issuer, &private_key(ROOT).public());
    result["didDocument"] = starfire_did::render::document(&forged);
    let forged = desk.write("forged", result.to_string().as_bytes());
    let refused = desk.try_judge(&shown, &["--documents", &forged]).await;
    assert_eq!(refused.unwrap_err().code, "ANSWER_MISMATCH");
    // The proof itself, tampered with.
    let proof = &mut result["didDocumentMetadata"]["proof"][0]["values"][0]["proof"];
    *proof = json!(proof.as_str().unwrap().replacen('C', "D", 1));
    let broken = desk.write("broken", result.to_string().as_bytes());
    let refused = desk.try_judge(&shown, &["--documents", &broken]).await;
    assert_eq!(refused.unwrap_err().code, "VALUE_NOT_PROVED");
}

/// A list in which entry 7 is set, as its issuer signs it.
fn list(signer: u8, issued_ms: i64, ttl_ms: u64) -> Value {
    let mut bits = vec![0; usize::try_from(LIST_BITS / 8).unwrap()];
    bits[0] = 1;
    let signer_did = did(signer, None).to_string();
    let list = StatusList {
        id: None,
        issuer: signer_did.clone(),
        purposes: vec!["revocation".into()],
        bits,
        ttl_ms: Some(ttl_ms),
        valid_from_ms: Some(issued_ms),
    };
    let url = format!("{}/status-lists/revoked", did(ISSUER, None));
    let claims = list.to_credential(&url).unwrap();
    let method = format!("{signer_did}#key-1");
    let options = Options::assertion(Suite::EddsaJcs2022, method, issued_ms);
    integrity::issue(claims, &options, &private_key(signer).into(), None).unwrap()
}

/// The same list as it is now, but for one change to its claims; a time in its proof only if one is given.
fn changed_list(created_ms: Option<i64>, change: impl FnOnce(&mut Value)) -> Value {
    let mut claims = list(ISSUER, NOW_MS - 60_000, 3_600_000);
    claims.as_object_mut().unwrap().remove("proof");
    change(&mut claims);
    let method = format!("{}#key-1", did(ISSUER, None));
    let options = Options {
        created_ms,
        ..Options::assertion(Suite::EddsaJcs2022, method, 0)
    };
    integrity::issue(claims, &options, &private_key(ISSUER).into(), None).unwrap()
}

/// The same list with another's proof beside its issuer's.
fn cosigned(list: Value, by: u8) -> Value {
    let method = format!("{}#key-1", did(by, None));
    let options = Options::assertion(Suite::EddsaJcs2022, method, NOW_MS - 60_000);
    integrity::create(list, &options, &private_key(by).into(), None).unwrap()
}

fn undated(claims: &mut Value) {
    claims.as_object_mut().unwrap().remove("validFrom");
}

#[tokio::test]
async fn a_handed_in_list_is_its_issuers_and_within_its_ttl() {
    const HOUR_MS: u64 = 3_600_000;
    let desk = Desk::new(Changes::new()).await;
    let documents: Vec<String> = [ISSUER, ROOT]
        .into_iter()
        .map(|seed| {
            let document = Document::for_key(&did(seed, None), &private_key(seed).public());
            let document = starfire_did::render::document(&document).to_string();
            desk.write(&format!("document-{seed}"), document.as_bytes())
        })
        .collect();
    let just_now = NOW_MS - 60_000;
    let mut forged = list(ISSUER, just_now, HOUR_MS);
    forged["credentialSubject"]["encodedList"] =
        bitstring::encode(&vec![0; usize::try_from(LIST_BITS / 8).unwrap()]).into();
    for (list, index, expected, why) in [
        (list(ISSUER, just_now, HOUR_MS), 8, None, ""),
        (list(ISSUER, just_now, HOUR_MS), 7, Some("REVOKED"), ""),
        (
            list(ROOT, just_now, HOUR_MS),
            8,
            Some("STATUS_UNKNOWN"),
            "the list that was handed in is by",
        ),
        // Its ttl is over, by more than clocks may differ.
        (
            list(ISSUER, NOW_MS - 120_000, 1_000),
            8,
            Some("STATUS_UNKNOWN"),
            "older than its ttl",
        ),
        (
            forged,
            7,
            Some("STATUS_VERIFICATION_ERROR"),
            "the list's credential is not valid: SIGNATURE_WRONG",
        ),
        // Of nobody knows when: it could be of before the revocation.
        (
            changed_list(None, undated),
            8,
            Some("STATUS_UNKNOWN"),
            "does not say of when it is",
        ),
        (changed_list(Some(just_now), undated), 8, None, ""),
        (changed_list(None, |_| ()), 8, None, ""),
        // Whose key it was when it was signed, need not be whose it is when it begins to hold.
        (
            changed_list(Some(NOW_MS - 7_200_000), |_| ()),
            8,
            Some("STATUS_UNKNOWN"),
            "older than its ttl",
        ),
        // Signed by another too, whose key is known.
        (cosigned(list(ISSUER, just_now, HOUR_MS), ROOT), 8, None, ""),
        (
            cosigned(list(ISSUER, just_now, HOUR_MS), ROOT),
            7,
            Some("REVOKED"),
            "",
        ),
        (
            cosigned(list(ISSUER, just_now, HOUR_MS), ACCREDITOR),
            8,
            Some("STATUS_UNKNOWN"),
            "could not be checked: COSIGNER_UNKNOWN",
        ),
        (
            changed_list(Some(just_now), |claims| {
                claims["credentialSubject"] = json!([claims["credentialSubject"]]);
                claims["credentialSubject"][0]["type"] = json!(["BitstringStatusList"]);
            }),
            7,
            Some("REVOKED"),
            "",
        ),
    ] {
        let file = desk.write("list", list.to_string().as_bytes());
        let shown = credential(ISSUER, FROM_MS + 1_000, index);
        let line = [
            "--documents",
            &documents[0],
            &documents[1],
            "--status-list",
            &file,
        ];
        let report = desk.judge(&shown, &line).await;
        let step = report.step(StepName::Status).unwrap();
        assert_eq!(step.code(), expected, "{step:?}");
        assert!(step.detail.contains(why), "{step:?}");
    }
}

#[tokio::test]
async fn nobody_knows_whether_an_accreditation_will_hold() {
    let desk = Desk::new(accredited(&tree())).await;
    let shown = credential(ISSUER, FROM_MS + 1_000, 8);
    let to_come = NOW_MS + 24 * 3_600_000;
    let saved = desk
        .accreditation_at(&did(ISSUER, None), KIND, "CN", to_come)
        .await;
    let refused = desk.try_judge(&shown, &["--proofs", &saved]).await;
    assert_eq!(refused.unwrap_err().code, "ANSWER_MISMATCH");
}

#[tokio::test]
async fn a_proof_knows_nothing_of_times_after_its_header() {
    let mut desk = Desk::new(Changes::new()).await;
    let issuer = did(ISSUER, None);
    let newest = format!("/1.0/identifiers/{issuer}");
    let before = desk.save("before", &newest).await;
    // Two changes since: the key may have been another one when the credential is dated.
    let now = Document::for_key(&issuer, &private_key(ROOT).public());
    let changed_ms = NOW_MS - 3_600_000;
    desk.node.block(version(ISSUER, 3, changed_ms, &now), &[]);
    desk.node.block(Changes::new(), &[]);
    let after = desk.save("after", &newest).await;
    let shown = credential(ISSUER, changed_ms - 1_000, 8);
    let report = desk.judge(&shown, &["--proofs", &before, &after]).await;
    assert_eq!(code(&report, StepName::Signature), Some("ISSUER_UNKNOWN"));
}

#[tokio::test]
async fn a_key_that_was_rotated_out_is_said_to_be_no_longer_in_force() {
    let rotated_ms = FROM_MS + 10_000;
    let issuer = did(ISSUER, None);
    let now = Document::for_key(&issuer, &private_key(ROOT).public());
    let desk = Desk::new(version(ISSUER, 2, rotated_ms, &now)).await;
    let at = unix_ms::rfc3339(FROM_MS + 1_000);
    let url = format!("/1.0/identifiers/{issuer}?versionTime={}Z", &at[..19]);
    let saved = desk.save("then", &url).await;
    // Signed by the old key, and dated back.
    let shown = credential(ISSUER, FROM_MS + 1_000, 8);
    let report = desk.judge(&shown, &["--proofs", &saved]).await;
    let step = report.step(StepName::Signature).unwrap();
    assert_eq!(step.code(), None, "{report:?}");
    assert!(
        step.detail.contains("in version 1 of 2, and no longer"),
        "{step:?}"
    );
    // What was so then stays so, and is taken; but it says nothing of what stands now.
    let old = ["--proofs", saved.as_str(), "--max-age", "1h"];
    let report = desk.judge(&shown, &old).await;
    assert_eq!(code(&report, StepName::Issuer), Some("ISSUER_UNKNOWN"));
    // Of the new key, nothing of that sort is said.
    let newest = desk
        .save("newest", &format!("/1.0/identifiers/{issuer}"))
        .await;
    let shown = credential(ROOT, rotated_ms + 1_000, 8);
    let report = desk.judge(&shown, &["--proofs", &newest]).await;
    let step = report.step(StepName::Signature).unwrap();
    assert!(step.detail.ends_with("in version 2 of 2)"), "{step:?}");
}
