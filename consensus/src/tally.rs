//! Votes and timeouts of one height, and the certificates that they add up to.
//!
//! Memory is bounded whatever a validator sends: one slot for each validator, kind and round, a window of rounds around the
//! current one, and one slot for each validator's latest timeout.

use std::collections::BTreeMap;

use tendermint::{
    Time,
    block::{Commit, CommitSig, Id},
    vote::{Type, Vote},
};

use crate::{
    electorate::Electorate,
    message::Timeout,
    quorum::{QuorumCertificate, TimeoutCertificate, TimeoutSignature},
    sign_bytes,
};

/// Votes are counted for at most this many rounds ahead. Further rounds are entered by certificate only.
pub(crate) const ROUNDS_AHEAD_MAX: u32 = 8;

/// Votes, proposals and blocks are kept for this many past rounds: a late precommit may still complete a commit.
pub(crate) const ROUNDS_BEHIND_MAX: u32 = 8;

/// What became of a vote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Added {
    /// It counts.
    Counted,
    /// It was known, or its round is outside the window.
    Ignored,
    /// The validator voted for another block before; this is that vote.
    Contradicts(Box<Vote>),
}

/// One place for each validator, in set order.
type Slots<T> = Vec<Option<T>>;

/// The votes and timeouts of one height.
#[derive(Debug, Clone)]
pub(crate) struct Tally {
    prevotes: BTreeMap<u32, Slots<Vote>>,
    precommits: BTreeMap<u32, Slots<Vote>>,
    timeouts: Slots<Timeout>,
}

impl Tally {
    pub(crate) fn new(validators: usize) -> Self {
        Self {
            prevotes: BTreeMap::new(),
            precommits: BTreeMap::new(),
            timeouts: vec![None; validators],
        }
    }

    /// Count a verified vote, `current` being the current round.
    pub(crate) fn add_vote(&mut self, electorate: &Electorate, current: u32, vote: Vote) -> Added {
        let round = vote.round.value();
        let window =
            current.saturating_sub(ROUNDS_BEHIND_MAX)..=current.saturating_add(ROUNDS_AHEAD_MAX);
        let Some(index) = electorate.index(vote.validator_address) else {
            return Added::Ignored;
        };
        if !window.contains(&round) {
            return Added::Ignored;
        }
        let rounds = match vote.vote_type {
            Type::Prevote => &mut self.prevotes,
            Type::Precommit => &mut self.precommits,
        };
        let slot = &mut rounds
            .entry(round)
            .or_insert_with(|| vec![None; electorate.count()])[index];
        match slot {
            None => {
                *slot = Some(vote);
                Added::Counted
            }
            Some(before) if before.block_id != vote.block_id => {
                Added::Contradicts(Box::new(before.clone()))
            }
            Some(_) => Added::Ignored,
        }
    }

    /// Keep a verified timeout if it is the validator's latest. Whoever is in a later round knows the certificate that ended the
    /// earlier one, and repeats it.
    pub(crate) fn add_timeout(&mut self, electorate: &Electorate, timeout: Timeout) {
        let Some(index) = electorate.index(timeout.validator) else {
            return;
        };
        let rank = |timeout: &Timeout| (timeout.round, timeout.high_qc_round());
        let slot = &mut self.timeouts[index];
        if slot
            .as_ref()
            .is_none_or(|before| rank(before) < rank(&timeout))
        {
            *slot = Some(timeout);
        }
    }

    /// The certificate of `round`'s prevotes, once there is a quorum for one block.
    pub(crate) fn quorum_certificate(
        &self,
        electorate: &Electorate,
        round: u32,
    ) -> Option<QuorumCertificate> {
        let slots = self.prevotes.get(&round)?;
        let (block_id, time) = winner(electorate, slots)?;
        let signatures = slots.iter().map(|slot| {
            slot.as_ref()
                .filter(|vote| is_for(vote, block_id, time))?
                .signature
                .clone()
        });
        Some(QuorumCertificate {
            height: electorate.height(),
            round,
            block_id,
            time,
            signatures: signatures.collect(),
        })
    }

    /// The commit of `round`'s precommits, once there is a quorum for one block.
    pub(crate) fn commit(&self, electorate: &Electorate, round: u32) -> Option<Commit> {
        let slots = self.precommits.get(&round)?;
        let (block_id, time) = winner(electorate, slots)?;
        let signatures = slots.iter().map(|slot| {
            match slot.as_ref().filter(|vote| is_for(vote, block_id, time)) {
                None => CommitSig::BlockIdFlagAbsent,
                Some(vote) => signed_place(vote, time),
            }
        });
        Some(Commit {
            height: sign_bytes::number(electorate.height()),
            round: sign_bytes::turn(round),
            block_id,
            signatures: signatures.collect(),
        })
    }

