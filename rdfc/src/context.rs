//! The contexts that are built in, and which inline ones are let through.
//!
//! A context decides what a signature means, so none is fetched: a name is either that of a published document that stands in
//! `contexts/`, or refused. An inline context may give terms their IRIs and nothing else: no scoped contexts, containers, aliases of keywords or
//! resets, so that `id` and `type` mean the same everywhere in a document. A context is not signed, only what it makes of names. So a
//! term is what its IRI ends with: whoever alters the context cannot call a signed value by another name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use oxiri::Iri;
use serde_json::{Map, Value};

use crate::{RdfcError, names};

/// A published context.
struct BuiltIn {
    name: &'static str,
    text: &'static str,
    /// It makes `id` and `type` mean what they mean everywhere, and protects them.
    base: bool,
}

const BUILT_IN: &[BuiltIn] = &[
    BuiltIn {
        name: "https://www.w3.org/ns/credentials/v2",
        text: include_str!("../contexts/credentials-v2.jsonld"),
        base: true,
    },
    BuiltIn {
        name: "https://www.w3.org/2018/credentials/v1",
        text: include_str!("../contexts/credentials-v1.jsonld"),
        base: true,
    },
    BuiltIn {
        name: "https://w3id.org/security/data-integrity/v2",
        text: include_str!("../contexts/data-integrity-v2.jsonld"),
        base: true,
    },
    BuiltIn {
        name: "https://w3id.org/security/data-integrity/v1",
        text: include_str!("../contexts/data-integrity-v1.jsonld"),
        base: true,
    },
    BuiltIn {
        name: "https://w3id.org/security/multikey/v1",
        text: include_str!("../contexts/multikey-v1.jsonld"),
        base: true,
    },
    BuiltIn {
        name: "https://www.w3.org/ns/did/v1",
        text: include_str!("../contexts/did-v1.jsonld"),
        base: true,
    },
    BuiltIn {
        name: "https://www.w3.org/ns/credentials/examples/v2",
        text: include_str!("../contexts/examples-v2.jsonld"),
        base: false,
    },
    BuiltIn {
        name: "https://www.w3.org/ns/credentials/undefined-terms/v2",
        text: include_str!("../contexts/undefined-terms-v2.jsonld"),
        base: false,
    },
];

fn find(name: &str) -> Option<&'static BuiltIn> {
    BUILT_IN.iter().find(|context| context.name == name)
}

/// What the built-in contexts define, scoped contexts included.
#[derive(Default)]
pub(crate) struct Vocabulary {
    /// All their terms.
    pub(crate) terms: BTreeSet<String>,
    /// The term for each IRI that they have a name for.
    pub(crate) names: BTreeMap<String, String>,
    /// The terms whose texts are references.
    pub(crate) references: BTreeSet<String>,
    /// The terms whose texts are of a type.
    pub(crate) typed: BTreeSet<String>,
}

/// That of all built-in contexts.
pub(crate) static VOCABULARY: LazyLock<Vocabulary> = LazyLock::new(|| {
    let mut vocabulary = Vocabulary::default();
    for context in BUILT_IN {
        let document: Value = serde_json::from_str(context.text).expect("a built-in context");
        vocabulary.add(&document["@context"], &Map::new());
    }
    vocabulary
});

impl Vocabulary {
    fn add(&mut self, context: &Value, prefixes: &Map<String, Value>) {
        let Value::Object(definitions) = context else {
            return;
        };
        let mut prefixes = prefixes.clone();
        prefixes.extend(definitions.clone());
        for (term, definition) in definitions {
            if term.starts_with('@') {
                continue;
            }
            self.terms.insert(term.clone());
            match type_of(definition) {
                Some("@id" | "@vocab") => {
                    self.references.insert(term.clone());
                }
                Some("@json") | None => {}
                Some(_) => {
                    self.typed.insert(term.clone());
                }
            }
            let iri = definition
                .as_str()
                .or_else(|| definition.get("@id")?.as_str());
            if let Some(iri) = iri.filter(|iri| !iri.starts_with('@')) {
                let (prefix, rest) = iri.split_once(':').unwrap_or(("", iri));
                let prefix = prefixes.get(prefix).and_then(Value::as_str);
                let iri = prefix.map_or(iri.to_owned(), |prefix| format!("{prefix}{rest}"));
                let other = self.names.insert(iri, term.clone());
                assert!(
                    other.is_none_or(|other| other == *term),
                    "two built-in names for what {term} means"
                );
            }
            if let Some(scoped) = definition.get("@context") {
                self.add(scoped, &prefixes);
            }
        }
    }
}

