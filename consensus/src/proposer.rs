//! Whose turn it is to propose.
//!
//! A proposer keeps its turn for a *term* of heights, then the next validator in set order follows. Within a height, every
//! failed round moves the turn on by one. The turn of height `h` starts at whoever proposed the block of `h - 1`, so a dead
//! proposer costs one timeout, not one a height: the height that it fails is decided by its successor's block, and the
//! following heights start there. Only the committed header of `h - 1` and the height are used. The *round* in which a block
//! was committed is not: two honest nodes may hold commits of different rounds for the same block.
//!
//! Validators that have not signed for long are passed over, so that the turn does not come round to a dead one at each term.
//! Who they are is read from committed data alone: execution keeps, in the state, when each validator's signature was last seen
//! in a block's `last_commit`, so a restarted and a state-synced node find the same. Less than a third of the power is passed
//! over, whatever the state says: among the others there are always enough that are honest and alive. Whoever signs again is
//! back in turn.

use tendermint::{account, validator};

/// Indices, in `validators`, of who proposes at `height`, round by round; after the last it begins again with the first.
/// `parent` proposed the block before. `absent` is passed over, longest absent first, as far as its power is below a third.
pub fn turns(
    height: u64,
    validators: &validator::Set,
    parent: Option<account::Id>,
    term_heights: u64,
    absent: &[account::Id],
) -> Vec<usize> {
    let count = validators.validators().len();
    let passed = passed_over(validators, absent);
    let first = first_turn(height, validators, parent, term_heights);
    (0..count)
        .map(|step| (first + step) % count)
        .filter(|index| !passed.contains(index))
        .collect()
}

/// Where a validator stands in the set.
pub fn position(validators: &validator::Set, address: account::Id) -> Option<usize> {
    validators
        .validators()
        .iter()
        .position(|validator| validator.address == address)
}

/// Whose turn it is before anybody is passed over.
fn first_turn(
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

fn passed_over(validators: &validator::Set, absent: &[account::Id]) -> Vec<usize> {
    let total = u128::from(validators.total_voting_power().value());
    let mut power = 0u128;
    let mut passed = Vec::new();
    for index in absent.iter().filter_map(|id| position(validators, *id)) {
        power += u128::from(validators.validators()[index].power());
        if power * 3 >= total {
            break;
        }
        passed.push(index);
    }
    passed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Chain;

    #[test]
    fn a_proposer_stays_for_a_term_then_the_next_follows() {
        let set = Chain::new(4).validators();
        let address = |index: usize| set.validators()[index].address;
        let mut parent = None;
        let mut proposers = Vec::new();
        for height in 1..=13 {
            let proposer = turns(height, &set, parent, 3, &[])[0];
            parent = Some(address(proposer));
            proposers.push(proposer);
        }
        assert_eq!(proposers, [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 0]);
    }

    #[test]
    fn a_failed_round_moves_the_turn_and_later_heights_start_there() {
        let set = Chain::new(4).validators();
        let address = |index: usize| Some(set.validators()[index].address);
        assert_eq!(turns(2, &set, address(3), 10, &[]), [3, 0, 1, 2]);
        // Height 2 fell to validator 1 in round 1, inside the term of validator 0.
        assert_eq!(turns(3, &set, address(1), 10, &[])[0], 1);
    }

    #[test]
    fn a_proposer_that_left_the_set_has_a_successor() {
        let set = Chain::new(4).validators();
        let stranger = Some(account::Id::new([9; 20]));
        for (height, term) in [(7, 2), (8, 0)] {
            assert_eq!(turns(height, &set, stranger, term, &[]).len(), 4);
        }
    }

    #[test]
    fn the_absent_are_passed_over_at_the_term_and_in_later_rounds() {
        let set = Chain::new(4).validators();
        let address = |index: usize| set.validators()[index].address;
        let parent = Some(address(0));
        assert_eq!(turns(5, &set, parent, 4, &[address(1)]), [2, 3, 0]);
        assert_eq!(turns(4, &set, parent, 4, &[address(0)]), [1, 2, 3]);
    }

    #[test]
    fn less_than_a_third_of_the_power_is_passed_over() {
        let chain = Chain::new(7);
        let set = chain.validators();
        let address = |index: usize| set.validators()[index].address;
        let absent: Vec<_> = [4, 2, 0, 1].into_iter().map(address).collect();
        assert_eq!(turns(1, &set, None, 4, &absent), [0, 1, 3, 5, 6]);
        let three = Chain::new(3).validators();
        let first = three.validators()[0].address;
        assert_eq!(turns(1, &three, None, 4, &[first]), [0, 1, 2]);
    }
}
