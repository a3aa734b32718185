//! Pages near the root, opened, for those who prove one value after the other.
//!
//! Every proof goes through the same few pages near the root, and each one makes the hashes between a page's slots anew. Here both are
//! kept. A page that a published height names never changes, and it is found by its height and place, so what is kept changes no
//! answer; it is shared by all readers of one archive. The deepest pages are too many to be kept: of those, each proof reads its own.

use std::sync::{Arc, PoisonError, RwLock};

use super::hash::Hash;
use super::page::{BITS, Opened, Slot};
use super::stored_root;
use super::update::read;
use crate::store::Archive;

/// The deepest page that is kept. There are 37,449 down to here, of less than a KiB: 36 MiB at most.
const DEPTH_MAX: usize = 15;
/// A page with its hashes, and what it is found by.
const PAGE_BYTES_MAX: usize = 1 << 10;
const _: () = assert!(size_of::<Kept>() <= PAGE_BYTES_MAX);

/// Pages near the root, and the newest root that was asked for.
#[derive(Debug, Default)]
pub struct Pages {
    root: RwLock<Option<(u64, Slot)>>,
    /// Each depth's pages in order of their place, as far as one was kept.
    levels: [RwLock<Vec<Option<Arc<Kept>>>>; DEPTH_MAX / BITS + 1],
}

#[derive(Debug)]
struct Kept {
    height: u64,
    page: Opened,
}

impl Pages {
    /// Nothing kept yet.
    pub fn new() -> Self {
        Self::default()
    }
}

/// Where pages are read: an archive, with some of them at hand or without.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) archive: &'a dyn Archive,
    pub(super) pages: Option<&'a Pages>,
}

impl Source<'_> {
    /// The root of the tree after block `height`.
    pub(super) fn root(&self, height: u64) -> Slot {
        let Some(pages) = self.pages else {
            return stored_root(self.archive, height);
        };
        // Nothing panics with half a value written, here and below, so a lock's poison means nothing.
        let kept = *pages.root.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, root)) = kept
            && of == height
        {
            return root;
        }
        let root = stored_root(self.archive, height);
        *pages.root.write().unwrap_or_else(PoisonError::into_inner) = Some((height, root));
        root
    }

    /// Calls `visit` with the page that was written at `height` and stands at the first `depth` bits of `place`.
    pub(super) fn visit<T>(
        &self,
        height: u64,
        depth: usize,
        place: &Hash,
        visit: impl FnOnce(&Opened) -> T,
    ) -> T {
        let read = || read(self.archive, height, depth, place).0.open();
        let level = self.pages.and_then(|pages| pages.levels.get(depth / BITS));
        let Some(level) = level else {
            return visit(&read());
        };
        let index = index(depth, place);
        let kept = {
            let pages = level.read().unwrap_or_else(PoisonError::into_inner);
            pages.get(index).cloned().flatten()
        };
        match kept {
            Some(kept) if kept.height == height => visit(&kept.page),
            other => {
                let page = read();
                let seen = visit(&page);
                // Who asks for what was does not push out what is.
                if other.is_none_or(|other| other.height < height) {
                    let mut pages = level.write().unwrap_or_else(PoisonError::into_inner);
                    if pages.is_empty() {
                        pages.resize(1 << depth, None);
                    }
                    pages[index] = Some(Arc::new(Kept { height, page }));
                }
                seen
            }
        }
    }
}

/// The number of a page among those of its depth, which is at most [`DEPTH_MAX`].
fn index(depth: usize, place: &Hash) -> usize {
    let bits = u16::from_be_bytes([place[0], place[1]]);
    usize::from(
        bits.checked_shr(16 - u32::try_from(depth).expect("a small depth"))
            .unwrap_or(0),
    )
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::super::tests::{a_block, grow};
    use super::super::{Proved, prove, prove_value};
    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn pages_at_hand_change_no_proof(
            blocks in vec(a_block(), 1..8),
            asked in vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..60),
        ) {
            let memory = grow(&blocks);
            let mut keys: Vec<&Vec<u8>> = blocks.iter().flat_map(|block| block.keys()).collect();
            let absent = b"absent".to_vec();
            keys.push(&absent);
            let pages = Pages::new();
            for (height, key) in asked {
                let height = height.index(blocks.len()) as u64;
                let key = key.get(&keys);
                let Proved { value, proof } = prove(&memory, height, key);
                let proved = |value| prove_value(&pages, &memory, height, key, value);
                prop_assert_eq!(proved(value.as_deref()), Some(proof));
                prop_assert_eq!(proved(Some(b"another value, longer than those of blocks")), None);
                prop_assert_eq!(proved(None).is_some(), value.is_none());
            }
        }
    }

    #[test]
    fn an_older_page_does_not_push_out_a_newer_one() {
        let entry = |n: u32| (format!("key/{n}").into_bytes(), Some(vec![1]));
        let first = (0..100).map(entry).collect();
        let second = (100..200).map(entry).collect();
        let memory = grow(&[first, second]);
        let pages = Pages::new();
        let kept = || {
            pages.levels[0].read().unwrap()[0]
                .as_ref()
                .map(|kept| kept.height)
        };
        for (height, newest) in [(0, 0), (1, 1), (0, 1), (1, 1)] {
            assert!(prove_value(&pages, &memory, height, b"key/7", Some(&[1])).is_some());
            assert_eq!(kept(), Some(newest), "after height {height}");
        }
    }
}
