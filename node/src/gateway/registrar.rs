//! A Universal Registrar driver: DIDs created, changed and withdrawn over HTTP, with keys that never leave their holder.
//!
//! Only client-managed secret mode is offered. A request becomes an unsigned transaction, which goes back to the client as
//! `action: signPayload`; the job's id is the transaction's hash. The client signs the bytes and comes back with the same id; the node
//! checks the signatures, submits the transaction and waits for its receipt. What the chain then decides, it decides as for any other
//! sender: nothing is allowed here that is not allowed there. Of a job the node keeps the unsigned bytes, for a while.
// DID Registration (DIF), operations `create`, `update`, `deactivate` and `createResource`, and their HTTPS binding.

mod answer;
mod document;
mod extension;
mod jobs;
mod plan;
mod request;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::Extensions;
use axum::response::Response;
use axum::routing::post;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use prost::Message;
use starfire_did::code::DID_VERSION_CONFLICT;
use starfire_did::document::from_w3c;
use starfire_did::{resolve, resource, signature};
use starfire_ledger::code::BAD_SEQUENCE;
use starfire_proto::protocol;
use starfire_proto::v1;
use starfire_proto::v1::transaction_status::State as Progress;
use starfire_state::{Code, Rejection, View};

use super::error::INVALID_PARAMETER;
use super::fields::{read_body, read_json};
use super::{Gateway, accounts, limits};
use answer::{Answer, Made};
pub(super) use jobs::Jobs;
use jobs::{Job, JobId};
use plan::Plan;
use request::{Request, SigningResponse};

use crate::mempool::NONCE_TAKEN;

/// The longest request: a document and its signatures, or a resource in Base64, and room.
const BODY_BYTES_MAX: usize = 96 << 10;
/// How long a request waits for its transaction's receipt. Who is not answered by then asks again with the job's id.
const RECEIPT_WAIT: Duration = Duration::from_secs(20);

/// A private key or a seed came along, or this registrar was asked to keep one.
const SECRETS_REFUSED: Code = Code::new("SECRETS_REFUSED", 6);
/// No such job is known, or no longer.
const JOB_UNKNOWN: Code = Code::new("JOB_UNKNOWN", 4);
/// What a client signed is not what it was asked to sign, or not with that key.
const SIGNATURE_INVALID: Code = Code::new("INVALID_SIGNATURE", 93);

/// By these codes a transaction is refused whose nonce another one has taken, or whose document has changed.
const OVERTAKEN: [Code; 3] = [BAD_SEQUENCE, NONCE_TAKEN, DID_VERSION_CONFLICT];
/// What a client is to do then.
const BEGIN_ANEW: &str = "another transaction was faster, and this one can never be committed. Begin anew without the jobId, \
     and sign what is made then";

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Create,
    Update,
    Deactivate,
    CreateResource,
}

/// A request's body, or why it did not arrive.
type Body = Result<Bytes, BytesRejection>;

pub(super) fn router(gateway: Gateway) -> Router {
    Router::new()
        .route("/1.0/create", post(create))
        .route("/1.0/update", post(update))
        .route("/1.0/deactivate", post(deactivate))
        .route("/1.0/createResource", post(create_resource))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(gateway)
}

async fn create(gateway: State<Gateway>, from: Extensions, body: Body) -> Response {
    perform(gateway, Operation::Create, &from, body).await
}

async fn update(gateway: State<Gateway>, from: Extensions, body: Body) -> Response {
    perform(gateway, Operation::Update, &from, body).await
}

async fn deactivate(gateway: State<Gateway>, from: Extensions, body: Body) -> Response {
    perform(gateway, Operation::Deactivate, &from, body).await
}

async fn create_resource(gateway: State<Gateway>, from: Extensions, body: Body) -> Response {
    perform(gateway, Operation::CreateResource, &from, body).await
}

async fn perform(
    State(gateway): State<Gateway>,
    operation: Operation,
    from: &Extensions,
    body: Body,
) -> Response {
    let client = limits::peer(from);
    let body = match read_body(body, BODY_BYTES_MAX).and_then(|body| read_json(&body)) {
        Ok(body) => body,
        Err(rejection) => return answer::failed(operation, None, &rejection),
    };
    let mut about = request::subject(operation, &body);
    let outcome = match Request::parse(body) {
        Ok(request) => {
            let job = request.job.as_deref();
            let job = job.and_then(|job| gateway.job(operation, job));
            about = job.map(|(_, job)| job.subject()).or(about);
            gateway.register(operation, client, request).await
        }
        Err(rejection) => Err(rejection),
    };
    match outcome {
        Ok(answer) => answer.response(operation),
        Err(rejection) => answer::failed(operation, about, &rejection),
    }
}

