//! What the chain's state says of the chain itself: parameters, members, validators, headers.

use starfire_proto::v1;

use crate::key;
use crate::view::{View, record};

/// The chain's parameters.
///
/// # Panics
/// Before genesis: there is no chain then, and nothing to execute.
pub fn chain(view: &dyn View) -> v1::ChainRecord {
    record(view, key::CHAIN).expect("genesis wrote the chain's parameters")
}

/// The membership of the account at `address`.
pub fn member(view: &dyn View, address: &str) -> Option<v1::MemberRecord> {
    record(view, &key::member(address))
}

/// Who decides the height after this state: a `tendermint.types.ValidatorSet`, encoded.
pub fn validators(view: &dyn View) -> Option<Vec<u8>> {
    view.get(key::VALIDATORS)
}

/// The hash of the header at `height`, if this state is late enough to know it.
pub fn header_hash(view: &dyn View, height: u64) -> Option<[u8; 32]> {
    let bytes = view.get(&key::header(height))?;
    Some(bytes.try_into().expect("a header's hash has 32 bytes"))
}
