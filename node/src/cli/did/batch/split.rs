//! How many creations one transaction takes.

use prost::Message;
use starfire_did::Did;
use starfire_did::create_batch::CREATIONS_MAX;
use starfire_ledger::signature_work::{
    ENVELOPE_SIGNATURE_WORK_MAX, of_consent, of_signature_at_most, open_max,
};
use starfire_ledger::transaction::{BATCH_ENVELOPE_BYTES_MAX, ENVELOPE_BYTES_MAX};
use starfire_proto::v1;

use super::creations::Creation;
use crate::client::Client;
use crate::failure::Failure;

/// What an envelope holds besides its creations: the sender, the signatures.
const REST_BYTES: usize = 32 << 10;
/// Tag and length of a creation.
const FRAME_BYTES: usize = 6;

/// What the creations of one transaction may have.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Bytes.
    bytes: usize,
    /// Signature work of their consents.
    work: u64,
}

/// Only a member's may be longer than others, and ask for more signature work than strangers have in a block.
pub(super) async fn bounds(client: &Client, signing: &[Did]) -> Result<Bounds, Failure> {
    let open = open_max(client.chain().await?.open_share_percent);
    let mut service = client.members();
    let asked = service.list(v1::ListMembersRequest {});
    let members = client.call(asked).await?.members;
    let signing: Vec<String> = signing.iter().map(Did::to_string).collect();
    let sponsored = members
        .iter()
        .any(|member| signing.contains(&member.address));
    let (envelope, work) = if sponsored {
        (BATCH_ENVELOPE_BYTES_MAX, ENVELOPE_SIGNATURE_WORK_MAX)
    } else {
        (ENVELOPE_BYTES_MAX, open)
    };
    let signatures: u64 = signing.iter().map(|_| of_signature_at_most(envelope)).sum();
    Ok(Bounds {
        bytes: envelope - REST_BYTES,
        work: work.saturating_sub(signatures),
    })
}

/// Creations in their order, in as few batches as the bounds allow.
pub(super) fn split(creations: &[Creation], bounds: Bounds) -> Vec<&[Creation]> {
    let mut batches = Vec::new();
    let (mut from, mut bytes, mut work) = (0, 0, 0);
    for (position, creation) in creations.iter().enumerate() {
        let length = creation.message.encoded_len() + FRAME_BYTES;
        let consent = if creation.message.consent.is_empty() {
            0
        } else {
            of_consent(&creation.did)
        };
        let full = position - from >= CREATIONS_MAX
            || bytes + length > bounds.bytes
            || work + consent > bounds.work;
        if full && position > from {
            batches.push(&creations[from..position]);
            (from, bytes, work) = (position, 0, 0);
        }
        bytes += length;
        work += consent;
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

    const UNBOUNDED: Bounds = Bounds {
        bytes: usize::MAX,
        work: u64::MAX,
    };

    fn lengths(creations: &[Creation], bytes: usize) -> Vec<usize> {
        let bounds = Bounds { bytes, ..UNBOUNDED };
        lengths_within(creations, bounds)
    }

    fn lengths_within(creations: &[Creation], bounds: Bounds) -> Vec<usize> {
        let batches = split(creations, bounds);
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

    #[test]
    fn a_batch_ends_before_its_consents_ask_for_too_much() {
        let some = creations(5, 64);
        let work = 2 * of_consent(&some[0].did);
        let bounds = |work| Bounds { work, ..UNBOUNDED };
        assert_eq!(lengths_within(&some, bounds(work)), [2, 2, 1]);
        assert_eq!(lengths_within(&some, bounds(work - 1)), [1; 5]);
        let without = creations(5, 0);
        assert_eq!(lengths_within(&without, bounds(0)), [5]);
    }
}
