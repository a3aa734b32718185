//! DIDs over HTTP: the W3C DID Resolution binding, and beside it the paths of BIF's RFC-005.
//!
//! A request goes one way: [`request`] and [`options`] read it, [`media`] says which form the caller takes, [`lookup`] asks the
//! chain, and [`reply`] wraps what [`starfire_did::resolution`] makes of it. Every answer carries a state proof unless the caller
//! does without, so nobody has to believe this node. Routes, options and errors: `docs/did-resolution.md`.

mod aggregate;
mod bid;
mod cache;
mod dereference;
mod follow;
mod followed;
mod lookup;
mod media;
mod options;
mod properties;
mod reply;
mod request;
mod resource;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use axum::response::Response;
use axum::routing::get;
use serde_json::{Value, json};
use starfire_crosschain::chain_document;
use starfire_crosschain::proof_file::{self, ProofView};
use starfire_did::dereference::DereferenceError;
use starfire_did::id::{AccountKind, DidError};
use starfire_did::resolution::{
    self, At, Problem, ProblemKind, Question, Representation, Resolved,
};
use starfire_did::{Did, foreign};
use starfire_state::Rejection;

use super::{Gateway, error, legacy};
use crate::web_did::{self, Refusal};
pub(super) use bid::facade;
pub(super) use cache::Answers;
use lookup::Answer;
pub(super) use lookup::{Wanted, anchor_keys};
use media::{Accept, Wrap};
use options::Options;
use reply::{Keep, json_reply, json_text_reply, kept};
use request::{Names, Target};
pub(super) use resource::metadata as resource_metadata;

/// Where DIDs are resolved.
const IDENTIFIERS: &str = "/1.0/identifiers/";
/// The longest body of options, bytes.
const OPTIONS_BYTES_MAX: usize = 16 << 10;

/// The routes of the binding.
pub(super) fn router(gateway: Gateway) -> Router {
    let identifiers = || get(identifiers).post(identifiers).options(preflight);
    Router::new()
        .route("/1.0/identifiers/", identifiers())
        .route("/1.0/identifiers/{*did}", identifiers())
        .route("/1.0/properties", get(properties::properties))
        .route("/1.0/methods", get(properties::methods))
        .route("/1.0/traits", get(properties::traits))
        .with_state(gateway)
}

async fn preflight() -> Response {
    reply::preflight()
}

/// A request, read.
#[derive(Debug)]
pub(super) struct Asked {
    target: Target,
    options: Options,
    accept: Accept,
    headers: HeaderMap,
}

async fn identifiers(State(gateway): State<Gateway>, request: Request) -> Response {
    resolve(&gateway, request).await
}

/// Whether a request is one that [`resolve`] answers.
pub(super) fn is_resolution(request: &Request) -> bool {
    let rest = request.uri().path().strip_prefix(IDENTIFIERS);
    request.method() == Method::GET && rest.is_some_and(|rest| !rest.is_empty())
}

/// Answers a request at [`IDENTIFIERS`].
pub(super) async fn resolve(gateway: &Gateway, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let names = Names::of(below(&parts), parts.uri.query());
    let accept = Accept::of(&parts.headers).about(names);
    let wrap = accept.whole;
    let asked = match read(parts, body, accept, names).await {
        Ok(asked) => asked,
        Err(problem) => return reply::problem(&problem, wrap),
    };
    let wrap = asked.accept.whole;
    match answer(gateway, asked).await {
        Ok(response) => response,
        Err(problem) => reply::problem(&problem, wrap),
    }
}

/// What follows [`IDENTIFIERS`].
fn below(parts: &Parts) -> &str {
    let path = parts.uri.path().strip_prefix(IDENTIFIERS);
    path.unwrap_or_default()
}

