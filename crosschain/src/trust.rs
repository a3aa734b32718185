//! `starfire-trust/1`: what names a main chain, for a verifier who has met it once.
//!
//! A bundle never vouches for itself. The verifier pins its fingerprint, got by another way (print, a colleague, a circular), and
//! a bundle counts only when it has that fingerprint. Everything else hangs on the validators in it. The fingerprint is of what
//! genesis says. Changes of the validators since then prove themselves ([`crate::succession`]), so a bundle with more of them has the
//! same fingerprint, and one with fewer loses nothing but the knowledge.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tendermint::{chain, validator};

use crate::json;
use crate::sealed::{self, SealError};
use crate::succession::{Change, Succession, SuccessionError};
use crate::text::Hex;
use crate::validators;

/// The format of trust bundles.
pub const FORMAT: &str = "starfire-trust/1";
/// The largest trust bundle, bytes.
pub const BUNDLE_BYTES_MAX: usize = 3 << 20;
const NAME_BYTES_MAX: usize = 256;

/// Why bytes are not a trust bundle.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// Not a sealed file of this format.
    #[error(transparent)]
    Sealed(#[from] SealError),
    /// Not a Tendermint chain id.
    #[error("the chain id is malformed")]
    ChainId,
    /// Too long.
    #[error("the name has more than {NAME_BYTES_MAX} bytes")]
    Name,
    /// None, too many, twice the same, out of order, without power or with too much of it.
    #[error("the validators are malformed: {0}")]
    Validators(&'static str),
    /// The changes do not lead from the genesis validators to others.
    #[error("the changes of the validators do not hold")]
    Changes(#[from] SuccessionError),
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BundleFile {
    format: String,
    chain_id: String,
    /// Oldest first; left out when there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    changes: Vec<Change>,
    name: String,
    genesis_hash: Hex<32>,
    validators: Vec<ValidatorEntry>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ValidatorEntry {
    public_key: Hex<32>,
    power: u64,
}

/// The pinnable description of a main chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    chain_id: chain::Id,
    name: String,
    genesis_hash: [u8; 32],
    validators: validator::Set,
    changes: Vec<Change>,
}

impl Bundle {
    /// Describes a chain. `name` is for people and not part of the fingerprint.
    pub fn new(
        chain_id: chain::Id,
        name: &str,
        genesis_hash: [u8; 32],
        validators: validator::Set,
    ) -> Result<Self, TrustError> {
        if name.len() > NAME_BYTES_MAX {
            return Err(TrustError::Name);
        }
        // Through the entries, so that what can be built can also be read back.
        let validators = set(&entries(&validators))?;
        Ok(Self {
            chain_id,
            name: name.to_owned(),
            genesis_hash,
            validators,
            changes: Vec::new(),
        })
    }

    /// The same chain with all the changes of its validators, oldest first, each of which is checked.
    pub fn with_changes(self, changes: Vec<Change>) -> Result<Self, TrustError> {
        let bundle = Self { changes, ..self };
        bundle.follow()?;
        Ok(bundle)
    }

    /// Reads a bundle file.
    pub fn parse(bytes: &[u8]) -> Result<Self, TrustError> {
        let file: BundleFile = sealed::open(bytes, BUNDLE_BYTES_MAX, FORMAT)?;
        let chain_id = chain::Id::try_from(file.chain_id).map_err(|_| TrustError::ChainId)?;
        if file.name.len() > NAME_BYTES_MAX {
            return Err(TrustError::Name);
        }
        let validators = set(&file.validators)?;
        let bundle = Self {
            chain_id,
            name: file.name,
            genesis_hash: file.genesis_hash.0,
            validators,
            changes: Vec::new(),
        };
        bundle.with_changes(file.changes)
    }

    fn follow(&self) -> Result<Succession, SuccessionError> {
        let mut succession = Succession::begin(self.chain_id.clone(), self.validators.clone());
        succession.extend(&self.changes)?;
        Ok(succession)
    }

    /// Who decides which height, as far as the bundle tells.
    pub fn succession(&self) -> Succession {
        self.follow().expect("a bundle's changes were checked")
    }

    /// The changes of the validators, oldest first.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Whether `self` knows at least what `other` does of the same chain, and nothing that contradicts it.
    pub fn extends(&self, other: &Self) -> bool {
        self.fingerprint() == other.fingerprint()
            && self.changes.len() >= other.changes.len()
            && self.succession().extend(&other.changes).is_ok()
    }

    /// The file's bytes, which [`Bundle::parse`] reads.
    pub fn encode(&self) -> Vec<u8> {
        self.encode_with(self.changes.clone())
    }

    /// The file's bytes with these changes of the validators. They are not checked here, since whoever reads them does.
    pub fn encode_with(&self, changes: Vec<Change>) -> Vec<u8> {
        sealed::seal(&BundleFile {
            format: FORMAT.to_owned(),
            chain_id: self.chain_id.to_string(),
            name: self.name.clone(),
            genesis_hash: Hex(self.genesis_hash),
            validators: entries(&self.validators),
            changes,
        })
    }

    /// What a verifier pins: lower-case hex of SHA-256(JCS([chain_id, genesis_hash, [[public_key, power], …]])).
    pub fn fingerprint(&self) -> String {
        let validators: Vec<_> = entries(&self.validators)
            .into_iter()
            .map(|entry| (entry.public_key, entry.power))
            .collect();
        let text = json::canonical(&(self.chain_id.as_str(), Hex(self.genesis_hash), validators));
        Hex::<32>(Sha256::digest(text).into()).to_string()
    }

    /// The Tendermint chain id.
    pub fn chain_id(&self) -> &chain::Id {
        &self.chain_id
    }

    /// What people call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// SHA-256 of the canonical genesis file.
    pub fn genesis_hash(&self) -> &[u8; 32] {
        &self.genesis_hash
    }

    /// The genesis validators, who sign its first headers.
    pub fn validators(&self) -> &validator::Set {
        &self.validators
    }
}

/// In the order of the set: by power, then by address.
fn entries(validators: &validator::Set) -> Vec<ValidatorEntry> {
    let entry = |validator: &validator::Info| ValidatorEntry {
        public_key: Hex(validator
            .pub_key
            .to_bytes()
            .try_into()
            .expect("validators have Ed25519 keys of 32 bytes")),
        power: validator.power(),
    };
    validators.validators().iter().map(entry).collect()
}

fn set(entries: &[ValidatorEntry]) -> Result<validator::Set, TrustError> {
    let keys: Vec<_> = entries
        .iter()
        .map(|entry| (&entry.public_key.0, entry.power))
        .collect();
    let infos = validators::infos(&keys).map_err(TrustError::Validators)?;
    let set = validator::Set::without_proposer(infos.clone());
    if *set.validators() != infos {
        return Err(TrustError::Validators(
            "they must stand by power, then by address",
        ));
    }
    Ok(set)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    fn bundle(power: u64) -> Bundle {
        let set = fixture::Validators::new(1, 4, power).set();
        Bundle::new("starfire-main-1".parse().unwrap(), "Main", [9; 32], set).unwrap()
    }

    #[test]
    fn a_bundle_reads_back() {
        assert_eq!(Bundle::parse(&bundle(10).encode()).unwrap(), bundle(10));
    }

    #[test]
    fn the_fingerprint_names_chain_genesis_and_validators() {
        let original = bundle(10);
        assert_eq!(original.fingerprint().len(), 64);
        assert_eq!(
            Bundle {
                name: "Another name".to_owned(),
                ..original.clone()
            }
            .fingerprint(),
            original.fingerprint()
        );
        assert_ne!(bundle(11).fingerprint(), original.fingerprint());
        assert_ne!(
            Bundle {
                genesis_hash: [8; 32],
                ..original.clone()
            }
            .fingerprint(),
            original.fingerprint()
        );
        let renamed = Bundle {
            chain_id: "starfire-main-2".parse().unwrap(),
            ..original.clone()
        };
        assert_ne!(renamed.fingerprint(), original.fingerprint());
    }

    #[test]
    fn changes_prove_themselves_and_leave_the_fingerprint() {
        let first = fixture::Validators::new(1, 4, 10);
        let mut chain = fixture::Chain::new("starfire-main-1", first, Default::default());
        let change = chain.hand_over(fixture::Validators::new(2, 4, 10));
        let old = bundle(10);
        let new = old.clone().with_changes(vec![change.clone()]).unwrap();
        assert_eq!(new.fingerprint(), old.fingerprint());
        assert_eq!(Bundle::parse(&new.encode()).unwrap(), new);
        assert!(new.extends(&old) && !old.extends(&new));
        assert!(matches!(
            bundle(11).with_changes(vec![change]),
            Err(TrustError::Changes(_))
        ));
        let mut other = fixture::Chain::new(
            "starfire-main-1",
            fixture::Validators::new(1, 4, 10),
            Default::default(),
        );
        let conflicting = other.hand_over(fixture::Validators::new(3, 4, 10));
        let conflicting = old.with_changes(vec![conflicting]).unwrap();
        assert!(!conflicting.extends(&new) && !new.extends(&conflicting));
    }

    #[test]
    fn malformed_validators_are_refused() {
        let check = |change: &dyn Fn(&mut Vec<ValidatorEntry>)| {
            let mut validators = entries(bundle(10).validators());
            change(&mut validators);
            let file = BundleFile {
                format: FORMAT.to_owned(),
                chain_id: "starfire-main-1".to_owned(),
                name: String::new(),
                genesis_hash: Hex([9; 32]),
                validators,
                changes: Vec::new(),
            };
            assert!(matches!(
                Bundle::parse(&sealed::seal(&file)),
                Err(TrustError::Validators(_))
            ));
        };
        check(&Vec::clear);
        check(&|entries| entries.swap(0, 1));
        check(&|entries| {
            entries[1] = ValidatorEntry {
                public_key: entries[0].public_key,
                power: 10,
            }
        });
        check(&|entries| entries[0].power = 0);
        check(&|entries| entries[0].power = json::INTEGER_MAX);
    }
}
