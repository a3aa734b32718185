//! Keys that change, alone or with other things.

use super::*;

fn id(seed: u8) -> String {
    format!("{}#key-1", did(seed, None))
}

fn second_key() -> Value {
    json!({
        "verificationMethod": [{ "id": "#key-2", "type": "Multikey", "publicKeyMultibase": multikey(&private_key(5)) }],
        "authentication": ["#key-2"],
    })
}

fn service() -> Value {
    json!({ "service": [{ "id": "#web", "type": "LinkedDomains", "serviceEndpoint": "https://example.org/" }] })
}

fn kinds(answer: &Value) -> Vec<&str> {
    let operations = operations(answer).iter();
    operations
        .map(|operation| operation["type"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn what_a_third_party_signed_does_not_stand_beside_other_keys() {
    let over = |value: &str| json!({ "delegateSign": { "signer": id(9), "signatureValue": value }, "ttl": 3600 });
    let held = document_with(|document| document["extension"] = over("aa"));
    let left = json!({ "ttl": 3600 });
    let new = json!({ "extension": over("bb") });
    for (parts, operations, extension) in [
        (vec![second_key()], vec!["DID_ROTATE"], &left),
        (
            vec![second_key(), service()],
            vec!["DID_ROTATE", "DID_UPDATE"],
            &left,
        ),
        (
            vec![second_key(), new.clone()],
            vec!["DID_ROTATE", "DID_UPDATE"],
            &new["extension"],
        ),
        (vec![service()], vec!["DID_UPDATE"], &held["extension"]),
    ] {
        let request = json!({
            "didDocumentOperation": vec!["addToDidDocument"; parts.len()],
            "didDocument": parts,
        });
        let (_, answer) = update_of(&held, &request).await;
        assert_eq!(kinds(&answer), operations, "{answer}");
        assert_eq!(&document_of(&answer)["extension"], extension, "{answer}");
    }
}

#[tokio::test]
async fn keys_and_more_are_not_signed_in_vain_where_another_controller_sends() {
    let controllers = [did(1, None).to_string(), did(2, None).to_string()];
    let held = document_with(|document| {
        document["controller"] = json!(controllers);
        document["extension"] = json!({ "controllerThreshold": 2 });
    });
    let changed = |parts: Vec<(&str, Value)>, options: Value| {
        let (changes, parts): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
        json!({ "didDocumentOperation": changes, "didDocument": parts, "options": options })
    };
    let (add, remove) = ("addToDidDocument", "removeFromDidDocument");
    let replaced = || {
        vec![
            (add, second_key()),
            (remove, json!({ "authentication": ["#key-1"] })),
        ]
    };
    let other = json!({ "sender": controllers[1], "kid": [id(2), id(1)] });
    let itself = json!({ "kid": [id(1), id(2)] });

    let mut both = replaced();
    both.push((add, service()));
    let (status, answer) = update_of(&held, &changed(both.clone(), other.clone())).await;
    assert_eq!(status, 400, "{answer}");
    let why = refusal(&answer);
    assert!(
        why.contains("two updates") && why.contains("options.sender"),
        "{why}"
    );

    let rotate_and_update = ["DID_ROTATE", "DID_UPDATE"];
    for (parts, options, operations) in [
        (both, itself, &rotate_and_update[..]),
        (replaced(), other.clone(), &["DID_ROTATE"][..]),
        (vec![(add, service())], other.clone(), &["DID_UPDATE"][..]),
        // The old key stays, and so does its word.
        (
            vec![(add, second_key()), (add, service())],
            other,
            &rotate_and_update[..],
        ),
    ] {
        let (_, answer) = update_of(&held, &changed(parts, options)).await;
        assert_eq!(kinds(&answer), operations, "{answer}");
    }
}
