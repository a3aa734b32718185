//! Proofs under validators that were not there at genesis.

use super::world::*;
use crate::fixture::Validators;
use crate::proof_file::content::ProofFile;
use crate::proof_file::*;

/// The sample certificate, on a main chain whose validators changed twice since.
fn handed_over() -> (World, Shown) {
    let (mut world, shown) = issued();
    world.hand_over(Validators::new(30, 4, 10));
    world.hand_over(Validators::new(50, 4, 10));
    (world, shown)
}

#[test]
fn an_old_bundle_verifies_a_proof_under_later_validators() {
    let (world, shown) = handed_over();
    let proof = world.prove(&shown.subject);
    assert_eq!(ProofFile::parse(&proof).unwrap().main.changes.len(), 2);
    let report = judge(&proof, &shown);
    valid(&report);
    assert!(
        report
            .steps
            .iter()
            .any(|step| step.detail.contains("by 2 known changes")),
        "{report:#?}"
    );
    valid(&judge_by(&world.bundle(), &proof, &shown));
}

#[test]
fn a_newer_bundle_verifies_an_older_proof() {
    let (mut world, shown) = issued();
    let before = world.prove(&shown.subject);
    world.hand_over(Validators::new(30, 4, 10));
    let between = world.prove(&shown.subject);
    world.hand_over(Validators::new(50, 4, 10));
    for proof in [before, between] {
        valid(&judge_by(&world.bundle(), &proof, &shown));
    }
}

#[test]
fn a_proof_without_its_changes_is_of_validators_that_nobody_knows() {
    let (world, shown) = handed_over();
    let file = ProofFile::parse(&world.prove(&shown.subject)).unwrap();
    for kept in [0, 1] {
        let mut cut = file.clone();
        cut.main.changes.truncate(kept);
        refused(&judge(&cut.encode(), &shown), Reason::ChainNotPinned);
        // Whoever has them already does not miss them.
        valid(&judge_by(&world.bundle(), &cut.encode(), &shown));
    }
    let mut gap = file;
    gap.main.changes.remove(0);
    refused(
        &judge(&gap.encode(), &shown),
        Reason::ValidatorChangeInvalid,
    );
    valid(&judge_by(&world.bundle(), &gap.encode(), &shown));
}

#[test]
fn validators_that_were_replaced_prove_nothing_later() {
    let (mut world, shown) = handed_over();
    // The genesis validators sign on, as if they had never handed over.
    world.main.validators = main_validators();
    let proof = world.prove(&shown.subject);
    refused(&judge(&proof, &shown), Reason::ChainNotPinned);
}