async fn read(parts: Parts, body: Body, accept: Accept, names: Names) -> Result<Asked, Problem> {
    let mut options = Options::default();
    let mut seen = Vec::new();
    let target = Target::parse(below(&parts), parts.uri.query(), &mut options, &mut seen)?;
    if parts.method == Method::POST {
        let body: Bytes = to_bytes(body, OPTIONS_BYTES_MAX).await.map_err(|_| {
            let detail = format!("options have at most {OPTIONS_BYTES_MAX} bytes");
            Problem::new(ProblemKind::InvalidOptions, detail)
        })?;
        if !body.is_empty() {
            options.take_json(&mut seen, &body)?;
        }
    }
    let by_option = options.accept.as_deref();
    let accept = by_option.map_or(accept, |text| Accept::parse(text).about(names));
    let mut headers = parts.headers;
    if parts.method == Method::POST {
        // RFC 9110 §13.1.2: only GET and HEAD are answered with "not modified".
        headers.remove(header::IF_NONE_MATCH);
    }
    Ok(Asked {
        target,
        options,
        accept,
        headers,
    })
}

async fn answer(gateway: &Gateway, asked: Asked) -> Result<Response, Problem> {
    let text = asked.target.url.did();
    // DID Resolution §4.4: whether it is a DID, and of a method that is resolved here, comes before the options.
    let did = match Did::parse(text) {
        Ok(did) if did.kind() == Some(AccountKind::Secp256k1) => match gateway.legacy(text).await {
            Some(detail) => return Err(former(text, detail)),
            None => Some(did),
        },
        Ok(did) => Some(did),
        Err(_) if web_did::is_of_method(text) && gateway.backend.web_dids.is_none() => {
            return Err(Problem::from(&Refusal::Off));
        }
        Err(_) if !text.starts_with("did:bid:") => None,
        Err(error) => return Err(no_did(gateway, text, &error).await),
    };
    let url = &asked.target.url;
    let at = asked.options.at(url.parameters())?;
    if asked.options.verification_relationship.is_some() && url.fragment().is_none() {
        // DID Resolution §5.1: it is what a verification method must be for, and nothing else than a fragment names one.
        return Err(Problem::from(&DereferenceError::NotAMethod(
            asked.target.text,
        )));
    }
    let Some(did) = did else {
        return of_another_method(gateway, &asked, at).await;
    };
    let question = Question { did, at };
    if !asked.target.url.path().is_empty() {
        return resource::answer(gateway, &asked, question).await;
    }
    let form = form(&asked)?;
    // Who wants the document alone has nowhere to put a proof.
    let wanted = Wanted {
        proof: asked.options.proof && asked.accept.wrap.is_some(),
        fresh: asked.options.no_cache,
    };
    let answer = gateway.look_up(question, wanted).await.map_err(problem)?;
    let answer = answer.only(wanted);
    let wrap = asked.accept.wrap.unwrap_or(asked.accept.whole);
    let alone = !asked.options.aggregate && wrap != Wrap::Dereferencing;
    if alone && did.is_account() && asked.target.is_document() {
        return written(&asked, &question, answer, form);
    }
    let mut result = result(&question, &answer, form)?;
    if asked.options.aggregate {
        aggregate::add(gateway, &question, &answer, form, wanted, &mut result).await?;
    }
    if asked.target.is_document() {
        Ok(document_response(&asked, &question, &answer, form, &result))
    } else {
        dereference::answer(&asked, &question, &answer, form, result)
    }
}

/// What is said of a text that only looks like a DID of ours.
async fn no_did(gateway: &Gateway, text: &str, error: &DidError) -> Problem {
    match gateway.legacy(text).await {
        Some(detail) => former(text, detail),
        None => Problem::new(ProblemKind::InvalidDid, error.to_string()),
    }
}

/// The answer about a legacy identifier.
fn former(text: &str, detail: String) -> Problem {
    legacy::tell(text);
    Problem::new(ProblemKind::NotFound, detail)
}

