//! Taking in a member.

use starfire_proto::v1;
use starfire_state::{Env, Event, Overlay, Rejection, member};

use super::member::{check, check_others, invalid, not_proved, path};
use crate::membership::{MEMBERS_MAX, Members, is_possessed};
use crate::path::removed_member;
use crate::{code, validators};

/// Takes in a member, with or without a vote.
#[derive(Debug, Clone)]
pub(super) struct Admit {
    record: v1::MemberRecord,
    possession: Vec<u8>,
}

impl From<v1::AdmitMember> for Admit {
    fn from(message: v1::AdmitMember) -> Self {
        Self {
            record: v1::MemberRecord {
                address: message.address,
                organisation: message.organisation,
                role: message.role,
                peers: message.peers,
                validator_key: message.validator_key,
                voting_power: message.voting_power,
            },
            possession: message.possession,
        }
    }
}

impl Admit {
    /// What the member's card says of it can be, and its validator key has signed.
    pub(super) fn check(&self, env: &Env) -> Result<(), Rejection> {
        let record = &self.record;
        if record.role() == v1::Role::Unspecified {
            return Err(invalid("role: a member has one"));
        }
        check(record, &env.chain.chain_code)?;
        if record.validator_key.is_empty() {
            return Ok(());
        }
        if !is_possessed(&record.address, &record.validator_key, &self.possession) {
            return Err(not_proved(&record.address));
        }
        Ok(())
    }

    pub(super) fn apply(self, state: &mut Overlay<'_>, env: &Env) -> Result<(), Rejection> {
        let record = self.record;
        if member(state, &record.address).is_some() {
            let detail = format!("{} is a member already", record.address);
            return Err(Rejection::new(code::MEMBER_EXISTS, detail));
        }
        if Members::load(state).count() >= MEMBERS_MAX {
            let detail = format!("a chain has at most {MEMBERS_MAX} members");
            return Err(Rejection::new(code::TOO_MANY_MEMBERS, detail));
        }
        check_others(state, &record)?;
        state.delete(removed_member(&record.address));
        state.put_record(path(&record), &record);
        validators::elect(state, env.height)?;
        state.emit(Event::new(
            "member.admitted",
            vec![
                ("member", record.address.clone()),
                ("organisation", record.organisation.clone()),
                ("power", record.voting_power.to_string()),
            ],
        ));
        Ok(())
    }
}
