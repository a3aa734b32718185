//! What a chain accepts as a schema: a bounded JSON object that stands alone.
//!
//! Whether it is a sound schema is found out by whoever checks a credential against it; what matters here is that everybody reads
//! the same from it, and needs nothing else to read it.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// The largest schema, bytes.
pub const SCHEMA_BYTES_MAX: usize = 64 << 10;
/// Containers inside one another.
pub const DEPTH_MAX: usize = 32;
/// The one dialect, which a schema may name as its `$schema` or leave unsaid.
pub const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Why a text is no schema for the chain.
#[derive(Debug, thiserror::Error)]
pub(super) enum ContentError {
    #[error("a schema has at most {SCHEMA_BYTES_MAX} bytes, not {0}")]
    TooLarge(usize),
    #[error("the schema: {0}")]
    Malformed(serde_json::Error),
    #[error("a schema is a JSON object")]
    NotAnObject,
}

pub(super) fn check(bytes: &[u8]) -> Result<(), ContentError> {
    if bytes.len() > SCHEMA_BYTES_MAX {
        return Err(ContentError::TooLarge(bytes.len()));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let kind = Walk { depth: DEPTH_MAX }
        .deserialize(&mut deserializer)
        .map_err(ContentError::Malformed)?;
    deserializer.end().map_err(ContentError::Malformed)?;
    match kind {
        Kind::Object => Ok(()),
        Kind::Text(_) | Kind::Other => Err(ContentError::NotAnObject),
    }
}

/// What a value was, as far as a keyword asks.
enum Kind {
    Object,
    Text(String),
    Other,
}

/// Reads one value that may hold containers this deep.
#[derive(Clone, Copy)]
struct Walk {
    depth: usize,
}

impl Walk {
    fn inner<E: Error>(self) -> Result<Self, E> {
        match self.depth.checked_sub(1) {
            Some(depth) => Ok(Self { depth }),
            None => Err(E::custom("nested too deep")),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Walk {
    type Value = Kind;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Kind, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk {
    type Value = Kind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Kind, E> {
        Ok(Kind::Other)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Kind, E> {
        Ok(Kind::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Kind, E> {
        Ok(Kind::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Kind, E> {
        Ok(Kind::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Kind, E> {
        Ok(Kind::Other)
    }

    fn visit_str<E>(self, text: &str) -> Result<Kind, E> {
        Ok(Kind::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Kind, A::Error> {
        let inner = self.inner()?;
        while items.next_element_seed(inner)?.is_some() {}
        Ok(Kind::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Kind, A::Error> {
        let inner = self.inner()?;
        let mut names = std::collections::BTreeSet::new();
        while let Some(name) = members.next_key::<String>()? {
            if let Kind::Text(text) = members.next_value_seed(inner)? {
                keyword(&name, &text).map_err(A::Error::custom)?;
            }
            if let Some(twice) = names.replace(name) {
                return Err(A::Error::custom(format!("the name {twice:?} stands twice")));
            }
        }
        Ok(Kind::Object)
    }
}

/// A member whose value is text. One that only looks like a reference, within `const` say, is refused with those that are: a
/// reader need not know which of both it is.
fn keyword(name: &str, text: &str) -> Result<(), String> {
    match name {
        "$ref" | "$dynamicRef" if !text.starts_with('#') => Err(format!(
            "{name} refers to {text:?}, outside the schema: put it into its $defs"
        )),
        "$schema" if text.trim_end_matches('#') != DIALECT => {
            Err(format!("$schema is {DIALECT}, not {text:?}"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(depth: usize) -> String {
        format!(
            "{}{}{}",
            r#"{"not":"#.repeat(depth),
            "{}",
            "}".repeat(depth)
        )
    }

    #[test]
    fn a_schema_is_an_object_that_stands_alone() {
        let named = format!(r#"{{"$schema":"{DIALECT}","type":"object"}}"#);
        let hashed = format!(r#"{{"$schema":"{DIALECT}#"}}"#);
        for text in [
            "{}",
            &named,
            &hashed,
            r##"{"$ref":"#/$defs/a","$defs":{"a":{"type":"string"}}}"##,
            r##"{"properties":{"$ref":{"type":"string"}}}"##,
            r#"{"multipleOf":0.01,"minimum":-3,"default":null,"enum":[1,"a",true]}"#,
            &nested(DEPTH_MAX - 1),
        ] {
            check(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"));
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_or_needs_more_than_itself_is_refused() {
        let check = |text: &str, because: &str| {
            let error = check(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(because), "{text}: {error}");
        };
        check("", "EOF");
        check("[]", "is a JSON object");
        check("\"{}\"", "is a JSON object");
        check("{} {}", "trailing");
        check(r#"{"type":"object","type":"string"}"#, "stands twice");
        check(r#"{"$ref":"https://example.org/a"}"#, "outside the schema");
        check(
            r#"{"allOf":[{"$dynamicRef":"other.json#/a"}]}"#,
            "outside the schema",
        );
        check(
            r#"{"$schema":"http://json-schema.org/draft-07/schema#"}"#,
            "$schema is",
        );
        check(&nested(DEPTH_MAX), "too deep");
        check(
            &format!(r#"{{"title":"{}"}}"#, "a".repeat(SCHEMA_BYTES_MAX)),
            "at most",
        );
    }
}
