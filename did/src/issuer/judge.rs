//! Whether accreditations, as they were read or proved, let somebody issue at a moment; and if not, which level fails for what.
//!
//! Pure: a node judges what stands in state, a verifier of a proof file what the file proves, with the same answer.

use starfire_proto::v1;
use starfire_state::Code;

use super::LEVELS_MAX;
use super::past::held_then;
use crate::code;
use crate::id::Did;

/// What is asked: may this issuer issue this type there?
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The issuer.
    pub issuer: &'a Did,
    /// The type of certificate.
    pub kind: &'a str,
    /// The jurisdiction.
    pub jurisdiction: &'a str,
}

/// Why not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {detail}", code.name)]
pub struct Refused {
    /// Which rule says no.
    pub code: Code,
    /// At which level: 0 is the issuer's own accreditation, 1 its giver's.
    pub level: usize,
    /// Who holds, or would hold, the accreditation of that level.
    pub holder: String,
    /// What was found, for people. Times are Unix milliseconds.
    pub detail: String,
}

/// Whether these accreditations let the issuer issue at this moment. `levels` begins with the issuer's own and goes up to the
/// root, as [`chain`](super::chain()) and [`nearest`](super::nearest()) give it.
///
/// For what was issued, ask about the moment of issue: what ended later does not matter, nor what took its place. Where that moment
/// is the issuer's word alone, ask about the present too.
pub fn judge(
    levels: &[v1::AccreditationRecord],
    asked: Asked<'_>,
    at_ms: i64,
) -> Result<(), Refused> {
    let own = asked_for(levels, asked)?;
    if held_then(own, at_ms, |term| !term.only_accredits) {
        return Ok(());
    }
    if own.only_accredits {
        let detail = format!("{} accredits others for it, and issues nothing", own.issuer);
        return Err(refused(code::ACCREDITATION_ISSUES_NOTHING, 0, own, detail));
    }
    held(levels, at_ms)
}

/// Whether they let their holder accredit others at this moment.
pub(super) fn judge_to_accredit(
    levels: &[v1::AccreditationRecord],
    asked: Asked<'_>,
    at_ms: i64,
) -> Result<(), Refused> {
    let own = asked_for(levels, asked)?;
    held(levels, at_ms)?;
    if own.delegation_depth == 0 {
        let detail = format!("{} may issue, and accredit nobody", own.issuer);
        return Err(refused(code::ACCREDITATION_DEPTH, 0, own, detail));
    }
    Ok(())
}

/// Whether an accreditation, whatever it is for, holds at this moment: it and all above it are in force, each given by the next,
/// which was allowed to, and the last by a motion. The closed terms of the first are not looked at.
pub(super) fn held(levels: &[v1::AccreditationRecord], at_ms: i64) -> Result<(), Refused> {
    for (level, accreditation) in levels.iter().enumerate().take(LEVELS_MAX) {
        in_force(level, accreditation, at_ms)?;
        if accreditation.accreditor.is_empty() {
            return Ok(());
        }
        let Some(giver) = levels.get(level + 1) else {
            break;
        };
        let gave = giver.issuer == accreditation.accreditor
            && giver.r#type == accreditation.r#type
            && giver.jurisdiction == accreditation.jurisdiction;
        let depth = accreditation.delegation_depth;
        // What the giver could give then counts, whatever it can give now.
        if gave && held_then(giver, at_ms, |term| term.delegation_depth > depth) {
            return Ok(());
        }
        if !gave || giver.delegation_depth <= depth {
            let detail = format!(
                "{} may not accredit {}: so many levels are not allowed",
                accreditation.accreditor, accreditation.issuer
            );
            return Err(refused(
                code::ACCREDITOR_NOT_ALLOWED,
                level + 1,
                giver,
                detail,
            ));
        }
    }
    let (holder, accreditor) = levels.last().map_or(("", ""), |last| {
        (last.issuer.as_str(), last.accreditor.as_str())
    });
    Err(Refused {
        code: code::ACCREDITATION_UNROOTED,
        level: levels.len(),
        holder: accreditor.to_owned(),
        detail: format!("{holder} was accredited by {accreditor}, which no motion stands behind"),
    })
}

