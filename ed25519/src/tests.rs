//! Single and batched checks against each other and against `ed25519-consensus`, on good signatures and crafted ones.

use curve25519_dalek::constants::EIGHT_TORSION;
use curve25519_dalek::edwards::CompressedEdwardsY;
use curve25519_dalek::traits::IsIdentity;
use ed25519_dalek::{Signer, SigningKey};

use super::*;

struct Case {
    key: [u8; 32],
    message: Vec<u8>,
    signature: Vec<u8>,
}

/// What the reference says.
fn reference(case: &Case) -> bool {
    let key = ed25519_consensus::VerificationKey::try_from(case.key);
    let signature = ed25519_consensus::Signature::try_from(case.signature.as_slice());
    match (key, signature) {
        (Ok(key), Ok(signature)) => key.verify(&signature, &case.message).is_ok(),
        _ => false,
    }
}

/// Checks every case alone and in batches cut at every size, and answers what all of them agree on.
fn check(cases: &[Case]) -> Vec<bool> {
    let expected: Vec<bool> = cases.iter().map(reference).collect();
    let keys: Vec<Option<Key>> = cases.iter().map(|case| Key::parse(&case.key)).collect();
    for (case, key) in cases.iter().zip(&keys) {
        // Unknown, and then known.
        for recalled in [Key::recall(&case.key), Key::recall(&case.key)] {
            assert_eq!(recalled.map(|key| key.point), key.map(|key| key.point));
        }
    }
    let mut signed = Vec::new();
    let mut parsed = Vec::new();
    for ((case, key), expected) in cases.iter().zip(&keys).zip(&expected) {
        match key {
            Some(key) => {
                signed.push(Signed {
                    key,
                    message: &case.message,
                    signature: &case.signature,
                });
                parsed.push(*expected);
            }
            None => assert!(!expected, "bytes that are no point hold for nothing"),
        }
    }
    let single: Vec<bool> = signed.iter().map(Signed::holds).collect();
    assert_eq!(single, parsed);
    for size in 1..=signed.len() {
        for (part, expected) in signed.chunks(size).zip(parsed.chunks(size)) {
            assert_eq!(which_hold(part), expected);
            assert_eq!(all_hold(part), expected.iter().all(|holds| *holds));
        }
    }
    expected
}

fn good(seed: u8, message: &[u8]) -> Case {
    let key = SigningKey::from_bytes(&[seed; 32]);
    Case {
        key: key.verifying_key().to_bytes(),
        message: message.to_vec(),
        signature: key.sign(message).to_bytes().to_vec(),
    }
}

/// Every encoding of every point of small order: eight canonical ones, and six that are not.
fn small_order() -> Vec<[u8; 32]> {
    let mut encodings: Vec<[u8; 32]> = EIGHT_TORSION
        .iter()
        .map(|point| point.compress().to_bytes())
        .collect();
    let canonical = encodings.clone();
    // y from p to 2^255 - 1, and x = 0 with its sign set.
    let mut others: Vec<[u8; 32]> = (0..19)
        .map(|above| {
            let mut y = [0xff; 32];
            (y[0], y[31]) = (0xed + above, 0x7f);
            y
        })
        .collect();
    others.extend(canonical);
    for mut encoding in others.into_iter().flat_map(|y| {
        let mut negative = y;
        negative[31] ^= 0x80;
        [y, negative]
    }) {
        let small = CompressedEdwardsY(encoding)
            .decompress()
            .is_some_and(|point| point.mul_by_cofactor().is_identity());
        if small && !encodings.contains(&encoding) {
            encodings.push(std::mem::take(&mut encoding));
        }
    }
    encodings
}

#[test]
fn all_196_pairs_of_small_order_points_hold_alone_and_in_every_split() {
    let points = small_order();
    assert_eq!(points.len(), 14);
    let cases: Vec<Case> = points
        .iter()
        .flat_map(|key| points.iter().map(move |r| (key, r)))
        .map(|(key, r)| Case {
            key: *key,
            message: b"Zcash".to_vec(),
            signature: [*r, [0; 32]].concat(),
        })
        .collect();
    assert_eq!(cases.len(), 196);
    assert!(check(&cases).into_iter().all(|holds| holds));
}

#[test]
fn a_torsion_point_added_to_key_or_signature_changes_nothing_between_single_and_batch() {
    let honest = good(1, b"message");
    let mut cases = Vec::new();
    for torsion in EIGHT_TORSION {
        let point = CompressedEdwardsY(honest.signature[..32].try_into().unwrap())
            .decompress()
            .unwrap();
        let r = (point + torsion).compress().to_bytes();
        // R is hashed, so s must be made for it: a signature with the secret nonce unknown cannot be, and must fail.
        cases.push(Case {
            key: honest.key,
            message: honest.message.clone(),
            signature: [&r, &honest.signature[32..]].concat(),
        });
        let key = CompressedEdwardsY(honest.key).decompress().unwrap() + torsion;
        cases.push(Case {
            key: key.compress().to_bytes(),
            message: honest.message.clone(),
            signature: honest.signature.clone(),
        });
    }
    let holds = check(&cases);
    assert_eq!(holds.iter().filter(|holds| **holds).count(), 2);
}

#[test]
fn s_beyond_the_order_and_bytes_that_are_no_point_are_refused() {
    let mut cases = Vec::new();
    for top in [0x10, 0x1f, 0x20, 0x80, 0xff] {
        let mut case = good(1, b"message");
        case.signature[63] |= top;
        cases.push(case);
    }
    // The order itself is 0 under another name.
    let order = hex::decode("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    let mut case = good(1, b"message");
    case.signature[32..].copy_from_slice(&order.unwrap());
    cases.push(case);
    for part in 0..2 {
        let mut case = good(2, b"message");
        // 2 is no y of the curve.
        let bytes = [&[2][..], &[0; 31]].concat();
        match part {
            0 => case.key = bytes.try_into().unwrap(),
            _ => case.signature[..32].copy_from_slice(&bytes),
        }
        cases.push(case);
    }
    let mut short = good(3, b"message");
    short.signature.pop();
    cases.push(short);
    assert!(check(&cases).into_iter().all(|holds| !holds));
}

#[test]
fn one_bad_signature_does_not_spoil_the_others() {
    let cases = |bad: &[usize]| -> Vec<Case> {
        let mut cases: Vec<Case> = (0..40).map(|seed| good(seed, &[seed; 100])).collect();
        for index in bad {
            cases[*index].message[7] ^= 1;
        }
        cases
    };
    for bad in [vec![], vec![0], vec![39], vec![15, 16, 17]] {
        let expected: Vec<bool> = (0..40).map(|index| !bad.contains(&index)).collect();
        assert_eq!(check(&cases(&bad)), expected);
    }
}

#[test]
fn changed_bytes_are_judged_as_the_reference_judges_them() {
    let mut random = fastrand::Rng::with_seed(7);
    let cases: Vec<Case> = (0..120)
        .map(|_| {
            // Few keys, so that they share terms.
            let mut case = good(random.u8(0..5), &[random.u8(..); 33]);
            if random.bool() {
                let at = random.usize(0..64);
                case.signature[at] ^= 1 << random.u8(0..8);
            }
            if random.u8(0..4) == 0 {
                let at = random.usize(0..32);
                case.key[at] ^= 1 << random.u8(0..8);
            }
            case
        })
        .collect();
    let holds = check(&cases);
    assert!(holds.contains(&true) && holds.contains(&false));
}