impl Gateway {
    /// A job of this operation that waits here.
    fn job(&self, operation: Operation, id: &str) -> Option<(JobId, Arc<Job>)> {
        let found = self.jobs.find(id);
        found.filter(|(_, job)| job.operation == operation)
    }

    async fn register(
        &self,
        operation: Operation,
        client: IpAddr,
        request: Request,
    ) -> Result<Answer, Rejection> {
        match &request.job {
            Some(job) => {
                let (id, job) = self.job(operation, job).ok_or_else(|| {
                    Rejection::new(
                        JOB_UNKNOWN,
                        "no such job waits here, or no longer: begin anew, without a jobId",
                    )
                })?;
                self.go_on(id, job, request.signatures).await
            }
            None => self.begin(operation, client, request).await,
        }
    }

    /// Makes the unsigned transaction, and asks for what it lacks.
    async fn begin(
        &self,
        operation: Operation,
        client: IpAddr,
        request: Request,
    ) -> Result<Answer, Rejection> {
        let planned = self.read(move |view| {
            let state = view.state();
            let chain = starfire_state::chain(state.as_ref());
            let plan = match operation {
                Operation::Create => plan::create(state.as_ref(), &chain, &request)?,
                Operation::Update => Some(plan::update(state.as_ref(), &chain, &request)?),
                Operation::Deactivate => Some(plan::deactivate(state.as_ref(), &chain, &request)?),
                Operation::CreateResource => {
                    Some(plan::create_resource(state.as_ref(), &chain, &request)?)
                }
            };
            Ok((chain, plan))
        });
        let (chain, Some(plan)) = planned.await? else {
            return Ok(Answer::NeedsKey);
        };
        let nonce = self.account(&plan.source.to_string()).await?.next_nonce;
        let (id, job) = self
            .jobs
            .add(client, unsigned(&chain, operation, nonce, plan));
        Ok(Answer::NeedsSignatures { id, job })
    }

    /// Takes a job further: to the chain, if it is not there yet and the signatures are.
    async fn go_on(
        &self,
        id: JobId,
        job: Arc<Job>,
        signatures: Vec<(String, SigningResponse)>,
    ) -> Result<Answer, Rejection> {
        // The account first: if this very transaction took the nonce, it is found committed below.
        let source = self.account(&job.source.to_string()).await?.account;
        let taken = source.is_some_and(|account| account.nonce >= job.nonce);
        let known = self.committed(&id, Duration::ZERO).await?;
        match known.state() {
            Progress::Committed => return self.finished(id, job, known).await,
            Progress::Unknown if taken => {
                let detail = format!("{} has used nonce {} already", job.source, job.nonce);
                let lost = Rejection::new(BAD_SEQUENCE, detail);
                return Ok(self.lost(id, job, &lost));
            }
            Progress::Unknown if signatures.is_empty() => {
                return Ok(Answer::NeedsSignatures { id, job });
            }
            Progress::Unknown => {
                let signed = Arc::clone(&job);
                // Beside the network's threads, as all work is that takes a while.
                let envelope = self.read(move |_| envelope(&signed, &signatures)).await?;
                match self.admit(envelope).await {
                    Err(lost) if OVERTAKEN.contains(&lost.code) => {
                        return Ok(self.lost(id, job, &lost));
                    }
                    admitted => admitted?,
                };
            }
            Progress::Pending => {}
        }
        let status = self.committed(&id, RECEIPT_WAIT).await?;
        match status.state() {
            Progress::Committed => self.finished(id, job, status).await,
            Progress::Unknown | Progress::Pending => Ok(Answer::Waits { id, job }),
        }
    }

    /// Another transaction was faster, so that this one can never be committed as it was signed.
    fn lost(&self, id: JobId, job: Arc<Job>, overtaken: &Rejection) -> Answer {
        self.jobs.remove(&id);
        Answer::Refused {
            id,
            job,
            reason: overtaken.code.name.to_owned(),
            detail: format!("{}: {BEGIN_ANEW}", overtaken.detail),
        }
    }

