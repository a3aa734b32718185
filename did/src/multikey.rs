//! W3C Multikey: a public key as multibase text.
//!
//! `z` and, in *standard* Base58, a multicodec prefix and the key: `ed01` and 32 bytes for Ed25519, `8624` (code 0x1206 as a
//! varint) and a 33-byte compressed point for SM2.

use crate::key::{KeyAlgorithm, PublicKey};

const ED25519: [u8; 2] = [0xed, 0x01];
const SM2: [u8; 2] = [0x86, 0x24];

/// A key as `publicKeyMultibase`.
pub fn encode(key: &PublicKey) -> String {
    let bytes = match key {
        PublicKey::Ed25519(raw) => [&ED25519[..], raw].concat(),
        // SEC 1 §2.3.3: 02 for an even y, 03 for an odd one, then x.
        PublicKey::Sm2(raw) => [&SM2[..], &[2 | (raw[64] & 1)], &raw[1..33]].concat(),
    };
    format!("z{}", bs58::encode(bytes).into_string())
}

/// A key from `publicKeyMultibase`; `None` if it is no key of ours.
pub fn decode(text: &str) -> Option<PublicKey> {
    let mut bytes = [0; 2 + 33];
    let length = bs58::decode(text.strip_prefix('z')?)
        .onto(&mut bytes)
        .ok()?;
    match bytes.get(..length)?.split_at_checked(2)? {
        (prefix, raw) if *prefix == ED25519 => PublicKey::from_raw(KeyAlgorithm::Ed25519, raw).ok(),
        (prefix, raw) if *prefix == SM2 && raw.len() == 33 => PublicKey::from_compressed_sm2(raw),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(envelope: &str, multikey: &str) {
        let key = PublicKey::parse(envelope).unwrap();
        assert_eq!(encode(&key), multikey);
        assert_eq!(decode(multikey), Some(key));
    }

    #[test]
    fn known_keys_have_their_known_text() {
        check(
            "b0656667915ea003f9b273f10dd82ffa8c9d80bdc5df0385232da11a472c94c11e9eb6",
            "z6MkmRYbz4YPX9vkwDtasNUjre28WBKPfxCHxB2Bc5wvAoUh",
        );
        check(
            "b07a6604135e7dec9d4997d0f5d9dbba9cff9090d4e30e532b5b5f3ca37369802400c1eab96088816f3afc84e638cfd0827ac319464fdfd6047f3437f45b553437130457",
            "zEPJcGv99j2vDxqyhU9xkHC2r544p76rcdvdEzwuUiJ2EqQ5P",
        );
    }

    #[test]
    fn other_texts_are_no_keys() {
        for text in [
            "",
            "z",
            "z1",
            "6MkmRYbz4YPX9vkwDtasNUjre28WBKPfxCHxB2Bc5wvAoUh",
            "z6Mkm",
            "zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme",
        ] {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}
