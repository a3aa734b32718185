//! Motions: what those who govern decide together: super nodes on the main chain, members with a vote on a sub-chain.
//!
//! One of them proposes, and approves by proposing; the others vote. As soon as more than two thirds of their power approve, the
//! motion is executed, in the transaction that brought it there. Power is counted as it stands at that moment, and so is
//! membership: who was removed by an earlier transaction of the block has no say in a later one. A motion can accredit an issuer
//! or withdraw that, change who the members and validators are, and, on the main chain, whom a sub-chain may have as validators;
//! nothing in it can touch what belongs to a user.
//!
//! One file each for what a motion can do: [`admit`], [`remove`], [`power`], [`rotate`], [`peers`], [`register`], [`strike`].
//! [`action`] is their list.

mod action;
mod admit;
mod member;
mod peers;
mod power;
mod register;
mod remove;
mod rotate;
mod strike;

use prost::Message;
use starfire_proto::v1;
use starfire_state::{Env, Event, Overlay, Rejection, View, record};

use crate::membership::{Members, governing_power, governs};
use crate::{code, path};
use action::Action;

/// A motion to propose.
#[derive(Debug, Clone)]
pub struct Propose {
    action: Action,
    /// The message, as the record keeps it.
    message: Vec<u8>,
}

/// A vote on a motion.
#[derive(Debug, Clone)]
pub struct Vote {
    motion: u64,
    approve: bool,
}

impl TryFrom<v1::MotionPropose> for Propose {
    type Error = Rejection;

    fn try_from(message: v1::MotionPropose) -> Result<Self, Rejection> {
        let bytes = message.encode_to_vec();
        Ok(Self {
            action: message.try_into()?,
            message: bytes,
        })
    }
}

impl From<v1::MotionVote> for Vote {
    fn from(message: v1::MotionVote) -> Self {
        Self {
            motion: message.motion,
            approve: message.approve,
        }
    }
}

impl Propose {
    /// Opens the motion with the proposer's approval.
    pub fn apply(self, state: &mut Overlay<'_>, env: &Env) -> Result<(), Rejection> {
        let members = governing_members(state, env)?;
        self.action.check(env)?;
        let id = count(state)
            .checked_add(1)
            .expect("fewer than 2^64 motions are ever proposed");
        state.put(path::MOTION_COUNT.to_vec(), id.to_string().into_bytes());
        state.emit(Event::new(
            "motion.proposed",
            vec![("motion", id.to_string()), ("proposer", env.sender.clone())],
        ));
        let motion = v1::MotionRecord {
            id,
            proposer: env.sender.clone(),
            action: self.message,
            ballots: Vec::new(),
            executed: false,
            rejection: String::new(),
        };
        cast(state, env, &members, motion, self.action, true);
        Ok(())
    }
}

impl Vote {
    /// Votes, and executes the motion where this vote adopts it.
    pub fn apply(self, state: &mut Overlay<'_>, env: &Env) -> Result<(), Rejection> {
        let members = governing_members(state, env)?;
        let Some(motion) = load(state, self.motion) else {
            return Err(Rejection::new(
                code::MOTION_NOT_FOUND,
                format!("there is no motion {}", self.motion),
            ));
        };
        if motion
            .ballots
            .iter()
            .any(|ballot| ballot.voter == env.sender)
        {
            return Err(Rejection::new(
                code::ALREADY_VOTED,
                format!("{} has voted on motion {}", env.sender, self.motion),
            ));
        }
        if is_closed(&motion, &env.chain, &members) {
            return Err(Rejection::new(
                code::MOTION_CLOSED,
                format!("motion {} is decided", self.motion),
            ));
        }
        let message = v1::MotionPropose::decode(motion.action.as_slice())
            .expect("a motion in state holds the message that proposed it");
        let action =
            Action::try_from(message).expect("a motion in state was parsed when it was proposed");
        cast(state, env, &members, motion, action, self.approve);
        Ok(())
    }
}

