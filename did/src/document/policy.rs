//! Who decides together: DIDs with weights, and what the weights of those who sign must reach.

use crate::id::Did;

/// The most that one member weighs, and the highest threshold.
pub const WEIGHT_MAX: u32 = 1_000_000;

/// Members, their weights, and a threshold that all of them together reach.
///
/// As written: no weights are weights of 1, and a threshold of 0 is one of 1.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    members: Vec<Did>,
    weights: Vec<u32>,
    threshold: u32,
}

/// Why members, weights and a threshold are no policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Weights are given for some members only.
    #[error("{weights} weights for {members} members")]
    Lengths {
        /// How many members.
        members: usize,
        /// How many weights.
        weights: usize,
    },
    /// A weight of 0, or above [`WEIGHT_MAX`].
    #[error("a weight of {0}, which is not from 1 to {WEIGHT_MAX}")]
    Weight(u32),
    /// All members together do not reach it.
    #[error("the threshold {threshold} is above the sum of all weights, {sum}")]
    Threshold {
        /// What was asked for.
        threshold: u32,
        /// What all weigh.
        sum: u64,
    },
}

impl Policy {
    /// Checks weights and threshold. Members are the caller's to check. Where there are none, one weighs 1: the DID itself.
    pub(super) fn new(
        members: Vec<Did>,
        weights: Vec<u32>,
        threshold: u32,
    ) -> Result<Self, PolicyError> {
        if !weights.is_empty() && weights.len() != members.len() {
            return Err(PolicyError::Lengths {
                members: members.len(),
                weights: weights.len(),
            });
        }
        if let Some(weight) = weights.iter().find(|w| !(1..=WEIGHT_MAX).contains(*w)) {
            return Err(PolicyError::Weight(*weight));
        }
        let policy = Self {
            members,
            weights,
            threshold,
        };
        let sum = match policy.weighted().map(|(_, weight)| u64::from(weight)).sum() {
            0 => 1,
            sum => sum,
        };
        if u64::from(threshold) > sum {
            return Err(PolicyError::Threshold { threshold, sum });
        }
        Ok(policy)
    }

    /// One member, whose word is enough.
    pub fn of_one(did: Did) -> Self {
        Self {
            members: vec![did],
            ..Self::default()
        }
    }

    /// The members, in the order of the document.
    pub fn members(&self) -> &[Did] {
        &self.members
    }

    /// Weights as written: one a member, or none.
    pub fn weights(&self) -> &[u32] {
        &self.weights
    }

    /// The threshold as written.
    pub fn written_threshold(&self) -> u32 {
        self.threshold
    }

    /// What the weights of those who sign must reach: at least 1.
    pub fn threshold(&self) -> u64 {
        u64::from(self.threshold.max(1))
    }

    /// Each member with its weight.
    pub fn weighted(&self) -> impl Iterator<Item = (&Did, u32)> {
        let weights = self.weights.iter().copied().chain(std::iter::repeat(1));
        self.members.iter().zip(weights)
    }

    /// Whether those members that `signs` names reach the threshold.
    pub fn is_met_by(&self, signs: impl Fn(&Did) -> bool) -> bool {
        let weight: u64 = self
            .weighted()
            .filter(|(did, _)| signs(did))
            .map(|(_, weight)| u64::from(weight))
            .sum();
        weight >= self.threshold()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::person;

    fn policy(weights: &[u32], threshold: u32) -> Result<Policy, PolicyError> {
        let members = (1..=3).map(|number| person(number).did).collect();
        Policy::new(members, weights.to_vec(), threshold)
    }

    /// Whether persons of these numbers are enough.
    fn enough(policy: &Policy, who: &[u8]) -> bool {
        policy.is_met_by(|did| who.iter().any(|number| person(*number).did == *did))
    }

    #[test]
    fn weights_are_summed_against_the_threshold() {
        let two_of_three = policy(&[], 2).unwrap();
        assert!(!enough(&two_of_three, &[1]) && enough(&two_of_three, &[1, 3]));
        let heavy = policy(&[3, 1, 1], 3).unwrap();
        assert!(enough(&heavy, &[1]) && !enough(&heavy, &[2, 3]));
        let any = policy(&[], 0).unwrap();
        assert!(enough(&any, &[2]) && !enough(&any, &[]) && !enough(&any, &[4]));
        assert!(enough(&Policy::of_one(person(1).did), &[1]));
    }

    #[test]
    fn a_policy_can_be_met() {
        assert_eq!(
            policy(&[1, 1], 1),
            Err(PolicyError::Lengths {
                members: 3,
                weights: 2
            })
        );
        assert_eq!(policy(&[1, 0, 1], 1), Err(PolicyError::Weight(0)));
        assert_eq!(
            policy(&[1, WEIGHT_MAX + 1, 1], 1),
            Err(PolicyError::Weight(WEIGHT_MAX + 1))
        );
        assert_eq!(
            policy(&[], 4),
            Err(PolicyError::Threshold {
                threshold: 4,
                sum: 3
            })
        );
        assert!(policy(&[WEIGHT_MAX; 3], 3 * WEIGHT_MAX).is_ok());
        assert_eq!(
            Policy::new(Vec::new(), Vec::new(), 2),
            Err(PolicyError::Threshold {
                threshold: 2,
                sum: 1
            })
        );
    }
}
