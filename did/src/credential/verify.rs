//! Judges a credential in steps, from what it says and from what the caller has learned.
//!
//! All steps are judged, whatever the one before came to, so that a report says everything that is wrong at once. What is not
//! known fails: a step is skipped only where the credential asks for nothing, or where the caller says that it does not ask.

use super::code;
use super::parsed::{HolderKey, KeyBinding, Parsed, Relationship, Signed, StatusReference};
use super::report::{Report, SUITE_HINT, Step, StepName, age_ms, span};
use super::timestamp;
use crate::shown::{quoted, shown};

pub use super::evidence::{
    Accreditation, Evidence, KeyState, Lookup, Method, Party, Presenter, SchemaCheck,
    SchemaOutcome, StatusCheck, StatusFact, Unknown, UnreadMethod,
};

/// Judges a credential.
pub fn verify(parsed: &Parsed, evidence: &Evidence<'_>) -> Report {
    let parsed_step = Step::passed(StepName::Parsed, parsed.types.join(", "));
    Report::of(vec![
        parsed_step,
        signature(parsed, evidence),
        issuer(parsed, evidence),
        accreditation(evidence),
        schema(parsed, evidence),
        dates(parsed, evidence),
        status(parsed, evidence),
        holder(parsed, evidence),
    ])
}

fn signature(parsed: &Parsed, evidence: &Evidence<'_>) -> Step {
    let name = StepName::Signature;
    if parsed.signatures.is_empty() {
        // VCDM 2.0 §4.13.3: what its holder asserts of itself may be signed by the presentation alone. A key that only logs in
        // asserts nothing.
        let may_assert = |presenter: &Presenter| {
            let methods = evidence
                .issuer
                .party()
                .map_or(&[][..], |party| &party.methods);
            methods.iter().any(|method| {
                method.key == presenter.key
                    && check_in_use(method, evidence.now_ms).is_ok()
                    && method
                        .relationships
                        .contains(&Relationship::AssertionMethod)
            })
        };
        let asserts = |presenter: &&Presenter| {
            presenter.named && presenter.holder == parsed.issuer && may_assert(presenter)
        };
        if parsed.unsupported.is_empty() && evidence.presenter.as_ref().is_some_and(asserts) {
            return Step::passed(name, "asserted by its holder, whose presentation is signed");
        }
        return match parsed.unsupported.as_slice() {
            [] => Step::failed(name, code::PROOF_MISSING, "nothing signs it"),
            suites => Step::failed(
                name,
                code::SUITE_UNSUPPORTED,
                format!("signed by {} only", suites.join(", ")),
            )
            .with_hint(SUITE_HINT),
        };
    }
    let mut by_issuer = Vec::new();
    // What is wrong goes before what could not be learned.
    let mut open = None;
    let mut may_be_issuer = false;
    let mut asserted = false;
    for (position, signed) in parsed.signatures.iter().enumerate() {
        let found = signer(position, signed, parsed, evidence);
        let party = found.and_then(Lookup::party);
        let is_assertion = signed.relationship == Relationship::AssertionMethod;
        if let Some((party, method)) = party.and_then(|party| Some((party, party.unread(signed)?)))
        {
            match unread(signed, method, evidence.now_ms) {
                (code::SUITE_UNSUPPORTED, detail) => {
                    if let Err((code, detail)) = check_active(party, parsed, evidence) {
                        return Step::failed(name, code, detail);
                    }
                    may_be_issuer |= party.id == parsed.issuer && is_assertion;
                    let step = Step::failed(name, code::SUITE_UNSUPPORTED, detail);
                    open.get_or_insert(step.with_hint(SUITE_HINT));
                }
                (code, detail) => return Step::failed(name, code, detail),
            }
            continue;
        }
        let Some((party, method)) = party.and_then(|party| Some((party, party.method(signed)?)))
        else {
            // Of who was deactivated the keys may not be told any more.
            if let Some(party) = party.filter(|party| party.deactivated && party.is_keyless()) {
                let (code, detail) = deactivated(party, parsed);
                return Step::failed(name, code, detail);
            }
            let detail = format!("no key {} is known", signed.method);
            let Some(Lookup::Unknown(unknown)) = found else {
                return Step::failed(name, code::METHOD_UNKNOWN, detail);
            };
            let code = match signed.controller() == parsed.issuer {
                true => code::ISSUER_UNKNOWN,
                false => code::COSIGNER_UNKNOWN,
            };
            let detail = format!("{detail}: {}", unknown.why);
            open.get_or_insert(Step::failed(name, code, detail).with_hint(&unknown.hint));
            continue;
        };
        let checked = check_signed(signed, method)
            .and_then(|()| check_in_use(method, evidence.now_ms))
            .and_then(|()| check_active(party, parsed, evidence));
        if let Err((code, detail)) = checked {
            return Step::failed(name, code, detail);
        }
        if party.id == parsed.issuer {
            asserted |= is_assertion;
            let by = format!("{} by {}", signed.suite, signed.method);
            by_issuer.push(match party.state.of_key(&method.id) {
                None => by,
                Some(state) => format!("{by} ({state})"),
            });
        }
    }
    // Without the issuer's document, nothing can be said of its keys.
    if let (Lookup::Unknown(_), Some(open)) = (evidence.issuer, &open) {
        return open.clone();
    }
    // A claim is the issuer's only by a key that may assert.
    if !asserted && !may_be_issuer {
        let detail = format!("no proof for assertionMethod is by {}", parsed.issuer);
        return match parsed.unsupported.as_slice() {
            [] => Step::failed(name, code::PROOF_NOT_BY_ISSUER, detail),
            // One that nothing is concluded from may be.
            suites => {
                let detail = format!("{detail}, but perhaps {}", suites.join(", "));
                Step::failed(name, code::SUITE_UNSUPPORTED, detail).with_hint(SUITE_HINT)
            }
        };
    }
    if let Some(open) = open {
        return open;
    }
    Step::passed(name, by_issuer.join(", "))
}

