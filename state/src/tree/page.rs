//! A page: the part of the tree between two depths, stored as one row.
//!
//! A page stands at a depth that [`BITS`] divides, and has a slot for each value of the next [`BITS`] bits of a key's hash. What
//! lies under a slot is nothing, one leaf, or another page with two leaves at least. The nodes between a page's top and its slots
//! are not stored: they cost a few hashes to make and half the row to keep.
//!
//! ```text
//! which slots are leaves, which are pages: a bit a slot, first slot first, SLOTS / 8 bytes each
//! then each slot in order    leaf   key's hash, without the whole bytes that the page's place gives ‖ leaf's hash
//!                            page   how many heights before this page's own it was written, varint ‖ its hash
//! ```

use prost::encoding::{decode_varint, encode_varint, encoded_len_varint};

use super::hash::{self, EMPTY_ROOT, Hash};

/// Bits of a key's hash that one page spans.
pub(super) const BITS: usize = 3;
/// Places in a page.
pub(super) const SLOTS: usize = 1 << BITS;

/// A bit for each slot.
type Mask = u8;
const _: () = assert!(
    Mask::BITS as usize == SLOTS,
    "a mask has a bit for each slot"
);

/// The one leaf of a subtree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Leaf {
    /// Hash of the key.
    pub(super) key: Hash,
    /// Hash of the leaf.
    pub(super) hash: Hash,
}

/// Where to find a page, and its top's hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PageRef {
    /// The height that wrote it.
    pub(super) height: u64,
    /// The hash of its topmost node.
    pub(super) hash: Hash,
}

/// What a subtree is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Slot {
    /// It holds nothing.
    #[default]
    Empty,
    /// It holds one leaf, and is that leaf.
    Leaf(Leaf),
    /// It holds more.
    Page(PageRef),
}

impl Slot {
    pub(super) fn hash(&self) -> &Hash {
        match self {
            Self::Empty => &EMPTY_ROOT,
            Self::Leaf(leaf) => &leaf.hash,
            Self::Page(page) => &page.hash,
        }
    }
}

/// What a node within a page is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Node {
    /// Of no leaf.
    Empty,
    /// Of one leaf, which is in that slot.
    Leaf(usize),
    /// Of more, with this hash.
    Inner(Hash),
}

/// The slots of a page.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Page {
    pub(super) slots: [Slot; SLOTS],
}

/// A page with the hashes of all its nodes, but for its top's, which the page above has.
#[derive(Debug, Clone)]
pub(super) struct Opened {
    page: Page,
    /// The children of the node at `n` are at `2n` and `2n + 1`; the top would be at 1, the slots begin at [`SLOTS`].
    nodes: [Node; SLOTS],
}

impl Opened {
    /// The slots.
    pub(super) fn slots(&self) -> &[Slot; SLOTS] {
        &self.page.slots
    }

    /// The node that many steps below the top, of which there are two to that power; below the top itself.
    pub(super) fn node(&self, steps: usize, at: usize) -> Node {
        assert!(steps > 0, "the page above knows the top");
        if steps == BITS {
            self.page.node(at)
        } else {
            self.nodes[(1 << steps) + at]
        }
    }

    /// The hash of a node.
    pub(super) fn hash(&self, node: &Node) -> Hash {
        *self.page.hash(node)
    }
}

/// The slot that the key with this hash has in a page at `depth`.
pub(super) fn slot_of(key: &Hash, depth: usize) -> usize {
    let at = depth / 8;
    let next = key.get(at + 1).copied().unwrap_or_default();
    let bits = u16::from_be_bytes([key[at], next]);
    usize::from(bits >> (16 - BITS - depth % 8)) % SLOTS
}

impl Page {
    /// The node at the top.
    pub(super) fn top(&self) -> Node {
        let mut nodes = self.bottom();
        let mut width = SLOTS;
        while width > 1 {
            width /= 2;
            for at in 0..width {
                nodes[at] = self.join(nodes[2 * at], nodes[2 * at + 1]);
            }
        }
        nodes[0]
    }

    /// The page with the hashes of the nodes between its top and its slots.
    pub(super) fn open(self) -> Opened {
        let bottom = self.bottom();
        let mut nodes = [Node::Empty; SLOTS];
        for at in (2..SLOTS).rev() {
            let below = |child: usize| match child.checked_sub(SLOTS) {
                Some(slot) => bottom[slot],
                None => nodes[child],
            };
            nodes[at] = self.join(below(2 * at), below(2 * at + 1));
        }
        Opened { page: self, nodes }
    }

