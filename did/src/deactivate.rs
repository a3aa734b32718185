//! Withdraws a document, for ever. The tombstone stays, so that the absence of a DID and its end can be told apart and proved.

use starfire_proto::v1;
use starfire_state::{Env, Event, Overlay, Rejection, View};

use crate::authority;
use crate::code;
use crate::history;
use crate::id::Did;
use crate::path;

/// The longest reason, bytes.
pub const REASON_BYTES_MAX: usize = 256;

/// Withdraws a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deactivate {
    did: Did,
    expected_version: u64,
    reason: String,
}

impl TryFrom<v1::DidDeactivate> for Deactivate {
    type Error = Rejection;

    fn try_from(message: v1::DidDeactivate) -> Result<Self, Rejection> {
        let did = authority::parse(&message.did)?;
        Ok(Self {
            did,
            expected_version: message.expected_version,
            reason: bounded(message.reason)?,
        })
    }
}

impl Deactivate {
    /// Stores the tombstone as the last version.
    pub fn apply(
        self,
        state: &mut Overlay<'_>,
        env: &Env,
        signers: &[&str],
    ) -> Result<(), Rejection> {
        let held = authority::controlled(state, &self.did, self.expected_version, env, signers)?;
        end(state, &self.did, &held.record, self.reason, env);
        Ok(())
    }
}

/// Ends a DID, and with it a recovery that waits: there is nothing left to recover.
pub(crate) fn end(
    state: &mut Overlay<'_>,
    did: &Did,
    record: &v1::DidRecord,
    reason: String,
    env: &Env,
) {
    let record = v1::DidRecord {
        deactivation_reason: reason,
        ..history::next(record, None, env)
    };
    history::append(state, did, &record);
    if state.get(&path::recovery(did)).is_some() {
        state.delete(path::recovery(did));
    }
    state.emit(Event::new("did.deactivated", authority::told(did, &record)));
}

/// A reason that may stand in a record.
pub(crate) fn bounded(reason: String) -> Result<String, Rejection> {
    if reason.len() <= REASON_BYTES_MAX {
        return Ok(reason);
    }
    let detail = format!("a reason has at most {REASON_BYTES_MAX} bytes");
    Err(Rejection::new(code::DID_DOCUMENT_INVALID, detail))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{World, person};
    use crate::resolve::resolve;

    #[test]
    fn a_tombstone_is_the_last_version() {
        let (alice, mallory) = (person(1), person(2));
        let mut world = World::with(&alice);
        let document = world.document(&alice.did);
        let refused = |result: Result<(), Rejection>| result.unwrap_err().code;
        assert_eq!(
            refused(world.deactivate(&mallory.did, &alice.did, 1)),
            code::DID_NOT_CONTROLLER
        );
        assert_eq!(
            refused(world.deactivate(&alice.did, &alice.did, 2)),
            code::DID_VERSION_CONFLICT
        );
        assert_eq!(
            refused(world.deactivate(&mallory.did, &mallory.did, 1)),
            code::DID_NOT_FOUND
        );

        world.deactivate(&alice.did, &alice.did, 1).unwrap();
        let record = resolve(&world.state, &alice.did, None).unwrap();
        assert!(record.deactivated && record.document.is_none());
        assert_eq!(
            (record.version, record.deactivation_reason.as_str()),
            (2, "key lost")
        );
        assert_eq!(
            resolve(&world.state, &alice.did, Some(1)).unwrap().document,
            Some(document.clone())
        );

        assert_eq!(
            refused(world.deactivate(&alice.did, &alice.did, 2)),
            code::DID_DEACTIVATED
        );
        assert_eq!(
            refused(world.update(&alice.did, 2, &document)),
            code::DID_DEACTIVATED
        );
        assert_eq!(
            refused(world.rotate(&alice.did, &alice.did, 2, &[mallory.key])),
            code::DID_DEACTIVATED
        );
    }

    #[test]
    fn a_reason_is_short() {
        let message = v1::DidDeactivate {
            did: person(1).did.to_string(),
            expected_version: 1,
            reason: "x".repeat(257),
        };
        assert!(Deactivate::try_from(message).is_err());
    }
}
