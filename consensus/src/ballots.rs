//! Votes that wait to be checked together.
//!
//! A collector needs nobody's vote before it has a quorum of them, and all votes for a block in a round sign the same bytes. So
//! votes wait here unchecked until those for one block have a quorum's power, and are then checked in one batch: about half the
//! work. A batch that fails is checked one by one, so a bad vote costs its sender's place and nothing else. Votes that never
//! get so far are checked when the height drags on ([`Ballots::flush`]), lest a contradiction go unnoticed.
//!
//! Memory is bounded as in the tally: one place for each validator, kind and round, in a window around the current round.

use std::collections::BTreeMap;

use tendermint::{
    Time,
    block::Id,
    vote::{Type, Vote},
};

use crate::{
    electorate::Electorate,
    input::Input,
    message::{Refusal, Verified, check_vote_form, vote_bytes},
    signature,
    tally::{ROUNDS_AHEAD_MAX, ROUNDS_BEHIND_MAX},
};

/// One validator's vote of a kind in a round.
#[derive(Debug, Clone)]
enum Place {
    Empty,
    Waiting(Box<Vote>),
    /// Checked, or this node's own.
    Counted(Id, Time),
}

/// The unchecked votes of one height.
#[derive(Debug, Clone, Default)]
pub struct Ballots {
    rounds: BTreeMap<(bool, u32), Vec<Place>>,
}

impl Ballots {
    /// Take in a vote of the electorate's height, `round` being the current round. What comes out is checked.
    pub fn add(
        &mut self,
        electorate: &Electorate,
        round: u32,
        vote: Vote,
    ) -> Result<Vec<Input>, Refusal> {
        let index = check_vote_form(&vote, electorate)?;
        let window =
            round.saturating_sub(ROUNDS_BEHIND_MAX)..=round.saturating_add(ROUNDS_AHEAD_MAX);
        if !window.contains(&vote.round.value()) {
            return Ok(Vec::new());
        }
        self.rounds.retain(|(_, kept), _| window.contains(kept));
        let choice = choice(&vote);
        let places = self.places(electorate, &vote);
        match &places[index] {
            Place::Empty => {
                places[index] = Place::Waiting(Box::new(vote));
                Ok(count(electorate, places, choice))
            }
            Place::Waiting(waiting) if **waiting == vote => Ok(Vec::new()),
            Place::Counted(id, time) if choice == Some((*id, *time)) => Ok(Vec::new()),
            // Two that differ: one of them is forged, or its signer breaks the rules.
            Place::Waiting(_) | Place::Counted(..) => {
                let before = std::mem::replace(&mut places[index], Place::Empty);
                let mut both = vec![vote];
                if let Place::Waiting(waiting) = before {
                    both.insert(0, *waiting);
                } else {
                    places[index] = before;
                }
                let mut inputs = check(electorate, places, both);
                inputs.extend(count(electorate, places, choice));
                Ok(inputs)
            }
        }
    }

    /// Take note of this node's own vote, which others may have waited for.
    pub fn own(&mut self, electorate: &Electorate, vote: &Vote) -> Vec<Input> {
        let (Some(index), Some((id, time))) =
            (electorate.index(vote.validator_address), choice(vote))
        else {
            return Vec::new();
        };
        let places = self.places(electorate, vote);
        places[index] = Place::Counted(id, time);
        count(electorate, places, Some((id, time)))
    }

    /// Check all that waits.
    pub fn flush(&mut self, electorate: &Electorate) -> Vec<Input> {
        let mut inputs = Vec::new();
        for places in self.rounds.values_mut() {
            let waiting = take(places, |_| true);
            inputs.extend(check(electorate, places, waiting));
        }
        inputs
    }

    /// Forget everything: another height begins.
    pub fn clear(&mut self) {
        self.rounds.clear();
    }

    fn places(&mut self, electorate: &Electorate, vote: &Vote) -> &mut Vec<Place> {
        let kind = vote.vote_type == Type::Precommit;
        self.rounds
            .entry((kind, vote.round.value()))
            .or_insert_with(|| vec![Place::Empty; electorate.count()])
    }
}

fn choice(vote: &Vote) -> Option<(Id, Time)> {
    vote.block_id.zip(vote.timestamp)
}

/// Check what waits for `wanted` once it would make a quorum, and not before.
fn count(electorate: &Electorate, places: &mut [Place], wanted: Option<(Id, Time)>) -> Vec<Input> {
    let Some(wanted) = wanted else {
        return Vec::new();
    };
    let (mut power, mut counted) = (0u64, 0u64);
    for (index, place) in places.iter().enumerate() {
        let (found, checked) = match place {
            Place::Empty => (None, false),
            Place::Waiting(vote) => (choice(vote), false),
            Place::Counted(id, time) => (Some((*id, *time)), true),
        };
        if found == Some(wanted) {
            power = power.saturating_add(electorate.power(index));
            if checked {
                counted = counted.saturating_add(electorate.power(index));
            }
        }
    }
    // Once there is a quorum, one more vote makes no difference.
    if !electorate.is_quorum(power) || electorate.is_quorum(counted) {
        return Vec::new();
    }
    let waiting = take(places, |vote| choice(vote) == Some(wanted));
    check(electorate, places, waiting)
}

fn take(places: &mut [Place], wanted: impl Fn(&Vote) -> bool) -> Vec<Vote> {
    let mut votes = Vec::new();
    for place in places {
        match std::mem::replace(place, Place::Empty) {
            Place::Waiting(vote) if wanted(&vote) => votes.push(*vote),
            other @ (Place::Empty | Place::Waiting(_) | Place::Counted(..)) => *place = other,
        }
    }
    votes
}

