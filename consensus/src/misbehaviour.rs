//! What a validator signed that no honest one would. Each case is two signed statements of one key; a third party can check
//! them with nothing but the validator set of the height.

use tendermint::{
    Signature, Time, account,
    block::Id,
    evidence::DuplicateVoteEvidence,
    vote::{Power, Type, Vote},
};

use crate::{
    electorate::Electorate,
    message::{Proposal, Timeout},
    sign_bytes, signature,
    wire::block_id_out,
};

/// A proposal without its block: what its proposer signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedProposal {
    /// Height.
    pub height: u64,
    /// Round.
    pub round: u32,
    /// Round of the justification.
    pub pol_round: Option<u32>,
    /// The block.
    pub block_id: Id,
    /// The block's time.
    pub time: Time,
    /// Who.
    pub proposer: account::Id,
    /// Over all of it.
    pub signature: Signature,
}

/// A timeout without its certificate: what its validator signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedTimeout {
    /// Height.
    pub height: u64,
    /// Round.
    pub round: u32,
    /// What the validator claimed to know.
    pub high_qc_round: Option<u32>,
    /// Who.
    pub validator: account::Id,
    /// Over all of it.
    pub signature: Signature,
}

/// A proof against a validator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Misbehaviour {
    /// Two votes of one kind in one round, for different blocks. Tendermint's `DuplicateVoteEvidence`.
    DuplicateVote(Vote, Vote),
    /// Two proposals in one round, of different blocks.
    DuplicateProposal(SignedProposal, SignedProposal),
    /// A precommit in a round, and a timeout of that or a later round which denies the certificate that the precommit stood
    /// on. With it, amnesia can be proved from two messages; Tendermint cannot do that offline.
    Amnesia(Vote, SignedTimeout),
}

impl Misbehaviour {
    /// The validator that it convicts.
    pub fn offender(&self) -> account::Id {
        match self {
            Self::DuplicateVote(vote, _) | Self::Amnesia(vote, _) => vote.validator_address,
            Self::DuplicateProposal(proposal, _) => proposal.proposer,
        }
    }

    /// The height at which the rules were broken.
    pub fn height(&self) -> u64 {
        match self {
            Self::DuplicateVote(vote, _) | Self::Amnesia(vote, _) => vote.height.value(),
            Self::DuplicateProposal(proposal, _) => proposal.height,
        }
    }

    /// The round, of the earlier statement if they are of different ones.
    pub fn round(&self) -> u32 {
        match self {
            Self::DuplicateVote(vote, _) | Self::Amnesia(vote, _) => vote.round.value(),
            Self::DuplicateProposal(proposal, _) => proposal.round,
        }
    }

    /// A stable name of the kind, for people and programs.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::DuplicateVote(..) => "DUPLICATE_VOTE",
            Self::DuplicateProposal(..) => "DUPLICATE_PROPOSAL",
            Self::Amnesia(..) => "AMNESIA",
        }
    }

    /// Whether the two statements contradict each other, whoever signed them.
    pub(crate) fn contradicts(&self) -> bool {
        match self {
            Self::DuplicateVote(one, two) => votes_contradict(one, two),
            Self::DuplicateProposal(one, two) => proposals_contradict(one, two),
            Self::Amnesia(vote, timeout) => denies(vote, timeout),
        }
    }

    /// Tendermint's evidence of two votes, for programs that know no other: in its order of votes, with the powers and the time of
    /// the block of that height. None for the kinds that Tendermint has no type for.
    pub fn evidence(
        &self,
        electorate: &Electorate,
        block_time: Time,
    ) -> Option<DuplicateVoteEvidence> {
        let Self::DuplicateVote(one, two) = self else {
            return None;
        };
        let index = electorate.index(one.validator_address)?;
        let key = |vote: &Vote| vote.block_id.map(block_id_out);
        let (first, second) = if key(one) <= key(two) {
            (one, two)
        } else {
            (two, one)
        };
        Some(DuplicateVoteEvidence {
            vote_a: first.clone(),
            vote_b: second.clone(),
            total_voting_power: electorate.validators().total_voting_power(),
            validator_power: Power::try_from(electorate.power(index)).ok()?,
            timestamp: block_time,
        })
    }

    /// Whether it convicts: the statements contradict each other, and one key signed both.
    pub fn convicts(&self, electorate: &Electorate) -> bool {
        let Some(index) = electorate.index(self.offender()) else {
            return false;
        };
        let signed = |message: Vec<u8>, signature: Option<&Signature>| {
            signature.is_some_and(|signature| {
                signature::valid(electorate.key(index), &message, signature.as_bytes())
            })
        };
        let chain_id = electorate.chain_id();
        let vote_signed = |vote: &Vote| {
            signed(
                vote.clone().into_signable_vec(chain_id.clone()),
                vote.signature.as_ref(),
            )
        };
        let proposal_signed = |one: &SignedProposal| {
            let bytes = sign_bytes::proposal(
                chain_id,
                one.height,
                one.round,
                one.pol_round,
                one.block_id,
                one.time,
            );
            signed(bytes, Some(&one.signature))
        };
        match self {
            Self::DuplicateVote(one, two) => {
                votes_contradict(one, two)
                    && one.height.value() == electorate.height()
                    && vote_signed(one)
                    && vote_signed(two)
            }
            Self::DuplicateProposal(one, two) => {
                proposals_contradict(one, two)
                    && one.height == electorate.height()
                    && proposal_signed(one)
                    && proposal_signed(two)
            }
            Self::Amnesia(vote, timeout) => {
                let bytes = sign_bytes::timeout(
                    chain_id,
                    timeout.height,
                    timeout.round,
                    timeout.high_qc_round,
                );
                denies(vote, timeout)
                    && vote.height.value() == electorate.height()
                    && vote_signed(vote)
                    && signed(bytes, Some(&timeout.signature))
            }
        }
    }
}

