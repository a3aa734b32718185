//! A small chain to apply DID transactions on: the one fixture of this crate's tests.

use starfire_proto::v1;
use starfire_proto::v1::did_recover::To;
use starfire_state::account::Account;
use starfire_state::{Env, Event, Overlay, Rejection, View};
use tendermint::Time;

use crate::add_resource::AddResource;
use crate::create::Create;
use crate::deactivate::Deactivate;
use crate::document::Document;
use crate::id::{ChainCode, Did};
use crate::key::{KeyAlgorithm, PrivateKey, PublicKey};
use crate::recover::Recover;
use crate::recover::complete::Complete;
use crate::recover::veto::Veto;
use crate::resolve::resolve;
use crate::rotate::Rotate;
use crate::signature;
use crate::update::Update;

/// The chain of these tests.
pub(crate) const CHAIN_ID: &str = "starfire-test-1";

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

/// The key of the person with this number.
pub(crate) fn private_key(number: u8) -> PrivateKey {
    PrivateKey::generate([number; 32], KeyAlgorithm::Ed25519)
}

/// The same person for the same number.
pub(crate) fn person(number: u8) -> Person {
    let key = private_key(number).public();
    Person {
        key,
        did: key.address(None),
    }
}

/// A chain's state and the time of its next block.
pub(crate) struct World {
    pub(crate) state: Overlay<'static>,
    pub(crate) now_ms: i64,
    pub(crate) did_creation: v1::DidCreation,
    chain_code: String,
    bif_profile: bool,
    events: Vec<Event>,
}

impl World {
    pub(crate) fn main() -> Self {
        Self {
            state: Overlay::new(&Nothing),
            now_ms: 1_000_000,
            did_creation: v1::DidCreation::Anyone,
            chain_code: String::new(),
            bif_profile: false,
            events: Vec::new(),
        }
    }

    pub(crate) fn sub_chain(code: &str) -> Self {
        Self {
            chain_code: ChainCode::parse(code).unwrap().to_string(),
            ..Self::main()
        }
    }

    pub(crate) fn of_bif_profile(self) -> Self {
        Self {
            bif_profile: true,
            ..self
        }
    }

