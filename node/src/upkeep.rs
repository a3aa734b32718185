//! What a node does beside its work: taking snapshots for new nodes, and pruning what is old.
//!
//! One task does both, one after the other, so that no state is pruned while it is read for a snapshot. It stands off the critical
//! path: the core waits for it only while a slice of the tree is swept.

use std::time::Duration;

use starfire_ledger::Block;
use starfire_state::{Archive, StoreError};
use tokio::sync::watch;

use crate::clock;
use crate::gateway::backend::Published;
use crate::rocks::{Pruner, Swept};
use crate::snapshot::Shelf;

/// Nobody reads a height for longer than this, once he has seen that it is kept.
const READ_TIME_MAX: Duration = Duration::from_secs(30);
/// The base moves when so many per cent of the blocks to keep are too many, so that the walks over all rows are few.
const SLACK_PERCENT: u64 = 10;

/// Which blocks are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// The newest; 0: all.
    pub blocks: u64,
    /// Of older ones every so many-th; 0: none.
    pub every: u64,
}

impl Retention {
    /// From where on blocks are to be kept, if that is worth a walk now.
    fn base(self, base: u64, height: u64) -> Option<u64> {
        if self.blocks == 0 {
            return None;
        }
        let wanted = (height + 1).saturating_sub(self.blocks);
        let slack = self.blocks * SLACK_PERCENT / 100;
        (wanted > base + slack).then_some(wanted)
    }

    fn keeps(self, height: u64) -> bool {
        self.every > 0 && height.is_multiple_of(self.every)
    }
}

/// When snapshots are taken: at heights that the interval divides, of those in one period at the first. Nodes with the same settings
/// take the same ones, so that a new node finds each at several peers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// Blocks; 0: never.
    pub interval: u64,
    /// By the time in the headers, seconds, from 1970 on; 0: at every height that the interval divides. A fast chain would otherwise
    /// write its state again and again, all nodes at one time.
    pub period_s: u64,
}

/// A period in which a height of the interval lies.
#[derive(Debug, Clone, Copy)]
struct Period {
    number: i64,
    /// The first such height in it; none: that cannot be told, since blocks are missing.
    first: Option<u64>,
    /// The last one that was looked at.
    seen: u64,
}

/// What the task works on.
#[derive(Debug)]
pub struct Upkeep {
    pruner: Pruner,
    shelf: Shelf,
    schedule: Schedule,
    retention: Retention,
    /// The newest height of the interval that was looked at.
    looked_at: u64,
    /// The newest height of which a snapshot was tried: one that fails is not tried again, but the next.
    tried: u64,
    /// The period of the height that was looked at last.
    period: Option<Period>,
    /// Nothing is left to sweep below this base.
    swept: u64,
}

/// Runs until the core is gone.
pub async fn run(mut upkeep: Upkeep, mut published: watch::Receiver<Published>) {
    // Nobody has read below this since before the process began.
    let mut settled = upkeep.base();
    let mut moved_at = clock::monotonic();
    loop {
        let height = published.borrow_and_update().height;
        if clock::elapsed(moved_at) > READ_TIME_MAX {
            settled = upkeep.base();
        }
        if upkeep.is_due(height, settled) {
            let before = upkeep.base();
            let round = tokio::task::spawn_blocking(move || {
                upkeep.round(height, settled);
                upkeep
            });
            let Ok(same) = round.await else {
                tracing::error!("upkeep stopped: no snapshots and no pruning until the next start");
                return;
            };
            upkeep = same;
            if upkeep.base() > before {
                moved_at = clock::monotonic();
            }
        }
        if published.changed().await.is_err() {
            return;
        }
    }
}

impl Upkeep {
    /// Snapshots onto the shelf as `schedule` says, and of blocks what `retention` says.
    pub fn new(pruner: Pruner, shelf: Shelf, schedule: Schedule, retention: Retention) -> Self {
        Self {
            pruner,
            shelf,
            schedule,
            retention,
            looked_at: 0,
            tried: 0,
            period: None,
            swept: 0,
        }
    }

