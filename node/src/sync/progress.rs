//! How far catching up has come, and how long it may still take: for the status and the log.

use std::time::{Duration, Instant};

use starfire_proto::v1;

use crate::clock;

/// How often a line goes into the log.
const LOG_PERIOD: Duration = Duration::from_secs(5);

/// One stretch of catching up.
#[derive(Debug)]
pub(super) struct Progress {
    began_at: Instant,
    began_height: u64,
    logged_at: Instant,
}

impl Progress {
    pub(super) fn begin(height: u64, now: Instant) -> Self {
        Self {
            began_at: now,
            began_height: height,
            logged_at: now,
        }
    }

    /// What the status shows. The estimate comes from the pace so far; 0: none yet.
    pub(super) fn message(&self, height: u64, target: u64, problem: &str) -> v1::SyncProgress {
        let done = height.saturating_sub(self.began_height);
        let elapsed = clock::elapsed_ms(self.began_at);
        let left = target.saturating_sub(height);
        let remaining = u128::from(left) * u128::from(elapsed) / u128::from(done.max(1));
        v1::SyncProgress {
            from: self.began_height,
            target,
            remaining_ms: if done == 0 {
                0
            } else {
                u64::try_from(remaining).unwrap_or(u64::MAX)
            },
            problem: problem.to_owned(),
        }
    }

    pub(super) fn log(&mut self, message: &v1::SyncProgress, height: u64, now: Instant) {
        if now.saturating_duration_since(self.logged_at) < LOG_PERIOD {
            return;
        }
        self.logged_at = now;
        if message.problem.is_empty() {
            let (target, remaining_s) = (message.target, message.remaining_ms / 1_000);
            tracing::info!(height, target, remaining_s, "catching up");
        } else {
            tracing::warn!(height, problem = message.problem, "cannot catch up");
        }
    }

    pub(super) fn end(&self, height: u64) {
        let blocks = height.saturating_sub(self.began_height);
        tracing::info!(
            height,
            blocks,
            ms = clock::elapsed_ms(self.began_at),
            "caught up"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_no_estimate_before_the_first_block() {
        let progress = Progress::begin(10, clock::monotonic());
        assert_eq!(progress.message(10, 1_000, "").remaining_ms, 0);
        let message = progress.message(20, 20, "");
        assert_eq!(
            (message.from, message.target, message.remaining_ms),
            (10, 20, 0)
        );
    }
}
