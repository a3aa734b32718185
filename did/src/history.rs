//! A DID's record, version by version.
//!
//! Every version is stored whole and names the hash of the one before, so that a reader of any version can be shown that the
//! history behind it is the one that the chain holds.

use prost::Message;
use sha2::{Digest, Sha256};
use starfire_proto::v1;
use starfire_state::{Env, Overlay};

use crate::document::Document;
use crate::id::Did;
use crate::path;

/// SHA-256 of a record as it is stored: what the next version's `previous_hash` is.
pub fn record_hash(record: &v1::DidRecord) -> [u8; 32] {
    Sha256::digest(record.encode_to_vec()).into()
}

/// The first version of a record.
pub(crate) fn first(document: &Document, env: &Env) -> v1::DidRecord {
    v1::DidRecord {
        document: Some(document.into()),
        version: 1,
        created_ms: env.time_ms(),
        updated_ms: env.time_ms(),
        deactivated: false,
        deactivation_reason: String::new(),
        previous_hash: Vec::new(),
    }
}

/// The version after `previous`, holding this document; or none, when the DID is deactivated.
pub(crate) fn next(
    previous: &v1::DidRecord,
    document: Option<&Document>,
    env: &Env,
) -> v1::DidRecord {
    v1::DidRecord {
        document: document.map(Into::into),
        version: previous
            .version
            .checked_add(1)
            .expect("fewer than 2^64 transactions change a document"),
        created_ms: previous.created_ms,
        updated_ms: env.time_ms(),
        deactivated: document.is_none(),
        deactivation_reason: String::new(),
        previous_hash: record_hash(previous).to_vec(),
    }
}

/// Writes a version: as the newest, and as itself.
pub(crate) fn append(state: &mut Overlay<'_>, did: &Did, record: &v1::DidRecord) {
    assert_eq!(
        record.version == 1,
        record.previous_hash.is_empty(),
        "only the first version has none before it"
    );
    state.put_record(path::record(did), record);
    state.put_record(path::version(did, record.version), record);
}
