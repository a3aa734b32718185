//! JSON with one meaning: no name twice in an object, only numbers that every reader reads alike (I-JSON, RFC 7493), bounded.
//!
//! Signatures cover canonical bytes (RFC 8785, JCS), not the bytes received. So two readers must not understand different things by
//! the same canonical bytes.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::code;
use super::malformed::Malformed;
use crate::shown::quoted;

/// The largest credential or presentation, bytes of JSON. A presentation may hold credentials, and a status list is one.
pub const JSON_BYTES_MAX: usize = 1 << 20;
/// The deepest nesting.
pub const JSON_DEPTH_MAX: usize = 64;
/// The greatest magnitude of a number, 2^53 - 1: RFC 7493 §2.2.
pub const NUMBER_MAX: i64 = (1 << 53) - 1;

/// Parses a credential's or presentation's bytes, which must be an object.
pub fn parse(bytes: &[u8]) -> Result<Value, Malformed> {
    let value = parse_within(bytes, JSON_BYTES_MAX, JSON_DEPTH_MAX)?;
    if !value.is_object() {
        return Err(Malformed::new(code::JSON_INVALID, "it is no object"));
    }
    Ok(value)
}

/// Parses any value of at most `bytes_max` bytes, with at most `depth_max` containers inside one another.
pub(crate) fn parse_within(
    bytes: &[u8],
    bytes_max: usize,
    depth_max: usize,
) -> Result<Value, Malformed> {
    let malformed = |detail: String| Malformed::new(code::JSON_INVALID, detail);
    if bytes.len() > bytes_max {
        let detail = format!("{} bytes are more than {bytes_max}", bytes.len());
        return Err(malformed(detail));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = Strict { depth: depth_max }
        .deserialize(&mut deserializer)
        .map_err(|error| malformed(error.to_string()))?;
    deserializer
        .end()
        .map_err(|error| malformed(error.to_string()))?;
    Ok(value)
}

/// Whether [`parse`] could have made this value. For values that come from elsewhere, whose names are unique already.
pub fn check(value: &Value) -> Result<(), Malformed> {
    check_within(value, JSON_DEPTH_MAX).map_err(|detail| Malformed::new(code::JSON_INVALID, detail))
}

fn check_within(value: &Value, depth: usize) -> Result<(), String> {
    let inner = || depth.checked_sub(1).ok_or("nested too deep".to_owned());
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => Ok(()),
        Value::Number(number) if is_small(number) => Ok(()),
        Value::Number(number) => Err(beyond(number)),
        Value::Array(elements) => {
            let inner = inner()?;
            elements.iter().try_for_each(|one| check_within(one, inner))
        }
        Value::Object(members) => {
            let inner = inner()?;
            members
                .values()
                .try_for_each(|one| check_within(one, inner))
        }
    }
}

/// The canonical encoding, RFC 8785.
pub fn canonical(value: &Value) -> Result<Vec<u8>, Malformed> {
    check(value)?;
    serde_json_canonicalizer::to_vec(value)
        .map_err(|error| Malformed::new(code::JSON_INVALID, error.to_string()))
}

/// The elements of an array, or the one value that stands for an array of one.
pub fn one_or_some(value: &Value) -> &[Value] {
    match value.as_array() {
        Some(elements) => elements,
        None => std::slice::from_ref(value),
    }
}

fn is_small(number: &Number) -> bool {
    match (number.as_i64(), number.as_f64()) {
        (Some(integer), _) => (-NUMBER_MAX..=NUMBER_MAX).contains(&integer),
        // An integer beyond 2^63, or a fraction.
        #[expect(
            clippy::cast_precision_loss,
            reason = "2^53 - 1 has a double of its own"
        )]
        (None, Some(float)) => float.abs() <= NUMBER_MAX as f64,
        (None, None) => false,
    }
}

fn beyond(number: impl fmt::Display) -> String {
    format!("{number} is beyond 2^53 - 1: write it as a string")
}

