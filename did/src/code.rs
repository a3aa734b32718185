//! The codes by which DID operations are rejected.

use starfire_state::Code;

/// An identifier is not a `did:bid` of an account.
pub const DID_INVALID: Code = Code::new("DID_INVALID", 94);
/// The document breaks a rule of its own; the detail says which.
pub const DID_DOCUMENT_INVALID: Code = Code::new("DID_DOCUMENT_INVALID", 2);
/// The document is longer than a document may be.
pub const DID_DOCUMENT_TOO_LARGE: Code = Code::new("DID_DOCUMENT_TOO_LARGE", 146);
/// A service's endpoint is of a scheme that leads to no service, but has its reader run or read something.
pub const DID_ENDPOINT_SCHEME: Code = Code::new("DID_ENDPOINT_SCHEME", 2);
/// Nobody registers an identifier without the key that it derives from.
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

/// The key that the identifier derives from has not signed this document's creation on this chain.
pub const DID_CONSENT_INVALID: Code = Code::new("DID_CONSENT_INVALID", 93);
/// This chain lets members register DIDs, and those for whom a member signs.
pub const DID_CREATION_RESTRICTED: Code = Code::new("DID_CREATION_RESTRICTED", 6);
/// A batch has no creation, too many, or one identifier twice.
pub const DID_BATCH_INVALID: Code = Code::new("DID_BATCH_INVALID", 2);
/// Controllers signed, but weigh less than the document asks for.
pub const DID_CONTROLLERS_TOO_FEW: Code = Code::new("DID_CONTROLLERS_TOO_FEW", 6);
/// The document's control would lead back to itself.
pub const DID_CONTROLLER_CYCLE: Code = Code::new("DID_CONTROLLER_CYCLE", 2);
/// The document's control would be passed on too often, or to too many.
pub const DID_DELEGATION_TOO_LONG: Code = Code::new("DID_DELEGATION_TOO_LONG", 2);

/// The document names nobody who could recover it.
pub const DID_NO_GUARDIANS: Code = Code::new("DID_NO_GUARDIANS", 6);
/// None of those who signed is a guardian of the document.
pub const DID_NOT_GUARDIAN: Code = Code::new("DID_NOT_GUARDIAN", 6);
/// Guardians signed, but weigh less than the document asks for.
pub const DID_GUARDIANS_TOO_FEW: Code = Code::new("DID_GUARDIANS_TOO_FEW", 6);
/// A recovery waits, so there is no second one, and its terms stay.
pub const DID_RECOVERY_PENDING: Code = Code::new("DID_RECOVERY_PENDING", 3);
/// No recovery waits.
pub const DID_RECOVERY_NOT_FOUND: Code = Code::new("DID_RECOVERY_NOT_FOUND", 4);
/// The delay of the recovery is not over.
pub const DID_RECOVERY_TOO_EARLY: Code = Code::new("DID_RECOVERY_TOO_EARLY", 6);
/// The delay of the recovery is over, and the time to veto it with it.
pub const DID_VETO_TOO_LATE: Code = Code::new("DID_VETO_TOO_LATE", 6);

/// The resource's name, media type or content is not well formed, or too long.
pub const DID_RESOURCE_INVALID: Code = Code::new("DID_RESOURCE_INVALID", 2);

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
/// The issuer is accredited, for another type.
pub const ACCREDITATION_OTHER_TYPE: Code = Code::new("ACCREDITATION_OTHER_TYPE", 6);
/// The issuer is accredited for this type, in another jurisdiction.
pub const ACCREDITATION_OTHER_JURISDICTION: Code = Code::new("ACCREDITATION_OTHER_JURISDICTION", 6);
/// The accreditation lets its holder accredit others, and issue nothing.
pub const ACCREDITATION_ISSUES_NOTHING: Code = Code::new("ACCREDITATION_ISSUES_NOTHING", 6);
/// An accreditation further up had not begun at that time.
pub const ACCREDITOR_NOT_YET_VALID: Code = Code::new("ACCREDITOR_NOT_YET_VALID", 6);
/// An accreditation further up had ended at that time.
pub const ACCREDITOR_EXPIRED: Code = Code::new("ACCREDITOR_EXPIRED", 6);
/// An accreditation further up was withdrawn at or before that time.
pub const ACCREDITOR_WITHDRAWN: Code = Code::new("ACCREDITOR_WITHDRAWN", 6);
/// An accreditation further up does not allow as many levels below it.
pub const ACCREDITOR_NOT_ALLOWED: Code = Code::new("ACCREDITOR_NOT_ALLOWED", 6);
/// No motion stands at the root of the accreditation.
pub const ACCREDITATION_UNROOTED: Code = Code::new("ACCREDITATION_UNROOTED", 6);
/// The accreditation allows no further level, or fewer than are given.
pub const ACCREDITATION_DEPTH: Code = Code::new("ACCREDITATION_DEPTH", 6);
/// Nobody accredits itself, or one of those that it is accredited by.
pub const ACCREDITATION_CYCLE: Code = Code::new("ACCREDITATION_CYCLE", 6);
/// Another accreditor's accreditation stands there, and holds.
pub const ACCREDITATION_HELD: Code = Code::new("ACCREDITATION_HELD", 3);
/// The accreditation keeps as many terms that are over as it can, or as the sender may have given, and a grant makes none of them go.
pub const ACCREDITATION_TERMS_FULL: Code = Code::new("ACCREDITATION_TERMS_FULL", 6);
/// Only who gave an accreditation, or a motion, takes it back.
pub const ACCREDITATION_NOT_GIVER: Code = Code::new("ACCREDITATION_NOT_GIVER", 6);

