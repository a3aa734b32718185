//! How many creations one transaction takes.

use prost::Message;
use starfire_did::Did;
use starfire_did::create_batch::CREATIONS_MAX;
use starfire_ledger::transaction::{BATCH_ENVELOPE_BYTES_MAX, ENVELOPE_BYTES_MAX};
use starfire_proto::v1;

use super::creations::Creation;
use crate::client::Client;
use crate::failure::Failure;

/// What an envelope holds besides its creations: the sender, the signatures.
const REST_BYTES: usize = 32 << 10;
/// Tag and length of a creation.
const FRAME_BYTES: usize = 6;

/// Bytes of creations in one transaction: only a member's may be longer than others.
pub(super) async fn bytes_max(client: &Client, signing: &[Did]) -> Result<usize, Failure> {
    let mut service = client.members();
    let asked = service.list(v1::ListMembersRequest {});
    let members = client.call(asked).await?.members;
    let signing: Vec<String> = signing.iter().map(Did::to_string).collect();
    let sponsored = members
        .iter()
        .any(|member| signing.contains(&member.address));
    let envelope = if sponsored {
        BATCH_ENVELOPE_BYTES_MAX
    } else {
        ENVELOPE_BYTES_MAX
    };
    Ok(envelope - REST_BYTES)
}

/// Creations in their order, in as few batches as the bounds allow.
pub(super) fn split(creations: &[Creation], bytes_max: usize) -> Vec<&[Creation]> {
    let mut batches = Vec::new();
    let (mut from, mut bytes) = (0, 0);
    for (position, creation) in creations.iter().enumerate() {
        let length = creation.message.encoded_len() + FRAME_BYTES;
        let full = position - from >= CREATIONS_MAX || bytes + length > bytes_max;
        if full && position > from {
            batches.push(&creations[from..position]);
            (from, bytes) = (position, 0);
        }
        bytes += length;
    }
    if from < creations.len() {
        batches.push(&creations[from..]);
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    fn creations(count: usize, bytes: usize) -> Vec<Creation> {
        let did: Did = "did:bid:efnVUgqQFfYeu97ABf6sGm3WFtVXHZB2".parse().unwrap();
        let message = v1::DidCreate {
            consent: vec![7; bytes],
            ..v1::DidCreate::default()
        };
        let creation = |line| Creation {
            line,
            did,
            message: message.clone(),
        };
        (1..=count).map(creation).collect()
    }

    fn lengths(creations: &[Creation], bytes_max: usize) -> Vec<usize> {
        let batches = split(creations, bytes_max);
        let lines: Vec<usize> = batches
            .concat()
            .iter()
            .map(|creation| creation.line)
            .collect();
        assert_eq!(lines, (1..=creations.len()).collect::<Vec<_>>());
        batches.iter().map(|batch| batch.len()).collect()
    }

    #[test]
    fn a_batch_ends_at_ten_thousand_or_when_it_is_long_enough() {
        let many = creations(2 * CREATIONS_MAX + 1, 1);
        assert_eq!(
            lengths(&many, usize::MAX),
            [CREATIONS_MAX, CREATIONS_MAX, 1]
        );
        let some = creations(5, 94);
        assert_eq!(lengths(&some, 204), [2, 2, 1]);
        assert_eq!(
            lengths(&some, 1),
            [1; 5],
            "the chain says that one is too long"
        );
        assert_eq!(lengths(&creations(1, 1), 1000), [1]);
    }
}
