//! How the tree lies in the store.
//!
//! ```text
//! 'h' ‖ height                                  →  the root: nothing, one leaf, or the page at the top
//! 'n' ‖ height ‖ depth, 1 byte ‖ place          →  the page that the height wrote there
//! 'k' ‖ hash of a key                           →  first height ‖ last height that inserted it ‖ the key
//! 's' ‖ height                                  →  what the height replaced or removed
//! 'p'                                           →  how far it is pruned
//! ```
//! Heights are 8 bytes, big-endian: new pages come after old ones, so that a block appends to the store and does not scatter over
//! it. A place is the first `depth` bits of the keys' hashes in the page, in as many bytes as they need. A page names the height of
//! each page below it, so every read is of one known row.
//!
//! The key of a leaf is kept once, beside the tree: absence is proved by naming a neighbour, and the tree knows it by hash only. Its
//! value is not kept here at all: versioned state has it.

use prost::encoding::{decode_varint, encode_varint};

use super::hash::Hash;
use super::page::{Leaf, PageRef, Slot};
use crate::store::Archive;

/// The row of a root.
pub(super) fn root(height: u64) -> Vec<u8> {
    numbered(b'h', height)
}

/// The row of a page.
pub(super) fn page(height: u64, depth: usize, place: &Hash) -> PageKey {
    let mut bytes = [0; PAGE_KEY_BYTES_MAX];
    bytes[0] = b'n';
    bytes[1..PAGE_PLACE].copy_from_slice(&height.to_be_bytes());
    bytes[PAGE_PLACE] = u8::try_from(depth).expect("a page stands above the last bit");
    let bits = &mut bytes[PAGE_PLACE + 1..][..depth.div_ceil(8)];
    bits.copy_from_slice(&place[..bits.len()]);
    if !depth.is_multiple_of(8) {
        bits[depth / 8] &= !(0xff >> (depth % 8));
    }
    let length = PAGE_PLACE + 1 + bits.len();
    PageKey { bytes, length }
}

/// Where depth and place begin in the row of a page: behind kind and height.
const PAGE_PLACE: usize = 1 + 8;
const PAGE_KEY_BYTES_MAX: usize = PAGE_PLACE + 1 + 32;

/// The row of a page, for which no memory is taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct PageKey {
    bytes: [u8; PAGE_KEY_BYTES_MAX],
    length: usize,
}

impl std::ops::Deref for PageKey {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// The row of a key.
pub(super) fn key(hash: &Hash) -> Vec<u8> {
    [b"k".as_slice(), hash].concat()
}

/// The row of what a height made stale.
pub(super) fn stale(height: u64) -> Vec<u8> {
    numbered(b's', height)
}

/// The row that says how far the tree is pruned.
pub(super) const PRUNED: &[u8] = b"p";

fn numbered(kind: u8, height: u64) -> Vec<u8> {
    let mut row = Vec::with_capacity(16);
    row.push(kind);
    row.extend(height.to_be_bytes());
    row
}

/// What the row of a root holds.
pub(super) fn encode_root(root: &Slot) -> Vec<u8> {
    match root {
        Slot::Empty => vec![0],
        Slot::Leaf(leaf) => [[1].as_slice(), &leaf.key, &leaf.hash].concat(),
        Slot::Page(page) => [[2].as_slice(), &page.height.to_be_bytes(), &page.hash].concat(),
    }
}

/// The root of the tree after block `height`, unless that is pruned or still to come.
pub(super) fn read_root(archive: &dyn Archive, height: u64) -> Option<Slot> {
    let bytes = archive.tree(&root(height))?;
    let (kind, mut rest) = bytes
        .split_first()
        .expect("a stored root begins with its kind");
    let slot = match kind {
        0 => Slot::Empty,
        1 => Slot::Leaf(Leaf {
            key: take(&mut rest),
            hash: take(&mut rest),
        }),
        2 => Slot::Page(PageRef {
            height: u64::from_be_bytes(take(&mut rest)),
            hash: take(&mut rest),
        }),
        3.. => unreachable!("a stored root is nothing, a leaf or a page"),
    };
    assert!(rest.is_empty(), "a stored root ends with its hash");
    Some(slot)
}

/// A key as it is kept beside the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    /// The first height that inserted it.
    pub(super) first: u64,
    /// The last height that inserted it.
    pub(super) last: u64,
    /// Itself.
    pub(super) key: Vec<u8>,
}

impl Kept {
    pub(super) fn encode(&self, row: &mut Vec<u8>) {
        encode_varint(self.first, row);
        encode_varint(self.last, row);
        row.extend(&self.key);
    }

    pub(super) fn read(archive: &dyn Archive, hash: &Hash) -> Option<Self> {
        let bytes = archive.tree(&key(hash))?;
        let mut rest = bytes.as_slice();
        let mut height = || decode_varint(&mut rest).expect("a stored key begins with its heights");
        let (first, last) = (height(), height());
        Some(Self {
            first,
            last,
            key: rest.to_vec(),
        })
    }
}

/// Something that a height replaced or removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stale {
    /// A page: the height that wrote it, and its row.
    Page(u64, Vec<u8>),
    /// A key that the tree no longer holds.
    Key(Hash),
}

/// Notes that a page is replaced.
pub(super) fn push_stale_page(bytes: &mut Vec<u8>, height: u64, depth: usize, place: &Hash) {
    bytes.push(0);
    encode_varint(height, bytes);
    // Depth and place are what the page's own row ends with.
    bytes.extend(&page(height, depth, place)[PAGE_PLACE..]);
}

/// Notes that a key is removed.
pub(super) fn push_stale_key(bytes: &mut Vec<u8>, key: &Hash) {
    bytes.push(1);
    bytes.extend(key);
}

/// Takes the next note off the front of a stale row.
pub(super) fn next_stale(bytes: &mut &[u8]) -> Option<Stale> {
    let (kind, rest) = bytes.split_first()?;
    *bytes = rest;
    Some(match kind {
        0 => {
            let height = decode_varint(bytes).expect("a stale page has its height");
            let depth = usize::from(take::<1>(bytes)[0]);
            let (bits, rest) = bytes
                .split_at_checked(depth.div_ceil(8))
                .expect("a stale page has its place");
            *bytes = rest;
            let mut place = [0; 32];
            place[..bits.len()].copy_from_slice(bits);
            Stale::Page(height, page(height, depth, &place).to_vec())
        }
        1 => Stale::Key(take(bytes)),
        2.. => unreachable!("what is stale is a page or a key"),
    })
}

fn take<const N: usize>(bytes: &mut &[u8]) -> [u8; N] {
    let (first, rest) = bytes
        .split_first_chunk()
        .expect("a row of the tree is whole");
    *bytes = rest;
    *first
}
