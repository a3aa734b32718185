//! What a document holds, and who signed it.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use starfire_did::KeyAlgorithm;

use crate::text::Hex;

/// The issuer's signature over a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DocumentSignature {
    /// The verification method: a DID URL of the issuer, e.g. `did:bid:…#key-1`.
    pub method: String,
    /// Its algorithm.
    pub algorithm: SignatureAlgorithm,
    /// 64 bytes: R ‖ s (Ed25519) or r ‖ s (SM2).
    pub value: Hex<64>,
}

/// What signs documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SignatureAlgorithm {
    /// Ed25519, verified by ZIP-215.
    Ed25519,
    /// SM2 with SM3 and the user id 1234567812345678.
    Sm2,
}

impl From<KeyAlgorithm> for SignatureAlgorithm {
    fn from(algorithm: KeyAlgorithm) -> Self {
        match algorithm {
            KeyAlgorithm::Ed25519 => Self::Ed25519,
            KeyAlgorithm::Sm2 => Self::Sm2,
        }
    }
}

/// A file that a document commits to by its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileDescriptor {
    /// Its name, for people.
    pub name: String,
    /// SHA-256 of its bytes.
    pub sha256: Hex<32>,
    /// Its size, bytes.
    pub size: u64,
}

impl FileDescriptor {
    /// Describes these bytes.
    pub fn new(name: &str, bytes: &[u8]) -> Self {
        Self {
            name: name.to_owned(),
            sha256: Hex(Sha256::digest(bytes).into()),
            size: bytes.len() as u64,
        }
    }

    /// Are these the bytes?
    pub fn matches(&self, bytes: &[u8]) -> bool {
        *self == Self::new(&self.name, bytes)
    }
}

/// What a document is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Named fields, in the document itself.
    Json(Value),
    /// A file beside it, shown together with it.
    File(FileDescriptor),
}
