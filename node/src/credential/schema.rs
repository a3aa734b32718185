//! Whether a credential satisfies the schemas that it names: those that stand on a chain, JSON Schema 2020-12.
//!
//! Anybody may register a schema, and a node checks credentials of anybody against it. So the work is bounded before it is begun
//! ([`bounds`]). A schema is read, made ready and applied by functions that call themselves for each of its levels, so these have a limit
//! too, and a thread whose stack holds them. No reference is fetched.
//!
//! Under a signature over RDF a credential has many forms, and whoever holds it can choose one that a schema does not look into. It is
//! said to satisfy a schema only in the one form that leaves no choice ([`starfire_rdfc::other_form`]).

mod bounds;

use std::panic::resume_unwind;
use std::thread;

use serde_json::Value;
use starfire_crosschain::unix_ms::rfc3339;
use starfire_did::credential::evidence::{SchemaCheck, SchemaOutcome, Unknown};
use starfire_did::credential::integrity::Suite;
use starfire_did::credential::json;
use starfire_did::credential::parsed::{Parsed, SchemaReference};
use starfire_did::path;
use starfire_did::schema::SCHEMA_BYTES_MAX;
use starfire_proto::v1;

use super::facts::Facts;
use super::names::SchemaName;

/// The type of reference that is understood (VC JSON Schema 1.0).
const KIND: &str = "JsonSchema";
/// Schemas of one credential that are looked up.
const SCHEMAS_MAX: usize = 16;
/// The stack that a schema is checked on, bytes: 128 KiB for each level, of which without optimisation 16 are used.
const STACK_BYTES: usize = 16 << 20;

/// What became of each schema that a credential names.
pub(super) async fn learn(facts: &Facts<'_>, parsed: &Parsed) -> Vec<SchemaCheck> {
    let mut checks = Vec::new();
    for (position, schema) in parsed.schemas.iter().enumerate() {
        // Checking does not wait for anything: whoever has given all of it a time sees only here that the time is over.
        tokio::task::yield_now().await;
        let outcome = if position >= SCHEMAS_MAX {
            let why = format!("only the first {SCHEMAS_MAX} schemas of a credential are looked up");
            Err(Unknown::new(why, "ask its issuer for one that names fewer"))
        } else {
            judge(facts, schema, parsed).await
        };
        checks.push(SchemaCheck {
            id: schema.id.clone(),
            outcome: match outcome {
                Ok(Ok(())) => SchemaOutcome::Satisfied,
                Ok(Err(detail)) => SchemaOutcome::Violated(detail),
                Err(unknown) => SchemaOutcome::Unknown(unknown),
            },
        });
    }
    checks
}

async fn judge(
    facts: &Facts<'_>,
    schema: &SchemaReference,
    parsed: &Parsed,
) -> Result<Result<(), String>, Unknown> {
    let registered = "ask its issuer for a credential whose schema stands on a chain, as DID/schemas/NAME/VERSION";
    if schema.kind != KIND {
        let why = format!("schemas of the kind {} are not known here", schema.kind);
        return Err(Unknown::new(why, registered));
    }
    let name = SchemaName::parse(&schema.id).ok_or_else(|| {
        Unknown::new(
            "it names no schema of a chain, and nothing else is fetched",
            registered,
        )
    })?;
    let (record, known_at_ms) = record(facts, &name).await?;
    let record = record.ok_or_else(|| {
        let why = format!("it was not on the chain at {}", rfc3339(known_at_ms));
        Unknown::new(
            why,
            "if it was registered only now, try again in a moment; otherwise ask its issuer",
        )
    })?;
    let judged = check(&record.content, &parsed.claims)?;
    if judged.is_ok() && !is_signed_as_it_stands(parsed) {
        one_form(&record.content, &parsed.claims)?;
    }
    Ok(judged)
}

/// Whether its issuer signed the very JSON, and not only what it says in RDF. A signature of the issuer's that does not hold fails
/// elsewhere.
fn is_signed_as_it_stands(parsed: &Parsed) -> bool {
    parsed.signatures.iter().any(|signed| {
        let owner = signed.method.split_once('#');
        let owner = owner.map_or(signed.method.as_str(), |(owner, _)| owner);
        let over_rdf = Suite::parse(&signed.suite).is_some_and(Suite::is_over_rdf);
        owner == parsed.issuer && !over_rdf
    })
}

