//! The document contract: `creation` (in the newer SDK `create`), `update`, `reAuth`, `queryBid`.
//!
//! What differs from BIF's published contract, since a native operation decides:
//!
//! - Nobody registers another's identifier: the key that it derives from signs the transaction.
//! - An update leaves the keys as they are, as RFC-004 has it. The call names no version, so it replaces whichever is newest.
//! - `reAuth` is a recovery by guardians, or by the DID itself a rotation. It names keys that the document has. Keys that
//!   authenticated before and are not named leave the document: they are lost or stolen. A document whose recovery has a delay is
//!   recovered by native operations, since a client of this contract takes success for a document that has changed.

use serde_json::Value;
use starfire_proto::v1;
use starfire_proto::v1::did_recover::To;
use starfire_state::{Code, Env, Overlay, Rejection, View};

use super::{QUESTION, TRANSACTION, elsewhere, form, unknown, with_number};
use crate::create::Create;
use crate::document::json::Object;
use crate::document::{Document, DocumentError, FormError, FromBid, from_bid};
use crate::id::Did;
use crate::recover::Recover;
use crate::rotate::Rotate;
use crate::update::Update;
use crate::{authority, bid_view, code, resolve};

/// BIF's number: the id or the context is missing.
const MISSING: u32 = 10700;
/// An address is none.
const ADDRESS_FORMAT: u32 = 10702;
/// The identifier is registered.
const EXISTS: u32 = 10703;
/// No key is named that authenticates.
const NO_AUTHENTICATION: u32 = 10704;
/// The identifier is not registered, or not any more.
const NOT_FOUND: u32 = 10706;
/// The sender may not change the document.
const NO_RIGHT: u32 = 10707;
/// A key's id is none of the document's.
const ID_INVALID: u32 = 10708;
/// The document names nobody to recover it.
const NO_RECOVERY: u32 = 10709;
/// The sender may not recover the document.
const NO_RIGHT_TO_RECOVER: u32 = 10710;

#[derive(Debug, Clone)]
pub(super) enum Call {
    Create(Box<Create>),
    Update(Box<Document>),
    ReAuth(ReAuth),
}

#[derive(Debug, Clone)]
pub(super) struct ReAuth {
    did: Did,
    authentication: Vec<String>,
}

impl Call {
    /// The call, and the form of earlier SDKs that it has.
    pub(super) fn parse(
        method: &str,
        mut params: Object<'_>,
    ) -> Result<(Self, Option<&'static str>), Rejection> {
        let mut legacy = None;
        let call = match method {
            "creation" | "create" => {
                let told = document(&mut params)?;
                legacy = told.legacy;
                if method == "creation" {
                    legacy = Some("the method creation, now called create");
                }
                let create = v1::DidCreate {
                    document: Some((&told.document).into()),
                    consent: Vec::new(),
                };
                Self::Create(Box::new(create.try_into()?))
            }
            "update" => {
                let told = document(&mut params)?;
                legacy = told.legacy;
                Self::Update(Box::new(told.document))
            }
            "reAuth" => Self::ReAuth(ReAuth::parse(&mut params)?),
            "queryBid" => return Err(elsewhere(method, QUESTION)),
            _ => return Err(unknown(method)),
        };
        params.finish().map_err(form)?;
        Ok((call, legacy))
    }

    pub(super) fn apply(
        self,
        state: &mut Overlay<'_>,
        env: &Env,
        signers: &[&str],
    ) -> Result<(), Rejection> {
        let done = match self {
            Self::Create(create) => create.apply(state, env, signers),
            Self::Update(document) => {
                let newest = resolve::resolve(state, document.id(), None);
                let update = v1::DidUpdate {
                    did: document.id().to_string(),
                    expected_version: newest.map_or(0, |record| record.version),
                    document: Some((&*document).into()),
                };
                Update::try_from(update)?.apply(state, env, signers)
            }
            Self::ReAuth(operation) => operation.apply(state, env, signers),
        };
        done.map_err(numbered)
    }
}

/// Answers `queryBid`.
pub(super) fn query(
    view: &dyn View,
    method: &str,
    mut params: Object<'_>,
) -> Result<Value, Rejection> {
    match method {
        "queryBid" => {}
        "creation" | "create" | "update" | "reAuth" => return Err(elsewhere(method, TRANSACTION)),
        _ => return Err(unknown(method)),
    }
    let did = id(&mut params)?;
    params.finish().map_err(form)?;
    let held = authority::held(view, &did).map_err(numbered)?;
    Ok(bid_view::document(&held.document, &held.record))
}

impl ReAuth {
    fn parse(params: &mut Object<'_>) -> Result<Self, Rejection> {
        let did = id(params)?;
        let authentication = params.texts("authentication").map_err(form)?;
        if authentication.is_empty() {
            return Err(with_number(
                NO_AUTHENTICATION,
                code::DID_DOCUMENT_INVALID,
                "a document has an authentication key",
            ));
        }
        Ok(Self {
            did,
            authentication,
        })
    }

