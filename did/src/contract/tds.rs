//! The trust contract (RFC-015): issuers and templates apply, managers decide, issuers revoke credentials one by one.
//!
//! Its managers are those who govern the chain, and one of them decides alone, as with BIF. So nothing may follow from what one
//! decides: *an application that was passed grants nothing*. Who may issue is said by motions and by the accreditations under
//! them ([`crate::issuer`]), and no verification asks for applications. But clients of BIF trust an issuer that was passed;
//! therefore an issuer passes only while an accreditation of its own holds, and is shown as revoked once none stands any more.
//! A manager can thus confirm what a motion gave, or withhold it from BIF's clients, and nothing else.
//!
//! BIF registers a document for an issuer that passes. Here nobody registers another's: an applicant has one already, and the key
//! that it applies with is in it. Managers are not appointed by call (`updateManagers`) but by motion.
//!
//! A revocation is the issuer's own word and needs no application. It is final.

use serde_json::{Map, Value, json};
use starfire_proto::v1;
use starfire_state::{Env, Event, Overlay, Rejection, View, record};

use super::{QUESTION, TRANSACTION, elsewhere, form, invalid, unknown};
use crate::document::json::Object;
use crate::id::Did;
use crate::{authority, code, deactivate, path};

mod apply;
mod decide;

/// Applications are numbered from the one after this.
pub const NUMBER_BASE: u64 = 10_000_000;
/// The longest text of an application, and the longest id, bytes.
pub const TEXT_BYTES_MAX: usize = 1024;

#[derive(Debug, Clone)]
pub(super) enum Call {
    Apply(apply::Apply),
    Approve(decide::Approve),
    Revoke(decide::Revoke),
    RevokeCredential(RevokeCredential),
}

/// Says of one credential of the sender's that it does not hold any more.
#[derive(Debug, Clone)]
pub(super) struct RevokeCredential {
    credential_id: String,
    reason: String,
}

impl Call {
    pub(super) fn parse(method: &str, mut params: Object<'_>) -> Result<Self, Rejection> {
        let call = match method {
            "issuerApply" => Self::Apply(apply::Apply::issuer(&mut params)?),
            "templateApply" => Self::Apply(apply::Apply::template(&mut params)?),
            "approveIssuer" => {
                Self::Approve(decide::Approve::parse(v1::TrustKind::Issuer, &mut params)?)
            }
            "approveTemplate" => Self::Approve(decide::Approve::parse(
                v1::TrustKind::Template,
                &mut params,
            )?),
            "revokeIssuer" => Self::Revoke(decide::Revoke::issuer(&mut params)?),
            "revokeTemplate" => Self::Revoke(decide::Revoke::template(&mut params)?),
            "revoke" => Self::RevokeCredential(RevokeCredential {
                credential_id: text(&mut params, "credentialId")?,
                reason: reason(&mut params)?,
            }),
            "queryIssuer" | "queryTemplate" | "queryCredentialRevokeStatus" => {
                return Err(elsewhere(method, QUESTION));
            }
            _ => return Err(unknown(method)),
        };
        params.finish().map_err(form)?;
        Ok(call)
    }

    pub(super) fn apply(
        self,
        state: &mut Overlay<'_>,
        env: &Env,
        governs: bool,
    ) -> Result<(), Rejection> {
        match self {
            Self::Apply(call) => call.apply(state, env),
            Self::Approve(call) => call.apply(state, env, governs),
            Self::Revoke(call) => call.apply(state, env, governs),
            Self::RevokeCredential(call) => call.apply(state, env),
        }
    }
}

impl RevokeCredential {
    fn apply(self, state: &mut Overlay<'_>, env: &Env) -> Result<(), Rejection> {
        let issuer = authority::sender(state, env)?;
        if revoked(state, &issuer, &self.credential_id).is_some() {
            let detail = "the credential is revoked already, which is final";
            return Err(Rejection::new(code::CREDENTIAL_REVOCATION_EXISTS, detail));
        }
        let path = path::credential_revocation(&issuer, &self.credential_id);
        let revocation = v1::CredentialRevocation {
            issuer: issuer.to_string(),
            credential_id: self.credential_id,
            reason: self.reason,
            time_ms: env.time_ms(),
            height: env.height,
        };
        state.put_record(path, &revocation);
        state.emit(Event::new(
            "credential.revoked",
            vec![
                ("issuer", revocation.issuer),
                ("credential", revocation.credential_id),
            ],
        ));
        Ok(())
    }
}

/// The issuer's revocation of one credential, which [`crate::jose::bif::revocation_list`] asks for. It stands, or is proved absent,
/// at [`path::credential_revocation`].
pub fn revoked(
    view: &dyn View,
    issuer: &Did,
    credential_id: &str,
) -> Option<v1::CredentialRevocation> {
    record(view, &path::credential_revocation(issuer, credential_id))
}

/// An issuer's newest application.
pub fn issuer(view: &dyn View, did: &Did) -> Option<v1::TrustApplication> {
    named(view, &path::trust_issuer(did))
}

