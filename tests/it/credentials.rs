//! Our credentials in the hands of the published JavaScript libraries, and theirs in ours, where the whole of it is needed.
//!
//! What libraries issued and needs no RDF is checked in `did/tests/issued_by_javascript.rs`, beside the code that reads it.

mod by_javascript;
mod in_javascript;
mod scripts;

use serde_json::{Value, json};
use starfire_did::credential::integrity::{HASH_BYTES, Uncanonical};
use starfire_did::{Did, KeyAlgorithm, PrivateKey, SigningKey};

/// The first second of 2026, Unix milliseconds.
const NOW_MS: i64 = 1_767_225_600_000;

/// What `node` hands to `did` for the suites over RDF.
fn rdfc(value: &Value) -> Result<[u8; HASH_BYTES], Uncanonical> {
    starfire_rdfc::hash(value, &mut starfire_rdfc::Work::new())
        .map_err(|error| Uncanonical::Refused(format!("{}: {error}", error.code())))
}

/// Somebody with a did:bid, whose document has an Ed25519 and a P-256 key.
struct Party {
    did: String,
    ed25519: SigningKey,
    p256: SigningKey,
}

impl Party {
    fn new(seed: u8) -> Self {
        let key = PrivateKey::from_raw(KeyAlgorithm::Ed25519, &[seed; 32]).expect("32 bytes");
        Self {
            did: Did::derive(&key.public(), None).to_string(),
            ed25519: key.into(),
            p256: SigningKey::p256(&[seed; 32]).expect("a scalar"),
        }
    }

    fn method(&self, key: &SigningKey) -> String {
        format!("{}#{}", self.did, key.curve())
    }

    /// The document as it resolves.
    fn document(&self) -> Value {
        let keys = [&self.ed25519, &self.p256];
        let ids: Vec<String> = keys.iter().map(|key| self.method(key)).collect();
        let methods: Vec<Value> = keys
            .iter()
            .map(|key| {
                json!({
                    "id": self.method(key),
                    "type": "Multikey",
                    "controller": self.did,
                    "publicKeyMultibase": key.verification_key().to_multikey()
                })
            })
            .collect();
        json!({
            "@context": ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1"],
            "id": self.did,
            "verificationMethod": methods,
            "authentication": ids,
            "assertionMethod": ids
        })
    }
}

/// A credential by one about another, not yet signed.
fn unsigned(issuer: &Party, subject: &Party) -> Value {
    json!({
        "@context": [
            "https://www.w3.org/ns/credentials/v2",
            "https://www.w3.org/ns/credentials/examples/v2"
        ],
        "id": "urn:uuid:6f1c1f0e-2d3b-4c5d-8e9f-0a1b2c3d4e5f",
        "type": ["VerifiableCredential", "CertificateOfOrigin"],
        "issuer": issuer.did,
        "validFrom": "2026-01-01T00:00:00Z",
        "credentialSubject": {
            "id": subject.did,
            "certificateNumber": "26C4403A1234/00001",
            "exporter": {"name": "厦门示例贸易有限公司"},
            "weight": 1250.5
        }
    })
}
