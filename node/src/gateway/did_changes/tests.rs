//! Following the changes of DIDs over real sockets: filters, cursors, cuts and what is pruned.

use futures::StreamExt;
use starfire_did::path;
use starfire_state::Changes as StateChanges;
use tonic::{Code, Response};

use super::*;
use crate::gateway::fixture::raw::{Event, EventSource, ask};
use crate::gateway::fixture::{Node, did, did_record, record, refusal, registered};
use crate::grpc::dids_client::DidsClient;

/// A receipt that tells of this.
fn receipt(kind: &str, seed: u8, version: u64) -> v1::Receipt {
    let attribute = |key: &str, value: String| v1::EventAttribute {
        key: key.into(),
        value,
    };
    v1::Receipt {
        events: vec![
            v1::Event {
                r#type: "log".into(),
                attributes: Vec::new(),
            },
            v1::Event {
                r#type: kind.into(),
                attributes: vec![
                    attribute("did", did(seed, None).to_string()),
                    attribute("version", version.to_string()),
                ],
            },
        ],
        ..v1::Receipt::default()
    }
}

/// A block in which these DIDs are created.
fn created(node: &mut Node, seeds: &[u8]) {
    let mut changes = StateChanges::new();
    for seed in seeds {
        changes.extend(registered(*seed, None, 1));
    }
    let envelopes: Vec<Vec<u8>> = seeds.iter().map(|seed| vec![*seed]).collect();
    let envelopes: Vec<(&[u8], v1::Receipt)> = envelopes
        .iter()
        .zip(seeds)
        .map(|(envelope, seed)| (envelope.as_slice(), receipt("did.created", *seed, 1)))
        .collect();
    node.block_with(changes, &envelopes);
}

async fn subscribe(
    node: &Node,
    request: v1::DidChangesRequest,
) -> Result<tonic::Streaming<v1::DidChange>, Status> {
    let stream = DidsClient::new(node.channel()).changes(request).await;
    stream.map(Response::into_inner)
}

/// The next change that is one.
async fn next(stream: &mut tonic::Streaming<v1::DidChange>) -> v1::DidChange {
    loop {
        let change = stream.next().await.unwrap().unwrap();
        if !change.kind.is_empty() {
            return change;
        }
    }
}

#[tokio::test]
async fn a_stream_that_is_cut_off_again_and_again_loses_nothing_and_repeats_nothing() {
    let mut node = Node::main(StateChanges::new()).await;
    for block in 0..6u8 {
        created(&mut node, &[3 * block + 1, 3 * block + 2, 3 * block + 3]);
        node.block(StateChanges::new(), &[]);
    }
    let (mut seen, mut last): (Vec<Event>, Option<String>) = (Vec::new(), None);
    let mut seed = 100;
    while seen.len() < 30 {
        // The URL stays as it is; the header says where to go on.
        let path = "/1.0/changes?cursor=0:0";
        let mut events = EventSource::open(&node.url, path, last.as_deref()).await;
        // One event more or fewer each time, so that the cut falls everywhere in a block.
        for _ in 0..=(seen.len() % 4) {
            if seen.len() >= 18 {
                created(&mut node, &[seed, seed + 1]);
                seed += 2;
            }
            seen.push(events.next().await.unwrap());
        }
        last = Some(events.last_id.clone());
    }
    let expected: Vec<String> = (1..=18u8)
        .chain(100..)
        .take(seen.len())
        .map(|seed| did(seed, None).to_string())
        .collect();
    let dids: Vec<_> = seen
        .iter()
        .map(|event| event.data["did"].as_str().unwrap())
        .collect();
    assert_eq!(dids, expected);
    assert_eq!(
        (seen[4].id.as_str(), seen[4].kind.as_str()),
        ("3:1", "did.created")
    );
    assert_eq!(seen[4].data["versionId"], "1");
    assert_eq!(seen[4].data["height"], 3);
}

#[tokio::test]
async fn whoever_names_no_cursor_hears_what_happens_from_now_on() {
    let mut node = Node::main(StateChanges::new()).await;
    created(&mut node, &[1]);
    let mut stream = subscribe(&node, v1::DidChangesRequest::default())
        .await
        .unwrap();
    let place = stream.next().await.unwrap().unwrap();
    assert_eq!(
        (place.kind.as_str(), place.cursor.as_str()),
        ("", "1:4294967295")
    );
    let mut events = EventSource::open(&node.url, "/1.0/changes", None).await;
    assert_eq!(events.place().await, "1:4294967295");
    created(&mut node, &[2, 3]);
    let change = next(&mut stream).await;
    assert_eq!((change.did, change.version), (did(2, None).to_string(), 1));
    assert_eq!((change.height, change.index), (2, 0));
    assert_eq!(change.transaction, crate::gateway::fixture::hash(&[2]));
    assert!(change.time_ms > 0);
    assert_eq!(events.next().await.unwrap().id, "2:0");
    assert_eq!(events.next().await.unwrap().id, "2:1");

    drop(node);
    let end = events.next().await.unwrap();
    assert_eq!(
        (end.kind.as_str(), &end.data["code"]),
        ("end", &"SUBSCRIPTION_ENDED".into())
    );
    assert_eq!(end.id, "2:1", "the end does not move the place");
}

