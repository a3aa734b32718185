//! Replaces a document's keys, and hands the account behind the DID over to the new ones: see `handover.rs`.

use starfire_proto::v1;
use starfire_state::{Env, Event, Overlay, Rejection};

use crate::authority;
use crate::document::Document;
use crate::handover::{Keys, hand_over};
use crate::history;
use crate::id::Did;

/// Replaces the keys and what they are for.
#[derive(Debug, Clone, PartialEq)]
pub struct Rotate {
    did: Did,
    expected_version: u64,
    keys: Keys,
}

impl TryFrom<v1::DidRotate> for Rotate {
    type Error = Rejection;

    fn try_from(message: v1::DidRotate) -> Result<Self, Rejection> {
        let did = authority::parse(&message.did)?;
        let keys = v1::DidKeys {
            verification_method: message.verification_method,
            authentication: message.authentication,
            assertion_method: message.assertion_method,
            key_agreement: message.key_agreement,
            capability_invocation: message.capability_invocation,
            capability_delegation: message.capability_delegation,
        };
        Ok(Self {
            did,
            expected_version: message.expected_version,
            // They must make a document by themselves; with the services they are judged again.
            keys: Keys::parse(&did, keys)?,
        })
    }
}

impl Rotate {
    /// What it leaves of a document.
    pub fn leave(&self, held: v1::DidDocument) -> v1::DidDocument {
        self.keys.clone().put_into(held)
    }

