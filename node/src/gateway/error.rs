//! How a refusal looks from outside: a code that never changes, a sentence, and the status of the protocol it leaves by.

use axum::Json;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use starfire_state::{Code, Rejection};
use tonic::metadata::MetadataValue;
use tonic::{Code as Grpc, Response as GrpcResponse, Status};

/// The trailer that carries the code's name.
pub const CODE_TRAILER: &str = "starfire-code";
/// How long a client that met [`BUSY`] should wait, in gRPC's own trailer for that.
const PUSHBACK_TRAILER: &str = "grpc-retry-pushback-ms";
/// How long it should wait, milliseconds.
const PUSHBACK_MS: &str = "500";

/// A request cannot be read as what it should be.
pub(crate) const INVALID_PARAMETER: Code = Code::new("INVALID_PARAMETER", 2);
/// An address or DID is not one.
pub(crate) const INVALID_ADDRESS: Code = Code::new("INVALID_ADDRESS", 94);
/// More work than this node takes on at once.
pub(crate) const BUSY: Code = Code::new("GATEWAY_BUSY", 160);
/// The core does not answer: the node is going down.
pub(crate) const STOPPING: Code = Code::new("GATEWAY_STOPPING", 20_000);
/// A read of this node failed.
pub(crate) const INTERNAL: Code = Code::new("GATEWAY_INTERNAL", 20_000);
/// No block of this height is committed.
pub(crate) const HEIGHT_UNKNOWN: Code = Code::new("HEIGHT_UNKNOWN", 4);
/// The block of this height is not kept here, nor the state that its header proves.
pub(crate) const PRUNED: Code = Code::new("PRUNED", 4);
/// The DID lives on a chain that this node does not run and cannot ask.
pub(crate) const DID_OTHER_CHAIN: Code = Code::new("DID_OTHER_CHAIN", 4);
/// What is asked for is known, and not to be had of this DID.
pub(crate) const FEATURE_NOT_SUPPORTED: Code = Code::new("FEATURE_NOT_SUPPORTED", 2);
/// The sub-chain's DIDs cannot be proved here: none of its headers is anchored.
pub(crate) const CHAIN_NOT_ANCHORED: Code = Code::new("CHAIN_NOT_ANCHORED", 4);
/// No gateway of the sub-chain answered.
pub(crate) const RESOLVER_UNREACHABLE: Code = Code::new("RESOLVER_UNREACHABLE", 20_000);
/// A gateway of the sub-chain answered with something that the anchor does not prove.
pub(crate) const RESOLVER_UNPROVEN: Code = Code::new("RESOLVER_UNPROVEN", 20_000);
/// A subscription was ended; the next one goes on where it stopped.
pub(crate) const SUBSCRIPTION_ENDED: Code = Code::new("SUBSCRIPTION_ENDED", 160);
/// A cursor is not one that this gateway gave, or goes with another question.
pub(crate) const CURSOR_INVALID: Code = Code::new("CURSOR_INVALID", 2);
/// A cursor is of a block that this node is far from having.
pub(crate) const CURSOR_AHEAD: Code = Code::new("CURSOR_AHEAD", 4);

/// A problem's media type.
// RFC 9457 §3
pub(crate) const PROBLEM: &str = "application/problem+json";

/// The bytes are not the message that the method takes.
const REQUEST_MALFORMED: Code = Code::new("REQUEST_MALFORMED", 2);
/// The message is longer than the method takes.
pub(crate) const REQUEST_TOO_LONG: Code = Code::new("REQUEST_TOO_LONG", 146);
/// There is no such method.
const METHOD_UNKNOWN: Code = Code::new("METHOD_UNKNOWN", 4);
/// The message is compressed, which no method takes.
const COMPRESSION_UNKNOWN: Code = Code::new("COMPRESSION_UNKNOWN", 4);
/// In an answer to a compressed message: which compressions are taken.
const GRPC_ACCEPT_ENCODING: &str = "grpc-accept-encoding";
/// gRPC's own status.
const GRPC_STATUS: &str = "grpc-status";
/// gRPC's own message, percent-encoded.
const GRPC_MESSAGE: &str = "grpc-message";
/// What is said of bytes that are no message.
const MALFORMED: &str = "REQUEST_MALFORMED: the bytes are not the message that this method takes; see reflection, or proto/proto/starfire/v1";

