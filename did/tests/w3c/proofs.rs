//! Data Integrity 1.0 with `eddsa-jcs-2022` and `ecdsa-jcs-2019`: what a proof has when it is made, and what is refused when it is read.
//!
//! Proofs that nobody of good will would make are signed here by hand, so that what is refused is what is wrong and not the signature.

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256, Sha512};
use starfire_did::credential::code;
use starfire_did::credential::integrity::{self, Options};
use starfire_did::credential::report::Verdict;
use starfire_did::credential::timestamp;

use super::{NOW_MS, Signer};

type Members = Map<String, Value>;

pub(super) fn issued(signer: &Signer) -> Value {
    let options = Options::assertion(signer.suite, signer.method(), NOW_MS - 1000);
    integrity::issue(signer.claims(), &options, &signer.key, None).expect("a credential")
}

fn proof_of(secured: &Value) -> Members {
    secured["proof"].as_object().expect("one proof").clone()
}

fn canonical(value: &impl serde::Serialize) -> Vec<u8> {
    serde_json_canonicalizer::to_vec(value).expect("it has a canonical form")
}

fn hash_data(options: &Members, document: &Value) -> Vec<u8> {
    [
        Sha256::digest(canonical(options)),
        Sha256::digest(canonical(document)),
    ]
    .concat()
}

fn encoded(signature: &[u8]) -> Value {
    json!(format!("z{}", bs58::encode(signature).into_string()))
}

/// A credential whose proof was changed before it was signed, over what `hash` says.
fn signed_over(
    signer: &Signer,
    change: impl FnOnce(&mut Members),
    hash: impl FnOnce(&Members, &Value) -> Vec<u8>,
) -> Value {
    let mut document = signer.claims();
    let mut proof = proof_of(&issued(signer));
    proof.remove("proofValue");
    change(&mut proof);
    let signature = signer.key.sign(&hash(&proof, &document));
    proof.insert("proofValue".into(), encoded(&signature));
    document["proof"] = Value::Object(proof);
    document
}

pub(super) fn signed_with(signer: &Signer, change: impl FnOnce(&mut Members)) -> Value {
    signed_over(signer, change, hash_data)
}

/// A credential whose proof was changed after it was signed.
fn altered(signer: &Signer, change: impl FnOnce(&mut Members)) -> Value {
    let mut secured = issued(signer);
    let mut proof = proof_of(&secured);
    change(&mut proof);
    secured["proof"] = Value::Object(proof);
    secured
}

#[test]
fn a_proof_that_is_made_has_every_member_in_its_form() {
    for signer in Signer::all() {
        let secured = issued(&signer);
        let proof = &secured["proof"];
        assert_eq!(proof["type"], "DataIntegrityProof");
        assert_eq!(proof["cryptosuite"], signer.suite.name());
        assert_eq!(proof["proofPurpose"], "assertionMethod");
        assert_eq!(proof["verificationMethod"], signer.method());
        assert!(timestamp::parse(proof["created"].as_str().unwrap()).is_some());
        // vc-di-eddsa §3.3.1, vc-di-ecdsa §3.3.1: "set proof.@context to unsecuredDocument.@context".
        assert_eq!(proof["@context"], secured["@context"]);
        let value = proof["proofValue"].as_str().unwrap();
        let signature = bs58::decode(value.strip_prefix('z').unwrap()).into_vec();
        assert_eq!(signature.unwrap().len(), 64, "for a key of 32 bytes");
        assert_eq!(signer.judge(secured).verdict, Verdict::Valid);
    }
}

#[test]
fn what_is_signed_by_hand_holds_unless_it_is_changed() {
    for signer in Signer::all() {
        let secured = signed_with(&signer, |_| {});
        assert_eq!(signer.judge(secured).verdict, Verdict::Valid);
        // §2.1: created is optional.
        let secured = signed_with(&signer, |proof| {
            proof.remove("created");
        });
        assert_eq!(signer.judge(secured).verdict, Verdict::Valid);
    }
}

