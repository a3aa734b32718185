//! Results of resolving that a verifier hands in: held to the proof that they bring, by who has pinned a chain.

use serde_json::{Value, json};
use starfire_did::credential::integrity::{self, Options, Suite};
use starfire_did::{PrivateKey, VerificationKey};

use crate::e2e::devnet::{Answer, Devnet, eventually, fresh_key, text};
use crate::e2e::http;

/// 2026-03-01
const CREATED_MS: i64 = 1_772_323_200_000;

fn write(devnet: &Devnet, name: &str, content: &Value) -> String {
    let file = devnet.at(name);
    std::fs::write(&file, content.to_string()).expect("there is room");
    file
}

/// A credential of this issuer, signed by somebody as its first key.
fn credential(issuer: &str, signer: &PrivateKey) -> Value {
    let claims = json!({
        "@context": ["https://www.w3.org/ns/credentials/v2"],
        "type": ["VerifiableCredential"],
        "issuer": issuer,
        "credentialSubject": {"id": "did:example:alice"},
    });
    let method = format!("{issuer}#key-1");
    let options = Options::assertion(Suite::EddsaJcs2022, method, CREATED_MS);
    integrity::issue(claims, &options, &signer.clone().into(), None).expect("it is well formed")
}

/// What the verifier is told, offline, with a chain pinned or none.
fn judge(devnet: &Devnet, shown: &str, handed: &str, pinned: bool) -> Answer {
    let trust = devnet.manifest().trust;
    let (bundle, pin) = (text(&trust.bundle), trust.fingerprint);
    let nobody = devnet.at("nobody");
    let mut line = vec!["vc", "verify", shown, "--offline", "--documents", handed];
    if pinned {
        line.extend(["--trust", &bundle, "--pin", &pin]);
    }
    line.extend(["--home", &nobody]);
    crate::e2e::devnet::starfire(line)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_is_handed_in_is_held_to_the_proof_that_it_brings() {
    let devnet = Devnet::up(&["--validators", "1"]);
    let (key, thief) = (fresh_key(), fresh_key());
    let file = devnet.at("issuer.key");
    std::fs::write(&file, key.to_text().as_bytes()).expect("there is room");
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600))
        .expect("it is ours");
    let made = devnet
        .ask("main-1", &["did", "create", "--key", &file])
        .json();
    let did = made["did"].as_str().expect("it has a name").to_owned();

    let url = devnet.node("main-1").grpc;
    let accept = "accept: application/did-resolution\r\n";
    let path = format!("/1.0/identifiers/{did}");
    let result = eventually("the DID is proved", async || {
        let (status, result) = http::ask(&url, "GET", &path, accept, "");
        (status == 200).then_some(result)
    })
    .await;
    let mut forged = result.clone();
    forged["didDocument"]["verificationMethod"][0]["publicKeyMultibase"] =
        json!(VerificationKey::from(thief.public()).to_multikey());
    let honest = write(&devnet, "result.json", &result);
    let forged = write(&devnet, "forged.json", &forged);
    let shown = write(&devnet, "credential.json", &credential(&did, &key));
    let stolen = write(&devnet, "stolen.json", &credential(&did, &thief));

    for pinned in [true, false] {
        let answer = judge(&devnet, &shown, &honest, pinned);
        assert_eq!(answer.object()["verdict"], "VALID", "{answer:?}");
        assert_eq!(
            judge(&devnet, &stolen, &honest, pinned).object()["verdict"],
            "INVALID"
        );
    }
    let refused = judge(&devnet, &stolen, &forged, true);
    assert_eq!(refused.refusal(), "ANSWER_MISMATCH");
    // Who has pinned nothing believes what they hand in themselves.
    let believed = judge(&devnet, &stolen, &forged, false);
    assert_eq!(believed.object()["verdict"], "VALID", "{believed:?}");
}
