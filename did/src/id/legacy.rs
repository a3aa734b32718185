//! Identifiers of earlier generations, for the compatibility profile: they can be read and named, and never reach state.
//!
//! BIF changed its identifiers twice, and kept the method's name. Nothing here proves who holds such an identifier: the keys behind
//! the first two are not derived as today, and those behind the third are of another chain's kind.

use std::fmt;

use super::Did;
use crate::base58;

const PREFIX: &str = "did:bid:";

/// An identifier that live SDKs no longer make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LegacyDid {
    /// 2019 and 2020: 24 hex characters, 12 bytes of a hash.
    Hex([u8; 12]),
    /// About 2021 (RFC-003): Base58 of 01 and 22 bytes, without letters for the key and the encoding.
    Untyped([u8; 22]),
    /// `sf`: the last 22 bytes of Keccak-256 of a compressed secp256k1 key, in *standard* Base58.
    Secp256k1([u8; 22]),
}

impl LegacyDid {
    /// Whose identifiers looked like this.
    pub fn generation(&self) -> &'static str {
        match self {
            Self::Hex(_) => "BIF's identifiers of 2019 and 2020, 24 hexadecimal digits",
            Self::Untyped(_) => "BIF's identifiers of about 2021, which name no kind of key",
            Self::Secp256k1(_) => "BIF's identifiers of secp256k1 keys, derived by Keccak-256",
        }
    }
}

/// The legacy identifier that this text is; `None` for what [`Did`] knows, and for what neither does.
pub fn parse_legacy(text: &str) -> Option<LegacyDid> {
    let rest = text.strip_prefix(PREFIX)?;
    if let Some(suffix) = rest.strip_prefix("sf") {
        let hash = standard_base58::<22>(suffix)?;
        return Some(LegacyDid::Secp256k1(hash));
    }
    if Did::parse(text).is_ok() {
        return None;
    }
    let parsed = match hex_bytes(rest) {
        Some(bytes) => LegacyDid::Hex(bytes),
        None => match base58::decode::<23>(rest)? {
            [1, hash @ ..] => LegacyDid::Untyped(hash),
            _ => return None,
        },
    };
    (parsed.to_string() == text).then_some(parsed)
}

fn hex_bytes(text: &str) -> Option<[u8; 12]> {
    let mut bytes = [0; 12];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    Some(bytes)
}

fn standard_base58<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let length = bs58::decode(text).onto(&mut bytes).ok()?;
    (length == N && bs58::encode(&bytes).into_string() == text).then_some(bytes)
}

impl fmt::Display for LegacyDid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hex(bytes) => write!(f, "{PREFIX}{}", hex::encode(bytes)),
            Self::Untyped(hash) => {
                let mut bytes = [1; 23];
                bytes[1..].copy_from_slice(hash);
                write!(f, "{PREFIX}{}", base58::encode(&bytes))
            }
            Self::Secp256k1(hash) => {
                write!(f, "{PREFIX}sf{}", bs58::encode(hash).into_string())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn vectors() -> Value {
        serde_json::from_str(include_str!("../../../tests/vectors/did-bid.json")).unwrap()
    }

    #[test]
    fn published_legacy_identifiers_are_read() {
        let vectors = vectors();
        let parse = |text: &Value| parse_legacy(text.as_str().unwrap()).unwrap();
        let hex = parse(&vectors["legacy_hex"]);
        assert!(matches!(hex, LegacyDid::Hex(_)));
        let untyped = parse(&vectors["legacy_untyped"]);
        // RFC-003 §5.1 has the key of its example.
        let key = hex::decode(vectors["legacy_untyped_raw_key"].as_str().unwrap()).unwrap();
        let digest: [u8; 32] = <sha2::Sha256 as sha2::Digest>::digest(key).into();
        assert!(matches!(untyped, LegacyDid::Untyped(hash) if hash == digest[10..]));
        for pair in vectors["legacy_secp256k1"].as_array().unwrap() {
            let did = parse(&pair["did"]);
            assert!(matches!(did, LegacyDid::Secp256k1(_)));
            assert_eq!(did.to_string(), pair["did"].as_str().unwrap());
        }
        for text in [&vectors["legacy_hex"], &vectors["legacy_untyped"]] {
            let text = text.as_str().unwrap();
            assert!(Did::parse(text).is_err());
            assert_eq!(parse_legacy(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_current_or_nothing_is_not_legacy() {
        for text in [
            "did:bid:efvebF7eV9qKxr3sppyHCHKqkPG5RTUn",
            "did:bid:by01",
            "did:bid:ef1111111111111111111111",
            "did:bid:6CC796B8D6E2FBEBC9B3CF9E",
            "did:bid:6cc796b8d6e2fbebc9b3cf9e:sub",
            "did:bid:6cc796b8d6e2fbebc9b3cf",
            "did:bid:",
            "did:bid:sf",
            "did:web:example.org",
        ] {
            assert_eq!(parse_legacy(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_legacy_identifier_has_one_text(hash in any::<[u8; 22]>(), short in any::<[u8; 12]>()) {
            for did in [LegacyDid::Hex(short), LegacyDid::Untyped(hash), LegacyDid::Secp256k1(hash)] {
                let text = did.to_string();
                if Did::parse(&text).is_err() || matches!(did, LegacyDid::Secp256k1(_)) {
                    prop_assert_eq!(parse_legacy(&text), Some(did));
                }
            }
        }

        #[test]
        fn what_parses_prints_the_same(text in "did:bid:(sf)?[0-9a-zA-Z]{20,34}") {
            if let Some(did) = parse_legacy(&text) {
                prop_assert_eq!(did.to_string(), text);
            }
        }
    }
}