/// The schema's name is not well formed, or the schema not a bounded JSON object that stands alone.
pub const SCHEMA_INVALID: Code = Code::new("SCHEMA_INVALID", 2);
/// The author has no such schema, or version of it.
pub const SCHEMA_NOT_FOUND: Code = Code::new("SCHEMA_NOT_FOUND", 4);
/// The schema has another newest version than the sender has seen.
pub const SCHEMA_VERSION_CONFLICT: Code = Code::new("SCHEMA_VERSION_CONFLICT", 144);
/// The version is retired already.
pub const SCHEMA_RETIRED: Code = Code::new("SCHEMA_RETIRED", 6);

/// The status list's name, purpose, length or lifetime, or an update of it, is not well formed.
pub const STATUS_LIST_INVALID: Code = Code::new("STATUS_LIST_INVALID", 2);
/// The issuer has a status list of this name.
pub const STATUS_LIST_EXISTS: Code = Code::new("STATUS_LIST_EXISTS", 3);
/// The issuer has no status list of this name.
pub const STATUS_LIST_NOT_FOUND: Code = Code::new("STATUS_LIST_NOT_FOUND", 4);
/// The status list has another version than the sender has seen.
pub const STATUS_LIST_VERSION_CONFLICT: Code = Code::new("STATUS_LIST_VERSION_CONFLICT", 144);
/// The entry is beyond the list's end.
pub const STATUS_LIST_OUT_OF_RANGE: Code = Code::new("STATUS_LIST_OUT_OF_RANGE", 2);
/// A revocation is final: its bit is never cleared.
pub const STATUS_LIST_REVOCATION_FINAL: Code = Code::new("STATUS_LIST_REVOCATION_FINAL", 6);

/// A call of one of BIF's system contracts is no JSON of its form, has other parameters than its method, or moves coins.
pub const CONTRACT_CALL_INVALID: Code = Code::new("CONTRACT_CALL_INVALID", 151);
/// The system contract has no such method, or answers it elsewhere.
pub const CONTRACT_METHOD_UNKNOWN: Code = Code::new("CONTRACT_METHOD_UNKNOWN", 151);
/// The call has a form of earlier SDKs, which only chains of BIF's profile take.
pub const CONTRACT_LEGACY_FORM: Code = Code::new("CONTRACT_LEGACY_FORM", 151);
/// The keys that signed may pay for the account, and not do what the call does.
pub const CONTRACT_CALL_UNDERSIGNED: Code = Code::new("CONTRACT_CALL_UNDERSIGNED", 93);
/// The document's recovery waits for its delay, which BIF's contract does not know.
pub const DID_RECOVERY_DELAYED: Code = Code::new("DID_RECOVERY_DELAYED", 6);
/// The applicant has an application that waits or was passed, or the template is another's.
pub const TRUST_APPLICATION_EXISTS: Code = Code::new("TRUST_APPLICATION_EXISTS", 3);
/// There is no such application, or none that was passed.
pub const TRUST_APPLICATION_NOT_FOUND: Code = Code::new("TRUST_APPLICATION_NOT_FOUND", 4);
/// The application does not wait any more.
pub const TRUST_APPLICATION_DECIDED: Code = Code::new("TRUST_APPLICATION_DECIDED", 6);
/// Only those who govern the chain decide on applications.
pub const TRUST_NOT_A_MANAGER: Code = Code::new("TRUST_NOT_A_MANAGER", 6);
/// Templates are asked for by issuers that were passed.
pub const TRUST_ISSUER_NOT_PASSED: Code = Code::new("TRUST_ISSUER_NOT_PASSED", 6);
/// The issuer has revoked this credential already, which is final.
pub const CREDENTIAL_REVOCATION_EXISTS: Code = Code::new("CREDENTIAL_REVOCATION_EXISTS", 3);
