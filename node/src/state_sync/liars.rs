//! Whose snapshots did not hold.
//!
//! A member answers for all its nodes: it costs this node one download, however many peers it lists. Within one start such a member
//! is not asked again. At later starts it is asked last: its disk may be mended, or somebody else's file may have been wrong.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use libp2p::PeerId;

use crate::file;
use crate::roster::{Roster, Voice};

/// Peers that are remembered. The first ones stay.
const REMEMBERED_MAX: usize = 1_024;
/// A line: the longest peer id.
const LINE_BYTES_MAX: usize = 128;

/// The liars of this start, and those of earlier ones.
#[derive(Debug)]
pub(super) struct Liars<'a> {
    roster: &'a Roster,
    now: BTreeSet<Voice>,
    /// Those of this start too.
    remembered: BTreeSet<PeerId>,
    path: PathBuf,
}

impl<'a> Liars<'a> {
    /// As the file has them, if there is one. A file that does not say is as good as none.
    pub(super) fn load(path: &Path, roster: &'a Roster) -> Self {
        let bytes = file::read(path, REMEMBERED_MAX * LINE_BYTES_MAX).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let remembered = text.lines().filter_map(|line| line.trim().parse().ok());
        Self {
            roster,
            now: BTreeSet::new(),
            remembered: remembered.take(REMEMBERED_MAX).collect(),
            path: path.to_owned(),
        }
    }

    /// Whether nobody has lied since this node was started.
    pub(super) fn is_empty(&self) -> bool {
        self.now.is_empty()
    }

    /// Whether the peer's member has lied since this node was started.
    pub(super) fn contains(&self, peer: &PeerId) -> bool {
        self.now.contains(&self.roster.voice(peer))
    }

    /// The peer's member lied.
    pub(super) fn add(&mut self, peer: PeerId) {
        self.pass_over(&peer);
        if self.remembered.len() >= REMEMBERED_MAX || !self.remembered.insert(peer) {
            return;
        }
        let lines: String = self
            .remembered
            .iter()
            .map(|peer| format!("{peer}\n"))
            .collect();
        if let Err(error) = file::replace(&self.path, lines.as_bytes()) {
            tracing::warn!(reason = error.message, "liars cannot be remembered");
        }
    }

    /// The peer's member is not asked again in this start, though it may be honest.
    pub(super) fn pass_over(&mut self, peer: &PeerId) {
        self.now.insert(self.roster.voice(peer));
    }

    /// How many members are among the peers, not counting those that lied at an earlier start.
    pub(super) fn voices(&self, peers: &[PeerId]) -> usize {
        let doubted: BTreeSet<Voice> = self
            .remembered
            .iter()
            .map(|peer| self.roster.voice(peer))
            .collect();
        let voices: BTreeSet<Voice> = peers.iter().map(|peer| self.roster.voice(peer)).collect();
        voices.difference(&doubted).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_has_one_voice_and_none_after_it_lied_at_an_earlier_start() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("liars");
        let peers: Vec<PeerId> = (0..20).map(|_| PeerId::random()).collect();
        let roster = Roster::of_members(&[("crowd", &peers[..16], 0), ("a", &peers[16..18], 10)]);
        let mut liars = Liars::load(&path, &roster);
        assert!(liars.is_empty());
        assert_eq!(liars.voices(&peers[..16]), 1);
        assert_eq!(liars.voices(&peers), 4, "two members, two peers of nobody");

        liars.add(peers[0]);
        assert!(liars.contains(&peers[15]), "another node of its member");
        liars.pass_over(&peers[18]);
        assert!(liars.contains(&peers[18]) && !liars.contains(&peers[19]));

        let next = Liars::load(&path, &roster);
        assert!(next.is_empty() && !next.contains(&peers[0]));
        assert_eq!(next.voices(&peers[..16]), 0);
        assert_eq!(next.voices(&peers), 3);
    }

    #[test]
    fn what_is_remembered_is_bounded_and_a_spoilt_file_is_none() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("liars");
        let roster = Roster::default();
        let lines: String = (0..REMEMBERED_MAX)
            .map(|_| format!("{}\n", PeerId::random()))
            .collect();
        std::fs::write(&path, &lines).unwrap();
        let mut liars = Liars::load(&path, &roster);
        assert_eq!(liars.remembered.len(), REMEMBERED_MAX);
        let peer = PeerId::random();
        liars.add(peer);
        assert!(liars.contains(&peer));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), lines);

        std::fs::write(&path, [0xff, b'\n', b'x']).unwrap();
        assert!(Liars::load(&path, &roster).remembered.is_empty());
    }
}
