//! How much an envelope asks for, counted before it is decoded.
//!
//! Two bytes on the wire can ask for a struct of hundreds in memory. So what a message repeats is counted by skipping over it, and
//! only an envelope that keeps the limits is decoded.

use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};
use starfire_did::KeyAlgorithm;

use crate::signature_work::Asked;

// The numbers of `starfire.v1.Envelope.transaction` and `signatures`, `protocol.Signature.public_key`,
// `protocol.Transaction.operations`, `protocol.Operation.did_create` and `did_create_batch`, `starfire.v1.DidCreateBatch.create`,
// `starfire.v1.DidCreate.document` and `consent`, and `starfire.v1.DidDocument.id`.
const TRANSACTION_FIELD: u32 = 1;
const SIGNATURES_FIELD: u32 = 2;
const PUBLIC_KEY_FIELD: u32 = 1;
const OPERATIONS_FIELD: u32 = 4;
const SINGLE_FIELD: u32 = 100;
const BATCH_FIELD: u32 = 104;
const CREATE_FIELD: u32 = 1;
const DOCUMENT_FIELD: u32 = 1;
const CONSENT_FIELD: u32 = 2;
const ID_FIELD: u32 = 1;

/// How the text of an SM2 key begins, and what begins the last part of a DID that derives from one.
const SM2_KEY: &[u8] = b"b07a66";
const SM2_DID: &[u8] = b"zf";

/// Counts of what a transaction repeats.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) operations: usize,
    /// Operations, or parts of them, that are batches of creations.
    pub(super) batches: usize,
    /// Creations in all of those together.
    pub(super) creations: usize,
}

impl Shape {
    /// `None`: it is not an encoded message.
    pub(super) fn of(blob: &[u8]) -> Option<Self> {
        let mut shape = Self::default();
        each(blob, OPERATIONS_FIELD, |operation| {
            shape.operations += 1;
            each(operation, BATCH_FIELD, |batch| {
                shape.batches += 1;
                each(batch, CREATE_FIELD, |_| {
                    shape.creations += 1;
                    Some(())
                })
            })
        })?;
        Some(shape)
    }
}

/// How many signatures an envelope has; `None`: it is not an encoded message.
pub(super) fn signatures(envelope: &[u8]) -> Option<usize> {
    let mut count = 0;
    each(envelope, SIGNATURES_FIELD, |_| {
        count += 1;
        Some(())
    })?;
    Some(count)
}

/// What is to be checked of an envelope's signatures and consents; `None`: it is not an encoded message.
pub(crate) fn asked(envelope: &[u8]) -> Option<Asked> {
    let mut asked = Asked::default();
    each(envelope, SIGNATURES_FIELD, |signature| {
        let mut algorithm = KeyAlgorithm::Ed25519;
        each(signature, PUBLIC_KEY_FIELD, |key| {
            let start = key.get(..SM2_KEY.len());
            algorithm = which(start.is_some_and(|start| start.eq_ignore_ascii_case(SM2_KEY)));
            Some(())
        })?;
        asked.signatures.add(algorithm);
        Some(())
    })?;
    each(envelope, TRANSACTION_FIELD, |blob| {
        asked.blob_bytes = blob.len();
        each(blob, OPERATIONS_FIELD, |operation| {
            let mut add = |create: &[u8]| {
                if let Some(algorithm) = consent(create)? {
                    asked.consents.add(algorithm);
                }
                Some(())
            };
            each(operation, SINGLE_FIELD, &mut add)?;
            each(operation, BATCH_FIELD, |batch| {
                each(batch, CREATE_FIELD, &mut add)
            })
        })
    })?;
    Some(asked)
}

/// By which algorithm a creation's consent is, if it has one.
fn consent(create: &[u8]) -> Option<Option<KeyAlgorithm>> {
    let (mut consents, mut algorithm) = (false, KeyAlgorithm::Ed25519);
    each(create, CONSENT_FIELD, |consent| {
        consents = !consent.is_empty();
        Some(())
    })?;
    each(create, DOCUMENT_FIELD, |document| {
        each(document, ID_FIELD, |id| {
            let last = id.rsplit(|byte| *byte == b':').next();
            algorithm = which(last.is_some_and(|last| last.starts_with(SM2_DID)));
            Some(())
        })
    })?;
    Some(consents.then_some(algorithm))
}

fn which(is_sm2: bool) -> KeyAlgorithm {
    if is_sm2 {
        KeyAlgorithm::Sm2
    } else {
        KeyAlgorithm::Ed25519
    }
}

/// Shows every occurrence of one field that has a length.
fn each(message: &[u8], field: u32, mut show: impl FnMut(&[u8]) -> Option<()>) -> Option<()> {
    let mut rest = message;
    while !rest.is_empty() {
        let (number, wire) = decode_key(&mut rest).ok()?;
        if number != field || wire != WireType::LengthDelimited {
            skip_field(wire, number, &mut rest, DecodeContext::default()).ok()?;
            continue;
        }
        let length = usize::try_from(decode_varint(&mut rest).ok()?).ok()?;
        let (content, after) = rest.split_at_checked(length)?;
        show(content)?;
        rest = after;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use prost::Message;
    use starfire_proto::protocol::operation::Native;
    use starfire_proto::{protocol, v1};

    use super::*;

    fn batch(creations: usize) -> protocol::Operation {
        let batch = v1::DidCreateBatch {
            create: vec![v1::DidCreate::default(); creations],
        };
        protocol::Operation {
            native: Some(Native::DidCreateBatch(batch)),
            ..Default::default()
        }
    }

    #[test]
    fn what_is_repeated_is_counted() {
        let body = protocol::Transaction {
            source_address: "somebody".into(),
            nonce: 7,
            operations: vec![protocol::Operation::default(), batch(3), batch(0)],
            ..Default::default()
        };
        let expected = Shape {
            operations: 3,
            batches: 2,
            creations: 3,
        };
        assert_eq!(Shape::of(&body.encode_to_vec()).unwrap(), expected);
        let envelope = v1::Envelope {
            transaction: body.encode_to_vec(),
            signatures: vec![protocol::Signature::default(); 5],
        };
        assert_eq!(signatures(&envelope.encode_to_vec()).unwrap(), 5);
    }

    #[test]
    fn a_batch_in_two_parts_is_counted_as_one() {
        // The parts of one field are merged when they are decoded.
        let operation = [batch(2).encode_to_vec(), batch(3).encode_to_vec()].concat();
        let decoded = protocol::Operation::decode(operation.as_slice()).unwrap();
        assert_eq!(decoded, batch(5));
        let length = u8::try_from(operation.len()).unwrap();
        let blob = [&[4 << 3 | 2, length], operation.as_slice()].concat();
        assert_eq!(Shape::of(&blob).unwrap().creations, 5);
    }

    #[test]
    fn what_ends_early_or_makes_no_sense_is_no_message() {
        let body = protocol::Transaction {
            operations: vec![batch(1)],
            ..Default::default()
        };
        let bytes = body.encode_to_vec();
        assert!(Shape::of(&bytes[..bytes.len() - 1]).is_none());
        assert!(
            Shape::of(&[
                4 << 3 | 2,
                0xff,
                0xff,
                0xff,
                0xff,
                0xff,
                0xff,
                0xff,
                0xff,
                0xff,
                1
            ])
            .is_none()
        );
        assert!(Shape::of(&[0]).is_none());
    }
}
