//! What a client of the registrar is told: the states of DID Registration, with their HTTP status.

use std::sync::Arc;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use starfire_did::resolution::{self, Origin, Problem, Representation};
use starfire_did::{KeyAlgorithm, render};
use starfire_proto::v1;
use starfire_state::Rejection;

use super::Operation;
use super::jobs::{Job, JobId};
use crate::gateway::error;
use crate::gateway::resolution::resource_metadata;

/// How a request went on.
pub(super) enum Answer {
    /// The client is to name a public key.
    NeedsKey,
    /// The client is to sign.
    NeedsSignatures { id: JobId, job: Arc<Job> },
    /// The transaction is on its way.
    Waits { id: JobId, job: Arc<Job> },
    /// The chain refused it, or will.
    Refused {
        id: JobId,
        job: Arc<Job>,
        reason: String,
        detail: String,
    },
    /// The chain has done it.
    Finished {
        id: JobId,
        job: Arc<Job>,
        made: Made,
        height: u64,
    },
}

/// What the chain has made.
pub(super) enum Made {
    /// A version of a document.
    Document(Box<v1::DidRecord>),
    /// A version of a resource.
    Resource(v1::DidResourceRecord),
}

impl Operation {
    /// What the members of an answer are called.
    // DID Registration: `create` and its kin answer about a DID, `createResource` about a DID URL.
    fn members(self) -> Members {
        match self {
            Self::Create | Self::Update | Self::Deactivate => Members {
                state: "didState",
                metadata: "didDocumentMetadata",
            },
            Self::CreateResource => Members {
                state: "didUrlState",
                metadata: "contentMetadata",
            },
        }
    }
}

/// What the members of an answer are called.
struct Members {
    state: &'static str,
    metadata: &'static str,
}

/// What an answer is about: the name of its member, and a DID or DID URL.
pub(super) type Subject = (&'static str, String);

impl Job {
    /// What a job is about.
    pub(super) fn subject(&self) -> Subject {
        match &self.resource {
            None => ("did", self.did.to_string()),
            Some((name, _)) => ("didUrl", format!("{}/resources/{name}", self.did)),
        }
    }

    /// A state of the job.
    fn state(&self, state: &str, members: Value) -> Value {
        about(Some(self.subject()), state, members)
    }
}

/// A state of what this is about, if that is known.
fn about(subject: Option<Subject>, state: &str, members: Value) -> Value {
    let mut whole = json!({ "state": state });
    if let Some((name, subject)) = subject {
        whole[name] = json!(subject);
    }
    if let (Value::Object(whole), Value::Object(members)) = (&mut whole, members) {
        whole.extend(members);
    }
    whole
}

impl Answer {
    // DID Registration, jobId: it "MUST be absent or null" in the states `finished` and `failed`.
    pub(super) fn response(self, operation: Operation) -> Response {
        let (status, id, state, registration, metadata) = match self {
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
                (StatusCode::OK, None, state, json!({}), json!({}))
            }
            Self::NeedsSignatures { id, job } => {
                let requests = signing_requests(&job);
                let members = json!({ "action": "signPayload", "signingRequest": requests });
                let state = job.state("action", members);
                (StatusCode::OK, Some(id), state, json!({}), json!({}))
            }
            Self::Waits { id, job } => {
                let why = "the transaction is not committed yet: ask again with the same jobId";
                let state = job.state("wait", json!({ "wait": why, "waitTime": 1_000 }));
                (StatusCode::OK, Some(id), state, json!({}), json!({}))
            }
            Self::Refused {
                id,
                job,
                reason,
                detail,
            } => {
                let state = failure(Some(job.subject()), &reason, &detail);
                let transaction = transaction(&id, None);
                let status = StatusCode::BAD_REQUEST;
                (status, None, state, transaction, json!({}))
            }
            Self::Finished {
                id,
                job,
                made,
                height,
            } => {
                let (members, metadata) = match made.shown() {
                    Ok(shown) => shown,
                    Err(problem) => {
                        let rejection = Rejection::new(error::INTERNAL, problem.detail);
                        return failed(operation, Some(job.subject()), &rejection);
                    }
                };
                let status = match operation {
                    Operation::Create | Operation::CreateResource => StatusCode::CREATED,
                    Operation::Update | Operation::Deactivate => StatusCode::OK,
                };
                let state = job.state("finished", members);
                let transaction = transaction(&id, Some(height));
                (status, None, state, transaction, metadata)
            }
        };
        let id = id.map(hex::encode);
        respond(
            status,
            operation,
            id.as_deref(),
            state,
            registration,
            metadata,
        )
    }
}

impl Made {
    /// For the state, and as metadata.
    fn shown(&self) -> Result<(Value, Value), Problem> {
        Ok(match self {
            Self::Document(record) => {
                let document =
                    resolution::rendered(record, Origin::ThisChain, Representation::JsonLd)?;
                let members = json!({ "didDocument": document.unwrap_or(Value::Null) });
                (members, render::metadata(record))
            }
            Self::Resource(record) => (json!({}), Value::Object(resource_metadata(record))),
        })
    }
}

/// A refusal. Whatever is not the client's doing is an internal error.
// DID Registration, didState.did: of an update or a deactivation it "MUST NOT be null".
pub(super) fn failed(
    operation: Operation,
    subject: Option<Subject>,
    rejection: &Rejection,
) -> Response {
    let status = match error::response(rejection).status().is_server_error() {
        true => StatusCode::INTERNAL_SERVER_ERROR,
        false => StatusCode::BAD_REQUEST,
    };
    let state = failure(subject, rejection.code.name, &rejection.detail);
    respond(status, operation, None, state, json!({}), json!({}))
}

fn failure(subject: Option<Subject>, reason: &str, description: &str) -> Value {
    let members = json!({ "reason": reason, "description": description });
    about(subject, "failed", members)
}

fn transaction(id: &JobId, height: Option<u64>) -> Value {
    json!({ "transaction": hex::encode(id), "height": height })
}

fn respond(
    status: StatusCode,
    operation: Operation,
    job: Option<&str>,
    state: Value,
    registration: Value,
    metadata: Value,
) -> Response {
    let members = operation.members();
    let mut body = json!({ "jobId": job, "didRegistrationMetadata": registration });
    body[members.state] = state;
    body[members.metadata] = metadata;
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
