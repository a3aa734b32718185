//! The safety record as it lies on disk: a version, a checksum, and then `starfire.v1.SafetyRecord`.
//!
//! Blocks are not in it but beside it, each under the BLAKE3 hash of its bytes, so that a vote does not write them again. What
//! does not match its checksum or its hash is refused. It is never repaired and never taken for a lost record: a node that
//! guessed what it has signed could sign against itself.

use std::{collections::BTreeMap, sync::Arc};

use prost::Message as _;
use starfire_proto::v1;
use tendermint::Hash;

use super::{Ballot, SafetyRecord};
use crate::{
    candidate::{Candidate, CandidateError},
    quorum::round_or_minus_one,
    wire::{self, DecodeError},
};

/// The first byte on disk.
const VERSION: u8 = 1;
const CHECKSUM_BYTES: usize = 32;
const CHECKSUM_CONTEXT: &str = "starfire safety record 1";

/// BLAKE3 of a block's bytes.
pub type BlockDigest = [u8; 32];

/// Why a stored record cannot be used. The node must not vote.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SafetyError {
    /// Shorter than the shortest record.
    #[error("the safety record has {0} bytes, fewer than any record")]
    Short(usize),
    /// Written by another version of this program, or damaged.
    #[error("the safety record has version {0}, this program reads {VERSION}")]
    Version(u8),
    /// What was read is not what was written.
    #[error("the safety record does not match its checksum")]
    Checksum,
    /// The checksum is right and the contents are not a record.
    #[error("the safety record does not decode")]
    Record(#[from] DecodeError),
    /// A block that it names is gone.
    #[error("the block {} that the safety record names is missing", hex(.0))]
    MissingBlock(BlockDigest),
    /// A block that it names has other bytes than those that were written.
    #[error("the block {} that the safety record names is damaged", hex(.0))]
    DamagedBlock(BlockDigest),
    /// A block that it names is none.
    #[error("a block that the safety record names does not decode")]
    Block(#[from] CandidateError),
}

impl SafetyError {
    /// A stable name, for people and programs.
    pub fn code(&self) -> &'static str {
        "SAFETY_RECORD"
    }
}

impl SafetyRecord {
    /// The form on disk, without the blocks.
    pub fn encode(&self) -> Vec<u8> {
        let round = |ballot: Option<Ballot>| round_or_minus_one(ballot.map(|ballot| ballot.round));
        let block = |ballot: Option<Ballot>| {
            ballot
                .map(|ballot| wire::block_id_out(ballot.block_id))
                .unwrap_or_default()
        };
        let contents = v1::SafetyRecord {
            height: self.height,
            prevote_round: round(self.prevote),
            prevote_block: block(self.prevote),
            precommit_round: round(self.precommit),
            precommit_block: block(self.precommit),
            timeout_round: round_or_minus_one(self.timeout_round),
            high_qc: self.high_qc.as_ref().map(wire::certificate_out),
            proposal_round: round(self.proposal),
            proposal_block: block(self.proposal),
            blocks: self
                .blocks
                .iter()
                .map(|block| digest(block).to_vec())
                .collect(),
            votes_from: self.votes_from,
            timeout_certificate: self
                .timeout_certificate
                .as_ref()
                .map(wire::timeout_certificate_out),
            backed: self.backed.iter().copied().map(ballot_out).collect(),
            known_from: self.known_from,
        }
        .encode_to_vec();
        let mut bytes = Vec::with_capacity(1 + CHECKSUM_BYTES + contents.len());
        bytes.push(VERSION);
        bytes.extend(checksum(&contents));
        bytes.extend(contents);
        bytes
    }

    /// The blocks that it names, as they lie beside it.
    pub fn block_bytes(&self) -> BTreeMap<BlockDigest, Arc<[u8]>> {
        self.blocks
            .iter()
            .map(|block| (digest(block), Arc::clone(block.bytes())))
            .collect()
    }

    /// Read the form on disk. `stored` finds a block by its digest.
    pub fn decode(
        bytes: &[u8],
        stored: impl Fn(&BlockDigest) -> Option<Vec<u8>>,
    ) -> Result<Self, SafetyError> {
        let Some((&version, rest)) = bytes.split_first() else {
            return Err(SafetyError::Short(0));
        };
        if version != VERSION {
            return Err(SafetyError::Version(version));
        }
        let Some((sum, contents)) = rest.split_first_chunk::<CHECKSUM_BYTES>() else {
            return Err(SafetyError::Short(bytes.len()));
        };
        if *sum != checksum(contents) {
            return Err(SafetyError::Checksum);
        }
        let record = v1::SafetyRecord::decode(contents).map_err(DecodeError::from)?;
        let blocks = record.blocks.iter().map(|digest| {
            let digest = BlockDigest::try_from(digest.as_slice())
                .map_err(|_| DecodeError::Field("a digest has 32 bytes"))?;
            block_in(&digest, &stored)
        });
        Ok(Self {
            height: record.height,
            prevote: last_ballot_in(record.prevote_round, &record.prevote_block)?,
            precommit: last_ballot_in(record.precommit_round, &record.precommit_block)?,
            proposal: last_ballot_in(record.proposal_round, &record.proposal_block)?,
            timeout_round: wire::optional_round(record.timeout_round)?,
            high_qc: record.high_qc.map(wire::certificate_in).transpose()?,
            timeout_certificate: record
                .timeout_certificate
                .map(wire::timeout_certificate_in)
                .transpose()?,
            backed: record
                .backed
                .iter()
                .map(ballot_in)
                .collect::<Result<_, _>>()?,
            blocks: blocks.collect::<Result<_, SafetyError>>()?,
            votes_from: record.votes_from,
            known_from: record.known_from,
        })
    }
}

