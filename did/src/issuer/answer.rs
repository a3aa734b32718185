//! The answer to whether somebody may issue a type in a jurisdiction: a function of the question and of accreditations that can be
//! proved, so that a gateway and whoever checks its answer later come to the same JSON.

use serde_json::{Value, json};
use starfire_proto::v1;

use super::judge::{Asked, describe, judge};
use crate::id::Did;
use crate::path;

/// Where the issuer's accreditation stands, and all above it; the first that is missing, too, or another of the issuer's that says
/// what it is accredited for instead. `levels` are those that stand there, as [`nearest`](super::nearest()) gives them.
pub fn proof_paths(asked: Asked<'_>, levels: &[v1::AccreditationRecord]) -> Vec<Vec<u8>> {
    let mut paths = vec![path::accreditation(
        asked.issuer,
        asked.kind,
        asked.jurisdiction,
    )];
    for level in levels {
        for holder in [&level.issuer, &level.accreditor] {
            // A root names no accreditor, and the empty text is no DID.
            let Ok(holder) = Did::parse(holder) else {
                continue;
            };
            let path = path::accreditation(&holder, &level.r#type, &level.jurisdiction);
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
    }
    paths
}

/// The judgement on these levels at a moment, and the levels, but for their proof.
pub fn answer(asked: Asked<'_>, levels: &[v1::AccreditationRecord], at_ms: i64) -> Value {
    let (held, code, detail) = match judge(levels, asked, at_ms) {
        Ok(()) => (true, None, describe(levels)),
        Err(refused) => (false, Some(refused.code.name), refused.detail),
    };
    json!({
        "issuer": asked.issuer.to_string(),
        "type": asked.kind,
        "jurisdiction": asked.jurisdiction,
        "held": held,
        "code": code,
        "detail": detail,
        "at_ms": at_ms,
        "levels": levels.iter().map(level).collect::<Vec<_>>(),
    })
}

fn level(record: &v1::AccreditationRecord) -> Value {
    let unless_zero = |ms: i64| (ms != 0).then_some(ms);
    json!({
        "issuer": record.issuer,
        "type": record.r#type,
        "jurisdiction": record.jurisdiction,
        "accreditor": (!record.accreditor.is_empty()).then_some(&record.accreditor),
        "motion": (record.motion != 0).then_some(record.motion),
        "valid_from_ms": record.valid_from_ms,
        "valid_until_ms": unless_zero(record.valid_until_ms),
        "withdrawn_ms": unless_zero(record.withdrawn_ms),
        "withdrawn_reason": record.withdrawn_reason,
        "delegation_depth": record.delegation_depth,
        "only_accredits": record.only_accredits,
        "earlier": record.earlier.iter().map(earlier).collect::<Vec<_>>(),
    })
}

fn earlier(term: &v1::EarlierTerm) -> Value {
    json!({
        "from_ms": term.from_ms,
        "until_ms": term.until_ms,
        "delegation_depth": term.delegation_depth,
        "only_accredits": term.only_accredits,
    })
}
