//! A root's life, the tree's, and each refusal.

mod orders;
mod past;

use starfire_proto::v1;
use starfire_state::{Code, Rejection};

use super::*;
use crate::code;
use crate::fixture::{World, person};
use crate::id::Did;

const TYPE: &str = "CertificateOfOrigin";

fn accredit(from: i64, until: i64) -> v1::Accredit {
    v1::Accredit {
        issuer: person(1).did.to_string(),
        r#type: TYPE.into(),
        jurisdiction: "CN".into(),
        valid_from_ms: from,
        valid_until_ms: until,
        ..v1::Accredit::default()
    }
}

fn withdraw() -> v1::WithdrawAccreditation {
    v1::WithdrawAccreditation {
        issuer: person(1).did.to_string(),
        r#type: TYPE.into(),
        jurisdiction: "CN".into(),
        reason: "licence lost".into(),
    }
}

fn give(world: &mut World, message: v1::Accredit) -> Result<(), Rejection> {
    let env = world.env("did:bid:efMotion");
    Accredit::try_from(message)?.apply(7, &mut world.state, &env)
}

fn take(world: &mut World, message: v1::WithdrawAccreditation) -> Result<(), Rejection> {
    let env = world.env("did:bid:efMotion");
    Withdraw::try_from(message)?.apply(&mut world.state, &env)
}

fn stored(world: &World) -> Option<v1::AccreditationRecord> {
    accreditation(&world.state, &person(1).did, TYPE, "CN")
}

#[test]
fn an_accreditation_holds_within_its_term_and_until_it_is_withdrawn() {
    let mut world = World::main();
    assert_eq!(
        take(&mut world, withdraw()).unwrap_err().code,
        code::ACCREDITATION_NOT_FOUND
    );
    give(&mut world, accredit(1_000, 9_000)).unwrap();
    let record = stored(&world).unwrap();
    assert_eq!((record.motion, record.withdrawn_ms), (7, 0));
    assert_eq!(
        standing(&record, 999),
        Err(code::ACCREDITATION_NOT_YET_VALID)
    );
    assert_eq!(standing(&record, 1_000), Ok(()));
    assert_eq!(standing(&record, 8_999), Ok(()));
    assert_eq!(standing(&record, 9_000), Err(code::ACCREDITATION_EXPIRED));

    world.now_ms = 5_000;
    take(&mut world, withdraw()).unwrap();
    let record = stored(&world).unwrap();
    assert_eq!(record.withdrawn_reason, "licence lost");
    assert_eq!(
        standing(&record, 4_999),
        Ok(()),
        "what was issued before keeps its standing"
    );
    assert_eq!(standing(&record, 5_000), Err(code::ACCREDITATION_WITHDRAWN));
    assert_eq!(
        standing(&record, 999),
        Err(code::ACCREDITATION_NOT_YET_VALID)
    );
    assert_eq!(
        take(&mut world, withdraw()).unwrap_err().code,
        code::ACCREDITATION_WITHDRAWN
    );
}

#[test]
fn a_term_without_end_ends_by_withdrawal_alone() {
    let mut world = World::main();
    give(&mut world, accredit(1_000, 0)).unwrap();
    assert_eq!(standing(&stored(&world).unwrap(), i64::MAX), Ok(()));
}

#[test]
fn no_later_motion_undoes_a_withdrawal() {
    let mut world = World::main();
    give(&mut world, accredit(1_000, 0)).unwrap();
    world.now_ms = 5_000;
    take(&mut world, withdraw()).unwrap();
    assert_eq!(
        give(&mut world, accredit(4_999, 0)).unwrap_err().code,
        code::ACCREDITATION_INVALID
    );
    give(&mut world, accredit(6_000, 0)).unwrap();
    assert_eq!(
        give(&mut world, accredit(4_999, 0)).unwrap_err().code,
        code::ACCREDITATION_INVALID
    );
    assert_eq!(
        standing(&stored(&world).unwrap(), 5_500),
        Err(code::ACCREDITATION_NOT_YET_VALID)
    );
    give(&mut world, accredit(6_000, 8_000)).unwrap();
    assert_eq!(
        standing(&stored(&world).unwrap(), 8_000),
        Err(code::ACCREDITATION_EXPIRED)
    );
}