    fn apply(self, state: &mut Overlay<'_>, env: &Env, signers: &[&str]) -> Result<(), Rejection> {
        let held = authority::held(state, &self.did)?;
        let did = self.did.to_string();
        let expected_version = held.record.version;
        let keys = self.keys((&held.document).into())?;
        if env.sender == did {
            let rotate = v1::DidRotate {
                did,
                expected_version,
                verification_method: keys.verification_method,
                authentication: keys.authentication,
                assertion_method: keys.assertion_method,
                key_agreement: keys.key_agreement,
                capability_invocation: keys.capability_invocation,
                capability_delegation: keys.capability_delegation,
            };
            return Rotate::try_from(rotate)?.apply(state, env, signers);
        }
        let delay_ms = held
            .document
            .recovery()
            .map_or(0, |recovery| recovery.delay_ms);
        if delay_ms > 0 {
            let detail = format!("a recovery of {did} waits {delay_ms} ms: ask for it natively");
            return Err(Rejection::new(code::DID_RECOVERY_DELAYED, detail));
        }
        let recover = v1::DidRecover {
            did,
            expected_version,
            to: Some(To::Keys(keys)),
        };
        Recover::try_from(recover)?.apply(state, env, signers)
    }

    /// The document's keys, with these for authentication and without those that were.
    fn keys(self, document: v1::DidDocument) -> Result<v1::DidKeys, Rejection> {
        let methods = &document.verification_method;
        let stray = self
            .authentication
            .iter()
            .find(|id| methods.iter().all(|method| method.id != **id));
        if stray.is_some() {
            let detail = format!("{} has no key of a given id", self.did);
            return Err(with_number(ID_INVALID, code::DID_DOCUMENT_INVALID, &detail));
        }
        let stays =
            |id: &String| self.authentication.contains(id) || !document.authentication.contains(id);
        let staying = |ids: &[String]| ids.iter().filter(|id| stays(id)).cloned().collect();
        // Where nothing else is said, keys that log in also sign claims, as BIF's documents are read.
        let assertion_method = match document.assertion_method == document.authentication {
            true => self.authentication.clone(),
            false => staying(&document.assertion_method),
        };
        Ok(v1::DidKeys {
            assertion_method,
            key_agreement: staying(&document.key_agreement),
            capability_invocation: staying(&document.capability_invocation),
            capability_delegation: staying(&document.capability_delegation),
            verification_method: methods
                .iter()
                .filter(|method| stays(&method.id))
                .cloned()
                .collect(),
            authentication: self.authentication,
        })
    }
}

fn id(params: &mut Object<'_>) -> Result<Did, Rejection> {
    let text = params
        .text("id")
        .map_err(|error| with_number(MISSING, code::DID_INVALID, &error.to_string()))?;
    authority::parse(text).map_err(numbered)
}

fn document(params: &mut Object<'_>) -> Result<FromBid, Rejection> {
    let Some(value) = params.take("document") else {
        return Err(form(FormError::Missing(params.path("document"))));
    };
    from_bid(value).map_err(refused)
}

/// Why a document is none, with BIF's number.
fn refused(error: FormError) -> Rejection {
    let number = match &error {
        FormError::Missing(path) if path == "id" || path == "@context" => Some(MISSING),
        FormError::Document(DocumentError::Did { .. } | DocumentError::NotAnAccount(_)) => {
            Some(ADDRESS_FORMAT)
        }
        FormError::Document(DocumentError::NoAuthentication) => Some(NO_AUTHENTICATION),
        FormError::Document(DocumentError::UnknownKey(_)) => Some(ID_INVALID),
        FormError::Missing(_)
        | FormError::Unknown(_)
        | FormError::Expected { .. }
        | FormError::PrivateKey(_)
        | FormError::Disagree(_)
        | FormError::Document(_) => None,
    };
    let rejection = Rejection::from(error);
    match number {
        Some(number) => with_number(number, rejection.code, &rejection.detail),
        None => rejection,
    }
}

/// The same refusal, with BIF's number where its code has one.
fn numbered(rejection: Rejection) -> Rejection {
    match number(rejection.code) {
        Some(number) => with_number(number, rejection.code, &rejection.detail),
        None => rejection,
    }
}

fn number(refusal: Code) -> Option<u32> {
    Some(match refusal {
        code::DID_INVALID | code::DID_WRONG_CHAIN => ADDRESS_FORMAT,
        code::DID_EXISTS => EXISTS,
        code::DID_NOT_FOUND | code::DID_DEACTIVATED => NOT_FOUND,
        code::DID_NOT_DERIVED | code::DID_NOT_CONTROLLER | code::DID_CONTROLLERS_TOO_FEW => {
            NO_RIGHT
        }
        code::DID_NO_GUARDIANS => NO_RECOVERY,
        code::DID_NOT_GUARDIAN | code::DID_GUARDIANS_TOO_FEW => NO_RIGHT_TO_RECOVER,
        _ => return None,
    })
}
