//! One name for one meaning.
//!
//! A signature over RDF covers meanings (IRIs), and whoever judges a credential reads names (members of JSON). If `validUntil` could
//! also be written as its IRI, with a prefix, or by a term of another name, the same signature would hold, and the date would not be
//! seen. So a member has the name that a built-in context gives it, and no inline context gives those meanings to other names. For the
//! same reason a node is described in one place: its statements would be the same wherever its members stood.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::RdfcError;

/// Where the meanings stand that a judge reads, as the built-in contexts have them.
const JUDGED: &[&str] = &[
    "https://www.w3.org/2018/credentials#",
    "https://www.w3.org/ns/credentials/",
    "https://www.w3.org/ns/did#",
    "https://w3id.org/security#",
    "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "http://purl.org/dc/terms/created",
];
/// How an IRI begins that is written in full. A term of this name would make it a prefix.
const SCHEMES: &[&str] = &["https", "http", "urn", "did"];

/// Whether this is a term, and can be no prefix of an IRI that is written in full.
pub(crate) fn is_term(term: &str) -> bool {
    !term.is_empty()
        && !term.starts_with(['@', '_'])
        && !term.contains([':', '/', ' '])
        && !SCHEMES.contains(&term)
}

/// Whether an inline context may give a term this meaning: in full, and none that a judge reads.
pub(crate) fn is_free(iri: &str) -> bool {
    is_in_full(iri) && !JUDGED.iter().any(|judged| iri.starts_with(judged))
}

/// Whether terms without a definition may begin with this.
pub(crate) fn is_free_vocabulary(iri: &str) -> bool {
    // With the rest of the term it could come out as any IRI that begins so.
    is_free(iri) && !JUDGED.iter().any(|judged| judged.starts_with(iri))
}

fn is_in_full(iri: &str) -> bool {
    let scheme = iri.split_once(':').map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| SCHEMES.contains(&scheme))
}

/// Refuses a member that is named with a prefix, or by an IRI that has a name.
pub(crate) fn member(name: &str) -> Result<(), RdfcError> {
    if name.contains(':') && !is_free(name) {
        return Err(RdfcError::Name(name.to_owned()));
    }
    Ok(())
}

/// The same for the types of a node.
pub(crate) fn types(value: &Value) -> Result<(), RdfcError> {
    match value {
        Value::Array(names) => names.iter().filter_map(Value::as_str).try_for_each(member),
        Value::String(name) => member(name),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Ok(()),
    }
}

/// The nodes of one graph that were met, by identifier.
#[derive(Default)]
pub(crate) struct Nodes<'a>(BTreeMap<&'a str, &'a Map<String, Value>>);

