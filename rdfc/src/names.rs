//! One name for one meaning.
//!
//! A signature over RDF covers meanings (IRIs), and whoever judges a credential reads names (members of JSON). If `validUntil` could
//! also be written as its IRI, with a prefix, or by a term of another name, the same signature would hold, and the date would not be
//! seen. So what a built-in context names has that name, and what an inline context names has the name that its IRI ends with. For the
//! same reason a node is described in one place: its statements would be the same wherever its members stood.

use std::collections::{BTreeMap, BTreeSet};

use oxiri::Iri;
use serde_json::{Map, Value};

use crate::RdfcError;
use crate::context::VOCABULARY;

/// How the meanings begin that a judge reads, as the built-in contexts have them. Whatever else these name is as little free.
const JUDGED: &[&str] = &[
    "https://www.w3.org/2018/credentials#",
    "https://www.w3.org/ns/credentials/",
    "https://www.w3.org/ns/did#",
    "https://w3id.org/security#",
    "https://www.iana.org/assignments/jwt#",
    "https://www.iana.org/assignments/jose#",
    "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "http://purl.org/dc/terms/created",
];
/// How an IRI begins that is written in full. A term of this name would make it a prefix.
const SCHEMES: &[&str] = &["https", "http", "urn", "did"];
/// Where an IRI is cut: what follows the last of these is its name.
const CUTS: [char; 3] = ['#', '/', ':'];
/// Types of what JSON and JSON-LD have a form of their own for. A number that could also be written as a text would be another to a schema.
const NATIVE: &[&str] = &[
    "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "http://www.w3.org/2001/XMLSchema#boolean",
    "http://www.w3.org/2001/XMLSchema#double",
    "http://www.w3.org/2001/XMLSchema#integer",
    "http://www.w3.org/2001/XMLSchema#string",
    "https://www.w3.org/ns/i18n#",
];

/// Whether an inline context may define this term: none of a built-in context's, and no prefix of an IRI that is written in full.
pub(crate) fn is_term(term: &str) -> bool {
    !term.is_empty()
        && !term.starts_with(['@', '_'])
        && !term.contains(CUTS)
        && !term.contains(' ')
        && !SCHEMES.contains(&term)
        && !VOCABULARY.terms.contains(term)
}

/// The name that an IRI ends with.
pub(crate) fn last(iri: &str) -> &str {
    iri.rsplit(CUTS).next().unwrap_or(iri)
}

/// Whether an inline context may give a term this meaning: in full, and none that a judge reads.
pub(crate) fn is_free(iri: &str) -> bool {
    is_in_full(iri)
        && !JUDGED.iter().any(|judged| iri.starts_with(judged))
        && !VOCABULARY.names.contains_key(iri)
}

/// Whether terms without a definition may begin with this.
pub(crate) fn is_free_vocabulary(iri: &str) -> bool {
    // The rest is the term, whole. With it, it could come out as any IRI that begins so.
    is_free(iri) && iri.ends_with(CUTS) && !JUDGED.iter().any(|judged| judged.starts_with(iri))
}

/// Whether a literal may be said to be of this type: in full, and none that it has without being said to.
pub(crate) fn is_type(iri: &str) -> bool {
    is_in_full(iri)
        && Iri::parse(iri).is_ok()
        && !NATIVE.iter().any(|native| iri.starts_with(native))
}

fn is_in_full(iri: &str) -> bool {
    let scheme = iri.split_once(':').map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| SCHEMES.contains(&scheme))
}

/// Refuses a member that is named with a prefix, by an IRI that has a name, or by the longer end of one.
pub(crate) fn member(name: &str) -> Result<(), RdfcError> {
    let fine = is_free(name) || !name.contains(CUTS);
    if fine {
        return Ok(());
    }
    Err(RdfcError::Name(name.to_owned()))
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
pub(crate) struct Nodes<'a> {
    described: BTreeMap<&'a str, &'a Map<String, Value>>,
    /// Those that are subjects and of which nothing is said where they are.
    bare: BTreeSet<&'a str>,
}

impl<'a> Nodes<'a> {
    /// Takes note of a node; refuses one that is described elsewhere in other words.
    pub(crate) fn meet(&mut self, node: &'a Map<String, Value>) -> Result<(), RdfcError> {
        let Some(id) = node.get("id").and_then(Value::as_str) else {
            return Ok(());
        };
        if !is_described(node) {
            return Ok(());
        }
        let other = self.described.insert(id, node);
        if other.is_some_and(|other| other != node) {
            return Err(RdfcError::Node(id.to_owned()));
        }
        Ok(())
    }