    fn base(&self) -> u64 {
        self.pruner.archive().base()
    }

    fn is_due(&self, height: u64, settled: u64) -> bool {
        let prunes = self.retention.blocks > 0
            && (settled > self.swept || self.retention.base(self.base(), height).is_some());
        prunes || self.newest_of_interval(height).is_some()
    }

    /// One round at a height. Of what lies below the base, only what lies below `settled` goes: elsewhere somebody may still read.
    pub fn round(&mut self, height: u64, settled: u64) {
        if let Some(newest) = self.newest_of_interval(height) {
            self.looked_at = newest;
            let due = self
                .first_of_period(newest)
                .filter(|due| *due > self.tried && self.shelf.newest() < Some(*due));
            if let Some(due) = due.filter(|due| self.pruner.archive().keeps(*due)) {
                self.tried = due;
                self.take_snapshot(due);
            }
        }
        if self.retention.blocks > 0
            && let Err(error) = self.prune(height, settled)
        {
            // Rows that stay are swept in a later round.
            tracing::warn!(error = &error as &dyn std::error::Error, "pruning failed");
        }
    }

    /// The newest height of the interval that has a header after it, unless it was looked at before.
    fn newest_of_interval(&self, height: u64) -> Option<u64> {
        let interval = self.schedule.interval;
        let newest = height.saturating_sub(1).checked_div(interval)? * interval;
        (newest > self.looked_at).then_some(newest)
    }

    /// Of the heights of the interval that are in one period with this one, the first. None if that cannot be told: others have a
    /// snapshot of it, and would have none of another height.
    fn first_of_period(&mut self, height: u64) -> Option<u64> {
        if self.schedule.period_s == 0 {
            return Some(height);
        }
        let number = self.period_of(height)?;
        let before = self.period.filter(|period| period.number == number);
        let first = match before {
            Some(same) => same.first,
            None => self.search_first(height, number),
        };
        self.period = Some(Period {
            number,
            first,
            seen: height,
        });
        first
    }

    /// Goes back from a height of this period. What was looked at before lies in another; its block may be pruned since.
    fn search_first(&self, height: u64, number: i64) -> Option<u64> {
        let interval = self.schedule.interval;
        let other = self.period.map_or(0, |period| period.seen);
        let mut first = height;
        while first > interval && first - interval > other {
            if self.period_of(first - interval)? != number {
                break;
            }
            first -= interval;
        }
        Some(first)
    }

    /// The number of the period in which the block's time lies, if the block is kept.
    fn period_of(&self, height: u64) -> Option<i64> {
        let (bytes, _) = self.pruner.archive().block(height)?;
        let block = Block::decode(&bytes).expect("a stored block decodes");
        let period_s = i64::try_from(self.schedule.period_s).unwrap_or(i64::MAX);
        block.header.time.unix_timestamp().checked_div(period_s)
    }

    fn take_snapshot(&self, due: u64) {
        let archive = self.pruner.archive();
        let start = clock::monotonic();
        match self.shelf.take(archive, due) {
            Ok(manifest) => tracing::info!(
                height = due,
                entries = manifest.entries,
                ms = clock::elapsed_ms(start),
                "snapshot taken"
            ),
            Err(error) => tracing::warn!(
                height = due,
                code = error.code(),
                error = &error as &dyn std::error::Error,
                "no snapshot taken"
            ),
        }
    }

    fn prune(&mut self, height: u64, settled: u64) -> Result<(), StoreError> {
        if settled > self.swept {
            while self.pruner.sweep(settled)? == Swept::More {}
            self.swept = settled;
        }
        if let Some(wanted) = self.retention.base(self.base(), height) {
            let retention = self.retention;
            self.pruner
                .move_base(wanted, |height| retention.keeps(height))?;
            tracing::info!(base = wanted, height, "older blocks are pruned");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
