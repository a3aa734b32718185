//! The state paths that belong to no single domain. Each domain crate has such a file for its own.

/// The chain's parameters, a `ChainRecord`.
pub const CHAIN: &[u8] = b"chain";

/// Who decides the height after this state, a `tendermint.types.ValidatorSet`.
pub const VALIDATORS: &[u8] = b"validators";

/// Who decides the height after that one.
pub const VALIDATORS_NEXT: &[u8] = b"validators-next";

/// Who decided the height of this state.
pub const VALIDATORS_LAST: &[u8] = b"validators-last";

/// What all changes of the validators' paths begin with.
pub const VALIDATOR_CHANGES: &[u8] = b"validator-change/";

/// The change that the header of `height` announces, a `ValidatorChange`.
pub fn validator_change(height: u64) -> Vec<u8> {
    format!("validator-change/{height:020}").into_bytes()
}

/// An account, an `AccountRecord`.
pub fn account(address: &str) -> Vec<u8> {
    named("account/", address)
}

/// A member, a `MemberRecord`.
pub fn member(address: &str) -> Vec<u8> {
    named("member/", address)
}

/// The hash of a header, 32 bytes. Kept in state so that a later header proves an earlier one.
pub fn header(height: u64) -> Vec<u8> {
    format!("header/{height:020}").into_bytes()
}

/// Asked for several times a transaction: nothing is formatted.
fn named(kind: &str, name: &str) -> Vec<u8> {
    [kind, name].concat().into_bytes()
}