impl<'a> Nodes<'a> {
    /// Takes note of a node; refuses one that is described elsewhere in other words.
    pub(crate) fn meet(&mut self, node: &'a Map<String, Value>) -> Result<(), RdfcError> {
        let is_described = node.keys().any(|key| key != "id" && key != "@context");
        let Some(id) = node.get("id").and_then(Value::as_str) else {
            return Ok(());
        };
        if is_described && self.0.insert(id, node).is_some_and(|other| other != node) {
            return Err(RdfcError::Node(id.to_owned()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;
    use crate::{canonical_form, context};

    const V2: &str = "https://www.w3.org/ns/credentials/v2";

    /// A credential with every member that a judge reads.
    fn whole() -> Value {
        json!({
            "@context": [V2, "https://www.w3.org/ns/credentials/examples/v2"],
            "id": "urn:uuid:1",
            "type": ["VerifiableCredential", "CertificateOfOrigin"],
            "issuer": "did:example:issuer",
            "validUntil": "2026-01-01T00:00:00Z",
            "credentialStatus": { "id": "urn:uuid:2", "type": "BitstringStatusListEntry" },
            "credentialSubject": { "id": "did:example:holder", "about": "urn:uuid:1" },
        })
    }

    /// The same with one member taken away and others put in.
    fn moved(from: &str, into: &[(&str, Value)]) -> Value {
        let mut credential = whole();
        let members = credential.as_object_mut().unwrap();
        members.remove(from);
        for (name, value) in into {
            members.insert((*name).to_owned(), value.clone());
        }
        credential
    }

    #[test]
    fn what_is_judged_has_no_other_name() {
        canonical_form(&whole()).unwrap();
        let date = json!({
            "@value": "2026-01-01T00:00:00Z",
            "@type": "http://www.w3.org/2001/XMLSchema#dateTime",
        });
        let status = whole()["credentialStatus"].clone();
        let ns = "https://www.w3.org/2018/credentials#";
        for (from, name, value) in [
            ("validUntil", format!("{ns}validUntil"), date),
            (
                "credentialStatus",
                format!("{ns}credentialStatus"),
                status.clone(),
            ),
            ("credentialStatus", "c:credentialStatus".to_owned(), status),
            ("id", "@id".to_owned(), json!("urn:uuid:1")),
            ("type", "@type".to_owned(), whole()["type"].clone()),
            (
                "type",
                "http://www.w3.org/1999/02/22-rdf-syntax-ns#type".to_owned(),
                json!([{ "id": format!("{ns}VerifiableCredential") }]),
            ),
            (
                "type",
                "type".to_owned(),
                json!([format!("{ns}VerifiableCredential")]),
            ),
        ] {
            let refused = canonical_form(&moved(from, &[(&name, value)])).unwrap_err();
            assert_eq!(refused.code(), "RDFC_NAME", "{name}");
        }
        for context in [
            json!({ "until": format!("{ns}validUntil") }),
            json!({ "until": { "@id": format!("{ns}validUntil") } }),
            json!({ "c": ns }),
            json!({ "c": "https://www.w3.org/2018/", "until": "c:credentials#validUntil" }),
            json!({ "https": "https://www.w3.org/2018/credentials#" }),
            json!({ "kind": "http://www.w3.org/1999/02/22-rdf-syntax-ns#type" }),
            json!({ "@vocab": ns }),
            json!({ "@vocab": "https://www.w3.org/2018/cred" }),
            json!({ "@vocab": format!("{ns}valid") }),
        ] {
            let refused = canonical_form(&moved("@context", &[("@context", json!([V2, context]))]));
            assert_eq!(
                refused.unwrap_err().code(),
                "RDFC_CONTEXT_INLINE",
                "{context}"
            );
        }
    }

    #[test]
    fn what_is_judged_stands_where_it_belongs() {
        let mut credential = whole();
        let date = credential.as_object_mut().unwrap().remove("validUntil");
        credential["credentialSubject"]["about"] =
            json!({ "id": "urn:uuid:1", "validUntil": date });
        let refused = canonical_form(&credential).unwrap_err();
        assert_eq!(refused.code(), "RDFC_NODE");
    }

    /// Every term of a context with its IRI, scoped contexts included.
    fn terms(
        context: &Value,
        prefixes: &Map<String, Value>,
        found: &mut BTreeSet<(String, String)>,
    ) {
        let Value::Object(definitions) = context else {
            for one in context.as_array().into_iter().flatten() {
                terms(one, prefixes, found);
            }
            return;
        };
        let mut prefixes = prefixes.clone();
        prefixes.extend(definitions.clone());
        for (term, definition) in definitions {
            let iri = definition
                .as_str()
                .or_else(|| definition.get("@id")?.as_str());
            if let Some(iri) = iri.filter(|_| !term.starts_with('@')) {
                let (prefix, rest) = iri.split_once(':').unwrap_or(("", iri));
                let prefix = prefixes.get(prefix).and_then(Value::as_str);
                let iri = prefix.map_or(iri.to_owned(), |prefix| format!("{prefix}{rest}"));
                found.insert((iri, term.clone()));
            }
            if let Some(scoped) = definition.get("@context") {
                terms(scoped, &prefixes, found);
            }
        }
    }

    #[test]
    fn built_in_contexts_agree_on_one_name_for_what_is_judged() {
        let mut found = BTreeSet::new();
        for text in context::texts() {
            let document: Value = serde_json::from_str(text).unwrap();
            terms(&document["@context"], &Map::new(), &mut found);
        }
        assert!(found.len() > 50);
        let mut names = BTreeMap::<&str, Vec<&str>>::new();
        for (iri, term) in &found {
            assert!(!SCHEMES.contains(&term.as_str()), "{term} is a prefix");
            if !is_free(iri) && !iri.ends_with(['#', '/']) {
                names.entry(iri).or_default().push(term);
            }
        }
        names.retain(|_, terms| terms.len() > 1);
        assert_eq!(names, BTreeMap::new());
    }
}
