//! What a request says, member by member: of a JSON object, or of a query.
//!
//! Taken one by one, so that what is wrong is said of the one that is wrong, by its name and by what it should be. A caller's values are
//! never repeated: they may hold what was not meant for this node.

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{Path, Query, rejection::PathRejection};
use serde_json::{Map, Value};
use starfire_state::Rejection;

use super::error::{INVALID_PARAMETER, REQUEST_TOO_LONG};

/// A query, as pairs.
pub(super) type Pairs = Result<Query<Vec<(String, String)>>, QueryRejection>;

/// The members of an object, those that nobody has taken yet.
#[derive(Debug, Default)]
pub(super) struct Fields {
    /// What a member's name is said with: where the object stands in the body.
    within: String,
    members: Map<String, Value>,
}

/// The bytes of a request, if they are not more than it may have.
pub(super) fn read_body(
    body: Result<Bytes, BytesRejection>,
    bytes_max: usize,
) -> Result<Bytes, Rejection> {
    body.map_err(|rejection| match rejection.status().as_u16() {
        413 => Rejection::new(
            REQUEST_TOO_LONG,
            format!("the body has more than {bytes_max} bytes"),
        ),
        _ => invalid("the body did not arrive whole"),
    })
}

/// The body as JSON.
pub(super) fn read_json(body: &[u8]) -> Result<Value, Rejection> {
    serde_json::from_slice(body).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        invalid(format!(
            "the body is no JSON from line {line}, column {column} on"
        ))
    })
}

/// The parts of a path.
pub(super) fn read_path<T>(path: Result<Path<T>, PathRejection>) -> Result<T, Rejection> {
    path.map(|Path(parts)| parts)
        .map_err(|_| invalid("the path does not decode to UTF-8"))
}

impl Fields {
    /// A body, which is one JSON object.
    pub(super) fn of_body(body: &[u8]) -> Result<Self, Rejection> {
        Self::of_json(read_json(body)?)
    }

    /// The same, once it is read.
    pub(super) fn of_json(body: Value) -> Result<Self, Rejection> {
        Self::of_value(String::new(), body).ok_or_else(|| invalid("the body is a JSON object"))
    }

    /// A query, which names each parameter once.
    pub(super) fn of_query(query: Pairs) -> Result<Self, Rejection> {
        let Query(pairs) = query.map_err(|_| invalid("the query does not decode"))?;
        let mut members = Map::new();
        for (name, value) in pairs {
            if members.contains_key(&name) {
                return Err(invalid(format!("{name:?} stands twice in the query")));
            }
            members.insert(name, Value::String(value));
        }
        Ok(Self {
            within: String::new(),
            members,
        })
    }

    fn of_value(within: String, value: Value) -> Option<Self> {
        match value {
            Value::Object(members) => Some(Self { within, members }),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => None,
        }
    }

    /// Any value; `null` is none.
    pub(super) fn value(&mut self, name: &str) -> Option<Value> {
        self.members
            .remove(name)
            .filter(|value| *value != Value::Null)
    }

    /// A text.
    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, Rejection> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.wrong(name, "a string")),
        }
    }

    /// A text that narrows the answer. One with nothing in it would narrow nothing, and is refused as a slip in the name is.
    pub(super) fn filter(&mut self, name: &str, what: &str) -> Result<Option<String>, Rejection> {
        match self.text(name)? {
            Some(text) if text.is_empty() => Err(self.wrong(name, what)),
            text => Ok(text),
        }
    }

    /// A number that narrows the answer. 0 stands for none where a message has no other way to say so, and is no filter.
    pub(super) fn number_filter<N: TryFrom<u64> + Default + PartialEq>(
        &mut self,
        name: &str,
    ) -> Result<Option<N>, Rejection> {
        match self.number(name)? {
            Some(number) if number == N::default() => {
                Err(self.wrong(name, "a whole number from 1 on"))
            }
            number => Ok(number),
        }
    }

    /// A text that must be there.
    pub(super) fn required(&mut self, name: &str, what: &str) -> Result<String, Rejection> {
        self.text(name)?
            .ok_or_else(|| invalid(format!("{}{name} is missing: {what}", self.within)))
    }

    /// A switch; off, if it is not given.
    pub(super) fn flag(&mut self, name: &str) -> Result<bool, Rejection> {
        match self.value(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(flag),
            Some(_) => Err(self.wrong(name, "true or false")),
        }
    }

    /// A whole number, as one or as its digits: in metadata of DIDs, versions are texts.
    pub(super) fn number<N: TryFrom<u64>>(&mut self, name: &str) -> Result<Option<N>, Rejection> {
        let number = match self.value(name) {
            None => return Ok(None),
            Some(Value::Number(number)) => number.as_u64(),
            Some(Value::String(text)) if text.bytes().all(|digit| digit.is_ascii_digit()) => {
                text.parse().ok()
            }
            Some(_) => None,
        };
        let number = number.and_then(|number| N::try_from(number).ok());
        number
            .map(Some)
            .ok_or_else(|| self.wrong(name, "a whole number, as 2 or \"2\""))
    }

    /// A list, or the one that it would have.
    pub(super) fn list(&mut self, name: &str) -> Vec<Value> {
        match self.value(name) {
            None => Vec::new(),
            Some(Value::Array(list)) => list,
            Some(one) => vec![one],
        }
    }

    /// A list of texts, or the one that it would have.
    pub(super) fn texts(&mut self, name: &str) -> Result<Vec<String>, Rejection> {
        let one = |value| match value {
            Value::String(text) => Some(text),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Array(_)
            | Value::Object(_) => None,
        };
        let list = self.list(name).into_iter().map(one);
        list.collect::<Option<_>>()
            .ok_or_else(|| self.wrong(name, "a list of strings"))
    }

    /// An object of the object; without members, if it is not given.
    pub(super) fn object(&mut self, name: &str) -> Result<Self, Rejection> {
        let within = format!("{}{name}.", self.within);
        match self.value(name) {
            None => Ok(Self {
                within,
                members: Map::new(),
            }),
            Some(value) => {
                Self::of_value(within, value).ok_or_else(|| self.wrong(name, "an object"))
            }
        }
    }

    /// Of all that are left.
    pub(super) fn names(&self) -> Vec<String> {
        self.members.keys().cloned().collect()
    }

    /// Refuses what nobody has taken: a slip in a name would do something else than was meant.
    pub(super) fn nothing_else(self) -> Result<(), Rejection> {
        match self.members.keys().next() {
            None => Ok(()),
            Some(name) => Err(invalid(format!("{}{name} is not known here", self.within))),
        }
    }

    fn wrong(&self, name: &str, what: &str) -> Rejection {
        invalid(format!("{}{name} is {what}", self.within))
    }
}

