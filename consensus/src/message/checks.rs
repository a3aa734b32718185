//! What each kind of message must be by itself, whoever reads it and whenever.

use tendermint::{
    Signature, Time, account,
    block::{Commit, CommitSig},
    vote::{Type, Vote},
};

use super::{Known, Proposal, Refusal, Timeout, proposal_bytes, timeout_bytes};
use crate::{electorate::Electorate, sign_bytes, signature};

/// In turn, on the committed block, and with what justifies it.
pub(super) fn proposal(
    proposal: &Proposal,
    electorate: &Electorate,
    known: &mut Known,
) -> Result<(), Refusal> {
    let header = proposal.block.header();
    if header.chain_id != *electorate.chain_id() {
        return Err(Refusal::Malformed("the block is of another chain"));
    }
    if header.last_block_id != electorate.parent().map(|parent| parent.block_id) {
        return Err(Refusal::Malformed(
            "the block does not extend the committed one",
        ));
    }
    if header.validators_hash != electorate.validators_hash() {
        return Err(Refusal::Malformed("the block names another validator set"));
    }
    if proposal.proposer != electorate.proposer(proposal.round) {
        return Err(Refusal::Turn(proposal.proposer));
    }
    if proposal.is_fresh() && header.proposer_address != proposal.proposer {
        return Err(Refusal::Malformed("a fresh block names its proposer"));
    }
    if proposal
        .timeout_certificate
        .as_ref()
        .map(|certificate| certificate.round)
        != proposal.round.checked_sub(1)
    {
        return Err(Refusal::Malformed(
            "a proposal shows how the round before it ended",
        ));
    }
    if let Some(justify) = &proposal.justify
        && (justify.block_id != proposal.block.id() || justify.round >= proposal.round)
    {
        return Err(Refusal::Malformed(
            "a justification is for this block, from an earlier round",
        ));
    }
    let message = proposal_bytes(proposal, electorate.chain_id());
    check_signature(
        proposal.proposer,
        &message,
        proposal.signature.as_ref(),
        electorate,
    )?;
    if let Some(justify) = &proposal.justify {
        known.quorum_certificate(justify, electorate)?;
    }
    proposal
        .timeout_certificate
        .as_ref()
        .map_or(Ok(()), |ended| known.timeout_certificate(ended, electorate))
}

/// For a block, by a validator in its place.
pub(super) fn vote(vote: &Vote, electorate: &Electorate) -> Result<(), Refusal> {
    vote_form(vote, electorate)?;
    check_signature(
        vote.validator_address,
        &vote_bytes(vote, electorate),
        vote.signature.as_ref(),
        electorate,
    )
}

/// What a vote signs.
pub(crate) fn vote_bytes(vote: &Vote, electorate: &Electorate) -> Vec<u8> {
    vote.clone()
        .into_signable_vec(electorate.chain_id().clone())
}

/// A vote of this height as it must be whatever its signature; the place of its validator.
pub(crate) fn vote_form(vote: &Vote, electorate: &Electorate) -> Result<usize, Refusal> {
    if vote.height.value() != electorate.height() {
        return Err(Refusal::OtherHeight {
            found: vote.height.value(),
            expected: electorate.height(),
        });
    }
    if vote.block_id.is_none() || vote.timestamp.is_none() {
        return Err(Refusal::Malformed(
            "a vote is for a block; there are no votes for nil",
        ));
    }
    if !vote.extension.is_empty() || vote.extension_signature.is_some() {
        return Err(Refusal::Malformed("votes carry no extensions"));
    }
    let Some(index) = electorate.index(vote.validator_address) else {
        return Err(Refusal::Stranger(vote.validator_address));
    };
    if usize::from(vote.validator_index) != index {
        return Err(Refusal::Malformed(
            "the validator stands elsewhere in the set",
        ));
    }
    Ok(index)
}

/// Signed, and with the certificate that it reports.
pub(super) fn timeout(
    timeout: &Timeout,
    electorate: &Electorate,
    known: &mut Known,
) -> Result<(), Refusal> {
    if timeout
        .high_qc_round()
        .is_some_and(|round| round > timeout.round)
    {
        return Err(Refusal::Malformed(
            "who knows a later round's certificate is in that round",
        ));
    }
    let message = timeout_bytes(timeout, electorate.chain_id());
    check_signature(
        timeout.validator,
        &message,
        timeout.signature.as_ref(),
        electorate,
    )?;
    timeout
        .high_qc
        .as_ref()
        .map_or(Ok(()), |high| known.quorum_certificate(high, electorate))
}

