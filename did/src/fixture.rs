//! A small chain to apply DID transactions on: the one fixture of this crate's tests.

use starfire_proto::v1;
use starfire_state::account::Account;
use starfire_state::{Env, Overlay, Rejection, View};
use tendermint::Time;

use crate::create::Create;
use crate::deactivate::Deactivate;
use crate::document::Document;
use crate::id::{ChainCode, Did};
use crate::key::{KeyAlgorithm, PrivateKey, PublicKey};
use crate::rotate::Rotate;
use crate::update::Update;

struct Nothing;

impl View for Nothing {
    fn get(&self, _: &[u8]) -> Option<Vec<u8>> {
        None
    }

    fn scan(&self, _: &[u8], _: Option<&[u8]>, _: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        Vec::new()
    }
}

/// A key and its identifier on the main chain.
pub(crate) struct Person {
    pub(crate) key: PublicKey,
    pub(crate) did: Did,
}

/// The same person for the same number.
pub(crate) fn person(number: u8) -> Person {
    let key = PrivateKey::generate([number; 32], KeyAlgorithm::Ed25519).public();
    Person {
        key,
        did: key.address(None),
    }
}

/// A chain's state and the time of its next block.
pub(crate) struct World {
    pub(crate) state: Overlay<'static>,
    pub(crate) now_ms: i64,
    chain_code: String,
}

impl World {
    pub(crate) fn main() -> Self {
        Self {
            state: Overlay::new(&Nothing),
            now_ms: 1_000_000,
            chain_code: String::new(),
        }
    }

    pub(crate) fn sub_chain(code: &str) -> Self {
        Self {
            chain_code: ChainCode::parse(code).unwrap().to_string(),
            ..Self::main()
        }
    }

    pub(crate) fn env(&self, sender: impl ToString) -> Env {
        let nanos = u32::try_from(self.now_ms.rem_euclid(1000)).unwrap() * 1_000_000;
        Env {
            chain: v1::ChainRecord {
                chain_id: "starfire-test-1".into(),
                chain_code: self.chain_code.clone(),
                ..v1::ChainRecord::default()
            },
            height: 5,
            time: Time::from_unix_timestamp(self.now_ms.div_euclid(1000), nanos).unwrap(),
            sender: sender.to_string(),
            member: None,
        }
    }

    /// A chain on which this person has registered the least document.
    pub(crate) fn with(person: &Person) -> Self {
        let mut world = Self::main();
        Account::create(&person.did.to_string()).save(&mut world.state);
        world
            .create(
                &person.did,
                &v1::DidDocument::from(&Document::for_key(&person.did, &person.key)),
            )
            .unwrap();
        world
    }

    pub(crate) fn create(
        &mut self,
        sender: &Did,
        document: &v1::DidDocument,
    ) -> Result<(), Rejection> {
        let env = self.env(sender);
        Create::try_from(v1::DidCreate {
            document: Some(document.clone()),
            ..v1::DidCreate::default()
        })?
        .apply(&mut self.state, &env)
    }

    pub(crate) fn update(
        &mut self,
        sender: &Did,
        version: u64,
        document: &v1::DidDocument,
    ) -> Result<(), Rejection> {
        let env = self.env(sender);
        let message = v1::DidUpdate {
            did: document.id.clone(),
            expected_version: version,
            document: Some(document.clone()),
        };
        Update::try_from(message)?.apply(&mut self.state, &env)
    }

    /// Makes these keys, all of them for authentication, the keys of `did`.
    pub(crate) fn rotate(
        &mut self,
        sender: &Did,
        did: &Did,
        version: u64,
        keys: &[PublicKey],
    ) -> Result<(), Rejection> {
        let env = self.env(sender);
        let method = |(key, number): (&PublicKey, usize)| {
            let mut method = v1::DidDocument::from(&Document::for_key(did, key))
                .verification_method
                .remove(0);
            method.id = format!("{did}#key-{number}");
            method
        };
        let methods: Vec<_> = keys.iter().zip(1..).map(method).collect();
        let message = v1::DidRotate {
            did: did.to_string(),
            expected_version: version,
            authentication: methods.iter().map(|method| method.id.clone()).collect(),
            assertion_method: Vec::new(),
            verification_method: methods,
            ..v1::DidRotate::default()
        };
        Rotate::try_from(message)?.apply(&mut self.state, &env)
    }

    pub(crate) fn deactivate(
        &mut self,
        sender: &Did,
        did: &Did,
        version: u64,
    ) -> Result<(), Rejection> {
        let env = self.env(sender);
        let message = v1::DidDeactivate {
            did: did.to_string(),
            expected_version: version,
            reason: "key lost".into(),
        };
        Deactivate::try_from(message)?.apply(&mut self.state, &env)
    }

    /// The newest document of `did`, to change and send.
    pub(crate) fn document(&self, did: &Did) -> v1::DidDocument {
        crate::resolve::resolve(&self.state, did, None)
            .unwrap()
            .document
            .unwrap()
    }
}
