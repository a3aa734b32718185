//! Messages to bytes and back: `starfire.v1.ConsensusMessage`.
//!
//! Decoding checks form only: sizes, ranges, that what is said twice is said alike. Whatever decodes can be encoded again to
//! the same message.

mod misbehaviour;

use std::sync::Arc;

use prost::Message as _;
use starfire_proto::v1;
use tendermint::{Signature, Time, account, block::Commit, block::Id, vote::Vote};
use tendermint_proto::{
    Protobuf,
    v0_38::types::{BlockId as RawBlockId, Commit as RawCommit, Vote as RawVote},
};

use crate::{
    candidate::{BLOCK_BYTES_MAX, Candidate, CandidateError},
    electorate::VALIDATORS_MAX,
    message::{Message, Proposal, Timeout},
    quorum::{
        QuorumCertificate, ROUND_MAX, TimeoutCertificate, TimeoutSignature, round_or_minus_one,
    },
};

/// A message has at most this many bytes: a block, and certificates of `VALIDATORS_MAX` signatures.
pub const MESSAGE_BYTES_MAX: usize = BLOCK_BYTES_MAX + (256 << 10);

const NANOSECONDS: i64 = 1_000_000_000;
const SIGNATURE_BYTES: usize = 64;

/// Why bytes are not a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Larger than any message may be.
    #[error("the message has {0} bytes, more than {MESSAGE_BYTES_MAX}")]
    TooLarge(usize),
    /// Not protobuf, or not of this type.
    #[error("the message is not well-formed protobuf")]
    Protobuf(#[from] prost::DecodeError),
    /// A proposal's block.
    #[error("the proposal carries no block")]
    Block(#[from] CandidateError),
    /// A field.
    #[error("malformed: {0}")]
    Field(&'static str),
}

impl Message {
    /// The wire's form.
    pub fn encode(&self) -> Vec<u8> {
        use v1::consensus_message::Message as Wire;
        let message = match self {
            Self::Proposal(proposal) => Wire::Proposal(proposal_out(proposal)),
            Self::Vote(vote) => Wire::Vote(v1::ConsensusVote {
                vote: vote_out(vote),
            }),
            Self::QuorumCertificate(certificate) => {
                Wire::PrevoteCertificate(certificate_out(certificate))
            }
            Self::Timeout(timeout) => Wire::Timeout(timeout_out(timeout)),
            Self::TimeoutCertificate(certificate) => {
                Wire::TimeoutCertificate(timeout_certificate_out(certificate))
            }
            Self::Commit(commit) => Wire::Commit(RawCommit::from(commit.clone()).encode_to_vec()),
            Self::Misbehaviour(misbehaviour) => {
                Wire::Misbehaviour(misbehaviour::misbehaviour_out(misbehaviour))
            }
        };
        v1::ConsensusMessage {
            message: Some(message),
        }
        .encode_to_vec()
    }

    /// Read the wire's form.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        use v1::consensus_message::Message as Wire;
        if bytes.len() > MESSAGE_BYTES_MAX {
            return Err(DecodeError::TooLarge(bytes.len()));
        }
        let Some(message) = v1::ConsensusMessage::decode(bytes)?.message else {
            return Err(DecodeError::Field("a message of no known kind"));
        };
        Ok(match message {
            Wire::Proposal(proposal) => Self::Proposal(proposal_in(proposal)?),
            Wire::Vote(vote) => Self::Vote(vote_in(&vote.vote)?),
            Wire::PrevoteCertificate(certificate) => {
                Self::QuorumCertificate(certificate_in(certificate)?)
            }
            Wire::Timeout(timeout) => Self::Timeout(timeout_in(timeout)?),
            Wire::TimeoutCertificate(certificate) => {
                Self::TimeoutCertificate(timeout_certificate_in(certificate)?)
            }
            Wire::Commit(commit) => Self::Commit(commit_in(&commit)?),
            Wire::Misbehaviour(misbehaviour) => {
                Self::Misbehaviour(Box::new(misbehaviour::misbehaviour_in(misbehaviour)?))
            }
        })
    }
}

fn proposal_out(proposal: &Proposal) -> v1::ConsensusProposal {
    v1::ConsensusProposal {
        height: proposal.height(),
        round: proposal.round,
        pol_round: round_or_minus_one(proposal.justify.as_ref().map(|justify| justify.round)),
        block: proposal.block.bytes().to_vec(),
        justify: proposal.justify.as_deref().map(certificate_out),
        timeout_certificate: proposal
            .timeout_certificate
            .as_deref()
            .map(timeout_certificate_out),
        proposer: proposal.proposer.into(),
        signature: signature_out(proposal.signature.as_ref()),
    }
}

fn proposal_in(proposal: v1::ConsensusProposal) -> Result<Proposal, DecodeError> {
    let justify = proposal.justify.map(certificate_in).transpose()?;
    if optional_round(proposal.pol_round)? != justify.as_ref().map(|justify| justify.round) {
        return Err(DecodeError::Field(
            "pol_round is not the justification's round",
        ));
    }
    let block = Candidate::decode(Arc::from(proposal.block))?;
    if block.header().height.value() != proposal.height {
        return Err(DecodeError::Field("a proposal's height is not its block's"));
    }
    Ok(Proposal {
        round: round(proposal.round)?,
        block,
        justify: justify.map(Box::new),
        timeout_certificate: proposal
            .timeout_certificate
            .map(timeout_certificate_in)
            .transpose()?
            .map(Box::new),
        proposer: address(proposal.proposer)?,
        signature: signature_in(proposal.signature)?,
    })
}

fn vote_out(vote: &Vote) -> Vec<u8> {
    <Vote as Protobuf<RawVote>>::encode_vec(vote.clone())
}

fn vote_in(bytes: &[u8]) -> Result<Vote, DecodeError> {
    let vote = Vote::try_from(RawVote::decode(bytes)?)
        .map_err(|_| DecodeError::Field("not a Tendermint vote"))?;
    round(vote.round.value())?;
    // Refused before anything keeps it: an extension may be as long as a block.
    if !vote.extension.is_empty() || vote.extension_signature.is_some() {
        return Err(DecodeError::Field("votes carry no extensions"));
    }
    Ok(vote)
}

fn commit_in(bytes: &[u8]) -> Result<Commit, DecodeError> {
    let commit = RawCommit::decode(bytes)?;
    if commit.signatures.len() > VALIDATORS_MAX {
        return Err(DecodeError::Field("more signatures than validators"));
    }
    let commit =
        Commit::try_from(commit).map_err(|_| DecodeError::Field("not a Tendermint commit"))?;
    round(commit.round.value())?;
    Ok(commit)
}

fn timeout_out(timeout: &Timeout) -> v1::ConsensusTimeout {
    v1::ConsensusTimeout {
        height: timeout.height,
        round: timeout.round,
        high_qc_round: round_or_minus_one(timeout.high_qc_round()),
        validator: timeout.validator.into(),
        signature: signature_out(timeout.signature.as_ref()),
        high_qc: timeout.high_qc.as_ref().map(certificate_out),
    }
}

fn timeout_in(timeout: v1::ConsensusTimeout) -> Result<Timeout, DecodeError> {
    let high_qc = timeout.high_qc.map(certificate_in).transpose()?;
    if optional_round(timeout.high_qc_round)? != high_qc.as_ref().map(|high| high.round) {
        return Err(DecodeError::Field(
            "high_qc_round is not the certificate's round",
        ));
    }
    Ok(Timeout {
        height: height(timeout.height)?,
        round: round(timeout.round)?,
        high_qc,
        validator: address(timeout.validator)?,
        signature: signature_in(timeout.signature)?,
    })
}

/// A quorum certificate as the wire and the safety record hold it.
pub(crate) fn certificate_out(certificate: &QuorumCertificate) -> v1::QuorumCertificate {
    v1::QuorumCertificate {
        height: certificate.height,
        round: certificate.round,
        block_id: block_id_out(certificate.block_id),
        time_ns: time_out(certificate.time),
        signatures: certificate
            .signatures
            .iter()
            .map(|signature| signature_out(signature.as_ref()))
            .collect(),
    }
}

/// The inverse of [`certificate_out`].
pub(crate) fn certificate_in(
    certificate: v1::QuorumCertificate,
) -> Result<QuorumCertificate, DecodeError> {
    if certificate.signatures.len() > VALIDATORS_MAX {
        return Err(DecodeError::Field("more signatures than validators"));
    }
    Ok(QuorumCertificate {
        height: height(certificate.height)?,
        round: round(certificate.round)?,
        block_id: block_id_in(&certificate.block_id)?,
        time: time_in(certificate.time_ns)?,
        signatures: certificate
            .signatures
            .into_iter()
            .map(signature_in)
            .collect::<Result<_, _>>()?,
    })
}

/// A timeout certificate as the wire and the safety record hold it.
pub(crate) fn timeout_certificate_out(certificate: &TimeoutCertificate) -> v1::TimeoutCertificate {
    let timeouts = certificate
        .timeouts
        .iter()
        .map(|timeout| v1::TimeoutSignature {
            validator: timeout.validator.into(),
            high_qc_round: round_or_minus_one(timeout.high_qc_round),
            signature: timeout.signature.as_bytes().to_vec(),
        });
    v1::TimeoutCertificate {
        height: certificate.height,
        round: certificate.round,
        timeouts: timeouts.collect(),
        high_qc: certificate.high_qc.as_ref().map(certificate_out),
    }
}

/// The inverse of [`timeout_certificate_out`].
pub(crate) fn timeout_certificate_in(
    certificate: v1::TimeoutCertificate,
) -> Result<TimeoutCertificate, DecodeError> {
    if certificate.timeouts.len() > VALIDATORS_MAX {
        return Err(DecodeError::Field("more timeouts than validators"));
    }
    let timeouts = certificate.timeouts.into_iter().map(|timeout| {
        Ok(TimeoutSignature {
            validator: address(timeout.validator)?,
            high_qc_round: optional_round(timeout.high_qc_round)?,
            signature: signature_in(timeout.signature)?
                .ok_or(DecodeError::Field("a timeout without a signature"))?,
        })
    });
    Ok(TimeoutCertificate {
        height: height(certificate.height)?,
        round: round(certificate.round)?,
        timeouts: timeouts.collect::<Result<_, DecodeError>>()?,
        high_qc: certificate.high_qc.map(certificate_in).transpose()?,
    })
}

fn time_out(time: Time) -> i64 {
    i64::try_from(time.unix_timestamp_nanos())
        .expect("a block's time fits in 64 bits of nanoseconds")
}

fn time_in(time_ns: i64) -> Result<Time, DecodeError> {
    let nanoseconds = u32::try_from(time_ns.rem_euclid(NANOSECONDS)).expect("less than 10^9");
    Time::from_unix_timestamp(time_ns.div_euclid(NANOSECONDS), nanoseconds)
        .map_err(|_| DecodeError::Field("a time out of range"))
}

/// A block's identity, as Tendermint encodes it.
pub(crate) fn block_id_out(id: Id) -> Vec<u8> {
    <Id as Protobuf<RawBlockId>>::encode_vec(id)
}

/// The inverse of [`block_id_out`].
pub(crate) fn block_id_in(bytes: &[u8]) -> Result<Id, DecodeError> {
    <Id as Protobuf<RawBlockId>>::decode(bytes).map_err(|_| DecodeError::Field("not a block id"))
}

/// A round of an optional thing; -1 is none.
pub(crate) fn optional_round(value: i32) -> Result<Option<u32>, DecodeError> {
    match value {
        -1 => Ok(None),
        value => round(u32::try_from(value).map_err(|_| DecodeError::Field("a negative round"))?)
            .map(Some),
    }
}

/// A round within range.
pub(crate) fn round(value: u32) -> Result<u32, DecodeError> {
    if value <= ROUND_MAX {
        Ok(value)
    } else {
        Err(DecodeError::Field("a round out of range"))
    }
}

fn height(value: u64) -> Result<u64, DecodeError> {
    if i64::try_from(value).is_ok() {
        Ok(value)
    } else {
        Err(DecodeError::Field("a height out of range"))
    }
}

fn address(bytes: Vec<u8>) -> Result<account::Id, DecodeError> {
    account::Id::try_from(bytes).map_err(|_| DecodeError::Field("an address has 20 bytes"))
}

fn signature_out(signature: Option<&Signature>) -> Vec<u8> {
    signature
        .map(|signature| signature.as_bytes().to_vec())
        .unwrap_or_default()
}

fn signature_in(bytes: Vec<u8>) -> Result<Option<Signature>, DecodeError> {
    match bytes.len() {
        0 => Ok(None),
        SIGNATURE_BYTES => Signature::try_from(bytes)
            .map(Some)
            .map_err(|_| DecodeError::Field("not a signature")),
        _ => Err(DecodeError::Field("a signature has 64 bytes")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tendermint::vote::Type;

    use super::*;
    use crate::testing::Chain;

    fn messages() -> impl Strategy<Value = Message> {
        let signers = proptest::sample::subsequence(vec![0usize, 1, 2, 3], 1..=4);
        (
            0..9usize,
            0..ROUND_MAX,
            proptest::collection::vec(any::<u8>(), 0..40),
            signers,
            any::<bool>(),
        )
            .prop_map(|(kind, round, payload, signers, known)| {
                let chain = Chain::new(4);
                let block = chain.block(1, &payload);
                let qc = chain.prevotes(&block, round, &signers);
                let high = known.then_some(&qc);
                let timeouts: Vec<_> = signers.iter().map(|signer| (*signer, high)).collect();
                let ended = chain.timeouts(1, round, &timeouts);
                match kind {
                    0 => Message::Proposal(chain.proposal(
                        &block,
                        round + 1,
                        high.cloned(),
                        Some(ended),
                    )),
                    1 => Message::Vote(chain.vote(signers[0], Type::Precommit, &block, round)),
                    2 => Message::QuorumCertificate(qc),
                    3 => Message::Timeout(chain.timeout(signers[0], 1, round, high)),
                    4 => Message::TimeoutCertificate(ended),
                    5 => Message::Commit(chain.commit(&block, round, &signers)),
                    _ => {
                        Message::Misbehaviour(Box::new(chain.misbehaviour(kind - 6, &block, round)))
                    }
                }
            })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_is_encoded_decodes_to_the_same(message in messages()) {
            prop_assert_eq!(Message::decode(&message.encode()), Ok(message));
        }

        #[test]
        fn no_bytes_make_the_decoder_panic(
            message in messages(),
            at in any::<proptest::sample::Index>(),
            byte in any::<u8>(),
        ) {
            let mut bytes = message.encode();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if let Ok(decoded) = Message::decode(&bytes) {
                prop_assert_eq!(Message::decode(&decoded.encode()), Ok(decoded));
            }
            prop_assert!(Message::decode(&bytes[..at]).is_err() || at == 0 || Message::decode(&bytes[..at]).is_ok());
        }
    }

    #[test]
    fn rounds_and_heights_out_of_range_are_refused() {
        let chain = Chain::new(4);
        let timeout = timeout_out(&chain.timeout(0, 1, 0, None));
        let far = v1::ConsensusTimeout {
            round: ROUND_MAX + 1,
            ..timeout.clone()
        };
        assert_eq!(
            timeout_in(far),
            Err(DecodeError::Field("a round out of range"))
        );
        let high = v1::ConsensusTimeout {
            height: u64::MAX,
            ..timeout.clone()
        };
        assert_eq!(
            timeout_in(high),
            Err(DecodeError::Field("a height out of range"))
        );
        let claim = v1::ConsensusTimeout {
            high_qc_round: 3,
            ..timeout
        };
        assert_eq!(
            timeout_in(claim),
            Err(DecodeError::Field(
                "high_qc_round is not the certificate's round"
            ))
        );
        assert_eq!(
            Message::decode(&[]),
            Err(DecodeError::Field("a message of no known kind"))
        );
    }
}
