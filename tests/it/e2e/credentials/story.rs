//! A credential's life on running chains: its issuer accredited, its schema registered, its status kept, and what a verifier who
//! trusts nobody but the pinned main chain is told at each turn.

use serde_json::{Value, json};
use starfire_node::client::operation;
use starfire_proto::protocol::operation::Native;
use starfire_proto::v1;

use crate::e2e::devnet::{Devnet, eventually, text};

const KIND: &str = "CertificateOfOrigin";

/// What the verifier is told, whatever it is.
fn report(devnet: &Devnet, file: &str, more: &[&str]) -> Value {
    let trust = devnet.manifest().trust;
    let (bundle, pin) = (text(&trust.bundle), trust.fingerprint);
    let line = [
        "vc",
        "verify",
        file,
        "--trust",
        &bundle,
        "--pin",
        &pin,
        "--accredited",
        "CN",
    ];
    devnet.ask("main-1", &[&line[..], more].concat()).object()
}

fn code<'a>(report: &'a Value, step: &str) -> &'a str {
    let steps = report["steps"].as_array().expect("a report has steps");
    let found = steps.iter().find(|one| one["name"] == step);
    let found = found.expect("every step is there");
    found["code"].as_str().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_credential_is_valid_until_it_is_revoked_and_the_chain_proves_both() {
    let devnet = Devnet::up(&["--validators", "1", "--sub", "cn01:1"]);
    let issuer = devnet.identity("issuing-customs");
    let key = text(&issuer.key_file);
    let sub = devnet.client("cn01-1");

    let schema = json!({
        "type": "object",
        "required": ["credentialSubject"],
        "properties": {"credentialSubject": {"required": ["country"]}}
    });
    let signer = devnet.key_of(&issuer);
    let register = v1::SchemaRegister {
        name: "origin".to_owned(),
        expected_version: 0,
        content: schema.to_string().into_bytes(),
    };
    let registered = sub.send(&signer, vec![operation(Native::SchemaRegister(register))]);
    registered.await.expect("a schema is registered");
    let list = devnet
        .ask(
            "cn01-1",
            &["vc", "status", "create", "revoked", "--key", &key],
        )
        .json();
    let list = list["list"].as_str().expect("it is named").to_owned();

    let claims = |subject: Value| {
        json!({
            "@context": ["https://www.w3.org/ns/credentials/v2", "https://www.w3.org/ns/credentials/undefined-terms/v2"],
            "type": ["VerifiableCredential", KIND],
            "credentialSchema": {"id": format!("{}/schemas/origin/1", issuer.did), "type": "JsonSchema"},
            "credentialSubject": subject,
        })
    };
    let issue = |name: &str, subject: Value, index: &str| {
        let file = devnet.at(&format!("{name}-claims.json"));
        std::fs::write(&file, claims(subject).to_string()).expect("there is room");
        let out = devnet.at(name);
        let status = format!("revoked:{index}");
        let line = [
            "vc",
            "issue",
            &file,
            "--key",
            &key,
            "--issuer",
            &issuer.did,
            "--status",
            &status,
            "--out",
            &out,
        ];
        let issued = devnet.run(line).json();
        assert_eq!(issued["status_list"], list.as_str());
        out
    };
    let good = issue("good.json", json!({"country": "CN"}), "7");
    let wrong = issue("wrong.json", json!({"weight": 3}), "8");

    // Nobody accredited the issuer yet. The list and the schema are proved once the sub-chain is anchored.
    let first = eventually("the list is anchored", async || {
        Some(report(&devnet, &good, &[])).filter(|said| code(said, "status").is_empty())
    })
    .await;
    assert_eq!(code(&first, "accreditation"), "ACCREDITATION_NOT_FOUND");
    assert_eq!(first["verdict"], "INVALID");

    let super_key = text(&devnet.node("main-1").home.join("keys/account.json"));
    devnet
        .ask(
            "main-1",
            &[
                "member",
                "propose",
                "accredit",
                "--issuer",
                &issuer.did,
                "--type",
                KIND,
                "--jurisdiction",
                "CN",
                "--from",
                "2026-01-01",
                "--until",
                "2046-01-01",
                "--key",
                &super_key,
            ],
        )
        .json();
    let said = eventually("the accreditation is proved", async || {
        Some(report(&devnet, &good, &[])).filter(|said| said["verdict"] == "VALID")
    })
    .await;
    let steps = said["steps"].as_array().expect("a report has steps");
    let passed = steps.iter().filter(|step| step["outcome"] == "passed");
    assert_eq!(passed.count(), 7, "all but the holder: {said}");

    assert_eq!(
        code(&report(&devnet, &wrong, &[]), "schema"),
        "SCHEMA_VIOLATED"
    );
    let elsewhere = report(&devnet, &good, &["--type", "HealthCertificate"]);
    assert_eq!(
        code(&elsewhere, "accreditation"),
        "ACCREDITATION_OTHER_TYPE"
    );
    let unpinned = devnet.ask("main-1", &["vc", "verify", &good, "--pin", &"0".repeat(64)]);
    assert_eq!(unpinned.refusal(), "BUNDLE_NOT_PINNED");

    devnet
        .ask(
            "cn01-1",
            &[
                "vc", "revoke", "--list", "revoked", "--index", "7", "--key", &key,
            ],
        )
        .json();
    let said = eventually("the revocation is proved", async || {
        Some(report(&devnet, &good, &[])).filter(|said| code(said, "status") == "REVOKED")
    })
    .await;
    assert_eq!(said["verdict"], "INVALID");

    // Who knows no chain is handed the list, signed by its issuer.
    let published = devnet.at("list.json");
    let line = [
        "vc",
        "status",
        "publish",
        "revoked",
        "--key",
        &key,
        "--issuer",
        &issuer.did,
        "--out",
        &published,
    ];
    devnet.ask("cn01-1", &line).json();
    let document = devnet.ask("cn01-1", &["did", "show", &issuer.did]).json();
    let known = devnet.at("issuer.json");
    std::fs::write(&known, document["document"].to_string()).expect("there is room");
    let offline = [
        "vc",
        "verify",
        &good,
        "--offline",
        "--documents",
        &known,
        "--status-list",
        &published,
    ];
    assert_eq!(code(&devnet.run(offline).object(), "status"), "REVOKED");
    let alone = devnet.run(["vc", "verify", &good, "--offline"]).object();
    assert_eq!(alone["verdict"], "UNDECIDED", "nothing is known: {alone}");
}
