//! What both sides make of the same credentials, lists, keys and graphs.

mod canonical;
mod data_integrity;
mod dids;
mod sd_jwt;
mod status_list;
mod tokens;

use serde_json::{Value, json};
use starfire_oracle::ISSUED;
use starfire_oracle::person::{Curve, Person};

/// Somebody of each kind that both sides can look up.
fn people() -> Vec<Person> {
    Curve::ALL
        .into_iter()
        .flat_map(|curve| {
            [
                Person::of_key(curve, [7; 32]),
                Person::of_bid(curve, [9; 32]),
            ]
        })
        .collect()
}

/// A credential of a year's validity, not yet signed.
fn claims(issuer: &Person) -> Value {
    json!({
        "@context": [
            "https://www.w3.org/ns/credentials/v2",
            "https://www.w3.org/ns/credentials/examples/v2"
        ],
        "id": "urn:uuid:6f1c1f0e-2d3b-4c5d-8e9f-0a1b2c3d4e5f",
        "type": ["VerifiableCredential", "CertificateOfOrigin"],
        "issuer": issuer.did,
        "validFrom": ISSUED,
        "validUntil": "2027-01-01T00:00:00Z",
        "credentialSubject": {
            "id": "did:example:exporter",
            "certificateNumber": "26C4403A1234/00001",
            "exporter": {"name": "厦门示例贸易有限公司"},
            "items": [{"weight": 1250.5}, {"weight": 3}, {"fragile": true}]
        }
    })
}
