//! Random histories of DID operations against a model that says in few lines who may do what.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use starfire_proto::v1;
use starfire_proto::v1::did_recover::To;
use starfire_state::Rejection;

use crate::create::consent_message;
use crate::fixture::{CHAIN_ID, World, did_keys, person, private_key, unregistered};
use crate::history::record_hash;
use crate::recover::complete::Complete;
use crate::recover::veto::Veto;
use crate::recover::{Recover, pending};
use crate::resolve::resolve;
use crate::rotate::Rotate;

/// Persons 1 to 4 register; 5 and 6 only have keys.
const REGISTERED: u8 = 4;
const PEOPLE: u8 = 6;
const DELAY_MS: i64 = 1_000;

/// Of these, so many.
#[derive(Debug, Clone, PartialEq)]
struct Group {
    members: Vec<u8>,
    threshold: u32,
}

#[derive(Debug, Clone, PartialEq)]
struct Terms {
    controllers: Group,
    /// Guardians and their delay.
    recovery: Option<(Group, i64)>,
}

#[derive(Debug, Clone)]
enum Step {
    Create {
        consent: bool,
        terms: Terms,
    },
    Update(Terms),
    Rotate(u8),
    Deactivate,
    /// A new key, or the end.
    Recover(Option<u8>),
    Veto,
    Complete,
}

#[derive(Debug, Clone)]
struct Act {
    did: u8,
    sender: u8,
    keys: BTreeSet<u8>,
    /// How far behind the newest version the sender is; a veto of one who is behind means an earlier recovery.
    behind: u64,
    pause_ms: i64,
    step: Step,
}

/// A DID as the model knows it.
#[derive(Debug, Clone)]
struct Known {
    version: u64,
    ended: bool,
    key: u8,
    terms: Terms,
    /// When it takes effect, and what it does.
    waiting: Option<(i64, Option<u8>)>,
}

#[derive(Debug, Default)]
struct Model(BTreeMap<u8, Known>);

impl Model {
    fn key_of(&self, person: u8) -> u8 {
        self.0.get(&person).map_or(person, |known| known.key)
    }

    fn stands(&self, person: u8, act: &Act) -> bool {
        let ended = self.0.get(&person).is_some_and(|known| known.ended);
        !ended && (act.sender == person || act.keys.contains(&self.key_of(person)))
    }

    fn met(&self, group: &Group, act: &Act, also: Option<u8>) -> bool {
        let stands = |member: &&u8| also == Some(**member) || self.stands(**member, act);
        let weight = group.members.iter().filter(stands).count();
        weight >= usize::try_from(group.threshold.max(1)).unwrap()
    }

    fn control(did: u8, terms: &Terms) -> Group {
        if terms.controllers.members.is_empty() {
            return Group {
                members: vec![did],
                threshold: 1,
            };
        }
        terms.controllers.clone()
    }

    /// Whether control by these leads back.
    fn goes_round(&self, did: u8, controllers: &[u8]) -> bool {
        let mut seen = BTreeSet::new();
        let mut open: Vec<u8> = controllers.iter().copied().filter(|n| *n != did).collect();
        while let Some(next) = open.pop() {
            if next == did {
                return true;
            }
            if seen.insert(next)
                && let Some(known) = self.0.get(&next).filter(|known| !known.ended)
            {
                let others = known.terms.controllers.members.iter();
                open.extend(others.filter(|other| **other != next));
            }
        }
        false
    }

