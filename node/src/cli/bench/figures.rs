//! Figures: percentiles, rates, and how many signatures this machine checks.

use std::time::Duration;

use starfire_did::{KeyAlgorithm, PublicKey, signature};

use crate::failure::Failure;
use crate::{clock, keystore};

/// Signatures that the measure checks at a time, as a busy block would.
const BATCH: usize = 1_024;
const BATCHES: usize = 8;
/// proc(5) counts processor time in hundredths of a second on Linux.
const TICKS_PER_SECOND: u64 = 100;

/// Ed25519 signatures that all cores of this machine check, in batches, each second.
pub(super) fn verifications_per_second() -> Result<u64, Failure> {
    // A key of its own for each: signatures by one key are cheaper to check together, and no chain has them.
    let signed: Vec<(PublicKey, Vec<u8>, Vec<u8>)> = (0..BATCH)
        .map(|index| {
            let key = keystore::generate(KeyAlgorithm::Ed25519)?;
            let message = format!("message {index}").into_bytes();
            let signature = key.sign(&message);
            Ok((key.public(), message, signature))
        })
        .collect::<Result<_, Failure>>()?;
    let batch: Vec<(&PublicKey, &[u8], &[u8])> = signed
        .iter()
        .map(|(public, message, signature)| (public, message.as_slice(), signature.as_slice()))
        .collect();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let start = clock::monotonic();
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                for _ in 0..BATCHES {
                    let verdicts = signature::verify_batch(&batch);
                    assert!(
                        verdicts.into_iter().all(|valid| valid),
                        "what was just signed is valid"
                    );
                }
            });
        }
    });
    let checked = u64::try_from(cores * BATCHES * BATCH).unwrap_or(u64::MAX);
    Ok(per_second(checked, clock::elapsed(start)))
}

pub(super) fn per_second(count: u64, took: Duration) -> u64 {
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(1);
    count.saturating_mul(1_000_000) / micros
}

/// The value that `percent` of the sorted values do not exceed.
pub(super) fn percentile(sorted: &[u64], percent: usize) -> Option<u64> {
    let index = (sorted.len() * percent).div_ceil(100).checked_sub(1)?;
    sorted.get(index).copied()
}

#[expect(
    clippy::float_arithmetic,
    reason = "a figure for people, rounded to a thousandth"
)]
pub(super) fn cpu_seconds_per_1000(ticks: u64, committed: u64) -> Option<f64> {
    let thousandths = ticks
        .checked_mul(1_000_000)?
        .checked_div(committed.checked_mul(TICKS_PER_SECOND)?)?;
    Some(f64::from(u32::try_from(thousandths).ok()?) / 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let values: Vec<u64> = (1..=100).collect();
        assert_eq!(percentile(&values, 50), Some(50));
        assert_eq!(percentile(&values, 99), Some(99));
        assert_eq!(percentile(&[7], 50), Some(7));
        assert_eq!(percentile(&[], 50), None);
    }

    #[test]
    fn rates_and_processor_time_are_rounded_down() {
        assert_eq!(per_second(500, Duration::from_millis(2_000)), 250);
        assert_eq!(cpu_seconds_per_1000(250, 1_000), Some(2.5));
        assert_eq!(cpu_seconds_per_1000(250, 0), None);
    }
}
