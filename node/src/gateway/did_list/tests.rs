//! Lists of DIDs over real sockets: filters and cursors.

use starfire_did::Document;
use starfire_state::Changes;
use tonic::{Code, Response, Status};

use super::*;
use crate::gateway::fixture::raw::ask;
use crate::gateway::fixture::{Node, did, did_record, private_key, record, refusal, registered};
use crate::grpc::dids_client::DidsClient;

/// DIDs 1 to `count`, in the order of their text.
fn dids(count: u8) -> Vec<String> {
    let mut dids: Vec<String> = (1..=count)
        .map(|seed| did(seed, None).to_string())
        .collect();
    dids.sort();
    dids
}

/// DIDs 1 to `count`, each with 1 as its controller if `controlled` says so, and of this type.
fn state(count: u8, controlled: impl Fn(u8) -> bool, kind: impl Fn(u8) -> u32) -> Changes {
    let mut state = Changes::new();
    for seed in 1..=count {
        let mut changed = did_record(seed, None, 1);
        let document = changed.document.as_mut().unwrap();
        document.subject_type = kind(seed);
        if controlled(seed) {
            document.controller = vec![did(1, None).to_string()];
        }
        state.extend(record(
            starfire_did::path::record(&did(seed, None)),
            &changed,
        ));
    }
    state
}

async fn list(node: &Node, request: v1::ListDidsRequest) -> Result<v1::ListDidsResponse, Status> {
    let answer = DidsClient::new(node.channel()).list(request).await;
    answer.map(Response::into_inner)
}

fn names(answer: &v1::ListDidsResponse) -> Vec<String> {
    answer
        .dids
        .iter()
        .map(|listed| listed.did.clone())
        .collect()
}

#[tokio::test]
async fn a_list_goes_on_where_it_stopped_whatever_is_written_meanwhile() {
    let mut node = Node::main(state(20, |_| false, |_| 0)).await;
    node.block(Changes::new(), &[]);
    let first = v1::ListDidsRequest {
        limit: 7,
        ..v1::ListDidsRequest::default()
    };
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    for seed in 21.. {
        let request = v1::ListDidsRequest {
            cursor: cursor.clone(),
            ..first.clone()
        };
        let page = list(&node, request).await.unwrap();
        assert!(page.dids.len() <= 7);
        seen.extend(names(&page));
        // One more DID before each next page.
        node.block(registered(seed, None, 1), &[]);
        cursor = page.cursor;
        if cursor.is_empty() {
            break;
        }
    }
    let mut sorted = seen.clone();
    sorted.sort();
    sorted.dedup();
    assert_eq!(seen, sorted, "each once, in order");
    assert!(dids(20).iter().all(|did| seen.contains(did)));
}

#[tokio::test]
async fn filters_narrow_one_another() {
    let state = state(
        12,
        |seed| seed % 2 == 0,
        |seed| if seed % 3 == 0 { 101 } else { 0 },
    );
    let mut node = Node::main(state).await;
    node.block(Changes::new(), &[]);
    let of = |seeds: &[u8]| {
        let mut dids: Vec<_> = seeds
            .iter()
            .map(|seed| did(*seed, None).to_string())
            .collect();
        dids.sort();
        dids
    };
    let controller = did(1, None).to_string();
    let key = private_key(6).public();
    let multikey = VerificationKey::from(key).to_multikey();
    let jwk = VerificationKey::from(key).to_jwk().to_string();
    for (controller, key, kind, expected) in [
        (controller.as_str(), "", 0, of(&[2, 4, 6, 8, 10, 12])),
        ("", "", 101, of(&[3, 6, 9, 12])),
        (&controller, "", 101, of(&[6, 12])),
        ("", &multikey, 0, of(&[6])),
        ("", &jwk, 101, of(&[6])),
        (&controller, &key.to_string(), 999, of(&[])),
    ] {
        let request = v1::ListDidsRequest {
            controller: controller.into(),
            key: key.into(),
            r#type: kind,
            ..v1::ListDidsRequest::default()
        };
        let answer = list(&node, request).await.unwrap();
        assert_eq!(names(&answer), expected);
        assert_eq!(answer.cursor, "");
    }
}

