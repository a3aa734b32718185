//! A credential has one canonical form, whoever computes it: the two share no JSON-LD processor and no RDFC-1.0.

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use ssi::claims::data_integrity::DataIntegrityDocument;
use ssi::json_ld::syntax::to_value;
use ssi::json_ld::{ContextLoader, Expandable as _};
use ssi::rdf::{AnyLdEnvironment as _, LdEnvironment};
use starfire_oracle::theirs::{now, said};

fn canonical_form_by_ssi(document: &Value) -> Result<String, String> {
    let document: DataIntegrityDocument =
        serde_json::from_str(&document.to_string()).map_err(said)?;
    let mut environment = LdEnvironment::default();
    let loader = ContextLoader::default();
    let expanded = now(document.expand_with(&mut environment, &loader)).map_err(said)?;
    let lines = environment.canonical_form_of(&expanded).map_err(said)?;
    Ok(lines.concat())
}

fn canonical_form_by_us(document: &Value) -> Result<String, String> {
    starfire_rdfc::canonical_form(document).map_err(said)
}

fn check(document: &Value) {
    let ours = canonical_form_by_us(document);
    assert!(ours.is_ok(), "{ours:?} {document}");
    assert_eq!(canonical_form_by_ssi(document), ours, "{document}");
}

fn credential(context: &Value, subject: Value) -> Value {
    json!({
        "@context": ["https://www.w3.org/ns/credentials/v2", context],
        "id": "urn:uuid:6f1c1f0e-2d3b-4c5d-8e9f-0a1b2c3d4e5f",
        "type": ["VerifiableCredential", "CertificateOfOrigin"],
        "issuer": "did:example:issuer",
        "validFrom": "2026-01-01T00:00:00Z",
        "credentialSubject": subject,
    })
}

fn examples() -> Value {
    json!("https://www.w3.org/ns/credentials/examples/v2")
}

#[test]
fn texts_numbers_and_languages_have_the_same_form() {
    for subject in [
        json!({"a": "", "b": "line\nand \"quote\" \\ \r", "c": "厦门 \u{1f600}", "d": "\u{e9} e\u{301} \u{feff}"}),
        json!({"a": 0, "b": -1, "c": 9_007_199_254_740_991_i64}),
        json!({"a": true, "b": false}),
        json!({"a": 1250.5, "b": -0.25, "c": 0.1, "d": 123_456.789}),
        json!({"id": "did:example:a", "name": {"@value": "颜色", "@language": "zh"}}),
        json!([{"id": "did:example:a"}, {"id": "did:example:b", "a": ["1", "1", "2"]}]),
    ] {
        check(&credential(&examples(), subject));
    }
}

#[test]
fn nodes_that_only_their_neighbours_tell_apart_have_the_same_form() {
    for subject in [
        json!({"a": [{}, {}]}),
        json!({"a": [{"b": {"c": "1"}}, {"b": {"c": "2"}}, {"b": {"c": "1"}}]}),
        json!({"a": {"b": {"a": {"b": "end"}}}, "b": {"a": {"b": {"a": "end"}}}}),
        json!({"a": [{"a": [{"x": 1}, {"x": 2}]}, {"a": [{"x": 2}, {"x": 1}]}]}),
    ] {
        check(&credential(&examples(), subject));
    }
}

#[test]
fn terms_of_an_inline_context_have_the_same_form() {
    let context = json!({
        "CertificateOfOrigin": "https://example.org/CertificateOfOrigin",
        "mass": "https://example.org/mass",
        "maker": {"@id": "https://example.org/maker", "@type": "@id"},
        "made": {"@id": "https://example.org/made", "@type": "http://www.w3.org/2001/XMLSchema#date"},
    });
    check(&credential(
        &context,
        json!({"id": "did:example:a", "mass": 12, "maker": "did:example:b", "made": "2026-01-01"}),
    ));
}

/// The lines that only one side has.
fn differences(subject: Value) -> (Vec<String>, Vec<String>) {
    let document = credential(&examples(), subject);
    let ours = canonical_form_by_us(&document).unwrap();
    let theirs = canonical_form_by_ssi(&document).unwrap();
    let beyond = |one: &str, other: &str| {
        let lines = one
            .lines()
            .filter(|line| !other.lines().any(|known| known == *line));
        lines
            .map(|line| line.rsplit_once("examples#").unwrap().1.to_owned())
            .collect()
    };
    (beyond(&ours, &theirs), beyond(&theirs, &ours))
}

