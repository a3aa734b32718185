//! The bytes that validators sign.
//!
//! Votes and proposals are Tendermint's canonical ones, told apart by their type: 1, 2 and 32. A timeout is not a Tendermint
//! object. Its bytes begin with a zero, and a length-delimited canonical message never does, so no timeout can be shown as a
//! vote. All of them name the chain.

use tendermint::{
    Time,
    block::{Height, Id, Round},
    chain, proposal,
    vote::{self, CanonicalVote},
};
use tendermint_proto::{
    Protobuf,
    v0_38::types::{CanonicalProposal as RawCanonicalProposal, CanonicalVote as RawCanonicalVote},
};

use crate::quorum::round_or_minus_one;

const TIMEOUT_PREFIX: &[u8] = b"\0starfire/timeout/1\0";

/// What a vote signs. Equal for all validators that vote alike: the timestamp is the header's.
pub fn vote(
    chain_id: &chain::Id,
    vote_type: vote::Type,
    height: u64,
    round: u32,
    block_id: Id,
    time: Time,
) -> Vec<u8> {
    let vote = CanonicalVote {
        vote_type,
        height: number(height),
        round: turn(round),
        block_id: Some(block_id),
        timestamp: Some(time),
        chain_id: chain_id.clone(),
    };
    Protobuf::<RawCanonicalVote>::encode_length_delimited_vec(vote)
}

/// What a proposal signs.
pub fn proposal(
    chain_id: &chain::Id,
    height: u64,
    round: u32,
    pol_round: Option<u32>,
    block_id: Id,
    time: Time,
) -> Vec<u8> {
    let proposal = proposal::CanonicalProposal {
        msg_type: proposal::Type::Proposal,
        height: number(height),
        round: turn(round),
        pol_round: pol_round.map(turn),
        block_id: Some(block_id),
        timestamp: Some(time),
        chain_id: chain_id.clone(),
    };
    Protobuf::<RawCanonicalProposal>::encode_length_delimited_vec(proposal)
}

/// What a timeout signs: prefix, chain, height, round, and the round of the highest quorum certificate known (-1: none).
pub fn timeout(
    chain_id: &chain::Id,
    height: u64,
    round: u32,
    high_qc_round: Option<u32>,
) -> Vec<u8> {
    let mut bytes = TIMEOUT_PREFIX.to_vec();
    bytes.push(u8::try_from(chain_id.as_bytes().len()).expect("a chain id has at most 50 bytes"));
    bytes.extend_from_slice(chain_id.as_bytes());
    bytes.extend_from_slice(&height.to_be_bytes());
    bytes.extend_from_slice(&round.to_be_bytes());
    bytes.extend_from_slice(&round_or_minus_one(high_qc_round).to_be_bytes());
    bytes
}

/// Tendermint's height. Heights are bounded where they enter: by the electorate and by the codec.
pub(crate) fn number(height: u64) -> Height {
    Height::try_from(height).expect("heights are bounded where they enter")
}

/// Tendermint's round. Rounds are bounded by `ROUND_MAX` where they enter.
pub(crate) fn turn(round: u32) -> Round {
    Round::try_from(round).expect("rounds are bounded where they enter")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Chain;

    #[test]
    fn each_kind_signs_bytes_of_its_own() {
        let chain = Chain::new(1);
        let block = chain.block(1, b"");
        let (id, time) = (block.id(), block.time());
        let kinds = [
            vote(&chain.id(), vote::Type::Prevote, 1, 0, id, time),
            vote(&chain.id(), vote::Type::Precommit, 1, 0, id, time),
            proposal(&chain.id(), 1, 0, None, id, time),
            timeout(&chain.id(), 1, 0, None),
        ];
        for (index, bytes) in kinds.iter().enumerate() {
            assert!(kinds[index + 1..].iter().all(|other| other != bytes));
        }
    }

    #[test]
    fn a_timeout_never_parses_as_a_canonical_vote() {
        let chain = Chain::new(1);
        for (height, round, high) in [
            (1, 0, None),
            (u64::MAX, u32::MAX, Some(7)),
            (116, 8, Some(0)),
        ] {
            let bytes = timeout(&chain.id(), height, round, high);
            // A length-delimited message begins with its length; only the empty one begins with a zero, and it has one byte.
            assert_eq!(bytes[0], 0);
            let parsed =
                <CanonicalVote as Protobuf<RawCanonicalVote>>::decode_length_delimited(&bytes[..]);
            assert!(parsed.is_err());
        }
    }

    #[test]
    fn every_field_of_a_timeout_is_signed() {
        let chain = Chain::new(1);
        let base = timeout(&chain.id(), 5, 3, Some(2));
        assert_ne!(
            base,
            timeout(&chain::Id::try_from("another-1").unwrap(), 5, 3, Some(2))
        );
        assert_ne!(base, timeout(&chain.id(), 6, 3, Some(2)));
        assert_ne!(base, timeout(&chain.id(), 5, 4, Some(2)));
        assert_ne!(base, timeout(&chain.id(), 5, 3, Some(1)));
        assert_ne!(base, timeout(&chain.id(), 5, 3, None));
    }
}
