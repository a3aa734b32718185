//! What a client of the registrar sends: parsed once, with every way of handing over a secret refused.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;
use starfire_did::Did;
use starfire_state::Rejection;

use super::{SECRETS_REFUSED, invalid, parse_did};

/// Keys that may sign for one transaction.
const SIGNERS_MAX: usize = 16;
/// Where resources stand behind a DID.
const RESOURCES: &str = "/resources/";
/// Document operations in one request.
const OPERATIONS_MAX: usize = 32;

/// A request that keeps to client-managed secret mode.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) job: Option<String>,
    pub(super) did: Option<Did>,
    /// The account that sends, where it is not the one that would be taken.
    pub(super) sender: Option<Did>,
    /// Ids of the keys that sign, where they are not those that would be taken.
    pub(super) kids: Vec<String>,
    /// The version that the client has seen; `None`: the newest.
    pub(super) expected_version: Option<u64>,
    pub(super) reason: String,
    /// Public keys.
    pub(super) methods: Vec<Value>,
    pub(super) signatures: Vec<(String, SigningResponse)>,
    /// What is to be done with which (part of a) document.
    pub(super) changes: Vec<(Change, Value)>,
    /// What is to stand behind the DID.
    pub(super) resource: Option<Resource>,
}

/// A resource as it is to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Resource {
    pub(super) name: String,
    pub(super) media_type: String,
    pub(super) content: Vec<u8>,
}

/// `didDocumentOperation`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Set,
    Add,
    Remove,
}