/// Who made a signature, as of the time that it says.
// VC Data Integrity 1.0 §2.1.1, §4.5: each proof of a set is verified on its own.
fn signer<'a>(
    position: usize,
    signed: &Signed,
    parsed: &Parsed,
    evidence: &Evidence<'a>,
) -> Option<&'a Lookup> {
    let by_issuer = signed.controller() == parsed.issuer;
    let issuer = by_issuer.then_some(evidence.issuer);
    evidence.signers.get(position).or(issuer)
}

/// Whether who signed was active then. That the issuer was at the time of issue is asked by a step of its own.
fn check_active(
    party: &Party,
    parsed: &Parsed,
    evidence: &Evidence<'_>,
) -> Result<(), (&'static str, String)> {
    let told = party.id == parsed.issuer
        && evidence
            .issuer
            .party()
            .is_some_and(|issuer| issuer.deactivated);
    match party.deactivated && !told {
        true => Err(deactivated(party, parsed)),
        false => Ok(()),
    }
}

fn deactivated(party: &Party, parsed: &Parsed) -> (&'static str, String) {
    let code = match party.id == parsed.issuer {
        true => code::ISSUER_DEACTIVATED,
        false => code::COSIGNER_DEACTIVATED,
    };
    (code, format!("{} was deactivated by then", party.id))
}

/// What is said of a signature by a key that cannot be read here: that nothing is known of it, if it is not wrong in any case.
pub(crate) fn unread(
    signed: &Signed,
    method: &UnreadMethod,
    now_ms: i64,
) -> (&'static str, String) {
    let id = &method.id;
    if !method.relationships.contains(&signed.relationship) {
        let detail = format!("{id} is not for {}", signed.relationship.name());
        return (code::METHOD_PURPOSE, detail);
    }
    if let Err(ended) = check_term(id, method.ends_ms, now_ms) {
        return ended;
    }
    let detail = format!("{id} is a key in a form that is not known here");
    (code::SUITE_UNSUPPORTED, detail)
}

/// Whether a key is still to be used.
// CID 1.0, Verification Methods: from "revoked" or "expires" on, no proof is verified with the key. When a proof was made is the signer's
// word, so the time that counts is that of verifying.
pub(crate) fn check_in_use(method: &Method, now_ms: i64) -> Result<(), (&'static str, String)> {
    check_term(&method.id, method.ends_ms, now_ms)
}

