//! The bytes of an existence proof, written at once.
//!
//! Most proofs that are asked for are of this kind. Built out of messages, each of twenty steps would allocate twice only to be copied.
//! The bytes are those of the messages, in ICS-23's encoding: a test compares.

use ics23::HashOp;
use prost_ics23::Message;
use prost_ics23::encoding::{encode_varint, encoded_len_varint};

use super::super::hash::{self, Hash, goes_right};

/// A field whose content has a length before it: its number, shifted, and protobuf's mark of such fields.
const fn field(number: u8) -> u8 {
    (number << 3) | 2
}

/// cosmos.ics23.v1.CommitmentProof
const EXIST: u8 = field(1);
/// cosmos.ics23.v1.ExistenceProof
const KEY: u8 = field(1);
const VALUE: u8 = field(2);
const LEAF: u8 = field(3);
const PATH: u8 = field(4);
/// cosmos.ics23.v1.InnerOp: `hash` is a number, of which the mark is 0.
const HASH: u8 = 1 << 3;
const PREFIX: u8 = field(2);
const SUFFIX: u8 = field(3);

/// A step: the hash's name, and the sibling before or behind.
const STEP_BYTES: u8 = 2 + 2 + HASH_BYTES;
const HASH_BYTES: u8 = 32;

/// The encoded `CommitmentProof` that `value` stands at `key`, whose hash is `at`. `beside` are the siblings from the root down.
pub(super) fn encode(key: &[u8], value: &[u8], at: &Hash, beside: &[Hash]) -> Vec<u8> {
    let leaf = hash::leaf_op().encode_to_vec();
    let texts = [(KEY, key), (VALUE, value), (LEAF, leaf.as_slice())];
    let path = beside.len() * (2 + usize::from(STEP_BYTES));
    // Proto3 leaves out what is empty: a key and a value never are.
    let length = path
        + texts
            .iter()
            .map(|(_, text)| with_length(text.len()))
            .sum::<usize>();
    let mut bytes = Vec::with_capacity(with_length(length));
    put_head(&mut bytes, EXIST, length);
    for (name, text) in texts {
        put_head(&mut bytes, name, text.len());
        bytes.extend_from_slice(text);
    }
    for (depth, sibling) in beside.iter().enumerate().rev() {
        let side = if goes_right(at, depth) {
            PREFIX
        } else {
            SUFFIX
        };
        let blake3 = u8::try_from(i32::from(HashOp::Blake3)).expect("a small number");
        bytes.extend_from_slice(&[PATH, STEP_BYTES, HASH, blake3, side, HASH_BYTES]);
        bytes.extend_from_slice(sibling);
    }
    bytes
}

fn with_length(length: usize) -> usize {
    1 + encoded_len_varint(wide(length)) + length
}

fn put_head(bytes: &mut Vec<u8>, name: u8, length: usize) {
    bytes.push(name);
    encode_varint(wide(length), bytes);
}

fn wide(length: usize) -> u64 {
    u64::try_from(length).expect("a length fits in 64 bits")
}

#[cfg(test)]
mod tests {
    use ics23::commitment_proof::Proof;
    use ics23::{CommitmentProof, ExistenceProof};
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_bytes_are_those_of_the_messages(
            key in vec(any::<u8>(), 1..200),
            value in vec(any::<u8>(), 1..20_000),
            beside in vec(any::<[u8; 32]>(), 0..60),
            at in any::<[u8; 32]>(),
        ) {
            let steps = beside.iter().enumerate().rev();
            let proof = CommitmentProof {
                proof: Some(Proof::Exist(ExistenceProof {
                    key: key.clone(),
                    value: value.clone(),
                    leaf: Some(hash::leaf_op()),
                    path: steps
                        .map(|(depth, sibling)| super::super::step(sibling, goes_right(&at, depth)))
                        .collect(),
                })),
            };
            prop_assert_eq!(encode(&key, &value, &at, &beside), proof.encode_to_vec());
        }
    }
}
