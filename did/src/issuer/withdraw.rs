//! A motion ends an accreditation, at whatever level of the tree.

use starfire_proto::v1;
use starfire_state::{Env, Overlay, Rejection};

use super::scope::{Scope, only_on_main_chain, reason};

/// Ends an accreditation before its term.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withdraw {
    scope: Scope,
    reason: String,
}

impl TryFrom<v1::WithdrawAccreditation> for Withdraw {
    type Error = Rejection;

    fn try_from(message: v1::WithdrawAccreditation) -> Result<Self, Rejection> {
        Ok(Self {
            scope: Scope::parse(&message.issuer, message.r#type, message.jurisdiction)?,
            reason: reason(message.reason)?,
        })
    }
}

impl Withdraw {
    /// Marks the accreditation as withdrawn from this block's time on. What was issued before keeps its standing.
    pub fn apply(self, state: &mut Overlay<'_>, env: &Env) -> Result<(), Rejection> {
        only_on_main_chain(env)?;
        let old = self.scope.standing(state)?;
        self.scope.withdraw(old, None, self.reason, state, env);
        Ok(())
    }
}
