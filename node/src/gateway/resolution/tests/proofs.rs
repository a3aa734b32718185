//! What an answer carries can be checked away from the node that gave it.

use std::time::Duration;

use serde_json::json;
use starfire_crosschain::proof_file::{Verdict, verify_resolution};

use super::*;

const DAY: Duration = Duration::from_secs(86_400);
/// An hour after the fixture's chain begins.
const NOW_MS: i64 = 1_795_000_000_000 + 3_600_000;

/// What `starfire verify` says of a saved answer.
pub(super) fn verdict(main: &Node, saved: &[u8]) -> Verdict {
    let bundle = main.trust();
    let pin = bundle.fingerprint();
    verify_resolution(saved, &bundle.encode(), &pin, NOW_MS, DAY).verdict
}

#[tokio::test]
async fn every_kind_of_answer_is_proved() {
    let (node, did, ended) = node().await;
    let unknown = crate::gateway::fixture::did(9, None);
    for (url, status) in [
        (did.to_string(), 200),
        (format!("{did}?versionId=1"), 200),
        (format!("{did}?versionId=3"), 200),
        (format!("{did}?versionTime=2026-11-18T11:08:50Z"), 200),
        (format!("{did}?versionId=9"), 404),
        (format!("{did}?versionTime=2020-01-01T00:00:00Z"), 404),
        (ended.to_string(), 410),
        (format!("{ended}?versionId=1"), 200),
        (unknown.to_string(), 404),
        ("did:bid:by07".to_owned(), 404),
        (
            "did:bid:by07:efvebF7eV9qKxr3sppyHCHKqkPG5RTUn".to_owned(),
            404,
        ),
    ] {
        let reply = resolve(&node, &url).await;
        assert_eq!(reply.status, status, "{url}");
        assert_eq!(verdict(&node, &reply.body), Verdict::Valid, "{url}");
        let mut altered = reply.json();
        altered["didResolutionMetadata"]["didUrl"] =
            json!(crate::gateway::fixture::did(8, None).to_string());
        assert_ne!(
            verdict(&node, altered.to_string().as_bytes()),
            Verdict::Valid,
            "{url}"
        );
        let other = Node::sub(Changes::new()).await;
        assert_ne!(verdict(&other, &reply.body), Verdict::Valid, "{url}");
    }
}

#[tokio::test]
async fn who_does_without_a_proof_gets_none() {
    let (node, did, _) = node().await;
    let without = resolve(&node, &format!("{did}?proof=false")).await;
    assert_eq!(without.json()["didDocumentMetadata"].get("proof"), None);
    assert_ne!(verdict(&node, &without.body), Verdict::Valid);
}

#[tokio::test]
async fn a_thousand_versions_answer_exactly() {
    let mut node = Node::main(versions(1, None, 1_000, false)).await;
    node.block(Changes::new(), &[]);
    let did = did(1, None);
    for version in [1, 2, 499, 500, 999, 1_000] {
        let seconds = made_ms(version) / 1000;
        let moment = starfire_did::render::timestamp(seconds * 1000).unwrap();
        for url in [
            format!("{did}?versionId={version}"),
            format!("{did}?versionTime={moment}"),
        ] {
            let reply = resolve(&node, &url).await;
            assert_eq!(
                reply.json()["didDocument"]["alsoKnownAs"],
                json!([format!("https://example.org/{version}")]),
                "{url}"
            );
            assert_eq!(verdict(&node, &reply.body), Verdict::Valid, "{url}");
        }
    }
}
