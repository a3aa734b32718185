//! What checking by a schema may cost, reckoned before it is begun: what it unfolds to, its patterns, and what the claims hold.
//!
//! A schema that refers to itself is not used, nor one that refers to what would have to be fetched. Patterns are matched by an engine
//! without backtracking, which may still look at its whole automaton for each byte: they have a limit of their own.

use std::collections::BTreeMap;
use std::iter::successors;

use serde_json::{Value, json};

/// What a schema unfolds to, times the values of the credential.
const WORK_MAX: u64 = 4_000_000;
/// The bytes of a text that count like one value more.
const TEXT_UNIT_BYTES: u64 = 64;
/// How often each part is gone through for one keyword that looks at what others left.
const UNEVALUATED_FACTOR: u64 = 3;
/// The largest automaton of a pattern, bytes.
const PATTERN_BYTES_MAX: usize = 1 << 20;
/// The least that an automaton counts with, bytes. A larger one counts with the next size of those that are [`PATTERN_BYTES_STEP`] times
/// one another.
const PATTERN_BYTES_MIN: usize = 1 << 10;
/// From one size that automata count with to the next.
const PATTERN_BYTES_STEP: usize = 4;
/// Patterns of a schema that differ.
pub(super) const PATTERNS_MAX: usize = 256;
/// The automata of all of them, bytes.
const PATTERNS_BYTES_MAX: u64 = 4 << 20;
/// The automata of a schema's patterns, wherever it unfolds to one, times the bytes of the credential's texts.
const PATTERN_WORK_MAX: u64 = 8_000_000_000;
/// References followed one into another.
const REFERENCES_MAX: usize = 64;
/// Containers and references within one another in what a schema unfolds to.
pub(super) const LEVELS_MAX: usize = 128;
/// A schema ready to check these claims by, or why it is not used on them.
pub(super) fn ready(schema: &Value, claims: &Value) -> Result<jsonschema::Validator, String> {
    let unfolded = Unfolding::new(schema).of(schema, 1)?;
    let (values, text_bytes) = (values(claims), text_bytes(claims));
    if unfolded.parts.saturating_mul(values) > WORK_MAX {
        return Err("it unfolds to too much".to_owned());
    }
    if unfolded.automata.saturating_mul(text_bytes) > PATTERN_WORK_MAX {
        return Err(format!(
            "its patterns are too much for {text_bytes} bytes of text"
        ));
    }
    validator(schema, PATTERN_BYTES_MAX).map_err(|error| error.to_string())
}

/// A schema ready to be checked by, if none of its patterns has a larger automaton.
fn validator(
    schema: &Value,
    pattern_bytes_max: usize,
) -> Result<jsonschema::Validator, jsonschema::ValidationError<'_>> {
    jsonschema::options()
        .with_draft(jsonschema::Draft::Draft202012)
        .with_pattern_options(
            jsonschema::PatternOptions::regex()
                .size_limit(pattern_bytes_max)
                .dfa_size_limit(PATTERN_BYTES_MAX),
        )
        .offline()
        .build(schema)
}

/// How many values there are, containers included; long texts and names count for more.
fn values(value: &Value) -> u64 {
    let long = |text: &str| bytes(text) / TEXT_UNIT_BYTES;
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 1,
        Value::String(text) => 1 + long(text),
        Value::Array(entries) => entries.iter().map(values).fold(1, u64::saturating_add),
        Value::Object(members) => members
            .iter()
            .map(|(name, member)| long(name).saturating_add(values(member)))
            .fold(1, u64::saturating_add),
    }
}

/// How long all texts and names are together.
fn text_bytes(value: &Value) -> u64 {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => bytes(text),
        Value::Array(entries) => entries.iter().map(text_bytes).fold(0, u64::saturating_add),
        Value::Object(members) => members
            .iter()
            .map(|(name, member)| bytes(name).saturating_add(text_bytes(member)))
            .fold(0, u64::saturating_add),
    }
}

fn bytes(text: &str) -> u64 {
    u64::try_from(text.len()).unwrap_or(u64::MAX)
}

/// What a schema unfolds to.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Unfolded {
    /// Its parts.
    parts: u64,
    /// The automata of its patterns, bytes.
    pub(super) automata: u64,
}

