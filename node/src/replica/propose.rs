//! Transactions on their way in, and blocks on their way out: when there is something to decide, and what to propose.

use starfire_ledger::read_ahead;
use starfire_state::account::BAD_SEQUENCE;

use super::*;

/// The sources of fewer transactions are read one by one.
const READ_AHEAD_MIN: usize = 64;

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

    /// Reads the sources of those that admission will look into, several at a time.
    pub(super) fn read_sources(&self, transactions: &[Arc<Checked>]) {
        if transactions.len() < READ_AHEAD_MIN {
            return;
        }
        let mut paths = transactions
            .iter()
            .filter(|transaction| {
                self.finds_place(transaction)
                    .is_ok_and(|open| open.is_some())
            })
            .map(|transaction| read_ahead::source(transaction));
        let state = self.store.state_at(self.expected.height - 1);
        state.read_ahead(&mut paths);
    }

    /// Whether a transaction that does not wait finds a place, and which, strangers' or another; `None`: it waits. What waits, or finds no
    /// place, has nothing read for it: it may be sent as often as one likes.
    fn finds_place(&self, transaction: &Checked) -> Result<Option<bool>, Rejection> {
        if let Some(rejection) = transaction.rejection() {
            return Err(rejection.clone());
        }
        if self.mempool.waits(&transaction.id) {
            return Ok(None);
        }
        let open = self.admission.may_wait(transaction)? == Payer::Open;
        self.mempool.has_place(transaction, open)?;
        Ok(Some(open))
    }

    pub(super) fn admit(
        &mut self,
        now: Time,
        transaction: &Arc<Checked>,
    ) -> Result<bool, Rejection> {
        let Some(open) = self.finds_place(transaction)? else {
            return Ok(false);
        };
        let admitted = self
            .admission
            .admit(&*self.store.state_at(self.expected.height - 1), transaction)?;
        self.mempool.add(
            transaction.clone(),
            admitted.account.record.nonce,
            open,
            Self::now_ms(now),
        )
    }

    /// A height is decided when there is something to decide: a transaction, the proof of one, or the heartbeat.
    pub(super) fn notice_work(&mut self, now: Time) {
        if self.resting {
            return;
        }
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

    /// Whether a block would have a transaction now.
    pub(super) fn has_transactions(&mut self) -> bool {
        !self.mempool.is_empty() && !self.select(1).is_empty()
    }

    /// At most so many transactions for the next block. What cannot run as state is now is dropped, for its sender to send again: it would
    /// stand before others for as long as it waits.
    pub(super) fn select(&mut self, places: u32) -> Vec<Arc<Checked>> {
        let state = self.store.state_at(self.height());
        let (admission, candidates) = (&self.admission, self.mempool.candidates());
        let selection = select(&*state, admission, self.last_signers(), places, candidates);
        for refused in &selection.refused {
            self.mempool.drop_refused(&refused.id);
        }
        selection.taken
    }

    /// How many places the commit has that the next block carries.
    fn last_signers(&self) -> usize {
        self.expected.last_validators.validators().len()
    }

    pub(super) fn build_block(&mut self, now: Time, wish: &BuildWish) -> Candidate {
        let places = self.expected.transactions_max;
        let transactions = self
            .select(places)
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
        self.remember(wish.round, checked);
        candidate
    }
}
