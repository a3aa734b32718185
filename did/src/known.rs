//! What an operation has learnt of DIDs.
//!
//! Who sends an operation chooses whose documents and accounts must be read for it, and every node reads them. One that registers
//! many DIDs asks for the same ones again and again, so each is read once, and of a record no more than is needed.

use std::collections::BTreeMap;

use prost::Message;
use starfire_state::{Env, View, record};

use crate::create_batch::CREATIONS_MAX;
use crate::id::Did;
use crate::{path, policy};

/// Documents whose controllers an operation may ask for: four for each creation of the largest batch.
pub(crate) const CONTROLLERS_READ_MAX: usize = 4 * CREATIONS_MAX;

/// What of a [`starfire_proto::v1::DidRecord`] names the controllers; protobuf passes over the rest.
#[derive(Clone, PartialEq, Message)]
struct Controlled {
    #[prost(message, optional, tag = "1")]
    document: Option<Controllers>,
}

#[derive(Clone, PartialEq, Message)]
struct Controllers {
    #[prost(string, repeated, tag = "2")]
    controller: Vec<String>,
}

/// What is known within one operation.
#[derive(Debug, Default)]
pub(crate) struct Known {
    controllers: BTreeMap<Did, Vec<Did>>,
    controllers_read: usize,
    standing: BTreeMap<Did, bool>,
}

impl Known {
    /// The controllers of a DID by its newest document: none, if it is not registered or has ended. `None`: more were asked for than
    /// [`CONTROLLERS_READ_MAX`].
    pub(crate) fn controllers(&mut self, view: &dyn View, did: &Did) -> Option<&[Did]> {
        if !self.controllers.contains_key(did) {
            if self.controllers_read == CONTROLLERS_READ_MAX {
                return None;
            }
            self.controllers_read += 1;
            self.controllers.insert(*did, stored(view, did));
        }
        self.controllers.get(did).map(Vec::as_slice)
    }

    /// What [`policy::stands`] says.
    pub(crate) fn stands(
        &mut self,
        view: &dyn View,
        did: &Did,
        env: &Env,
        signers: &[&str],
    ) -> bool {
        let standing = self.standing.entry(*did);
        *standing.or_insert_with(|| policy::stands(view, did, env, signers))
    }

    /// Forgets a DID, whose document and account the operation is about to write.
    pub(crate) fn forget(&mut self, did: &Did) {
        self.controllers.remove(did);
        self.standing.remove(did);
    }
}

fn stored(view: &dyn View, did: &Did) -> Vec<Did> {
    let document = record::<Controlled>(view, &path::record(did)).and_then(|held| held.document);
    let controllers = document.unwrap_or_default().controller;
    let parse =
        |text: &String| Did::parse(text).expect("a document was parsed before it was stored");
    controllers.iter().map(parse).collect()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::fixture::{World, person, unregistered};

    /// Counts what is read of a state.
    struct Counted<'a> {
        state: &'a dyn View,
        reads: Cell<usize>,
    }

    impl View for Counted<'_> {
        fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
            self.reads.set(self.reads.get() + 1);
            self.state.get(key)
        }

        fn scan(
            &self,
            prefix: &[u8],
            after: Option<&[u8]>,
            limit: usize,
        ) -> Vec<(Vec<u8>, Vec<u8>)> {
            self.state.scan(prefix, after, limit)
        }
    }

    /// Person 2 controls person 1.
    fn controlled() -> World {
        let mut world = World::main();
        let mut document = unregistered(1);
        document.controller = vec![person(2).did.to_string()];
        world.create(&person(1).did, &document).unwrap();
        world
    }

    #[test]
    fn what_is_known_is_not_read_again() {
        let world = controlled();
        let state = Counted {
            state: &world.state,
            reads: Cell::new(0),
        };
        let (mut known, one, two) = (Known::default(), person(1).did, person(2).did);
        let env = world.env(two);
        let signers = [two.to_string()];
        let signers: Vec<&str> = signers.iter().map(String::as_str).collect();
        assert_eq!(known.controllers(&state, &one).unwrap(), [two]);
        assert!(known.stands(&state, &two, &env, &signers));
        assert!(!known.stands(&state, &one, &env, &signers));
        let reads = state.reads.get();
        assert!(reads > 0);
        assert_eq!(known.controllers(&state, &one).unwrap(), [two]);
        assert!(known.stands(&state, &two, &env, &signers));
        assert!(!known.stands(&state, &one, &env, &signers));
        assert_eq!(state.reads.get(), reads);
        known.forget(&one);
        assert_eq!(known.controllers(&state, &one).unwrap(), [two]);
        assert!(state.reads.get() > reads);
    }

    #[test]
    fn an_operation_asks_for_so_many_controllers_and_no_more() {
        let world = controlled();
        let mut known = Known {
            controllers_read: CONTROLLERS_READ_MAX - 1,
            ..Known::default()
        };
        assert!(known.controllers(&world.state, &person(1).did).is_some());
        assert!(known.controllers(&world.state, &person(1).did).is_some());
        assert!(known.controllers(&world.state, &person(2).did).is_none());
    }
}
