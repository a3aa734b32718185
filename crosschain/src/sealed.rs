//! Files that a person keeps: JSON whose bytes are their own canonical encoding, with a digest of themselves.
//!
//! The digest finds damage, not forgery: whoever changes a file on purpose computes it anew. What makes a file true is checked by
//! its reader. Still, a file has exactly one form: a reader accepts it when encoding what was understood gives the same bytes.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::document::CONTENT_DEPTH_MAX;
use crate::json::{self, JsonError};
use crate::text::Hex;

/// The deepest nesting in a file: a document's content, one level down.
const DEPTH_MAX: usize = CONTENT_DEPTH_MAX + 1;

/// Why bytes are not a sealed file of the wanted format.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// Not strict JSON, or too large.
    #[error("{}", explain(.0))]
    Json(#[from] JsonError),
    /// Another `format`, or none.
    #[error("the format is {found:?}, expected {expected:?}")]
    Format {
        /// What it says it is.
        found: String,
        /// What was asked for.
        expected: &'static str,
    },
    /// The bytes are not the canonical encoding (RFC 8785) of what they say.
    #[error("the bytes are not the canonical JSON of their content")]
    NotCanonical,
    /// `digest` is not the SHA-256 of the canonical encoding without it.
    #[error("the digest does not match: the file is damaged")]
    Digest,
    /// A field is missing, unknown, or of the wrong form.
    #[error("a field is wrong: {0}")]
    Field(serde_json::Error),
}

fn explain(error: &JsonError) -> String {
    match error {
        JsonError::TooLarge { .. } => error.to_string(),
        JsonError::Malformed(source) => format!("{error}: {source}"),
    }
}

/// The file's bytes: canonical JSON of `content` with its digest.
///
/// # Panics
/// When `content` is not an object: every caller seals a struct.
pub fn seal<T: Serialize>(content: &T) -> Vec<u8> {
    let mut value = serde_json::to_value(content).expect("names are strings, so it encodes");
    let digest = digest(&value);
    value
        .as_object_mut()
        .expect("a sealed file is an object")
        .insert("digest".to_owned(), Value::String(digest));
    json::canonical(&value)
}

/// Reads what [`seal`] wrote.
pub fn open<T: Serialize + DeserializeOwned>(
    bytes: &[u8],
    bytes_max: usize,
    format: &'static str,
) -> Result<T, SealError> {
    let mut value = json::parse(bytes, bytes_max, DEPTH_MAX)?;
    let found = value
        .get("format")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if found != format {
        return Err(SealError::Format {
            found: found.chars().take(40).collect(),
            expected: format,
        });
    }
    if json::canonical(&value) != bytes {
        return Err(SealError::NotCanonical);
    }
    let object = value
        .as_object_mut()
        .expect("it has a format, so it is an object");
    let stated = object.remove("digest");
    if stated.as_ref().and_then(Value::as_str) != Some(digest(&value).as_str()) {
        return Err(SealError::Digest);
    }
    let content: T = serde_json::from_value(value).map_err(SealError::Field)?;
    // An absent field and a null one must not both be accepted.
    if seal(&content) != bytes {
        return Err(SealError::NotCanonical);
    }
    Ok(content)
}

fn digest(value: &Value) -> String {
    Hex::<32>(Sha256::digest(json::canonical(value)).into()).to_string()
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Note {
        format: String,
        text: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        extra: Option<u32>,
    }

    const FORMAT: &str = "note/1";

    fn note() -> Note {
        Note {
            format: FORMAT.to_owned(),
            text: "é \u{1}".to_owned(),
            extra: None,
        }
    }

    #[test]
    fn what_is_sealed_opens() {
        assert_eq!(open::<Note>(&seal(&note()), 1000, FORMAT).unwrap(), note());
    }

    #[test]
    fn no_byte_of_a_file_can_change() {
        let bytes = seal(&note());
        for place in 0..bytes.len() {
            for change in 1..=255 {
                let mut changed = bytes.clone();
                changed[place] ^= change;
                assert!(
                    open::<Note>(&changed, 1000, FORMAT).is_err(),
                    "byte {place} ^ {change}"
                );
            }
        }
    }

    #[test]
    fn a_file_has_one_form() {
        let mut spaced = seal(&note());
        spaced.push(b'\n');
        assert!(matches!(
            open::<Note>(&spaced, 1000, FORMAT),
            Err(SealError::NotCanonical)
        ));
        let with_null = seal(&serde_json::json!({"format": FORMAT, "text": "", "extra": null}));
        assert!(matches!(
            open::<Note>(&with_null, 1000, FORMAT),
            Err(SealError::NotCanonical)
        ));
        let unknown = seal(&serde_json::json!({"format": FORMAT, "text": "", "more": 1}));
        assert!(matches!(
            open::<Note>(&unknown, 1000, FORMAT),
            Err(SealError::Field(_))
        ));
        assert!(matches!(
            open::<Note>(&seal(&note()), 1000, "note/2"),
            Err(SealError::Format { .. })
        ));
        assert!(matches!(
            open::<Note>(b"[]", 1000, FORMAT),
            Err(SealError::Format { .. })
        ));
        assert!(matches!(
            open::<Note>(b"{", 1000, FORMAT),
            Err(SealError::Json(_))
        ));
    }
}
