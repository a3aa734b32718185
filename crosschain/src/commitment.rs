//! `starfire-evidence/1`: the note beside a file whose evidence is salted.
//!
//! Public evidence shows a file's digest, so anyone with the file finds it. Salted evidence shows a commitment that says nothing
//! without the salt; whoever has the file and this note can show that the chain holds it.

use blake3::Hasher as Blake3;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use starfire_proto::v1;

use crate::document::tree::tagged;
use crate::json;
use crate::sealed::{self, SealError};
use crate::text::Hex;

/// The format of the note.
pub const FORMAT: &str = "starfire-evidence/1";
/// The largest note, bytes.
pub const SIDECAR_BYTES_MAX: usize = 8 << 10;

/// How a file's bytes are hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    /// SHA-256.
    Sha256,
    /// SM3, GB/T 32905.
    Sm3,
    /// BLAKE3.
    Blake3,
}

impl Algorithm {
    /// The one that a record names, if it names one.
    pub fn from_proto(algorithm: v1::DigestAlgorithm) -> Option<Self> {
        match algorithm {
            v1::DigestAlgorithm::Unspecified => None,
            v1::DigestAlgorithm::Sha256 => Some(Self::Sha256),
            v1::DigestAlgorithm::Sm3 => Some(Self::Sm3),
            v1::DigestAlgorithm::Blake3 => Some(Self::Blake3),
        }
    }

    /// As records name it.
    pub fn to_proto(self) -> v1::DigestAlgorithm {
        match self {
            Self::Sha256 => v1::DigestAlgorithm::Sha256,
            Self::Sm3 => v1::DigestAlgorithm::Sm3,
            Self::Blake3 => v1::DigestAlgorithm::Blake3,
        }
    }

    /// Its name in files and paths.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sm3 => "sm3",
            Self::Blake3 => "blake3",
        }
    }

    /// The digest of a file's bytes.
    pub fn digest(self, bytes: &[u8]) -> [u8; 32] {
        match self {
            Self::Sha256 => Sha256::digest(bytes).into(),
            Self::Sm3 => <sm3::Sm3 as sm3::Digest>::digest(bytes).into(),
            Self::Blake3 => Blake3::new().update(bytes).finalize().into(),
        }
    }
}

/// What goes on the chain: SHA-256(0x03 ‖ JCS([algorithm, digest, salt])), digest and salt in lower-case hex.
pub fn commitment(algorithm: Algorithm, digest: &[u8; 32], salt: &[u8; 32]) -> [u8; 32] {
    tagged(
        3,
        &json::canonical(&(algorithm.name(), Hex(*digest), Hex(*salt))),
    )
}

/// The note: where the evidence stands, and the salt. It does not hold the file's digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sidecar {
    format: String,
    /// The issuer's DID.
    pub issuer: String,
    /// The evidence's identifier: the commitment in hex.
    pub id: String,
    /// The file's name, for people.
    pub name: String,
    /// The file's size, bytes.
    pub size: u64,
    /// How its bytes are hashed.
    pub algorithm: Algorithm,
    /// 32 random bytes.
    pub salt: Hex<32>,
}

impl Sidecar {
    /// A note for `issuer`'s evidence over `bytes`, with a salt drawn from `random`.
    pub fn new(
        issuer: &str,
        name: &str,
        bytes: &[u8],
        algorithm: Algorithm,
        random: &mut dyn FnMut(&mut [u8]),
    ) -> Self {
        let mut salt = [0; 32];
        random(&mut salt);
        let committed = commitment(algorithm, &algorithm.digest(bytes), &salt);
        Self {
            format: FORMAT.to_owned(),
            issuer: issuer.to_owned(),
            id: Hex(committed).to_string(),
            name: name.to_owned(),
            size: bytes.len() as u64,
            algorithm,
            salt: Hex(salt),
        }
    }

    /// Reads a note.
    pub fn parse(bytes: &[u8]) -> Result<Self, SealError> {
        sealed::open(bytes, SIDECAR_BYTES_MAX, FORMAT)
    }

    /// The note's bytes, which [`Sidecar::parse`] reads.
    pub fn encode(&self) -> Vec<u8> {
        sealed::seal(self)
    }

    /// The commitment to a file with these bytes under this salt.
    pub fn commitment(&self, bytes: &[u8]) -> [u8; 32] {
        commitment(self.algorithm, &self.algorithm.digest(bytes), &self.salt.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_the_published_ones() {
        let digest = |algorithm: Algorithm| hex::encode(algorithm.digest(b"abc"));
        // FIPS 180-4, GB/T 32905 A.1, and the BLAKE3 reference implementation.
        assert_eq!(
            digest(Algorithm::Sha256),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(
            digest(Algorithm::Sm3),
            "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
        );
        assert_eq!(
            digest(Algorithm::Blake3),
            "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85"
        );
    }

    #[test]
    fn a_commitment_binds_file_algorithm_and_salt() {
        let mut random = |buffer: &mut [u8]| buffer.fill(5);
        let note = Sidecar::new("did:bid:ef1", "a.pdf", b"abc", Algorithm::Sm3, &mut random);
        assert_eq!(Sidecar::parse(&note.encode()).unwrap(), note);
        let expected = note.commitment(b"abc");
        assert_eq!(note.id, hex::encode(expected));
        assert_ne!(note.commitment(b"abd"), expected);
        assert_ne!(
            Sidecar {
                salt: Hex([6; 32]),
                ..note.clone()
            }
            .commitment(b"abc"),
            expected
        );
        assert_ne!(
            Sidecar {
                algorithm: Algorithm::Sha256,
                ..note
            }
            .commitment(b"abc"),
            expected
        );
    }
}
