//! `starfire verify`: what its file is, and answers of a real gateway, saved as they came.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use starfire_crosschain::path as chain_path;
use starfire_did::{Did, path};
use starfire_proto::v1;
use starfire_state::Changes;

use super::*;
use crate::gateway::fixture::{Node, did, did_record, raw, record, registered};

/// An hour after the newest block.
const NOW_MS: i64 = 1_795_000_000_000 + 3_600_000;
const DAY: Duration = Duration::from_secs(86_400);
/// JSON in a form that no encoder would give it.
const POLICY: &[u8] = b"{ \"retention\": \"7y\", \"amount\": 1.50 }";
const DEREFERENCING: &str = "application/did-url-dereferencing";

#[test]
fn ages_are_read_with_their_unit() {
    assert_eq!(age("24h"), Ok(Duration::from_secs(86_400)));
    assert_eq!(age("3650d"), Ok(Duration::from_secs(315_360_000)));
    for text in [
        "",
        "h",
        "24",
        "1w",
        "-1h",
        "24 h",
        "9999999999999999999d",
        "1é",
    ] {
        assert!(age(text).is_err(), "{text}");
    }
}

fn pinned(chains: Vec<(Vec<u8>, String)>) -> Pinned {
    Pinned {
        chains,
        max_age: Duration::ZERO,
    }
}

