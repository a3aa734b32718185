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

    /// Tries the write that failed. What the state machine remembers beyond the disk is forgotten: nobody saw it.
    pub(super) fn retry_store(&mut self, now: Time, outputs: &mut Vec<Output>) {
        let Some(block) = self.stalled.take() else {
            return;
        };
        if let Some((block, commit)) = block {
            self.commit(now, block, commit, false, outputs);
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
