//! Registers a DID. Only the account that the DID names can do it, with the key that it derives from: nobody squats.

use starfire_proto::v1;
use starfire_state::{Env, Event, Overlay, Rejection, View};

use crate::code;
use crate::document::Document;
use crate::history;
use crate::path;

/// Registers a DID with its first document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Create {
    document: Document,
}

impl TryFrom<v1::DidCreate> for Create {
    type Error = Rejection;

    fn try_from(message: v1::DidCreate) -> Result<Self, Rejection> {
        let document = Document::try_from(message.document.unwrap_or_default())?;
        Ok(Self { document })
    }
}

impl Create {
    /// Stores version 1.
    pub fn apply(self, state: &mut Overlay<'_>, env: &Env) -> Result<(), Rejection> {
        let did = *self.document.id();
        if did
            .chain_code()
            .map_or(String::new(), |code| code.to_string())
            != env.chain.chain_code
        {
            return Err(Rejection::new(
                code::DID_WRONG_CHAIN,
                format!("{did} is not of chain {}", env.chain.chain_id),
            ));
        }
        if env.sender != did.to_string() {
            let detail = format!("{did} is registered by itself, not by {}", env.sender);
            return Err(Rejection::new(code::DID_NOT_DERIVED, detail));
        }
        if !self
            .document
            .methods()
            .iter()
            .filter_map(|method| method.key.account_key())
            .any(|key| did.is_derived_from(key))
        {
            let detail = format!("the document has no key that {did} derives from");
            return Err(Rejection::new(code::DID_NOT_DERIVED, detail));
        }
        // A tombstone is a record too: what was deactivated stays so.
        if state.get(&path::record(&did)).is_some() {
            return Err(Rejection::new(
                code::DID_EXISTS,
                format!("{did} is registered already"),
            ));
        }
        history::append(state, &did, &history::first(&self.document, env));
        state.emit(Event::new(
            "did.created",
            vec![("did", did.to_string()), ("version", "1".into())],
        ));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{World, person};
    use crate::id::{ChainCode, Did};
    use crate::key::{KeyAlgorithm, PrivateKey};
    use crate::resolve::resolve;

    fn least(did: &Did, key: &crate::PublicKey) -> v1::DidDocument {
        (&Document::for_key(did, key)).into()
    }

    #[test]
    fn a_key_registers_the_identifier_that_it_derives() {
        let mut world = World::main();
        let sm2 = PrivateKey::generate([1; 32], KeyAlgorithm::Sm2).public();
        for (key, did) in [(person(1).key, person(1).did), (sm2, sm2.address(None))] {
            world.create(&did, &least(&did, &key)).unwrap();
            let record = resolve(&world.state, &did, None).unwrap();
            assert_eq!(record.document, Some(least(&did, &key)));
            assert_eq!(
                (record.version, record.created_ms, record.deactivated),
                (1, 1_000_000, false)
            );
            assert!(record.previous_hash.is_empty());
            assert_eq!(resolve(&world.state, &did, Some(1)), Some(record));
        }
    }

    #[test]
    fn nobody_squats() {
        let mut world = World::main();
        let (alice, mallory) = (person(1), person(2));
        let by_another = world.create(&mallory.did, &least(&alice.did, &alice.key));
        assert_eq!(by_another.unwrap_err().code, code::DID_NOT_DERIVED);
        let by_another_key = world.create(&alice.did, &least(&alice.did, &mallory.key));
        assert_eq!(by_another_key.unwrap_err().code, code::DID_NOT_DERIVED);
        assert_eq!(resolve(&world.state, &alice.did, None), None);
    }

    #[test]
    fn an_identifier_belongs_to_one_chain() {
        let alice = person(1);
        let abroad = Did::derive(&alice.key, Some(&ChainCode::parse("byo1").unwrap()));
        let mut main = World::main();
        let mut sub = World::sub_chain("byo1");
        let wrong = main
            .create(&abroad, &least(&abroad, &alice.key))
            .unwrap_err();
        assert_eq!(wrong.code, code::DID_WRONG_CHAIN);
        let wrong = sub
            .create(&alice.did, &least(&alice.did, &alice.key))
            .unwrap_err();
        assert_eq!(wrong.code, code::DID_WRONG_CHAIN);
        sub.create(&abroad, &least(&abroad, &alice.key)).unwrap();
    }

    #[test]
    fn an_identifier_is_registered_once_even_after_its_end() {
        let alice = person(1);
        let mut world = World::with(&alice);
        let again = world.create(&alice.did, &least(&alice.did, &alice.key));
        assert_eq!(again.unwrap_err().code, code::DID_EXISTS);
        world.deactivate(&alice.did, &alice.did, 1).unwrap();
        let again = world.create(&alice.did, &least(&alice.did, &alice.key));
        assert_eq!(again.unwrap_err().code, code::DID_EXISTS);
    }

    #[test]
    fn what_is_no_document_is_refused() {
        assert_eq!(
            Create::try_from(v1::DidCreate::default()).unwrap_err().code,
            code::DID_DOCUMENT_INVALID
        );
    }
}