/// A client's answer to a signing request. Which key and algorithm it names says nothing that the signature does not show.
#[derive(Debug, Deserialize)]
pub(super) struct SigningResponse {
    pub(super) signature: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    job_id: Option<String>,
    did: Option<String>,
    #[serde(default)]
    options: Option<Options>,
    #[serde(default)]
    secret: Option<Secret>,
    #[serde(default)]
    did_document_operation: Option<Several<String>>,
    #[serde(default)]
    did_document: Option<Several<Value>>,
    relative_did_url: Option<String>,
    content: Option<Value>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Options {
    client_secret_mode: bool,
    store_secrets: bool,
    return_secrets: bool,
    network: Option<String>,
    sender: Option<String>,
    kid: Option<Several<String>>,
    expected_version: Option<u64>,
    reason: Option<String>,
    media_type: Option<String>,
    content_encoding: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Secret {
    verification_method: Option<Vec<Value>>,
    signing_response: Option<std::collections::BTreeMap<String, SigningResponse>>,
}

/// One, where a list of one is meant: requests before the specification's change to lists have no list.
#[derive(Deserialize)]
#[serde(untagged)]
enum Several<T> {
    List(Vec<T>),
    One(T),
}

impl<T> Several<T> {
    fn into_list(self) -> Vec<T> {
        match self {
            Self::List(list) => list,
            Self::One(one) => vec![one],
        }
    }
}

impl Request {
    pub(super) fn parse(body: &[u8]) -> Result<Self, Rejection> {
        let body: Value = serde_json::from_slice(body).map_err(malformed)?;
        if holds_secret(&body) {
            return Err(Rejection::new(
                SECRETS_REFUSED,
                "the request holds a private key, which was not read: make it anew, and do not send it to anyone",
            ));
        }
        let wire: Wire = serde_json::from_value(body).map_err(malformed)?;
        let options = wire.options.unwrap_or_default();
        if options.store_secrets || options.return_secrets || !options.client_secret_mode {
            return Err(Rejection::new(
                SECRETS_REFUSED,
                "this registrar holds no keys: set options.clientSecretMode, and neither storeSecrets nor returnSecrets",
            ));
        }
        if options.network.is_some() {
            return Err(invalid(
                "options.network is not known here: a registrar writes to its own node's chain",
            ));
        }
        let secret = wire.secret.unwrap_or_default();
        let kids = options.kid.map(Several::into_list).unwrap_or_default();
        if kids.len() > SIGNERS_MAX {
            return Err(invalid(format!(
                "at most {SIGNERS_MAX} keys sign a transaction"
            )));
        }
        let documents = wire
            .did_document
            .map(Several::into_list)
            .unwrap_or_default();
        let operations = wire
            .did_document_operation
            .map(Several::into_list)
            .unwrap_or_default();
        let did = |text: Option<String>| text.as_deref().map(parse_did).transpose();
        let resource = match (wire.relative_did_url, wire.content) {
            (Some(url), Some(content)) => Some(resource(
                &url,
                content,
                options.media_type,
                options.content_encoding.as_deref(),
            )?),
            (_, _) => None,
        };
        Ok(Self {
            job: wire.job_id,
            did: did(wire.did)?,
            sender: did(options.sender)?,
            kids,
            expected_version: options.expected_version,
            reason: options.reason.unwrap_or_default(),
            methods: secret.verification_method.unwrap_or_default(),
            signatures: secret
                .signing_response
                .unwrap_or_default()
                .into_iter()
                .collect(),
            changes: changes(operations, documents)?,
            resource,
        })
    }
}

/// Text as it is, or the bytes that it encodes; any other JSON in its shortest form.
fn resource(
    relative_did_url: &str,
    content: Value,
    media_type: Option<String>,
    encoding: Option<&str>,
) -> Result<Resource, Rejection> {
    let name = relative_did_url.strip_prefix(RESOURCES).ok_or_else(|| {
        invalid(format!(
            "relativeDidUrl is \"{RESOURCES}NAME\": resources stand there alone"
        ))
    })?;
    let (content, usual) = match (content, encoding) {
        (Value::String(text), None) => (text.into_bytes(), "text/plain"),
        (Value::String(text), Some("base64")) => {
            let bytes = STANDARD.decode(text);
            let bytes = bytes.map_err(|_| invalid("the content is not Base64"))?;
            (bytes, "application/octet-stream")
        }
        (json, None) => (json.to_string().into_bytes(), "application/json"),
        (_, Some(_)) => {
            return Err(invalid(
                "options.contentEncoding is \"base64\", of a content that is a string",
            ));
        }
    };
    Ok(Resource {
        name: name.to_owned(),
        media_type: media_type.unwrap_or_else(|| usual.to_owned()),
        content,
    })
}

/// Each operation with its document. Without operations each document is set.
fn changes(
    operations: Vec<String>,
    documents: Vec<Value>,
) -> Result<Vec<(Change, Value)>, Rejection> {
    let operations = match operations.is_empty() {
        true => vec![Change::Set; documents.len()],
        false => operations
            .iter()
            .map(|operation| change(operation))
            .collect::<Result<_, _>>()?,
    };
    if operations.len() != documents.len() || operations.len() > OPERATIONS_MAX {
        return Err(invalid(format!(
            "didDocumentOperation and didDocument have one entry each for up to {OPERATIONS_MAX} changes"
        )));
    }
    Ok(operations.into_iter().zip(documents).collect())
}

fn change(operation: &str) -> Result<Change, Rejection> {
    match operation {
        "setDidDocument" => Ok(Change::Set),
        "addToDidDocument" => Ok(Change::Add),
        "removeFromDidDocument" => Ok(Change::Remove),
        _ => Err(invalid(format!(
            "didDocumentOperation is setDidDocument, addToDidDocument or removeFromDidDocument, not {operation:?}"
        ))),
    }
}

/// Whether there is a private key anywhere: `privateKeyJwk` and its kin, or a JSON Web Key with its private number.
fn holds_secret(value: &Value) -> bool {
    match value {
        Value::Object(members) => {
            let key = members.contains_key("kty") && members.contains_key("d");
            let named = |name: &String| {
                name.starts_with("privateKey") || name.starts_with("secretKey") || name == "seed"
            };
            key || members.keys().any(named) || members.values().any(holds_secret)
        }
        Value::Array(items) => items.iter().any(holds_secret),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the parser hands its error over"
)]
fn malformed(error: serde_json::Error) -> Rejection {
    // Where, and not what: the text may hold what was not meant for this node.
    let (line, column) = (error.line(), error.column());
    invalid(format!(
        "the body is no such request as JSON (line {line}, column {column})"
    ))
}
