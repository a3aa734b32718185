//! Tests of following a chain through its changes of validators.

use starfire_state::Changes;

use super::*;
use crate::fixture::{Chain, Validators, change};

fn sets() -> [Validators; 3] {
    [1, 2, 3].map(|seed| Validators::new(seed, 4, 10))
}

fn chain() -> Chain {
    let [first, ..] = sets();
    Chain::new("starfire-main-1", first, Changes::new())
}

fn genesis() -> Succession {
    let [first, ..] = sets();
    Succession::begin("starfire-main-1".parse().unwrap(), first.set())
}

/// A chain that hands over at heights 2 and 4.
fn two_changes() -> [Change; 2] {
    let mut chain = chain();
    let [_, second, third] = sets();
    chain.block(Changes::new());
    let one = chain.hand_over(second);
    chain.block(Changes::new());
    [one, chain.hand_over(third)]
}

#[test]
fn each_height_has_the_set_of_the_change_before_it() {
    let changes = two_changes();
    let mut known = genesis();
    known.extend(&changes).unwrap();
    let [first, second, third] = sets();
    for (height, expected) in [
        (1, &first),
        (2, &first),
        (3, &second),
        (4, &second),
        (5, &third),
    ] {
        assert_eq!(
            known.at(height).hash(),
            expected.set().hash(),
            "height {height}"
        );
    }
    assert_eq!(known.newest().hash(), third.set().hash());
    assert_eq!(changes.map(|change| change.height().unwrap()), [2, 4]);
}

#[test]
fn what_is_known_may_be_told_again_and_not_otherwise() {
    let changes = two_changes();
    let mut known = genesis();
    known.extend(&changes[..1]).unwrap();
    known.extend(&changes).unwrap();
    known.extend(&changes[1..]).unwrap();
    assert_eq!(known.count(), 2);
    // Another history of the same validators: they must not both be believed.
    let mut other = chain();
    other.block(Changes::new());
    let conflicting = other.hand_over(Validators::new(9, 4, 10));
    assert_eq!(
        known.extend(&[conflicting]),
        Err(SuccessionError::Conflict(2))
    );
}

#[test]
fn a_change_that_does_not_follow_is_refused() {
    let changes = two_changes();
    let refused = |changes: &[Change]| genesis().extend(changes).unwrap_err();
    assert_eq!(refused(&changes[1..]), SuccessionError::Gap(4));
    let [_, second, third] = sets();
    // Signed by too few, by others, or followed by another set than the header names.
    let mut chain = chain();
    chain.block(Changes::new());
    let header = chain.header(2);
    let header = tendermint::block::Header {
        next_validators_hash: second.set().hash(),
        ..header
    };
    let few = change(&chain.validators.sign(&header, &[0, 1]), &second);
    assert!(matches!(
        refused(&[few]),
        SuccessionError::Certificate { height: 2, .. }
    ));
    let foreign = change(&third.sign(&header, &[0, 1, 2, 3]), &second);
    assert!(matches!(
        refused(&[foreign]),
        SuccessionError::Certificate { height: 2, .. }
    ));
    let signed = chain.validators.sign(&header, &[0, 1, 2]);
    assert_eq!(
        refused(&[change(&signed, &third)]),
        SuccessionError::NextSet(2)
    );
    let same = chain.validators.sign(&chain.header(2), &[0, 1, 2]);
    assert_eq!(
        refused(&[change(&same, &sets()[0])]),
        SuccessionError::NextSet(2)
    );
    let damaged = Change {
        next_validators: Base64(vec![1, 2, 3]),
        ..changes[0].clone()
    };
    assert_eq!(refused(&[damaged]), SuccessionError::Malformed);
    let other = Chain::new("starfire-main-2", sets()[0].clone(), Changes::new()).hand_over(second);
    assert_eq!(refused(&[other]), SuccessionError::WrongChain(1));
}
