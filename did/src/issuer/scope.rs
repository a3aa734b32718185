//! What an accreditation is for, for how long, and what more it allows.

use starfire_proto::v1;
use starfire_state::{Env, Event, Overlay, Rejection, record};

use super::DELEGATION_DEPTH_MAX;
use super::chain::chain;
use super::past::{EARLIER_TERMS_MAX, EARLIER_TERMS_OF_ONE_MAX, closed, forget_shortest, given_by};
use crate::code;
use crate::deactivate::REASON_BYTES_MAX;
use crate::id::Did;
use crate::path;

/// The longest type, bytes.
pub const TYPE_BYTES_MAX: usize = 64;

/// What an accreditation is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scope {
    pub(super) issuer: Did,
    pub(super) kind: String,
    pub(super) jurisdiction: String,
}

/// For how long it is given, and what more it allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Terms {
    pub(super) valid_from_ms: i64,
    pub(super) valid_until_ms: i64,
    pub(super) delegation_depth: u32,
    pub(super) only_accredits: bool,
}

/// Who gives an accreditation.
#[derive(Debug, Clone, Copy)]
pub(super) enum Giver {
    /// The super nodes, by the motion of this number.
    Motion(u64),
    /// One that is accredited itself.
    Accreditor(Did),
}

impl Scope {
    pub(super) fn parse(
        issuer: &str,
        kind: String,
        jurisdiction: String,
    ) -> Result<Self, Rejection> {
        let issuer =
            Did::parse(issuer).map_err(|error| invalid(format!("issuer \"{issuer}\": {error}")))?;
        if !issuer.is_account() {
            return Err(invalid(format!(
                "{issuer} names a chain, which issues nothing"
            )));
        }
        if !is_type(&kind) {
            return Err(invalid(format!(
                "a type is a letter, then up to 63 letters and digits, unlike \"{kind}\""
            )));
        }
        if !is_jurisdiction(&jurisdiction) {
            return Err(invalid(format!(
                "a jurisdiction is two capital letters (ISO 3166-1), unlike \"{jurisdiction}\""
            )));
        }
        Ok(Self {
            issuer,
            kind,
            jurisdiction,
        })
    }

    pub(super) fn path(&self) -> Vec<u8> {
        path::accreditation(&self.issuer, &self.kind, &self.jurisdiction)
    }

    pub(super) fn attributes(&self) -> Vec<(&'static str, String)> {
        vec![
            ("issuer", self.issuer.to_string()),
            ("type", self.kind.clone()),
            ("jurisdiction", self.jurisdiction.clone()),
        ]
    }

    /// The accreditation that stands there, which is there to be ended.
    pub(super) fn standing(
        &self,
        state: &Overlay<'_>,
    ) -> Result<v1::AccreditationRecord, Rejection> {
        let Some(found) = record::<v1::AccreditationRecord>(state, &self.path()) else {
            let Self {
                issuer,
                kind,
                jurisdiction,
            } = self;
            let detail = format!("{issuer} is not accredited for {kind} in {jurisdiction}");
            return Err(Rejection::new(code::ACCREDITATION_NOT_FOUND, detail));
        };
        if found.withdrawn_ms != 0 {
            return Err(Rejection::new(
                code::ACCREDITATION_WITHDRAWN,
                "the accreditation is withdrawn already",
            ));
        }
        Ok(found)
    }