/// Refuses to conclude from a form of the claims, or an order of entries, that their signature does not settle.
fn one_form(content: &[u8], claims: &Value) -> Result<(), Unknown> {
    let unsettled = |what: String| {
        let why = format!(
            "{what} under the same signature over RDF, and a schema may tell the difference"
        );
        let hint = "ask its issuer for one signed over JCS or as a token, or in the one form that docs/credentials.md names";
        Unknown::new(why, hint)
    };
    if let Some(at) = starfire_rdfc::other_form(claims) {
        let at = if at.is_empty() { "/" } else { &at };
        return Err(unsettled(format!("{at} could be written otherwise")));
    }
    let by_order = json::parse(content).is_ok_and(|schema| looks_at_order(&schema));
    if by_order {
        return Err(unsettled("lists could have another order".to_owned()));
    }
    Ok(())
}

/// Whether a schema judges entries of a list by their order.
fn looks_at_order(schema: &Value) -> bool {
    match schema {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
        Value::Array(entries) => entries.iter().any(looks_at_order),
        Value::Object(members) => members.iter().any(|(name, member)| match name.as_str() {
            "prefixItems" => true,
            "const" => holds_list(member),
            "enum" => member
                .as_array()
                .is_some_and(|all| all.iter().any(holds_list)),
            _ => looks_at_order(member),
        }),
    }
}

/// Whether there is a list of several entries in it.
fn holds_list(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
        Value::Array(entries) => entries.len() > 1 || entries.iter().any(holds_list),
        Value::Object(members) => members.values().any(holds_list),
    }
}

async fn record(
    facts: &Facts<'_>,
    name: &SchemaName,
) -> Result<(Option<v1::SchemaRecord>, i64), Unknown> {
    let path = path::schema_version(&name.author, &name.name, name.version);
    facts.record(name.author.chain_code(), path).await
}

