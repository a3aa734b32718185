//! The one form of a document, among those that say the same in RDF.
//!
//! A signature over RDF holds for each of them: a value may stand in a list of its own, a text in an object, a reference as an object,
//! what is said of a node at another mention of it. Who reads JSON by a schema tells them apart, so whoever holds a credential could
//! choose the form that a schema does not look into. In the form that is known by this file there is no such choice, but for the order
//! of lists.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::context::{VOCABULARY, type_of};
use crate::dataset::{JSON_TERMS, SUBJECT, content_of};

/// Members of which the data model takes one form alone: an object for a subject, a number for the size of a status.
const SETTLED: &[&str] = &[SUBJECT, "statusSize"];

/// The place, as a JSON Pointer, of a value that could be written otherwise without another statement.
///
/// In the form that has none, a value by itself stands in no list, but for the document's own types, which do; nothing is null, nothing
/// stands twice in a list, no list in another; a text, a number and a reference are written without an object where that is possible,
/// and a value of a type that its context gives as a text; languages are written as RFC 5646 has them; contexts stand at the top; and
/// what is said of a node is said at its only mention, or at the subject.
#[must_use]
pub fn other_form(document: &Value) -> Option<String> {
    let mut form = Form::default();
    form.gather(document);
    let found = match document {
        Value::Object(root) => form.object(root, "", Standing::Top),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Some(String::new())
        }
    };
    let moved = || {
        let mut described = form.described.iter();
        described.find(|(id, _)| form.mentioned.contains(id))
    };
    found.or_else(|| moved().map(|(_, at)| at.clone()))
}

/// Where an object stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It is the document.
    Top,
    /// It is what a credential is about: what is said of it stands there, or `RDFC_NODE` refuses it.
    Subject,
    /// Elsewhere.
    Within,
}

/// What was met in walking through a document.
#[derive(Default)]
struct Form<'a> {
    /// Terms whose texts are references, as inline contexts say.
    references: BTreeSet<&'a str>,
    /// Terms whose texts are of a type, as inline contexts say.
    typed: BTreeSet<&'a str>,
    /// The nodes of which something is said, and where; the document and its subjects are not among them.
    described: Vec<(&'a str, String)>,
    /// All of which something is said.
    met: BTreeSet<&'a str>,
    /// The nodes that are mentioned without a word on them.
    mentioned: BTreeSet<&'a str>,
}

