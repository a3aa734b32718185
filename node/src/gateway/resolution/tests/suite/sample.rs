//! A document with everything, for the recordings.

use serde_json::json;
use starfire_did::VerificationKey;
use starfire_did::document::from_w3c;
use starfire_proto::v1;

use super::FULL;
use crate::gateway::fixture::{did, private_key};
use crate::gateway::resolution::tests::made_ms;

/// A document with every property that DID Core knows, and a key of each form.
pub(super) fn full() -> v1::DidRecord {
    let id = did(FULL, None).to_string();
    let multikey = |fragment: &str, key: &str| json!({ "id": format!("{id}#{fragment}"), "type": "Multikey", "controller": id, "publicKeyMultibase": key });
    let jwk = json!({
        "kty": "EC",
        "crv": "P-256",
        "x": "acbIQiuMs3i8_uszEjJ2tpTtRM4EU3yz91PH6CdH2V0",
        "y": "_KcyLj9vWMptnmKtm46GqDz8wf74I5LKgrl2GzH3nSE",
    });
    let own = private_key(FULL).public();
    let own = VerificationKey::from(own).to_multikey();
    let document = json!({
        "id": id,
        "controller": [id, did(1, None).to_string()],
        "alsoKnownAs": ["https://example.org/", "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"],
        "verificationMethod": [
            multikey("key-1", &own),
            { "id": format!("{id}#key-2"), "type": "JsonWebKey", "controller": id, "publicKeyJwk": jwk },
            multikey("key-3", "z6LSeu9HkTHSfLLeUs2nnzUSNedgDUevfNQgQjQC23ZCit6F"),
            multikey("key-4", "zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme"),
        ],
        "authentication": [format!("{id}#key-1"), format!("{id}#key-2")],
        "assertionMethod": [format!("{id}#key-1"), format!("{id}#key-4")],
        "keyAgreement": [format!("{id}#key-3")],
        "capabilityInvocation": [format!("{id}#key-1")],
        "capabilityDelegation": [format!("{id}#key-2")],
        "service": [
            { "id": format!("{id}#web"), "type": "LinkedDomains", "serviceEndpoint": "https://example.org/" },
            { "id": format!("{id}#inbox"), "type": "Agent", "serviceEndpoint": "https://agent.example.org/%E4%B8%AD?q=1" },
        ],
    });
    v1::DidRecord {
        document: Some((&from_w3c(&document).unwrap()).into()),
        version: 1,
        created_ms: made_ms(1),
        updated_ms: made_ms(1),
        ..v1::DidRecord::default()
    }
}
