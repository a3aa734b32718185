//! What must hold after every effect.

use std::collections::{BTreeMap, BTreeSet};

use starfire_consensus::electorate::Electorate;
use starfire_consensus::message::Unsigned;
use starfire_consensus::misbehaviour::Misbehaviour;
use starfire_consensus::safety::{Ballot, SafetyRecord};
use tendermint::account;
use tendermint::block::Id;
use tendermint::vote::Type;

use crate::violation::Violation;

/// What one validator signed at one height.
#[derive(Debug, Default)]
struct Signed {
    votes: BTreeMap<(bool, u32), Id>,
    proposals: BTreeMap<u32, Id>,
    /// The highest round given up.
    given_up: Option<u32>,
    /// The lowest certificate round reported, by timeout round.
    reported: BTreeMap<u32, Option<u32>>,
}

/// Everything that was said and decided, to hold new things against.
#[derive(Debug, Default)]
pub struct Checks {
    decided: BTreeMap<u64, Id>,
    signed: BTreeMap<(account::Id, u64), Signed>,
    /// Validators that may break rules.
    pub liars: BTreeSet<account::Id>,
    /// Liars that somebody convicted.
    pub convicted: BTreeSet<account::Id>,
}

fn violation<T>(text: String) -> Result<T, Violation> {
    Err(Violation(text))
}

impl Checks {
    /// The highest height that anybody committed.
    pub fn height(&self) -> u64 {
        self.decided
            .last_key_value()
            .map_or(0, |(height, _)| *height)
    }

    /// Agreement.
    pub fn committed(&mut self, height: u64, id: Id) -> Result<(), Violation> {
        let first = *self.decided.entry(height).or_insert(id);
        if first == id {
            Ok(())
        } else {
            violation(format!("agreement: two blocks at height {height}"))
        }
    }

    /// No validator contradicts itself, and what it signs is covered by the record on its disk.
    pub fn signed(
        &mut self,
        signer: account::Id,
        message: &Unsigned,
        disk: Option<&SafetyRecord>,
    ) -> Result<(), Violation> {
        if self.liars.contains(&signer) {
            return Ok(());
        }
        let Some(disk) = disk else {
            return violation("durability: signed without a record".to_owned());
        };
        let before = self.signed.entry((signer, disk.height)).or_default();
        match message {
            Unsigned::Vote(vote) => {
                let (round, prevote) = (vote.round.value(), vote.vote_type == Type::Prevote);
                let Some(id) = vote.block_id else {
                    return violation("a vote for nil".to_owned());
                };
                let ballot = if prevote {
                    disk.prevote
                } else {
                    disk.precommit
                };
                covers(disk, vote.height.value(), ballot, round, id)?;
                let again = before.votes.get(&(prevote, round)).copied();
                if again.is_some_and(|again| again != id) {
                    return violation(format!("two votes in round {round} of {signer}"));
                }
                if again.is_none() && before.given_up >= Some(round) {
                    return violation(format!(
                        "{signer} votes in round {round} after giving up {:?}",
                        before.given_up
                    ));
                }
                before.votes.insert((prevote, round), id);
                let denied = before
                    .reported
                    .range(round..)
                    .any(|(_, reported)| *reported < Some(round));
                if !prevote && denied {
                    return violation(format!("{signer} denied its precommit of round {round}"));
                }
            }
            Unsigned::Proposal(proposal) => {
                let (round, id) = (proposal.round, proposal.block.id());
                covers(disk, proposal.height(), disk.proposal, round, id)?;
                let first = *before.proposals.entry(round).or_insert(id);
                if first != id {
                    return violation(format!("two proposals in round {round} of {signer}"));
                }
            }
            Unsigned::Timeout(timeout) => {
                let round = timeout.round;
                if disk.height != timeout.height || disk.timeout_round != Some(round) {
                    return violation(format!("durability: timeout {round} is not recorded"));
                }
                if before.given_up > Some(round) {
                    return violation(format!("{signer} goes back to time out round {round}"));
                }
                before.given_up = Some(round);
                let known = timeout.high_qc_round();
                let lowest = before.reported.entry(round).or_insert(known);
                *lowest = known.min(*lowest);
                let denied = before
                    .votes
                    .range((false, 0)..=(false, round))
                    .any(|((_, precommit), _)| known < Some(*precommit));
                if denied {
                    return violation(format!("{signer} denies a precommit in round {round}"));
                }
            }
        }
        Ok(())
    }

    /// Within a height nothing in the record goes back, the lock least of all; and heights go forward, but for a silent record
    /// of a node that lost blocks.
    pub fn recorded(before: Option<&SafetyRecord>, now: &SafetyRecord) -> Result<(), Violation> {
        let Some(before) = before else { return Ok(()) };
        if now.height < before.height {
            return if now.may_sign() {
                violation(format!(
                    "the record goes back from height {} to {}",
                    before.height, now.height
                ))
            } else {
                Ok(())
            };
        }
        if now.votes_from < before.votes_from {
            return violation("the record forgets its silence".to_owned());
        }
        if now.height > before.height {
            return Ok(());
        }
        let certified = |record: &SafetyRecord| record.high_qc.as_ref().map(|high| high.round);
        let back = ballot_goes_back(before.prevote, now.prevote)
            || ballot_goes_back(before.precommit, now.precommit)
            || ballot_goes_back(before.proposal, now.proposal)
            || now.timeout_round < before.timeout_round
            || certified(now) < certified(before);
        if back {
            return violation(format!("the record goes back at height {}", now.height));
        }
        Ok(())
    }

    /// Only liars are accused, and the proof convicts.
    pub fn accused(
        &mut self,
        misbehaviour: &Misbehaviour,
        electorate: &Electorate,
    ) -> Result<(), Violation> {
        let offender = misbehaviour.offender();
        if !self.liars.contains(&offender) {
            return violation(format!("an honest validator is accused: {misbehaviour:?}"));
        }
        if !misbehaviour.convicts(electorate) {
            return violation(format!("a proof does not convict: {misbehaviour:?}"));
        }
        self.convicted.insert(offender);
        Ok(())
    }
}

fn covers(
    disk: &SafetyRecord,
    height: u64,
    ballot: Option<Ballot>,
    round: u32,
    id: Id,
) -> Result<(), Violation> {
    let recorded = disk.height == height
        && ballot.is_some_and(|ballot| ballot.round == round && ballot.block_id == id);
    let held = disk.blocks.iter().any(|block| block.id() == id);
    if recorded && held && disk.may_sign() {
        Ok(())
    } else {
        violation(format!(
            "durability: what is signed at height {height} in round {round} is not on disk"
        ))
    }
}

fn ballot_goes_back(before: Option<Ballot>, now: Option<Ballot>) -> bool {
    let round = |ballot: Option<Ballot>| ballot.map(|ballot| ballot.round);
    round(now) < round(before) || (round(now) == round(before) && now != before)
}
