//! Putting a block forward, and taking one in.

use tendermint::account;

use crate::{
    candidate::Candidate,
    effect::{Effect, Recipient},
    machine::Step,
    message::{Proposal, Unsigned},
    misbehaviour::{Misbehaviour, SignedProposal, proposals_contradict},
    safety::{Ballot, justified},
    tally::ROUNDS_BEHIND_MAX,
};

impl Step<'_> {
    /// There is something to decide. Said again, it asks again for a block that was never built.
    pub(crate) fn on_work(&mut self) {
        if self.at.decided.is_some() {
            return;
        }
        self.at.working = true;
        self.at.building = None;
        self.arm();
        self.propose();
    }

    /// Propose, if it is this node's turn and it has not done so in this round.
    pub(crate) fn propose(&mut self) {
        let round = self.at.round;
        if !self.my_turn() || self.at.proposals.contains_key(&round) {
            return;
        }
        // Proposed before a crash: that block again, or nothing.
        if let Some(before) = self.record.proposal.filter(|before| before.round >= round) {
            if before.round == round
                && let Some(block) = self.at.blocks.get(&before.block_id).cloned()
            {
                self.put_forward(block);
            }
            return;
        }
        if let Some(block) = self.certified_block() {
            self.put_forward(block);
            return;
        }
        let bound = self
            .opened_by()
            .is_some_and(|ended| ended.highest_round().is_some());
        // Bound to a block that this node does not hold: its turn passes. Idle: there is nothing to propose.
        if bound || (round == 0 && !self.at.working) || self.at.building == Some(round) {
            return;
        }
        self.at.building = Some(round);
        let last_commit = self.at.last_commit.clone().map(Box::new);
        self.then(Effect::Build {
            height: self.height(),
            round,
            last_commit,
        });
    }

    /// The fresh block that was asked for.
    pub(crate) fn on_built(&mut self, round: u32, block: Candidate) {
        if round != self.at.round || self.at.building != Some(round) {
            return;
        }
        assert!(
            Some(block.header().proposer_address) == self.address(),
            "a fresh block names the node that built it"
        );
        self.at.building = None;
        if self.my_turn() && self.record.may_propose(round) && self.certified_block().is_none() {
            self.put_forward(block);
        } else {
            self.propose();
        }
    }

    /// A verified proposal, its block validated.
    pub(crate) fn on_proposal(&mut self, proposal: Proposal) {
        if let Some(ended) = proposal.timeout_certificate.clone() {
            self.on_timeout_certificate(*ended);
        }
        if let Some(justify) = proposal.justify.clone() {
            self.on_quorum_certificate(*justify);
        }
        if proposal.round > self.at.round
            || proposal.round.saturating_add(ROUNDS_BEHIND_MAX) < self.at.round
        {
            return;
        }
        self.keep(proposal);
        if self.at.decided.is_some() {
            self.finish_height();
            return;
        }
        self.at.working = true;
        self.arm();
        self.prevote();
        self.precommit();
    }

    /// Keep the first proposal of a round. Of a second one keep the block, if a certificate names it, and the proof.
    fn keep(&mut self, proposal: Proposal) {
        let id = proposal.block.id();
        let Some(kept) = self.at.proposals.get_mut(&proposal.round) else {
            self.at.blocks.insert(id, proposal.block.clone());
            self.at.proposals.insert(proposal.round, proposal);
            return;
        };
        if kept.signature.is_none() && kept.block.id() == id {
            kept.signature.clone_from(&proposal.signature);
        }
        let both = SignedProposal::of(kept).zip(SignedProposal::of(&proposal));
        let wanted = self.record.names(id)
            || self
                .at
                .decided
                .as_ref()
                .is_some_and(|commit| commit.block_id == id);
        if wanted {
            self.at.blocks.insert(id, proposal.block);
        }
        if let Some((one, two)) = both.filter(|(one, two)| proposals_contradict(one, two)) {
            self.accuse(Misbehaviour::DuplicateProposal(one, two));
        }
    }

    /// Record, sign and send a proposal, and vote for it.
    fn put_forward(&mut self, block: Candidate) {
        let Some(proposer) = self.address() else {
            return;
        };
        let round = self.at.round;
        let id = block.id();
        let justify = self
            .record
            .high_qc
            .clone()
            .filter(|high| high.block_id == id && high.round < round);
        let timeout_certificate = self.opened_by().cloned();
        let proposal = Proposal {
            round,
            block,
            justify: justify.map(Box::new),
            timeout_certificate: timeout_certificate.map(Box::new),
            proposer,
            signature: None,
        };
        // Another's block needs a certificate to be put forward again. After a restart the one that it had may have made way for
        // a certificate of this very round, which speaks for itself.
        let own = proposal.block.header().proposer_address == proposer;
        if !justified(&proposal) || (proposal.is_fresh() && !own) {
            return;
        }
        self.at.blocks.insert(id, proposal.block.clone());
        self.at.proposals.insert(round, proposal.clone());
        let ballot = Some(Ballot {
            round,
            block_id: id,
        });
        if self.record.proposal != ballot {
            self.record.proposal = ballot;
            self.remember();
        }
        self.sign(Unsigned::Proposal(proposal), Recipient::All);
        self.prevote();
    }

    /// The block that the highest certificate is for, if held: nothing else is worth proposing once it exists.
    fn certified_block(&self) -> Option<Candidate> {
        let high = self
            .record
            .high_qc
            .as_ref()
            .filter(|high| high.round < self.at.round)?;
        self.at.blocks.get(&high.block_id).cloned()
    }

    /// Whether this node proposes in the current round, and the round is open to it.
    fn my_turn(&self) -> bool {
        let round = self.at.round;
        self.active()
            && self.address() == Some(self.at.electorate.proposer(round))
            && self.record.open(round)
            && (round == 0 || self.opened_by().is_some())
    }

    /// This node's address, if it may sign at this height.
    pub(crate) fn address(&self) -> Option<account::Id> {
        self.at.index.map(|index| self.at.electorate.address(index))
    }
}

