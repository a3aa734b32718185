//! Replaces a document, but for its keys: those change by rotation, which also moves the account behind the DID.

use starfire_proto::v1;
use starfire_state::{Env, Event, Overlay, Rejection};

use crate::document::Document;
use crate::id::Did;
use crate::known::Known;
use crate::{authority, code, delegation, history, recover};

/// Replaces controllers, services and other names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    did: Did,
    expected_version: u64,
    document: Document,
}

impl TryFrom<v1::DidUpdate> for Update {
    type Error = Rejection;

    fn try_from(message: v1::DidUpdate) -> Result<Self, Rejection> {
        let did = authority::parse(&message.did)?;
        let document = Document::try_from(message.document.unwrap_or_default())?;
        if *document.id() != did {
            let detail = format!("the document is {}'s, not {did}'s", document.id());
            return Err(Rejection::new(code::DID_DOCUMENT_INVALID, detail));
        }
        Ok(Self {
            did,
            expected_version: message.expected_version,
            document,
        })
    }
}

impl Update {
    /// Stores the next version.
    pub fn apply(
        self,
        state: &mut Overlay<'_>,
        env: &Env,
        signers: &[&str],
    ) -> Result<(), Rejection> {
        let held = authority::controlled(state, &self.did, self.expected_version, env, signers)?;
        if !self.document.has_keys_of(&held.document) {
            let detail = format!(
                "an update leaves the keys of {} as they are: rotate them",
                self.did
            );
            return Err(Rejection::new(code::DID_KEYS_CHANGE_BY_ROTATE, detail));
        }
        if self.document.controllers() != held.document.controllers() {
            delegation::check(&mut Known::default(), state, &self.document)?;
        }
        if self.document.recovery() != held.document.recovery() {
            recover::require_free_terms(state, &held.document, env, signers)?;
        }
        let record = history::next(&held.record, Some(&self.document), env);
        history::append(state, &self.did, &record);
        state.emit(Event::new(
            "did.updated",
            authority::told(&self.did, &record),
        ));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{World, person};
    use crate::resolve::resolve;

    fn with_service(mut document: v1::DidDocument) -> v1::DidDocument {
        document.service.push(v1::DidService {
            id: format!("{}#web", document.id),
            r#type: "LinkedDomains".into(),
            endpoint: "https://example.org/".into(),
        });
        document
    }

    #[test]
    fn a_version_follows_the_one_that_its_sender_has_seen() {
        let alice = person(1);
        let mut world = World::with(&alice);
        let document = with_service(world.document(&alice.did));
        for unseen in [0, 2, u64::MAX] {
            let conflict = world.update(&alice.did, unseen, &document).unwrap_err();
            assert_eq!(conflict.code, code::DID_VERSION_CONFLICT);
        }
        world.now_ms += 1_000;
        world.update(&alice.did, 1, &document).unwrap();
        let record = resolve(&world.state, &alice.did, None).unwrap();
        assert_eq!(
            (record.version, record.created_ms, record.updated_ms),
            (2, 1_000_000, 1_001_000)
        );
        assert_eq!(record.document, Some(document.clone()));
        let stale = world.update(&alice.did, 1, &document).unwrap_err();
        assert_eq!(stale.code, code::DID_VERSION_CONFLICT);
    }

    #[test]
    fn every_version_names_the_hash_of_the_one_before() {
        let alice = person(1);
        let mut world = World::with(&alice);
        world
            .update(&alice.did, 1, &world.document(&alice.did))
            .unwrap();
        world
            .rotate(&alice.did, &alice.did, 2, &[person(2).key])
            .unwrap();
        world.deactivate(&alice.did, &alice.did, 3).unwrap();
        let mut before = Vec::new();
        for version in 1..=4 {
            let record = resolve(&world.state, &alice.did, Some(version)).unwrap();
            assert_eq!(record.previous_hash, before);
            before = history::record_hash(&record).to_vec();
        }
    }

    #[test]
    fn only_controllers_change_a_document() {
        let (alice, guardian) = (person(1), person(2));
        let mut world = World::with(&alice);
        let mut document = world.document(&alice.did);
        document.controller = vec![guardian.did.to_string()];
        let stranger = world.update(&guardian.did, 1, &document).unwrap_err();
        assert_eq!(stranger.code, code::DID_NOT_CONTROLLER);
        world.update(&alice.did, 1, &document).unwrap();
        let no_longer = world.update(&alice.did, 2, &document).unwrap_err();
        assert_eq!(no_longer.code, code::DID_NOT_CONTROLLER);
        document.controller.push(alice.did.to_string());
        world.update(&guardian.did, 2, &document).unwrap();
        world.update(&alice.did, 3, &document).unwrap();
    }

    #[test]
    fn an_update_leaves_keys_alone() {
        let alice = person(1);
        let mut world = World::with(&alice);
        let document = world.document(&alice.did);
        let mut other_key = document.clone();
        other_key.verification_method[0].public_key = person(2).key.raw().to_vec();
        let mut other_use = document;
        other_use.assertion_method.clear();
        for changed in [other_key, other_use] {
            let refused = world.update(&alice.did, 1, &changed).unwrap_err();
            assert_eq!(refused.code, code::DID_KEYS_CHANGE_BY_ROTATE);
        }
    }

    #[test]
    fn what_is_not_registered_is_not_updated() {
        let (alice, bob) = (person(1), person(2));
        let mut world = World::with(&alice);
        let document = Document::for_key(&bob.did, &bob.key);
        let unknown = world.update(&bob.did, 1, &(&document).into()).unwrap_err();
        assert_eq!(unknown.code, code::DID_NOT_FOUND);
        let message = v1::DidUpdate {
            did: alice.did.to_string(),
            expected_version: 1,
            document: Some((&document).into()),
        };
        assert_eq!(
            Update::try_from(message.clone()).unwrap_err().code,
            code::DID_DOCUMENT_INVALID
        );
        let chain = v1::DidUpdate {
            did: "did:bid:byo1".into(),
            ..message
        };
        assert_eq!(Update::try_from(chain).unwrap_err().code, code::DID_INVALID);
    }
}