#[test]
fn a_proof_that_lacks_a_member_or_has_another_value_is_refused() {
    for signer in Signer::all() {
        for (rule, name, value, expected) in [
            ("type is there", "type", None, code::PROOF_INVALID),
            (
                "type is DataIntegrityProof",
                "type",
                Some(json!("UnknownProofType")),
                code::SUITE_UNSUPPORTED,
            ),
            (
                "cryptosuite is there",
                "cryptosuite",
                None,
                code::PROOF_INVALID,
            ),
            (
                "cryptosuite is a text",
                "cryptosuite",
                Some(json!(2022)),
                code::PROOF_INVALID,
            ),
            (
                "cryptosuite is known",
                "cryptosuite",
                Some(json!("UnknownCryptosuite")),
                code::SUITE_UNSUPPORTED,
            ),
            (
                "verificationMethod is there",
                "verificationMethod",
                None,
                code::PROOF_INVALID,
            ),
            (
                "verificationMethod is a URL",
                "verificationMethod",
                Some(json!("key 1")),
                code::PROOF_INVALID,
            ),
            (
                "verificationMethod is the issuer's",
                "verificationMethod",
                Some(json!("did:key:invalidVm")),
                code::METHOD_UNKNOWN,
            ),
            (
                "proofPurpose is there",
                "proofPurpose",
                None,
                code::PROOF_INVALID,
            ),
            (
                "proofPurpose is known",
                "proofPurpose",
                Some(json!("invalidPurpose")),
                code::PROOF_INVALID,
            ),
            (
                "proofPurpose is assertionMethod",
                "proofPurpose",
                Some(json!("authentication")),
                code::PROOF_NOT_BY_ISSUER,
            ),
            (
                "created is a time",
                "created",
                Some(json!("invalidDate")),
                code::PROOF_INVALID,
            ),
            (
                "expires is a time",
                "expires",
                Some(json!("invalidDate")),
                code::PROOF_INVALID,
            ),
            (
                "domain is a text, or some",
                "domain",
                Some(json!(7)),
                code::PROOF_INVALID,
            ),
            (
                "challenge is a text",
                "challenge",
                Some(json!(["c"])),
                code::PROOF_INVALID,
            ),
            (
                "nonce is a text",
                "nonce",
                Some(json!(7)),
                code::PROOF_INVALID,
            ),
            (
                "id is a URL",
                "id",
                Some(json!("proof 1")),
                code::PROOF_INVALID,
            ),
            (
                "previousProof is there",
                "previousProof",
                Some(json!("urn:uuid:test:missing:proof")),
                code::PROOF_INVALID,
            ),
            (
                "each previousProof is there",
                "previousProof",
                Some(json!(["urn:uuid:test:missing:proof"])),
                code::PROOF_INVALID,
            ),
            (
                "previousProof is a text, or some",
                "previousProof",
                Some(json!(7)),
                code::PROOF_INVALID,
            ),
        ] {
            let secured = signed_with(&signer, |proof| {
                match value {
                    None => proof.remove(name),
                    Some(value) => proof.insert(name.into(), value),
                };
            });
            let report = signer.judge(secured);
            assert_eq!(report.code(), Some(expected), "{rule}");
            assert_ne!(report.verdict, Verdict::Valid, "{rule}");
        }
    }
}

#[test]
fn a_signature_in_another_form_is_refused() {
    for signer in Signer::all() {
        let value = issued(&signer)["proof"]["proofValue"].clone();
        let value = value.as_str().unwrap();
        let bytes = bs58::decode(&value[1..]).into_vec().unwrap();
        let mut longer = bytes.clone();
        // 96 bytes are those of a key of P-384, of which nothing is concluded.
        longer.extend([7; 33]);
        for (rule, changed) in [
            ("proofValue is there", None),
            ("proofValue is not null", Some(Value::Null)),
            (
                "proofValue has its multibase header",
                Some(json!(value[1..])),
            ),
            (
                "proofValue is in Base58",
                Some(json!(format!("u{}", &value[1..]))),
            ),
            ("proofValue is no longer", Some(encoded(&longer))),
            ("proofValue is no shorter", Some(encoded(&bytes[..63]))),
            ("proofValue is whole", Some(json!(value[..value.len() - 1]))),
        ] {
            let secured = altered(&signer, |proof| {
                match changed {
                    None => proof.remove("proofValue"),
                    Some(value) => proof.insert("proofValue".into(), value),
                };
            });
            let report = signer.judge(secured);
            let found = report.code().unwrap();
            assert!(
                [code::PROOF_INVALID, code::SIGNATURE_WRONG].contains(&found),
                "{rule}"
            );
        }
        let mut unsigned = issued(&signer);
        unsigned["proof"] = Value::Null;
        assert_eq!(signer.judge(unsigned).code(), Some(code::PROOF_INVALID));
    }
}

#[test]
fn another_hash_or_canonical_form_does_not_verify() {
    for signer in Signer::all() {
        for (rule, secured) in [
            (
                "the hash is SHA-256",
                signed_over(
                    &signer,
                    |_| {},
                    |proof, document| {
                        [
                            Sha512::digest(canonical(proof)),
                            Sha512::digest(canonical(document)),
                        ]
                        .concat()
                    },
                ),
            ),
            (
                "the canonical form is JCS",
                signed_over(
                    &signer,
                    |_| {},
                    |proof, document| {
                        let plain = |value: Vec<u8>| {
                            Sha256::digest([b"unknown-".as_slice(), &value].concat())
                        };
                        [plain(canonical(proof)), plain(canonical(document))].concat()
                    },
                ),
            ),
            (
                "the options come first",
                signed_over(
                    &signer,
                    |_| {},
                    |proof, document| {
                        [
                            Sha256::digest(canonical(document)),
                            Sha256::digest(canonical(proof)),
                        ]
                        .concat()
                    },
                ),
            ),
        ] {
            let report = signer.judge(secured);
            assert_eq!(report.code(), Some(code::SIGNATURE_WRONG), "{rule}");
        }
        // What is added after signing is seen, also what no context defines.
        for (name, value) in [
            ("undefinedTerm", json!("x")),
            (
                "type",
                json!(["VerifiableCredential", "https://example.org/#A"]),
            ),
        ] {
            let mut secured = issued(&signer);
            secured[name] = value;
            assert_eq!(
                signer.judge(secured).code(),
                Some(code::SIGNATURE_WRONG),
                "{name}"
            );
        }
    }
}
