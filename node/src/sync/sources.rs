//! Whom to ask: what each peer claims to have, how it has answered so far, and how long it is left alone.
//!
//! A peer that does not answer is left alone for a moment. A peer that sends what does not hold, or has nothing of what it claims,
//! loses its claim and is left alone twice as long each time, up to minutes. It stays connected: it may be a validator whose votes
//! are needed. Good blocks clear its record.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use libp2p::PeerId;

use crate::roster::{Roster, Voice};

/// Requests under way to one peer. It serves as many at a time.
const REQUESTS_PER_PEER_MAX: usize = 2;
/// How long a peer that did not answer is left alone.
const SILENCE_PAUSE: Duration = Duration::from_secs(2);
/// How long a peer that lied is left alone the first time.
const LIE_PAUSE: Duration = Duration::from_secs(5);
/// The longest that a peer is left alone.
const PAUSE_MAX: Duration = Duration::from_secs(300);

/// No chain is higher.
pub(super) const HEIGHT_MAX: u64 = i64::MAX.unsigned_abs();
/// Questions in a row without an answer, after which a peer's claim counts as false.
const SILENCES_MAX: u32 = 3;

/// All peers that were ever heard of, and are admitted: the network lets no other speak.
#[derive(Debug, Default)]
pub(super) struct Sources(BTreeMap<PeerId, Source>);

#[derive(Debug, Default)]
struct Source {
    /// What it claims; none: it is gone, or has lied, or has claimed nothing yet.
    height: Option<u64>,
    /// From here on it has every block.
    base: u64,
    lies: u32,
    silences: u32,
    asked: usize,
    paused_until: Option<Instant>,
}

impl Source {
    fn is_paused(&self, now: Instant) -> bool {
        self.paused_until.is_some_and(|until| until > now)
    }

    fn is_heard(&self, now: Instant) -> bool {
        self.lies == 0 || !self.is_paused(now)
    }
}

impl Sources {
    /// Takes note of a claim, which raises what is known of the peer. Of a peer that lied none is heard until its pause is over.
    pub(super) fn claim(&mut self, peer: PeerId, height: u64, now: Instant) {
        let source = self.0.entry(peer).or_default();
        if source.is_heard(now) {
            source.height = source.height.max(Some(height.min(HEIGHT_MAX)));
        }
    }

    /// A request is on its way to the peer.
    pub(super) fn asked(&mut self, peer: PeerId) {
        self.0.entry(peer).or_default().asked += 1;
    }

    /// The peer has answered a request: it is this high, be it lower than it claimed, and has blocks from `base` on.
    pub(super) fn answered(&mut self, peer: PeerId, height: u64, base: u64, now: Instant) {
        self.ended(peer);
        let source = self.0.entry(peer).or_default();
        if source.is_heard(now) {
            if let Some(before) = source.height.filter(|before| height < *before) {
                tracing::debug!(%peer, height, before, "a peer lowers its height");
            }
            source.height = Some(height.min(HEIGHT_MAX));
        }
        source.base = base;
        source.silences = 0;
    }

    /// The peer has not answered. Says whether that happens too often for its claim to be kept.
    pub(super) fn silent(&mut self, peer: PeerId, now: Instant) -> bool {
        self.ended(peer);
        let Some(source) = self.0.get_mut(&peer) else {
            return false;
        };
        source.paused_until = source.paused_until.max(Some(now + SILENCE_PAUSE));
        source.silences += 1;
        source.silences.is_multiple_of(SILENCES_MAX)
    }

    fn ended(&mut self, peer: PeerId) {
        if let Some(source) = self.0.get_mut(&peer) {
            source.asked = source.asked.saturating_sub(1);
        }
    }

    /// What the peer sent does not hold, or it has nothing of what it claims. Says how long it is left alone.
    pub(super) fn lied(&mut self, peer: PeerId, now: Instant) -> Duration {
        let source = self.0.entry(peer).or_default();
        let pause = LIE_PAUSE
            .saturating_mul(2u32.saturating_pow(source.lies))
            .min(PAUSE_MAX);
        source.lies = source.lies.saturating_add(1);
        source.height = None;
        source.paused_until = Some(now + pause);
        pause
    }

    /// Blocks of the peer are in the chain.
    pub(super) fn proved(&mut self, peer: PeerId) {
        if let Some(source) = self.0.get_mut(&peer) {
            source.lies = 0;
        }
    }

