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
            if before.round == round && let Some(block) = self.at.blocks.get(&before.block_id).cloned() {
                self.put_forward(block);
            }
            return;
        }
        if let Some(block) = self.certified_block() {
            self.put_forward(block);
            return;
        }
        let bound = self.opened_by().is_some_and(|ended| ended.highest_round().is_some());
        // Bound to a block that this node does not hold: its turn passes. Idle: there is nothing to propose.
        if bound || (round == 0 && !self.at.working) || self.at.building == Some(round) {
            return;
        }
        self.at.building = Some(round);
        let last_commit = self.at.last_commit.clone().map(Box::new);
        self.then(Effect::Build { height: self.height(), round, last_commit });
    }

    /// The fresh block that was asked for.
    pub(crate) fn on_built(&mut self, round: u32, block: Candidate) {
        let header = block.header();
        if header.height.value() != self.height() || round != self.at.round || self.at.building != Some(round) {
            return;
        }
        assert!(Some(header.proposer_address) == self.address(), "a fresh block names the node that built it");
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
            self.on_timeout_certificate(ended);
        }
        if let Some(justify) = proposal.justify.clone() {
            self.on_quorum_certificate(justify);
        }
        if proposal.round > self.at.round || proposal.round.saturating_add(ROUNDS_BEHIND_MAX) < self.at.round {
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
        let wanted = self.record.names(id) || self.at.decided.as_ref().is_some_and(|commit| commit.block_id == id);
        if wanted {
            self.at.blocks.insert(id, proposal.block);
        }
        if let Some((one, two)) = both.filter(|(one, two)| proposals_contradict(one, two)) {
            self.then(Effect::Misbehaviour(Box::new(Misbehaviour::DuplicateProposal(one, two))));
        }
    }

    /// Record, sign and send a proposal, and vote for it.
    fn put_forward(&mut self, block: Candidate) {
        let Some(proposer) = self.address() else { return };
        let round = self.at.round;
        let id = block.id();
        let justify = self.record.high_qc.clone().filter(|high| high.block_id == id && high.round < round);
        let timeout_certificate = self.opened_by().cloned();
        let proposal = Proposal { round, block, justify, timeout_certificate, proposer, signature: None };
        if !justified(&proposal) {
            return;
        }
        self.at.blocks.insert(id, proposal.block.clone());
        self.at.proposals.insert(round, proposal.clone());
        let ballot = Some(Ballot { round, block_id: id });
        if self.record.proposal != ballot {
            self.record.proposal = ballot;
            self.remember();
        }
        self.sign(Unsigned::Proposal(proposal), Recipient::All);
        self.prevote();
    }

    /// The block that the highest certificate is for, if held: nothing else is worth proposing once it exists.
    fn certified_block(&self) -> Option<Candidate> {
        let high = self.record.high_qc.as_ref().filter(|high| high.round < self.at.round)?;
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
