//! Signatures of this node's own key that its record does not know.
//!
//! Somebody else signs with the key, or the record is older than the key's last signature: a backup that was put back. Either
//! way the node cannot know what it must not contradict. What is found here is only told; to stop is the replica's part.

use tendermint::{
    account,
    block::{Commit, CommitSig, Id},
    vote::Type,
};

use super::{Ballot, SafetyRecord};
use crate::{
    electorate::Electorate,
    input::Input,
    message::{Proposal, Timeout},
    quorum::{QuorumCertificate, TimeoutCertificate},
};

/// Something that was signed with this node's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnSignature {
    /// The height.
    pub height: u64,
    /// The round.
    pub round: u32,
    /// What for.
    pub kind: OwnKind,
}

/// What a key signed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnKind {
    /// A proposal of the block.
    Proposal(Id),
    /// A prevote for the block.
    Prevote(Id),
    /// A precommit for the block.
    Precommit(Id),
    /// A timeout.
    Timeout,
}

impl SafetyRecord {
    /// Whether the record accounts for a signature. It keeps the last of each kind, so an earlier round is taken as accounted
    /// for, and so is an earlier height.
    pub fn accounts_for(&self, signature: OwnSignature) -> bool {
        let OwnSignature {
            height,
            round,
            kind,
        } = signature;
        if height < self.known_from {
            return true;
        }
        if height < self.height {
            // Nothing was signed between the two: those heights were watched.
            return height >= self.votes_from;
        }
        let cast = |last: Option<Ballot>, block_id: Id| {
            height == self.height
                && last.is_some_and(|last| {
                    last.round > round || (last.round == round && last.block_id == block_id)
                })
        };
        match kind {
            OwnKind::Proposal(id) => cast(self.proposal, id),
            OwnKind::Prevote(id) => cast(self.prevote, id),
            OwnKind::Precommit(id) => cast(self.precommit, id),
            OwnKind::Timeout => height == self.height && self.timeout_round >= Some(round),
        }
    }

    /// A precommit of `me` in a commit that the record does not account for.
    pub fn foreign_in_commit(&self, commit: &Commit, me: account::Id) -> Option<OwnSignature> {
        let signed = commit.signatures.iter().any(|place| match place {
            CommitSig::BlockIdFlagCommit {
                validator_address, ..
            } => *validator_address == me,
            CommitSig::BlockIdFlagAbsent | CommitSig::BlockIdFlagNil { .. } => false,
        });
        let signature = OwnSignature {
            height: commit.height.value(),
            round: commit.round.value(),
            kind: OwnKind::Precommit(commit.block_id),
        };
        (signed && !self.accounts_for(signature)).then_some(signature)
    }

    /// The first signature of `me` in `input` that the record does not account for.
    pub(crate) fn foreign(
        &self,
        input: &Input,
        me: account::Id,
        electorate: &Electorate,
    ) -> Option<OwnSignature> {
        let index = electorate.index(me)?;
        let seen = match input {
            Input::StartHeight { .. }
            | Input::Work { .. }
            | Input::Built { .. }
            | Input::Hush { .. }
            | Input::Speak { .. }
            | Input::Misbehaviour(_)
            | Input::Timer(_) => return None,
            Input::Proposal(proposal) => in_proposal(proposal, me, index),
            Input::Vote(vote) => {
                let block_id = vote.block_id.filter(|_| vote.validator_address == me)?;
                let kind = match vote.vote_type {
                    Type::Prevote => OwnKind::Prevote(block_id),
                    Type::Precommit => OwnKind::Precommit(block_id),
                };
                vec![OwnSignature {
                    height: vote.height.value(),
                    round: vote.round.value(),
                    kind,
                }]
            }
            Input::QuorumCertificate(certificate) => {
                in_certificate(certificate, index).into_iter().collect()
            }
            Input::Timeout(timeout) => in_timeout(timeout, me, index),
            Input::TimeoutCertificate(ended) => in_timeout_certificate(ended, me, index),
            Input::Commit(commit) => return self.foreign_in_commit(commit, me),
        };
        seen.into_iter()
            .find(|signature| !self.accounts_for(*signature))
    }
}