/// What is said of a compressed message.
const COMPRESSED: &str =
    "COMPRESSION_UNKNOWN: the message is compressed, and no method takes it so; send it as it is";

/// An outcome as gRPC answer.
pub(crate) fn answer<T>(outcome: Result<T, Rejection>) -> Result<GrpcResponse<T>, Status> {
    outcome
        .map(GrpcResponse::new)
        .map_err(|rejection| status(&rejection))
}

/// A refusal as gRPC status: the code leads the message and stands in the trailer [`CODE_TRAILER`].
pub(crate) fn status(rejection: &Rejection) -> Status {
    let mut status = Status::new(grpc_code(rejection.code), rejection.to_string());
    status.metadata_mut().insert(
        CODE_TRAILER,
        MetadataValue::from_static(rejection.code.name),
    );
    if rejection.code == BUSY {
        status
            .metadata_mut()
            .insert(PUSHBACK_TRAILER, MetadataValue::from_static(PUSHBACK_MS));
    }
    status
}

/// Gives a code to what gRPC itself refused before any of our code saw it: bytes that are no message, too many of them or compressed, a
/// method that does not exist.
pub(crate) fn name_transport_refusal(headers: &mut HeaderMap) {
    let Some(status) = headers
        .get(GRPC_STATUS)
        .and_then(|status| status.to_str().ok())
    else {
        return;
    };
    if headers.contains_key(CODE_TRAILER) {
        return;
    }
    let (code, status, words) = match status {
        // tonic calls bytes that do not decode an internal error; they are the caller's. Its own words are of its insides.
        "13" => (REQUEST_MALFORMED, "3", Some(MALFORMED)),
        "11" => (REQUEST_TOO_LONG, "11", None),
        // A server names the compressions that it takes where it refuses one.
        "12" if headers.contains_key(GRPC_ACCEPT_ENCODING) => {
            (COMPRESSION_UNKNOWN, "12", Some(COMPRESSED))
        }
        "12" => (METHOD_UNKNOWN, "12", None),
        _ => return,
    };
    if let Some(words) = words {
        headers.insert(GRPC_MESSAGE, HeaderValue::from_static(words));
    }
    headers.insert(GRPC_STATUS, HeaderValue::from_static(status));
    headers.insert(CODE_TRAILER, HeaderValue::from_static(code.name));
}

/// A refusal as HTTP response: the code and the sentence, JSON.
pub(crate) fn response(rejection: &Rejection) -> Response {
    let body = json!({ "code": rejection.code.name, "message": rejection.detail });
    let mut response = (http_code(grpc_code(rejection.code)), Json(body)).into_response();
    if let Some(seconds) = retry_after(rejection.code.name) {
        let seconds = HeaderValue::from_static(seconds);
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    response
}

/// In how many seconds it is worth asking again.
pub(crate) fn retry_after(code: &str) -> Option<&'static str> {
    let soon = [STOPPING, RESOLVER_UNREACHABLE, RESOLVER_UNPROVEN];
    if code == BUSY.name {
        return Some("1");
    }
    if code == CHAIN_NOT_ANCHORED.name {
        return Some("30");
    }
    soon.iter().any(|known| known.name == code).then_some("5")
}

