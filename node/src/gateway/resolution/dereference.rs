//! What stands in a document, or behind one of its services. Resources stand beside: [`super::resource`].

use axum::response::Response;
use serde_json::{Value, json};
use starfire_did::dereference::{Accept, DereferenceError, Dereferenced, dereference};
use starfire_did::document::{Document, Relationship};
use starfire_did::resolution::{Problem, ProblemKind, Question, Representation};
use starfire_state::Rejection;

use super::cache::ttl_seconds;
use super::lookup::Answer;
use super::media::{URI_LIST, Wrap};
use super::reply::{Keep, json_reply, kept, see_other};
use super::{Asked, status_of};
use crate::web_did;

/// The result of resolving as one of dereferencing this URL.
pub(super) fn wrapped(result: &Value, url: &str) -> Value {
    let mut metadata = result["didResolutionMetadata"].clone();
    metadata["didUrl"] = json!(url);
    json!({
        "content": result["didDocument"],
        "dereferencingMetadata": metadata,
        "contentMetadata": result["didDocumentMetadata"],
    })
}

/// The reply to a DID URL, whose DID resolved to `result`.
pub(super) fn answer(
    asked: &Asked,
    question: &Question,
    answer: &Answer,
    form: Representation,
    result: Value,
) -> Result<Response, Problem> {
    let dereferencing = Wrap::Dereferencing.media_type();
    let url = asked.target.asked_for(question);
    if let Some(error) = result["didResolutionMetadata"].get("error") {
        return Ok(json_reply(
            status_of(error),
            dereferencing,
            &wrapped(&result, &url),
        ));
    }
    if !question.did.is_account() {
        return in_document(asked, form, &result);
    }
    let record = answer.found.record.as_ref();
    let Some(document) = record.and_then(|record| record.document.clone()) else {
        return Ok(json_reply(410, dereferencing, &wrapped(&result, &url)));
    };
    let document = Document::try_from(document).map_err(|error| {
        let detail = Rejection::from(error).detail;
        Problem::new(ProblemKind::InvalidDidDocument, detail)
    })?;
    let accept = match asked.accept.uri_list && asked.target.wants_service {
        true => Accept::UriList,
        false => Accept::Document(form),
    };
    let relationship = asked.options.verification_relationship;
    let found = dereference(&document, &asked.target.url, accept, relationship)
        .map_err(|error| Problem::from(&error))?;
    let (content, content_type) = match found {
        Dereferenced::Document(content) | Dereferenced::Entry(content) => {
            (content, form.media_type())
        }
        Dereferenced::Urls(urls) if asked.accept.wrap.is_none() => {
            // DID Resolution §12.1: status 303, the address in Location, and an empty body.
            return urls.iter().find_map(|url| see_other(url)).ok_or_else(|| {
                let detail = "nobody is redirected there, only to http, https and did: ask for application/did-url-dereferencing, and \
                     decide for yourself";
                Problem::new(ProblemKind::RepresentationNotSupported, detail)
            });
        }
        Dereferenced::Urls(urls) => (json!(urls), URI_LIST),
        Dereferenced::Resource(_) => {
            return Err(Problem::new(ProblemKind::NotFound, "there is no such path"));
        }
    };
    let (media_type, body) = match asked.accept.wrap {
        None => (content_type, content),
        Some(_) => {
            let body = json!({
                "content": content,
                "dereferencingMetadata": {
                    "contentType": content_type,
                    "didUrl": url,
                },
                "contentMetadata": result["didDocumentMetadata"],
            });
            (dereferencing, body)
        }
    };
    let response = json_reply(200, media_type, &body);
    let seconds = ttl_seconds(answer.found.record.as_ref());
    let keep = Keep::of(&answer.found, seconds, media_type, content_type);
    let keep = keep.filter(|_| !asked.options.no_cache);
    Ok(kept(response, keep, &asked.headers))
}

/// A part of a document that is no record of ours: by its fragment alone.
pub(super) fn in_document(
    asked: &Asked,
    form: Representation,
    result: &Value,
) -> Result<Response, Problem> {
    let document = &result["didDocument"];
    let did = document["id"].as_str().unwrap_or_default();
    let not_found =
        |what: &str| Problem::new(ProblemKind::NotFound, format!("{did} has no {what}"));
    let Some(fragment) = asked
        .target
        .url
        .fragment()
        .filter(|_| !asked.target.names_more())
    else {
        if asked.target.wants_service && web_did::is_of_method(did) {
            let detail = "services of a did:web document are dereferenced by their fragments alone";
            return Err(Problem::new(ProblemKind::FeatureNotSupported, detail));
        }
        return Err(not_found("such service or path"));
    };
    let (id, relative) = (format!("{did}#{fragment}"), format!("#{fragment}"));
    // Documents of others may name their parts in short.
    let is_it = |name: &Value| *name == id.as_str() || *name == relative.as_str();
    let listed = |list: &str| document[list].as_array().into_iter().flatten();
    // DID Core §5.3: a relationship names its methods, or holds them.
    let embedded = Relationship::ALL.into_iter();
    let embedded = embedded.flat_map(|relationship| listed(relationship.name()));
    let mut methods = listed("verificationMethod").chain(embedded);
    let method = methods.find(|part| is_it(&part["id"]));
    let service = listed("service").find(|part| is_it(&part["id"]));
    let part = match (method, service, asked.options.verification_relationship) {
        (Some(method), _, None) => method,
        (Some(method), _, Some(wanted)) => {
            if !listed(wanted.name()).any(|entry| is_it(entry) || is_it(&entry["id"])) {
                let detail = format!("{id} is no key for {}", wanted.name());
                return Err(Problem::new(ProblemKind::InvalidRelationship, detail));
            }
            method
        }
        (None, Some(service), None) => service,
        (None, Some(_), Some(_)) => {
            return Err(Problem::from(&DereferenceError::NotAMethod(id)));
        }
        (None, None, _) => return Err(not_found(&format!("#{fragment}"))),
    };
    let Some(_) = asked.accept.wrap else {
        return Ok(json_reply(200, form.media_type(), part));
    };
    let body = json!({
        "content": part,
        "dereferencingMetadata": {
            "contentType": form.media_type(),
            "didUrl": asked.target.text,
        },
        "contentMetadata": result["didDocumentMetadata"],
    });
    Ok(json_reply(200, Wrap::Dereferencing.media_type(), &body))
}
