//! The shape of credentials and presentations: W3C Verifiable Credentials Data Model 2.0, checked by hand.
//!
//! What secures a credential is not looked at here, so that every format can read its claims alike. The rules are those that the
//! W3C's test suite tests; what only a JSON-LD processor can know (terms of contexts other than the base one) is left to one.

mod context;
mod parts;
mod presentation;

use serde_json::{Map, Value};

use super::bitstring::{self, Entry};
use super::code;
use super::confirmation;
use super::malformed::Malformed;
use super::parsed::{HolderKey, Parsed, SchemaReference, StatusReference};
use super::timestamp;
use crate::shown::shown;
use context::Context;
use parts::{ids, is_url, members, name_and_description, object_or_url, related_resources, types};

pub use context::BASE_CONTEXT;
pub use presentation::{Contained, Shape, enveloped, presentation};

/// The most entries of any list: subjects, statuses, schemas, credentials of a presentation.
pub const ENTRIES_MAX: usize = 256;

type Object = Map<String, Value>;

/// Reads the claims of a credential, whatever secures it.
pub fn credential(claims: Value) -> Result<Parsed, Malformed> {
    let Some(object) = claims.as_object() else {
        return Err(Malformed::new(
            code::JSON_INVALID,
            "a credential is an object",
        ));
    };
    let context = Context::parse(object)?;
    ids(object, "the credential")?;
    let types = types(object, "the credential", &context)?;
    if !types.iter().any(|one| one == "VerifiableCredential") {
        let detail = "one type of a credential is \"VerifiableCredential\"";
        return Err(Malformed::new(code::TYPE_INVALID, detail));
    }
    only_one_kind(&types)?;
    name_and_description(object, "the credential")?;
    let issuer = issuer(object)?;
    let subjects = subjects(object)?;
    let (valid_from_ms, valid_until_ms) = dates(object)?;
    let statuses = statuses(object, &context)?;
    let schemas = schemas(object, &context)?;
    for (name, code) in [
        ("evidence", code::EVIDENCE_INVALID),
        ("termsOfUse", code::TERMS_INVALID),
        ("refreshService", code::REFRESH_INVALID),
    ] {
        typed(object, name, code, &context)?;
    }
    related_resources(object)?;
    let holder_key = holder_key(object)?;
    Ok(Parsed {
        issuer,
        types,
        subjects,
        subject_hidden: false,
        audience: Vec::new(),
        holder_key,
        valid_from_ms,
        valid_until_ms,
        schemas,
        statuses,
        signatures: Vec::new(),
        unsupported: Vec::new(),
        key_binding: None,
        claims,
    })
}

/// Refuses what says that it is both a credential and a presentation: each is judged by other steps, and passes none of the other's.
fn only_one_kind(types: &[String]) -> Result<(), Malformed> {
    let names = |kind: &str| types.iter().any(|one| one == kind);
    if names("VerifiableCredential") && names("VerifiablePresentation") {
        let detail = "it is either a \"VerifiableCredential\" or a \"VerifiablePresentation\"";
        return Err(Malformed::new(code::TYPE_INVALID, detail));
    }
    Ok(())
}

// VCDM 2.0 §4.7: a URL, or an object with an id that is one.
fn issuer(object: &Object) -> Result<String, Malformed> {
    let invalid = |detail: &str| Malformed::new(code::ISSUER_INVALID, detail);
    let issuer = object
        .get("issuer")
        .ok_or_else(|| invalid("a credential has an issuer"))?;
    if let Some(issuer) = issuer.as_object() {
        name_and_description(issuer, "the issuer")?;
    }
    object_or_url(issuer).ok_or_else(|| invalid("an issuer is a URL, or an object whose id is one"))
}

// VCDM 2.0 §4.8: one or more objects, each of which says something.
fn subjects(object: &Object) -> Result<Vec<Option<String>>, Malformed> {
    let code = code::SUBJECT_INVALID;
    let subjects = members(object, "credentialSubject", code)?;
    if subjects.is_empty() {
        return Err(Malformed::new(code, "a credential has a subject"));
    }
    let id = |subject: &&Object| {
        if subject.is_empty() {
            return Err(Malformed::new(code, "of a subject nothing is said"));
        }
        ids(subject, "a subject")
    };
    subjects.iter().map(id).collect()
}

// VCDM 2.0 §4.9: XML Schema's dateTimeStamp, in order.
fn dates(object: &Object) -> Result<(Option<i64>, Option<i64>), Malformed> {
    let invalid = |detail: String| Malformed::new(code::DATE_INVALID, detail);
    let date = |name: &str| {
        let Some(value) = object.get(name) else {
            return Ok(None);
        };
        let ms = value.as_str().and_then(timestamp::parse);
        ms.map(Some).ok_or_else(|| {
            let value = shown(&value.to_string());
            invalid(format!("{name} is a time with its zone, unlike {value}"))
        })
    };
    let (from, until) = (date("validFrom")?, date("validUntil")?);
    if from.zip(until).is_some_and(|(from, until)| from > until) {
        return Err(invalid("validUntil is before validFrom".into()));
    }
    Ok((from, until))
}

fn statuses(object: &Object, context: &Context) -> Result<Vec<StatusReference>, Malformed> {
    typed(object, "credentialStatus", code::STATUS_INVALID, context)?
        .into_iter()
        .map(|(status, types)| {
            if !types.iter().any(|one| one == Entry::TYPE) {
                return Ok(StatusReference::Other {
                    kind: shown(&types.join(", ")),
                });
            }
            bitstring::reference(status)
        })
        .collect()
}

// VCDM 2.0 §4.11: each with a type and a URL.
fn schemas(object: &Object, context: &Context) -> Result<Vec<SchemaReference>, Malformed> {
    typed(object, "credentialSchema", code::SCHEMA_INVALID, context)?
        .into_iter()
        .map(|(schema, types)| {
            let id = ids(schema, "a credentialSchema")?
                .ok_or_else(|| Malformed::new(code::SCHEMA_INVALID, "a schema has an id"))?;
            Ok(SchemaReference {
                id,
                kind: shown(&types.join(", ")),
            })
        })
        .collect()
}

/// Members of a list whose objects must each have a type, and may have an id.
fn typed<'a>(
    object: &'a Object,
    name: &str,
    code: &'static str,
    context: &Context,
) -> Result<Vec<(&'a Object, Vec<String>)>, Malformed> {
    let what = format!("{name} of the credential");
    members(object, name, code)?
        .into_iter()
        .map(|member| {
            ids(member, &what)?;
            let types = types(member, &what, context)
                .map_err(|error| Malformed::new(code, error.detail))?;
            Ok((member, types))
        })
        .collect()
}

fn holder_key(object: &Object) -> Result<Option<HolderKey>, Malformed> {
    let Some(cnf) = object.get("cnf") else {
        return Ok(None);
    };
    let detail =
        "cnf holds a public key of a known kind for verifying, as jwk or publicKeyMultibase";
    confirmation::read(cnf)
        .map(Some)
        .ok_or_else(|| Malformed::new(code::HOLDER_INVALID, detail))
}

#[cfg(test)]
mod tests;
