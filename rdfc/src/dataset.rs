//! A JSON-LD document as RDF statements, none of its values lost.
//!
//! JSON-LD drops what it does not understand: a term that no context defines, a reference that is not an IRI. What is dropped is not
//! signed, so it could be altered at will. Other implementations have a "safe mode" that watches each place where something may
//! drop. Here the values are counted instead: every value of the document must come out as exactly one statement.
//!
//! A count can be made up: by a statement that no counted value made, for each value that was dropped. So none may come from
//! elsewhere. Keywords and terms that make more of a value than one statement are refused, or do not exist (a test of
//! [`crate::context`] holds the built-in ones to that). What is not walked through is JSON, and must come out as a literal of that very content: if any of
//! it were read as JSON-LD, its literal would be missing, since only those terms make any. Then no statement is left
//! without its value, and equal numbers mean that no value is without its statement.
//!
//! What comes out is looked at once more, without counting on a processor of JSON-LD to be right: whatever has the meaning of a
//! built-in name was walked through at a member of that name, and whatever is said of an identifier, at the node that has it.

use std::collections::{BTreeMap, BTreeSet};

use oxiri::Iri;
use oxjsonld::{JsonLdParser, JsonLdRemoteDocument};
use oxrdf::{NamedOrBlankNode, Quad, Term};
use serde_json::{Map, Number, Value};

use crate::context::VOCABULARY;
use crate::names::{self, Nodes};
use crate::{
    CONTEXTS_MAX, DOCUMENT_BYTES_MAX, DOCUMENT_DEPTH_MAX, INLINE_TERMS_MAX, RdfcError, VALUES_MAX,
    Work, context, direction,
};

const RDF_JSON: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#JSON";

/// The term whose scoped context forgets all that stood before, so that each value must bring a context of its own. Each is a graph of
/// its own, too.
const FRESH: &str = "verifiableCredential";

/// Whose claims a schema looks at.
pub(crate) const SUBJECT: &str = "credentialSubject";

/// Terms whose value is JSON and no JSON-LD: one literal, whatever stands in it. Only where their contexts say so: elsewhere they are
/// refused.
pub(crate) const JSON_TERMS: &[&str] = &["jsonSchema", "jwk", "_sd"];

/// The largest integer that every JSON implementation holds exactly.
const INTEGER_MAX: u64 = 1 << 53;

/// Significant digits that a number keeps as `xsd:double`: JSON-LD API §8.2.2 writes `%1.15E`.
const DIGITS_MAX: usize = 16;

/// The statements of a document, each of its values in one.
pub(crate) fn quads(document: &Value, work: &mut Work) -> Result<Vec<Quad>, RdfcError> {
    let text = document.to_string();
    if text.len() > DOCUMENT_BYTES_MAX {
        return Err(RdfcError::TooLarge {
            what: "bytes",
            max: DOCUMENT_BYTES_MAX,
        });
    }
    let Value::Object(root) = document else {
        return Err(RdfcError::Syntax("the document is not an object".into()));
    };
    if !root.contains_key("@context") {
        return Err(RdfcError::ContextMissing);
    }
    let mut written = Written::default();
    graph(&mut written, |nodes, written| {
        object(root, 0, nodes, written)
    })?;
    work.take(written.values, written.contexts)?;
    let text = match direction::in_types(document) {
        Some(directed) => directed.to_string(),
        None => text,
    };

    let parser = JsonLdParser::new()
        .for_slice(&text)
        .with_load_document_callback(|name, _| {
            let text = context::text(name).ok_or("not built in")?;
            Ok(JsonLdRemoteDocument {
                document: text.as_bytes().to_vec(),
                document_url: name.to_owned(),
            })
        });
    let mut quads = Vec::new();
    for quad in parser {
        quads.push(quad.map_err(|error| RdfcError::Syntax(error.to_string()))?);
    }
    check(&written, &quads)?;
    Ok(quads)
}

