//! Ranges of blocks between what this node has and what others claim: wanted, asked for, or here and waiting for their turn.
//!
//! Ranges are asked for in parallel and handed on in order. The window bounds how many wait, and so how much memory.

use std::collections::BTreeMap;

use libp2p::PeerId;
use starfire_proto::v1;

/// Blocks asked for at once.
pub(super) const RANGE_BLOCKS: u32 = 64;
/// Ranges in the window. Each holds at most one response.
const RANGES_MAX: usize = 6;

/// The ranges after the newest block, by their first height. They follow each other without a gap.
#[derive(Debug, Default)]
pub(super) struct Window(BTreeMap<u64, Range>);

#[derive(Debug)]
struct Range {
    count: u32,
    state: State,
    /// Who could not give it: somebody else is asked next.
    failed: Option<PeerId>,
}

#[derive(Debug)]
enum State {
    Wanted,
    Asked,
    Here(PeerId, Vec<v1::CommittedBlock>),
}

/// A range to ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wish {
    pub(super) from: u64,
    pub(super) count: u32,
    /// Not this peer: it has failed just now.
    pub(super) except: Option<PeerId>,
}

impl Window {
    /// Makes the window begin after `height` and reach for `target`.
    pub(super) fn cover(&mut self, height: u64, target: u64) {
        // What consensus has brought meanwhile is not needed. A range half of which is known goes too: it is asked for anew.
        self.0.retain(|from, _| *from > height);
        if self.0.keys().next().is_some_and(|from| *from != height + 1) {
            self.0.clear();
        }
        // Whoever claimed more may have lost its claim.
        self.0
            .retain(|from, range| *from <= target || !matches!(range.state, State::Wanted));
        let mut next = self
            .0
            .last_key_value()
            .map_or(height + 1, |(from, range)| from + u64::from(range.count));
        while self.0.len() < RANGES_MAX && next <= target {
            let left = u32::try_from(target - next + 1).unwrap_or(u32::MAX);
            let count = left.min(RANGE_BLOCKS);
            self.want(next, count, None);
            next += u64::from(count);
        }
    }

    fn want(&mut self, from: u64, count: u32, failed: Option<PeerId>) {
        let state = State::Wanted;
        self.0.insert(
            from,
            Range {
                count,
                state,
                failed,
            },
        );
    }

    /// Whether something is asked for, or here.
    pub(super) fn has_begun(&self) -> bool {
        let mut ranges = self.0.values();
        ranges.any(|range| !matches!(range.state, State::Wanted))
    }

    /// What nobody is asked for yet, lowest first.
    pub(super) fn wishes(&self) -> Vec<Wish> {
        let wanted = self
            .0
            .iter()
            .filter(|(_, range)| matches!(range.state, State::Wanted));
        wanted
            .map(|(from, range)| Wish {
                from: *from,
                count: range.count,
                except: range.failed,
            })
            .collect()
    }

    /// A peer is asked for the range that begins at `from`.
    pub(super) fn asked(&mut self, from: u64) {
        if let Some(range) = self.0.get_mut(&from) {
            range.state = State::Asked;
        }
    }

    /// The range is here, or its beginning is: the rest is wanted again.
    pub(super) fn arrived(&mut self, from: u64, peer: PeerId, blocks: Vec<v1::CommittedBlock>) {
        let Some(range) = self.0.get_mut(&from) else {
            return;
        };
        if !matches!(range.state, State::Asked) {
            return;
        }
        let sent = u32::try_from(blocks.len())
            .unwrap_or(u32::MAX)
            .min(range.count);
        let rest = range.count - sent;
        if sent == 0 {
            return self.failed(from, peer);
        }
        range.count = sent;
        range.state = State::Here(peer, blocks);
        if rest > 0 {
            self.want(from + u64::from(sent), rest, None);
        }
    }