/// The good ones among `votes`, checked in one batch, or one by one if that fails.
fn check(electorate: &Electorate, places: &mut [Place], votes: Vec<Vote>) -> Vec<Input> {
    let messages: Vec<Vec<u8>> = votes
        .iter()
        .map(|vote| vote_bytes(vote, electorate))
        .collect();
    let items: Vec<Option<signature::Item<'_>>> = votes
        .iter()
        .zip(&messages)
        .map(|(vote, message)| {
            let index = electorate.index(vote.validator_address)?;
            let signature = vote.signature.as_ref()?;
            Some((electorate.key(index), &message[..], signature.as_bytes()))
        })
        .collect();
    let present: Vec<signature::Item<'_>> = items.iter().flatten().copied().collect();
    let all = present.len() == items.len() && signature::all_valid(&present);
    let good: Vec<bool> = items
        .iter()
        .map(|item| {
            all || item
                .is_some_and(|(key, message, signature)| signature::valid(key, message, signature))
        })
        .collect();
    let mut inputs = Vec::new();
    for (vote, good) in votes.into_iter().zip(good) {
        let index = electorate.index(vote.validator_address);
        let (Some(index), Some((id, time)), true) = (index, choice(&vote), good) else {
            continue;
        };
        if let Place::Empty | Place::Waiting(_) = places[index] {
            places[index] = Place::Counted(id, time);
        }
        inputs.push(Input::Vote(Verified::new(vote)));
    }
    inputs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Chain;

    fn votes(inputs: &[Input]) -> Vec<usize> {
        let votes = inputs.iter().map(|input| {
            let Input::Vote(vote) = input else {
                unreachable!("only votes come out")
            };
            usize::from(vote.validator_index)
        });
        votes.collect()
    }

    #[test]
    fn votes_wait_for_a_quorum_and_are_then_checked_together() {
        let chain = Chain::new(4);
        let electorate = chain.electorate(1);
        let block = chain.block(1, b"");
        let vote = |index| chain.vote(index, Type::Prevote, &block, 0);
        let mut ballots = Ballots::default();
        assert!(ballots.own(&electorate, &vote(0)).is_empty());
        assert!(ballots.add(&electorate, 0, vote(1)).unwrap().is_empty());
        assert!(
            ballots.add(&electorate, 0, vote(1)).unwrap().is_empty(),
            "once"
        );
        assert_eq!(
            votes(&ballots.add(&electorate, 0, vote(2)).unwrap()),
            [1, 2]
        );
        assert!(
            ballots.add(&electorate, 0, vote(3)).unwrap().is_empty(),
            "the certificate exists"
        );
        assert_eq!(votes(&ballots.flush(&electorate)), [3]);
    }

    #[test]
    fn the_own_vote_may_be_the_last_of_the_quorum() {
        let chain = Chain::new(4);
        let electorate = chain.electorate(1);
        let block = chain.block(1, b"");
        let vote = |index| chain.vote(index, Type::Precommit, &block, 0);
        let mut ballots = Ballots::default();
        for index in [1, 3] {
            assert!(ballots.add(&electorate, 0, vote(index)).unwrap().is_empty());
        }
        assert_eq!(votes(&ballots.own(&electorate, &vote(0))), [1, 3]);
    }

    #[test]
    fn a_bad_vote_spoils_its_own_place_only() {
        let chain = Chain::new(4);
        let electorate = chain.electorate(1);
        let block = chain.block(1, b"");
        let vote = |index| chain.vote(index, Type::Prevote, &block, 0);
        let mut forged = vote(1);
        forged.signature = vote(2).signature;
        let mut ballots = Ballots::default();
        assert!(
            ballots
                .add(&electorate, 0, forged.clone())
                .unwrap()
                .is_empty()
        );
        assert!(ballots.add(&electorate, 0, vote(0)).unwrap().is_empty());
        assert_eq!(
            votes(&ballots.add(&electorate, 0, vote(2)).unwrap()),
            [0, 2]
        );
        assert_eq!(votes(&ballots.add(&electorate, 0, vote(3)).unwrap()), [3]);
        // The true one is not kept out by one forged in its name.
        let mut ballots = Ballots::default();
        assert!(ballots.add(&electorate, 0, forged).unwrap().is_empty());
        assert_eq!(votes(&ballots.add(&electorate, 0, vote(1)).unwrap()), [1]);
    }

    #[test]
    fn two_votes_of_one_validator_both_come_out() {
        let chain = Chain::new(4);
        let electorate = chain.electorate(1);
        let vote = |payload: &[u8]| chain.vote(3, Type::Prevote, &chain.block(1, payload), 0);
        let mut ballots = Ballots::default();
        assert!(
            ballots
                .add(&electorate, 0, vote(b"one"))
                .unwrap()
                .is_empty()
        );
        let out = ballots.add(&electorate, 0, vote(b"two")).unwrap();
        assert_eq!(votes(&out), [3, 3]);
        assert_eq!(
            votes(&ballots.add(&electorate, 0, vote(b"three")).unwrap()),
            [3]
        );
    }

    #[test]
    fn strangers_and_far_rounds_take_no_place() {
        let chain = Chain::new(4);
        let electorate = chain.electorate(1);
        let block = chain.block(1, b"");
        let mut ballots = Ballots::default();
        let far = chain.vote(0, Type::Prevote, &block, ROUNDS_AHEAD_MAX + 1);
        assert!(ballots.add(&electorate, 0, far).unwrap().is_empty());
        assert!(ballots.rounds.is_empty());
        let mut stranger = chain.vote(0, Type::Prevote, &block, 0);
        stranger.validator_address = tendermint::account::Id::new([9; 20]);
        assert!(matches!(
            ballots.add(&electorate, 0, stranger),
            Err(Refusal::Stranger(_))
        ));
    }
}
