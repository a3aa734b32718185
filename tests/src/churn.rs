//! Members that come and go, lose and get votes, and rotate keys, one motion after another while everything else goes wrong.
//!
//! A plan is made before the run: each step is one transaction that proposes a motion and casts the votes which adopt it. Since a
//! step is sent when the one before it is committed, the plan knows who governs by then, and each of its motions must be executed.

use std::collections::BTreeMap;
use std::sync::Arc;

use starfire_ledger::Checked;
use starfire_ledger::membership::possession_message;
use starfire_proto::protocol::operation::{Native, Type};
use starfire_proto::v1::motion_propose::Action;
use starfire_proto::{protocol, v1};

use crate::world::{World, account_key, address, operator_key, sign_and_check, validator_key};

/// Total power never falls below this: a chain of three equal validators cannot lose or gain one at once.
const POWER_MIN: u64 = 4;
/// How long until a step that was not committed is sent again.
const AGAIN_MS: u64 = 2_500;

/// The motions of a run.
#[derive(Debug)]
pub struct Churn {
    steps: Vec<Arc<Checked>>,
    /// The step that is to be executed next.
    next: usize,
    due_ms: u64,
}

/// The members as the plan's motions leave them: power and key of each.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Model(BTreeMap<usize, (u64, u8)>);

impl Model {
    /// The validators, by member and key.
    fn set(&self) -> BTreeMap<(usize, u8), u64> {
        let voting = self.0.iter().filter(|(_, (power, _))| *power > 0);
        voting
            .map(|(member, (power, rotation))| ((*member, *rotation), *power))
            .collect()
    }

    fn total(&self) -> u64 {
        self.set().values().sum()
    }

    /// Whether a chain may go from one to the other in one step.
    fn allows(&self, then: &Self) -> bool {
        let (old, new) = (self.set(), then.set());
        let surplus = |of: &BTreeMap<(usize, u8), u64>, over: &BTreeMap<(usize, u8), u64>| {
            let more = |(key, power): (&(usize, u8), &u64)| {
                power.saturating_sub(over.get(key).copied().unwrap_or(0))
            };
            of.iter().map(more).sum::<u64>()
        };
        let total = self.total();
        surplus(&old, &new) * 3 < total
            && surplus(&new, &old) * 3 < total
            && then.total() >= POWER_MIN
    }

    /// The first members that together have more than two thirds.
    fn voters(&self) -> Vec<usize> {
        let mut voters = Vec::new();
        let mut power = 0;
        for (member, (own, _)) in self.0.iter().filter(|(_, (own, _))| *own > 0) {
            if power * 3 > self.total() * 2 {
                break;
            }
            power += own;
            voters.push(*member);
        }
        voters
    }
}

impl Churn {
    /// No motions.
    pub fn none() -> Self {
        Self {
            steps: Vec::new(),
            next: 0,
            due_ms: 0,
        }
    }

    /// So many motions, drawn at random from those that are allowed in turn.
    pub fn plan(world: &World, random: &mut fastrand::Rng, count: usize) -> Self {
        let founders = 0..world.validators();
        let mut model = Model(founders.map(|member| (member, (1, 0))).collect());
        let mut steps = Vec::new();
        let keys = u8::try_from(world.keys()).expect("few keys");
        while steps.len() < count {
            let member = random.usize(0..world.members());
            let Some((action, then)) = draw(&model, member, keys, random) else {
                continue;
            };
            if then == model || !model.allows(&then) {
                continue;
            }
            steps.push(transaction(action, &model.voters(), steps.len() + 1));
            model = then;
        }
        Self {
            steps,
            next: 0,
            due_ms: random.u64(0..2_000),
        }
    }

    /// The transaction that is to be sent now, to everybody.
    pub fn due(&mut self, now_ms: u64) -> Option<Arc<Checked>> {
        let step = self.steps.get(self.next)?;
        if now_ms < self.due_ms {
            return None;
        }
        self.due_ms = now_ms + AGAIN_MS;
        Some(step.clone())
    }

