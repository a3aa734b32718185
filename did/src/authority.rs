//! Who may change a document: its controllers, and they must have seen its newest version.

use starfire_proto::v1;
use starfire_state::{Code, Env, Rejection, View, record};

use crate::code;
use crate::document::{Document, Policy};
use crate::id::Did;
use crate::{path, policy};

/// A record that has not ended, with its document.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) record: v1::DidRecord,
    pub(crate) document: Document,
}

/// The account that acts in its own name. A DID that was deactivated vouches for nobody, whoever has its keys.
pub(crate) fn sender(view: &dyn View, env: &Env) -> Result<Did, Rejection> {
    let sender = Did::parse(&env.sender).expect("a sender is a parsed address");
    match record::<v1::DidRecord>(view, &path::record(&sender)) {
        Some(record) if record.deactivated => Err(deactivated(&sender)),
        Some(_) | None => Ok(sender),
    }
}

fn deactivated(did: &Did) -> Rejection {
    Rejection::new(
        code::DID_DEACTIVATED,
        format!("{did} was deactivated, which is final"),
    )
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

/// The newest record of `did`, if there is one and it has not ended.
pub(crate) fn held(view: &dyn View, did: &Did) -> Result<Held, Rejection> {
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
        return Err(deactivated(did));
    };
    let document = Document::stored(document).expect("a document was parsed before it was stored");
    Ok(Held { record, document })
}

/// The newest record of `did`, if those who signed may change it.
pub(crate) fn controllers_of(
    view: &dyn View,
    did: &Did,
    env: &Env,
    signers: &[&str],
) -> Result<Held, Rejection> {
    let held = held(view, did)?;
    let control = held.document.control();
    let standing = policy::standing(view, &control, env, signers);
    require_controllers(did, &control, &standing, env)?;
    Ok(held)
}

/// The same, if they have seen that it is the newest.
pub(crate) fn controlled(
    view: &dyn View,
    did: &Did,
    expected_version: u64,
    env: &Env,
    signers: &[&str],
) -> Result<Held, Rejection> {
    let held = controllers_of(view, did, env, signers)?;
    if held.record.version != expected_version {
        let detail = format!(
            "{did} has version {}, not {expected_version}: read it and try again",
            held.record.version
        );
        return Err(Rejection::new(code::DID_VERSION_CONFLICT, detail));
    }
    Ok(held)
}

/// Those who stand behind the operation are controllers, and weigh enough.
pub(crate) fn require_controllers(
    did: &Did,
    policy: &Policy,
    standing: &[Did],
    env: &Env,
) -> Result<(), Rejection> {
    if standing.is_empty() {
        return Err(Rejection::new(
            code::DID_NOT_CONTROLLER,
            format!("{} does not control {did}", env.sender),
        ));
    }
    require_weight(
        policy,
        standing,
        code::DID_CONTROLLERS_TOO_FEW,
        "controllers",
        did,
    )
}

/// Those who stand behind the operation weigh enough.
pub(crate) fn require_weight(
    policy: &Policy,
    standing: &[Did],
    too_few: Code,
    who: &str,
    did: &Did,
) -> Result<(), Rejection> {
    if policy.is_met_by(|did| standing.contains(did)) {
        return Ok(());
    }
    let detail = format!(
        "the {who} of {did} that signed weigh {} of {}",
        policy::weight(policy, standing),
        policy.threshold()
    );
    Err(Rejection::new(too_few, detail))
}

/// What every event of a change tells.
pub(crate) fn told(did: &Did, record: &v1::DidRecord) -> Vec<(&'static str, String)> {
    vec![
        ("did", did.to_string()),
        ("version", record.version.to_string()),
    ]
}
