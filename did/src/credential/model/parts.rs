//! Parts that credentials and presentations have in common: ids, types, names, lists of objects, digests of resources.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::context::Context;
use super::{ENTRIES_MAX, Object};
use crate::credential::code;
use crate::credential::json::one_or_some;
use crate::credential::malformed::Malformed;
use crate::shown::shown;
use crate::uri;

/// The longest language tag, bytes: RFC 5646 §4.4.1 expects 35.
const LANGUAGE_BYTES_MAX: usize = 64;

pub(super) fn is_url(value: &Value) -> bool {
    value.as_str().is_some_and(uri::is_uri)
}

// VCDM 2.0 §4.4: a single URL, where there is one.
pub(super) fn ids(object: &Object, what: &str) -> Result<Option<String>, Malformed> {
    match object.get("id") {
        None => Ok(None),
        Some(Value::String(id)) if uri::is_uri(id) => Ok(Some(id.clone())),
        Some(other) => {
            let detail = format!(
                "the id of {what} is a single URL, unlike {}",
                shown(&other.to_string())
            );
            Err(Malformed::new(code::ID_INVALID, detail))
        }
    }
}

// VCDM 2.0 §4.5: one or more terms or absolute URLs.
pub(super) fn types(
    object: &Object,
    what: &str,
    context: &Context,
) -> Result<Vec<String>, Malformed> {
    let invalid = |detail: String| Malformed::new(code::TYPE_INVALID, detail);
    let values = match object.get("type") {
        Some(value) => one_or_some(value),
        None => &[],
    };
    if values.is_empty() || values.len() > ENTRIES_MAX {
        return Err(invalid(format!("{what} has 1 to {ENTRIES_MAX} types")));
    }
    let one = |value: &Value| {
        let Some(text) = value.as_str() else {
            return Err(invalid(format!(
                "a type of {what} is a text, unlike {}",
                shown(&value.to_string())
            )));
        };
        if !uri::is_uri(text) && !context.may_define(text) {
            return Err(invalid(format!(
                "type \"{}\" of {what} is neither a URL nor defined by a context",
                shown(text)
            )));
        }
        Ok(text.to_owned())
    };
    values.iter().map(one).collect()
}

/// One object, or some.
pub(super) fn members<'a>(
    object: &'a Object,
    name: &str,
    code: &'static str,
) -> Result<Vec<&'a Object>, Malformed> {
    let values = match object.get(name) {
        None => return Ok(Vec::new()),
        Some(value) => one_or_some(value),
    };
    if values.is_empty() || values.len() > ENTRIES_MAX {
        return Err(Malformed::new(
            code,
            format!("{name} has 1 to {ENTRIES_MAX} entries"),
        ));
    }
    values
        .iter()
        .map(|value| {
            value.as_object().ok_or_else(|| {
                let value = shown(&value.to_string());
                Malformed::new(code, format!("{name} is an object, unlike {value}"))
            })
        })
        .collect()
}

/// A URL, or the id of an object that has one.
pub(super) fn object_or_url(value: &Value) -> Option<String> {
    let id = value.get("id").unwrap_or(value);
    is_url(id).then(|| id.as_str().map(str::to_owned)).flatten()
}

// VCDM 2.0 §4.6 and §11.1: a string, a language value object, or some of these.
pub(super) fn name_and_description(object: &Object, what: &str) -> Result<(), Malformed> {
    for name in ["name", "description"] {
        let values = match object.get(name) {
            None => continue,
            Some(value) => one_or_some(value),
        };
        if values.is_empty() || !values.iter().all(is_text) {
            let detail = format!(
                "the {name} of {what} is a text, or an object of @value, @language and @direction alone"
            );
            return Err(Malformed::new(code::LANGUAGE_INVALID, detail));
        }
    }
    Ok(())
}

fn is_text(value: &Value) -> bool {
    match value {
        Value::String(_) => true,
        Value::Object(object) => {
            object.get("@value").is_some_and(Value::is_string)
                && object.iter().all(|(name, value)| match name.as_str() {
                    "@value" => true,
                    "@language" => value.as_str().is_some_and(is_language),
                    "@direction" => matches!(value.as_str(), Some("ltr" | "rtl")),
                    _ => false,
                })
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => false,
    }
}

// RFC 5646 §2.1, as far as it goes without a registry: subtags of 1 to 8 letters and digits.
fn is_language(text: &str) -> bool {
    text.len() <= LANGUAGE_BYTES_MAX
        && text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.split('-').all(|part| {
            (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
}

// VCDM 2.0 §5.3: each with an id of its own and at least one digest.
pub(super) fn related_resources(object: &Object) -> Result<(), Malformed> {
    let code = code::RELATED_RESOURCE_INVALID;
    let invalid = |detail: String| Malformed::new(code, detail);
    let mut seen = BTreeSet::new();
    for resource in members(object, "relatedResource", code)? {
        let id = ids(resource, "a related resource")
            .map_err(|error| invalid(error.detail))?
            .ok_or_else(|| invalid("a related resource has an id".into()))?;
        if !seen.insert(id.clone()) {
            return Err(invalid(format!("{id} is named twice")));
        }
        let mut digests = 0;
        for (name, is_digest) in [
            ("digestSRI", is_sri as fn(&str) -> bool),
            ("digestMultibase", is_multibase_digest),
        ] {
            let values = match resource.get(name) {
                None => continue,
                Some(value) => one_or_some(value),
            };
            if values.is_empty() || !values.iter().all(|one| one.as_str().is_some_and(is_digest)) {
                return Err(invalid(format!("the {name} of {id} is no digest")));
            }
            digests += values.len();
        }
        if digests == 0 {
            return Err(invalid(format!(
                "{id} has neither digestSRI nor digestMultibase"
            )));
        }
    }
    Ok(())
}

// Subresource Integrity §3.5: hash expressions, separated by spaces, whose digests are of CSP's base64-value. A digest of another length
// has that form too; it matches no resource.
fn is_sri(text: &str) -> bool {
    text.split(' ').all(|expression| {
        let Some((algorithm, digest)) = expression.split_once('-') else {
            return false;
        };
        let digits = digest.trim_end_matches('=');
        ["sha256", "sha384", "sha512"].contains(&algorithm)
            && !digits.is_empty()
            && digest.len() - digits.len() <= 2
            && digits
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"+/-_".contains(&byte))
    })
}

// Data Integrity 1.0 §2.6: a multibase multihash. Only its frame is looked at: the code, the length, that many bytes.
fn is_multibase_digest(text: &str) -> bool {
    let bytes = match text.split_at_checked(1) {
        Some(("u", rest)) => URL_SAFE_NO_PAD.decode(rest).ok(),
        Some(("z", rest)) if rest.len() <= 2 * 64 => bs58::decode(rest).into_vec().ok(),
        _ => None,
    };
    bytes.is_some_and(|bytes| match bytes.as_slice() {
        [0x12..=0x1b, length, digest @ ..] => {
            usize::from(*length) == digest.len() && !digest.is_empty()
        }
        _ => false,
    })
}
