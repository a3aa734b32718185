//! Whether a credential satisfies the schemas that it names: those that stand on a chain, JSON Schema 2020-12.
//!
//! Anybody may register a schema, and a node checks credentials of anybody against it. So the work is bounded before it is begun:
//! a schema that refers to itself is not used, and what it unfolds to, times what the credential holds, has a limit. Patterns are
//! matched by an engine without backtracking, and no reference is fetched.

use serde_json::Value;
use starfire_crosschain::unix_ms::rfc3339;
use starfire_did::credential::evidence::{SchemaCheck, SchemaOutcome, Unknown};
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
/// What a schema unfolds to, times the values of the credential.
const WORK_MAX: u64 = 4_000_000;
/// How often each part is gone through for one keyword that looks at what others left.
const UNEVALUATED_FACTOR: u64 = 3;
/// The largest automaton of a pattern, bytes.
const PATTERN_BYTES_MAX: usize = 1 << 20;
/// References followed one into another.
const REFERENCES_MAX: usize = 64;

/// What became of each schema that a credential names.
pub(super) async fn learn(facts: &Facts<'_>, parsed: &Parsed) -> Vec<SchemaCheck> {
    let mut checks = Vec::new();
    for (position, schema) in parsed.schemas.iter().enumerate() {
        let outcome = if position >= SCHEMAS_MAX {
            let why = format!("only the first {SCHEMAS_MAX} schemas of a credential are looked up");
            Err(Unknown::new(why, "ask its issuer for one that names fewer"))
        } else {
            judge(facts, schema, &parsed.claims).await
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
    claims: &Value,
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
    check(&record.content, claims)
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
    let wrong = |why: String| {
        let hint = "ask its author for one that can be checked by: docs/credentials.md says which";
        Unknown::new(format!("the schema is not used: {why}"), hint)
    };
    if content.len() > SCHEMA_BYTES_MAX {
        return Err(wrong("it is too large".to_owned()));
    }
    let schema = json::parse(content).map_err(|error| wrong(error.to_string()))?;
    let unfolded = Unfolding {
        root: &schema,
        follows: Vec::new(),
    }
    .of(&schema)
    .map_err(wrong)?;
    if unfolded.saturating_mul(values(claims)) > WORK_MAX {
        return Err(wrong("it unfolds to too much".to_owned()));
    }
    let validator = jsonschema::options()
        .with_draft(jsonschema::Draft::Draft202012)
        .with_pattern_options(
            jsonschema::PatternOptions::regex()
                .size_limit(PATTERN_BYTES_MAX)
                .dfa_size_limit(PATTERN_BYTES_MAX),
        )
        .offline()
        .build(&schema)
        .map_err(|error| wrong(error.to_string()))?;
    Ok(validator.validate(claims).map_err(|error| {
        let at = error.instance_path().to_string();
        format!(
            "{} does not satisfy it",
            if at.is_empty() { "/" } else { &at }
        )
    }))
}

/// How many values there are, containers included.
fn values(value: &Value) -> u64 {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 1,
        Value::Array(entries) => entries.iter().map(values).fold(1, u64::saturating_add),
        Value::Object(members) => members.values().map(values).fold(1, u64::saturating_add),
    }
}

/// What a schema comes to with every reference replaced by what it refers to.
struct Unfolding<'a> {
    root: &'a Value,
    follows: Vec<&'a str>,
}

impl<'a> Unfolding<'a> {
    fn of(&mut self, schema: &'a Value) -> Result<u64, String> {
        let mut sum: u64 = 1;
        let mut factor = 1;
        match schema {
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            Value::Array(entries) => {
                for entry in entries {
                    sum = sum.saturating_add(self.of(entry)?);
                }
            }
            Value::Object(members) => {
                for (name, member) in members {
                    sum = sum.saturating_add(match (name.as_str(), member) {
                        ("$ref", Value::String(reference)) => self.referred(reference)?,
                        (
                            "$dynamicRef" | "$recursiveRef" | "$anchor" | "$dynamicAnchor",
                            Value::String(_),
                        ) => {
                            return Err(format!("{name} is not followed here"));
                        }
                        ("$id", Value::String(_)) if !std::ptr::eq(schema, self.root) => {
                            return Err("a part of it has an $id of its own".to_owned());
                        }
                        ("unevaluatedProperties" | "unevaluatedItems", member) => {
                            factor = UNEVALUATED_FACTOR;
                            self.of(member)?
                        }
                        (_, member) => self.of(member)?,
                    });
                    if sum > WORK_MAX {
                        return Err("it unfolds to too much".to_owned());
                    }
                }
            }
        }
        Ok(sum.saturating_mul(factor))
    }

    fn referred(&mut self, reference: &'a str) -> Result<u64, String> {
        let pointer = reference
            .strip_prefix('#')
            .filter(|pointer| pointer.is_empty() || pointer.starts_with('/'))
            .ok_or_else(|| format!("{reference} is no pointer into it"))?;
        if self.follows.contains(&reference) || self.follows.len() >= REFERENCES_MAX {
            return Err(format!("{reference} refers to itself"));
        }
        let found = self
            .root
            .pointer(pointer)
            .ok_or_else(|| format!("there is nothing at {reference}"))?;
        self.follows.push(reference);
        let sum = self.of(found);
        self.follows.pop();
        sum
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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
            doubling,
        ] {
            let outcome = checked(&schema, &json!("a"));
            assert!(outcome.is_err(), "{schema} {outcome:?}");
        }
        let twice: &[u8] = br#"{"type": "object", "type": "string"}"#;
        assert!(check(twice, &json!({})).is_err());
    }
}