    async fn finished(
        &self,
        id: JobId,
        job: Arc<Job>,
        status: v1::TransactionStatus,
    ) -> Result<Answer, Rejection> {
        let receipt = status.receipt.unwrap_or_default();
        if receipt.code != 0 {
            let anew = OVERTAKEN.iter().any(|code| code.name == receipt.reason);
            let detail = match anew {
                true => format!("{}: {BEGIN_ANEW}", receipt.detail),
                false => receipt.detail,
            };
            let reason = receipt.reason;
            return Ok(Answer::Refused {
                id,
                job,
                reason,
                detail,
            });
        }
        let done = Arc::clone(&job);
        let made = self.read(move |view| Ok(made(view.state().as_ref(), &done)));
        Ok(Answer::Finished {
            id,
            made: made.await?,
            job,
            height: status.height,
        })
    }
}

/// What a committed transaction has made: a document as it is now, or the version of a resource.
fn made(state: &dyn View, job: &Job) -> Made {
    match &job.resource {
        None => Made::Document(Box::new(
            resolve::resolve(state, &job.did, None).unwrap_or_default(),
        )),
        Some((name, version)) => Made::Resource(
            resource::find(state, &job.did, name, Some(*version)).unwrap_or_default(),
        ),
    }
}

/// The bytes to sign, and what is to be remembered of them.
fn unsigned(chain: &v1::ChainRecord, operation: Operation, nonce: i64, plan: Plan) -> Job {
    let source = plan.source.to_string();
    let body = crate::client::transaction(chain, source, nonce, plan.operations);
    let payload = serde_json::json!({
        "sourceAddress": body.source_address,
        "nonce": nonce,
        "chainId": chain.chain_id,
        "operations": plan.shown,
    });
    Job::new(
        operation,
        (plan.did, plan.resource),
        (plan.source, nonce),
        body.encode_to_vec(),
        payload,
        plan.signers,
    )
}

/// The signed transaction, if every signature that was asked for is there and holds.
fn envelope(job: &Job, responses: &[(String, SigningResponse)]) -> Result<Vec<u8>, Rejection> {
    let mut signatures = Vec::with_capacity(job.signers.len());
    let mut seen = BTreeSet::new();
    for (name, signer) in job.signing_requests() {
        let invalid = |why: &str| {
            Rejection::new(
                SIGNATURE_INVALID,
                format!("the response to {name}, by {}, {why}", signer.kid),
            )
        };
        let response = responses
            .iter()
            .find(|(answered, _)| *answered == name)
            .map(|(_, response)| response)
            .ok_or_else(|| invalid("is missing"))?;
        let sign_data = base64(&response.signature).map_err(|_| invalid("is not Base64"))?;
        if !signature::verify(&signer.key, &job.blob, &sign_data) {
            return Err(invalid("does not sign the payload"));
        }
        // Two identifiers may name the same key, which signs once.
        if !seen.insert(signer.key) {
            continue;
        }
        signatures.push(protocol::Signature {
            public_key: signer.key.to_string(),
            sign_data,
        });
    }
    let envelope = v1::Envelope {
        transaction: job.blob.clone(),
        signatures,
    };
    Ok(envelope.encode_to_vec())
}

/// Either alphabet, with padding or without: clients have all four.
fn base64(text: &str) -> Result<Vec<u8>, base64::DecodeError> {
    const CONFIG: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    const PLAIN: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, CONFIG);
    const FOR_URLS: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, CONFIG);
    PLAIN.decode(text).or_else(|_| FOR_URLS.decode(text))
}

/// The record of a document in the W3C's form, if it keeps this chain's rules.
fn parse_w3c(document: &serde_json::Value) -> Result<v1::DidDocument, Rejection> {
    Ok((&from_w3c(document)?).into())
}

fn invalid(detail: impl Into<String>) -> Rejection {
    Rejection::new(INVALID_PARAMETER, detail)
}

/// A DID that a request names.
fn parse_did(text: &str) -> Result<starfire_did::Did, Rejection> {
    accounts::parse_did(text)
}

#[cfg(test)]
mod tests;
