//! Times of claims: RFC 7519's NumericDate, seconds since 1970.

use serde_json::{Map, Value};

use super::JoseError;

/// The last second of the year 9999, the last that an RFC 3339 text can say.
const SECONDS_MAX: u64 = 253_402_300_799;

/// The time that a claim says, in milliseconds. Fractions and what is beyond four digits of a year are refused.
pub(crate) fn claim_ms(
    claims: &Map<String, Value>,
    name: &'static str,
) -> Result<Option<i64>, JoseError> {
    let Some(value) = claims.get(name) else {
        return Ok(None);
    };
    let seconds = value
        .as_u64()
        .filter(|seconds| *seconds <= SECONDS_MAX)
        .and_then(|seconds| i64::try_from(seconds).ok())
        .ok_or(JoseError::Claim {
            name,
            why: "is no whole number of seconds since 1970",
        })?;
    Ok(Some(seconds * 1000))
}

/// The last moment before a claim's time, in milliseconds.
// RFC 7519 §4.1.4: "on or after which the JWT MUST NOT be accepted".
pub(crate) fn until_ms(
    claims: &Map<String, Value>,
    name: &'static str,
) -> Result<Option<i64>, JoseError> {
    Ok(claim_ms(claims, name)?.map(|end| end - 1))
}

/// As a claim has it.
pub(crate) fn seconds(ms: i64) -> i64 {
    ms.div_euclid(1000)
}
