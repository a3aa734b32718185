//! Documents as clients write them: relative ids, the key that signs put in its place, and parts added or taken away.

use serde_json::{Map, Value, json};
use starfire_did::{Did, Document, PublicKey, VerificationKey, render};
use starfire_proto::v1;
use starfire_state::Rejection;

use super::request::Change;
use super::{extension, invalid, parse_w3c};

/// What keys are for.
const RELATIONSHIPS: [&str; 5] = [
    "authentication",
    "assertionMethod",
    "keyAgreement",
    "capabilityInvocation",
    "capabilityDelegation",
];
const CONTROLLER: &str = "controller";
/// Uses of the key that makes the DID, if the client names none.
const USES: [&str; 2] = ["authentication", "assertionMethod"];

/// The key of a verification method, in whichever form it is written.
pub(super) fn key_of(method: &Value) -> Option<VerificationKey> {
    let text = |name: &str| method.get(name).and_then(Value::as_str);
    if let Some(multikey) = text("publicKeyMultibase") {
        return VerificationKey::from_multikey(multikey);
    }
    if let Some(hex) = text("publicKeyHex") {
        return PublicKey::parse(hex).ok().map(VerificationKey::from);
    }
    VerificationKey::from_jwk(method.get("publicKeyJwk")?)
}

/// The document of a new DID: what the client wrote, with the DID's own key in it. Also that key's id.
pub(super) fn first(
    did: &Did,
    key: &PublicKey,
    mut written: Map<String, Value>,
    methods: &[Value],
) -> Result<(v1::DidDocument, String), Rejection> {
    let least = render::document(&Document::for_key(did, key));
    written
        .entry("@context")
        .or_insert_with(|| least["@context"].clone());
    written.insert("id".to_owned(), json!(did.to_string()));
    make_absolute(did, &mut written);

    let mut listed = match written.remove("verificationMethod") {
        None => Vec::new(),
        Some(Value::Array(listed)) => listed,
        Some(_) => return Err(invalid("verificationMethod is a list")),
    };
    let mut purposes = Vec::new();
    for method in methods {
        let Value::Object(method) = method else {
            return Err(invalid("a verification method is an object"));
        };
        let mut method = method.clone();
        absolute_id(did, &mut method);
        let method = Value::Object(method);
        // Without an id it is no method of the document, unless it is the key that the DID derives from.
        let own = key_of(&method) == Some(VerificationKey::from(*key));
        let id = method["id"].as_str().map(str::to_owned);
        if id.is_some() || own {
            purposes.push((id.clone(), method["purpose"].clone()));
        }
        let known = listed.iter().any(|known| known["id"] == method["id"]);
        if id.is_some() && !known {
            listed.push(method);
        }
    }
    let own = |method: &Value| key_of(method) == Some(VerificationKey::from(*key));
    if !listed.iter().any(own) {
        listed.insert(0, least["verificationMethod"][0].clone());
    }
    let kid = listed
        .iter()
        .find(|method| own(method))
        .and_then(|method| method["id"].as_str())
        .ok_or_else(|| invalid("a verification method has an id"))?
        .to_owned();
    let listed = listed.iter().map(|method| normal(did, method));
    let listed = listed.collect::<Result<Vec<_>, _>>()?;
    written.insert("verificationMethod".to_owned(), Value::Array(listed));

    for (id, purpose) in &purposes {
        for name in purpose.as_array().into_iter().flatten() {
            let name = name.as_str().filter(|name| RELATIONSHIPS.contains(name));
            let name = name.ok_or_else(|| invalid("purpose names verification relationships"))?;
            add_to_list(&mut written, name, json!(id.as_ref().unwrap_or(&kid)))?;
        }
    }
    // A DID that nobody can act as is none: a list without a key is as good as no list. No key to sign claims with may be meant.
    if written.get("authentication") == Some(&json!([])) {
        written.remove("authentication");
    }
    for name in USES {
        if !written.contains_key(name) {
            written.insert(name.to_owned(), json!([kid]));
        }
    }
    Ok((parse_w3c(&Value::Object(written))?, kid))
}

/// The document after these changes. Whoever sets a document without `extension`, where guardians and weights stand, keeps what is
/// there, each weight with its DID: clients of other makes do not know of it. To take it away is to remove it, or to set another.
pub(super) fn changed(
    current: &v1::DidDocument,
    changes: &[(Change, Value)],
) -> Result<v1::DidDocument, Rejection> {
    let document = Document::try_from(current.clone())?;
    let did = *document.id();
    let Value::Object(mut now) = render::document(&document) else {
        unreachable!("a document is rendered as an object");
    };
    extension::name_guardians(&document, &mut now);
    let shown = methods(&now);
    for (change, part) in changes {
        let Value::Object(part) = part else {
            return Err(invalid("didDocument is an object"));
        };
        let mut part = part.clone();
        make_absolute(&did, &mut part);
        match change {
            Change::Set => {
                for kept in ["@context", extension::NAME] {
                    if let Some(value) = now.remove(kept) {
                        part.entry(kept).or_insert(value);
                    }
                }
                now = part;
            }
            Change::Add => {
                let known = [methods(&part), methods(&now)].concat();
                extension::name_guardians_of(&did, &mut part, &known);
                add(&mut now, part)?;
            }
            Change::Remove => {
                extension::name_guardians_of(&did, &mut part, &shown);
                remove(&mut now, &part);
            }
        }
    }
    extension::keep_weights(&document, changes, &mut now)?;
    if now.get("id").and_then(Value::as_str) != Some(&did.to_string()) {
        return Err(invalid(format!("the document's id is {did}")));
    }
    if let Some(Value::Array(methods)) = now.get_mut("verificationMethod") {
        for method in methods {
            *method = normal(&did, method)?;
        }
    }
    parse_w3c(&Value::Object(now))
}

