//! How the main chain's validators follow one another: headers, each signed by one set and naming the next.
//!
//! A verifier who knows the genesis validators believes the first header because they signed it, and with it the set that it names;
//! the second because that set signed it; and so on. Nothing is skipped, so no trusting period and no overlap of the sets is
//! needed: each set has vouched as a whole for the next.

use serde::{Deserialize, Serialize};
use starfire_consensus::certificate::{self, CertificateError};
use starfire_proto::v1;
use tendermint::block::signed_header::SignedHeader;
use tendermint::{Hash, chain, validator};
use tendermint_proto::Protobuf;
use tendermint_proto::v0_38::types::{
    Commit as RawCommit, Header as RawHeader, SignedHeader as RawSignedHeader,
    ValidatorSet as RawValidatorSet,
};

use crate::text::Base64;

/// The most changes that a file may hold.
pub const CHANGES_MAX: usize = 1_024;

/// A header that names another set than the one that signed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// tendermint.types.ValidatorSet of the height after.
    next_validators: Base64,
    /// tendermint.types.SignedHeader
    signed_header: Base64,
}

/// Why changes do not lead from one set to another.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SuccessionError {
    /// More than [`CHANGES_MAX`].
    #[error("there are more than {CHANGES_MAX} changes")]
    TooMany,
    /// A header or a set does not decode, or not from its one form.
    #[error("a change of the validators does not decode")]
    Malformed,
    /// A header of another chain.
    #[error("the change at height {0} is of another chain")]
    WrongChain(u64),
    /// It contradicts a change that is known already.
    #[error("the change at height {0} is not the one that is known")]
    Conflict(u64),
    /// The header names other signers than the set that was to follow: a change before it is missing.
    #[error("the change at height {0} does not follow from those before it: one is missing")]
    Gap(u64),
    /// The set given is not the one that the header names, or no other one.
    #[error("the change at height {0} gives another set than its header names")]
    NextSet(u64),
    /// The set before did not sign it as it must.
    #[error("the change at height {height} is not signed by the validators before it")]
    Certificate {
        /// Of the header.
        height: u64,
        /// What is wrong with the signatures.
        #[source]
        error: CertificateError,
    },
}

impl Change {
    /// As state keeps it; `None` while the commit has not come.
    pub fn of(record: &v1::ValidatorChange) -> Option<Self> {
        use prost::Message;

        if record.commit.is_empty() {
            return None;
        }
        let signed = RawSignedHeader {
            header: RawHeader::decode(record.header.as_slice()).ok(),
            commit: RawCommit::decode(record.commit.as_slice()).ok(),
        };
        Some(Self {
            next_validators: Base64(record.next_validators.clone()),
            signed_header: Base64(signed.encode_to_vec()),
        })
    }

    fn header(&self) -> Result<SignedHeader, SuccessionError> {
        one_form::<SignedHeader, RawSignedHeader>(&self.signed_header.0)
            .ok_or(SuccessionError::Malformed)
    }

    fn next(&self) -> Result<validator::Set, SuccessionError> {
        one_form::<validator::Set, RawValidatorSet>(&self.next_validators.0)
            .ok_or(SuccessionError::Malformed)
    }

    /// The height of its header.
    pub fn height(&self) -> Result<u64, SuccessionError> {
        Ok(self.header()?.header.height.value())
    }

    /// About what it takes in a file, bytes.
    pub(crate) fn size(&self) -> usize {
        (self.next_validators.0.len() + self.signed_header.0.len()) * 4 / 3 + 64
    }
}

/// The sets of a chain, as far as they are known.
#[derive(Debug, Clone)]
pub struct Succession {
    chain_id: chain::Id,
    genesis: validator::Set,
    known: Vec<Known>,
}

#[derive(Debug, Clone)]
struct Known {
    height: u64,
    header_hash: Hash,
    next: validator::Set,
}

impl Succession {
    /// The genesis validators alone.
    pub fn begin(chain_id: chain::Id, genesis: validator::Set) -> Self {
        Self {
            chain_id,
            genesis,
            known: Vec::new(),
        }
    }

    /// Takes in changes, oldest first. Those that are known already must be the same; each later one must follow from what is known.
    pub fn extend(&mut self, changes: &[Change]) -> Result<(), SuccessionError> {
        if changes.len() > CHANGES_MAX {
            return Err(SuccessionError::TooMany);
        }
        changes.iter().try_for_each(|change| self.take(change))
    }

    fn take(&mut self, change: &Change) -> Result<(), SuccessionError> {
        let signed = change.header()?;
        let header = &signed.header;
        let height = header.height.value();
        if header.chain_id != self.chain_id {
            return Err(SuccessionError::WrongChain(height));
        }
        let header_hash = header.hash();
        if self.known.last().is_some_and(|last| height <= last.height) {
            let same = |known: &Known| known.height == height && known.header_hash == header_hash;
            return match self.known.iter().any(same) {
                true => Ok(()),
                false => Err(SuccessionError::Conflict(height)),
            };
        }
        let signers = self.newest();
        if header.validators_hash != signers.hash() {
            return Err(SuccessionError::Gap(height));
        }
        certificate::verify(&signed, signers)
            .map_err(|error| SuccessionError::Certificate { height, error })?;
        let next = change.next()?;
        if next.hash() != header.next_validators_hash
            || header.next_validators_hash == header.validators_hash
        {
            return Err(SuccessionError::NextSet(height));
        }
        if self.known.len() >= CHANGES_MAX {
            return Err(SuccessionError::TooMany);
        }
        self.known.push(Known {
            height,
            header_hash,
            next,
        });
        Ok(())
    }

    /// Who decides the height, as far as the known changes tell.
    pub fn at(&self, height: u64) -> &validator::Set {
        let before = self.known.iter().rev().find(|known| known.height < height);
        before.map_or(&self.genesis, |known| &known.next)
    }

    /// The newest known set.
    pub fn newest(&self) -> &validator::Set {
        self.known.last().map_or(&self.genesis, |known| &known.next)
    }

    /// How many changes are known.
    pub fn count(&self) -> usize {
        self.known.len()
    }
}

/// Decodes what has one form only: encoding it again gives the same bytes, so nothing else can hide in a file.
pub(crate) fn one_form<T, R>(bytes: &[u8]) -> Option<T>
where
    T: Protobuf<R> + Clone,
    R: From<T> + prost::Message + Default,
    <T as TryFrom<R>>::Error: std::fmt::Display,
{
    let value = T::decode_vec(bytes).ok()?;
    (value.clone().encode_vec() == bytes).then_some(value)
}

#[cfg(test)]
mod tests;
