//! The file's fields, and the values in it once they are proved.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use starfire_state::tree;

use super::Subject;
use super::report::{Reason, Stop, stop};
use crate::sealed::{self, SealError};
use crate::succession::Change;
use crate::text::{Base64, Hex};

/// The format of proof files.
pub const FORMAT: &str = "starfire-proof/1";
/// The largest proof file, bytes.
pub const PROOF_BYTES_MAX: usize = 1 << 20;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProofFile {
    pub(super) format: String,
    pub(super) subject: Subject,
    pub(super) main: MainPart,
    pub(super) main_values: Vec<Entry>,
    pub(super) sub: Option<SubPart>,
    pub(super) sub_values: Vec<Entry>,
}

/// The main chain and the header that everything hangs on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MainPart {
    pub(super) chain_id: String,
    /// How its validators changed before the header, oldest first; left out when they did not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) changes: Vec<Change>,
    pub(super) genesis_hash: Hex<32>,
    /// tendermint.types.SignedHeader
    pub(super) signed_header: Base64,
    /// tendermint.types.ValidatorSet
    pub(super) validators: Base64,
}

/// The sub-chain's header. It needs no signatures: the main chain has checked them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SubPart {
    pub(super) chain_code: String,
    /// tendermint.types.Header
    pub(super) header: Base64,
}

/// A value under a header's app hash; `null`: nothing stands there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) value: Option<Base64>,
    /// cosmos.ics23.v1.CommitmentProof
    pub(super) proof: Base64,
}

impl ProofFile {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, SealError> {
        sealed::open(bytes, PROOF_BYTES_MAX, FORMAT)
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        sealed::seal(self)
    }
}

/// Values that were proved, by path.
#[derive(Debug, Default)]
pub(super) struct Values(BTreeMap<Vec<u8>, Option<Vec<u8>>>);

impl Values {
    /// Proves exactly the expected paths, no fewer and no others, in order.
    pub(super) fn prove(
        root: &[u8; 32],
        entries: &[Entry],
        expected: &[Vec<u8>],
    ) -> Result<(Self, String), Stop> {
        if !entries
            .iter()
            .map(|entry| entry.key.as_bytes())
            .eq(expected.iter().map(Vec::as_slice))
        {
            let expected: Vec<_> = expected
                .iter()
                .map(|path| String::from_utf8_lossy(path))
                .collect();
            return Err(stop(
                Reason::ValuesUnexpected,
                format!("it must prove exactly: {}", expected.join(", ")),
            ));
        }
        let mut values = BTreeMap::new();
        for entry in entries {
            let value = entry.value.as_ref().map(|value| value.0.as_slice());
            tree::verify(root, entry.key.as_bytes(), value, &entry.proof.0)
                .map_err(|error| stop(Reason::ValueNotProved, format!("{}: {error}", entry.key)))?;
            values.insert(entry.key.clone().into_bytes(), value.map(<[u8]>::to_vec));
        }
        let detail = format!("{} proved under the header's app hash", values.len());
        Ok((Self(values), detail))
    }

    /// By path; `None`: proved absent.
    pub(super) fn into_map(self) -> BTreeMap<Vec<u8>, Option<Vec<u8>>> {
        self.0
    }

    /// All values, of whichever chain.
    pub(super) fn join(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// The record at a path that was asked for; `None`: proved absent.
    pub(super) fn record<M: prost::Message + Default>(
        &self,
        path: &[u8],
    ) -> Result<Option<M>, Stop> {
        let missing = || {
            stop(
                Reason::ValuesUnexpected,
                format!("{} is not in the file", String::from_utf8_lossy(path)),
            )
        };
        let Some(value) = self.0.get(path).ok_or_else(missing)? else {
            return Ok(None);
        };
        let record = M::decode(value.as_slice());
        record.map(Some).map_err(|error| {
            stop(
                Reason::RecordMalformed,
                format!("{}: {error}", String::from_utf8_lossy(path)),
            )
        })
    }
}
