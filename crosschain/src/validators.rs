//! Validator sets from keys and powers, under one set of bounds.

use tendermint::{PublicKey, validator, vote};

use crate::json::INTEGER_MAX;

/// The most validators of a chain.
pub const VALIDATORS_MAX: usize = 64;

/// The validators in the order given, or what is wrong with them.
pub(crate) fn infos(validators: &[(&[u8; 32], u64)]) -> Result<Vec<validator::Info>, &'static str> {
    if validators.is_empty() || validators.len() > VALIDATORS_MAX {
        return Err("there must be 1 to 64");
    }
    let twice = |at: usize| {
        validators[..at]
            .iter()
            .any(|(key, _)| *key == validators[at].0)
    };
    if (0..validators.len()).any(twice) {
        return Err("a key stands twice");
    }
    let total = validators
        .iter()
        .try_fold(0_u64, |sum, (_, power)| sum.checked_add(*power));
    if total.is_none_or(|total| total > INTEGER_MAX)
        || validators.iter().any(|(_, power)| *power == 0)
    {
        return Err("each needs power, together at most 2^53");
    }
    let info = |(key, power): &(&[u8; 32], u64)| {
        let key = PublicKey::from_raw_ed25519(*key).ok_or("a key is no Ed25519 key")?;
        let power = vote::Power::try_from(*power).expect("2^53 is within a power's range");
        Ok(validator::Info::new(key, power))
    };
    validators.iter().map(info).collect()
}