    pub(crate) fn env(&self, sender: impl ToString) -> Env {
        let nanos = u32::try_from(self.now_ms.rem_euclid(1000)).unwrap() * 1_000_000;
        Env {
            chain: v1::ChainRecord {
                chain_id: CHAIN_ID.into(),
                chain_code: self.chain_code.clone(),
                did_creation: self.did_creation.into(),
                bif_profile: self.bif_profile,
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

    /// What a transaction of `sender` with these keys' signatures would do; refused, it does nothing.
    pub(crate) fn act(
        &mut self,
        sender: &Did,
        keys: &[&Did],
        operation: impl FnOnce(&mut Overlay<'_>, &Env, &[&str]) -> Result<(), Rejection>,
    ) -> Result<(), Rejection> {
        let env = self.env(sender);
        let mut signers: Vec<String> = keys.iter().map(|did| did.to_string()).collect();
        signers.sort_unstable();
        let signers: Vec<&str> = signers.iter().map(String::as_str).collect();
        let mut state = Overlay::new(&self.state);
        operation(&mut state, &env, &signers)?;
        let (changes, events) = state.into_parts();
        self.state.absorb(changes);
        self.events = events;
        Ok(())
    }

    pub(crate) fn create(
        &mut self,
        sender: &Did,
        document: &v1::DidDocument,
    ) -> Result<(), Rejection> {
        self.create_with(sender, &[sender], document, Vec::new())
    }

    pub(crate) fn create_with(
        &mut self,
        sender: &Did,
        keys: &[&Did],
        document: &v1::DidDocument,
        consent: Vec<u8>,
    ) -> Result<(), Rejection> {
        let mut create = Create::try_from(v1::DidCreate {
            document: Some(document.clone()),
            consent,
        })?;
        // As the ledger does before a transaction comes into a block.
        if let Some(claim) = create.claim(CHAIN_ID) {
            create.settle(signature::verify(
                &claim.key,
                &claim.message,
                &claim.signature,
            ))?;
        }
        self.act(sender, keys, |state, env, signers| {
            create.apply(state, env, signers)
        })
    }

    pub(crate) fn update(
        &mut self,
        sender: &Did,
        version: u64,
        document: &v1::DidDocument,
    ) -> Result<(), Rejection> {
        self.update_with(sender, &[sender], version, document)
    }

    pub(crate) fn update_with(
        &mut self,
        sender: &Did,
        keys: &[&Did],
        version: u64,
        document: &v1::DidDocument,
    ) -> Result<(), Rejection> {
        let message = v1::DidUpdate {
            did: document.id.clone(),
            expected_version: version,
            document: Some(document.clone()),
        };
        let update = Update::try_from(message)?;
        self.act(sender, keys, |state, env, signers| {
            update.apply(state, env, signers)
        })
    }

    /// Makes these keys, all of them for authentication, the keys of `did`.
    pub(crate) fn rotate(
        &mut self,
        sender: &Did,
        did: &Did,
        version: u64,
        keys: &[PublicKey],
    ) -> Result<(), Rejection> {
        let keys = did_keys(did, keys);
        let rotate = Rotate::try_from(v1::DidRotate {
            did: did.to_string(),
            expected_version: version,
            authentication: keys.authentication,
            verification_method: keys.verification_method,
            ..v1::DidRotate::default()
        })?;
        self.act(sender, &[sender], |state, env, signers| {
            rotate.apply(state, env, signers)
        })
    }

    pub(crate) fn deactivate(
        &mut self,
        sender: &Did,
        did: &Did,
        version: u64,
    ) -> Result<(), Rejection> {
        self.deactivate_with(sender, &[sender], did, version)
    }

    pub(crate) fn deactivate_with(
        &mut self,
        sender: &Did,
        keys: &[&Did],
        did: &Did,
        version: u64,
    ) -> Result<(), Rejection> {
        let deactivate = Deactivate::try_from(v1::DidDeactivate {
            did: did.to_string(),
            expected_version: version,
            reason: "key lost".into(),
        })?;
        self.act(sender, keys, |state, env, signers| {
            deactivate.apply(state, env, signers)
        })
    }

    /// The first of `guardians` sends, all of them sign.
    pub(crate) fn recover(
        &mut self,
        guardians: &[&Did],
        did: &Did,
        version: u64,
        to: To,
    ) -> Result<(), Rejection> {
        let recover = Recover::try_from(v1::DidRecover {
            did: did.to_string(),
            expected_version: version,
            to: Some(to),
        })?;
        self.act(guardians[0], guardians, |state, env, signers| {
            recover.apply(state, env, signers)
        })
    }

    pub(crate) fn veto(&mut self, sender: &Did, did: &Did, asked_ms: i64) -> Result<(), Rejection> {
        let veto = Veto::try_from(v1::DidVetoRecovery {
            did: did.to_string(),
            asked_ms,
        })?;
        self.act(sender, &[sender], |state, env, signers| {
            veto.apply(state, env, signers)
        })
    }

    /// Sent by somebody who has nothing to do with it.
    pub(crate) fn complete(&mut self, did: &Did) -> Result<(), Rejection> {
        let complete = Complete::try_from(v1::DidCompleteRecovery {
            did: did.to_string(),
        })?;
        let anyone = person(200).did;
        self.act(&anyone, &[&anyone], |state, env, _| {
            complete.apply(state, env)
        })
    }

    pub(crate) fn add_resource(
        &mut self,
        sender: &Did,
        message: v1::DidAddResource,
    ) -> Result<(), Rejection> {
        let add = AddResource::try_from(message)?;
        self.act(sender, &[sender], |state, env, signers| {
            add.apply(state, env, signers)
        })
    }

    /// The newest document of `did`, to change and send.
    pub(crate) fn document(&self, did: &Did) -> v1::DidDocument {
        resolve(&self.state, did, None).unwrap().document.unwrap()
    }

    /// The newest version of `did`; 0: it is not registered.
    pub(crate) fn version(&self, did: &Did) -> u64 {
        resolve(&self.state, did, None).map_or(0, |record| record.version)
    }

    /// What the last operation told of.
    pub(crate) fn told(&self) -> Vec<&'static str> {
        self.events.iter().map(|event| event.kind).collect()
    }
}

/// These keys, all of them for authentication.
pub(crate) fn did_keys(did: &Did, keys: &[PublicKey]) -> v1::DidKeys {
    let method = |(key, number): (&PublicKey, usize)| {
        let mut method = v1::DidDocument::from(&Document::for_key(did, key))
            .verification_method
            .remove(0);
        method.id = format!("{did}#key-{number}");
        method
    };
    let methods: Vec<_> = keys.iter().zip(1..).map(method).collect();
    v1::DidKeys {
        authentication: methods.iter().map(|method| method.id.clone()).collect(),
        verification_method: methods,
        ..v1::DidKeys::default()
    }
}

/// The least document of a person, to change and register.
pub(crate) fn unregistered(number: u8) -> v1::DidDocument {
    let person = person(number);
    (&Document::for_key(&person.did, &person.key)).into()
}

/// An identifier of nobody in particular.
pub(crate) fn stranger(number: u16) -> Did {
    let mut seed = [0xff; 32];
    seed[..2].copy_from_slice(&number.to_be_bytes());
    PrivateKey::generate(seed, KeyAlgorithm::Ed25519)
        .public()
        .address(None)
}
