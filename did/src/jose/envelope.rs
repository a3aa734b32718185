//! Tokens inside W3C documents and by themselves: which format a text is of, and the data URL that carries it.
//!
//! VC Data Model 2.0 §4.13.1: a presentation holds a credential of another format as an object of type
//! `EnvelopedVerifiableCredential` whose id is a data URL. It is read back by [`crate::credential::model::presentation`].

use serde_json::{Value, json};

use super::{JoseError, bif, header, vc_jwt};
use crate::credential::model::BASE_CONTEXT;
use crate::credential::parsed::Parsed;
use crate::sd_jwt::{self, SdJwtError};

/// A format of credentials that are tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// `vc+jwt`.
    VcJwt,
    /// SD-JWT VC.
    SdJwtVc,
    /// RFC-008 of BIF.
    Bif,
}

impl Format {
    /// The media type of an envelope. BIF's credentials have none.
    pub fn media_type(self) -> Option<&'static str> {
        match self {
            Self::VcJwt => Some("application/vc+jwt"),
            Self::SdJwtVc => Some("application/dc+sd-jwt"),
            Self::Bif => None,
        }
    }

    /// From the media type of an envelope.
    pub fn of_media_type(media_type: &str) -> Option<Self> {
        if header::names_type(media_type, sd_jwt::vc::OLD_TYP) {
            return Some(Self::SdJwtVc);
        }
        [Self::VcJwt, Self::SdJwtVc].into_iter().find(|one| {
            one.media_type()
                .is_some_and(|known| known.eq_ignore_ascii_case(media_type))
        })
    }

    /// Which format a text is of; whether it is well formed, [`parse`] says.
    pub fn of(text: &str) -> Self {
        if text.contains('~') {
            Self::SdJwtVc
        } else if bif::is_bif(text) {
            Self::Bif
        } else {
            Self::VcJwt
        }
    }
}

/// Reads a credential of this format as all formats are judged.
pub fn parse(format: Format, text: &str) -> Result<Parsed, SdJwtError> {
    match format {
        Format::VcJwt => Ok(vc_jwt::parse(text)?),
        Format::SdJwtVc => sd_jwt::vc::parse(text),
        Format::Bif => Ok(bif::decode(text)?.parse()?),
    }
}

/// Reads a credential from an envelope's media type and content.
pub fn open(media_type: &str, content: &str) -> Result<Parsed, SdJwtError> {
    let format =
        Format::of_media_type(media_type).ok_or(JoseError::Envelope("has another media type"))?;
    parse(format, content)
}

/// The envelope of a credential, to stand in a presentation.
pub fn seal(format: Format, text: &str) -> Result<Value, JoseError> {
    let media_type = format
        .media_type()
        .ok_or(JoseError::Envelope("holds no credential of BIF's"))?;
    Ok(json!({
        "@context": BASE_CONTEXT,
        "id": format!("data:{media_type},{text}"),
        "type": "EnvelopedVerifiableCredential",
    }))
}
