//! Excluding a member.

use starfire_did::deactivate::REASON_BYTES_MAX;
use starfire_proto::v1;
use starfire_state::{Env, Event, Overlay, Rejection};

use super::member::{find, invalid, path};
use crate::path::removed_member;
use crate::validators;

/// Excludes a member. Its validator decides the one height that was given to it already; from then on no node talks to it. What
/// is left of the member says so to nodes whose own configuration would still let it in.
#[derive(Debug, Clone)]
pub(super) struct Remove {
    address: String,
    reason: String,
}

impl TryFrom<v1::RemoveMember> for Remove {
    type Error = Rejection;

    fn try_from(message: v1::RemoveMember) -> Result<Self, Rejection> {
        if message.reason.len() > REASON_BYTES_MAX {
            return Err(invalid(format!(
                "a reason has at most {REASON_BYTES_MAX} bytes"
            )));
        }
        Ok(Self {
            address: message.address,
            reason: message.reason,
        })
    }
}

impl Remove {
    pub(super) fn apply(self, state: &mut Overlay<'_>, env: &Env) -> Result<(), Rejection> {
        let record = find(state, &self.address)?;
        state.delete(path(&record));
        validators::elect(state, env.height)?;
        let removed = v1::RemovedMember {
            member: Some(record),
            height: env.height,
            reason: self.reason,
        };
        state.put_record(removed_member(&self.address), &removed);
        state.emit(Event::new("member.removed", vec![("member", self.address)]));
        Ok(())
    }
}
