//! Making one version of the tree out of another: one pass over the sorted changes.
//!
//! Changes that share a subtree go down together, so each page on the way is read once, and made and hashed once on the way up.

use super::ahead::{Ahead, CHANGES_MIN};
use super::cache::Cache;
use super::hash::Hash;
use super::page::{BITS, Leaf, Node, Page, PageRef, Slot, slot_of};
use super::row::{self, Kept};
use crate::rows::{Place, Rows};
use crate::store::Archive;

/// What to do at one key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Change<'a> {
    /// Hash of the key.
    pub(super) at: Hash,
    /// Hash of the new leaf; `None`: remove the old one.
    pub(super) leaf: Option<Hash>,
    /// The key.
    pub(super) key: &'a [u8],
}

/// One pass.
pub(super) struct Pass<'a> {
    archive: &'a dyn Archive,
    cache: &'a mut Cache,
    /// Pages that were read before their turn.
    ahead: Ahead,
    /// Pages that the cache did not have.
    missed: usize,
    /// The version that is made.
    height: u64,
    /// What to store.
    writes: Rows,
    /// Where the rows of keys lie in it, and those of pages, each depth's apart: in order, as changes are.
    keys: Vec<Place>,
    pages: Vec<Vec<Place>>,
    /// What this version replaces and removes.
    stale: Vec<u8>,
}

impl<'a> Pass<'a> {
    pub(super) fn new(archive: &'a dyn Archive, cache: &'a mut Cache, height: u64) -> Self {
        Self {
            archive,
            cache,
            ahead: Ahead::default(),
            missed: 0,
            height,
            writes: Rows::new(),
            keys: Vec::new(),
            pages: Vec::new(),
            stale: Vec::new(),
        }
    }

