//! Executing a block while the precommits for it are on their way.
//!
//! Once it has precommitted, a replica waits for the others, and nearly always for the commit of that very block. What the block does
//! follows from the block and the state before it, so it is found out then, and kept for the commit. Nothing is written. If another
//! block is decided, what was found is dropped; the pages that it left in the tree's cache are never taken for those of the other
//! block, since nothing that is stored names them.

use super::*;

/// What a block does, before it is decided.
#[derive(Debug)]
pub(super) struct Ahead {
    /// The hash of its header.
    block: [u8; 32],
    done: Executed,
}

/// What a block does to the state, and to the tree.
#[derive(Debug)]
pub(super) struct Executed {
    pub(super) outcome: Outcome,
    pub(super) update: TreeUpdate,
}

impl Replica {
    /// Executes the block that this node precommitted, if that is still to be done. For when nothing else waits.
    pub fn work_ahead(&mut self) {
        if self.ahead.is_some() || self.stalled.is_some() {
            return;
        }
        let record = self.consensus.record();
        let Some(precommit) = record
            .precommit
            .filter(|_| record.height == self.height_to_decide())
        else {
            return;
        };
        let block = header_hash(&precommit.block_id);
        if let Some((_, checked)) = self.checked.get(&block).cloned() {
            let done = self.execute(&checked);
            self.ahead = Some(Ahead { block, done });
        }
    }

    /// What the block that is decided does.
    pub(super) fn executed(&mut self, block: &CheckedBlock) -> Executed {
        match self.ahead.take() {
            Some(ahead) if ahead.block == header_hash(&block.block().id()) => ahead.done,
            _ => self.execute(block),
        }
    }

    fn execute(&mut self, block: &CheckedBlock) -> Executed {
        let archive = as_archive(&*self.store);
        let outcome = execute(&*archive.state_at(self.height()), block);
        let height = block.block().height();
        let update = tree::apply_cached(&mut self.tree, archive, height, &outcome.changes);
        Executed { outcome, update }
    }
}
