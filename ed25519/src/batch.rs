//! Many signatures at once, for less than half of what they cost one by one.
//!
//! One equation stands for all: with a coefficient z for each signature that its author cannot foresee,
//! `[8]([-Σ z s]B + Σ [z]R + Σ [z k]A) = 0` holds for a batch with a bad signature once in 2^128. The coefficients are drawn from a
//! hash of everything that is checked: whoever wants to cheat them must fix the signatures first, and then they change. So a check
//! is a function of its input and needs no source of randomness.

use std::collections::BTreeMap;
use std::iter::once;

use curve25519_dalek::constants::ED25519_BASEPOINT_POINT;
use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::{IsIdentity, VartimeMultiscalarMul};

use crate::{KEY_BYTES, Key, Signature, Signed, digest};

/// Below this many, an equation for all costs as much as one for each.
const WORTH_IT: usize = 2;
/// When a batch is bad, so many are checked together to find where. One bad signature then costs little, and a batch of nothing
/// but bad ones not much more than checking each.
const PART: usize = 16;

/// Whether every signature holds. Of none they all do.
pub fn all_hold(all: &[Signed<'_>]) -> bool {
    if all.len() < WORTH_IT {
        return all.iter().all(Signed::holds);
    }
    let mut transcript = blake3::Hasher::new_derive_key("starfire 2026 ed25519 batch");
    let mut signatures = Vec::with_capacity(all.len());
    for one in all {
        let Some(signature) = Signature::parse(one.signature) else {
            return false;
        };
        let hash = digest(one.key, one.message, &signature);
        transcript.update(&hash);
        transcript.update(signature.s.as_bytes());
        signatures.push((one.key, signature, hash));
    }
    let mut coefficients = transcript.finalize_xof();

    let mut base = Scalar::ZERO;
    let mut rs = Vec::with_capacity(all.len());
    // Signatures by one key share a term.
    let mut keys: BTreeMap<&[u8; KEY_BYTES], (Scalar, &Key)> = BTreeMap::new();
    for (key, signature, hash) in &signatures {
        let mut z = [0; 16];
        coefficients.fill(&mut z);
        let z = Scalar::from(u128::from_le_bytes(z));
        let k = Scalar::from_bytes_mod_order_wide(hash);
        base -= z * signature.s;
        rs.push((z, signature));
        let term = keys.entry(key.as_bytes()).or_insert((Scalar::ZERO, key));
        term.0 += z * k;
    }
    let scalars = once(base)
        .chain(rs.iter().map(|(z, _)| *z))
        .chain(keys.values().map(|(term, _)| *term));
    let points = once(Some(ED25519_BASEPOINT_POINT))
        .chain(rs.iter().map(|(_, signature)| signature.r()))
        .chain(keys.values().map(|(_, key)| Some(key.point)));
    EdwardsPoint::optional_multiscalar_mul(scalars, points)
        .is_some_and(|sum| sum.mul_by_cofactor().is_identity())
}

/// Of each signature, whether it holds: what [`Signed::holds`] says of it, for less.
pub fn which_hold(all: &[Signed<'_>]) -> Vec<bool> {
    if all_hold(all) {
        return vec![true; all.len()];
    }
    let mut which = Vec::with_capacity(all.len());
    for part in all.chunks(PART) {
        if part.len() < all.len() && all_hold(part) {
            which.resize(which.len() + part.len(), true);
        } else {
            which.extend(part.iter().map(Signed::holds));
        }
    }
    which
}