fn check_term(id: &str, ends_ms: Option<i64>, now_ms: i64) -> Result<(), (&'static str, String)> {
    let Some(ends_ms) = ends_ms.filter(|ends_ms| *ends_ms <= now_ms) else {
        return Ok(());
    };
    let detail = format!("{id} is not to be used since {}", time(ends_ms));
    Err((code::METHOD_REVOKED, detail))
}

/// Whether `method` made the signature and may do so.
pub(crate) fn check_signed(signed: &Signed, method: &Method) -> Result<(), (&'static str, String)> {
    if method.key.curve() != signed.curve {
        let (found, suite) = (method.key.curve(), &signed.suite);
        let detail = format!(
            "{} is a key of {found}, which {suite} does not take",
            method.id
        );
        return Err((code::METHOD_KIND, detail));
    }
    if !method.relationships.contains(&signed.relationship) {
        let detail = format!("{} is not for {}", method.id, signed.relationship.name());
        return Err((code::METHOD_PURPOSE, detail));
    }
    if !signed.holds(&method.key) {
        let detail = format!("the signature is not that of {}", method.id);
        return Err((code::SIGNATURE_WRONG, detail));
    }
    Ok(())
}

fn issuer(parsed: &Parsed, evidence: &Evidence<'_>) -> Step {
    let name = StepName::Issuer;
    match evidence.issuer {
        Lookup::Unknown(unknown) => Step::unknown(name, code::ISSUER_UNKNOWN, unknown),
        Lookup::NotFound => Step::failed(name, code::ISSUER_NOT_FOUND, &parsed.issuer),
        Lookup::Found(party) if party.id != parsed.issuer => {
            let detail = format!("{} is not {}", party.id, parsed.issuer);
            Step::failed(name, code::ISSUER_MISMATCH, detail)
        }
        Lookup::Found(party) if party.deactivated => {
            let step = Step::failed(name, code::ISSUER_DEACTIVATED, &party.id);
            step.known_at(party.known_at_ms, evidence.now_ms)
        }
        Lookup::Found(party) => {
            Step::passed(name, &party.id).known_at(party.known_at_ms, evidence.now_ms)
        }
    }
}

fn accreditation(evidence: &Evidence<'_>) -> Step {
    let name = StepName::Accreditation;
    match evidence.accreditation {
        Accreditation::NotAsked => Step::skipped(name, "the verifier does not ask for one"),
        Accreditation::Held {
            detail,
            known_at_ms,
        } => Step::passed(name, detail).known_at(*known_at_ms, evidence.now_ms),
        Accreditation::Refused {
            code,
            detail,
            known_at_ms,
        } => Step::failed(name, code, detail).known_at(*known_at_ms, evidence.now_ms),
        Accreditation::Unknown(unknown) => {
            Step::unknown(name, code::ACCREDITATION_UNKNOWN, unknown)
        }
    }
}

fn schema(parsed: &Parsed, evidence: &Evidence<'_>) -> Step {
    let name = StepName::Schema;
    if parsed.schemas.is_empty() {
        return Step::skipped(name, "it names no schema");
    }
    let mut unknown = None;
    for schema in &parsed.schemas {
        let check = evidence.schemas.iter().find(|check| check.id == schema.id);
        match check.map(|check| &check.outcome) {
            Some(SchemaOutcome::Satisfied) => {}
            Some(SchemaOutcome::Violated(detail)) => {
                let detail = format!("{}: {detail}", schema.id);
                return Step::failed(name, code::SCHEMA_VIOLATED, detail);
            }
            Some(SchemaOutcome::Unknown(why)) => {
                unknown.get_or_insert_with(|| (schema, why.clone()));
            }
            None => {
                unknown.get_or_insert_with(|| (schema, nobody_looked("the schema")));
            }
        }
    }
    match unknown {
        None => Step::passed(name, format!("{} satisfied", parsed.schemas.len())),
        Some((schema, unknown)) => {
            let detail = format!(
                "{} ({}) could not be checked: {}",
                schema.id, schema.kind, unknown.why
            );
            Step::failed(name, code::SCHEMA_UNKNOWN, detail).with_hint(unknown.hint)
        }
    }
}

/// Of what the credential names, and the evidence says nothing about.
fn nobody_looked(what: &str) -> Unknown {
    Unknown::new(
        format!("nothing was learned of {what}"),
        format!("look {what} up, or hand it in"),
    )
}

