//! Whether an issuer was allowed to issue, offline: each way in which it was not, at each level of the tree.

use starfire_did::Did;
use starfire_proto::v1;

use super::world::*;
use crate::document::DraftContent;
use crate::fixture::{key, time_ms};
use crate::proof_file::content::ProofFile;
use crate::proof_file::*;

type Change = fn(&mut v1::AccreditationRecord);

/// An accreditor's DID, on the main chain.
fn accreditor(level: u8) -> Did {
    key(100 + level).public().address(None)
}

/// A world whose issuer is accredited by a chain of this many accreditors, after one of its levels was changed. The issuer's own
/// accreditation is level 0.
fn world(accreditors: u8, level: u8, change: Change) -> (World, Shown) {
    let mut world = World::new();
    let root = world.accreditation();
    for at in 0..=accreditors {
        let mut accreditation = v1::AccreditationRecord {
            delegation_depth: at.into(),
            ..root.clone()
        };
        if at > 0 {
            accreditation.issuer = accreditor(at).to_string();
        }
        if at < accreditors {
            accreditation.accreditor = accreditor(at + 1).to_string();
            accreditation.motion = 0;
        }
        if at == level {
            change(&mut accreditation);
        }
        world.accredit(&accreditation);
    }
    let mut shown = world.issue(world.draft(DraftContent::Json(SAMPLE)), &key(70), 0);
    world.anchor();
    certificate(&mut shown).accreditors = (1..=accreditors).map(accreditor).collect();
    (world, shown)
}

fn certificate(shown: &mut Shown) -> &mut Certificate {
    match &mut shown.subject {
        Subject::Certificate(certificate) => certificate,
        Subject::Evidence { .. } | Subject::Did { .. } => unreachable!("it is a certificate"),
    }
}

fn judged(world: &World, shown: &Shown) -> Report {
    judge(&world.prove(&shown.subject), shown)
}

#[test]
fn an_issuer_accredited_through_others_is_valid() {
    for accreditors in [0, 1, 2, 8] {
        let (world, shown) = world(accreditors, 0, |_| ());
        let report = judged(&world, &shown);
        valid(&report);
        let step = report
            .steps
            .iter()
            .find(|step| step.name == "accreditation");
        let detail = &step.unwrap().detail;
        assert!(detail.ends_with("accredited by motion 1"), "{detail}");
    }
}

#[test]
fn every_level_must_be_in_force_at_issue_and_each_failure_has_its_code() {
    // The certificate is issued at the chain's second second.
    let cases: [(Change, Reason, Reason); 3] = [
        (
            |it| it.valid_from_ms = time_ms(3),
            Reason::AccreditationNotYetValid,
            Reason::AccreditorNotYetValid,
        ),
        (
            |it| it.valid_until_ms = time_ms(2),
            Reason::AccreditationExpired,
            Reason::AccreditorExpired,
        ),
        (
            |it| it.withdrawn_ms = time_ms(2),
            Reason::AccreditationWithdrawn,
            Reason::AccreditorWithdrawn,
        ),
    ];
    for level in 0..3 {
        for (change, own, above) in cases {
            let (world, shown) = world(2, level, change);
            refused(
                &judged(&world, &shown),
                if level == 0 { own } else { above },
            );
        }
        // What began at that moment, or ended after it, was in force.
        let within: [Change; 3] = [
            |it| it.valid_from_ms = time_ms(2),
            |it| it.valid_until_ms = time_ms(2) + 1,
            |it| it.withdrawn_ms = time_ms(2) + 1,
        ];
        for change in within {
            let (world, shown) = world(2, level, change);
            valid(&judged(&world, &shown));
        }
    }
}

#[test]
fn what_was_issued_before_an_accreditation_was_given_anew_is_valid() {
    // The certificate is issued at the chain's second second.
    fn anew(it: &mut v1::AccreditationRecord, until_ms: i64, fewer: u32) {
        it.earlier = vec![v1::EarlierTerm {
            from_ms: it.valid_from_ms,
            until_ms,
            delegation_depth: it.delegation_depth - fewer,
            ..v1::EarlierTerm::default()
        }];
        it.valid_from_ms = time_ms(4);
        it.delegation_depth = 0;
    }
    for level in 0..3 {
        let (held, shown) = world(2, level, |it| anew(it, time_ms(2) + 1, 0));
        valid(&judged(&held, &shown));
        let (ended, shown) = world(2, level, |it| anew(it, time_ms(2), 0));
        let report = judged(&ended, &shown);
        let reason = match level {
            0 => Reason::AccreditationNotYetValid,
            _ => Reason::AccreditationUnrooted,
        };
        refused(&report, reason);
    }
    // Nor did it allow more than it did.
    let (shallow, shown) = world(2, 2, |it| anew(it, time_ms(2) + 1, 1));
    refused(&judged(&shallow, &shown), Reason::AccreditationUnrooted);
}

