//! Private keys that sign claims: an account's, or one of P-256.

use std::fmt;

use p256::ecdsa::signature::Signer as _;
use zeroize::Zeroizing;

use crate::key::{KeyError, PrivateKey};
use crate::verification_key::VerificationKey;

/// A key that signs credentials and presentations. It overwrites its memory when it is dropped and does not print itself.
#[derive(Clone)]
pub enum SigningKey {
    /// Ed25519 or SM2.
    Account(PrivateKey),
    /// FIPS 186-5.
    P256(Box<p256::ecdsa::SigningKey>),
}

impl From<PrivateKey> for SigningKey {
    fn from(key: PrivateKey) -> Self {
        Self::Account(key)
    }
}

impl SigningKey {
    /// A P-256 key from its 32 raw bytes, a number in [1, n-1].
    pub fn p256(raw: &[u8]) -> Result<Self, KeyError> {
        let raw: Zeroizing<[u8; 32]> =
            Zeroizing::new(raw.try_into().map_err(|_| KeyError::Length {
                expected: 32,
                found: raw.len(),
            })?);
        let key =
            p256::ecdsa::SigningKey::from_slice(raw.as_slice()).map_err(|_| KeyError::Range)?;
        Ok(Self::P256(Box::new(key)))
    }

    /// The key that checks what this one signs.
    pub fn verification_key(&self) -> VerificationKey {
        match self {
            Self::Account(key) => key.public().into(),
            Self::P256(key) => {
                let point = key.verifying_key().to_sec1_point(true);
                VerificationKey::p256(point.as_bytes()).expect("the point of a key is on the curve")
            }
        }
    }

    /// `Ed25519`, `SM2` or `P-256`.
    pub fn curve(&self) -> &'static str {
        match self {
            Self::Account(key) => key.algorithm().name(),
            Self::P256(_) => "P-256",
        }
    }

    /// Signs a message: 64 bytes, as [`VerificationKey::verify`] takes them. P-256 signs SHA-256 with a nonce by RFC 6979, so that
    /// no randomness is needed.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Account(key) => key.sign(message),
            Self::P256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(message);
                signature.to_bytes().to_vec()
            }
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey(for {})", self.verification_key())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::key::KeyAlgorithm;

    // RFC 6979 appendix A.2.5: P-256, SHA-256, "sample". The same key as in vc-di-ecdsa's test vectors.
    #[test]
    fn a_p256_key_signs_as_rfc_6979_says() {
        let raw = hex::decode("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721")
            .unwrap();
        let key = SigningKey::p256(&raw).unwrap();
        assert_eq!(
            key.verification_key().to_multikey(),
            "zDnaepBuvsQ8cpsWrVKw8fbpGpvPeNSjVPTWoq6cRqaYzBKVP"
        );
        let signature = hex::encode(key.sign(b"sample"));
        let r = "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716";
        let s = "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8";
        assert_eq!(signature, format!("{r}{s}"));
    }

    #[test]
    fn what_is_no_p256_key_is_refused() {
        let order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
        for raw in [vec![0; 32], hex::decode(order).unwrap(), vec![0xff; 32]] {
            assert_eq!(SigningKey::p256(&raw).unwrap_err(), KeyError::Range);
        }
        let length = KeyError::Length {
            expected: 32,
            found: 31,
        };
        assert_eq!(SigningKey::p256(&[1; 31]).unwrap_err(), length);
    }

    #[test]
    fn a_signing_key_does_not_print_itself() {
        let key = SigningKey::p256(&[7; 32]).unwrap();
        assert!(!format!("{key:?}").contains(&"07".repeat(32)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn what_a_key_signs_its_verification_key_accepts(seed in 1..=u8::MAX, message: Vec<u8>) {
            for key in [
                SigningKey::p256(&[seed; 32]),
                Ok(PrivateKey::generate([seed; 32], KeyAlgorithm::Ed25519).into()),
                Ok(PrivateKey::generate([seed; 32], KeyAlgorithm::Sm2).into()),
            ] {
                // 32 bytes of ff are beyond the order.
                let Ok(key) = key else { continue };
                let public = key.verification_key();
                prop_assert_eq!(public.curve(), key.curve());
                let signature = key.sign(&message);
                prop_assert!(public.verify(&message, &signature));
                let other = [&message[..], &[0]].concat();
                prop_assert!(!public.verify(&other, &signature));
            }
        }
    }
}
