//! Replaces a document's keys, and hands the account behind the DID over to the new ones.
//!
//! An address is derived from its first key for ever, so a key that only left the document could still send transactions as the
//! DID. Therefore the account follows the document: each authentication key's own address becomes a signer of weight 1, one
//! signer suffices, and the key that the address derives from has weight only while it is an authentication key. Weights and
//! thresholds that were set before are replaced; balance and nonce stay.

use std::collections::BTreeSet;

use starfire_proto::v1;
use starfire_state::account::Account;
use starfire_state::{Env, Event, Overlay, Rejection};

use crate::authority;
use crate::document::Document;
use crate::history;
use crate::id::Did;

/// Replaces the keys and what they are for.
#[derive(Debug, Clone, PartialEq)]
pub struct Rotate {
    did: Did,
    expected_version: u64,
    /// The new keys, in a document without services.
    keys: v1::DidDocument,
}

impl TryFrom<v1::DidRotate> for Rotate {
    type Error = Rejection;

    fn try_from(message: v1::DidRotate) -> Result<Self, Rejection> {
        let did = authority::parse(&message.did)?;
        let keys = v1::DidDocument {
            id: message.did,
            verification_method: message.verification_method,
            authentication: message.authentication,
            assertion_method: message.assertion_method,
            ..v1::DidDocument::default()
        };
        // The keys must make a document by themselves; with the services they are judged again.
        Document::try_from(keys.clone())?;
        Ok(Self {
            did,
            expected_version: message.expected_version,
            keys,
        })
    }
}

impl Rotate {
    /// Stores the next version and moves the account.
    pub fn apply(self, state: &mut Overlay<'_>, env: &Env) -> Result<(), Rejection> {
        let held = authority::controlled(state, &self.did, self.expected_version, env)?;
        let document = Document::try_from(v1::DidDocument {
            verification_method: self.keys.verification_method,
            authentication: self.keys.authentication,
            assertion_method: self.keys.assertion_method,
            ..v1::DidDocument::from(&held.document)
        })?;
        let record = history::next(&held.record, Some(&document), env);
        history::append(state, &self.did, &record);
        hand_over(state, &document);
        let attributes = vec![
            ("did", self.did.to_string()),
            ("version", record.version.to_string()),
        ];
        state.emit(Event::new("did.rotated", attributes));
        Ok(())
    }
}

/// Makes the document's authentication keys, and no others, the account's signers.
fn hand_over(state: &mut Overlay<'_>, document: &Document) {
    let did = document.id();
    let code = did.chain_code();
    let mut signers: BTreeSet<Did> = document
        .authentication_keys()
        .map(|key| key.address(code.as_ref()))
        .collect();
    assert!(!signers.is_empty(), "a document has an authentication key");
    let address = did.to_string();
    let mut account = Account::load(state, &address).unwrap_or_else(|| Account::create(&address));
    account.record.master_weight = i64::from(signers.remove(did));
    account.record.signers = signers
        .iter()
        .map(|signer| v1::SignerWeight {
            address: signer.to_string(),
            weight: 1,
        })
        .collect();
    account.record.tx_threshold = 1;
    account.record.type_thresholds.clear();
    account.save(state);
}

#[cfg(test)]
mod tests {
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
