//! The two phases: prevotes for a proposal, precommits on a certificate, and the decision.

use tendermint::{
    block::{Commit, CommitSig},
    vote::{Type, ValidatorIndex, Vote},
};

use crate::{
    candidate::Candidate,
    effect::{Effect, Recipient},
    machine::{Routing, Step},
    message::{Message, Unsigned},
    misbehaviour::{Misbehaviour, SignedTimeout, denies},
    quorum::QuorumCertificate,
    safety::{BACKED_BYTES_MAX, Ballot},
    sign_bytes,
    tally::Added,
};

impl Step<'_> {
    /// Phase one: prevote for the current round's proposal, if the rules allow.
    pub(crate) fn prevote(&mut self) {
        let round = self.at.round;
        let Some(proposal) = self.at.proposals.get(&round).filter(|_| self.active()) else {
            return;
        };
        if !self.record.may_prevote(round, proposal) {
            return;
        }
        let block = proposal.block.clone();
        self.record.back(Ballot {
            round,
            block_id: block.id(),
        });
        self.bound_backed();
        self.remember();
        self.send_vote(Type::Prevote, &block, round);
    }

    /// Blocks are large: forget the oldest of those prevoted for beyond the bound in bytes.
    fn bound_backed(&mut self) {
        let size = |ballot: &Ballot| {
            let block = self.at.blocks.get(&ballot.block_id);
            block.map_or(0, |block| block.bytes().len())
        };
        let mut bytes: usize = self.record.backed.iter().map(size).sum();
        let excess = self.record.backed.iter().take_while(|ballot| {
            let over = bytes > BACKED_BYTES_MAX;
            bytes -= size(ballot);
            over
        });
        let excess = excess.count();
        let newest = self.record.backed.len().saturating_sub(1);
        self.record.backed.drain(..excess.min(newest));
    }

    /// Phase two: precommit on the current round's certificate, if the rules allow. It is the lock.
    pub(crate) fn precommit(&mut self) {
        let round = self.at.round;
        let Some(certificate) = self.record.high_qc.as_ref().filter(|_| self.active()) else {
            return;
        };
        let Some(block) = self.at.blocks.get(&certificate.block_id).cloned() else {
            return;
        };
        if !self.record.may_precommit(round, certificate) || certificate.time != block.time() {
            return;
        }
        self.record.precommit = Some(Ballot {
            round,
            block_id: block.id(),
        });
        self.remember();
        self.send_vote(Type::Precommit, &block, round);
    }

    /// Sign a vote and send it to whoever collects votes of its kind. Every vote for a block in a round is the same bytes,
    /// before a crash and after.
    pub(crate) fn send_vote(&mut self, vote_type: Type, block: &Candidate, round: u32) {
        let Some(index) = self.at.index else { return };
        let vote = Vote {
            vote_type,
            height: block.header().height,
            round: sign_bytes::turn(round),
            block_id: Some(block.id()),
            timestamp: Some(block.time()),
            validator_address: self.at.electorate.address(index),
            validator_index: ValidatorIndex::try_from(index).expect("a set is small"),
            signature: None,
            extension: Vec::new(),
            extension_signature: None,
        };
        let collector = self.at.electorate.proposer(round);
        let next = self
            .at
            .electorate
            .next_proposer(block.header().proposer_address);
        match (self.config.routing, vote_type) {
            (Routing::Broadcast, Type::Prevote | Type::Precommit) => {
                self.sign(Unsigned::Vote(vote), Recipient::All);
            }
            (Routing::Collector, Type::Prevote) => {
                self.sign(Unsigned::Vote(vote), Recipient::One(collector));
            }
            (Routing::Collector, Type::Precommit) => {
                if next != collector {
                    self.sign(Unsigned::Vote(vote.clone()), Recipient::One(next));
                }
                self.sign(Unsigned::Vote(vote), Recipient::One(collector));
            }
        }
    }

    /// A verified vote of this height.
    pub(crate) fn on_vote(&mut self, vote: Vote) {
        let round = vote.round.value();
        match self
            .at
            .tally
            .add_vote(&self.at.electorate, self.at.round, vote.clone())
        {
            Added::Ignored => {}
            Added::Contradicts(before) => {
                self.accuse(Misbehaviour::DuplicateVote(*before, vote));
            }
            Added::Counted => {
                let index = self.at.electorate.index(vote.validator_address);
                let timeout = index
                    .and_then(|index| self.at.tally.timeout_of(index))
                    .and_then(SignedTimeout::of);
                if let Some(timeout) = timeout.filter(|timeout| denies(&vote, timeout)) {
                    self.accuse(Misbehaviour::Amnesia(vote, timeout));
                }
                self.count(round);
            }
        }
    }

    /// Turn the votes of a round into certificates, where there are enough.
    pub(crate) fn count(&mut self, round: u32) {
        if self.at.decided.is_some() {
            return;
        }
        let known = self.record.high_qc.as_ref().map(|high| high.round);
        if known < Some(round)
            && let Some(certificate) = self.at.tally.quorum_certificate(&self.at.electorate, round)
        {
            if round >= self.at.round && self.config.routing == Routing::Collector {
                self.send(Message::QuorumCertificate(certificate.clone()));
            }
            self.on_quorum_certificate(certificate);
        }
        if let Some(commit) = self.at.tally.commit(&self.at.electorate, round) {
            self.decide(commit, true);
        }
    }

    /// A certificate of prevotes, from whatever source. One of a past round only raises the highest known; one of a later
    /// round brings this node there.
    pub(crate) fn on_quorum_certificate(&mut self, certificate: QuorumCertificate) {
        if self.at.decided.is_some() {
            return;
        }
        let round = certificate.round;
        self.record.raise(certificate);
        if round > self.at.round {
            self.enter(round, None);
        }
        self.precommit();
    }

    /// The height is decided. Whoever assembled the commit passes it on.
    pub(crate) fn decide(&mut self, mut commit: Commit, assembled: bool) {
        if self.at.decided.is_some() {
            return;
        }
        // The next proposer got the precommits too, and may have more of them than whoever sends the commit.
        self.at.tally.fill(&mut commit);
        if assembled && self.config.routing == Routing::Collector {
            self.send(Message::Commit(commit.clone()));
        }
        let held = self.at.blocks.contains_key(&commit.block_id);
        if !held {
            self.then(Effect::Missing {
                commit: Box::new(commit.clone()),
            });
        }
        self.at.decided = Some(commit);
        self.finish_height();
    }

    /// Hand over the decided block, once it is held.
    pub(crate) fn finish_height(&mut self) {
        let Some(commit) = self.at.decided.as_ref().filter(|_| !self.at.finished) else {
            return;
        };
        let Some(block) = self.at.blocks.get(&commit.block_id).cloned() else {
            return;
        };
        let commit = Box::new(commit.clone());
        self.at.finished = true;
        self.then(Effect::Commit { block, commit });
    }

    /// A precommit of the height before that came late: it goes into the commit that the next block carries. Fuller commits let
    /// light clients skip further.
    pub(crate) fn on_late_vote(&mut self, vote: &Vote) {
        let Some(commit) = self.at.last_commit.as_mut() else {
            return;
        };
        let fits = vote.vote_type == Type::Precommit
            && vote.height == commit.height
            && vote.round == commit.round
            && vote.block_id == Some(commit.block_id)
            && commit
                .signatures
                .iter()
                .all(|place| place.is_absent() || time_of(place) == vote.timestamp);
        let Some(timestamp) = vote.timestamp.filter(|_| fits) else {
            return;
        };
        let Some(place) = commit.signatures.get_mut(usize::from(vote.validator_index)) else {
            return;
        };
        if place.is_absent() {
            *place = CommitSig::BlockIdFlagCommit {
                validator_address: vote.validator_address,
                timestamp,
                signature: vote.signature.clone(),
            };
        }
    }
}

