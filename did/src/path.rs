//! Where the records of this crate stand in state.

use crate::id::Did;

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

/// What an issuer may issue, for one type in one jurisdiction. On the main chain.
pub fn accreditation(issuer: &Did, kind: &str, jurisdiction: &str) -> Vec<u8> {
    format!("accreditation/{issuer}/{kind}/{jurisdiction}").into_bytes()
}

/// What the paths of all of an issuer's accreditations begin with.
pub fn accreditations(issuer: &Did) -> Vec<u8> {
    format!("accreditation/{issuer}/").into_bytes()
}
