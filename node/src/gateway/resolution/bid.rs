//! The paths of BIF's RFC-005: `/{bid}` and what stands behind it, always with HTTP 200 and a code in the body.
//!
//! The document is BIF's own rendering of the same record that the W3C routes serve.

use axum::http::{Method, Uri};
use axum::response::Response;
use serde_json::{Value, json};
use starfire_did::Did;
use starfire_did::bid_view::{self, Field, VERSION};
use starfire_did::document::Document;
use starfire_did::resolution::{At, Question};
use starfire_state::Rejection;

use super::super::{Gateway, error, legacy};
use super::Wanted;
use super::lookup::Answer;
use super::reply::json_reply;

const JSON: &str = "application/json";
/// Parts of a path.
const PARTS_MAX: usize = 3;
/// What the published driver takes for "no such DID", letter by letter.
const NOT_FOUND: &str = "docuement not exist";

// RFC-004 and RFC-005: the codes.
const SUCCESS: u32 = 0;
const ERROR: u32 = 2;
const BUSY: u32 = 3;
const PROTOCOL_ERROR: u32 = 4;
const NOT_SUPPORTED: u32 = 5;
const UNKNOWN: u32 = 6;
const NO_RESPONSE: u32 = 7;
const FIELD_UNKNOWN: u32 = 8;
const VERIFY_FAILED: u32 = 9;
const CHAIN_UNKNOWN: u32 = 10;

/// A refusal: its code and a sentence.
#[derive(Debug)]
struct Refusal(u32, String);

/// Answers a request whose path begins with a `did:bid`; others are none of this file's.
pub(in crate::gateway) async fn facade(
    gateway: &Gateway,
    method: &Method,
    uri: &Uri,
) -> Option<Response> {
    let path = uri.path().strip_prefix('/')?;
    let start = path.get(.."did:bid".len()).unwrap_or_default();
    let encoded = path.get(.."did%3Abid".len()).unwrap_or_default();
    if start != "did:bid" && !encoded.eq_ignore_ascii_case("did%3abid") {
        return None;
    }
    let outcome = match *method {
        Method::GET => answer(gateway, path, uri.query()).await,
        _ => Err(Refusal(
            NOT_SUPPORTED,
            "documents are changed by transactions, not here".to_owned(),
        )),
    };
    let body = match outcome {
        Ok(data) => json!({ "errorCode": SUCCESS, "message": "success", "data": data }),
        Err(Refusal(code, message)) => {
            json!({ "errorCode": code, "message": message, "data": {} })
        }
    };
    Some(json_reply(200, JSON, &body))
}

async fn answer(gateway: &Gateway, path: &str, query: Option<&str>) -> Result<Value, Refusal> {
    let protocol = |why: &str| Refusal(PROTOCOL_ERROR, why.to_owned());
    let parts: Vec<String> = path
        .split('/')
        .take(PARTS_MAX + 1)
        .map(decoded)
        .collect::<Result<_, _>>()
        .map_err(|()| protocol("the path does not decode"))?;
    let (did, below) = parts
        .split_first()
        .map_or(("", &[][..]), |(did, below)| (did, below));
    if gateway.legacy(did).await.is_some() {
        legacy::tell(did);
        return Err(Refusal(UNKNOWN, NOT_FOUND.to_owned()));
    }
    let did = Did::parse(did).map_err(|error| Refusal(PROTOCOL_ERROR, error.to_string()))?;
    let parameter = |name: &str| {
        let mut pairs = query
            .unwrap_or_default()
            .split('&')
            .map(|pair| pair.split_once('='));
        let value = pairs.find_map(|pair| pair.filter(|(known, _)| *known == name));
        value.map(|(_, value)| decoded(value)).transpose()
    };
    let parameter =
        |name: &str| parameter(name).map_err(|()| protocol("the query does not decode"));
    let verify = match parameter("verify")?.as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(protocol("verify is true or false")),
    };
    let below: Vec<_> = below.iter().map(String::as_str).collect();
    let id = parameter("id")?;
    let field = match below.is_empty() {
        true => None,
        false => Some(
            Field::parse(&below, id.as_deref()).ok_or_else(|| protocol("there is no such path"))?,
        ),
    };
    if field == Some(Field::ChainCodes) && did.chain_code().is_some() {
        return Err(protocol("chain codes stand in documents of the main chain"));
    }
    let at = At::Newest;
    let question = Question { did, at };
    let wanted = Wanted {
        proof: verify,
        fresh: false,
    };
    let answer = gateway.look_up(question, wanted).await.map_err(refusal)?;
    if verify && answer.proof.is_none() && answer.anchor.is_none() {
        return Err(Refusal(
            VERIFY_FAILED,
            "nothing proves the answer".to_owned(),
        ));
    }
    let document = document(&question, &answer)?;
    let Some(field) = field else {
        let mut data = json!({ "didDocument": document.whole });
        if verify {
            data["version"] = json!(VERSION);
            data["verify"] = json!(true);
        }
        return Ok(data);
    };
    document
        .parsed
        .and_then(|document| bid_view::field(&document, &field))
        .ok_or_else(|| Refusal(FIELD_UNKNOWN, "the document has no such field".to_owned()))
}

/// BIF's rendering of a document, and the document itself where there is one.
struct Shown {
    whole: Value,
    parsed: Option<Document>,
}

fn document(question: &Question, answer: &Answer) -> Result<Shown, Refusal> {
    if let (false, Some(code)) = (question.did.is_account(), question.did.chain_code()) {
        let Some(record) = &answer.sub_chain else {
            return Err(Refusal(
                CHAIN_UNKNOWN,
                "there is no such chain code".to_owned(),
            ));
        };
        return Ok(Shown {
            whole: bid_view::chain_document(code, &record.resolvers),
            parsed: None,
        });
    }
    let Some(record) = &answer.found.record else {
        return Err(match answer.proof {
            None if question.did.chain_code().is_some() && answer.anchor.is_some() => {
                Refusal(CHAIN_UNKNOWN, "there is no such chain code".to_owned())
            }
            Some(_) | None => Refusal(UNKNOWN, NOT_FOUND.to_owned()),
        });
    };
    // RFC-004: deletion leaves an empty document.
    let Some(document) = &record.document else {
        return Err(Refusal(UNKNOWN, NOT_FOUND.to_owned()));
    };
    let document = Document::try_from(document.clone())
        .map_err(|error| Refusal(ERROR, Rejection::from(error).detail))?;
    Ok(Shown {
        whole: bid_view::document(&document, record),
        parsed: Some(document),
    })
}

fn decoded(part: &str) -> Result<String, ()> {
    super::request::decode(part).map_err(drop)
}

fn refusal(rejection: Rejection) -> Refusal {
    let code = match rejection.code {
        error::BUSY => BUSY,
        error::RESOLVER_UNREACHABLE | error::CHAIN_NOT_ANCHORED => NO_RESPONSE,
        error::RESOLVER_UNPROVEN => VERIFY_FAILED,
        error::DID_OTHER_CHAIN => NOT_SUPPORTED,
        _ => ERROR,
    };
    Refusal(code, rejection.detail)
}
