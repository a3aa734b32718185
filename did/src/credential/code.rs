//! The codes by which a step of a verification fails.

/// The bytes are not JSON of one meaning, are too large or too deep.
pub const JSON_INVALID: &str = "JSON_INVALID";

/// `@context` is not an ordered set that begins with the base context, or redefines what that protects.
pub const CONTEXT_INVALID: &str = "CONTEXT_INVALID";
/// An id is not a single URL.
pub const ID_INVALID: &str = "ID_INVALID";
/// A type is missing, or is neither a URL nor a term with a meaning.
pub const TYPE_INVALID: &str = "TYPE_INVALID";
/// A name or description is neither a text nor a text in a language.
pub const LANGUAGE_INVALID: &str = "LANGUAGE_INVALID";
/// The issuer is missing, or is no URL.
pub const ISSUER_INVALID: &str = "ISSUER_INVALID";
/// The subject is missing, or nothing is said of it.
pub const SUBJECT_INVALID: &str = "SUBJECT_INVALID";
/// A date has no zone or is none, or the dates are in the wrong order.
pub const DATE_INVALID: &str = "DATE_INVALID";
/// `credentialStatus` is not well formed.
pub const STATUS_INVALID: &str = "STATUS_INVALID";
/// `credentialSchema` is not well formed.
pub const SCHEMA_INVALID: &str = "SCHEMA_INVALID";
/// `evidence` is not well formed.
pub const EVIDENCE_INVALID: &str = "EVIDENCE_INVALID";
/// `termsOfUse` is not well formed.
pub const TERMS_INVALID: &str = "TERMS_INVALID";
/// `refreshService` is not well formed.
pub const REFRESH_INVALID: &str = "REFRESH_INVALID";
/// `relatedResource` is not well formed, or names a resource twice.
pub const RELATED_RESOURCE_INVALID: &str = "RELATED_RESOURCE_INVALID";
/// The holder, or the key that a credential is bound to, is not well formed.
pub const HOLDER_INVALID: &str = "HOLDER_INVALID";
/// `verifiableCredential` holds something else than credentials.
pub const CREDENTIALS_INVALID: &str = "CREDENTIALS_INVALID";
/// A presentation holds more credentials than are judged at once: nothing is known of those beyond.
pub const CREDENTIALS_TOO_MANY: &str = "CREDENTIALS_TOO_MANY";
/// The verifier asks something of a credential, and the presentation holds none.
pub const CREDENTIAL_MISSING: &str = "CREDENTIAL_MISSING";
/// A proof is not well formed, or a chain of proofs is broken.
pub const PROOF_INVALID: &str = "PROOF_INVALID";
/// A key signs that is not of the suite's curve.
pub const SUITE_KEY: &str = "SUITE_KEY";

/// Bitstring Status List 1.0: a value is not as the specification says.
pub const MALFORMED_VALUE_ERROR: &str = "MALFORMED_VALUE_ERROR";
/// Bitstring Status List 1.0: the list does not serve the entry's purpose, or cannot be believed.
pub const STATUS_VERIFICATION_ERROR: &str = "STATUS_VERIFICATION_ERROR";
/// Bitstring Status List 1.0: the list is so short that it tells who is asked about.
pub const STATUS_LIST_LENGTH_ERROR: &str = "STATUS_LIST_LENGTH_ERROR";
/// Bitstring Status List 1.0: the list has no such entry.
pub const RANGE_ERROR: &str = "RANGE_ERROR";

/// Nothing signs the credential.
pub const PROOF_MISSING: &str = "PROOF_MISSING";
/// No proof is by the issuer; those of others do not replace it.
pub const PROOF_NOT_BY_ISSUER: &str = "PROOF_NOT_BY_ISSUER";
/// The key that a proof names is not one of those that are known.
pub const METHOD_UNKNOWN: &str = "METHOD_UNKNOWN";
/// The key is of another kind than the proof's suite or algorithm takes.
pub const METHOD_KIND: &str = "METHOD_KIND";
/// The key is not to be used any more: its document says that it is revoked, or has expired.
pub const METHOD_REVOKED: &str = "METHOD_REVOKED";
/// The key may not be used for this: the document does not list it so.
pub const METHOD_PURPOSE: &str = "METHOD_PURPOSE";
/// The signature is not the key's over these bytes.
pub const SIGNATURE_WRONG: &str = "SIGNATURE_WRONG";
/// No proof is by a suite or algorithm that is known here, or one is by a key in a form that is not.
pub const SUITE_UNSUPPORTED: &str = "SUITE_UNSUPPORTED";

/// What was learned is of another than the issuer that the credential names.
pub const ISSUER_MISMATCH: &str = "ISSUER_MISMATCH";
/// There was no such issuer at that time.
pub const ISSUER_NOT_FOUND: &str = "ISSUER_NOT_FOUND";
/// The issuer was deactivated by that time.
pub const ISSUER_DEACTIVATED: &str = "ISSUER_DEACTIVATED";
/// The issuer could not be looked up.
pub const ISSUER_UNKNOWN: &str = "ISSUER_UNKNOWN";

/// Another whose key signs was deactivated by the time at which it signed.
pub const COSIGNER_DEACTIVATED: &str = "COSIGNER_DEACTIVATED";
/// Another whose key signs could not be looked up.
pub const COSIGNER_UNKNOWN: &str = "COSIGNER_UNKNOWN";

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
/// A challenge is to be answered for a credential that is bound to no key.
pub const HOLDER_UNBOUND: &str = "HOLDER_UNBOUND";
/// Who presents the credential is not whom it is about or bound to.
pub const HOLDER_MISMATCH: &str = "HOLDER_MISMATCH";
/// There is no such holder.
pub const HOLDER_NOT_FOUND: &str = "HOLDER_NOT_FOUND";
/// The holder is deactivated.
pub const HOLDER_DEACTIVATED: &str = "HOLDER_DEACTIVATED";
/// The holder could not be looked up.
pub const HOLDER_UNKNOWN: &str = "HOLDER_UNKNOWN";
/// The proof of the holder's key is wrong.
pub const HOLDER_SIGNATURE_WRONG: &str = "HOLDER_SIGNATURE_WRONG";
/// The proof answers another challenge than the verifier's.
pub const CHALLENGE_MISMATCH: &str = "CHALLENGE_MISMATCH";
/// The proof is for another verifier.
pub const DOMAIN_MISMATCH: &str = "DOMAIN_MISMATCH";

/// Codes that say that something could not be learned. All others say that something is wrong.
pub const UNDECIDED: [&str; 9] = [
    CREDENTIALS_TOO_MANY,
    SUITE_UNSUPPORTED,
    ISSUER_UNKNOWN,
    COSIGNER_UNKNOWN,
    ACCREDITATION_UNKNOWN,
    SCHEMA_UNKNOWN,
    STATUS_UNKNOWN,
    STATUS_STALE,
    HOLDER_UNKNOWN,
];