    /// The root after the changes, which are sorted, one a key.
    pub(super) fn root(&mut self, before: Slot, changes: &[Change<'_>]) -> Slot {
        let root = if changes.is_empty() {
            before
        } else {
            self.update(before, changes, 0)
        };
        // A pass over a few changes says nothing of one over many.
        if changes.len() >= CHANGES_MIN {
            self.cache.note_pass(changes.len(), self.missed);
        }
        self.writes
            .push(&row::root(self.height), &row::encode_root(&root));
        root
    }

    /// What to store, in order.
    pub(super) fn finish(mut self) -> Rows {
        self.writes.append(self.keys);
        for pages in self.pages {
            self.writes.append(pages);
        }
        if !self.stale.is_empty() {
            self.writes.push(&row::stale(self.height), &self.stale);
        }
        self.writes
    }

    /// The subtree at `depth` after the changes, which all lie in it, sorted, one a key.
    fn update(&mut self, slot: Slot, changes: &[Change<'_>], depth: usize) -> Slot {
        match slot {
            Slot::Page(old) => self.update_page(old, changes, depth),
            Slot::Leaf(leaf) if changes.len() == 1 && changes[0].at == leaf.key => {
                self.replace(leaf, &changes[0])
            }
            Slot::Leaf(leaf) => {
                let leaves = self.merge(Some(leaf), changes);
                self.build(&leaves, depth)
            }
            Slot::Empty => {
                let leaves = self.merge(None, changes);
                self.build(&leaves, depth)
            }
        }
    }

    /// What stands in place of a leaf when nothing but its own change comes to it, which is what most changes do.
    fn replace(&mut self, leaf: Leaf, change: &Change<'_>) -> Slot {
        match change.leaf {
            Some(hash) => Slot::Leaf(Leaf { hash, ..leaf }),
            None => {
                row::push_stale_key(&mut self.stale, &change.at);
                Slot::Empty
            }
        }
    }

    fn update_page(&mut self, old: PageRef, changes: &[Change<'_>], depth: usize) -> Slot {
        let place = &changes[0].at;
        let mut page = self.read(old, changes, depth);
        let mut changed = false;
        for below in changes.chunk_by(|a, b| slot_of(&a.at, depth) == slot_of(&b.at, depth)) {
            let slot = &mut page.slots[slot_of(&below[0].at, depth)];
            let new = self.update(*slot, below, depth + BITS);
            changed |= new != *slot;
            *slot = new;
        }
        if !changed {
            return Slot::Page(old);
        }
        if old.height != self.height {
            row::push_stale_page(&mut self.stale, old.height, depth, place);
        }
        self.close(&page, depth, place)
    }

    /// The subtree of these leaves, sorted.
    fn build(&mut self, leaves: &[Leaf], depth: usize) -> Slot {
        match leaves {
            [] => Slot::Empty,
            [leaf] => Slot::Leaf(*leaf),
            [first, ..] => {
                let mut page = Page::default();
                for below in
                    leaves.chunk_by(|a, b| slot_of(&a.key, depth) == slot_of(&b.key, depth))
                {
                    page.slots[slot_of(&below[0].key, depth)] = self.build(below, depth + BITS);
                }
                self.close(&page, depth, &first.key)
            }
        }
    }

    /// What stands at the top of a page that is made. It is written unless one leaf, or none, is left.
    fn close(&mut self, page: &Page, depth: usize, place: &Hash) -> Slot {
        match page.top() {
            Node::Empty => Slot::Empty,
            Node::Leaf(slot) => page.slots[slot],
            Node::Inner(hash) => {
                let key = row::page(self.height, depth, place);
                let write = |row: &mut Vec<u8>| page.encode(self.height, depth, row);
                let (row, written) = self.writes.lay(&key, write);
                self.cache.put(self.height, depth, place, written);
                let level = depth / BITS;
                if self.pages.len() <= level {
                    self.pages.resize_with(level + 1, Vec::new);
                }
                self.pages[level].push(row);
                Slot::Page(PageRef {
                    height: self.height,
                    hash,
                })
            }
        }
    }

    /// The leaves after the changes to a subtree of at most one leaf.
    fn merge(&mut self, mut standing: Option<Leaf>, changes: &[Change<'_>]) -> Vec<Leaf> {
        let mut leaves = Vec::with_capacity(changes.len() + 1);
        for change in changes {
            leaves.extend(standing.take_if(|leaf| leaf.key < change.at));
            let stood = standing.take_if(|leaf| leaf.key == change.at).is_some();
            if let Some(hash) = change.leaf {
                leaves.push(Leaf {
                    key: change.at,
                    hash,
                });
                if !stood {
                    self.keep(change);
                }
            } else if stood {
                row::push_stale_key(&mut self.stale, &change.at);
            }
        }
        leaves.extend(standing);
        leaves
    }

    /// Keeps the key of a leaf that is inserted.
    fn keep(&mut self, change: &Change<'_>) {
        let before = Kept::read(self.archive, &change.at);
        let kept = Kept {
            first: before.map_or(self.height, |kept| kept.first),
            last: self.height,
            key: change.key.to_vec(),
        };
        let write = |row: &mut Vec<u8>| kept.encode(row);
        let (row, _) = self.writes.lay(&row::key(&change.at), write);
        self.keys.push(row);
    }

    fn read(&mut self, old: PageRef, changes: &[Change<'_>], depth: usize) -> Page {
        if let Some(page) = self.ahead.take(depth) {
            return page;
        }
        self.missed += self
            .ahead
            .read(self.archive, self.cache, old, changes, depth);
        if let Some(page) = self.ahead.take(depth) {
            return page;
        }
        let (height, place) = (old.height, &changes[0].at);
        if let Some(row) = self.cache.get(height, depth, place) {
            return Page::decode(row, height, place, depth);
        }
        self.missed += 1;
        let (page, row) = read(self.archive, height, depth, place);
        self.cache.put(height, depth, place, &row);
        page
    }
}

/// The page that was written at `height` and stands at the first `depth` bits of `place`, and its row.
pub(super) fn read(
    archive: &dyn Archive,
    height: u64,
    depth: usize,
    place: &Hash,
) -> (Page, Vec<u8>) {
    let row = archive
        .tree(&row::page(height, depth, place))
        .expect("a page that another names is stored");
    (Page::decode(&row, height, place, depth), row)
}

#[cfg(test)]
mod tests;
