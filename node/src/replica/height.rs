//! From one height to the next: what a decided block leaves behind, and how the next height begins.

use super::*;

impl Replica {
    /// Executes a decided block and writes everything that it adds in one batch; then the next height starts.
    pub(super) fn commit(
        &mut self,
        now: Time,
        block: CheckedBlock,
        commit: Commit,
        outputs: &mut Vec<Output>,
    ) {
        let height = block.block().height();
        assert!(
            height == self.height_to_decide(),
            "blocks are committed in order"
        );
        self.disown_in(&commit, outputs);
        if let Some(last_commit) = &block.block().last_commit {
            self.disown_in(last_commit, outputs);
        }
        let Executed { outcome, update } = self.executed(&block);
        let membership_changed = committed::changes_membership(&outcome.changes);
        let batch = Batch {
            height,
            changes: outcome.changes,
            tree: update.writes,
            tree_deletes: Vec::new(),
            block: block.block().bytes().to_vec(),
            commit: encode_commit(&commit),
            fuller_commit: self.fuller_commit(block.block()),
            justification: self
                .consensus
                .justification()
                .filter(|_| self.consensus.height() == height)
                .map(|justification| justification.encode())
                .unwrap_or_default(),
            receipts: outcome
                .receipts
                .iter()
                .map(prost::Message::encode_to_vec)
                .collect(),
            transactions: self.places(&block, &outcome.executed),
            // Synced with the vote that follows, or at the end of the step.
            lazy: true,
        };
        if let Err(error) = self.store.commit(batch) {
            self.stall(Some((block, commit)), &error, outputs);
            return;
        }

        self.keep_pace(now, &commit);
        // What is executed uses up its nonce, and nothing else does.
        let executed = block.transactions().iter().zip(&outcome.executed);
        let senders: BTreeMap<Arc<str>, i64> = executed
            .filter(|(_, executed)| **executed)
            .map(|(transaction, _)| (transaction.sender.clone(), transaction.nonce))
            .collect();
        self.mempool.committed(&senders, height, Self::now_ms(now));
        outputs.push(Output::Committed(Committed::new(
            &block,
            &commit,
            update.root,
            membership_changed,
            self.electorate.validators(),
            senders,
        )));

        let position = Position::after(
            &self.expected,
            block.block(),
            update.root,
            &outcome.receipts,
            &*self.store.state_at(height),
            &self.genesis,
        );
        self.last_electorate = Some(std::mem::replace(
            &mut self.electorate,
            Arc::new(position.electorate),
        ));
        self.expected = position.expected;
        self.last_block_had_transactions = !block.transactions().is_empty();
        self.last_commit = Some(commit);
        self.admission = Admission::new(&*self.store.state_at(height), height + 1);
        self.start_height(now, outputs);
        self.end_silence(now, outputs);
    }

    /// The commit that a block carries for the one before it, if it has more signatures than the stored one: light clients skip
    /// further with it.
    fn fuller_commit(&self, block: &Block) -> Option<Vec<u8>> {
        let signers = |commit: &Commit| {
            let places = commit.signatures.iter();
            places.filter(|place| !place.is_absent()).count()
        };
        let carried = block.last_commit.as_ref()?;
        let known = self.last_commit.as_ref()?;
        (signers(carried) > signers(known)).then(|| encode_commit(carried))
    }

    /// Learns from how long the height took.
    fn keep_pace(&mut self, now: Time, commit: &Commit) {
        if commit.round.value() > 0 {
            self.pace.failed();
        } else if let Some(began) = self.began {
            // A clock that was set back tells nothing.
            self.pace
                .took(now.duration_since(began).unwrap_or_default());
        }
        self.consensus.set_timeout_base(self.pace.base());
    }

    /// What the index by hash learns from a block: where each transaction was executed, or was refused for the first time.
    fn places(&self, block: &CheckedBlock, executed: &[bool]) -> Vec<Option<[u8; 32]>> {
        let places = block.transactions().iter().zip(executed);
        let mut seen = BTreeSet::new();
        let place = |(transaction, executed): (&Arc<Checked>, &bool)| {
            let first = seen.insert(transaction.hash);
            let place = *executed || first && self.store.transaction(&transaction.hash).is_none();
            place.then_some(transaction.hash)
        };
        places.map(place).collect()
    }

    /// Drops what belongs to the height in progress.
    pub(super) fn leave_height(&mut self) {
        self.checked.clear();
        self.glanced = None;
        self.judged.clear();
        self.ahead = None;
        self.build = None;
        self.worked = false;
        self.began = None;
        self.ballots.clear();
        self.known.clear();
        self.inputs.clear();
    }

    pub(super) fn start_height(&mut self, now: Time, outputs: &mut Vec<Output>) {
        self.leave_height();
        let heartbeat = self.heartbeat();
        self.resting = std::mem::replace(&mut self.went_on, true);
        self.heartbeat_over = heartbeat.is_zero() && !self.resting;
        let height = self.height_to_decide();
        // Said again at each height: a word for the height before may just have been dropped with the other inputs.
        self.inputs.push_back(if self.silence.is_some() {
            Input::Hush { height }
        } else {
            Input::Speak { height }
        });
        let validator = self.validator();
        self.consensus
            .sign_as(validator.unwrap_or(account::Id::new(NOBODY)));
        self.inputs.push_back(Input::StartHeight {
            electorate: self.electorate.clone(),
            last_commit: self.last_commit.clone(),
        });
        if !self.heartbeat_over {
            let waits =
                self.last_block_had_transactions || self.mempool.candidates().next().is_some();
            let rest = if self.resting && waits {
                Duration::ZERO
            } else {
                heartbeat
            };
            outputs.push(Output::Arm(ReplicaTimer::Heartbeat(height), rest));
        }
        for message in self.early.of(height) {
            self.verified(message, |replica, proposal| replica.accepts(now, proposal));
        }
    }
}
