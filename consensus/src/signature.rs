//! Checks of Ed25519 signatures, single and in batches, under one rule: ZIP-215.
//!
//! Single and batch checks of `ed25519-consensus` agree on every input, crafted ones included, and agree with the stock
//! Tendermint verifier. A batch needs randomisers that its author cannot foresee; they are drawn from a hash of the whole
//! batch, so that a check is a function of its input and of nothing else.

use ed25519_consensus::{Signature, VerificationKey, VerificationKeyBytes, batch};
use rand_core::{CryptoRng, Error, RngCore};

/// One signature to check: key, message, signature bytes.
pub(crate) type Item<'a> = (VerificationKeyBytes, &'a [u8], &'a [u8]);

/// Whether `signature` is `key`'s over `message`.
pub(crate) fn valid(key: &VerificationKeyBytes, message: &[u8], signature: &[u8]) -> bool {
    let Ok(signature) = Signature::try_from(signature) else {
        return false;
    };
    let Ok(key) = VerificationKey::try_from(*key) else {
        return false;
    };
    key.verify(&signature, message).is_ok()
}

/// Whether every signature is valid.
pub(crate) fn all_valid(items: &[Item<'_>]) -> bool {
    let mut verifier = batch::Verifier::new();
    let mut seed = blake3::Hasher::new_derive_key("starfire consensus batch randomisers 1");
    for (key, message, signature) in items {
        let Ok(parsed) = Signature::try_from(*signature) else {
            return false;
        };
        seed.update(key.as_bytes());
        seed.update(signature);
        seed.update(blake3::hash(message).as_bytes());
        verifier.queue((*key, parsed, *message));
    }
    verifier.verify(Randomisers(seed.finalize_xof())).is_ok()
}

/// The stream of randomisers of one batch.
struct Randomisers(blake3::OutputReader);

impl RngCore for Randomisers {
    fn next_u32(&mut self) -> u32 {
        let mut bytes = [0; 4];
        self.fill_bytes(&mut bytes);
        u32::from_le_bytes(bytes)
    }

    fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.fill_bytes(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.0.fill(bytes);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

impl CryptoRng for Randomisers {}

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
                (
                    key.verification_key().into(),
                    key.sign(b"message").to_bytes(),
                )
            })
            .collect();
        let items: Vec<Item<'_>> = good
            .iter()
            .map(|(key, signature)| (*key, &b"message"[..], &signature[..]))
            .collect();
        assert!(all_valid(&items));
        for bad in 0..items.len() {
            let mut items = items.clone();
            items[bad].1 = b"another message";
            assert!(!all_valid(&items));
            assert!(!valid(&items[bad].0, items[bad].1, items[bad].2));
        }
        assert!(!valid(&items[0].0, b"message", b"short"));
    }
}
