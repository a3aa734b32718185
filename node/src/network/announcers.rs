//! How many heights a peer announces.
//!
//! A node announces its height once a second, so that many announcements of one author tell nothing that the last does not tell. What
//! is above the measure goes no further: else one peer could have every node carry as much as it likes.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use libp2p::PeerId;

use super::inbox::Judgement;

const WINDOW: Duration = Duration::from_secs(1);
/// Announcements of one author in a window that go on: some seconds' worth, since a link that was slow brings them at once.
pub(crate) const ANNOUNCEMENTS_MAX: u32 = 8;
/// Above so many in a window, an author is itself to blame if it sends them.
pub(crate) const FLOOD: u32 = 64;

/// What was announced in this window. Its authors are admitted peers, which bounds it.
#[derive(Debug, Default)]
pub(crate) struct Announcers {
    since: Option<Instant>,
    heard: BTreeMap<PeerId, u32>,
}

impl Announcers {
    /// Judges one more announcement of an admitted author, which `source` has passed on.
    pub(crate) fn judge(&mut self, author: PeerId, source: PeerId, now: Instant) -> Judgement {
        if self.since.is_none_or(|since| since + WINDOW <= now) {
            self.since = Some(now);
            self.heard.clear();
        }
        let heard = self.heard.entry(author).or_default();
        *heard = heard.saturating_add(1);
        if *heard <= ANNOUNCEMENTS_MAX {
            Judgement::Accept
        } else if *heard > FLOOD && author == source {
            Judgement::Reject
        } else {
            Judgement::Ignore
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    #[test]
    fn of_many_announcements_a_few_go_on_and_only_their_author_is_to_blame() {
        let (author, other, start) = (PeerId::random(), PeerId::random(), clock::monotonic());
        let mut announcers = Announcers::default();
        for number in 1..=2 * FLOOD {
            let expected = match number {
                1..=ANNOUNCEMENTS_MAX => Judgement::Accept,
                _ if number <= FLOOD => Judgement::Ignore,
                _ => Judgement::Reject,
            };
            assert_eq!(announcers.judge(author, author, start), expected);
        }
        let passed_on = announcers.judge(author, other, start);
        assert_eq!(passed_on, Judgement::Ignore);
        assert_eq!(announcers.judge(other, other, start), Judgement::Accept);
        let later = start + WINDOW;
        assert_eq!(announcers.judge(author, author, later), Judgement::Accept);
        assert_eq!(announcers.heard.len(), 1, "what is over is forgotten");
    }
}