fn dates(parsed: &Parsed, evidence: &Evidence<'_>) -> Step {
    let name = StepName::Dates;
    let latest = evidence.now_ms.saturating_add(evidence.clock_skew_ms);
    let earliest = evidence.now_ms.saturating_sub(evidence.clock_skew_ms);
    let (from, until) = match evidence.term_wanted {
        true => (parsed.valid_from_ms, parsed.valid_until_ms),
        false => (None, None),
    };
    if let Some(from) = from.filter(|from| *from > latest) {
        return Step::failed(
            name,
            code::NOT_YET_VALID,
            format!("valid from {}", time(from)),
        );
    }
    if let Some(until) = until.filter(|until| *until < earliest) {
        return Step::failed(name, code::EXPIRED, format!("valid until {}", time(until)));
    }
    for signed in &parsed.signatures {
        if let Err((code, detail)) = check_times(signed, evidence.now_ms, evidence.clock_skew_ms) {
            return Step::failed(name, code, detail);
        }
    }
    if !evidence.term_wanted {
        return Step::skipped(name, "the verifier does not ask");
    }
    let says = |signed: &Signed| signed.expires_ms.or(signed.created_ms).is_some();
    if from.or(until).is_none() && !parsed.signatures.iter().any(says) {
        return Step::skipped(name, "it names no dates");
    }
    let from = from.map_or("ever".into(), time);
    let until = until.map_or("ever".into(), time);
    Step::passed(name, format!("valid from {from} until {until}"))
}

/// Whether a signature was made before, holds already and has not expired.
pub(crate) fn check_times(
    signed: &Signed,
    now_ms: i64,
    skew_ms: i64,
) -> Result<(), (&'static str, String)> {
    let latest = now_ms.saturating_add(skew_ms);
    if let Some(created) = signed.created_ms.filter(|created| *created > latest) {
        let detail = format!("a proof was made at {}", time(created));
        return Err((code::PROOF_FROM_THE_FUTURE, detail));
    }
    // RFC 7519 §4.1.5: "MUST NOT be accepted" before its "nbf".
    if let Some(from) = signed.not_before_ms.filter(|from| *from > latest) {
        let detail = format!("a proof holds from {}", time(from));
        return Err((code::NOT_YET_VALID, detail));
    }
    let earliest = now_ms.saturating_sub(skew_ms);
    if let Some(expires) = signed.expires_ms.filter(|expires| *expires < earliest) {
        let detail = format!("a proof expired at {}", time(expires));
        return Err((code::PROOF_EXPIRED, detail));
    }
    Ok(())
}

fn time(ms: i64) -> String {
    timestamp::format(ms).unwrap_or_else(|| format!("{ms} ms"))
}

fn status(parsed: &Parsed, evidence: &Evidence<'_>) -> Step {
    let name = StepName::Status;
    if parsed.statuses.is_empty() {
        return Step::skipped(name, "it names no status");
    }
    let mut oldest: Option<i64> = None;
    let mut unknown = None;
    let mut notes = Vec::new();
    for reference in &parsed.statuses {
        let (check, fact) = match find_status(reference, evidence.statuses) {
            Ok(found) => found,
            Err(why) => {
                unknown.get_or_insert((reference, why));
                continue;
            }
        };
        oldest = Some(oldest.map_or(fact.known_at_ms, |oldest| oldest.min(fact.known_at_ms)));
        let known = |step: Step| step.known_at(Some(fact.known_at_ms), evidence.now_ms);
        let value = match &fact.value {
            Ok(value) => *value,
            Err(error) => return known(Step::failed(name, error.code, &error.detail)),
        };
        match (value, check.purpose.as_str()) {
            (0, purpose) => notes.push(format!("{purpose}: not set")),
            // Bitstring Status List §2.2: these say something about the credential, not against it.
            (value, purpose @ ("refresh" | "message")) => notes.push(format!("{purpose}: {value}")),
            (_, purpose) => {
                let code = match purpose {
                    "revocation" => code::REVOKED,
                    "suspension" => code::SUSPENDED,
                    _ => code::STATUS_SET,
                };
                let at = format!("entry {} of {}", check.index, check.list);
                return known(Step::failed(name, code, at));
            }
        }
    }
    let known = |step: Step| step.known_at(oldest, evidence.now_ms);
    if let Some((reference, unknown)) = unknown {
        let what = match reference {
            StatusReference::List {
                list,
                purpose,
                index,
            } => format!("{purpose}: entry {index} of {list}"),
            StatusReference::Other { kind } => kind.clone(),
        };
        let detail = format!("{what} is not known: {}", unknown.why);
        return known(Step::failed(name, code::STATUS_UNKNOWN, detail).with_hint(unknown.hint));
    }
    let age = oldest.map(|oldest| age_ms(oldest, evidence.now_ms));
    if let Some((age, max)) = age
        .zip(evidence.status_age_max_ms)
        .filter(|(age, max)| age > max)
    {
        let detail = format!(
            "what is known of it is {} old, and {} is the most that the verifier accepts",
            span(age),
            span(max)
        );
        let hint = "get the list anew, or accept what is older";
        return known(Step::failed(name, code::STATUS_STALE, detail).with_hint(hint));
    }
    known(Step::passed(name, notes.join(", ")))
}

