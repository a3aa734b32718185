//! Bytes in JSON files: lower-case hex for hashes, strict base64 for encoded messages; and numbers, where JSON is to hold none. One
//! spelling each.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Bytes of a fixed length, written in lower-case hex.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hex<const N: usize>(pub [u8; N]);

impl<const N: usize> Hex<N> {
    /// Reads `2 * N` lower-case hex digits.
    pub fn parse(text: &str) -> Option<Self> {
        if text.bytes().any(|digit| digit.is_ascii_uppercase()) {
            return None;
        }
        let mut bytes = [0; N];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Self(bytes))
    }
}

impl<const N: usize> std::fmt::Display for Hex<N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl<const N: usize> Serialize for Hex<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, const N: usize> Deserialize<'de> for Hex<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            D::Error::custom(format_args!("expected {} lower-case hex digits", 2 * N))
        })
    }
}

/// Bytes of any length, written in base64 with padding (RFC 4648 §4). Unused bits must be zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base64(pub Vec<u8>);

impl Serialize for Base64 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map(Self).map_err(D::Error::custom)
    }
}

/// The same, of bytes that are only written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Base64Of<'a>(pub &'a [u8]);

impl Serialize for Base64Of<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(self.0))
    }
}

/// A number, written in decimal digits as a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decimal(pub u64);

impl Decimal {
    /// Reads digits, without a sign and without zeros in front.
    pub fn parse(text: &str) -> Option<Self> {
        let number = text.parse().ok()?;
        (u64::to_string(&number) == text).then_some(Self(number))
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("expected a number in decimal digits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_one_spelling() {
        for number in [0, 7, u64::MAX] {
            let text = serde_json::to_string(&Decimal(number)).unwrap();
            assert_eq!(text, format!("\"{number}\""));
            assert_eq!(
                serde_json::from_str::<Decimal>(&text).unwrap(),
                Decimal(number)
            );
        }
        for text in ["", "-1", "+1", "01", "1 ", "1.0", "18446744073709551616"] {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
        assert!(serde_json::from_str::<Decimal>("7").is_err());
    }

    #[test]
    fn bytes_have_one_spelling() {
        assert_eq!(Hex::<2>::parse("0aff"), Some(Hex([0x0a, 0xff])));
        for text in ["0AFF", "0af", "0aff00", "0agg", ""] {
            assert_eq!(Hex::<2>::parse(text), None, "{text}");
        }
        assert_eq!(
            serde_json::from_str::<Base64>("\"/w==\"").unwrap(),
            Base64(vec![0xff])
        );
        for text in ["\"/w=\"", "\"/w\"", "\"/x==\"", "\"_w==\"", "\" /w==\""] {
            assert!(serde_json::from_str::<Base64>(text).is_err(), "{text}");
        }
    }
}