#[test]
fn accreditations_stand_on_the_main_chain() {
    let mut world = World::sub_chain("byo1");
    assert_eq!(
        give(&mut world, accredit(1_000, 0)).unwrap_err().code,
        code::ONLY_ON_MAIN_CHAIN
    );
    assert_eq!(
        take(&mut world, withdraw()).unwrap_err().code,
        code::ONLY_ON_MAIN_CHAIN
    );
}

#[test]
fn an_issuer_may_be_of_a_sub_chain() {
    let mut world = World::main();
    let issuer = "did:bid:byo1:efnVUgqQFfYeu97ABf6sGm3WFtVXHZB2";
    give(
        &mut world,
        v1::Accredit {
            issuer: issuer.into(),
            ..accredit(1_000, 0)
        },
    )
    .unwrap();
    assert!(accreditation(&world.state, &Did::parse(issuer).unwrap(), TYPE, "CN").is_some());
    assert!(stored(&world).is_none());
}

#[test]
fn what_is_not_well_formed_is_refused() {
    let refused = |change: &dyn Fn(&mut v1::Accredit)| {
        let mut message = accredit(1_000, 2_000);
        change(&mut message);
        assert_eq!(
            Accredit::try_from(message).unwrap_err().code,
            code::ACCREDITATION_INVALID
        );
    };
    for issuer in ["", "did:bid:byo1", "did:web:example.org"] {
        refused(&|message| message.issuer = issuer.into());
    }
    for kind in [
        "",
        "1st",
        "Certificate Of Origin",
        "a/b",
        "证书",
        &"a".repeat(65),
    ] {
        refused(&|message| message.r#type = kind.into());
    }
    for jurisdiction in ["", "C", "cn", "CHN", "C/", "中"] {
        refused(&|message| message.jurisdiction = jurisdiction.into());
    }
    refused(&|message| message.valid_from_ms = -1);
    refused(&|message| message.valid_until_ms = -1);
    refused(&|message| message.valid_until_ms = message.valid_from_ms);
    let long = v1::WithdrawAccreditation {
        reason: "x".repeat(257),
        ..withdraw()
    };
    assert_eq!(
        Withdraw::try_from(long).unwrap_err().code,
        code::ACCREDITATION_INVALID
    );
}

/// The code by which one accreditation alone fails, or not.
fn standing(record: &v1::AccreditationRecord, at_ms: i64) -> Result<(), Code> {
    judge(std::slice::from_ref(record), asked(&person(1).did), at_ms).map_err(|no| no.code)
}

fn asked(issuer: &Did) -> Asked<'_> {
    Asked {
        issuer,
        kind: TYPE,
        jurisdiction: "CN",
    }
}

/// Gives `to` an accreditation by a motion, with this depth.
fn root(world: &mut World, to: u8, depth: u32) {
    let message = v1::Accredit {
        issuer: person(to).did.to_string(),
        delegation_depth: depth,
        ..accredit(1_000, 0)
    };
    give(world, message).unwrap();
}

fn granted(to: u8, depth: u32) -> v1::AccreditationGrant {
    v1::AccreditationGrant {
        issuer: person(to).did.to_string(),
        r#type: TYPE.into(),
        jurisdiction: "CN".into(),
        valid_from_ms: 1_000,
        delegation_depth: depth,
        ..v1::AccreditationGrant::default()
    }
}

fn grant(world: &mut World, by: u8, message: v1::AccreditationGrant) -> Result<(), Rejection> {
    let env = world.env(person(by).did);
    Grant::try_from(message)?.apply(&mut world.state, &env)
}