    /// The DID after the step, if it is allowed.
    fn after(&self, act: &Act, now_ms: i64) -> Option<Known> {
        let did = act.did;
        if let Step::Create { consent, terms } = &act.step {
            let agrees = *consent || act.keys.contains(&did);
            let control = Self::control(did, terms);
            let allowed = !self.0.contains_key(&did)
                && (act.sender == did || agrees && self.met(&control, act, Some(did)))
                && !self.goes_round(did, &terms.controllers.members);
            return allowed.then(|| Known {
                version: 1,
                ended: false,
                key: did,
                terms: terms.clone(),
                waiting: None,
            });
        }
        let known = self.0.get(&did).filter(|known| !known.ended)?;
        let controlled = act.behind == 0 && self.met(&Self::control(did, &known.terms), act, None);
        let guarded = known
            .terms
            .recovery
            .as_ref()
            .is_some_and(|(guardians, _)| self.met(guardians, act, None));
        let next = Known {
            version: known.version + 1,
            ..known.clone()
        };
        match &act.step {
            Step::Create { .. } => unreachable!("handled above"),
            Step::Update(terms) => {
                let round = terms.controllers.members != known.terms.controllers.members
                    && self.goes_round(did, &terms.controllers.members);
                let at_once = matches!(&known.terms.recovery, Some((_, 0)));
                let terms_free = terms.recovery == known.terms.recovery
                    || known.waiting.is_none() && (!at_once || guarded);
                (controlled && !round && terms_free).then(|| Known {
                    terms: terms.clone(),
                    ..next
                })
            }
            Step::Rotate(key) => controlled.then_some(Known { key: *key, ..next }),
            Step::Deactivate => controlled.then(|| ended(next)),
            Step::Recover(goal) => {
                let (_, delay_ms) = known.terms.recovery.as_ref()?;
                if !guarded || act.behind >= known.version || known.waiting.is_some() {
                    return None;
                }
                Some(match delay_ms {
                    0 => reached(next, *goal),
                    delay_ms => Known {
                        waiting: Some((now_ms + delay_ms, *goal)),
                        ..known.clone()
                    },
                })
            }
            Step::Veto => {
                let in_time = known.waiting.is_some_and(|(from, _)| now_ms < from);
                (controlled && in_time).then(|| Known {
                    waiting: None,
                    ..known.clone()
                })
            }
            Step::Complete => {
                let (from, goal) = known.waiting?;
                (now_ms >= from).then(|| reached(next, goal))
            }
        }
    }
}

fn ended(known: Known) -> Known {
    Known {
        ended: true,
        waiting: None,
        ..known
    }
}

fn reached(known: Known, goal: Option<u8>) -> Known {
    let Some(key) = goal else {
        return ended(known);
    };
    let controllers = Group {
        members: Vec::new(),
        threshold: 0,
    };
    Known {
        key,
        terms: Terms {
            controllers,
            recovery: known.terms.recovery.clone(),
        },
        waiting: None,
        ..known
    }
}

fn write(document: &mut v1::DidDocument, terms: &Terms) {
    let dids = |group: &Group| -> Vec<String> {
        let did = |number: &u8| person(*number).did.to_string();
        group.members.iter().map(did).collect()
    };
    document.controller = dids(&terms.controllers);
    document.controller_threshold = terms.controllers.threshold;
    document.recovery = terms
        .recovery
        .as_ref()
        .map(|(guardians, delay_ms)| v1::DidRecovery {
            guardian: dids(guardians),
            threshold: guardians.threshold,
            delay_ms: *delay_ms,
            ..v1::DidRecovery::default()
        });
}

/// The same step on the chain.
fn send(world: &mut World, act: &Act) -> Result<(), Rejection> {
    let subject = person(act.did).did;
    let did = subject.to_string();
    let (sender, keys) = (person(act.sender).did, &act.keys);
    let keys: Vec<_> = keys.iter().map(|number| person(*number).did).collect();
    let keys: Vec<_> = keys.iter().collect();
    let expected_version = world.version(&subject).saturating_sub(act.behind);
    let held = resolve(&world.state, &subject, None).and_then(|record| record.document);
    let mut document = held.unwrap_or_else(|| unregistered(act.did));
    match &act.step {
        Step::Create { consent, terms } => {
            let mut document = unregistered(act.did);
            write(&mut document, terms);
            let message = consent_message(CHAIN_ID, &document);
            let signature = consent.then(|| private_key(act.did).sign(&message));
            world.create_with(&sender, &keys, &document, signature.unwrap_or_default())
        }
        Step::Update(terms) => {
            write(&mut document, terms);
            world.update_with(&sender, &keys, expected_version, &document)
        }
        Step::Rotate(key) => {
            let new = did_keys(&subject, &[person(*key).key]);
            let rotate = Rotate::try_from(v1::DidRotate {
                did,
                expected_version,
                authentication: new.authentication,
                verification_method: new.verification_method,
                ..v1::DidRotate::default()
            })?;
            world.act(&sender, &keys, |state, env, signers| {
                rotate.apply(state, env, signers)
            })
        }
        Step::Deactivate => world.deactivate_with(&sender, &keys, &subject, expected_version),
        Step::Recover(goal) => {
            let end = || To::End(v1::DidEnd::default());
            let new = |key: u8| To::Keys(did_keys(&subject, &[person(key).key]));
            let recover = Recover::try_from(v1::DidRecover {
                did,
                expected_version,
                to: Some(goal.map_or_else(end, new)),
            })?;
            world.act(&sender, &keys, |state, env, signers| {
                recover.apply(state, env, signers)
            })
        }
        Step::Veto => {
            let waits = pending(&world.state, &subject);
            let veto = Veto::try_from(v1::DidVetoRecovery {
                did,
                asked_ms: waits.map_or(0, |waits| waits.asked_ms) - i64::from(act.behind > 0),
            })?;
            world.act(&sender, &keys, |state, env, signers| {
                veto.apply(state, env, signers)
            })
        }
        Step::Complete => {
            let complete = Complete::try_from(v1::DidCompleteRecovery { did })?;
            world.act(&sender, &keys, |state, env, _| complete.apply(state, env))
        }
    }
}

