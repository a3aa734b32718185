//! `did:key`: the identifier is a Multikey.

use std::ops::RangeInclusive;

use serde_json::{Value, json};

use super::with_method;
use crate::VerificationKey;
use crate::render::{DID_1_0, DID_1_1, MULTIKEY, Representation};

/// Kinds of public keys that are not known here, and their lengths, bytes.
// https://github.com/multiformats/multicodec/blob/master/table.csv, as varints.
const OTHER_KINDS: [([u8; 2], RangeInclusive<usize>); 11] = [
    // P-384, P-521, Ed448, X448: the points compressed.
    ([0x81, 0x24], 49..=49),
    ([0x82, 0x24], 67..=67),
    ([0x83, 0x24], 57..=57),
    ([0x84, 0x24], 56..=56),
    // RSA, in DER, of 1,024 to 8,192 bits.
    ([0x85, 0x24], 138..=1050),
    // BLS12-381: G1, G2, both.
    ([0xea, 0x01], 48..=48),
    ([0xeb, 0x01], 96..=96),
    ([0xee, 0x01], 144..=144),
    // ML-DSA 44, 65, 87.
    ([0x90, 0x24], 1312..=1312),
    ([0x91, 0x24], 1952..=1952),
    ([0x92, 0x24], 2592..=2592),
];

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

/// Whether it is a public key all the same, of a kind that is not known here.
pub(super) fn is_of_another_kind(identifier: &str) -> bool {
    let Some(encoded) = identifier.strip_prefix('z') else {
        return false;
    };
    let Ok(bytes) = bs58::decode(encoded).into_vec() else {
        return false;
    };
    let Some((kind, raw)) = bytes.split_at_checked(2) else {
        return false;
    };
    OTHER_KINDS
        .iter()
        .any(|(other, lengths)| kind == other && lengths.contains(&raw.len()))
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
