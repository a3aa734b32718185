//! Forgetting versions: what no height that still answers can reach is deleted.
//!
//! Each height noted what it replaced. A page that height W replaced, and height V wrote, was in the versions V to W-1: once all of
//! those are forgotten, so is the page. Nothing is searched for, and what is done at once is bounded.

use std::ops::Range;

use super::row::{self, Kept, PRUNED, Stale};
use crate::rows::Rows;
use crate::store::Archive;

/// What a pruning does to the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pruning {
    /// Rows to delete, for [`Batch::tree_deletes`](crate::Batch::tree_deletes).
    pub deletes: Vec<Vec<u8>>,
    /// Rows to store, for [`Batch::tree`](crate::Batch::tree): how far it got.
    pub writes: Rows,
    /// Nothing is left to do below the height that was asked for.
    pub finished: bool,
}

/// Where pruning stands: all heights below are forgotten, and of what this one made stale, the first so many bytes are done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Progress {
    height: u64,
    offset: usize,
}

/// Forgets the versions below `below`, but for those retained: `is_retained` says whether one of a range is, always the same of versions
/// below `below`. Nothing is written yet; the next call goes on where the batch of this one ended. The work of a call is bounded by
/// `limit`, at least 1: twice as many rows are deleted, and one more, at most.
///
/// A version that is retained when its neighbours are forgotten stays for good: pruning does not come back to it. Every height from
/// `below` on, and every one retained, has its root and proves what it proved before.
///
/// # Panics
/// When `below` is still to come, since nothing would be left of the tree.
pub fn prune(
    archive: &dyn Archive,
    below: u64,
    is_retained: &dyn Fn(Range<u64>) -> bool,
    limit: usize,
) -> Pruning {
    assert!(
        archive.height().is_some_and(|newest| below <= newest),
        "the newest version stays"
    );
    assert!(limit > 0, "a call gets somewhere");
    let from = Progress::read(archive);
    let mut at = from;
    let mut deletes = Vec::new();
    let mut left = limit;
    while at.height < below && left > 0 {
        let (forgotten, next) = (at.height, at.height + 1);
        let stale = archive.tree(&row::stale(next)).unwrap_or_default();
        let mut rest = &stale[at.offset..];
        while left > 0
            && let Some(one) = row::next_stale(&mut rest)
        {
            left -= 1;
            match one {
                Stale::Page(height, row) if !is_retained(height..next) => deletes.push(row),
                Stale::Page(..) => {}
                Stale::Key(key) => {
                    let kept = Kept::read(archive, &key).expect("a key that stood is kept");
                    if kept.last < next && !is_retained(kept.first..next) {
                        deletes.push(row::key(&key));
                    }
                }
            }
        }
        if !rest.is_empty() {
            at.offset = stale.len() - rest.len();
            break;
        }
        left = left.saturating_sub(1);
        if !stale.is_empty() {
            deletes.push(row::stale(next));
        }
        if !is_retained(forgotten..next) {
            deletes.push(row::root(forgotten));
        }
        at = Progress {
            height: next,
            offset: 0,
        };
    }
    let mut writes = Rows::new();
    if at != from {
        writes.push(PRUNED, &at.encode());
    }
    Pruning {
        deletes,
        writes,
        finished: at.height >= below,
    }
}

/// Writes down that there is nothing to forget below `height`, with which the store begins.
pub(super) fn nothing_below(height: u64, writes: &mut Rows) {
    writes.push(PRUNED, &Progress { height, offset: 0 }.encode());
}

impl Progress {
    fn read(archive: &dyn Archive) -> Self {
        let Some(bytes) = archive.tree(PRUNED) else {
            return Self {
                height: 0,
                offset: 0,
            };
        };
        let (height, offset) = bytes
            .split_first_chunk::<8>()
            .expect("how far the tree is pruned begins with a height");
        let offset = u32::from_be_bytes(
            offset
                .try_into()
                .expect("how far the tree is pruned ends with an offset"),
        );
        Self {
            height: u64::from_be_bytes(*height),
            offset: usize::try_from(offset).expect("usize has at least 32 bits"),
        }
    }

    fn encode(self) -> Vec<u8> {
        let offset = u32::try_from(self.offset).expect("a block makes less stale than 4 GiB");
        [self.height.to_be_bytes().as_slice(), &offset.to_be_bytes()].concat()
    }
}

#[cfg(test)]
mod tests;
