//! Who may issue which certificates: accreditations, which the super nodes' motions give and withdraw on the main chain.
//!
//! An accreditation is for one type of certificate in one jurisdiction and for a term. It says nothing of other types, and an
//! issuer may hold many. The issuer's DID may be of a sub-chain: what it issues there is judged by its accreditation here.

use starfire_proto::v1;
use starfire_state::{Code, Env, Event, Overlay, Rejection, View, record};

use crate::code;
use crate::deactivate::REASON_BYTES_MAX;
use crate::id::Did;
use crate::path;

/// The longest type, bytes.
pub const TYPE_BYTES_MAX: usize = 64;

/// Lets an issuer issue certificates of a type in a jurisdiction, for a term.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accredit {
    scope: Scope,
    valid_from_ms: i64,
    valid_until_ms: i64,
}

/// Ends an accreditation before its term.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withdraw {
    scope: Scope,
    reason: String,
}

/// What an accreditation is for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Scope {
    issuer: Did,
    kind: String,
    jurisdiction: String,
}

impl Scope {
    fn parse(issuer: &str, kind: String, jurisdiction: String) -> Result<Self, Rejection> {
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

    fn path(&self) -> Vec<u8> {
        path::accreditation(&self.issuer, &self.kind, &self.jurisdiction)
    }

    fn attributes(&self) -> Vec<(&'static str, String)> {
        vec![
            ("issuer", self.issuer.to_string()),
            ("type", self.kind.clone()),
            ("jurisdiction", self.jurisdiction.clone()),
        ]
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

fn invalid(detail: String) -> Rejection {
    Rejection::new(code::ACCREDITATION_INVALID, detail)
}

fn only_on_main_chain(env: &Env) -> Result<(), Rejection> {
    if env.chain.chain_code.is_empty() {
        return Ok(());
    }
    Err(Rejection::new(
        code::ONLY_ON_MAIN_CHAIN,
        "accreditations stand on the main chain",
    ))
}

impl TryFrom<v1::Accredit> for Accredit {
    type Error = Rejection;

    fn try_from(message: v1::Accredit) -> Result<Self, Rejection> {
        let scope = Scope::parse(&message.issuer, message.r#type, message.jurisdiction)?;
        let (from, until) = (message.valid_from_ms, message.valid_until_ms);
        if from < 0 || until < 0 || (until != 0 && until <= from) {
            return Err(invalid(
                "a term begins at or after 1970 and ends after it begins, or never (0)".into(),
            ));
        }
        Ok(Self {
            scope,
            valid_from_ms: from,
            valid_until_ms: until,
        })
    }
}

impl Accredit {
    /// Stores the accreditation, as `motion` decided. A new one replaces the old as a whole, and its term never reaches back
    /// behind the old term's beginning or withdrawal: a withdrawal is not undone by a later motion.
    pub fn apply(self, motion: u64, state: &mut Overlay<'_>, env: &Env) -> Result<(), Rejection> {
        only_on_main_chain(env)?;
        let path = self.scope.path();
        let old: Option<v1::AccreditationRecord> = record(state, &path);
        let earliest = old.map_or(0, |old| old.valid_from_ms.max(old.withdrawn_ms));
        if self.valid_from_ms < earliest {
            let detail = format!(
                "the term reaches back behind {earliest}, where the one it replaces began or ended"
            );
            return Err(invalid(detail));
        }
        let attributes = self.scope.attributes();
        let accreditation = v1::AccreditationRecord {
            issuer: self.scope.issuer.to_string(),
            r#type: self.scope.kind,
            jurisdiction: self.scope.jurisdiction,
            valid_from_ms: self.valid_from_ms,
            valid_until_ms: self.valid_until_ms,
            withdrawn_ms: 0,
            withdrawn_reason: String::new(),
            motion,
            ..v1::AccreditationRecord::default()
        };
        state.put_record(path, &accreditation);
        state.emit(Event::new("issuer.accredited", attributes));
        Ok(())
    }
}

impl TryFrom<v1::WithdrawAccreditation> for Withdraw {
    type Error = Rejection;

    fn try_from(message: v1::WithdrawAccreditation) -> Result<Self, Rejection> {
        let scope = Scope::parse(&message.issuer, message.r#type, message.jurisdiction)?;
        if message.reason.len() > REASON_BYTES_MAX {
            return Err(invalid(format!(
                "a reason has at most {REASON_BYTES_MAX} bytes"
            )));
        }
        Ok(Self {
            scope,
            reason: message.reason,
        })
    }
}

impl Withdraw {
    /// Marks the accreditation as withdrawn from this block's time on. What was issued before keeps its standing.
    pub fn apply(self, state: &mut Overlay<'_>, env: &Env) -> Result<(), Rejection> {
        only_on_main_chain(env)?;
        let path = self.scope.path();
        let Some(old) = record::<v1::AccreditationRecord>(state, &path) else {
            let Scope {
                issuer,
                kind,
                jurisdiction,
            } = &self.scope;
            let detail = format!("{issuer} is not accredited for {kind} in {jurisdiction}");
            return Err(Rejection::new(code::ACCREDITATION_NOT_FOUND, detail));
        };
        if old.withdrawn_ms != 0 {
            return Err(Rejection::new(
                code::ACCREDITATION_WITHDRAWN,
                "the accreditation is withdrawn already",
            ));
        }
        let withdrawn = v1::AccreditationRecord {
            withdrawn_ms: env.time_ms(),
            withdrawn_reason: self.reason,
            ..old
        };
        state.put_record(path, &withdrawn);
        state.emit(Event::new("issuer.withdrawn", self.scope.attributes()));
        Ok(())
    }
}

/// Whether an accreditation covers this moment; otherwise the code that says why not. A term includes its first millisecond and
/// not its last.
pub fn standing(accreditation: &v1::AccreditationRecord, at_ms: i64) -> Result<(), Code> {
    if accreditation.withdrawn_ms != 0 && at_ms >= accreditation.withdrawn_ms {
        return Err(code::ACCREDITATION_WITHDRAWN);
    }
    if at_ms < accreditation.valid_from_ms {
        return Err(code::ACCREDITATION_NOT_YET_VALID);
    }
    if accreditation.valid_until_ms != 0 && at_ms >= accreditation.valid_until_ms {
        return Err(code::ACCREDITATION_EXPIRED);
    }
    Ok(())
}

/// An issuer's accreditation for one type in one jurisdiction.
pub fn accreditation(
    view: &dyn View,
    issuer: &Did,
    kind: &str,
    jurisdiction: &str,
) -> Option<v1::AccreditationRecord> {
    record(view, &path::accreditation(issuer, kind, jurisdiction))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{World, person};

    const TYPE: &str = "CertificateOfOrigin";

    fn accredit(from: i64, until: i64) -> v1::Accredit {
        v1::Accredit {
            issuer: person(1).did.to_string(),
            r#type: TYPE.into(),
            jurisdiction: "CN".into(),
            valid_from_ms: from,
            valid_until_ms: until,
            ..v1::Accredit::default()
        }
    }

    fn withdraw() -> v1::WithdrawAccreditation {
        v1::WithdrawAccreditation {
            issuer: person(1).did.to_string(),
            r#type: TYPE.into(),
            jurisdiction: "CN".into(),
            reason: "licence lost".into(),
        }
    }

    fn give(world: &mut World, message: v1::Accredit) -> Result<(), Rejection> {
        let env = world.env("did:bid:efMotion");
        Accredit::try_from(message)?.apply(7, &mut world.state, &env)
    }

    fn take(world: &mut World, message: v1::WithdrawAccreditation) -> Result<(), Rejection> {
        let env = world.env("did:bid:efMotion");
        Withdraw::try_from(message)?.apply(&mut world.state, &env)
    }

    fn stored(world: &World) -> Option<v1::AccreditationRecord> {
        accreditation(&world.state, &person(1).did, TYPE, "CN")
    }

    #[test]
    fn an_accreditation_holds_within_its_term_and_until_it_is_withdrawn() {
        let mut world = World::main();
        assert_eq!(
            take(&mut world, withdraw()).unwrap_err().code,
            code::ACCREDITATION_NOT_FOUND
        );
        give(&mut world, accredit(1_000, 9_000)).unwrap();
        let record = stored(&world).unwrap();
        assert_eq!((record.motion, record.withdrawn_ms), (7, 0));
        assert_eq!(
            standing(&record, 999),
            Err(code::ACCREDITATION_NOT_YET_VALID)
        );
        assert_eq!(standing(&record, 1_000), Ok(()));
        assert_eq!(standing(&record, 8_999), Ok(()));
        assert_eq!(standing(&record, 9_000), Err(code::ACCREDITATION_EXPIRED));

        world.now_ms = 5_000;
        take(&mut world, withdraw()).unwrap();
        let record = stored(&world).unwrap();
        assert_eq!(record.withdrawn_reason, "licence lost");
        assert_eq!(
            standing(&record, 4_999),
            Ok(()),
            "what was issued before keeps its standing"
        );
        assert_eq!(standing(&record, 5_000), Err(code::ACCREDITATION_WITHDRAWN));
        assert_eq!(
            standing(&record, 999),
            Err(code::ACCREDITATION_NOT_YET_VALID)
        );
        assert_eq!(
            take(&mut world, withdraw()).unwrap_err().code,
            code::ACCREDITATION_WITHDRAWN
        );
    }

    #[test]
    fn a_term_without_end_ends_by_withdrawal_alone() {
        let mut world = World::main();
        give(&mut world, accredit(1_000, 0)).unwrap();
        assert_eq!(standing(&stored(&world).unwrap(), i64::MAX), Ok(()));
    }

    #[test]
    fn no_later_motion_undoes_a_withdrawal() {
        let mut world = World::main();
        give(&mut world, accredit(1_000, 0)).unwrap();
        world.now_ms = 5_000;
        take(&mut world, withdraw()).unwrap();
        assert_eq!(
            give(&mut world, accredit(4_999, 0)).unwrap_err().code,
            code::ACCREDITATION_INVALID
        );
        give(&mut world, accredit(6_000, 0)).unwrap();
        assert_eq!(
            give(&mut world, accredit(4_999, 0)).unwrap_err().code,
            code::ACCREDITATION_INVALID
        );
        assert_eq!(
            standing(&stored(&world).unwrap(), 5_500),
            Err(code::ACCREDITATION_NOT_YET_VALID)
        );
        give(&mut world, accredit(6_000, 8_000)).unwrap();
        assert_eq!(
            standing(&stored(&world).unwrap(), 8_000),
            Err(code::ACCREDITATION_EXPIRED)
        );
    }

    #[test]
    fn accreditations_stand_on_the_main_chain() {
        let mut world = World::sub_chain("byo1");
        assert_eq!(
            give(&mut world, accredit(1_000, 0)).unwrap_err().code,
            code::ONLY_ON_MAIN_CHAIN
        );
        assert_eq!(
            take(&mut world, withdraw()).unwrap_err().code,
            code::ONLY_ON_MAIN_CHAIN
        );
    }

    #[test]
    fn an_issuer_may_be_of_a_sub_chain() {
        let mut world = World::main();
        let issuer = "did:bid:byo1:efnVUgqQFfYeu97ABf6sGm3WFtVXHZB2";
        give(
            &mut world,
            v1::Accredit {
                issuer: issuer.into(),
                ..accredit(1_000, 0)
            },
        )
        .unwrap();
        assert!(accreditation(&world.state, &Did::parse(issuer).unwrap(), TYPE, "CN").is_some());
        assert!(stored(&world).is_none());
    }

    #[test]
    fn what_is_not_well_formed_is_refused() {
        let refused = |change: &dyn Fn(&mut v1::Accredit)| {
            let mut message = accredit(1_000, 2_000);
            change(&mut message);
            assert_eq!(
                Accredit::try_from(message).unwrap_err().code,
                code::ACCREDITATION_INVALID
            );
        };
        for issuer in ["", "did:bid:byo1", "did:web:example.org"] {
            refused(&|message| message.issuer = issuer.into());
        }
        for kind in [
            "",
            "1st",
            "Certificate Of Origin",
            "a/b",
            "证书",
            &"a".repeat(65),
        ] {
            refused(&|message| message.r#type = kind.into());
        }
        for jurisdiction in ["", "C", "cn", "CHN", "C/", "中"] {
            refused(&|message| message.jurisdiction = jurisdiction.into());
        }
        refused(&|message| message.valid_from_ms = -1);
        refused(&|message| message.valid_until_ms = -1);
        refused(&|message| message.valid_until_ms = message.valid_from_ms);
        let long = v1::WithdrawAccreditation {
            reason: "x".repeat(257),
            ..withdraw()
        };
        assert_eq!(
            Withdraw::try_from(long).unwrap_err().code,
            code::ACCREDITATION_INVALID
        );
    }
}
