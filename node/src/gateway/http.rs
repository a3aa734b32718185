//! The HTTP routes: the page, and the small JSON answers that it is drawn from.
//!
//! Each answer is one call of the same functions that gRPC calls, rendered as JSON. None of the routes here reads a body. Hashes are
//! lower-case hex, times are Unix milliseconds, a refusal is `{"code", "message"}`. The routes of [`tendermint`] and [`credentials`]
//! stand beside them and have languages of their own.

use axum::Json;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};
use starfire_proto::v1;
use starfire_state::{Code, Rejection};

use super::fields::{Fields, Pairs};
use super::{Gateway, contract, credentials, error, json, limits, page, resolution, tendermint};
use super::{cross_origin, did_batch, did_changes, did_list, registrar};

/// There is nothing at this path.
const ROUTE_UNKNOWN: Code = Code::new("ROUTE_UNKNOWN", 4);

/// Pages run their own scripts and styles, talk to this node alone, and are shown in no frame.
const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const HARDENING: [(HeaderName, &str); 4] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-cache"),
];

/// All HTTP routes, and the answer for paths that have none.
pub(super) fn router(gateway: Gateway) -> Router {
    Router::new()
        .route("/health", get(async || Json(json!({ "live": true }))))
        .route("/api/status", get(status))
        .route("/api/chains", get(chains))
        .route("/api/anchors", get(anchors))
        .route("/api/evidence", get(evidence))
        .with_state(gateway.clone())
        .merge(cross_origin::open(registry(&gateway)))
        .merge(tendermint::router(gateway.clone()))
        .merge(page::router())
        .layer(map_response(harden))
        .merge(contract::router(gateway.clone()))
        .merge(credentials::router(gateway.clone()))
        .merge(resolution::router(gateway.clone()))
        .merge(Router::new().fallback(elsewhere).with_state(gateway))
}

/// The registry of DIDs, besides resolving.
fn registry(gateway: &Gateway) -> Router {
    Router::new()
        .merge(did_list::router(gateway.clone()))
        .merge(did_batch::router(gateway.clone()))
        .merge(did_changes::router(gateway.clone()))
        .merge(registrar::router(gateway.clone()))
}

