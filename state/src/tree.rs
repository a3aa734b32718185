//! The Merkle tree over state: its root is the app hash, its paths are what proof files carry.
//!
//! One version a height: version 0 is genesis, executing block H makes version H, and header H + 1 carries that version's root.
//! Every height has a root of its own, also when its block changed nothing, so that any header can be asked. Versions are kept until
//! they are [pruned](prune()).
//!
//! It is a binary sparse Merkle tree over BLAKE3. A key stands in the tree as its hash, so that nobody grows one branch by choosing
//! keys at will, and the tree's shape follows from its content alone, not from the order of writes: a subtree without a leaf is
//! [`EMPTY_ROOT`], one with a single leaf is that leaf, one with more is the hash of its halves, split by the next bit. How nodes are
//! hashed is in `hash.rs`, and [`proof_spec`] says it to any ICS-23 verifier.
//!
//! Nodes are stored three bits of the path at a time, as *pages* (`page.rs`), each under the height that wrote it (`row.rs`). A block
//! is one pass over its sorted changes (`update.rs`): each page on the way is read once and written once. Before it comes to them the
//! pages of many changes are read, those of one depth together (`ahead.rs`). The tree holds hashes only. A proof's values come from
//! versioned state, which keeps them anyway.

mod ahead;
mod cache;
mod find;
mod hash;
mod page;
mod pages;
mod proof;
mod prove;
mod prune;
mod row;
mod update;

use crate::overlay::Changes;
use crate::rows::Rows;
use crate::store::Archive;
use page::Slot;
use update::{Change, Pass};

pub use cache::Cache;
pub use hash::{EMPTY_ROOT, proof_spec};
pub use pages::Pages;
pub use proof::{PROOF_BYTES_MAX, ProofError, verify};
pub use prove::{Proved, prove, prove_value};
pub use prune::{Pruning, prune};

/// What a block does to the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeUpdate {
    /// The new version's root.
    pub root: [u8; 32],
    /// What to store, for [`Batch::tree`](crate::Batch::tree).
    pub writes: Rows,
}

/// Makes version `height` of the tree out of the one before it. Nothing is written yet.
///
/// # Panics
/// When the version before is not in the archive, or a key or value is empty.
pub fn apply(archive: &dyn Archive, height: u64, changes: &Changes) -> TreeUpdate {
    apply_cached(&mut Cache::new(), archive, height, changes)
}

/// As [`apply`], with the pages near the root at hand. The cache goes with one archive from block to block.
///
/// # Panics
/// As [`apply`].
pub fn apply_cached(
    cache: &mut Cache,
    archive: &dyn Archive,
    height: u64,
    changes: &Changes,
) -> TreeUpdate {
    let before = match height.checked_sub(1) {
        Some(before) => row::read_root(archive, before)
            .expect("the tree's version before is stored, and not forgotten"),
        None => Slot::Empty,
    };
    make(cache, archive, height, before, changes)
}

/// Adds entries to version `height`, the first of a store that begins with a snapshot. Called with slice after slice of the snapshot's
/// entries, each time after the writes of the last are stored, it makes the tree of them all, whatever the slices and their order. The
/// root counts when the last slice is in.
///
/// # Panics
/// When an entry is a deletion, or a key or value is empty.
pub fn import(
    cache: &mut Cache,
    archive: &dyn Archive,
    height: u64,
    entries: &Changes,
) -> TreeUpdate {
    assert!(
        entries.values().all(Option::is_some),
        "a snapshot holds what stands, and nothing else"
    );
    let before = row::read_root(archive, height).unwrap_or_default();
    let mut update = make(cache, archive, height, before, entries);
    prune::nothing_below(height, &mut update.writes);
    update
}

fn make(
    cache: &mut Cache,
    archive: &dyn Archive,
    height: u64,
    before: Slot,
    changes: &Changes,
) -> TreeUpdate {
    let mut sorted: Vec<Change<'_>> = changes
        .iter()
        .map(|(key, value)| {
            assert!(
                !key.is_empty() && value.as_ref().is_none_or(|value| !value.is_empty()),
                "ICS-23 cannot prove empty keys or values"
            );
            let at = hash::of_key(key);
            let leaf = value.as_ref().map(|value| hash::leaf(&at, value));
            Change { at, leaf, key }
        })
        .collect();
    sorted.sort_unstable_by_key(|change| hash::order(&change.at));
    let mut pass = Pass::new(archive, cache, height);
    let root = pass.root(before, &sorted);
    TreeUpdate {
        root: *root.hash(),
        writes: pass.finish(),
    }
}

/// The root of the tree after block `height`.
///
/// # Panics
/// When the archive has no such block yet, or has forgotten its version: a height from outside is compared with
/// [`Archive::height`] and [`is_kept`] first.
pub fn root(archive: &dyn Archive, height: u64) -> [u8; 32] {
    *stored_root(archive, height).hash()
}

/// Whether the version of `height` is there, neither to come nor forgotten.
pub fn is_kept(archive: &dyn Archive, height: u64) -> bool {
    row::read_root(archive, height).is_some()
}

fn stored_root(archive: &dyn Archive, height: u64) -> Slot {
    row::read_root(archive, height).expect("the tree's version of this height is stored")
}

#[cfg(test)]
mod tests;
