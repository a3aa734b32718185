//! What held before an accreditation was given anew, kept so that what was issued then keeps its standing.
//!
//! A term is closed when another takes its place. What is kept of it are the moments at which it held up to the root. These are over,
//! and nothing that is written later takes them back: whoever stands above closes its own past in the same way. So a closed term
//! holds by itself, whoever gave it, and the chain is not climbed for it.

use starfire_proto::v1;

use crate::id::Did;

/// Closed terms that an accreditation keeps. Those that allow the same and have no gap between them are one.
pub const EARLIER_TERMS_MAX: usize = 32;

/// How many of these may be of an accreditor that gives once more: it cannot fill a record with short terms, so that nobody else could
/// give anything there.
pub const EARLIER_TERMS_OF_ONE_MAX: usize = 8;

/// Whether the accreditation held at this moment by a closed term that allowed what is asked.
pub(super) fn held_then(
    accreditation: &v1::AccreditationRecord,
    at_ms: i64,
    allowed: impl Fn(&v1::EarlierTerm) -> bool,
) -> bool {
    let mut terms = accreditation.earlier.iter();
    terms.any(|term| (term.from_ms..term.until_ms).contains(&at_ms) && allowed(term))
}

/// What is kept of the first of these accreditations when another takes its place now, the oldest first. `levels` goes up to the
/// root, as [`chain`](super::chain()) gives it.
pub(super) fn closed(levels: &[v1::AccreditationRecord], now_ms: i64) -> Vec<v1::EarlierTerm> {
    let mut above = Vec::new();
    for accreditation in levels.iter().rev() {
        let mut terms = accreditation.earlier.clone();
        match over(accreditation, now_ms) {
            Some(term) if accreditation.accreditor.is_empty() => terms.push(term),
            Some(term) => terms.extend(above.iter().filter_map(|giver| within(&term, giver))),
            None => {}
        }
        above = joined(terms);
    }
    above
}

/// How many of these terms this accreditor gave.
pub(super) fn given_by(terms: &[v1::EarlierTerm], accreditor: &Did) -> usize {
    let accreditor = accreditor.to_string();
    let given = terms.iter().filter(|term| term.accreditor == accreditor);
    given.count()
}

/// Forgets so many terms, the shortest: many short ones, which any accreditor can make, take no long one's place.
pub(super) fn forget_shortest(terms: &mut Vec<v1::EarlierTerm>, count: usize) {
    for _ in 0..count {
        let shortest = (0..terms.len()).min_by_key(|at| terms[*at].until_ms - terms[*at].from_ms);
        if let Some(shortest) = shortest {
            terms.remove(shortest);
        }
    }
}

/// What is over of the term that stands there.
fn over(accreditation: &v1::AccreditationRecord, now_ms: i64) -> Option<v1::EarlierTerm> {
    let ends = [accreditation.valid_until_ms, accreditation.withdrawn_ms];
    let ends = ends.into_iter().filter(|end_ms| *end_ms != 0);
    spanning(v1::EarlierTerm {
        from_ms: accreditation.valid_from_ms,
        until_ms: ends.fold(now_ms, i64::min),
        delegation_depth: accreditation.delegation_depth,
        only_accredits: accreditation.only_accredits,
        accreditor: accreditation.accreditor.clone(),
    })
}

/// As much of a term as its giver could give.
fn within(term: &v1::EarlierTerm, giver: &v1::EarlierTerm) -> Option<v1::EarlierTerm> {
    let both = v1::EarlierTerm {
        from_ms: term.from_ms.max(giver.from_ms),
        until_ms: term.until_ms.min(giver.until_ms),
        ..term.clone()
    };
    spanning(both).filter(|_| giver.delegation_depth > term.delegation_depth)
}

/// The term, unless there is no moment in it.
fn spanning(term: v1::EarlierTerm) -> Option<v1::EarlierTerm> {
    (term.from_ms < term.until_ms).then_some(term)
}

/// Terms that allow the same and have no gap between them as one, by their ends. Such a one counts as its first giver's, so that
/// joining adds to nobody's.
fn joined(mut terms: Vec<v1::EarlierTerm>) -> Vec<v1::EarlierTerm> {
    let allows = |term: &v1::EarlierTerm| (term.only_accredits, term.delegation_depth);
    let giver = |term: &v1::EarlierTerm| term.accreditor.clone();
    terms.sort_unstable_by_key(|term| (allows(term), term.from_ms, term.until_ms, giver(term)));
    let mut joined: Vec<v1::EarlierTerm> = Vec::new();
    for term in terms {
        match joined.last_mut() {
            Some(last) if allows(last) == allows(&term) && term.from_ms <= last.until_ms => {
                last.until_ms = last.until_ms.max(term.until_ms);
            }
            Some(_) | None => joined.push(term),
        }
    }
    joined.sort_unstable_by_key(|term| (term.until_ms, term.from_ms, allows(term)));
    joined
}
