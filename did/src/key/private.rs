//! Private keys: made of a seed, read from BIF's text, and nowhere printed.

use std::fmt;

use ed25519_dalek::Signer;
use sm2::elliptic_curve::sec1::ToSec1Point;
use zeroize::Zeroizing;

use super::{KeyAlgorithm, KeyError, PublicKey, SM2_USER_ID, sized};
use crate::base58;

const PRIVATE_TAG: [u8; 3] = [0x18, 0x9e, 0x99];
const PRIVATE_BYTES: usize = 37;

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
    use super::*;

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
}
