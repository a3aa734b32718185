//! The binding over real sockets, asked as the universal resolver and other callers ask: bytes, not a client of ours.

mod binding;
mod caching;
mod dereferencing;
mod facade;
mod page;
mod proofs;
mod sub_chains;
mod suite;
mod web;

use serde_json::Value;
use starfire_did::{Did, path};
use starfire_proto::v1;
use starfire_state::Changes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::gateway::fixture::{Node, did, did_record, record};

/// What came back.
pub(super) struct Reply {
    pub(super) status: u16,
    /// In lower case.
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

impl Reply {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value)
    }

    /// The entity tag, as it was sent: its mark of weakness is in upper case.
    pub(super) fn tag(&self) -> String {
        self.header("etag").unwrap().replace("w/", "W/")
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&self.body)))
    }
}

/// Sends a request, byte by byte as written, and reads until the server closes.
pub(super) async fn send(node: &Node, line: &str, headers: &str, body: &str) -> Reply {
    let mut stream = TcpStream::connect(node.url.strip_prefix("http://").unwrap())
        .await
        .unwrap();
    let request = format!(
        "{line} HTTP/1.1\r\nhost: node\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let end = answer
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap();
    let head = String::from_utf8(answer[..end].to_vec())
        .unwrap()
        .to_lowercase();
    Reply {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        head,
        body: answer[end + 4..].to_vec(),
    }
}

pub(super) async fn get(node: &Node, path: &str, accept: &str) -> Reply {
    let accept = match accept {
        "" => String::new(),
        accept => format!("accept: {accept}\r\n"),
    };
    send(node, &format!("GET {path}"), &accept, "").await
}

/// What the universal resolver sends for a DID, and for an option or two.
pub(super) async fn resolve(node: &Node, did: &str) -> Reply {
    let path = format!("/1.0/identifiers/{did}");
    get(node, &path, "application/did-resolution,application/did").await
}

/// When version `version` was made, from 2026-11-18T11:07:40Z on: a minute after the one before.
pub(super) fn made_ms(version: u64) -> i64 {
    1_795_000_000_000 + i64::try_from(version).unwrap() * 60_000 + 250
}

/// A DID's versions from 1 on, the last of them perhaps its end.
pub(super) fn versions(seed: u8, code: Option<&str>, count: u64, ended: bool) -> Changes {
    let did = did(seed, code);
    let mut changes = Changes::new();
    for version in 1..=count {
        let mut one = did_record(seed, code, version);
        one.created_ms = made_ms(1);
        one.updated_ms = made_ms(version);
        if let Some(document) = &mut one.document {
            document.also_known_as = vec![format!("https://example.org/{version}")];
            for (fragment, kind, endpoint) in [
                ("files", "Files", "https://files.example.org/root/list"),
                ("mirror", "Files", "https://mirror.example.org/"),
                (
                    "chat",
                    "Agent",
                    "https://chat.example.org/中文"
                        .replace("中文", "%E4%B8%AD")
                        .as_str(),
                ),
            ] {
                document.service.push(v1::DidService {
                    id: format!("{did}#{fragment}"),
                    r#type: kind.into(),
                    endpoint: endpoint.into(),
                });
            }
        }
        if ended && version == count {
            one.document = None;
            one.deactivated = true;
        }
        changes.extend(record(path::version(&did, version), &one));
        changes.extend(record(path::record(&did), &one));
    }
    changes
}

/// A main chain with a DID of three versions (1) and one that has ended with its third (2).
pub(super) async fn node() -> (Node, Did, Did) {
    let mut records = versions(1, None, 3, false);
    records.extend(versions(2, None, 3, true));
    let mut node = Node::main(records).await;
    node.block(Changes::new(), &[]);
    (node, did(1, None), did(2, None))
}
