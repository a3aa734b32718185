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
mod form;
mod names;

use serde_json::Value;
use sha2::{Digest, Sha256};

pub use canonical::{WALK_BYTES_MAX, WALK_DEPTH_MAX, WALK_STEPS_MAX};
pub use error::RdfcError;
pub use form::other_form;

/// Largest document, as JSON without white space.
pub const DOCUMENT_BYTES_MAX: usize = 256 * 1024;
/// Most values, each of which is a statement.
pub const VALUES_MAX: usize = 8192;
/// Most places with a context of their own: each is processed anew.
pub const CONTEXTS_MAX: usize = 128;
/// Most terms of all inline contexts together: a node with a type may copy them all.
pub const INLINE_TERMS_MAX: usize = 256;
/// Deepest nesting of objects and arrays.
pub const DOCUMENT_DEPTH_MAX: usize = 32;

/// Values of all documents that are canonicalised for one purpose.
const WORK_VALUES_MAX: usize = 2 * VALUES_MAX;
/// Steps of the walk for all of them.
const WORK_STEPS_MAX: usize = 4 * WALK_STEPS_MAX;
/// Bytes that the walk handles for all of them.
const WORK_BYTES_MAX: usize = 4 * WALK_BYTES_MAX;
/// What a place with a context counts for, in values: it takes as long.
const CONTEXT_VALUES: usize = 16;

/// How much work is left for one purpose, whatever documents that takes. Bounds on one document are not enough: a presentation has many,
/// and each of their proofs is one too.
#[derive(Clone, Debug)]
pub struct Work {
    values: usize,
    steps: usize,
    bytes: usize,
}

impl Work {
    /// All that one purpose may take.
    #[must_use]
    #[expect(
        clippy::new_without_default,
        reason = "how much it is should be said, not assumed"
    )]
    pub const fn new() -> Self {
        Self {
            values: WORK_VALUES_MAX,
            steps: WORK_STEPS_MAX,
            bytes: WORK_BYTES_MAX,
        }
    }

    /// Takes what a document takes. One that is too large for what is left takes nothing: nothing is done with it, and a smaller one may
    /// follow.
    fn take(&mut self, values: usize, contexts: usize) -> Result<(), RdfcError> {
        let all = values + contexts * CONTEXT_VALUES;
        let left = self.values.checked_sub(all).ok_or(RdfcError::TooLarge {
            what: "values in all that it is made of",
            max: WORK_VALUES_MAX,
        })?;
        self.values = left;
        Ok(())
    }
}

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
    let work = &mut Work::new();
    hashes[..32].copy_from_slice(&hash(&options, work)?);
    hashes[32..].copy_from_slice(&hash(document, work)?);
    Ok(hashes)
}

/// SHA-256 of the canonical form of a JSON-LD document: a half of what is signed.
pub fn hash(document: &Value, work: &mut Work) -> Result<[u8; 32], RdfcError> {
    let quads = dataset::quads(document, work)?;
    Ok(Sha256::digest(canonical::n_quads(&quads, work)?).into())
}

/// The canonical N-Quads of a JSON-LD document.
pub fn canonical_form(document: &Value) -> Result<String, RdfcError> {
    let work = &mut Work::new();
    canonical::n_quads(&dataset::quads(document, work)?, work)
}