fn methods(document: &Map<String, Value>) -> Vec<Value> {
    let listed = document.get("verificationMethod").and_then(Value::as_array);
    listed.cloned().unwrap_or_default()
}

/// A method in one of the two forms that documents here have.
fn normal(did: &Did, method: &Value) -> Result<Value, Rejection> {
    let key = key_of(method).ok_or_else(|| {
        invalid("a verification method has publicKeyMultibase, publicKeyJwk or publicKeyHex, with a key of a known kind")
    })?;
    let controller = method
        .get("controller")
        .cloned()
        .unwrap_or_else(|| json!(did.to_string()));
    let mut normal = json!({ "id": method["id"], "controller": controller });
    if method.get("publicKeyJwk").is_some() {
        normal["type"] = json!("JsonWebKey");
        normal["publicKeyJwk"] = key.to_jwk();
    } else {
        normal["type"] = json!("Multikey");
        normal["publicKeyMultibase"] = json!(key.to_multikey());
    }
    Ok(normal)
}

/// `addToDidDocument`: entries of lists are added, and take the place of those with the same id; single values are set. Of
/// `extension` the same is true member by member.
fn add(document: &mut Map<String, Value>, part: Map<String, Value>) -> Result<(), Rejection> {
    for (name, value) in part {
        match value {
            // As where it is read: it says nothing.
            Value::Null => {}
            Value::Object(members) if name == extension::NAME => {
                add(extension::of(document)?, members)?;
            }
            Value::Array(items) if !extension::is_whole(&name) => {
                for item in items {
                    add_to_list(document, &name, item)?;
                }
            }
            one @ Value::String(_) if name == CONTROLLER => add_to_list(document, &name, one)?,
            single @ (Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_)
            | Value::Object(_)) => {
                document.insert(name, single);
            }
        }
    }
    Ok(())
}

fn add_to_list(
    document: &mut Map<String, Value>,
    name: &str,
    item: Value,
) -> Result<(), Rejection> {
    let list = document
        .entry(name)
        .or_insert_with(|| Value::Array(Vec::new()));
    make_list(list);
    let Value::Array(list) = list else {
        return Err(invalid(format!("{name} is no list in the document")));
    };
    match list.iter_mut().find(|known| is_same(known, &item)) {
        Some(known) => *known = item,
        None => list.push(item),
    }
    Ok(())
}

// DID Core §5.1.2: a single controller needs no list.
fn make_list(value: &mut Value) {
    if value.is_string() {
        *value = Value::Array(vec![value.take()]);
    }
}

/// `removeFromDidDocument`: entries of lists are taken out by their id, or as they are; single values and empty lists go. Of
/// `extension` the same is true member by member.
fn remove(document: &mut Map<String, Value>, part: &Map<String, Value>) {
    for (name, value) in part {
        // Who a document is about does not change; clients name it to say which document they mean.
        if name == "id" || name == "@context" {
            continue;
        }
        if name == CONTROLLER
            && let Some(controller) = document.get_mut(name)
        {
            make_list(controller);
        }
        let empty = match (document.get_mut(name), value) {
            (Some(Value::Object(held)), Value::Object(members)) if name == extension::NAME => {
                remove(held, members);
                held.is_empty()
            }
            (Some(Value::Array(_)), _) if extension::is_whole(name) => true,
            (Some(Value::Array(list)), Value::Array(items)) => {
                list.retain(|known| !items.iter().any(|item| is_same(known, item)));
                list.is_empty()
            }
            (Some(Value::Array(list)), item) => {
                list.retain(|known| !is_same(known, item));
                list.is_empty()
            }
            (Some(_), _) => true,
            (None, _) => false,
        };
        if empty {
            document.remove(name);
        }
    }
}

/// Entries with an id are told apart by it, attributes by their key.
fn is_same(known: &Value, item: &Value) -> bool {
    let name = if known.get("id").is_some() {
        "id"
    } else {
        "key"
    };
    known == item || (known.get(name).is_some() && known.get(name) == item.get(name))
}

/// Writes out ids that are a fragment alone.
fn make_absolute(did: &Did, document: &mut Map<String, Value>) {
    let lists = RELATIONSHIPS
        .iter()
        .chain(&["verificationMethod", "service"]);
    for name in lists {
        let Some(Value::Array(items)) = document.get_mut(*name) else {
            continue;
        };
        for item in items {
            match item {
                Value::Object(entry) => absolute_id(did, entry),
                Value::String(id) if id.starts_with('#') => *id = format!("{did}{id}"),
                Value::String(_)
                | Value::Null
                | Value::Bool(_)
                | Value::Number(_)
                | Value::Array(_) => {}
            }
        }
    }
}

fn absolute_id(did: &Did, entry: &mut Map<String, Value>) {
    if let Some(Value::String(id)) = entry.get_mut("id")
        && id.starts_with('#')
    {
        *id = format!("{did}{id}");
    }
}
