//! One signature rule for the whole program.
//!
//! Ed25519 follows ZIP-215 for single and batched checks alike (`starfire-ed25519`): the two accept the same signatures, so nodes
//! that batch differently cannot disagree. SM2 signatures are `r ‖ s` over SM3(Z ‖ message) with BIF's fixed user id.

use std::collections::BTreeMap;

use sm2::dsa::signature::Verifier;
use starfire_ed25519::{Key, Signed, which_hold};

use crate::key::{KeyAlgorithm, PublicKey, SM2_USER_ID};

/// Bytes of a signature by either algorithm.
pub const SIGNATURE_BYTES: usize = 64;

/// Whether `signature` is `key`'s over `message`.
pub fn verify(key: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
    match key {
        PublicKey::Ed25519(raw) => {
            Key::recall(raw).is_some_and(|key| key.holds(message, signature))
        }
        PublicKey::Sm2(raw) => verify_sm2(raw, message, signature),
    }
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

/// A key, a message, and what is said to be the key's signature over it.
pub type Item<'a> = (&'a PublicKey, &'a [u8], &'a [u8]);

/// As [`verify`], for groups of signatures that are good for nothing unless all hold: of each group the place of the first that does
/// not. Ed25519 signatures are checked in one batch; no SM2 signature is checked behind one of its group that does not hold.
pub fn first_wrong(groups: &[Vec<Item<'_>>]) -> Vec<Option<usize>> {
    let is_batched = |item: &&Item<'_>| item.0.algorithm() == KeyAlgorithm::Ed25519;
    let batched: Vec<Item<'_>> = groups
        .iter()
        .flatten()
        .filter(is_batched)
        .copied()
        .collect();
    let mut batched = verify_batch(&batched).into_iter();
    let mut first_of = |group: &Vec<Item<'_>>| {
        let known: Vec<Option<bool>> = group
            .iter()
            .map(|item| is_batched(&item).then(|| batched.next()).flatten())
            .collect();
        let holds = |place: usize| {
            let (key, message, signature) = group[place];
            known[place].unwrap_or_else(|| verify(key, message, signature))
        };
        (0..group.len()).find(|place| !holds(*place))
    };
    groups.iter().map(&mut first_of).collect()
}

/// As [`verify`], for many at once: one answer for each key, message and signature, in order.
pub fn verify_batch(items: &[Item<'_>]) -> Vec<bool> {
    let mut keys: BTreeMap<&[u8; 32], Option<Key>> = BTreeMap::new();
    for (key, _, _) in items {
        if let PublicKey::Ed25519(raw) = key {
            keys.entry(raw).or_insert_with(|| Key::recall(raw));
        }
    }
    let key_of = |key: &PublicKey| match key {
        PublicKey::Ed25519(raw) => keys[raw].as_ref(),
        PublicKey::Sm2(_) => None,
    };
    let signed: Vec<Signed<'_>> = items
        .iter()
        .filter_map(|(key, message, signature)| {
            Some(Signed {
                key: key_of(key)?,
                message,
                signature,
            })
        })
        .collect();
    let mut which = which_hold(&signed).into_iter();
    let answer = |(key, message, signature): &Item<'_>| match key {
        PublicKey::Ed25519(_) if key_of(key).is_some() => {
            which.next().expect("each parsed key has an answer")
        }
        PublicKey::Ed25519(_) => false,
        PublicKey::Sm2(raw) => verify_sm2(raw, message, signature),
    };
    items.iter().map(answer).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::key::PrivateKey;

    const VECTORS: &str = include_str!("../../tests/vectors/transactions.json");

    struct Signed {
        key: PublicKey,
        message: Vec<u8>,
        signature: Vec<u8>,
    }

    impl Signed {
        fn item(&self) -> Item<'_> {
            (&self.key, &self.message, &self.signature)
        }
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
        let items: Vec<_> = all.iter().map(Signed::item).collect();
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

    #[test]
    fn of_each_group_the_first_that_is_wrong_is_named() {
        let good = |seed, algorithm| signed(seed, algorithm, b"message");
        let bad = |seed, algorithm| {
            let mut one = good(seed, algorithm);
            one.signature[40] ^= 1;
            one
        };
        let (ed25519, sm2) = (KeyAlgorithm::Ed25519, KeyAlgorithm::Sm2);
        let groups = [
            vec![good(1, sm2), good(2, ed25519)],
            vec![],
            vec![good(3, ed25519), bad(4, sm2), bad(5, ed25519), bad(6, sm2)],
            vec![good(7, sm2), bad(8, ed25519), bad(9, sm2)],
            vec![bad(10, sm2)],
            vec![good(11, ed25519)],
        ];
        let items: Vec<Vec<Item<'_>>> = groups
            .iter()
            .map(|group| group.iter().map(Signed::item).collect())
            .collect();
        let expected = [None, None, Some(1), Some(1), Some(0), None];
        assert_eq!(first_wrong(&items), expected);
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
