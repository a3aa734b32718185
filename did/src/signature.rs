//! One signature rule for the whole program.
//!
//! Ed25519 follows ZIP-215 for single and batched checks alike: the two accept the same signatures, so nodes that batch
//! differently cannot disagree. SM2 signatures are `r ‖ s` over SM3(Z ‖ message) with BIF's fixed user id.

use ed25519_consensus::batch;
use rand_core::{CryptoRng, RngCore};
use sha2::{Digest, Sha512};
use sm2::dsa::signature::Verifier;

use crate::key::{PublicKey, SM2_USER_ID};

/// Bytes of a signature by either algorithm.
pub const SIGNATURE_BYTES: usize = 64;

/// Whether `signature` is `key`'s over `message`.
pub fn verify(key: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
    match key {
        PublicKey::Ed25519(raw) => verify_ed25519(raw, message, signature),
        PublicKey::Sm2(raw) => verify_sm2(raw, message, signature),
    }
}

fn verify_ed25519(key: &[u8; 32], message: &[u8], signature: &[u8]) -> bool {
    let Ok(key) = ed25519_consensus::VerificationKey::try_from(*key) else {
        return false;
    };
    let Ok(signature) = ed25519_consensus::Signature::try_from(signature) else {
        return false;
    };
    key.verify(&signature, message).is_ok()
}

fn verify_sm2(key: &[u8; 65], message: &[u8], signature: &[u8]) -> bool {
    let Ok(key) = sm2::dsa::VerifyingKey::from_sec1_bytes(SM2_USER_ID, key) else {
        return false;
    };
    // Refuses r and s outside [1, n-1].
    let Ok(signature) = sm2::dsa::Signature::from_slice(signature) else {
        return false;
    };
    key.verify(message, &signature).is_ok()
}

/// As [`verify`], for many at once: one answer for each key, message and signature, in order.
pub fn verify_batch(items: &[(&PublicKey, &[u8], &[u8])]) -> Vec<bool> {
    let all_ed25519_hold = batch_holds(items);
    let one = |(key, message, signature): &(&PublicKey, &[u8], &[u8])| match key {
        PublicKey::Ed25519(_) if all_ed25519_hold => signature.len() == SIGNATURE_BYTES,
        PublicKey::Ed25519(_) | PublicKey::Sm2(_) => verify(key, message, signature),
    };
    items.iter().map(one).collect()
}

/// Whether all Ed25519 signatures of the right length hold, and are enough to be worth a batch.
fn batch_holds(items: &[(&PublicKey, &[u8], &[u8])]) -> bool {
    let mut verifier = batch::Verifier::new();
    let mut transcript = Sha512::new();
    let mut count = 0;
    for (key, message, signature) in items {
        let PublicKey::Ed25519(raw) = key else {
            continue;
        };
        let Ok(signature) = <[u8; SIGNATURE_BYTES]>::try_from(*signature) else {
            continue;
        };
        transcript.update(raw);
        transcript.update(signature);
        transcript.update(Sha512::digest(message));
        verifier.queue(((*raw).into(), signature.into(), *message));
        count += 1;
    }
    count > 1
        && verifier
            .verify(Coefficients {
                seed: transcript.finalize().into(),
                counter: 0,
            })
            .is_ok()
}

/// The batch's random coefficients, drawn from a hash of everything that is checked: whoever wants to cheat them must fix the
/// signatures first, and then the coefficients change. So a batch needs no source of randomness.
struct Coefficients {
    seed: [u8; 64],
    counter: u64,
}

impl CryptoRng for Coefficients {}

impl RngCore for Coefficients {
    fn next_u32(&mut self) -> u32 {
        rand_core::impls::next_u32_via_fill(self)
    }

    fn next_u64(&mut self) -> u64 {
        rand_core::impls::next_u64_via_fill(self)
    }

