//! `did:key`: the identifier is a Multikey.

use serde_json::{Value, json};

use super::with_method;
use crate::VerificationKey;
use crate::render::{DID_1_0, DID_1_1, MULTIKEY, Representation};

/// What a document with a Multikey names. DID 1.1's context includes them.
fn contexts(form: Representation) -> &'static [&'static str] {
    match form {
        Representation::JsonLd => &[DID_1_0, MULTIKEY],
        Representation::V1_1 => &[DID_1_1],
        Representation::Json => &[],
    }
}

/// The document, if the identifier is a key of a kind that is known.
pub(super) fn document(did: &str, identifier: &str, form: Representation) -> Option<Value> {
    let key = VerificationKey::from_multikey(identifier)?;
    // A key has one text: no two identifiers stand for the same document.
    if key.to_multikey() != identifier {
        return None;
    }
    let method = json!({
        "id": format!("{did}#{identifier}"),
        "type": "Multikey",
        "controller": did,
        "publicKeyMultibase": identifier,
    });
    Some(with_method(
        did,
        contexts(form),
        &method,
        &key,
        !key.signs(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::foreign;

    // The did:key specification's examples.
    #[test]
    fn a_key_has_its_document() {
        let did = "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK";
        let document = foreign::document(did).unwrap();
        let id = format!("{did}#z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK");
        assert_eq!(
            document,
            json!({
                "@context": [DID_1_0, MULTIKEY],
                "id": did,
                "verificationMethod": [{
                    "id": id,
                    "type": "Multikey",
                    "controller": did,
                    "publicKeyMultibase": "z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK",
                }],
                "authentication": [id],
                "assertionMethod": [id],
                "capabilityInvocation": [id],
                "capabilityDelegation": [id],
            })
        );
        let agreement = "did:key:z6LSeu9HkTHSfLLeUs2nnzUSNedgDUevfNQgQjQC23ZCit6F";
        let document = foreign::document(agreement).unwrap();
        assert!(document.get("authentication").is_none());
        assert_eq!(document["keyAgreement"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn what_is_no_key_has_none() {
        for did in [
            "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2do",
            "did:key:f6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK",
            "did:key:z0OIl",
            "did:key:z",
        ] {
            assert!(foreign::document(did).is_err(), "{did}");
        }
    }
}
