//! Cryptographic keys in BIF's encodings: Ed25519 and SM2.
//!
//! A public key is lower-case hex of `B0 | type | encoding | raw bytes`; a private key is BIF Base58 of
//! `18 9E 99 | type | encoding | raw bytes`, where the type is `e` or `z` and the encoding is always `f`. There is no checksum.

use std::fmt;

use sm2::elliptic_curve::sec1::ToSec1Point;

use crate::id::{ChainCode, Did};

mod private;

pub use private::PrivateKey;

/// The distinguishing identifier that every BIF signature by SM2 is made with.
pub(crate) const SM2_USER_ID: &str = "1234567812345678";

const PUBLIC_TAG: u8 = 0xb0;

/// Text or bytes that are not a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not the text of BIF's envelope.
    #[error("a public key is hex and begins with \"b06566\" or \"b07a66\"")]
    PublicEncoding,
    /// Not the text of BIF's envelope.
    #[error("a private key is BIF Base58 and begins with \"pri\"")]
    PrivateEncoding,
    /// Another length than the algorithm's.
    #[error("a key of this algorithm has {expected} bytes, not {found}")]
    Length {
        /// What the algorithm asks for.
        expected: usize,
        /// What was given.
        found: usize,
    },
    /// The bytes are no point of the curve, or a point that anyone can sign for.
    #[error("the bytes are no public key of this algorithm")]
    NotAKey,
    /// The number is 0 or beyond the curve's order.
    #[error("the number is no private key of this algorithm")]
    Range,
}

/// The two signature algorithms of BIF.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyAlgorithm {
    /// RFC 8032.
    Ed25519,
    /// GB/T 32918, with SM3.
    Sm2,
}

impl KeyAlgorithm {
    fn tag(self) -> u8 {
        match self {
            Self::Ed25519 => b'e',
            Self::Sm2 => b'z',
        }
    }

    fn of_tag(tag: u8, encoding: u8) -> Option<Self> {
        match (tag, encoding) {
            (b'e', b'f') => Some(Self::Ed25519),
            (b'z', b'f') => Some(Self::Sm2),
            _ => None,
        }
    }

    /// `Ed25519` or `SM2`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ed25519 => "Ed25519",
            Self::Sm2 => "SM2",
        }
    }
}

impl fmt::Display for KeyAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A public key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PublicKey {
    /// A compressed point, as RFC 8032 has it.
    Ed25519([u8; 32]),
    /// An uncompressed point: `04`, x, y.
    Sm2([u8; 65]),
}

impl PublicKey {
    /// Parses BIF's hex envelope, in either case. An SM2 key is checked to be on the curve; of an Ed25519 key each signature
    /// check judges the point anew, so that a block's signatures are not paid for twice.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let bytes = hex::decode(text).map_err(|_| KeyError::PublicEncoding)?;
        let [PUBLIC_TAG, tag, encoding, raw @ ..] = bytes.as_slice() else {
            return Err(KeyError::PublicEncoding);
        };
        let algorithm = KeyAlgorithm::of_tag(*tag, *encoding).ok_or(KeyError::PublicEncoding)?;
        Self::from_raw(algorithm, raw)
    }

    /// A key from its raw bytes, checked as by [`Self::parse`].
    pub fn from_raw(algorithm: KeyAlgorithm, raw: &[u8]) -> Result<Self, KeyError> {
        match algorithm {
            KeyAlgorithm::Ed25519 => Ok(Self::Ed25519(sized(raw)?)),
            KeyAlgorithm::Sm2 => {
                let raw = sized(raw)?;
                if raw[0] != 4 || sm2::PublicKey::from_sec1_bytes(&raw).is_err() {
                    return Err(KeyError::NotAKey);
                }
                Ok(Self::Sm2(raw))
            }
        }
    }

    /// An SM2 key from its compressed point.
    pub(crate) fn from_compressed_sm2(point: &[u8]) -> Option<Self> {
        let key = sm2::PublicKey::from_sec1_bytes(point).ok()?;
        Some(Self::Sm2(sized(key.to_sec1_point(false).as_bytes()).ok()?))
    }

    /// Its algorithm.
    pub fn algorithm(&self) -> KeyAlgorithm {
        match self {
            Self::Ed25519(_) => KeyAlgorithm::Ed25519,
            Self::Sm2(_) => KeyAlgorithm::Sm2,
        }
    }

    /// The raw bytes: 32 of Ed25519, 65 of SM2.
    pub fn raw(&self) -> &[u8] {
        match self {
            Self::Ed25519(raw) => raw,
            Self::Sm2(raw) => raw,
        }
    }

    /// The account address, and DID, of this key on the main chain or on the sub-chain with this code.
    pub fn address(&self, code: Option<&ChainCode>) -> Did {
        Did::derive(self, code)
    }

    /// Whether one holder, and not everyone or no one, can sign for it: a point of the curve, not of small order.
    pub fn is_sound(&self) -> bool {
        match self {
            Self::Ed25519(raw) => {
                ed25519_dalek::VerifyingKey::from_bytes(raw).is_ok_and(|key| !key.is_weak())
            }
            Self::Sm2(raw) => sm2::PublicKey::from_sec1_bytes(raw).is_ok(),
        }
    }
}

