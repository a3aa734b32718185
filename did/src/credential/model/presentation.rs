//! Presentations: what a holder shows, and what is in it.

use serde_json::Value;

use super::context::{BASE_CONTEXT, Context};
use super::parts::{ids, is_url, members, name_and_description, object_or_url, types};
use super::{Object, only_one_kind, typed};
use crate::credential::code;
use crate::credential::malformed::Malformed;

/// A credential within a presentation.
#[derive(Debug, Clone, PartialEq)]
pub enum Contained {
    /// As it is, with or without a proof of its own.
    Embedded(Value),
    /// In another format.
    Enveloped {
        /// `application/vc+jwt` and so on, with its parameters, of which `base64` says how the content is written.
        media_type: String,
        /// What follows the comma of the data URL, as it stands there.
        content: String,
    },
}

/// What a well-formed presentation says.
#[derive(Debug, Clone, PartialEq)]
pub struct Shape {
    /// Who presents, where it says so.
    pub holder: Option<String>,
    /// What is presented, in its order.
    pub credentials: Vec<Contained>,
}

/// Reads a presentation, whatever secures it. The credentials in it are not read: each has a report of its own.
pub fn presentation(value: &Value) -> Result<Shape, Malformed> {
    let Some(object) = value.as_object() else {
        return Err(Malformed::new(
            code::JSON_INVALID,
            "a presentation is an object",
        ));
    };
    let context = Context::parse(object)?;
    ids(object, "the presentation")?;
    let types = types(object, "the presentation", &context)?;
    if !types.iter().any(|one| one == "VerifiablePresentation") {
        let detail = "one type of a presentation is \"VerifiablePresentation\"";
        return Err(Malformed::new(code::TYPE_INVALID, detail));
    }
    only_one_kind(&types)?;
    // Claims are made by credentials, whose issuer signs them. Nobody is asked about those of a presentation.
    for (name, code) in [
        ("issuer", code::ISSUER_INVALID),
        ("credentialSubject", code::SUBJECT_INVALID),
    ] {
        if object.contains_key(name) {
            let detail = format!("a presentation has no {name}: the credentials in it have");
            return Err(Malformed::new(code, detail));
        }
    }
    name_and_description(object, "the presentation")?;
    typed(object, "termsOfUse", code::TERMS_INVALID, &context)?;
    let holder = match object.get("holder") {
        None => None,
        Some(holder) => Some(object_or_url(holder).ok_or_else(|| {
            let detail = "a holder is a URL, or an object whose id is one";
            Malformed::new(code::HOLDER_INVALID, detail)
        })?),
    };
    let credentials = credentials(object)?
        .into_iter()
        .map(contained)
        .collect::<Result<_, _>>()?;
    Ok(Shape {
        holder,
        credentials,
    })
}

// VCDM 2.0 §4.13: "MAY be present". An empty list is, to JSON-LD, a member that is not there; the W3C's suite presents one.
fn credentials(object: &Object) -> Result<Vec<&Object>, Malformed> {
    const NAME: &str = "verifiableCredential";
    if object
        .get(NAME)
        .and_then(Value::as_array)
        .is_some_and(Vec::is_empty)
    {
        return Ok(Vec::new());
    }
    members(object, NAME, code::CREDENTIALS_INVALID)
}

fn contained(object: &Object) -> Result<Contained, Malformed> {
    let is_enveloped = match object.get("type") {
        Some(Value::Array(types)) => types.iter().any(is_enveloped_type),
        Some(one) => is_enveloped_type(one),
        None => false,
    };
    if !is_enveloped {
        return Ok(Contained::Embedded(Value::Object(object.clone())));
    }
    envelope(object, "EnvelopedVerifiableCredential")
}

fn is_enveloped_type(value: &Value) -> bool {
    value == "EnvelopedVerifiableCredential"
}

// VCDM 2.0 §4.13.1 and §4.13.2: the base context, one type, and a data URL as its id.
fn envelope(object: &Object, kind: &str) -> Result<Contained, Malformed> {
    let invalid = |detail: String| Malformed::new(code::CREDENTIALS_INVALID, detail);
    let has_base = match object.get("@context") {
        Some(Value::Array(items)) => {
            items.iter().any(|item| item == BASE_CONTEXT)
                && items.iter().all(|item| is_url(item) || item.is_object())
        }
        Some(one) => one == BASE_CONTEXT,
        None => false,
    };
    if !has_base {
        return Err(invalid(format!("an {kind} has the base context")));
    }
    let only = match object.get("type") {
        Some(Value::Array(types)) => types.len() == 1,
        Some(_) => true,
        None => false,
    };
    if !only {
        return Err(invalid(format!("an {kind} has no other type")));
    }
    let url = object.get("id").and_then(Value::as_str).unwrap_or_default();
    // RFC 3986 §3.1, RFC 2045 §5.1: neither a scheme nor a media type knows cases.
    let begins = |text: &str, with: &str| {
        let start = text.get(..with.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(with))
    };
    let parts = Some(url)
        .filter(|url| begins(url, "data:"))
        .and_then(|url| url.split_once(':')?.1.split_once(','))
        .filter(|(media_type, content)| begins(media_type, "application/") && !content.is_empty());
    let Some((media_type, content)) = parts else {
        return Err(invalid(format!("the id of an {kind} is a data URL")));
    };
    Ok(Contained::Enveloped {
        media_type: media_type.to_owned(),
        content: content.to_owned(),
    })
}

/// Reads an enveloped credential or presentation that stands alone, as a verifier may be handed one.
pub fn enveloped(value: &Value, kind: &str) -> Result<Contained, Malformed> {
    let object = value.as_object().filter(|object| {
        matches!(object.get("type"), Some(Value::String(one)) if one == kind)
            || matches!(object.get("type"), Some(Value::Array(types)) if types.iter().any(|one| one == kind))
    });
    let Some(object) = object else {
        return Err(Malformed::new(
            code::TYPE_INVALID,
            format!("it is no {kind}"),
        ));
    };
    envelope(object, kind)
}
