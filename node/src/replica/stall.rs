//! A store that cannot write: no vote leaves, and the way back is what the disk says.

use super::*;

impl Replica {
    pub(super) fn stall(
        &mut self,
        block: Option<(CheckedBlock, Commit)>,
        error: &starfire_state::StoreError,
        outputs: &mut Vec<Output>,
    ) {
        outputs.push(Output::Stalled(chain_of(error)));
        outputs.push(Output::Arm(ReplicaTimer::Store, STORE_RETRY));
        self.stalled = Some(block);
    }

    /// Tries the write that failed. What the state machine remembers beyond the disk is forgotten: nobody saw it.
    pub(super) fn retry_store(&mut self, now: Time, outputs: &mut Vec<Output>) {
        let Some(block) = self.stalled.take() else {
            return;
        };
        if let Some((block, commit)) = block {
            self.commit(now, block, commit, outputs);
        } else if let Err(error) = self.rewrite_safety() {
            self.stall(None, &error, outputs);
        }
        if self.stalled.is_some() {
            return;
        }
        self.forget_what_is_not_on_disk();
        outputs.push(Output::Recovered);
        self.start_height(now, outputs);
    }

    pub(super) fn rewrite_safety(&mut self) -> Result<(), starfire_state::StoreError> {
        match self.store.safety() {
            Some(record) => self.store.save_safety(&record),
            None => Ok(()),
        }
    }

    pub(super) fn forget_what_is_not_on_disk(&mut self) {
        let record = self.store.safety().map(|bytes| {
            SafetyRecord::decode(&bytes).expect("the safety record was written by this program")
        });
        let record = record.unwrap_or_else(silent);
        self.consensus = Consensus::new(config(&self.genesis, self.signer.as_ref()), record);
    }
}
