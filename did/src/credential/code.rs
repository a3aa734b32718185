//! The codes by which a step of a verification fails.

/// The bytes are not JSON of one meaning, are too large or too deep.
pub const JSON_INVALID: &str = "JSON_INVALID";

/// Nothing signs the credential.
pub const PROOF_MISSING: &str = "PROOF_MISSING";
/// No proof is by the issuer; those of others do not replace it.
pub const PROOF_NOT_BY_ISSUER: &str = "PROOF_NOT_BY_ISSUER";
/// The key that a proof names is not one of those that are known.
pub const METHOD_UNKNOWN: &str = "METHOD_UNKNOWN";
/// The key is of another kind than the proof's suite or algorithm takes.
pub const METHOD_KIND: &str = "METHOD_KIND";
/// The key may not be used for this: the document does not list it so.
pub const METHOD_PURPOSE: &str = "METHOD_PURPOSE";
/// The signature is not the key's over these bytes.
pub const SIGNATURE_WRONG: &str = "SIGNATURE_WRONG";
/// No proof is by a suite or algorithm that is known here.
pub const SUITE_UNSUPPORTED: &str = "SUITE_UNSUPPORTED";

/// What was learned is of another than the issuer that the credential names.
pub const ISSUER_MISMATCH: &str = "ISSUER_MISMATCH";
/// There was no such issuer at that time.
pub const ISSUER_NOT_FOUND: &str = "ISSUER_NOT_FOUND";
/// The issuer was deactivated by that time.
pub const ISSUER_DEACTIVATED: &str = "ISSUER_DEACTIVATED";
/// The issuer could not be looked up.
pub const ISSUER_UNKNOWN: &str = "ISSUER_UNKNOWN";

/// Whether the issuer is accredited could not be learned.
pub const ACCREDITATION_UNKNOWN: &str = "ACCREDITATION_UNKNOWN";

/// The credential does not satisfy a schema that it names.
pub const SCHEMA_VIOLATED: &str = "SCHEMA_VIOLATED";
/// A schema that the credential names could not be had, or is of a kind not known here.
pub const SCHEMA_UNKNOWN: &str = "SCHEMA_UNKNOWN";

/// The credential is not valid yet.
pub const NOT_YET_VALID: &str = "NOT_YET_VALID";
/// The credential is not valid any more.
pub const EXPIRED: &str = "EXPIRED";
/// A proof is not valid any more.
pub const PROOF_EXPIRED: &str = "PROOF_EXPIRED";
/// A proof says that it was made in the future.
pub const PROOF_FROM_THE_FUTURE: &str = "PROOF_FROM_THE_FUTURE";

/// The issuer revoked the credential.
pub const REVOKED: &str = "REVOKED";
/// The issuer suspended the credential.
pub const SUSPENDED: &str = "SUSPENDED";
/// A status whose meaning is not known here is set.
pub const STATUS_SET: &str = "STATUS_SET";
/// The credential names a status that could not be learned.
pub const STATUS_UNKNOWN: &str = "STATUS_UNKNOWN";
/// The status that is known is older than the verifier accepts.
pub const STATUS_STALE: &str = "STATUS_STALE";

/// The verifier asked for a proof of its holder, and there is none.
pub const HOLDER_UNPROVEN: &str = "HOLDER_UNPROVEN";
/// Who presents the credential is not whom it is about or bound to.
pub const HOLDER_MISMATCH: &str = "HOLDER_MISMATCH";
/// The proof of the holder's key is wrong.
pub const HOLDER_SIGNATURE_WRONG: &str = "HOLDER_SIGNATURE_WRONG";
/// The proof answers another challenge than the verifier's.
pub const CHALLENGE_MISMATCH: &str = "CHALLENGE_MISMATCH";
/// The proof is for another verifier.
pub const DOMAIN_MISMATCH: &str = "DOMAIN_MISMATCH";

/// Codes that say that something could not be learned. All others say that something is wrong.
pub const UNDECIDED: [&str; 6] = [
    SUITE_UNSUPPORTED,
    ISSUER_UNKNOWN,
    ACCREDITATION_UNKNOWN,
    SCHEMA_UNKNOWN,
    STATUS_UNKNOWN,
    STATUS_STALE,
];
