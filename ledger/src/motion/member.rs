//! What motions about members have in common: finding one, and keeping keys and peers apart.

use starfire_proto::v1;
use starfire_state::{Rejection, View, key, member};

use crate::code;
use crate::membership::{Members, problem};

/// The member that a motion is about.
pub(super) fn find(view: &dyn View, address: &str) -> Result<v1::MemberRecord, Rejection> {
    member(view, address)
        .ok_or_else(|| Rejection::new(code::MEMBER_NOT_FOUND, format!("{address} is no member")))
}

/// Whether this can be a member's record, by itself.
pub(super) fn check(record: &v1::MemberRecord, chain_code: &str) -> Result<(), Rejection> {
    match problem(record, chain_code) {
        None => Ok(()),
        Some((field, problem)) => Err(invalid(format!("{field}: {problem}"))),
    }
}

/// No two members have one validator key or one peer.
pub(super) fn check_others(view: &dyn View, record: &v1::MemberRecord) -> Result<(), Rejection> {
    let members = Members::load(view);
    for other in members
        .iter()
        .filter(|other| other.address != record.address)
    {
        if !record.validator_key.is_empty() && other.validator_key == record.validator_key {
            return Err(Rejection::new(
                code::VALIDATOR_KEY_IN_USE,
                format!("the validator key is that of {}", other.address),
            ));
        }
        if let Some(peer) = record.peers.iter().find(|peer| other.peers.contains(peer)) {
            return Err(Rejection::new(
                code::PEER_IN_USE,
                format!("{peer} is a node of {}", other.address),
            ));
        }
    }
    Ok(())
}

/// Where the member's record stands.
pub(super) fn path(record: &v1::MemberRecord) -> Vec<u8> {
    key::member(&record.address)
}

pub(super) fn invalid(detail: impl Into<String>) -> Rejection {
    Rejection::new(code::MEMBER_INVALID, detail)
}

pub(super) fn not_proved(address: &str) -> Rejection {
    Rejection::new(
        code::VALIDATOR_KEY_NOT_PROVED,
        format!("the validator key has not signed for {address}"),
    )
}