fn checksum(contents: &[u8]) -> [u8; CHECKSUM_BYTES] {
    blake3::derive_key(CHECKSUM_CONTEXT, contents)
}

/// A block's identity names the BLAKE3 hash of its bytes as its one part.
fn digest(block: &Candidate) -> BlockDigest {
    let Hash::Sha256(digest) = block.id().part_set_header.hash else {
        unreachable!("a candidate's identity has a hash")
    };
    digest
}

fn block_in(
    wanted: &BlockDigest,
    stored: impl Fn(&BlockDigest) -> Option<Vec<u8>>,
) -> Result<Candidate, SafetyError> {
    let Some(bytes) = stored(wanted) else {
        return Err(SafetyError::MissingBlock(*wanted));
    };
    let block = Candidate::decode(Arc::from(bytes))?;
    if digest(&block) == *wanted {
        Ok(block)
    } else {
        Err(SafetyError::DamagedBlock(*wanted))
    }
}

fn ballot_out(ballot: Ballot) -> v1::Ballot {
    v1::Ballot {
        round: ballot.round,
        block_id: wire::block_id_out(ballot.block_id),
    }
}

fn ballot_in(ballot: &v1::Ballot) -> Result<Ballot, DecodeError> {
    Ok(Ballot {
        round: wire::round(ballot.round)?,
        block_id: wire::block_id_in(&ballot.block_id)?,
    })
}

fn last_ballot_in(round: i32, block: &[u8]) -> Result<Option<Ballot>, DecodeError> {
    let Some(round) = wire::optional_round(round)? else {
        return Ok(None);
    };
    Ok(Some(Ballot {
        round,
        block_id: wire::block_id_in(block)?,
    }))
}

fn hex(digest: &BlockDigest) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Chain, reread};

    fn full() -> SafetyRecord {
        let chain = Chain::new(4);
        let (one, two) = (chain.block(1, b"one"), chain.block(1, b"two"));
        let qc = chain.prevotes(&one, 3, &[0, 1, 2]);
        let ballot = |round, block: &Candidate| Ballot {
            round,
            block_id: block.id(),
        };
        SafetyRecord {
            height: 1,
            prevote: Some(ballot(4, &two)),
            precommit: Some(ballot(3, &one)),
            proposal: Some(ballot(4, &two)),
            timeout_round: Some(4),
            timeout_certificate: Some(chain.timeouts(
                1,
                3,
                &[(0, None), (1, Some(&qc)), (3, None)],
            )),
            high_qc: Some(qc),
            backed: vec![ballot(3, &one), ballot(4, &two)],
            blocks: vec![one, two],
            votes_from: 7,
            known_from: 5,
        }
    }

    #[test]
    fn the_record_survives_the_disk() {
        for record in [full(), SafetyRecord::default(), SafetyRecord::silent()] {
            assert_eq!(reread(&record), record);
        }
        assert_eq!(full().last_round(), 4);
    }

    #[test]
    fn no_flipped_bit_and_no_lost_tail_is_read_as_a_record() {
        let record = full();
        let blocks = record.block_bytes();
        let read = |bytes: &[u8]| {
            SafetyRecord::decode(bytes, |digest| {
                blocks.get(digest).map(|bytes| bytes.to_vec())
            })
        };
        let bytes = record.encode();
        assert_eq!(read(&bytes), Ok(record));
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(read(&bytes).is_err(), "bit {bit}");
        }
        for length in 0..bytes.len() {
            assert!(read(&bytes[..length]).is_err(), "{length} bytes");
            let zeroed: Vec<u8> = (0..bytes.len())
                .map(|at| if at < length { bytes[at] } else { 0 })
                .collect();
            assert!(
                zeroed == bytes || read(&zeroed).is_err(),
                "zeroes from {length}"
            );
        }
    }

    #[test]
    fn a_block_that_is_missing_or_damaged_is_refused() {
        let record = full();
        let blocks = record.block_bytes();
        assert!(matches!(
            SafetyRecord::decode(&record.encode(), |_| None),
            Err(SafetyError::MissingBlock(_))
        ));
        let (wanted, bytes) = blocks.iter().next().unwrap();
        for bit in 0..bytes.len() * 8 {
            let found = SafetyRecord::decode(&record.encode(), |digest| {
                let mut bytes = blocks[digest].to_vec();
                if digest == wanted {
                    bytes[bit / 8] ^= 1 << (bit % 8);
                }
                Some(bytes)
            });
            assert!(found.is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_record_of_another_version_is_refused_by_name() {
        let mut bytes = SafetyRecord::default().encode();
        bytes[0] = 2;
        let error = SafetyRecord::decode(&bytes, |_| None).unwrap_err();
        assert_eq!(error, SafetyError::Version(2));
        assert_eq!(error.code(), "SAFETY_RECORD");
    }
}
