//! Control that is passed on: a document's controllers have documents, which may name controllers of their own.
//!
//! A circle of them would be in nobody's control once the keys of one are lost, and a reader who follows it finds no end. So a
//! document that would close one is refused. That a DID names itself among its controllers is no circle: it keeps its own say. The
//! walk is bounded, since others decide how far it goes; it is made only when a document's controllers are set or changed, so that
//! what others do later never hinders a change of anything else.

use std::collections::BTreeSet;

use starfire_state::{Rejection, View};

use crate::code;
use crate::document::Document;
use crate::id::Did;
use crate::known::{CONTROLLERS_READ_MAX, Known};

/// How many steps control may be passed on.
pub const DELEGATION_DEPTH_MAX: usize = 8;
/// How many controllers, direct and indirect, a document may have.
pub const DELEGATION_WIDTH_MAX: usize = 64;

/// Refuses a document whose control leads back to itself, or too far.
pub(crate) fn check(
    known: &mut Known,
    view: &dyn View,
    document: &Document,
) -> Result<(), Rejection> {
    let root = document.id();
    let too_long = |detail| Err(Rejection::new(code::DID_DELEGATION_TOO_LONG, detail));
    let mut seen = BTreeSet::from([*root]);
    let mut level: Vec<Did> = others(root, document.controllers());
    for _ in 0..DELEGATION_DEPTH_MAX {
        let mut next = Vec::new();
        for did in level {
            if !seen.insert(did) {
                continue;
            }
            if seen.len() > DELEGATION_WIDTH_MAX {
                return too_long(format!(
                    "{root} would have more than {DELEGATION_WIDTH_MAX} controllers"
                ));
            }
            let Some(controllers) = known.controllers(view, &did) else {
                return too_long(format!(
                    "all that control these documents are more than {CONTROLLERS_READ_MAX}: register fewer at once"
                ));
            };
            if controllers.contains(root) {
                let detail = format!("{root} would control itself by way of {did}");
                return Err(Rejection::new(code::DID_CONTROLLER_CYCLE, detail));
            }
            next.extend(others(&did, controllers));
        }
        level = next;
    }
    if level.iter().all(|did| seen.contains(did)) {
        return Ok(());
    }
    too_long(format!(
        "control of {root} would be passed on more than {DELEGATION_DEPTH_MAX} times"
    ))
}

fn others(did: &Did, controllers: &[Did]) -> Vec<Did> {
    let others = controllers.iter().filter(|other| *other != did);
    others.copied().collect()
}

#[cfg(test)]
mod tests {
    use starfire_proto::v1;

    use super::*;
    use crate::create_batch::CreateBatch;
    use crate::fixture::{World, person, unregistered};

    /// `number` comes under the control of `controllers`.
    fn delegate(world: &mut World, number: u8, controllers: &[u8]) -> Result<(), Rejection> {
        let mut document = unregistered(number);
        document.controller = controllers
            .iter()
            .map(|number| person(*number).did.to_string())
            .collect();
        world.create(&person(number).did, &document)
    }

    /// Document `number`, which keeps a say in itself, gets further controllers.
    fn widen(world: &mut World, number: u8, controllers: &[u8]) -> Result<(), Rejection> {
        let did = person(number).did;
        let mut document: v1::DidDocument = world.document(&did);
        document.controller = std::iter::once(number)
            .chain(controllers.iter().copied())
            .map(|number| person(number).did.to_string())
            .collect();
        let version = world.version(&did);
        world.update(&did, version, &document)
    }

    #[test]
    fn control_does_not_go_round() {
        let mut world = World::main();
        // 1 ← 2 ← 3, before 1 is registered.
        delegate(&mut world, 2, &[1]).unwrap();
        delegate(&mut world, 3, &[2]).unwrap();
        let round = delegate(&mut world, 1, &[3]).unwrap_err();
        assert_eq!(round.code, code::DID_CONTROLLER_CYCLE);
        delegate(&mut world, 1, &[1]).unwrap();
        let round = widen(&mut world, 1, &[3]).unwrap_err();
        assert_eq!(round.code, code::DID_CONTROLLER_CYCLE);
        let round = widen(&mut world, 1, &[2]).unwrap_err();
        assert_eq!(round.code, code::DID_CONTROLLER_CYCLE);
        widen(&mut world, 1, &[9]).unwrap();
    }

    #[test]
    fn two_ways_to_one_controller_are_no_circle() {
        let mut world = World::main();
        delegate(&mut world, 1, &[1]).unwrap();
        delegate(&mut world, 2, &[1]).unwrap();
        delegate(&mut world, 3, &[1]).unwrap();
        delegate(&mut world, 4, &[2, 3, 4]).unwrap();
    }

    #[test]
    fn control_is_passed_on_so_far_and_no_further() {
        let mut world = World::main();
        delegate(&mut world, 1, &[]).unwrap();
        for number in 2..=9 {
            delegate(&mut world, number, &[number - 1]).unwrap();
        }
        let far = delegate(&mut world, 10, &[9]).unwrap_err();
        assert_eq!(far.code, code::DID_DELEGATION_TOO_LONG);
    }

    #[test]
    fn controllers_are_so_many_and_no_more() {
        let mut world = World::main();
        // Two documents with 32 controllers each, one of whom they share.
        for (number, first) in (1..=2).zip((0..).step_by(31)) {
            let mut document = unregistered(number);
            document.controller = (first..first + 32)
                .map(|seed: u16| crate::fixture::stranger(seed).to_string())
                .collect();
            world.create(&person(number).did, &document).unwrap();
        }
        delegate(&mut world, 9, &[1]).unwrap();
        let wide = delegate(&mut world, 10, &[1, 2]).unwrap_err();
        assert_eq!(wide.code, code::DID_DELEGATION_TOO_LONG);
    }

    #[test]
    fn what_others_pass_on_later_hinders_no_other_change() {
        let mut world = World::main();
        for number in 1..=9 {
            delegate(&mut world, number, &[number]).unwrap();
        }
        for number in (1..9).rev() {
            widen(&mut world, number, &[number + 1]).ok();
        }
        let mut document = world.document(&person(1).did);
        document.also_known_as.push("urn:name:one".into());
        let version = world.version(&person(1).did);
        world.update(&person(1).did, version, &document).unwrap();
    }

    #[test]
    fn control_does_not_go_round_within_a_batch() {
        let mut world = World::main();
        // 3 is looked at before 2 is written: what was known of 2 then is not known any more.
        let create = [(3, 2), (2, 1), (1, 2)].map(|(number, controller)| {
            let mut document = unregistered(number);
            document.controller = vec![person(controller).did.to_string()];
            v1::DidCreate {
                document: Some(document),
                ..v1::DidCreate::default()
            }
        });
        let create = create.to_vec();
        let batch = CreateBatch::try_from(v1::DidCreateBatch { create }).unwrap();
        let dids = [1, 2, 3].map(|number| person(number).did);
        let keys = dids.each_ref();
        let round = world.act(&dids[0], &keys, |state, env, signers| {
            batch.apply(state, env, signers)
        });
        assert_eq!(round.unwrap_err().code, code::DID_CONTROLLER_CYCLE);
    }
}