#[test]
fn without_any_pin_the_verdict_is_unpinned() {
    let report = pinned(Vec::new()).verify(br#"{"format":"starfire-proof/1"}"#, None, None);
    assert_eq!(report.verdict, Verdict::Unpinned);
    let failure = refusal(&report);
    assert_eq!(failure.code, "BUNDLE_NOT_PINNED");
    assert!(failure.hint.contains("trust pin"));
}

#[test]
fn a_verification_is_one_object_with_verdict_code_and_steps() {
    let chains = vec![(b"x".to_vec(), String::new())];
    let report = pinned(chains).verify(b"cut off", None, None);
    let value = serde_json::to_value(described(&report)).unwrap();
    assert_eq!(value["verdict"], "refused");
    assert_eq!(value["code"], "PROOF_MALFORMED");
    assert_eq!(value["steps"][0]["ok"], false);
}

#[test]
fn a_file_of_another_kind_is_told_what_it_is_whatever_is_pinned() {
    for (file, what) in [
        (r#"{"credentialSubject": {}}"#, "vc verify"),
        (r#""eyJhbGciOiJFZERTQSJ9.e30.c2ln""#, "vc verify"),
        ("eyJhbGciOiJFZERTQSJ9.e30.c2ln", "vc verify"),
        (r#"{"format": "starfire-trust/1"}"#, "trust pin"),
        (
            r#"{"format": "starfire-document/1"}"#,
            "this one by --document",
        ),
        (
            r#"{"format": "starfire-evidence/1"}"#,
            "this one by --document",
        ),
        (r#"{"format": "starfire-member/1"}"#, "a format"),
        (
            r#"{"id": "did:bid:ef1", "verificationMethod": []}"#,
            "did-resolution",
        ),
        (
            r#"{"code": "GATEWAY_BUSY", "message": "later"}"#,
            "a refusal",
        ),
        ("{}", "neither"),
    ] {
        for chains in [Vec::new(), vec![(b"x".to_vec(), String::new())]] {
            let failure = refusal(&pinned(chains).verify(file.as_bytes(), None, None));
            assert_eq!(failure.code, "FILE_KIND_UNKNOWN", "{file}");
            assert!(failure.message.contains(what), "{}", failure.message);
        }
    }
}

#[test]
fn a_proof_file_answers_no_question_of_an_address() {
    let chains = vec![(b"x".to_vec(), String::new())];
    let report = pinned(chains).check(
        br#"{"format":"starfire-proof/1"}"#,
        asked("did:bid:ef1?service=a"),
        NOW_MS,
    );
    let failure = refusal(&report.report);
    assert_eq!(failure.code, "FILE_UNEXPECTED");
    assert_eq!(failure.hint, "leave it out");
}

#[test]
fn what_to_do_follows_from_why_it_is_refused() {
    let of = |code, kind| {
        let mut report = pinned(Vec::new()).verify(b"", None, None);
        report.code = Some(code);
        report.subject = Some(proof_file::Summary {
            kind,
            ..Default::default()
        });
        hint(&report)
    };
    for (code, kind, told) in [
        (Reason::Revoked, "certificate", "do not rely on it"),
        (
            Reason::CertificateExpired,
            "certificate",
            "ask for a new one",
        ),
        (Reason::DocumentMissing, "certificate", "--document"),
        (Reason::FileMissing, "evidence", "--file"),
        (Reason::HeaderFromFuture, "did", "clock"),
        (Reason::Stale, "certificate", "certificate refresh"),
        (Reason::Stale, "evidence", "evidence check"),
        (Reason::Stale, "did", "did resolve"),
        (Reason::Stale, "resolution", "noCache"),
    ] {
        assert!(of(code, kind).contains(told), "{code:?} of a {kind}");
    }
}

/// A main chain with a sub-chain, and DIDs, resources and a status list on the former.
struct World {
    main: Node,
    _sub: Node,
    did: Did,
}

impl World {
    async fn new() -> Self {
        let mut sub = Node::sub(registered(1, Some("by01"), 1)).await;
        let anchored = sub.block(Changes::new(), &[]);
        let height = anchored.height.value();
        let chain = v1::SubChainRecord {
            chain_code: "by01".into(),
            chain_id: "starfire-by01-1".into(),
            name: "Example".into(),
            resolvers: vec![sub.url.clone()],
            status: v1::SubChainStatus::Active.into(),
            latest_height: height,
            ..Default::default()
        };
        let anchor = v1::AnchorRecord {
            chain_code: "by01".into(),
            height,
            header_hash: anchored.hash().as_bytes().to_vec(),
            ..Default::default()
        };
        let mut records = record(chain_path::sub_chain("by01"), &chain);
        records.extend(record(chain_path::anchor("by01", height), &anchor));
        let mut one = did_record(1, None, 1);
        if let Some(document) = &mut one.document {
            // Of the second the main chain knows nothing.
            document.acsn = vec!["by01".into(), "by02".into()];
            document.service = [("files", "Files"), ("mirror", "Files"), ("chat", "Agent")]
                .map(|(fragment, kind)| v1::DidService {
                    id: format!("{}#{fragment}", did(1, None)),
                    r#type: kind.into(),
                    endpoint: format!("https://{fragment}.example.org/a/"),
                })
                .to_vec();
        }
        records.extend(record(path::record(&did(1, None)), &one));
        records.extend(record(path::version(&did(1, None), 1), &one));
        for (name, media_type, content) in [
            ("policy", "application/json", POLICY),
            ("plain", "application/json", b"{\"a\":1}"),
            ("note", "text/plain", "中文".as_bytes()),
            ("logo", "application/octet-stream", &[0xff, 0, 1]),
        ] {
            let resource = v1::DidResourceRecord {
                did: did(1, None).to_string(),
                name: name.into(),
                version: 1,
                media_type: media_type.into(),
                size: u64::try_from(content.len()).unwrap(),
                checksum: Sha256::digest(content).to_vec(),
                ..Default::default()
            };
            let of = did(1, None);
            records.extend(record(path::resource(&of, name), &resource));
            records.extend(record(path::resource_version(&of, name, 1), &resource));
            records.insert(path::resource_content(&of, name, 1), Some(content.to_vec()));
        }
        let mut main = Node::main(records).await;
        main.block(Changes::new(), &[]);
        Self {
            main,
            _sub: sub,
            did: did(1, None),
        }
    }

    async fn get(&self, url: &str, accept: &str) -> Vec<u8> {
        let headers = format!("accept: {accept}\r\n");
        let answer = raw::exchange(&self.main.url, "GET", url, &headers, "").await;
        answer.1.into_bytes()
    }

    async fn dereferenced(&self, url: &str) -> Vec<u8> {
        self.get(&format!("/1.0/identifiers/{url}"), DEREFERENCING)
            .await
    }

    async fn batch(&self, dids: &[&str], proof: bool) -> Vec<u8> {
        let body = json!({"identifiers": dids, "options": {"proof": proof}}).to_string();
        let url = "/1.0/identifiers:batch";
        let answer = raw::exchange(&self.main.url, "POST", url, "", &body).await;
        answer.1.into_bytes()
    }

    fn check(&self, answer: &[u8], beside: Beside<'_>) -> proof_file::Report {
        let bundle = self.main.trust();
        let pinned = Pinned {
            chains: vec![(bundle.encode(), bundle.fingerprint())],
            max_age: DAY,
        };
        pinned.check(answer, beside, NOW_MS).report
    }

    #[track_caller]
    fn expect(&self, answer: &[u8], beside: Beside<'_>, code: Option<Reason>) {
        let report = self.check(answer, beside);
        assert_eq!(
            report.code,
            code,
            "{:#?}\n{}",
            report.steps,
            String::from_utf8_lossy(answer)
        );
        assert_eq!(report.verdict == Verdict::Valid, code.is_none());
    }

    #[track_caller]
    fn valid(&self, answer: &[u8]) {
        self.expect(answer, Beside::default(), None);
    }

    #[track_caller]
    fn refused(&self, answer: &[u8], code: Reason) {
        self.expect(answer, Beside::default(), Some(code));
    }

    /// No byte may be changed, of which every so many are tried: each try verifies signatures.
    fn no_byte_may_change(&self, answer: &[u8], step: usize) {
        for place in (0..answer.len()).step_by(step) {
            let mut altered = answer.to_vec();
            altered[place] ^= 1;
            let report = self.check(&altered, Beside::default());
            assert_ne!(report.verdict, Verdict::Valid, "byte {place}");
        }
    }
}

fn altered(answer: &[u8], change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut value: Value = serde_json::from_slice(answer).unwrap();
    change(&mut value);
    value.to_string().into_bytes()
}

fn asked(did_url: &str) -> Beside<'_> {
    Beside {
        did_url: Some(did_url),
        ..Beside::default()
    }
}

fn with(file: &[u8]) -> Beside<'_> {
    Beside {
        file: Some(file),
        ..Beside::default()
    }
}

#[tokio::test]
async fn what_was_dereferenced_is_what_the_records_have_there() {
    let world = World::new().await;
    let did = world.did;
    for url in [
        did.to_string(),
        format!("{did}?versionId=1"),
        format!("{did}%23key-1"),
        format!("{did}%23files"),
        format!("{did}?service=chat"),
        format!("{did}?serviceType=Files"),
        // That there is none, and a part of what is no record of its own.
        self::did(9, None).to_string(),
        "did:bid:by01%23resolver-1".to_owned(),
    ] {
        let answer = world.dereferenced(&url).await;
        world.valid(&answer);
        let forged = altered(&answer, |answer| {
            answer["content"] = json!({"id": format!("{did}#key-1")});
        });
        assert_ne!(
            world.check(&forged, Beside::default()).verdict,
            Verdict::Valid
        );
    }
    let key = world.dereferenced(&format!("{did}%23key-1")).await;
    world.no_byte_may_change(&key, 7);
    let bare = altered(&key, |answer| {
        answer["contentMetadata"] = json!({});
    });
    world.refused(&bare, Reason::AnswerUnproved);
    // Which key it is, the content says itself; the verifier may say it, too.
    world.expect(&key, asked(&format!("{did}#key-1")), None);
    for other in [format!("{did}#files"), did.to_string()] {
        world.expect(&key, asked(&other), Some(Reason::AnswerMismatch));
    }
}

#[tokio::test]
async fn addresses_of_services_are_verified_with_their_question() {
    let world = World::new().await;
    let did = world.did;
    let query = "service=files&relativeRef=b.pdf";
    let url = format!("/1.0/identifiers/{did}?{query}");
    let accept = format!("text/uri-list, {DEREFERENCING}");
    let answer = world.get(&url, &accept).await;
    let shown: Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!(shown["content"][0], "https://files.example.org/a/b.pdf");
    world.valid(&answer);
    // An answer that names the DID alone does not say which service was meant.
    let answer = altered(&answer, |answer| {
        answer["dereferencingMetadata"]["didUrl"] = json!(did.to_string());
    });
    world.refused(&answer, Reason::QuestionUnknown);
    world.expect(&answer, asked(&format!("{did}?{query}")), None);
    let other = format!("{did}?service=mirror");
    world.expect(&answer, asked(&other), Some(Reason::AnswerMismatch));
}

#[tokio::test]
async fn a_resource_is_verified_by_its_checksum() {
    let world = World::new().await;
    let did = world.did;
    for name in ["plain", "note", "logo", "note?versionId=1"] {
        let answer = world.dereferenced(&format!("{did}/resources/{name}")).await;
        world.valid(&answer);
        let forged = altered(&answer, |answer| answer["content"] = json!("other"));
        assert_ne!(
            world.check(&forged, Beside::default()).verdict,
            Verdict::Valid,
            "{name}"
        );
        for url in [
            format!("{did}/resources/other"),
            format!("{did}/resources/{name}/2"),
            format!("{did}"),
        ] {
            let forged = altered(&answer, |answer| {
                answer["dereferencingMetadata"]["didUrl"] = json!(url);
            });
            world.refused(&forged, Reason::AnswerMismatch);
        }
        for forge in [
            |answer: &mut Value| answer["deactivated"] = json!(true),
            |answer: &mut Value| answer["dereferencingMetadata"]["note"] = json!("x"),
            |answer: &mut Value| answer["dereferencingMetadata"]["error"] = json!({}),
            |answer: &mut Value| answer["contentMetadata"]["contentEncoding"] = json!("gzip"),
        ] {
            world.refused(&altered(&answer, forge), Reason::ProofMalformed);
        }
        let early = altered(&answer, |answer| {
            let url = format!("{did}/resources/{name}?versionTime=1970-01-01T00:00:00Z");
            answer["dereferencingMetadata"]["didUrl"] = json!(url);
        });
        assert_ne!(
            world.check(&early, Beside::default()).verdict,
            Verdict::Valid,
            "{name}"
        );
    }
    let answer = world.dereferenced(&format!("{did}/resources/policy")).await;
    world.refused(&answer, Reason::FileMissing);
    world.expect(&answer, with(POLICY), None);
    world.expect(&answer, with(b"{}"), Some(Reason::FileMismatch));
    let forged = altered(&answer, |answer| {
        answer["content"]["retention"] = json!("1y");
    });
    world.expect(&forged, with(POLICY), Some(Reason::AnswerMismatch));
    let forged = altered(&answer, |answer| {
        answer["contentMetadata"]["size"] = json!("1");
    });
    world.expect(&forged, with(POLICY), Some(Reason::AnswerMismatch));
}

#[tokio::test]
async fn a_batch_is_verified_result_by_result() {
    let world = World::new().await;
    let (here, absent) = (world.did.to_string(), did(9, None).to_string());
    let elsewhere = did(1, Some("by01")).to_string();
    let dids = [
        here.as_str(),
        &absent,
        &elsewhere,
        "did:bid:by01",
        "no DID",
        "did:key:z6Mk",
    ];
    let answer = world.batch(&dids, true).await;
    world.valid(&answer);
    // What was not answered claims nothing, and its words are nobody's.
    world.no_byte_may_change(&world.batch(&dids[..4], true).await, 211);
    // That somebody is not there must be proved, even where the batch does not say who.
    let hidden = altered(&answer, |answer| {
        answer["results"][0] = answer["results"][1].clone();
        answer["results"][0]["didResolutionMetadata"]
            .as_object_mut()
            .unwrap()
            .remove("didUrl");
    });
    world.refused(&hidden, Reason::ProofMalformed);
    let other = altered(&answer, |answer| {
        answer["results"][1]["didResolutionMetadata"]["didUrl"] = json!(did(8, None).to_string());
    });
    world.refused(&other, Reason::ValuesUnexpected);
    world.refused(&world.batch(&dids, false).await, Reason::AnswerUnproved);
    world.refused(
        &world.batch(&["no DID"], true).await,
        Reason::AnswerUnproved,
    );
}

#[tokio::test]
async fn in_aggregate_mode_every_sub_chains_result_is_verified() {
    let world = World::new().await;
    let url = format!("/1.0/identifiers/{}?aggregate=true", world.did);
    let answer = world.get(&url, "application/did-resolution").await;
    world.valid(&answer);
    let shown: Value = serde_json::from_slice(&answer).unwrap();
    let beside = &shown["didDocumentMetadata"]["subChains"];
    assert_eq!(beside.as_object().unwrap().len(), 2);
    let result = |change: &dyn Fn(&mut Value)| {
        altered(&answer, |answer| {
            change(&mut answer["didDocumentMetadata"]["subChains"]);
        })
    };
    world.refused(
        &result(&|beside| beside["by01"]["didDocument"]["service"] = json!([])),
        Reason::AnswerMismatch,
    );
    world.refused(
        &result(&|beside| beside["by01"] = beside["by02"].clone()),
        Reason::AnswerMismatch,
    );
    world.refused(
        &result(&|beside| beside["by03"] = json!({})),
        Reason::AnswerMismatch,
    );
    world.refused(
        &result(&|beside| {
            beside.as_object_mut().unwrap().remove("by02");
        }),
        Reason::AnswerMismatch,
    );
    // A chain that did not answer is said so; that it has no such DID, must be proved.
    let error = |kind: &str| {
        json!({
            "didDocument": null,
            "didResolutionMetadata": {"error": {"type": format!("https://www.w3.org/ns/did#{kind}")}},
            "didDocumentMetadata": {},
        })
    };
    world.valid(&result(&|beside| beside["by01"] = error("INTERNAL_ERROR")));
    world.refused(
        &result(&|beside| beside["by01"] = error("NOT_FOUND")),
        Reason::AnswerMismatch,
    );
}
