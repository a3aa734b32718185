//! What is kept: one atomic batch a block, and the record that a vote leans on.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::overlay::Changes;
use crate::rows::Rows;
use crate::view::View;

/// Everything that one committed block adds, written as a whole or not at all.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Height of the block; 0 for genesis.
    pub height: u64,
    /// Changes of state. No value is empty.
    pub changes: Changes,
    /// Rows that the tree adds, by the tree's own keys.
    pub tree: Rows,
    /// Rows that the tree forgets. A row that [`Batch::tree`] adds stays, also when it is named here.
    pub tree_deletes: Vec<Vec<u8>>,
    /// The encoded block. Empty for genesis.
    pub block: Vec<u8>,
    /// The encoded commit that decided it. Empty for genesis.
    pub commit: Vec<u8>,
    /// A commit of the block before with more signatures than the one stored: it takes that one's place.
    pub fuller_commit: Option<Vec<u8>>,
    /// How a block that was not decided in round 0 came to be put forward: what convicts whoever contradicted it. Empty: none.
    pub justification: Vec<u8>,
    /// Encoded receipts, one a transaction.
    pub receipts: Vec<Vec<u8>>,
    /// SHA-256 of each transaction's blob, in block order. `None`: refused unexecuted, and known from an earlier place, to which
    /// the index by hash must go on pointing.
    pub transactions: Vec<Option<[u8; 32]>>,
    /// It becomes durable with the next write that is, or with [`Store::sync`]: one wait for the disk serves them all.
    pub lazy: bool,
}

impl Batch {
    /// Asserts what every store relies on, after a block of height `newest`.
    ///
    /// # Panics
    /// When the caller would write a store that cannot be read back.
    pub fn check(&self, newest: Option<u64>) {
        assert_eq!(
            self.height,
            newest.map_or(0, |newest| newest + 1),
            "blocks are committed one after another"
        );
        assert_eq!(
            self.receipts.len(),
            self.transactions.len(),
            "each transaction has a receipt"
        );
        assert!(
            self.changes
                .values()
                .flatten()
                .all(|value| !value.is_empty()),
            "no value is empty"
        );
        assert!(
            self.height > 1 || self.fuller_commit.is_none(),
            "the first block has no commit before it"
        );
    }
}

/// So many proofs against one validator are kept, the first ones. One is enough to exclude it; a validator that goes on must not
/// take the room of those against others.
pub const MISBEHAVIOURS_PER_VALIDATOR_MAX: usize = 8;
/// Proofs are kept against so many validators: twice as many as a chain has at one height.
pub const MISBEHAVING_VALIDATORS_MAX: usize = 128;

/// How many proofs are kept against whom: what bounds them in every store.
#[derive(Debug, Clone, Default)]
pub struct Convictions(BTreeMap<[u8; 20], usize>);

impl Convictions {
    /// Whether one more against this validator is kept.
    pub fn has_room(&self, validator: &[u8; 20]) -> bool {
        match self.0.get(validator) {
            Some(kept) => *kept < MISBEHAVIOURS_PER_VALIDATOR_MAX,
            None => self.0.len() < MISBEHAVING_VALIDATORS_MAX,
        }
    }

    /// One more is kept.
    pub fn add(&mut self, validator: [u8; 20]) {
        *self.0.entry(validator).or_default() += 1;
    }
}

impl FromIterator<[u8; 20]> for Convictions {
    /// From whom the proofs that are kept are against.
    fn from_iter<I: IntoIterator<Item = [u8; 20]>>(validators: I) -> Self {
        let mut convictions = Self::default();
        for validator in validators {
            convictions.add(validator);
        }
        convictions
    }
}

/// Blocks by the BLAKE3 hash of their bytes.
pub type SafetyBlocks = BTreeMap<[u8; 32], Arc<[u8]>>;

/// The store could not write. The node stops voting and goes on when it can.
#[derive(Debug, thiserror::Error)]
#[error("the store could not write")]
pub struct StoreError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Reads that are not state: blocks, receipts and the tree. Like [`View`], they do not fail.
pub trait Archive: Send + Sync {
    /// Height of the newest block; 0 after genesis; `None` before it.
    fn height(&self) -> Option<u64>;
    /// State after block `height`. A height still to come shows the newest state.
    fn state_at(&self, height: u64) -> Box<dyn View + '_>;
    /// A value of the tree, by the tree's own key.
    fn tree(&self, key: &[u8]) -> Option<Vec<u8>>;
    /// Values of the tree, by keys of its own: as many as are asked for, in their order. A store may look for several at a time.
    fn tree_rows(&self, keys: &[&[u8]]) -> Vec<Option<Vec<u8>>> {
        keys.iter().map(|key| self.tree(key)).collect()
    }
    /// The height from which on every block is kept, with the state before it. Older ones may have been pruned, or never fetched.
    fn base(&self) -> u64 {
        1
    }
    /// Whether the block of `height` is kept, with the state before it, which its header proves. Below [`Self::base`] some may be.
    fn keeps(&self, height: u64) -> bool {
        height >= self.base() && self.height().is_some_and(|newest| height <= newest)
    }
    /// The encoded block and its commit. Genesis is not a block.
    fn block(&self, height: u64) -> Option<(Vec<u8>, Vec<u8>)>;
    /// Encoded receipts of a block, one a transaction.
    fn receipts(&self, height: u64) -> Option<Vec<Vec<u8>>>;
    /// Where the transaction with this hash stands: height and index. The newest place, if it was tried again.
    fn transaction(&self, hash: &[u8; 32]) -> Option<(u64, u32)>;
    /// The safety record, if one was ever saved.
    fn safety(&self) -> Option<Vec<u8>>;
    /// How the block of this height came to be put forward, if not in round 0.
    fn justification(&self, height: u64) -> Option<Vec<u8>>;
    /// Encoded proofs of misbehaviour, by height and then by validator.
    fn misbehaviours(&self) -> Vec<Vec<u8>>;
    /// A block that the safety record names, by the BLAKE3 hash of its bytes.
    fn safety_block(&self, digest: &[u8; 32]) -> Option<Vec<u8>>;
}

/// A store: RocksDB in a node, memory in the simulator, held against each other by a model test.
pub trait Store: Archive {
    /// Atomic, and durable when `Ok` unless the batch is lazy. Heights follow one another.
    fn commit(&mut self, batch: Batch) -> Result<(), StoreError>;
    /// Everything is durable when `Ok`, lazy batches too. After an error some of those may be gone: [`Archive::height`] says.
    fn sync(&mut self) -> Result<(), StoreError>;
    /// Durable when `Ok`: a vote may leave. `blocks` are all those that the record names. A store writes those that it does not
    /// hold yet and lets go of all others, in the same batch, so that a block is written once however many votes name it.
    fn save_safety(&mut self, record: &[u8], blocks: &SafetyBlocks) -> Result<(), StoreError>;
    /// Keeps a proof against a validator, the first one of each height, where [`Convictions`] has room. `Ok(false)`: not kept.
    fn save_misbehaviour(
        &mut self,
        height: u64,
        validator: [u8; 20],
        proof: &[u8],
    ) -> Result<bool, StoreError>;
}
