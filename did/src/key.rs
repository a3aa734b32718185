//! Cryptographic keys in BIF's encodings: Ed25519 and SM2.
//!
//! A public key is lower-case hex of `B0 | type | encoding | raw bytes`; a private key is BIF Base58 of
//! `18 9E 99 | type | encoding | raw bytes`, where the type is `e` or `z` and the encoding is always `f`. There is no checksum.

use std::fmt;

use ed25519_dalek::Signer;
use sm2::elliptic_curve::sec1::ToSec1Point;
use zeroize::Zeroizing;

use crate::base58;
use crate::id::{ChainCode, Did};

/// The distinguishing identifier that every BIF signature by SM2 is made with.
pub(crate) const SM2_USER_ID: &str = "1234567812345678";

const PUBLIC_TAG: u8 = 0xb0;
const PRIVATE_TAG: [u8; 3] = [0x18, 0x9e, 0x99];
const PRIVATE_BYTES: usize = 37;

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

/// A private key. Its memory is overwritten when it is dropped, and it does not print itself.
#[derive(Clone)]
pub struct PrivateKey {
    secret: Secret,
    public: PublicKey,
}

#[derive(Clone)]
enum Secret {
    Ed25519(Box<ed25519_dalek::SigningKey>),
    Sm2(Box<sm2::SecretKey>),
}

impl PrivateKey {
    /// Makes a key of `seed`, which the caller draws at random.
    ///
    /// For SM2, one seed in 2^32 is no number below the curve's order; its SM3 hash is taken then.
    pub fn generate(seed: [u8; 32], algorithm: KeyAlgorithm) -> Self {
        use sm3::Digest;

        let mut seed = Zeroizing::new(seed);
        loop {
            match Self::from_raw(algorithm, seed.as_slice()) {
                Ok(key) => return key,
                Err(_) => *seed = sm3::Sm3::digest(seed.as_slice()).into(),
            }
        }
    }

    /// A key from its 32 raw bytes.
    pub fn from_raw(algorithm: KeyAlgorithm, raw: &[u8]) -> Result<Self, KeyError> {
        let raw: Zeroizing<[u8; 32]> = Zeroizing::new(sized(raw)?);
        match algorithm {
            KeyAlgorithm::Ed25519 => {
                let secret = ed25519_dalek::SigningKey::from_bytes(&raw);
                let public = PublicKey::Ed25519(secret.verifying_key().to_bytes());
                Ok(Self {
                    secret: Secret::Ed25519(Box::new(secret)),
                    public,
                })
            }
            KeyAlgorithm::Sm2 => {
                let secret =
                    sm2::SecretKey::from_slice(raw.as_slice()).map_err(|_| KeyError::Range)?;
                // GB/T 32918.1 §6.1: the private key is in [1, n-2], since signing divides by 1 + d.
                let plus_one = *secret.to_nonzero_scalar() + sm2::Scalar::ONE;
                if bool::from(plus_one.is_zero()) {
                    return Err(KeyError::Range);
                }
                let point = secret.public_key().to_sec1_point(false);
                let public = PublicKey::Sm2(sized(point.as_bytes())?);
                Ok(Self {
                    secret: Secret::Sm2(Box::new(secret)),
                    public,
                })
            }
        }
    }

    /// Parses BIF's text, `priSPK…` (Ed25519) or `priSrr…` (SM2).
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let bytes =
            Zeroizing::new(base58::decode::<PRIVATE_BYTES>(text).ok_or(KeyError::PrivateEncoding)?);
        let [a, b, c, tag, encoding, raw @ ..] = &*bytes;
        if [*a, *b, *c] != PRIVATE_TAG {
            return Err(KeyError::PrivateEncoding);
        }
        let algorithm = KeyAlgorithm::of_tag(*tag, *encoding).ok_or(KeyError::PrivateEncoding)?;
        Self::from_raw(algorithm, raw)
    }

    /// BIF's text. Whoever reads it can sign.
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new([0; PRIVATE_BYTES]);
        bytes[..3].copy_from_slice(&PRIVATE_TAG);
        bytes[3] = self.algorithm().tag();
        bytes[4] = b'f';
        bytes[5..].copy_from_slice(self.to_raw().as_slice());
        Zeroizing::new(base58::encode(bytes.as_slice()))
    }

    /// The 32 raw bytes. Whoever reads them can sign.
    pub fn to_raw(&self) -> Zeroizing<[u8; 32]> {
        match &self.secret {
            Secret::Ed25519(secret) => Zeroizing::new(secret.to_bytes()),
            Secret::Sm2(secret) => Zeroizing::new(secret.to_bytes().into()),
        }
    }

    /// Its algorithm.
    pub fn algorithm(&self) -> KeyAlgorithm {
        self.public.algorithm()
    }

    /// The public key.
    pub fn public(&self) -> PublicKey {
        self.public
    }

    /// Signs a message: 64 bytes. The nonce is derived from key and message, so no randomness is needed and none can fail.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.secret {
            Secret::Ed25519(secret) => secret.sign(message).to_bytes().to_vec(),
            Secret::Sm2(secret) => {
                let signer =
                    sm2::dsa::SigningKey::new(SM2_USER_ID, secret).expect("the user id is short");
                // RFC 6979 draws the nonce; it yields r = 0, s = 0 or r + k = n once in 2^256 messages.
                let signature: sm2::dsa::Signature = signer.sign(message);
                signature.to_vec()
            }
        }
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateKey")
            .field("public", &self.public)
            .finish_non_exhaustive()
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

    #[test]
    fn what_is_no_private_key_is_refused() {
        let good = PrivateKey::generate([1; 32], KeyAlgorithm::Ed25519).to_text();
        for text in [
            "",
            "pri",
            &good[1..],
            &format!("{}1", good.as_str()),
            &good.replace('p', "0"),
        ] {
            assert_eq!(
                PrivateKey::parse(text).unwrap_err(),
                KeyError::PrivateEncoding,
                "{text}"
            );
        }
        // 0, n-1, n and beyond.
        for number in [
            "0000000000000000000000000000000000000000000000000000000000000000",
            "fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54122",
            "fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123",
            "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        ] {
            let raw = hex::decode(number).unwrap();
            assert_eq!(
                PrivateKey::from_raw(KeyAlgorithm::Sm2, &raw).unwrap_err(),
                KeyError::Range
            );
        }
    }

    #[test]
    fn every_seed_makes_a_key() {
        for algorithm in [KeyAlgorithm::Ed25519, KeyAlgorithm::Sm2] {
            for seed in [[0; 32], [1; 32], [0xff; 32]] {
                let key = PrivateKey::generate(seed, algorithm);
                assert_eq!(key.algorithm(), algorithm);
                assert_eq!(
                    key.sign(b"message").len(),
                    crate::signature::SIGNATURE_BYTES
                );
            }
        }
    }

    #[test]
    fn a_private_key_does_not_print_itself() {
        let key = PrivateKey::generate([7; 32], KeyAlgorithm::Ed25519);
        let printed = format!("{key:?}");
        assert!(
            !printed.contains(key.to_text().as_str()) && !printed.contains(&"07".repeat(32)),
            "{printed}"
        );
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
            let _ = PrivateKey::parse(&text);
        }
    }
}
