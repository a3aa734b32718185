//! Motions: what the super nodes decide together.
//!
//! A super node proposes, and approves by proposing; the others vote. As soon as more than two thirds of the super nodes' power
//! approve, the motion is executed, in the transaction that brought it there. Power is counted as it stands at that moment. A
//! motion can accredit an issuer or withdraw that; nothing in it can touch what belongs to a user.

use prost::Message;
use starfire_did::issuer;
use starfire_proto::v1;
use starfire_proto::v1::motion_propose;
use starfire_state::{Env, Event, Overlay, Rejection, View, record};

use crate::membership::{Members, super_power};
use crate::{code, path};

/// A motion to propose.
#[derive(Debug, Clone)]
pub struct Propose {
    action: Action,
    /// The message, as the record keeps it.
    message: Vec<u8>,
}

/// What a motion does once adopted.
#[derive(Debug, Clone)]
enum Action {
    Accredit(issuer::Accredit),
    Withdraw(issuer::Withdraw),
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

impl TryFrom<v1::MotionPropose> for Action {
    type Error = Rejection;

    fn try_from(message: v1::MotionPropose) -> Result<Self, Rejection> {
        match message.action {
            Some(motion_propose::Action::Accredit(accredit)) => {
                Ok(Self::Accredit(accredit.try_into()?))
            }
            Some(motion_propose::Action::WithdrawAccreditation(withdraw)) => {
                Ok(Self::Withdraw(withdraw.try_into()?))
            }
            None => Err(Rejection::new(
                code::INVALID_PARAMETER,
                "the motion has no action",
            )),
        }
    }
}

impl Action {
    fn apply(self, state: &mut Overlay<'_>, env: &Env, motion: u64) -> Result<(), Rejection> {
        match self {
            Self::Accredit(accredit) => accredit.apply(motion, state, env),
            Self::Withdraw(withdraw) => withdraw.apply(state, env),
        }
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
    pub fn apply(
        self,
        state: &mut Overlay<'_>,
        env: &Env,
        members: &Members,
    ) -> Result<(), Rejection> {
        require_super_node(env)?;
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
        cast(state, env, members, motion, self.action, true);
        Ok(())
    }
}

impl Vote {
    /// Votes, and executes the motion where this vote adopts it.
    pub fn apply(
        self,
        state: &mut Overlay<'_>,
        env: &Env,
        members: &Members,
    ) -> Result<(), Rejection> {
        require_super_node(env)?;
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
        if is_closed(&motion, members) {
            return Err(Rejection::new(
                code::MOTION_CLOSED,
                format!("motion {} is decided", self.motion),
            ));
        }
        let message = v1::MotionPropose::decode(motion.action.as_slice())
            .expect("a motion in state holds the message that proposed it");
        let action =
            Action::try_from(message).expect("a motion in state was parsed when it was proposed");
        cast(state, env, members, motion, action, self.approve);
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
pub fn is_closed(motion: &v1::MotionRecord, members: &Members) -> bool {
    let total = super_power(members.iter());
    let open = total.saturating_sub(power(motion, members, false));
    motion.executed || !motion.rejection.is_empty() || !is_quorum(open, total)
}

fn require_super_node(env: &Env) -> Result<(), Rejection> {
    match &env.member {
        Some(member) if member.role() == v1::Role::Super => Ok(()),
        Some(_) | None => Err(Rejection::new(
            code::NOT_A_SUPER_NODE,
            format!("{} is not a super node", env.sender),
        )),
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
    if is_quorum(power(&motion, members, true), super_power(members.iter())) {
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

/// The super nodes' power behind one answer.
fn power(motion: &v1::MotionRecord, members: &Members, approve: bool) -> u64 {
    let voters = motion
        .ballots
        .iter()
        .filter(|ballot| ballot.approve == approve);
    super_power(voters.filter_map(|ballot| members.get(&ballot.voter)))
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