    /// Takes note of committed transactions; the step after one of the plan waits for a while.
    pub fn committed(&mut self, transactions: &[[u8; 32]], now_ms: u64, wait_ms: u64) {
        let done = |step: &Arc<Checked>| transactions.contains(&step.hash);
        while self.steps.get(self.next).is_some_and(done) {
            self.next += 1;
            self.due_ms = now_ms + wait_ms;
        }
    }

    /// How many motions there are in all.
    pub fn count(&self) -> u64 {
        u64::try_from(self.steps.len()).expect("few steps")
    }

    /// Whether all of them are committed.
    pub fn is_over(&self) -> bool {
        self.next == self.steps.len()
    }
}

/// A motion about a member, and what it leaves.
fn draw(
    model: &Model,
    member: usize,
    keys: u8,
    random: &mut fastrand::Rng,
) -> Option<(Action, Model)> {
    let whose = address(&account_key(member));
    let number = u8::try_from(member).expect("few members");
    let mut then = model.clone();
    let Some((power, rotation)) = then.0.get_mut(&member) else {
        let power = random.u64(0..=1);
        then.0.insert(member, (power, 0));
        let key = validator_key(number, 0);
        let admit = v1::AdmitMember {
            organisation: format!("organisation {member}"),
            role: v1::Role::Super.into(),
            peers: Vec::new(),
            validator_key: key.public().raw().to_vec(),
            voting_power: power,
            possession: key.sign(&possession_message(&whose)),
            address: whose,
        };
        return Some((Action::AdmitMember(admit), then));
    };
    let action = match random.u32(0..4) {
        0 => {
            then.0.remove(&member);
            Action::RemoveMember(v1::RemoveMember {
                address: whose,
                reason: String::new(),
            })
        }
        1 if *rotation + 1 < keys => {
            *rotation += 1;
            let key = validator_key(number, *rotation);
            Action::RotateValidatorKey(v1::RotateValidatorKey {
                validator_key: key.public().raw().to_vec(),
                possession: key.sign(&possession_message(&whose)),
                address: whose,
            })
        }
        _ => {
            *power = random.u64(0..=2);
            Action::SetPower(v1::SetPower {
                address: whose,
                voting_power: *power,
            })
        }
    };
    Some((action, then))
}

/// One transaction: the first voter proposes, the others vote.
fn transaction(action: Action, voters: &[usize], motion: usize) -> Arc<Checked> {
    let accounts: Vec<_> = voters.iter().map(|member| account_key(*member)).collect();
    let number = u64::try_from(motion).expect("few steps");
    let mut action = Some(action);
    let operations = accounts.iter().map(|account| {
        let (kind, native) = match action.take() {
            Some(action) => (
                Type::MotionPropose,
                Native::MotionPropose(v1::MotionPropose {
                    action: Some(action),
                }),
            ),
            None => (
                Type::MotionVote,
                Native::MotionVote(v1::MotionVote {
                    motion: number,
                    approve: true,
                }),
            ),
        };
        protocol::Operation {
            r#type: kind.into(),
            source_address: address(account),
            native: Some(native),
            ..Default::default()
        }
    });
    let operator = operator_key();
    let body = protocol::Transaction {
        source_address: address(&operator),
        nonce: i64::try_from(motion).expect("few steps"),
        operations: operations.collect(),
        ..Default::default()
    };
    let signers: Vec<_> = std::iter::once(&operator).chain(&accounts).collect();
    sign_and_check(&body, &signers)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn plans_hold_motions_of_every_kind() {
        let world = World::with_joiners(4, 2, 2);
        let mut random = fastrand::Rng::with_seed(1);
        let plan = Churn::plan(&world, &mut random, 40);
        let hashes: BTreeSet<_> = plan.steps.iter().map(|step| step.hash).collect();
        assert_eq!(hashes.len(), 40);
    }
}
