//! What the registrar's requests come to: operations of an account, and the keys that are to sign them.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use starfire_did::add_resource::AddResource;
use starfire_did::code::{DID_DEACTIVATED, DID_EXISTS, DID_NOT_FOUND, DID_VERSION_CONFLICT};
use starfire_did::deactivate::Deactivate;
use starfire_did::rotate::Rotate;
use starfire_did::{ChainCode, Did, Document, PublicKey, policy, render, resolve, resource};
use starfire_proto::protocol::{self, operation::Native};
use starfire_proto::v1;
use starfire_state::{Env, Rejection, View};
use tendermint::Time;

use super::jobs::Signer;
use super::request::{Change, Request};
use super::{document, invalid, parse_did};
use crate::client::operation;
use crate::gateway::dids::other_chain;

/// A transaction but for its nonce.
pub(super) struct Plan {
    pub(super) did: Did,
    /// A resource's name, and the version that is to be made of it.
    pub(super) resource: Option<(String, u64)>,
    pub(super) source: Did,
    pub(super) operations: Vec<protocol::Operation>,
    /// The operations for people.
    pub(super) shown: Value,
    pub(super) signers: Vec<Signer>,
}

/// Registers the DID that a key derives. `None`: the client is to name a key first.
pub(super) fn create(
    state: &dyn View,
    chain: &v1::ChainRecord,
    request: &Request,
) -> Result<Option<Plan>, Rejection> {
    let written = match request.changes.as_slice() {
        [] => Map::new(),
        [(Change::Set, Value::Object(written))] => written.clone(),
        _ => return Err(invalid("a DID is created with one document, an object")),
    };
    let listed = written.get("verificationMethod").and_then(Value::as_array);
    let methods: Vec<&Value> = request
        .methods
        .iter()
        .chain(listed.into_iter().flatten())
        .collect();
    if methods.is_empty() {
        return Ok(None);
    }
    let named = match written.get("id").and_then(Value::as_str) {
        Some(id) if !id.is_empty() => Some(parse_did(id)?),
        Some(_) | None => request.did,
    };
    let code = code_of(chain);
    let keys = methods.iter().filter_map(|method| document::key_of(method));
    let keys: Vec<PublicKey> = keys.filter_map(|key| key.account_key().copied()).collect();
    let key = match named {
        Some(did) => keys.iter().find(|key| did.is_derived_from(key)),
        None => keys.first(),
    };
    let Some(key) = key else {
        return Err(invalid(
            "a DID derives from a key of its own, Ed25519 or SM2, which is among its verification methods",
        ));
    };
    let did = key.address(code.as_ref());
    if let Some(named) = named.filter(|named| *named != did) {
        return Err(other_chain(&named, code));
    }
    if resolve::resolve(state, &did, None).is_some() {
        let detail = format!("{did} is registered already");
        return Err(Rejection::new(DID_EXISTS, detail));
    }
    let (record, kid) = document::first(&did, key, written, &request.methods)?;
    let shown = json!([{ "type": "DID_CREATE", "document": shown(&record)? }]);
    let create = v1::DidCreate {
        document: Some(record),
        ..v1::DidCreate::default()
    };
    Ok(Some(Plan {
        did,
        resource: None,
        source: did,
        operations: vec![operation(Native::DidCreate(create))],
        shown,
        signers: vec![Signer { kid, key: *key }],
    }))
}

/// Changes the document, and the keys if they are others.
pub(super) fn update(
    state: &dyn View,
    chain: &v1::ChainRecord,
    request: &Request,
) -> Result<Plan, Rejection> {
    let (did, record, current) = subject(state, chain, request)?;
    if request.changes.is_empty() {
        return Err(invalid("an update has a didDocument"));
    }
    let mut wanted = document::changed(&current, &request.changes)?;
    let mut version = version_of(&did, &record, request)?;
    let (mut operations, mut shown_operations) = (Vec::new(), Vec::new());
    // The keys first: an update leaves them as they are.
    let mut rotated = current.clone();
    if with_keys_of(&current, &wanted) != current {
        // Somebody else's signature over the keys that were there says nothing of others.
        if wanted.delegate_sign == current.delegate_sign {
            wanted.delegate_sign = None;
        }
        let rotate = v1::DidRotate {
            did: did.to_string(),
            expected_version: version,
            verification_method: wanted.verification_method.clone(),
            authentication: wanted.authentication.clone(),
            assertion_method: wanted.assertion_method.clone(),
            key_agreement: wanted.key_agreement.clone(),
            capability_invocation: wanted.capability_invocation.clone(),
            capability_delegation: wanted.capability_delegation.clone(),
        };
        // What the chain would refuse is not worth a signature.
        rotated = Rotate::try_from(rotate.clone())?.leave(current.clone());
        shown_operations.push(json!({ "type": "DID_ROTATE", "expectedVersion": version }));
        operations.push(operation(Native::DidRotate(rotate)));
        version = version.saturating_add(1);
    }
    if wanted != rotated {
        let update = v1::DidUpdate {
            did: did.to_string(),
            expected_version: version,
            document: Some(wanted.clone()),
        };
        shown_operations.push(json!({ "type": "DID_UPDATE", "expectedVersion": version }));
        operations.push(operation(Native::DidUpdate(update)));
    }
    let Some(last) = shown_operations.last_mut() else {
        return Err(invalid("the document is as it is wanted already"));
    };
    last["document"] = shown(&wanted)?;
    let source = source(&did, &current, request)?;
    let signers = signers(state, &source, request)?;
    // One operation is judged by what was there when it was signed; a second one by what the first has left.
    if operations.len() > 1 {
        require_control_throughout(state, chain, (&source, &signers), &current, &wanted)?;
    }
    Ok(Plan {
        did,
        resource: None,
        source,
        operations,
        shown: Value::Array(shown_operations),
        signers,
    })
}

