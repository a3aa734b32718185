//! Keys that a DID document may hold: BIF's two, and those that other wallets and credentials use.
//!
//! Only Ed25519 and SM2 keys make accounts and sign transactions ([`PublicKey`]). The others verify claims (P-256, secp256k1) or
//! agree on keys (X25519). Every key has two texts: W3C Multikey, and a JSON Web Key (RFC 7517, RFC 8037, RFC 8812).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use k256::ecdsa::signature::Verifier as _;
use p256::elliptic_curve::sec1::ToSec1Point as _;
use serde_json::{Value, json};

use crate::base58;
use crate::key::{KeyAlgorithm, KeyError, PublicKey};
use crate::signature;

/// A key of a verification method.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VerificationKey {
    /// A key that can be an account's.
    Account(PublicKey),
    /// FIPS 186-5, a compressed point.
    P256([u8; 33]),
    /// SEC 2, a compressed point.
    Secp256k1([u8; 33]),
    /// RFC 7748.
    X25519([u8; 32]),
}

// Prefixes of the multicodec table, as varints.
const ED25519: [u8; 2] = [0xed, 0x01];
const SM2: [u8; 2] = [0x86, 0x24];
const P256: [u8; 2] = [0x80, 0x24];
const SECP256K1: [u8; 2] = [0xe7, 0x01];
const X25519: [u8; 2] = [0xec, 0x01];

impl From<PublicKey> for VerificationKey {
    fn from(key: PublicKey) -> Self {
        Self::Account(key)
    }
}

impl VerificationKey {
    /// A P-256 key from a compressed or uncompressed point.
    pub fn p256(point: &[u8]) -> Result<Self, KeyError> {
        let key = p256::PublicKey::from_sec1_bytes(point).map_err(|_| KeyError::NotAKey)?;
        let point = key.to_sec1_point(true);
        Ok(Self::P256(sized(point.as_bytes())?))
    }

    /// A secp256k1 key from a compressed or uncompressed point.
    pub fn secp256k1(point: &[u8]) -> Result<Self, KeyError> {
        let key = k256::PublicKey::from_sec1_bytes(point).map_err(|_| KeyError::NotAKey)?;
        let point = key.to_sec1_point(true);
        Ok(Self::Secp256k1(sized(point.as_bytes())?))
    }

    /// An X25519 key. Points of small order, with which everybody shares the same secret, are refused.
    pub fn x25519(raw: &[u8]) -> Result<Self, KeyError> {
        let raw: [u8; 32] = sized(raw)?;
        let mut masked = raw;
        masked[31] &= 0x7f;
        if SMALL_ORDER_X25519.contains(&masked) {
            return Err(KeyError::NotAKey);
        }
        Ok(Self::X25519(raw))
    }

    /// The key, if it can be an account's.
    pub fn account_key(&self) -> Option<&PublicKey> {
        match self {
            Self::Account(key) => Some(key),
            Self::P256(_) | Self::Secp256k1(_) | Self::X25519(_) => None,
        }
    }

    /// Whether it signs, rather than agrees on keys.
    pub fn signs(&self) -> bool {
        !matches!(self, Self::X25519(_))
    }

    /// Whether one holder, and not everyone or no one, can sign for it or agree with it.
    pub fn is_sound(&self) -> bool {
        match self {
            Self::Account(key) => key.is_sound(),
            // Built from points of the curve only; both curves have a cofactor of 1.
            Self::P256(_) | Self::Secp256k1(_) | Self::X25519(_) => true,
        }
    }

