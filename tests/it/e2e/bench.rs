//! A measurement answers, and leaves no process behind, whether it ends or is ended.

use std::path::Path;
use std::process::{Command, Stdio};

use starfire_node::devnet::Manifest;
use starfire_node::devnet::process::{Condition, condition};

use super::devnet::{Seat, binary, eventually, starfire};

const RUN: [&str; 14] = [
    "bench",
    "run",
    "--mode",
    "durable",
    "--rate",
    "100",
    "--seconds",
    "2",
    "--warm-up",
    "1",
    "--accounts",
    "40",
    "--clients",
    "2",
];

/// Whether no node of the network in this directory runs.
fn is_gone(directory: &Path) -> bool {
    let manifest = Manifest::load(directory).expect("a measurement records its network");
    assert_eq!(manifest.nodes().count(), 4);
    manifest
        .nodes()
        .all(|node| condition(node.pid, &node.home) == Condition::Dead)
}

#[test]
fn a_measurement_answers_and_leaves_no_process() {
    let _seat = Seat::take();
    let directory = tempfile::tempdir().expect("a directory");
    let home = directory.path().to_str().expect("a path in text");
    let answer = starfire(RUN.iter().chain(&["--home", home])).json();
    assert_eq!(answer["offered_per_second"], 100);
    assert_eq!(answer["payments"]["submitted"], 300, "{answer}");
    assert_eq!(answer["payments"]["missing"], 0, "{answer}");
    assert_eq!(answer["payments"]["failed"], 0, "{answer}");
    assert_eq!(answer["nodes_agree"], true);
    for figure in ["p50_ms", "p90_ms", "p99_ms", "p999_ms", "max_ms"] {
        assert!(answer["latency"][figure].is_number(), "{answer}");
    }
    for figure in ["heights", "messages", "bytes_per_height", "resident_mib"] {
        assert!(answer["nodes"][figure].as_u64() > Some(0), "{answer}");
    }
    assert!(is_gone(directory.path()));
}

#[tokio::test]
async fn a_measurement_that_is_ended_takes_its_network_along() {
    let _seat = Seat::take();
    let directory = tempfile::tempdir().expect("a directory");
    let mut measurement = Command::new(binary())
        .args(RUN)
        .arg("--home")
        .arg(directory.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary runs");
    eventually("its nodes run", async || {
        let manifest = Manifest::load(directory.path()).ok()?;
        let running = |node: &starfire_node::devnet::Node| {
            condition(node.pid, &node.home) == Condition::Running
        };
        manifest.nodes().all(running).then_some(())
    })
    .await;
    let ended = Command::new("kill")
        .arg(measurement.id().to_string())
        .status()
        .expect("the system has kill");
    assert!(ended.success());
    let status = measurement.wait().expect("the measurement ends");
    assert_eq!(status.code(), Some(1));
    assert!(is_gone(directory.path()));
}

#[test]
fn a_measurement_of_resolving_verifies_what_it_counts() {
    const DIDS: u64 = 60;
    let _seat = Seat::take();
    let directory = tempfile::tempdir().expect("a directory");
    let home = directory.path().to_str().expect("a path in text");
    let count = DIDS.to_string();
    let resolve = [
        "bench",
        "resolve",
        "--dids",
        &count,
        "--seconds",
        "1",
        "--in-flight",
        "4",
        "--home",
        home,
    ];
    let answer = starfire(resolve).json();
    assert_eq!(answer["dids"], DIDS);
    // Two kinds of answers have a proof, three DIDs are checked, before and after.
    assert_eq!(answer["proofs_verified"], 12, "{answer}");
    let answers = answer["answers"].as_array().expect("a list");
    let kinds: Vec<_> = answers.iter().map(|figure| &figure["kind"]).collect();
    let expected = [
        "http_empty",
        "http_document",
        "http_result",
        "http_proof",
        "grpc_empty",
        "grpc_record",
        "grpc_proof",
    ];
    assert_eq!(kinds, expected);
    for figure in answers {
        assert!(figure["per_second"].as_u64() > Some(0), "{figure}");
        assert!(figure["latency"]["p99_ms"].is_number(), "{figure}");
    }
    let bytes = |at: usize| answers[at]["bytes"].as_u64().expect("a number");
    assert_eq!((bytes(0), bytes(4)), (0, 0));
    assert!(bytes(3) > bytes(2) && bytes(2) > bytes(1), "{answer}");
    assert!(bytes(6) > bytes(5), "{answer}");
    let manifest = Manifest::load(directory.path()).expect("a measurement records its network");
    assert!(
        manifest
            .nodes()
            .all(|node| condition(node.pid, &node.home) == Condition::Dead)
    );
}