/// A commit as this protocol makes them: every signature over one message, in one batch.
pub(super) fn commit(commit: &Commit, electorate: &Electorate) -> Result<(), Refusal> {
    if commit.signatures.len() != electorate.count() {
        return Err(Refusal::Malformed(
            "a certificate has one place for each validator",
        ));
    }
    let mut power = 0u64;
    let mut message: Option<(Time, Vec<u8>)> = None;
    let mut signed = Vec::with_capacity(commit.signatures.len());
    for (index, place) in commit.signatures.iter().enumerate() {
        let (address, time, signature) = match place {
            CommitSig::BlockIdFlagAbsent => continue,
            CommitSig::BlockIdFlagNil { .. } => {
                return Err(Refusal::Malformed("there are no votes for nil"));
            }
            CommitSig::BlockIdFlagCommit {
                validator_address,
                timestamp,
                signature,
            } => (*validator_address, *timestamp, signature),
        };
        if address != electorate.address(index) {
            return Err(Refusal::Malformed(
                "a certificate lists its signers in set order",
            ));
        }
        let Some(signature) = signature else {
            return Err(Refusal::Signature);
        };
        let (common, _) = message.get_or_insert_with(|| {
            let (height, round) = (commit.height.value(), commit.round.value());
            (
                time,
                sign_bytes::vote(
                    electorate.chain_id(),
                    Type::Precommit,
                    height,
                    round,
                    commit.block_id,
                    time,
                ),
            )
        });
        if *common != time {
            return Err(Refusal::Malformed("every vote carries the block's time"));
        }
        power = power.saturating_add(electorate.power(index));
        signed.push((index, signature));
    }
    let Some((_, message)) = message else {
        return Err(Refusal::NoQuorum);
    };
    if !electorate.is_quorum(power) {
        return Err(Refusal::NoQuorum);
    }
    let items: Vec<signature::Item<'_>> = signed
        .iter()
        .map(|(index, signature)| (electorate.key(*index), &message[..], signature.as_bytes()))
        .collect();
    if signature::all_valid(&items) {
        Ok(())
    } else {
        Err(Refusal::Signature)
    }
}

