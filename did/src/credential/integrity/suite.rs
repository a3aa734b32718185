//! The suites: which hash, which curve, and how a document becomes the bytes that are signed.

/// Bytes of a hash.
pub const HASH_BYTES: usize = 32;
/// Bytes that a key signs: the hash of the proof's options, then that of the document.
pub const HASH_DATA_BYTES: usize = 2 * HASH_BYTES;
/// The longest Base58 text of 64 bytes.
const VALUE_CHARS_MAX: usize = 88;
/// Bytes of a signature by a key of P-384.
const P384_SIGNATURE_BYTES: usize = 96;
/// The longest Base58 text of so many.
const P384_VALUE_CHARS_MAX: usize = 132;

/// How a proof is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suite {
    /// W3C: Ed25519 over SHA-256 over JCS.
    EddsaJcs2022,
    /// W3C: P-256 over SHA-256 over JCS. Its variant of P-384 is not known here.
    EcdsaJcs2019,
    /// Ours: SM2 over SM3 over JCS. docs/credentials.md specifies it.
    Sm2Jcs2026,
    /// W3C: Ed25519 over SHA-256 over canonical RDF, which is computed elsewhere.
    EddsaRdfc2022,
    /// W3C: P-256 over the same. Its variant of P-384 is not known here.
    EcdsaRdfc2019,
}

impl Suite {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::EddsaJcs2022,
        Self::EcdsaJcs2019,
        Self::Sm2Jcs2026,
        Self::EddsaRdfc2022,
        Self::EcdsaRdfc2019,
    ];

    /// `cryptosuite`.
    pub fn name(self) -> &'static str {
        match self {
            Self::EddsaJcs2022 => "eddsa-jcs-2022",
            Self::EcdsaJcs2019 => "ecdsa-jcs-2019",
            Self::Sm2Jcs2026 => "starfire-sm2-jcs-2026",
            Self::EddsaRdfc2022 => "eddsa-rdfc-2022",
            Self::EcdsaRdfc2019 => "ecdsa-rdfc-2019",
        }
    }

    /// From `cryptosuite`.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|suite| suite.name() == name)
    }

    /// The suite over JCS for keys of this curve.
    pub fn of_curve(curve: &str) -> Option<Self> {
        [Self::EddsaJcs2022, Self::EcdsaJcs2019, Self::Sm2Jcs2026]
            .into_iter()
            .find(|suite| suite.curve() == curve)
    }

    /// The curve of its keys.
    pub fn curve(self) -> &'static str {
        match self {
            Self::EddsaJcs2022 | Self::EddsaRdfc2022 => "Ed25519",
            Self::EcdsaJcs2019 | Self::EcdsaRdfc2019 => "P-256",
            Self::Sm2Jcs2026 => "SM2",
        }
    }

    /// Whether keys of P-384 make proofs of the same name.
    pub(super) fn has_p384(self) -> bool {
        match self {
            Self::EcdsaJcs2019 | Self::EcdsaRdfc2019 => true,
            Self::EddsaJcs2022 | Self::EddsaRdfc2022 | Self::Sm2Jcs2026 => false,
        }
    }

    /// Whether it needs a JSON-LD processor.
    pub fn is_over_rdf(self) -> bool {
        match self {
            Self::EddsaRdfc2022 | Self::EcdsaRdfc2019 => true,
            Self::EddsaJcs2022 | Self::EcdsaJcs2019 | Self::Sm2Jcs2026 => false,
        }
    }

    /// How it hashes what is signed.
    pub(super) fn digest(self) -> Hash {
        match self {
            Self::EddsaJcs2022 | Self::EcdsaJcs2019 => Hash::Jcs,
            Self::Sm2Jcs2026 => Hash::JcsSm3,
            Self::EddsaRdfc2022 | Self::EcdsaRdfc2019 => Hash::Rdf,
        }
    }
}

/// How a document becomes a hash. Suites of several keys may have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hash {
    /// SHA-256 over JCS.
    Jcs,
    /// SM3 over JCS.
    JcsSm3,
    /// SHA-256 over canonical RDF.
    Rdf,
}

pub(super) fn sha256(bytes: &[u8]) -> [u8; HASH_BYTES] {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).into()
}

pub(super) fn sm3(bytes: &[u8]) -> [u8; HASH_BYTES] {
    use sm3::Digest as _;
    sm3::Sm3::digest(bytes).into()
}

/// `proofValue` of a signature: multibase `z`, Base58 of Bitcoin's alphabet.
pub(super) fn encode(signature: &[u8]) -> String {
    format!("z{}", bs58::encode(signature).into_string())
}

/// The 64 bytes of a `proofValue`.
pub(super) fn decode(text: &str) -> Option<[u8; 64]> {
    bytes(text, VALUE_CHARS_MAX)?.try_into().ok()
}

/// Whether a `proofValue` is one of a key of P-384.
pub(super) fn is_of_p384(text: &str) -> bool {
    bytes(text, P384_VALUE_CHARS_MAX).is_some_and(|bytes| bytes.len() == P384_SIGNATURE_BYTES)
}

fn bytes(text: &str, chars_max: usize) -> Option<Vec<u8>> {
    let text = text.strip_prefix('z')?;
    if text.len() > chars_max {
        return None;
    }
    bs58::decode(text).into_vec().ok()
}