/// What was met in walking through a document.
#[derive(Default)]
struct Written<'a> {
    /// How many values are to be one statement each.
    values: usize,
    /// The content of those that are JSON.
    json: Vec<String>,
    /// How many of the values stand at members of each name.
    members: BTreeMap<&'a str, usize>,
    /// The identifiers of nodes of which something is said.
    described: BTreeSet<&'a str>,
    /// How many places have a context.
    contexts: usize,
    /// How many terms these define.
    terms: usize,
}

impl<'a> Written<'a> {
    fn value(&mut self, name: &'a str) -> Result<(), RdfcError> {
        self.values += 1;
        *self.members.entry(name).or_default() += 1;
        within(self.values, VALUES_MAX, "values")
    }

    fn context(&mut self, context: &Value) -> Result<(), RdfcError> {
        self.contexts += 1;
        within(self.contexts, CONTEXTS_MAX, "contexts")?;
        self.terms += context::check(context)?;
        within(self.terms, INLINE_TERMS_MAX, "terms in inline contexts")
    }
}

fn within(count: usize, max: usize, what: &'static str) -> Result<(), RdfcError> {
    if count > max {
        return Err(RdfcError::TooLarge { what, max });
    }
    Ok(())
}

/// Whether the statements are those of the values that were met, and no others.
fn check(written: &Written<'_>, quads: &[Quad]) -> Result<(), RdfcError> {
    if written.values != quads.len() {
        return Err(RdfcError::Dropped {
            written: written.values,
            kept: quads.len(),
        });
    }
    let mut json = Vec::new();
    let mut members: BTreeMap<&str, usize> = BTreeMap::new();
    for quad in quads {
        if let Term::Literal(literal) = &quad.object
            && literal.datatype().as_str() == RDF_JSON
        {
            let content = serde_json::from_str(literal.value())
                .map_err(|error| RdfcError::Syntax(error.to_string()))?;
            json.push(content_of(&content));
        }
        if let Some(name) = VOCABULARY.names.get(quad.predicate.as_str()) {
            *members.entry(name).or_default() += 1;
        }
        if let NamedOrBlankNode::NamedNode(id) = &quad.subject
            && !written.described.contains(id.as_str())
        {
            return Err(RdfcError::Node(id.as_str().to_owned()));
        }
    }
    let mut expected = written.json.clone();
    expected.sort_unstable();
    json.sort_unstable();
    if json != expected {
        return Err(RdfcError::Json);
    }
    for (name, said) in &members {
        if *said > written.members.get(name).copied().unwrap_or_default() {
            return Err(RdfcError::Name((*name).to_owned()));
        }
    }
    // Each was walked through as a graph of its own.
    let fresh = |said: &BTreeMap<&str, usize>| said.get(FRESH).copied();
    if fresh(&members) != fresh(&written.members) {
        return Err(RdfcError::Name(FRESH.to_owned()));
    }
    Ok(())
}

/// JSON as a text that is the same for the same content: `1` and `1.0` are one number.
pub(crate) fn content_of(json: &Value) -> String {
    match json {
        Value::Number(number) => format!("{:?}", number.as_f64()),
        Value::Null | Value::Bool(_) | Value::String(_) => json.to_string(),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(content_of).collect();
            format!("[{}]", items.join(","))
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members
                .iter()
                .map(|(name, value)| (Value::from(name.as_str()).to_string(), content_of(value)))
                .map(|(name, value)| format!("{name}:{value}"))
                .collect();
            members.sort_unstable();
            format!("{{{}}}", members.join(","))
        }
    }
}

/// Walks through what is one graph: nodes of it stand in one place each.
fn graph<'a>(
    written: &mut Written<'a>,
    walk: impl FnOnce(&mut Nodes<'a>, &mut Written<'a>) -> Result<(), RdfcError>,
) -> Result<(), RdfcError> {
    let mut nodes = Nodes::default();
    walk(&mut nodes, written)?;
    nodes.check_subjects()?;
    written.described.extend(nodes.described());
    Ok(())
}