/// `signer` has a vote, and signed.
fn check_signature(
    signer: account::Id,
    message: &[u8],
    signature: Option<&Signature>,
    electorate: &Electorate,
) -> Result<(), Refusal> {
    let Some(index) = electorate.index(signer) else {
        return Err(Refusal::Stranger(signer));
    };
    let Some(signature) = signature else {
        return Err(Refusal::Signature);
    };
    if signature::valid(electorate.key(index), message, signature.as_bytes()) {
        Ok(())
    } else {
        Err(Refusal::Signature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Message, Unsigned, verify};
    use crate::testing::Chain;

    fn refusal(message: Message) -> Option<Refusal> {
        verify(message, &Chain::new(4).electorate(1)).err()
    }

    fn malformed(message: Message) -> bool {
        matches!(refusal(message), Some(Refusal::Malformed(_)))
    }

    /// `proposal`, changed and signed again by its proposer in round 0 or 1.
    fn resigned(proposal: &Proposal, change: impl Fn(&mut Proposal)) -> Message {
        let chain = Chain::new(4);
        let mut proposal = proposal.clone();
        change(&mut proposal);
        let bytes = Unsigned::Proposal(proposal.clone()).sign_bytes(&chain.id());
        let signer = (0..4)
            .find(|index| chain.address(*index) == proposal.proposer)
            .unwrap();
        proposal.signature = Some(chain.sign(signer, &bytes));
        Message::Proposal(proposal)
    }

    #[test]
    fn a_proposal_is_for_this_height_in_turn_and_shows_what_it_stands_on() {
        let chain = Chain::new(4);
        let block = chain.block(1, b"");
        let good = chain.proposal(&block, 0, None, None);
        assert_eq!(refusal(Message::Proposal(good.clone())), None);
        let out_of_turn = resigned(&good, |proposal| proposal.proposer = chain.address(2));
        assert_eq!(refusal(out_of_turn), Some(Refusal::Turn(chain.address(2))));
        let foreign_chain = Chain::named("another-1", 4).block(1, b"");
        assert!(malformed(
            resigned(&good, |proposal| proposal.block = foreign_chain.clone())
        ));
        let foreign_set = Chain::new(5).block(1, b"");
        assert!(malformed(
            resigned(&good, |proposal| proposal.block = foreign_set.clone())
        ));
        let not_its_own = chain.block_at(1, None, 2, 1, b"");
        assert!(malformed(
            resigned(&good, |proposal| proposal.block = not_its_own.clone())
        ));
        let stolen = Proposal {
            block: chain.block(1, b"other"),
            ..good.clone()
        };
        assert_eq!(refusal(Message::Proposal(stolen)), Some(Refusal::Signature));
        let unsigned = Proposal {
            signature: None,
            ..good
        };
        assert_eq!(
            refusal(Message::Proposal(unsigned)),
            Some(Refusal::Signature)
        );
        let next = chain.block(2, b"");
        let other_height = Message::Vote(chain.vote(0, Type::Prevote, &next, 0));
        assert_eq!(
            refusal(other_height),
            Some(Refusal::OtherHeight {
                found: 2,
                expected: 1
            })
        );
    }

    #[test]
    fn a_proposal_extends_the_committed_block() {
        let chain = Chain::new(4);
        let electorate = chain.electorate(2);
        let (parent, another) = (chain.block(1, b"parent"), chain.block(1, b"another"));
        let child = |parent| {
            Message::Proposal(chain.proposal(&chain.block_at(2, parent, 0, 2, b""), 0, None, None))
        };
        assert!(verify(child(Some(&parent)), &electorate).is_ok());
        for parent in [None, Some(&another)] {
            assert!(matches!(
                verify(child(parent), &electorate),
                Err(Refusal::Malformed(_))
            ));
        }
    }

    #[test]
    fn a_later_proposal_carries_certificates_that_hold() {
        let chain = Chain::new(4);
        let block = chain.block(1, b"");
        let qc = chain.prevotes(&block, 0, &[0, 1, 2]);
        let ended = chain.timeouts(1, 0, &[(0, Some(&qc)), (1, None), (2, None)]);
        let good = chain.proposal(&block, 1, Some(qc), Some(ended));
        assert_eq!(refusal(Message::Proposal(good.clone())), None);
        assert!(malformed(resigned(&good, |proposal| proposal
            .timeout_certificate =
            None)));
        let thin = chain.prevotes(&block, 0, &[0, 1]);
        let thin = resigned(&good, |proposal| {
            proposal.justify = Some(Box::new(thin.clone()));
        });
        assert_eq!(refusal(thin), Some(Refusal::NoQuorum));
        let other = chain.prevotes(&chain.block(1, b"other"), 0, &[0, 1, 2]);
        assert!(malformed(resigned(&good, |proposal| proposal.justify =
            Some(Box::new(other.clone())))));
        let own_round = chain.prevotes(&block, 1, &[0, 1, 2]);
        assert!(malformed(resigned(&good, |proposal| proposal.justify =
            Some(Box::new(own_round.clone())))));
        let few = chain.timeouts(1, 0, &[(0, None), (1, None)]);
        let few = resigned(&good, |proposal| {
            proposal.timeout_certificate = Some(Box::new(few.clone()));
        });
        assert_eq!(refusal(few), Some(Refusal::NoQuorum));
    }

    #[test]
    fn a_vote_is_for_a_block_by_a_validator_in_its_place() {
        let chain = Chain::new(4);
        let good = chain.vote(2, Type::Prevote, &chain.block(1, b""), 0);
        assert_eq!(refusal(Message::Vote(good.clone())), None);
        assert!(malformed(Message::Vote(Vote {
            block_id: None,
            ..good.clone()
        })));
        assert!(malformed(Message::Vote(Vote {
            extension: vec![1],
            ..good.clone()
        })));
        let elsewhere = chain
            .vote(1, Type::Prevote, &chain.block(1, b""), 0)
            .validator_index;
        assert!(malformed(Message::Vote(Vote {
            validator_index: elsewhere,
            ..good.clone()
        })));
        let stranger = account::Id::new([9; 20]);
        let foreign = Vote {
            validator_address: stranger,
            ..good.clone()
        };
        assert_eq!(
            refusal(Message::Vote(foreign)),
            Some(Refusal::Stranger(stranger))
        );
        let turned = Vote {
            vote_type: Type::Precommit,
            ..good
        };
        assert_eq!(refusal(Message::Vote(turned)), Some(Refusal::Signature));
    }

    #[test]
    fn a_timeout_proves_the_certificate_that_it_reports() {
        let chain = Chain::new(4);
        let block = chain.block(1, b"");
        let timeout = |round, high| Message::Timeout(chain.timeout(0, 1, round, high));
        let qc = chain.prevotes(&block, 1, &[0, 1, 2]);
        assert_eq!(refusal(timeout(1, Some(&qc))), None);
        assert!(malformed(timeout(0, Some(&qc))));
        assert_eq!(
            refusal(timeout(1, Some(&chain.prevotes(&block, 1, &[0, 1])))),
            Some(Refusal::NoQuorum)
        );
        let hidden = Timeout {
            high_qc: None,
            ..chain.timeout(0, 1, 1, Some(&qc))
        };
        assert_eq!(refusal(Message::Timeout(hidden)), Some(Refusal::Signature));
    }

    #[test]
    fn a_commit_is_one_message_signed_by_a_quorum_in_set_order() {
        let chain = Chain::new(4);
        let block = chain.block(1, b"");
        let good = chain.commit(&block, 3, &[0, 2, 3]);
        assert_eq!(refusal(Message::Commit(good.clone())), None);
        assert_eq!(
            refusal(Message::Commit(chain.commit(&block, 3, &[0, 2]))),
            Some(Refusal::NoQuorum)
        );
        assert_eq!(
            refusal(Message::Commit(chain.commit(&block, 3, &[]))),
            Some(Refusal::NoQuorum)
        );
        let mut swapped = good.clone();
        swapped.signatures.swap(2, 3);
        assert!(malformed(Message::Commit(swapped)));
        let mut short = good.clone();
        short.signatures.pop();
        assert!(malformed(Message::Commit(short)));
        let mut late = good.clone();
        if let CommitSig::BlockIdFlagCommit { timestamp, .. } = &mut late.signatures[3] {
            *timestamp = chain.time(99);
        }
        assert!(malformed(Message::Commit(late)));
        let mut forged = good;
        forged.round = 4u8.into();
        assert_eq!(refusal(Message::Commit(forged)), Some(Refusal::Signature));
    }
}
