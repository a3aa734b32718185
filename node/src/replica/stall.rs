//! A store that cannot write: no vote leaves, and the way back is what the disk says.

use super::*;

impl Replica {
    pub(super) fn stall(
        &mut self,
        block: Option<(CheckedBlock, Commit)>,
        error: &StoreError,
        outputs: &mut Vec<Output>,
    ) {
        outputs.push(Output::Stalled(chain_of(error)));
        outputs.push(Output::Arm(ReplicaTimer::Store, STORE_RETRY));
        self.stalled = Some(block);
    }

    /// Makes durable what this step wrote and no vote has synced. What is committed is told of only then.
    pub(super) fn settle(&mut self, outputs: &mut Vec<Output>) {
        if self.stalled.is_none() {
            match self.store.sync() {
                Ok(()) => {
                    outputs.splice(..0, self.untold.drain(..).map(Output::Committed));
                    return;
                }
                Err(error) => self.stall(None, &error, outputs),
            }
        }
        let committed = |output: &mut Output| matches!(output, Output::Committed(_));
        for output in outputs.extract_if(.., committed) {
            if let Output::Committed(committed) = output {
                self.untold.push(committed);
            }
        }
    }

    /// Tries the write that failed. What the state machine remembers beyond the disk is forgotten: nobody saw it.
    pub(super) fn retry_store(&mut self, now: Time, outputs: &mut Vec<Output>) {
        let Some(block) = self.stalled.take() else {
            return;
        };
        let lost = self.lost_blocks();
        if lost {
            self.go_back();
        }
        if let Some((block, commit)) = block.filter(|_| !lost) {
            self.commit(now, block, commit, outputs);
        } else if let Err(error) = self.rewrite_safety() {
            self.stall(None, &error, outputs);
        }
        if self.stalled.is_some() {
            return;
        }
        if let Err(error) = self.forget_what_is_not_on_disk() {
            let reason = format!("{}: {}", error.code(), chain_of(&error));
            outputs.push(Output::Silent(reason.clone()));
            self.silence = Some(Silence::Stopped(reason));
        }
        outputs.push(Output::Recovered);
        self.start_height(now, outputs);
        self.end_silence(now, outputs);
    }

    /// Whether the disk has lost blocks that this replica stands on: until it goes back there is nothing to hold a message against.
    pub(super) fn lost_blocks(&self) -> bool {
        self.store.height() < Some(self.height())
    }

    /// Stands where the disk does: blocks that it lost come from the peers again. What belongs to the height in progress is dropped.
    fn go_back(&mut self) {
        let transactions_max = self.expected.transactions_max;
        let position = Position::load(&self.genesis, as_archive(&*self.store), transactions_max);
        let height = position.expected.height;
        self.admission = Admission::new(&*self.store.state_at(height - 1), height);
        self.electorate = Arc::new(position.electorate);
        self.last_electorate = None;
        self.expected = position.expected;
        self.last_commit = position.last_commit;
        self.last_block_had_transactions = position.had_transactions;
        self.untold.retain(|block| block.height < height);
        self.leave_height();
    }

    /// Writes what is there once more, or what a silence that could not be written needs there.
    fn rewrite_safety(&mut self) -> Result<(), StoreError> {
        if matches!(self.silence, Some(Silence::Lost(_) | Silence::KeyInUse(_))) {
            return self.save_safety(&SafetyRecord::silent());
        }
        match read_safety(&*self.store) {
            Ok(record) => self.save_safety(&record),
            // Told where it is read for use.
            Err(_) => Ok(()),
        }
    }

    fn forget_what_is_not_on_disk(&mut self) -> Result<(), SafetyError> {
        let (record, failure) = match read_safety(&*self.store) {
            Ok(record) => (record, Ok(())),
            Err(error) => (SafetyRecord::silent(), Err(error)),
        };
        self.consensus = self.machine(record);
        failure
    }
}