    /// The hash of a node of this page.
    fn hash<'a>(&'a self, node: &'a Node) -> &'a Hash {
        match node {
            Node::Empty => &EMPTY_ROOT,
            Node::Leaf(slot) => self.slots[*slot].hash(),
            Node::Inner(hash) => hash,
        }
    }

    fn bottom(&self) -> [Node; SLOTS] {
        std::array::from_fn(|slot| self.node(slot))
    }

    fn node(&self, slot: usize) -> Node {
        match &self.slots[slot] {
            Slot::Empty => Node::Empty,
            Slot::Leaf(_) => Node::Leaf(slot),
            Slot::Page(page) => Node::Inner(page.hash),
        }
    }

    fn join(&self, left: Node, right: Node) -> Node {
        match (left, right) {
            (node, Node::Empty) if !matches!(node, Node::Inner(_)) => node,
            (Node::Empty, node) if !matches!(node, Node::Inner(_)) => node,
            _ => Node::Inner(hash::inner(self.hash(&left), self.hash(&right))),
        }
    }

    /// The row of this page, written at `height`, standing at `depth`. No page below is newer.
    pub(super) fn encode(&self, height: u64, depth: usize) -> Vec<u8> {
        let (mut leaves, mut pages): (Mask, Mask) = (0, 0);
        let mut row = Vec::with_capacity(self.row_bytes(height, depth));
        row.resize(2 * size_of::<Mask>(), 0);
        for (at, slot) in self.slots.iter().enumerate() {
            let bit = 1 << (SLOTS - 1 - at);
            match slot {
                Slot::Empty => {}
                Slot::Leaf(leaf) => {
                    leaves |= bit;
                    row.extend(&leaf.key[depth / 8..]);
                    row.extend(&leaf.hash);
                }
                Slot::Page(page) => {
                    pages |= bit;
                    encode_varint(height - page.height, &mut row);
                    row.extend(&page.hash);
                }
            }
        }
        row[..size_of::<Mask>()].copy_from_slice(&leaves.to_be_bytes());
        row[size_of::<Mask>()..2 * size_of::<Mask>()].copy_from_slice(&pages.to_be_bytes());
        row
    }

    /// The length of the row: rows are kept as they are made, so spare room would be kept too.
    fn row_bytes(&self, height: u64, depth: usize) -> usize {
        let slots = self.slots.iter().map(|slot| match slot {
            Slot::Empty => 0,
            Slot::Leaf(_) => 64 - depth / 8,
            Slot::Page(page) => encoded_len_varint(height - page.height) + 32,
        });
        2 * size_of::<Mask>() + slots.sum::<usize>()
    }

    /// Reads the row of the page that was written at `height` and stands at the first `depth` bits of `place`.
    ///
    /// # Panics
    /// When the bytes are no such row: the store is damaged.
    pub(super) fn decode(mut row: &[u8], height: u64, place: &Hash, depth: usize) -> Self {
        let leaves = Mask::from_be_bytes(take(&mut row));
        let pages = Mask::from_be_bytes(take(&mut row));
        assert_eq!(leaves & pages, 0, "a slot is a leaf or a page");
        let known = depth / 8;
        let mut page = Self::default();
        for (at, slot) in page.slots.iter_mut().enumerate() {
            let bit = 1 << (SLOTS - 1 - at);
            if leaves & bit != 0 {
                let mut key = *place;
                let (rest, after) = row
                    .split_at_checked(32 - known)
                    .expect("a stored page holds its leaves' keys");
                key[known..].copy_from_slice(rest);
                row = after;
                let hash = take(&mut row);
                *slot = Slot::Leaf(Leaf { key, hash });
            } else if pages & bit != 0 {
                let age = decode_varint(&mut row).expect("a stored page holds its pages' ages");
                let height = height
                    .checked_sub(age)
                    .expect("a stored page is not older than the chain");
                let hash = take(&mut row);
                *slot = Slot::Page(PageRef { height, hash });
            }
        }
        assert!(row.is_empty(), "a stored page ends with its last slot");
        page
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> [u8; N] {
    let (first, rest) = bytes
        .split_first_chunk()
        .expect("a stored page holds its slots");
    *bytes = rest;
    *first
}
