//! `dateTimeStamp` of XML Schema 1.1: a time with its zone, as credentials and proofs write it.

use time::format_description::well_known::Rfc3339;
use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time, UtcOffset};

/// The longest text of a time, bytes: with a fraction of a second of any use.
const TEXT_BYTES_MAX: usize = 64;

/// Unix milliseconds of a `dateTimeStamp`; what is below a millisecond is dropped. `None` if it is none, or of a year beyond 9999.
///
/// Strict: the zone is required (VC Data Model 2.0 §4.9), letters are capitals, and days exist in the calendar. XML Schema's
/// `24:00:00` is the midnight that ends the day; its zones reach from -14:00 to +14:00.
pub fn parse(text: &str) -> Option<i64> {
    if text.len() > TEXT_BYTES_MAX || !text.is_ascii() {
        return None;
    }
    let (date, rest) = text.split_once('T')?;
    let zone_at = rest.find(['Z', '+', '-'])?;
    let (clock, zone) = rest.split_at(zone_at);
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let (whole, fraction) = match clock.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (clock, None),
    };
    let [hour, minute, second] = numbers(whole, ':', [2, 2, 2])?;
    let milli = fraction.map_or(Some(0), milliseconds)?;
    let ends_the_day = (hour, minute, second) == (24, 0, 0) && fraction.is_none_or(is_zero);
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    let date =
        Date::from_calendar_date(i32::try_from(year).ok()?, month, u8::try_from(day).ok()?).ok()?;
    let hour = if ends_the_day { 0 } else { hour };
    let time = Time::from_hms_milli(
        u8::try_from(hour).ok()?,
        u8::try_from(minute).ok()?,
        u8::try_from(second).ok()?,
        milli,
    )
    .ok()?;
    let at = PrimitiveDateTime::new(date, time).assume_offset(offset(zone)?);
    let day_ms = if ends_the_day { 86_400_000 } else { 0 };
    let ms = at.unix_timestamp_nanos().div_euclid(1_000_000) + day_ms;
    i64::try_from(ms).ok()
}

/// A time in UTC, to the millisecond where it has any; `None` beyond the year 9999.
pub fn format(ms: i64) -> Option<String> {
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000).ok()?;
    at.format(&Rfc3339).ok()
}

/// Numbers of just so many digits.
fn numbers<const N: usize>(text: &str, separator: char, digits: [usize; N]) -> Option<[u32; N]> {
    let mut numbers = [0; N];
    let mut parts = text.split(separator);
    for (number, digits) in numbers.iter_mut().zip(digits) {
        let part = parts.next()?;
        if part.len() != digits || !is_digits(part) {
            return None;
        }
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

fn milliseconds(fraction: &str) -> Option<u16> {
    if !is_digits(fraction) {
        return None;
    }
    let three: String = fraction.chars().chain("00".chars()).take(3).collect();
    three.parse().ok()
}

// XML Schema 1.1 §3.3.7.2: 24:00:00 has no fraction but zeros.
fn is_zero(fraction: &str) -> bool {
    fraction.bytes().all(|digit| digit == b'0')
}

fn offset(zone: &str) -> Option<UtcOffset> {
    if zone == "Z" {
        return Some(UtcOffset::UTC);
    }
    let (sign, rest) = zone.split_at_checked(1)?;
    let [hours, minutes] = numbers(rest, ':', [2, 2])?;
    if minutes > 59 || hours * 60 + minutes > 14 * 60 {
        return None;
    }
    let seconds = i32::try_from(hours * 3600 + minutes * 60).ok()?;
    UtcOffset::from_whole_seconds(if sign == "-" { -seconds } else { seconds }).ok()
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_have_a_zone() {
        for (text, ms) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01T00:00:00.5Z", 500),
            ("1970-01-01T00:00:00.123999999Z", 123),
            ("1970-01-01T01:00:00+01:00", 0),
            ("1969-12-31T10:00:00-14:00", 0),
            ("1969-12-31T24:00:00Z", 0),
            ("1969-12-31T24:00:00.00Z", 0),
            ("2024-02-29T12:30:45Z", 1_709_209_845_000),
            ("0001-01-01T00:00:00Z", -62_135_596_800_000),
        ] {
            assert_eq!(parse(text), Some(ms), "{text}");
        }
        for text in [
            "",
            "T",
            "2023-01-01T00:00:00",
            "2023-01-01",
            "2023-01-01 00:00:00Z",
            "2023-01-01t00:00:00Z",
            "2023-01-01T00:00:00z",
            "2023-02-29T00:00:00Z",
            "2023-13-01T00:00:00Z",
            "2023-00-01T00:00:00Z",
            "2023-01-32T00:00:00Z",
            "2023-1-01T00:00:00Z",
            "23-01-01T00:00:00Z",
            "+2023-01-01T00:00:00Z",
            "12023-01-01T00:00:00Z",
            "-2023-01-01T00:00:00Z",
            "2023-01-01T24:00:01Z",
            "2023-01-01T24:00:00.1Z",
            "2023-01-01T25:00:00Z",
            "2023-01-01T00:60:00Z",
            "2023-01-01T00:00:60Z",
            "2023-01-01T00:00Z",
            "2023-01-01T00:00:00.Z",
            "2023-01-01T00:00:00.1.2Z",
            "2023-01-01T00:00:00+14:01",
            "2023-01-01T00:00:00+15:00",
            "2023-01-01T00:00:00+00:60",
            "2023-01-01T00:00:00+0000",
            "2023-01-01T00:00:00+00",
            "2023-01-01T00:00:00ZZ",
            "2023-01-01T00:00:00Z ",
            "２023-01-01T00:00:00Z",
            &format!("2023-01-01T00:00:00.{}Z", "0".repeat(TEXT_BYTES_MAX)),
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_time_reads_back(ms in -62_135_596_800_000_i64..253_402_300_799_999) {
            prop_assert_eq!(parse(&format(ms).unwrap()), Some(ms));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "[0-9TZ:+. -]{0,40}") {
            let _ = parse(&text);
        }
    }
}
