//! Reads the JSON forms of a document strictly: what the record could not hold is refused by its path, never dropped.

use serde_json::{Map, Value};
use starfire_state::Rejection;

use super::DocumentError;
use crate::code;

/// Why JSON is no document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// A property that must be there is not.
    #[error("{0} is missing")]
    Missing(String),
    /// A property that the record has no place for.
    #[error("{0} is no property that this chain keeps")]
    Unknown(String),
    /// A value of another kind.
    #[error("{path} is not {expected}")]
    Expected {
        /// Where.
        path: String,
        /// What should be there.
        expected: &'static str,
    },
    /// Whoever wrote it should use another key.
    #[error("{0} holds a private key: do not use it again")]
    PrivateKey(String),
    /// Two properties of a BID document that do not say the same.
    #[error("publicKey and extension.verificationMethod disagree on {0}")]
    Disagree(String),
    /// Well-formed, but not a document.
    #[error(transparent)]
    Document(#[from] DocumentError),
}

impl From<FormError> for Rejection {
    fn from(error: FormError) -> Self {
        match error {
            FormError::Document(error) => error.into(),
            FormError::Missing(_)
            | FormError::Unknown(_)
            | FormError::Expected { .. }
            | FormError::PrivateKey(_)
            | FormError::Disagree(_) => Self::new(code::DID_DOCUMENT_INVALID, error.to_string()),
        }
    }
}

/// An object whose properties are taken one by one; what is left at the end is unknown.
pub(crate) struct Object<'a> {
    path: String,
    properties: &'a Map<String, Value>,
    taken: Vec<&'static str>,
}

impl<'a> Object<'a> {
    /// Reads an object at `path`; empty: the document itself.
    pub(crate) fn of(path: &str, value: &'a Value) -> Result<Self, FormError> {
        let Value::Object(properties) = value else {
            let path = if path.is_empty() {
                "the document"
            } else {
                path
            };
            return Err(FormError::Expected {
                path: path.to_owned(),
                expected: "an object",
            });
        };
        Ok(Self {
            path: path.to_owned(),
            properties,
            taken: Vec::new(),
        })
    }

    /// The path of one of its properties.
    pub(crate) fn path(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        }
    }

    /// A property, if it is there and not null.
    pub(crate) fn take(&mut self, name: &'static str) -> Option<&'a Value> {
        self.taken.push(name);
        self.properties.get(name).filter(|value| !value.is_null())
    }

    /// A property, read by `read`.
    fn read<T>(
        &mut self,
        name: &'static str,
        expected: &'static str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, FormError> {
        let Some(value) = self.take(name) else {
            return Ok(None);
        };
        match read(value) {
            Some(read) => Ok(Some(read)),
            None => Err(FormError::Expected {
                path: self.path(name),
                expected,
            }),
        }
    }

    /// A text, if it is there.
    pub(crate) fn optional_text(
        &mut self,
        name: &'static str,
    ) -> Result<Option<&'a str>, FormError> {
        self.read(name, "a text", Value::as_str)
    }

    /// A text that must be there.
    pub(crate) fn text(&mut self, name: &'static str) -> Result<&'a str, FormError> {
        self.optional_text(name)?
            .ok_or_else(|| FormError::Missing(self.path(name)))
    }

    /// A whole number, if it is there. Some of BIF's SDKs write numbers as texts.
    pub(crate) fn number(&mut self, name: &'static str) -> Result<Option<u32>, FormError> {
        self.read(name, "a whole number that fits", |value| {
            match value.as_str() {
                Some(text) => text.parse().ok(),
                None => value.as_u64().and_then(|number| u32::try_from(number).ok()),
            }
        })
    }

    /// A whole number of 64 bits, if it is there.
    pub(crate) fn long(&mut self, name: &'static str) -> Result<Option<i64>, FormError> {
        self.read(name, "a whole number that fits", Value::as_i64)
    }

    /// A list; absent: none.
    pub(crate) fn list(&mut self, name: &'static str) -> Result<&'a [Value], FormError> {
        Ok(self
            .read(name, "a list", |value| value.as_array().map(Vec::as_slice))?
            .unwrap_or_default())
    }

    /// A list of which each entry is read; absent: none.
    pub(crate) fn each<T>(
        &mut self,
        name: &'static str,
        expected: &'static str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Vec<T>, FormError> {
        let path = self.path(name);
        let read_one = |(value, at): (&'a Value, usize)| {
            read(value).ok_or_else(|| FormError::Expected {
                path: format!("{path}[{at}]"),
                expected,
            })
        };
        self.list(name)?.iter().zip(0..).map(read_one).collect()
    }

    /// A list of texts; absent: none.
    pub(crate) fn texts(&mut self, name: &'static str) -> Result<Vec<String>, FormError> {
        self.each(name, "a text", |value| value.as_str().map(str::to_owned))
    }

    /// A list of whole numbers; absent: none.
    pub(crate) fn numbers(&mut self, name: &'static str) -> Result<Vec<u32>, FormError> {
        self.each(name, "a whole number that fits", |value| {
            value.as_u64().and_then(|number| u32::try_from(number).ok())
        })
    }

    /// A list of objects, with their paths; absent: none.
    pub(crate) fn objects(&mut self, name: &'static str) -> Result<Vec<Self>, FormError> {
        let path = self.path(name);
        let values = self.list(name)?.iter().zip(0..);
        values
            .map(|(value, at)| Self::of(&format!("{path}[{at}]"), value))
            .collect()
    }

    /// An object, if it is there.
    pub(crate) fn object(&mut self, name: &'static str) -> Result<Option<Self>, FormError> {
        let path = self.path(name);
        self.take(name)
            .map(|value| Self::of(&path, value))
            .transpose()
    }

    /// Refuses what nobody took.
    pub(crate) fn finish(self) -> Result<(), FormError> {
        let unknown = self
            .properties
            .iter()
            .find(|(name, value)| !self.taken.contains(&name.as_str()) && !value.is_null());
        match unknown {
            Some((name, _)) => Err(FormError::Unknown(self.path(name))),
            None => Ok(()),
        }
    }
}
