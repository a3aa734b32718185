//! What a motion does once adopted: the list.

use starfire_did::issuer;
use starfire_proto::v1;
use starfire_proto::v1::motion_propose;
use starfire_state::{Env, Overlay, Rejection};

use super::admit::Admit;
use super::peers::SetPeers;
use super::power::SetPower;
use super::register::Register;
use super::remove::Remove;
use super::rotate::Rotate;
use super::strike::Strike;
use crate::code;

/// What a motion does once adopted.
#[derive(Debug, Clone)]
pub(super) enum Action {
    Accredit(issuer::Accredit),
    Withdraw(issuer::Withdraw),
    Admit(Admit),
    Remove(Remove),
    SetPower(SetPower),
    Rotate(Rotate),
    SetPeers(SetPeers),
    Register(Register),
    Strike(Strike),
}

impl TryFrom<v1::MotionPropose> for Action {
    type Error = Rejection;

    fn try_from(message: v1::MotionPropose) -> Result<Self, Rejection> {
        use motion_propose::Action as Message;

        let Some(action) = message.action else {
            return Err(Rejection::new(
                code::INVALID_PARAMETER,
                "the motion has no action",
            ));
        };
        Ok(match action {
            Message::Accredit(accredit) => Self::Accredit(accredit.try_into()?),
            Message::WithdrawAccreditation(withdraw) => Self::Withdraw(withdraw.try_into()?),
            Message::AdmitMember(admit) => Self::Admit(admit.into()),
            Message::RemoveMember(remove) => Self::Remove(remove.try_into()?),
            Message::SetPower(set) => Self::SetPower(set.into()),
            Message::RotateValidatorKey(rotate) => Self::Rotate(rotate.into()),
            Message::SetPeers(set) => Self::SetPeers(set.try_into()?),
            Message::RegisterValidator(register) => Self::Register(register.try_into()?),
            Message::StrikeValidator(strike) => Self::Strike(strike.try_into()?),
        })
    }
}

impl Action {
    /// What can be said against it whatever the state: then it is not even proposed.
    pub(super) fn check(&self, env: &Env) -> Result<(), Rejection> {
        match self {
            Self::Admit(admit) => admit.check(env),
            Self::Rotate(rotate) => rotate.check(),
            Self::Register(register) => register.check(env),
            Self::Strike(strike) => strike.check(env),
            Self::Accredit(_)
            | Self::Withdraw(_)
            | Self::Remove(_)
            | Self::SetPower(_)
            | Self::SetPeers(_) => Ok(()),
        }
    }

    pub(super) fn apply(
        self,
        state: &mut Overlay<'_>,
        env: &Env,
        motion: u64,
    ) -> Result<(), Rejection> {
        match self {
            Self::Accredit(accredit) => accredit.apply(motion, state, env),
            Self::Withdraw(withdraw) => withdraw.apply(state, env),
            Self::Admit(admit) => admit.apply(state, env),
            Self::Remove(remove) => remove.apply(state, env),
            Self::SetPower(set) => set.apply(state, env),
            Self::Rotate(rotate) => rotate.apply(state, env),
            Self::SetPeers(set) => set.apply(state),
            Self::Register(register) => register.apply(state),
            Self::Strike(strike) => strike.apply(state),
        }
    }
}