/// The application that a template's id stands for: the one that was passed, or the newest.
pub fn template(view: &dyn View, id: &str) -> Option<v1::TrustApplication> {
    named(view, &path::trust_template(id))
}

/// Answers questions. As with BIF, the answer for what is not there is `null`.
pub(super) fn query(
    view: &dyn View,
    method: &str,
    mut params: Object<'_>,
) -> Result<Value, Rejection> {
    let answer = match method {
        "queryIssuer" => {
            let did = did(&mut params, "bid")?;
            let stands = || decide::is_standing(view, &did);
            issuer(view, &did).map_or(Value::Null, |found| shown(found, stands))
        }
        "queryTemplate" => {
            let id = text(&mut params, "bid")?;
            template(view, &id).map_or(Value::Null, |found| {
                let issuer = Did::parse(&found.applicant).expect("an applicant was a sender");
                shown(found, || decide::is_passed_and_standing(view, &issuer))
            })
        }
        "queryCredentialRevokeStatus" => {
            let did = did(&mut params, "issuerBid")?;
            let id = text(&mut params, "credentialId")?;
            let status = if revoked(view, &did, &id).is_some() {
                "1"
            } else {
                "0"
            };
            json!({ "status": status })
        }
        "issuerApply" | "templateApply" | "revoke" | "approveIssuer" | "approveTemplate"
        | "revokeIssuer" | "revokeTemplate" => return Err(elsewhere(method, TRANSACTION)),
        _ => return Err(unknown(method)),
    };
    params.finish().map_err(form)?;
    Ok(answer)
}

/// As BIF's contract shows an application. `stands`: what was passed still does.
fn shown(found: v1::TrustApplication, stands: impl FnOnce() -> bool) -> Value {
    let mut status = found.status();
    if status == v1::TrustStatus::Passed && !stands() {
        status = v1::TrustStatus::Revoked;
    }
    let mut answer: Map<String, Value> = serde_json::from_str(&found.content)
        .expect("an application's content was written as a JSON object");
    let applicant = match found.kind() {
        v1::TrustKind::Template => "issuerBid",
        v1::TrustKind::Issuer | v1::TrustKind::Unspecified => "bid",
    };
    let mut put = |name: &str, value: Value| answer.insert(name.to_owned(), value);
    put(applicant, json!(found.applicant));
    put("proposalNum", json!(found.number.to_string()));
    put("status", json!(i32::from(status).to_string()));
    put("createTime", json!(found.applied_ms));
    put("blockHeight", json!(found.applied_height));
    if found.decided_ms != 0 {
        put("auditBid", json!(found.decided_by));
    }
    if !found.reason.is_empty() {
        put("reason", json!(found.reason));
    }
    Value::Object(answer)
}

/// The application whose number stands at `path`.
fn named(view: &dyn View, path: &[u8]) -> Option<v1::TrustApplication> {
    let number = number(view, path)?;
    Some(
        application(view, number)
            .expect("a number in state is that of an application, which is never deleted"),
    )
}

fn application(view: &dyn View, number: u64) -> Option<v1::TrustApplication> {
    record(view, &path::trust_application(number))
}

fn number(view: &dyn View, path: &[u8]) -> Option<u64> {
    let bytes = view.get(path)?;
    let text = std::str::from_utf8(&bytes).expect("an application's number is decimal text");
    Some(
        text.parse()
            .expect("an application's number is decimal text"),
    )
}

/// Stores it under its number.
fn put(state: &mut Overlay<'_>, application: &v1::TrustApplication) {
    state.put_record(path::trust_application(application.number), application);
}

/// Applications stand on the main chain, where accreditations do.
fn require_main_chain(env: &Env) -> Result<(), Rejection> {
    if env.chain.chain_code.is_empty() {
        return Ok(());
    }
    let detail = "issuers and templates apply on the main chain";
    Err(Rejection::new(code::ONLY_ON_MAIN_CHAIN, detail))
}

/// A text that must be there, not empty and not long.
fn text(params: &mut Object<'_>, name: &'static str) -> Result<String, Rejection> {
    let text = params.text(name).map_err(form)?;
    if (1..=TEXT_BYTES_MAX).contains(&text.len()) {
        return Ok(text.to_owned());
    }
    Err(invalid(format!(
        "{} has 1 to {TEXT_BYTES_MAX} bytes",
        params.path(name)
    )))
}

fn did(params: &mut Object<'_>, name: &'static str) -> Result<Did, Rejection> {
    authority::parse(params.text(name).map_err(form)?)
}

fn reason(params: &mut Object<'_>) -> Result<String, Rejection> {
    let reason = params.optional_text("reason").map_err(form)?;
    let reason = reason.unwrap_or_default();
    if reason.len() <= deactivate::REASON_BYTES_MAX {
        return Ok(reason.to_owned());
    }
    Err(invalid(format!(
        "a reason has at most {} bytes",
        deactivate::REASON_BYTES_MAX
    )))
}

#[cfg(test)]
mod tests;