fn time_of(place: &CommitSig) -> Option<tendermint::Time> {
    match place {
        CommitSig::BlockIdFlagAbsent => None,
        CommitSig::BlockIdFlagCommit { timestamp, .. }
        | CommitSig::BlockIdFlagNil { timestamp, .. } => Some(*timestamp),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        input::Input,
        machine::Routing,
        safety::SafetyRecord,
        testing::{Solo, accused, assert_recorded, sends, signs, votes},
    };

    /// A replica that holds a block proposed in round 0 by validator 0.
    fn with_proposal(index: usize) -> (Solo, Candidate) {
        let mut solo = Solo::new(index);
        let block = solo.chain.block(1, b"");
        let effects = solo.proposal(solo.chain.proposal(&block, 0, None, None));
        assert_recorded(&effects);
        assert_eq!(votes(&effects, Type::Prevote), [(0, block.id())]);
        (solo, block)
    }

    fn commits(effects: &[Effect]) -> Vec<(Candidate, Commit)> {
        let commits = effects.iter().filter_map(|effect| {
            let Effect::Commit { block, commit } = effect else {
                return None;
            };
            Some((block.clone(), (**commit).clone()))
        });
        commits.collect()
    }

    #[test]
    fn the_block_voted_for_stands_in_the_record() {
        let (solo, block) = with_proposal(2);
        assert_eq!(solo.machine.record().blocks, [block]);
    }

    #[test]
    fn a_certificate_is_the_lock_and_draws_a_precommit() {
        let (mut solo, block) = with_proposal(2);
        let qc = solo.chain.prevotes(&block, 0, &[0, 1, 3]);
        let effects = solo.receive(Message::QuorumCertificate(qc.clone()));
        assert_recorded(&effects);
        assert_eq!(votes(&effects, Type::Precommit), [(0, block.id())]);
        assert_eq!(signs(&effects)[0].1, Recipient::One(solo.chain.address(0)));
        let record = solo.machine.record();
        assert_eq!(
            record.precommit,
            Some(Ballot {
                round: 0,
                block_id: block.id()
            })
        );
        assert_eq!(record.high_qc.as_ref(), Some(&qc));
        assert!(
            solo.receive(Message::QuorumCertificate(qc)).is_empty(),
            "one precommit a round"
        );
    }

    #[test]
    fn at_the_end_of_a_term_the_next_proposer_gets_the_precommit_too() {
        let chain = crate::testing::Chain::new(4);
        let parent = chain.block(3, b"");
        let electorate = std::sync::Arc::new(chain.electorate_after(Some(&parent)));
        let config = crate::testing::config(chain.address(2), Routing::Collector);
        let mut machine = crate::machine::Consensus::new(config, SafetyRecord::default());
        machine.step(Input::StartHeight {
            electorate,
            last_commit: None,
        });
        let block = chain.block_at(4, Some(&parent), 0, 4, b"");
        let proposal = Message::Proposal(chain.proposal(&block, 0, None, None));
        let electorate = machine.electorate().unwrap().clone();
        machine.step(crate::message::verify(proposal, &electorate).unwrap());
        let qc = Message::QuorumCertificate(chain.prevotes(&block, 0, &[0, 1, 3]));
        let effects = machine.step(crate::message::verify(qc, &electorate).unwrap());
        let to: Vec<_> = signs(&effects).into_iter().map(|(_, to)| to).collect();
        assert_eq!(
            to,
            [
                Recipient::One(chain.address(1)),
                Recipient::One(chain.address(0))
            ]
        );
    }

    #[test]
    fn a_certificate_without_its_block_waits_for_the_block() {
        let mut solo = Solo::new(2);
        let block = solo.chain.block(1, b"");
        let qc = solo.chain.prevotes(&block, 0, &[0, 1, 3]);
        assert!(signs(&solo.receive(Message::QuorumCertificate(qc))).is_empty());
        let effects = solo.proposal(solo.chain.proposal(&block, 0, None, None));
        assert_eq!(votes(&effects, Type::Precommit), [(0, block.id())]);
        assert_recorded(&effects);
    }

    #[test]
    fn a_certificate_of_a_past_round_only_raises_the_highest_known() {
        let (mut solo, block) = with_proposal(2);
        let ended = solo
            .chain
            .timeouts(1, 0, &[(0, None), (1, None), (3, None)]);
        solo.receive(Message::TimeoutCertificate(ended));
        let qc = solo.chain.prevotes(&block, 0, &[0, 1, 3]);
        assert!(signs(&solo.receive(Message::QuorumCertificate(qc.clone()))).is_empty());
        assert_eq!(solo.machine.record().high_qc, Some(qc));
        assert_eq!(solo.machine.record().precommit, None);
        assert_eq!(solo.machine.round(), 1);
    }

    #[test]
    fn a_certificate_of_a_later_round_brings_a_laggard_there() {
        let (mut solo, block) = with_proposal(2);
        let qc = solo.chain.prevotes(&block, 5, &[0, 1, 3]);
        let effects = solo.receive(Message::QuorumCertificate(qc));
        assert_eq!(solo.machine.round(), 5);
        let to: Vec<_> = signs(&effects).into_iter().map(|(_, to)| to).collect();
        let (next, collector) = (solo.chain.address(0), solo.chain.address(1));
        assert_eq!(to, [Recipient::One(next), Recipient::One(collector)]);
        assert!(
            votes(&effects, Type::Precommit)
                .iter()
                .all(|vote| *vote == (5, block.id()))
        );
    }

    #[test]
    fn the_collector_passes_certificates_on() {
        let mut solo = Solo::new(0);
        solo.machine.step(Input::Work { height: 1 });
        let block = solo.chain.block(1, b"");
        solo.machine.step(Input::Built {
            round: 0,
            block: block.clone(),
        });
        let vote =
            |solo: &Solo, index, kind| Message::Vote(solo.chain.vote(index, kind, &block, 0));
        for index in [0, 1] {
            assert!(solo.receive(vote(&solo, index, Type::Prevote)).is_empty());
        }
        let effects = solo.receive(vote(&solo, 3, Type::Prevote));
        assert_eq!(
            sends(&effects),
            [Message::QuorumCertificate(solo.chain.prevotes(
                &block,
                0,
                &[0, 1, 3]
            ))]
        );
        assert_eq!(votes(&effects, Type::Precommit), [(0, block.id())]);
        for index in [0, 1] {
            assert!(solo.receive(vote(&solo, index, Type::Precommit)).is_empty());
        }
        let effects = solo.receive(vote(&solo, 2, Type::Precommit));
        let commit = solo.chain.commit(&block, 0, &[0, 1, 2]);
        assert_eq!(sends(&effects), [Message::Commit(commit.clone())]);
        assert_eq!(commits(&effects), [(block, commit)]);
        assert!(solo.machine.is_decided());
    }

    #[test]
    fn with_broadcast_everyone_assembles_and_nobody_passes_on() {
        let (mut solo, _) = Solo::with(2, Routing::Broadcast, SafetyRecord::default());
        let block = solo.chain.block(1, b"");
        let effects = solo.proposal(solo.chain.proposal(&block, 0, None, None));
        assert_eq!(signs(&effects)[0].1, Recipient::All);
        for index in 0..3 {
            solo.receive(Message::Vote(solo.chain.vote(
                index,
                Type::Prevote,
                &block,
                0,
            )));
        }
        assert!(solo.machine.record().precommit.is_some());
        let mut effects = Vec::new();
        for index in 0..3 {
            effects = solo.receive(Message::Vote(solo.chain.vote(
                index,
                Type::Precommit,
                &block,
                0,
            )));
        }
        assert!(sends(&effects).is_empty());
        assert_eq!(commits(&effects).len(), 1);
    }

    #[test]
    fn a_decided_block_that_is_not_held_is_reported_missing_and_taken_when_it_comes() {
        let mut solo = Solo::new(2);
        let block = solo.chain.block(1, b"");
        let commit = solo.chain.commit(&block, 0, &[0, 1, 3]);
        let effects = solo.receive(Message::Commit(commit.clone()));
        assert!(matches!(&effects[..], [Effect::Missing { .. }]));
        assert!(
            solo.time_out(0).is_empty(),
            "nothing is signed after the decision"
        );
        let effects = solo.proposal(solo.chain.proposal(&block, 0, None, None));
        assert_eq!(commits(&effects), [(block, commit)]);
        assert!(
            signs(&effects).is_empty(),
            "nothing is voted for after the decision"
        );
    }

    #[test]
    fn a_validator_that_votes_twice_is_reported() {
        let mut solo = Solo::new(0);
        let vote = |payload| {
            Message::Vote(
                solo.chain
                    .vote(3, Type::Prevote, &solo.chain.block(1, payload), 0),
            )
        };
        let (one, two) = (vote(b"one"), vote(b"two"));
        assert!(accused(&solo.receive(one)).is_empty());
        assert_eq!(accused(&solo.receive(two)), [solo.chain.address(3)]);
    }

    #[test]
    fn a_validator_that_denies_its_precommit_is_reported() {
        let block = Solo::new(0).chain.block(1, b"");
        for precommit_first in [true, false] {
            let mut solo = Solo::new(0);
            let precommit = Message::Vote(solo.chain.vote(3, Type::Precommit, &block, 0));
            let timeout = Message::Timeout(solo.chain.timeout(3, 1, 0, None));
            let (one, two) = if precommit_first {
                (precommit, timeout)
            } else {
                (timeout, precommit)
            };
            assert!(accused(&solo.receive(one)).is_empty());
            assert_eq!(accused(&solo.receive(two)), [solo.chain.address(3)]);
        }
    }

    #[test]
    fn a_commit_of_another_is_filled_up_with_the_precommits_known_here() {
        let (mut solo, block) = with_proposal(0);
        let late = solo.chain.vote(3, Type::Precommit, &block, 0);
        solo.receive(Message::Vote(late));
        let other = solo.chain.block(1, b"other");
        let stray = solo.chain.vote(2, Type::Precommit, &other, 0);
        solo.receive(Message::Vote(stray));
        let commit = solo.chain.commit(&block, 0, &[0, 1, 2]);
        let effects = solo.receive(Message::Commit(commit));
        let full = solo.chain.commit(&block, 0, &[0, 1, 2, 3]);
        assert_eq!(commits(&effects), [(block, full)]);
    }

    #[test]
    fn a_late_precommit_fills_the_commit_that_the_next_block_carries() {
        let (mut solo, block) = with_proposal(0);
        let commit = solo.chain.commit(&block, 0, &[0, 1, 2]);
        solo.receive(Message::Commit(commit.clone()));
        let old = solo.machine.electorate().unwrap().clone();
        let electorate = std::sync::Arc::new(solo.chain.electorate_after(Some(&block)));
        solo.machine.step(Input::StartHeight {
            electorate,
            last_commit: Some(commit),
        });
        let late = Message::Vote(solo.chain.vote(3, Type::Precommit, &block, 0));
        solo.machine
            .step(crate::message::verify(late, &old).unwrap());
        let effects = solo.machine.step(Input::Work { height: 2 });
        let build = effects.into_iter().find_map(|effect| {
            let Effect::Build { last_commit, .. } = effect else {
                return None;
            };
            last_commit
        });
        assert_eq!(*build.unwrap(), solo.chain.commit(&block, 0, &[0, 1, 2, 3]));
    }

    #[test]
    fn a_node_outside_the_set_follows_and_signs_nothing() {
        let chain = crate::testing::Chain::new(4);
        let config =
            crate::testing::config(tendermint::account::Id::new([9; 20]), Routing::Collector);
        let mut machine = crate::machine::Consensus::new(config, SafetyRecord::default());
        let electorate = std::sync::Arc::new(chain.electorate(1));
        machine.step(Input::StartHeight {
            electorate: electorate.clone(),
            last_commit: None,
        });
        let block = chain.block(1, b"");
        let mut feed =
            |message| machine.step(crate::message::verify(message, &electorate).unwrap());
        assert!(feed(Message::Proposal(chain.proposal(&block, 0, None, None))).is_empty());
        assert!(
            feed(Message::QuorumCertificate(chain.prevotes(
                &block,
                0,
                &[0, 1, 3]
            )))
            .is_empty()
        );
        assert_eq!(
            commits(&feed(Message::Commit(chain.commit(&block, 0, &[0, 1, 3])))).len(),
            1
        );
    }
}