    fn fill_bytes(&mut self, destination: &mut [u8]) {
        for chunk in destination.chunks_mut(64) {
            let block = Sha512::new()
                .chain_update(self.seed)
                .chain_update(self.counter.to_le_bytes())
                .finalize();
            self.counter += 1;
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
    }

    fn try_fill_bytes(&mut self, destination: &mut [u8]) -> Result<(), rand_core::Error> {
        self.fill_bytes(destination);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::key::{KeyAlgorithm, PrivateKey};

    const VECTORS: &str = include_str!("../../tests/vectors/transactions.json");

    struct Signed {
        key: PublicKey,
        message: Vec<u8>,
        signature: Vec<u8>,
    }

    fn signed(seed: u8, algorithm: KeyAlgorithm, message: &[u8]) -> Signed {
        let key = PrivateKey::generate([seed; 32], algorithm);
        Signed {
            key: key.public(),
            message: message.to_vec(),
            signature: key.sign(message),
        }
    }

    /// Single and batched checks of the same signatures must agree; this is what they answer.
    fn check(all: &[Signed]) -> Vec<bool> {
        let items: Vec<_> = all
            .iter()
            .map(|one| (&one.key, one.message.as_slice(), one.signature.as_slice()))
            .collect();
        let single: Vec<bool> = items
            .iter()
            .map(|(key, message, signature)| verify(key, message, signature))
            .collect();
        assert_eq!(verify_batch(&items), single);
        single
    }

    #[test]
    fn published_transactions_verify() {
        let keys: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/vectors/keys.json")).unwrap();
        let public_key = |did: &serde_json::Value| {
            let key = keys["keys"]
                .as_array()
                .unwrap()
                .iter()
                .find(|key| key["did"] == *did)
                .unwrap();
            PublicKey::parse(key["public_key"].as_str().unwrap()).unwrap()
        };
        let vectors: serde_json::Value = serde_json::from_str(VECTORS).unwrap();
        let all: Vec<Signed> = vectors["transactions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|transaction| Signed {
                key: public_key(&transaction["signer"]),
                message: hex::decode(transaction["blob"].as_str().unwrap()).unwrap(),
                signature: hex::decode(transaction["signature"].as_str().unwrap()).unwrap(),
            })
            .collect();
        assert!(
            all.iter()
                .any(|one| one.key.algorithm() == KeyAlgorithm::Sm2)
        );
        assert!(check(&all).into_iter().all(|holds| holds));
    }

    #[test]
    fn one_bad_signature_does_not_spoil_the_others() {
        let mut all: Vec<Signed> = (1..6)
            .map(|seed| signed(seed, KeyAlgorithm::Ed25519, b"message"))
            .collect();
        all.push(signed(6, KeyAlgorithm::Sm2, b"message"));
        all[2].signature[40] ^= 1;
        assert_eq!(check(&all), [true, true, false, true, true, true]);
        all[2].signature.truncate(63);
        assert_eq!(check(&all), [true, true, false, true, true, true]);
    }

    // ZIP-215: points of small order are allowed, and the check is multiplied by the cofactor. This signature (R and A of small
    // order, s = 0) holds over any message; `ed25519-dalek`'s strict check refuses it.
    #[test]
    fn single_and_batched_checks_agree_on_points_of_small_order() {
        let mut order_eight = [0; 32];
        hex::decode_to_slice(
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
            &mut order_eight,
        )
        .unwrap();
        let mut identity_twice_encoded = [0xff; 32];
        identity_twice_encoded[0] = 0xee;
        identity_twice_encoded[31] = 0x7f;
        let all: Vec<Signed> = [order_eight, identity_twice_encoded, [0; 32]]
            .into_iter()
            .map(|point| Signed {
                key: PublicKey::Ed25519(point),
                message: b"any".to_vec(),
                signature: [point, [0; 32]].concat(),
            })
            .collect();
        assert_eq!(check(&all), [true, true, true]);
        assert!(
            all.iter().all(|one| !one.key.is_sound()),
            "but no document may hold such a key"
        );
    }

    #[test]
    fn bytes_that_are_no_point_hold_for_nothing() {
        let mut bad = signed(1, KeyAlgorithm::Ed25519, b"message");
        bad.key = PublicKey::Ed25519([2; 32]);
        let good = signed(2, KeyAlgorithm::Ed25519, b"message");
        let mut off_curve = signed(3, KeyAlgorithm::Sm2, b"message");
        let PublicKey::Sm2(mut raw) = off_curve.key else {
            panic!("an SM2 key")
        };
        raw[64] ^= 1;
        off_curve.key = PublicKey::Sm2(raw);
        assert_eq!(check(&[bad, good, off_curve]), [false, true, false]);
    }

    // GB/T 32918.2 §7.1, B1 and B2: r and s are in [1, n-1].
    #[test]
    fn sm2_numbers_out_of_range_are_refused() {
        let order = hex::decode("fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123")
            .unwrap();
        for number in [vec![0; 32], order, vec![0xff; 32]] {
            for half in [0..32, 32..64] {
                let mut one = signed(1, KeyAlgorithm::Sm2, b"message");
                one.signature[half].copy_from_slice(&number);
                assert_eq!(check(&[one]), [false]);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn a_signature_is_of_one_key_over_one_message(
            seed in any::<[u8; 32]>(),
            sm2 in any::<bool>(),
            message in proptest::collection::vec(any::<u8>(), 1..64),
            flip in any::<proptest::sample::Index>(),
        ) {
            let algorithm = if sm2 { KeyAlgorithm::Sm2 } else { KeyAlgorithm::Ed25519 };
            let key = PrivateKey::generate(seed, algorithm);
            let signature = key.sign(&message);
            prop_assert!(verify(&key.public(), &message, &signature));
            prop_assert_eq!(&key.sign(&message), &signature);
            let mut other = message.clone();
            other[flip.index(message.len())] ^= 1;
            prop_assert!(!verify(&key.public(), &other, &signature));
            let mut forged = signature;
            forged[flip.index(64)] ^= 1;
            prop_assert!(!verify(&key.public(), &message, &forged));
        }
    }
}
