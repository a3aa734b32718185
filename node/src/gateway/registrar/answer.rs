//! What a client of the registrar is told: the states of DID Registration, with their HTTP status.

use std::sync::Arc;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use starfire_did::resolution::{self, Origin, Representation};
use starfire_did::{Did, KeyAlgorithm, render};
use starfire_proto::v1;
use starfire_state::Rejection;

use super::Operation;
use super::jobs::{Job, JobId};
use crate::gateway::error;

/// How a request went on.
pub(super) enum Answer {
    /// The client is to name a public key.
    NeedsKey,
    /// The client is to sign.
    NeedsSignatures { id: JobId, job: Arc<Job> },
    /// The transaction is on its way.
    Waits { id: JobId, job: Arc<Job> },
    /// The chain refused it.
    Refused {
        id: JobId,
        job: Arc<Job>,
        receipt: v1::Receipt,
    },
    /// The chain has done it.
    Finished {
        id: JobId,
        job: Arc<Job>,
        record: Box<v1::DidRecord>,
        height: u64,
    },
}

impl Answer {
    pub(super) fn response(self, operation: Operation) -> Response {
        match self {
            Self::NeedsKey => {
                let state = json!({
                    "state": "action",
                    "action": "getVerificationMethod",
                    "verificationMethodTemplate": [{
                        "id": "#key-1",
                        "type": "Multikey",
                        "purpose": ["authentication", "assertionMethod"],
                    }],
                });
                respond(StatusCode::OK, None, &state, &json!({}), &json!({}))
            }
            Self::NeedsSignatures { id, job } => {
                let state = json!({
                    "state": "action",
                    "action": "signPayload",
                    "did": job.did.to_string(),
                    "signingRequest": signing_requests(&job),
                });
                respond(StatusCode::OK, Some(id), &state, &json!({}), &json!({}))
            }
            Self::Waits { id, job } => {
                let state = json!({
                    "state": "wait",
                    "did": job.did.to_string(),
                    "wait": "the transaction is not committed yet: ask again with the same jobId",
                    "waitTime": 1_000,
                });
                respond(StatusCode::OK, Some(id), &state, &json!({}), &json!({}))
            }
            Self::Refused { id, job, receipt } => {
                let state = failure(Some(&job.did), &receipt.reason, &receipt.detail);
                let status = StatusCode::BAD_REQUEST;
                respond(
                    status,
                    Some(id),
                    &state,
                    &transaction(&id, None),
                    &json!({}),
                )
            }
            Self::Finished {
                id,
                job,
                record,
                height,
            } => {
                let document = match resolution::rendered(
                    &record,
                    Origin::ThisChain,
                    Representation::JsonLd,
                ) {
                    Ok(document) => document,
                    Err(problem) => {
                        let rejection = Rejection::new(error::INTERNAL, problem.detail);
                        return failed(Some(&hex::encode(id)), &rejection);
                    }
                };
                let state = json!({
                    "state": "finished",
                    "did": job.did.to_string(),
                    "secret": {},
                    "didDocument": document.unwrap_or(Value::Null),
                });
                let status = match operation {
                    Operation::Create => StatusCode::CREATED,
                    Operation::Update | Operation::Deactivate => StatusCode::OK,
                };
                let metadata = render::metadata(&record);
                let transaction = transaction(&id, Some(height));
                respond(status, Some(id), &state, &transaction, &metadata)
            }
        }
    }
}

/// A refusal. Whatever is not the client's doing is an internal error.
pub(super) fn failed(job: Option<&str>, rejection: &Rejection) -> Response {
    let status = match error::response(rejection).status().is_server_error() {
        true => StatusCode::INTERNAL_SERVER_ERROR,
        false => StatusCode::BAD_REQUEST,
    };
    let body = json!({
        "jobId": job,
        "didState": failure(None, rejection.code.name, &rejection.detail),
        "didRegistrationMetadata": {},
        "didDocumentMetadata": {},
    });
    (status, Json(body)).into_response()
}

fn failure(did: Option<&Did>, reason: &str, description: &str) -> Value {
    let mut state = json!({ "state": "failed", "reason": reason, "description": description });
    if let Some(did) = did {
        state["did"] = json!(did.to_string());
    }
    state
}

fn transaction(id: &JobId, height: Option<u64>) -> Value {
    json!({ "transaction": hex::encode(id), "height": height })
}

fn respond(
    status: StatusCode,
    id: Option<JobId>,
    state: &Value,
    registration: &Value,
    document: &Value,
) -> Response {
    let body = json!({
        "jobId": id.map(hex::encode),
        "didState": state,
        "didRegistrationMetadata": registration,
        "didDocumentMetadata": document,
    });
    (status, Json(body)).into_response()
}

/// The same bytes for each signer.
fn signing_requests(job: &Job) -> Value {
    let serialized = STANDARD.encode(&job.blob);
    let requests = job.signing_requests().map(|(name, signer)| {
        let request = json!({
            "payload": job.payload,
            "serializedPayload": serialized,
            "kid": signer.kid,
            "alg": match signer.key.algorithm() {
                KeyAlgorithm::Ed25519 => "EdDSA",
                // No registered name: BIF's profile, with its usual user id, r ‖ s.
                KeyAlgorithm::Sm2 => "SM2",
            },
        });
        (name, request)
    });
    Value::Object(requests.collect::<Map<String, Value>>())
}
