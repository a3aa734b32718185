//! How long round 0 may take: about four times what heights took lately, but never longer than genesis says.
//!
//! The genesis value has to do for a slow network. Where the network is fast a dead proposer is noticed sooner. What is kept is a
//! high quantile: a slow height raises it at once, fast ones lower it slowly, and a failed round sets it back to the genesis value.
//! Nodes need not agree on it: it decides when a node loses patience, and nothing else.

use std::time::Duration;

/// The base is never below the genesis value divided by this.
const FLOOR_DIVISOR: u32 = 4;
/// How many typical heights a round may last.
const HEIGHTS: u32 = 4;
/// The share of the distance by which a faster height lowers the estimate: a thirty-second, as a power of two.
const DECAY_SHIFT: u32 = 5;

/// The estimate of one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pace {
    longest: Duration,
    slow: Duration,
}

impl Pace {
    /// Begins with the genesis value.
    pub(super) fn new(longest: Duration) -> Self {
        Self {
            longest,
            slow: longest / HEIGHTS,
        }
    }

    /// A height was decided in round 0, this long after its work or its proposal came.
    pub(super) fn took(&mut self, time: Duration) {
        let time = time.min(self.longest / HEIGHTS);
        if time >= self.slow {
            self.slow = time;
        } else {
            self.slow -= (self.slow - time) / (1 << DECAY_SHIFT);
        }
    }

    /// A round failed: patience was perhaps too short.
    pub(super) fn failed(&mut self) {
        *self = Self::new(self.longest);
    }

    /// How long round 0 may take.
    pub(super) fn base(&self) -> Duration {
        (self.slow * HEIGHTS).clamp(self.longest / FLOOR_DIVISOR, self.longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn fast_heights_shorten_the_base_down_to_the_floor_and_a_slow_one_restores_it() {
        let mut pace = Pace::new(MS(1000));
        assert_eq!(pace.base(), MS(1000));
        for _ in 0..64 {
            pace.took(MS(100));
        }
        assert!(pace.base() > MS(400) && pace.base() < MS(500), "{pace:?}");
        for _ in 0..500 {
            pace.took(MS(1));
        }
        assert_eq!(pace.base(), MS(250));
        pace.took(MS(150));
        assert_eq!(pace.base(), MS(600));
        pace.took(MS(90_000));
        assert_eq!(pace.base(), MS(1000), "never longer than genesis says");
    }

    #[test]
    fn a_failed_round_restores_the_genesis_value() {
        let mut pace = Pace::new(MS(1000));
        for _ in 0..500 {
            pace.took(MS(1));
        }
        pace.failed();
        assert_eq!(pace, Pace::new(MS(1000)));
    }
}