#[tokio::test]
async fn filters_look_at_what_a_did_was_and_at_what_it_became() {
    let mut node = Node::main(StateChanges::new()).await;
    let controlled = |version: u64, controller: Option<u8>, kind: u32| {
        let mut changed = did_record(1, None, version);
        let document = changed.document.as_mut().unwrap();
        document.controller = controller
            .map(|seed| did(seed, None).to_string())
            .into_iter()
            .collect();
        document.subject_type = kind;
        record(path::record(&did(1, None)), &changed)
    };
    let withdrawn = v1::DidRecord {
        version: 4,
        deactivated: true,
        ..v1::DidRecord::default()
    };
    let withdrawn = record(path::record(&did(1, None)), &withdrawn);
    node.block_with(
        controlled(1, None, 0),
        &[(b"1", receipt("did.created", 1, 1))],
    );
    node.block_with(
        controlled(2, Some(9), 0),
        &[(b"2", receipt("did.updated", 1, 2))],
    );
    node.block_with(
        controlled(3, Some(8), 101),
        &[(b"3", receipt("did.updated", 1, 3))],
    );
    node.block_with(
        registered(2, None, 1),
        &[(b"4", receipt("did.created", 2, 1))],
    );
    node.block_with(withdrawn, &[(b"5", receipt("did.deactivated", 1, 4))]);
    node.block_with(
        registered(3, None, 1),
        &[(b"6", receipt("did.created", 3, 1))],
    );
    let all = v1::DidChangesRequest {
        cursor: "0:0".into(),
        ..v1::DidChangesRequest::default()
    };
    let (one, nine, eight) = (did(1, None), did(9, None), did(8, None));
    for (request, heights) in [
        (
            v1::DidChangesRequest {
                dids: vec![one.to_string(), did(3, None).to_string()],
                ..all.clone()
            },
            vec![1, 2, 3, 5, 6],
        ),
        (
            v1::DidChangesRequest {
                controller: nine.to_string(),
                ..all.clone()
            },
            vec![2, 3],
        ),
        (
            v1::DidChangesRequest {
                controller: eight.to_string(),
                ..all.clone()
            },
            vec![3, 5],
        ),
        (
            v1::DidChangesRequest {
                r#type: 101,
                ..all.clone()
            },
            vec![3, 5],
        ),
        (
            v1::DidChangesRequest {
                r#type: 999,
                dids: vec![one.to_string()],
                ..all.clone()
            },
            vec![1, 2, 3],
        ),
    ] {
        let mut stream = subscribe(&node, request.clone()).await.unwrap();
        for height in heights {
            assert_eq!(next(&mut stream).await.height, height, "{request:?}");
        }
    }
}