async fn harden(mut response: Response) -> Response {
    for (name, value) in HARDENING {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Paths that are DIDs, and those that are nothing.
async fn elsewhere(State(gateway): State<Gateway>, request: Request) -> Response {
    let grpc = limits::is_grpc(&request);
    let (parts, _) = request.into_parts();
    match resolution::facade(&gateway, &parts.method, &parts.uri).await {
        Some(response) => response,
        None => unknown(grpc),
    }
}

fn unknown(grpc: bool) -> Response {
    if grpc {
        return tonic::Status::unimplemented("no such service").into_http();
    }
    error::response(&Rejection::new(
        ROUTE_UNKNOWN,
        "there is nothing here; the page is at /",
    ))
}

async fn status(State(gateway): State<Gateway>) -> Response {
    Json(json::status(&gateway.node_status())).into_response()
}

async fn chains(State(gateway): State<Gateway>) -> Response {
    render(
        gateway.chains_with_anchors().await,
        |(chain, sub_chains)| {
            let sub_chains = sub_chains
                .iter()
                .map(|(record, newest)| json::sub_chain(record, newest.as_ref()))
                .collect::<Vec<_>>();
            json!({ "chain_id": chain.chain_id, "chain_code": chain.chain_code, "sub_chains": sub_chains })
        },
    )
}

async fn anchors(State(gateway): State<Gateway>, query: Pairs) -> Response {
    let request = match anchors_asked(query) {
        Ok(request) => request,
        Err(rejection) => return error::response(&rejection),
    };
    render(
        gateway.anchors_of(request).await,
        |found| json!({ "anchors": found.anchors.iter().map(json::anchor).collect::<Vec<_>>() }),
    )
}

fn anchors_asked(query: Pairs) -> Result<v1::ListAnchorsRequest, Rejection> {
    let mut query = Fields::of_query(query)?;
    let asked = v1::ListAnchorsRequest {
        chain_code: query.required("chain", "a sub-chain's code")?,
        limit: query.number("limit")?.unwrap_or_default(),
        from_height: query.number("from")?.unwrap_or_default(),
    };
    query.nothing_else()?;
    Ok(asked)
}

async fn evidence(State(gateway): State<Gateway>, query: Pairs) -> Response {
    let (algorithm, digest) = match evidence_asked(query) {
        Ok(asked) => asked,
        Err(rejection) => return error::response(&rejection),
    };
    render(
        gateway.evidence_of(algorithm, &digest).await,
        |found| json!({ "found": found.iter().map(json::evidence).collect::<Vec<_>>() }),
    )
}

fn evidence_asked(query: Pairs) -> Result<(v1::DigestAlgorithm, Vec<u8>), Rejection> {
    let invalid = |detail| Rejection::new(error::INVALID_PARAMETER, detail);
    let mut query = Fields::of_query(query)?;
    let algorithm = match query.text("algorithm")?.as_deref() {
        Some("sha256") => v1::DigestAlgorithm::Sha256,
        Some("sm3") => v1::DigestAlgorithm::Sm3,
        Some("blake3") => v1::DigestAlgorithm::Blake3,
        Some(_) | None => return Err(invalid("algorithm is sha256, sm3 or blake3")),
    };
    let digest = hex::decode(query.required("digest", "a file's, hex")?);
    query.nothing_else()?;
    Ok((algorithm, digest.map_err(|_| invalid("digest is hex"))?))
}

fn render<T>(outcome: Result<T, Rejection>, json: impl FnOnce(T) -> Value) -> Response {
    match outcome {
        Ok(answer) => Json(json(answer)).into_response(),
        Err(rejection) => error::response(&rejection),
    }
}

#[cfg(test)]
mod tests {
    use starfire_registry::path;
    use starfire_state::Changes;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;
    use crate::gateway::fixture::{Node, did, hash, record};

    /// The answer's head and body, asked as a browser does.
    async fn ask(node: &Node, path: &str) -> (String, String) {
        let mut stream = TcpStream::connect(node.url.strip_prefix("http://").unwrap())
            .await
            .unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: node\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.to_lowercase(), body.to_owned())
    }

    /// The status of the answer, and its JSON.
    async fn ask_json(node: &Node, path: &str) -> (String, Value) {
        let (head, body) = ask(node, path).await;
        (
            head.split(' ').nth(1).unwrap().to_owned(),
            serde_json::from_str(&body).unwrap(),
        )
    }

    #[tokio::test]
    async fn the_page_runs_nothing_but_its_own_scripts() {
        let node = Node::main(Changes::new()).await;
        for (path, kind) in [
            ("/", "text/html"),
            ("/app.js", "text/javascript"),
            ("/style.css", "text/css"),
            ("/icon.svg", "image/svg"),
        ] {
            let (head, body) = ask(&node, path).await;
            assert!(head.starts_with("http/1.1 200"), "{path}: {head}");
            assert!(
                head.contains(&format!("content-type: {kind}")),
                "{path}: {head}"
            );
            assert!(
                head.contains("content-security-policy: default-src 'none'; script-src 'self'"),
                "{head}"
            );
            assert!(head.contains("x-content-type-options: nosniff"), "{head}");
            assert!(!body.is_empty());
        }
    }

    #[tokio::test]
    async fn status_and_chains_are_json() {
        let node = Node::main(Changes::new()).await;
        let (code, status) = ask_json(&node, "/api/status").await;
        assert_eq!(
            (code.as_str(), &status["chain_id"]),
            ("200", &json!("starfire-main-1"))
        );
        assert!(status["since_commit_ms"].as_i64().unwrap() > 0);
        let (code, chains) = ask_json(&node, "/api/chains").await;
        assert_eq!(
            (code.as_str(), chains),
            (
                "200",
                json!({ "chain_id": "starfire-main-1", "chain_code": "", "sub_chains": [] })
            )
        );
        assert_eq!(ask_json(&node, "/health").await.1, json!({ "live": true }));
    }

    #[tokio::test]
    async fn a_file_is_found_by_its_digest() {
        let (issuer, digest) = (did(1, None).to_string(), hash(b"a file"));
        let id = hex::encode(digest);
        let evidence = v1::EvidenceRecord {
            id: id.clone(),
            issuer: issuer.clone(),
            time_ms: 5,
            height: 1,
            ..Default::default()
        };
        let mut records = record(path::evidence(&issuer, &id), &evidence);
        let index = path::digest(v1::DigestAlgorithm::Sha256, &digest, &issuer).unwrap();
        records.insert(index, Some(id.clone().into_bytes()));
        let mut node = Node::main(records).await;
        node.block(Changes::new(), &[]);

        let (code, answer) = ask_json(
            &node,
            &format!("/api/evidence?algorithm=sha256&digest={id}"),
        )
        .await;
        assert_eq!(code, "200");
        assert_eq!(answer["found"][0]["issuer"], json!(issuer));
        assert_eq!(
            (
                &answer["found"][0]["time_ms"],
                &answer["found"][0]["revoked"]
            ),
            (&json!(5), &Value::Null)
        );
        let other = "0".repeat(64);
        assert_eq!(
            ask_json(
                &node,
                &format!("/api/evidence?algorithm=sha256&digest={other}")
            )
            .await
            .1,
            json!({ "found": [] })
        );
    }

    #[tokio::test]
    async fn refusals_are_json_with_a_code() {
        let node = Node::main(Changes::new()).await;
        for (path, status, code) in [
            ("/nothing", "404", "ROUTE_UNKNOWN"),
            ("/api/anchors", "400", "INVALID_PARAMETER"),
            ("/api/anchors?chain=BY01", "400", "INVALID_PARAMETER"),
            (
                "/api/anchors?chain=by01&height=7",
                "400",
                "INVALID_PARAMETER",
            ),
            (
                &format!(
                    "/api/evidence?algorithm=sha256&digest={}&issuer=x",
                    "00".repeat(32)
                ),
                "400",
                "INVALID_PARAMETER",
            ),
            (
                "/api/evidence?algorithm=md5&digest=00",
                "400",
                "INVALID_PARAMETER",
            ),
            (
                "/api/evidence?algorithm=sha256&digest=xx",
                "400",
                "INVALID_PARAMETER",
            ),
            (
                "/api/evidence?algorithm=sha256&digest=00",
                "400",
                "INVALID_PARAMETER",
            ),
        ] {
            let (answered, body) = ask_json(&node, path).await;
            assert_eq!(
                (answered.as_str(), &body["code"]),
                (status, &json!(code)),
                "{path}"
            );
        }
    }
}