#[tokio::test]
async fn a_list_tells_versions_ends_and_where_changes_go_on() {
    let mut node = Node::main(registered(1, None, 3)).await;
    let withdrawn = v1::DidRecord {
        version: 2,
        deactivated: true,
        updated_ms: 5_000,
        ..v1::DidRecord::default()
    };
    let path = starfire_did::path::record(&did(2, None));
    node.block(record(path, &withdrawn), &[]);
    let (status, answer) = ask(&node.url, "GET", "/1.0/identifiers", "").await;
    assert_eq!((status, &answer["height"]), (200, &json!(1)));
    assert_eq!(answer["changes"], json!("1:4294967295"));
    assert_eq!(answer["cursor"], Value::Null);
    let listed = answer["identifiers"].as_array().unwrap();
    let of = |seed| {
        let name = json!(did(seed, None).to_string());
        listed.iter().find(|listed| listed["did"] == name).unwrap()
    };
    assert_eq!(of(1)["versionId"], json!("3"));
    assert_eq!(of(2)["deactivated"], json!(true));
    assert_eq!(of(2)["updated"], json!("1970-01-01T00:00:05Z"));

    let path = format!("/1.0/identifiers?key={}", private_key(1).public());
    let (_, answer) = ask(&node.url, "GET", &path, "").await;
    assert_eq!(
        answer["identifiers"][0]["did"],
        json!(did(1, None).to_string())
    );
}

#[tokio::test]
async fn each_bad_question_has_its_code() {
    let sub_chain = v1::SubChainRecord {
        chain_code: "by01".into(),
        resolvers: vec!["http://by01.example".into()],
        ..v1::SubChainRecord::default()
    };
    let path = starfire_crosschain::path::sub_chain("by01");
    let mut node = Node::main(record(path, &sub_chain)).await;
    node.block(Changes::new(), &[]);
    let question = v1::ListDidsRequest::default();
    let cursor_of_another = Question::parse(&v1::ListDidsRequest {
        r#type: 101,
        ..question.clone()
    })
    .unwrap()
    .cursor(&did(1, None).to_string());
    for (question, status, code) in [
        (
            v1::ListDidsRequest {
                key: "z6Mk".into(),
                ..question.clone()
            },
            Code::InvalidArgument,
            "INVALID_PARAMETER",
        ),
        (
            v1::ListDidsRequest {
                controller: "did:web:x".into(),
                ..question.clone()
            },
            Code::InvalidArgument,
            "INVALID_ADDRESS",
        ),
        (
            v1::ListDidsRequest {
                cursor: "!".into(),
                ..question.clone()
            },
            Code::InvalidArgument,
            "CURSOR_INVALID",
        ),
        (
            v1::ListDidsRequest {
                cursor: cursor_of_another,
                ..question.clone()
            },
            Code::InvalidArgument,
            "CURSOR_INVALID",
        ),
        (
            v1::ListDidsRequest {
                chain: "by01".into(),
                ..question.clone()
            },
            Code::FailedPrecondition,
            "DID_OTHER_CHAIN",
        ),
        (
            v1::ListDidsRequest {
                chain: "by02".into(),
                ..question.clone()
            },
            Code::FailedPrecondition,
            "DID_OTHER_CHAIN",
        ),
        (
            v1::ListDidsRequest {
                chain: "BY".into(),
                ..question.clone()
            },
            Code::InvalidArgument,
            "INVALID_PARAMETER",
        ),
    ] {
        let refused = list(&node, question).await.unwrap_err();
        assert_eq!(refusal(&refused), (status, code.to_owned()));
        if code == "DID_OTHER_CHAIN" && !refused.message().contains("by02") {
            assert!(
                refused.message().contains("http://by01.example"),
                "{refused}"
            );
        }
    }
    for (query, said) in [
        ("limit=x", "limit is a whole number, as 2 or \"2\""),
        ("limit=-1", "limit is a whole number, as 2 or \"2\""),
        ("type=person", "type is a whole number, as 2 or \"2\""),
        // A filter with a slip in its name would list everything.
        ("contoller=did:bid:x", "contoller is not known here"),
        ("type=101&Key=z6Mk", "Key is not known here"),
        ("limit=1&limit=2", "\"limit\" stands twice in the query"),
        // So would one with nothing in it.
        ("controller=", "controller is a DID"),
        ("key=", "key is a public key"),
        ("chain=", "chain is a chain's code"),
        ("type=0", "type is a whole number from 1 on"),
        ("type=", "type is a whole number, as 2 or \"2\""),
    ] {
        let path = format!("/1.0/identifiers?{query}");
        let (status, answer) = ask(&node.url, "GET", &path, "").await;
        assert_eq!(
            (status, &answer["code"], &answer["message"]),
            (400, &json!("INVALID_PARAMETER"), &json!(said)),
            "{query}"
        );
    }
}

#[test]
fn a_key_has_three_texts() {
    let key = private_key(3).public();
    let document = Document::for_key(&did(3, None), &key);
    let method = render::document(&document)["verificationMethod"][0].clone();
    let multikey = method["publicKeyMultibase"].as_str().unwrap().to_owned();
    let jwk = VerificationKey::from(key).to_jwk().to_string();
    for text in [
        multikey,
        jwk,
        key.to_string(),
        key.to_string().to_uppercase(),
    ] {
        assert_eq!(parse_key(&text).unwrap(), VerificationKey::from(key));
    }
    for text in ["", "{", "{}", "z", "b065"] {
        assert!(parse_key(text).is_err(), "{text}");
    }
}
