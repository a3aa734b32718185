//! A motion accredits: this is a root of trust.

use starfire_proto::v1;
use starfire_state::{Env, Overlay, Rejection};

use super::scope::{Giver, Scope, Terms, only_on_main_chain};

/// Lets an issuer issue certificates of a type in a jurisdiction, for a term, and accredit others for it if it says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accredit {
    scope: Scope,
    terms: Terms,
}

impl TryFrom<v1::Accredit> for Accredit {
    type Error = Rejection;

    fn try_from(message: v1::Accredit) -> Result<Self, Rejection> {
        Ok(Self {
            scope: Scope::parse(&message.issuer, message.r#type, message.jurisdiction)?,
            terms: Terms::parse(
                message.valid_from_ms,
                message.valid_until_ms,
                message.delegation_depth,
                message.only_accredits,
            )?,
        })
    }
}

impl Accredit {
    /// Stores the accreditation, as `motion` decided, in place of whatever stood there but what held until now.
    pub fn apply(self, motion: u64, state: &mut Overlay<'_>, env: &Env) -> Result<(), Rejection> {
        only_on_main_chain(env)?;
        self.scope
            .store(self.terms, Giver::Motion(motion), state, env.time_ms())
    }
}