/// Refuses a rotation with an update behind it by which those who sign would lose the weight that the update needs: another
/// controller sends, and the DID itself counts by an old key.
fn require_control_throughout(
    state: &dyn View,
    chain: &v1::ChainRecord,
    (source, signers): (&Did, &[Signer]),
    current: &v1::DidDocument,
    wanted: &v1::DidDocument,
) -> Result<(), Rejection> {
    let (current, wanted) = (
        Document::try_from(current.clone())?,
        Document::try_from(wanted.clone())?,
    );
    let (did, code) = (current.id(), code_of(chain));
    let addresses = signers
        .iter()
        .map(|signer| signer.key.address(code.as_ref()).to_string());
    let addresses: BTreeSet<String> = addresses.collect();
    let signed: Vec<&str> = addresses.iter().map(String::as_str).collect();
    let env = Env {
        chain: chain.clone(),
        height: 0,
        time: Time::unix_epoch(),
        sender: source.to_string(),
        member: None,
    };
    let control = current.control();
    let counts = |member: &Did| policy::stands(state, member, &env, &signed);
    let has_signed = |key: &PublicKey| addresses.contains(&key.address(code.as_ref()).to_string());
    let still_signs = source == did || wanted.authentication_keys().any(has_signed);
    let counts_after = |member: &Did| match member == did {
        true => still_signs,
        false => counts(member),
    };
    if control.is_met_by(counts) && !control.is_met_by(counts_after) {
        return Err(invalid(format!(
            "with new keys {did} no longer counts by its old one, and the rest of this change would find too few controllers: send two updates, the keys last, or let {did} send this one (options.sender)"
        )));
    }
    Ok(())
}

/// Withdraws the DID for ever.
pub(super) fn deactivate(
    state: &dyn View,
    chain: &v1::ChainRecord,
    request: &Request,
) -> Result<Plan, Rejection> {
    let (did, record, current) = subject(state, chain, request)?;
    let version = version_of(&did, &record, request)?;
    let deactivate = v1::DidDeactivate {
        did: did.to_string(),
        expected_version: version,
        reason: request.reason.clone(),
    };
    // What the chain would refuse is not worth a signature.
    Deactivate::try_from(deactivate.clone())?;
    let source = source(&did, &current, request)?;
    Ok(Plan {
        did,
        resource: None,
        source,
        operations: vec![operation(Native::DidDeactivate(deactivate))],
        shown: json!([{
            "type": "DID_DEACTIVATE",
            "did": did.to_string(),
            "expectedVersion": version,
            "reason": request.reason,
        }]),
        signers: signers(state, &source, request)?,
    })
}

/// Adds a resource, or a version of one whose newest the client has seen.
pub(super) fn create_resource(
    state: &dyn View,
    chain: &v1::ChainRecord,
    request: &Request,
) -> Result<Plan, Rejection> {
    let (did, _, current) = subject(state, chain, request)?;
    let wanted = request.resource.as_ref().ok_or_else(|| {
        invalid("a resource has a relativeDidUrl, \"/resources/NAME\", and content")
    })?;
    let expected_version = request.expected_version.unwrap_or(0);
    let add = v1::DidAddResource {
        did: did.to_string(),
        name: wanted.name.clone(),
        expected_version,
        media_type: wanted.media_type.clone(),
        content: wanted.content.clone(),
    };
    // What the chain would refuse is not worth a signature.
    AddResource::try_from(add.clone())?;
    let newest = resource::find(state, &did, &wanted.name, None);
    let newest = newest.map_or(0, |record| record.version);
    if newest != expected_version {
        let detail = format!(
            "resource {} of {did} has version {newest}, not {expected_version}",
            wanted.name
        );
        return Err(Rejection::new(DID_VERSION_CONFLICT, detail));
    }
    let source = source(&did, &current, request)?;
    Ok(Plan {
        did,
        resource: Some((wanted.name.clone(), expected_version.saturating_add(1))),
        source,
        operations: vec![operation(Native::DidAddResource(add))],
        shown: json!([{
            "type": "DID_ADD_RESOURCE",
            "did": did.to_string(),
            "name": wanted.name,
            "expectedVersion": expected_version,
            "mediaType": wanted.media_type,
            "size": wanted.content.len(),
            "checksum": hex::encode(Sha256::digest(&wanted.content)),
        }]),
        signers: signers(state, &source, request)?,
    })
}

