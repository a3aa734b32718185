//! A witness that lies: a Tendermint RPC of two methods, over headers that a test signed.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use tendermint_rpc::endpoint;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::e2e::headers::Signed;

/// The longest request that is read, bytes.
const REQUEST_BYTES_MAX: usize = 16 << 10;

/// It runs until it is dropped.
pub(super) struct Witness {
    pub(super) url: String,
    running: JoinHandle<()>,
}

impl Witness {
    /// Serves these headers.
    pub(super) async fn start(headers: Vec<Signed>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let heights = headers
            .into_iter()
            .map(|signed| (signed.header.header.height.value(), signed));
        let headers: Arc<BTreeMap<u64, Signed>> = Arc::new(heights.collect());
        let running = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, headers.clone()));
            }
        });
        Self { url, running }
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.running.abort();
    }
}

/// One request a connection.
async fn answer(mut stream: TcpStream, headers: Arc<BTreeMap<u64, Signed>>) {
    let mut request = Vec::new();
    let call: Value = loop {
        let read = stream.read_buf(&mut request).await.unwrap();
        assert!(read > 0 && request.len() <= REQUEST_BYTES_MAX);
        let text = String::from_utf8_lossy(&request);
        let body = text.split_once("\r\n\r\n").map(|(_, body)| body);
        if let Some(call) = body.and_then(|body| serde_json::from_str(body).ok()) {
            break call;
        }
    };
    let result = result(&call, &headers);
    let body = json!({ "jsonrpc": "2.0", "id": call["id"], "result": result }).to_string();
    let head = format!(
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).await.unwrap();
}

fn result(call: &Value, headers: &BTreeMap<u64, Signed>) -> Value {
    let asked = call["params"]["height"].as_str();
    let (newest, last) = headers.last_key_value().unwrap();
    let height = asked.map_or(*newest, |height| height.parse().unwrap());
    match call["method"].as_str().unwrap() {
        "commit" => serde_json::to_value(endpoint::commit::Response {
            signed_header: headers[&height].header.clone(),
            canonical: true,
        })
        .unwrap(),
        // One set decides all heights of such a chain.
        "validators" => {
            let all = last.validators.validators().clone();
            let total = i32::try_from(all.len()).unwrap();
            let height = u32::try_from(height).unwrap().into();
            serde_json::to_value(endpoint::validators::Response::new(height, all, total)).unwrap()
        }
        other => panic!("nobody asks a witness for {other}"),
    }
}
