//! The ceremony: every founder signs the genesis hash, so that no chain begins that one of them has not seen.
//!
//! The founders are the members that vote, and every super node.

use std::collections::BTreeMap;

use starfire_did::{Did, PrivateKey, PublicKey, signature};

use super::file::{GenesisMember, GenesisRole, GenesisSignature};
use super::{Genesis, SIGNING_PREFIX};

/// Why the founders' signatures do not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CeremonyError {
    /// A founder has not signed.
    #[error("{0} has not signed the genesis")]
    Missing(String),
    /// Somebody signed who is no founder.
    #[error("{0} is no founder, so its signature has no place here")]
    Stranger(String),
    /// A founder signed twice.
    #[error("{0} has signed twice")]
    Twice(String),
    /// The public key does not parse, or does not derive the address.
    #[error("the public key beside {0} is not its key")]
    Key(String),
    /// The signature is over something else.
    #[error("the signature of {0} is not over this genesis")]
    Signature(String),
}

impl Genesis {
    /// What a founder signs.
    pub fn signing_bytes(&self) -> Vec<u8> {
        [SIGNING_PREFIX, &self.hash()].concat()
    }

    /// A founder's signature, by its account key.
    pub fn sign(&self, key: &PrivateKey) -> GenesisSignature {
        let public_key = key.public();
        let code = starfire_did::ChainCode::parse_optional(&self.file.chain_code)
            .expect("the chain code was checked");
        GenesisSignature {
            address: Did::derive(&public_key, code.as_ref()).to_string(),
            public_key: public_key.to_string(),
            signature: hex::encode(key.sign(&self.signing_bytes())),
        }
    }

    /// Who has to sign.
    pub fn founders(&self) -> impl Iterator<Item = &GenesisMember> {
        self.file
            .members
            .iter()
            .filter(|member| member.role == GenesisRole::Super || member.validator_key.is_some())
    }

    /// Whether every founder has signed this genesis, and nobody else.
    pub fn verify_ceremony(&self) -> Result<(), CeremonyError> {
        let message = self.signing_bytes();
        let mut missing: BTreeMap<&str, bool> = self
            .founders()
            .map(|member| (member.address.as_str(), true))
            .collect();
        for entry in &self.file.signatures {
            match missing.insert(&entry.address, false) {
                Some(true) => {}
                Some(false) => return Err(CeremonyError::Twice(entry.address.clone())),
                None => return Err(CeremonyError::Stranger(entry.address.clone())),
            }
            verify(entry, &message)?;
        }
        match missing.into_iter().find(|(_, missing)| *missing) {
            Some((address, _)) => Err(CeremonyError::Missing(address.to_owned())),
            None => Ok(()),
        }
    }
}

fn verify(entry: &GenesisSignature, message: &[u8]) -> Result<(), CeremonyError> {
    let (Ok(key), Ok(address)) = (
        PublicKey::parse(&entry.public_key),
        Did::parse(&entry.address),
    ) else {
        return Err(CeremonyError::Key(entry.address.clone()));
    };
    if !address.is_derived_from(&key) {
        return Err(CeremonyError::Key(entry.address.clone()));
    }
    let valid =
        hex::decode(&entry.signature).is_ok_and(|bytes| signature::verify(&key, message, &bytes));
    if valid {
        Ok(())
    } else {
        Err(CeremonyError::Signature(entry.address.clone()))
    }
}