    /// The peer did not give the range.
    pub(super) fn failed(&mut self, from: u64, peer: PeerId) {
        if let Some(range) = self.0.get_mut(&from)
            && matches!(range.state, State::Asked)
        {
            range.state = State::Wanted;
            range.failed = Some(peer);
        }
    }

    /// Takes the first range out, if it is here and follows the block of `height`.
    pub(super) fn next(&mut self, height: u64) -> Option<(PeerId, Vec<v1::CommittedBlock>)> {
        let first = self.0.first_entry()?;
        if *first.key() != height + 1 || !matches!(first.get().state, State::Here(..)) {
            return None;
        }
        match first.remove().state {
            State::Here(peer, blocks) => Some((peer, blocks)),
            State::Wanted | State::Asked => None,
        }
    }

    /// Nothing that a peer sent is trusted any more: its ranges are wanted again, from others.
    pub(super) fn distrust(&mut self, peer: PeerId) {
        for range in self.0.values_mut() {
            if matches!(&range.state, State::Here(from, _) if *from == peer) {
                range.state = State::Wanted;
                range.failed = Some(peer);
            }
        }
    }

    /// Forgets everything: there is nobody to ask, or nothing to ask for.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::super::sources::HEIGHT_MAX;
    use super::*;

    fn blocks(count: u32) -> Vec<v1::CommittedBlock> {
        (0..count).map(|_| v1::CommittedBlock::default()).collect()
    }

    fn froms(window: &Window) -> Vec<(u64, u32)> {
        let wishes = window.wishes();
        wishes.iter().map(|wish| (wish.from, wish.count)).collect()
    }

    #[test]
    fn ranges_arrive_in_any_order_and_leave_in_one() {
        let (mut window, peer) = (Window::default(), PeerId::random());
        window.cover(0, 150);
        assert_eq!(froms(&window), [(1, 64), (65, 64), (129, 22)]);
        assert!(!window.has_begun());
        for wish in window.wishes() {
            window.asked(wish.from);
        }
        assert!(window.has_begun());
        window.arrived(65, peer, blocks(64));
        assert!(window.next(0).is_none(), "the first is not here");
        window.arrived(1, peer, blocks(64));
        assert_eq!(window.next(0).unwrap().1.len(), 64);
        assert!(window.next(0).is_none(), "the core has not applied it yet");
        assert_eq!(window.next(64).unwrap().1.len(), 64);
    }

    #[test]
    fn the_rest_of_a_short_answer_is_wanted_again() {
        let (mut window, peer) = (Window::default(), PeerId::random());
        window.cover(10, 30);
        window.asked(11);
        window.arrived(11, peer, blocks(5));
        assert_eq!(froms(&window), [(16, 15)]);
        window.asked(16);
        window.arrived(16, peer, Vec::new());
        assert_eq!(window.wishes()[0].except, Some(peer));
    }

    #[test]
    fn a_liars_blocks_are_asked_of_others() {
        let (mut window, liar, honest) = (Window::default(), PeerId::random(), PeerId::random());
        window.cover(0, 192);
        for from in [1, 65, 129] {
            window.asked(from);
        }
        window.arrived(1, liar, blocks(64));
        window.arrived(65, honest, blocks(64));
        window.arrived(129, liar, blocks(64));
        assert_eq!(window.next(0).unwrap().0, liar);
        window.distrust(liar);
        window.cover(20, 192);
        assert_eq!(
            froms(&window),
            [(21, 64), (85, 64), (149, 44)],
            "the core took twenty blocks, so the cuts lie elsewhere"
        );
    }

    #[test]
    fn the_window_is_bounded_whatever_is_claimed() {
        let mut window = Window::default();
        window.cover(0, HEIGHT_MAX);
        assert_eq!(window.wishes().len(), RANGES_MAX);
        window.cover(0, 100);
        assert_eq!(froms(&window), [(1, 64), (65, 64)], "the claim is gone");
        window.cover(HEIGHT_MAX - 1, HEIGHT_MAX);
        assert_eq!(froms(&window), [(HEIGHT_MAX, 1)]);
    }
}
