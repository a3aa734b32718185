//! Gives a DID new keys, or ends it, by the guardians that its document names.
//!
//! Guardians are a second policy beside the controllers, for the day when keys are lost or stolen. What they may do is this one
//! thing, and how it meets the controllers is the document's choice, by its `delay`:
//!
//! - **A delay of 0 trusts the guardians.** They act at once. A thief who holds the controllers' keys cannot stop them, and must not
//!   be able to dismiss them first: terms with a delay of 0 are changed by controllers and guardians together.
//! - **A delay trusts the controllers.** What the guardians ask for waits so long ([`veto`], [`complete`]), and the controllers may
//!   veto it; guardians who conspire are seen and stopped. A thief who holds enough of the controllers' keys can veto as well, so a
//!   delay guards against loss, and against theft only where the thief does not meet the controllers' threshold.
//!
//! Between asking and completing, nothing but a veto (or the DID's end) stops a recovery, or a thief would stop it by mere
//! business, and in silence:
//!
//! - Controllers go on to update and rotate. That raises the version, so a recovery is not bound to one: asking names a version
//!   that its guardians have seen, present or past, and completing names none. It replaces whatever keys stand then.
//! - What was written meanwhile cannot make the recovered document impossible (a service that has the id of a new key, a document
//!   too long for the new keys). What does not fit together with the new keys is left out: all but keys and guardians.
//! - Nor is a veto bound to a version, or who shares the control could hold up every veto in the same way. It names the recovery
//!   that it stops.
//! - The terms cannot be changed while a recovery waits. Whoever could change them can veto.
//! - There is one at a time, and a veto ends it in public, as an event. Guardians may ask again.
//!
//! A recovery with keys gives the DID back to itself: it no longer has controllers, since those are what failed. The account goes
//! over to the new keys as in a rotation. The guardians stay.

use prost::Message;
use starfire_proto::v1;
use starfire_proto::v1::did_recover::To;
use starfire_state::{Env, Event, Overlay, Rejection, View, record};

use crate::authority::{self, Held};
use crate::document::{Document, DocumentError, Recovery};
use crate::handover::{Keys, hand_over};
use crate::id::Did;
use crate::{code, deactivate, history, path, policy};

pub mod complete;
pub mod veto;

/// Asks for new keys, or for the end.
#[derive(Debug, Clone, PartialEq)]
pub struct Recover {
    did: Did,
    expected_version: u64,
    goal: Goal,
    /// As it came, to be kept while it waits.
    message: v1::DidRecover,
}

/// What a recovery ends in.
#[derive(Debug, Clone, PartialEq)]
enum Goal {
    Keys(Keys),
    End { reason: String },
}

impl TryFrom<v1::DidRecover> for Recover {
    type Error = Rejection;

    fn try_from(message: v1::DidRecover) -> Result<Self, Rejection> {
        let did = authority::parse(&message.did)?;
        let goal = match message.to.clone() {
            Some(To::Keys(keys)) => Goal::Keys(Keys::parse(&did, keys)?),
            Some(To::End(end)) => Goal::End {
                reason: deactivate::bounded(end.reason)?,
            },
            None => {
                return Err(Rejection::new(
                    code::DID_DOCUMENT_INVALID,
                    "a recovery has new keys, or is the end",
                ));
            }
        };
        Ok(Self {
            did,
            expected_version: message.expected_version,
            goal,
            message,
        })
    }
}

impl Recover {
    /// Carries it out, or notes it to wait for the end of its delay.
    pub fn apply(
        self,
        state: &mut Overlay<'_>,
        env: &Env,
        signers: &[&str],
    ) -> Result<(), Rejection> {
        let held = authority::held(state, &self.did)?;
        let Some(recovery) = held.document.recovery() else {
            let detail = format!("{} names no guardians", self.did);
            return Err(Rejection::new(code::DID_NO_GUARDIANS, detail));
        };
        let standing = require_guardians(state, &self.did, recovery, env, signers)?;
        if !(1..=held.record.version).contains(&self.expected_version) {
            let detail = format!(
                "{} has versions 1 to {}, not {}: name one that the guardians have seen",
                self.did, held.record.version, self.expected_version
            );
            return Err(Rejection::new(code::DID_VERSION_CONFLICT, detail));
        }
        if let Some(pending) = pending(state, &self.did) {
            return Err(waits_already(&self.did, &pending));
        }
        if let Goal::Keys(keys) = &self.goal {
            least(&held.document, keys.clone())?;
        }
        if recovery.delay_ms == 0 {
            self.goal.reach(state, &self.did, held, env);
            return Ok(());
        }
        let pending = v1::PendingRecovery {
            recover: self.message.encode_to_vec(),
            asked_ms: env.time_ms(),
            effective_ms: env.time_ms().saturating_add(recovery.delay_ms),
            guardian: standing.iter().map(Did::to_string).collect(),
        };
        state.put_record(path::recovery(&self.did), &pending);
        state.emit(Event::new(
            "did.recovery_asked",
            vec![
                ("did", self.did.to_string()),
                ("effective_ms", pending.effective_ms.to_string()),
            ],
        ));
        Ok(())
    }
}

