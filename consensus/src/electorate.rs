//! Who may decide a height: the chain, the validator set of that height, the block before, and whose turn it is.
//!
//! Every message names a height and is judged by the electorate of that height, never by another. An electorate is shared
//! (`Arc`) between the state machine and the workers that check signatures.

use std::collections::BTreeSet;

use starfire_ed25519::Key;
use tendermint::{Hash, account, block, chain, validator};

use crate::proposer;

/// A set holds at most this many validators.
pub const VALIDATORS_MAX: usize = 256;

/// The committed block that a height builds on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parent {
    /// Its identity.
    pub block_id: block::Id,
    /// The proposer that its header names.
    pub proposer: account::Id,
}

/// Why a validator set cannot decide anything.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ElectorateError {
    /// None, or more than `VALIDATORS_MAX`.
    #[error("a chain has 1 to {VALIDATORS_MAX} validators, not {0}")]
    Size(usize),
    /// Only Ed25519 keys vote.
    #[error("validator {0} has no Ed25519 key")]
    Key(account::Id),
    /// An address is not its key's, or stands in the set twice.
    #[error("validator {0} appears twice or under a foreign address")]
    Address(account::Id),
    /// A validator without power could still take a turn to propose.
    #[error("validator {0} has no voting power")]
    Power(account::Id),
    /// The height and the parent contradict each other, or the height is out of range.
    #[error("height {0} does not follow its parent")]
    Height(u64),
}

/// The electorate of one height.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Electorate {
    chain_id: chain::Id,
    height: block::Height,
    validators: validator::Set,
    validators_hash: Hash,
    /// `None`: the validator's key is no point of the curve, and nothing that it signs holds.
    keys: Vec<Option<Key>>,
    parent: Option<Parent>,
    term_heights: u64,
    absent: Vec<account::Id>,
    turns: Vec<usize>,
    /// Who decides the height after this one.
    next: validator::Set,
}

impl Electorate {
    /// The electorate of `height`. The first height has no parent; every other one has.
    pub fn new(
        chain_id: chain::Id,
        height: u64,
        validators: validator::Set,
        parent: Option<Parent>,
        term_heights: u64,
    ) -> Result<Self, ElectorateError> {
        let number =
            block::Height::try_from(height).map_err(|_| ElectorateError::Height(height))?;
        if height == 0 || parent.is_none() != (height == 1) {
            return Err(ElectorateError::Height(height));
        }
        let count = validators.validators().len();
        if count == 0 || count > VALIDATORS_MAX {
            return Err(ElectorateError::Size(count));
        }
        let mut seen = BTreeSet::new();
        let mut keys = Vec::with_capacity(count);
        for validator in validators.validators() {
            let Some(raw) = raw_key(validator) else {
                return Err(ElectorateError::Key(validator.address));
            };
            if account::Id::from(validator.pub_key) != validator.address
                || !seen.insert(validator.address)
            {
                return Err(ElectorateError::Address(validator.address));
            }
            if validator.power() == 0 {
                return Err(ElectorateError::Power(validator.address));
            }
            keys.push(Key::parse(&raw));
        }
        let proposer = parent.map(|parent| parent.proposer);
        let turns = proposer::turns(height, &validators, proposer, term_heights, &[]);
        let validators_hash = validators.hash();
        Ok(Self {
            chain_id,
            height: number,
            next: validators.clone(),
            validators,
            validators_hash,
            keys,
            parent,
            term_heights,
            absent: Vec::new(),
            turns,
        })
    }

    /// The same electorate, passing over those that were long absent, longest first. Every validator must name the same ones, so
    /// they come from the state.
    #[must_use]
    pub fn passing_over(self, absent: Vec<account::Id>) -> Self {
        let proposer = self.parent.map(|parent| parent.proposer);
        let height = self.height();
        Self {
            turns: proposer::turns(
                height,
                &self.validators,
                proposer,
                self.term_heights,
                &absent,
            ),
            absent,
            ..self
        }
    }

    /// The same electorate, where another set decides the next height.
    #[must_use]
    pub fn followed_by(self, next: validator::Set) -> Self {
        Self { next, ..self }
    }

    /// The chain that all signatures name.
    pub fn chain_id(&self) -> &chain::Id {
        &self.chain_id
    }

    /// The height to decide.
    pub fn height(&self) -> u64 {
        self.height.value()
    }

    /// The validators, in the order that certificates use.
    pub fn validators(&self) -> &validator::Set {
        &self.validators
    }

    /// The hash that a header of this height carries for them.
    pub fn validators_hash(&self) -> Hash {
        self.validators_hash
    }

