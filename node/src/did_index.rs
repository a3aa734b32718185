//! By what DIDs are found: rows that follow from the newest records of DIDs and are kept beside the state.
//!
//! State answers who a DID is, not which DIDs there are: their records lie between those of all their versions, and nothing leads
//! from a key or a controller back to them. The rows here do. They are no part of state, so no proof covers them; whoever doubts one
//! resolves the DID and reads the proof.
//!
//! ```text
//! a ‖ DID                      every DID, also a withdrawn one
//! c ‖ controller ‖ 00 ‖ DID    those that name this controller
//! k ‖ key digest ‖ DID         those that hold this key, for whatever use
//! t ‖ subject type ‖ DID       those of this subject type, 4 bytes, big-endian
//! ```

use std::collections::BTreeSet;

use prost::Message;
use sha2::{Digest, Sha256};
use starfire_did::{Did, KeyAlgorithm, PublicKey, verification_key::VerificationKey};
use starfire_proto::v1;

/// BIF's number for a subject of no other type, which a record may leave out.
const SUBJECT_OTHER: u32 = 999;
/// What the paths of DIDs' records begin with.
pub(crate) const RECORD_PATHS: &[u8] = b"did/";

/// What DIDs are looked up by. Each look-up answers in the byte order of the DIDs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum By {
    /// All of them.
    All,
    /// The controller that they name. A DID that names none controls itself, and is not found by itself.
    Controller(Did),
    /// A key that they hold.
    Key(VerificationKey),
    /// The type of their subject, by BIF's numbers.
    Type(u32),
}

/// Where DIDs are looked up: the store of a node, or a test's.
pub trait DidIndex: Send + Sync {
    /// Up to `limit` DIDs after this one, in order.
    fn dids(&self, by: &By, after: Option<&str>, limit: usize) -> Vec<String>;
}

impl By {
    /// What the rows of a look-up begin with; the DID follows.
    pub(crate) fn prefix(&self) -> Vec<u8> {
        match self {
            Self::All => b"a".to_vec(),
            Self::Controller(did) => controller_prefix(&did.to_string()),
            Self::Key(key) => {
                let (algorithm, raw) = encoded(key);
                key_prefix(algorithm.into(), raw)
            }
            Self::Type(kind) => type_prefix(*kind),
        }
    }

    /// Whether this record belongs to the answer, for a look-up that another one narrows.
    pub fn holds_for(&self, record: &v1::DidRecord) -> bool {
        let Some(document) = &record.document else {
            return matches!(self, Self::All);
        };
        match self {
            Self::All => true,
            Self::Controller(did) => document.controller.contains(&did.to_string()),
            Self::Key(key) => {
                let (algorithm, raw) = encoded(key);
                document.verification_method.iter().any(|method| {
                    method.algorithm == i32::from(algorithm) && method.public_key == raw
                })
            }
            Self::Type(kind) => subject_type(document) == *kind,
        }
    }
}

/// The DID whose newest record stands at this path; `None` for any other path.
pub(crate) fn did_of(path: &[u8]) -> Option<&str> {
    let did = path.strip_prefix(RECORD_PATHS)?;
    if did.contains(&b'/') {
        return None;
    }
    std::str::from_utf8(did).ok()
}

/// The rows of a DID with this record. What is no record has none: one that was deleted is empty, and a snapshot that is not checked
/// yet may hold anything.
pub(crate) fn rows(did: &str, record: &[u8]) -> BTreeSet<Vec<u8>> {
    if record.is_empty() {
        return BTreeSet::new();
    }
    let Ok(record) = v1::DidRecord::decode(record) else {
        return BTreeSet::new();
    };
    let mut prefixes = vec![By::All.prefix()];
    if let Some(document) = &record.document {
        let controllers = document.controller.iter();
        prefixes.extend(controllers.map(|controller| controller_prefix(controller)));
        let methods = document.verification_method.iter();
        prefixes.extend(methods.map(|method| key_prefix(method.algorithm, &method.public_key)));
        prefixes.push(type_prefix(subject_type(document)));
    }
    prefixes
        .into_iter()
        .map(|prefix| [&prefix, did.as_bytes()].concat())
        .collect()
}

fn controller_prefix(controller: &str) -> Vec<u8> {
    [b"c", controller.as_bytes(), &[0]].concat()
}

fn key_prefix(algorithm: i32, raw: &[u8]) -> Vec<u8> {
    let digest = Sha256::new()
        .chain_update(algorithm.to_be_bytes())
        .chain_update(raw)
        .finalize();
    [b"k", digest.as_slice()].concat()
}

fn type_prefix(kind: u32) -> Vec<u8> {
    [&b"t"[..], &kind.to_be_bytes()].concat()
}

fn subject_type(document: &v1::DidDocument) -> u32 {
    match document.subject_type {
        0 => SUBJECT_OTHER,
        kind => kind,
    }
}

/// A key as a record holds it.
fn encoded(key: &VerificationKey) -> (v1::KeyAlgorithm, &[u8]) {
    match key {
        VerificationKey::Account(key) => (algorithm(key), key.raw()),
        VerificationKey::P256(point) => (v1::KeyAlgorithm::P256, point),
        VerificationKey::Secp256k1(point) => (v1::KeyAlgorithm::Secp256k1, point),
        VerificationKey::X25519(raw) => (v1::KeyAlgorithm::X25519, raw),
    }
}

fn algorithm(key: &PublicKey) -> v1::KeyAlgorithm {
    match key.algorithm() {
        KeyAlgorithm::Ed25519 => v1::KeyAlgorithm::Ed25519,
        KeyAlgorithm::Sm2 => v1::KeyAlgorithm::Sm2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_newest_record_of_a_did_has_rows() {
        assert_eq!(did_of(b"did/did:bid:by01"), Some("did:bid:by01"));
        for path in [
            &b"did/did:bid:by01/version/0000000001"[..],
            b"did-recovery/did:bid:by01",
            b"did",
            b"did/\xff",
        ] {
            assert_eq!(did_of(path), None, "{path:?}");
        }
        assert!(rows("did:bid:by01", b"\xff").is_empty());
    }

    #[test]
    fn a_withdrawn_did_is_found_by_nothing_but_its_name() {
        let record = v1::DidRecord {
            deactivated: true,
            version: 2,
            ..v1::DidRecord::default()
        };
        let rows = rows("did:bid:by01", &record.encode_to_vec());
        assert_eq!(rows, BTreeSet::from([b"adid:bid:by01".to_vec()]));
        assert!(By::All.holds_for(&record));
        assert!(!By::Type(SUBJECT_OTHER).holds_for(&record));
    }
}