/// Counts the values of an object, and refuses what must not stand in one.
fn object<'a>(
    object: &'a Map<String, Value>,
    depth: usize,
    nodes: &mut Nodes<'a>,
    written: &mut Written<'a>,
) -> Result<(), RdfcError> {
    nodes.meet(object)?;
    for (key, value) in object {
        match key.as_str() {
            "@context" => written.context(value)?,
            "id" => identifier(value)?,
            "@id" | "@type" => return Err(RdfcError::Name(key.to_owned())),
            "type" => {
                names::types(value)?;
                values(key, value, depth, nodes, written)?;
            }
            name if JSON_TERMS.contains(&name) => {
                json(value, depth)?;
                written.json.push(content_of(value));
                written.value(name)?;
            }
            name if name.starts_with('@') || name.starts_with("_:") => {
                return Err(RdfcError::Keyword(key.to_owned()));
            }
            FRESH => graphs(value, depth, written)?,
            name => {
                names::member(name)?;
                if name == SUBJECT {
                    let subjects = std::slice::from_ref(value);
                    let subjects = value.as_array().map_or(subjects, Vec::as_slice);
                    for subject in subjects.iter().filter_map(Value::as_object) {
                        nodes.meet_subject(subject);
                    }
                }
                values(name, value, depth, nodes, written)?;
            }
        }
    }
    Ok(())
}

/// Counts the values at a member: each is to be one statement, and an object's own values come on top.
fn values<'a>(
    name: &'a str,
    value: &'a Value,
    depth: usize,
    nodes: &mut Nodes<'a>,
    written: &mut Written<'a>,
) -> Result<(), RdfcError> {
    if depth > DOCUMENT_DEPTH_MAX {
        return Err(RdfcError::TooDeep);
    }
    match value {
        Value::Null => return Ok(()),
        Value::Bool(_) => (),
        Value::Number(digits) => number(digits)?,
        Value::String(text) if is_keyword_like(text) => {
            return Err(RdfcError::Keyword(text.clone()));
        }
        Value::String(_) => (),
        Value::Array(items) => {
            for item in items {
                values(name, item, depth + 1, nodes, written)?;
            }
            return Ok(());
        }
        Value::Object(inner) if inner.contains_key("@value") => literal(inner)?,
        Value::Object(inner) => object(inner, depth + 1, nodes, written)?,
    }
    written.value(name)
}

/// Counts the values at [`FRESH`].
fn graphs<'a>(value: &'a Value, depth: usize, written: &mut Written<'a>) -> Result<(), RdfcError> {
    if depth > DOCUMENT_DEPTH_MAX {
        return Err(RdfcError::TooDeep);
    }
    match value {
        Value::Array(items) => items
            .iter()
            .try_for_each(|item| graphs(item, depth + 1, written)),
        Value::Object(inner) if !inner.contains_key("@context") => Err(RdfcError::ContextMissing),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            graph(written, |nodes, written| {
                values(FRESH, value, depth, nodes, written)
            })
        }
    }
}

/// Accepts JSON that becomes one literal: its numbers must be the same for all.
fn json(value: &Value, depth: usize) -> Result<(), RdfcError> {
    if depth > DOCUMENT_DEPTH_MAX {
        return Err(RdfcError::TooDeep);
    }
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => Ok(()),
        Value::Number(written) => number(written),
        Value::Array(items) => items.iter().try_for_each(|item| json(item, depth + 1)),
        Value::Object(fields) => fields.values().try_for_each(|item| json(item, depth + 1)),
    }
}

/// `{"@value": …}` with a language and a direction, or a type: one statement.
fn literal(literal: &Map<String, Value>) -> Result<(), RdfcError> {
    let is_plain_text =
        literal.get("@value").is_some_and(Value::is_string) && !literal.contains_key("@type");
    for (key, value) in literal {
        match (key.as_str(), value) {
            ("@direction", Value::String(name))
                if is_plain_text && ["ltr", "rtl"].contains(&name.as_str()) => {}
            ("@value", Value::Number(written)) => number(written)?,
            ("@value", Value::String(_) | Value::Bool(_)) | ("@language", Value::String(_)) => (),
            ("@type", Value::String(name)) if names::is_type(name) => (),
            _ => return Err(RdfcError::Keyword(key.clone())),
        }
    }
    Ok(())
}