fn invalid(detail: impl Into<String>) -> Rejection {
    Rejection::new(INVALID_PARAMETER, detail)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields(value: &Value) -> Fields {
        Fields::of_body(value.to_string().as_bytes()).unwrap()
    }

    fn said<T: std::fmt::Debug>(outcome: Result<T, Rejection>) -> String {
        let rejection = outcome.unwrap_err();
        assert_eq!(rejection.code, INVALID_PARAMETER);
        rejection.detail
    }

    #[test]
    fn a_member_is_taken_as_what_it_should_be() {
        let mut of = fields(&json!({
            "a": "x", "b": true, "c": 7, "d": "7", "e": ["x", "y"], "f": "x", "g": { "h": 1 }, "n": null,
        }));
        assert_eq!(of.text("a").unwrap().as_deref(), Some("x"));
        assert!(of.flag("b").unwrap() && !of.flag("b").unwrap());
        assert_eq!(of.number::<u64>("c").unwrap(), Some(7));
        assert_eq!(of.number::<u8>("d").unwrap(), Some(7));
        assert_eq!(of.texts("e").unwrap(), ["x", "y"]);
        assert_eq!(of.texts("f").unwrap(), ["x"]);
        assert_eq!(of.object("g").unwrap().number::<u64>("h").unwrap(), Some(1));
        assert_eq!(of.text("n").unwrap(), None);
        assert_eq!(of.number::<u64>("n").unwrap(), None);
        of.nothing_else().unwrap();
    }

    #[test]
    fn what_is_wrong_is_named_with_what_it_should_be() {
        let mut of = fields(
            &json!({ "a": 1, "b": "yes", "c": "two", "d": -1, "e": [1], "g": 3, "o": { "p": 1.5 } }),
        );
        assert_eq!(said(of.text("a")), "a is a string");
        assert_eq!(said(of.flag("b")), "b is true or false");
        assert_eq!(
            said(of.number::<u64>("c")),
            "c is a whole number, as 2 or \"2\""
        );
        assert!(of.number::<u64>("d").is_err());
        assert_eq!(said(of.texts("e")), "e is a list of strings");
        assert_eq!(said(of.object("g")), "g is an object");
        let mut inner = of.object("o").unwrap();
        assert_eq!(
            said(inner.number::<u64>("p")),
            "o.p is a whole number, as 2 or \"2\""
        );
        assert_eq!(
            said(inner.required("q", "the name")),
            "o.q is missing: the name"
        );
        assert_eq!(
            said(fields(&json!({ "z": 1 })).nothing_else()),
            "z is not known here"
        );
        let mut large = fields(&json!({ "n": 300 }));
        assert!(large.number::<u8>("n").is_err());
    }

    #[test]
    fn a_body_is_one_object() {
        assert_eq!(said(Fields::of_body(b"[]")), "the body is a JSON object");
        assert_eq!(
            said(Fields::of_body(b"{\"a\":")),
            "the body is no JSON from line 1, column 5 on"
        );
        assert_eq!(
            said(Fields::of_body(b"")),
            "the body is no JSON from line 1, column 0 on"
        );
    }

    #[test]
    fn a_query_names_each_parameter_once() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let twice = Ok(Query(vec![pair("a", "1"), pair("a", "2")]));
        assert_eq!(
            said(Fields::of_query(twice)),
            "\"a\" stands twice in the query"
        );
        let mut once = Fields::of_query(Ok(Query(vec![pair("a", "1")]))).unwrap();
        assert_eq!(once.number::<u32>("a").unwrap(), Some(1));
    }

    #[test]
    fn a_filter_narrows_something() {
        let mut of = fields(&json!({ "a": "", "b": "x", "c": 0, "d": "00", "e": 7 }));
        assert_eq!(said(of.filter("a", "a DID")), "a is a DID");
        assert_eq!(of.filter("b", "a DID").unwrap().as_deref(), Some("x"));
        assert_eq!(
            said(of.number_filter::<u32>("c")),
            "c is a whole number from 1 on"
        );
        assert!(of.number_filter::<u32>("d").is_err());
        assert_eq!(of.number_filter::<u32>("e").unwrap(), Some(7));
        assert_eq!(of.filter("n", "a DID").unwrap(), None);
        assert_eq!(of.number_filter::<u32>("n").unwrap(), None);
    }
}
