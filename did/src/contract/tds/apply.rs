//! Applying, as an issuer or for a template of an issuer's.

use serde_json::{Map, Value, json};
use starfire_proto::v1;
use starfire_state::{Env, Event, Overlay, Rejection, View};

use super::{NUMBER_BASE, decide, named, put, require_main_chain, text};
use crate::contract::{form, invalid};
use crate::credential::json::canonical;
use crate::document::FormError;
use crate::document::json::Object;
use crate::id::Did;
use crate::key::PublicKey;
use crate::{authority, code, path};

/// What an issuer says of itself, besides its key. The last two it may leave out.
const ISSUER_TEXTS: [&str; 2] = ["endpoint", "companyName"];
const ISSUER_TEXTS_OPTIONAL: [&str; 2] = ["website", "desc"];
/// What is said of a template.
const TEMPLATE_TEXTS: [&str; 1] = ["templateName"];
/// The same, as text, number or object: specifications and SDKs differ.
const TEMPLATE_VALUES: [&str; 6] = [
    "industryId",
    "certType",
    "userType",
    "version",
    "vcFormat",
    "applyFormat",
];

/// An application.
#[derive(Debug, Clone)]
pub(in super::super) struct Apply {
    subject: Subject,
    /// JSON, RFC 8785.
    content: String,
}

#[derive(Debug, Clone)]
enum Subject {
    Issuer(PublicKey),
    Template(String),
}

impl Apply {
    pub(super) fn issuer(params: &mut Object<'_>) -> Result<Self, Rejection> {
        let mut content = Map::new();
        for name in ISSUER_TEXTS {
            content.insert(name.into(), json!(text(params, name)?));
        }
        for name in ISSUER_TEXTS_OPTIONAL {
            if params.take(name).is_some_and(|value| *value != "") {
                content.insert(name.into(), json!(text(params, name)?));
            }
        }
        let public_key = text(params, "publicKey")?;
        let Ok(key) = PublicKey::parse(&public_key) else {
            return Err(invalid("publicKey is no key in BIF's encoding"));
        };
        content.insert("publicKey".into(), json!(public_key));
        Ok(Self {
            subject: Subject::Issuer(key),
            content: written(content)?,
        })
    }

    pub(super) fn template(params: &mut Object<'_>) -> Result<Self, Rejection> {
        let mut content = Map::new();
        for name in TEMPLATE_TEXTS {
            content.insert(name.into(), json!(text(params, name)?));
        }
        for name in TEMPLATE_VALUES {
            let Some(value) = params.take(name) else {
                return Err(form(FormError::Missing(params.path(name))));
            };
            content.insert(name.into(), value.clone());
        }
        if let Some(remark) = params.optional_text("remark").map_err(form)? {
            content.insert("remark".into(), json!(remark));
        }
        let id = text(params, "templateId")?;
        content.insert("templateId".into(), json!(id));
        Ok(Self {
            subject: Subject::Template(id),
            content: written(content)?,
        })
    }

    pub(in super::super) fn apply(
        self,
        state: &mut Overlay<'_>,
        env: &Env,
    ) -> Result<(), Rejection> {
        require_main_chain(env)?;
        let applicant = authority::sender(state, env)?;
        let (kind, template_id, path) = match self.subject {
            Subject::Issuer(key) => {
                require_own_key(state, &applicant, &key)?;
                let path = path::trust_issuer(&applicant);
                (v1::TrustKind::Issuer, String::new(), path)
            }
            Subject::Template(id) => {
                decide::require_passed(state, &applicant, env)?;
                let path = path::trust_template(&id);
                (v1::TrustKind::Template, id, path)
            }
        };
        require_free(named(state, &path), env)?;
        let last = super::number(state, path::TRUST_APPLICATION_COUNT).unwrap_or(NUMBER_BASE);
        let number = last
            .checked_add(1)
            .expect("fewer than 2^63 transactions apply");
        let text = number.to_string().into_bytes();
        state.put(path::TRUST_APPLICATION_COUNT.to_vec(), text.clone());
        state.put(path, text);
        let application = v1::TrustApplication {
            number,
            kind: kind.into(),
            applicant: env.sender.clone(),
            template_id,
            status: v1::TrustStatus::Pending.into(),
            content: self.content,
            applied_ms: env.time_ms(),
            applied_height: env.height,
            ..v1::TrustApplication::default()
        };
        put(state, &application);
        let mut attributes = vec![
            ("number", number.to_string()),
            ("applicant", application.applicant),
        ];
        if kind == v1::TrustKind::Template {
            attributes.push(("template", application.template_id));
        }
        state.emit(Event::new("trust.applied", attributes));
        Ok(())
    }
}

fn written(content: Map<String, Value>) -> Result<String, Rejection> {
    let bytes =
        canonical(&Value::Object(content)).map_err(|malformed| invalid(malformed.detail))?;
    Ok(String::from_utf8(bytes).expect("canonical JSON is UTF-8"))
}

/// The applicant's document has the key that it applies with.
fn require_own_key(view: &dyn View, applicant: &Did, key: &PublicKey) -> Result<(), Rejection> {
    let held = authority::held(view, applicant)?;
    let methods = held.document.methods().iter();
    let mut keys = methods.filter_map(|method| method.key.account_key());
    if keys.any(|own| own == key) {
        return Ok(());
    }
    Err(invalid(format!(
        "publicKey is no key of {applicant}'s document"
    )))
}

/// Nothing that was passed stands there, and nothing of the sender's that waits. What waits of another's does not hinder: a
/// template's id belongs to whoever is passed with it.
fn require_free(found: Option<v1::TrustApplication>, env: &Env) -> Result<(), Rejection> {
    let Some(found) = found else { return Ok(()) };
    let stands = match found.status() {
        v1::TrustStatus::Passed => true,
        v1::TrustStatus::Pending => found.applicant == env.sender,
        v1::TrustStatus::Rejected | v1::TrustStatus::Revoked | v1::TrustStatus::Unspecified => {
            false
        }
    };
    if !stands {
        return Ok(());
    }
    let detail = format!("application {} waits or was passed", found.number);
    Err(Rejection::new(code::TRUST_APPLICATION_EXISTS, detail))
}
