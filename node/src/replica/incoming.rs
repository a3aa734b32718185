//! What peers send: consensus messages and committed blocks, believed only for what they prove.

use super::*;

impl Replica {
    pub(super) fn message(
        &mut self,
        now: Time,
        from: Option<account::Id>,
        message: Message,
        outputs: &mut Vec<Output>,
    ) {
        let height = message.height();
        if self.lost_blocks() {
            tracing::debug!(height, "message refused: the disk lost blocks");
            return;
        }
        if let Some(from) = from {
            if message.signer().is_some_and(|signer| signer != from) {
                tracing::debug!(%from, height, "message of another validator refused");
                return;
            }
            // Whoever is at that height has committed the one before it.
            if message.signer().is_some() {
                self.height_reported(now, from, height.saturating_sub(1), outputs);
            }
        }
        let current = self.height_to_decide();
        if height > current {
            if height == current + 1 {
                let this = self.electorate.proposer(self.round());
                let expected = self.electorate.next_proposer(this);
                // Out of turn it is not looked into: whoever missed the commit then fetches the block.
                if message.signer() == Some(expected) {
                    self.decide_by_next_proposal(&message);
                }
                if let Some(from) = from.or(message.signer()) {
                    self.early.keep(from, expected, message);
                }
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
        if let Message::Vote(vote) = message {
            let round = self.round();
            match self.ballots.add(&self.electorate, round, vote) {
                Ok(votes) => self.inputs.extend(votes),
                Err(refusal) => tracing::debug!(%refusal, height, "vote refused"),
            }
            return;
        }
        if matches!(message, Message::Commit(_)) && self.proposes_next() {
            // Precommits that wait here may be missing there.
            self.inputs.extend(self.ballots.flush(&self.electorate));
        }
        match message::verify_knowing(message, &self.electorate, &mut self.known) {
            Ok(Input::Proposal(proposal)) => {
                if accepts(self, &proposal) {
                    self.inputs.push_back(Input::Proposal(proposal));
                }
            }
            Ok(input) => self.inputs.push_back(input),
            Err(refusal) => tracing::debug!(%refusal, height, "message refused"),
        }
    }

    /// Whether this node proposes first at the next height, as far as one can tell.
    fn proposes_next(&self) -> bool {
        let this = self.electorate.proposer(self.round());
        let next = self.electorate.next_proposer(this);
        self.key_of(next).is_some()
    }

    /// The next height's proposal carries the commit of this one. Its signature cannot be checked yet, so the rest of the block is
    /// not looked at, and its proposer has one such look a round.
    pub(super) fn decide_by_next_proposal(&mut self, message: &Message) {
        let Message::Proposal(proposal) = message else {
            return;
        };
        if self.consensus.is_decided() || self.glanced.replace(self.round()) == Some(self.round()) {
            return;
        }
        let Ok(Some(commit)) = last_commit(proposal.block.bytes()) else {
            return;
        };
        if proposal.block.header().last_block_id != Some(commit.block_id) {
            return;
        }
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
            Message::Misbehaviour(misbehaviour) => self.late_proof(misbehaviour, outputs),
            Message::Proposal(_)
            | Message::QuorumCertificate(_)
            | Message::TimeoutCertificate(_)
            | Message::Commit(_) => {}
        }
    }

    /// Whether the proposal's block may be voted for; what a proposal says besides is for [`message::verify`].
    pub(super) fn accepts(&mut self, now: Time, proposal: &message::Proposal) -> bool {
        if proposal.is_fresh() {
            let time = proposal.block.time();
            let apart = Self::now_ms(now).abs_diff(Self::now_ms(time));
            let allowed = timeliness_ms(proposal.round);
            // Clocks that were set back are behind the chain: then the least later time is the only one there is.
            let least = time == block_time(now, self.expected.last_time);
            if apart > allowed && !least {
                tracing::warn!(
                    apart_ms = apart,
                    allowed_ms = allowed,
                    round = proposal.round,
                    "proposal is not timely"
                );
                return false;
            }
        }
        if !self.is_worth_checking(proposal) {
            return false;
        }
        match self.check_block(proposal.round, &proposal.block) {
            Ok(_) => {
                self.began.get_or_insert(now);
                true
            }
            Err(reason) => {
                tracing::warn!(%reason, proposer = %proposal.proposer, "proposed block is invalid");
                self.judged.insert(proposal.round, None);
                false
            }
        }
    }

    /// A block is looked into if it is the first of its round, or one that this node voted for or knows a certificate of: checking one
    /// takes long, and a proposer may sign as many as it likes. Of a second one the proof against its proposer is all that is wanted.
    fn is_worth_checking(&mut self, proposal: &message::Proposal) -> bool {
        let id = proposal.block.id();
        if self.consensus.needs(id) {
            return true;
        }
        let first = self.judged.entry(proposal.round).or_insert(Some(id));
        if *first == Some(id) {
            return true;
        }
        if let Some(proof) = self.consensus.contradicted(proposal) {
            let proof = Message::Misbehaviour(Box::new(proof));
            let proved = message::verify_knowing(proof, &self.electorate, &mut self.known);
            self.inputs.extend(proved);
        }
        false
    }

    /// Checks a block that comes in this round against the state before it, once.
    pub(super) fn check_block(
        &mut self,
        round: u32,
        candidate: &Candidate,
    ) -> Result<CheckedBlock, String> {
        let key = header_hash(&candidate.id());
        if let Some((last, checked)) = self.checked.get_mut(&key)
            && checked.block().id() == candidate.id()
        {
            *last = round.max(*last);
            return Ok(checked.clone());
        }
        let block = Block::decode(candidate.bytes()).map_err(|error| error.to_string())?;
        block
            .check(&self.expected)
            .map_err(|error| error.to_string())?;
        self.check_last_commit(&block)?;
        let (mempool, recent) = (&self.mempool, &self.recent);
        let known = |id: &[u8; 32]| {
            let waiting = mempool.checked(id);
            waiting.or_else(|| recent.find(&[*id]).pop().flatten())
        };
        let checked =
            CheckedBlock::new(block, &self.rules, known).map_err(|error| chain_of(&error))?;
        let unknown = checked.transactions().iter();
        recent.add(unknown.filter(|transaction| mempool.checked(&transaction.id).is_none()));
        self.remember(round, checked.clone());
        Ok(checked)
    }

    /// Keeps a checked block. Where that is one too many, the one of the oldest round goes, and one that consensus names last of all.
    pub(super) fn remember(&mut self, round: u32, checked: CheckedBlock) {
        self.checked
            .insert(header_hash(&checked.block().id()), (round, checked));
        if self.checked.len() <= CHECKED_BLOCKS_MAX {
            return;
        }
        let kept = self.checked.iter();
        let least = kept.min_by_key(|(_, (round, kept))| {
            let needed = self.consensus.needs(kept.block().id());
            (needed, *round)
        });
        if let Some(key) = least.map(|(key, _)| *key) {
            self.checked.remove(&key);
        }
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
        let validators = &self.expected.last_validators;
        let checked = match &self.last_commit {
            Some(known) => certificate::verify_beside(known, &signed, validators),
            None => certificate::verify(&signed, validators),
        };
        checked.map_err(|error| error.to_string())
    }

    /// Applies blocks of another node's chain, each believed for the commit that comes with it.
    pub(super) fn blocks(
        &mut self,
        now: Time,
        blocks: &[v1::CommittedBlock],
        outputs: &mut Vec<Output>,
    ) {
        for committed in blocks {
            if self.stalled.is_some() || matches!(self.silence, Some(Silence::Stopped(_))) {
                return;
            }
            match self.check_committed(committed) {
                Ok(None) => {}
                Ok(Some((candidate, commit))) => {
                    match self.check_block(commit.round.value(), &candidate) {
                        Ok(block) => self.commit(now, block, commit, outputs),
                        Err(reason) => self.diverge(commit.height.value(), &reason, outputs),
                    }
                }
                Err(reason) => {
                    outputs.push(Output::BadBlocks(reason));
                    return;
                }
            }
        }
    }

    /// The block of a peer, once its commit has shown that it is the decided one.
    fn check_committed(
        &self,
        committed: &v1::CommittedBlock,
    ) -> Result<Option<(Candidate, Commit)>, String> {
        let candidate = Candidate::decode(committed.block.as_slice().into())
            .map_err(|error| error.to_string())?;
        if candidate.header().height.value() < self.height_to_decide() {
            return Ok(None);
        }
        if candidate.header().height.value() > self.height_to_decide() {
            return Err("the block does not follow".to_owned());
        }
        let commit = parse_commit(&committed.commit).ok_or("the commit does not decode")?;
        if commit.block_id != candidate.id() {
            return Err("the commit is for another block".to_owned());
        }
        let signed = SignedHeader::new(candidate.header().clone(), commit.clone())
            .map_err(|error| error.to_string())?;
        certificate::verify(&signed, &self.expected.validators)
            .map_err(|error| error.to_string())?;
        Ok(Some((candidate, commit)))
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;
    use starfire_did::{KeyAlgorithm, PrivateKey};
    use starfire_state::Memory;
    use tendermint::Signature;
    use tendermint_proto::Protobuf;
    use tendermint_proto::v0_38::types::Header as RawHeader;

    use super::*;
    use crate::sync::fixture::{self, Chain};

    const HEIGHT: usize = 3;

    /// A follower of a chain at [`HEIGHT`], and the chain's blocks, of which there are more.
    fn follower() -> (Replica, Arc<Vec<v1::CommittedBlock>>) {
        let mut chain = Chain::new();
        chain.grow(6);
        let blocks = chain.blocks();
        let store = Box::new(Memory::new());
        let replica = fixture::follow(&chain.genesis, store, &blocks[..HEIGHT]);
        (replica, blocks)
    }

    fn unsigned(block: &[u8], proposer: account::Id) -> message::Proposal {
        message::Proposal {
            round: 0,
            block: Candidate::decode(block.into()).unwrap(),
            justify: None,
            timeout_certificate: None,
            proposer,
            signature: None,
        }
    }

    fn tell(replica: &mut Replica, message: Message) -> Vec<Output> {
        let now = (replica.expected.last_time + Duration::from_secs(1)).unwrap();
        replica.step(
            now,
            ReplicaInput::Message {
                from: None,
                message,
            },
        )
    }

    #[test]
    fn the_next_proposal_decides_if_its_proposer_is_in_turn_whatever_transactions_it_has() {
        let (mut replica, blocks) = follower();
        let mut raw = v1::Block::decode(blocks[HEIGHT + 1].block.as_slice()).unwrap();
        raw.transactions = vec![Vec::new(); 1 << 20];
        let block = raw.encode_to_vec();
        let turn = replica.electorate.proposer(0);
        for (proposer, decides) in [(account::Id::new([7; 20]), false), (turn, true)] {
            let proposal = Message::Proposal(unsigned(&block, proposer));
            assert_eq!(proposal.height(), replica.height_to_decide() + 1);
            tell(&mut replica, proposal);
            assert_eq!(replica.consensus.is_decided(), decides, "{proposer}");
        }
    }

    #[test]
    fn one_proposal_of_the_next_height_is_looked_into_a_round() {
        let turn = |replica: &Replica| replica.electorate.proposer(0);
        let good = |replica: &Replica, blocks: &[v1::CommittedBlock]| {
            Message::Proposal(unsigned(&blocks[HEIGHT + 1].block, turn(replica)))
        };
        let (mut replica, blocks) = follower();
        let mut raw = v1::Block::decode(blocks[HEIGHT + 1].block.as_slice()).unwrap();
        // The last bytes are those of the commit's last signature.
        *raw.last_commit.last_mut().unwrap() ^= 1;
        let bad = Message::Proposal(unsigned(&raw.encode_to_vec(), turn(&replica)));
        for _ in 0..3 {
            tell(&mut replica, bad.clone());
            assert_eq!(replica.glanced, Some(0));
        }
        let next = good(&replica, &blocks);
        tell(&mut replica, next);
        assert!(!replica.consensus.is_decided());

        replica.leave_height();
        let next = good(&replica, &blocks);
        tell(&mut replica, next);
        assert!(replica.consensus.is_decided());
    }

    #[test]
    fn a_proposal_whose_header_follows_another_block_than_its_commit_decides_nothing() {
        let (mut replica, blocks) = follower();
        let mut raw = v1::Block::decode(blocks[HEIGHT + 1].block.as_slice()).unwrap();
        let [mut header, other] = [HEIGHT + 1, HEIGHT + 2]
            .map(|index| Block::decode(&blocks[index].block).unwrap().header);
        header.last_block_id = other.last_block_id;
        raw.header = Protobuf::<RawHeader>::encode_vec(header);
        let turn = replica.electorate.proposer(0);
        tell(
            &mut replica,
            Message::Proposal(unsigned(&raw.encode_to_vec(), turn)),
        );
        assert!(!replica.consensus.is_decided());
    }

    #[test]
    fn of_many_checked_blocks_those_of_the_last_rounds_are_kept_and_what_consensus_needs() {
        let (mut replica, blocks) = follower();
        let decided = parse_commit(&blocks[HEIGHT].commit).unwrap();
        let needed = Candidate::decode(blocks[HEIGHT].block.as_slice().into()).unwrap();
        tell(&mut replica, Message::Commit(decided));
        assert!(replica.consensus.needs(needed.id()));
        replica.check_block(0, &needed).unwrap();
        let last_round = 2 * u32::try_from(CHECKED_BLOCKS_MAX).unwrap();
        for round in 0..=last_round {
            let block = proposed(&replica, Vec::new(), u64::from(round));
            let checked = CheckedBlock::new(block, &replica.rules, |_| None).unwrap();
            replica.remember(round, checked);
        }
        assert_eq!(replica.checked.len(), CHECKED_BLOCKS_MAX);
        let mut rounds: Vec<u32> = replica.checked.values().map(|(round, _)| *round).collect();
        rounds.sort_unstable();
        let least = last_round + 2 - u32::try_from(CHECKED_BLOCKS_MAX).unwrap();
        let expected: Vec<u32> = [0].into_iter().chain(least..=last_round).collect();
        assert_eq!(rounds, expected);
        assert!(replica.checked.contains_key(&header_hash(&needed.id())));
    }

    #[test]
    fn a_vote_that_came_early_counts_though_the_height_before_took_many_rounds() {
        let (mut replica, blocks) = follower();
        let key = PrivateKey::generate([1; 32], KeyAlgorithm::Ed25519);
        let validator = replica.electorate.proposer(0);
        let chain_id = replica.expected.chain_id.clone();
        let signed = |unsigned: Unsigned| {
            let signature = key.sign(&unsigned.sign_bytes(&chain_id));
            unsigned.signed(Signature::try_from(signature).unwrap())
        };
        let timeout = message::Timeout {
            height: replica.height_to_decide(),
            round: 20,
            high_qc: None,
            validator,
            signature: None,
        };
        tell(&mut replica, signed(Unsigned::Timeout(timeout)));
        assert_eq!(replica.round(), 21, "a quorum alone gave up");

        let next = Candidate::decode(blocks[HEIGHT + 1].block.as_slice().into()).unwrap();
        let vote = tendermint::vote::Vote {
            vote_type: tendermint::vote::Type::Prevote,
            height: next.header().height,
            round: 0u16.into(),
            block_id: Some(next.id()),
            timestamp: Some(next.time()),
            validator_address: validator,
            validator_index: 0usize.try_into().unwrap(),
            signature: None,
            extension: Vec::new(),
            extension_signature: None,
        };
        tell(&mut replica, signed(Unsigned::Vote(vote)));
        let now = replica.expected.last_time;
        replica.step(now, ReplicaInput::Blocks(vec![blocks[HEIGHT].clone()]));
        assert_eq!((replica.height_to_decide(), replica.round()), (5, 0));
        let high_qc = replica.consensus.record().high_qc.as_ref();
        assert_eq!(high_qc.map(|high| high.block_id), Some(next.id()));
    }

    /// The block of the height to decide with these transactions, of so many milliseconds' age.
    fn proposed(replica: &Replica, transactions: Vec<Vec<u8>>, age_ms: u64) -> Block {
        let proposer = replica.electorate.proposer(0);
        let time = (replica.expected.last_time + Duration::from_millis(1000 - age_ms)).unwrap();
        let last_commit = replica.last_commit.clone();
        Block::build(&replica.expected, proposer, time, last_commit, transactions)
    }

    /// A signed proposal of the height to decide, of a block with these transactions and of this many milliseconds' age.
    fn proposal(replica: &Replica, transactions: Vec<Vec<u8>>, age_ms: u64) -> Message {
        let proposer = replica.electorate.proposer(0);
        let block = proposed(replica, transactions, age_ms);
        let unsigned = Unsigned::Proposal(unsigned(block.bytes(), proposer));
        let key = PrivateKey::generate([1; 32], KeyAlgorithm::Ed25519);
        let signature = key.sign(&unsigned.sign_bytes(&replica.expected.chain_id));
        unsigned.signed(Signature::try_from(signature).unwrap())
    }

    #[test]
    fn one_block_of_a_proposer_is_looked_into_each_round() {
        let (mut replica, _) = follower();
        let first = proposal(&replica, Vec::new(), 0);
        for age_ms in 0..9 {
            let next = proposal(&replica, Vec::new(), age_ms);
            let outputs = tell(&mut replica, next);
            let convicted = outputs
                .iter()
                .any(|output| matches!(output, Output::Misbehaviour(_)));
            assert_eq!(convicted, age_ms == 1, "once a height");
        }
        tell(&mut replica, first);
        assert_eq!(replica.checked.len(), 1);

        let (mut replica, _) = follower();
        let invalid = proposal(&replica, vec![vec![0xff; 10]], 0);
        let valid = proposal(&replica, Vec::new(), 0);
        for message in [invalid.clone(), valid, invalid] {
            tell(&mut replica, message);
        }
        assert!(replica.checked.is_empty());
        assert_eq!(replica.judged.get(&0), Some(&None));
    }
}
