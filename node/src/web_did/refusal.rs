//! Why a document of `did:web` is not had: each reason with its code.

use std::fmt;

use starfire_did::resolution::{Problem, ProblemKind};

/// A reason, and what to say of it. Its text begins with its code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Nobody configured it.
    Off,
    /// It names no place on the web.
    Invalid(String),
    /// The host is not on the list, or stands at an address where it may not.
    HostNotAllowed(String),
    /// The host says that there is none.
    NotFound(String),
    /// No name, no connection, no certificate, no answer, or not one that is a document.
    Unreachable(String),
    /// More bytes than are read.
    TooLarge(String),
    /// Not JSON, or nobody's.
    NotADocument(String),
    /// The document of another.
    OtherId(String),
}

impl Refusal {
    /// Upper case, for programs.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Off => "DID_WEB_OFF",
            Self::Invalid(_) => "DID_WEB_INVALID",
            Self::HostNotAllowed(_) => "DID_WEB_HOST_NOT_ALLOWED",
            Self::NotFound(_) => "DID_WEB_NOT_FOUND",
            Self::Unreachable(_) => "DID_WEB_UNREACHABLE",
            Self::TooLarge(_) => "DID_WEB_TOO_LARGE",
            Self::NotADocument(_) => "DID_WEB_NOT_A_DOCUMENT",
            Self::OtherId(_) => "DID_WEB_OTHER_ID",
        }
    }

    fn detail(&self) -> &str {
        match self {
            Self::Off => "documents of did:web are not fetched here",
            Self::Invalid(detail)
            | Self::HostNotAllowed(detail)
            | Self::NotFound(detail)
            | Self::Unreachable(detail)
            | Self::TooLarge(detail)
            | Self::NotADocument(detail)
            | Self::OtherId(detail) => detail,
        }
    }

    fn kind(&self) -> ProblemKind {
        match self {
            Self::Off => ProblemKind::MethodNotSupported,
            Self::Invalid(_) => ProblemKind::InvalidDid,
            Self::HostNotAllowed(_) => ProblemKind::FeatureNotSupported,
            Self::NotFound(_) => ProblemKind::NotFound,
            Self::Unreachable(_) => ProblemKind::InternalError,
            Self::TooLarge(_) | Self::NotADocument(_) | Self::OtherId(_) => {
                ProblemKind::InvalidDidDocument
            }
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code(), self.detail())
    }
}

/// As the standard knows it.
impl From<&Refusal> for Problem {
    fn from(refusal: &Refusal) -> Self {
        Self::new(refusal.kind(), refusal.to_string())
    }
}
