//! What peers send: consensus messages and committed blocks, believed only for what they prove.

use super::*;

impl Replica {
    pub(super) fn message(&mut self, now: Time, message: Message, outputs: &mut Vec<Output>) {
        let height = message.height();
        let current = self.height_to_decide();
        if height > current {
            if height == current + 1 {
                self.decide_by_next_proposal(&message);
                self.keep_for_later(message);
            }
            // Whoever is at that height has committed the one before it.
            outputs.push(Output::Behind(height - 1));
            return;
        }
        if height < current {
            self.answer_laggard(&message, outputs);
            return;
        }
        self.verified(message, |replica, proposal| replica.accepts(now, proposal));
    }

    /// Feeds a message that the electorate of this height stands behind; a proposal only if its block passes `accepts`.
    pub(super) fn verified(
        &mut self,
        message: Message,
        accepts: impl FnOnce(&mut Self, &message::Proposal) -> bool,
    ) {
        let height = message.height();
        match message::verify(message, &self.electorate) {
            Ok(Input::Proposal(proposal)) => {
                if accepts(self, &proposal) {
                    self.inputs.push_back(Input::Proposal(proposal));
                }
            }
            Ok(input) => self.inputs.push_back(input),
            Err(refusal) => tracing::debug!(%refusal, height, "message refused"),
        }
    }

    pub(super) fn keep_for_later(&mut self, message: Message) {
        let proposals = self
            .early
            .iter()
            .filter(|early| matches!(early, Message::Proposal(_)))
            .count();
        let proposal = matches!(message, Message::Proposal(_));
        if self.early.len() >= EARLY_MESSAGES_MAX || proposal && proposals >= EARLY_PROPOSALS_MAX {
            // None of them can be verified yet, so the newest wins: junk sent ahead cannot keep the true one out.
            let oldest = self
                .early
                .iter()
                .position(|early| !proposal || matches!(early, Message::Proposal(_)));
            if let Some(oldest) = oldest {
                self.early.remove(oldest);
            }
        }
        self.early.push(message);
    }

    /// The next height's proposal carries the commit of this one.
    pub(super) fn decide_by_next_proposal(&mut self, message: &Message) {
        let Message::Proposal(proposal) = message else {
            return;
        };
        let Ok(block) = Block::decode(proposal.block.bytes()) else {
            return;
        };
        let Some(commit) = block.last_commit else {
            return;
        };
        if let Ok(input) = message::verify(Message::Commit(commit), &self.electorate) {
            self.inputs.push_back(input);
        }
    }

    /// Late precommits make the last commit fatter; who still times out an old height gets the newest commit.
    pub(super) fn answer_laggard(&mut self, message: &Message, outputs: &mut Vec<Output>) {
        match message {
            Message::Vote(_) => {
                let Some(electorate) = &self.last_electorate else {
                    return;
                };
                match message::verify(message.clone(), electorate) {
                    Ok(input) => self.inputs.push_back(input),
                    Err(Refusal::OtherHeight { .. }) => {}
                    Err(refusal) => tracing::debug!(%refusal, "late vote refused"),
                }
            }
            // The newest one: it costs no read, and tells a node that is far behind how far.
            Message::Timeout(timeout) => {
                let Some(commit) = self.last_commit.clone() else {
                    return;
                };
                outputs.push(Output::Send {
                    to: timeout.validator,
                    message: Message::Commit(commit).encode(),
                });
            }
            Message::Proposal(_)
            | Message::QuorumCertificate(_)
            | Message::TimeoutCertificate(_)
            | Message::Commit(_) => {}
        }
    }

    /// Whether the proposal's block may be voted for; what a proposal says besides is for [`message::verify`].
    pub(super) fn accepts(&mut self, now: Time, proposal: &message::Proposal) -> bool {
        if proposal.is_fresh() {
            let apart = Self::now_ms(now).abs_diff(Self::now_ms(proposal.block.time()));
            let allowed = timeliness_ms(proposal.round);
            if apart > allowed {
                tracing::warn!(
                    apart_ms = apart,
                    allowed_ms = allowed,
                    round = proposal.round,
                    "proposal is not timely"
                );
                return false;
            }
        }
        match self.check_block(&proposal.block) {
            Ok(_) => true,
            Err(reason) => {
                tracing::warn!(%reason, proposer = %proposal.proposer, "proposed block is invalid");
                false
            }
        }
    }

    /// Checks a block against the state before it, once.
    pub(super) fn check_block(&mut self, candidate: &Candidate) -> Result<CheckedBlock, String> {
        let key = header_hash(&candidate.id());
        if let Some(checked) = self.checked.get(&key)
            && checked.block().id() == candidate.id()
        {
            return Ok(checked.clone());
        }
        let block = Block::decode(candidate.bytes()).map_err(|error| error.to_string())?;
        block
            .check(&self.expected)
            .map_err(|error| error.to_string())?;
        self.check_last_commit(&block)?;
        let mempool = &self.mempool;
        let checked = CheckedBlock::new(block, &self.rules, |id| mempool.checked(id))
            .map_err(|error| chain_of(&error))?;
        if self.checked.len() < CHECKED_BLOCKS_MAX {
            self.checked.insert(key, checked.clone());
        }
        Ok(checked)
    }

    pub(super) fn check_last_commit(&self, block: &Block) -> Result<(), String> {
        let Some(commit) = &block.last_commit else {
            return Ok(());
        };
        if self.last_commit.as_ref() == Some(commit) {
            return Ok(());
        }
        let (bytes, _) = self
            .store
            .block(self.height())
            .expect("the last block is stored");
        let header = Block::decode(&bytes)
            .expect("a stored block decodes")
            .header;
        let signed =
            SignedHeader::new(header, commit.clone()).map_err(|error| error.to_string())?;
        certificate::verify(&signed, &self.expected.last_validators)
            .map_err(|error| error.to_string())
    }

    /// Applies blocks of another node's chain, each believed for the commit that comes with it.
    pub(super) fn blocks(
        &mut self,
        now: Time,
        blocks: &[v1::CommittedBlock],
        outputs: &mut Vec<Output>,
    ) {
        for committed in blocks {
            if self.stalled.is_some() {
                return;
            }
            match self.check_committed(committed) {
                Ok(None) => {}
                Ok(Some((block, commit))) => self.commit(now, block, commit, outputs),
                Err(reason) => {
                    outputs.push(Output::BadBlocks(reason));
                    return;
                }
            }
        }
    }

    pub(super) fn check_committed(
        &mut self,
        committed: &v1::CommittedBlock,
    ) -> Result<Option<(CheckedBlock, Commit)>, String> {
        let candidate = Candidate::decode(committed.block.as_slice().into())
            .map_err(|error| error.to_string())?;
        if candidate.header().height.value() < self.height_to_decide() {
            return Ok(None);
        }
        let commit = parse_commit(&committed.commit).ok_or("the commit does not decode")?;
        if commit.block_id != candidate.id() {
            return Err("the commit is for another block".to_owned());
        }
        let signed = SignedHeader::new(candidate.header().clone(), commit.clone())
            .map_err(|error| error.to_string())?;
        certificate::verify(&signed, &self.expected.validators)
            .map_err(|error| error.to_string())?;
        Ok(Some((self.check_block(&candidate)?, commit)))
    }
}
