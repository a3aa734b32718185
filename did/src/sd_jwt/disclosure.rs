//! One disclosure: a salt, a name and a value, in the very text whose hash was signed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{SALT_BYTES, SdJwtError};
use crate::jose::{self, TOKEN_BYTES_MAX};

/// A disclosure.
#[derive(Debug, Clone, PartialEq)]
pub struct Disclosure {
    text: String,
    digest: String,
    name: Option<String>,
    value: Value,
}

/// Names with a meaning of their own: RFC 9901 §4.2.1 and §4.1.1.
pub(super) const RESERVED_NAMES: [&str; 3] = ["_sd", "...", "_sd_alg"];

impl Disclosure {
    /// Reads base64url of JSON.
    pub fn parse(text: &str) -> Result<Self, SdJwtError> {
        let part = "disclosure";
        let bytes = jose::base64url(part, text)?;
        let list = jose::json(part, &bytes, TOKEN_BYTES_MAX)?;
        let (name, value) = match list {
            Value::Array(list) => match <[Value; 3]>::try_from(list) {
                Ok([Value::String(_), Value::String(name), value]) => (Some(name), value),
                Ok(_) => return Err(SdJwtError::Disclosure),
                Err(list) => match <[Value; 2]>::try_from(list) {
                    Ok([Value::String(_), value]) => (None, value),
                    Ok(_) | Err(_) => return Err(SdJwtError::Disclosure),
                },
            },
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Object(_) => {
                return Err(SdJwtError::Disclosure);
            }
        };
        if let Some(name) = name.as_deref().filter(|name| RESERVED_NAMES.contains(name)) {
            return Err(SdJwtError::ReservedName(name.to_owned()));
        }
        Ok(Self {
            text: text.to_owned(),
            digest: digest(text),
            name,
            value,
        })
    }

    /// Makes one, of a member with its name or of an element of a list.
    pub(super) fn new(salt: [u8; SALT_BYTES], name: Option<&str>, value: Value) -> Self {
        let salt = URL_SAFE_NO_PAD.encode(salt);
        let list = match name {
            Some(name) => json!([salt, name, value]),
            None => json!([salt, value]),
        };
        let text = URL_SAFE_NO_PAD.encode(list.to_string());
        Self {
            digest: digest(&text),
            text,
            name: name.map(str::to_owned),
            value,
        }
    }

    /// Its text, as it stands between tildes.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The hash of its text, as the issuer signed it.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The name of a member; `None` for an element of a list.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The value, with hashes of what is hidden within.
    pub fn value(&self) -> &Value {
        &self.value
    }
}

/// base64url of SHA-256 of a text, the form of all hashes here.
pub(super) fn digest(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(text))
}
