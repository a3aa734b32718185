//! Receipts: what became of each transaction of a block.
//!
//! The core of a receipt (hash, code, reason, fee) is hashed into the next header's `last_results_hash`. Its detail and its
//! events are for people and indexes.

use prost::Message;
use starfire_proto::v1;
use starfire_state::{Event, Rejection};
use tendermint::Hash;

use crate::hash::merkle_root;

/// Executed, to the end or not: what it emitted and what it cost.
pub(crate) fn executed(
    hash: &[u8; 32],
    fee: i64,
    result: Result<Vec<Event>, Rejection>,
) -> v1::Receipt {
    match result {
        Ok(events) => v1::Receipt {
            hash: hash.to_vec(),
            code: 0,
            reason: String::new(),
            detail: String::new(),
            events: events.into_iter().map(event).collect(),
            fee,
        },
        Err(rejection) => v1::Receipt {
            hash: hash.to_vec(),
            code: rejection.code.number,
            reason: rejection.code.name.to_owned(),
            detail: rejection.detail,
            events: Vec::new(),
            fee,
        },
    }
}

/// The Merkle root over the cores of a block's receipts.
pub fn results_hash(receipts: &[v1::Receipt]) -> Hash {
    let leaves: Vec<Vec<u8>> = receipts
        .iter()
        .map(|receipt| core(receipt).encode_to_vec())
        .collect();
    merkle_root(&leaves)
}

/// What of a receipt is hashed.
pub fn core(receipt: &v1::Receipt) -> v1::ReceiptCore {
    v1::ReceiptCore {
        hash: receipt.hash.clone(),
        code: receipt.code,
        reason: receipt.reason.clone(),
        fee: receipt.fee,
    }
}

fn event(event: Event) -> v1::Event {
    let attributes = event
        .attributes
        .into_iter()
        .map(|(key, value)| v1::EventAttribute {
            key: key.to_owned(),
            value,
        })
        .collect();
    v1::Event {
        r#type: event.kind.to_owned(),
        attributes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_results_hash_covers_code_reason_and_fee_but_not_the_detail() {
        let receipt = executed(
            &[7; 32],
            5,
            Err(Rejection::new(crate::code::BAD_SEQUENCE, "one")),
        );
        let hash = results_hash(std::slice::from_ref(&receipt));
        let detail = v1::Receipt {
            detail: "two".to_owned(),
            ..receipt.clone()
        };
        assert_eq!(results_hash(&[detail]), hash);
        let changed = |change: fn(&mut v1::Receipt)| {
            let mut receipt = receipt.clone();
            change(&mut receipt);
            results_hash(&[receipt])
        };
        assert_ne!(changed(|receipt| receipt.code = 0), hash);
        assert_ne!(changed(|receipt| receipt.reason.clear()), hash);
        assert_ne!(changed(|receipt| receipt.fee = 6), hash);
    }
}