#[cfg(test)]
mod tests {
    use tendermint::vote::Type;

    use super::*;
    use crate::{
        input::Input,
        machine::Routing,
        message::Message,
        safety::SafetyRecord,
        testing::{Solo, accused, assert_recorded, builds, proposals, votes},
    };

    fn built(solo: &mut Solo, round: u32, payload: &[u8]) -> Vec<Effect> {
        let block = solo.chain.block_at(1, None, solo.index, 1, payload);
        solo.machine.step(Input::Built { round, block })
    }

    #[test]
    fn a_block_that_comes_after_a_hush_is_dropped() {
        for index in 0..4 {
            let mut solo = Solo::new(index);
            let effects = solo.machine.step(Input::Work { height: 1 });
            solo.machine.step(Input::Hush { height: 1 });
            assert!(built(&mut solo, 0, b"late").is_empty());
            let again = solo.machine.step(Input::Speak { height: 1 });
            assert_eq!(builds(&again), builds(&effects), "it is asked for again");
            assert_eq!(
                proposals(&built(&mut solo, 0, b"now")).len(),
                builds(&effects).len()
            );
        }
    }

    #[test]
    fn an_idle_chain_is_silent_until_there_is_work() {
        for index in 0..4 {
            let (mut solo, effects) =
                Solo::with(index, Routing::Collector, SafetyRecord::default());
            assert!(effects.is_empty());
            let effects = solo.machine.step(Input::Work { height: 1 });
            let timers = effects
                .iter()
                .filter(|effect| matches!(effect, Effect::Arm { .. }))
                .count();
            assert_eq!(timers, 2);
            assert_eq!(builds(&effects), if index == 0 { vec![0] } else { vec![] });
        }
    }

    #[test]
    fn a_proposal_is_recorded_with_its_block_before_it_leaves() {
        let mut solo = Solo::new(0);
        solo.machine.step(Input::Work { height: 1 });
        let effects = built(&mut solo, 0, b"");
        assert_recorded(&effects);
        let id = solo.machine.record().proposal.unwrap().block_id;
        assert_eq!(proposals(&effects).len(), 1);
        assert_eq!(
            votes(&effects, Type::Prevote),
            [(0, id)],
            "the proposer votes in the same step, under one record"
        );
        assert!(
            solo.machine
                .record()
                .blocks
                .iter()
                .any(|block| block.id() == id)
        );
    }

    #[test]
    fn a_block_that_nobody_asked_for_is_not_proposed() {
        let mut solo = Solo::new(0);
        assert!(built(&mut solo, 0, b"").is_empty());
        solo.machine.step(Input::Work { height: 1 });
        assert_eq!(proposals(&built(&mut solo, 0, b"first")).len(), 1);
        assert!(built(&mut solo, 0, b"second").is_empty());
        assert!(builds(&solo.machine.step(Input::Work { height: 1 })).is_empty());
    }

    #[test]
    fn a_restarted_proposer_proposes_the_same_block_again_and_no_other() {
        let mut solo = Solo::new(0);
        solo.machine.step(Input::Work { height: 1 });
        let before = proposals(&built(&mut solo, 0, b"first"));
        let (mut solo, effects) = solo.restart();
        assert_eq!(proposals(&effects), before);
        assert!(builds(&solo.machine.step(Input::Work { height: 1 })).is_empty());
        assert!(proposals(&built(&mut solo, 0, b"second")).is_empty());
    }

    #[test]
    fn who_knows_no_certificate_proposes_a_fresh_block_in_a_later_round() {
        let mut solo = Solo::new(1);
        let ended = solo
            .chain
            .timeouts(1, 0, &[(0, None), (2, None), (3, None)]);
        assert_eq!(
            builds(&solo.receive(Message::TimeoutCertificate(ended.clone()))),
            [1]
        );
        let effects = built(&mut solo, 1, b"");
        assert_eq!(
            proposals(&effects)[0].timeout_certificate,
            Some(Box::new(ended))
        );
        assert!(proposals(&effects)[0].is_fresh());
    }

