//! Where the records of this crate stand in state.

use sha2::{Digest, Sha256};

use crate::id::Did;

/// The number of the last application of BIF's trust contract.
pub const TRUST_APPLICATION_COUNT: &[u8] = b"trust-application-count";

/// The newest version of a DID's record.
pub fn record(did: &Did) -> Vec<u8> {
    format!("did/{did}").into_bytes()
}

/// One version of a DID's record, from 1.
pub fn version(did: &Did, version: u64) -> Vec<u8> {
    format!("did/{did}/version/{version:010}").into_bytes()
}

/// What the paths of all versions of a DID's record begin with.
pub fn versions(did: &Did) -> Vec<u8> {
    format!("did/{did}/version/").into_bytes()
}

/// A recovery of a DID that waits for the end of its delay.
pub fn recovery(did: &Did) -> Vec<u8> {
    format!("did-recovery/{did}").into_bytes()
}

/// The newest version of a DID's resource.
pub fn resource(did: &Did, name: &str) -> Vec<u8> {
    format!("did-resource/{did}/{name}").into_bytes()
}

/// One version of a DID's resource, from 1.
pub fn resource_version(did: &Did, name: &str, version: u64) -> Vec<u8> {
    format!("did-resource/{did}/{name}/{version:010}").into_bytes()
}

/// The bytes of one version of a DID's resource.
pub fn resource_content(did: &Did, name: &str, version: u64) -> Vec<u8> {
    format!("did-resource-content/{did}/{name}/{version:010}").into_bytes()
}

/// What the paths of all resources of a DID begin with.
pub fn resources(did: &Did) -> Vec<u8> {
    format!("did-resource/{did}/").into_bytes()
}

/// What an issuer may issue, for one type in one jurisdiction. On the main chain.
pub fn accreditation(issuer: &Did, kind: &str, jurisdiction: &str) -> Vec<u8> {
    format!("accreditation/{issuer}/{kind}/{jurisdiction}").into_bytes()
}

/// What the paths of all of an issuer's accreditations begin with.
pub fn accreditations(issuer: &Did) -> Vec<u8> {
    format!("accreditation/{issuer}/").into_bytes()
}

/// What the paths of an issuer's accreditations for one type begin with.
pub fn accreditations_of_type(issuer: &Did, kind: &str) -> Vec<u8> {
    format!("accreditation/{issuer}/{kind}/").into_bytes()
}

/// One version of a JSON Schema, from 1.
pub fn schema_version(author: &Did, name: &str, version: u64) -> Vec<u8> {
    format!("schema/{author}/{name}/{version:010}").into_bytes()
}

/// The newest version of a JSON Schema.
pub fn schema(author: &Did, name: &str) -> Vec<u8> {
    format!("schema/{author}/{name}").into_bytes()
}

/// A status list.
pub fn status_list(issuer: &Did, name: &str) -> Vec<u8> {
    format!("status-list/{issuer}/{name}").into_bytes()
}

/// A chunk of a status list, from 0.
pub fn status_list_chunk(issuer: &Did, name: &str, chunk: u64) -> Vec<u8> {
    format!("status-list/{issuer}/{name}/{chunk:010}").into_bytes()
}

/// What the paths of all chunks of a status list begin with.
pub fn status_list_chunks(issuer: &Did, name: &str) -> Vec<u8> {
    format!("status-list/{issuer}/{name}/").into_bytes()
}

/// The hashes of all chunks of a status list.
pub fn status_list_leaves(issuer: &Did, name: &str) -> Vec<u8> {
    format!("status-list-leaves/{issuer}/{name}").into_bytes()
}

/// An application of BIF's trust contract.
pub fn trust_application(number: u64) -> Vec<u8> {
    format!("trust-application/{number}").into_bytes()
}

/// The number of an issuer's newest application.
pub fn trust_issuer(issuer: &Did) -> Vec<u8> {
    format!("trust-issuer/{issuer}").into_bytes()
}

/// The number of the application that a template's id stands for.
pub fn trust_template(id: &str) -> Vec<u8> {
    format!("trust-template/{}", hex::encode(Sha256::digest(id))).into_bytes()
}

/// The revocation of one credential, by its issuer and its id.
pub fn credential_revocation(issuer: &Did, credential_id: &str) -> Vec<u8> {
    let id = hex::encode(Sha256::digest(credential_id));
    format!("credential-revocation/{issuer}/{id}").into_bytes()
}
