//! Proofs against validators, and what a block leaves for such proofs, as they are sent and stored.

use prost::Message as _;
use starfire_proto::v1;

use super::{
    DecodeError, address, block_id_in, block_id_out, certificate_in, certificate_out, height,
    optional_round, round, signature_in, time_in, time_out, timeout_certificate_in,
    timeout_certificate_out, vote_in, vote_out,
};
use crate::{
    misbehaviour::{Misbehaviour, SignedProposal, SignedTimeout},
    quorum::{Justification, round_or_minus_one},
};

impl Misbehaviour {
    /// The stored form.
    pub fn encode(&self) -> Vec<u8> {
        misbehaviour_out(self).encode_to_vec()
    }

    /// Read the stored form.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        misbehaviour_in(v1::Misbehaviour::decode(bytes)?)
    }
}

impl Justification {
    /// The stored form.
    pub fn encode(&self) -> Vec<u8> {
        v1::Justification {
            timeout_certificate: Some(timeout_certificate_out(&self.timeout_certificate)),
            justify: self.justify.as_ref().map(certificate_out),
        }
        .encode_to_vec()
    }

    /// Read the stored form.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let justification = v1::Justification::decode(bytes)?;
        let Some(ended) = justification.timeout_certificate else {
            return Err(DecodeError::Field("a justification without timeouts"));
        };
        Ok(Self {
            timeout_certificate: timeout_certificate_in(ended)?,
            justify: justification.justify.map(certificate_in).transpose()?,
        })
    }
}

pub(super) fn misbehaviour_out(misbehaviour: &Misbehaviour) -> v1::Misbehaviour {
    use v1::misbehaviour::Proof;
    let proof = match misbehaviour {
        Misbehaviour::DuplicateVote(one, two) => Proof::DuplicateVote(v1::DuplicateVote {
            one: vote_out(one),
            two: vote_out(two),
        }),
        Misbehaviour::DuplicateProposal(one, two) => {
            Proof::DuplicateProposal(v1::DuplicateProposal {
                one: Some(proposal_out(one)),
                two: Some(proposal_out(two)),
            })
        }
        Misbehaviour::Amnesia(vote, timeout) => Proof::Amnesia(v1::Amnesia {
            precommit: vote_out(vote),
            timeout: Some(v1::ConsensusTimeout {
                height: timeout.height,
                round: timeout.round,
                high_qc_round: round_or_minus_one(timeout.high_qc_round),
                validator: timeout.validator.into(),
                signature: timeout.signature.as_bytes().to_vec(),
                high_qc: None,
            }),
        }),
    };
    v1::Misbehaviour { proof: Some(proof) }
}

pub(super) fn misbehaviour_in(misbehaviour: v1::Misbehaviour) -> Result<Misbehaviour, DecodeError> {
    use v1::misbehaviour::Proof;
    let Some(proof) = misbehaviour.proof else {
        return Err(DecodeError::Field("a proof of no known kind"));
    };
    let decoded = match proof {
        Proof::DuplicateVote(votes) => {
            Misbehaviour::DuplicateVote(vote_in(&votes.one)?, vote_in(&votes.two)?)
        }
        Proof::DuplicateProposal(proposals) => Misbehaviour::DuplicateProposal(
            proposal_in(proposals.one)?,
            proposal_in(proposals.two)?,
        ),
        Proof::Amnesia(amnesia) => {
            Misbehaviour::Amnesia(vote_in(&amnesia.precommit)?, timeout_in(amnesia.timeout)?)
        }
    };
    if decoded.contradicts() {
        Ok(decoded)
    } else {
        Err(DecodeError::Field("two statements that do not contradict"))
    }
}

fn proposal_out(proposal: &SignedProposal) -> v1::SignedProposal {
    v1::SignedProposal {
        height: proposal.height,
        round: proposal.round,
        pol_round: round_or_minus_one(proposal.pol_round),
        block_id: block_id_out(proposal.block_id),
        time_ns: time_out(proposal.time),
        proposer: proposal.proposer.into(),
        signature: proposal.signature.as_bytes().to_vec(),
    }
}

fn proposal_in(proposal: Option<v1::SignedProposal>) -> Result<SignedProposal, DecodeError> {
    let proposal = proposal.ok_or(DecodeError::Field("a proof with one proposal"))?;
    Ok(SignedProposal {
        height: height(proposal.height)?,
        round: round(proposal.round)?,
        pol_round: optional_round(proposal.pol_round)?,
        block_id: block_id_in(&proposal.block_id)?,
        time: time_in(proposal.time_ns)?,
        proposer: address(proposal.proposer)?,
        signature: signature_in(proposal.signature)?
            .ok_or(DecodeError::Field("a proposal without a signature"))?,
    })
}

fn timeout_in(timeout: Option<v1::ConsensusTimeout>) -> Result<SignedTimeout, DecodeError> {
    let timeout = timeout.ok_or(DecodeError::Field("a proof without its timeout"))?;
    Ok(SignedTimeout {
        height: height(timeout.height)?,
        round: round(timeout.round)?,
        high_qc_round: optional_round(timeout.high_qc_round)?,
        validator: address(timeout.validator)?,
        signature: signature_in(timeout.signature)?
            .ok_or(DecodeError::Field("a timeout without a signature"))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Chain;

    #[test]
    fn every_kind_of_proof_survives_the_disk() {
        let chain = Chain::new(4);
        for kind in 0..3 {
            let proof = chain.misbehaviour(kind, &chain.block(1, b"one"), 5);
            assert!(proof.convicts(&chain.electorate(1)));
            assert_eq!(Misbehaviour::decode(&proof.encode()), Ok(proof));
        }
    }

    #[test]
    fn statements_that_do_not_contradict_are_no_proof() {
        let chain = Chain::new(4);
        let vote = chain.vote(
            0,
            tendermint::vote::Type::Prevote,
            &chain.block(1, b"one"),
            0,
        );
        let same = Misbehaviour::DuplicateVote(vote.clone(), vote);
        assert!(Misbehaviour::decode(&same.encode()).is_err());
        assert!(Misbehaviour::decode(&[]).is_err());
    }

    #[test]
    fn a_justification_survives_the_disk() {
        let chain = Chain::new(4);
        let qc = chain.prevotes(&chain.block(1, b""), 0, &[0, 1, 2]);
        let justification = Justification {
            timeout_certificate: chain.timeouts(1, 0, &[(0, Some(&qc)), (1, None), (2, None)]),
            justify: Some(qc),
        };
        assert_eq!(
            Justification::decode(&justification.encode()),
            Ok(justification)
        );
    }
}
