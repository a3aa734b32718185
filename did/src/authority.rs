//! Who may change a document: its controllers, and they must have seen its newest version.

use starfire_proto::v1;
use starfire_state::{Env, Rejection, View, record};

use crate::code;
use crate::document::Document;
use crate::id::Did;
use crate::path;

/// A record that the sender may change, with its document.
pub(crate) struct Controlled {
    pub(crate) record: v1::DidRecord,
    pub(crate) document: Document,
}

/// The DID that an operation names.
pub(crate) fn parse(text: &str) -> Result<Did, Rejection> {
    let invalid =
        |reason: String| Rejection::new(code::DID_INVALID, format!("\"{text}\": {reason}"));
    let did = Did::parse(text).map_err(|error| invalid(error.to_string()))?;
    if did.is_account() {
        Ok(did)
    } else {
        Err(invalid(
            "a chain as a whole has no document of this kind".into(),
        ))
    }
}

/// The newest record of `did`, if the sender may change it as of `expected_version`.
pub(crate) fn controlled(
    view: &dyn View,
    did: &Did,
    expected_version: u64,
    env: &Env,
) -> Result<Controlled, Rejection> {
    let Some(record) = record::<v1::DidRecord>(view, &path::record(did)) else {
        return Err(Rejection::new(
            code::DID_NOT_FOUND,
            format!("{did} is not registered on this chain"),
        ));
    };
    let Some(document) = record.document.clone() else {
        assert!(
            record.deactivated,
            "only a deactivated record has no document"
        );
        return Err(Rejection::new(
            code::DID_DEACTIVATED,
            format!("{did} was deactivated, which is final"),
        ));
    };
    let document =
        Document::try_from(document).expect("a document was parsed before it was stored");
    if !Did::parse(&env.sender).is_ok_and(|sender| document.is_controlled_by(&sender)) {
        return Err(Rejection::new(
            code::DID_NOT_CONTROLLER,
            format!("{} does not control {did}", env.sender),
        ));
    }
    if record.version != expected_version {
        let detail = format!(
            "{did} has version {}, not {expected_version}: read it and try again",
            record.version
        );
        return Err(Rejection::new(code::DID_VERSION_CONFLICT, detail));
    }
    Ok(Controlled { record, document })
}
