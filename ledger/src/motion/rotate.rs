//! Replacing the key of a member's validator.

use starfire_proto::v1;
use starfire_state::{Env, Event, Overlay, Rejection};

use super::member::{check, check_others, find, not_proved, path};
use crate::membership::is_possessed;
use crate::validators;

/// Gives a member's validator another key, or one to a member that had none. To the set this is one validator leaving and
/// another coming, with the same power.
#[derive(Debug, Clone)]
pub(super) struct Rotate {
    address: String,
    validator_key: Vec<u8>,
    possession: Vec<u8>,
}

impl From<v1::RotateValidatorKey> for Rotate {
    fn from(message: v1::RotateValidatorKey) -> Self {
        Self {
            address: message.address,
            validator_key: message.validator_key,
            possession: message.possession,
        }
    }
}

impl Rotate {
    /// The new key has signed for the member.
    pub(super) fn check(&self) -> Result<(), Rejection> {
        if is_possessed(&self.address, &self.validator_key, &self.possession) {
            Ok(())
        } else {
            Err(not_proved(&self.address))
        }
    }

    pub(super) fn apply(self, state: &mut Overlay<'_>, env: &Env) -> Result<(), Rejection> {
        let mut record = find(state, &self.address)?;
        record.validator_key = self.validator_key;
        check(&record, &env.chain.chain_code)?;
        check_others(state, &record)?;
        state.put_record(path(&record), &record);
        validators::elect(state, env.height)?;
        state.emit(Event::new(
            "member.validator_key",
            vec![
                ("member", record.address.clone()),
                ("validator_key", hex::encode(&record.validator_key)),
            ],
        ));
        Ok(())
    }
}
