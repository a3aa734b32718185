//! Why a token is refused before any key is asked for.

use crate::credential::malformed::Malformed;
use crate::shown::quoted;

/// Text that is no token, or one that is not accepted here.
#[derive(Debug, thiserror::Error)]
pub enum JoseError {
    /// More bytes than allowed.
    #[error("{bytes} bytes are more than the {max} allowed")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// Not three parts.
    #[error("a token has three parts with dots between them")]
    Parts,
    /// Not base64url, padded, or with stray bits.
    #[error("the {part} is not canonical base64url")]
    Base64 {
        /// Which part.
        part: &'static str,
        /// What is wrong.
        #[source]
        source: base64::DecodeError,
    },
    /// Not JSON of one meaning.
    #[error("the {part} is not strict JSON")]
    Json {
        /// Which part.
        part: &'static str,
        /// What is wrong.
        #[source]
        source: Malformed,
    },
    /// JSON, but no object.
    #[error("the {0} is no JSON object")]
    NotAnObject(&'static str),
    /// Signatures of all algorithms have 64 bytes.
    #[error("the signature has {0} bytes, not 64")]
    SignatureLength(usize),
    /// BIF: neither 64 bytes nor their hexadecimal text in one case.
    #[error("the signature is neither 64 bytes nor 128 hexadecimal digits of one case")]
    SignatureEncoding,

    /// A header parameter has a value that it cannot have.
    #[error("the header's {0:?} is not well formed")]
    Header(&'static str),
    /// An algorithm that is not accepted, `none` among them.
    #[error("the algorithm {} is not accepted", quoted(.0))]
    Algorithm(String),
    /// A registered algorithm that is not known here, so that nothing is known of the signature.
    #[error("the algorithm {0:?} is not known here")]
    AlgorithmUnknown(String),
    /// The header names extensions that must be understood (`crit`), or leaves the payload unencoded (`b64`).
    #[error("the header asks for an extension that is not understood")]
    Critical,
    /// Another kind of token.
    #[error("the header's {name:?} is {}, not {expected:?}", quoted(found))]
    Type {
        /// `typ` or `cty`.
        name: &'static str,
        /// What is accepted.
        expected: &'static str,
        /// What it says.
        found: String,
    },
    /// The key id does not name a key of who is said to have signed.
    #[error(
        "the key id {} does not name a key of {}",
        quoted(kid),
        quoted(controller)
    )]
    KeyId {
        /// What the header says.
        kid: String,
        /// Who signs.
        controller: String,
    },
    /// Nobody is named whose key is to be used.
    #[error("neither the claims nor the key id say who signs")]
    Signer,

    /// A claim is missing, or has a value that it cannot have.
    #[error("the claim {name:?} {why}")]
    Claim {
        /// Which.
        name: &'static str,
        /// What is wrong.
        why: &'static str,
    },
    /// A claim says another thing than the member that it repeats.
    #[error("the claim {claim:?} differs from {member:?}")]
    Conflict {
        /// The claim.
        claim: &'static str,
        /// What it repeats.
        member: &'static str,
    },
    /// A claim says another thing than the header, which repeats it.
    #[error("the claim {0:?} differs from the header's")]
    HeaderConflict(&'static str),
    /// `vc` or `vp`, which wrapped a credential in version 1.1.
    #[error(
        "the claim {0:?} wraps a credential of version 1.1: the payload itself is the credential"
    )]
    Wrapper(&'static str),
    /// A credential or presentation in a form that is known elsewhere, so that nothing is known of it here.
    #[error("{0} is not known here")]
    FormUnknown(&'static str),
    /// The claims are no credential or presentation.
    #[error(transparent)]
    Model(#[from] Malformed),
    /// Not an enveloped credential or presentation.
    #[error("an envelope {0}")]
    Envelope(&'static str),

    /// BIF: the way of disclosure is not known, or is not that of the signature's algorithm.
    #[error("the parseType {} does not go with the algorithm", quoted(.0))]
    ParseType(String),
    /// BIF: a member of the subject that should be hidden or disclosed is neither.
    #[error(
        "the member {} of the subject is no disclosure with a hash",
        quoted(.0)
    )]
    Disclosure(String),
    /// BIF: the value is not the one whose hash was signed.
    #[error(
        "the value of {} does not have the hash that was signed",
        quoted(.0)
    )]
    DisclosureHash(String),
    /// BIF: the salt could hold a part of the value.
    #[error(
        "the salt of {} is neither 16 decimal digits nor 32 of lower-case hexadecimal with a letter in the 17th place",
        quoted(.0)
    )]
    DisclosureSalt(String),
}

impl JoseError {
    /// Upper case, stable, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "JOSE_TOO_LARGE",
            Self::Parts
            | Self::Base64 { .. }
            | Self::NotAnObject(_)
            | Self::SignatureLength(_)
            | Self::SignatureEncoding => "JOSE_MALFORMED",
            Self::Json { source, .. } => source.code,
            Self::Header(_) => "JOSE_HEADER_INVALID",
            Self::Algorithm(_) => "JOSE_ALGORITHM_REFUSED",
            Self::AlgorithmUnknown(_) | Self::FormUnknown(_) => "SUITE_UNSUPPORTED",
            Self::Critical => "JOSE_EXTENSION_UNKNOWN",
            Self::Type { .. } => "JOSE_TYPE_WRONG",
            Self::KeyId { .. } | Self::Signer => "JOSE_KEY_ID_INVALID",
            Self::Claim { .. } => "JOSE_CLAIM_INVALID",
            Self::Conflict { .. } | Self::HeaderConflict(_) => "JOSE_CLAIM_CONFLICT",
            Self::Wrapper(_) => "JOSE_CLAIM_WRAPPER",
            Self::Model(error) => error.code,
            Self::Envelope(_) => "ENVELOPE_INVALID",
            Self::ParseType(_) | Self::Disclosure(_) => "BIF_CREDENTIAL_INVALID",
            Self::DisclosureHash(_) | Self::DisclosureSalt(_) => "BIF_DISCLOSURE_WRONG",
        }
    }
}