fn revoke(world: &mut World, by: u8, of: u8) -> Result<(), Rejection> {
    let env = world.env(person(by).did);
    let message = v1::AccreditationRevoke {
        issuer: person(of).did.to_string(),
        r#type: TYPE.into(),
        jurisdiction: "CN".into(),
        reason: "misuse".into(),
    };
    Revoke::try_from(message)?.apply(&mut world.state, &env)
}

fn take_from(world: &mut World, from: u8) -> Result<(), Rejection> {
    let message = v1::WithdrawAccreditation {
        issuer: person(from).did.to_string(),
        ..withdraw()
    };
    take(world, message)
}

fn levels(world: &World, of: u8) -> Vec<v1::AccreditationRecord> {
    chain(&world.state, &person(of).did, TYPE, "CN")
}

fn judged(world: &World, of: u8, at_ms: i64) -> Result<(), Refused> {
    judge(&levels(world, of), asked(&person(of).did), at_ms)
}

/// A root (1) that accredits only, an accreditor (2) and an issuer (3).
fn tree() -> World {
    let mut world = World::main();
    let ministry = v1::Accredit {
        delegation_depth: 2,
        only_accredits: true,
        ..accredit(1_000, 0)
    };
    give(&mut world, ministry).unwrap();
    grant(&mut world, 1, granted(2, 1)).unwrap();
    grant(&mut world, 2, granted(3, 0)).unwrap();
    world
}

#[track_caller]
fn refused(result: Result<(), Rejection>, code: Code) {
    assert_eq!(result.unwrap_err().code, code);
}

#[test]
fn an_issuer_is_accredited_through_its_accreditor_up_to_a_motion() {
    let world = tree();
    let levels = levels(&world, 3);
    let holders: Vec<_> = levels.iter().map(|level| level.issuer.clone()).collect();
    assert_eq!(
        holders,
        [3, 2, 1].map(|number| person(number).did.to_string())
    );
    judged(&world, 3, 1_000).unwrap();
    judged(&world, 2, 1_000).unwrap();
    let no = judged(&world, 1, 1_000).unwrap_err();
    assert_eq!(no.code, code::ACCREDITATION_ISSUES_NOTHING);
    assert!(describe(&levels).ends_with("accredited by motion 7"));
}

#[test]
fn a_level_fails_by_its_own_code_and_says_which_it_is() {
    type Change = fn(&mut v1::AccreditationRecord);
    let changes: [(Change, Code, Code); 3] = [
        (
            |level| level.valid_from_ms = 5_001,
            code::ACCREDITATION_NOT_YET_VALID,
            code::ACCREDITOR_NOT_YET_VALID,
        ),
        (
            |level| level.valid_until_ms = 5_000,
            code::ACCREDITATION_EXPIRED,
            code::ACCREDITOR_EXPIRED,
        ),
        (
            |level| level.withdrawn_ms = 5_000,
            code::ACCREDITATION_WITHDRAWN,
            code::ACCREDITOR_WITHDRAWN,
        ),
    ];
    let issuer = person(3).did;
    let world = tree();
    for level in 0..3 {
        for (change, own, above) in changes {
            let mut levels = levels(&world, 3);
            change(&mut levels[level]);
            let no = judge(&levels, asked(&issuer), 5_000).unwrap_err();
            let code = if level == 0 { own } else { above };
            assert_eq!(
                (no.code, no.level, &no.holder),
                (code, level, &levels[level].issuer)
            );
        }
    }
}

#[test]
fn the_term_of_a_grant_ends_with_its_givers() {
    let mut world = World::main();
    let message = v1::Accredit {
        delegation_depth: 1,
        ..accredit(1_000, 2_000_000)
    };
    give(&mut world, message).unwrap();
    let longer = v1::AccreditationGrant {
        valid_until_ms: 9_000_000,
        ..granted(2, 0)
    };
    grant(&mut world, 1, longer).unwrap();
    judged(&world, 2, 1_999_999).unwrap();
    let no = judged(&world, 2, 2_000_000).unwrap_err();
    assert_eq!(no.code, code::ACCREDITOR_EXPIRED);
    world.now_ms = 2_000_000;
    refused(
        grant(&mut world, 1, granted(3, 0)),
        code::ACCREDITATION_EXPIRED,
    );
}

