//! `POST /callContract`: questions to BIF's system contracts, as its SDKs ask them.
//!
//! There is no code to run, so the answer's counters are 0. A refusal stands where a contract's exception would, as text that
//! begins with BIF's number; a question to another address is answered as one to a contract that does not exist.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use starfire_did::contract::{self, Contract, INPUT_BYTES_MAX};
use starfire_state::Rejection;

use super::Gateway;
use super::error;
use super::fields::{Fields, read_body};

/// The longest question: the input, escaped, and room.
const BODY_BYTES_MAX: usize = 2 * INPUT_BYTES_MAX + (4 << 10);
/// BIF's code for a contract that does not exist.
const NOT_EXIST: u32 = 4;

pub(super) fn router(gateway: Gateway) -> Router {
    Router::new()
        .route("/callContract", post(call))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(gateway)
}

/// What of the question counts here. The SDKs send fees, a source and a domain as well.
struct Call {
    contract_address: String,
    input: String,
}

async fn call(State(gateway): State<Gateway>, body: Result<Bytes, BytesRejection>) -> Response {
    match answer(&gateway, body).await {
        Ok(answer) => Json(answer).into_response(),
        Err(rejection) => error::response(&rejection),
    }
}

async fn answer(
    gateway: &Gateway,
    body: Result<Bytes, BytesRejection>,
) -> Result<Value, Rejection> {
    let mut body = Fields::of_body(&read_body(body, BODY_BYTES_MAX)?)?;
    let call = Call {
        contract_address: body.required("contract_address", "the address of a contract of BIF")?,
        input: body.required("input", "a string, {\"method\", \"params\"} as JSON")?,
    };
    if Contract::at(&call.contract_address).is_none() {
        let detail = format!("no contract at {}", call.contract_address);
        return Ok(json!({ "error_code": NOT_EXIST, "error_desc": detail, "result": {} }));
    }
    let outcome = gateway
        .read(move |view| {
            let state = view.state();
            Ok(contract::query(
                state.as_ref(),
                &call.contract_address,
                &call.input,
            ))
        })
        .await?;
    let answered = match outcome {
        Ok(value) => json!({ "result": { "type": "string", "value": value.to_string() } }),
        Err(refused) => json!({ "error": { "data": said(&refused) } }),
    };
    Ok(json!({
        "error_code": 0,
        "error_desc": "",
        "result": {
            "logs": {},
            "query_rets": [answered],
            "stat": { "apply_time": 0, "memory_usage": 0, "stack_usage": 0, "step": 0 },
            "txs": null,
        },
    }))
}

/// BIF's number first, if it has one: clients look for it there.
fn said(refused: &Rejection) -> String {
    format!("{} ({})", refused.detail, refused.code.name)
}

#[cfg(test)]
mod tests {
    use starfire_state::Changes;

    use super::*;
    use crate::gateway::fixture::raw::ask as send;
    use crate::gateway::fixture::{Node, did};

    async fn ask(node: &Node, address: &str, input: &str) -> Value {
        let body = json!({
            "contract_address": address, "input": input, "opt_type": 2, "source_address": "", "fee_limit": "1000",
        });
        let (status, answer) = send(&node.url, "POST", "/callContract", &body.to_string()).await;
        assert_eq!(status, 200);
        answer
    }

    #[tokio::test]
    async fn a_system_contract_answers_and_another_does_not_exist() {
        let node = Node::main(Changes::new()).await;
        let stranger = did(1, None).to_string();
        let input = json!({ "method": "queryBid", "params": { "id": stranger } }).to_string();
        let answer = ask(&node, contract::DDO_JAVA, &input).await;
        let said = &answer["result"]["query_rets"][0]["error"]["data"];
        assert!(said.as_str().unwrap().starts_with("10706 "), "{said}");
        let input = json!({ "method": "queryIssuer", "params": { "bid": stranger } }).to_string();
        let answer = ask(&node, contract::TDS, &input).await;
        let result = &answer["result"]["query_rets"][0]["result"];
        assert_eq!(*result, json!({ "type": "string", "value": "null" }));
        let answer = ask(&node, &stranger, &input).await;
        assert_eq!(answer["error_code"], json!(4));
    }

    #[tokio::test]
    async fn a_body_says_which_contract_and_what_is_asked() {
        let node = Node::main(Changes::new()).await;
        for (body, said) in [
            (
                "{}",
                "contract_address is missing: the address of a contract of BIF",
            ),
            ("{\"contract_address\":7}", "contract_address is a string"),
            (
                "{\"contract_address\":\"x\"}",
                "input is missing: a string, {\"method\", \"params\"} as JSON",
            ),
            (
                "{\"contract_address\":\"x\",\"input\":{}}",
                "input is a string",
            ),
        ] {
            let (status, answer) = send(&node.url, "POST", "/callContract", body).await;
            assert_eq!(
                (status, &answer["code"], &answer["message"]),
                (400, &json!("INVALID_PARAMETER"), &json!(said))
            );
        }
    }
}
