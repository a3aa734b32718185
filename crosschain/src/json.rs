//! Strict JSON: one text, one meaning.
//!
//! What two parsers may read differently is refused here: duplicate names, fractions, exponents, integers that a double cannot
//! hold. What is left has exactly one canonical encoding (RFC 8785, JCS), so it can be hashed.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// The greatest magnitude of an integer: 2^53. Beyond it, doubles no longer tell neighbours apart.
pub const INTEGER_MAX: u64 = 1 << 53;

/// U+FEFF, which some editors put before what they save.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Why a text is not strict JSON.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// More bytes than allowed.
    #[error("it has more than the {max} bytes allowed")]
    TooLarge {
        /// Its size, as far as it was read.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// Not JSON, or not strict: the source names the place.
    #[error("not strict JSON")]
    Malformed(#[source] serde_json::Error),
}

/// Parses strict JSON of at most `bytes_max` bytes and `depth_max` containers inside one another.
pub fn parse(bytes: &[u8], bytes_max: usize, depth_max: usize) -> Result<Value, JsonError> {
    if bytes.len() > bytes_max {
        return Err(JsonError::TooLarge {
            bytes: bytes.len(),
            max: bytes_max,
        });
    }
    if bytes.starts_with(BYTE_ORDER_MARK) {
        let why = "it begins with a byte order mark, which is no part of it: save it without";
        return Err(JsonError::Malformed(de::Error::custom(why)));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = Strict { depth: depth_max }
        .deserialize(&mut deserializer)
        .map_err(JsonError::Malformed)?;
    deserializer.end().map_err(JsonError::Malformed)?;
    Ok(value)
}

/// The canonical encoding, RFC 8785.
pub fn canonical<T: serde::Serialize>(value: &T) -> Vec<u8> {
    serde_json_canonicalizer::to_vec(value)
        .expect("names are strings and numbers are integers, so it encodes")
}

/// Reads one value that may hold containers this deep.
#[derive(Clone, Copy)]
struct Strict {
    depth: usize,
}

impl Strict {
    fn inner<E: de::Error>(&self) -> Result<Self, E> {
        match self.depth.checked_sub(1) {
            Some(depth) => Ok(Self { depth }),
            None => Err(E::custom("nested too deep")),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("strict JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        if value > INTEGER_MAX {
            return Err(E::custom(
                "integers beyond 2^53 are refused: write them as strings",
            ));
        }
        Ok(Value::from(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        if value.unsigned_abs() > INTEGER_MAX {
            return Err(E::custom(
                "integers beyond 2^53 are refused: write them as strings",
            ));
        }
        Ok(Value::from(value))
    }

    fn visit_f64<E: de::Error>(self, _value: f64) -> Result<Value, E> {
        Err(E::custom(
            "fractions, exponents and integers beyond 2^53 are refused: write them as strings",
        ))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut array = Vec::new();
        while let Some(element) = elements.next_element_seed(inner)? {
            array.push(element);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(inner)?;
            if object.contains_key(&name) {
                return Err(de::Error::custom(format_args!(
                    "the name {name:?} stands twice in one object"
                )));
            }
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEPTH_MAX: usize = 64;

    fn refused(text: &str, why: &str) {
        let error = parse(text.as_bytes(), 1024, DEPTH_MAX).expect_err(text);
        let shown = match error {
            JsonError::Malformed(source) => source.to_string(),
            JsonError::TooLarge { .. } => error.to_string(),
        };
        assert!(shown.contains(why), "{text}: {shown}");
    }

    #[test]
    fn what_two_parsers_may_read_differently_is_refused() {
        refused(r#"{"a":1,"a":2}"#, "twice");
        refused(r#"{"a":{"b":1,"\u0062":2}}"#, "twice");
        refused("1.5", "fractions");
        refused("1.0", "fractions");
        refused("1e2", "fractions");
        refused("-0", "fractions");
        refused("9007199254740993", "2^53");
        refused("-9007199254740993", "2^53");
        refused("99999999999999999999", "2^53");
        refused("[1,]", "trailing comma");
        refused("{} {}", "trailing");
        refused("\u{feff}{}", "byte order mark");
        refused(r#""\ud800""#, "hex escape");
        refused(r#""\ud800\u0041""#, "surrogate");
    }

    #[test]
    fn the_limits_are_inclusive() {
        assert_eq!(
            parse(b"9007199254740992", 16, DEPTH_MAX).unwrap(),
            Value::from(INTEGER_MAX)
        );
        assert_eq!(canonical(&Value::from(INTEGER_MAX)), b"9007199254740992");
        let deep = format!("{}{}", "[".repeat(DEPTH_MAX), "]".repeat(DEPTH_MAX));
        assert!(parse(deep.as_bytes(), 1024, DEPTH_MAX).is_ok());
        let deeper = format!(
            "{}1{}",
            "[".repeat(DEPTH_MAX + 1),
            "]".repeat(DEPTH_MAX + 1)
        );
        refused(&deeper, "nested too deep");
        assert!(matches!(
            parse(b"[1]", 2, DEPTH_MAX),
            Err(JsonError::TooLarge { bytes: 3, max: 2 })
        ));
    }
}