/// The document's form that the caller takes.
fn form(asked: &Asked) -> Result<Representation, Problem> {
    let service_alone = asked.accept.uri_list && asked.target.wants_service;
    asked
        .accept
        .form
        .or(service_alone.then_some(Representation::V1_1))
        .ok_or_else(|| {
            let known = Representation::ALL
                .map(Representation::media_type)
                .join(", ");
            let detail = format!("a document is had as {known}");
            Problem::new(ProblemKind::RepresentationNotSupported, detail)
        })
}

/// The whole result of resolving, with its proof if there is one.
fn result(question: &Question, answer: &Answer, form: Representation) -> Result<Value, Problem> {
    let mut result = if question.did.is_account() {
        resolution::result(question, &answer.found, form)
    } else {
        chain_document::resolution_result(question, answer.sub_chain.as_ref(), form)
    };
    if let Some(proof) = proof(answer)? {
        let proof = serde_json::to_value(proof).map_err(|_| not_encoded())?;
        proof_file::attach(&mut result, proof);
    }
    Ok(result)
}

/// The proof of an answer, if it has one, as a result carries it.
fn proof(answer: &Answer) -> Result<Option<ProofView<'_>>, Problem> {
    let (proof, anchor) = match (&answer.proof, &answer.anchor) {
        (Some(proof), anchor) => (proof, anchor.as_ref()),
        // Only the main chain is asked: it knows no such sub-chain.
        (None, Some(anchor)) => (anchor, None),
        (None, None) => return Ok(None),
    };
    ProofView::new(proof, anchor)
        .ok_or_else(not_encoded)
        .map(Some)
}

fn not_encoded() -> Problem {
    Problem::new(
        ProblemKind::InternalError,
        "the state proof does not encode",
    )
}

/// The reply to the commonest question, about a document as a whole: what [`document_response`] replies, written out at once.
fn written(
    asked: &Asked,
    question: &Question,
    mut answer: Answer,
    form: Representation,
) -> Result<Response, Problem> {
    let seconds = cache::ttl_seconds(answer.found.record.as_ref());
    // Taken, so that the rest of the answer can be read beside it.
    let mut found = std::mem::take(&mut answer.found);
    let resolved = Resolved::new(question, &mut found, form);
    // DID Resolution §12.1: "The HTTP response status code MUST be 410."
    let status = match resolved.problem() {
        Some(problem) => problem.kind.status(),
        None if resolved.is_deactivated() => 410,
        None => 200,
    };
    let (media_type, text, fresh) = match asked.accept.wrap {
        None if status == 200 => (form.media_type(), resolved.document_text(), false),
        wrap => {
            // There is no document to send alone.
            let media_type = wrap.unwrap_or(asked.accept.whole).media_type();
            let text = resolved.text(proof(&answer)?);
            (media_type, text, asked.options.no_cache)
        }
    };
    let keep = Keep::of(&found, seconds, media_type, form.media_type()).filter(|_| !fresh);
    let response = json_text_reply(status, media_type, text);
    Ok(kept(response, keep, &asked.headers))
}

/// The reply to a question about a document.
fn document_response(
    asked: &Asked,
    question: &Question,
    answer: &Answer,
    form: Representation,
    result: &Value,
) -> Response {
    let error = result["didResolutionMetadata"].get("error");
    let deactivated = result["didDocumentMetadata"]["deactivated"] == json!(true);
    let seconds = cache::ttl_seconds(answer.found.record.as_ref());
    // DID Resolution §12.1: "The HTTP response status code MUST be 410."
    let status = match error {
        Some(error) => status_of(error),
        None if deactivated => 410,
        None => 200,
    };
    let wrap = match asked.accept.wrap {
        Some(wrap) => wrap,
        // There is no document to send alone.
        None if status != 200 => asked.accept.whole,
        None => {
            let media_type = form.media_type();
            let response = json_reply(200, media_type, &result["didDocument"]);
            let keep = Keep::of(&answer.found, seconds, media_type, media_type);
            return kept(response, keep, &asked.headers);
        }
    };
    let response = match wrap {
        Wrap::Resolution | Wrap::LegacyResolution => json_reply(status, wrap.media_type(), result),
        Wrap::Dereferencing => {
            let url = asked.target.asked_for(question);
            json_reply(
                status,
                wrap.media_type(),
                &dereference::wrapped(result, &url),
            )
        }
    };
    let fresh = asked.options.no_cache || asked.options.aggregate;
    let keep = Keep::of(&answer.found, seconds, wrap.media_type(), form.media_type());
    let keep = keep.filter(|_| !fresh);
    kept(response, keep, &asked.headers)
}

