//! The parameters of a call: by name or by place in JSON, and as texts in a query.
//!
//! The two differ in how bytes are written. JSON has them in base64 or, for `data`, in hex. In a query `0x…` is hex, and a text in
//! quotation marks stands for its own bytes.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::call::Failure;

/// Parameters by name.
#[derive(Debug, Default)]
pub(super) struct Params(BTreeMap<String, Param>);

#[derive(Debug)]
enum Param {
    Json(Value),
    Query(String),
}

impl Params {
    /// Those of a JSON call. `names` says what the places of a list mean.
    pub(super) fn of_json(params: Value, names: &[&str]) -> Result<Self, Failure> {
        let named: Vec<(String, Value)> = match params {
            Value::Null => Vec::new(),
            Value::Object(named) => named.into_iter().collect(),
            Value::Array(listed) if listed.len() <= names.len() => names
                .iter()
                .map(|name| (*name).to_owned())
                .zip(listed)
                .collect(),
            Value::Array(listed) => {
                return Err(Failure::invalid_params(format!(
                    "expected {} parameters ({}), got {}",
                    names.len(),
                    names.join(", "),
                    listed.len()
                )));
            }
            Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                return Err(Failure::invalid_params(
                    "params are an object or a list".to_owned(),
                ));
            }
        };
        let present = named.into_iter().filter(|(_, value)| !value.is_null());
        Ok(Self(
            present
                .map(|(name, value)| (name, Param::Json(value)))
                .collect(),
        ))
    }

    /// Those of a query. An empty one is an absent one.
    pub(super) fn of_query(query: Vec<(String, String)>) -> Self {
        let present = query.into_iter().filter(|(_, text)| !text.is_empty());
        Self(
            present
                .map(|(name, text)| (name, Param::Query(text)))
                .collect(),
        )
    }

    /// An integer, written as number or as text.
    pub(super) fn integer(&self, name: &str) -> Result<Option<i64>, Failure> {
        self.read(name, "an integer", |param| match param {
            Param::Json(Value::String(text)) => text.parse().ok(),
            Param::Json(value) => value.as_i64(),
            Param::Query(text) => unquoted(text).parse().ok(),
        })
    }

    /// Yes or no; no if absent.
    pub(super) fn flag(&self, name: &str) -> Result<bool, Failure> {
        let flag = self.read(name, "true or false", |param| match param {
            Param::Json(value) => value.as_bool(),
            Param::Query(text) => unquoted(text).parse().ok(),
        })?;
        Ok(flag.unwrap_or(false))
    }

    /// A text; empty if absent.
    pub(super) fn text(&self, name: &str) -> Result<String, Failure> {
        let text = self.read(name, "a text in quotation marks", |param| match param {
            Param::Json(value) => value.as_str().map(str::to_owned),
            Param::Query(text) => serde_json::from_str(text).ok(),
        })?;
        Ok(text.unwrap_or_default())
    }

    /// Bytes, in JSON as base64; none if absent.
    pub(super) fn bytes(&self, name: &str) -> Result<Vec<u8>, Failure> {
        let bytes = self.read(
            name,
            "base64, or 0x and hex in a query",
            |param| match param {
                Param::Json(value) => STANDARD.decode(value.as_str()?).ok(),
                Param::Query(text) => query_bytes(text),
            },
        )?;
        Ok(bytes.unwrap_or_default())
    }

    /// Bytes, in JSON as hex; none if absent.
    pub(super) fn hex(&self, name: &str) -> Result<Vec<u8>, Failure> {
        let bytes = self.read(name, "hex, after 0x in a query", |param| match param {
            Param::Json(value) => hex::decode(value.as_str()?).ok(),
            Param::Query(text) => query_bytes(text),
        })?;
        Ok(bytes.unwrap_or_default())
    }

    /// A hash of 32 bytes. Base64 and hex of it differ in length, so both are taken.
    pub(super) fn hash(&self, name: &str) -> Result<[u8; 32], Failure> {
        let hash = self.read(name, "32 bytes, in base64 or hex", |param| {
            let text = match param {
                Param::Json(value) => value.as_str()?,
                Param::Query(text) => unquoted(text),
            };
            let digits = text.strip_prefix("0x").unwrap_or(text);
            let bytes = hex::decode(digits)
                .or_else(|_| STANDARD.decode(text))
                .ok()?;
            <[u8; 32]>::try_from(bytes).ok()
        })?;
        hash.ok_or_else(|| Failure::invalid_params(format!("{name} is missing")))
    }

    fn read<T>(
        &self,
        name: &str,
        expected: &str,
        read: impl FnOnce(&Param) -> Option<T>,
    ) -> Result<Option<T>, Failure> {
        let Some(param) = self.0.get(name) else {
            return Ok(None);
        };
        match read(param) {
            Some(value) => Ok(Some(value)),
            None => Err(Failure::invalid_params(format!(
                "error converting params to arguments: {name} is {expected}"
            ))),
        }
    }
}

fn unquoted(text: &str) -> &str {
    text.strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
        .unwrap_or(text)
}

fn query_bytes(text: &str) -> Option<Vec<u8>> {
    match text.strip_prefix("0x") {
        Some(digits) => hex::decode(digits).ok(),
        None => serde_json::from_str::<String>(text)
            .ok()
            .map(String::into_bytes),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn query(text: &str) -> Params {
        Params::of_query(vec![("it".to_owned(), text.to_owned())])
    }

    fn body(value: Value) -> Params {
        Params::of_json(json!({ "it": value }), &["it"]).unwrap()
    }

    #[test]
    fn integers_are_taken_as_numbers_and_as_texts() {
        for params in [body(json!(7)), body(json!("7")), query("7"), query("\"7\"")] {
            assert_eq!(params.integer("it"), Ok(Some(7)));
        }
        assert_eq!(body(Value::Null).integer("it"), Ok(None));
        assert_eq!(query("").integer("it"), Ok(None));
        for params in [
            body(json!(7.5)),
            body(json!("x")),
            body(json!([7])),
            query("9223372036854775808"),
        ] {
            assert_eq!(params.integer("it").unwrap_err().code, -32_602);
        }
    }

    #[test]
    fn bytes_are_base64_in_json_and_hex_or_a_text_in_a_query() {
        for params in [
            body(json!("AQI=")),
            query("0x0102"),
            query("\"\\u0001\\u0002\""),
        ] {
            assert_eq!(params.bytes("it"), Ok(vec![1, 2]));
        }
        assert_eq!(body(json!("0102")).hex("it"), Ok(vec![1, 2]));
        assert!(query("0102").bytes("it").is_err());
        assert!(query("0x010").bytes("it").is_err());
    }

    #[test]
    fn a_hash_has_32_bytes_in_either_writing() {
        let hash = [0xab; 32];
        for params in [
            body(json!(STANDARD.encode(hash))),
            body(json!(hex::encode_upper(hash))),
            query(&format!("0x{}", hex::encode(hash))),
        ] {
            assert_eq!(params.hash("it"), Ok(hash));
        }
        assert!(body(json!("abab")).hash("it").is_err());
        assert!(Params::default().hash("it").is_err());
    }

    #[test]
    fn a_list_is_read_by_place_and_may_not_be_longer() {
        let names = ["height", "page"];
        let params = Params::of_json(json!(["3"]), &names).unwrap();
        assert_eq!(params.integer("height"), Ok(Some(3)));
        assert_eq!(params.integer("page"), Ok(None));
        assert!(Params::of_json(json!([1, 2, 3]), &names).is_err());
        assert!(Params::of_json(json!("x"), &names).is_err());
    }
}