#[test]
fn only_who_is_accredited_for_the_same_accredits() {
    let mut world = tree();
    refused(
        grant(&mut world, 4, granted(5, 0)),
        code::ACCREDITATION_NOT_FOUND,
    );
    refused(
        grant(&mut world, 3, granted(5, 0)),
        code::ACCREDITATION_DEPTH,
    );
    refused(
        grant(&mut world, 2, granted(5, 1)),
        code::ACCREDITATION_DEPTH,
    );
    let other_type = v1::AccreditationGrant {
        r#type: "DriverLicence".into(),
        ..granted(5, 0)
    };
    refused(
        grant(&mut world, 2, other_type),
        code::ACCREDITATION_OTHER_TYPE,
    );
    let other_place = v1::AccreditationGrant {
        jurisdiction: "MY".into(),
        ..granted(5, 0)
    };
    refused(
        grant(&mut world, 2, other_place),
        code::ACCREDITATION_OTHER_JURISDICTION,
    );
    refused(
        grant(&mut World::sub_chain("byo1"), 1, granted(5, 0)),
        code::ONLY_ON_MAIN_CHAIN,
    );
    refused(
        revoke(&mut World::sub_chain("byo1"), 1, 2),
        code::ONLY_ON_MAIN_CHAIN,
    );
}

#[test]
fn a_deactivated_did_accredits_nobody() {
    let giver = person(1);
    let mut world = World::with(&giver);
    root(&mut world, 1, 1);
    world.deactivate(&giver.did, &giver.did, 1).unwrap();
    refused(grant(&mut world, 1, granted(2, 0)), code::DID_DEACTIVATED);
}

#[test]
fn nobody_accredits_itself_or_who_stands_above_it() {
    let mut world = tree();
    for to in [1, 2] {
        refused(
            grant(&mut world, 2, granted(to, 0)),
            code::ACCREDITATION_CYCLE,
        );
    }
}

#[test]
fn a_giver_takes_back_what_it_gave_and_nothing_else() {
    let mut world = tree();
    refused(revoke(&mut world, 1, 3), code::ACCREDITATION_NOT_GIVER);
    refused(revoke(&mut world, 1, 1), code::ACCREDITATION_NOT_GIVER);
    refused(revoke(&mut world, 1, 4), code::ACCREDITATION_NOT_FOUND);
    // Even when it may accredit no longer.
    take_from(&mut world, 1).unwrap();
    revoke(&mut world, 2, 3).unwrap();
    let level = levels(&world, 3).remove(0);
    assert_eq!(level.withdrawn_by, person(2).did.to_string());
    assert_eq!(level.withdrawn_reason, "misuse");
    refused(revoke(&mut world, 2, 3), code::ACCREDITATION_WITHDRAWN);
}

#[test]
fn one_accreditor_does_not_take_an_issuer_from_another() {
    let mut world = tree();
    root(&mut world, 5, 2);
    refused(
        grant(&mut world, 5, granted(3, 0)),
        code::ACCREDITATION_HELD,
    );
    refused(
        grant(&mut world, 1, granted(5, 0)),
        code::ACCREDITATION_HELD,
    );
    // One whose term is to come is held too.
    let later = v1::AccreditationGrant {
        valid_from_ms: 9_000_000,
        ..granted(6, 0)
    };
    grant(&mut world, 2, later).unwrap();
    refused(
        grant(&mut world, 5, granted(6, 0)),
        code::ACCREDITATION_HELD,
    );
    // Its giver may change what it gave, and once it holds no longer another may follow.
    grant(&mut world, 2, granted(3, 0)).unwrap();
    take_from(&mut world, 1).unwrap();
    grant(&mut world, 5, granted(3, 0)).unwrap();
    judged(&world, 3, world.now_ms).unwrap();
}

