//! Moments as records keep them: Unix milliseconds.

use tendermint::Time;

/// A header's time.
pub fn from_time(time: Time) -> i64 {
    i64::try_from(time.unix_timestamp_nanos().div_euclid(1_000_000))
        .expect("years 1 to 9999 fit in 64 bits of milliseconds")
}

/// The time, if it is in the years 1 to 9999.
pub fn to_time(unix_ms: i64) -> Option<Time> {
    let nanos = u32::try_from(unix_ms.rem_euclid(1000)).expect("a remainder of 1000 is below 1000")
        * 1_000_000;
    Time::from_unix_timestamp(unix_ms.div_euclid(1000), nanos).ok()
}

/// A moment as RFC 3339 in UTC with milliseconds, e.g. `2026-11-21T08:30:00.000Z`.
pub fn rfc3339(unix_ms: i64) -> String {
    let text = time::OffsetDateTime::from_unix_timestamp_nanos(i128::from(unix_ms) * 1_000_000)
        .ok()
        .map(|moment| {
            let (year, month, day) = moment.to_calendar_date();
            let (hour, minute, second, ms) = moment.to_hms_milli();
            format!(
                "{year:04}-{:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z",
                u8::from(month)
            )
        });
    text.unwrap_or_else(|| format!("{unix_ms} ms"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_printed_in_utc() {
        assert_eq!(rfc3339(1_795_249_800_005), "2026-11-21T08:30:00.005Z");
        assert_eq!(rfc3339(i64::MAX), format!("{} ms", i64::MAX));
    }

    #[test]
    fn times_convert_both_ways() {
        for ms in [
            -62_135_596_800_000,
            -1,
            0,
            1_795_249_800_005,
            253_402_300_799_999,
        ] {
            assert_eq!(from_time(to_time(ms).unwrap()), ms);
        }
        assert_eq!(to_time(i64::MAX), None);
        assert_eq!(to_time(i64::MIN), None);
    }
}
