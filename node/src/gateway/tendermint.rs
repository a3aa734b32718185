//! CometBFT 0.38's JSON-RPC: what stock light clients, CosmJS and explorers speak.
//!
//! Our headers, commits and validator sets are Tendermint's own, so these answers are those of a CometBFT node: JSON-RPC by `POST /`
//! and over `/websocket`, and one `GET` path a method. What differs is in `docs/tendermint-rpc.md`. The shapes are written out in
//! [`render`], not derived, since clients hang on each detail: 64-bit integers are strings, 32-bit ones are numbers, hashes are
//! upper-case hex, bytes are base64.
//!
//! A call goes one way: [`call`] reads it, [`params`] its parameters, [`method`] finds who answers it.

mod broadcast;
mod call;
mod chain;
mod inclusion;
mod method;
mod node;
mod params;
mod query;
mod render;
mod search;
mod socket;
mod stored;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::Value;

use super::Gateway;
use super::transactions::ENVELOPE_BYTES_MAX;
use call::{Answer, Failure};
use method::Method;
use params::Params;

/// The longest request: the longest transaction in base64, and what is around it.
const REQUEST_BYTES_MAX: usize = ENVELOPE_BYTES_MAX / 3 * 4 + (64 << 10);
/// What the id of an answer to a `GET` is, as CometBFT has it.
const GET_ID: i64 = -1;

/// The routes of all methods. `GET /health` is another surface's.
pub(super) fn router(gateway: Gateway) -> Router {
    let calls = Router::new()
        .route("/", post(by_body))
        .route("/websocket", get(socket::upgrade));
    Method::ALL
        .into_iter()
        .filter(|method| *method != Method::Health)
        .fold(calls, |router, method| {
            let answer = async move |State(gateway): State<Gateway>,
                                     query: Result<
                Query<Vec<(String, String)>>,
                QueryRejection,
            >| { by_path(gateway, method, query).await };
            router.route(&format!("/{}", method.name()), get(answer))
        })
        .with_state(gateway)
}

/// Whether the answer to a `GET` of this path may be as long as a block.
pub(super) fn carries_much(path: &str) -> bool {
    Method::ALL
        .into_iter()
        .filter(|method| method.carries_much())
        .any(|method| path.strip_prefix('/') == Some(method.name()))
}

/// One call or a batch of them.
async fn by_body(State(gateway): State<Gateway>, body: Body) -> Response {
    let Ok(body) = to_bytes(body, REQUEST_BYTES_MAX).await else {
        let problem = format!("a request has at most {REQUEST_BYTES_MAX} bytes");
        let answer = Answer::failed(Value::Null, Failure::invalid_request(problem));
        return (StatusCode::PAYLOAD_TOO_LARGE, Json(answer.render())).into_response();
    };
    match call::answer(&gateway, &body).await {
        Ok(None) => StatusCode::OK.into_response(),
        Ok(Some(answers)) => json(answers),
        Err(failure) => {
            let answer = Answer::failed(Value::Null, failure).render();
            (StatusCode::BAD_REQUEST, Json(answer)).into_response()
        }
    }
}

/// A call by its own path, whose parameters stand in the query.
async fn by_path(
    gateway: Gateway,
    method: Method,
    query: Result<Query<Vec<(String, String)>>, QueryRejection>,
) -> Response {
    let id = Value::from(GET_ID);
    let outcome = match query {
        Ok(Query(query)) => method::run(&gateway, method, &Params::of_query(query)).await,
        Err(_) => Err(Failure::invalid_params(
            "the query does not decode".to_owned(),
        )),
    };
    // CometBFT's own status for whatever went wrong, clients look for it.
    let status = match &outcome {
        Ok(_) => StatusCode::OK,
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let mut response = json(Answer::new(id, outcome).encode());
    *response.status_mut() = status;
    response
}

fn json(encoded: Bytes) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], encoded).into_response()
}

#[cfg(test)]
mod tests;
