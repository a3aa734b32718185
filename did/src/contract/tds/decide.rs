//! Deciding on applications, by one of those who govern. See the parent on why nothing follows from it.

use starfire_proto::v1;
use starfire_state::{Env, Event, Overlay, Rejection, View, record};

use super::{application, did, issuer, named, put, reason, require_main_chain, template, text};
use crate::contract::{form, invalid};
use crate::document::FormError;
use crate::document::json::Object;
use crate::id::Did;
use crate::issuer::{Asked, chain, judge};
use crate::{authority, code, path};

/// Accreditations of one issuer that are looked at.
const ACCREDITATIONS_MAX: usize = 100;

/// Passes or rejects an application.
#[derive(Debug, Clone)]
pub(in super::super) struct Approve {
    kind: v1::TrustKind,
    number: u64,
    pass: bool,
}

/// Takes back what was passed.
#[derive(Debug, Clone)]
pub(in super::super) struct Revoke {
    subject: Subject,
    reason: String,
}

#[derive(Debug, Clone)]
enum Subject {
    Issuer(Did),
    Template(String),
}

impl Approve {
    pub(super) fn parse(kind: v1::TrustKind, params: &mut Object<'_>) -> Result<Self, Rejection> {
        let number = whole(params, "applyNo")?;
        let pass = match whole(params, "status")? {
            0 => false,
            1 => true,
            _ => return Err(invalid("status is 1 (pass) or 0 (reject)")),
        };
        Ok(Self {
            kind,
            number: number.into(),
            pass,
        })
    }

    pub(in super::super) fn apply(
        self,
        state: &mut Overlay<'_>,
        env: &Env,
        governs: bool,
    ) -> Result<(), Rejection> {
        require_manager(env, governs)?;
        let found = application(state, self.number).filter(|found| found.kind() == self.kind);
        let Some(found) = found else {
            let detail = format!("there is no application {} of this kind", self.number);
            return Err(Rejection::new(code::TRUST_APPLICATION_NOT_FOUND, detail));
        };
        if found.status() != v1::TrustStatus::Pending {
            let detail = format!("application {} is decided already", self.number);
            return Err(Rejection::new(code::TRUST_APPLICATION_DECIDED, detail));
        }
        if !self.pass {
            let status = v1::TrustStatus::Rejected;
            settle(state, env, found, status, String::new());
            return Ok(());
        }
        let applicant = Did::parse(&found.applicant).expect("an applicant was a sender");
        authority::held(state, &applicant)?;
        if found.kind() == v1::TrustKind::Template {
            require_passed(state, &applicant, env)?;
            let path = path::trust_template(&found.template_id);
            let held =
                named(state, &path).filter(|other| other.status() == v1::TrustStatus::Passed);
            if let Some(held) = held {
                let detail = format!("the template was passed as application {}", held.number);
                return Err(Rejection::new(code::TRUST_APPLICATION_EXISTS, detail));
            }
            state.put(path, self.number.to_string().into_bytes());
        } else {
            require_accredited(state, &applicant, env)?;
        }
        settle(state, env, found, v1::TrustStatus::Passed, String::new());
        Ok(())
    }
}

impl Revoke {
    pub(super) fn issuer(params: &mut Object<'_>) -> Result<Self, Rejection> {
        Ok(Self {
            subject: Subject::Issuer(did(params, "issuerBid")?),
            reason: reason(params)?,
        })
    }

    pub(super) fn template(params: &mut Object<'_>) -> Result<Self, Rejection> {
        Ok(Self {
            subject: Subject::Template(text(params, "templateBid")?),
            reason: reason(params)?,
        })
    }

    pub(in super::super) fn apply(
        self,
        state: &mut Overlay<'_>,
        env: &Env,
        governs: bool,
    ) -> Result<(), Rejection> {
        require_manager(env, governs)?;
        let found = match &self.subject {
            Subject::Issuer(did) => issuer(state, did),
            Subject::Template(id) => template(state, id),
        };
        let passed = found.filter(|found| found.status() == v1::TrustStatus::Passed);
        let Some(passed) = passed else {
            let detail = "nothing of this name was passed";
            return Err(Rejection::new(code::TRUST_APPLICATION_NOT_FOUND, detail));
        };
        settle(state, env, passed, v1::TrustStatus::Revoked, self.reason);
        Ok(())
    }
}

