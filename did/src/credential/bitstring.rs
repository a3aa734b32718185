//! Bitstring Status List 1.0: one bit for each credential, so that asking for the list does not tell whom one asks about.
//!
//! Bit 0 is the highest bit of the first byte. The list travels as `u`, base64url and gzip; what is inflated is bounded, and what is
//! deflated is the same bytes every time.

use std::io::{Read as _, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use serde_json::{Map, Value, json};

use super::code;
use super::json::one_or_some;
use super::malformed::Malformed;
use super::model::BASE_CONTEXT;
use super::parsed::{Parsed, StatusReference};
use super::timestamp;
use crate::uri;

/// The shortest list, entries: with fewer, asking for it tells whom one asks about.
pub const ENTRIES_MIN: u64 = 131_072;
/// The longest list that is inflated, bytes.
pub const LIST_BYTES_MAX: usize = 8 << 20;
/// The longest purpose, bytes.
pub const PURPOSE_BYTES_MAX: usize = 64;
/// The most decimal digits of an index.
const INDEX_DIGITS_MAX: usize = 19;

fn malformed(detail: impl Into<String>) -> Malformed {
    Malformed::new(code::MALFORMED_VALUE_ERROR, detail)
}

/// Where a credential's status is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// `revocation`, `suspension`, `refresh`, `message` or another.
    pub purpose: String,
    /// Which bit.
    pub index: u64,
    /// The list's URL.
    pub list: String,
}

impl Entry {
    /// `type` of such an entry.
    pub const TYPE: &str = "BitstringStatusListEntry";

    /// Reads an entry of `credentialStatus`. One of more than one bit, well formed, is refused by [`code::STATUS_UNKNOWN`].
    pub fn parse(entry: &Map<String, Value>) -> Result<Self, Malformed> {
        let text = |name: &str| entry.get(name).and_then(Value::as_str);
        let purpose = text("statusPurpose")
            .filter(|purpose| is_purpose(purpose))
            .ok_or_else(|| malformed("statusPurpose is a text"))?;
        let index = text("statusListIndex")
            .and_then(index)
            .ok_or_else(|| malformed("statusListIndex is a number in base 10, as a text"))?;
        let list = text("statusListCredential")
            .filter(|url| uri::is_uri(url))
            .ok_or_else(|| malformed("statusListCredential is a URL"))?;
        // §2.1: the entry's own id is not the list's.
        if text("id") == Some(list) {
            return Err(malformed("the id of the entry is that of the list"));
        }
        let size = match entry.get("statusSize") {
            None => 1,
            Some(size) => size
                .as_u64()
                .filter(|size| *size > 0)
                .ok_or_else(|| malformed("statusSize is a number from 1 on"))?,
        };
        match entry.get("statusMessage") {
            Some(messages) => check_messages(messages, size)?,
            None if size == 1 => {}
            // §2.1: "If statusSize is provided and is greater than 1", there must be messages.
            None => return Err(malformed("with a statusSize above 1 there are messages")),
        }
        // §2.1: a URL, or some.
        if let Some(references) = entry.get("statusReference") {
            let is_url = |one: &Value| one.as_str().is_some_and(uri::is_uri);
            let references = one_or_some(references);
            if references.is_empty() || !references.iter().all(is_url) {
                return Err(malformed("statusReference is a URL, or some"));
            }
        }
        if size > 1 {
            let detail = format!("a {} of {size} bits", Self::TYPE);
            return Err(Malformed::new(code::STATUS_UNKNOWN, detail));
        }
        Ok(Self {
            purpose: purpose.into(),
            index,
            list: list.into(),
        })
    }

    /// The entry as a credential has it.
    pub fn to_value(&self) -> Value {
        json!({
            "type": Self::TYPE,
            "statusPurpose": self.purpose,
            "statusListIndex": self.index.to_string(),
            "statusListCredential": self.list,
        })
    }

    /// As a verification asks for it.
    pub fn reference(self) -> StatusReference {
        StatusReference::List {
            list: self.list,
            purpose: self.purpose,
            index: self.index,
        }
    }
}