impl SignedProposal {
    /// The signed part of a proposal; none if it is not signed.
    pub(crate) fn of(proposal: &Proposal) -> Option<Self> {
        Some(Self {
            height: proposal.height(),
            round: proposal.round,
            pol_round: proposal.justify.as_ref().map(|justify| justify.round),
            block_id: proposal.block.id(),
            time: proposal.block.time(),
            proposer: proposal.proposer,
            signature: proposal.signature.clone()?,
        })
    }
}

impl SignedTimeout {
    /// The signed part of a timeout; none if it is not signed.
    pub(crate) fn of(timeout: &Timeout) -> Option<Self> {
        Some(Self {
            height: timeout.height,
            round: timeout.round,
            high_qc_round: timeout.high_qc_round(),
            validator: timeout.validator,
            signature: timeout.signature.clone()?,
        })
    }
}

/// Whether two votes are of one kind, round and validator, but for different blocks.
pub(crate) fn votes_contradict(one: &Vote, two: &Vote) -> bool {
    one.vote_type == two.vote_type
        && one.height == two.height
        && one.round == two.round
        && one.validator_address == two.validator_address
        && one.block_id != two.block_id
}

/// Whether two proposals are of one round and proposer, but for different blocks.
pub(crate) fn proposals_contradict(one: &SignedProposal, two: &SignedProposal) -> bool {
    one.height == two.height
        && one.round == two.round
        && one.proposer == two.proposer
        && one.block_id != two.block_id
}

/// Whether a timeout denies the certificate that a precommit of the same validator stood on.
pub(crate) fn denies(vote: &Vote, timeout: &SignedTimeout) -> bool {
    vote.vote_type == Type::Precommit
        && vote.height.value() == timeout.height
        && vote.validator_address == timeout.validator
        && timeout.round >= vote.round.value()
        && timeout
            .high_qc_round
            .is_none_or(|high| high < vote.round.value())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Chain;

    #[test]
    fn two_votes_for_different_blocks_convict_and_the_same_vote_twice_does_not() {
        let chain = Chain::new(4);
        let electorate = chain.electorate(1);
        let (one, two) = (chain.block(1, b"one"), chain.block(1, b"two"));
        let vote = |block, round| chain.vote(0, Type::Prevote, block, round);
        assert!(Misbehaviour::DuplicateVote(vote(&one, 0), vote(&two, 0)).convicts(&electorate));
        assert!(!Misbehaviour::DuplicateVote(vote(&one, 0), vote(&one, 0)).convicts(&electorate));
        assert!(!Misbehaviour::DuplicateVote(vote(&one, 0), vote(&two, 1)).convicts(&electorate));
        let mut forged = vote(&two, 0);
        forged.signature = vote(&one, 0).signature;
        assert!(!Misbehaviour::DuplicateVote(vote(&one, 0), forged).convicts(&electorate));
    }

    #[test]
    fn two_votes_are_evidence_in_tendermints_terms() {
        let chain = Chain::new(4);
        let electorate = chain.electorate(1);
        let block = chain.block(1, b"one");
        let time = chain.time(1);
        let evidence = chain
            .misbehaviour(0, &block, 0)
            .evidence(&electorate, time)
            .unwrap();
        let id = |vote: &Vote| block_id_out(vote.block_id.unwrap());
        assert!(id(&evidence.vote_a) < id(&evidence.vote_b));
        assert_eq!(evidence.total_voting_power.value(), 40);
        assert_eq!(evidence.validator_power.value(), 10);
        assert_eq!(
            DuplicateVoteEvidence::new(evidence.vote_a.clone(), evidence.vote_b)
                .unwrap()
                .votes()
                .0
                .validator_address,
            chain.address(0)
        );
        assert!(
            chain
                .misbehaviour(2, &block, 0)
                .evidence(&electorate, time)
                .is_none()
        );
    }

    #[test]
    fn a_timeout_that_denies_a_precommit_convicts() {
        let chain = Chain::new(4);
        let electorate = chain.electorate(1);
        let block = chain.block(1, b"");
        let qc = chain.prevotes(&block, 2, &[0, 1, 2]);
        let precommit = chain.vote(0, Type::Precommit, &block, 2);
        let timeout = |round, high| SignedTimeout::of(&chain.timeout(0, 1, round, high)).unwrap();
        let convicts =
            |timeout| Misbehaviour::Amnesia(precommit.clone(), timeout).convicts(&electorate);
        assert!(convicts(timeout(2, None)));
        assert!(convicts(timeout(3, None)));
        assert!(!convicts(timeout(2, Some(&qc))));
        assert!(!convicts(timeout(1, None)));
    }

    #[test]
    fn two_proposals_in_one_round_convict() {
        let chain = Chain::new(4);
        let electorate = chain.electorate(1);
        let signed = |payload: &[u8]| {
            SignedProposal::of(&chain.proposal(&chain.block(1, payload), 0, None, None)).unwrap()
        };
        assert!(
            Misbehaviour::DuplicateProposal(signed(b"one"), signed(b"two")).convicts(&electorate)
        );
        assert!(
            !Misbehaviour::DuplicateProposal(signed(b"one"), signed(b"one")).convicts(&electorate)
        );
    }
}
