//! Figures: percentiles and ratios. Everything is counted in integers and becomes a fraction only when it is written down.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Percentiles of durations, in milliseconds. Absent: so many values are missing that this one is among them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Percentiles {
    /// Half of the values do not exceed it.
    pub(crate) p50_ms: Option<f64>,
    /// Nine of ten do not.
    pub(crate) p90_ms: Option<f64>,
    /// 99 of a hundred do not.
    pub(crate) p99_ms: Option<f64>,
    /// 999 of a thousand do not.
    pub(crate) p999_ms: Option<f64>,
    /// The greatest.
    pub(crate) max_ms: Option<f64>,
}

impl Percentiles {
    /// Of values in microseconds, and of `missing` ones that would be greater than all of them.
    pub(crate) fn of(mut micros: Vec<u64>, missing: usize) -> Self {
        micros.sort_unstable();
        let at = |share| percentile(&micros, missing, share).map(|micros| ratio(micros, 1_000));
        Self {
            p50_ms: at(500),
            p90_ms: at(900),
            p99_ms: at(990),
            p999_ms: at(999),
            max_ms: at(1_000),
        }
    }
}

/// The value that `thousandths` of the sorted values do not exceed; `missing` more stand behind them.
fn percentile(sorted: &[u64], missing: usize, thousandths: usize) -> Option<u64> {
    let index = ((sorted.len() + missing) * thousandths)
        .div_ceil(1_000)
        .checked_sub(1)?;
    sorted.get(index).copied()
}

/// A quotient, cut to thousandths; 0 where there is nothing to divide by.
#[expect(
    clippy::float_arithmetic,
    reason = "a figure for people, cut to a thousandth"
)]
pub(crate) fn ratio(numerator: u64, denominator: u64) -> f64 {
    let thousandths = (u128::from(numerator) * 1_000)
        .checked_div(u128::from(denominator))
        .unwrap_or(0);
    f64::from(u32::try_from(thousandths).unwrap_or(u32::MAX)) / 1_000.0
}

/// How many of `count` that is each second.
pub(crate) fn per_second(count: u64, took: Duration) -> u64 {
    count.saturating_mul(1_000_000) / micros(took).max(1)
}

/// Whole microseconds.
pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// A length as a number that is written down.
pub(crate) fn number(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let values: Vec<u64> = (1..=1_000).rev().map(|value| value * 1_000).collect();
        let percentiles = Percentiles::of(values, 0);
        assert_eq!(percentiles.p50_ms, Some(500.0));
        assert_eq!(percentiles.p99_ms, Some(990.0));
        assert_eq!(percentiles.p999_ms, Some(999.0));
        assert_eq!(percentiles.max_ms, Some(1_000.0));
        assert_eq!(Percentiles::of(vec![7_250], 0).p50_ms, Some(7.25));
    }

    #[test]
    fn what_never_came_counts_as_the_slowest() {
        let percentiles = Percentiles::of(vec![1_000; 98], 2);
        assert_eq!(percentiles.p90_ms, Some(1.0));
        assert_eq!(percentiles.p99_ms, None);
        assert_eq!(percentiles.max_ms, None);
        assert_eq!(Percentiles::of(Vec::new(), 0), Percentiles::default());
    }

    #[test]
    fn rates_and_ratios_are_rounded_down() {
        assert_eq!(per_second(500, Duration::from_millis(2_000)), 250);
        assert_eq!(ratio(2_500, 1_000), 2.5);
        assert_eq!(ratio(1, 3), 0.333);
        assert_eq!(ratio(1, 0), 0.0);
    }
}
