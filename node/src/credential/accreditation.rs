//! Whether the issuer was accredited, as the main chain's tree of accreditations says.
//!
//! A credential's time of issue is its issuer's own word. So the tree is asked about that time *and* about now: who lost the
//! accreditation could otherwise go on issuing by writing an earlier date.

use starfire_did::credential::evidence::{Accreditation, Unknown};
use starfire_did::credential::parsed::Parsed;
use starfire_did::issuer::{Asked, LEVELS_MAX, is_jurisdiction, is_type};
use starfire_did::{Did, code, path};
use starfire_proto::v1;

use super::facts::Facts;
use super::{AskedAccreditation, Issued};

/// The type that every credential has: nobody is accredited for it.
const BASE_TYPE: &str = "VerifiableCredential";
/// Types of one credential that are asked about.
const TYPES_MAX: usize = 8;

/// Asks about every type that counts; the first refusal decides.
pub(super) async fn learn(
    facts: &Facts<'_>,
    parsed: &Parsed,
    wanted: &AskedAccreditation,
    issued: &Issued,
    now_ms: i64,
) -> Accreditation {
    let refused = |detail: String| Accreditation::Refused {
        code: code::ACCREDITATION_NOT_FOUND.name,
        detail,
        known_at_ms: None,
    };
    let kinds: Vec<&str> = parsed
        .types
        .iter()
        .map(String::as_str)
        .filter(|kind| *kind != BASE_TYPE)
        .filter(|kind| wanted.kind.as_deref().is_none_or(|wanted| wanted == *kind))
        .collect();
    if parsed.issuer.is_empty() {
        return Accreditation::Unknown(Unknown::new(
            "it does not say who issued it",
            "ask its issuer for one that names a DID",
        ));
    }
    let Ok(issuer) = Did::parse(&parsed.issuer) else {
        return refused(format!("{} is no DID of this system", parsed.issuer));
    };
    match &wanted.kind {
        Some(kind) if kinds.is_empty() => {
            return Accreditation::Refused {
                code: code::ACCREDITATION_OTHER_TYPE.name,
                detail: format!("it is not of the type {kind}"),
                known_at_ms: None,
            };
        }
        None if kinds.is_empty() || kinds.len() > TYPES_MAX => {
            return refused(format!(
                "it has {} types of its own; 1 to {TYPES_MAX} can be asked about",
                kinds.len()
            ));
        }
        Some(_) | None => {}
    }
    let mut held = Vec::new();
    let mut known_at_ms = i64::MAX;
    for kind in kinds {
        if !is_type(kind) || !is_jurisdiction(&wanted.jurisdiction) {
            return refused(format!("nobody can be accredited for {kind}"));
        }
        let asked = Asked {
            issuer: &issuer,
            kind,
            jurisdiction: &wanted.jurisdiction,
        };
        let (levels, time_ms) = match levels(facts, asked).await {
            Ok(learned) => learned,
            Err(unknown) => return Accreditation::Unknown(unknown),
        };
        known_at_ms = known_at_ms.min(time_ms);
        let judged = |at_ms| Accreditation::of(&levels, asked, at_ms, Some(time_ms));
        // Held at one of the moments at which it may have been issued is held then.
        let held_then = |judged: &Accreditation| matches!(judged, Accreditation::Held { .. });
        let then = issued.moments().map(judged).find(held_then);
        let then = then.unwrap_or_else(|| judged(issued.first()));
        match (then, judged(now_ms)) {
            (Accreditation::Held { .. }, Accreditation::Held { detail, .. }) => held.push(detail),
            (Accreditation::Held { .. }, other) | (other, _) => return other,
        }
    }
    held.dedup();
    Accreditation::Held {
        detail: held.join("; "),
        known_at_ms: Some(known_at_ms),
    }
}

/// The issuer's accreditation, its giver's, and so on, and the time of the oldest state that they were read from.
async fn levels(
    facts: &Facts<'_>,
    asked: Asked<'_>,
) -> Result<(Vec<v1::AccreditationRecord>, i64), Unknown> {
    let mut levels = Vec::new();
    let mut oldest_ms = i64::MAX;
    let mut holder = Some(*asked.issuer);
    while let Some(did) = holder.filter(|_| levels.len() < LEVELS_MAX) {
        let path = path::accreditation(&did, asked.kind, asked.jurisdiction);
        let (level, time_ms) = facts.record::<v1::AccreditationRecord>(None, path).await?;
        oldest_ms = oldest_ms.min(time_ms);
        let Some(level) = level else {
            break;
        };
        // A root names no accreditor, and the empty text is no DID.
        holder = Did::parse(&level.accreditor).ok();
        levels.push(level);
    }
    if levels.is_empty() {
        // What it is accredited for instead, if an answer that was handed in shows it.
        levels.extend(facts.other_accreditation(asked));
    }
    Ok((levels, oldest_ms))
}