/// The motion with this number.
pub fn load(view: &dyn View, id: u64) -> Option<v1::MotionRecord> {
    record(view, &path::motion(id))
}

/// How many motions there have been: the number of the last one.
pub fn count(view: &dyn View) -> u64 {
    let Some(bytes) = view.get(path::MOTION_COUNT) else {
        return 0;
    };
    let text = std::str::from_utf8(&bytes).expect("the count of motions is decimal text");
    text.parse().expect("the count of motions is decimal text")
}

/// Whether it is executed, was refused when executed, or can no longer be adopted.
pub fn is_closed(motion: &v1::MotionRecord, chain: &v1::ChainRecord, members: &Members) -> bool {
    let total = governing_power(chain, members.iter());
    let open = total.saturating_sub(power_behind(motion, chain, members, false));
    motion.executed || !motion.rejection.is_empty() || !is_quorum(open, total)
}

/// The members as they stand now, the sender being one who governs.
fn governing_members(state: &Overlay<'_>, env: &Env) -> Result<Members, Rejection> {
    let refused = || {
        if env.chain.chain_code.is_empty() {
            let detail = format!("{} is not a super node", env.sender);
            Rejection::new(code::NOT_A_SUPER_NODE, detail)
        } else {
            let detail = format!("{} has no vote on this chain", env.sender);
            Rejection::new(code::NO_VOTE, detail)
        }
    };
    // Before the block already: a stranger's transaction costs no scan.
    if env.member.is_none() {
        return Err(refused());
    }
    let members = Members::load(state);
    match members.get(&env.sender) {
        Some(member) if governs(&env.chain, member) => Ok(members),
        Some(_) | None => Err(refused()),
    }
}

/// Adds the sender's ballot, executes the motion if that adopts it, and writes it.
fn cast(
    state: &mut Overlay<'_>,
    env: &Env,
    members: &Members,
    mut motion: v1::MotionRecord,
    action: Action,
    approve: bool,
) {
    let id = motion.id.to_string();
    motion.ballots.push(v1::MotionBallot {
        voter: env.sender.clone(),
        approve,
    });
    let approval = if approve { "yes" } else { "no" };
    state.emit(Event::new(
        "motion.voted",
        vec![
            ("motion", id.clone()),
            ("voter", env.sender.clone()),
            ("approve", approval.to_owned()),
        ],
    ));
    let approving = power_behind(&motion, &env.chain, members, true);
    if is_quorum(approving, governing_power(&env.chain, members.iter())) {
        // On its own overlay: a refused action leaves nothing but its code.
        let mut execution = Overlay::new(state);
        match action.apply(&mut execution, env, motion.id) {
            Ok(()) => {
                let (changes, events) = execution.into_parts();
                state.absorb(changes);
                events.into_iter().for_each(|event| state.emit(event));
                motion.executed = true;
                state.emit(Event::new("motion.executed", vec![("motion", id)]));
            }
            Err(rejection) => {
                motion.rejection = rejection.code.name.to_owned();
                let attributes = vec![("motion", id), ("rejection", motion.rejection.clone())];
                state.emit(Event::new("motion.rejected", attributes));
            }
        }
    }
    state.put_record(path::motion(motion.id), &motion);
}

/// The power behind one answer.
fn power_behind(
    motion: &v1::MotionRecord,
    chain: &v1::ChainRecord,
    members: &Members,
    approve: bool,
) -> u64 {
    let voters = motion
        .ballots
        .iter()
        .filter(|ballot| ballot.approve == approve);
    let voters = voters.filter_map(|ballot| members.get(&ballot.voter));
    governing_power(chain, voters)
}

/// More than two thirds.
fn is_quorum(power: u64, total: u64) -> bool {
    u128::from(power) * 3 > u128::from(total) * 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_thirds_exactly_are_not_enough() {
        assert!(!is_quorum(2, 3));
        assert!(is_quorum(3, 4));
        assert!(!is_quorum(0, 0));
        assert!(is_quorum(u64::MAX, u64::MAX));
    }
}
