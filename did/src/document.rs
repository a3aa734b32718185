//! DID documents, parsed: what a chain stores is well formed, bounded, and can act.
//!
//! The stored form is the protobuf record, and [`Document`] is the proof that it keeps the rules: parsing a record and making it
//! a record again gives the same bytes. So a document has one encoding, one hash and one proof, whichever way it is rendered.

use starfire_proto::v1;
use starfire_state::Rejection;

use crate::code;
use crate::id::{Did, DidError};
use crate::key::{KeyAlgorithm, KeyError, PublicKey};

mod parse;

/// The largest document, bytes of its record.
pub const DOCUMENT_BYTES_MAX: usize = 16 * 1024;
/// The most controllers, keys, services or other names, each.
pub const ENTRIES_MAX: usize = 32;
/// The longest service type, bytes.
pub const SERVICE_TYPE_BYTES_MAX: usize = 64;

/// A document that keeps the rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    id: Did,
    controllers: Vec<Did>,
    methods: Vec<Method>,
    authentication: Vec<String>,
    assertion_method: Vec<String>,
    services: Vec<Service>,
    also_known_as: Vec<String>,
}

/// A key of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Method {
    /// The DID, `#`, a fragment.
    pub id: String,
    /// The key.
    pub key: PublicKey,
}

/// A service of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// The DID, `#`, a fragment.
    pub id: String,
    /// What kind of service, e.g. `LinkedDomains`.
    pub kind: String,
    /// Where: an absolute URI.
    pub endpoint: String,
}

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
    /// The document's own id, or a controller's.
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
    /// A reference to a key that the document does not have.
    #[error("\"{0}\" is no key of the document")]
    UnknownKey(String),
    /// Nobody could act for it.
    #[error("the document has no authentication key")]
    NoAuthentication,
    /// A service type that is empty, too long or has odd characters.
    #[error("service {0} has no type of letters, digits, '.', '_' and '-'")]
    ServiceType(String),
    /// Not an absolute URI.
    #[error("\"{0}\" is no absolute URI")]
    Uri(String),
}

impl From<DocumentError> for Rejection {
    fn from(error: DocumentError) -> Self {
        let detail = match std::error::Error::source(&error) {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        };
        Self::new(code::DID_DOCUMENT_INVALID, detail)
    }
}

impl Document {
    /// The least document: one key, to log in and to sign claims with.
    pub fn for_key(did: &Did, key: &PublicKey) -> Self {
        let id = format!("{did}#key-1");
        Self {
            id: *did,
            controllers: Vec::new(),
            methods: vec![Method {
                id: id.clone(),
                key: *key,
            }],
            authentication: vec![id.clone()],
            assertion_method: vec![id],
            services: Vec::new(),
            also_known_as: Vec::new(),
        }
    }

    /// Whom it is about.
    pub fn id(&self) -> &Did {
        &self.id
    }

    /// Who may change it, where that is not (only) the DID itself.
    pub fn controllers(&self) -> &[Did] {
        &self.controllers
    }

    /// Its keys.
    pub fn methods(&self) -> &[Method] {
        &self.methods
    }

    /// The key with this id.
    pub fn method(&self, id: &str) -> Option<&Method> {
        self.methods.iter().find(|method| method.id == id)
    }

    /// Ids of the keys that may act for the DID.
    pub fn authentication(&self) -> &[String] {
        &self.authentication
    }

    /// Ids of the keys that may sign claims for the DID.
    pub fn assertion_method(&self) -> &[String] {
        &self.assertion_method
    }

    /// Its services.
    pub fn services(&self) -> &[Service] {
        &self.services
    }

    /// Other names of the same subject: URIs.
    pub fn also_known_as(&self) -> &[String] {
        &self.also_known_as
    }

    /// The keys that may act for the DID.
    pub fn authentication_keys(&self) -> impl Iterator<Item = &PublicKey> {
        self.authentication
            .iter()
            .filter_map(|id| self.method(id))
            .map(|method| &method.key)
    }

    /// Whether this account may change the document.
    // DID Core §5.1.2: without a controller property, the DID subject is in control.
    pub fn is_controlled_by(&self, account: &Did) -> bool {
        if self.controllers.is_empty() {
            *account == self.id
        } else {
            self.controllers.contains(account)
        }
    }

    /// Whether both have the same keys, for the same uses.
    pub fn has_keys_of(&self, other: &Self) -> bool {
        self.methods == other.methods
            && self.authentication == other.authentication
            && self.assertion_method == other.assertion_method
    }
}

impl From<&Document> for v1::DidDocument {
    fn from(document: &Document) -> Self {
        let controller = document.id.to_string();
        let method = |method: &Method| v1::VerificationMethod {
            id: method.id.clone(),
            controller: controller.clone(),
            algorithm: match method.key.algorithm() {
                KeyAlgorithm::Ed25519 => v1::KeyAlgorithm::Ed25519.into(),
                KeyAlgorithm::Sm2 => v1::KeyAlgorithm::Sm2.into(),
            },
            public_key: method.key.raw().to_vec(),
            ..v1::VerificationMethod::default()
        };
        let service = |service: &Service| v1::DidService {
            id: service.id.clone(),
            r#type: service.kind.clone(),
            endpoint: service.endpoint.clone(),
        };
        Self {
            id: document.id.to_string(),
            controller: document.controllers.iter().map(Did::to_string).collect(),
            verification_method: document.methods.iter().map(method).collect(),
            authentication: document.authentication.clone(),
            assertion_method: document.assertion_method.clone(),
            service: document.services.iter().map(service).collect(),
            also_known_as: document.also_known_as.clone(),
            ..Self::default()
        }
    }
}
