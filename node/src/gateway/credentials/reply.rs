//! Replies over HTTP: their headers, and problems as RFC 9457 has them.

use axum::body::{Body, to_bytes};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use starfire_did::credential::malformed::Malformed;
use starfire_state::Rejection;

use super::super::error::{self, PROBLEM};
use super::{BODY_BYTES_MAX, answer};

/// What every reply says. A schema is anyone's text: it runs nothing here. Anyone's page may read these answers: they are public.
const COMMON: [(HeaderName, &str); 3] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; sandbox",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
];
const PREFLIGHT: [(HeaderName, &str); 3] = [
    (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, OPTIONS"),
    (header::ACCESS_CONTROL_ALLOW_HEADERS, "accept, content-type"),
    (header::ACCESS_CONTROL_MAX_AGE, "86400"),
];
const JSON: &str = "application/json";

/// A reply with a body.
pub(super) fn reply(
    status: StatusCode,
    media_type: &'static str,
    body: impl Into<Body>,
) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    common(&mut response);
    response
}

/// A reply in JSON.
pub(super) fn json_reply(status: StatusCode, body: &Value) -> Response {
    reply(status, JSON, body.to_string())
}

/// A record, or the refusal to show one.
pub(super) fn record<T>(found: Result<T, Rejection>, json: impl FnOnce(T) -> Value) -> Response {
    match found {
        Ok(found) => json_reply(StatusCode::OK, &json(found)),
        Err(rejection) => refusal(&rejection),
    }
}

/// A refusal, with its code, as every reply to an error is here.
pub(super) fn refusal(rejection: &Rejection) -> Response {
    refused(error::response(rejection), rejection)
}

/// The same, of what was there and is not any more.
pub(super) fn gone(rejection: &Rejection) -> Response {
    let mut response = error::response(rejection);
    *response.status_mut() = StatusCode::GONE;
    refused(response, rejection)
}

fn refused(mut response: Response, rejection: &Rejection) -> Response {
    common(&mut response);
    let problem = problem(response.status(), rejection.code.name, &rejection.detail);
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM));
    headers.remove(header::CONTENT_LENGTH);
    *response.body_mut() = Body::from(problem.to_string());
    response
}

/// What a browser asks before it asks.
pub(super) fn preflight() -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    common(&mut response);
    for (name, value) in PREFLIGHT {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

fn common(response: &mut Response) {
    for (name, value) in COMMON {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
}

/// Why a request of the VC API is not carried out.
#[derive(Debug)]
pub(super) enum Problem {
    /// The body is longer than is read.
    TooLong,
    /// The body, or what it holds, is not what it should be.
    Malformed(Malformed),
    /// This node does not do it, or not now.
    Refused(Rejection),
}

impl From<Malformed> for Problem {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Self {
        Self::Refused(rejection)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, code, detail) = match self {
            Self::TooLong => (
                StatusCode::PAYLOAD_TOO_LARGE,
                error::REQUEST_TOO_LONG.name,
                format!("a request has at most {BODY_BYTES_MAX} bytes"),
            ),
            Self::Malformed(malformed) => {
                (StatusCode::BAD_REQUEST, malformed.code, malformed.detail)
            }
            Self::Refused(rejection) => return refusal(&rejection),
        };
        reply(status, PROBLEM, problem(status, code, &detail).to_string())
    }
}

/// RFC 9457 §3.1, with the code that never changes beside.
fn problem(status: StatusCode, code: &str, detail: &str) -> Value {
    json!({
        "type": answer::problem_type(code),
        "title": code,
        "status": status.as_u16(),
        "detail": detail,
        "code": code,
    })
}

/// A body, if it is not too long.
pub(super) async fn body(body: Body) -> Result<Vec<u8>, Problem> {
    match to_bytes(body, BODY_BYTES_MAX).await {
        Ok(bytes) => Ok(bytes.into()),
        Err(_) => Err(Problem::TooLong),
    }
}
