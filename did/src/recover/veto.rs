//! Stops a recovery in its delay, by the DID's controllers.

use starfire_proto::v1;
use starfire_state::{Env, Event, Overlay, Rejection};

use super::expect_pending;
use crate::id::Did;
use crate::{authority, code, path};

/// Stops the recovery that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Veto {
    did: Did,
    expected_version: u64,
}

impl TryFrom<v1::DidVetoRecovery> for Veto {
    type Error = Rejection;

    fn try_from(message: v1::DidVetoRecovery) -> Result<Self, Rejection> {
        Ok(Self {
            did: authority::parse(&message.did)?,
            expected_version: message.expected_version,
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
        authority::controlled(state, &self.did, self.expected_version, env, signers)?;
        let pending = expect_pending(state, &self.did)?;
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
