//! Whose turn it is to propose.
//!
//! A proposer keeps its turn for a *term* of heights, then the next validator in set order follows. Within a height, every
//! failed round moves the turn on by one. The turn of height `h` starts at whoever proposed the block of `h - 1`, so a dead
//! proposer costs one timeout, not one a height: the height that it fails is decided by its successor's block, and the
//! following heights start there. Only the committed header of `h - 1` and the height are used. The *round* in which a block
//! was committed is not: two honest nodes may hold commits of different rounds for the same block.

use tendermint::{account, validator};

/// Index, in `validators`, of who proposes at `height` in round 0, `parent` having proposed the block before.
pub fn first_proposer(
    height: u64,
    validators: &validator::Set,
    parent: Option<account::Id>,
    term_heights: u64,
) -> usize {
    let count = validators.validators().len();
    let past = height.saturating_sub(1);
    let term = term_heights.max(1);
    let Some(parent) = parent else { return 0 };
    match position(validators, parent) {
        Some(parent) if past.is_multiple_of(term) => (parent + 1) % count,
        Some(parent) => parent,
        // The proposer before has left the set: begin where its term's number points.
        None => usize::try_from((past / term) % count as u64)
            .expect("less than the number of validators"),
    }
}

/// Index of the proposer of `round`, `first` being that of round 0.
pub fn proposer_of_round(first: usize, round: u32, count: usize) -> usize {
    let moved = (first as u64 + u64::from(round)) % count as u64;
    usize::try_from(moved).expect("less than the number of validators")
}

/// Where a validator stands in the set.
pub fn position(validators: &validator::Set, address: account::Id) -> Option<usize> {
    validators
        .validators()
        .iter()
        .position(|validator| validator.address == address)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Chain;

    #[test]
    fn a_proposer_stays_for_a_term_then_the_next_follows() {
        let set = Chain::new(4).validators();
        let address = |index: usize| set.validators()[index].address;
        let mut proposer = first_proposer(1, &set, None, 3);
        let mut turns = vec![proposer];
        for height in 2..=13 {
            proposer = first_proposer(height, &set, Some(address(proposer)), 3);
            turns.push(proposer);
        }
        assert_eq!(turns, [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 0]);
    }

    #[test]
    fn a_failed_round_moves_the_turn_and_later_heights_start_there() {
        let set = Chain::new(4).validators();
        assert_eq!(proposer_of_round(3, 0, 4), 3);
        assert_eq!(proposer_of_round(3, 2, 4), 1);
        assert_eq!(proposer_of_round(3, u32::MAX, 4), 2);
        // Height 2 fell to validator 1 in round 1, inside the term of validator 0.
        assert_eq!(
            first_proposer(3, &set, Some(set.validators()[1].address), 10),
            1
        );
    }

    #[test]
    fn a_proposer_that_left_the_set_has_a_successor() {
        let set = Chain::new(4).validators();
        let stranger = account::Id::new([9; 20]);
        assert!(first_proposer(7, &set, Some(stranger), 2) < 4);
        assert!(first_proposer(8, &set, Some(stranger), 0) < 4);
    }
}
