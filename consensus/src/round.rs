//! Giving up on a round, and entering the next.
//!
//! Timeouts go to all. Whoever sees that an honest validator gave up joins in (Bracha's amplification); a quorum of timeouts is
//! a certificate, and whoever holds one is in the next round. Rounds grow longer until they outlast the network's delays.
//! While a height drags on, every replica repeats what it said last and its best certificates, so a message that was lost
//! costs time and nothing else.

use tendermint::vote::Type;

use crate::{
    effect::{Effect, Recipient, Timer, TimerKind},
    machine::Step,
    message::{Message, Timeout, Unsigned},
    misbehaviour::{Misbehaviour, SignedTimeout, denies},
    quorum::{ROUND_MAX, TimeoutCertificate},
};

impl Step<'_> {
    /// The current round has lasted long enough.
    pub(crate) fn on_round_timer(&mut self) {
        self.give_up(self.at.round);
    }

    /// Time out `round`: no vote in it or in any earlier round from now on.
    fn give_up(&mut self, round: u32) {
        if !self.active() || !self.record.may_time_out(round) || round > ROUND_MAX {
            return;
        }
        self.record.timeout_round = Some(round);
        self.remember();
        self.send_timeout(round);
        self.arm();
    }

    fn send_timeout(&mut self, round: u32) {
        let Some(validator) = self.address() else { return };
        let high_qc = self.record.high_qc.clone();
        let timeout = Timeout { height: self.height(), round, high_qc, validator, signature: None };
        self.sign(Unsigned::Timeout(timeout), Recipient::All);
    }

    /// A verified timeout, of another validator or of this one.
    pub(crate) fn on_timeout(&mut self, timeout: Timeout) {
        if self.at.decided.is_some() {
            return;
        }
        let round = timeout.round;
        self.accuse(&timeout);
        let high_qc = timeout.high_qc.clone();
        self.at.tally.add_timeout(&self.at.electorate, timeout);
        if let Some(high_qc) = high_qc {
            self.on_quorum_certificate(high_qc);
        }
        let amplified = self.at.tally.honest_timeout_round(&self.at.electorate);
        if let Some(amplified) = amplified.filter(|amplified| *amplified >= self.at.round) {
            self.give_up(amplified);
        }
        let useful = round >= self.at.round || (round.checked_add(1) == Some(self.at.round) && self.opened_by().is_none());
        if let Some(ended) = self.at.tally.timeout_certificate(&self.at.electorate, round).filter(|_| useful) {
            self.on_timeout_certificate(ended);
        }
    }

    /// Whether the timeout's own precommits contradict it.
    fn accuse(&mut self, timeout: &Timeout) {
        let Some(index) = self.at.electorate.index(timeout.validator) else { return };
        let Some(signed) = SignedTimeout::of(timeout) else { return };
        let denied = self.at.tally.precommits_of(index).find(|vote| denies(vote, &signed)).cloned();
        if let Some(vote) = denied {
            self.then(Effect::Misbehaviour(Box::new(Misbehaviour::Amnesia(vote, signed))));
        }
    }

    /// A quorum gave up on a round: on to the next one.
    pub(crate) fn on_timeout_certificate(&mut self, ended: TimeoutCertificate) {
        if self.at.decided.is_some() {
            return;
        }
        if let Some(high_qc) = ended.high_qc.clone() {
            self.on_quorum_certificate(high_qc);
        }
        let next = ended.round.saturating_add(1);
        if next > self.at.round {
            self.enter(next, Some(ended));
        } else if next == self.at.round && self.opened_by().is_none() {
            // Here by a quorum certificate, or by a restart. Now this node can show why.
            self.record.timeout_certificate = Some(ended);
            self.propose();
            self.prevote();
        }
    }

    /// Enter a round, by the timeouts that ended the one before or by a quorum certificate of the round itself.
    pub(crate) fn enter(&mut self, round: u32, opened_by: Option<TimeoutCertificate>) {
        assert!(round > self.at.round, "rounds only go forward");
        self.at.round = round;
        if let Some(ended) = opened_by {
            self.record.timeout_certificate = Some(ended);
        }
        self.at.building = None;
        self.at.round_timer = false;
        self.at.working = true;
        self.prune();
        self.arm();
        self.propose();
        self.prevote();
        self.count(round);
    }

    /// Go on after a restart: say again, in the same words, what was said last.
    pub(crate) fn resume(&mut self) {
        self.at.working = true;
        self.arm();
        if !self.active() {
            return;
        }
        let last = [(Type::Prevote, self.record.prevote), (Type::Precommit, self.record.precommit)];
        for (vote_type, ballot) in last {
            let Some(ballot) = ballot else { continue };
            if let Some(block) = self.at.blocks.get(&ballot.block_id).cloned() {
                self.send_vote(vote_type, &block, ballot.round);
            }
        }
        if let Some(round) = self.record.timeout_round {
            self.send_timeout_again(round);
        }
        self.propose();
    }

    /// Others may have missed something.
    pub(crate) fn on_rebroadcast_timer(&mut self) {
        self.at.rebroadcast_timer = false;
        if let Some(commit) = self.at.decided.clone().filter(|_| !self.at.finished) {
            self.send(Message::Commit(commit));
            let timer = Timer { height: self.height(), round: self.at.round, kind: TimerKind::Rebroadcast };
            self.at.rebroadcast_timer = true;
            self.then(Effect::Arm { timer, duration: self.config.rebroadcast });
        }
        if !self.active() {
            return;
        }
        if let Some(ended) = self.opened_by().cloned() {
            self.send(Message::TimeoutCertificate(ended));
        }
        let certified = self.record.high_qc.clone().filter(|high| high.round == self.at.round);
        let open = certified.is_none();
        if let Some(certified) = certified {
            self.send(Message::QuorumCertificate(certified));
        }
        match self.record.timeout_round.filter(|round| *round >= self.at.round) {
            Some(round) => self.send_timeout_again(round),
            None => self.repeat_round(open),
        }
        self.arm();
    }

    /// What this node knows may have grown since it timed out; that it gave up has not changed.
    fn send_timeout_again(&mut self, round: u32) {
        if self.record.high_qc.as_ref().is_none_or(|high| high.round <= round) {
            self.send_timeout(round);
        }
    }

    /// This node's proposal and votes of the current round; the proposal only while it may still be missing a quorum.
    fn repeat_round(&mut self, open: bool) {
        let round = self.at.round;
        let own = self.at.proposals.get(&round).filter(|proposal| Some(proposal.proposer) == self.address());
        if let Some(proposal) = own.filter(|_| open).cloned() {
            self.sign(Unsigned::Proposal(proposal), Recipient::All);
        }
        let last = [(Type::Prevote, self.record.prevote), (Type::Precommit, self.record.precommit)];
        for (vote_type, ballot) in last {
            let Some(ballot) = ballot.filter(|ballot| ballot.round == round) else { continue };
            if let Some(block) = self.at.blocks.get(&ballot.block_id).cloned() {
                self.send_vote(vote_type, &block, round);
            }
        }
    }
}
