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
        let Some(validator) = self.address() else {
            return;
        };
        let high_qc = self.record.high_qc.clone();
        let timeout = Timeout {
            height: self.height(),
            round,
            high_qc,
            validator,
            signature: None,
        };
        self.sign(Unsigned::Timeout(timeout), Recipient::All);
    }

    /// A verified timeout, of another validator or of this one.
    pub(crate) fn on_timeout(&mut self, timeout: Timeout) {
        if self.at.decided.is_some() {
            return;
        }
        let round = timeout.round;
        self.compare(&timeout);
        let high_qc = timeout.high_qc.clone();
        self.at.tally.add_timeout(&self.at.electorate, timeout);
        if let Some(high_qc) = high_qc {
            self.on_quorum_certificate(high_qc);
        }
        let amplified = self.at.tally.honest_timeout_round(&self.at.electorate);
        if let Some(amplified) = amplified.filter(|amplified| *amplified >= self.at.round) {
            self.give_up(amplified);
        }
        let useful = round >= self.at.round
            || (round.checked_add(1) == Some(self.at.round) && self.opened_by().is_none());
        if let Some(ended) = self
            .at
            .tally
            .timeout_certificate(&self.at.electorate, round)
            .filter(|_| useful)
        {
            self.on_timeout_certificate(ended);
        }
    }

    /// Report a validator whose precommits contradict its timeout.
    fn compare(&mut self, timeout: &Timeout) {
        let Some(index) = self.at.electorate.index(timeout.validator) else {
            return;
        };
        let Some(signed) = SignedTimeout::of(timeout) else {
            return;
        };
        let denied = self
            .at
            .tally
            .precommits_of(index)
            .find(|vote| denies(vote, &signed))
            .cloned();
        if let Some(vote) = denied {
            self.accuse(Misbehaviour::Amnesia(vote, signed));
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
        if !self.active() || self.record.is_blank() {
            return;
        }
        self.at.working = true;
        self.arm();
        let last = [
            (Type::Prevote, self.record.prevote),
            (Type::Precommit, self.record.precommit),
        ];
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
            let timer = Timer {
                height: self.height(),
                round: self.at.round,
                kind: TimerKind::Rebroadcast,
            };
            self.at.rebroadcast_timer = true;
            self.then(Effect::Arm {
                timer,
                duration: self.config.rebroadcast,
            });
        }
        if !self.active() {
            return;
        }
        if let Some(ended) = self.opened_by().cloned() {
            self.send(Message::TimeoutCertificate(ended));
        }
        let certified = self
            .record
            .high_qc
            .clone()
            .filter(|high| high.round == self.at.round);
        let open = certified.is_none();
        if let Some(certified) = certified {
            self.send(Message::QuorumCertificate(certified));
        }
        match self
            .record
            .timeout_round
            .filter(|round| *round >= self.at.round)
        {
            Some(round) => self.send_timeout_again(round),
            None => self.repeat_round(open),
        }
        self.arm();
    }

    /// What this node knows may have grown since it timed out; that it gave up has not changed.
    fn send_timeout_again(&mut self, round: u32) {
        if self
            .record
            .high_qc
            .as_ref()
            .is_none_or(|high| high.round <= round)
        {
            self.send_timeout(round);
        }
    }

    /// This node's proposal and votes of the current round; the proposal only while it may still be missing a quorum.
    fn repeat_round(&mut self, open: bool) {
        let round = self.at.round;
        let own = self
            .at
            .proposals
            .get(&round)
            .filter(|proposal| Some(proposal.proposer) == self.address());
        if let Some(proposal) = own.filter(|_| open).cloned() {
            self.sign(Unsigned::Proposal(proposal), Recipient::All);
        }
        let last = [
            (Type::Prevote, self.record.prevote),
            (Type::Precommit, self.record.precommit),
        ];
        for (vote_type, ballot) in last {
            let Some(ballot) = ballot.filter(|ballot| ballot.round == round) else {
                continue;
            };
            if let Some(block) = self.at.blocks.get(&ballot.block_id).cloned() {
                self.send_vote(vote_type, &block, round);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        candidate::Candidate,
        input::Input,
        machine::Routing,
        quorum::QuorumCertificate,
        safety::SafetyRecord,
        tally::ROUNDS_AHEAD_MAX,
        testing::{Solo, assert_recorded, proposals, sends, signs, timeouts, votes},
    };

    fn timeout(solo: &Solo, index: usize, round: u32) -> Message {
        Message::Timeout(solo.chain.timeout(index, 1, round, None))
    }

    /// A replica locked on a block in round 0.
    fn locked(index: usize) -> (Solo, Candidate, QuorumCertificate) {
        let mut solo = Solo::new(index);
        let block = solo.chain.block(1, b"locked");
        let qc = solo.chain.prevotes(&block, 0, &[0, 1, 3]);
        solo.proposal(solo.chain.proposal(&block, 0, None, None));
        solo.receive(Message::QuorumCertificate(qc.clone()));
        assert!(solo.machine.record().precommit.is_some());
        (solo, block, qc)
    }

    #[test]
    fn a_timeout_is_recorded_and_closes_its_round() {
        let mut solo = Solo::new(2);
        let block = solo.chain.block(1, b"");
        let effects = solo.time_out(0);
        assert_recorded(&effects);
        assert_eq!(timeouts(&effects), [(0, None)]);
        assert!(signs(&solo.time_out(0)).is_empty(), "once a round");
        assert!(signs(&solo.proposal(solo.chain.proposal(&block, 0, None, None))).is_empty());
        let qc = solo.chain.prevotes(&block, 0, &[0, 1, 3]);
        assert!(signs(&solo.receive(Message::QuorumCertificate(qc))).is_empty());
    }

    #[test]
    fn an_amplified_timeout_closes_every_round_up_to_it() {
        let mut solo = Solo::new(2);
        let block = solo.chain.block(1, b"");
        solo.proposal(solo.chain.proposal(&block, 0, None, None));
        assert!(
            timeouts(&solo.receive(timeout(&solo, 0, 3))).is_empty(),
            "one validator may lie"
        );
        assert_eq!(timeouts(&solo.receive(timeout(&solo, 1, 3))), [(3, None)]);
        assert_eq!(
            solo.machine.round(),
            0,
            "round 3 was given up without being entered"
        );
        // The rule that reads "r only" would precommit in rounds 0 and 1 here, having reported no certificate for round 3.
        for round in [0, 1, 3] {
            let qc = solo.chain.prevotes(&block, round, &[0, 1, 3]);
            assert!(
                votes(
                    &solo.receive(Message::QuorumCertificate(qc)),
                    Type::Precommit
                )
                .is_empty(),
                "round {round}"
            );
        }
        let ended = solo
            .chain
            .timeouts(1, 0, &[(0, None), (1, None), (3, None)]);
        let mut fresh = Solo::new(2);
        fresh.receive(timeout(&solo, 0, 3));
        fresh.receive(timeout(&solo, 1, 3));
        let other = solo.chain.block_at(1, None, 1, 1, b"other");
        let effects = fresh.proposal(solo.chain.proposal(&other, 1, None, Some(ended)));
        assert_eq!(fresh.machine.round(), 1);
        assert!(votes(&effects, Type::Prevote).is_empty());
        let qc = solo.chain.prevotes(&block, 4, &[0, 1, 3]);
        let effects = solo.receive(Message::QuorumCertificate(qc));
        assert_eq!(
            votes(&effects, Type::Precommit),
            [(4, block.id())],
            "later rounds are open"
        );
    }

    #[test]
    fn a_quorum_of_timeouts_opens_the_next_round() {
        let mut solo = Solo::new(2);
        assert!(solo.receive(timeout(&solo, 0, 0)).is_empty());
        let effects = solo.receive(timeout(&solo, 1, 0));
        assert_eq!(timeouts(&effects), [(0, None)], "joins in");
        assert_eq!(solo.machine.round(), 0);
        solo.receive(timeout(&solo, 2, 0));
        assert_eq!(solo.machine.round(), 1);
        assert_eq!(solo.machine.proposer(), Some(solo.chain.address(1)));
    }

    #[test]
    fn a_timeout_brings_the_certificate_that_a_silent_collector_withheld() {
        let mut solo = Solo::new(2);
        let block = solo.chain.block(1, b"");
        solo.proposal(solo.chain.proposal(&block, 0, None, None));
        let qc = solo.chain.prevotes(&block, 0, &[0, 1, 3]);
        let effects = solo.receive(Message::Timeout(solo.chain.timeout(1, 1, 0, Some(&qc))));
        assert_eq!(votes(&effects, Type::Precommit), [(0, block.id())]);
        assert_eq!(timeouts(&solo.time_out(0)), [(0, Some(0))]);
    }

    #[test]
    fn a_locked_replica_refuses_another_block_while_the_timeouts_report_its_lock() {
        let (mut solo, block, qc) = locked(2);
        let other = solo.chain.block_at(1, None, 1, 1, b"other");
        let ended = solo
            .chain
            .timeouts(1, 0, &[(0, None), (1, Some(&qc)), (3, None)]);
        let effects = solo.proposal(solo.chain.proposal(&other, 1, None, Some(ended.clone())));
        assert!(votes(&effects, Type::Prevote).is_empty());
        let (mut solo, ..) = locked(2);
        let effects = solo.proposal(solo.chain.proposal(&block, 1, Some(qc), Some(ended)));
        assert_eq!(votes(&effects, Type::Prevote), [(1, block.id())]);
    }

    #[test]
    fn a_locked_replica_yields_when_a_quorum_knew_nothing_of_its_lock() {
        let (mut solo, ..) = locked(2);
        let other = solo.chain.block_at(1, None, 1, 1, b"other");
        let ended = solo
            .chain
            .timeouts(1, 0, &[(0, None), (1, None), (3, None)]);
        let effects = solo.proposal(solo.chain.proposal(&other, 1, None, Some(ended)));
        assert_eq!(votes(&effects, Type::Prevote), [(1, other.id())]);
        let qc = solo.chain.prevotes(&other, 1, &[0, 1, 3]);
        let effects = solo.receive(Message::QuorumCertificate(qc));
        assert_eq!(votes(&effects, Type::Precommit), [(1, other.id())]);
    }

    #[test]
    fn a_proposal_brings_a_laggard_into_its_round() {
        let mut solo = Solo::new(2);
        let block = solo.chain.block_at(1, None, 3, 1, b"");
        let ended = solo
            .chain
            .timeouts(1, 6, &[(0, None), (1, None), (3, None)]);
        let effects = solo.proposal(solo.chain.proposal(&block, 7, None, Some(ended)));
        assert_eq!(solo.machine.round(), 7);
        assert_eq!(votes(&effects, Type::Prevote), [(7, block.id())]);
    }

    #[test]
    fn a_restarted_replica_says_the_same_again_and_nothing_else() {
        let (solo, ..) = locked(2);
        let mut before = Solo::new(2);
        let block = solo.chain.block(1, b"locked");
        let mut said = signs(&before.proposal(solo.chain.proposal(&block, 0, None, None)));
        said.extend(signs(&before.receive(Message::QuorumCertificate(
            solo.chain.prevotes(&block, 0, &[0, 1, 3]),
        ))));
        let (mut after, effects) = before.restart();
        assert_eq!(signs(&effects), said);
        assert!(sends(&effects).is_empty());
        let other = solo.chain.block(1, b"other");
        assert!(signs(&after.proposal(solo.chain.proposal(&other, 0, None, None))).is_empty());
        assert!(signs(&after.proposal(solo.chain.proposal(&block, 0, None, None))).is_empty());
        assert_eq!(after.machine.record(), before.machine.record());
    }

    #[test]
    fn a_restarted_replica_stays_silent_in_rounds_that_it_gave_up() {
        let mut solo = Solo::new(2);
        solo.receive(timeout(&solo, 0, 3));
        solo.receive(timeout(&solo, 1, 3));
        let (mut after, effects) = solo.restart();
        assert_eq!(timeouts(&effects), [(3, None)]);
        let block = solo.chain.block(1, b"");
        for round in 0..=3 {
            let qc = solo.chain.prevotes(&block, round, &[0, 1, 3]);
            assert!(signs(&after.receive(Message::QuorumCertificate(qc))).is_empty());
        }
    }

    #[test]
    fn a_locked_chain_that_dies_whole_can_finish_its_block() {
        // Validator 1 proposes in round 1. It restarts with nothing but its record.
        let (solo, block, qc) = locked(1);
        let (mut after, _) = solo.restart();
        let ended = solo
            .chain
            .timeouts(1, 0, &[(0, None), (2, Some(&qc)), (3, None)]);
        let again = proposals(&after.receive(Message::TimeoutCertificate(ended)));
        assert_eq!(
            (again[0].block.id(), again[0].block.bytes()),
            (block.id(), block.bytes())
        );
    }

    #[test]
    fn a_wiped_replica_signs_nothing_below_its_height() {
        let (mut solo, effects) = Solo::with(2, Routing::Collector, SafetyRecord::wiped(5));
        assert!(effects.is_empty());
        let block = solo.chain.block(1, b"");
        assert!(
            solo.proposal(solo.chain.proposal(&block, 0, None, None))
                .is_empty()
        );
        assert!(solo.time_out(0).is_empty());
        assert_eq!(solo.machine.record().votes_from, 10);
    }

    #[test]
    fn a_record_of_a_height_that_the_store_lost_is_kept_until_then() {
        let chain = crate::testing::Chain::new(4);
        let later = SafetyRecord {
            height: 2,
            timeout_round: Some(4),
            ..SafetyRecord::default()
        };
        let (mut solo, effects) = Solo::with(2, Routing::Collector, later);
        assert!(effects.is_empty());
        let block = chain.block(1, b"");
        assert!(
            solo.proposal(chain.proposal(&block, 0, None, None))
                .is_empty(),
            "height 1 was voted in before"
        );
        let electorate = std::sync::Arc::new(chain.electorate_after(Some(&block)));
        let effects = solo.machine.step(Input::StartHeight {
            electorate,
            last_commit: None,
        });
        assert_eq!(timeouts(&effects), [(4, None)]);
    }

    #[test]
    fn far_rounds_are_entered_by_certificate_only() {
        let mut solo = Solo::new(0);
        let block = solo.chain.block(1, b"");
        let far = ROUNDS_AHEAD_MAX + 1;
        for index in 1..4 {
            assert!(
                solo.receive(Message::Vote(solo.chain.vote(
                    index,
                    Type::Prevote,
                    &block,
                    far
                )))
                .is_empty()
            );
        }
        assert_eq!(solo.machine.round(), 0);
        for index in 1..4 {
            solo.receive(Message::Vote(solo.chain.vote(
                index,
                Type::Prevote,
                &block,
                ROUNDS_AHEAD_MAX,
            )));
        }
        assert_eq!(solo.machine.round(), ROUNDS_AHEAD_MAX);
        let ended = solo
            .chain
            .timeouts(1, ROUND_MAX, &[(0, None), (1, None), (3, None)]);
        solo.receive(Message::TimeoutCertificate(ended));
        assert_eq!(solo.machine.round(), ROUND_MAX + 1);
        assert!(
            signs(&solo.time_out(ROUND_MAX + 1)).is_empty(),
            "there is no round after the last"
        );
    }

    #[test]
    fn the_last_word_and_the_best_certificate_are_repeated() {
        let (mut solo, _, qc) = locked(2);
        let effects = solo.rebroadcast();
        assert_eq!(sends(&effects), [Message::QuorumCertificate(qc)]);
        assert_eq!(votes(&effects, Type::Precommit).len(), 1);
        assert!(
            !effects
                .iter()
                .any(|effect| matches!(effect, Effect::Persist(_))),
            "nothing new is signed"
        );
        solo.time_out(0);
        assert_eq!(timeouts(&solo.rebroadcast()), [(0, Some(0))]);
        let ended = solo
            .chain
            .timeouts(1, 0, &[(0, None), (1, None), (3, None)]);
        solo.receive(Message::TimeoutCertificate(ended.clone()));
        assert_eq!(
            sends(&solo.rebroadcast()),
            [Message::TimeoutCertificate(ended)]
        );
    }
}