    /// Takes note of a subject of which nothing is said.
    pub(crate) fn meet_subject(&mut self, subject: &'a Map<String, Value>) {
        let id = subject.get("id").and_then(Value::as_str);
        self.bare.extend(id.filter(|_| !is_described(subject)));
    }

    /// Refuses claims that were moved away from their subject. A schema looks for them there.
    pub(crate) fn check_subjects(&self) -> Result<(), RdfcError> {
        let moved = self.bare.iter().find(|id| self.described.contains_key(*id));
        moved.map_or(Ok(()), |id| Err(RdfcError::Node((*id).to_owned())))
    }

    /// The identifiers of all that were described.
    pub(crate) fn described(&self) -> impl Iterator<Item = &'a str> {
        self.described.keys().copied()
    }
}

fn is_described(node: &Map<String, Value>) -> bool {
    node.keys().any(|key| key != "id" && key != "@context")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::canonical_form;

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
            "cnf": { "jwk": { "crv": "Ed25519", "kty": "OKP", "x": "6o8Zjho7" } },
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
            (
                "cnf",
                "https://www.iana.org/assignments/jwt#cnf".to_owned(),
                whole()["cnf"].clone(),
            ),
            ("name", "https://schema.org/name".to_owned(), json!("a")),
            ("name", "a/name".to_owned(), json!("a")),
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
            json!({ "bound": "https://www.iana.org/assignments/jwt#cnf" }),
            json!({ "j": "https://www.iana.org/assignments/jwt#" }),
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

    #[test]
    fn claims_stand_at_their_subject() {
        let mut credential = whole();
        credential["issuer"] = json!({ "id": "did:example:holder", "about": "urn:uuid:1" });
        let apart = |subject: Value| {
            let mut credential = credential.clone();
            credential["credentialSubject"] = subject;
            canonical_form(&credential).map_err(|error| error.code())
        };
        let whole = apart(json!({ "id": "did:example:holder", "about": "urn:uuid:1" }));
        assert!(whole.is_ok(), "{whole:?}");
        let moved = apart(json!({ "id": "did:example:holder" }));
        assert_eq!(moved, Err("RDFC_NODE"));
        let other = apart(json!({ "id": "did:example:other" }));
        assert!(other.is_ok(), "{other:?}");
    }

    /// The texts between quotes in a file that may be the name of a member: letters, `_` and dots alone.
    fn names_in(source: &str) -> impl Iterator<Item = &str> {
        let rules = source.split("#[cfg(test)]").next().unwrap();
        rules.split('"').skip(1).step_by(2).filter(|text| {
            let fits = |letter: char| letter.is_ascii_alphabetic() || "_.".contains(letter);
            !text.is_empty() && text.chars().all(fits)
        })
    }

    #[test]
    fn whatever_a_judge_reads_by_name_has_a_meaning_that_is_not_free() {
        let mut read = 0;
        for source in [
            include_str!("../../did/src/credential/model.rs"),
            include_str!("../../did/src/credential/model/parts.rs"),
            include_str!("../../did/src/credential/model/presentation.rs"),
            include_str!("../../did/src/credential/bitstring.rs"),
            include_str!("../../did/src/credential/integrity.rs"),
            include_str!("../../did/src/credential/integrity/proof.rs"),
        ] {
            for name in names_in(source) {
                // Directions, and the letters of multibase.
                if ["ltr", "rtl", "u", "z"].contains(&name) {
                    continue;
                }
                assert!(VOCABULARY.terms.contains(name), "{name}");
                let mut meanings = VOCABULARY.names.iter().filter(|(_, term)| *term == name);
                assert!(meanings.all(|(iri, _)| !is_free(iri)), "{name}");
                read += 1;
            }
        }
        assert!(read > 50, "{read}");
    }

    #[test]
    fn built_in_contexts_agree_on_one_name_for_each_meaning() {
        assert!(VOCABULARY.names.len() > 50);
        for (iri, term) in &VOCABULARY.names {
            assert!(!SCHEMES.contains(&term.as_str()), "{term} is a prefix");
            assert!(!is_free(iri), "{iri}");
            assert!(!is_term(term), "{term}");
        }
    }
}