fn in_proposal(proposal: &Proposal, me: account::Id, index: usize) -> Vec<OwnSignature> {
    let own = (proposal.proposer == me).then(|| OwnSignature {
        height: proposal.height(),
        round: proposal.round,
        kind: OwnKind::Proposal(proposal.block.id()),
    });
    let justify = proposal.justify.as_deref();
    let ended = proposal.timeout_certificate.as_deref();
    own.into_iter()
        .chain(justify.and_then(|justify| in_certificate(justify, index)))
        .chain(
            ended
                .into_iter()
                .flat_map(|ended| in_timeout_certificate(ended, me, index)),
        )
        .collect()
}

fn in_certificate(certificate: &QuorumCertificate, index: usize) -> Option<OwnSignature> {
    certificate.signatures.get(index)?.as_ref()?;
    Some(OwnSignature {
        height: certificate.height,
        round: certificate.round,
        kind: OwnKind::Prevote(certificate.block_id),
    })
}

fn in_timeout(timeout: &Timeout, me: account::Id, index: usize) -> Vec<OwnSignature> {
    let own = (timeout.validator == me).then_some(OwnSignature {
        height: timeout.height,
        round: timeout.round,
        kind: OwnKind::Timeout,
    });
    let high = timeout.high_qc.as_ref();
    own.into_iter()
        .chain(high.and_then(|high| in_certificate(high, index)))
        .collect()
}