impl<'a> Form<'a> {
    /// Takes note of what inline contexts say of terms, wherever they stand.
    fn gather(&mut self, value: &'a Value) {
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            Value::Array(items) => items.iter().for_each(|item| self.gather(item)),
            Value::Object(members) => {
                for (name, member) in members {
                    if name != "@context" {
                        self.gather(member);
                        continue;
                    }
                    let entries = std::slice::from_ref(member);
                    let entries = member.as_array().map_or(entries, Vec::as_slice);
                    for (term, definition) in entries.iter().filter_map(Value::as_object).flatten()
                    {
                        match type_of(definition) {
                            Some("@id" | "@vocab") => {
                                self.references.insert(term);
                            }
                            Some(_) => {
                                self.typed.insert(term);
                            }
                            None => {}
                        }
                    }
                }
            }
        }
    }

    fn is_reference(&self, name: &str) -> bool {
        self.references.contains(name) || VOCABULARY.references.contains(name)
    }

    fn is_typed(&self, name: &str) -> bool {
        self.typed.contains(name) || VOCABULARY.typed.contains(name)
    }

    fn object(
        &mut self,
        members: &'a Map<String, Value>,
        at: &str,
        standing: Standing,
    ) -> Option<String> {
        if let Some(id) = members.get("id").and_then(Value::as_str) {
            if !self.met.insert(id) {
                return Some(at.to_owned());
            }
            if standing == Standing::Within {
                self.described.push((id, at.to_owned()));
            }
        }
        for (name, value) in members {
            let place = pointer(at, name);
            let found = match name.as_str() {
                "@context" => (standing != Standing::Top).then_some(place),
                "id" => None,
                name if JSON_TERMS.contains(&name) => None,
                "type" if standing == Standing::Top => match value {
                    Value::Array(types) if !types.is_empty() => self.list(name, types, &place),
                    Value::Array(_)
                    | Value::Null
                    | Value::Bool(_)
                    | Value::Number(_)
                    | Value::String(_)
                    | Value::Object(_) => Some(place),
                },
                name => match value {
                    Value::Array(items) if items.len() < 2 => Some(place),
                    Value::Array(items) => self.list(name, items, &place),
                    Value::Null
                    | Value::Bool(_)
                    | Value::Number(_)
                    | Value::String(_)
                    | Value::Object(_) => self.value(name, value, &place),
                },
            };
            if found.is_some() {
                return found;
            }
        }
        None
    }

    fn list(&mut self, name: &'a str, items: &'a [Value], at: &str) -> Option<String> {
        let mut met = BTreeSet::new();
        for (number, item) in items.iter().enumerate() {
            let place = pointer(at, &number.to_string());
            // Two nodes without a name are two, whatever is said of them.
            let is_nameless = item
                .as_object()
                .is_some_and(|node| !node.contains_key("id") && !node.contains_key("@value"));
            if item.is_array() || (!is_nameless && !met.insert(content_of(item))) {
                return Some(place);
            }
            let found = self.value(name, item, &place);
            if found.is_some() {
                return found;
            }
        }
        None
    }

    /// A value that is no list.
    fn value(&mut self, name: &'a str, value: &'a Value, at: &str) -> Option<String> {
        let other = |is_other: bool| is_other.then(|| at.to_owned());
        let settled = SETTLED.contains(&name);
        match value {
            Value::Null | Value::Array(_) => other(true),
            Value::Bool(_) | Value::Number(_) => other(self.is_typed(name) && !settled),
            Value::String(text) => {
                if self.is_reference(name) {
                    self.mentioned.insert(text);
                }
                None
            }
            Value::Object(literal) if literal.contains_key("@value") => {
                other(!self.is_only_form(name, literal))
            }
            Value::Object(node) => match node.get("id").and_then(Value::as_str) {
                Some(id) if node.len() == 1 => {
                    self.mentioned.insert(id);
                    other(self.is_reference(name) && !settled)
                }
                Some(_) | None => {
                    let standing = match name {
                        SUBJECT => Standing::Subject,
                        _ => Standing::Within,
                    };
                    self.object(node, at, standing)
                }
            },
        }
    }

    /// Whether a literal says no less than it must: a text of a language, of a direction, or of a type that its context does not give.
    fn is_only_form(&self, name: &str, literal: &Map<String, Value>) -> bool {
        let is_text = literal.get("@value").is_some_and(Value::is_string);
        let language = literal.get("@language");
        let in_form = language
            .is_none_or(|language| language.as_str().is_some_and(|tag| written(tag) == tag));
        let says_more = language.is_some() || literal.contains_key("@direction");
        let of_a_type = literal.contains_key("@type") && !self.is_typed(name);
        is_text && in_form && (says_more || of_a_type)
    }
}

/// A tag of a language in the letters that it is usually written in.
// RFC 5646 §2.1.1: all in lower case, but subtags of two letters in upper and of four in title case, if they neither begin the tag nor
// follow a singleton.
fn written(tag: &str) -> String {
    let mut written: Vec<String> = Vec::new();
    for subtag in tag.split('-') {
        let after_singleton = written.last().is_none_or(|last| last.len() == 1);
        let lower = subtag.to_ascii_lowercase();
        written.push(match lower.len() {
            2 if !after_singleton => lower.to_ascii_uppercase(),
            4 if !after_singleton => {
                let (first, rest) = lower.split_at_checked(1).unwrap_or((&lower, ""));
                format!("{}{rest}", first.to_ascii_uppercase())
            }
            _ => lower,
        });
    }
    written.join("-")
}