    /// The block before; none at the first height.
    pub fn parent(&self) -> Option<&Parent> {
        self.parent.as_ref()
    }

    /// Who proposes in `round`.
    pub fn proposer(&self, round: u32) -> account::Id {
        let turn = u64::from(round) % self.turns.len() as u64;
        let turn = usize::try_from(turn).expect("less than the number of validators");
        self.validators.validators()[self.turns[turn]].address
    }

    /// Who proposes first at the next height, should `proposer`'s block be decided: one of the validators of that height, who may
    /// have no vote at this one.
    pub fn next_proposer(&self, proposer: account::Id) -> account::Id {
        let turns = proposer::turns(
            self.height().saturating_add(1),
            &self.next,
            Some(proposer),
            self.term_heights,
            &self.absent,
        );
        self.next.validators()[turns[0]].address
    }

    /// The validators of the next height.
    pub fn next_validators(&self) -> &validator::Set {
        &self.next
    }

    /// Number of validators.
    pub fn count(&self) -> usize {
        self.keys.len()
    }

    /// Where a validator stands in the set.
    pub fn index(&self, address: account::Id) -> Option<usize> {
        proposer::position(&self.validators, address)
    }

    /// Power of the validator at `index`.
    pub(crate) fn power(&self, index: usize) -> u64 {
        self.validators.validators()[index].power()
    }

    /// Address of the validator at `index`.
    pub(crate) fn address(&self, index: usize) -> account::Id {
        self.validators.validators()[index].address
    }

    /// Key of the validator at `index`.
    pub(crate) fn key(&self, index: usize) -> Option<&Key> {
        self.keys[index].as_ref()
    }

    /// Whether `power` is a quorum: strictly more than two thirds.
    pub(crate) fn is_quorum(&self, power: u64) -> bool {
        u128::from(power) * 3 > u128::from(self.validators.total_voting_power().value()) * 2
    }

    /// Whether `power` is certain to contain an honest validator: strictly more than one third.
    pub(crate) fn has_honest(&self, power: u64) -> bool {
        u128::from(power) * 3 > u128::from(self.validators.total_voting_power().value())
    }
}

/// A validator's Ed25519 key.
pub(crate) fn key(validator: &validator::Info) -> Option<Key> {
    Key::parse(&raw_key(validator)?)
}

fn raw_key(validator: &validator::Info) -> Option<[u8; 32]> {
    validator.pub_key.ed25519()?.as_bytes().try_into().ok()
}

#[cfg(test)]
mod tests {
    use tendermint::vote::Power;

    use super::*;
    use crate::testing::Chain;

    #[test]
    fn a_quorum_is_strictly_more_than_two_thirds() {
        let three = Chain::new(3).electorate(1);
        assert!(!three.is_quorum(20));
        assert!(three.is_quorum(21));
        assert!(!three.has_honest(10));
        assert!(three.has_honest(11));
    }

    #[test]
    fn the_next_proposer_is_of_the_next_set() {
        let chain = Chain::new(4);
        let electorate = chain.electorate(1);
        let proposer = electorate.proposer(0);
        assert_eq!(electorate.next_proposer(proposer), proposer);
        let others: Vec<_> = chain
            .validators()
            .validators()
            .iter()
            .filter(|info| info.address != proposer)
            .cloned()
            .collect();
        let next = validator::Set::without_proposer(others);
        let then = electorate.followed_by(next.clone()).next_proposer(proposer);
        let term = crate::testing::TERM_HEIGHTS;
        let expected = proposer::turns(2, &next, Some(proposer), term, &[])[0];
        assert_eq!(then, next.validators()[expected].address);
        assert_ne!(then, proposer);
    }

    #[test]
    fn a_set_with_a_twin_or_a_foreign_address_or_no_power_is_refused() {
        let chain = Chain::new(4);
        let build = |set| Electorate::new(chain.id(), 1, set, None, 1);
        let mut twin = chain.validators();
        twin.validators[1] = twin.validators[0].clone();
        assert!(matches!(build(twin), Err(ElectorateError::Address(_))));
        let mut foreign = chain.validators();
        foreign.validators[1].address = account::Id::new([1; 20]);
        assert!(matches!(build(foreign), Err(ElectorateError::Address(_))));
        let mut powerless = chain.validators();
        powerless.validators[1].power = Power::from(0u32);
        assert!(matches!(build(powerless), Err(ElectorateError::Power(_))));
        assert_eq!(
            build(validator::Set::new(Vec::new(), None)),
            Err(ElectorateError::Size(0))
        );
        assert_eq!(
            Electorate::new(chain.id(), 2, chain.validators(), None, 1),
            Err(ElectorateError::Height(2))
        );
    }
}
