//! Times of claims: RFC 7519's NumericDate, seconds since 1970, of which fractions are read to the millisecond.
//!
//! A fraction finer than that is rounded so that nothing is valid longer for it: what begins up, what ends down. Numbers are read by
//! their digits, as they are written in the canonical form (RFC 8785); nothing is calculated with floats.

use serde_json::{Map, Value};

use super::JoseError;

/// The last second of the year 9999, the last that an RFC 3339 text can say.
const SECONDS_MAX: i64 = 253_402_300_799;
/// Digits of a second's fraction that are kept.
const FRACTION_DIGITS: usize = 3;

/// The time at which a claim says that something was done, in milliseconds.
pub(crate) fn at_ms(
    claims: &Map<String, Value>,
    name: &'static str,
) -> Result<Option<i64>, JoseError> {
    Ok(claim(claims, name)?.map(|(ms, _)| ms))
}

/// The first moment from which on a claim lets something be valid, in milliseconds.
// RFC 7519 §4.1.5: "before which the JWT MUST NOT be accepted".
pub(crate) fn from_ms(
    claims: &Map<String, Value>,
    name: &'static str,
) -> Result<Option<i64>, JoseError> {
    Ok(claim(claims, name)?.map(|(ms, finer)| ms + i64::from(finer)))
}

/// The last moment before a claim's time, in milliseconds.
// RFC 7519 §4.1.4: "on or after which the JWT MUST NOT be accepted".
pub(crate) fn until_ms(
    claims: &Map<String, Value>,
    name: &'static str,
) -> Result<Option<i64>, JoseError> {
    Ok(claim(claims, name)?.map(|(end, _)| end - 1))
}

/// As a claim has it.
pub(crate) fn seconds(ms: i64) -> i64 {
    ms.div_euclid(1000)
}

/// Whole milliseconds, and whether the claim says a moment after them.
fn claim(
    claims: &Map<String, Value>,
    name: &'static str,
) -> Result<Option<(i64, bool)>, JoseError> {
    let Some(value) = claims.get(name) else {
        return Ok(None);
    };
    let why = "is no number of seconds since 1970 up to the year 9999";
    match value {
        Value::Number(number) => milliseconds(&number.to_string()),
        Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            None
        }
    }
    .map(Some)
    .ok_or(JoseError::Claim { name, why })
}

/// Of decimal digits with a point, as numbers of this size print. An exponent is of what lies beyond, or of less than 10 µs.
fn milliseconds(text: &str) -> Option<(i64, bool)> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    let seconds: i64 = whole.parse().ok()?;
    let (kept, finer) = fraction.split_at(fraction.len().min(FRACTION_DIGITS));
    let ms: i64 = format!("{kept:0<FRACTION_DIGITS$}").parse().ok()?;
    let finer = finer.bytes().any(|digit| digit != b'0');
    (seconds <= SECONDS_MAX).then_some((seconds * 1000 + ms, finer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fraction_makes_nothing_valid_longer() {
        for (text, at, from, until) in [
            ("0", 0, 0, -1),
            (
                "1767225600",
                1_767_225_600_000,
                1_767_225_600_000,
                1_767_225_599_999,
            ),
            (
                "1767225600.0",
                1_767_225_600_000,
                1_767_225_600_000,
                1_767_225_599_999,
            ),
            (
                "1767225600.5",
                1_767_225_600_500,
                1_767_225_600_500,
                1_767_225_600_499,
            ),
            (
                "1.7672256005e9",
                1_767_225_600_500,
                1_767_225_600_500,
                1_767_225_600_499,
            ),
            (
                "1767225600.0009",
                1_767_225_600_000,
                1_767_225_600_001,
                1_767_225_599_999,
            ),
            (
                "1767225600.1234",
                1_767_225_600_123,
                1_767_225_600_124,
                1_767_225_600_122,
            ),
            (
                "253402300799.5",
                253_402_300_799_500,
                253_402_300_799_500,
                253_402_300_799_499,
            ),
        ] {
            let claims = serde_json::from_str(&format!("{{\"t\":{text}}}")).unwrap();
            assert_eq!(at_ms(&claims, "t").unwrap(), Some(at), "{text}");
            assert_eq!(from_ms(&claims, "t").unwrap(), Some(from), "{text}");
            assert_eq!(until_ms(&claims, "t").unwrap(), Some(until), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "-1",
            "-0.5",
            "253402300800",
            "253402300800.5",
            "1e300",
            "1e-7",
            "\"1\"",
            "null",
            "[1]",
        ] {
            let claims = serde_json::from_str(&format!("{{\"t\":{text}}}")).unwrap();
            let error = at_ms(&claims, "t").unwrap_err();
            assert_eq!(error.code(), "JOSE_CLAIM_INVALID", "{text}");
        }
        assert_eq!(at_ms(&Map::new(), "t").unwrap(), None);
    }
}