/// What is known of a status that the credential names, or why nothing is.
fn find_status<'a>(
    reference: &StatusReference,
    checks: &'a [StatusCheck],
) -> Result<(&'a StatusCheck, &'a StatusFact), Unknown> {
    match reference {
        StatusReference::List {
            list,
            purpose,
            index,
        } => {
            let check = checks
                .iter()
                .find(|one| one.list == *list && one.purpose == *purpose && one.index == *index)
                .ok_or_else(|| nobody_looked("the status list"))?;
            let fact = check.outcome.as_ref().map_err(Unknown::clone)?;
            Ok((check, fact))
        }
        StatusReference::Other { .. } => Err(Unknown::new(
            "this program knows no such kind of status",
            "ask the issuer for a credential with a BitstringStatusListEntry",
        )),
    }
}

fn holder(parsed: &Parsed, evidence: &Evidence<'_>) -> Step {
    let name = StepName::Holder;
    if let Err(detail) = audience(parsed, evidence) {
        return Step::failed(name, code::DOMAIN_MISMATCH, detail);
    }
    let Some(presenter) = evidence.presenter else {
        return unpresented(parsed, evidence);
    };
    // A proof of the holder's that came along was for whoever saw the credential before.
    match &parsed.holder_key {
        Some(HolderKey::Known(key)) if *key == presenter.key => {
            return Step::passed(name, "presented with the key that it is bound to");
        }
        Some(HolderKey::Known(_)) => {
            let detail = format!("it is bound to another key than {}", presenter.holder);
            return Step::failed(name, code::HOLDER_MISMATCH, detail);
        }
        Some(HolderKey::Unknown(what)) => return unknown_key(what),
        None => {}
    }
    let mut subjects = parsed.subjects.iter().flatten().peekable();
    if !evidence.holder_is_subject {
        return Step::skipped(
            name,
            "the verifier does not ask that it is about its holder",
        );
    }
    if subjects.peek().is_none() && (evidence.holder_wanted || parsed.subject_hidden) {
        let holder = &presenter.holder;
        let detail = match parsed.subject_hidden {
            true => format!(
                "whom it is about may be left out of it, so nothing says that it is {holder}"
            ),
            false => format!("it names no subject, so nothing says that it is about {holder}"),
        };
        return Step::failed(name, code::HOLDER_UNPROVEN, detail);
    }
    if subjects.peek().is_none() {
        return Step::skipped(name, "it names no subject");
    }
    if !subjects.any(|subject| *subject == presenter.holder) {
        let detail = format!("{} is not whom it is about", presenter.holder);
        return Step::failed(name, code::HOLDER_MISMATCH, detail);
    }
    Step::passed(name, &presenter.holder)
}