// RDFC-1.0 §5: control characters are escaped, backspace, tab and form feed by a letter. ssi follows its draft, URDNA2015.
#[test]
fn ssi_does_not_escape_control_characters() {
    let (ours, theirs) =
        differences(json!({"id": "did:example:a", "a": "\t \u{8} \u{c} \u{0} \u{7f}"}));
    assert_eq!(ours, [r#"a> "\t \b \f \u0000 \u007F" ."#]);
    assert_eq!(theirs, ["a> \"\t \u{8} \u{c} \u{0} \u{7f}\" ."]);
}

// Graphs are sets: what is said twice is said once. ssi counts it twice where it tells nodes apart, and so may number them otherwise.
#[test]
fn ssi_counts_twice_what_is_said_twice() {
    let subject =
        json!({"a": [{"id": "did:example:b"}, {"a": {}, "id": "did:example:b"}], "c": "ϙ"});
    let document = credential(&examples(), subject);
    let mut once = document.clone();
    once["credentialSubject"]["a"]
        .as_array_mut()
        .unwrap()
        .remove(0);
    assert_eq!(canonical_form_by_us(&document), canonical_form_by_us(&once));
    assert_ne!(
        canonical_form_by_ssi(&document),
        canonical_form_by_ssi(&once)
    );
    check(&once);
}

// JSON allows 1e-7 and 1e22. ssi does not write such a number out again, and its verification panics on that.
#[test]
fn ssi_takes_no_number_with_an_exponent_and_no_point() {
    for (number, taken) in [(0.1, true), (1e-7, false), (1e22, false)] {
        let document = credential(&examples(), json!({"a": number}));
        assert!(canonical_form_by_us(&document).is_ok());
        let document: DataIntegrityDocument = serde_json::from_str(&document.to_string()).unwrap();
        assert_eq!(to_value(document).is_ok(), taken, "{number}");
    }
}

// RDFC-1.0 §4.8, step 5.4.4.1: the name of a neighbour that has one already is part of the path. ssi leaves it out, so that nodes
// which only such a neighbour tells apart may be numbered otherwise.
#[test]
fn ssi_forgets_the_names_of_neighbours() {
    let (ours, theirs) = differences(json!({"a": [{}, {"a": {}}]}));
    assert_eq!(ours, ["a> _:c14n2 .", "a> _:c14n3 ."]);
    assert_eq!(theirs, ["a> _:c14n3 .", "a> _:c14n2 ."]);
}

// JSON-LD 1.1 API §8.2.2: a number without a fraction is an integer, however it is written.
#[test]
fn ssi_takes_a_whole_number_with_a_point_for_a_fraction() {
    let (ours, theirs) = differences(json!({"id": "did:example:a", "a": 12.0}));
    assert_eq!(
        ours,
        [r#"a> "12"^^<http://www.w3.org/2001/XMLSchema#integer> ."#]
    );
    assert_eq!(
        theirs,
        [r#"a> "1.2E1"^^<http://www.w3.org/2001/XMLSchema#double> ."#]
    );
}

/// What a subject may hold, to three levels.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        "\\PC{0,8}".prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        (-5_000_000_i32..5_000_000).prop_map(|n| json!(f64::from(2 * n + 1) / 2000.0)),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            3 => node(inner.clone()),
            1 => prop::collection::vec(node(inner), 1..4).prop_map(Value::Array),
        ]
    })
}

/// An object, which every third time has an id.
fn node(inner: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    let members = prop::collection::btree_map("[a-c]", inner, 0..4);
    (members, prop::bool::weighted(0.3)).prop_map(|(members, has_id)| {
        let mut members: Map<String, Value> = members.into_iter().collect();
        if has_id {
            members.insert("id".to_owned(), Value::Null);
        }
        Value::Object(members)
    })
}

/// Gives each node an id or a number of its own: nothing is said twice, and what tells nodes apart stands in them.
fn numbered(value: &mut Value, next: &mut u32) {
    match value {
        Value::Array(elements) => elements.iter_mut().for_each(|one| numbered(one, next)),
        Value::Object(members) => {
            *next += 1;
            match members.get_mut("id") {
                Some(id) => *id = format!("did:example:{next}").into(),
                None => drop(members.insert("number".to_owned(), json!(next))),
            }
            members.values_mut().for_each(|one| numbered(one, next));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn whatever_a_credential_says_its_form_is_the_same(subject in node(value())) {
        let mut subject = subject;
        numbered(&mut subject, &mut 0);
        let document = credential(&examples(), subject);
        let ours = canonical_form_by_us(&document);
        // What we refuse, because JSON-LD would lose something of it, has no form to compare.
        prop_assume!(ours.is_ok());
        prop_assert_eq!(canonical_form_by_ssi(&document), ours, "{}", document);
    }
}
