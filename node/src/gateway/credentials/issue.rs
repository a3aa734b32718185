//! Signing whatever is asked: only on a node for tests, which its operator gave a key for it.
//!
//! W3C's test suites drive an issuer over HTTP. The key is a `did:key` of its own and nobody's account, so what it signs says nothing
//! about anyone. All others sign at home: `starfire vc issue`.

use axum::body::Body;
use axum::extract::State;
use axum::http::{Extensions, HeaderMap, StatusCode, header};
use axum::response::Response;
use serde_json::Value;
use starfire_did::SigningKey;
use starfire_did::credential::integrity::{self, Options, Suite};
use starfire_did::credential::malformed::Malformed;
use starfire_did::credential::{code, model};
use starfire_state::{Code, Rejection};

use super::super::Gateway;
use super::super::limits::peer;
use super::reply::{self, Problem};
use super::request;
use crate::clock;
use crate::credential::read::Reader;

/// This node signs nothing.
const ISSUING_OFF: Code = Code::new("ISSUING_OFF", 6);
const JSON: &[u8] = b"application/json";

/// `POST /credentials/issue`
pub(super) async fn issue(
    State(gateway): State<Gateway>,
    from: Extensions,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let Some(key) = gateway.backend.credentials.issuer.clone() else {
        return Err(Problem::Refused(Rejection::new(
            ISSUING_OFF,
            "this gateway holds no issuing key; sign with starfire vc issue",
        )));
    };
    // A page of another site can send no JSON without asking first, and is not told yes.
    let kind = headers.get(header::CONTENT_TYPE);
    if !kind.is_some_and(|kind| kind.as_bytes().starts_with(JSON)) {
        let detail = "a request has the content type application/json";
        return Err(Malformed::new(request::REQUEST_MALFORMED, detail).into());
    }
    let bytes = reply::body(body).await?;
    let issued = gateway
        .work(peer(&from), move || sign(&key, &bytes))
        .await??;
    // The credential as it is: of W3C's suites, one does not look into {"verifiableCredential": …}.
    let mut response = reply::json_reply(StatusCode::CREATED, &issued);
    response
        .headers_mut()
        .remove(header::ACCESS_CONTROL_ALLOW_ORIGIN);
    Ok(response)
}

fn sign(key: &SigningKey, bytes: &[u8]) -> Result<Value, Problem> {
    let mut body = request::Body::parse(bytes)?;
    let options = body.given()?;
    let credential = body.take("credential")?;
    let multikey = key.verification_key().to_multikey();
    let did = format!("did:key:{multikey}");
    let claims = model::credential(credential.clone())?;
    // VCALM 1.0: 400 if "the provided value of 'issuer' does not match the expected configuration".
    if claims.issuer != did {
        let detail = format!(
            "the issuer is {}, and this node signs as {did}",
            claims.issuer
        );
        return Err(Malformed::new(code::ISSUER_INVALID, detail).into());
    }
    let suite = match options.get("cryptosuite") {
        None => Suite::of_curve(key.curve()),
        Some(name) => name.as_str().and_then(Suite::parse),
    };
    let Some(suite) = suite else {
        let detail = "options.cryptosuite is no suite that is known here";
        return Err(Malformed::new(code::SUITE_UNSUPPORTED, detail).into());
    };
    let options = Options::assertion(suite, format!("{did}#{multikey}"), clock::unix_ms());
    let reader = Reader::new();
    let hash = |value: &Value| reader.rdf_hash(value);
    Ok(integrity::issue(credential, &options, key, Some(&hash))?)
}
