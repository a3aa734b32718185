//! Sub-chains whose changes are followed, and what they have told.
//!
//! An answer is proved under an anchored header, and the next anchor proves nothing about it until the sub-chain is asked again. Where
//! a gateway of the sub-chain tells of every change, it need not be asked about what did not change: [`super::follow`] listens, and
//! this is what it has heard. Nobody proves that a gateway tells all, so its word goes no further than [`OUTLIVES_MAX`] beyond the
//! moment of the answer, and the answer says under which anchor it is proved.

use std::collections::BTreeMap;
use std::time::Duration;

use starfire_did::{ChainCode, Did};
use starfire_proto::v1;
use tokio::time::Instant;

/// Sub-chains followed at one time.
pub(super) const FOLLOWED_MAX: usize = 32;
/// How long an answer may be given after the next anchor because nothing was heard of a change.
pub(super) const OUTLIVES_MAX: Duration = Duration::from_secs(600);
/// DIDs of one sub-chain that are known to have changed since its newest anchor.
const CHANGED_MAX: usize = 16_384;
/// How long a sub-chain is followed about which nobody asks.
const IDLE_MAX: Duration = Duration::from_secs(600);
/// How long nobody tries to follow again where it did not work.
const RETRY_AFTER: Duration = Duration::from_secs(30);

/// One sub-chain.
#[derive(Debug)]
enum Following {
    /// The stream is being opened.
    Opening { from: u64 },
    /// The stream tells.
    Alive(Told),
    /// It broke, or none was to be had.
    Lost { until: Instant },
}

/// What a stream has told.
#[derive(Debug)]
struct Told {
    /// By which gateway.
    url: String,
    /// An answer under an anchor of this height or a later one has had all its changes told.
    from: u64,
    /// The newest anchor that is known here.
    newest: u64,
    /// Blocks in which DIDs changed last, of that anchor's height or later ones: the anchored header does not prove these changes.
    changed: BTreeMap<Did, u64>,
    asked: Instant,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Followed(BTreeMap<ChainCode, Following>);

impl Followed {
    /// Whether to open a stream for this chain, which the caller does then. It tells changes from the block of this anchor on: an
    /// anchored header proves what the blocks before it did.
    pub(super) fn begin(&mut self, code: ChainCode, anchor_height: u64, now: Instant) -> bool {
        let wanted = match self.0.get(&code) {
            None => true,
            Some(Following::Lost { until }) => now >= *until,
            Some(Following::Opening { .. } | Following::Alive(_)) => false,
        };
        if !wanted {
            return false;
        }
        self.0.retain(|_, following| match following {
            Following::Lost { until } => now < *until,
            Following::Opening { .. } | Following::Alive(_) => true,
        });
        if self.0.len() >= FOLLOWED_MAX {
            return false;
        }
        let from = anchor_height;
        self.0.insert(code, Following::Opening { from });
        true
    }

    /// A message of a stream. `false`: nobody asks about this chain any more.
    pub(super) fn hear(
        &mut self,
        code: ChainCode,
        url: &str,
        changed: Option<(Did, u64)>,
        now: Instant,
    ) -> bool {
        if let Some(Following::Opening { from }) = self.0.get(&code) {
            let told = Told {
                url: url.to_owned(),
                from: *from,
                newest: *from,
                changed: BTreeMap::new(),
                asked: now,
            };
            self.0.insert(code, Following::Alive(told));
        }
        let Some(told) = self.told(code) else {
            return false;
        };
        if let Some((did, height)) = changed.filter(|(_, height)| *height >= told.newest) {
            told.changed.insert(did, height);
            if told.changed.len() > CHANGED_MAX {
                // Only answers under later anchors are known to have had all their changes told.
                let last = told.changed.values().max().copied().unwrap_or_default();
                told.from = last.saturating_add(1);
                told.changed.clear();
            }
        }
        now.saturating_duration_since(told.asked) < IDLE_MAX
    }

    /// The stream has ended, or never was. The newest anchor that it had got to.
    pub(super) fn lose(&mut self, code: ChainCode, now: Instant) -> Option<u64> {
        let until = now + RETRY_AFTER;
        match self.0.insert(code, Following::Lost { until }) {
            Some(Following::Alive(told)) => Some(told.newest),
            Some(Following::Opening { .. } | Following::Lost { .. }) | None => None,
        }
    }

    /// Takes note of the newest anchor of a chain.
    pub(super) fn anchored(&mut self, code: ChainCode, anchor_height: u64, now: Instant) {
        if let Some(told) = self.told(code) {
            told.asked = now;
            if anchor_height > told.newest {
                told.newest = anchor_height;
                told.changed.retain(|_, height| *height >= anchor_height);
            }
        }
    }

    /// Whether an answer under an older anchor, which was not forgotten since, is as good as one of now.
    pub(super) fn outlives(
        &self,
        chain: &v1::SubChainRecord,
        code: ChainCode,
        anchor_height: u64,
    ) -> bool {
        let Some(Following::Alive(told)) = self.0.get(&code) else {
            return false;
        };
        // A chain that was frozen, or disowns the gateway, is asked again, and says so.
        chain.status() == v1::SubChainStatus::Active
            && chain.resolvers.contains(&told.url)
            && anchor_height >= told.from
    }

