//! Reading the tree, from an issuer up to the root.

use starfire_proto::v1;
use starfire_state::{View, record};

use super::LEVELS_MAX;
use crate::id::Did;
use crate::path;

/// An issuer's accreditation for one type in one jurisdiction.
pub fn accreditation(
    view: &dyn View,
    issuer: &Did,
    kind: &str,
    jurisdiction: &str,
) -> Option<v1::AccreditationRecord> {
    record(view, &path::accreditation(issuer, kind, jurisdiction))
}

/// The issuer's accreditation, its giver's, and so on: the issuer's own first, the root's last. Empty: the issuer has none. What
/// it is worth, [`judge()`](super::judge()) says.
pub fn chain(
    view: &dyn View,
    issuer: &Did,
    kind: &str,
    jurisdiction: &str,
) -> Vec<v1::AccreditationRecord> {
    let mut levels: Vec<v1::AccreditationRecord> = Vec::new();
    let mut holder = Some(*issuer);
    while let Some(did) = holder.filter(|_| levels.len() < LEVELS_MAX) {
        let Some(level) = accreditation(view, &did, kind, jurisdiction) else {
            break;
        };
        // A root names no accreditor, and the empty text is no DID.
        holder = Did::parse(&level.accreditor).ok();
        levels.push(level);
    }
    levels
}

/// The issuer's [`chain`]; where it has none, another accreditation of the issuer's, so that the judge can say what it is for
/// instead: one of the same type, if there is any.
pub fn nearest(
    view: &dyn View,
    issuer: &Did,
    kind: &str,
    jurisdiction: &str,
) -> Vec<v1::AccreditationRecord> {
    let levels = chain(view, issuer, kind, jurisdiction);
    if !levels.is_empty() {
        return levels;
    }
    let of_type = path::accreditations_of_type(issuer, kind);
    let any = path::accreditations(issuer);
    let first = |prefix: &[u8]| view.scan(prefix, None, 1).into_iter().next();
    first(&of_type)
        .or_else(|| first(&any))
        .and_then(|(path, _)| record(view, &path))
        .into_iter()
        .collect()
}