/// Of a credential that came alone, perhaps with a proof of its holder's key.
fn unpresented(parsed: &Parsed, evidence: &Evidence<'_>) -> Step {
    let name = StepName::Holder;
    // RFC 9901 §7.3: whether a key must be proven is for the verifier to say, whatever came along. Who does not ask need not know the
    // key, and a proof for somebody else, or of yesterday, says nothing against the credential.
    let binding = match (&parsed.key_binding, asks_for_holder(parsed, evidence)) {
        (None, false) => {
            return Step::skipped(name, "nobody presents it, and the verifier does not ask");
        }
        (Some(_), false) => {
            return Step::skipped(
                name,
                "a proof of its holder's key came along, and the verifier does not ask for one",
            );
        }
        (None, true) => {
            let detail = "the verifier asks for a proof of its holder, and there is none";
            return Step::failed(name, code::HOLDER_UNPROVEN, detail);
        }
        (Some(Err(error)), true) => {
            let step = Step::failed(name, error.code, &error.detail);
            return match error.code {
                code::SUITE_UNSUPPORTED => step.with_hint(SUITE_HINT),
                _ => step,
            };
        }
        (Some(Ok(binding)), true) => binding,
    };
    if let Err((code, detail)) = key_binding(binding, parsed, evidence) {
        return Step::failed(name, code, detail);
    }
    match (
        &parsed.holder_key,
        evidence.challenge.or(evidence.domain).is_some(),
    ) {
        (Some(HolderKey::Unknown(what)), _) => unknown_key(what),
        (_, true) => Step::passed(name, "the key that it is bound to signed for this verifier"),
        (_, false) => Step::passed(name, "the key that it is bound to signed"),
    }
}

/// Whether the verifier asks for a proof of the holder, of a credential that comes alone.
///
/// A domain says who the verifier is. By itself it asks for no more of a credential that is bound to no key and that its issuer made for
/// that very verifier.
fn asks_for_holder(parsed: &Parsed, evidence: &Evidence<'_>) -> bool {
    let made_for = |domain: &str| {
        parsed.holder_key.is_none() && parsed.audience.iter().any(|one| one == domain)
    };
    evidence.holder_wanted
        || evidence.challenge.is_some()
        || evidence.domain.is_some_and(|domain| !made_for(domain))
}

/// Of a key to which the credential is bound, whether it is who shows it that has it cannot be said here.
fn unknown_key(what: &str) -> Step {
    let unknown = Unknown::new(
        format!("{what}, which is not known here"),
        "verify it with a program that knows such keys, or ask its issuer for one that has a jwk of Ed25519, P-256 or SM2 in its cnf",
    );
    Step::unknown(StepName::Holder, code::HOLDER_UNKNOWN, &unknown)
}

/// Refuses a credential that its issuer made for other verifiers.
// RFC 7519 §4.1.3: who processes a token with "aud" and "does not identify itself with a value" in it rejects the token. Who asks for no
// domain does not identify itself.
fn audience(parsed: &Parsed, evidence: &Evidence<'_>) -> Result<(), String> {
    if parsed.audience.is_empty() {
        return Ok(());
    }
    let named = shown(&parsed.audience.join("\", \""));
    match evidence.audience {
        Some(audience) if parsed.audience.iter().any(|one| one == audience) => Ok(()),
        Some(_) => Err(format!("its issuer made it for \"{named}\"")),
        None => Err(format!(
            "its issuer made it for \"{named}\", and the verifier does not say who it is"
        )),
    }
}

/// Whether a proof of the holder's key that is asked for holds. By a key that is not known here it is wrong only in what it says.
fn key_binding(
    binding: &KeyBinding,
    parsed: &Parsed,
    evidence: &Evidence<'_>,
) -> Result<(), (&'static str, String)> {
    let may_hold = match &parsed.holder_key {
        Some(HolderKey::Known(key)) => binding.signed.holds(key),
        Some(HolderKey::Unknown(_)) => true,
        None => false,
    };
    if !may_hold {
        let detail = "the proof is not by the key that it is bound to".into();
        return Err((code::HOLDER_SIGNATURE_WRONG, detail));
    }
    if evidence
        .challenge
        .is_some_and(|asked| asked != binding.challenge)
    {
        let detail = format!("it answers {}", quoted(&binding.challenge));
        return Err((code::CHALLENGE_MISMATCH, detail));
    }
    if evidence
        .domain
        .is_some_and(|domain| domain != binding.domain)
    {
        let detail = format!("it is for {}", quoted(&binding.domain));
        return Err((code::DOMAIN_MISMATCH, detail));
    }
    check_times(&binding.signed, evidence.now_ms, evidence.clock_skew_ms)
}

#[cfg(test)]
mod tests;
