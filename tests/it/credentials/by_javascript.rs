//! What @digitalbazaar/vc signed with the suites over RDF, read by us as any credential is.

use serde_json::{Value, json};
use starfire_did::VerificationKey;
use starfire_did::credential::parsed::Signed;
use starfire_did::credential::{integrity, presentation};

use super::rdfc;

fn key(method: &str, documents: &Value) -> VerificationKey {
    let (did, fragment) = method.split_once('#').unwrap();
    let multikey = match did.strip_prefix("did:key:") {
        Some(multikey) => multikey,
        None => documents[did]["verificationMethod"]
            .as_array()
            .unwrap()
            .iter()
            .find(|entry| entry["id"] == json!(format!("{did}#{fragment}")))
            .and_then(|entry| entry["publicKeyMultibase"].as_str())
            .unwrap(),
    };
    VerificationKey::from_multikey(multikey).unwrap()
}

/// The signatures of a credential or a presentation.
fn signatures(document: &Value) -> Vec<Signed> {
    if document["verifiableCredential"].is_null() {
        let read = integrity::credential(document.clone(), Some(&rdfc));
        return read.map(|read| read.signatures).unwrap_or_default();
    }
    let read = presentation::read(document.clone(), Some(&rdfc));
    let proofs = read.map(|read| read.proofs).unwrap_or_default();
    proofs.into_iter().map(|proof| proof.signed).collect()
}

#[test]
fn the_suites_over_rdf_of_javascript_hold_and_fail_when_altered() {
    let vectors = include_str!("../../vectors/credentials/data-integrity.json");
    let vectors: Value = serde_json::from_str(vectors).unwrap();
    let documents = &vectors["documents"];
    let holds = |document: &Value| {
        let signatures = signatures(document);
        let by_its_key = |signed: &Signed| signed.holds(&key(&signed.method, documents));
        signatures.len() == 1 && signatures.iter().all(by_its_key)
    };
    let mut seen = 0;
    for case in vectors["secured"].as_array().unwrap() {
        if !case["suite"].as_str().unwrap().contains("rdfc") {
            continue;
        }
        let (name, document) = (&case["name"], &case["document"]);
        assert!(holds(document), "{name}");
        let mut altered = document.clone();
        let place = ["/verifiableCredential/0", ""]
            .into_iter()
            .find_map(|root| {
                let pointer = format!("{root}/credentialSubject/weight");
                document.pointer(&pointer).map(|_| pointer)
            });
        *altered.pointer_mut(&place.unwrap()).unwrap() = json!(1);
        assert!(!holds(&altered), "{name}, altered");
        seen += 1;
    }
    assert_eq!(
        seen, 6,
        "both suites, both kinds of DID, credentials and presentations"
    );
}

#[test]
fn a_status_list_signed_in_javascript_holds() {
    let vectors = include_str!("../../vectors/credentials/status.json");
    let vectors: Value = serde_json::from_str(vectors).unwrap();
    let signatures = signatures(&vectors["statusList"]);
    assert_eq!(signatures.len(), 1);
    for signed in signatures {
        assert!(signed.holds(&key(&signed.method, &vectors["documents"])));
    }
}