/// Reads an entry as a verification asks for it. One of more than one bit is of a kind not known here.
pub fn reference(entry: &Map<String, Value>) -> Result<StatusReference, Malformed> {
    match Entry::parse(entry) {
        Ok(entry) => Ok(entry.reference()),
        Err(error) if error.code == code::STATUS_UNKNOWN => {
            Ok(StatusReference::Other { kind: error.detail })
        }
        Err(error) => Err(error),
    }
}

fn is_purpose(text: &str) -> bool {
    (1..=PURPOSE_BYTES_MAX).contains(&text.len())
}

/// Digits only, and no zero before others: one spelling for each number.
fn index(text: &str) -> Option<u64> {
    let is_number = (1..=INDEX_DIGITS_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_digit())
        && (text == "0" || !text.starts_with('0'));
    is_number.then(|| text.parse().ok()).flatten()
}

// §2.1: as many messages as an entry of so many bits has values, each with a status and a message.
fn check_messages(messages: &Value, size: u64) -> Result<(), Malformed> {
    let wrong = || malformed("statusMessage has a message for each value of statusSize bits");
    let size = u32::try_from(size).map_err(|_| wrong())?;
    let values = 1_u64.checked_shl(size).ok_or_else(wrong)?;
    let is_value = |status: &str| {
        let digits = status.strip_prefix("0x").unwrap_or_default();
        let plain = !digits.starts_with('+') && (digits == "0" || !digits.starts_with('0'));
        let value = u64::from_str_radix(digits, 16).ok();
        plain && value.is_some_and(|value| value < values)
    };
    let is_message = |one: &Value| {
        let text = |name: &str| one.get(name).and_then(Value::as_str);
        text("message").is_some() && text("status").is_some_and(is_value)
    };
    let all = messages.as_array().map_or(&[][..], Vec::as_slice);
    let enough = u64::try_from(all.len()).is_ok_and(|count| count == values);
    if enough && all.iter().all(is_message) {
        return Ok(());
    }
    Err(wrong())
}

/// A list of statuses, as its credential says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusList {
    /// The credential's id, by which entries refer to it.
    pub id: Option<String>,
    /// Who says so.
    pub issuer: String,
    /// What the bits mean; a list may serve several purposes.
    pub purposes: Vec<String>,
    /// The bits.
    pub bits: Vec<u8>,
    /// How long it may be kept, milliseconds.
    pub ttl_ms: Option<u64>,
    /// From when it is valid.
    pub valid_from_ms: Option<i64>,
}

impl StatusList {
    /// `type` of a credential that holds a list.
    pub const TYPE: &str = "BitstringStatusListCredential";

    /// Reads the list of a credential. Whether the credential itself is valid is for [`verify`](super::verify) to say.
    pub fn parse(credential: &Parsed) -> Result<Self, Malformed> {
        if !credential.types.iter().any(|one| one == Self::TYPE) {
            return Err(malformed(format!("its type is not {}", Self::TYPE)));
        }
        let [subject] = one_or_some(&credential.claims["credentialSubject"]) else {
            return Err(malformed("it has one subject"));
        };
        let types = one_or_some(&subject["type"]);
        if !types.iter().any(|one| one == "BitstringStatusList") {
            return Err(malformed("its subject is one BitstringStatusList"));
        }
        let purposes = one_or_some(&subject["statusPurpose"]);
        let purposes: Option<Vec<String>> = purposes
            .iter()
            .map(|one| {
                one.as_str()
                    .filter(|one| is_purpose(one))
                    .map(str::to_owned)
            })
            .collect();
        let purposes = purposes
            .filter(|purposes| !purposes.is_empty())
            .ok_or_else(|| malformed("statusPurpose is a text, or some"))?;
        let encoded = subject["encodedList"]
            .as_str()
            .ok_or_else(|| malformed("encodedList is a text"))?;
        let ttl_ms = match subject.get("ttl") {
            None => None,
            Some(ttl) => Some(ttl.as_u64().ok_or_else(|| malformed("ttl is a number"))?),
        };
        Ok(Self {
            id: credential.claims["id"].as_str().map(str::to_owned),
            issuer: credential.issuer.clone(),
            purposes,
            bits: decode(encoded)?,
            ttl_ms,
            valid_from_ms: credential.valid_from_ms,
        })
    }