/// Reads one value that may hold containers this deep.
#[derive(Clone, Copy)]
struct Strict {
    depth: usize,
}

impl Strict {
    fn inner<E: de::Error>(self) -> Result<Self, E> {
        let depth = self.depth.checked_sub(1);
        depth
            .map(|depth| Self { depth })
            .ok_or_else(|| E::custom("nested too deep"))
    }
}

fn number<E: de::Error>(number: impl Into<Number>) -> Result<Value, E> {
    let number = number.into();
    if is_small(&number) {
        Ok(Value::Number(number))
    } else {
        Err(E::custom(beyond(number)))
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
        f.write_str("JSON of one meaning")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        number(value)
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        number(value)
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        let float = Number::from_f64(value).ok_or_else(|| E::custom(beyond(value)))?;
        number(float)
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
                    "the name {} stands twice in one object",
                    quoted(&name)
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

    fn check_refused(text: &str) {
        let error = parse(text.as_bytes()).unwrap_err();
        assert_eq!(error.code, code::JSON_INVALID, "{text}");
    }

    #[test]
    fn numbers_and_names_have_one_meaning() {
        for text in [
            "{\"a\":1,\"a\":1}",
            "{\"a\":{\"b\":1,\"\\u0062\":2}}",
            "{\"a\":9007199254740992}",
            "{\"a\":-9007199254740992}",
            "{\"a\":18446744073709551616}",
            "{\"a\":1e300}",
            "{\"a\":1e999}",
            "{\"a\":NaN}",
            "{\"a\":01}",
            "{\"a\":\"\\ud800\"}",
            "{} {}",
            "[]",
            "\"a\"",
            "",
        ] {
            check_refused(text);
        }
        for text in [
            "{\"a\":9007199254740991}",
            "{\"a\":-9007199254740991}",
            "{\"a\":0.1}",
        ] {
            let value = parse(text.as_bytes()).unwrap();
            assert_eq!(canonical(&value).unwrap(), text.as_bytes());
        }
        let big = serde_json::json!({ "a": 1_u64 << 53 });
        assert_eq!(canonical(&big).unwrap_err().code, code::JSON_INVALID);
    }

    // RFC 8785 §3.2.2 and §3.2.3.
    #[test]
    fn canonical_bytes_are_those_of_rfc_8785() {
        let text = "{\"numbers\":[333333333.33333329,4.50,2e-3,0.000000000000000000000000001],\
            \"string\":\"\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\\"\\/\",\"literals\":[null,true,false]}";
        let canonical = canonical(&parse(text.as_bytes()).unwrap()).unwrap();
        assert_eq!(
            String::from_utf8(canonical).unwrap(),
            "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,4.5,0.002,1e-27],\
            \"string\":\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}"
        );
        let order = parse(
            "{\"\\u20ac\":1,\"\\r\":2,\"\\ufb33\":3,\"1\":4,\"\\ud83d\\ude00\":5,\"\\u0080\":6,\"\\u00f6\":7}".as_bytes(),
        )
        .unwrap();
        let sorted = super::canonical(&order).unwrap();
        let numbers: String = String::from_utf8(sorted)
            .unwrap()
            .split(':')
            .skip(1)
            .filter_map(|rest| rest.chars().next())
            .collect();
        assert_eq!(numbers, "2467153");
    }

    #[test]
    fn size_and_depth_are_bounded() {
        let nested = |depth: usize| {
            let (open, close) = ("{\"a\":".repeat(depth - 1), "}".repeat(depth - 1));
            format!("{open}{{}}{close}")
        };
        assert!(parse(nested(JSON_DEPTH_MAX).as_bytes()).is_ok());
        check_refused(&nested(JSON_DEPTH_MAX + 1));
        check_refused(&nested(100_000));
        check_refused(&format!("{{\"a\":\"{}\"}}", "a".repeat(JSON_BYTES_MAX)));
    }
}
