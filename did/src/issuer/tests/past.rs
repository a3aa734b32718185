//! What was allowed at moments that are over, and how much of it a record keeps.

use super::super::past::given_by;
use super::*;

#[test]
fn what_was_issued_before_an_accreditor_was_withdrawn_keeps_its_standing() {
    let mut world = tree();
    world.now_ms = 5_000;
    take_from(&mut world, 1).unwrap();
    judged(&world, 3, 4_999).unwrap();
    let no = judged(&world, 3, 5_000).unwrap_err();
    assert_eq!((no.code, no.level), (code::ACCREDITOR_WITHDRAWN, 2));
    // Nor does the one below it accredit any longer.
    refused(
        grant(&mut world, 2, granted(4, 0)),
        code::ACCREDITOR_WITHDRAWN,
    );
}

#[test]
fn what_was_issued_before_a_withdrawal_stands_when_it_is_given_again() {
    let mut world = tree();
    world.now_ms = 5_000;
    take_from(&mut world, 1).unwrap();
    let again = v1::Accredit {
        delegation_depth: 2,
        only_accredits: true,
        ..accredit(6_000, 0)
    };
    give(&mut world, again).unwrap();
    for of in [2, 3] {
        judged(&world, of, 1_000).unwrap();
        judged(&world, of, 4_999).unwrap();
        for gap_ms in [999, 5_000, 5_999] {
            assert!(judged(&world, of, gap_ms).is_err(), "{of} at {gap_ms}");
        }
        judged(&world, of, 6_000).unwrap();
    }
    assert_eq!(
        judged(&world, 3, 5_999).unwrap_err().code,
        code::ACCREDITOR_NOT_YET_VALID
    );
    // With fewer levels than before, those below hold for the past alone.
    world.now_ms = 7_000;
    give(&mut world, accredit(7_000, 0)).unwrap();
    judged(&world, 3, 4_999).unwrap();
    judged(&world, 3, 6_999).unwrap();
    assert_eq!(
        judged(&world, 3, 7_000).unwrap_err().code,
        code::ACCREDITOR_NOT_ALLOWED
    );
}

#[test]
fn a_new_giver_takes_nothing_from_what_the_old_one_gave() {
    let mut world = tree();
    root(&mut world, 5, 2);
    world.now_ms = 5_000;
    take_from(&mut world, 1).unwrap();
    world.now_ms = 7_000;
    let later = v1::AccreditationGrant {
        valid_from_ms: 7_000,
        ..granted(3, 0)
    };
    grant(&mut world, 5, later).unwrap();
    judged(&world, 3, 4_999).unwrap();
    // It held no longer than who stood above it then.
    assert_eq!(
        judged(&world, 3, 5_000).unwrap_err().code,
        code::ACCREDITATION_NOT_YET_VALID
    );
    judged(&world, 3, 7_000).unwrap();
    assert_eq!(levels(&world, 3)[0].earlier.len(), 1);
}

#[test]
fn a_moment_that_is_over_keeps_what_was_allowed_then() {
    let mut world = World::main();
    give(&mut world, accredit(1_000, 0)).unwrap();
    // Shorter, and no longer to issue: from now on.
    world.now_ms = 5_000;
    give(&mut world, accredit(1_000, 3_000)).unwrap();
    let record = stored(&world).unwrap();
    assert_eq!(standing(&record, 4_999), Ok(()));
    assert_eq!(standing(&record, 5_000), Err(code::ACCREDITATION_EXPIRED));
    world.now_ms = 6_000;
    let only = v1::Accredit {
        delegation_depth: 1,
        only_accredits: true,
        ..accredit(6_000, 0)
    };
    give(&mut world, only).unwrap();
    let record = stored(&world).unwrap();
    assert_eq!(standing(&record, 4_999), Ok(()));
    assert_eq!(
        standing(&record, 6_000),
        Err(code::ACCREDITATION_ISSUES_NOTHING)
    );
    // Who only accredited then did not issue, whatever it does now.
    world.now_ms = 8_000;
    give(&mut world, accredit(8_000, 0)).unwrap();
    let record = stored(&world).unwrap();
    assert_eq!(
        standing(&record, 7_000),
        Err(code::ACCREDITATION_NOT_YET_VALID)
    );
    assert_eq!(standing(&record, 4_999), Ok(()));
    assert_eq!(standing(&record, 8_000), Ok(()));
}

