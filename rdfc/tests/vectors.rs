//! Known answers: the Recommendations' own vectors, and what jsonld.js and rdf-canonize make of many documents and graphs.

use ed25519_dalek::{Signature, VerifyingKey};
use p256::ecdsa::signature::Verifier as _;
use serde_json::{Value, json};
use starfire_rdfc::{canonical_form, hash_data};

/// vc-di-eddsa and vc-di-ecdsa, `TestVectors/unsigned.json`: the credential that both sign.
fn alumni() -> Value {
    json!({
        "@context": [
            "https://www.w3.org/ns/credentials/v2",
            "https://www.w3.org/ns/credentials/examples/v2"
        ],
        "id": "urn:uuid:58172aac-d8ba-11ed-83dd-0b3aef56cc33",
        "type": ["VerifiableCredential", "AlumniCredential"],
        "name": "Alumni Credential",
        "description": "A minimum viable example of an Alumni Credential.",
        "issuer": "https://vc.example/issuers/5678",
        "validFrom": "2023-01-01T00:00:00Z",
        "credentialSubject": {
            "id": "did:example:abcdefgh",
            "alumniOf": "The School of Examples"
        }
    })
}

fn options(suite: &str, controller: &str, key: &str) -> Value {
    json!({
        "type": "DataIntegrityProof",
        "cryptosuite": suite,
        "created": "2023-02-24T23:36:38Z",
        "verificationMethod": format!("{controller}#{key}"),
        "proofPurpose": "assertionMethod"
    })
}

const EDDSA_KEY: &str = "z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2";
const ECDSA_KEY: &str = "zDnaepBuvsQ8cpsWrVKw8fbpGpvPeNSjVPTWoq6cRqaYzBKVP";

/// The bytes of a Multikey behind its two bytes of kind.
fn key_bytes(multikey: &str) -> Vec<u8> {
    bs58::decode(&multikey[1..]).into_vec().expect("base58")[2..].to_vec()
}

#[test]
fn eddsa_rdfc_2022_has_the_hashes_and_the_signature_of_the_recommendation() {
    let options = options(
        "eddsa-rdfc-2022",
        "https://vc.example/issuers/5678",
        EDDSA_KEY,
    );
    let data = hash_data(&alumni(), &options).unwrap();
    let expected = "4c4d3890a157f8d611b13c265c2c22f39aa0a567c7c7dd9ba3e45cd579784eeb\
                    517744132ae165a5349155bef0bb0cf2258fff99dfe1dbd914b938d775a36017";
    assert_eq!(hex::encode(data), expected);

    let key = VerifyingKey::try_from(key_bytes(EDDSA_KEY).as_slice()).unwrap();
    let proof_value =
        "21EVs3eXERqTn4acNHT9viboqgzUaQ3kTmhPT3eA8qrVPE7CrQq78WkzctnMX5W4CrzcKnHw8V6dvy5pgWYCU5e9";
    let signature = bs58::decode(proof_value).into_vec().unwrap();
    let signature = Signature::from_slice(&signature).unwrap();
    key.verify_strict(&data, &signature).unwrap();

    let mut altered = alumni();
    altered["credentialSubject"]["alumniOf"] = json!("Another School");
    let altered = hash_data(&altered, &options).unwrap();
    assert!(key.verify_strict(&altered, &signature).is_err());
}

#[test]
fn the_proof_options_have_the_canonical_form_of_the_recommendation() {
    let mut options = options(
        "eddsa-rdfc-2022",
        "https://vc.example/issuers/5678",
        EDDSA_KEY,
    );
    options["@context"] = alumni()["@context"].clone();
    let expected = "_:c14n0 <http://purl.org/dc/terms/created> \"2023-02-24T23:36:38Z\"^^<http://www.w3.org/2001/XMLSchema#dateTime> .\n\
        _:c14n0 <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> <https://w3id.org/security#DataIntegrityProof> .\n\
        _:c14n0 <https://w3id.org/security#cryptosuite> \"eddsa-rdfc-2022\"^^<https://w3id.org/security#cryptosuiteString> .\n\
        _:c14n0 <https://w3id.org/security#proofPurpose> <https://w3id.org/security#assertionMethod> .\n\
        _:c14n0 <https://w3id.org/security#verificationMethod> <https://vc.example/issuers/5678#z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2> .\n";
    assert_eq!(canonical_form(&options).unwrap(), expected);
}

#[test]
fn ecdsa_rdfc_2019_has_the_hashes_and_the_signature_of_the_recommendation() {
    let options = options(
        "ecdsa-rdfc-2019",
        &format!("did:key:{ECDSA_KEY}"),
        ECDSA_KEY,
    );
    let data = hash_data(&alumni(), &options).unwrap();
    let expected = "3a8a522f689025727fb9d1f0fa99a618da023e8494ac74f51015d009d35abc2e\
                    517744132ae165a5349155bef0bb0cf2258fff99dfe1dbd914b938d775a36017";
    assert_eq!(hex::encode(data), expected);

    let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(&key_bytes(ECDSA_KEY)).unwrap();
    let proof_value =
        "aHXrr7AQdydBk3ahpCDpWbxfLokDqmCToYm2dyWvpcFVyWooC2he63w1f7UNQoAMKdhaRtcnaE2KTo5o5vTCcfw";
    let signature = bs58::decode(proof_value).into_vec().unwrap();
    let signature = p256::ecdsa::Signature::from_slice(&signature).unwrap();
    key.verify(&data, &signature).unwrap();
}

