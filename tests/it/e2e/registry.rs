//! The rest of the DID registry over the command line: recovery with its delay and veto, many DIDs at once, resources.

use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};
use starfire_did::create::consent_message;
use starfire_did::{Document, PrivateKey, VerificationKey};

use super::devnet::{Devnet, eventually, fresh_key};

/// Long enough for a few commands, so that a veto comes in time on a busy machine.
const DELAY: &str = "15s";
/// DIDs of a batch.
const MANY: usize = 40;

/// A file with a key's text, that nobody else reads.
fn key_file(devnet: &Devnet, name: &str, key: &PrivateKey) -> String {
    let file = devnet.at(name);
    std::fs::write(&file, key.to_text().as_bytes()).expect("there is room");
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).expect("it is ours");
    file
}

/// Somebody with a registered DID: its key file, and the DID.
fn person(devnet: &Devnet, name: &str) -> (String, String) {
    let key = fresh_key();
    let file = key_file(devnet, name, &key);
    let made = devnet
        .ask("main-1", &["did", "create", "--key", &file])
        .json();
    (file, made["did"].as_str().expect("it is named").to_owned())
}

fn refused(devnet: &Devnet, line: &[&str]) -> (String, String) {
    let answer = devnet.ask("main-1", line);
    let error: Value = serde_json::from_str(&answer.err).expect("a refusal is JSON");
    let hint = error["error"]["hint"].as_str().unwrap_or_default();
    (answer.refusal(), hint.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_did_is_recovered_after_its_delay_and_a_vetoed_recovery_does_nothing() {
    let devnet = Devnet::up(&["--validators", "1"]);
    let ask = |line: &[&str]| devnet.ask("main-1", line);
    let (owner, did) = person(&devnet, "owner");
    let (first, first_did) = person(&devnet, "first");
    let (second, second_did) = person(&devnet, "second");
    let (_, none) = refused(&devnet, &["did", "recover", &did, "--key", &first]);
    assert!(
        none.contains("--guardian"),
        "nobody may, and it says how somebody could: {none}"
    );
    let heavy = format!("{second_did}=2");
    let guardians = [
        "did",
        "update",
        "--key",
        &owner,
        "--guardian",
        &first_did,
        "--guardian",
        &heavy,
    ];
    let terms = ["--guardian-threshold", "3", "--recovery-delay", DELAY];
    assert_eq!(ask(&[&guardians[..], &terms].concat()).json()["version"], 2);

    // Neither a stranger nor too few of the guardians.
    let (stranger, _) = person(&devnet, "stranger");
    let next = key_file(&devnet, "next", &fresh_key());
    let recover = |key: &str, more: &[&str]| {
        let line = ["did", "recover", &did, "--key", key, "--new-key", &next];
        [&line[..], more]
            .concat()
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    for (key, code) in [
        (&stranger, "DID_NOT_GUARDIAN"),
        (&second, "DID_GUARDIANS_TOO_FEW"),
    ] {
        let line = recover(key, &[]);
        let line: Vec<&str> = line.iter().map(String::as_str).collect();
        let (refusal, hint) = refused(&devnet, &line);
        assert_eq!((refusal.as_str(), hint.is_empty()), (code, false));
    }
    let both = recover(&first, &["--with", &second]);
    let both: Vec<&str> = both.iter().map(String::as_str).collect();

    let waiting = ask(&both).json();
    assert_eq!(
        (&waiting["state"], &waiting["key_file"]),
        (&json!("waiting"), &json!(next))
    );
    let complete = ["did", "complete", &did, "--key", &stranger];
    assert_eq!(refused(&devnet, &complete).0, "DID_RECOVERY_TOO_EARLY");
    assert_eq!(refused(&devnet, &both).0, "DID_RECOVERY_PENDING");
    let shown = ask(&["did", "show", &did]).json();
    assert_eq!(shown["pending_recovery"]["effective"], waiting["effective"]);
    assert_eq!(
        shown["pending_recovery"]["guardians"],
        json!([first_did, second_did])
    );

    // Guardians may not veto, the owner may; then there is nothing to complete, and the owner goes on as before.
    let veto = ["did", "veto", "--did", &did, "--key"];
    assert_eq!(
        refused(&devnet, &[&veto[..], &[first.as_str()]].concat()).0,
        "DID_NOT_CONTROLLER"
    );
    let vetoed = ask(&[&veto[..], &[owner.as_str()]].concat()).json();
    assert_eq!(
        (&vetoed["state"], &vetoed["version"]),
        (&json!("vetoed"), &json!(2))
    );
    assert_eq!(refused(&devnet, &complete).0, "DID_RECOVERY_NOT_FOUND");
    let rename = |key: &str, name: &str| {
        let line = [
            "did",
            "update",
            "--did",
            &did,
            "--key",
            key,
            "--also-known-as",
            name,
        ];
        ask(&line)
    };
    assert_eq!(rename(&owner, "urn:name:owner").json()["version"], 3);
    let shown = ask(&["did", "show", &did]).json();
    assert_eq!(shown["pending_recovery"], Value::Null);

    // Now nobody objects.
    assert_eq!(ask(&both).json()["state"], "waiting");
    let done = eventually("the delay is over", async || {
        let answer = devnet.ask("main-1", &complete);
        if answer.exit != Some(0) {
            assert_eq!(answer.refusal(), "DID_RECOVERY_TOO_EARLY");
            return None;
        }
        Some(answer.json())
    })
    .await;
    assert_eq!(
        (&done["state"], &done["version"]),
        (&json!("recovered"), &json!(4))
    );
    let code = rename(&owner, "urn:name:thief").refusal();
    assert!(
        ["INVALID_SIGNATURE", "DID_NOT_CONTROLLER"].contains(&code.as_str()),
        "{code}"
    );
    assert_eq!(rename(&next, "urn:name:found").json()["version"], 5);
    assert_eq!(
        refused(&devnet, &[&veto[..], &[next.as_str()]].concat()).0,
        "DID_RECOVERY_NOT_FOUND"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn many_dids_are_registered_from_a_file_and_what_is_wrong_is_named_with_its_line() {
    let devnet = Devnet::up(&["--validators", "1"]);
    let ask = |line: &[&str]| devnet.ask("main-1", line);
    let (sender, _) = person(&devnet, "sender");
    let keys: Vec<PrivateKey> = (0..MANY).map(|_| fresh_key()).collect();
    // Two lines by the command, the others as a factory would make them.
    let files: Vec<String> = (0..2)
        .map(|number| key_file(&devnet, &format!("device-{number}"), &keys[number]))
        .collect();
    let mut lines = ask(&["did", "consent", "--key", &files[0], &files[1]]).out;
    assert_eq!(lines.lines().count(), 2);
    let chain = devnet
        .client("main-1")
        .chain()
        .await
        .unwrap()
        .chain_id
        .clone();
    for key in &keys[2..] {
        let document = Document::for_key(&key.public().address(None), &key.public());
        let consent = key.sign(&consent_message(&chain, &(&document).into()));
        let multikey = VerificationKey::from(key.public()).to_multikey();
        let line = json!({"key": multikey, "consent": hex::encode(consent)});
        lines.push_str(&format!("{line}\n"));
    }
    let file = devnet.at("creations.jsonl");
    std::fs::write(&file, &lines).expect("there is room");

    // Another key with the consent of the last one.
    let wrong = devnet.at("wrong.jsonl");
    let last = lines.lines().last().expect("there are lines");
    let mut forged: Value = serde_json::from_str(last).expect("a line is JSON");
    forged["key"] = json!(VerificationKey::from(fresh_key().public()).to_multikey());
    std::fs::write(&wrong, format!("{lines}{forged}\n")).expect("there is room");
    let batch = |file: &str, more: &[&str]| {
        let line = ["did", "batch", file, "--key", &sender];
        ask(&[&line[..], more].concat())
    };
    let answer = batch(&wrong, &[]);
    assert_eq!(answer.refusal(), "DID_CONSENT_INVALID");
    assert!(
        answer.err.contains(&format!("line {}", MANY + 1)),
        "{}",
        answer.err
    );

    let out = devnet.at("done.jsonl");
    let done = batch(&file, &["--out", &out]).json();
    assert_eq!(done["created"], json!(MANY));
    assert_eq!(
        done["transactions"].as_array().map(Vec::len),
        Some(1),
        "in one transaction"
    );
    let results = std::fs::read_to_string(&out).expect("it was written");
    for (number, (line, key)) in results.lines().zip(&keys).enumerate() {
        let result: Value = serde_json::from_str(line).expect("a line is JSON");
        let did = key.public().address(None).to_string();
        assert_eq!(
            (&result["line"], &result["did"]),
            (&json!(number + 1), &json!(did))
        );
        assert_eq!(
            result["transaction"],
            done["transactions"][0]["transaction"]
        );
    }
    assert_eq!(results.lines().count(), MANY);
    let did = keys[MANY - 1].public().address(None).to_string();
    assert_eq!(ask(&["did", "show", &did]).json()["version"], 1);

    let again = batch(&file, &[]);
    assert_eq!(again.refusal(), "DID_EXISTS");
    assert!(again.err.contains("--skip 0"), "{}", again.err);
    let rest = batch(&file, &["--skip", &MANY.to_string()]);
    assert_eq!(rest.refusal(), "CONTENT", "nothing is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn resources_of_a_did_keep_every_version() {
    let devnet = Devnet::up(&["--validators", "1"]);
    let ask = |line: &[&str]| devnet.ask("main-1", line);
    let (owner, did) = person(&devnet, "owner");
    let (stranger, _) = person(&devnet, "stranger");
    let policy = devnet.at("policy.json");
    let add = |key: &str, more: &[&str]| {
        let line = [
            "did", "resource", "add", "policy", &policy, "--did", &did, "--key", key,
        ];
        ask(&[&line[..], more].concat())
    };
    for version in [1, 2] {
        let content = json!({"retention": version}).to_string();
        std::fs::write(&policy, content).expect("there is room");
        let added = add(&owner, &[]).json();
        assert_eq!(
            (&added["version"], &added["media_type"]),
            (&json!(version), &json!("application/json"))
        );
    }
    assert_eq!(add(&stranger, &[]).refusal(), "DID_NOT_CONTROLLER");
    let list = |more: &[&str]| {
        let line = ["did", "resource", "list", &did];
        ask(&[&line[..], more].concat()).json()["resources"].clone()
    };
    assert_eq!(list(&[]).as_array().map(Vec::len), Some(1));
    assert_eq!(list(&[])[0]["version"], 2);
    assert_eq!(list(&["--name", "policy"])[0]["version"], 1);

    let show =
        |more: &[&str]| ask(&[&["did", "resource", "show", &did, "policy"][..], more].concat());
    assert_eq!(show(&[]).json()["content"], json!({"retention": 2}));
    let out = devnet.at("first.json");
    let first = show(&["--version", "1", "--out", &out]).json();
    assert_eq!(std::fs::read_to_string(&out).unwrap(), r#"{"retention":1}"#);
    assert_eq!(
        first["checksum"],
        list(&["--name", "policy"])[0]["checksum"]
    );
    assert_eq!(
        show(&["--version", "3"]).refusal(),
        "DID_RESOURCE_NOT_FOUND"
    );
}
