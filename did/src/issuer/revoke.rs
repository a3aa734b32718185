//! An accreditor takes back what it gave.

use starfire_proto::v1;
use starfire_state::{Env, Overlay, Rejection};

use super::scope::{Scope, only_on_main_chain, reason};
use crate::{authority, code};

/// Ends an accreditation that the sender gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revoke {
    scope: Scope,
    reason: String,
}

impl TryFrom<v1::AccreditationRevoke> for Revoke {
    type Error = Rejection;

    fn try_from(message: v1::AccreditationRevoke) -> Result<Self, Rejection> {
        Ok(Self {
            scope: Scope::parse(&message.issuer, message.r#type, message.jurisdiction)?,
            reason: reason(message.reason)?,
        })
    }
}

impl Revoke {
    /// Marks the accreditation as withdrawn from this block's time on. Its giver can do so even when it may itself accredit no
    /// longer: taking back only ever makes less.
    pub fn apply(self, state: &mut Overlay<'_>, env: &Env) -> Result<(), Rejection> {
        only_on_main_chain(env)?;
        let sender = authority::sender(state, env)?;
        let old = self.scope.standing(state)?;
        if old.accreditor != sender.to_string() {
            let giver = match old.accreditor.as_str() {
                "" => format!("motion {}", old.motion),
                accreditor => accreditor.to_owned(),
            };
            let detail = format!("it was given by {giver}, and is not {sender}'s to take back");
            return Err(Rejection::new(code::ACCREDITATION_NOT_GIVER, detail));
        }
        self.scope
            .withdraw(old, Some(&sender), self.reason, state, env);
        Ok(())
    }
}