/// Accredits the second person from now on.
fn gives(world: &mut World, by: u8) -> Result<(), Rejection> {
    let message = v1::AccreditationGrant {
        valid_from_ms: world.now_ms,
        ..granted(2, 0)
    };
    grant(world, by, message)
}

/// The same, and takes it back, so often, with gaps between.
fn gives_and_takes(world: &mut World, by: u8, times: usize) {
    for _ in 0..times {
        gives(world, by).unwrap();
        world.now_ms += 10;
        revoke(world, by, 2).unwrap();
        world.now_ms += 10;
    }
}

#[test]
fn closed_terms_are_bounded_and_only_a_motion_drops_the_shortest() {
    const GIVERS: [u8; EARLIER_TERMS_MAX / EARLIER_TERMS_OF_ONE_MAX] = [1, 3, 4, 5];
    let mut world = World::main();
    for giver in GIVERS {
        root(&mut world, giver, 1);
    }
    root(&mut world, 6, 1);
    // Without a gap there is one.
    let first_ms = world.now_ms;
    for _ in 0..3 {
        gives(&mut world, 1).unwrap();
        world.now_ms += 10;
    }
    assert_eq!(levels(&world, 2)[0].earlier.len(), 1);
    revoke(&mut world, 1, 2).unwrap();
    world.now_ms += 10;
    for giver in GIVERS {
        gives_and_takes(&mut world, giver, EARLIER_TERMS_OF_ONE_MAX);
    }
    let kept = levels(&world, 2)[0].earlier.clone();
    assert_eq!(kept.len(), EARLIER_TERMS_MAX);
    refused(gives(&mut world, 6), code::ACCREDITATION_TERMS_FULL);
    judged(&world, 2, first_ms).unwrap();
    let motion = v1::Accredit {
        issuer: person(2).did.to_string(),
        ..accredit(world.now_ms, 0)
    };
    give(&mut world, motion).unwrap();
    assert_eq!(levels(&world, 2)[0].earlier.len(), EARLIER_TERMS_MAX);
    judged(&world, 2, first_ms).unwrap();
    assert!(judged(&world, 2, kept[1].from_ms).is_err());
    judged(&world, 2, kept[2].from_ms).unwrap();
    judged(&world, 2, world.now_ms).unwrap();
}

#[test]
fn no_accreditor_fills_the_record_that_others_give() {
    let mut world = World::main();
    for giver in [1, 3] {
        root(&mut world, giver, 1);
    }
    // The last of them stands there, and is closed by the next.
    gives_and_takes(&mut world, 1, EARLIER_TERMS_OF_ONE_MAX + 1);
    refused(gives(&mut world, 1), code::ACCREDITATION_TERMS_FULL);
    gives_and_takes(&mut world, 3, 1);
    refused(gives(&mut world, 1), code::ACCREDITATION_TERMS_FULL);
    gives(&mut world, 3).unwrap();
    world.now_ms += 10;
    let motion = v1::Accredit {
        issuer: person(2).did.to_string(),
        ..accredit(world.now_ms, 0)
    };
    give(&mut world, motion).unwrap();
    judged(&world, 2, world.now_ms).unwrap();
    let earlier = &levels(&world, 2)[0].earlier;
    let of = |giver| given_by(earlier, &person(giver).did);
    assert_eq!(of(1), EARLIER_TERMS_OF_ONE_MAX + 1);
    assert_eq!(of(3), 2);
}

#[test]
fn terms_of_two_givers_that_became_one_are_the_first_ones() {
    let mut world = World::main();
    for giver in [1, 3] {
        root(&mut world, giver, 1);
    }
    let first_ms = world.now_ms;
    for giver in [1, 3] {
        gives(&mut world, giver).unwrap();
        world.now_ms += 10;
        revoke(&mut world, giver, 2).unwrap();
    }
    gives(&mut world, 3).unwrap();
    let earlier = &levels(&world, 2)[0].earlier;
    assert_eq!(earlier.len(), 1);
    assert_eq!(earlier[0].accreditor, person(1).did.to_string());
    let ends = (earlier[0].from_ms, earlier[0].until_ms);
    assert_eq!(ends, (first_ms, first_ms + 20));
}
