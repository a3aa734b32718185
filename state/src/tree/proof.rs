//! Believing a proof: an ICS-23 commitment proof against a root.
//!
//! A stock ICS-23 verifier with [`proof_spec`] accepts every proof made here. We ask for more than the spec says, since a root may
//! come from a sub-chain whose validators lie:
//! - the bytes are the canonical encoding, and of one existence or one non-existence, so that no other bytes say the same;
//! - the proof is for the key that was asked, also when it proves absence, where ICS-23 does not look;
//! - leaf and inner nodes are hashed exactly as this tree hashes them, and each step goes where the key's hash says.
//!
//! Then no root at all, honest or not, lets one key be proved both present and absent, or present with two values: the bits of
//! its hash name one path, and along it either there is its leaf, or what stands in its place.

use ics23::commitment_proof::Proof;
use ics23::{
    CommitmentProof, ExistenceProof, HostFunctionsManager, InnerOp, NonExistenceProof, ProofSpec,
};
use prost_ics23::Message;

use super::hash::{EMPTY_ROOT, STEPS_MAX, goes_right, of_key, proof_spec};
use crate::view::{KEY_BYTES_MAX, VALUE_BYTES_MAX};

/// The longest proof that is looked at, bytes: two neighbours with the longest values, and their paths.
pub const PROOF_BYTES_MAX: usize = 2 * VALUE_BYTES_MAX + (64 << 10);

/// Why a proof is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The key cannot stand in state.
    #[error("the key is no state path")]
    Key,
    /// Longer than [`PROOF_BYTES_MAX`].
    #[error("the proof is too long")]
    TooLong,
    /// The bytes are not the canonical encoding of a commitment proof.
    #[error("the proof is not an encoded ICS-23 commitment proof")]
    Encoding,
    /// Existence where absence is claimed, absence where a value is, or another kind of proof.
    #[error("the proof does not prove what is claimed")]
    Kind,
    /// It proves something about another key.
    #[error("the proof is for another key")]
    OtherKey,
    /// It proves another value.
    #[error("the proof is for another value")]
    OtherValue,
    /// A node is not hashed as this tree hashes nodes, or stands where its key does not lead.
    #[error("the proof is not of this tree's shape")]
    Shape,
    /// It leads to another root, or the neighbours that it shows are none.
    #[error("the proof does not lead to the root")]
    Root,
}

/// Checks that `value` stands at `key`, or that nothing does, in the tree with this root.
pub fn verify(
    root: &[u8; 32],
    key: &[u8],
    value: Option<&[u8]>,
    proof: &[u8],
) -> Result<(), ProofError> {
    if key.is_empty() || key.len() > KEY_BYTES_MAX {
        return Err(ProofError::Key);
    }
    if proof.len() > PROOF_BYTES_MAX {
        return Err(ProofError::TooLong);
    }
    let decoded = CommitmentProof::decode(proof).map_err(|_| ProofError::Encoding)?;
    if decoded.encode_to_vec() != proof {
        return Err(ProofError::Encoding);
    }
    let spec = proof_spec();
    match (&decoded.proof, value) {
        (Some(Proof::Exist(existence)), Some(value)) => {
            check_existence(existence, key, value, &spec)?;
            believe(ics23::verify_membership::<HostFunctionsManager>(
                &decoded,
                &spec,
                &root.to_vec(),
                key,
                value,
            ))
        }
        (Some(Proof::Nonexist(absence)), None) if decoded == of_absence_in_nothing(key) => {
            check_absence(absence, key, &spec)?;
            believe(*root == EMPTY_ROOT)
        }
        (Some(Proof::Nonexist(absence)), None) => {
            check_absence(absence, key, &spec)?;
            believe(ics23::verify_non_membership::<HostFunctionsManager>(
                &decoded,
                &spec,
                &root.to_vec(),
                key,
            ))
        }
        (
            Some(Proof::Exist(_) | Proof::Nonexist(_) | Proof::Batch(_) | Proof::Compressed(_))
            | None,
            _,
        ) => Err(ProofError::Kind),
    }
}

/// In a tree that holds nothing there is no neighbour to show, and ICS-23 has no words for it: the bare key must do. It is
/// believed against [`EMPTY_ROOT`] alone, which is no node's hash. Stock verifiers refuse it; a chain's genesis is never empty.
fn of_absence_in_nothing(key: &[u8]) -> CommitmentProof {
    CommitmentProof {
        proof: Some(Proof::Nonexist(NonExistenceProof {
            key: key.to_vec(),
            left: None,
            right: None,
        })),
    }
}

fn believe(verified: bool) -> Result<(), ProofError> {
    if verified {
        Ok(())
    } else {
        Err(ProofError::Root)
    }
}

fn check_absence(
    absence: &NonExistenceProof,
    key: &[u8],
    spec: &ProofSpec,
) -> Result<(), ProofError> {
    if absence.key != key {
        return Err(ProofError::OtherKey);
    }
    for neighbour in absence.left.iter().chain(&absence.right) {
        check_existence(neighbour, &neighbour.key, &neighbour.value, spec)?;
    }
    Ok(())
}

fn check_existence(
    existence: &ExistenceProof,
    key: &[u8],
    value: &[u8],
    spec: &ProofSpec,
) -> Result<(), ProofError> {
    if existence.key != key {
        return Err(ProofError::OtherKey);
    }
    if existence.value != value {
        return Err(ProofError::OtherValue);
    }
    let steps = existence.path.len();
    if existence.leaf.as_ref() != spec.leaf_spec.as_ref() || steps > STEPS_MAX {
        return Err(ProofError::Shape);
    }
    // The path is listed from the leaf up; the first bit of the hash decides the step below the root.
    let hash = of_key(key);
    let turns = (0..steps).rev().map(|depth| goes_right(&hash, depth));
    if !existence
        .path
        .iter()
        .zip(turns)
        .all(|(step, right)| is_step(step, right))
    {
        return Err(ProofError::Shape);
    }
    Ok(())
}

/// Is this an inner node of the tree, with the path going through its right child, or its left?
fn is_step(step: &InnerOp, right: bool) -> bool {
    let (before, after) = if right { (32, 0) } else { (0, 32) };
    step.hash == i32::from(ics23::HashOp::Blake3)
        && step.prefix.len() == before
        && step.suffix.len() == after
}
#[cfg(test)]
mod tests;
