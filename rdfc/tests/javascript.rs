//! What is signed over our hash data verifies with @digitalbazaar/vc, which knows nothing of us.

use std::path::{Path, PathBuf};
use std::process::Command;

use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::{Value, json};
use starfire_rdfc::hash_data;

fn clients() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/clients")
}

/// What `verify.mjs` says of a document.
fn verdict(name: &str, document: &Value) -> Value {
    assert!(
        clients().join("node_modules").exists(),
        "the clients are not installed: `scripts/setup.sh --tests` does that"
    );
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.json"));
    let none = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-documents.json"));
    std::fs::write(&file, document.to_string()).expect("a folder for tests");
    std::fs::write(&none, "{}").expect("a folder for tests");
    let output = Command::new("node")
        .current_dir(clients())
        .arg("credentials/verify.mjs")
        .args([&file, &none])
        .output()
        .expect("node runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).expect("a verdict")
}

/// A credential under a did:key, signed over what `hash_data` makes of it.
fn credential(suite: &str, multikey: &str, sign: impl Fn(&[u8]) -> Vec<u8>) -> Value {
    let did = format!("did:key:{multikey}");
    let mut document = json!({
        "@context": [
            "https://www.w3.org/ns/credentials/v2",
            "https://www.w3.org/ns/credentials/examples/v2",
            {"maker": {"@id": "https://example.org/maker", "@type": "@id"}}
        ],
        "type": ["VerifiableCredential", "ExampleCredential"],
        "issuer": {"id": did, "name": "原产地签证机构"},
        "validFrom": "2026-01-01T00:00:00Z",
        "credentialSchema": {"id": "https://example.org/schema.json", "type": "JsonSchema"},
        "credentialSubject": [
            {"id": "did:example:one", "weight": 12.5, "parts": [{"count": 3}, {"count": 3}]},
            {"maker": "did:example:two", "text": "a \"quote\",\na line and a tab\t"}
        ]
    });
    let mut proof = json!({
        "type": "DataIntegrityProof",
        "cryptosuite": suite,
        "created": "2026-01-02T03:04:05Z",
        "verificationMethod": format!("{did}#{multikey}"),
        "proofPurpose": "assertionMethod"
    });
    let data = hash_data(&document, &proof).expect("it can be signed");
    let value = bs58::encode(sign(&data)).into_string();
    proof["proofValue"] = json!(format!("z{value}"));
    document["proof"] = proof;
    document
}

fn multikey(prefix: [u8; 2], key: &[u8]) -> String {
    let bytes = [&prefix, key].concat();
    format!("z{}", bs58::encode(bytes).into_string())
}

fn check(name: &str, credential: &Value) {
    let good = verdict(name, credential);
    assert_eq!(good, json!({"verified": true, "error": null}));
    let mut altered = credential.clone();
    altered["credentialSubject"][0]["parts"][1]["count"] = json!(4);
    let bad = verdict(&format!("{name}-altered"), &altered);
    assert_eq!(bad["verified"], json!(false), "{bad}");
}

#[test]
fn eddsa_rdfc_2022_over_our_hash_data_verifies_in_javascript() {
    let key = SigningKey::from_bytes(&[7; 32]);
    let multikey = multikey([0xed, 0x01], key.verifying_key().as_bytes());
    let credential = credential("eddsa-rdfc-2022", &multikey, |data| {
        key.sign(data).to_bytes().to_vec()
    });
    check("eddsa-rdfc-2022", &credential);
}

#[test]
fn ecdsa_rdfc_2019_over_our_hash_data_verifies_in_javascript() {
    let key = p256::ecdsa::SigningKey::from_slice(&[7; 32]).expect("a scalar");
    let point = key.verifying_key().to_sec1_point(true);
    let multikey = multikey([0x80, 0x24], point.as_bytes());
    let credential = credential("ecdsa-rdfc-2019", &multikey, |data| {
        let signature: p256::ecdsa::Signature = key.sign(data);
        signature.to_vec()
    });
    check("ecdsa-rdfc-2019", &credential);
}
