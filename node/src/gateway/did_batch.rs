//! Many DIDs in one question, each with an answer of its own, and what is proved under one header.
//!
//! DIDs of this chain are read at one height. Those of sub-chains are asked for one by one, as if each had been asked for alone, so
//! only a few of them go into one question.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use futures::{StreamExt, stream};
use serde_json::{Value, json};
use starfire_crosschain::proof_file;
use starfire_did::code::DID_NOT_FOUND;
use starfire_did::resolution::{
    self, At, Found, Origin, Problem, ProblemKind, Question, Representation,
};
use starfire_did::{Did, resolve};
use starfire_proto::v1;
use starfire_state::Rejection;

use super::dids::{other_chain, value};
use super::error::{self, DID_OTHER_CHAIN, INVALID_ADDRESS, INVALID_PARAMETER};
use super::fields::{Fields, read_body};
use super::{Gateway, legacy};

/// What documents are rendered as.
const FORM: Representation = Representation::JsonLd;
/// DIDs in one question.
const IDENTIFIERS_MAX: usize = 1_000;
/// Of those, DIDs of sub-chains.
const ELSEWHERE_MAX: usize = 64;
/// Questions to sub-chains at one time, for one batch.
const ELSEWHERE_AT_ONCE: usize = 8;
/// The longest question: as many of the longest DIDs, and room.
const BODY_BYTES_MAX: usize = 64 << 10;
/// Bytes of documents in one answer. DIDs after that are refused with [`error::BUSY`].
const DOCUMENTS_BYTES_MAX: usize = 8 << 20;

pub(super) fn router(gateway: Gateway) -> Router {
    Router::new()
        .route("/1.0/identifiers:batch", post(batch))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(gateway)
}

struct Batch {
    identifiers: Vec<String>,
    proof: bool,
}

async fn batch(State(gateway): State<Gateway>, body: Result<Bytes, BytesRejection>) -> Response {
    let outcome = match question(body) {
        Ok(question) => {
            let request = v1::BatchResolveRequest {
                dids: question.identifiers,
                proof: question.proof,
            };
            gateway.resolve_batch(request).await
        }
        Err(rejection) => Err(rejection),
    };
    match outcome {
        Ok(answer) => Json(rendered(&answer)).into_response(),
        Err(rejection) => error::response(&rejection),
    }
}

fn question(body: Result<Bytes, BytesRejection>) -> Result<Batch, Rejection> {
    let mut body = Fields::of_body(&read_body(body, BODY_BYTES_MAX)?)?;
    let identifiers = body.texts("identifiers")?;
    let mut options = body.object("options")?;
    let proof = options.flag("proof")?;
    options.nothing_else()?;
    body.nothing_else()?;
    Ok(Batch { identifiers, proof })
}

fn rendered(answer: &v1::BatchResolveResponse) -> Value {
    let results: Vec<Value> = answer.resolutions.iter().map(result).collect();
    let mut rendered = json!({ "results": results });
    if let Some(proof) = &answer.proof {
        rendered["proof"] = json!(proof_file::state_proof(proof, None));
    }
    rendered
}

/// The result as resolving the DID alone would have it, but for the proof that all share.
fn result(answer: &v1::BatchResolution) -> Value {
    // An identifier of an earlier generation, which may be no DID by today's grammar.
    if answer.code == DID_NOT_FOUND.name {
        return unresolved(&problem(&answer.code, &answer.detail));
    }
    let did = match Did::parse(&answer.did) {
        Ok(did) => did,
        Err(_) if answer.did.starts_with("did:") && !answer.did.starts_with("did:bid:") => {
            let detail = "a batch has DIDs of did:bid alone; resolve others one by one";
            return unresolved(&Problem::new(ProblemKind::MethodNotSupported, detail));
        }
        Err(error) => return unresolved(&Problem::new(ProblemKind::InvalidDid, error.to_string())),
    };
    if !answer.code.is_empty() {
        return unresolved(&problem(&answer.code, &answer.detail));
    }
    let question = Question {
        did,
        at: At::Newest,
    };
    let found = Found {
        newest: answer.record.as_ref().map(|record| record.version),
        record: answer.record.clone(),
        next: None,
        origin: Origin::default(),
    };
    let mut result = resolution::result(&question, &found, FORM);
    // A sub-chain as a whole has no record, and a document that follows from what the main chain knows of it.
    if found.record.is_none()
        && let Ok(document) = serde_json::from_str::<Value>(&answer.document)
    {
        result["didDocument"] = document;
        result["didResolutionMetadata"] =
            json!({ "didUrl": answer.did, "contentType": FORM.media_type() });
    }
    let proof = match (&answer.proof, &answer.anchor_proof) {
        (Some(proof), anchor) => proof_file::state_proof(proof, anchor.as_ref()),
        (None, Some(anchor)) => proof_file::state_proof(anchor, None),
        (None, None) => None,
    };
    if let Some(proof) = proof {
        proof_file::attach(&mut result, proof);
    }
    result
}

/// What is wrong with one DID. What is no fault of its, such as a batch that is full, has its own code as type.
fn problem(code: &str, detail: &str) -> Problem {
    match ProblemKind::named(code).filter(|kind| kind.is_of_the_resolver()) {
        Some(kind) => Problem::new(kind, detail),
        None if code == DID_OTHER_CHAIN.name => Problem::new(
            ProblemKind::FeatureNotSupported,
            format!("{code}: {detail}"),
        ),
        None if code == DID_NOT_FOUND.name => Problem::new(ProblemKind::NotFound, detail),
        None => Problem::new(ProblemKind::InternalError, format!("{code}: {detail}")),
    }
}

