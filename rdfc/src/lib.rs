//! What the RDF suites of Data Integrity sign.
//!
//! `eddsa-rdfc-2022` and `ecdsa-rdfc-2019` (P-256) do not sign the bytes of a document but what it says as RDF: the document and the
//! proof's options are read as JSON-LD, brought into the one canonical form of RDFC-1.0, and hashed. So the same credential with its
//! fields in another order has the same signature. This crate makes those hashes; keys and signatures are `did`'s business.
//!
//! It is apart from `did` because consensus needs none of it, and it is a pure function: no context is fetched ([`context`]), no
//! value is lost on the way ([`dataset`]), and no graph takes more than a bounded amount of work ([`canonical`]). The JSON-LD
//! processor names blank nodes at random; the canonical form does not depend on those names.

mod canonical;
mod context;
mod dataset;
mod direction;
mod error;
mod names;

use serde_json::Value;
use sha2::{Digest, Sha256};

pub use canonical::{WALK_DEPTH_MAX, WALK_STEPS_MAX};
pub use error::RdfcError;

/// Largest document, as JSON without white space.
pub const DOCUMENT_BYTES_MAX: usize = 256 * 1024;
/// Deepest nesting of objects and arrays.
pub const DOCUMENT_DEPTH_MAX: usize = 32;

/// What is signed: SHA-256 of the canonical proof options, then SHA-256 of the canonical document.
///
/// Both are hashed as given: the caller takes away the document's `proof`, but for earlier proofs that a proof chain covers, and the
/// options' `proofValue`. The options are read in the document's context, whatever context they carry.
pub fn hash_data(document: &Value, proof_config: &Value) -> Result<[u8; 64], RdfcError> {
    let mut options = proof_config.clone();
    let Value::Object(fields) = &mut options else {
        return Err(RdfcError::Syntax("proof options are an object".into()));
    };
    // vc-di-eddsa §3.2.5: the context of the proof options is that of the unsecured document.
    let context = document.get("@context").ok_or(RdfcError::ContextMissing)?;
    fields.insert("@context".to_owned(), context.clone());

    let mut hashes = [0; 64];
    hashes[..32].copy_from_slice(&Sha256::digest(canonical_form(&options)?));
    hashes[32..].copy_from_slice(&Sha256::digest(canonical_form(document)?));
    Ok(hashes)
}

/// The canonical N-Quads of a JSON-LD document.
pub fn canonical_form(document: &Value) -> Result<String, RdfcError> {
    canonical::n_quads(&dataset::quads(document)?)
}