    /// Stores an accreditation. A new one replaces the old as a whole, but for the moments at which the old one held: these stay
    /// ([`closed`]). Its term never reaches back behind the old term's beginning or withdrawal: a withdrawal is not undone later.
    pub(super) fn store(
        self,
        terms: Terms,
        giver: Giver,
        state: &mut Overlay<'_>,
        now_ms: i64,
    ) -> Result<(), Rejection> {
        let levels = chain(state, &self.issuer, &self.kind, &self.jurisdiction);
        let old = levels.first();
        let earliest = old.map_or(0, |old| old.valid_from_ms.max(old.withdrawn_ms));
        if terms.valid_from_ms < earliest {
            let detail = format!(
                "the term reaches back behind {earliest}, where the one it replaces began or ended"
            );
            return Err(invalid(detail));
        }
        let mut earlier = closed(&levels, now_ms);
        let over = earlier.len().saturating_sub(EARLIER_TERMS_MAX);
        match giver {
            Giver::Motion(_) => forget_shortest(&mut earlier, over),
            Giver::Accreditor(did) if given_by(&earlier, &did) > EARLIER_TERMS_OF_ONE_MAX => {
                let detail = format!(
                    "it keeps {EARLIER_TERMS_OF_ONE_MAX} terms that are over and that {did} gave: another accreditor or a motion may give it one more"
                );
                return Err(Rejection::new(code::ACCREDITATION_TERMS_FULL, detail));
            }
            Giver::Accreditor(_) if over == 0 => {}
            Giver::Accreditor(_) => {
                let detail = format!(
                    "it keeps {EARLIER_TERMS_MAX} terms that are over, and would forget the shortest: a motion may do that"
                );
                return Err(Rejection::new(code::ACCREDITATION_TERMS_FULL, detail));
            }
        }
        let path = self.path();
        let mut attributes = self.attributes();
        let (motion, accreditor) = match giver {
            Giver::Motion(motion) => (motion, String::new()),
            Giver::Accreditor(did) => {
                attributes.push(("accreditor", did.to_string()));
                (0, did.to_string())
            }
        };
        if terms.delegation_depth != 0 {
            attributes.push(("depth", terms.delegation_depth.to_string()));
        }
        let accreditation = v1::AccreditationRecord {
            issuer: self.issuer.to_string(),
            r#type: self.kind,
            jurisdiction: self.jurisdiction,
            valid_from_ms: terms.valid_from_ms,
            valid_until_ms: terms.valid_until_ms,
            motion,
            accreditor,
            delegation_depth: terms.delegation_depth,
            only_accredits: terms.only_accredits,
            earlier,
            ..v1::AccreditationRecord::default()
        };
        state.put_record(path, &accreditation);
        state.emit(Event::new("issuer.accredited", attributes));
        Ok(())
    }

    /// Marks `old` as withdrawn from this block's time on: by this accreditor, or by a motion.
    pub(super) fn withdraw(
        &self,
        old: v1::AccreditationRecord,
        by: Option<&Did>,
        reason: String,
        state: &mut Overlay<'_>,
        env: &Env,
    ) {
        let mut attributes = self.attributes();
        attributes.extend(by.map(|did| ("accreditor", did.to_string())));
        let withdrawn = v1::AccreditationRecord {
            withdrawn_ms: env.time_ms(),
            withdrawn_reason: reason,
            withdrawn_by: by.map(Did::to_string).unwrap_or_default(),
            ..old
        };
        state.put_record(self.path(), &withdrawn);
        state.emit(Event::new("issuer.withdrawn", attributes));
    }
}

impl Terms {
    pub(super) fn parse(
        valid_from_ms: i64,
        valid_until_ms: i64,
        delegation_depth: u32,
        only_accredits: bool,
    ) -> Result<Self, Rejection> {
        let endless = valid_until_ms == 0;
        if valid_from_ms < 0 || valid_until_ms < 0 || (!endless && valid_until_ms <= valid_from_ms)
        {
            return Err(invalid(
                "a term begins at or after 1970 and ends after it begins, or never (0)".into(),
            ));
        }
        if delegation_depth > DELEGATION_DEPTH_MAX {
            return Err(invalid(format!(
                "at most {DELEGATION_DEPTH_MAX} further levels can be allowed, not {delegation_depth}"
            )));
        }
        if only_accredits && delegation_depth == 0 {
            return Err(invalid(
                "what only accredits allows at least one further level".into(),
            ));
        }
        Ok(Self {
            valid_from_ms,
            valid_until_ms,
            delegation_depth,
            only_accredits,
        })
    }
}

/// Whether this names a type of certificate, e.g. `CertificateOfOrigin`.
pub fn is_type(text: &str) -> bool {
    text.len() <= TYPE_BYTES_MAX
        && text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Whether this has the form of a country code of ISO 3166-1 alpha-2.
pub fn is_jurisdiction(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase())
}

pub(super) fn invalid(detail: String) -> Rejection {
    Rejection::new(code::ACCREDITATION_INVALID, detail)
}

/// A reason that is short enough.
pub(super) fn reason(text: String) -> Result<String, Rejection> {
    if text.len() > REASON_BYTES_MAX {
        return Err(invalid(format!(
            "a reason has at most {REASON_BYTES_MAX} bytes"
        )));
    }
    Ok(text)
}

pub(super) fn only_on_main_chain(env: &Env) -> Result<(), Rejection> {
    if env.chain.chain_code.is_empty() {
        return Ok(());
    }
    Err(Rejection::new(
        code::ONLY_ON_MAIN_CHAIN,
        "accreditations stand on the main chain",
    ))
}
