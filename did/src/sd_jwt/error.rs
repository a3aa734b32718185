//! Why an SD-JWT is refused before any key is asked for, or cannot be made.

use crate::jose::JoseError;
use crate::shown::quoted;

/// Text that is no SD-JWT, or one that is not accepted here; or claims that cannot be hidden so.
#[derive(Debug, thiserror::Error)]
pub enum SdJwtError {
    /// More bytes than allowed.
    #[error("{0} bytes are too many")]
    TooLarge(usize),
    /// No tilde.
    #[error("an SD-JWT ends its token and each disclosure with a tilde")]
    Parts,
    /// More disclosures than allowed.
    #[error("there are too many disclosures")]
    TooManyDisclosures,
    /// The issuer's token, or the holder's, is refused.
    #[error(transparent)]
    Token(#[from] JoseError),

    /// Not a list of salt, name and value, or of salt and value.
    #[error("a disclosure is a list of a salt, a name where there is one, and a value")]
    Disclosure,
    /// A disclosure with a name where an element belongs, or the other way round.
    #[error(
        "a disclosure at {} is not of the kind that its place asks for",
        quoted(.0)
    )]
    DisclosureKind(String),
    /// A name that has a meaning of its own.
    #[error("the name {} is reserved", quoted(.0))]
    ReservedName(String),
    /// A disclosed name that stands there already.
    #[error("the claim {} stands there twice", quoted(.0))]
    NameTwice(String),
    /// `_sd` or `...` that is no list of hashes, or no hash.
    #[error("the hashes at {} are not well formed", quoted(.0))]
    Hashes(String),
    /// The same hash twice.
    #[error("the hash {} stands there twice", quoted(.0))]
    HashTwice(String),
    /// A disclosure whose hash stands nowhere.
    #[error("a disclosure has no place")]
    Unplaced,
    /// What no registered hash function is called; it is shown as it stands.
    #[error("the hash function {0} is not accepted")]
    HashFunction(String),
    /// A registered hash function that is not known here, so that nothing is known of what is disclosed.
    #[error("the hash function {0:?} is not known here")]
    HashUnknown(String),
    /// A claim that decides about validity is hidden, wholly or in part.
    #[error("the claim {0:?} must not be hidden")]
    HiddenClaim(String),
    /// Containers too deep inside one another.
    #[error("the claims are nested too deep")]
    TooDeep,

    /// There is nothing at that pointer, or nothing that can be hidden or disclosed.
    #[error("there is nothing to disclose at {}", quoted(.0))]
    NotDisclosable(String),
    /// A presentation cannot be presented on.
    #[error("it carries a proof of somebody's key already")]
    AlreadyPresented,

    /// The proof of the holder's key is over another presentation.
    #[error("the proof of the holder's key is over another presentation")]
    KeyBindingHash,
    /// A proof of the holder's key is asked for, and there is none.
    #[error("there is no proof of the holder's key")]
    KeyBindingMissing,
    /// The claims name no key of the holder's, or none that can be used.
    #[error("the claims confirm no key of the holder's that can be used")]
    Confirmation,
    /// The claims name the holder's key in a way, or of a kind, that is not known here.
    #[error("{0}, which is not known here")]
    ConfirmationUnknown(String),
    /// The proof is by another key than the holder's.
    #[error("the proof is not by the key that the claims confirm")]
    KeyBindingKey,
    /// The proof answers another challenge.
    #[error("the proof is for another challenge")]
    KeyBindingNonce,
    /// The proof is for another verifier.
    #[error("the proof is for another verifier")]
    KeyBindingAudience,
    /// The proof is too old, or of the future.
    #[error("the proof was not made just now")]
    KeyBindingTime,
}

impl SdJwtError {
    /// Upper case, stable, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge(_) => "JOSE_TOO_LARGE",
            Self::Parts | Self::TooManyDisclosures | Self::Disclosure => "SD_JWT_MALFORMED",
            Self::Token(error) => error.code(),
            Self::DisclosureKind(_)
            | Self::ReservedName(_)
            | Self::NameTwice(_)
            | Self::Hashes(_)
            | Self::HashTwice(_)
            | Self::Unplaced
            | Self::TooDeep => "SD_JWT_DISCLOSURE_WRONG",
            Self::HashFunction(_) => "SD_JWT_HASH_REFUSED",
            Self::HashUnknown(_) => "SUITE_UNSUPPORTED",
            Self::HiddenClaim(_) => "SD_JWT_CLAIM_HIDDEN",
            Self::NotDisclosable(_) | Self::AlreadyPresented => "SD_JWT_NOT_DISCLOSABLE",
            Self::KeyBindingHash => "SD_JWT_KEY_BINDING_WRONG",
            Self::KeyBindingMissing => "HOLDER_UNPROVEN",
            Self::Confirmation => "SD_JWT_CONFIRMATION_INVALID",
            Self::ConfirmationUnknown(_) => "HOLDER_UNKNOWN",
            Self::KeyBindingKey => "HOLDER_SIGNATURE_WRONG",
            Self::KeyBindingNonce => "CHALLENGE_MISMATCH",
            Self::KeyBindingAudience => "DOMAIN_MISMATCH",
            Self::KeyBindingTime => "SD_JWT_KEY_BINDING_TIME",
        }
    }
}
