//! From a text to claims and signatures, whatever the format: nothing in them is believed yet.
//!
//! All that is read for one verification shares a [`Reader`], since its parts are many: what a stranger sends may take so much work, and
//! no more.

use std::sync::{Mutex, PoisonError};

use serde_json::Value;
use starfire_did::credential::integrity::Uncanonical;
use starfire_did::credential::malformed::Malformed;
use starfire_did::credential::model::{Contained, enveloped};
use starfire_did::credential::parsed::Parsed;
use starfire_did::credential::presentation::{self, Presentation};
use starfire_did::credential::{code, integrity, json};
use starfire_did::jose::envelope::{self, Format};
use starfire_did::jose::header::names_type;
use starfire_did::jose::{self, JoseError, vp_jwt};
use starfire_did::sd_jwt::SdJwtError;
use starfire_rdfc::RdfcError;

/// What a text holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Secured {
    /// A credential.
    Credential(Box<Parsed>),
    /// A presentation.
    Presentation(Box<Presentation>),
}

/// Reads what belongs to one verification.
#[derive(Debug)]
pub(crate) struct Reader {
    /// What is left to be spent on canonical RDF.
    rdf: Mutex<starfire_rdfc::Work>,
}

impl Reader {
    pub(crate) fn new() -> Self {
        Self {
            rdf: Mutex::new(starfire_rdfc::Work::new()),
        }
    }

    /// Reads a credential or a presentation: JSON with a proof inside or an envelope, or a token of any format.
    pub(crate) fn read(&self, text: &str) -> Result<Secured, Malformed> {
        let text = trimmed(text);
        if text.starts_with('{') {
            return self.value(json::parse(text.as_bytes())?);
        }
        if text.starts_with(['[', '"']) || text == "null" {
            let detail = "it is JSON, and neither an object nor a token";
            return Err(Malformed::new(code::JSON_INVALID, detail));
        }
        token(text)
    }

    /// The same, of JSON that was read already. A string is a token.
    pub(crate) fn value(&self, value: Value) -> Result<Secured, Malformed> {
        if let Value::String(text) = &value {
            return token(text);
        }
        if is_of(&value, "EnvelopedVerifiablePresentation") {
            return match enveloped(&value, "EnvelopedVerifiablePresentation")? {
                Contained::Enveloped {
                    media_type,
                    content,
                } => {
                    let text = envelope::open_presentation(&media_type, &content);
                    token(&text.map_err(|error| of_jose(&error))?)
                }
                Contained::Embedded(_) => Err(Malformed::new(
                    "ENVELOPE_INVALID",
                    "an enveloped presentation is a vp+jwt",
                )),
            };
        }
        if is_of(&value, "EnvelopedVerifiableCredential") {
            let inner = enveloped(&value, "EnvelopedVerifiableCredential")?;
            return Ok(credential(self.contained(&inner)?));
        }
        let hash = |value: &Value| self.rdf_hash(value);
        if is_of(&value, "VerifiablePresentation") {
            let shown = presentation::read(value, Some(&hash))?;
            return Ok(Secured::Presentation(Box::new(shown)));
        }
        Ok(credential(integrity::credential(value, Some(&hash))?))
    }

    /// Reads a credential of a presentation.
    pub(crate) fn contained(&self, contained: &Contained) -> Result<Parsed, Malformed> {
        let hash = |value: &Value| self.rdf_hash(value);
        match contained {
            Contained::Embedded(value) => integrity::credential(value.clone(), Some(&hash)),
            Contained::Enveloped {
                media_type,
                content,
            } => envelope::open(media_type, content).map_err(|error| of_sd_jwt(&error)),
        }
    }

    /// What the suites over RDF hash.
    pub(crate) fn rdf_hash(
        &self,
        value: &Value,
    ) -> Result<[u8; integrity::HASH_BYTES], Uncanonical> {
        // Work that was cut short has been spent all the same.
        let mut work = self.rdf.lock().unwrap_or_else(PoisonError::into_inner);
        starfire_rdfc::hash(value, &mut work).map_err(|error| {
            let why = format!("{}: {error}", error.code());
            match error {
                // The bounds are this program's: another may go further.
                RdfcError::ContextUnknown(_)
                | RdfcError::TooLarge { .. }
                | RdfcError::TooDeep
                | RdfcError::Poison => Uncanonical::Unknown(why),
                RdfcError::ContextMissing
                | RdfcError::ContextInline(_)
                | RdfcError::Keyword(_)
                | RdfcError::Name(_)
                | RdfcError::Node(_)
                | RdfcError::Number(_)
                | RdfcError::Identifier(_)
                | RdfcError::Syntax(_)
                | RdfcError::Dropped { .. }
                | RdfcError::Json => Uncanonical::Refused(why),
            }
        })
    }
}

/// A text without what editors put around it.
// RFC 8259 §8.1: "implementations that parse JSON texts MAY ignore the presence of a byte order mark".
pub(crate) fn trimmed(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text).trim()
}

fn token(text: &str) -> Result<Secured, Malformed> {
    let format = Format::of(text);
    // What is no token at all is said to be so by the reader below.
    let is_presentation = format == Format::VcJwt
        && jose::decode(text).is_ok_and(|token| {
            token
                .header()
                .typ
                .as_deref()
                .is_some_and(|typ| names_type(typ, vp_jwt::TYP))
        });
    if is_presentation {
        let shown = vp_jwt::parse(text).map_err(|error| of_jose(&error))?;
        return Ok(Secured::Presentation(Box::new(shown)));
    }
    let parsed = envelope::parse(format, text).map_err(|error| of_sd_jwt(&error))?;
    Ok(credential(parsed))
}

fn credential(parsed: Parsed) -> Secured {
    Secured::Credential(Box::new(parsed))
}

fn is_of(value: &Value, kind: &str) -> bool {
    json::one_or_some(&value["type"])
        .iter()
        .any(|one| one == kind)
}

/// A token's refusal in the words of all formats.
pub(crate) fn of_jose(error: &JoseError) -> Malformed {
    Malformed::new(error.code(), whole(error))
}

/// The same, of an SD-JWT's.
pub(crate) fn of_sd_jwt(error: &SdJwtError) -> Malformed {
    Malformed::new(error.code(), whole(error))
}

/// An error with its causes.
fn whole(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use starfire_did::credential::bitstring::StatusList;

    use super::*;

    #[test]
    fn a_byte_order_mark_before_a_credential_is_passed_over() {
        let list = StatusList {
            id: None,
            issuer: "did:example:issuer".into(),
            purposes: vec!["revocation".into()],
            bits: vec![0; 16_384],
            ttl_ms: None,
            valid_from_ms: None,
        };
        let text = list.to_credential("urn:uuid:1").unwrap().to_string();
        let read = |text: &str| Reader::new().read(text);
        let plain = read(&text).unwrap();
        for marked in [format!("\u{feff}{text}"), format!("\u{feff}\r\n{text}\n")] {
            assert_eq!(read(&marked).as_ref(), Ok(&plain));
        }
        let twice = read(&format!("\u{feff}\u{feff}{text}"));
        assert_eq!(twice.unwrap_err().code, "JOSE_MALFORMED");
    }

    #[test]
    fn json_that_is_no_object_is_no_token() {
        for text in ["[]", "null", "\"a.b.c\"", " [{}] ", "[", "\u{feff}null\n"] {
            let error = Reader::new().read(text).unwrap_err();
            assert_eq!(error.code, code::JSON_INVALID, "{text}");
        }
        let error = Reader::new().read("abc").unwrap_err();
        assert_eq!(error.code, "JOSE_MALFORMED");
    }
}
