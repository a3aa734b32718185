//! What is told of a list, as JSON: by a gateway, and again by whoever checks its answer against what it proves.

use serde_json::{Value, json};
use starfire_proto::v1;

/// A list's record.
pub fn record(list: &v1::StatusListRecord) -> Value {
    json!({
        "issuer": list.issuer,
        "name": list.name,
        "purpose": list.purpose,
        "length": list.length,
        "version": list.version,
        "created_ms": list.created_ms,
        "updated_ms": list.updated_ms,
        "ttl_seconds": list.ttl,
        "root": hex::encode(&list.root),
    })
}

/// One entry of it, but for its proof. `known_at_ms` is the time of the state that proves it.
pub fn entry(list: &v1::StatusListRecord, index: u64, set: bool, known_at_ms: i64) -> Value {
    let mut shown = record(list);
    shown["index"] = index.into();
    shown["set"] = set.into();
    shown["known_at_ms"] = known_at_ms.into();
    shown
}