    /// Add to a commit the precommits that are known here and missing there.
    pub(crate) fn fill(&self, commit: &mut Commit) {
        let Some(slots) = self.precommits.get(&commit.round.value()) else {
            return;
        };
        let block_id = commit.block_id;
        let Some(time) = commit.signatures.iter().find_map(|place| match place {
            CommitSig::BlockIdFlagCommit { timestamp, .. } => Some(*timestamp),
            CommitSig::BlockIdFlagAbsent | CommitSig::BlockIdFlagNil { .. } => None,
        }) else {
            return;
        };
        for (place, slot) in commit.signatures.iter_mut().zip(slots) {
            let vote = slot.as_ref().filter(|vote| is_for(vote, block_id, time));
            if let Some(vote) = vote.filter(|_| place.is_absent()) {
                *place = signed_place(vote, time);
            }
        }
    }

    /// The certificate of the timeouts of exactly `round`, once there is a quorum.
    pub(crate) fn timeout_certificate(
        &self,
        electorate: &Electorate,
        round: u32,
    ) -> Option<TimeoutCertificate> {
        let of_round = || {
            self.timeouts
                .iter()
                .flatten()
                .filter(|timeout| timeout.round == round)
        };
        if !electorate.is_quorum(self.timeout_power(electorate, |timeout| timeout.round == round)) {
            return None;
        }
        let signatures = of_round().filter_map(|timeout| {
            let signature = timeout.signature.clone()?;
            Some(TimeoutSignature {
                validator: timeout.validator,
                high_qc_round: timeout.high_qc_round(),
                signature,
            })
        });
        let high_qc = of_round()
            .filter_map(|timeout| timeout.high_qc.as_ref())
            .max_by_key(|high| high.round)
            .cloned();
        Some(TimeoutCertificate {
            height: electorate.height(),
            round,
            timeouts: signatures.collect(),
            high_qc,
        })
    }

    /// The highest round that some honest validator has certainly given up, or given up a later one.
    pub(crate) fn honest_timeout_round(&self, electorate: &Electorate) -> Option<u32> {
        let mut rounds: Vec<u32> = self
            .timeouts
            .iter()
            .flatten()
            .map(|timeout| timeout.round)
            .collect();
        rounds.sort_unstable_by(|one, two| two.cmp(one));
        rounds.into_iter().find(|round| {
            electorate.has_honest(self.timeout_power(electorate, |timeout| timeout.round >= *round))
        })
    }

    fn timeout_power(&self, electorate: &Electorate, counts: impl Fn(&Timeout) -> bool) -> u64 {
        let counted = self
            .timeouts
            .iter()
            .enumerate()
            .filter(|(_, slot)| slot.as_ref().is_some_and(&counts));
        counted.map(|(index, _)| electorate.power(index)).sum()
    }

    /// The latest timeout of a validator.
    pub(crate) fn timeout_of(&self, index: usize) -> Option<&Timeout> {
        self.timeouts[index].as_ref()
    }

    /// All precommits of a validator that are still kept.
    pub(crate) fn precommits_of(&self, index: usize) -> impl Iterator<Item = &Vote> {
        self.precommits
            .values()
            .filter_map(move |slots| slots[index].as_ref())
    }

    /// Forget the rounds that fell out of the window.
    pub(crate) fn prune(&mut self, current: u32) {
        let first = current.saturating_sub(ROUNDS_BEHIND_MAX);
        self.prevotes.retain(|round, _| *round >= first);
        self.precommits.retain(|round, _| *round >= first);
    }
}

fn signed_place(vote: &Vote, timestamp: Time) -> CommitSig {
    CommitSig::BlockIdFlagCommit {
        validator_address: vote.validator_address,
        timestamp,
        signature: vote.signature.clone(),
    }
}

fn is_for(vote: &Vote, block_id: Id, time: Time) -> bool {
    vote.block_id == Some(block_id) && vote.timestamp == Some(time)
}

