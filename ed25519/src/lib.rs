//! Checks of Ed25519 signatures by one rule, ZIP-215: transactions', votes' and documents'.
//!
//! The rule: a key A and the signature's R may be any encoding of any point, s is below the group's order, and
//! `[8][s]B = [8]R + [8][k]A` with k = SHA-512(R ‖ A ‖ message). The factor 8 is what makes a batch and a single check agree on
//! every input, crafted ones included: without it a torsion point could cancel in one batch and not in another, and honest nodes
//! would disagree on a block. `tendermint`'s verifier follows the same rule.
//!
//! `curve25519-dalek` picks the widest vector instructions that the machine has. Every path computes the same function.

mod batch;
mod known;

use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::IsIdentity;
use sha2::{Digest, Sha512};

pub use batch::{all_hold, which_hold};

/// Bytes of a key.
pub const KEY_BYTES: usize = 32;
/// Bytes of a signature.
pub const SIGNATURE_BYTES: usize = 64;

/// A public key, its point taken from its encoding once for all signatures by it.
#[derive(Clone, Copy)]
pub struct Key {
    bytes: [u8; KEY_BYTES],
    point: EdwardsPoint,
}

impl Key {
    /// The key with this encoding, if it encodes a point at all.
    pub fn parse(bytes: &[u8; KEY_BYTES]) -> Option<Self> {
        let point = CompressedEdwardsY(*bytes).decompress()?;
        Some(Self {
            bytes: *bytes,
            point,
        })
    }

    /// As [`Key::parse`], with the points of keys that were seen lately at hand: for those who sign often.
    pub fn recall(bytes: &[u8; KEY_BYTES]) -> Option<Self> {
        let point = known::point(bytes)?;
        Some(Self {
            bytes: *bytes,
            point,
        })
    }

    /// Its encoding.
    pub fn as_bytes(&self) -> &[u8; KEY_BYTES] {
        &self.bytes
    }

    /// Whether `signature` is this key's over `message`.
    pub fn holds(&self, message: &[u8], signature: &[u8]) -> bool {
        let Some(signature) = Signature::parse(signature) else {
            return false;
        };
        let Some(r) = signature.r() else { return false };
        let k = Scalar::from_bytes_mod_order_wide(&digest(self, message, &signature));
        let expected =
            EdwardsPoint::vartime_double_scalar_mul_basepoint(&k, &-self.point, &signature.s);
        (r - expected).mul_by_cofactor().is_identity()
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Key {}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(")?;
        for byte in self.bytes {
            write!(f, "{byte:02x}")?;
        }
        f.write_str(")")
    }
}

/// A message, and what is said to be a key's signature over it.
#[derive(Debug, Clone, Copy)]
pub struct Signed<'a> {
    /// Who is said to have signed.
    pub key: &'a Key,
    /// What.
    pub message: &'a [u8],
    /// Any bytes.
    pub signature: &'a [u8],
}

impl Signed<'_> {
    /// Whether it is true.
    pub fn holds(&self) -> bool {
        self.key.holds(self.message, self.signature)
    }
}

/// A signature in its form: 64 bytes, the second half a number below the group's order.
struct Signature {
    r: [u8; 32],
    s: Scalar,
}

impl Signature {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let bytes = <&[u8; SIGNATURE_BYTES]>::try_from(bytes).ok()?;
        let (r, s) = bytes.split_first_chunk::<32>()?;
        let s = Scalar::from_canonical_bytes(s.try_into().ok()?).into_option()?;
        Some(Self { r: *r, s })
    }

    fn r(&self) -> Option<EdwardsPoint> {
        CompressedEdwardsY(self.r).decompress()
    }
}

/// SHA-512(R ‖ A ‖ message).
fn digest(key: &Key, message: &[u8], signature: &Signature) -> [u8; 64] {
    Sha512::new()
        .chain_update(signature.r)
        .chain_update(key.bytes)
        .chain_update(message)
        .finalize()
        .into()
}

#[cfg(test)]
mod tests;
