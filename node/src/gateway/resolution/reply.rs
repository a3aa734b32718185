//! Replies: their headers, and when a caller has the answer already.

use std::fmt::Write;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::{Value, json};
use starfire_did::document::TTL_SECONDS_DEFAULT;
use starfire_did::resolution::{Found, Problem};
use starfire_proto::v1;

use super::super::error;
use super::media::{RESOLUTION, Wrap};

/// What every reply says. A resource of a DID may be a page: it runs nothing here. Anyone's page may read these answers.
const COMMON: [(HeaderName, &str); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; sandbox",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    (
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        "etag, location, retry-after",
    ),
    (header::VARY, "accept"),
];
/// How many headers a reply has, as a rule.
const HEADERS: usize = 12;
/// How long a tag is, as a rule.
const TAG_BYTES: usize = 64;
const PREFLIGHT: [(HeaderName, &str); 3] = [
    (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, OPTIONS"),
    (
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        "accept, content-type, if-none-match",
    ),
    (header::ACCESS_CONTROL_MAX_AGE, "86400"),
];

/// How long, and under which name, a caller may keep an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Keep {
    tag: String,
    seconds: u32,
}

impl Keep {
    /// The tag names the version and the newest one, since metadata of an old version tells of the next. It does not name the
    /// height: the same state is proved again with every block.
    ///
    /// `media_type` is that of the reply, `content_type` that of the content in it, be that all or wrapped.
    pub(super) fn of(
        found: &Found,
        seconds: u32,
        media_type: &str,
        content_type: &str,
    ) -> Option<Self> {
        let record = found.record.as_ref()?;
        let newest = found.newest?;
        let mut tag = String::with_capacity(TAG_BYTES);
        // To write into text does not fail.
        let _ = write!(tag, "W/\"{}.{newest}.", record.version);
        push_kind(&mut tag, media_type, content_type);
        tag.push('"');
        Some(Self { tag, seconds })
    }

    /// Of a resource: a version never changes, the newest may be followed by another at any time, with the same bytes even.
    pub(super) fn of_resource(
        record: &v1::DidResourceRecord,
        media_type: &str,
        fixed: bool,
    ) -> Self {
        let mut tag = format!("W/\"{}.{}.", record.version, hex::encode(&record.checksum));
        push_kind(&mut tag, media_type, &record.media_type);
        tag.push('"');
        Self {
            tag,
            seconds: if fixed { TTL_SECONDS_DEFAULT } else { 0 },
        }
    }

    /// For what never changes.
    pub(super) fn for_ever(media_type: &str, content_type: &str) -> Self {
        let mut tag = "W/\"1.".to_owned();
        push_kind(&mut tag, media_type, content_type);
        tag.push('"');
        Self {
            tag,
            seconds: TTL_SECONDS_DEFAULT,
        }
    }
}

/// What a reply is, and what is in it.
// RFC 9110 §8.8.3: a tag tells apart the representations of one resource, "including those selected by content negotiation".
fn push_kind(tag: &mut String, media_type: &str, content_type: &str) {
    tag.push_str(essence(media_type));
    tag.push('.');
    tag.push_str(essence(content_type));
}

/// A media type without its parameters.
fn essence(media_type: &str) -> &str {
    media_type.split(';').next().unwrap_or_default().trim()
}

/// A reply with a body.
pub(super) fn reply(status: u16, media_type: impl Into<String>, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.reserve(HEADERS);
    for (name, value) in COMMON {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    let media_type = HeaderValue::try_from(media_type.into())
        .unwrap_or(HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::CONTENT_TYPE, media_type);
    response
}

/// A reply in JSON.
// Java's clients take what names no charset for ISO 8859-1.
pub(super) fn json_reply(status: u16, media_type: &str, body: &Value) -> Response {
    json_text_reply(status, media_type, body.to_string())
}

/// The same, of what is written out already.
pub(super) fn json_text_reply(status: u16, media_type: &str, body: String) -> Response {
    reply(status, [media_type, ";charset=utf-8"].concat(), body)
}

/// Lets the caller keep the reply, or tells it that it has it.
pub(super) fn kept(mut response: Response, keep: Option<Keep>, asked: &HeaderMap) -> Response {
    let Some(keep) = keep else {
        return response;
    };
    let has_it = asked
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|tag| is_same(tag.trim(), &keep.tag));
    // RFC 9110 §13.1.2: instead of a successful answer.
    if has_it && response.status() == StatusCode::OK {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        *response.body_mut() = Body::empty();
        response.headers_mut().remove(header::CONTENT_TYPE);
    }
    let headers = response.headers_mut();
    if let Ok(tag) = HeaderValue::try_from(keep.tag) {
        headers.insert(header::ETAG, tag);
    }
    if let Ok(age) = HeaderValue::try_from(format!("public, max-age={}", keep.seconds)) {
        headers.insert(header::CACHE_CONTROL, age);
    }
    response
}

// RFC 9110 §8.8.3.2: weak comparison.
fn is_same(asked: &str, ours: &str) -> bool {
    let opaque = |tag: &str| tag.strip_prefix("W/").unwrap_or(tag).to_owned();
    asked == "*" || opaque(asked) == opaque(ours)
}

/// Where a caller may be sent to: to a website, or to another DID, whose resolver it finds.
const REDIRECTED_TO: [&str; 3] = ["http", "https", "did"];

/// A redirection to a service, if that is a place to go to.
pub(super) fn see_other(location: &str) -> Option<Response> {
    let (scheme, _) = location.split_once(':')?;
    let known = REDIRECTED_TO
        .iter()
        .any(|known| known.eq_ignore_ascii_case(scheme));
    let location = HeaderValue::from_str(location).ok().filter(|_| known)?;
    let mut response = reply(303, super::media::URI_LIST, Body::empty());
    response.headers_mut().insert(header::LOCATION, location);
    Some(response)
}

/// What a browser asks before it asks.
pub(super) fn preflight() -> Response {
    let mut response = reply(204, RESOLUTION, Body::empty());
    for (name, value) in PREFLIGHT {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

/// The result of a question that has no answer.
pub(super) fn unresolved(problem: &Problem) -> Value {
    json!({
        "didDocument": null,
        "didResolutionMetadata": { "error": problem.to_json() },
        "didDocumentMetadata": {},
    })
}

/// A problem, as the result of what was asked for.
pub(super) fn problem(problem: &Problem, wrap: Wrap) -> Response {
    if problem.kind.is_of_the_resolver() {
        return not_now(problem);
    }
    let error = match wrap {
        Wrap::Dereferencing => json!({
            "content": null,
            "dereferencingMetadata": { "error": problem.to_json() },
            "contentMetadata": {},
        }),
        Wrap::Resolution | Wrap::LegacyResolution => unresolved(problem),
    };
    json_reply(problem.kind.status(), wrap.media_type(), &error)
}

/// No result at all: the standard's results of errors go by 500 and say something of the DID.
// RFC 9457 §3; RFC 9110 §10.2.3
fn not_now(problem: &Problem) -> Response {
    let mut body = problem.to_json();
    body["status"] = json!(problem.kind.status());
    body["code"] = json!(problem.kind.name());
    let mut response = json_reply(problem.kind.status(), error::PROBLEM, &body);
    if let Some(seconds) = error::retry_after(problem.kind.name()) {
        let seconds = HeaderValue::from_static(seconds);
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    response
}