    /// The credential that publishes the list, to be signed.
    pub fn to_credential(&self, id: &str) -> Result<Value, Malformed> {
        check_length(&self.bits)?;
        let purpose = match self.purposes.as_slice() {
            [one] => json!(one),
            some => json!(some),
        };
        let mut credential = json!({
            "@context": [BASE_CONTEXT],
            "id": id,
            "type": ["VerifiableCredential", Self::TYPE],
            "issuer": self.issuer,
            "credentialSubject": {
                "id": format!("{id}#list"),
                "type": "BitstringStatusList",
                "statusPurpose": purpose,
                "encodedList": encode(&self.bits),
            },
        });
        if let Some(ttl) = self.ttl_ms {
            credential["credentialSubject"]["ttl"] = ttl.into();
        }
        if let Some(from) = self.valid_from_ms {
            let text = timestamp::format(from);
            credential["validFrom"] = text
                .ok_or_else(|| malformed("validFrom is beyond the year 9999"))?
                .into();
        }
        Ok(credential)
    }

    /// The status of an entry.
    pub fn status(&self, entry: &Entry) -> Result<bool, Malformed> {
        // §3.2: the entry's purpose is one of the list's.
        if !self.purposes.contains(&entry.purpose) {
            let detail = format!("the list is not for {}", entry.purpose);
            return Err(Malformed::new(code::STATUS_VERIFICATION_ERROR, detail));
        }
        if self.id.as_ref().is_some_and(|id| *id != entry.list) {
            let detail = format!("the list is not {}", entry.list);
            return Err(Malformed::new(code::STATUS_VERIFICATION_ERROR, detail));
        }
        check_length(&self.bits)?;
        bit(&self.bits, entry.index)
    }
}

/// Bit `index` of a list.
pub fn bit(bits: &[u8], index: u64) -> Result<bool, Malformed> {
    let byte = usize::try_from(index / 8).ok().and_then(|at| bits.get(at));
    let Some(byte) = byte else {
        let detail = format!(
            "the list has {} entries, and no entry {index}",
            entries(bits)
        );
        return Err(Malformed::new(code::RANGE_ERROR, detail));
    };
    Ok(byte >> (7 - index % 8) & 1 == 1)
}

fn entries(bits: &[u8]) -> u64 {
    u64::try_from(bits.len()).map_or(u64::MAX, |bytes| bytes.saturating_mul(8))
}

fn check_length(bits: &[u8]) -> Result<(), Malformed> {
    if entries(bits) >= ENTRIES_MIN {
        return Ok(());
    }
    let detail = format!(
        "a list has {ENTRIES_MIN} entries or more, not {}",
        entries(bits)
    );
    Err(Malformed::new(code::STATUS_LIST_LENGTH_ERROR, detail))
}

/// `encodedList` of these bits: multibase `u`, base64url without padding, gzip without a time.
pub fn encode(bits: &[u8]) -> String {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder
        .write_all(bits)
        .expect("writing to memory does not fail");
    let gzip = encoder.finish().expect("writing to memory does not fail");
    format!("u{}", URL_SAFE_NO_PAD.encode(gzip))
}

/// The bits of `encodedList`, at most [`LIST_BYTES_MAX`] bytes of them.
pub fn decode(encoded: &str) -> Result<Vec<u8>, Malformed> {
    let gzip = encoded
        .strip_prefix('u')
        .and_then(|text| URL_SAFE_NO_PAD.decode(text).ok())
        .ok_or_else(|| malformed("encodedList is \"u\" and base64url without padding"))?;
    let limit = u64::try_from(LIST_BYTES_MAX).map_or(u64::MAX, |limit| limit.saturating_add(1));
    let mut bits = Vec::new();
    MultiGzDecoder::new(gzip.as_slice())
        .take(limit)
        .read_to_end(&mut bits)
        .map_err(|error| malformed(format!("encodedList is no gzip: {error}")))?;
    if bits.len() > LIST_BYTES_MAX {
        return Err(malformed(format!(
            "the list has more than {LIST_BYTES_MAX} bytes"
        )));
    }
    Ok(bits)
}

#[cfg(test)]
mod tests;