    #[test]
    fn a_certified_block_is_proposed_again_with_its_certificate() {
        let mut solo = Solo::new(1);
        let block = solo.chain.block(1, b"");
        let qc = solo.chain.prevotes(&block, 0, &[0, 2, 3]);
        solo.proposal(solo.chain.proposal(&block, 0, None, None));
        let ended = solo
            .chain
            .timeouts(1, 0, &[(0, None), (2, Some(&qc)), (3, None)]);
        let effects = solo.receive(Message::TimeoutCertificate(ended));
        assert!(builds(&effects).is_empty());
        let again = &proposals(&effects)[0];
        assert_eq!(
            (again.block.id(), again.justify.as_deref()),
            (block.id(), Some(&qc))
        );
    }

    #[test]
    fn who_lacks_the_certified_block_lets_its_turn_pass() {
        let mut solo = Solo::new(1);
        let qc = solo
            .chain
            .prevotes(&solo.chain.block(1, b""), 0, &[0, 2, 3]);
        let ended = solo
            .chain
            .timeouts(1, 0, &[(0, None), (2, Some(&qc)), (3, None)]);
        let effects = solo.receive(Message::TimeoutCertificate(ended));
        assert!(builds(&effects).is_empty() && proposals(&effects).is_empty());
        assert!(builds(&solo.machine.step(Input::Work { height: 1 })).is_empty());
    }

    #[test]
    fn a_second_proposal_in_a_round_gets_no_vote_and_is_reported_once() {
        let mut solo = Solo::new(2);
        let (one, two) = (solo.chain.block(1, b"one"), solo.chain.block(1, b"two"));
        let effects = solo.proposal(solo.chain.proposal(&one, 0, None, None));
        assert_eq!(votes(&effects, Type::Prevote), [(0, one.id())]);
        let effects = solo.proposal(solo.chain.proposal(&two, 0, None, None));
        assert!(votes(&effects, Type::Prevote).is_empty());
        assert_eq!(accused(&effects), [solo.chain.address(0)]);
        let three = solo.chain.block(1, b"three");
        assert!(accused(&solo.proposal(solo.chain.proposal(&three, 0, None, None))).is_empty());
        assert_eq!(solo.machine.step(Input::Work { height: 2 }).len(), 0);
    }

    /// Validator 2 prevotes in round 0 for a block whose certificate its proposer hides, and then in `rounds` more rounds for
    /// other blocks, none of which is certified.
    fn with_hidden_certificate(rounds: u32) -> (Solo, Candidate) {
        let mut solo = Solo::new(2);
        let hidden = solo.chain.block(1, b"hidden");
        solo.proposal(solo.chain.proposal(&hidden, 0, None, None));
        for round in 1..=rounds {
            let silent = solo
                .chain
                .timeouts(1, round - 1, &[(0, None), (1, None), (3, None)]);
            let proposer = usize::try_from(round % 4).unwrap();
            if proposer == solo.index {
                solo.receive(Message::TimeoutCertificate(silent));
                built(&mut solo, round, &round.to_be_bytes());
                continue;
            }
            let block = solo
                .chain
                .block_at(1, None, proposer, 1, &round.to_be_bytes());
            let effects = solo.proposal(solo.chain.proposal(&block, round, None, Some(silent)));
            assert_eq!(votes(&effects, Type::Prevote), [(round, block.id())]);
        }
        (solo, hidden)
    }

    #[test]
    fn a_certificate_that_was_hidden_for_many_rounds_finds_its_block_kept() {
        // Far more rounds than votes are kept for; validator 2 proposes in round 14.
        let (solo, hidden) = with_hidden_certificate(13);
        let (restarted, _) = solo.restart();
        for mut solo in [solo, restarted] {
            let qc = solo.chain.prevotes(&hidden, 0, &[0, 1, 2]);
            let shown = solo
                .chain
                .timeouts(1, 13, &[(0, Some(&qc)), (1, None), (3, None)]);
            let effects = solo.receive(Message::TimeoutCertificate(shown));
            let again = &proposals(&effects)[0];
            assert_eq!(
                (again.block.id(), again.justify.as_deref()),
                (hidden.id(), Some(&qc)),
                "nobody but who prevoted for it can propose it again"
            );
        }
    }

    #[test]
    fn blocks_below_the_highest_certificate_are_let_go() {
        let (mut solo, hidden) = with_hidden_certificate(5);
        let held = |solo: &Solo| {
            let mut blocks = solo.machine.record().blocks.iter();
            blocks.any(|block| block.id() == hidden.id())
        };
        assert!(held(&solo));
        let block = solo.chain.block_at(1, None, 1, 1, &5u32.to_be_bytes());
        let qc = solo.chain.prevotes(&block, 5, &[0, 1, 2]);
        solo.receive(Message::QuorumCertificate(qc));
        assert!(!held(&solo));
    }
}