/// What a definition says of the texts of its term.
pub(crate) fn type_of(definition: &Value) -> Option<&str> {
    definition.get("@type")?.as_str()
}

/// The text of a context that is built in.
pub(crate) fn text(name: &str) -> Option<&'static str> {
    find(name).map(|context| context.text)
}

/// Accepts the value of an `@context` entry, and says how many terms it defines inline.
pub(crate) fn check(context: &Value) -> Result<usize, RdfcError> {
    let entries = match context {
        Value::Array(entries) => entries.as_slice(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            std::slice::from_ref(context)
        }
    };
    let first = entries.first().and_then(Value::as_str);
    let mut defined = 0;
    for entry in entries {
        match entry {
            Value::String(name) => {
                find(name).ok_or_else(|| RdfcError::ContextUnknown(name.clone()))?;
            }
            Value::Object(terms) => {
                inline(terms)?;
                defined += terms.len();
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => {
                return Err(RdfcError::ContextInline(entry.to_string()));
            }
        }
    }
    let Some(BuiltIn { base: true, .. }) = first.and_then(find) else {
        return Err(RdfcError::ContextMissing);
    };
    Ok(defined)
}

fn inline(terms: &Map<String, Value>) -> Result<(), RdfcError> {
    for (term, meaning) in terms {
        let fine = match (term.as_str(), meaning) {
            ("@vocab", Value::String(iri)) => {
                Iri::parse(iri.as_str()).is_ok() && names::is_free_vocabulary(iri)
            }
            (term, Value::String(iri)) => names::is_term(term) && is_meaning(term, iri),
            (term, Value::Object(definition)) => {
                names::is_term(term) && is_definition(term, definition)
            }
            (_, Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_)) => false,
        };
        if !fine {
            return Err(RdfcError::ContextInline(term.clone()));
        }
    }
    Ok(())
}

/// An IRI in full that ends with the term, and not one that a built-in context has a name for.
fn is_meaning(term: &str, iri: &str) -> bool {
    Iri::parse(iri).is_ok() && names::is_free(iri) && names::last(iri) == term
}

