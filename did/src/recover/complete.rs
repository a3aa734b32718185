//! Carries out a recovery after its delay. Whoever sends it has no say in it.

use prost::Message;
use starfire_proto::v1;
use starfire_state::{Env, Overlay, Rejection};

use super::{Recover, expect_pending};
use crate::credential::timestamp;
use crate::id::Did;
use crate::{authority, code, path};

/// Carries out the recovery that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complete {
    did: Did,
}

impl TryFrom<v1::DidCompleteRecovery> for Complete {
    type Error = Rejection;

    fn try_from(message: v1::DidCompleteRecovery) -> Result<Self, Rejection> {
        Ok(Self {
            did: authority::parse(&message.did)?,
        })
    }
}

impl Complete {
    /// Stores the next version, whichever it is by now.
    pub fn apply(self, state: &mut Overlay<'_>, env: &Env) -> Result<(), Rejection> {
        let held = authority::held(state, &self.did)?;
        let pending = expect_pending(state, &self.did)?;
        if env.time_ms() < pending.effective_ms {
            let until = timestamp::format(pending.effective_ms)
                .unwrap_or_else(|| format!("{} ms", pending.effective_ms));
            let detail = format!("the recovery of {} waits until {until}", self.did);
            return Err(Rejection::new(code::DID_RECOVERY_TOO_EARLY, detail));
        }
        state.delete(path::recovery(&self.did));
        let recover = v1::DidRecover::decode(pending.recover.as_slice())
            .ok()
            .and_then(|message| Recover::try_from(message).ok())
            .expect("a recovery was parsed before it was stored");
        recover.goal.reach(state, &self.did, held, env);
        Ok(())
    }
}
