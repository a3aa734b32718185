//! Changing the weight of a member's vote.

use starfire_proto::v1;
use starfire_state::{Env, Event, Overlay, Rejection};

use super::member::{check, find, path};
use crate::validators;

/// Sets a member's voting power; 0 takes its vote, and leaves it a member.
#[derive(Debug, Clone)]
pub(super) struct SetPower {
    address: String,
    voting_power: u64,
}

impl From<v1::SetPower> for SetPower {
    fn from(message: v1::SetPower) -> Self {
        Self {
            address: message.address,
            voting_power: message.voting_power,
        }
    }
}

impl SetPower {
    pub(super) fn apply(self, state: &mut Overlay<'_>, env: &Env) -> Result<(), Rejection> {
        let mut record = find(state, &self.address)?;
        record.voting_power = self.voting_power;
        check(&record, &env.chain.chain_code)?;
        state.put_record(path(&record), &record);
        validators::elect(state, env.height)?;
        state.emit(Event::new(
            "member.power",
            vec![
                ("member", record.address.clone()),
                ("power", record.voting_power.to_string()),
            ],
        ));
        Ok(())
    }
}