    /// Whether `signature` is this key's over `message`: Ed25519 and SM2 by the one rule of [`signature`], P-256 as ES256 and
    /// secp256k1 as ES256K, both r ‖ s over SHA-256.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Account(key) => signature::verify(key, message, signature),
            Self::P256(point) => p256::ecdsa::VerifyingKey::from_sec1_bytes(point)
                .ok()
                .zip(p256::ecdsa::Signature::from_slice(signature).ok())
                .is_some_and(|(key, signature)| key.verify(message, &signature).is_ok()),
            Self::Secp256k1(point) => k256::ecdsa::VerifyingKey::from_sec1_bytes(point)
                .ok()
                .zip(k256::ecdsa::Signature::from_slice(signature).ok())
                .is_some_and(|(key, signature)| key.verify(message, &signature).is_ok()),
            Self::X25519(_) => false,
        }
    }

    /// `Ed25519`, `SM2`, `P-256`, `secp256k1` or `X25519`: the curve's name in a JSON Web Key.
    pub fn curve(&self) -> &'static str {
        match self {
            Self::Account(key) => key.algorithm().name(),
            Self::P256(_) => "P-256",
            Self::Secp256k1(_) => "secp256k1",
            Self::X25519(_) => "X25519",
        }
    }

    /// As `publicKeyMultibase`: `z` and, in *standard* Base58, a multicodec prefix and the key.
    pub fn to_multikey(&self) -> String {
        let bytes = match self {
            Self::Account(PublicKey::Ed25519(raw)) => [&ED25519[..], raw].concat(),
            // SEC 1 §2.3.3: 02 for an even y, 03 for an odd one, then x.
            Self::Account(PublicKey::Sm2(raw)) => {
                [&SM2[..], &[2 | (raw[64] & 1)], &raw[1..33]].concat()
            }
            Self::P256(point) => [&P256[..], point].concat(),
            Self::Secp256k1(point) => [&SECP256K1[..], point].concat(),
            Self::X25519(raw) => [&X25519[..], raw].concat(),
        };
        format!("z{}", base58::encode_standard(&bytes))
    }

    /// From `publicKeyMultibase`; `None` if it is no key of these kinds.
    pub fn from_multikey(text: &str) -> Option<Self> {
        let mut bytes = [0; 2 + 33];
        let length = bs58::decode(text.strip_prefix('z')?)
            .onto(&mut bytes)
            .ok()?;
        let (prefix, raw) = bytes.get(..length)?.split_at_checked(2)?;
        let compressed = raw.len() == 33;
        match <[u8; 2]>::try_from(prefix).ok()? {
            ED25519 => PublicKey::from_raw(KeyAlgorithm::Ed25519, raw)
                .ok()
                .map(Self::Account),
            SM2 if compressed => PublicKey::from_compressed_sm2(raw).map(Self::Account),
            P256 if compressed => Self::p256(raw).ok(),
            SECP256K1 if compressed => Self::secp256k1(raw).ok(),
            X25519 => Self::x25519(raw).ok(),
            _ => None,
        }
    }

    /// An Ed25519 key from the `publicKeyBase58` of older documents: its 32 bytes in *standard* Base58, without a prefix.
    pub fn ed25519_from_base58(text: &str) -> Option<Self> {
        let mut raw = [0; 32];
        let length = bs58::decode(text).onto(&mut raw).ok()?;
        let key = PublicKey::from_raw(KeyAlgorithm::Ed25519, raw.get(..length)?);
        key.ok().map(Self::Account)
    }

    /// As a JSON Web Key. SM2 has no registered curve name; `SM2` is a profile of BIF's clients.
    pub fn to_jwk(&self) -> Value {
        let okp = |raw: &[u8]| json!({ "kty": "OKP", "crv": self.curve(), "x": URL_SAFE_NO_PAD.encode(raw) });
        let ec = |point: &[u8]| {
            let (x, y) = (&point[1..33], &point[33..65]);
            json!({ "kty": "EC", "crv": self.curve(), "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y) })
        };
        match self {
            Self::Account(PublicKey::Ed25519(raw)) | Self::X25519(raw) => okp(raw),
            Self::Account(PublicKey::Sm2(point)) => ec(point),
            Self::P256(point) => {
                let key =
                    p256::PublicKey::from_sec1_bytes(point).expect("checked when it was made");
                ec(key.to_sec1_point(false).as_bytes())
            }
            Self::Secp256k1(point) => {
                let key =
                    k256::PublicKey::from_sec1_bytes(point).expect("checked when it was made");
                ec(key.to_sec1_point(false).as_bytes())
            }
        }
    }

    /// From a JSON Web Key; `None` if it is no public key of these kinds. Private members are not looked at.
    pub fn from_jwk(jwk: &Value) -> Option<Self> {
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        let bytes = |name: &str| -> Option<[u8; 32]> {
            URL_SAFE_NO_PAD.decode(text(name)?).ok()?.try_into().ok()
        };
        let point = || Some([&[4][..], &bytes("x")?, &bytes("y")?].concat());
        match (text("kty")?, text("crv")?) {
            ("OKP", "Ed25519") => Some(Self::Account(PublicKey::Ed25519(bytes("x")?))),
            ("OKP", "X25519") => Self::x25519(&bytes("x")?).ok(),
            ("EC", "P-256") => Self::p256(&point()?).ok(),
            ("EC", "secp256k1") => Self::secp256k1(&point()?).ok(),
            ("EC", "SM2") => PublicKey::from_raw(KeyAlgorithm::Sm2, &point()?)
                .ok()
                .map(Self::Account),
            _ => None,
        }
    }
}

// RFC 7748 §6.1 has both parties refuse a secret of zero. These points give one: the seven of small order at
// https://cr.yp.to/ecdh.html#validate, less what the ignored highest bit repeats.
const SMALL_ORDER_X25519: [[u8; 32]; 7] = {
    const fn near_p(lowest: u8) -> [u8; 32] {
        let mut raw = [0xff; 32];
        raw[0] = lowest;
        raw[31] = 0x7f;
        raw
    }
    let mut one = [0; 32];
    one[0] = 1;
    [
        [0; 32],
        one,
        [
            0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f,
            0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16,
            0x5f, 0x49, 0xb8, 0x00,
        ],
        [
            0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83,
            0xef, 0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd,
            0xd0, 0x9f, 0x11, 0x57,
        ],
        near_p(0xec),
        near_p(0xed),
        near_p(0xee),
    ]
};

fn sized<const N: usize>(raw: &[u8]) -> Result<[u8; N], KeyError> {
    raw.try_into().map_err(|_| KeyError::Length {
        expected: N,
        found: raw.len(),
    })
}

impl fmt::Display for VerificationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_multikey())
    }
}

