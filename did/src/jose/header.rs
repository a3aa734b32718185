//! The header of a token: what signs it and what it is.

use serde_json::{Map, Value};

use super::algorithm::is_registered;
use super::{Algorithm, JoseError};

/// A header. Keys and certificates that a header may carry (`jwk`, `jku`, `x5c` …) are not looked at: they are its author's say.
#[derive(Debug, Clone, PartialEq)]
pub struct Header {
    /// `alg`.
    pub algorithm: Algorithm,
    /// `kid`.
    pub key_id: Option<String>,
    /// `typ`: what the token is.
    pub typ: Option<String>,
    /// `cty`: what the payload is.
    pub cty: Option<String>,
    /// Claims that the header repeats, RFC 7519 §5.3.
    pub repeated: Map<String, Value>,
}

// RFC 7519 §5.3: "iss", "sub" and "aud" may stand in the header too.
const REPEATED: [&str; 3] = ["iss", "sub", "aud"];

impl Header {
    /// A header to sign with.
    pub fn new(algorithm: Algorithm, key_id: Option<&str>, typ: &str) -> Self {
        Self {
            algorithm,
            key_id: key_id.map(str::to_owned),
            typ: Some(typ.to_owned()),
            cty: None,
            repeated: Map::new(),
        }
    }

    /// The same, for a payload of this kind.
    pub fn of(self, cty: &str) -> Self {
        Self {
            cty: Some(cty.to_owned()),
            ..self
        }
    }

    pub(super) fn parse(members: Map<String, Value>) -> Result<Self, JoseError> {
        refuse_extensions(&members)?;
        let name = text(&members, "alg")?.ok_or(JoseError::Header("alg"))?;
        let repeated = members
            .iter()
            .filter(|(name, _)| REPEATED.contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        Ok(Self {
            algorithm: match Algorithm::parse(&name) {
                Some(known) => known,
                None if is_registered(&name) => return Err(JoseError::AlgorithmUnknown(name)),
                None => return Err(JoseError::Algorithm(name)),
            },
            key_id: text(&members, "kid")?,
            typ: text(&members, "typ")?,
            cty: text(&members, "cty")?,
            repeated,
        })
    }

    pub(super) fn to_members(&self) -> Map<String, Value> {
        let mut members = self.repeated.clone();
        members.insert("alg".to_owned(), self.algorithm.name().into());
        for (name, value) in [
            ("kid", &self.key_id),
            ("typ", &self.typ),
            ("cty", &self.cty),
        ] {
            if let Some(value) = value {
                members.insert(name.to_owned(), value.as_str().into());
            }
        }
        members
    }

    /// Refuses every other `typ` than this one. Tokens of one kind must not be taken for another (RFC 8725 §3.11).
    pub(crate) fn expect_typ(&self, expected: &'static str) -> Result<(), JoseError> {
        let found = self.typ.as_deref().unwrap_or_default();
        if names_type(found, expected) {
            return Ok(());
        }
        Err(JoseError::Type {
            name: "typ",
            expected,
            found: found.to_owned(),
        })
    }

    /// Refuses every other `cty` than this one, or none.
    pub(crate) fn expect_cty(&self, expected: &'static str) -> Result<(), JoseError> {
        match &self.cty {
            Some(found) if !names_type(found, expected) => Err(JoseError::Type {
                name: "cty",
                expected,
                found: found.clone(),
            }),
            Some(_) | None => Ok(()),
        }
    }

    /// Refuses a header that repeats a claim differently.
    pub(crate) fn agrees_with(&self, claims: &Map<String, Value>) -> Result<(), JoseError> {
        for name in REPEATED {
            if self
                .repeated
                .get(name)
                .is_some_and(|said| claims.get(name) != Some(said))
            {
                return Err(JoseError::HeaderConflict(name));
            }
        }
        Ok(())
    }
}

/// Whether a `typ` or `cty` names this media type.
// RFC 7515 §4.1.9: compared as media types, without case; "application/" may be left out where no other "/" is in it.
pub fn names_type(found: &str, expected: &str) -> bool {
    let prefix = "application/";
    let short = match found.get(..prefix.len()) {
        Some(start) if start.eq_ignore_ascii_case(prefix) => &found[prefix.len()..],
        Some(_) | None => found,
    };
    short.eq_ignore_ascii_case(expected)
}

/// Refuses what would change the meaning of a token for those who understand it.
// RFC 7515 §4.1.11: who does not understand all that "crit" lists refuses. Nothing is understood here.
// VC-JOSE-COSE §3.1.3: the unencoded payload (RFC 7797) must not be used.
pub(crate) fn refuse_extensions(members: &Map<String, Value>) -> Result<(), JoseError> {
    let encoded = members
        .get("b64")
        .is_none_or(|b64| *b64 == Value::Bool(true));
    if members.contains_key("crit") || !encoded {
        return Err(JoseError::Critical);
    }
    Ok(())
}

fn text(members: &Map<String, Value>, name: &'static str) -> Result<Option<String>, JoseError> {
    match members.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(JoseError::Header(name)),
    }
}