/// RFC 6901 §3.
fn pointer(parent: &str, token: &str) -> String {
    format!("{parent}/{}", token.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::canonical_form;

    const V2: &str = "https://www.w3.org/ns/credentials/v2";

    /// A credential in its one form.
    fn credential() -> Value {
        json!({
            "@context": [V2, {
                "@vocab": "https://example.org/#",
                "age": {"@id": "https://example.org/#age", "@type": "http://www.w3.org/2001/XMLSchema#nonNegativeInteger"},
                "maker": {"@id": "https://example.org/#maker", "@type": "@id"},
                "seller": {"@id": "https://example.org/#seller", "@type": "@id"},
            }],
            "id": "urn:uuid:1",
            "type": ["VerifiableCredential"],
            "issuer": "did:example:issuer",
            "validFrom": "2026-01-01T00:00:00Z",
            "credentialSubject": {
                "id": "did:example:subject",
                "country": "China",
                "ports": ["Ningbo", "Tianjin"],
                "parts": [{"mass": 1}, {"mass": 1}],
                "mass": 5,
                "age": "17",
                "maker": {"id": "did:example:maker", "country": "China"},
                "seller": "did:example:seller",
                "title": {"@value": "证书", "@language": "zh-Hans-CN"},
            },
        })
    }

    #[test]
    fn forms_that_say_the_same_are_told_from_the_one_that_is_taken() {
        let good = credential();
        assert_eq!(other_form(&good), None);
        let signed = canonical_form(&good).unwrap();
        for (at, value) in [
            ("/credentialSubject/country", json!(["China"])),
            ("/credentialSubject/country", json!(["China", "China"])),
            ("/credentialSubject/country", json!({"@value": "China"})),
            ("/credentialSubject/country", json!([[["China"]]])),
            ("/credentialSubject/ports", json!([["Ningbo"], "Tianjin"])),
            ("/credentialSubject/ports", json!([["Ningbo", "Tianjin"]])),
            (
                "/credentialSubject/ports",
                json!(["Ningbo", "Tianjin", null]),
            ),
            ("/credentialSubject/mass", json!([5, 5.0])),
            ("/credentialSubject/mass", json!({"@value": 5})),
            ("/credentialSubject/age", json!(17)),
            (
                "/credentialSubject/seller",
                json!({"id": "did:example:seller"}),
            ),
            ("/credentialSubject/extra", json!(null)),
            ("/credentialSubject/extra", json!([])),
            ("/credentialSubject/@context", json!(V2)),
            (
                "/credentialSubject/title",
                json!({"@value": "证书", "@language": "zh-hans-cn"}),
            ),
            ("/credentialSubject", json!([good["credentialSubject"]])),
            ("/type", json!("VerifiableCredential")),
            ("/issuer", json!({"id": "did:example:issuer"})),
            (
                "/validFrom",
                json!({"@value": "2026-01-01T00:00:00Z", "@type": "http://www.w3.org/2001/XMLSchema#dateTime"}),
            ),
        ] {
            let mut other = good.clone();
            let (parent, name) = at.rsplit_once('/').unwrap();
            other.pointer_mut(parent).unwrap()[name] = value;
            let found = other_form(&other).unwrap_or_else(|| panic!("{at} {other}"));
            assert!(found.starts_with(at), "{found}: {other}");
            // Some are no statements at all, and are refused as such.
            if let Ok(same) = canonical_form(&other) {
                assert_eq!(same, signed, "{other}");
            }
        }
    }

    #[test]
    fn what_is_said_of_a_node_stands_at_its_only_mention() {
        let mut both = credential();
        both["credentialSubject"]["seller"] = json!("did:example:maker");
        let mut moved = both.clone();
        moved["credentialSubject"]["maker"] = json!("did:example:maker");
        moved["credentialSubject"]["seller"] = both["credentialSubject"]["maker"].clone();
        assert_eq!(canonical_form(&both), canonical_form(&moved));
        assert_eq!(
            other_form(&both).as_deref(),
            Some("/credentialSubject/maker")
        );
        assert_eq!(
            other_form(&moved).as_deref(),
            Some("/credentialSubject/seller")
        );
        // Claims stand at their subject, whoever else mentions it.
        let mut own = credential();
        own["issuer"] = json!("did:example:subject");
        assert_eq!(other_form(&own), None);
    }

    #[test]
    fn a_value_that_has_no_shorter_form_is_taken() {
        let integer = "http://www.w3.org/2001/XMLSchema#nonNegativeInteger";
        for (name, value) in [
            ("weight", json!({"@value": "17", "@type": integer})),
            ("title", json!({"@value": "a", "@language": "en-US"})),
            ("title", json!({"@value": "a", "@direction": "rtl"})),
            ("near", json!({"id": "did:example:port"})),
            (
                "route",
                json!([{"id": "did:example:a"}, {"id": "did:example:b"}]),
            ),
        ] {
            let mut document = credential();
            document["credentialSubject"][name] = value;
            canonical_form(&document).unwrap();
            assert_eq!(other_form(&document), None, "{document}");
        }
        let mut size = credential();
        size["credentialStatus"] = json!({"type": "BitstringStatusListEntry", "statusSize": 1});
        assert_eq!(other_form(&size), None);
        let mut typed = credential();
        typed["credentialSubject"]["weight"] = json!({"@value": 17, "@type": integer});
        assert!(other_form(&typed).is_some());
    }

    #[test]
    fn languages_have_the_letters_that_they_are_usually_written_in() {
        for (tag, expected) in [
            ("EN", "en"),
            ("en-us", "en-US"),
            ("ZH-hans-cn", "zh-Hans-CN"),
            ("en-CA-X-CA", "en-CA-x-ca"),
            ("sl-ROZAJ", "sl-rozaj"),
            ("", ""),
        ] {
            assert_eq!(written(tag), expected);
        }
    }
}
