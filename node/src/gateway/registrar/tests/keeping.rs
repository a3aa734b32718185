//! What a client does not mention stays as it is.

use super::*;

fn name(seed: u8) -> String {
    did(seed, None).to_string()
}

/// A DID of three controllers, itself among them, of whom it weighs as much as both others.
fn weighted() -> Value {
    document_with(|document| {
        document["controller"] = json!([name(1), name(2), name(3)]);
        document["extension"] = json!({
            "controllerWeight": [2, 1, 1],
            "controllerThreshold": 2,
            "recovery": [format!("{}#key-1", name(7)), format!("{}#key-1", name(8))],
            "recoveryWeight": [1, 3],
            "recoveryThreshold": 3,
            "recoveryDelayMs": 1000,
            "acsns": ["by01"],
            "attributes": [{ "key": "name", "encrypt": 0, "value": "x" }],
            "delegateSign": { "signer": format!("{}#key-1", name(9)), "signatureValue": "aa" },
        });
    })
}

fn without_extension(mut document: Value) -> Value {
    document.as_object_mut().unwrap().remove("extension");
    document
}

#[tokio::test]
async fn controllers_in_another_order_keep_their_weights() {
    let mut wanted = without_extension(weighted());
    wanted["controller"] = json!([name(2), name(1), name(3)]);
    let request = json!({ "didDocument": [wanted] });
    let (_, answer) = update_of(&weighted(), &request).await;
    let document = document_of(&answer);
    assert_eq!(
        document["controller"],
        json!([name(2), name(1), name(3)]),
        "{answer}"
    );
    let mut kept = weighted()["extension"].clone();
    kept["controllerWeight"] = json!([1, 2, 1]);
    assert_eq!(document["extension"], kept);
}

#[tokio::test]
async fn guardians_in_another_order_keep_their_weights() {
    let seventh = json!([format!("{}#key-1", name(7))]);
    let request = json!({
        "didDocumentOperation": ["removeFromDidDocument", "addToDidDocument"],
        "didDocument": [
            { "extension": { "recovery": seventh } },
            { "extension": { "recovery": seventh } },
        ],
    });
    let (_, answer) = update_of(&weighted(), &request).await;
    let extension = &document_of(&answer)["extension"];
    assert_eq!(extension["recovery"][1], seventh[0], "{answer}");
    assert_eq!(extension["recoveryWeight"], json!([3, 1]));
}

#[tokio::test]
async fn a_newcomer_does_not_come_by_somebody_else_s_weight() {
    let operations = ["removeFromDidDocument", "addToDidDocument"];
    let mut request = json!({
        "didDocumentOperation": operations,
        "didDocument": [{ "controller": [name(1)] }, { "controller": [name(4)] }],
    });
    let (status, answer) = update_of(&weighted(), &request).await;
    assert_eq!(status, 400, "{answer}");
    let why = refusal(&answer);
    assert!(why.contains("extension.controllerWeight"), "{why}");
    let mut set = without_extension(weighted());
    set["controller"] = json!([name(2), name(3), name(4)]);
    let (_, answer) = update_of(&weighted(), &json!({ "didDocument": [set] })).await;
    let why = refusal(&answer);
    assert!(why.contains("extension.controllerWeight"), "{why}");

    // Who says what each weighs is taken at its word.
    request["didDocument"][1]["extension"] = json!({ "controllerWeight": [1, 1, 2] });
    let (_, answer) = update_of(&weighted(), &request).await;
    let document = document_of(&answer);
    assert_eq!(document["controller"], json!([name(2), name(3), name(4)]));
    assert_eq!(
        document["extension"]["controllerWeight"],
        json!([1, 1, 2]),
        "{answer}"
    );

    // Nor does a guardian.
    let request = json!({
        "didDocumentOperation": operations,
        "didDocument": [
            { "extension": { "recovery": [format!("{}#key-1", name(8))] } },
            { "extension": { "recovery": [format!("{}#key-1", name(6))] } },
        ],
    });
    let (_, answer) = update_of(&weighted(), &request).await;
    let why = refusal(&answer);
    assert!(why.contains("extension.recoveryWeight"), "{why}");
}

