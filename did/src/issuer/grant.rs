//! An accredited DID accredits another, one level further down.

use starfire_proto::v1;
use starfire_state::{Env, Overlay, Rejection, View};

use super::chain::{accreditation, chain, nearest};
use super::judge::{Asked, held, judge_to_accredit};
use super::scope::{Giver, Scope, Terms, only_on_main_chain};
use crate::id::Did;
use crate::{authority, code};

/// Lets another DID issue or accredit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    scope: Scope,
    terms: Terms,
}

impl TryFrom<v1::AccreditationGrant> for Grant {
    type Error = Rejection;

    fn try_from(message: v1::AccreditationGrant) -> Result<Self, Rejection> {
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

impl Grant {
    /// Stores the accreditation, given by the sender: which may accredit for this type and jurisdiction now, by every level above
    /// it.
    pub fn apply(self, state: &mut Overlay<'_>, env: &Env) -> Result<(), Rejection> {
        only_on_main_chain(env)?;
        let sender = authority::sender(state, env)?;
        let Scope {
            issuer,
            kind,
            jurisdiction,
        } = &self.scope;
        let above = nearest(state, &sender, kind, jurisdiction);
        let asked = Asked {
            issuer: &sender,
            kind,
            jurisdiction,
        };
        judge_to_accredit(&above, asked, env.time_ms())
            .map_err(|refused| Rejection::new(refused.code, refused.detail))?;

        let holder = issuer.to_string();
        if above.iter().any(|level| level.issuer == holder) {
            let detail =
                format!("{issuer} stands above the accreditation it would get, or is its giver");
            return Err(Rejection::new(code::ACCREDITATION_CYCLE, detail));
        }
        let own = above
            .first()
            .map_or(0, |accreditation| accreditation.delegation_depth);
        if self.terms.delegation_depth >= own {
            let detail = format!(
                "{sender} may allow fewer than its own {own} further levels, not {}",
                self.terms.delegation_depth
            );
            return Err(Rejection::new(code::ACCREDITATION_DEPTH, detail));
        }
        replaceable(state, &self.scope, &sender, env.time_ms())?;
        self.scope
            .store(self.terms, Giver::Accreditor(sender), state, env.time_ms())
    }
}

/// Whether the sender may write where another accreditation stands, or stood: it is the sender's own gift, or holds no longer.
/// Otherwise one accreditor could take an issuer from another. What a motion withdrew only a motion gives again.
fn replaceable(view: &dyn View, scope: &Scope, sender: &Did, now_ms: i64) -> Result<(), Rejection> {
    let Scope {
        issuer,
        kind,
        jurisdiction,
    } = scope;
    let Some(old) = accreditation(view, issuer, kind, jurisdiction) else {
        return Ok(());
    };
    if old.withdrawn_ms != 0 && old.withdrawn_by.is_empty() {
        return Err(Rejection::new(
            code::ACCREDITATION_WITHDRAWN,
            "a motion withdrew it, and only a motion gives it again",
        ));
    }
    // One whose term is still to come is kept for it.
    let at_ms = now_ms.max(old.valid_from_ms);
    let others = old.accreditor != sender.to_string();
    if others && held(&chain(view, issuer, kind, jurisdiction), at_ms).is_ok() {
        let detail = format!("{issuer} holds one already, which another gave");
        return Err(Rejection::new(code::ACCREDITATION_HELD, detail));
    }
    Ok(())
}
