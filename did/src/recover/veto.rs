//! Stops a recovery in its delay, by the DID's controllers.
//!
//! A veto names the recovery by the time at which it was asked for, and not the document's version: a thief who changes the document
//! in every block would let every veto come too late. One that is asked for later has another time, so the veto does not strike it.

use starfire_proto::v1;
use starfire_state::{Env, Event, Overlay, Rejection};

use super::expect_pending;
use crate::id::Did;
use crate::{authority, code, path};

/// Stops the recovery that waits since this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Veto {
    did: Did,
    asked_ms: i64,
}

impl TryFrom<v1::DidVetoRecovery> for Veto {
    type Error = Rejection;

    fn try_from(message: v1::DidVetoRecovery) -> Result<Self, Rejection> {
        Ok(Self {
            did: authority::parse(&message.did)?,
            asked_ms: message.asked_ms,
        })
    }
}

impl Veto {
    /// Removes the recovery that waits.
    pub fn apply(
        self,
        state: &mut Overlay<'_>,
        env: &Env,
        signers: &[&str],
    ) -> Result<(), Rejection> {
        authority::controllers_of(state, &self.did, env, signers)?;
        let pending = expect_pending(state, &self.did)?;
        if pending.asked_ms != self.asked_ms {
            let detail = format!(
                "no recovery of {} waits that was asked for at {}: the one that waits was at {}",
                self.did, self.asked_ms, pending.asked_ms
            );
            return Err(Rejection::new(code::DID_RECOVERY_NOT_FOUND, detail));
        }
        if env.time_ms() >= pending.effective_ms {
            let detail = format!(
                "the recovery of {} could be vetoed until {}",
                self.did, pending.effective_ms
            );
            return Err(Rejection::new(code::DID_VETO_TOO_LATE, detail));
        }
        state.delete(path::recovery(&self.did));
        state.emit(Event::new(
            "did.recovery_vetoed",
            vec![("did", self.did.to_string())],
        ));
        Ok(())
    }
}
