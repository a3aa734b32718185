//! What a client of the registrar sends: parsed once, with every way of handing over a secret refused.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use starfire_did::Did;
use starfire_state::Rejection;

use super::answer::Subject;
use super::{Operation, SECRETS_REFUSED, invalid, parse_did};
use crate::gateway::fields::Fields;

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
#[derive(Debug)]
pub(super) struct SigningResponse {
    pub(super) signature: String,
}

impl Request {
    pub(super) fn parse(mut body: Value) -> Result<Self, Rejection> {
        // A resource is its author's to publish, whatever its members are called.
        let content = body.as_object_mut().and_then(|body| body.remove("content"));
        if holds_secret(&body) {
            return Err(Rejection::new(
                SECRETS_REFUSED,
                "the request holds a private key, which was not read: make it anew, and do not send it to anyone",
            ));
        }
        let mut body = Fields::of_json(body)?;
        let (mut options, mut secret) = (body.object("options")?, body.object("secret")?);
        let kept = options.flag("storeSecrets")? || options.flag("returnSecrets")?;
        if kept || !options.flag("clientSecretMode")? {
            return Err(Rejection::new(
                SECRETS_REFUSED,
                "this registrar holds no keys: set options.clientSecretMode, and neither storeSecrets nor returnSecrets",
            ));
        }
        if options.value("network").is_some() {
            return Err(invalid(
                "options.network is not known here: a registrar writes to its own node's chain",
            ));
        }
        let kids = options.texts("kid")?;
        if kids.len() > SIGNERS_MAX {
            return Err(invalid(format!(
                "at most {SIGNERS_MAX} keys sign a transaction"
            )));
        }
        let did = |text: Option<String>| text.as_deref().map(parse_did).transpose();
        let operations = body.texts("didDocumentOperation")?;
        let content = content.filter(|content| !content.is_null());
        let resource = match (body.text("relativeDidUrl")?, content) {
            (Some(url), Some(content)) => Some(resource(
                &url,
                content,
                options.text("mediaType")?,
                options.text("contentEncoding")?.as_deref(),
            )?),
            (_, _) => None,
        };
        Ok(Self {
            job: body.text("jobId")?,
            did: did(body.text("did")?)?,
            sender: did(options.text("sender")?)?,
            kids,
            expected_version: options.number("expectedVersion")?,
            reason: options.text("reason")?.unwrap_or_default(),
            methods: secret.list("verificationMethod"),
            signatures: signatures(secret.object("signingResponse")?)?,
            changes: changes(operations, body.list("didDocument"))?,
            resource,
        })
    }
}

/// What a request says that it is about, in its own words: for the case that it is refused.
pub(super) fn subject(operation: Operation, body: &Value) -> Option<Subject> {
    let did = body["did"].as_str()?;
    match operation {
        Operation::Create | Operation::Update | Operation::Deactivate => {
            Some(("did", did.to_owned()))
        }
        Operation::CreateResource => {
            let relative = body["relativeDidUrl"].as_str()?;
            Some(("didUrl", format!("{did}{relative}")))
        }
    }
}

/// The responses, each with the name of its request.
fn signatures(mut responses: Fields) -> Result<Vec<(String, SigningResponse)>, Rejection> {
    let mut signatures = Vec::new();
    for name in responses.names() {
        let mut response = responses.object(&name)?;
        let signature = response.required("signature", "the signature in Base64")?;
        signatures.push((name, SigningResponse { signature }));
    }
    Ok(signatures)
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

/// Whether there is a private key anywhere in it: `privateKeyJwk` and its kin, or a JSON Web Key with its private number.
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
