//! Going down one version of the tree: to a key, and to its neighbours.

use super::hash::{Hash, goes_right};
use super::page::{BITS, Leaf, Node, Opened, SLOTS, Slot, slot_of};
use super::pages::Source;

/// Where the way to a key ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Way {
    /// The hash of the node beside each step, from the root down.
    pub(super) beside: Vec<Hash>,
    /// The leaf at the end. It may be another key's.
    pub(super) leaf: Option<Leaf>,
}

/// Steps to the leaves of a large tree: it is seldom longer.
const STEPS_USUAL: usize = 32;

/// The way from the root to where the key with this hash stands or would stand.
pub(super) fn way(source: Source<'_>, root: Slot, key: &Hash) -> Way {
    let mut beside = Vec::with_capacity(STEPS_USUAL);
    let mut depth = 0;
    let mut slot = root;
    loop {
        slot = match slot {
            Slot::Empty => return Way { beside, leaf: None },
            Slot::Leaf(leaf) => {
                return Way {
                    beside,
                    leaf: Some(leaf),
                };
            }
            Slot::Page(found) => source.visit(found.height, depth, key, |page| {
                through(page, slot_of(key, depth), &mut beside)
            }),
        };
        depth += BITS;
    }
}

/// The way through a page to one of its slots, and what lies there. It is shorter where one leaf or nothing is on it.
fn through(page: &Opened, end: usize, beside: &mut Vec<Hash>) -> Slot {
    for steps in 1..=BITS {
        let at = end >> (BITS - steps);
        beside.push(page.hash(&page.node(steps, at ^ 1)));
        match page.node(steps, at) {
            Node::Inner(_) => {}
            Node::Leaf(slot) => return page.slots()[slot],
            Node::Empty => break,
        }
    }
    page.slots()[end]
}

/// Which neighbour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// The last key before.
    Left,
    /// The first key after.
    Right,
}

/// The key, by hash, that stands next to the one with this hash, where nothing stands.
pub(super) fn neighbour(source: Source<'_>, root: Slot, key: &Hash, side: Side) -> Option<Hash> {
    nearest(source, root, 0, key, side)
}

/// The key nearest to `key` on that side, itself included, in the subtree at `depth`, into which `key` leads.
fn nearest(source: Source<'_>, slot: Slot, depth: usize, key: &Hash, side: Side) -> Option<Hash> {
    match slot {
        Slot::Empty => None,
        Slot::Leaf(leaf) => {
            let within = match side {
                Side::Left => leaf.key <= *key,
                Side::Right => leaf.key >= *key,
            };
            within.then_some(leaf.key)
        }
        Slot::Page(found) => {
            let slots = source.visit(found.height, depth, key, |page| *page.slots());
            let at = slot_of(key, depth);
            nearest(source, slots[at], depth + BITS, key, side).or_else(|| {
                let full = |slot: &usize| slots[*slot] != Slot::Empty;
                let beside = match side {
                    Side::Left => (0..at).rev().find(full),
                    Side::Right => (at + 1..SLOTS).find(full),
                }?;
                let from = outermost(key, depth, beside, side);
                nearest(source, slots[beside], depth + BITS, &from, side)
            })
        }
    }
}

/// The last hash in a slot of the page at the first `depth` bits of `place`, from where its left neighbours are looked for; or the
/// first, for those on the right.
fn outermost(place: &Hash, depth: usize, slot: usize, side: Side) -> Hash {
    let mut hash = match side {
        Side::Left => [0xff; 32],
        Side::Right => [0; 32],
    };
    for at in 0..(depth + BITS).min(256) {
        let one = if at < depth {
            goes_right(place, at)
        } else {
            (slot >> (BITS - 1 - (at - depth))) & 1 == 1
        };
        let bit = 0x80 >> (at % 8);
        if one {
            hash[at / 8] |= bit;
        } else {
            hash[at / 8] &= !bit;
        }
    }
    hash
}
