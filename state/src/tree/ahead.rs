//! The pages of a pass, read before it, a level at a time.
//!
//! What lies below a page is known only when the page is there, so a pass that reads as it goes down waits for each read before it can
//! ask for the next. All pages of one depth can be asked for together, and a store that looks for many at once is sooner done than with
//! one after the other. They are opened here once, and handed out in the order in which the pass comes to them. Where most are at hand in
//! the cache it costs more than it saves, so the pass before decides.

use std::collections::VecDeque;

use super::cache::Cache;
use super::page::{BITS, Page, PageRef, Slot, slot_of};
use super::row::{self, PageKey};
use super::update::Change;
use crate::store::Archive;

/// For fewer changes than this the pages are read as the pass comes to them.
pub(super) const CHANGES_MIN: usize = 128;
/// For more changes than this they are read subtree by subtree: some six pages a change, of about 600 bytes each, wait at one time.
const CHANGES_MAX: usize = 8_192;

/// Pages that a pass will come to.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    /// By depth, from the root's on.
    levels: Vec<VecDeque<Page>>,
}

impl Ahead {
    /// The page at `depth` that the pass has come to, if it was read.
    pub(super) fn take(&mut self, depth: usize) -> Option<Page> {
        self.levels.get_mut(depth / BITS)?.pop_front()
    }

    /// Reads all pages on the way from `top`, at `depth`, to the changes below it, if these are neither too few nor too many. Says how
    /// many the cache did not have.
    pub(super) fn read(
        &mut self,
        archive: &dyn Archive,
        cache: &mut Cache,
        top: PageRef,
        changes: &[Change<'_>],
        mut depth: usize,
    ) -> usize {
        let mut missed = 0;
        if cache.is_warm() || !(CHANGES_MIN..=CHANGES_MAX).contains(&changes.len()) {
            return missed;
        }
        let mut level = vec![(top, changes)];
        while !level.is_empty() {
            let (pages, not_cached) = read_level(archive, cache, &level, depth);
            missed += not_cached;
            let mut below = Vec::new();
            for ((_, changes), page) in level.iter().zip(&pages) {
                for part in changes.chunk_by(|a, b| slot_of(&a.at, depth) == slot_of(&b.at, depth))
                {
                    if let Slot::Page(next) = page.slots[slot_of(&part[0].at, depth)] {
                        below.push((next, part));
                    }
                }
            }
            if self.levels.len() <= depth / BITS {
                self.levels.resize_with(depth / BITS + 1, VecDeque::new);
            }
            self.levels[depth / BITS] = pages.into();
            level = below;
            depth += BITS;
        }
        missed
    }
}

/// The pages of one depth, each with the changes below it, and how many of them the cache did not have.
fn read_level(
    archive: &dyn Archive,
    cache: &mut Cache,
    level: &[(PageRef, &[Change<'_>])],
    depth: usize,
) -> (Vec<Page>, usize) {
    let mut pages = vec![Page::default(); level.len()];
    let mut missing: Vec<(usize, PageKey)> = Vec::new();
    for (at, (page, changes)) in level.iter().enumerate() {
        let place = &changes[0].at;
        match cache.get(page.height, depth, place) {
            Some(row) => pages[at] = Page::decode(row, page.height, place, depth),
            None => missing.push((at, row::page(page.height, depth, place))),
        }
    }
    let keys: Vec<&[u8]> = missing.iter().map(|(_, key)| &**key).collect();
    for ((at, _), row) in missing.iter().zip(archive.tree_rows(&keys)) {
        let (page, changes) = &level[*at];
        let row = row.expect("a page that another names is stored");
        let place = &changes[0].at;
        pages[*at] = Page::decode(&row, page.height, place, depth);
        cache.put(page.height, depth, place, &row);
    }
    (pages, missing.len())
}
