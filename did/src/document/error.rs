//! Why a record is no document.

use starfire_state::Rejection;

use super::{
    ATTRIBUTE_DESCRIPTION_BYTES_MAX, ATTRIBUTE_KEY_BYTES_MAX, DOCUMENT_BYTES_MAX, ENTRIES_MAX,
    PolicyError, RECOVERY_DELAY_MS_MAX, SIGNATURE_VALUE_BYTES_MAX, TTL_SECONDS_DEFAULT,
    TTL_SECONDS_MAX,
};
use crate::code;
use crate::id::{Did, DidError};
use crate::key::KeyError;

/// Why a record is no document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// More than [`DOCUMENT_BYTES_MAX`].
    #[error("the document has {0} bytes, more than {DOCUMENT_BYTES_MAX}")]
    TooLarge(usize),
    /// More than [`ENTRIES_MAX`] of something.
    #[error("the document has {count} entries of {list}, more than {ENTRIES_MAX}")]
    TooMany {
        /// The list, by its name in the W3C data model.
        list: &'static str,
        /// How many it has.
        count: usize,
    },
    /// The same entry, id or key twice.
    #[error("the document has {0} twice")]
    Duplicate(String),
    /// The document's own id, a controller's or a guardian's.
    #[error("\"{text}\" is no DID")]
    Did {
        /// What was written.
        text: String,
        /// What is wrong with it.
        #[source]
        source: DidError,
    },
    /// A chain as a whole holds no document of its own and controls none.
    #[error("{0} names a chain, not an account")]
    NotAnAccount(Did),
    /// A controller could never act: its transactions go to another chain.
    #[error("controller {0} is of another chain than the document")]
    ControllerOfAnotherChain(Did),
    /// A guardian could never act: its transactions go to another chain.
    #[error("guardian {0} is of another chain than the document")]
    GuardianOfAnotherChain(Did),
    /// When the DID's own keys are lost, they recover nothing.
    #[error("{0} is to be its own guardian")]
    OwnGuardian(Did),
    /// A recovery that nobody may start.
    #[error("the recovery names no guardian")]
    NoGuardian,
    /// Negative, or more than [`RECOVERY_DELAY_MS_MAX`].
    #[error("a recovery delay of {0} ms, which is not from 0 to {RECOVERY_DELAY_MS_MAX}")]
    RecoveryDelay(i64),
    /// Weights or a threshold that make no policy.
    #[error("the {of} are no policy")]
    Policy {
        /// `controllers` or `guardians`.
        of: &'static str,
        /// What is wrong with them.
        #[source]
        source: PolicyError,
    },
    /// A key or service id that is not the document's DID with a fragment.
    #[error("\"{0}\" is not the document's DID, '#' and a fragment")]
    EntryId(String),
    /// A key under another's control.
    #[error("key {0} names another controller than the document's DID")]
    MethodController(String),
    /// Bytes that are no key of the algorithm.
    #[error("key {id} is unusable")]
    Key {
        /// The key's id.
        id: String,
        /// What is wrong with it.
        #[source]
        source: KeyError,
    },
    /// A key whose algorithm is not known.
    #[error("key {0} has no known algorithm")]
    Algorithm(String),
    /// A key that is to be shown in a form that is not known.
    #[error("key {0} has no known form")]
    Form(String),
    /// A reference to a key that the document does not have.
    #[error("\"{0}\" is no key of the document")]
    UnknownKey(String),
    /// A key that signs is to agree on keys, or the other way round.
    #[error("key {id} is of no use for {list}")]
    Use {
        /// The key's id.
        id: String,
        /// The relationship, by its name in the W3C data model.
        list: &'static str,
    },
    /// Nobody could act for it: transactions are signed by Ed25519 and SM2 keys only.
    #[error("the document has no authentication key of Ed25519 or SM2")]
    NoAuthentication,
    /// A service type that is empty, too long or has odd characters.
    #[error("service {0} has no type of letters, digits, '.', '_' and '-'")]
    ServiceType(String),
    /// An endpoint at which there is nobody: to open it is to run or read what its author likes.
    #[error("service {id} is at a {scheme}: URI, which leads to no service: name an address")]
    EndpointScheme {
        /// The service's id.
        id: String,
        /// The scheme, in lower case.
        scheme: &'static str,
    },
    /// Not an absolute URI.
    #[error("\"{0}\" is no absolute URI")]
    Uri(String),
    /// Another name that BIF's documents have no type for.
    #[error("\"{0}\" is no DID, https URL, handle (hdl:) or URN")]
    Name(String),
    /// More than [`TTL_SECONDS_MAX`], or the default written out.
    #[error(
        "a ttl of {0}: it is up to {TTL_SECONDS_MAX} s, and {TTL_SECONDS_DEFAULT} s is written as 0"
    )]
    Ttl(u32),
    /// Not a number of BIF's list.
    #[error("subject type {0} is not of BIF's list (other is written as 0)")]
    SubjectType(u32),
    /// An attribute without a key, with a long text, or of an unknown format.
    #[error(
        "attribute \"{0}\" needs a key of 1 to {ATTRIBUTE_KEY_BYTES_MAX} bytes, at most {ATTRIBUTE_DESCRIPTION_BYTES_MAX} bytes of description, and a format of text, image, video or mixture, or none"
    )]
    Attribute(String),
    /// No code of a sub-chain, or a document that names none: a sub-chain's or a credential's.
    #[error("\"{0}\" is no code of a sub-chain that this document can name")]
    ChainCode(String),
    /// Not a number of BIF's list, or a credential's own document, which names no others.
    #[error("credential {0} has no type of BIF's list, or stands in a credential's document")]
    CredentialType(String),
    /// A signer that is no key's id, or a signature that is none.
    #[error(
        "the delegate's signature needs a key id and 1 to {SIGNATURE_VALUE_BYTES_MAX} letters and digits"
    )]
    DelegateSign,
}

impl From<DocumentError> for Rejection {
    fn from(error: DocumentError) -> Self {
        let detail = match std::error::Error::source(&error) {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        };
        let code = if matches!(error, DocumentError::TooLarge(_)) {
            code::DID_DOCUMENT_TOO_LARGE
        } else if matches!(error, DocumentError::EndpointScheme { .. }) {
            code::DID_ENDPOINT_SCHEME
        } else {
            code::DID_DOCUMENT_INVALID
        };
        Self::new(code, detail)
    }
}