impl fmt::Debug for VerificationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerificationKey({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(multikey: &str, curve: &str) {
        let key = VerificationKey::from_multikey(multikey).unwrap();
        assert_eq!(key.curve(), curve);
        assert_eq!(key.to_multikey(), multikey);
        assert_eq!(VerificationKey::from_jwk(&key.to_jwk()), Some(key));
        assert!(key.is_sound());
    }

    // The first two from published SDK keys, P-256 and secp256k1 from the did:key specification's examples, X25519 from its
    // key agreement example.
    #[test]
    fn known_keys_have_their_known_text() {
        check(
            "z6MkmRYbz4YPX9vkwDtasNUjre28WBKPfxCHxB2Bc5wvAoUh",
            "Ed25519",
        );
        check("zEPJcGv99j2vDxqyhU9xkHC2r544p76rcdvdEzwuUiJ2EqQ5P", "SM2");
        check("zDnaerx9CtbPJ1q36T5Ln5wYt3MQYeGRG5ehnPAmxcf5mDZpv", "P-256");
        check(
            "zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme",
            "secp256k1",
        );
        check("z6LSeu9HkTHSfLLeUs2nnzUSNedgDUevfNQgQjQC23ZCit6F", "X25519");
    }

    // RFC 7515 appendix A.3: ES256.
    #[test]
    fn a_published_es256_signature_holds() {
        let jwk = json!({
            "kty": "EC", "crv": "P-256",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        });
        let message = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
        let signature = URL_SAFE_NO_PAD
            .decode("DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q")
            .unwrap();
        let key = VerificationKey::from_jwk(&jwk).unwrap();
        assert!(key.verify(message.as_bytes(), &signature));
        assert!(!key.verify(&message.as_bytes()[1..], &signature));
        assert!(!key.verify(message.as_bytes(), &signature[1..]));
    }

    // The key of the first text above, as documents before Multikey have it: without the prefix.
    #[test]
    fn an_ed25519_key_is_read_without_a_prefix() {
        let key =
            VerificationKey::from_multikey("z6MkmRYbz4YPX9vkwDtasNUjre28WBKPfxCHxB2Bc5wvAoUh");
        let Some(VerificationKey::Account(PublicKey::Ed25519(raw))) = key else {
            panic!("an Ed25519 key")
        };
        let text = base58::encode_standard(&raw);
        assert_eq!(VerificationKey::ed25519_from_base58(&text), key);
        let short = base58::encode_standard(&raw[..31]);
        let long = base58::encode_standard(&[&raw[..], &[1]].concat());
        for bad in ["", "0", short.as_str(), long.as_str()] {
            assert_eq!(VerificationKey::ed25519_from_base58(bad), None, "{bad}");
        }
    }

    #[test]
    fn other_texts_are_no_keys() {
        for text in [
            "",
            "z",
            "z1",
            "6MkmRYbz4YPX9vkwDtasNUjre28WBKPfxCHxB2Bc5wvAoUh",
            "z6Mkm",
        ] {
            assert_eq!(VerificationKey::from_multikey(text), None, "{text}");
        }
    }

    #[test]
    fn a_key_that_shares_its_secret_with_everybody_is_refused() {
        for mut raw in SMALL_ORDER_X25519 {
            assert_eq!(VerificationKey::x25519(&raw), Err(KeyError::NotAKey));
            raw[31] |= 0x80;
            assert_eq!(VerificationKey::x25519(&raw), Err(KeyError::NotAKey));
        }
        assert!(VerificationKey::p256(&[2; 32]).is_err());
        assert!(VerificationKey::secp256k1(&[0; 33]).is_err());
    }
}
