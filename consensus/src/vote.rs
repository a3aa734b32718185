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
    safety::Ballot,
    sign_bytes,
    tally::Added,
};

impl Step<'_> {
    /// Phase one: prevote for the current round's proposal, if the rules allow.
    pub(crate) fn prevote(&mut self) {
        let round = self.at.round;
        let Some(proposal) = self.at.proposals.get(&round).filter(|_| self.active()) else { return };
        if !self.record.may_prevote(round, proposal) {
            return;
        }
        let block = proposal.block.clone();
        self.record.prevote = Some(Ballot { round, block_id: block.id() });
        self.remember();
        self.send_vote(Type::Prevote, &block, round);
    }

    /// Phase two: precommit on the current round's certificate, if the rules allow. It is the lock.
    pub(crate) fn precommit(&mut self) {
        let round = self.at.round;
        let Some(certificate) = self.record.high_qc.as_ref().filter(|_| self.active()) else { return };
        let Some(block) = self.at.blocks.get(&certificate.block_id).cloned() else { return };
        if !self.record.may_precommit(round, certificate) || certificate.time != block.time() {
            return;
        }
        self.record.precommit = Some(Ballot { round, block_id: block.id() });
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
        let next = self.at.electorate.next_proposer(block.header().proposer_address);
        match (self.config.routing, vote_type) {
            (Routing::Broadcast, Type::Prevote | Type::Precommit) => self.sign(Unsigned::Vote(vote), Recipient::All),
            (Routing::Collector, Type::Prevote) => self.sign(Unsigned::Vote(vote), Recipient::One(collector)),
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
        match self.at.tally.add_vote(&self.at.electorate, self.at.round, vote.clone()) {
            Added::Ignored => {}
            Added::Contradicts(before) => {
                self.then(Effect::Misbehaviour(Box::new(Misbehaviour::DuplicateVote(*before, vote))));
            }
            Added::Counted => {
                let index = self.at.electorate.index(vote.validator_address);
                let timeout = index.and_then(|index| self.at.tally.timeout_of(index)).and_then(SignedTimeout::of);
                if let Some(timeout) = timeout.filter(|timeout| denies(&vote, timeout)) {
                    self.then(Effect::Misbehaviour(Box::new(Misbehaviour::Amnesia(vote, timeout))));
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
        if self.record.high_qc.as_ref().is_none_or(|high| high.round < round) {
            self.record.high_qc = Some(certificate);
        }
        if round > self.at.round {
            self.enter(round, None);
        }
        self.precommit();
    }

    /// The height is decided. Whoever assembled the commit passes it on.
    pub(crate) fn decide(&mut self, commit: Commit, assembled: bool) {
        if self.at.decided.is_some() {
            return;
        }
        if assembled && self.config.routing == Routing::Collector {
            self.send(Message::Commit(commit.clone()));
        }
        let held = self.at.blocks.contains_key(&commit.block_id);
        if !held {
            self.then(Effect::Missing { commit: Box::new(commit.clone()) });
        }
        self.at.decided = Some(commit);
        self.finish_height();
    }

    /// Hand over the decided block, once it is held.
    pub(crate) fn finish_height(&mut self) {
        let Some(commit) = self.at.decided.as_ref().filter(|_| !self.at.finished) else { return };
        let Some(block) = self.at.blocks.get(&commit.block_id).cloned() else { return };
        let commit = Box::new(commit.clone());
        self.at.finished = true;
        self.then(Effect::Commit { block, commit });
    }

    /// A precommit of the height before that came late: it goes into the commit that the next block carries. Fuller commits let
    /// light clients skip further.
    pub(crate) fn on_late_vote(&mut self, vote: &Vote) {
        let Some(commit) = self.at.last_commit.as_mut() else { return };
        let fits = vote.vote_type == Type::Precommit
            && vote.height == commit.height
            && vote.round == commit.round
            && vote.block_id == Some(commit.block_id)
            && commit.signatures.iter().all(|place| place.is_absent() || time_of(place) == vote.timestamp);
        let Some(timestamp) = vote.timestamp.filter(|_| fits) else { return };
        let Some(place) = commit.signatures.get_mut(usize::from(vote.validator_index)) else { return };
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
        CommitSig::BlockIdFlagCommit { timestamp, .. } | CommitSig::BlockIdFlagNil { timestamp, .. } => Some(*timestamp),
    }
}
