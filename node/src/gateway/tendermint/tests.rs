//! The surface from outside: what a client sends, and that Tendermint's own types and checks take what it gets.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::{SinkExt, StreamExt};
use sha2::{Digest, Sha256};
use starfire_consensus::certificate;
use starfire_state::{Changes, Code, Rejection, key, tree};
use tendermint::block::signed_header::SignedHeader;
use tendermint::{Time, validator};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

use super::*;
use crate::gateway::fixture::{Node, hash};
use serde_json::json;

async fn exchange(url: &str, request: String) -> (u16, String) {
    let address = url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, body.to_owned())
}

async fn post(url: &str, body: &str) -> (u16, String) {
    let length = body.len();
    let request = format!(
        "POST / HTTP/1.1\r\nhost: node\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    exchange(url, request).await
}

async fn get(url: &str, path: &str) -> (u16, Value) {
    let request = format!("GET {path} HTTP/1.1\r\nhost: node\r\nconnection: close\r\n\r\n");
    let (status, body) = exchange(url, request).await;
    (status, serde_json::from_str(&body).unwrap())
}

/// The result of a call, or its error.
async fn call(url: &str, method: &str, params: Value) -> Result<Value, Value> {
    let request = json!({ "jsonrpc": "2.0", "id": "a", "method": method, "params": params });
    let (status, body) = post(url, &request.to_string()).await;
    let answer: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (status, &answer["id"], &answer["jsonrpc"]),
        (200, &json!("a"), &json!("2.0"))
    );
    let error = &answer["error"];
    if error.is_null() {
        Ok(answer["result"].clone())
    } else {
        Err(error.clone())
    }
}

async fn chain(blocks: u64) -> Node {
    let mut node = Node::main(Changes::new()).await;
    for _ in 0..blocks {
        node.block(Changes::new(), &[]);
    }
    node
}

