//! A version of a schema as JSON, to be kept with its proof.

use serde_json::{Value, json};
use starfire_proto::v1;

/// The version, but for its proof; its content as the text that was registered. `None`: it is no text.
pub fn answer(schema: &v1::SchemaRecord) -> Option<Value> {
    let content = std::str::from_utf8(&schema.content).ok()?;
    Some(json!({
        "author": schema.author,
        "name": schema.name,
        "version": schema.version,
        "created_ms": schema.created_ms,
        "retired_ms": (schema.retired_ms != 0).then_some(schema.retired_ms),
        "checksum": hex::encode(&schema.checksum),
        "content": content,
    }))
}