    /// Stores the next version and moves the account.
    pub fn apply(
        self,
        state: &mut Overlay<'_>,
        env: &Env,
        signers: &[&str],
    ) -> Result<(), Rejection> {
        let held = authority::controlled(state, &self.did, self.expected_version, env, signers)?;
        let document = Document::try_from(self.leave((&held.document).into()))?;
        let record = history::next(&held.record, Some(&document), env);
        history::append(state, &self.did, &record);
        hand_over(state, &document);
        state.emit(Event::new(
            "did.rotated",
            authority::told(&self.did, &record),
        ));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use starfire_state::account::Account;

    use super::*;
    use crate::code;
    use crate::fixture::{World, person};
    use crate::id::ChainCode;
    use crate::resolve::resolve;

    /// What each key's signature weighs against what the account asks for.
    fn may_act(world: &World, account: &Did, signer: &Did) -> bool {
        let account = Account::load(&world.state, &account.to_string()).unwrap();
        account.weight_of(&[signer.to_string()]) >= account.threshold_for(7)
    }

    #[test]
    fn a_key_that_was_rotated_out_no_longer_acts() {
        let (alice, phone, laptop) = (person(1), person(2), person(3));
        let mut world = World::with(&alice);
        assert!(may_act(&world, &alice.did, &alice.did));
        world
            .rotate(&alice.did, &alice.did, 1, &[phone.key, laptop.key])
            .unwrap();
        assert!(!may_act(&world, &alice.did, &alice.did));
        assert!(
            may_act(&world, &alice.did, &phone.did) && may_act(&world, &alice.did, &laptop.did)
        );

        world
            .rotate(&alice.did, &alice.did, 2, &[laptop.key])
            .unwrap();
        assert!(!may_act(&world, &alice.did, &phone.did));
        assert!(may_act(&world, &alice.did, &laptop.did));
        let document = Document::try_from(world.document(&alice.did)).unwrap();
        assert_eq!(
            document.authentication_keys().collect::<Vec<_>>(),
            [&laptop.key]
        );
    }

    #[test]
    fn the_first_key_may_stay_or_come_back() {
        let (alice, phone) = (person(1), person(2));
        let mut world = World::with(&alice);
        world
            .rotate(&alice.did, &alice.did, 1, &[alice.key, phone.key])
            .unwrap();
        assert!(may_act(&world, &alice.did, &alice.did) && may_act(&world, &alice.did, &phone.did));
        world
            .rotate(&alice.did, &alice.did, 2, &[phone.key])
            .unwrap();
        assert!(!may_act(&world, &alice.did, &alice.did));
        world
            .rotate(&alice.did, &alice.did, 3, &[alice.key])
            .unwrap();
        assert!(
            may_act(&world, &alice.did, &alice.did) && !may_act(&world, &alice.did, &phone.did)
        );
    }

    #[test]
    fn the_account_keeps_its_coins_and_nonce_but_not_its_old_signers() {
        let (alice, phone, mallory) = (person(1), person(2), person(3));
        let mut world = World::with(&alice);
        let mut account = Account::create(&alice.did.to_string());
        account.record.balance = 50;
        account.record.nonce = 4;
        account.record.signers = vec![v1::SignerWeight {
            address: mallory.did.to_string(),
            weight: 9,
        }];
        account.record.type_thresholds = vec![v1::TypeThreshold {
            r#type: 7,
            threshold: 9,
        }];
        account.save(&mut world.state);
        world
            .rotate(&alice.did, &alice.did, 1, &[phone.key])
            .unwrap();
        assert!(may_act(&world, &alice.did, &phone.did));
        assert!(!may_act(&world, &alice.did, &mallory.did));
        let account = Account::load(&world.state, &alice.did.to_string()).unwrap();
        assert_eq!((account.record.balance, account.record.nonce), (50, 4));
    }

    #[test]
    fn a_guardian_recovers_a_lost_key() {
        let (alice, guardian, new) = (person(1), person(2), person(3));
        let mut world = World::with(&alice);
        let mut document = world.document(&alice.did);
        document.controller = vec![alice.did.to_string(), guardian.did.to_string()];
        world.update(&alice.did, 1, &document).unwrap();
        world
            .rotate(&guardian.did, &alice.did, 2, &[new.key])
            .unwrap();
        assert!(may_act(&world, &alice.did, &new.did));
        assert!(
            !may_act(&world, &alice.did, &guardian.did),
            "the guardian rotates, but does not act as Alice"
        );
        assert_eq!(world.document(&alice.did).controller, document.controller);
    }

    #[test]
    fn signers_of_a_sub_chain_account_are_of_that_chain() {
        let byo1 = ChainCode::parse("byo1").unwrap();
        let (alice, phone) = (person(1).key, person(2).key);
        let did = alice.address(Some(&byo1));
        let mut world = World::sub_chain("byo1");
        world
            .create(&did, &(&Document::for_key(&did, &alice)).into())
            .unwrap();
        world.rotate(&did, &did, 1, &[phone]).unwrap();
        assert!(may_act(&world, &did, &phone.address(Some(&byo1))));
        assert!(!may_act(&world, &did, &phone.address(None)));
    }

    #[test]
    fn a_rotation_keeps_the_rules_of_documents_and_versions() {
        let (alice, mallory) = (person(1), person(2));
        let mut world = World::with(&alice);
        let refused = |result: Result<(), Rejection>| result.unwrap_err().code;
        let keys = [mallory.key];
        assert_eq!(
            refused(world.rotate(&mallory.did, &alice.did, 1, &keys)),
            code::DID_NOT_CONTROLLER
        );
        assert_eq!(
            refused(world.rotate(&alice.did, &alice.did, 2, &keys)),
            code::DID_VERSION_CONFLICT
        );
        assert_eq!(
            refused(world.rotate(&alice.did, &mallory.did, 1, &keys)),
            code::DID_NOT_FOUND
        );
        assert_eq!(
            refused(world.rotate(&alice.did, &alice.did, 1, &[])),
            code::DID_DOCUMENT_INVALID
        );
        assert_eq!(
            refused(world.rotate(&alice.did, &alice.did, 1, &[alice.key; 2])),
            code::DID_DOCUMENT_INVALID
        );
        assert_eq!(resolve(&world.state, &alice.did, None).unwrap().version, 1);
    }

    #[test]
    fn a_new_key_cannot_take_a_services_id() {
        let (alice, phone) = (person(1), person(2));
        let mut world = World::with(&alice);
        let mut document = world.document(&alice.did);
        document.service.push(v1::DidService {
            id: format!("{}#key-2", alice.did),
            r#type: "LinkedDomains".into(),
            endpoint: "https://example.org/".into(),
        });
        world.update(&alice.did, 1, &document).unwrap();
        let taken = world
            .rotate(&alice.did, &alice.did, 2, &[alice.key, phone.key])
            .unwrap_err();
        assert_eq!(taken.code, code::DID_DOCUMENT_INVALID);
    }
}
