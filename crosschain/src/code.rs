//! Why an operation of this domain is refused on the chain. The numbers are BIF-Core's nearest.

use starfire_state::Code;

/// Sub-chains are registered and anchored on the main chain only.
pub use starfire_did::code::ONLY_ON_MAIN_CHAIN;

/// No sub-chain has this chain code.
pub const CHAIN_UNKNOWN: Code = Code::new("CHAIN_UNKNOWN", 4);
/// The sub-chain is frozen: it signed two headers that disagree.
pub const CHAIN_FROZEN: Code = Code::new("CHAIN_FROZEN", 6);
/// The sender is not one of the sub-chain's gateways.
pub const NOT_A_GATEWAY: Code = Code::new("NOT_A_GATEWAY", 6);
/// The validator is registered already.
pub const VALIDATOR_REGISTERED: Code = Code::new("VALIDATOR_REGISTERED", 3);
/// No validator with this key is registered.
pub const VALIDATOR_NOT_REGISTERED: Code = Code::new("VALIDATOR_NOT_REGISTERED", 4);
/// As many validators are registered as may be.
pub const REGISTERED_VALIDATORS_LIMIT: Code = Code::new("REGISTERED_VALIDATORS_LIMIT", 114);
/// The header or a validator set does not decode, or is too large.
pub const ANCHOR_MALFORMED: Code = Code::new("ANCHOR_MALFORMED", 2);
/// The header is of another chain than the one registered.
pub const ANCHOR_WRONG_CHAIN: Code = Code::new("ANCHOR_WRONG_CHAIN", 2);
/// The trusted height is not anchored.
pub const ANCHOR_TRUST_UNKNOWN: Code = Code::new("ANCHOR_TRUST_UNKNOWN", 4);
/// The trusted validators are not those that the trusted header names.
pub const ANCHOR_TRUST_MISMATCH: Code = Code::new("ANCHOR_TRUST_MISMATCH", 2);
/// The validators after the trusted height were replaced before the latest anchor.
pub const ANCHOR_TRUST_OUTDATED: Code = Code::new("ANCHOR_TRUST_OUTDATED", 2);
/// The trusted header is older than the trusting period.
pub const ANCHOR_TRUST_EXPIRED: Code = Code::new("ANCHOR_TRUST_EXPIRED", 2);
/// The header's height or time is not after the trusted one's.
pub const ANCHOR_NOT_LATER: Code = Code::new("ANCHOR_NOT_LATER", 2);
/// The header's time is after the main chain's.
pub const ANCHOR_FROM_FUTURE: Code = Code::new("ANCHOR_FROM_FUTURE", 2);
/// The validator sets are not those that the header names.
pub const ANCHOR_VALIDATORS_MISMATCH: Code = Code::new("ANCHOR_VALIDATORS_MISMATCH", 2);
/// The signatures are over another header.
pub const ANCHOR_HEADER_MISMATCH: Code = Code::new("ANCHOR_HEADER_MISMATCH", 2);
/// Too little power of the trusted validators signed: anchor a header in between.
pub const ANCHOR_NOT_ENOUGH_TRUST: Code = Code::new("ANCHOR_NOT_ENOUGH_TRUST", 2);
/// Not more than two thirds of the power signed.
pub const ANCHOR_NOT_ENOUGH_SIGNERS: Code = Code::new("ANCHOR_NOT_ENOUGH_SIGNERS", 93);
/// A signature is not the validator's.
pub const ANCHOR_FORGED: Code = Code::new("ANCHOR_FORGED", 93);
/// A signer is not registered as a validator of the sub-chain.
pub const ANCHOR_UNREGISTERED_VALIDATOR: Code = Code::new("ANCHOR_UNREGISTERED_VALIDATOR", 6);
/// A later header is anchored already, and none at this height.
pub const ANCHOR_STALE: Code = Code::new("ANCHOR_STALE", 2);
