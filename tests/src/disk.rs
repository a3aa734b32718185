//! A disk that outlives its replica, and may fail after any number of writes. What was not synced by then is gone.

use starfire_state::{Archive, Batch, Memory, SafetyBlocks, Store, StoreError, View};
use std::sync::{Arc, Mutex, PoisonError};

/// A store in memory with a countdown to its failure, and a handle through which the simulator gets it back.
#[derive(Debug)]
pub struct Disk {
    /// What the process sees.
    memory: Memory,
    /// What a crash leaves.
    durable: Memory,
    /// What was written since.
    unsynced: Vec<Batch>,
    handle: DiskHandle,
}

/// What survives the replica.
#[derive(Debug, Clone, Default)]
pub struct DiskHandle(Arc<Mutex<Slot>>);

#[derive(Debug, Default)]
struct Slot {
    /// Writes that still succeed; `None`: all.
    writes_left: Option<u32>,
    /// A write that fails takes with it what was not synced.
    forgetful: bool,
    kept: Option<Memory>,
}

impl DiskHandle {
    /// Puts the disk into a new replica's hands: what was kept, or an empty one with an empty safety record.
    pub fn mount(&self) -> Disk {
        let mut slot = self.slot();
        slot.writes_left = None;
        let memory = slot.kept.take().unwrap_or_else(|| {
            let mut memory = Memory::new();
            let record = starfire_consensus::safety::SafetyRecord::default().encode();
            memory
                .save_safety(&record, &SafetyBlocks::new())
                .expect("a new disk takes writes");
            memory
        });
        Disk {
            durable: memory.clone(),
            memory,
            unsynced: Vec::new(),
            handle: self.clone(),
        }
    }

    /// What is on the disk of a process that is down; to be put back, changed or not.
    pub fn take(&self) -> Option<Memory> {
        self.slot().kept.take()
    }

    /// Puts other contents on the disk.
    pub fn put(&self, memory: Memory) {
        self.slot().kept = Some(memory);
    }

    /// Lets that many more writes succeed.
    pub fn fail_after(&self, writes: u32) {
        self.slot().writes_left = Some(writes);
    }

    /// Has a write that fails take with it what was not synced, or not.
    pub fn forget_on_failure(&self, forgetful: bool) {
        self.slot().forgetful = forgetful;
    }

    /// Every write succeeds again.
    pub fn recover(&self) {
        self.slot().writes_left = None;
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, Slot> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.handle.slot().kept = Some(std::mem::take(&mut self.durable));
    }
}

impl Disk {
    /// One write, if the disk takes it.
    fn spend_a_write(&mut self) -> Result<(), StoreError> {
        let mut slot = self.handle.slot();
        match &mut slot.writes_left {
            Some(0) => Err(StoreError("the disk is full".into())),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// A durable write: what was written before it is durable too. One that fails may take that with it.
    fn durably<T>(
        &mut self,
        write: impl Fn(&mut Memory) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if let Err(error) = self.spend_a_write() {
            if self.handle.slot().forgetful && !self.unsynced.is_empty() {
                self.unsynced.clear();
                self.memory.clone_from(&self.durable);
            }
            return Err(error);
        }
        for batch in self.unsynced.drain(..) {
            self.durable.commit(batch)?;
        }
        write(&mut self.durable)?;
        write(&mut self.memory)
    }
}

impl Archive for Disk {
    fn height(&self) -> Option<u64> {
        self.memory.height()
    }

    fn state_at(&self, height: u64) -> Box<dyn View + '_> {
        self.memory.state_at(height)
    }

    fn tree(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.memory.tree(key)
    }

    fn block(&self, height: u64) -> Option<(Vec<u8>, Vec<u8>)> {
        self.memory.block(height)
    }

    fn receipts(&self, height: u64) -> Option<Vec<Vec<u8>>> {
        self.memory.receipts(height)
    }

    fn transaction(&self, hash: &[u8; 32]) -> Option<(u64, u32)> {
        self.memory.transaction(hash)
    }

    fn justification(&self, height: u64) -> Option<Vec<u8>> {
        self.memory.justification(height)
    }

    fn misbehaviours(&self) -> Vec<Vec<u8>> {
        self.memory.misbehaviours()
    }

    fn safety(&self) -> Option<Vec<u8>> {
        self.memory.safety()
    }

    fn safety_block(&self, digest: &[u8; 32]) -> Option<Vec<u8>> {
        self.memory.safety_block(digest)
    }
}

impl Store for Disk {
    fn commit(&mut self, batch: Batch) -> Result<(), StoreError> {
        if !batch.lazy {
            return self.durably(|memory| memory.commit(batch.clone()));
        }
        self.spend_a_write()?;
        self.unsynced.push(batch.clone());
        self.memory.commit(batch)
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        if self.unsynced.is_empty() {
            return Ok(());
        }
        self.durably(|_| Ok(()))
    }

    fn save_safety(&mut self, record: &[u8], blocks: &SafetyBlocks) -> Result<(), StoreError> {
        self.durably(|memory| memory.save_safety(record, blocks))
    }

    fn save_misbehaviour(
        &mut self,
        height: u64,
        validator: [u8; 20],
        proof: &[u8],
    ) -> Result<bool, StoreError> {
        self.durably(|memory| memory.save_misbehaviour(height, validator, proof))
    }
}
