//! What a node finds when it starts again: its record, and the blocks that were synced.

use std::collections::BTreeMap;
use std::sync::Arc;

use starfire_consensus::candidate::Candidate;
use starfire_consensus::safety::{BlockDigest, SafetyRecord};
use tendermint::block::Commit;

/// What a crash in the middle of writing the record leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tear {
    /// The record before.
    Nothing,
    /// The new record.
    Whole,
    /// The beginning of the new record.
    Torn,
    /// The new record with a bit turned over.
    Flipped,
}

/// One node's disk.
#[derive(Debug, Clone)]
pub(super) struct Disk {
    /// The record's bytes. None: lost.
    record: Option<Vec<u8>>,
    /// The blocks that it names, each under its digest.
    beside: BTreeMap<BlockDigest, Arc<[u8]>>,
    /// What the bytes mean. None: they are damaged, and must be refused.
    meant: Option<SafetyRecord>,
    /// Committed blocks, from height 1 on.
    pub(super) blocks: Vec<(Candidate, Commit)>,
    /// How many of them a power cut cannot take.
    synced: usize,
}

/// How a record was read.
#[derive(Debug)]
pub(super) enum Reading {
    /// As it was written.
    Record(Box<SafetyRecord>),
    /// There is none: the node does not know what it signed.
    Lost,
    /// It is damaged, and was refused.
    Refused,
    /// It is damaged, and was taken for something else.
    Misread,
}

impl Disk {
    /// A new node's disk, with an empty record.
    pub(super) fn new() -> Self {
        let record = SafetyRecord::default();
        Self {
            record: Some(record.encode()),
            beside: BTreeMap::new(),
            meant: Some(record),
            blocks: Vec::new(),
            synced: 0,
        }
    }

    /// Writes the record and syncs. All blocks before it are in the same log, so they are safe too.
    pub(super) fn save(&mut self, record: &SafetyRecord) {
        self.record = Some(record.encode());
        self.beside = record.block_bytes();
        self.meant = Some(record.clone());
        self.synced = self.blocks.len();
    }

    /// The process dies while it writes the record.
    pub(super) fn tear(&mut self, record: &SafetyRecord, tear: Tear, random: &mut fastrand::Rng) {
        match tear {
            Tear::Nothing => {}
            Tear::Whole => self.save(record),
            Tear::Torn => {
                let mut bytes = record.encode();
                bytes.truncate(random.usize(0..bytes.len()));
                self.damage(bytes);
            }
            Tear::Flipped => {
                let mut bytes = record.encode();
                let at = random.usize(0..bytes.len());
                bytes[at] ^= 1 << random.u32(0..8);
                self.damage(bytes);
            }
        }
    }

    fn damage(&mut self, bytes: Vec<u8>) {
        self.record = Some(bytes);
        self.meant = None;
    }

    /// Somebody deletes the record.
    pub(super) fn lose_record(&mut self) {
        self.record = None;
        self.meant = None;
    }

    /// The power fails: blocks that no sync covered are gone.
    pub(super) fn power_cut(&mut self) {
        self.blocks.truncate(self.synced);
    }

    /// A store restored from an old copy, with the newest record.
    pub(super) fn lose_blocks(&mut self, kept: usize) {
        self.blocks.truncate(kept);
        self.synced = self.blocks.len();
    }

    /// Reads the record as a start does.
    pub(super) fn read(&self) -> Reading {
        let Some(bytes) = &self.record else {
            return Reading::Lost;
        };
        let beside = |digest: &BlockDigest| self.beside.get(digest).map(|block| block.to_vec());
        let read = SafetyRecord::decode(bytes, beside).ok();
        match (read, &self.meant) {
            (Some(read), Some(meant)) if read == *meant => Reading::Record(Box::new(read)),
            (None, None) => Reading::Refused,
            (Some(_), _) | (None, Some(_)) => Reading::Misread,
        }
    }

    /// The record that covers what is signed now.
    pub(super) fn record(&self) -> Option<&SafetyRecord> {
        self.meant.as_ref()
    }
}
