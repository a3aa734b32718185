//! Revokes evidence: its issuer takes its word back, once and for ever. The evidence stays, with its revocation beside it.

use starfire_proto::v1;
use starfire_state::{Env, Event, Overlay, Rejection, View};

use crate::add::is_id;
use crate::code;
use crate::path;

/// The longest reason, bytes.
pub const REASON_BYTES_MAX: usize = 256;

/// Revokes a piece of the sender's evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revoke {
    id: String,
    reason: String,
}

impl TryFrom<v1::EvidenceRevoke> for Revoke {
    type Error = Rejection;

    fn try_from(message: v1::EvidenceRevoke) -> Result<Self, Rejection> {
        if !is_id(&message.id) {
            let detail = format!(
                "an id is 64 lower-case hex digits, unlike \"{}\"",
                message.id
            );
            return Err(Rejection::new(code::EVIDENCE_INVALID, detail));
        }
        if message.reason.len() > REASON_BYTES_MAX {
            let detail = format!("a reason has at most {REASON_BYTES_MAX} bytes");
            return Err(Rejection::new(code::EVIDENCE_INVALID, detail));
        }
        Ok(Self {
            id: message.id,
            reason: message.reason,
        })
    }
}

impl Revoke {
    /// Stores the revocation. Evidence is looked for under the sender's name, so nobody reaches another's.
    pub fn apply(self, state: &mut Overlay<'_>, env: &Env) -> Result<(), Rejection> {
        if state.get(&path::evidence(&env.sender, &self.id)).is_none() {
            let detail = format!("{} has no evidence {}", env.sender, self.id);
            return Err(Rejection::new(code::EVIDENCE_NOT_FOUND, detail));
        }
        let path = path::revocation(&env.sender, &self.id);
        if state.get(&path).is_some() {
            let detail = format!("evidence {} of {} is revoked already", self.id, env.sender);
            return Err(Rejection::new(code::EVIDENCE_REVOKED, detail));
        }
        let revocation = v1::RevocationRecord {
            id: self.id.clone(),
            issuer: env.sender.clone(),
            reason: self.reason,
            time_ms: env.time_ms(),
            height: env.height,
        };
        state.put_record(path, &revocation);
        state.emit(Event::new(
            "evidence.revoked",
            vec![("issuer", env.sender.clone()), ("id", self.id)],
        ));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{World, certificate, public};
    use crate::lookup;

    #[test]
    fn an_issuer_takes_its_word_back_once() {
        let mut world = World::new();
        let id = certificate(1).id;
        world.add("did:bid:efAlice", certificate(1)).unwrap();
        assert_eq!(
            lookup::revocation(&world.state, "did:bid:efAlice", &id),
            None
        );
        world.now_ms += 1_000;
        world.revoke("did:bid:efAlice", &id).unwrap();
        let revocation = lookup::revocation(&world.state, "did:bid:efAlice", &id).unwrap();
        assert_eq!(
            (revocation.time_ms, revocation.reason.as_str()),
            (1_001_000, "superseded")
        );
        assert!(
            lookup::evidence(&world.state, "did:bid:efAlice", &id).is_some(),
            "the evidence stays"
        );
        assert_eq!(
            world.revoke("did:bid:efAlice", &id).unwrap_err().code,
            code::EVIDENCE_REVOKED
        );
    }

    #[test]
    fn nobody_revokes_anothers_evidence() {
        let mut world = World::new();
        let id = certificate(1).id;
        world.add("did:bid:efAlice", certificate(1)).unwrap();
        assert_eq!(
            world.revoke("did:bid:efMallory", &id).unwrap_err().code,
            code::EVIDENCE_NOT_FOUND
        );
        world.add("did:bid:efMallory", certificate(1)).unwrap();
        world.revoke("did:bid:efMallory", &id).unwrap();
        assert_eq!(
            lookup::revocation(&world.state, "did:bid:efAlice", &id),
            None
        );
    }

    #[test]
    fn a_revoked_id_is_never_used_again() {
        let mut world = World::new();
        world.add("did:bid:efAlice", public(1)).unwrap();
        world.revoke("did:bid:efAlice", &public(1).id).unwrap();
        assert_eq!(
            world.add("did:bid:efAlice", public(1)).unwrap_err().code,
            code::EVIDENCE_EXISTS
        );
    }

    #[test]
    fn what_is_not_well_formed_is_refused() {
        let id = public(1).id;
        for (id, reason) in [
            ("", String::new()),
            (&id.to_uppercase()[..63], String::new()),
            (&id, "x".repeat(257)),
        ] {
            let message = v1::EvidenceRevoke {
                id: id.into(),
                reason,
            };
            assert_eq!(
                Revoke::try_from(message).unwrap_err().code,
                code::EVIDENCE_INVALID
            );
        }
    }
}
