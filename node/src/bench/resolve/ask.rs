//! Asking one question, and looking whether the answer is the DID's.

use std::io;

use prost::Message;
use starfire_proto::v1;
use tonic::transport::{Channel, Endpoint};

use super::kind::Kind;
use super::wire::{Connection, Reply};
use crate::failure::Failure;
use crate::grpc::dids_client::DidsClient;

/// The document alone.
const DOCUMENT: &str = "application/did";
/// The document with its metadata.
const RESULT: &str = "application/did-resolution";

/// A way to the gateway.
#[derive(Debug)]
pub(super) enum Lane {
    /// A connection of its own.
    Http(Connection),
    /// A stream of the process's connection.
    Grpc(DidsClient<Channel>),
}

/// What an answer was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) bytes: usize,
    /// Whether it is about the DID and has what was asked for. Nothing is verified here.
    pub(super) right: bool,
}

/// Opens so many ways to a gateway or an empty handler.
pub(super) async fn open(kind: Kind, address: &str, count: u32) -> Result<Vec<Lane>, Failure> {
    let mut lanes = Vec::new();
    if kind.empty() == Kind::HttpEmpty {
        for _ in 0..count {
            let connection = Connection::open(address).await;
            lanes.push(Lane::Http(connection.map_err(|error| fault(&error))?));
        }
    } else {
        let endpoint = Endpoint::from_shared(format!("http://{address}"));
        let channel = endpoint.map_err(|error| fault(&error))?.connect().await;
        let client = DidsClient::new(channel.map_err(|error| fault(&error))?);
        lanes.extend((0..count).map(|_| Lane::Grpc(client.clone())));
    }
    Ok(lanes)
}

impl Lane {
    /// Asks, and waits for the answer.
    pub(super) async fn ask(&mut self, kind: Kind, did: &str) -> Result<Seen, Failure> {
        match self {
            Self::Http(connection) => {
                let reply = get(connection, kind, did).await;
                reply
                    .map(|reply| seen(kind, did, &reply))
                    .map_err(|error| fault(&error))
            }
            Self::Grpc(client) => {
                let answer = resolve(client, kind, did).await?;
                let record = answer.record.as_ref();
                let document = record.and_then(|record| record.document.as_ref());
                Ok(Seen {
                    bytes: answer.encoded_len(),
                    right: kind.is_empty()
                        || document.is_some_and(|document| document.id == did)
                            && answer.proof.is_some() == kind.has_proof(),
                })
            }
        }
    }
}

/// The question over HTTP.
pub(super) async fn get<'a>(
    connection: &'a mut Connection,
    kind: Kind,
    did: &str,
) -> io::Result<Reply<'a>> {
    let (query, accept) = match kind {
        Kind::HttpDocument => ("", DOCUMENT),
        Kind::HttpProof | Kind::GrpcProof => ("", RESULT),
        Kind::HttpEmpty | Kind::HttpResult | Kind::GrpcEmpty | Kind::GrpcRecord => {
            ("?proof=false", RESULT)
        }
    };
    let path = format!("/1.0/identifiers/{did}{query}");
    connection.get(&path, accept).await
}

/// The question over gRPC.
pub(super) async fn resolve(
    client: &mut DidsClient<Channel>,
    kind: Kind,
    did: &str,
) -> Result<v1::ResolveResponse, Failure> {
    let request = v1::ResolveRequest {
        did: did.to_owned(),
        without_proof: !kind.has_proof(),
        ..v1::ResolveRequest::default()
    };
    match client.resolve(request).await {
        Ok(answer) => Ok(answer.into_inner()),
        Err(status) => Err(fault(&status)),
    }
}

/// Every answer of ours has the DID near its beginning, and a proof far behind.
fn seen(kind: Kind, did: &str, reply: &Reply<'_>) -> Seen {
    const PROOF: &str = "\"StarfireStateProof2026\"";
    // Searched as text, which the standard library does many bytes at a time: the clients' time is measured with the answers.
    let body = str::from_utf8(reply.body).unwrap_or_default();
    Seen {
        bytes: reply.body.len(),
        right: reply.status == 200
            && (kind.is_empty()
                || body.contains(did) && (!kind.has_proof() || body.contains(PROOF))),
    }
}

pub(super) fn fault(error: &dyn std::error::Error) -> Failure {
    Failure::caused("BENCH", error, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_no_answer_however_long_it_is() {
        let right = |kind, status, body: &str| {
            let body = body.as_bytes();
            seen(kind, "did:bid:ef1", &Reply { status, body }).right
        };
        let answer = r#"{"id":"did:bid:ef1"}"#;
        assert!(right(Kind::HttpDocument, 200, answer));
        assert!(!right(Kind::HttpDocument, 404, answer));
        assert!(!right(Kind::HttpDocument, 200, r#"{"id":"did:bid:ef2"}"#));
        assert!(!right(Kind::HttpProof, 200, answer));
        let proved = r#"{"id":"did:bid:ef1","proof":{"type":"StarfireStateProof2026"}}"#;
        assert!(right(Kind::HttpProof, 200, proved));
        assert!(right(Kind::HttpEmpty, 200, ""));
    }
}