fn unresolved(problem: &Problem) -> Value {
    json!({
        "didDocument": null,
        "didResolutionMetadata": { "error": problem.to_json() },
        "didDocumentMetadata": {},
    })
}

impl Gateway {
    pub(super) async fn resolve_batch(
        &self,
        request: v1::BatchResolveRequest,
    ) -> Result<v1::BatchResolveResponse, Rejection> {
        let v1::BatchResolveRequest { dids, proof } = request;
        if !(1..=IDENTIFIERS_MAX).contains(&dids.len()) {
            let detail = format!(
                "a batch has 1 to {IDENTIFIERS_MAX} DIDs, not {}",
                dids.len()
            );
            return Err(Rejection::new(INVALID_PARAMETER, detail));
        }
        let here = self.chain_code().await?;
        let mut resolutions: Vec<v1::BatchResolution> = Vec::with_capacity(dids.len());
        let (mut local, mut elsewhere) = (Vec::new(), Vec::new());
        let mut told = false;
        for (index, did) in dids.into_iter().enumerate() {
            let mut resolution = v1::BatchResolution {
                did: did.clone(),
                ..v1::BatchResolution::default()
            };
            if let Some(detail) = self.legacy(&did).await {
                if !told {
                    legacy::tell(&did);
                    told = true;
                }
                refuse(&mut resolution, Rejection::new(DID_NOT_FOUND, detail));
                resolutions.push(resolution);
                continue;
            }
            match Did::parse(&did) {
                Ok(did) if did.chain_code() == here && did.is_account() => {
                    local.push((index, did));
                }
                Ok(did) if here.is_some() => refuse(&mut resolution, other_chain(&did, here)),
                Ok(_) if elsewhere.len() == ELSEWHERE_MAX => refuse(&mut resolution, too_many()),
                Ok(_) => elsewhere.push((index, did)),
                Err(error) => refuse(
                    &mut resolution,
                    Rejection::new(INVALID_ADDRESS, error.to_string()),
                ),
            }
            resolutions.push(resolution);
        }

        let shared = self.resolve_here(local, proof, &mut resolutions).await?;
        let asked = stream::iter(elsewhere)
            .map(|(index, did)| async move {
                let request = v1::ResolveRequest {
                    did,
                    without_proof: !proof,
                    ..v1::ResolveRequest::default()
                };
                (index, self.resolve_did(request).await)
            })
            .buffer_unordered(ELSEWHERE_AT_ONCE)
            .collect::<Vec<_>>()
            .await;
        for (index, outcome) in asked {
            let resolution = &mut resolutions[index];
            match outcome {
                Ok(answer) => {
                    resolution.record = answer.record;
                    resolution.document = answer.document;
                    resolution.proof = answer.proof;
                    resolution.anchor_proof = answer.anchor_proof;
                }
                Err(rejection) => refuse(resolution, rejection),
            }
        }
        Ok(v1::BatchResolveResponse {
            resolutions,
            proof: shared,
        })
    }

    /// Fills in what this chain says of its own DIDs, all at one height.
    async fn resolve_here(
        &self,
        dids: Vec<(usize, Did)>,
        proof: bool,
        resolutions: &mut [v1::BatchResolution],
    ) -> Result<Option<v1::StateProof>, Rejection> {
        if dids.is_empty() {
            return Ok(None);
        }
        let (places, dids): (Vec<usize>, Vec<Did>) = dids.into_iter().unzip();
        let (records, proof) = if proof {
            let keys = dids.iter().flat_map(|did| resolve::proof_paths(did, None));
            let keys: Vec<_> = keys.collect();
            let proof = self.prove_newest(move |_| keys.clone()).await?;
            let records = (0..places.len()).map(|index| value::<v1::DidRecord>(&proof, index));
            (records.collect::<Result<Vec<_>, _>>()?, Some(proof))
        } else {
            let read = self.read(move |view| {
                let state = view.state();
                let resolve = |did| resolve::resolve(state.as_ref(), did, None);
                Ok(dids.iter().map(resolve).collect::<Vec<_>>())
            });
            (read.await?, None)
        };
        let mut bytes = 0;
        for (place, record) in places.into_iter().zip(records) {
            let answer = &mut resolutions[place];
            if bytes > DOCUMENTS_BYTES_MAX {
                refuse(answer, too_many());
                continue;
            }
            let document = record
                .as_ref()
                .map(|record| resolution::rendered(record, Origin::ThisChain, FORM))
                .transpose()
                .map_err(|problem| Rejection::new(error::INTERNAL, problem.detail))?;
            if let Some(document) = document.flatten() {
                answer.document = document.to_string();
                bytes += answer.document.len();
            }
            answer.record = record;
        }
        Ok(proof)
    }
}

fn refuse(resolution: &mut v1::BatchResolution, rejection: Rejection) {
    resolution.code = rejection.code.name.to_owned();
    resolution.detail = rejection.detail;
}

fn too_many() -> Rejection {
    Rejection::new(
        error::BUSY,
        "too much for one answer: ask for this DID in the next batch",
    )
}

#[cfg(test)]
mod tests;
