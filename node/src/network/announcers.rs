//! How many heights a peer announces.
//!
//! A node announces its height once a second, so that many announcements of one author tell nothing that the last does not tell. What
//! is above the measure goes no further: else one peer could have every node carry as much as it likes.
//!
//! An announcement stays signed for ever, and anybody can say an old one again. So of what others pass on only a height above the
//! author's last one is news, and it takes nothing of the measure of what comes from the author itself, who alone is to blame for too
//! much.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use libp2p::PeerId;

use super::inbox::Judgement;

const WINDOW: Duration = Duration::from_secs(1);
/// Announcements of one author in a window that go on: some seconds' worth, since a link that was slow brings them at once.
pub(crate) const ANNOUNCEMENTS_MAX: u32 = 8;
/// Above so many in a window, an author is itself to blame if it sends them.
pub(crate) const FLOOD: u32 = 64;

/// What was announced. Its authors are admitted peers, which bounds it.
#[derive(Debug, Default)]
pub(crate) struct Announcers {
    since: Option<Instant>,
    authors: BTreeMap<PeerId, Author>,
}

/// What one author announced.
#[derive(Debug, Default)]
struct Author {
    /// The one that went on last: the highest, but for what the author itself said since.
    height: Option<u64>,
    /// In this window, from the author itself.
    heard: u32,
    /// Of these, those that went on.
    direct: u32,
    /// In this window, those that went on and that others passed on.
    passed_on: u32,
}

impl Announcers {
    /// Judges one more announcement of an admitted author, which `source` has passed on.
    pub(crate) fn judge(
        &mut self,
        author: PeerId,
        source: PeerId,
        height: u64,
        now: Instant,
    ) -> Judgement {
        if self.since.is_none_or(|since| since + WINDOW <= now) {
            self.since = Some(now);
            for author in self.authors.values_mut() {
                (author.heard, author.direct, author.passed_on) = (0, 0, 0);
            }
        }
        let is_direct = author == source;
        let author = self.authors.entry(author).or_default();
        if is_direct {
            author.heard = author.heard.saturating_add(1);
            if author.heard > FLOOD {
                return Judgement::Reject;
            }
        }
        let went_on = if is_direct {
            &mut author.direct
        } else {
            &mut author.passed_on
        };
        // What others pass on may be old. The author itself may have lost blocks: then it is where it says.
        let is_news = if is_direct {
            author.height != Some(height)
        } else {
            author.height < Some(height)
        };
        if !is_news || *went_on >= ANNOUNCEMENTS_MAX {
            return Judgement::Ignore;
        }
        *went_on += 1;
        author.height = Some(height);
        Judgement::Accept
    }

    /// Forgets who is admitted no more.
    pub(crate) fn keep(&mut self, admitted: &BTreeSet<PeerId>) {
        self.authors.retain(|author, _| admitted.contains(author));
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
            let judged = announcers.judge(author, author, number.into(), start);
            assert_eq!(judged, expected);
        }
        for number in 0..2 * FLOOD {
            let expected = match number {
                0..ANNOUNCEMENTS_MAX => Judgement::Accept,
                _ => Judgement::Ignore,
            };
            let judged = announcers.judge(author, other, 1_000 + u64::from(number), start);
            assert_eq!(judged, expected);
        }
        let theirs = announcers.judge(other, other, 1, start);
        assert_eq!(theirs, Judgement::Accept);
        let later = announcers.judge(author, author, 2_000, start + WINDOW);
        assert_eq!(later, Judgement::Accept);
        announcers.keep(&BTreeSet::from([other]));
        assert_eq!(announcers.authors.len(), 1);
    }

    #[test]
    fn old_announcements_said_again_cost_their_author_nothing() {
        let (author, other, start) = (PeerId::random(), PeerId::random(), clock::monotonic());
        let mut announcers = Announcers::default();
        let accepted = announcers.judge(author, author, 1_000, start);
        assert_eq!(accepted, Judgement::Accept);
        for old in 0..=1_000 {
            assert_eq!(
                announcers.judge(author, other, old, start),
                Judgement::Ignore
            );
        }
        let fresh = announcers.judge(author, author, 1_001, start);
        assert_eq!(fresh, Judgement::Accept);
        let wiped = announcers.judge(author, author, 7, start);
        assert_eq!(wiped, Judgement::Accept, "its own word");

        // Before anything of it was heard, many look new.
        let mut announcers = Announcers::default();
        for old in 0..500 {
            announcers.judge(author, other, old, start);
        }
        let fresh = announcers.judge(author, author, 1_001, start);
        assert_eq!(fresh, Judgement::Accept);
        let old = announcers.judge(author, other, 500, start + WINDOW);
        assert_eq!(old, Judgement::Ignore);
    }
}
