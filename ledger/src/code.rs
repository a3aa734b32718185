//! Why the ledger refuses: the codes of envelopes, accounts and motions.
//!
//! Numbers are those of BIF-Core 1.x nodes, since its clients read them; names say more, since BIF's numbers are few.

use starfire_state::Code;

/// A field has a value that the protocol does not allow.
pub const INVALID_PARAMETER: Code = Code::new("INVALID_PARAMETER", 2);
/// The transaction is bound to another chain.
pub const WRONG_CHAIN: Code = Code::new("WRONG_CHAIN", 2);
/// The operation's type is not one of this chain's.
pub const UNKNOWN_OPERATION: Code = Code::new("UNKNOWN_OPERATION", 2);
/// The operation's type and the field that it carries disagree.
pub const OPERATION_MISMATCH: Code = Code::new("OPERATION_MISMATCH", 2);
/// BIF knows the operation, this chain does not offer it.
pub const NOT_SUPPORTED: Code = Code::new("NOT_SUPPORTED", 2);
/// There is nothing of that name.
pub const NOT_EXIST: Code = Code::new("NOT_EXIST", 4);
/// The height until which the transaction was meant is over.
pub const TX_EXPIRED: Code = Code::new("TX_EXPIRED", 5);
/// The sender may not do this.
pub const ACCESS_DENIED: Code = Code::new("ACCESS_DENIED", 6);
/// An amount does not fit in 63 bits.
pub const MATH_OVERFLOW: Code = Code::new("MATH_OVERFLOW", 7);
/// A public key is not in BIF's encoding.
pub const INVALID_PUBKEY: Code = Code::new("INVALID_PUBKEY", 90);
/// A signature is wrong, or the signatures do not weigh enough.
pub const INVALID_SIGNATURE: Code = Code::new("INVALID_SIGNATURE", 93);
/// A key has signed a transaction twice.
pub const SIGNED_TWICE: Code = Code::new("SIGNED_TWICE", 93);
/// An address is not a did:bid address of this chain.
pub const INVALID_ADDRESS: Code = Code::new("INVALID_ADDRESS", 94);
/// A transaction has at least one operation.
pub const MISSING_OPERATIONS: Code = Code::new("MISSING_OPERATIONS", 97);
/// A transaction has too many operations.
pub const TOO_MANY_OPERATIONS: Code = Code::new("TOO_MANY_OPERATIONS", 98);
/// Too many accounts act in a transaction.
pub const TOO_MANY_SOURCES: Code = Code::new("TOO_MANY_SOURCES", 98);
/// To check a transaction's signatures and consents is more work than any may ask for.
pub const TOO_MUCH_SIGNATURE_WORK: Code = Code::new("TOO_MUCH_SIGNATURE_WORK", 98);
/// The nonce is not the account's next one.
pub const BAD_SEQUENCE: Code = Code::new("BAD_SEQUENCE", 99);
/// The balance, less the reserve, does not cover it.
pub const LOW_RESERVE: Code = Code::new("ACCOUNT_LOW_RESERVE", 100);
/// Payer and payee are the same.
pub const SOURCE_IS_DESTINATION: Code = Code::new("ACCOUNT_SOURCEDEST_EQUAL", 101);
/// The account to create exists.
pub const DESTINATION_EXISTS: Code = Code::new("ACCOUNT_DEST_EXIST", 102);
/// The account that acts does not exist.
pub const ACCOUNT_NOT_EXIST: Code = Code::new("ACCOUNT_NOT_EXIST", 103);
/// A new account would begin below the reserve.
pub const INIT_LOW_RESERVE: Code = Code::new("ACCOUNT_INIT_LOW_RESERVE", 106);
/// The fee limit, or the gas price, is too low.
pub const FEE_NOT_ENOUGH: Code = Code::new("FEE_NOT_ENOUGH", 111);
/// The fee limit, or the gas price, is negative.
pub const FEE_INVALID: Code = Code::new("FEE_INVALID", 112);
/// The block's share for such transactions is used up: try the next one.
pub const QUOTA: Code = Code::new("QUOTA", 114);
/// Transactions of the same payer have read as much of the state in this block as they may.
pub const READ_QUOTA: Code = Code::new("READ_QUOTA", 114);
/// A key's weight is out of range.
pub const WEIGHT_NOT_VALID: Code = Code::new("WEIGHT_NOT_VALID", 120);
/// A threshold is out of range.
pub const THRESHOLD_NOT_VALID: Code = Code::new("THRESHOLD_NOT_VALID", 121);
/// The metadata's version is not the one that the sender has seen.
pub const INVALID_DATAVERSION: Code = Code::new("INVALID_DATAVERSION", 144);
/// The envelope is too long.
pub const TX_SIZE_TOO_BIG: Code = Code::new("TX_SIZE_TOO_BIG", 146);
/// This chain runs no contracts.
pub const CONTRACTS_NOT_SUPPORTED: Code = Code::new("CONTRACTS_NOT_SUPPORTED", 156);
/// This chain has the business domain 0 only.
pub const DOMAIN_NOT_EXIST: Code = Code::new("DOMAIN_NOT_EXIST", 170);
/// Who issues certificates has a DID that is not deactivated.
pub const ISSUER_WITHOUT_DID: Code = Code::new("ISSUER_WITHOUT_DID", 4);
/// Only super nodes propose and vote.
pub const NOT_A_SUPER_NODE: Code = Code::new("NOT_A_SUPER_NODE", 6);
/// Only members with a vote propose and vote, on a sub-chain.
pub const NO_VOTE: Code = Code::new("NO_VOTE", 6);
/// What a motion says of a member cannot be.
pub const MEMBER_INVALID: Code = Code::new("MEMBER_INVALID", 2);
/// The account is a member already.
pub const MEMBER_EXISTS: Code = Code::new("MEMBER_EXISTS", 3);
/// The account is no member.
pub const MEMBER_NOT_FOUND: Code = Code::new("MEMBER_NOT_FOUND", 4);
/// The chain has as many members as it may.
pub const TOO_MANY_MEMBERS: Code = Code::new("TOO_MANY_MEMBERS", 114);
/// Another member has this validator key.
pub const VALIDATOR_KEY_IN_USE: Code = Code::new("VALIDATOR_KEY_IN_USE", 3);
/// Another member has this peer id.
pub const PEER_IN_USE: Code = Code::new("PEER_IN_USE", 3);
/// The validator key has not signed for this member.
pub const VALIDATOR_KEY_NOT_PROVED: Code = Code::new("VALIDATOR_KEY_NOT_PROVED", 93);
/// The validator set would have too many members, or too much power.
pub const VALIDATORS_LIMIT: Code = Code::new("VALIDATORS_LIMIT", 114);
/// A third or more of the voting power would change at once.
pub const VALIDATOR_CHANGE_TOO_LARGE: Code = Code::new("VALIDATOR_CHANGE_TOO_LARGE", 114);
/// There is no motion with that number.
pub const MOTION_NOT_FOUND: Code = Code::new("MOTION_NOT_FOUND", 4);
/// The motion is decided.
pub const MOTION_CLOSED: Code = Code::new("MOTION_CLOSED", 6);
/// Each super node votes once.
pub const ALREADY_VOTED: Code = Code::new("ALREADY_VOTED", 3);
