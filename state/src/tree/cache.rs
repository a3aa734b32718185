//! The newest pages near the root, in memory.
//!
//! A block changes most of them, so whoever makes block after block keeps them at hand. They are found by place and believed only at
//! the height that the page above names, so the cache never changes an answer: a root does not depend on what is in it. That holds when
//! a version is made and not stored, too: nothing stored names its pages, and when it is made again they are replaced. Pages deeper than
//! [`DEPTH_MAX`] are too many, and too seldom met twice.

use super::hash::Hash;
use super::page::BITS;

/// The deepest page that is kept. There are 299,593 down to here, of at most 514 bytes: about 80 MiB with 10^6 keys, 150 at most.
const DEPTH_MAX: usize = 18;

/// The newest pages near the root.
#[derive(Debug, Default)]
pub struct Cache {
    /// Each depth's pages in order of their place, as far as one was kept.
    levels: [Vec<Kept>; DEPTH_MAX / BITS + 1],
    /// A pass found most of its pages here.
    is_warm: bool,
}

#[derive(Debug, Clone, Default)]
struct Kept {
    height: u64,
    /// Empty: nothing was kept yet. Its room is used again and again.
    row: Vec<u8>,
}

impl Cache {
    /// Nothing kept yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the last pass that said so found most of its pages here.
    pub(super) fn is_warm(&self) -> bool {
        self.is_warm
    }

    /// Says how many pages a pass over so many changes did not find here: most, if it is one for each change.
    pub(super) fn note_pass(&mut self, changes: usize, missed: usize) {
        self.is_warm = missed < changes;
    }

    /// The row of the page that was written at `height` and stands at the first `depth` bits of `place`.
    pub(super) fn get(&self, height: u64, depth: usize, place: &Hash) -> Option<&[u8]> {
        let kept = self.levels.get(depth / BITS)?.get(index(depth, place))?;
        (kept.height == height && !kept.row.is_empty()).then_some(&kept.row)
    }

    /// Keeps a page in place of an older one.
    pub(super) fn put(&mut self, height: u64, depth: usize, place: &Hash, row: &[u8]) {
        let Some(level) = self.levels.get_mut(depth / BITS) else {
            return;
        };
        let index = index(depth, place);
        if level.len() <= index {
            level.resize(1 << depth, Kept::default());
        }
        let kept = &mut level[index];
        kept.height = height;
        kept.row.clear();
        kept.row.extend_from_slice(row);
    }
}

/// The number of a page among those of its depth. Deeper than [`DEPTH_MAX`] it means nothing.
fn index(depth: usize, place: &Hash) -> usize {
    let bits = u32::from_be_bytes([place[0], place[1], place[2], place[3]]);
    let index = u64::from(bits) >> 32usize.saturating_sub(depth);
    usize::try_from(index).expect("32 bits fit")
}