#[test]
fn what_a_motion_withdrew_only_a_motion_gives_again() {
    let mut world = tree();
    take_from(&mut world, 3).unwrap();
    let again = v1::AccreditationGrant {
        valid_from_ms: world.now_ms,
        ..granted(3, 0)
    };
    refused(grant(&mut world, 2, again), code::ACCREDITATION_WITHDRAWN);
    let motion = v1::Accredit {
        issuer: person(3).did.to_string(),
        ..accredit(world.now_ms, 0)
    };
    give(&mut world, motion).unwrap();
    judged(&world, 3, world.now_ms).unwrap();
}

#[test]
fn a_chain_that_was_not_given_so_is_refused() {
    let world = tree();
    let issuer = person(3).did;
    let code =
        |levels: &[v1::AccreditationRecord]| judge(levels, asked(&issuer), 5_000).unwrap_err().code;
    let whole = levels(&world, 3);
    assert_eq!(code(&[]), code::ACCREDITATION_NOT_FOUND);
    assert_eq!(code(&whole[1..]), code::ACCREDITATION_NOT_FOUND);
    assert_eq!(code(&whole[..2]), code::ACCREDITATION_UNROOTED);
    let changed = |level: usize, change: fn(&mut v1::AccreditationRecord)| {
        let mut levels = whole.clone();
        change(&mut levels[level]);
        code(&levels)
    };
    assert_eq!(
        changed(1, |level| level.delegation_depth = 0),
        code::ACCREDITOR_NOT_ALLOWED
    );
    assert_eq!(
        changed(2, |level| level.issuer = person(9).did.to_string()),
        code::ACCREDITOR_NOT_ALLOWED
    );
    assert_eq!(
        changed(2, |level| level.jurisdiction = "MY".into()),
        code::ACCREDITOR_NOT_ALLOWED
    );
}

#[test]
fn what_an_issuer_is_accredited_for_instead_is_told() {
    let mut world = World::main();
    let issuer = person(1).did;
    let code = |world: &World, kind: &str, jurisdiction: &str| {
        let asked = Asked {
            issuer: &issuer,
            kind,
            jurisdiction,
        };
        judge(
            &nearest(&world.state, &issuer, kind, jurisdiction),
            asked,
            5_000,
        )
        .map_err(|no| no.code)
    };
    assert_eq!(code(&world, TYPE, "CN"), Err(code::ACCREDITATION_NOT_FOUND));
    give(&mut world, accredit(1_000, 0)).unwrap();
    assert_eq!(code(&world, TYPE, "CN"), Ok(()));
    assert_eq!(
        code(&world, "Other", "CN"),
        Err(code::ACCREDITATION_OTHER_TYPE)
    );
    assert_eq!(
        code(&world, "Other", "MY"),
        Err(code::ACCREDITATION_OTHER_TYPE)
    );
    assert_eq!(
        code(&world, TYPE, "MY"),
        Err(code::ACCREDITATION_OTHER_JURISDICTION)
    );
}

#[test]
fn depth_has_a_bound_and_accrediting_only_needs_some() {
    let mut world = World::main();
    let with = |depth: u32, only: bool| v1::Accredit {
        delegation_depth: depth,
        only_accredits: only,
        ..accredit(1_000, 0)
    };
    refused(
        give(&mut world, with(DELEGATION_DEPTH_MAX + 1, false)),
        code::ACCREDITATION_INVALID,
    );
    refused(give(&mut world, with(0, true)), code::ACCREDITATION_INVALID);
    root(&mut world, 1, DELEGATION_DEPTH_MAX);
    for level in 1..=DELEGATION_DEPTH_MAX {
        let (by, to) = (
            u8::try_from(level).unwrap(),
            u8::try_from(level + 1).unwrap(),
        );
        grant(&mut world, by, granted(to, DELEGATION_DEPTH_MAX - level)).unwrap();
    }
    let deepest = levels(&world, 9);
    assert_eq!(deepest.len(), LEVELS_MAX);
    judged(&world, 9, 5_000).unwrap();
}