    /// The peer is gone, and its claim with it; its record stays.
    pub(super) fn gone(&mut self, connected: &BTreeSet<PeerId>) {
        for (peer, source) in &mut self.0 {
            if !connected.contains(peer) {
                source.height = None;
            }
        }
    }

    /// The highest claim of those that may be asked now or after a pause for silence.
    pub(super) fn target(&self, now: Instant) -> u64 {
        let heard = self.0.values().filter(|source| source.is_heard(now));
        heard.filter_map(|source| source.height).max().unwrap_or(0)
    }

    /// The height that more than half of the voting power heard claims, or more than half of the members, where no validator is heard.
    /// A member's claim is the highest of its nodes'. As long as honest validators are most of those heard, nobody else can raise it.
    pub(super) fn believed(&self, roster: &Roster) -> u64 {
        let mut claims: BTreeMap<Voice, (u64, u64)> = BTreeMap::new();
        for (peer, source) in &self.0 {
            let Some(height) = source.height else {
                continue;
            };
            let (claim, power) = claims.entry(roster.voice(peer)).or_default();
            *claim = height.max(*claim);
            *power = roster.power(peer);
        }
        let mut claims: Vec<(u64, u64)> = claims.into_values().collect();
        if claims.iter().all(|(_, power)| *power == 0) {
            for (_, power) in &mut claims {
                *power = 1;
            }
        }
        claims.sort_unstable_by_key(|(claim, _)| std::cmp::Reverse(*claim));
        let all: u128 = claims.iter().map(|(_, power)| u128::from(*power)).sum();
        let mut so_far = 0;
        let agreed = claims.iter().find(|(_, power)| {
            so_far += u128::from(*power);
            so_far * 2 > all
        });
        agreed.map_or(0, |(claim, _)| *claim)
    }

    /// Whether some peer claims more than `height`, and all that do have pruned the block after it.
    pub(super) fn have_all_pruned(&self, height: u64) -> bool {
        let mut higher = self
            .0
            .values()
            .filter(|source| source.height > Some(height))
            .peekable();
        higher.peek().is_some() && higher.all(|source| source.base > height + 1)
    }

    /// Whom to ask for the block at `height`: who claims it and is asked least; among these who never lied; never `except`.
    pub(super) fn choose(
        &self,
        height: u64,
        except: Option<PeerId>,
        now: Instant,
    ) -> Option<PeerId> {
        let candidates = self.0.iter().filter(|(peer, source)| {
            source.height >= Some(height)
                && source.base <= height
                && source.asked < REQUESTS_PER_PEER_MAX
                && !source.is_paused(now)
                && Some(**peer) != except
        });
        candidates
            .min_by_key(|(_, source)| (source.asked, source.lies))
            .map(|(peer, _)| *peer)
    }