/// Whether the claims satisfy the schema, or why that is not found out.
fn check(content: &[u8], claims: &Value) -> Result<Result<(), String>, Unknown> {
    thread::scope(|scope| {
        let checking = thread::Builder::new()
            .name("schema".to_owned())
            .stack_size(STACK_BYTES)
            .spawn_scoped(scope, || check_here(content, claims));
        let Ok(checking) = checking else {
            return Err(Unknown::new(
                "this machine has no room to check it by the schema",
                "try again in a moment",
            ));
        };
        checking.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

/// The same, on the stack of whoever calls.
fn check_here(content: &[u8], claims: &Value) -> Result<Result<(), String>, Unknown> {
    let wrong = |why: String| {
        let hint = "ask its author for one that can be checked by: docs/credentials.md says which";
        Unknown::new(format!("the schema is not used: {why}"), hint)
    };
    if content.len() > SCHEMA_BYTES_MAX {
        return Err(wrong("it is too large".to_owned()));
    }
    let schema = json::parse(content).map_err(|error| wrong(error.to_string()))?;
    let validator = bounds::ready(&schema, claims).map_err(wrong)?;
    Ok(validator.validate(claims).map_err(|error| {
        let at = error.instance_path().to_string();
        format!(
            "{} does not satisfy it",
            if at.is_empty() { "/" } else { &at }
        )
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::bounds::{LEVELS_MAX, PATTERNS_MAX, Unfolding};
    use super::*;

    fn checked(schema: &Value, claims: &Value) -> Result<Result<(), String>, Unknown> {
        check(schema.to_string().as_bytes(), claims)
    }

    #[test]
    fn claims_satisfy_a_schema_or_the_place_is_named() {
        let schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": {"credentialSubject": {"$ref": "#/$defs/origin"}},
            "$defs": {"origin": {"required": ["country"], "properties": {"country": {"pattern": "^[A-Z]{2}$"}}}}
        });
        let claims = |country: &str| json!({"credentialSubject": {"country": country}});
        assert_eq!(checked(&schema, &claims("CN")).unwrap(), Ok(()));
        let refused = checked(&schema, &claims("China")).unwrap().unwrap_err();
        assert_eq!(refused, "/credentialSubject/country does not satisfy it");
        let missing = json!({"credentialSubject": {}});
        assert!(checked(&schema, &missing).unwrap().is_err());
    }

    #[test]
    fn a_schema_that_could_keep_a_node_busy_is_not_used() {
        let mut doubling = json!({"$defs": {"0": {"type": "object"}}, "$ref": "#/$defs/40"});
        for level in 1..=40 {
            let below = json!({"$ref": format!("#/$defs/{}", level - 1)});
            doubling["$defs"][level.to_string()] = json!({"allOf": [below.clone(), below]});
        }
        for schema in [
            json!({"$ref": "#"}),
            json!({"properties": {"a": {"$ref": "#"}}}),
            json!({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}),
            json!({"$ref": "https://example.org/schema.json"}),
            json!({"$ref": "#/$defs/none"}),
            json!({"$dynamicRef": "#node"}),
            json!({"properties": {"a": {"$id": "https://example.org/other"}}}),
            json!({"pattern": "a{1000}{1000}"}),
            json!({"pattern": "(a)\\1"}),
            json!({"type": "nothing known"}),
            json!({"properties": (0..=PATTERNS_MAX).map(|one| (one.to_string(), json!({"pattern": one.to_string()}))).collect::<Value>()}),
            doubling,
        ] {
            let outcome = checked(&schema, &json!("a"));
            assert!(outcome.is_err(), "{schema} {outcome:?}");
        }
        let twice: &[u8] = br#"{"type": "object", "type": "string"}"#;
        assert!(check(twice, &json!({})).is_err());
    }

    /// A part within so many of a kind, in definitions of which each refers to the next.
    fn nested(kind: &str, count: usize, root: &Value) -> Value {
        const PER_DEFINITION: usize = 24;
        let within = |part: Value| match kind {
            "allOf" | "anyOf" | "oneOf" | "prefixItems" => json!({ kind: [part] }),
            "properties" | "patternProperties" | "dependentSchemas" => {
                json!({ kind: { "id": part } })
            }
            "else" => json!({ "if": false, "else": part }),
            "then" => json!({ "if": true, "then": part }),
            _ => json!({ kind: part }),
        };
        let definitions = count.div_ceil(PER_DEFINITION);
        let definition = |number: usize| {
            let (end, rest) = match number + 1 {
                last if last == definitions => {
                    (json!({ "type": "object" }), count - number * PER_DEFINITION)
                }
                next => (
                    json!({ "$ref": format!("#/$defs/d{next}") }),
                    PER_DEFINITION,
                ),
            };
            let part = (0..rest).fold(end, |part, _| within(part));
            (format!("d{number}"), part)
        };
        let mut schema = root.clone();
        schema["$defs"] = (0..definitions).map(definition).collect();
        schema["$ref"] = json!("#/$defs/d0");
        schema
    }

    #[test]
    fn a_schema_of_as_many_levels_as_are_taken_fits_the_stack_and_one_of_more_is_not_used() {
        // Those that look at what others left count three times for each level, and are too much much sooner.
        let mut objects = json!("a");
        let mut lists = json!(1);
        for _ in 0..60 {
            objects = json!({ "id": objects });
            lists = json!([lists]);
        }
        objects["more"] = json!(1);
        for kind in [
            "not",
            "if",
            "then",
            "else",
            "allOf",
            "anyOf",
            "oneOf",
            "contains",
            "items",
            "prefixItems",
            "properties",
            "patternProperties",
            "additionalProperties",
            "propertyNames",
            "dependentSchemas",
        ] {
            for root in [
                json!({}),
                json!({ "unevaluatedProperties": { "type": ["string", "object"] } }),
                json!({ "unevaluatedItems": { "type": ["string", "object"] } }),
            ] {
                let fits = |count: &usize| {
                    let schema = nested(kind, *count, &root);
                    Unfolding::new(&schema).of(&schema, 1).is_ok()
                };
                let most = (1..LEVELS_MAX).take_while(fits).last().unwrap();
                assert!(most > LEVELS_MAX / 3, "{kind} {most}");
                for claims in [&objects, &lists] {
                    let worst = checked(&nested(kind, most, &root), claims);
                    assert!(worst.is_ok(), "{kind} {root} {worst:?}");
                }
                let more = checked(&nested(kind, most + 1, &root), &objects).unwrap_err();
                assert!(more.why.contains("levels"), "{kind} {root} {more:?}");
            }
        }
    }

    #[test]
    fn a_schema_that_looks_at_the_order_of_a_list_is_told_from_others() {
        for ordered in [
            json!({"properties": {"a": {"prefixItems": [{"const": 1}]}}}),
            json!({"$defs": {"a": {"const": [1, 2]}}}),
            json!({"enum": [1, {"a": ["b", "c"]}]}),
        ] {
            assert!(looks_at_order(&ordered), "{ordered}");
        }
        let free = json!({"required": ["a", "b"], "properties": {"a": {"enum": ["b", "c"], "items": {"const": ["d"]}}}});
        assert!(!looks_at_order(&free));
    }

    /// Twenty references to one pattern, all of which a text is held against.
    fn twenty(pattern: &str) -> Value {
        let one = json!({"$ref": "#/$defs/p"});
        json!({
            "$defs": {"p": {"pattern": pattern}},
            "properties": {"credentialSubject": {"properties": {"a": {"anyOf": vec![one; 20]}}}}
        })
    }

    /// So many letters, of two kinds, in no order.
    fn letters(count: usize) -> String {
        let mut state: u32 = 1;
        let letter = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            if state >> 31 == 0 { 'a' } else { 'b' }
        };
        (0..count).map(letter).collect()
    }

    #[test]
    fn a_pattern_that_is_too_much_for_a_text_is_not_tried_on_it() {
        let claims = |count: usize| json!({"credentialSubject": {"a": letters(count)}});
        let large = twenty("a[ab]{4000}c");
        let unknown = checked(&large, &claims(50_000)).unwrap_err();
        assert!(unknown.why.contains("patterns are too much"), "{unknown:?}");
        assert!(checked(&large, &claims(20)).unwrap().is_err());
        let small = twenty("^[ab]+$");
        assert_eq!(checked(&small, &claims(20_000)).unwrap(), Ok(()));
        // Names are matched too.
        let named = json!({"patternProperties": {"a[ab]{4000}c": true}});
        let mut claims = json!({});
        claims[letters(50_000)] = json!(1);
        assert!(checked(&named, &claims).is_err());
    }

    #[test]
    fn ordinary_patterns_are_tried_beside_a_portrait() {
        let patterns = [
            "^[\\u4e00-\\u9fa5]{2,20}$",
            "^[0-9]{17}[0-9X]$",
            "^[A-Z]{2}$",
            "^\\+?[0-9]{7,15}$",
            "^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
            "^did:bid:",
            "^https?://",
            "^[^@]+@[^@]+$",
            "^[0-9A-F]{64}$",
            "^data:image/",
        ];
        let properties: Value = (0..)
            .zip(patterns)
            .map(|(at, pattern)| (format!("p{at}"), json!({"pattern": pattern})))
            .collect::<serde_json::Map<_, _>>()
            .into();
        let schema = json!({"properties": {"credentialSubject": {"properties": properties}}});
        let portrait = format!("data:image/png;base64,{}", letters(100_000));
        let claims = json!({"credentialSubject": {"p1": "11010119900307777X", "p9": portrait}});
        assert_eq!(checked(&schema, &claims).unwrap(), Ok(()));
    }

    #[test]
    fn a_long_text_counts_for_more_than_one_value() {
        let parts = json!({"allOf": vec![json!({"maxLength": 1_000_000}); 1_000]});
        assert_eq!(checked(&parts, &json!("a".repeat(10_000))).unwrap(), Ok(()));
        assert!(checked(&parts, &json!("a".repeat(900_000))).is_err());
    }

    #[test]
    fn alternatives_within_alternatives_count_again_for_each() {
        let mut schema = json!({"pattern": "^[ab]{200}$"});
        for _ in 0..20 {
            schema = json!({"anyOf": [schema]});
        }
        assert!(checked(&schema, &json!("ab")).unwrap().is_err());
        let unfolded = Unfolding::new(&schema).of(&schema, 1).unwrap();
        assert!(unfolded.automata >= 21 * (4 << 10), "{unfolded:?}");
    }
}