impl Goal {
    fn reach(self, state: &mut Overlay<'_>, did: &Did, held: Held, env: &Env) {
        let keys = match self {
            Self::Keys(keys) => keys,
            Self::End { reason } => {
                deactivate::end(state, did, &held.record, reason, env);
                return;
            }
        };
        let document = recovered(&held.document, keys).expect(
            "keys and guardians made a document when it was asked for, and both have stayed",
        );
        let record = history::next(&held.record, Some(&document), env);
        history::append(state, did, &record);
        hand_over(state, &document);
        state.emit(Event::new("did.recovered", authority::told(did, &record)));
    }
}

/// The document with new keys and no controllers but itself; if that cannot be, the keys and the guardians alone.
fn recovered(document: &Document, keys: Keys) -> Result<Document, DocumentError> {
    let whole = v1::DidDocument {
        controller: Vec::new(),
        controller_weight: Vec::new(),
        controller_threshold: 0,
        ..document.into()
    };
    Document::try_from(keys.clone().put_into(whole)).or_else(|_| least(document, keys))
}

fn least(document: &Document, keys: Keys) -> Result<Document, DocumentError> {
    let record = v1::DidDocument::from(document);
    let bare = v1::DidDocument {
        id: record.id,
        recovery: record.recovery,
        ..v1::DidDocument::default()
    };
    Document::try_from(keys.put_into(bare))
}

/// The recovery of `did` that waits for the end of its delay.
pub fn pending(view: &dyn View, did: &Did) -> Option<v1::PendingRecovery> {
    record(view, &path::recovery(did))
}

/// What waits for `did`, or why nothing does.
fn expect_pending(view: &dyn View, did: &Did) -> Result<v1::PendingRecovery, Rejection> {
    pending(view, did).ok_or_else(|| {
        Rejection::new(
            code::DID_RECOVERY_NOT_FOUND,
            format!("no recovery of {did} waits"),
        )
    })
}

/// The terms of recovery may change: none waits, and guardians who need not wait agree.
pub(crate) fn require_free_terms(
    view: &dyn View,
    document: &Document,
    env: &Env,
    signers: &[&str],
) -> Result<(), Rejection> {
    let did = document.id();
    if let Some(pending) = pending(view, did) {
        return Err(waits_already(did, &pending));
    }
    match document.recovery() {
        Some(recovery) if recovery.delay_ms == 0 => {
            require_guardians(view, did, recovery, env, signers).map(drop)
        }
        Some(_) | None => Ok(()),
    }
}

fn require_guardians(
    view: &dyn View,
    did: &Did,
    recovery: &Recovery,
    env: &Env,
    signers: &[&str],
) -> Result<Vec<Did>, Rejection> {
    let standing = policy::standing(view, &recovery.guardians, env, signers);
    if standing.is_empty() {
        let detail = format!("no guardian of {did} signed");
        return Err(Rejection::new(code::DID_NOT_GUARDIAN, detail));
    }
    authority::require_weight(
        &recovery.guardians,
        &standing,
        code::DID_GUARDIANS_TOO_FEW,
        "guardians",
        did,
    )?;
    Ok(standing)
}

fn waits_already(did: &Did, pending: &v1::PendingRecovery) -> Rejection {
    let detail = format!(
        "a recovery of {did} waits until {}: veto or complete it first",
        pending.effective_ms
    );
    Rejection::new(code::DID_RECOVERY_PENDING, detail)
}

#[cfg(test)]
mod tests;