/// What `tests/clients/credentials/make_canonical.mjs` wrote.
fn made() -> Value {
    serde_json::from_str(include_str!(
        "../../tests/vectors/credentials/canonical.json"
    ))
    .expect("the vectors are JSON")
}

#[test]
fn documents_have_the_canonical_form_that_jsonld_js_gives_them() {
    let made = made();
    let (mut same, mut refused) = (0, 0);
    for (index, case) in made["documents"].as_array().unwrap().iter().enumerate() {
        let ours = canonical_form(&case["document"]);
        if let Some(theirs) = case["canonical"].as_str() {
            assert_eq!(
                ours.as_deref(),
                Ok(theirs),
                "document {index}: {}",
                case["document"]
            );
            same += 1;
        } else {
            let code = ours.expect_err("safe mode refuses it").code();
            assert_eq!(
                code, "RDFC_DROPPED",
                "document {index}: {}",
                case["document"]
            );
            refused += 1;
        }
    }
    assert!(same > 50 && refused > 20, "{same} same, {refused} refused");
}

/// Every value counts: no leaf of a document can change without its canonical form.
#[test]
fn altering_any_value_alters_the_canonical_form() {
    let made = made();
    let mut altered = 0;
    for case in made["documents"].as_array().unwrap().iter().take(60) {
        let Some(original) = case["canonical"].as_str() else {
            continue;
        };
        for pointer in leaves(&case["document"], String::new()) {
            let mut document = case["document"].clone();
            let leaf = document.pointer_mut(&pointer).unwrap();
            *leaf = match leaf {
                Value::String(text) => json!(format!("{text}X")),
                Value::Null => continue,
                Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                    json!(31_337)
                }
            };
            if let Ok(form) = canonical_form(&document) {
                assert_ne!(form, original, "{pointer} of {}", case["document"]);
            }
            altered += 1;
        }
    }
    assert!(altered > 200, "{altered} leaves");
}

fn leaves(value: &Value, at: String) -> Vec<String> {
    match value {
        Value::Object(fields) => fields
            .iter()
            .filter(|(key, _)| *key != "@context")
            .flat_map(|(key, value)| {
                let key = key.replace('~', "~0").replace('/', "~1");
                leaves(value, format!("{at}/{key}"))
            })
            .collect(),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .flat_map(|(index, value)| leaves(value, format!("{at}/{index}")))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => vec![at],
    }
}

#[test]
fn the_order_of_fields_does_not_matter() {
    let reversed = r#"{"credentialSubject":{"alumniOf":"The School of Examples","id":"did:example:abcdefgh"},
        "validFrom":"2023-01-01T00:00:00Z","issuer":"https://vc.example/issuers/5678",
        "description":"A minimum viable example of an Alumni Credential.","name":"Alumni Credential",
        "type":["AlumniCredential","VerifiableCredential"],"id":"urn:uuid:58172aac-d8ba-11ed-83dd-0b3aef56cc33",
        "@context":["https://www.w3.org/ns/credentials/v2","https://www.w3.org/ns/credentials/examples/v2"]}"#;
    let reversed: Value = serde_json::from_str(reversed).unwrap();
    assert_eq!(canonical_form(&reversed), canonical_form(&alumni()));
}

/// A proof chain: the later proof covers the earlier one, which stays in the document that is hashed.
#[test]
fn an_earlier_proof_that_is_left_in_the_document_is_hashed_with_it() {
    let options = options("eddsa-rdfc-2022", "did:example:a", EDDSA_KEY);
    let mut chained = alumni();
    chained["proof"] = json!([options]);
    chained["proof"][0]["id"] = json!("urn:uuid:1");
    chained["proof"][0]["proofValue"] = json!("z1");
    let one = hash_data(&chained, &options).unwrap();
    assert_ne!(one, hash_data(&alumni(), &options).unwrap());
    chained["proof"][0]["proofValue"] = json!("z2");
    assert_ne!(one, hash_data(&chained, &options).unwrap());
}

#[test]
fn many_documents_take_no_more_work_than_a_few() {
    use starfire_rdfc::{RdfcError, Work, hash};
    // Five alike beside one: their orders are tried, and a document of some dozen values takes as many steps as one may.
    let alike = json!({ "a": vec![json!({}); 5] });
    let document = json!({
        "@context": ["https://www.w3.org/ns/credentials/v2", { "@vocab": "https://example.org/#" }],
        "b": [alike, alike],
    });
    let mut work = Work::new();
    let mut done = 0;
    let refused = loop {
        match hash(&document, &mut work) {
            Ok(_) => done += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(refused, RdfcError::Poison);
    assert!((4..64).contains(&done), "{done}");

    let large = json!({
        "@context": "https://www.w3.org/ns/credentials/v2",
        "name": vec!["a"; starfire_rdfc::VALUES_MAX],
    });
    let mut work = Work::new();
    assert!(hash(&large, &mut work).is_ok());
    assert_eq!(
        hash(&large, &mut work).unwrap_err().code(),
        "RDFC_TOO_LARGE"
    );
    // What was refused took nothing from what may follow.
    assert!(hash(&alumni(), &mut work).is_ok());
}
