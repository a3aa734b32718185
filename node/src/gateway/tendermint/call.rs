//! JSON-RPC 2.0: a call, a batch of calls, and what is answered.

use axum::body::Bytes;
use serde::Serialize;
use serde_json::{Value, json};
use starfire_state::Rejection;

use super::method::{self, Method};
use super::params::Params;
use crate::gateway::Gateway;
use crate::gateway::fields::{Fields, read_json};

/// Calls in one batch.
const BATCH_MAX: usize = 20;
/// A batch that has answered this much answers no more, bytes.
const BATCH_BYTES_MAX: usize = 32 << 20;

/// A call. Without an id it is a notification, which nobody answers.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) id: Option<Value>,
    pub(super) method: String,
    pub(super) params: Value,
}

impl Call {
    pub(super) fn of_json(value: Value) -> Result<Self, Failure> {
        let parsed = Fields::of_json(value).and_then(|mut members| {
            Ok(Self {
                id: members.value("id"),
                method: members.required("method", "the method's name")?,
                params: members.value("params").unwrap_or_default(),
            })
        });
        let call = parsed.map_err(|rejection| Failure::invalid_request(rejection.detail))?;
        match &call.id {
            Some(Value::String(_) | Value::Number(_)) | None => Ok(call),
            Some(Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) => Err(
                Failure::invalid_request("an id is a text or a number".to_owned()),
            ),
        }
    }

    /// Calls the method.
    pub(super) async fn run(self, gateway: &Gateway) -> Result<Value, Failure> {
        let method = Method::named(&self.method).ok_or_else(Failure::method_not_found)?;
        let params = Params::of_json(self.params, method.parameters())?;
        method::run(gateway, method, &params).await
    }
}

/// A message as JSON.
pub(super) fn json_of(message: &[u8]) -> Result<Value, Failure> {
    read_json(message).map_err(|rejection| Failure::parse(rejection.detail))
}

/// Answers a body: one call or a batch; `None` if there were only notifications.
pub(super) async fn answer(gateway: &Gateway, body: &[u8]) -> Result<Option<Bytes>, Failure> {
    let body = json_of(body)?;
    if let Value::Array(calls) = body {
        return batch(gateway, calls).await;
    }
    Ok(one(gateway, body).await.map(|answer| answer.encode()))
}

async fn one(gateway: &Gateway, call: Value) -> Option<Answer> {
    let call = match Call::of_json(call) {
        Ok(call) => call,
        Err(failure) => return Some(Answer::failed(Value::Null, failure)),
    };
    let id = call.id.clone()?;
    Some(Answer::new(id, call.run(gateway).await))
}

async fn batch(gateway: &Gateway, calls: Vec<Value>) -> Result<Option<Bytes>, Failure> {
    if calls.is_empty() || calls.len() > BATCH_MAX {
        return Err(Failure::invalid_request(format!(
            "a batch has 1 to {BATCH_MAX} calls, not {}",
            calls.len()
        )));
    }
    let mut answers: Vec<Bytes> = Vec::new();
    let mut length = 0;
    for call in calls {
        if length > BATCH_BYTES_MAX {
            return Err(Failure::internal(format!(
                "the batch's answers have more than {BATCH_BYTES_MAX} bytes: ask for less at once"
            )));
        }
        if let Some(answer) = one(gateway, call).await {
            let answer = answer.encode();
            length += answer.len();
            answers.push(answer);
        }
    }
    if answers.is_empty() {
        return Ok(None);
    }
    let list = [b"[", answers.join(&b","[..]).as_slice(), b"]"].concat();
    Ok(Some(list.into()))
}

/// What a call is answered with.
#[derive(Debug)]
pub(super) struct Answer {
    id: Value,
    outcome: Result<Value, Failure>,
}

impl Answer {
    pub(super) fn new(id: Value, outcome: Result<Value, Failure>) -> Self {
        Self { id, outcome }
    }

    pub(super) fn failed(id: Value, failure: Failure) -> Self {
        Self::new(id, Err(failure))
    }

    pub(super) fn render(self) -> Value {
        match self.outcome {
            Ok(result) => json!({ "jsonrpc": "2.0", "id": self.id, "result": result }),
            Err(failure) => json!({ "jsonrpc": "2.0", "id": self.id, "error": failure }),
        }
    }

    pub(super) fn encode(self) -> Bytes {
        self.render().to_string().into()
    }
}

/// Why a call has no result, by JSON-RPC's codes and in CometBFT's words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Failure {
    pub(super) code: i32,
    pub(super) message: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) data: String,
}

impl Failure {
    pub(super) fn parse(problem: String) -> Self {
        Self::new(-32_700, "Parse error. Invalid JSON", problem)
    }

    pub(super) fn invalid_request(problem: String) -> Self {
        Self::new(-32_600, "Invalid Request", problem)
    }

    pub(super) fn method_not_found() -> Self {
        Self::new(-32_601, "Method not found", String::new())
    }

    pub(super) fn invalid_params(problem: String) -> Self {
        Self::new(-32_602, "Invalid params", problem)
    }

    pub(super) fn internal(problem: impl Into<String>) -> Self {
        Self::new(-32_603, "Internal error", problem.into())
    }

    fn new(code: i32, message: &'static str, data: String) -> Self {
        Self {
            code,
            message,
            data,
        }
    }
}

impl From<Rejection> for Failure {
    fn from(rejection: Rejection) -> Self {
        Self::internal(rejection.to_string())
    }
}
