//! Resources of a DID: `/resources/{name}` behind it, of any version.

use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use starfire_crosschain::proof_file;
use starfire_did::dereference::DereferenceError;
use starfire_did::resolution::{At, Problem, ProblemKind, Question, Representation};
pub(in crate::gateway) use starfire_did::resource::metadata;
use starfire_did::{path, resource};
use starfire_proto::v1;
use starfire_state::{Rejection, View};

use super::super::facts::not_frozen;
use super::super::{Gateway, dids, resolver};
use super::media::Wrap;
use super::reply::{Keep, json_reply, kept, reply};
use super::{Asked, Wanted, dereference, problem};

/// The first part of a resource's path.
const RESOURCES: &str = "resources";

/// A version of a resource.
struct Found {
    record: v1::DidResourceRecord,
    content: Vec<u8>,
    proof: Option<Value>,
}

/// The reply to a question about a resource.
pub(super) async fn answer(
    gateway: &Gateway,
    asked: &Asked,
    question: Question,
) -> Result<Response, Problem> {
    let url = &asked.target.url;
    let named = match url.path() {
        [root, name] if root == RESOURCES => Some((name, question.at)),
        [root, name, version] if root == RESOURCES && question.at == At::Newest => {
            At::parse(Some(version), None).ok().map(|at| (name, at))
        }
        _ => None,
    };
    if asked.target.wants_service {
        return Err(Problem::from(&DereferenceError::PathAndService));
    }
    let Some((name, at)) = named.filter(|_| url.fragment().is_none()) else {
        let detail = "behind a DID stand its resources alone, at /resources/{name}";
        return Err(Problem::new(ProblemKind::NotFound, detail));
    };
    // The version stands in the path, or in the query.
    let versioned = question;
    let question = Question { at, ..question };
    if let Some(gone) = gone(gateway, asked, question).await? {
        return Ok(gone);
    }
    let proof = asked.options.proof && asked.accept.wraps_content();
    let found = find(gateway, question, name, proof).await?.ok_or_else(|| {
        let detail = format!(
            "{} has no such version of a resource {name:?}",
            question.did
        );
        Problem::new(ProblemKind::NotFound, detail)
    })?;
    let fixed = matches!(question.at, At::Version(_));
    if asked.accept.wraps_content() {
        let body = wrapped(&found, &asked.target.asked_for(&versioned));
        let media_type = Wrap::Dereferencing.media_type();
        let response = json_reply(200, media_type, &body);
        let keep = Keep::of_resource(&found.record, media_type, fixed);
        return Ok(kept(response, Some(keep), &asked.headers));
    }
    let media_type = &found.record.media_type;
    if !asked.accept.takes(media_type) {
        let detail = format!("the resource is had as {media_type}");
        return Err(Problem::new(
            ProblemKind::RepresentationNotSupported,
            detail,
        ));
    }
    let media_type = match media_type.starts_with("text/") {
        true => format!("{media_type};charset=utf-8"),
        false => media_type.clone(),
    };
    let keep = Keep::of_resource(&found.record, &media_type, fixed);
    Ok(kept(
        reply(200, media_type, found.content),
        Some(keep),
        &asked.headers,
    ))
}

/// The reply in place of a resource whose DID has ended, or had at the time asked for: as to any part of its document. A version of a
/// resource that is named is older than the end, as an older version of the document is.
// DID Resolution §5.4.1: the DID is resolved first; §12.1: of one that is deactivated "the HTTP response status code MUST be 410".
async fn gone(
    gateway: &Gateway,
    asked: &Asked,
    question: Question,
) -> Result<Option<Response>, Problem> {
    if matches!(question.at, At::Version(_)) {
        return Ok(None);
    }
    let fresh = asked.options.no_cache;
    let without = Wanted {
        proof: false,
        fresh,
    };
    let answer = gateway.look_up(question, without).await.map_err(problem)?;
    if !answer.found.record.is_some_and(|record| record.deactivated) {
        return Ok(None);
    }
    let proved = Wanted {
        proof: asked.options.proof && asked.accept.wrap.is_some(),
        fresh,
    };
    let answer = gateway.look_up(question, proved).await.map_err(problem)?;
    let result = super::result(&question, &answer, Representation::V1_1)?;
    let body = dereference::wrapped(&result, &asked.target.asked_for(&question));
    let media_type = Wrap::Dereferencing.media_type();
    Ok(Some(json_reply(410, media_type, &body)))
}