fn identifier(value: &Value) -> Result<(), RdfcError> {
    let fine = value
        .as_str()
        .is_some_and(|text| !text.starts_with("_:") && Iri::parse(text).is_ok());
    if fine {
        Ok(())
    } else {
        Err(RdfcError::Identifier(value.to_string()))
    }
}

/// JSON-LD API §5.2 step 2: a string of this form is ignored where an IRI is expected, keyword or not.
fn is_keyword_like(text: &str) -> bool {
    text.strip_prefix('@')
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphabetic()))
}

/// Integers up to 2^53 and fractions of at most 16 digits are the same for all; other numbers are rounded differently.
fn number(number: &Number) -> Result<(), RdfcError> {
    let exact = match (number.as_u64(), number.as_i64()) {
        (Some(positive), _) => positive <= INTEGER_MAX,
        (None, Some(negative)) => negative.unsigned_abs() <= INTEGER_MAX,
        (None, None) => {
            let text = number.to_string();
            let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
            let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
            text != "-0.0" && digits.trim_matches('0').len() <= DIGITS_MAX
        }
    };
    if exact {
        Ok(())
    } else {
        Err(RdfcError::Number(number.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn refusal(extra: Value) -> &'static str {
        let mut document =
            json!({"@context": "https://www.w3.org/ns/credentials/v2", "id": "urn:a", "name": "a"});
        for (key, value) in extra.as_object().unwrap() {
            document[key] = value.clone();
        }
        quads(&document, &mut Work::new()).map_or_else(|error| error.code(), |_| "none")
    }

    fn inline_terms(count: usize) -> Value {
        let term = |index| {
            (
                format!("a{index}"),
                json!(format!("https://example.org/a{index}")),
            )
        };
        let terms: Map<String, Value> = (0..count).map(term).collect();
        json!({"@context": ["https://www.w3.org/ns/credentials/v2", terms]})
    }

    #[test]
    fn what_json_ld_would_drop_is_refused() {
        assert_eq!(refusal(json!({})), "none");
        for dropped in [
            json!({"undefined": "x"}),
            json!({"credentialSubject": {"undefined": 1}}),
            json!({"issuer": "not an iri"}),
            json!({"issuer": "relative"}),
            json!({"type": "Undefined"}),
            json!({"foo bar": "x"}),
            json!({"name": {"@value": "a", "@language": "not a tag"}}),
        ] {
            assert_eq!(refusal(dropped.clone()), "RDFC_DROPPED", "{dropped}");
        }
    }

    #[test]
    fn keywords_without_use_are_refused() {
        for keyword in [
            json!({"@reverse": {"name": "x"}}),
            json!({"@graph": []}),
            json!({"@included": []}),
            json!({"@nest": {}}),
            json!({"_:a": "x"}),
            json!({"issuer": "@abc"}),
            json!({"name": {"@value": null}}),
            json!({"name": {"@value": "a", "@direction": "up"}}),
            json!({"name": {"@value": 1, "@direction": "ltr"}}),
            json!({"name": {"@value": "a", "@direction": "ltr", "@type": "https://a.org/"}}),
            json!({"@direction": "ltr"}),
            json!({"name": {"@value": {}, "@type": "@json"}}),
            json!({"name": {"@list": ["a"]}}),
        ] {
            assert_eq!(refusal(keyword.clone()), "RDFC_KEYWORD", "{keyword}");
        }
    }

    #[test]
    fn an_identifier_is_an_absolute_iri() {
        for bad in [
            json!("a"),
            json!("#a"),
            json!("_:a"),
            json!(1),
            json!(null),
            json!("a b"),
        ] {
            assert_eq!(refusal(json!({"id": bad})), "RDFC_IDENTIFIER");
        }
    }

    #[test]
    fn numbers_that_round_are_refused() {
        for bad in [
            json!(9_007_199_254_740_993_u64),
            json!(-9_007_199_254_740_993_i64),
            json!(0.300_000_000_000_000_04),
            json!(-0.0),
        ] {
            assert_eq!(
                refusal(json!({"description": bad.clone()})),
                "RDFC_NUMBER",
                "{bad}"
            );
        }
    }

    #[test]
    fn a_term_that_is_protected_keeps_its_meaning() {
        let v2 = "https://www.w3.org/ns/credentials/v2";
        let v1 = "https://www.w3.org/2018/credentials/v1";
        assert_eq!(refusal(json!({"@context": [v2, v1]})), "RDFC_SYNTAX");
        let named = json!([v2, {"name": "https://example.org/name"}]);
        assert_eq!(refusal(json!({"@context": named})), "RDFC_CONTEXT_INLINE");
    }

    #[test]
    fn a_credential_in_a_presentation_has_its_own_context() {
        let bare =
            json!({"type": "VerifiablePresentation", "verifiableCredential": [{"id": "urn:b"}]});
        assert_eq!(refusal(bare), "RDFC_CONTEXT_MISSING");
    }

    #[test]
    fn size_and_depth_are_bounded() {
        assert_eq!(
            refusal(json!({"name": "a".repeat(DOCUMENT_BYTES_MAX)})),
            "RDFC_TOO_LARGE"
        );
        let context = "https://www.w3.org/ns/credentials/v2";
        for (many, most) in [
            (
                json!({"name": vec!["a"; VALUES_MAX + 1]}),
                json!({"name": vec!["a"; VALUES_MAX]}),
            ),
            (
                json!({"name": vec![json!({"@context": context}); CONTEXTS_MAX]}),
                json!({"name": vec![json!({"@context": context}); CONTEXTS_MAX - 1]}),
            ),
            (
                inline_terms(INLINE_TERMS_MAX + 1),
                inline_terms(INLINE_TERMS_MAX),
            ),
        ] {
            assert_eq!(refusal(many), "RDFC_TOO_LARGE");
            assert_eq!(refusal(most), "none");
        }
        let mut deep = json!("a");
        for _ in 0..=DOCUMENT_DEPTH_MAX {
            deep = json!({"evidence": deep});
        }
        assert_eq!(refusal(json!({"evidence": deep})), "RDFC_TOO_DEEP");
        let mut deep = json!("a");
        for _ in 0..=DOCUMENT_DEPTH_MAX {
            deep = json!([deep]);
        }
        assert_eq!(refusal(json!({"name": deep})), "RDFC_TOO_DEEP");
        assert_eq!(
            quads(&json!([]), &mut Work::new()).unwrap_err().code(),
            "RDFC_SYNTAX"
        );
        assert_eq!(
            quads(&json!({}), &mut Work::new()).unwrap_err().code(),
            "RDFC_CONTEXT_MISSING"
        );
    }

    /// JSON with the names that credentials have, in places where they need not belong.
    fn any_json() -> impl Strategy<Value = Value> {
        let word = prop::sample::select(vec![
            "id",
            "type",
            "@id",
            "@type",
            "@value",
            "@language",
            "@context",
            "@list",
            "name",
            "issuer",
            "credentialSubject",
            "credentialSchema",
            "jsonSchema",
            "proof",
            "evidence",
            "verifiableCredential",
            "VerifiableCredential",
            "JsonSchemaCredential",
            "urn:a",
            "en",
            "https://www.w3.org/ns/credentials/v2",
            "DataIntegrityProof",
            "cryptosuite",
            "",
            "https://www.w3.org/ns/credentials/undefined-terms/v2",
            "proofPurpose",
            "a b",
        ]);
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            word.clone().prop_map(Value::from),
            ".{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(word.clone().prop_map(String::from), inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// Nothing from outside panics, and whatever is accepted changes its statements when a value is added.
        #[test]
        fn any_json_is_answered(mut document in any_json()) {
            if let Value::Object(root) = &mut document {
                root.insert("@context".into(), json!("https://www.w3.org/ns/credentials/v2"));
            }
            let _answer = quads(&document, &mut Work::new());
        }
    }
}