/// What a quorum voted for, block and time alike.
fn winner(electorate: &Electorate, slots: &Slots<Vote>) -> Option<(Id, Time)> {
    let mut powers: BTreeMap<(Id, Time), u64> = BTreeMap::new();
    for (index, vote) in slots
        .iter()
        .enumerate()
        .filter_map(|(index, slot)| Some((index, slot.as_ref()?)))
    {
        let (Some(block_id), Some(time)) = (vote.block_id, vote.timestamp) else {
            continue;
        };
        *powers.entry((block_id, time)).or_default() += electorate.power(index);
    }
    powers
        .into_iter()
        .find(|(_, power)| electorate.is_quorum(*power))
        .map(|(choice, _)| choice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Chain;

    #[test]
    fn a_quorum_of_prevotes_for_one_block_makes_a_certificate() {
        let chain = Chain::new(4);
        let electorate = chain.electorate(1);
        let (block, other) = (chain.block(1, b"one"), chain.block(1, b"other"));
        let mut tally = Tally::new(4);
        let mut add = |index, block| {
            tally.add_vote(&electorate, 0, chain.vote(index, Type::Prevote, block, 0))
        };
        assert_eq!(add(0, &block), Added::Counted);
        assert_eq!(add(0, &block), Added::Ignored);
        assert!(matches!(add(0, &other), Added::Contradicts(_)));
        add(1, &block);
        add(2, &other);
        assert_eq!(tally.quorum_certificate(&electorate, 0), None);
        tally.add_vote(&electorate, 0, chain.vote(3, Type::Prevote, &block, 0));
        assert_eq!(
            tally.quorum_certificate(&electorate, 0),
            Some(chain.prevotes(&block, 0, &[0, 1, 3]))
        );
        assert_eq!(tally.commit(&electorate, 0), None);
    }

    #[test]
    fn votes_outside_the_window_of_rounds_take_no_memory() {
        let chain = Chain::new(4);
        let electorate = chain.electorate(1);
        let block = chain.block(1, b"");
        let mut tally = Tally::new(4);
        let mut add =
            |round| tally.add_vote(&electorate, 10, chain.vote(0, Type::Prevote, &block, round));
        assert_eq!(add(10 + ROUNDS_AHEAD_MAX), Added::Counted);
        assert_eq!(add(10 + ROUNDS_AHEAD_MAX + 1), Added::Ignored);
        assert_eq!(add(10 - ROUNDS_BEHIND_MAX), Added::Counted);
        assert_eq!(add(10 - ROUNDS_BEHIND_MAX - 1), Added::Ignored);
        tally.prune(30);
        assert!(tally.prevotes.is_empty());
    }

    #[test]
    fn a_vote_with_a_false_time_is_not_counted_with_the_others() {
        let chain = Chain::new(4);
        let electorate = chain.electorate(1);
        let block = chain.block(1, b"");
        let mut tally = Tally::new(4);
        for index in 0..3 {
            let mut vote = chain.vote(index, Type::Precommit, &block, 0);
            if index == 2 {
                vote.timestamp = Some(chain.time(99));
            }
            tally.add_vote(&electorate, 0, vote);
        }
        assert_eq!(tally.commit(&electorate, 0), None);
        tally.add_vote(&electorate, 0, chain.vote(3, Type::Precommit, &block, 0));
        assert_eq!(
            tally.commit(&electorate, 0),
            Some(chain.commit(&block, 0, &[0, 1, 3]))
        );
    }

    #[test]
    fn one_liar_cannot_push_the_others_rounds_ahead() {
        let chain = Chain::new(4);
        let electorate = chain.electorate(1);
        let mut tally = Tally::new(4);
        tally.add_timeout(&electorate, chain.timeout(3, 1, 1_000_000, None));
        assert_eq!(tally.honest_timeout_round(&electorate), None);
        tally.add_timeout(&electorate, chain.timeout(0, 1, 2, None));
        assert_eq!(tally.honest_timeout_round(&electorate), Some(2));
        tally.add_timeout(&electorate, chain.timeout(1, 1, 5, None));
        assert_eq!(tally.honest_timeout_round(&electorate), Some(5));
        assert_eq!(tally.timeout_certificate(&electorate, 5), None);
    }

    #[test]
    fn timeouts_of_one_round_make_a_certificate_with_the_highest_they_know() {
        let chain = Chain::new(4);
        let electorate = chain.electorate(1);
        let qc = chain.prevotes(&chain.block(1, b""), 0, &[0, 1, 2]);
        let mut tally = Tally::new(4);
        tally.add_timeout(&electorate, chain.timeout(0, 1, 1, None));
        tally.add_timeout(&electorate, chain.timeout(1, 1, 1, Some(&qc)));
        assert_eq!(tally.timeout_certificate(&electorate, 1), None);
        tally.add_timeout(&electorate, chain.timeout(2, 1, 1, None));
        let expected = chain.timeouts(1, 1, &[(0, None), (1, Some(&qc)), (2, None)]);
        assert_eq!(tally.timeout_certificate(&electorate, 1), Some(expected));
        // A repeated timeout that knows more takes the place of the one before; one that knows less does not.
        tally.add_timeout(&electorate, chain.timeout(0, 1, 1, Some(&qc)));
        tally.add_timeout(&electorate, chain.timeout(1, 1, 1, None));
        let expected = chain.timeouts(1, 1, &[(0, Some(&qc)), (1, Some(&qc)), (2, None)]);
        assert_eq!(tally.timeout_certificate(&electorate, 1), Some(expected));
    }
}