/// The DID that a request is about, and its document, which must be there.
fn subject(
    state: &dyn View,
    chain: &v1::ChainRecord,
    request: &Request,
) -> Result<(Did, v1::DidRecord, v1::DidDocument), Rejection> {
    let did = request.did.ok_or_else(|| invalid("did names the DID"))?;
    if !did.is_account() {
        let detail =
            format!("{did} is a chain as a whole, which has no document of its own to change");
        return Err(invalid(detail));
    }
    let code = code_of(chain);
    if did.chain_code() != code {
        return Err(other_chain(&did, code));
    }
    let (record, document) = standing(state, &did)?;
    Ok((did, record, document))
}

/// The version to change, which is the newest. What the chain would refuse is not worth a signature.
fn version_of(did: &Did, record: &v1::DidRecord, request: &Request) -> Result<u64, Rejection> {
    match request.expected_version {
        Some(expected) if expected != record.version => {
            let detail = format!("{did} has version {}, not {expected}", record.version);
            Err(Rejection::new(DID_VERSION_CONFLICT, detail))
        }
        Some(_) | None => Ok(record.version),
    }
}

fn standing(state: &dyn View, did: &Did) -> Result<(v1::DidRecord, v1::DidDocument), Rejection> {
    let Some(record) = resolve::resolve(state, did, None) else {
        let detail = format!("{did} is not registered");
        return Err(Rejection::new(DID_NOT_FOUND, detail));
    };
    let Some(document) = record.document.clone() else {
        let detail = format!("{did} is deactivated, which is final");
        return Err(Rejection::new(DID_DEACTIVATED, detail));
    };
    Ok((record, document))
}

/// Who sends: the DID itself, or the first of its controllers, unless the client says otherwise.
fn source(did: &Did, document: &v1::DidDocument, request: &Request) -> Result<Did, Rejection> {
    if let Some(sender) = request.sender {
        return Ok(sender);
    }
    match document.controller.first() {
        Some(first) if !document.controller.contains(&did.to_string()) => parse_did(first),
        Some(_) | None => Ok(*did),
    }
}

/// Who signs: the first key that may act for the sender, unless the client names keys, of the sender or of others whose word counts.
fn signers(state: &dyn View, source: &Did, request: &Request) -> Result<Vec<Signer>, Rejection> {
    if request.kids.is_empty() {
        let document = Document::try_from(standing(state, source)?.1)?;
        let signer = document.authentication().iter().find_map(|kid| {
            let key = document.method(kid)?.key.account_key()?;
            Some(Signer {
                kid: kid.clone(),
                key: *key,
            })
        });
        let signer = signer.ok_or_else(|| invalid(format!("{source} has no key that signs")))?;
        return Ok(vec![signer]);
    }
    let signer = |kid: &String| {
        let did = parse_did(kid.split('#').next().unwrap_or_default())?;
        let document = Document::try_from(standing(state, &did)?.1)?;
        let method = document.method(kid);
        let key = method.and_then(|method| method.key.account_key());
        let key = key.ok_or_else(|| invalid(format!("{kid} is no key that signs transactions")))?;
        Ok(Signer {
            kid: kid.clone(),
            key: *key,
        })
    };
    request.kids.iter().map(signer).collect()
}

/// A document with another's keys and their uses.
fn with_keys_of(document: &v1::DidDocument, keys: &v1::DidDocument) -> v1::DidDocument {
    v1::DidDocument {
        verification_method: keys.verification_method.clone(),
        authentication: keys.authentication.clone(),
        assertion_method: keys.assertion_method.clone(),
        key_agreement: keys.key_agreement.clone(),
        capability_invocation: keys.capability_invocation.clone(),
        capability_delegation: keys.capability_delegation.clone(),
        ..document.clone()
    }
}

fn shown(record: &v1::DidDocument) -> Result<Value, Rejection> {
    Ok(render::document(&Document::try_from(record.clone())?))
}

fn code_of(chain: &v1::ChainRecord) -> Option<ChainCode> {
    ChainCode::parse_optional(&chain.chain_code).expect("genesis gave the chain a code, or none")
}
