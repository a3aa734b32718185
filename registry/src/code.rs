//! The codes by which evidence operations are rejected.

use starfire_state::Code;

/// The evidence breaks a rule of its form; the detail says which.
pub const EVIDENCE_INVALID: Code = Code::new("EVIDENCE_INVALID", 2);
/// The issuer has used this id before.
pub const EVIDENCE_EXISTS: Code = Code::new("EVIDENCE_EXISTS", 3);
/// The sender has no evidence with this id.
pub const EVIDENCE_NOT_FOUND: Code = Code::new("EVIDENCE_NOT_FOUND", 4);
/// The evidence is revoked already.
pub const EVIDENCE_REVOKED: Code = Code::new("EVIDENCE_REVOKED", 6);
