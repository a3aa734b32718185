//! Transactions on their way in, and blocks on their way out: when there is something to decide, and what to propose.

use starfire_state::account::BAD_SEQUENCE;

use super::*;

/// Transactions looked at to find one that can be executed. Most are; those that expired are dropped at each commit.
const WORK_WINDOW: usize = 256;

impl Replica {
    pub(super) fn transaction(
        &mut self,
        now: Time,
        transaction: Arc<Checked>,
        outputs: &mut Vec<Output>,
    ) {
        let verdict = match self.admit(now, &transaction) {
            Ok(new) => {
                if new {
                    outputs.push(Output::Gossip(transaction.clone()));
                }
                Ok(transaction.hash)
            }
            // Sending again what is committed already is no mistake: the hash tells its outcome.
            Err(rejection)
                if rejection.code == BAD_SEQUENCE
                    && self.store.transaction(&transaction.hash).is_some() =>
            {
                Ok(transaction.hash)
            }
            Err(rejection) => Err(rejection),
        };
        outputs.push(Output::Verdict(verdict));
    }

    pub(super) fn admit(
        &mut self,
        now: Time,
        transaction: &Arc<Checked>,
    ) -> Result<bool, Rejection> {
        if let Some(rejection) = transaction.rejection() {
            return Err(rejection.clone());
        }
        let admitted = self
            .admission
            .admit(&*self.store.state_at(self.expected.height - 1), transaction)?;
        self.mempool.add(
            transaction.clone(),
            admitted.account.record.nonce,
            admitted.payer == Payer::Open,
            Self::now_ms(now),
        )
    }

    /// A height is decided when there is something to decide: a transaction, the proof of one, or the heartbeat.
    pub(super) fn notice_work(&mut self, now: Time, _outputs: &mut Vec<Output>) {
        let due = self.height_to_decide() == 1
            || self.last_block_had_transactions
            || self.heartbeat_over
            || self.build.as_ref().is_some_and(|wish| wish.round > 0);
        if !self.worked && (due || self.has_transactions()) {
            self.worked = true;
            self.began.get_or_insert(now);
            self.inputs.push_back(Input::Work {
                height: self.height_to_decide(),
            });
        }
        if self.worked
            && let Some(wish) = self.build.take()
        {
            let block = self.build_block(now, &wish);
            self.inputs.push_back(Input::Built {
                round: wish.round,
                block,
            });
        }
    }

    /// Whether some waiting transaction can be executed now; the first one found is enough.
    pub(super) fn has_transactions(&self) -> bool {
        if self.mempool.is_empty() {
            return false;
        }
        let state = self.store.state_at(self.height());
        let window = self.mempool.select(WORK_WINDOW, usize::MAX);
        window
            .iter()
            .any(|transaction| self.admission.admit(&*state, transaction).is_ok())
    }

    pub(super) fn select(&self, count: usize, bytes: usize) -> Vec<Arc<Checked>> {
        let state = self.store.state_at(self.height());
        let candidates = self.mempool.select(count, bytes);
        select(&*state, &self.admission, self.last_signers(), candidates)
    }

    /// How many places the commit has that the next block carries.
    fn last_signers(&self) -> usize {
        self.expected.last_validators.validators().len()
    }

    pub(super) fn build_block(&mut self, now: Time, wish: &BuildWish) -> Candidate {
        let count = usize::try_from(self.expected.transactions_max).unwrap_or(usize::MAX);
        let bytes = transactions_bytes_max(self.last_signers());
        let transactions = self
            .select(count, bytes)
            .iter()
            .map(|transaction| transaction.bytes().to_vec())
            .collect();
        let me = self
            .validator()
            .expect("only a validator is asked to build");
        let time = block_time(now, self.expected.last_time);
        let last_commit = wish.last_commit.clone();
        let block = Block::build(&self.expected, me, time, last_commit, transactions);
        let candidate =
            Candidate::decode(block.bytes().clone()).expect("a block that was built here decodes");
        let mempool = &self.mempool;
        let checked = CheckedBlock::new(block, &self.rules, |id| mempool.checked(id))
            .expect("what waits here is checked");
        self.checked.insert(header_hash(&candidate.id()), checked);
        candidate
    }
}