/// The issuer's own accreditation, if it is for what is asked.
fn asked_for<'a>(
    levels: &'a [v1::AccreditationRecord],
    asked: Asked<'_>,
) -> Result<&'a v1::AccreditationRecord, Refused> {
    let Asked {
        issuer,
        kind,
        jurisdiction,
    } = asked;
    let holder = issuer.to_string();
    let Some(own) = levels.first().filter(|own| own.issuer == holder) else {
        return Err(Refused {
            code: code::ACCREDITATION_NOT_FOUND,
            level: 0,
            holder,
            detail: format!("nobody accredited {issuer} for {kind} in {jurisdiction}"),
        });
    };
    if own.r#type != kind {
        let detail = format!("{issuer} is accredited for {}, not for {kind}", own.r#type);
        return Err(refused(code::ACCREDITATION_OTHER_TYPE, 0, own, detail));
    }
    if own.jurisdiction != jurisdiction {
        let detail = format!(
            "{issuer} is accredited for {kind} in {}, not in {jurisdiction}",
            own.jurisdiction
        );
        return Err(refused(
            code::ACCREDITATION_OTHER_JURISDICTION,
            0,
            own,
            detail,
        ));
    }
    Ok(own)
}

/// Whether one level covers this moment. A term includes its first millisecond and not its last.
fn in_force(
    level: usize,
    accreditation: &v1::AccreditationRecord,
    at_ms: i64,
) -> Result<(), Refused> {
    let &v1::AccreditationRecord {
        valid_from_ms: from,
        valid_until_ms: until,
        withdrawn_ms: withdrawn,
        ..
    } = accreditation;
    let no = |own: Code, above: Code, what: String| {
        let code = if level == 0 { own } else { above };
        let up = match level {
            0 => String::new(),
            1 => ", one level up,".to_owned(),
            _ => format!(", {level} levels up,"),
        };
        let detail = format!("the accreditation of {}{up} {what}", accreditation.issuer);
        Err(refused(code, level, accreditation, detail))
    };
    if withdrawn != 0 && at_ms >= withdrawn {
        let by = match accreditation.withdrawn_by.as_str() {
            "" => "a motion",
            accreditor => accreditor,
        };
        let reason = &accreditation.withdrawn_reason;
        let what = format!("was withdrawn at {withdrawn} by {by}: {reason:?}");
        return no(
            code::ACCREDITATION_WITHDRAWN,
            code::ACCREDITOR_WITHDRAWN,
            what,
        );
    }
    if at_ms < from {
        let what = format!("begins only at {from}");
        return no(
            code::ACCREDITATION_NOT_YET_VALID,
            code::ACCREDITOR_NOT_YET_VALID,
            what,
        );
    }
    if until != 0 && at_ms >= until {
        let what = format!("ended at {until}");
        return no(code::ACCREDITATION_EXPIRED, code::ACCREDITOR_EXPIRED, what);
    }
    Ok(())
}

fn refused(
    code: Code,
    level: usize,
    accreditation: &v1::AccreditationRecord,
    detail: String,
) -> Refused {
    Refused {
        code,
        level,
        holder: accreditation.issuer.clone(),
        detail,
    }
}

/// By whom an issuer is accredited as its accreditation stands, up to the root, for people. A closed term may have had another giver.
pub fn describe(levels: &[v1::AccreditationRecord]) -> String {
    let by = |level: &v1::AccreditationRecord| match level.accreditor.as_str() {
        "" => format!("by motion {}", level.motion),
        accreditor => format!("by {accreditor}"),
    };
    let givers: Vec<String> = levels.iter().map(by).collect();
    format!("accredited {}", givers.join(", accredited "))
}
