//! The signature algorithms that a token may name, and the one curve that each is for.

use crate::verification_key::VerificationKey;

/// A signature algorithm. There is no `none`, and none with a shared secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Algorithm {
    /// Ed25519: `EdDSA` of RFC 8037, or `Ed25519` of RFC 9864.
    EdDsa,
    /// P-256 with SHA-256, RFC 7518 §3.4.
    Es256,
    /// SM2 with SM3: BIF's profile, no registered name.
    Sm2,
}

/// Other algorithms for signatures by somebody's own key, as IANA registers them. Those with a shared secret are not among them.
const REGISTERED: [&str; 13] = [
    "ES256K",
    "ES384",
    "ES512",
    "Ed448",
    "ML-DSA-44",
    "ML-DSA-65",
    "ML-DSA-87",
    "PS256",
    "PS384",
    "PS512",
    "RS256",
    "RS384",
    "RS512",
];

/// Whether an algorithm that is not known here is known elsewhere: what it signs may be good.
pub(super) fn is_registered(name: &str) -> bool {
    REGISTERED.contains(&name)
}

impl Algorithm {
    const ALL: [Self; 3] = [Self::EdDsa, Self::Es256, Self::Sm2];

    /// From a header's `alg`. Of the polymorphic `EdDSA`, only Ed25519 is meant here.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "EdDSA" | "Ed25519" => Some(Self::EdDsa),
            "ES256" => Some(Self::Es256),
            "SM2" => Some(Self::Sm2),
            _ => None,
        }
    }

    /// As tokens made here say it. `EdDSA` is deprecated since RFC 9864, but it is the name that every library knows.
    pub fn name(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
            Self::Sm2 => "SM2",
        }
    }

    /// The curve of its keys, as [`VerificationKey::curve`] says it.
    pub fn curve(self) -> &'static str {
        match self {
            Self::EdDsa => "Ed25519",
            Self::Es256 => "P-256",
            Self::Sm2 => "SM2",
        }
    }

    /// The algorithm of a key; `None` for keys that no algorithm here is for.
    pub fn of(key: &VerificationKey) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.fits(key))
    }

    /// Whether the key is of its curve.
    pub fn fits(self, key: &VerificationKey) -> bool {
        key.curve() == self.curve()
    }
}
