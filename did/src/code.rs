//! The codes by which DID operations are rejected.

use starfire_state::Code;

/// An identifier is not a `did:bid` of an account.
pub const DID_INVALID: Code = Code::new("DID_INVALID", 94);
/// The document breaks a rule of its own; the detail says which.
pub const DID_DOCUMENT_INVALID: Code = Code::new("DID_DOCUMENT_INVALID", 2);
/// Nobody registers an identifier but the account it names, with the key it derives from.
pub const DID_NOT_DERIVED: Code = Code::new("DID_NOT_DERIVED", 6);
/// The identifier is of another chain.
pub const DID_WRONG_CHAIN: Code = Code::new("DID_WRONG_CHAIN", 94);
/// The identifier is registered, or was.
pub const DID_EXISTS: Code = Code::new("DID_EXISTS", 3);
/// The identifier is not registered on this chain.
pub const DID_NOT_FOUND: Code = Code::new("DID_NOT_FOUND", 4);
/// The identifier was deactivated, which is final.
pub const DID_DEACTIVATED: Code = Code::new("DID_DEACTIVATED", 6);
/// The sender does not control the document.
pub const DID_NOT_CONTROLLER: Code = Code::new("DID_NOT_CONTROLLER", 6);
/// The document has another version than the sender has seen.
pub const DID_VERSION_CONFLICT: Code = Code::new("DID_VERSION_CONFLICT", 144);
/// An update would change keys, which is a rotation's to do.
pub const DID_KEYS_CHANGE_BY_ROTATE: Code = Code::new("DID_KEYS_CHANGE_BY_ROTATE", 2);

/// Accreditations stand on the main chain alone.
pub const ONLY_ON_MAIN_CHAIN: Code = Code::new("ONLY_ON_MAIN_CHAIN", 6);
/// The accreditation's issuer, type, jurisdiction, term or reason is not well formed.
pub const ACCREDITATION_INVALID: Code = Code::new("ACCREDITATION_INVALID", 2);
/// The issuer has no such accreditation.
pub const ACCREDITATION_NOT_FOUND: Code = Code::new("ACCREDITATION_NOT_FOUND", 4);
/// The term has not begun at that time.
pub const ACCREDITATION_NOT_YET_VALID: Code = Code::new("ACCREDITATION_NOT_YET_VALID", 6);
/// The term has ended at that time.
pub const ACCREDITATION_EXPIRED: Code = Code::new("ACCREDITATION_EXPIRED", 6);
/// The accreditation was withdrawn at or before that time.
pub const ACCREDITATION_WITHDRAWN: Code = Code::new("ACCREDITATION_WITHDRAWN", 6);