    /// Whether a DID is known to have changed in a block that no anchor proves yet: the answer of now is not that of the next anchor.
    pub(super) fn has_changed(&self, code: ChainCode, did: &Did) -> bool {
        match self.0.get(&code) {
            Some(Following::Alive(told)) => told.changed.contains_key(did),
            Some(Following::Opening { .. } | Following::Lost { .. }) | None => false,
        }
    }

    /// Whether an answer under this anchor is older than what is known: it came too late to be remembered.
    pub(super) fn is_late(&self, code: ChainCode, anchor_height: u64) -> bool {
        match self.0.get(&code) {
            Some(Following::Alive(told)) => anchor_height < told.newest,
            Some(Following::Opening { .. } | Following::Lost { .. }) | None => false,
        }
    }

    fn told(&mut self, code: ChainCode) -> Option<&mut Told> {
        match self.0.get_mut(&code) {
            Some(Following::Alive(told)) => Some(told),
            Some(Following::Opening { .. } | Following::Lost { .. }) | None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::fixture::did;

    const URL: &str = "http://gateway.example";

    fn code(text: &str) -> ChainCode {
        text.parse().unwrap()
    }

    fn chain() -> v1::SubChainRecord {
        v1::SubChainRecord {
            resolvers: vec![URL.into()],
            status: v1::SubChainStatus::Active.into(),
            ..v1::SubChainRecord::default()
        }
    }

    fn followed(now: Instant) -> Followed {
        let mut followed = Followed::default();
        assert!(followed.begin(code("by01"), 7, now));
        assert!(!followed.begin(code("by01"), 7, now));
        assert!(followed.hear(code("by01"), URL, None, now));
        followed
    }

    #[test]
    fn a_change_is_known_until_an_anchor_proves_it() {
        let now = Instant::now();
        let mut followed = followed(now);
        let (by01, two) = (code("by01"), did(2, Some("by01")));
        assert!(followed.outlives(&chain(), by01, 7));
        assert!(
            !followed.outlives(&chain(), by01, 6),
            "nobody told of block 6"
        );
        // What block 9 did, no header before that of block 10 proves.
        assert!(followed.hear(by01, URL, Some((two, 9)), now));
        followed.anchored(by01, 9, now);
        assert!(followed.has_changed(by01, &two));
        assert!(!followed.has_changed(by01, &did(1, Some("by01"))));
        assert!(followed.is_late(by01, 8) && !followed.is_late(by01, 9));
        followed.anchored(by01, 10, now);
        assert!(!followed.has_changed(by01, &two));
        // Told late, of what the anchor has proved already.
        assert!(followed.hear(by01, URL, Some((two, 9)), now));
        assert!(!followed.has_changed(by01, &two));
    }

    #[test]
    fn a_chain_that_is_frozen_or_disowns_the_gateway_is_asked() {
        let now = Instant::now();
        let followed = followed(now);
        let by01 = code("by01");
        let frozen = v1::SubChainRecord {
            status: v1::SubChainStatus::Frozen.into(),
            ..chain()
        };
        let disowned = v1::SubChainRecord {
            resolvers: vec!["http://another.example".into()],
            ..chain()
        };
        for record in [frozen, disowned] {
            assert!(!followed.outlives(&record, by01, 7));
        }
    }

    #[test]
    fn a_lost_stream_vouches_for_nothing_and_is_not_opened_again_at_once() {
        let now = Instant::now();
        let mut followed = followed(now);
        let by01 = code("by01");
        assert_eq!(followed.lose(by01, now), Some(7));
        assert!(!followed.outlives(&chain(), by01, 7));
        assert!(!followed.hear(by01, URL, None, now));
        assert!(!followed.begin(by01, 8, now));
        assert!(followed.begin(by01, 8, now + RETRY_AFTER));
    }

    #[test]
    fn streams_and_what_they_tell_are_bounded() {
        let now = Instant::now();
        let mut followed = followed(now);
        let by01 = code("by01");
        for number in 0..FOLLOWED_MAX {
            let begun = followed.begin(code(&format!("a{number:03}")), 1, now);
            assert_eq!(begun, number + 1 < FOLLOWED_MAX);
        }
        assert!(!followed.hear(by01, URL, None, now + IDLE_MAX));
        followed.anchored(by01, 7, now + IDLE_MAX);
        assert!(followed.hear(by01, URL, None, now + IDLE_MAX));

        for number in 0..=CHANGED_MAX {
            let mut bytes = [0; 32];
            bytes[..8].copy_from_slice(&u64::try_from(number).unwrap().to_be_bytes());
            let key = starfire_did::PublicKey::Ed25519(bytes);
            let did = Did::derive(&key, Some(&by01));
            followed.hear(by01, URL, Some((did, 12)), now);
        }
        assert!(!followed.outlives(&chain(), by01, 12));
        assert!(followed.outlives(&chain(), by01, 13));
    }
}
