//! Credentials and presentations that @digitalbazaar/vc signed with the RDF suites, as `make_vectors.mjs` kept them.

use ed25519_dalek::{Signature, VerifyingKey};
use p256::ecdsa::signature::Verifier as _;
use serde_json::{Value, json};
use starfire_rdfc::hash_data;

fn vectors() -> Value {
    let text = include_str!("../../tests/vectors/credentials/data-integrity.json");
    serde_json::from_str(text).expect("the vectors are JSON")
}

/// The Multikey of a verification method: that of a did:key names it, that of a did:bid is in its document.
fn multikey(method: &str, documents: &Value) -> String {
    let (did, fragment) = method.split_once('#').expect("a URL of a key");
    if did.starts_with("did:key:") {
        return fragment.to_owned();
    }
    let methods = documents[did]["verificationMethod"].as_array();
    methods
        .expect("a document of the vectors")
        .iter()
        .find(|entry| entry["id"] == method)
        .and_then(|entry| entry["publicKeyMultibase"].as_str())
        .expect("a key of the document")
        .to_owned()
}

fn base58(multibase: &str) -> Vec<u8> {
    let text = multibase.strip_prefix('z').expect("base58btc");
    bs58::decode(text).into_vec().expect("base58btc")
}

fn holds(document: &Value, documents: &Value) -> bool {
    let (mut unsigned, proof) = (document.clone(), &document["proof"]);
    let mut options = proof.clone();
    unsigned.as_object_mut().expect("an object").remove("proof");
    let fields = options.as_object_mut().expect("an object");
    fields.remove("proofValue");
    let Ok(data) = hash_data(&unsigned, &options) else {
        return false;
    };
    let method = proof["verificationMethod"].as_str().expect("a method");
    let key = base58(&multikey(method, documents));
    let signature = base58(proof["proofValue"].as_str().expect("a signature"));
    match key.split_at(2) {
        ([0xed, 0x01], key) => VerifyingKey::try_from(key)
            .expect("an Ed25519 key")
            .verify_strict(&data, &Signature::from_slice(&signature).expect("64 bytes"))
            .is_ok(),
        ([0x80, 0x24], key) => p256::ecdsa::VerifyingKey::from_sec1_bytes(key)
            .expect("a P-256 key")
            .verify(
                &data,
                &p256::ecdsa::Signature::from_slice(&signature).expect("64 bytes"),
            )
            .is_ok(),
        _ => panic!("a key of the two suites"),
    }
}

#[test]
fn what_javascript_signed_over_rdf_holds_and_fails_when_altered() {
    let vectors = vectors();
    let documents = &vectors["documents"];
    let mut seen = 0;
    for case in vectors["secured"].as_array().expect("cases") {
        if !case["suite"].as_str().expect("a suite").contains("rdfc") {
            continue;
        }
        let (name, document) = (&case["name"], &case["document"]);
        assert!(holds(document, documents), "{name}");

        let presented = document.get("verifiableCredential").is_some();
        let root = if presented {
            "/verifiableCredential/0"
        } else {
            ""
        };
        let changes = [
            ("/credentialSubject/weight", json!(1250.6)),
            ("/credentialSubject/goods/1/hsCode", json!("8504.41")),
            ("/issuer", json!("did:bid:efAnother")),
        ];
        for (pointer, value) in changes {
            let mut altered = document.clone();
            *altered
                .pointer_mut(&format!("{root}{pointer}"))
                .expect("a field of it") = value;
            assert!(!holds(&altered, documents), "{name}: {pointer}");
        }
        let mut later = document.clone();
        later["proof"]["created"] = json!("2026-01-02T03:04:06Z");
        assert!(!holds(&later, documents), "{name}: created");
        if presented {
            let mut replayed = document.clone();
            replayed["proof"]["challenge"] = json!("another challenge");
            assert!(!holds(&replayed, documents), "{name}: challenge");
        }
        seen += 1;
    }
    assert_eq!(
        seen, 6,
        "both suites, both kinds of DID, credentials and presentations"
    );
}