fn sized<const N: usize>(raw: &[u8]) -> Result<[u8; N], KeyError> {
    raw.try_into().map_err(|_| KeyError::Length {
        expected: N,
        found: raw.len(),
    })
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}{}",
            hex::encode([PUBLIC_TAG, self.algorithm().tag(), b'f']),
            hex::encode(self.raw())
        )
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl std::str::FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn published_keys_parse_and_print() {
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/vectors/keys.json")).unwrap();
        for vector in vectors["keys"].as_array().unwrap() {
            let text = |name: &str| vector[name].as_str().unwrap();
            let key = PrivateKey::parse(text("private_key")).unwrap();
            assert_eq!(key.algorithm().name(), text("algorithm"));
            assert_eq!(
                hex::encode(key.to_raw().as_slice()),
                text("raw_private_key")
            );
            assert_eq!(key.to_text().as_str(), text("private_key"));
            assert_eq!(key.public().to_string(), text("public_key"));
            assert_eq!(
                PublicKey::parse(&text("public_key").to_uppercase()),
                Ok(key.public())
            );
            assert_eq!(key.public().address(None).to_string(), text("did"));
            assert!(key.public().is_sound());
        }
    }

    #[test]
    fn what_is_no_public_key_is_refused() {
        let sm2 = PrivateKey::generate([1; 32], KeyAlgorithm::Sm2).public();
        let off_curve = format!("b07a66{}00", &hex::encode(sm2.raw())[..128]);
        let compressed = format!("b07a6602{}", &hex::encode(sm2.raw())[2..66]);
        let hybrid = sm2.to_string().replacen("b07a6604", "b07a6606", 1);
        for (text, error) in [
            ("", KeyError::PublicEncoding),
            ("b065", KeyError::PublicEncoding),
            ("xx", KeyError::PublicEncoding),
            (
                &format!("b16566{}", "00".repeat(32)),
                KeyError::PublicEncoding,
            ),
            (
                &format!("b07366{}", "02".repeat(33)),
                KeyError::PublicEncoding,
            ),
            (
                &format!("b06573{}", "00".repeat(32)),
                KeyError::PublicEncoding,
            ),
            (
                "b06566",
                KeyError::Length {
                    expected: 32,
                    found: 0,
                },
            ),
            (
                &format!("b06566{}", "00".repeat(33)),
                KeyError::Length {
                    expected: 32,
                    found: 33,
                },
            ),
            (
                &compressed,
                KeyError::Length {
                    expected: 65,
                    found: 33,
                },
            ),
            (&off_curve, KeyError::NotAKey),
            (&hybrid, KeyError::NotAKey),
        ] {
            assert_eq!(PublicKey::parse(text), Err(error), "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn keys_have_one_text(seed in any::<[u8; 32]>(), sm2 in any::<bool>()) {
            let key = PrivateKey::generate(seed, if sm2 { KeyAlgorithm::Sm2 } else { KeyAlgorithm::Ed25519 });
            prop_assert_eq!(PublicKey::parse(&key.public().to_string()), Ok(key.public()));
            let parsed = PrivateKey::parse(&key.to_text()).unwrap();
            prop_assert_eq!(parsed.public(), key.public());
            prop_assert_eq!(parsed.to_raw(), key.to_raw());
        }

        #[test]
        fn no_text_makes_the_parsers_panic(text in "\\PC{0,80}") {
            let _ = PublicKey::parse(&text);
            drop(PrivateKey::parse(&text));
        }
    }
}
