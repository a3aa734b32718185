//! Who passed on transactions that no honest node passes on.
//!
//! A node checks every transaction before it passes it on, so one that is malformed or badly signed is the sender's fault. Blame
//! fades with time; while a peer carries too much of it, its transactions are not read, on whatever way they come. Its consensus
//! messages are.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use libp2p::PeerId;

/// Invalid transactions that a peer may have passed on lately.
const BLAME_MAX: u32 = 16;
/// After this time one of them is forgotten.
const FORGET: Duration = Duration::from_secs(1);
/// However many there were, a peer is heard again after so many times [`FORGET`].
const BLAME_KEPT_MAX: u32 = 10 * 60;

/// The peers that are to blame.
#[derive(Debug, Default)]
pub(crate) struct Blames(BTreeMap<PeerId, Blame>);

#[derive(Debug)]
struct Blame {
    count: u32,
    since: Instant,
}

impl Blames {
    /// Takes note of more invalid transactions from `peer`.
    pub(crate) fn add(&mut self, peer: PeerId, count: usize, now: Instant) {
        self.fade(now);
        let blame = self.0.entry(peer).or_insert(Blame {
            count: 0,
            since: now,
        });
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        blame.count = blame.count.saturating_add(count).min(BLAME_KEPT_MAX);
    }

    /// Whether the peer's transactions are not read for now.
    pub(crate) fn refuses(&mut self, peer: &PeerId, now: Instant) -> bool {
        if self.0.is_empty() {
            return false;
        }
        self.fade(now);
        self.0
            .get(peer)
            .is_some_and(|blame| blame.count > BLAME_MAX)
    }

    fn fade(&mut self, now: Instant) {
        self.0.retain(|_, blame| {
            while blame.count > 0 && blame.since + FORGET <= now {
                blame.count -= 1;
                blame.since += FORGET;
            }
            blame.count > 0
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    #[test]
    fn a_peer_is_refused_for_many_faults_and_heard_again_when_they_fade() {
        let (peer, other, start) = (PeerId::random(), PeerId::random(), clock::monotonic());
        let mut blames = Blames::default();
        blames.add(peer, 16, start);
        assert!(!blames.refuses(&peer, start));
        blames.add(peer, 4, start);
        assert!(blames.refuses(&peer, start) && !blames.refuses(&other, start));
        assert!(blames.refuses(&peer, start + 3 * FORGET));
        assert!(!blames.refuses(&peer, start + 4 * FORGET));
        blames.add(peer, usize::MAX, start);
        assert!(!blames.refuses(&peer, start + (BLAME_KEPT_MAX + 4) * FORGET));
        assert!(blames.0.is_empty());
    }
}
