//! A commit that the next proposal carries is not said as well.
//!
//! Who collects precommits proposes the next block, and that block holds the commit. When there is something to decide at once, the
//! proposal leaves in the same step as the commit would, and every validator learns of the commit by it. A long block is slower on
//! its way than a commit, so then both are sent.

/// The longest block whose proposal stands for the commit that it carries, bytes.
const CARRIER_BYTES_MAX: usize = 64 << 10;

/// The commit that this step has said, if it has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Said(Option<Commit>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Commit {
    height: u64,
    /// Where it stands among the step's outputs.
    place: usize,
}

impl Said {
    /// Takes note of a commit that is said to all.
    pub(super) fn commit(&mut self, height: u64, place: usize) {
        self.0 = Some(Commit { height, place });
    }

    /// A proposal is made to all: where the commit stands that need not be said any more.
    pub(super) fn carried_by(&mut self, height: u64, block_bytes: usize) -> Option<usize> {
        let commit = self.0.take()?;
        (commit.height + 1 == height && block_bytes <= CARRIER_BYTES_MAX).then_some(commit.place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn carried(said: u64, proposed: u64, block_bytes: usize) -> Option<usize> {
        let mut step = Said::default();
        step.commit(said, 3);
        step.carried_by(proposed, block_bytes)
    }

    #[test]
    fn the_next_short_block_carries_the_commit() {
        assert_eq!(carried(7, 8, 500), Some(3));
        assert_eq!(Said::default().carried_by(8, 500), None);
    }

    #[test]
    fn a_long_block_and_another_height_do_not() {
        assert_eq!(carried(7, 8, CARRIER_BYTES_MAX + 1), None);
        assert_eq!(carried(7, 9, 500), None);
        assert_eq!(carried(7, 7, 500), None);
    }
}