/// The gateway's own codes by name; those of the chain by the BIF-Core number that they share with others of their kind.
fn grpc_code(code: Code) -> Grpc {
    match code {
        STOPPING | RESOLVER_UNREACHABLE => return Grpc::Unavailable,
        RESOLVER_UNPROVEN => return Grpc::DataLoss,
        SUBSCRIPTION_ENDED => return Grpc::Aborted,
        FEATURE_NOT_SUPPORTED => return Grpc::Unimplemented,
        DID_OTHER_CHAIN | CHAIN_NOT_ANCHORED | CURSOR_AHEAD => return Grpc::FailedPrecondition,
        _ => {}
    }
    match code.number {
        // INVALID_PARAMETER, public and private key, signature, address, number of operations, size
        2 | 90 | 91 | 93 | 94 | 97 | 98 | 146 => Grpc::InvalidArgument,
        // ALREADY_EXIST, ACCOUNT_DEST_EXIST
        3 | 102 => Grpc::AlreadyExists,
        // NOT_EXIST, ACCOUNT_NOT_EXIST
        4 | 103 => Grpc::NotFound,
        // ACCESS_DENIED
        6 => Grpc::PermissionDenied,
        // OUT_OF_TXCACHE, TX_INSERT_QUEUE_FAIL
        114 | 160 => Grpc::ResourceExhausted,
        // system error
        20_000 => Grpc::Internal,
        _ => Grpc::FailedPrecondition,
    }
}

