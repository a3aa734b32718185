//! The state paths that belong to no single domain. Each domain crate has such a file for its own.

/// The chain's parameters, a `ChainRecord`.
pub const CHAIN: &[u8] = b"chain";

/// The validators, a `tendermint.types.ValidatorSet`.
pub const VALIDATORS: &[u8] = b"validators";

/// An account, an `AccountRecord`.
pub fn account(address: &str) -> Vec<u8> {
    format!("account/{address}").into_bytes()
}

/// A member, a `MemberRecord`.
pub fn member(address: &str) -> Vec<u8> {
    format!("member/{address}").into_bytes()
}

/// The hash of a header, 32 bytes. Kept in state so that a later header proves an earlier one.
pub fn header(height: u64) -> Vec<u8> {
    format!("header/{height:020}").into_bytes()
}
