//! The rules of the W3C DID test suite, in words of ours: what each asks of a recording, and a change that breaks it.

mod dereferencing;
mod document;
mod properties;
mod resolution;

use serde_json::Value;
use starfire_did::did_url::DidUrl;
use starfire_did::resolution::unix_seconds;

pub(super) use dereferencing::DEREFERENCING;
pub(super) use document::{CONSUMPTION, IDENTIFIER, PRODUCTION};
pub(super) use properties::PROPERTIES;
pub(super) use resolution::{DEACTIVATED, RESOLUTION};

/// What every recording of an area must keep.
pub(super) struct Rule {
    /// The rule.
    pub(super) claim: &'static str,
    /// Whether a recording keeps it.
    pub(super) holds: fn(&Value) -> bool,
    /// Changes a recording so that it no longer does.
    pub(super) breaks: fn(&mut Value),
}

/// Asserts each rule of an area, and that each would tell if it were broken.
pub(super) fn check(area: &str, rules: &[Rule], recording: &Value) {
    for rule in rules {
        assert!((rule.holds)(recording), "{area}: {}", rule.claim);
        let mut broken = recording.clone();
        (rule.breaks)(&mut broken);
        assert!(
            !(rule.holds)(&broken),
            "{area}: broken unseen: {}",
            rule.claim
        );
    }
}

/// DID Core §3.1.
fn is_did(value: &Value) -> bool {
    value
        .as_str()
        .is_some_and(|text| DidUrl::parse(text).is_ok_and(|url| url.is_did()))
}

/// DID Core §3.2.
fn is_did_url(value: &Value) -> bool {
    value
        .as_str()
        .is_some_and(|text| DidUrl::parse(text).is_ok())
}

/// A scheme, and something after it, all of it in characters of URIs.
fn is_uri(value: &Value) -> bool {
    let Some((scheme, rest)) = value.as_str().and_then(|text| text.split_once(':')) else {
        return false;
    };
    scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && !rest.is_empty()
        && rest
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte))
}

/// DID Core §7.1.3: UTC, without fractions.
fn is_moment(value: &Value) -> bool {
    value.as_str().is_some_and(|text| {
        text.len() == "2026-11-18T11:07:40Z".len()
            && text.ends_with('Z')
            && unix_seconds(text).is_some()
    })
}

/// One keyword.
fn is_word(value: &Value) -> bool {
    let word = value.as_str();
    word.is_some_and(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphabetic()))
}

fn is_ascii(value: &Value) -> bool {
    value.as_str().is_some_and(str::is_ascii)
}

/// `type/subtype`, without parameters.
fn is_media_type(value: &Value) -> bool {
    let part = |text: &str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-+._".contains(&byte))
    };
    value
        .as_str()
        .and_then(|text| text.split_once('/'))
        .is_some_and(|(kind, subtype)| part(kind) && part(subtype))
}

// DID Core §7.3: "Each property value MUST be a string, map, list, set, boolean, or null", at every depth. No number.
fn is_metadata(value: &Value) -> bool {
    fn is_value(value: &Value) -> bool {
        match value {
            Value::Null | Value::Bool(_) | Value::String(_) => true,
            Value::Array(items) => items.iter().all(is_value),
            Value::Object(members) => members.values().all(is_value),
            Value::Number(_) => false,
        }
    }
    value.is_object() && is_value(value)
}

/// A document as it was sent.
fn consumed(representation: &Value) -> Option<Value> {
    serde_json::from_str::<Value>(representation.as_str()?)
        .ok()
        .filter(Value::is_object)
}

/// What is said of a document, where it is said: the rules of DID Core §7.1.3.
fn is_document_metadata(metadata: &Value) -> bool {
    let each = |names: &[&str], is: fn(&Value) -> bool| {
        names.iter().all(|name| metadata.get(*name).is_none_or(is))
    };
    each(&["created", "updated", "nextUpdate"], is_moment)
        && each(&["versionId", "nextVersionId"], is_ascii)
        && each(&["canonicalId"], is_did_of_the_method)
        && each(&["equivalentId"], |ids| {
            ids.as_array()
                .is_some_and(|ids| ids.iter().all(is_did_of_the_method))
        })
}

fn is_did_of_the_method(value: &Value) -> bool {
    is_did(value)
        && value
            .as_str()
            .is_some_and(|did| did.starts_with("did:bid:"))
}

/// The executions that are to have an outcome.
fn outcome<'a>(recording: &'a Value, name: &str) -> Vec<&'a Value> {
    let places = recording["expectedOutcomes"][name].as_array();
    places
        .into_iter()
        .flatten()
        .filter_map(Value::as_u64)
        .filter_map(|place| recording["executions"].get(usize::try_from(place).ok()?))
        .collect()
}

fn executions(recording: &Value) -> &[Value] {
    recording["executions"]
        .as_array()
        .map_or(&[], Vec::as_slice)
}

/// The place of the first execution with an outcome.
fn first(recording: &Value, name: &str) -> usize {
    let place = recording["expectedOutcomes"][name][0].as_u64().unwrap();
    usize::try_from(place).unwrap()
}
