//! The system clock: the one place that reads it.
//!
//! Consensus and execution are told the time, so that a simulator can make it up. Everything else that needs it comes here, and a
//! search for `clock::` finds every use.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tendermint::Time;

/// Unix time in milliseconds.
///
/// # Panics
/// When the machine's clock stands before 1970 or after the year 9999: nothing that a node signs would be valid.
#[expect(
    clippy::disallowed_methods,
    reason = "this module is the one reader of the clock"
)]
pub fn unix_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("the system clock stands after 1970");
    i64::try_from(since.as_millis()).expect("the system clock stands before the year 9999")
}

/// Wall-clock time, cut to whole milliseconds as header times are.
///
/// # Panics
/// As [`unix_ms`] does.
pub fn now() -> Time {
    time_of(unix_ms()).expect("the system clock stands before the year 9999")
}

/// A moment on a clock that never goes back, for durations.
#[expect(
    clippy::disallowed_methods,
    reason = "this module is the one reader of the clock"
)]
pub fn monotonic() -> Instant {
    Instant::now()
}

/// Whole milliseconds since `start`.
pub fn elapsed_ms(start: Instant) -> u64 {
    u64::try_from(elapsed(start).as_millis()).unwrap_or(u64::MAX)
}

/// Time since `start`.
pub fn elapsed(start: Instant) -> Duration {
    monotonic().saturating_duration_since(start)
}

/// The time that lies `unix_ms` milliseconds after 1970; `None` outside of the years 1 to 9999.
pub fn time_of(unix_ms: i64) -> Option<Time> {
    let seconds = unix_ms.div_euclid(1000);
    let nanos = u32::try_from(unix_ms.rem_euclid(1000))
        .ok()?
        .checked_mul(1_000_000)?;
    Time::from_unix_timestamp(seconds, nanos).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_keeps_its_milliseconds() {
        let time = time_of(1_795_000_000_123).unwrap();
        assert_eq!(time.unix_timestamp_nanos(), 1_795_000_000_123_000_000);
    }

    #[test]
    fn now_has_no_finer_part_than_a_millisecond() {
        assert_eq!(now().unix_timestamp_nanos() % 1_000_000, 0);
    }
}