#[tokio::test]
async fn a_guardian_stays_when_its_key_in_the_document_is_another() {
    let guard = |seed: u8| {
        json!({
            "id": format!("{}#guard", name(1)),
            "type": "Multikey",
            "controller": name(1),
            "publicKeyMultibase": multikey(&private_key(seed)),
        })
    };
    let held = document_with(|document| {
        let methods = document["verificationMethod"].as_array_mut().unwrap();
        methods.push(guard(5));
        document["extension"] = json!({ "recovery": [format!("{}#guard", name(1))] });
    });
    let mut set = without_extension(held.clone());
    set["verificationMethod"][1] = guard(6);
    let add = json!({ "verificationMethod": [guard(6)] });
    let remove = json!({ "verificationMethod": [{ "id": "#guard" }] });
    for (change, part) in [
        ("setDidDocument", set),
        ("addToDidDocument", add),
        ("removeFromDidDocument", remove),
    ] {
        let request = json!({ "didDocumentOperation": [change], "didDocument": [part] });
        let (_, answer) = update_of(&held, &request).await;
        assert_eq!(
            document_of(&answer)["extension"]["recovery"],
            json!([format!("{}#key-1", name(5))]),
            "{change}: {answer}"
        );
    }

    // By the name that the document shows, it can be taken away.
    let request = json!({
        "didDocumentOperation": ["removeFromDidDocument"],
        "didDocument": [{ "extension": { "recovery": [format!("{}#guard", name(1))] } }],
    });
    let (_, answer) = update_of(&held, &request).await;
    assert_eq!(document_of(&answer).get("extension"), None, "{answer}");
}

#[tokio::test]
async fn a_controller_without_a_list_joins_the_others_or_leaves_them() {
    let held = document_with(|document| document["controller"] = json!([name(1), name(3)]));
    for (change, named, left) in [
        ("addToDidDocument", 2, vec![name(1), name(3), name(2)]),
        ("addToDidDocument", 3, vec![name(1), name(3)]),
        ("removeFromDidDocument", 3, vec![name(1)]),
        ("removeFromDidDocument", 2, vec![name(1), name(3)]),
    ] {
        let request = json!({
            "didDocumentOperation": ["addToDidDocument", change],
            // Some change, in any case.
            "didDocument": [{ "alsoKnownAs": ["https://example.org/"] }, { "controller": name(named) }],
        });
        let (_, answer) = update_of(&held, &request).await;
        let document = document_of(&answer);
        assert_eq!(
            document["controller"],
            json!(left),
            "{change} {named}: {answer}"
        );
    }
}

#[tokio::test]
async fn of_an_extension_the_named_members_change_and_no_others() {
    let asked = async |change: &str, extension: Value| {
        let request = json!({
            "didDocumentOperation": [change],
            "didDocument": [{ "extension": extension }],
        });
        let (_, answer) = update_of(&weighted(), &request).await;
        document_of(&answer)["extension"].clone()
    };
    let mut wanted = weighted()["extension"].clone();
    wanted["ttl"] = json!(3600);
    let added = asked("addToDidDocument", json!({ "ttl": 3600 })).await;
    assert_eq!(added, wanted);

    let mut wanted = weighted()["extension"].clone();
    let signed = wanted.as_object_mut().unwrap().remove("delegateSign");
    let removed = asked("removeFromDidDocument", json!({ "delegateSign": signed })).await;
    assert_eq!(removed, wanted);

    let mut wanted = weighted()["extension"].clone();
    wanted["acsns"] = json!(["by01", "by02"]);
    wanted["controllerWeight"] = json!([1, 1, 1]);
    let added = json!({ "acsns": ["by02"], "controllerWeight": [1, 1, 1] });
    assert_eq!(asked("addToDidDocument", added).await, wanted);
}

#[tokio::test]
async fn an_attribute_is_set_anew_by_its_key() {
    let other = json!({ "key": "other", "encrypt": 0, "value": "z" });
    let anew = json!({ "key": "name", "encrypt": 0, "value": "y" });
    let request = json!({
        "didDocumentOperation": ["addToDidDocument"],
        "didDocument": [{ "extension": { "attributes": [anew, other] } }],
    });
    let (_, answer) = update_of(&weighted(), &request).await;
    let mut expected = weighted()["extension"].clone();
    expected["attributes"] = json!([anew, other]);
    assert_eq!(document_of(&answer)["extension"], expected, "{answer}");
}