fn is_definition(term: &str, definition: &Map<String, Value>) -> bool {
    definition.get("@id").is_some_and(Value::is_string)
        && definition.iter().all(|(key, value)| match value {
            Value::String(text) if key == "@type" => text == "@id" || names::is_type(text),
            Value::String(text) => key == "@id" && is_meaning(term, text),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Array(_)
            | Value::Object(_) => false,
        })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_built_in_context_is_json_with_a_context() {
        for context in BUILT_IN {
            let document: Value = serde_json::from_str(context.text).unwrap();
            assert!(document["@context"].is_object(), "{}", context.name);
            let text = document["@context"].to_string();
            assert_eq!(
                context.base,
                text.contains(r#""id":"@id""#),
                "{}",
                context.name
            );
        }
    }

    /// What the count of [`crate::dataset`] rests on: no term makes more of a value than one statement, or JSON of it unseen.
    #[test]
    fn built_in_contexts_have_no_means_to_make_more_of_a_value_than_one_statement() {
        fn look(context: &Value) {
            let Value::Object(definitions) = context else {
                assert!(context.is_null(), "{context}");
                return;
            };
            for (term, definition) in definitions {
                let known = ["@protected", "@version", "@vocab"];
                assert!(
                    known.contains(&term.as_str()) || !term.starts_with('@'),
                    "{term}"
                );
                match definition {
                    Value::String(alias) if alias.starts_with('@') => {
                        let aliases = [("id", "@id"), ("type", "@type")];
                        assert!(
                            aliases.contains(&(term.as_str(), alias.as_str())),
                            "{term}: {alias}"
                        );
                    }
                    Value::Object(definition) => {
                        for (key, value) in definition {
                            match (key.as_str(), value.as_str()) {
                                ("@type", Some("@json")) => {
                                    assert!(crate::dataset::JSON_TERMS.contains(&term.as_str()));
                                }
                                ("@type", Some(kind)) => {
                                    assert!(
                                        ["@id", "@vocab"].contains(&kind) || !kind.starts_with('@')
                                    );
                                }
                                ("@container", Some("@graph" | "@set")) | ("@id", Some(_)) => {}
                                ("@context", None) => look(value),
                                other => panic!("{term}: {other:?}"),
                            }
                        }
                    }
                    Value::String(_) | Value::Bool(_) | Value::Number(_) => {}
                    Value::Null | Value::Array(_) => panic!("{term}: {definition}"),
                }
            }
        }
        for context in BUILT_IN {
            let document: Value = serde_json::from_str(context.text).unwrap();
            look(&document["@context"]);
        }
    }

    #[test]
    fn an_inline_context_gives_terms_their_meaning_and_nothing_else() {
        let v2 = "https://www.w3.org/ns/credentials/v2";
        for fine in [
            json!({"@vocab": "https://example.org/#"}),
            json!({"mass": "https://example.org/mass"}),
            json!({"maker": {"@id": "https://example.org/maker", "@type": "@id"}}),
            json!({"made": {"@id": "https://example.org/made", "@type": "http://www.w3.org/2001/XMLSchema#date"}}),
        ] {
            assert_eq!(check(&json!([v2, fine])), Ok(1));
        }
        for bad in [
            json!({"@vocab": null}),
            json!({"@vocab": ""}),
            json!({"@base": "https://example.org/"}),
            json!({"@import": v2}),
            json!({"name2": "@id"}),
            json!({"a": "_:b"}),
            json!({"a": null}),
            json!({"a b": "https://example.org/"}),
            json!({"_a": "https://example.org/"}),
            json!({"a": {"@id": "https://example.org/a", "@container": "@list"}}),
            json!({"a": {"@id": "https://example.org/a", "@context": {}}}),
            json!({"a": {"@reverse": "https://example.org/a"}}),
            json!({"a": {"@id": "https://example.org/a", "@type": "@json"}}),
            json!({"a": {"@id": "https://example.org/a", "@type": "http://www.w3.org/1999/02/22-rdf-syntax-ns#JSON"}}),
            json!({"a": {"@id": "https://example.org/a", "@type": "http://www.w3.org/2001/XMLSchema#integer"}}),
            json!({"a": {"@id": "https://example.org/a", "@type": "xsd:date"}}),
            json!({"income": "https://example.org/#debt"}),
            json!({"a": "https://example.org/"}),
            json!({"#a": "https://example.org/#a"}),
            json!({"@vocab": "https://example.org/#in"}),
            json!({"jwk": "https://example.org/jwk"}),
            json!({"validUntil": "https://example.org/validUntil"}),
            json!({"name": "https://schema.org/name"}),
        ] {
            let refused = check(&json!([v2, bad])).unwrap_err();
            assert_eq!(refused.code(), "RDFC_CONTEXT_INLINE", "{bad}");
        }
        assert_eq!(
            check(&json!([v2, null])).unwrap_err().code(),
            "RDFC_CONTEXT_INLINE"
        );
    }

    #[test]
    fn the_first_context_is_one_that_defines_id_and_type() {
        for bad in [
            json!("https://www.w3.org/ns/credentials/examples/v2"),
            json!({"@vocab": "https://example.org/#"}),
            json!([{"a": "https://example.org/a"}, "https://www.w3.org/ns/credentials/v2"]),
            json!([]),
        ] {
            assert_eq!(check(&bad), Err(RdfcError::ContextMissing), "{bad}");
        }
    }

    #[test]
    fn a_context_that_is_not_built_in_is_refused_by_name() {
        let name = "https://example.org/context";
        let refused = check(&json!(["https://www.w3.org/ns/credentials/v2", name]));
        assert_eq!(refused, Err(RdfcError::ContextUnknown(name.into())));
    }
}