#[tokio::test]
async fn each_bad_subscription_has_its_code() {
    let mut node = Node::main(StateChanges::new()).await;
    created(&mut node, &[1]);
    let question = v1::DidChangesRequest::default();
    let many = vec![did(1, None).to_string(); DIDS_MAX + 1];
    for (request, code) in [
        (
            v1::DidChangesRequest {
                cursor: "1".into(),
                ..question.clone()
            },
            "CURSOR_INVALID",
        ),
        (
            v1::DidChangesRequest {
                cursor: "1:+1".into(),
                ..question.clone()
            },
            "CURSOR_INVALID",
        ),
        (
            v1::DidChangesRequest {
                cursor: "1:4294967296".into(),
                ..question.clone()
            },
            "CURSOR_INVALID",
        ),
        (
            v1::DidChangesRequest {
                dids: vec!["x".into()],
                ..question.clone()
            },
            "INVALID_ADDRESS",
        ),
        (
            v1::DidChangesRequest {
                dids: many,
                ..question.clone()
            },
            "INVALID_PARAMETER",
        ),
        (
            v1::DidChangesRequest {
                controller: "x".into(),
                ..question.clone()
            },
            "INVALID_ADDRESS",
        ),
    ] {
        let status = subscribe(&node, request).await.unwrap_err();
        assert_eq!(refusal(&status), (Code::InvalidArgument, code.to_owned()));
    }
    let (status, answer) = ask(&node.url, "GET", "/1.0/changes?cursor=x", "").await;
    assert_eq!((status, &answer["code"]), (400, &"CURSOR_INVALID".into()));
    for query in [
        "contoller=x",
        "type=person",
        "did=a&did=b",
        "did=",
        "controller=",
        "type=0",
        "did=did:bid:by01",
    ] {
        let path = format!("/1.0/changes?{query}");
        let (status, answer) = ask(&node.url, "GET", &path, "").await;
        assert_eq!(
            (status, &answer["code"]),
            (400, &"INVALID_PARAMETER".into()),
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_stream_is_about_dids_of_the_node_s_own_chain() {
    let (main, sub) = (
        Node::main(StateChanges::new()).await,
        Node::sub(StateChanges::new()).await,
    );
    let (here, there) = (did(1, None).to_string(), did(1, Some("by01")).to_string());
    for (node, own, other) in [(&main, &here, &there), (&sub, &there, &here)] {
        let about = |dids: &[&String]| v1::DidChangesRequest {
            dids: dids.iter().map(ToString::to_string).collect(),
            ..v1::DidChangesRequest::default()
        };
        assert!(subscribe(node, about(&[own])).await.is_ok());
        let status = subscribe(node, about(&[own, other])).await.unwrap_err();
        assert_eq!(
            refusal(&status),
            (Code::FailedPrecondition, "DID_OTHER_CHAIN".into())
        );
        let path = format!("/1.0/changes?did={other}");
        let (status, answer) = ask(&node.url, "GET", &path, "").await;
        assert_eq!((status, &answer["code"]), (409, &"DID_OTHER_CHAIN".into()));
        for slip in [format!("did={own},"), "did=,".into()] {
            let path = format!("/1.0/changes?{slip}");
            let (status, answer) = ask(&node.url, "GET", &path, "").await;
            assert_eq!((status, &answer["code"]), (400, &"INVALID_ADDRESS".into()));
        }
    }
}

#[tokio::test]
async fn a_cursor_far_ahead_of_the_node_is_refused_and_one_a_little_ahead_waits() {
    let mut node = Node::main(StateChanges::new()).await;
    created(&mut node, &[1]);
    let height = 1 + BEHIND_MAX;
    let from = |height: u64| v1::DidChangesRequest {
        cursor: format!("{height}:0"),
        ..v1::DidChangesRequest::default()
    };
    let status = subscribe(&node, from(height + 1)).await.unwrap_err();
    assert_eq!(
        refusal(&status),
        (Code::FailedPrecondition, "CURSOR_AHEAD".to_owned())
    );
    assert!(status.message().contains("this node has 1"), "{status}");
    let path = format!("/1.0/changes?cursor={}:0", u64::MAX);
    let (status, answer) = ask(&node.url, "GET", &path, "").await;
    assert_eq!((status, &answer["code"]), (409, &"CURSOR_AHEAD".into()));

    // Another node told it, which is a little further on.
    let mut stream = subscribe(&node, from(3)).await.unwrap();
    created(&mut node, &[2]);
    created(&mut node, &[3, 4]);
    assert_eq!(next(&mut stream).await.cursor, "3:1");
}

#[tokio::test]
async fn what_is_pruned_cannot_be_resumed() {
    let mut node = Node::main(StateChanges::new()).await;
    for seed in 1..=6 {
        created(&mut node, &[seed]);
    }
    node.prune(4);
    let from = |cursor: &str| v1::DidChangesRequest {
        cursor: cursor.into(),
        ..v1::DidChangesRequest::default()
    };
    for cursor in ["0:0", "2:0", "2:4294967295", "3:0"] {
        let status = subscribe(&node, from(cursor)).await.unwrap_err();
        assert_eq!(
            refusal(&status),
            (Code::NotFound, "PRUNED".into()),
            "{cursor}"
        );
    }
    let mut stream = subscribe(&node, from("3:4294967295")).await.unwrap();
    assert_eq!(next(&mut stream).await.height, 4);
}

#[test]
fn a_cursor_is_read_as_it_is_written() {
    for cursor in [
        Cursor {
            height: 0,
            index: 0,
        },
        Cursor {
            height: 7,
            index: 3,
        },
        Cursor::end_of(u64::MAX),
    ] {
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
    }
    assert_eq!(
        Cursor {
            height: 7,
            index: 3
        }
        .next_height(),
        7
    );
    assert_eq!(Cursor::end_of(7).next_height(), 8);
    assert_eq!(
        Cursor {
            height: 0,
            index: 0
        }
        .next_height(),
        1
    );
}