fn http_code(code: Grpc) -> StatusCode {
    match code {
        Grpc::InvalidArgument => StatusCode::BAD_REQUEST,
        Grpc::NotFound => StatusCode::NOT_FOUND,
        Grpc::AlreadyExists | Grpc::Aborted | Grpc::FailedPrecondition => StatusCode::CONFLICT,
        Grpc::PermissionDenied => StatusCode::FORBIDDEN,
        Grpc::ResourceExhausted | Grpc::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Grpc::DataLoss => StatusCode::BAD_GATEWAY,
        Grpc::Unimplemented => StatusCode::NOT_IMPLEMENTED,
        Grpc::Ok
        | Grpc::Cancelled
        | Grpc::Unknown
        | Grpc::DeadlineExceeded
        | Grpc::OutOfRange
        | Grpc::Internal
        | Grpc::Unauthenticated => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

#[cfg(test)]
mod tests {
    use starfire_proto::v1;
    use starfire_state::Changes;

    use super::*;
    use crate::gateway::fixture::{Node, did, refusal};
    use crate::grpc::accounts_client::AccountsClient;
    use crate::grpc::blocks_client::BlocksClient;
    use crate::grpc::chains_client::ChainsClient;
    use crate::grpc::dids_client::DidsClient;
    use crate::grpc::evidence_client::EvidenceClient;
    use crate::grpc::transactions_client::TransactionsClient;

    #[test]
    fn a_status_carries_its_code_twice() {
        let status = status(&Rejection::new(INVALID_ADDRESS, "not a did:bid"));
        assert_eq!(status.code(), Grpc::InvalidArgument);
        assert_eq!(status.message(), "INVALID_ADDRESS: not a did:bid");
        assert_eq!(
            status.metadata().get(CODE_TRAILER).unwrap(),
            "INVALID_ADDRESS"
        );
    }

    #[test]
    fn a_busy_gateway_says_when_to_come_back() {
        let rejection = Rejection::new(BUSY, "too many");
        assert_eq!(status(&rejection).code(), Grpc::ResourceExhausted);
        assert_eq!(
            status(&rejection).metadata().get(PUSHBACK_TRAILER).unwrap(),
            PUSHBACK_MS
        );
        assert_eq!(
            response(&rejection).status(),
            StatusCode::SERVICE_UNAVAILABLE
        );
        assert_eq!(response(&rejection).headers()[header::RETRY_AFTER], "1");
    }

    #[test]
    fn bytes_that_are_no_message_are_refused_in_our_words() {
        let mut headers = HeaderMap::new();
        headers.insert(GRPC_STATUS, HeaderValue::from_static("13"));
        let insides = "failed%20to%20decode%20Protobuf%20message:%20GetProofsRequest.keys";
        headers.insert(GRPC_MESSAGE, HeaderValue::from_static(insides));
        name_transport_refusal(&mut headers);
        assert_eq!(headers[GRPC_STATUS], "3");
        assert_eq!(headers[CODE_TRAILER], "REQUEST_MALFORMED");
        let message = headers[GRPC_MESSAGE].to_str().unwrap();
        assert!(
            message.starts_with("REQUEST_MALFORMED: the bytes"),
            "{message}"
        );
        // What has a code of ours keeps its words.
        let mut headers = status(&Rejection::new(INTERNAL, "why")).into_http::<String>();
        let before = headers.headers().clone();
        name_transport_refusal(headers.headers_mut());
        assert_eq!(*headers.headers(), before);
    }

    #[tokio::test]
    async fn a_compressed_message_is_refused_as_such() {
        let node = Node::main(Changes::new()).await;
        let compressed = |mut request: tonic::Request<()>| {
            let encoding = "gzip".parse().expect("it is ASCII");
            request.metadata_mut().insert("grpc-encoding", encoding);
            Ok(request)
        };
        let mut client = BlocksClient::with_interceptor(node.channel(), compressed);
        let status = client.get(v1::GetBlockRequest::default()).await;
        assert_eq!(
            refusal(&status.unwrap_err()),
            (Grpc::Unimplemented, "COMPRESSION_UNKNOWN".into())
        );
    }

    #[test]
    fn an_unknown_number_is_a_failed_precondition() {
        assert_eq!(
            status(&Rejection::new(Code::new("BAD_SEQUENCE", 99), "")).code(),
            Grpc::FailedPrecondition
        );
    }

    #[tokio::test]
    async fn bad_input_is_named() {
        let mut node = Node::main(Changes::new()).await;
        node.block(Changes::new(), &[]);
        let sub_did = did(1, Some("by01")).to_string();
        let resolve = |did: &str| v1::ResolveRequest {
            did: did.into(),
            ..v1::ResolveRequest::default()
        };
        let status = DidsClient::new(node.channel())
            .resolve(resolve("did:web:example.org"))
            .await
            .unwrap_err();
        assert_eq!(
            refusal(&status),
            (Grpc::InvalidArgument, "INVALID_ADDRESS".into())
        );
        let status = AccountsClient::new(node.channel())
            .get(v1::GetAccountRequest {
                address: "bob".into(),
            })
            .await
            .unwrap_err();
        assert_eq!(
            refusal(&status),
            (Grpc::InvalidArgument, "INVALID_ADDRESS".into())
        );
        let status = TransactionsClient::new(node.channel())
            .get(v1::GetTransactionRequest { hash: vec![1; 31] })
            .await
            .unwrap_err();
        assert_eq!(
            refusal(&status),
            (Grpc::InvalidArgument, "INVALID_PARAMETER".into())
        );
        let status = BlocksClient::new(node.channel())
            .get(v1::GetBlockRequest { height: 2 })
            .await
            .unwrap_err();
        assert_eq!(refusal(&status), (Grpc::NotFound, "HEIGHT_UNKNOWN".into()));
        let anchors = v1::ListAnchorsRequest {
            chain_code: "BY01".into(),
            ..Default::default()
        };
        let status = ChainsClient::new(node.channel())
            .anchors(anchors)
            .await
            .unwrap_err();
        assert_eq!(
            refusal(&status),
            (Grpc::InvalidArgument, "INVALID_PARAMETER".into())
        );
        let evidence = v1::GetEvidenceRequest {
            issuer: sub_did,
            id: "0".repeat(64),
        };
        let status = EvidenceClient::new(node.channel())
            .get(evidence)
            .await
            .unwrap_err();
        assert_eq!(
            refusal(&status),
            (Grpc::FailedPrecondition, "DID_OTHER_CHAIN".into())
        );
        let digest = v1::FindEvidenceRequest {
            algorithm: v1::DigestAlgorithm::Sha256.into(),
            digest: vec![1; 20],
        };
        let status = EvidenceClient::new(node.channel())
            .find(digest)
            .await
            .unwrap_err();
        assert_eq!(
            refusal(&status),
            (Grpc::InvalidArgument, "INVALID_PARAMETER".into())
        );
    }
}
