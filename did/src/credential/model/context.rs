//! `@context`: which terms a credential may use, as far as that is known without fetching anything.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Object, is_url};
use crate::credential::code;
use crate::credential::malformed::Malformed;
use crate::shown::shown;

/// The context that comes first.
pub const BASE_CONTEXT: &str = "https://www.w3.org/ns/credentials/v2";

/// The terms that the base context defines for whole documents. It protects them: no other context may redefine one.
const BASE_TERMS: [&str; 30] = [
    "id",
    "type",
    "description",
    "digestMultibase",
    "digestSRI",
    "mediaType",
    "name",
    "VerifiableCredential",
    "EnvelopedVerifiableCredential",
    "VerifiablePresentation",
    "EnvelopedVerifiablePresentation",
    "JsonSchemaCredential",
    "JsonSchema",
    "BitstringStatusListCredential",
    "BitstringStatusList",
    "BitstringStatusListEntry",
    "DataIntegrityProof",
    "...",
    "_sd",
    "_sd_alg",
    "aud",
    "cnf",
    "exp",
    "iat",
    "iss",
    "jku",
    "kid",
    "nbf",
    "sub",
    "x5u",
];

fn is_base_term(term: &str) -> bool {
    BASE_TERMS.contains(&term)
}

/// What is known of the terms.
#[derive(Debug)]
pub(super) struct Context {
    /// A context by URL, other than the base one, may define anything.
    open: bool,
    /// `@vocab` gives every term a meaning.
    vocabulary: bool,
    /// Terms that contexts within the credential define; whether each is protected.
    terms: BTreeMap<String, bool>,
    /// Terms that are defined as nothing.
    undefined: BTreeSet<String>,
}

impl Context {
    // VCDM 2.0 §4.3: an ordered set whose first item is the base context, and whose others are URLs or objects.
    pub(super) fn parse(object: &Object) -> Result<Self, Malformed> {
        let items = match object.get("@context") {
            Some(Value::Array(items)) => items.as_slice(),
            Some(_) => return Err(invalid("@context is an array")),
            None => return Err(invalid("there is no @context")),
        };
        let Some((first, others)) = items.split_first() else {
            return Err(invalid("@context is empty"));
        };
        if first.as_str() != Some(BASE_CONTEXT) {
            return Err(invalid(format!(
                "@context does not begin with {BASE_CONTEXT}"
            )));
        }
        let mut context = Self {
            open: false,
            vocabulary: false,
            terms: BTreeMap::new(),
            undefined: BTreeSet::new(),
        };
        for item in others {
            match item {
                Value::String(_) if is_url(item) => context.open = true,
                Value::Object(definitions) => context.define(definitions)?,
                Value::Null
                | Value::Bool(_)
                | Value::Number(_)
                | Value::String(_)
                | Value::Array(_) => {
                    return Err(invalid(format!(
                        "a context is a URL or an object, unlike {}",
                        shown(&item.to_string())
                    )));
                }
            }
        }
        Ok(context)
    }

    fn define(&mut self, definitions: &Object) -> Result<(), Malformed> {
        let protected = definitions.get("@protected") == Some(&Value::Bool(true));
        for (term, definition) in definitions {
            if term == "@vocab" {
                self.vocabulary = definition.is_string();
            }
            if term.starts_with('@') {
                continue;
            }
            // VCDM 2.0 §5.2.1: an error where a context redefines a protected term.
            if is_base_term(term) || self.terms.get(term).is_some_and(|protected| *protected) {
                return Err(invalid(format!(
                    "\"{}\" is defined already, and protected",
                    shown(term)
                )));
            }
            let meaning = definition.get("@id").unwrap_or(definition);
            if definition.is_null() {
                self.undefined.insert(term.clone());
                self.terms.remove(term);
                continue;
            }
            if meaning.as_str().is_some_and(|meaning| !is_meaning(meaning)) {
                return Err(invalid(format!(
                    "\"{}\" means {}, which is no URL",
                    shown(term),
                    shown(&meaning.to_string())
                )));
            }
            self.undefined.remove(term);
            self.terms.insert(term.clone(), protected);
        }
        Ok(())
    }

    /// Whether a type is a term with a meaning, or might be.
    pub(super) fn may_define(&self, term: &str) -> bool {
        if is_base_term(term) || self.terms.contains_key(term) {
            return true;
        }
        (self.open || self.vocabulary) && !self.undefined.contains(term)
    }
}

/// A URL, a keyword, or a name that another definition completes.
fn is_meaning(text: &str) -> bool {
    !text.is_empty() && !text.contains(char::is_whitespace)
}

fn invalid(detail: impl Into<String>) -> Malformed {
    Malformed::new(code::CONTEXT_INVALID, detail)
}