/// JSON as itself, text as a string, other bytes in base64.
fn wrapped(found: &Found, url: &str) -> Value {
    let record = &found.record;
    let media_type = record.media_type.as_str();
    let json_type = media_type == "application/json" || media_type.ends_with("+json");
    let as_json = json_type
        .then(|| serde_json::from_slice::<Value>(&found.content).ok())
        .flatten();
    let as_text = || match media_type.starts_with("text/") {
        true => std::str::from_utf8(&found.content).ok().map(Value::from),
        false => None,
    };
    let mut metadata = metadata(record);
    let content = as_json.or_else(as_text).unwrap_or_else(|| {
        metadata.insert("contentEncoding".into(), json!("base64"));
        json!(STANDARD.encode(&found.content))
    });
    if let Some(proof) = &found.proof {
        metadata.insert("proof".into(), json!([proof]));
    }
    json!({
        "content": content,
        "dereferencingMetadata": { "contentType": media_type, "didUrl": url },
        "contentMetadata": metadata,
    })
}

/// The paths that prove the answer, its own first.
fn paths(question: Question, name: &str, state: &dyn View) -> Vec<Vec<u8>> {
    let did = &question.did;
    match question.at {
        At::Newest => resource::proof_paths(did, name, None),
        At::Version(version) => resource::proof_paths(did, name, Some(version)),
        At::Time(time) => resource::proof_paths_at(state, did, name, time),
    }
}

async fn find(
    gateway: &Gateway,
    question: Question,
    name: &str,
    proof: bool,
) -> Result<Option<Found>, Problem> {
    let here = gateway.chain_code().await.map_err(problem)?;
    match (here, question.did.chain_code()) {
        (here, of) if here == of => here_found(gateway, question, name.to_owned(), proof)
            .await
            .map_err(problem),
        (None, Some(_)) if matches!(question.at, At::Time(_)) => {
            let detail = "resources of a sub-chain as of a time: ask a gateway of that chain, or by versionId";
            Err(Problem::new(ProblemKind::FeatureNotSupported, detail))
        }
        (None, Some(_)) => on_sub_chain(gateway, question, name).await.map_err(problem),
        (here, _) => Err(problem(dids::other_chain(&question.did, here))),
    }
}

async fn here_found(
    gateway: &Gateway,
    question: Question,
    name: String,
    proof: bool,
) -> Result<Option<Found>, Rejection> {
    let (record, proof) = if proof {
        let asked = name.clone();
        let proof = gateway
            .prove_newest(move |state| paths(question, &asked, state))
            .await?;
        (
            dids::value(&proof, 0)?,
            proof_file::state_proof(&proof, None),
        )
    } else {
        let record = gateway.read(move |view| {
            let state = view.state();
            Ok(match question.at {
                At::Newest => resource::find(state.as_ref(), &question.did, &name, None),
                At::Version(version) => {
                    resource::find(state.as_ref(), &question.did, &name, Some(version))
                }
                At::Time(time) => resource::find_at(state.as_ref(), &question.did, &name, time),
            })
        });
        (record.await?, None)
    };
    let Some(record): Option<v1::DidResourceRecord> = record else {
        return Ok(None);
    };
    gateway
        .read(move |view| {
            let content = resource::content(view.state().as_ref(), &record);
            Ok(content.map(|content| Found {
                record,
                content,
                proof,
            }))
        })
        .await
}

/// Asks the sub-chain's gateways twice: for the record, and for the bytes of the version that it names.
async fn on_sub_chain(
    gateway: &Gateway,
    question: Question,
    name: &str,
) -> Result<Option<Found>, Rejection> {
    let Some(code) = question.did.chain_code() else {
        return Ok(None);
    };
    let (chain, anchor, anchor_proof) = gateway.newest_anchor(code).await?;
    let (Some(chain), Some(anchor)) = (chain, anchor) else {
        return Ok(None);
    };
    not_frozen(&chain)?;
    let _seat = gateway.ask_seat(code)?;
    let version = match question.at {
        At::Version(version) => Some(version),
        At::Newest | At::Time(_) => None,
    };
    let keys = resource::proof_paths(&question.did, name, version);
    let proof = resolver::ask(&chain, &anchor, keys).await?;
    let Some(record): Option<v1::DidResourceRecord> = dids::value(&proof, 0)? else {
        return Ok(None);
    };
    let bytes = path::resource_content(&question.did, name, record.version);
    let content = resolver::ask(&chain, &anchor, vec![bytes]).await?;
    let content = content
        .values
        .into_iter()
        .next()
        .filter(|value| value.present);
    Ok(content.map(|content| Found {
        proof: proof_file::state_proof(&proof, Some(&anchor_proof)),
        record,
        content: content.value,
    }))
}
