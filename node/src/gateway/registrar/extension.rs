//! `extension` while a document changes: who weighs what and who guards stays, unless the client says otherwise.
//!
//! Weights stand in the order of those who have them, and a guardian may be shown as a key of the document: kept as text, they
//! would come to be other parties' when the order or the key changes. So guardians are named by their own DIDs here, and weights
//! that the client does not mention go with whom they are of.

use serde_json::{Map, Value, json};
use starfire_did::document::Policy;
use starfire_did::{Did, Document};
use starfire_state::Rejection;

use super::document::key_of;
use super::invalid;
use super::request::Change;

/// Where it stands in a document.
pub(super) const NAME: &str = "extension";
const CONTROLLER_WEIGHT: &str = "controllerWeight";
const RECOVERY_WEIGHT: &str = "recoveryWeight";

/// Whether a list is read place by place, so that it is set and taken away as a whole.
pub(super) fn is_whole(name: &str) -> bool {
    [CONTROLLER_WEIGHT, RECOVERY_WEIGHT].contains(&name)
}

/// The extension of a document, to add to.
pub(super) fn of(document: &mut Map<String, Value>) -> Result<&mut Map<String, Value>, Rejection> {
    let held = document.entry(NAME).or_insert(Value::Null);
    if held.is_null() {
        *held = json!({});
    }
    let held = held.as_object_mut();
    held.ok_or_else(|| invalid("extension is an object"))
}

/// Names the guardians of a rendered document by their own DIDs.
pub(super) fn name_guardians(document: &Document, rendered: &mut Map<String, Value>) {
    if let (Some(recovery), Some(extension)) = (document.recovery(), rendered.get_mut(NAME)) {
        extension["recovery"] = recovery.guardians.members().iter().map(guardian).collect();
    }
}

/// The same for a part that a client adds or takes away, where guardians are named as keys of these.
pub(super) fn name_guardians_of(did: &Did, part: &mut Map<String, Value>, methods: &[Value]) {
    let named = part
        .get_mut(NAME)
        .and_then(|extension| extension.get_mut("recovery"));
    let entries = named.and_then(Value::as_array_mut);
    let (own, code) = (did.to_string(), did.chain_code());
    for entry in entries.into_iter().flatten() {
        let Some(text) = entry.as_str() else {
            continue;
        };
        let (base, _) = text.split_once('#').unwrap_or((text, ""));
        let named = if base == own {
            let mut meant = methods.iter().filter(|method| method["id"] == *entry);
            let key = meant.find_map(key_of);
            key.and_then(|key| Some(key.account_key()?.address(code.as_ref())))
        } else {
            Did::parse(base).ok()
        };
        // The DID's own first key is no guardian, and is left as it is written.
        if let Some(named) = named.filter(|named| named != did) {
            *entry = guardian(&named);
        }
    }
}

fn guardian(did: &Did) -> Value {
    json!(format!("{did}#key-1"))
}

/// Lets weights of which these changes say nothing follow whom they are of.
pub(super) fn keep_weights(
    document: &Document,
    changes: &[(Change, Value)],
    now: &mut Map<String, Value>,
) -> Result<(), Rejection> {
    let said = |weights| {
        let mut changes = changes.iter();
        changes.any(|(change, part)| says(*change, part, weights))
    };
    if !said(CONTROLLER_WEIGHT) {
        let listed = match now.get("controller") {
            Some(Value::Array(listed)) => listed.clone(),
            one => one.cloned().into_iter().collect(),
        };
        let of = |did: &Did| json!(did.to_string());
        let names = (CONTROLLER_WEIGHT, "controller");
        follow(now, names, document.controller_policy(), of, &listed)?;
    }
    if let Some(recovery) = document.recovery()
        && !said(RECOVERY_WEIGHT)
    {
        let listed = now.get(NAME).and_then(|held| held["recovery"].as_array());
        let listed = listed.cloned().unwrap_or_default();
        let names = (RECOVERY_WEIGHT, "extension.recovery");
        follow(now, names, &recovery.guardians, guardian, &listed)?;
    }
    Ok(())
}

/// Whether a change says what these weights are to be.
fn says(change: Change, part: &Value, weights: &str) -> bool {
    let Some(extension) = part.get(NAME) else {
        return false;
    };
    match change {
        Change::Set => true,
        Change::Add => !extension[weights].is_null(),
        Change::Remove => !extension.is_object() || extension.get(weights).is_some(),
    }
}

/// Writes the weights in the order of those who are listed now, who must be the same.
fn follow(
    now: &mut Map<String, Value>,
    (weights, list): (&str, &str),
    policy: &Policy,
    name: impl Fn(&Did) -> Value,
    listed: &[Value],
) -> Result<(), Rejection> {
    if policy.weights().is_empty() {
        return Ok(());
    }
    let before: Vec<(Value, u32)> = policy
        .weighted()
        .map(|(did, weight)| (name(did), weight))
        .collect();
    let weight = |item: &Value| {
        let mut known = before.iter();
        known.find(|(known, _)| known == item).map(|(_, of)| *of)
    };
    let followed: Option<Vec<u32>> = listed.iter().map(weight).collect();
    let Some(followed) = followed.filter(|followed| followed.len() == before.len()) else {
        return Err(invalid(format!(
            "{list} names others than before, whose weights are not known: say extension.{weights} too, one each in the order of {list}, or remove it"
        )));
    };
    of(now)?.insert(weights.to_owned(), json!(followed));
    Ok(())
}
