//! Tokens inside W3C documents and by themselves: which format a text is of, and the data URL that carries it.
//!
//! VC Data Model 2.0 §4.13.1: a presentation holds a credential of another format as an object of type
//! `EnvelopedVerifiableCredential` whose id is a data URL. It is read back by [`crate::credential::model::presentation`].

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Value, json};

use super::header::names_type;
use super::{JoseError, bif, vc_jwt, vp_jwt};
use crate::credential::model::BASE_CONTEXT;
use crate::credential::parsed::Parsed;
use crate::did_url::percent_decoded;
use crate::sd_jwt::{self, SdJwtError};

/// The Base64 of data URLs, which some write without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

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

    /// From the media type of an envelope, whatever its parameters.
    pub fn of_media_type(media_type: &str) -> Option<Self> {
        let media_type = essence(media_type);
        if names_type(media_type, sd_jwt::vc::OLD_TYP) {
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

/// Reads a credential from the media type and the content of an envelope's data URL.
pub fn open(media_type: &str, content: &str) -> Result<Parsed, SdJwtError> {
    match Format::of_media_type(media_type) {
        Some(format) => parse(format, &text(media_type, content)?),
        None if names_type(essence(media_type), "vc+cose") => {
            Err(JoseError::FormUnknown("a credential secured by COSE").into())
        }
        None => Err(JoseError::Envelope("has another media type").into()),
    }
}

/// The token in the envelope of a presentation.
pub fn open_presentation(media_type: &str, content: &str) -> Result<String, JoseError> {
    let essence = essence(media_type);
    if names_type(essence, vp_jwt::TYP) {
        return text(media_type, content);
    }
    if names_type(essence, "vp+cose") {
        return Err(JoseError::FormUnknown("a presentation secured by COSE"));
    }
    Err(JoseError::Envelope(
        "of a presentation holds another thing than a vp+jwt",
    ))
}

/// A media type without its parameters.
fn essence(media_type: &str) -> &str {
    let (essence, _) = media_type.split_once(';').unwrap_or((media_type, ""));
    essence.trim()
}

/// What a data URL holds, as it is read by its media type with all parameters.
// RFC 2397 §3: data:[<mediatype>][;base64],<data>, the data being characters of URLs, some behind percent signs.
fn text(media_type: &str, content: &str) -> Result<String, JoseError> {
    let unread = JoseError::Envelope("holds no text");
    let Some(bytes) = percent_decoded(content) else {
        return Err(unread);
    };
    let last = media_type.rsplit_once(';').map(|(_, last)| last.trim());
    let bytes = match last {
        Some(last) if last.eq_ignore_ascii_case("base64") => BASE64.decode(bytes).ok(),
        Some(_) | None => Some(bytes),
    };
    bytes
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or(unread)
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
