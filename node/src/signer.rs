//! The validator's key in a node: what signs votes and proposals.
//!
//! Only this type holds the key at run time. It signs whatever bytes it is given: what may be signed is decided by consensus, whose
//! safety record is on disk before the bytes come here.

use ed25519_dalek::{Signer as _, SigningKey};
use starfire_did::PrivateKey;
use tendermint::{PublicKey, account};

use crate::keystore::{self, KeystoreError};

/// A validator's key. Wiped from memory when dropped.
pub struct Signer {
    key: SigningKey,
    public: PublicKey,
}

impl Signer {
    /// The signer of this key, which must be Ed25519.
    pub fn new(key: &PrivateKey) -> Result<Self, KeystoreError> {
        let key = SigningKey::from_bytes(&*keystore::ed25519_seed(key)?);
        let public = PublicKey::from_raw_ed25519(key.verifying_key().as_bytes())
            .expect("a key of ed25519-dalek is an Ed25519 key to tendermint");
        Ok(Self { key, public })
    }

    /// Signs a message.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message).to_bytes()
    }

    /// The public key.
    pub fn public_key(&self) -> PublicKey {
        self.public
    }

    /// The validator's address: the first 20 bytes of the SHA-256 of its public key.
    pub fn address(&self) -> account::Id {
        account::Id::from(self.public)
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer")
            .field("address", &self.address())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use starfire_did::KeyAlgorithm;

    #[test]
    fn its_signatures_pass_the_chains_verifier() {
        let signer = Signer::new(&keystore::generate(KeyAlgorithm::Ed25519).unwrap()).unwrap();
        let key =
            ed25519_consensus::VerificationKey::try_from(signer.public_key().to_bytes().as_slice())
                .unwrap();
        let signature = ed25519_consensus::Signature::from(signer.sign(b"vote"));
        assert!(key.verify(&signature, b"vote").is_ok());
        assert!(key.verify(&signature, b"veto").is_err());
    }

    #[test]
    fn an_sm2_key_cannot_validate() {
        assert!(Signer::new(&keystore::generate(KeyAlgorithm::Sm2).unwrap()).is_err());
    }
}