fn in_timeout_certificate(
    ended: &TimeoutCertificate,
    me: account::Id,
    index: usize,
) -> Vec<OwnSignature> {
    let own = ended
        .timeouts
        .iter()
        .any(|timeout| timeout.validator == me)
        .then_some(OwnSignature {
            height: ended.height,
            round: ended.round,
            kind: OwnKind::Timeout,
        });
    let high = ended.high_qc.as_ref();
    own.into_iter()
        .chain(high.and_then(|high| in_certificate(high, index)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        candidate::Candidate,
        effect::Effect,
        machine::{Consensus, Routing},
        message::Message,
        testing::{Chain, Solo, config, reread, signs},
    };

    fn foreign(effects: &[Effect]) -> Vec<OwnKind> {
        let found = effects.iter().filter_map(|effect| {
            let Effect::Foreign(signature) = effect else {
                return None;
            };
            Some(signature.kind)
        });
        found.collect()
    }

    /// Validator 2 after it prevoted for a block of validator 0.
    fn voted() -> (Solo, Candidate) {
        let mut solo = Solo::new(2);
        let block = solo.chain.block(1, b"");
        solo.proposal(solo.chain.proposal(&block, 0, None, None));
        (solo, block)
    }

    #[test]
    fn what_was_signed_here_is_never_foreign() {
        let (mut solo, block) = voted();
        let chain = solo.chain.clone();
        let qc = chain.prevotes(&block, 0, &[0, 1, 2]);
        let own = [
            Message::Vote(chain.vote(2, Type::Prevote, &block, 0)),
            Message::QuorumCertificate(qc.clone()),
            Message::Vote(chain.vote(2, Type::Precommit, &block, 0)),
        ];
        for message in own {
            assert!(foreign(&solo.receive(message)).is_empty());
        }
        solo.time_out(0);
        let ended = chain.timeouts(1, 0, &[(0, None), (1, None), (2, Some(&qc))]);
        assert!(foreign(&solo.receive(Message::TimeoutCertificate(ended))).is_empty());
        let commit = chain.commit(&block, 0, &[0, 1, 2]);
        assert!(foreign(&solo.receive(Message::Commit(commit))).is_empty());
    }

    #[test]
    fn every_kind_of_signature_that_the_record_lacks_is_told_first() {
        let chain = Chain::new(4);
        let other = chain.block(1, b"other");
        let qc = chain.prevotes(&other, 0, &[1, 2, 3]);
        let id = other.id();
        let cases = [
            (
                Message::Vote(chain.vote(2, Type::Prevote, &other, 0)),
                OwnKind::Prevote(id),
            ),
            (
                Message::Vote(chain.vote(2, Type::Precommit, &other, 0)),
                OwnKind::Precommit(id),
            ),
            (Message::QuorumCertificate(qc.clone()), OwnKind::Prevote(id)),
            (
                Message::Timeout(chain.timeout(2, 1, 0, None)),
                OwnKind::Timeout,
            ),
            (
                Message::Timeout(chain.timeout(1, 1, 0, Some(&qc))),
                OwnKind::Prevote(id),
            ),
            (
                Message::TimeoutCertificate(chain.timeouts(
                    1,
                    0,
                    &[(0, None), (2, None), (3, None)],
                )),
                OwnKind::Timeout,
            ),
            (
                Message::Commit(chain.commit(&other, 0, &[1, 2, 3])),
                OwnKind::Precommit(id),
            ),
        ];
        for (message, kind) in cases {
            let (mut solo, _) = voted();
            let effects = solo.receive(message);
            assert_eq!(foreign(&effects), [kind]);
            assert!(matches!(effects[0], Effect::Foreign(_)), "before all else");
        }
    }

    #[test]
    fn a_proposal_of_this_key_that_was_not_made_here_is_foreign() {
        let mut solo = Solo::new(0);
        let block = solo.chain.block(1, b"elsewhere");
        let effects = solo.proposal(solo.chain.proposal(&block, 0, None, None));
        assert_eq!(foreign(&effects), [OwnKind::Proposal(block.id())]);
    }

    #[test]
    fn an_older_copy_of_the_record_does_not_account_for_what_came_after_it() {
        let (mut solo, block) = voted();
        let backup = reread(solo.machine.record());
        let qc = solo.chain.prevotes(&block, 0, &[0, 1, 3]);
        solo.receive(Message::QuorumCertificate(qc));
        let commit = solo.chain.commit(&block, 0, &[0, 1, 2]);
        let me = solo.chain.address(2);
        assert_eq!(solo.machine.record().foreign_in_commit(&commit, me), None);
        assert!(backup.foreign_in_commit(&commit, me).is_some());
    }

    #[test]
    fn a_wiped_node_takes_what_it_may_have_signed_before_for_its_own() {
        let chain = Chain::new(4);
        let commit = |height| chain.commit(&chain.block(height, b""), 0, &[0, 1, 2]);
        let me = chain.address(2);
        let wiped = SafetyRecord::wiped(4);
        for height in 1..7 {
            let record = wiped.begin(height);
            assert_eq!(record.foreign_in_commit(&commit(height), me), None);
        }
        for height in 7..9 {
            let record = wiped.begin(height);
            assert!(!record.may_sign(), "it watches before it signs");
            assert!(record.foreign_in_commit(&commit(height), me).is_some());
        }
    }

    #[test]
    fn a_silent_machine_follows_and_says_what_it_would_have_said_when_told_to() {
        let chain = Chain::new(4);
        let config = config(chain.address(2), Routing::Collector);
        let mut machine = Consensus::silent(config, SafetyRecord::default());
        let electorate = std::sync::Arc::new(chain.electorate(1));
        machine.step(Input::StartHeight {
            electorate: electorate.clone(),
            last_commit: None,
        });
        let block = chain.block(1, b"");
        let proposal = Message::Proposal(chain.proposal(&block, 0, None, None));
        let input = crate::message::verify(proposal, &electorate).unwrap();
        assert!(signs(&machine.step(input)).is_empty());
        let effects = machine.step(Input::Speak { height: 1 });
        crate::testing::assert_recorded(&effects);
        assert_eq!(
            crate::testing::votes(&effects, Type::Prevote),
            [(0, block.id())]
        );
    }
}
