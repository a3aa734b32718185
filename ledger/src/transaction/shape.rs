//! How much an envelope asks for, counted before it is decoded.
//!
//! Two bytes on the wire can ask for a struct of hundreds in memory. So what a message repeats is counted by skipping over it, and
//! only an envelope that keeps the limits is decoded.

use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

// The numbers of `starfire.v1.Envelope.signatures`, `protocol.Transaction.operations`, `protocol.Operation.did_create_batch` and
// `starfire.v1.DidCreateBatch.create`.
const SIGNATURES_FIELD: u32 = 2;
const OPERATIONS_FIELD: u32 = 4;
const BATCH_FIELD: u32 = 104;
const CREATE_FIELD: u32 = 1;

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