/// Whether an accreditation of the issuer's stands that neither was withdrawn nor hangs on one that was. Terms are not looked at: a
/// question has no time.
pub(super) fn is_standing(view: &dyn View, issuer: &Did) -> bool {
    accreditations(view, issuer).iter().any(|held| {
        chain(view, issuer, &held.r#type, &held.jurisdiction)
            .iter()
            .all(|level| level.withdrawn_ms == 0)
    })
}

/// Whether what an issuer was passed for still counts: it is passed, and [its accreditations stand](is_standing()).
pub(super) fn is_passed_and_standing(view: &dyn View, did: &Did) -> bool {
    is_passed(view, did) && is_standing(view, did)
}

fn is_passed(view: &dyn View, did: &Did) -> bool {
    issuer(view, did).is_some_and(|found| found.status() == v1::TrustStatus::Passed)
}

/// The issuer was passed, and may issue something now.
pub(super) fn require_passed(view: &dyn View, applicant: &Did, env: &Env) -> Result<(), Rejection> {
    if is_passed(view, applicant) && is_accredited(view, applicant, env) {
        return Ok(());
    }
    let detail = format!("{applicant} is no issuer that was passed");
    Err(Rejection::new(code::TRUST_ISSUER_NOT_PASSED, detail))
}

/// The issuer may issue something, now.
fn is_accredited(view: &dyn View, issuer: &Did, env: &Env) -> bool {
    let holds = |held: &v1::AccreditationRecord| {
        let levels = chain(view, issuer, &held.r#type, &held.jurisdiction);
        let asked = Asked {
            issuer,
            kind: &held.r#type,
            jurisdiction: &held.jurisdiction,
        };
        judge(&levels, asked, env.time_ms()).is_ok()
    };
    accreditations(view, issuer).iter().any(holds)
}

fn require_accredited(view: &dyn View, applicant: &Did, env: &Env) -> Result<(), Rejection> {
    if is_accredited(view, applicant, env) {
        return Ok(());
    }
    let detail = format!("{applicant} is accredited for nothing: a motion comes first");
    Err(Rejection::new(code::ACCREDITATION_NOT_FOUND, detail))
}

fn accreditations(view: &dyn View, issuer: &Did) -> Vec<v1::AccreditationRecord> {
    let prefix = path::accreditations(issuer);
    let found = view.scan(&prefix, None, ACCREDITATIONS_MAX);
    found
        .into_iter()
        .filter_map(|(path, _)| record(view, &path))
        .collect()
}

fn settle(
    state: &mut Overlay<'_>,
    env: &Env,
    application: v1::TrustApplication,
    status: v1::TrustStatus,
    reason: String,
) {
    let decided = v1::TrustApplication {
        status: status.into(),
        decided_ms: env.time_ms(),
        decided_by: env.sender.clone(),
        reason,
        ..application
    };
    put(state, &decided);
    state.emit(Event::new(
        "trust.decided",
        vec![
            ("number", decided.number.to_string()),
            ("status", decided.status.to_string()),
        ],
    ));
}

fn require_manager(env: &Env, governs: bool) -> Result<(), Rejection> {
    require_main_chain(env)?;
    if governs {
        return Ok(());
    }
    let detail = format!("{} does not govern this chain", env.sender);
    Err(Rejection::new(code::TRUST_NOT_A_MANAGER, detail))
}

/// A whole number, which the SDKs write as a text.
fn whole(params: &mut Object<'_>, name: &'static str) -> Result<u32, Rejection> {
    let number = params.number(name).map_err(form)?;
    number.ok_or_else(|| form(FormError::Missing(params.path(name))))
}