impl Unfolded {
    fn and(self, other: Self) -> Self {
        Self {
            parts: self.parts.saturating_add(other.parts),
            automata: self.automata.saturating_add(other.automata),
        }
    }

    fn times(self, factor: u64) -> Self {
        Self {
            parts: self.parts.saturating_mul(factor),
            automata: self.automata.saturating_mul(factor),
        }
    }
}

/// What a schema comes to with every reference replaced by what it refers to.
pub(super) struct Unfolding<'a> {
    root: &'a Value,
    follows: Vec<&'a str>,
    /// How deep within it what is looked at stands.
    levels: usize,
    /// The automaton of each pattern, bytes.
    automata: BTreeMap<&'a str, u64>,
}

impl<'a> Unfolding<'a> {
    pub(super) fn new(root: &'a Value) -> Self {
        Self {
            root,
            follows: Vec::new(),
            levels: 0,
            automata: BTreeMap::new(),
        }
    }

    /// `times` is how often a part is gone through: within alternatives, once to see whether one holds, and again to say why none does.
    pub(super) fn of(&mut self, schema: &'a Value, times: u64) -> Result<Unfolded, String> {
        if self.levels >= LEVELS_MAX {
            return Err(format!("it unfolds to more than {LEVELS_MAX} levels"));
        }
        self.levels += 1;
        let unfolded = self.parts(schema, times);
        self.levels -= 1;
        unfolded
    }

    fn parts(&mut self, schema: &'a Value, times: u64) -> Result<Unfolded, String> {
        let mut sum = Unfolded {
            parts: times,
            automata: 0,
        };
        let mut factor = 1;
        match schema {
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            Value::Array(entries) => {
                for entry in entries {
                    sum = sum.and(self.of(entry, times)?);
                }
            }
            Value::Object(members) => {
                for (name, member) in members {
                    sum = sum.and(match (name.as_str(), member) {
                        ("$ref", Value::String(reference)) => self.referred(reference, times)?,
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
                            self.of(member, times)?
                        }
                        ("anyOf" | "oneOf", member) => self.of(member, times.saturating_add(1))?,
                        ("pattern", Value::String(pattern)) => self.pattern(pattern, times)?,
                        ("patternProperties", Value::Object(by_pattern)) => {
                            let mut unfolded = self.of(member, times)?;
                            for pattern in by_pattern.keys() {
                                unfolded = unfolded.and(self.pattern(pattern, times)?);
                            }
                            unfolded
                        }
                        (_, member) => self.of(member, times)?,
                    });
                    if sum.parts > WORK_MAX {
                        return Err("it unfolds to too much".to_owned());
                    }
                }
            }
        }
        Ok(sum.times(factor))
    }

    fn pattern(&mut self, pattern: &'a str, times: u64) -> Result<Unfolded, String> {
        let automaton = match self.automata.get(pattern) {
            Some(automaton) => *automaton,
            None => self.measured(pattern)?,
        };
        Ok(Unfolded {
            parts: 1,
            automata: automaton,
        }
        .times(times))
    }

    /// The size of a pattern's automaton: the least of some sizes that it fits into.
    fn measured(&mut self, pattern: &'a str) -> Result<u64, String> {
        if self.automata.len() >= PATTERNS_MAX {
            return Err(format!("it has more than {PATTERNS_MAX} patterns"));
        }
        let alone = json!({ "pattern": pattern });
        let next = |size: &usize| size.checked_mul(PATTERN_BYTES_STEP);
        let size = successors(Some(PATTERN_BYTES_MIN), next)
            .take_while(|size| *size <= PATTERN_BYTES_MAX)
            .find(|size| validator(&alone, *size).is_ok())
            .ok_or_else(|| {
                format!("the pattern {pattern} is too large, or none that is understood")
            })?;
        let size = u64::try_from(size).unwrap_or(u64::MAX);
        self.automata.insert(pattern, size);
        let all = self.automata.values().copied().fold(0, u64::saturating_add);
        if all > PATTERNS_BYTES_MAX {
            return Err("its patterns are too large together".to_owned());
        }
        Ok(size)
    }

    fn referred(&mut self, reference: &'a str, times: u64) -> Result<Unfolded, String> {
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
        let sum = self.of(found, times);
        self.follows.pop();
        sum
    }
}
