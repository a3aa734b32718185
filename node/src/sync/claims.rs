//! How high peers say that they are: noted by whoever hears it, believed by nobody.
//!
//! A claim only says whom to ask. Claims are kept by peer, so that one that proves false costs its maker alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use libp2p::PeerId;
use tokio::sync::watch;

/// Peers whose claims are kept. More than a node has connections.
const CLAIMS_MAX: usize = 1_024;

/// The newest claim of each peer. Clones share them.
#[derive(Debug, Clone)]
pub struct Claims(Arc<watch::Sender<BTreeMap<PeerId, u64>>>);

impl Default for Claims {
    fn default() -> Self {
        Self(Arc::new(watch::channel(BTreeMap::new()).0))
    }
}

impl Claims {
    /// Notes a height that a peer is heard of at, which may be an old word said again: it raises a claim and never lowers one. Whoever
    /// waits for claims is woken if it is news, and above this node's `own` height.
    pub fn note(&self, peer: PeerId, height: u64, own: u64) {
        self.0.send_if_modified(|claims| {
            let news = claims.get(&peer).is_none_or(|before| *before < height);
            news && set(claims, peer, height) && height > own
        });
    }

    /// Notes a height with which a peer answered a question of this process: that is where it stands, be it lower than it was.
    pub fn correct(&self, peer: PeerId, height: u64, own: u64) {
        self.0
            .send_if_modified(|claims| set(claims, peer, height) && height > own);
    }

    /// Forgets a claim that proved false: only making it again brings it back.
    pub(super) fn withdraw(&self, peer: &PeerId) {
        self.0.send_if_modified(|claims| {
            claims.remove(peer);
            false
        });
    }

    pub(super) fn watch(&self) -> watch::Receiver<BTreeMap<PeerId, u64>> {
        self.0.subscribe()
    }
}

/// Whether that is another claim than before.
fn set(claims: &mut BTreeMap<PeerId, u64>, peer: PeerId, height: u64) -> bool {
    if claims.len() >= CLAIMS_MAX && !claims.contains_key(&peer) {
        return false;
    }
    claims.insert(peer, height) != Some(height)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_news_from_above_wakes() {
        let (claims, peer) = (Claims::default(), PeerId::random());
        let mut watch = claims.watch();
        let mut woken = |claim: u64| {
            claims.note(peer, claim, 5);
            let changed = watch.has_changed().unwrap();
            watch.mark_unchanged();
            changed
        };
        assert!(!woken(5));
        assert!(woken(6));
        assert!(!woken(6), "it was said before");
        assert!(!woken(4), "below");
        claims.withdraw(&peer);
        assert!(woken(6), "said again after it was withdrawn");
    }

    #[test]
    fn an_old_word_lowers_no_claim_and_an_answer_does() {
        let (claims, peer) = (Claims::default(), PeerId::random());
        let watch = claims.watch();
        let claimed = || watch.borrow().get(&peer).copied();
        claims.note(peer, 100, 5);
        claims.note(peer, 7, 5);
        assert_eq!(claimed(), Some(100));
        claims.correct(peer, 7, 5);
        assert_eq!(claimed(), Some(7));
        claims.note(peer, 8, 5);
        assert_eq!(claimed(), Some(8));
    }

    #[test]
    fn claims_are_bounded() {
        let claims = Claims::default();
        for _ in 0..CLAIMS_MAX + 5 {
            claims.note(PeerId::random(), 1, 0);
        }
        assert_eq!(claims.watch().borrow().len(), CLAIMS_MAX);
    }
}