fn check(acts: &[Act]) {
    let mut world = World::main();
    let mut model = Model::default();
    for act in acts {
        world.now_ms += act.pause_ms;
        // Admission lets nobody send in another's name.
        if !act.keys.contains(&model.key_of(act.sender)) {
            continue;
        }
        let expected = model.after(act, world.now_ms);
        let result = send(&mut world, act);
        assert_eq!(result.is_ok(), expected.is_some(), "{act:?}: {result:?}");
        if let Some(known) = expected {
            model.0.insert(act.did, known);
        }
        let did = person(act.did).did;
        let known = model.0.get(&act.did);
        assert_eq!(world.version(&did), known.map_or(0, |known| known.version));
    }
    for (number, known) in &model.0 {
        let did = person(*number).did;
        let mut hash = Vec::new();
        for version in 1..=known.version {
            let record = resolve(&world.state, &did, Some(version)).unwrap();
            let last = version == known.version;
            assert_eq!((record.version, &record.previous_hash), (version, &hash));
            assert_eq!(record.deactivated, known.ended && last);
            assert_eq!(record.document.is_none(), record.deactivated);
            hash = record_hash(&record).to_vec();
        }
        assert_eq!(resolve(&world.state, &did, Some(known.version + 1)), None);
    }
}

fn groups(least: usize) -> impl Strategy<Value = Group> {
    let people: Vec<u8> = (1..=PEOPLE).collect();
    subsequence(people, least..=3).prop_flat_map(|members| {
        let most = u32::try_from(members.len()).unwrap();
        (most.min(1)..=most).prop_map(move |threshold| Group {
            members: members.clone(),
            threshold,
        })
    })
}

fn terms() -> impl Strategy<Value = Terms> {
    let none = Just(Group {
        members: Vec::new(),
        threshold: 0,
    });
    let recovery = proptest::option::of((groups(1), select(vec![0, DELAY_MS])));
    (prop_oneof![2 => none, 1 => groups(1)], recovery).prop_map(|(controllers, recovery)| Terms {
        controllers,
        recovery,
    })
}

fn acts() -> impl Strategy<Value = Act> {
    let step = prop_oneof![
        4 => (any::<bool>(), terms()).prop_map(|(consent, terms)| Step::Create { consent, terms }),
        3 => terms().prop_map(Step::Update),
        2 => (1..=PEOPLE).prop_map(Step::Rotate),
        1 => Just(Step::Deactivate),
        4 => proptest::option::weighted(0.9, 1..=PEOPLE).prop_map(Step::Recover),
        1 => Just(Step::Veto),
        2 => Just(Step::Complete),
    ];
    let people: Vec<u8> = (1..=PEOPLE).collect();
    (
        1..=REGISTERED,
        1..=PEOPLE,
        subsequence(people, 1..=4),
        prop_oneof![6 => Just(0), 1 => 1..3u64],
        prop_oneof![Just(1), Just(DELAY_MS)],
        step,
    )
        .prop_map(|(did, sender, keys, behind, pause_ms, mut step)| {
            if let Step::Create { terms, .. } | Step::Update(terms) = &mut step {
                guard_by_others(did, terms);
            }
            Act {
                did,
                sender,
                keys: keys.into_iter().collect(),
                behind,
                pause_ms,
                step,
            }
        })
}

/// A DID is not its own guardian.
fn guard_by_others(did: u8, terms: &mut Terms) {
    let Some((guardians, _)) = &mut terms.recovery else {
        return;
    };
    guardians.members.retain(|member| *member != did);
    let most = u32::try_from(guardians.members.len()).unwrap();
    guardians.threshold = guardians.threshold.min(most);
    if most == 0 {
        terms.recovery = None;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn nothing_happens_without_its_policy(acts in proptest::collection::vec(acts(), 1..60)) {
        check(&acts);
    }
}