    /// When the next pause ends.
    pub(super) fn wake_at(&self, now: Instant) -> Option<Instant> {
        let pauses = self.0.values().filter_map(|source| source.paused_until);
        pauses.filter(|until| *until > now).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    #[test]
    fn the_least_busy_peer_that_has_the_block_is_asked() {
        let (mut sources, now) = (Sources::default(), clock::monotonic());
        let [low, high, pruned] = [PeerId::random(), PeerId::random(), PeerId::random()];
        sources.claim(low, 10, now);
        sources.claim(high, 20, now);
        sources.asked(pruned);
        sources.answered(pruned, 20, 15, now);
        assert_eq!(sources.choose(12, None, now), Some(high));
        assert_eq!(sources.choose(12, Some(high), now), None);
        for _ in 0..REQUESTS_PER_PEER_MAX {
            sources.asked(high);
        }
        assert_eq!(sources.choose(12, None, now), None, "it is busy");
        assert_eq!(sources.choose(16, None, now), Some(pruned));
        assert_eq!(sources.choose(5, None, now), Some(low));
        assert_eq!(sources.target(now), 20);
    }

    #[test]
    fn a_liar_loses_its_claim_and_is_left_alone_longer_each_time() {
        let (mut sources, now) = (Sources::default(), clock::monotonic());
        let [liar, honest] = [PeerId::random(), PeerId::random()];
        sources.claim(honest, 10, now);
        sources.claim(liar, u64::MAX, now);
        assert_eq!(sources.target(now), HEIGHT_MAX);
        let first = sources.lied(liar, now);
        assert_eq!(sources.target(now), 10);
        sources.claim(liar, u64::MAX, now);
        assert_eq!(sources.target(now), 10, "nobody hears it now");
        let later = now + first;
        sources.claim(liar, u64::MAX, later);
        assert_eq!(sources.target(later), HEIGHT_MAX);
        assert!(sources.lied(liar, later) > first);
        for _ in 0..20 {
            assert!(sources.lied(liar, later) <= PAUSE_MAX);
        }
    }

    #[test]
    fn an_answer_lowers_a_claim_and_a_word_does_not() {
        let (mut sources, now) = (Sources::default(), clock::monotonic());
        let peer = PeerId::random();
        for (height, target) in [(10, 10), (4, 10), (12, 12)] {
            sources.claim(peer, height, now);
            assert_eq!(sources.target(now), target);
        }
        sources.asked(peer);
        sources.answered(peer, 4, 0, now);
        assert_eq!(sources.target(now), 4);
    }

    #[test]
    fn a_silent_peer_keeps_its_claim() {
        let (mut sources, now) = (Sources::default(), clock::monotonic());
        let peer = PeerId::random();
        sources.claim(peer, 10, now);
        sources.asked(peer);
        assert!(!sources.silent(peer, now));
        assert_eq!(sources.choose(10, None, now), None);
        assert_eq!(sources.target(now), 10);
        let later = sources.wake_at(now).unwrap();
        assert_eq!(sources.choose(10, None, later), Some(peer));
        assert!(!sources.silent(peer, later));
        assert!(sources.silent(peer, later), "for the third time");
    }

    #[test]
    fn a_height_is_believed_of_more_than_half_of_the_power_heard() {
        let now = clock::monotonic();
        let peers: Vec<PeerId> = (0..40).map(|_| PeerId::random()).collect();
        let claiming = |claims: &[(usize, u64)]| {
            let mut sources = Sources::default();
            for (peer, height) in claims {
                sources.claim(peers[*peer], *height, now);
            }
            sources
        };
        let nodes = &peers[20..36];
        let roster = Roster::of_members(&[
            ("a", &peers[0..2], 10),
            ("b", &peers[2..4], 10),
            ("c", &peers[4..6], 10),
            ("service", nodes, 0),
        ]);
        let check = |claims: &[(usize, u64)], believed: u64| {
            let found = claiming(claims).believed(&roster);
            assert_eq!(found, believed, "{claims:?}");
        };
        check(&[], 0);
        check(&[(0, 7)], 7);
        check(&[(0, u64::MAX), (2, 100), (4, 99)], 100);
        check(&[(0, u64::MAX), (1, u64::MAX), (2, 100), (4, 0)], 100);
        check(&[(0, u64::MAX), (2, 100)], 100);
        check(&[(0, 3), (1, 5)], 5);
        let mut crowd: Vec<(usize, u64)> = (20..36).map(|peer| (peer, u64::MAX)).collect();
        crowd.push((0, 100));
        check(&crowd, 100);
        // No validator is heard: the members count, and the peers that only the configuration names.
        check(&crowd[..16], HEIGHT_MAX);
        crowd.truncate(16);
        crowd.extend([(38, 40), (39, 41)]);
        check(&crowd, 41);

        let mut sources = claiming(&[(0, u64::MAX), (2, 100)]);
        sources.lied(peers[0], now);
        assert_eq!(sources.believed(&roster), 100);
        sources.gone(&BTreeSet::new());
        assert_eq!(sources.believed(&roster), 0);
    }

    #[test]
    fn a_chain_that_all_peers_have_pruned_is_noticed() {
        let (mut sources, now) = (Sources::default(), clock::monotonic());
        assert!(!sources.have_all_pruned(0), "nobody claims anything");
        let [one, two] = [PeerId::random(), PeerId::random()];
        sources.answered(one, 100, 50, now);
        assert!(sources.have_all_pruned(0));
        assert!(!sources.have_all_pruned(49));
        sources.claim(two, 100, now);
        assert!(!sources.have_all_pruned(0), "the second may have them");
        sources.gone(&BTreeSet::from([one]));
        assert!(sources.have_all_pruned(0));
    }
}