#[test]
fn who_only_accredits_issues_nothing_and_the_levels_below_it_do() {
    let only: Change = |it| {
        it.only_accredits = true;
        it.delegation_depth = 3;
    };
    let (root, shown) = world(0, 0, only);
    refused(&judged(&root, &shown), Reason::AccreditationIssuesNothing);
    let (root, shown) = world(2, 2, only);
    valid(&judged(&root, &shown));
}

#[test]
fn a_level_that_could_not_give_the_next_is_no_root_of_trust() {
    let changes: [(u8, Change); 3] = [
        // It allows no level below it.
        (1, |it| it.delegation_depth = 0),
        (2, |it| it.delegation_depth = 1),
        // As many as its giver.
        (0, |it| it.delegation_depth = 1),
    ];
    for (level, change) in changes {
        let (world, shown) = world(2, level, change);
        refused(&judged(&world, &shown), Reason::AccreditationUnrooted);
    }
    // An accreditor that nobody accredited.
    let (world, mut shown) = world(1, 1, |it| it.issuer = accreditor(7).to_string());
    refused(&judged(&world, &shown), Reason::AccreditationUnrooted);
    certificate(&mut shown).accreditors = vec![accreditor(7)];
    refused(&judged(&world, &shown), Reason::ValuesUnexpected);
}

#[test]
fn who_is_accredited_for_something_else_is_told_what_for() {
    let check = |kind: &str, jurisdiction: &str, named: bool, reason: Reason| {
        let mut world = World::new();
        let accreditation = v1::AccreditationRecord {
            r#type: kind.to_owned(),
            jurisdiction: jurisdiction.to_owned(),
            ..world.accreditation()
        };
        world.accredit(&accreditation);
        let mut shown = world.issue(world.draft(DraftContent::Json(SAMPLE)), &key(70), 0);
        world.anchor();
        certificate(&mut shown).accredited_for = named.then(|| Scope {
            document_type: kind.to_owned(),
            jurisdiction: jurisdiction.to_owned(),
        });
        refused(&judged(&world, &shown), reason);
    };
    check("DriverLicence", "CN", true, Reason::AccreditationOtherType);
    check("DriverLicence", "MY", true, Reason::AccreditationOtherType);
    check(TYPE, "MY", true, Reason::AccreditationOtherJurisdiction);
    check(TYPE, "MY", false, Reason::IssuerNotAccredited);

    // Naming what it does not hold tells nothing, and an accreditation that fits decides alone.
    let scope = Scope {
        document_type: "DriverLicence".to_owned(),
        jurisdiction: "CN".to_owned(),
    };
    let mut none = World::new();
    let mut shown = none.issue(none.draft(DraftContent::Json(SAMPLE)), &key(70), 0);
    none.anchor();
    certificate(&mut shown).accredited_for = Some(scope.clone());
    refused(&judged(&none, &shown), Reason::IssuerNotAccredited);
    let (fits, mut shown) = world(1, 0, |_| ());
    certificate(&mut shown).accredited_for = Some(scope);
    valid(&judged(&fits, &shown));
}

#[test]
fn no_level_can_be_left_out_added_or_swapped() {
    let (world, shown) = world(2, 0, |_| ());
    let with = |accreditors: &[u8]| {
        let mut shown = shown.clone();
        certificate(&mut shown).accreditors =
            accreditors.iter().map(|level| accreditor(*level)).collect();
        judged(&world, &shown)
    };
    for accreditors in [&[][..], &[1], &[2], &[2, 1], &[1, 2, 3], &[1, 2, 1]] {
        refused(&with(accreditors), Reason::ValuesUnexpected);
    }
    // A withdrawal further up cannot be hidden by the values of another subject.
    let proof = world.prove(&shown.subject);
    let mut hidden = ProofFile::parse(&proof).unwrap();
    hidden.main_values.remove(4);
    refused(&judge(&hidden.encode(), &shown), Reason::ValuesUnexpected);
}

#[test]
fn a_file_of_one_level_says_nothing_of_accreditors() {
    let (world, shown) = issued();
    let text = String::from_utf8(world.prove(&shown.subject)).unwrap();
    assert!(!text.contains("accreditors") && !text.contains("accredited_for"));
    // Nor may it say so in so many words: a file has one form.
    let spelled = text.replace("\"subject\":{", "\"subject\":{\"accreditors\":[],");
    assert_ne!(spelled, text);
    refused(&judge(spelled.as_bytes(), &shown), Reason::ProofMalformed);
}
