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

use prost::encoding::{decode_varint, encode_varint};

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

/// All nodes of a page. The top is node 1, the children of node `n` are nodes `2n` and `2n + 1`, the slots begin at [`SLOTS`].
struct Nodes {
    kinds: [Kind; 2 * SLOTS],
    /// The hashes of each node's children, side by side: to hash them no byte is moved.
    children: [[Hash; 2]; SLOTS],
}

impl Nodes {
    fn hash(&self, at: usize) -> &Hash {
        &self.children[at / 2][at % 2]
    }

    fn put(&mut self, at: usize, kind: Kind, hash: Hash) {
        self.kinds[at] = kind;
        self.children[at / 2][at % 2] = hash;
    }
}

/// A node without its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Empty,
    Leaf(usize),
    Inner,
}

impl Kind {
    fn node(self, hash: &Hash) -> Node {
        match self {
            Self::Empty => Node::Empty,
            Self::Leaf(slot) => Node::Leaf(slot),
            Self::Inner => Node::Inner(*hash),
        }
    }
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
    /// Numbered as in [`Nodes`]: the top would be at 1.
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
        let nodes = self.join(1);
        nodes.kinds[1].node(nodes.hash(1))
    }

    /// The page with the hashes of the nodes between its top and its slots.
    pub(super) fn open(self) -> Opened {
        let nodes = self.join(2);
        let nodes = std::array::from_fn(|at| nodes.kinds[at].node(nodes.hash(at)));
        Opened { page: self, nodes }
    }

    /// All nodes from that number on.
    fn join(&self, first: usize) -> Nodes {
        let mut nodes = Nodes {
            kinds: [Kind::Empty; 2 * SLOTS],
            children: [[EMPTY_ROOT; 2]; SLOTS],
        };
        for (at, slot) in (SLOTS..).zip(&self.slots) {
            let kind = match slot {
                Slot::Empty => continue,
                Slot::Leaf(_) => Kind::Leaf(at - SLOTS),
                Slot::Page(_) => Kind::Inner,
            };
            nodes.put(at, kind, *slot.hash());
        }
        for at in (first..SLOTS).rev() {
            let [left, right] = [2 * at, 2 * at + 1];
            match (nodes.kinds[left], nodes.kinds[right]) {
                (Kind::Empty, Kind::Empty) => {}
                (Kind::Leaf(slot), Kind::Empty) | (Kind::Empty, Kind::Leaf(slot)) => {
                    nodes.put(at, Kind::Leaf(slot), *self.slots[slot].hash());
                }
                (Kind::Inner, _) | (_, Kind::Inner) | (Kind::Leaf(_), Kind::Leaf(_)) => {
                    nodes.put(at, Kind::Inner, hash::inner(&nodes.children[at]));
                }
            }
        }
        nodes
    }

    /// The hash of a node of this page.
    fn hash<'a>(&'a self, node: &'a Node) -> &'a Hash {
        match node {
            Node::Empty => &EMPTY_ROOT,
            Node::Leaf(slot) => self.slots[*slot].hash(),
            Node::Inner(hash) => hash,
        }
    }

    fn node(&self, slot: usize) -> Node {
        match &self.slots[slot] {
            Slot::Empty => Node::Empty,
            Slot::Leaf(_) => Node::Leaf(slot),
            Slot::Page(page) => Node::Inner(page.hash),
        }
    }

    /// Writes down the row of this page, written at `height`, standing at `depth`. No page below is newer.
    pub(super) fn encode(&self, height: u64, depth: usize, row: &mut Vec<u8>) {
        let (mut leaves, mut pages): (Mask, Mask) = (0, 0);
        let masks = row.len();
        row.resize(masks + 2 * size_of::<Mask>(), 0);
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
                    encode_varint(height - page.height, row);
                    row.extend(&page.hash);
                }
            }
        }
        let (first, second) = row[masks..].split_at_mut(size_of::<Mask>());
        first.copy_from_slice(&leaves.to_be_bytes());
        second[..size_of::<Mask>()].copy_from_slice(&pages.to_be_bytes());
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