/// The HTTP status of an error object of ours.
fn status_of(error: &Value) -> u16 {
    let name = error["type"]
        .as_str()
        .and_then(|name| name.rsplit('#').next());
    name.and_then(ProblemKind::named)
        .map_or(500, ProblemKind::status)
}

/// The reply about a DID of a method that has no chain, and so no versions and no proof.
async fn of_another_method(gateway: &Gateway, asked: &Asked, at: At) -> Result<Response, Problem> {
    if at != At::Newest {
        let detail = "DIDs of this method have one version";
        return Err(Problem::new(ProblemKind::FeatureNotSupported, detail));
    }
    let did = asked.target.url.did();
    let form = form(asked)?;
    match &gateway.backend.web_dids {
        Some(web) if web_did::is_of_method(did) => {
            let fetched = web.document(did, asked.options.no_cache).await;
            let document = fetched.map_err(|refusal| Problem::from(&refusal))?.document;
            // It is the website's own, and is sent as it stands.
            let form = Representation::of_document(&document);
            without_a_chain(asked, &document, form, false)
        }
        Some(_) | None => {
            let document = foreign::document_as(did, form)?;
            without_a_chain(asked, &document, form, true)
        }
    }
}

/// A document of this form that no chain holds. Some never change.
fn without_a_chain(
    asked: &Asked,
    document: &Value,
    form: Representation,
    stays: bool,
) -> Result<Response, Problem> {
    let did = asked.target.url.did();
    let result = json!({
        "didDocument": document,
        "didResolutionMetadata": { "contentType": form.media_type(), "didUrl": did },
        "didDocumentMetadata": {},
    });
    if !asked.target.is_document() {
        return dereference::in_document(asked, form, &result);
    }
    let response = match asked.accept.wrap {
        None => json_reply(200, form.media_type(), &result["didDocument"]),
        Some(Wrap::Dereferencing) => json_reply(
            200,
            Wrap::Dereferencing.media_type(),
            &dereference::wrapped(&result, &asked.target.text),
        ),
        Some(wrap) => json_reply(200, wrap.media_type(), &result),
    };
    let media_type = asked
        .accept
        .wrap
        .map_or(form.media_type(), Wrap::media_type);
    let keep = stays.then(|| Keep::for_ever(media_type, form.media_type()));
    Ok(kept(response, keep, &asked.headers))
}

/// A refusal of this node, as the standard knows it.
fn problem(rejection: Rejection) -> Problem {
    let kind = match rejection.code {
        error::INVALID_ADDRESS => ProblemKind::InvalidDid,
        error::DID_OTHER_CHAIN => ProblemKind::FeatureNotSupported,
        error::FEATURE_NOT_SUPPORTED => {
            // The kind is the code.
            return Problem::new(ProblemKind::FeatureNotSupported, rejection.detail);
        }
        code => match ProblemKind::named(code.name).filter(|kind| kind.is_of_the_resolver()) {
            // The kind is the code.
            Some(kind) => return Problem::new(kind, rejection.detail),
            None => ProblemKind::InternalError,
        },
    };
    Problem::new(kind, rejection.to_string())
}

#[cfg(test)]
mod tests;
