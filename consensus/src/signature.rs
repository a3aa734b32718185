//! Checks of Ed25519 signatures, single and in batches, under one rule: ZIP-215, by `starfire-ed25519`.

use starfire_ed25519::{Key, Signed, all_hold};

/// One signature to check: key, message, signature bytes. A validator may have come in with a key that is no point of the curve;
/// nothing holds for it.
pub(crate) type Item<'a> = (Option<&'a Key>, &'a [u8], &'a [u8]);

/// Whether `signature` is `key`'s over `message`.
pub(crate) fn valid(key: Option<&Key>, message: &[u8], signature: &[u8]) -> bool {
    key.is_some_and(|key| key.holds(message, signature))
}

/// Whether every signature is valid.
pub(crate) fn all_valid(items: &[Item<'_>]) -> bool {
    let signed: Option<Vec<Signed<'_>>> = items
        .iter()
        .map(|(key, message, signature)| {
            Some(Signed {
                key: (*key)?,
                message,
                signature,
            })
        })
        .collect();
    signed.is_some_and(|signed| all_hold(&signed))
}

#[cfg(test)]
mod tests {
    use ed25519_consensus::SigningKey;

    use super::*;

    #[test]
    fn one_bad_signature_spoils_the_batch() {
        let keys: Vec<_> = (1..=4).map(|seed| SigningKey::from([seed; 32])).collect();
        let good: Vec<_> = keys
            .iter()
            .map(|key| {
                let parsed = Key::parse(&key.verification_key().to_bytes());
                (parsed, key.sign(b"message").to_bytes())
            })
            .collect();
        let items: Vec<Item<'_>> = good
            .iter()
            .map(|(key, signature)| (key.as_ref(), &b"message"[..], &signature[..]))
            .collect();
        assert!(all_valid(&items));
        for bad in 0..items.len() {
            let mut items = items.clone();
            items[bad].1 = b"another message";
            assert!(!all_valid(&items));
            assert!(!valid(items[bad].0, items[bad].1, items[bad].2));
        }
        assert!(!valid(items[0].0, b"message", b"short"));
        let no_point = [(None, &b"message"[..], &good[0].1[..]), items[0]];
        assert!(!all_valid(&no_point) && !valid(None, b"message", &good[0].1));
    }
}
