//! The gateway's answers about credentials, over a real socket.

mod grpc;
mod issuing;
mod presentations;
mod records;
mod requests;
mod sub_chains;
mod verify;
mod web;

use serde_json::{Value, json};
use starfire_did::credential::integrity::{self, Options, Suite};
use starfire_did::{Did, SigningKey, path, status_list};
use starfire_proto::v1;
use starfire_state::Changes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::clock;
use crate::gateway::backend::CredentialPolicy;
use crate::gateway::fixture::{Node, did, did_record, private_key, record, registered};

/// Seeds of keys: who issues, whom it is about, who is nobody.
const ISSUER: u8 = 1;
const HOLDER: u8 = 2;
const STRANGER: u8 = 9;

const KIND: &str = "CertificateOfOrigin";
const SCHEMA: &[u8] =
    br#"{"properties":{"credentialSubject":{"properties":{"country":{"type":"string"}}}}}"#;
const LIST_BITS: u64 = 131_072;
/// The entry that is set.
const REVOKED_INDEX: u64 = 7;

fn key(seed: u8) -> SigningKey {
    private_key(seed).into()
}

fn method(seed: u8) -> String {
    format!("{}#key-1", did(seed, None))
}

fn list_url(issuer: &Did) -> String {
    format!("{issuer}/status-lists/revoked")
}

/// The bits of the issuer's list.
fn list_bits() -> Vec<u8> {
    let mut bits = vec![0; usize::try_from(LIST_BITS / 8).unwrap()];
    bits[0] = 0x80 >> REVOKED_INDEX;
    bits
}

/// A list of revocations in which one entry is set.
fn revocations(issuer: &Did) -> Changes {
    let bits = list_bits();
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
    let mut records = record(path::status_list(issuer, "revoked"), &list);
    records.extend(record(
        path::status_list_chunk(issuer, "revoked", 0),
        &chunk,
    ));
    records
}

/// Issuer and holder, with all that their credentials name.
fn records() -> Changes {
    let issuer = did(ISSUER, None);
    let mut records = registered(ISSUER, None, 1);
    records.extend(registered(HOLDER, None, 1));
    records.extend(revocations(&issuer));
    let schema = v1::SchemaRecord {
        author: issuer.to_string(),
        name: "origin".into(),
        version: 1,
        content: SCHEMA.to_vec(),
        checksum: vec![0xab; 32],
        ..Default::default()
    };
    records.extend(record(path::schema(&issuer, "origin"), &schema));
    records.extend(record(path::schema_version(&issuer, "origin", 1), &schema));
    let accreditation = v1::AccreditationRecord {
        issuer: issuer.to_string(),
        r#type: KIND.into(),
        jurisdiction: "CN".into(),
        valid_from_ms: 1_000,
        motion: 3,
        ..Default::default()
    };
    records.extend(record(
        path::accreditation(&issuer, KIND, "CN"),
        &accreditation,
    ));
    records
}

/// A chain that knows them, and proves it.
async fn world() -> Node {
    proving(Node::main(records()).await)
}

async fn world_with(policy: CredentialPolicy) -> Node {
    proving(Node::with_policy(records(), policy).await)
}

fn proving(mut node: Node) -> Node {
    node.block(Changes::new(), &[]);
    node.block(Changes::new(), &[]);
    node
}

/// What the issuer says of the holder.
fn claims() -> Value {
    let issuer = did(ISSUER, None);
    json!({
        "@context": ["https://www.w3.org/ns/credentials/v2", { "@vocab": "https://example.org/terms#" }],
        "type": ["VerifiableCredential", KIND],
        "issuer": issuer.to_string(),
        "validFrom": "2020-01-01T00:00:00Z",
        "validUntil": "2999-01-01T00:00:00Z",
        "credentialSubject": { "id": did(HOLDER, None).to_string(), "country": "CN" },
        "credentialSchema": { "id": format!("{issuer}/schemas/origin/1"), "type": "JsonSchema" },
        "credentialStatus": entry(&issuer, 8),
    })
}

fn entry(issuer: &Did, index: u64) -> Value {
    json!({
        "type": "BitstringStatusListEntry",
        "statusPurpose": "revocation",
        "statusListIndex": index.to_string(),
        "statusListCredential": list_url(issuer),
    })
}

/// Signed by one of these keys, as its own.
fn signed(claims: Value, seed: u8) -> Value {
    let options = Options::assertion(Suite::EddsaJcs2022, method(seed), clock::unix_ms());
    integrity::issue(claims, &options, &key(seed), None).unwrap()
}

/// What came back.
struct Reply {
    status: u16,
    /// Lower-case.
    head: String,
    body: Vec<u8>,
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    #[track_caller]
    fn has(&self, header: &str) -> &Self {
        assert!(
            self.head.contains(&format!("\r\n{header}\r\n")),
            "{}",
            self.head
        );
        self
    }
}

/// Asks as a client of another make does.
async fn ask(node: &Node, method: &str, path: &str, headers: &str, body: &[u8]) -> Reply {
    let mut stream = TcpStream::connect(node.url.strip_prefix("http://").unwrap())
        .await
        .unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: node\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // Whoever refuses a long body may not read it to its end.
    drop(stream.write_all(body).await);
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let end = answer
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap();
    let head = String::from_utf8(answer[..end + 2].to_vec()).unwrap();
    Reply {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        head: head.to_lowercase(),
        body: answer[end + 4..].to_vec(),
    }
}

async fn get(node: &Node, path: &str) -> Reply {
    ask(node, "GET", path, "", b"").await
}

async fn post(node: &Node, path: &str, body: &Value) -> Reply {
    let headers = "content-type: application/json\r\n";
    ask(node, "POST", path, headers, body.to_string().as_bytes()).await
}

/// The answer about a credential.
async fn verify(node: &Node, credential: &Value, options: &Value) -> Reply {
    let body = json!({ "verifiableCredential": credential, "options": options });
    post(node, "/credentials/verify", &body).await
}

/// The codes of steps that failed, by their names.
fn failed(answer: &Value) -> Vec<(&str, &str)> {
    let steps = answer["steps"].as_array().unwrap().iter();
    steps
        .filter_map(|step| Some((step["name"].as_str()?, step.get("code")?.as_str()?)))
        .collect()
}