#[tokio::test]
async fn calls_and_batches_are_answered_as_json_rpc_says() {
    let node = chain(1).await;
    let ask = async |body: &str| {
        let (status, body) = post(&node.url, body).await;
        (status, serde_json::from_str(&body).unwrap_or(Value::Null))
    };
    let health = json!({ "jsonrpc": "2.0", "id": 7, "result": {} });
    assert_eq!(
        ask(r#"{"id":7,"method":"health"}"#).await,
        (200, health.clone())
    );
    assert_eq!(
        ask(r#"{"id":7,"method":"health","params":[]}"#).await,
        (200, health.clone())
    );
    assert_eq!(
        ask(r#"[{"id":7,"method":"health"},{"method":"health"},{"id":7,"method":"health"}]"#).await,
        (200, json!([health, health])),
        "a notification is not answered"
    );
    assert_eq!(
        post(&node.url, r#"{"method":"health"}"#).await,
        (200, String::new())
    );

    for (body, status, code) in [
        ("{", 400, -32_700),
        ("[]", 400, -32_600),
        (r#"{"id":1}"#, 200, -32_600),
        (r#"{"id":{},"method":"health"}"#, 200, -32_600),
        ("7", 200, -32_600),
        (r#"{"id":1,"method":"subscribe"}"#, 200, -32_601),
        (r#"{"id":1,"method":"health","params":[1]}"#, 200, -32_602),
        (
            r#"{"id":1,"method":"block","params":{"height":"x"}}"#,
            200,
            -32_602,
        ),
        (
            r#"{"id":1,"method":"broadcast_evidence","params":{}}"#,
            200,
            -32_603,
        ),
    ] {
        let (answered, answer) = ask(body).await;
        assert_eq!(
            (answered, &answer["error"]["code"]),
            (status, &json!(code)),
            "{body}"
        );
    }
    let many = vec![json!({ "id": 1, "method": "health" }); 21];
    assert_eq!(ask(&Value::from(many).to_string()).await.0, 400);
    let long = " ".repeat(REQUEST_BYTES_MAX + 1);
    assert_eq!(ask(&long).await.0, 413);
}

#[tokio::test]
async fn each_method_has_a_path_that_answers_in_json() {
    let node = chain(2).await;
    for method in Method::ALL {
        let (_, answer) = get(&node.url, &format!("/{}", method.name())).await;
        if method == Method::Health {
            continue;
        }
        assert_eq!(answer["id"], json!(-1), "{}", method.name());
    }
    let (status, answer) = get(&node.url, "/commit?height=1").await;
    let height = &answer["result"]["signed_header"]["header"]["height"];
    assert_eq!((status, height), (200, &json!("1")));
    let (status, answer) = get(&node.url, "/commit?height=9").await;
    assert_eq!((status, &answer["error"]["code"]), (500, &json!(-32_603)));
}

#[tokio::test]
async fn transactions_of_pruned_blocks_are_refused_while_their_rows_still_stand() {
    let mut node = chain(1).await;
    node.block(Changes::new(), &[b"old"]);
    node.block(Changes::new(), &[]);
    node.prune(3);
    let unavailable = json!("height 2 is not available, lowest height is 3");
    let by_hash = STANDARD.encode(hash(b"old"));
    let query = format!("tx.hash='{}'", hex::encode(hash(b"old")));
    for (method, params) in [
        ("tx", json!({ "hash": by_hash })),
        ("tx_search", json!({ "query": "tx.height=2" })),
        ("tx_search", json!({ "query": query })),
        ("block_results", json!({ "height": "2" })),
    ] {
        let error = call(&node.url, method, params).await.unwrap_err();
        assert_eq!(error["data"], unavailable, "{method}: {error}");
    }
}

#[test]
fn receipts_that_are_swept_between_two_reads_are_unavailable() {
    let nothing = starfire_state::Memory::new();
    let view = crate::gateway::ReadView::new(std::sync::Arc::new(nothing), 9);
    let failure = stored::receipts(&view, 7).unwrap_err();
    assert_eq!(failure.code, -32_603);
    assert!(stored::validators(&view, 7).is_err());
}

#[tokio::test]
async fn heights_that_are_not_there_are_refused_in_cometbfts_words() {
    let node = chain(2).await;
    for (height, problem) in [
        (
            "3",
            "height 3 must be less than or equal to the current blockchain height 2",
        ),
        ("0", "height must be greater than 0, but got 0"),
        ("-1", "height must be greater than 0, but got -1"),
    ] {
        for method in ["commit", "block", "header", "block_results"] {
            let error = call(&node.url, method, json!({ "height": height })).await;
            assert_eq!(
                error.unwrap_err(),
                json!({ "code": -32_603, "message": "Internal error", "data": problem })
            );
        }
    }
    let error = call(&node.url, "validators", json!({ "height": "4" })).await;
    assert!(
        error.unwrap_err()["data"]
            .as_str()
            .unwrap()
            .contains("blockchain height 3")
    );
    let empty = chain(0).await;
    assert!(call(&empty.url, "commit", Value::Null).await.is_err());
    let status = call(&empty.url, "status", Value::Null).await.unwrap();
    assert_eq!(status["sync_info"]["latest_block_height"], "0");
}

#[tokio::test]
async fn tendermints_types_take_the_answers_and_its_checks_believe_them() {
    let node = chain(3).await;
    let answer = call(&node.url, "commit", json!({ "height": "2" }))
        .await
        .unwrap();
    let signed: SignedHeader = serde_json::from_value(answer["signed_header"].clone()).unwrap();
    let answer = call(&node.url, "validators", json!(["2", "1", "100"]))
        .await
        .unwrap();
    let listed: Vec<validator::Info> =
        serde_json::from_value(answer["validators"].clone()).unwrap();
    let set = validator::Set::without_proposer(listed);
    certificate::verify(&signed, &set).unwrap();

    let page = call(
        &node.url,
        "validators",
        json!({ "height": "4", "page": "2", "per_page": "3" }),
    )
    .await
    .unwrap();
    assert_eq!(
        (&page["count"], &page["total"], &page["block_height"]),
        (&json!("1"), &json!("4"), &json!("4")),
        "those of the next height are known"
    );
    let beyond = call(
        &node.url,
        "validators",
        json!({ "page": "3", "per_page": "3" }),
    )
    .await;
    assert_eq!(
        beyond.unwrap_err()["data"],
        "page should be within [1, 2] range, given 3"
    );

    let status = call(&node.url, "status", Value::Null).await.unwrap();
    let time: Time =
        serde_json::from_value(status["sync_info"]["latest_block_time"].clone()).unwrap();
    let newest = call(&node.url, "header", Value::Null).await.unwrap();
    assert_eq!(newest["header"]["height"], "3");
    assert_eq!(newest["header"]["time"], json!(time.to_rfc3339()));
    let newest = call(&node.url, "commit", Value::Null).await.unwrap();
    assert_eq!(newest["canonical"], false);
}

#[tokio::test]
async fn blocks_are_listed_and_found_by_their_hash() {
    let node = chain(25).await;
    let listed = call(
        &node.url,
        "blockchain",
        json!({ "minHeight": "1", "maxHeight": "0" }),
    )
    .await
    .unwrap();
    let metas = listed["block_metas"].as_array().unwrap();
    assert_eq!(metas.len(), 20, "the newest ones");
    assert_eq!(metas[0]["header"]["height"], "25");
    let empty = call(&node.url, "blockchain", json!(["9", "8"])).await;
    assert!(empty.is_err());

    let newest = metas[0]["block_id"]["hash"].as_str().unwrap();
    let hash = STANDARD.encode(hex::decode(newest).unwrap());
    let found = call(&node.url, "block_by_hash", json!({ "hash": hash }))
        .await
        .unwrap();
    assert_eq!(found["block"]["header"]["height"], "25");
    let (_, found) = get(&node.url, &format!("/header_by_hash?hash=0x{newest}")).await;
    assert_eq!(found["result"]["header"]["height"], "25");
    let other = STANDARD.encode([1; 32]);
    let none = call(&node.url, "block_by_hash", json!({ "hash": other }))
        .await
        .unwrap();
    assert_eq!(none["block"], Value::Null);

    let query = "block.height>=3 AND block.height < 8";
    let found = call(
        &node.url,
        "block_search",
        json!({ "query": query, "per_page": "2", "order_by": "desc" }),
    )
    .await
    .unwrap();
    assert_eq!(
        (
            &found["total_count"],
            &found["blocks"][0]["block"]["header"]["height"]
        ),
        (&json!("5"), &json!("7"))
    );
    let unknown = call(&node.url, "block_search", json!({ "query": "a='b'" })).await;
    assert_eq!(unknown.unwrap_err()["code"], -32_603);
}

#[tokio::test]
async fn state_is_proved_by_the_next_header() {
    let mut node = chain(1).await;
    let path = b"note/a".to_vec();
    node.block(Changes::from([(path.clone(), Some(b"1".to_vec()))]), &[]);
    node.block(Changes::new(), &[]);
    for (path, height, value) in [
        (path.as_slice(), None, Some(b"1".as_slice())),
        (&path, Some("2"), Some(b"1")),
        (&path, Some("1"), None),
        (key::CHAIN, Some("2"), None),
    ] {
        let params =
            json!({ "path": "/state", "data": hex::encode(path), "height": height, "prove": true });
        let answer = call(&node.url, "abci_query", params).await.unwrap();
        let response = &answer["response"];
        let proved: u64 = response["height"].as_str().unwrap().parse().unwrap();
        let header = call(&node.url, "header", json!([(proved + 1).to_string()]))
            .await
            .unwrap();
        let root = hex::decode(header["header"]["app_hash"].as_str().unwrap()).unwrap();
        let operation = &response["proofOps"]["ops"][0];
        assert_eq!(operation["type"], "ics23:starfire");
        let proof = STANDARD
            .decode(operation["data"].as_str().unwrap())
            .unwrap();
        let found = response["value"].as_str();
        let found = found.map(|value| STANDARD.decode(value).unwrap());
        if path != key::CHAIN {
            assert_eq!(found.as_deref(), value);
        }
        tree::verify(&root.try_into().unwrap(), path, found.as_deref(), &proof).unwrap();
    }
    let plain = call(
        &node.url,
        "abci_query",
        json!({ "data": hex::encode(&path) }),
    )
    .await
    .unwrap();
    assert_eq!(plain["response"]["proofOps"], Value::Null);
    for params in [
        json!({ "data": "" }),
        json!({ "path": "/store/bank/key", "data": "61" }),
        json!({ "data": hex::encode("a b") }),
    ] {
        assert_eq!(
            call(&node.url, "abci_query", params).await.unwrap_err()["code"],
            -32_603
        );
    }
}

#[tokio::test]
async fn a_transaction_is_found_with_its_path_to_the_data_hash() {
    let mut node = chain(1).await;
    node.block(Changes::new(), &[b"first", b"second", b"third"]);
    let wanted = hash(b"second");
    let (_, answer) = get(
        &node.url,
        &format!("/tx?hash=0x{}&prove=true", hex::encode(wanted)),
    )
    .await;
    let found = &answer["result"];
    assert_eq!(
        (
            &found["height"],
            &found["index"],
            &found["tx_result"]["code"]
        ),
        (&json!("2"), &json!(1), &json!(0))
    );
    let proof: tendermint::tx::Proof = serde_json::from_value(found["proof"].clone()).unwrap();
    let ids: Vec<[u8; 32]> = [&b"first"[..], b"second", b"third"]
        .map(|envelope| Sha256::digest(envelope).into())
        .to_vec();
    let root = tendermint::merkle::simple_hash_from_byte_vectors::<Sha256>(&ids);
    assert_eq!(proof.root_hash.as_bytes(), root);
    assert_eq!(proof.data, b"second");
    assert_eq!((proof.proof.total, proof.proof.index), (3, 1));

    let query = format!("tx.hash='{}'", hex::encode_upper(wanted));
    let by_hash = call(&node.url, "tx_search", json!({ "query": query }))
        .await
        .unwrap();
    assert_eq!(by_hash["total_count"], "1");
    let by_height = json!({ "query": "tx.height=2", "per_page": "2", "order_by": "desc" });
    let by_height = call(&node.url, "tx_search", by_height).await.unwrap();
    assert_eq!(
        (&by_height["total_count"], &by_height["txs"][0]["index"]),
        (&json!("3"), &json!(2))
    );
    let unknown = call(&node.url, "tx", json!({ "hash": STANDARD.encode([1; 32]) })).await;
    assert!(
        unknown.unwrap_err()["data"]
            .as_str()
            .unwrap()
            .ends_with("not found")
    );
}

#[tokio::test]
async fn the_pools_word_on_a_broadcast_is_a_result() {
    let mut node = chain(1).await;
    let refusal = Rejection::new(Code::new("BAD_SEQUENCE", 99), "the nonce is used");
    for (word, code) in [(Ok([9; 32]), 0), (Err(refusal), 99)] {
        let url = node.url.clone();
        let asked = tokio::spawn(async move {
            let params = json!({ "tx": STANDARD.encode("bytes") });
            call(&url, "broadcast_tx_sync", params).await.unwrap()
        });
        let submission = node.submissions.recv().await.unwrap();
        assert_eq!(submission.envelopes, [b"bytes"]);
        submission.reply.send(vec![word]).unwrap();
        let answer = asked.await.unwrap();
        assert_eq!(answer["code"], json!(code));
        let hash = hex::encode_upper(Sha256::digest("bytes"));
        assert_eq!(answer["hash"], json!(hash), "of bytes that are no envelope");
    }
    let empty = call(&node.url, "broadcast_tx_sync", json!({ "tx": "" })).await;
    assert_eq!(empty.unwrap()["code"], 2);
    // The fixture's queue holds two, and nobody takes them.
    for _ in 0..2 {
        let params = json!({ "tx": STANDARD.encode("bytes") });
        call(&node.url, "broadcast_tx_async", params).await.unwrap();
    }
    let full = call(&node.url, "broadcast_tx_async", json!({ "tx": "AAAA" })).await;
    assert_eq!(full.unwrap_err()["code"], -32_603);
}

#[tokio::test]
async fn a_subscriber_gets_each_block_once() {
    let mut node = chain(2).await;
    let address = node.url.strip_prefix("http://").unwrap().to_owned();
    let stream = TcpStream::connect(&address).await.unwrap();
    let url = format!("ws://{address}/websocket");
    let (mut socket, _) = tokio_tungstenite::client_async(url, stream).await.unwrap();
    let say = |method: &str, query: &str| {
        let call = json!({ "id": method, "method": method, "params": { "query": query } });
        Message::from(call.to_string())
    };
    let query = "tm.event='NewBlock'";
    socket.send(say("subscribe", query)).await.unwrap();
    let next = async |socket: &mut tokio_tungstenite::WebSocketStream<TcpStream>| loop {
        match socket.next().await.unwrap().unwrap() {
            Message::Text(text) => break serde_json::from_str::<Value>(&text).unwrap(),
            Message::Ping(_) | Message::Pong(_) => {}
            other @ (Message::Binary(_) | Message::Close(_) | Message::Frame(_)) => {
                panic!("{other:?}")
            }
        }
    };
    assert_eq!(next(&mut socket).await["result"], json!({}));
    for height in 3..=5_u64 {
        node.block(Changes::new(), &[b"t"]);
        let event = next(&mut socket).await;
        assert_eq!(event["id"], "subscribe");
        assert_eq!(event["result"]["query"], query);
        let data = &event["result"]["data"];
        assert_eq!(data["type"], "tendermint/event/NewBlock");
        assert_eq!(
            data["value"]["block"]["header"]["height"],
            json!(height.to_string())
        );
    }
    socket.send(say("unsubscribe", query)).await.unwrap();
    assert_eq!(next(&mut socket).await["id"], "unsubscribe");
    node.block(Changes::new(), &[]);
    socket.send(say("status", "")).await.unwrap();
    let status = next(&mut socket).await;
    assert_eq!(status["id"], "status", "no event came before it");
    for (method, query) in [("unsubscribe", query), ("subscribe", "tm.event='Vote'")] {
        socket.send(say(method, query)).await.unwrap();
        assert_eq!(next(&mut socket).await["error"]["code"], -32_603);
    }
}
