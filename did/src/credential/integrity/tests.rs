//! Known answers of the W3C's specifications, and what a change does.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::credential::parsed::Relationship;
use crate::key::{KeyAlgorithm, PrivateKey};

const ISSUER: &str = "https://vc.example/issuers/5678";

/// The unsigned credential of the test vectors of both specifications.
fn alumni() -> Value {
    json!({
        "@context": [
            "https://www.w3.org/ns/credentials/v2",
            "https://www.w3.org/ns/credentials/examples/v2",
        ],
        "id": "urn:uuid:58172aac-d8ba-11ed-83dd-0b3aef56cc33",
        "type": ["VerifiableCredential", "AlumniCredential"],
        "name": "Alumni Credential",
        "description": "A minimum viable example of an Alumni Credential.",
        "issuer": ISSUER,
        "validFrom": "2023-01-01T00:00:00Z",
        "credentialSubject": { "id": "did:example:abcdefgh", "alumniOf": "The School of Examples" },
    })
}

fn with_proof(mut document: Value, proof: Value) -> Value {
    document["proof"] = proof;
    document
}

fn only(secured: Value) -> Signed {
    let parsed = credential(secured, None).unwrap();
    let [signed] = <[Signed; 1]>::try_from(parsed.signatures).unwrap();
    signed
}

fn keys() -> [SigningKey; 3] {
    [
        PrivateKey::generate([3; 32], KeyAlgorithm::Ed25519).into(),
        PrivateKey::generate([4; 32], KeyAlgorithm::Sm2).into(),
        SigningKey::p256(&[5; 32]).unwrap(),
    ]
}

fn options_for(key: &SigningKey) -> Options {
    let suite = Suite::of_curve(key.curve()).unwrap();
    Options::assertion(suite, format!("{ISSUER}#key-1"), 1_677_281_798_000)
}

fn holds(secured: Value, key: &SigningKey) -> bool {
    credential(secured, None).is_ok_and(|parsed| {
        !parsed.signatures.is_empty()
            && parsed
                .signatures
                .iter()
                .all(|signed| signed.holds(&key.verification_key()))
    })
}

// vc-di-eddsa, "Representation: eddsa-jcs-2022": the Recommendation, and a draft with another name of the key.
#[test]
fn the_published_eddsa_jcs_2022_proofs_hold_and_are_made_again() {
    let multikey = "z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2";
    let did_key = format!("did:key:{multikey}#{multikey}");
    let published = |method: &str, value: &str| {
        let proof = json!({
            "type": "DataIntegrityProof",
            "cryptosuite": "eddsa-jcs-2022",
            "created": "2023-02-24T23:36:38Z",
            "verificationMethod": method,
            "proofPurpose": "assertionMethod",
            "@context": alumni()["@context"],
            "proofValue": value,
        });
        with_proof(alumni(), proof)
    };
    let recommended = published(
        &did_key,
        "z2HnFSSPPBzR36zdDgK8PbEHeXbR56YF24jwMpt3R1eHXQzJDMWS93FCzpvJpwTWd3GAVFuUfjoJdcnTMuVor51aX",
    );
    let draft = published(
        &format!("{ISSUER}#{multikey}"),
        "z63t83Y53KfzJ5ZosfKTnqfMcKB2dmTrfjSaQjeNNjAD5srBowQfmWqeRb8rRjmeEuCBEsddF9LsVogtuTsijJKh4",
    );
    let signed = only(recommended.clone());
    assert_eq!(
        hex::encode(&signed.message),
        "66ab154f5c2890a140cb8388a22a160454f80575f6eae09e5a097cabe539a1db\
        59b7cb6251b8991add1ce0bc83107e3db9dbbab5bd2c28f687db1a03abc92f19"
    );
    assert_eq!(signed.created_ms, Some(1_677_281_798_000));
    let key = VerificationKey::from_multikey(multikey).unwrap();
    assert!(signed.holds(&key));
    assert!(only(draft).holds(&key));

    // Multicodec ed25519-priv, 0x1300, and the seed.
    let private = bs58::decode("3u2en7t5LR2WtQH5PfFqMqwVHBeXouLzo6haApm8XHqvjxq")
        .into_vec()
        .unwrap();
    let private = PrivateKey::from_raw(KeyAlgorithm::Ed25519, &private[2..]).unwrap();
    let options = Options::assertion(Suite::EddsaJcs2022, did_key, 1_677_281_798_000);
    let made = issue(alumni(), &options, &private.into(), None).unwrap();
    assert_eq!(made, recommended);
}

// vc-di-ecdsa, "Representation: ecdsa-jcs-2019, with curve P-256": the Recommendation, and two drafts without the context.
#[test]
fn the_published_ecdsa_jcs_2019_proofs_hold_and_are_made_again() {
    let multikey = "zDnaepBuvsQ8cpsWrVKw8fbpGpvPeNSjVPTWoq6cRqaYzBKVP";
    let key = VerificationKey::from_multikey(multikey).unwrap();
    let did_key = format!("did:key:{multikey}#{multikey}");
    let published = |method: &str, value: &str, context: bool| {
        let mut proof = json!({
            "type": "DataIntegrityProof",
            "cryptosuite": "ecdsa-jcs-2019",
            "created": "2023-02-24T23:36:38Z",
            "verificationMethod": method,
            "proofPurpose": "assertionMethod",
            "proofValue": value,
        });
        if context {
            proof["@context"] = alumni()["@context"].clone();
        }
        with_proof(alumni(), proof)
    };
    let recommended = published(
        &did_key,
        "z5ptCet75SaEgzG4v4zJhbJtfNi74Wv7Fq15hhKouJQQjEPQvPZKaYxcMXAMLPQS2FXrkCWokNJkFVkwxNzZfD5oT",
        true,
    );
    let signed = only(recommended.clone());
    assert_eq!(
        hex::encode(&signed.message),
        "fe5799489119c7fe3c528715e72bd39d2ec6b4ab345978df32e9a9312648ec25\
        59b7cb6251b8991add1ce0bc83107e3db9dbbab5bd2c28f687db1a03abc92f19"
    );
    assert!(signed.holds(&key));
    let raw = "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721";
    let private = SigningKey::p256(&hex::decode(raw).unwrap()).unwrap();
    let options = Options::assertion(Suite::EcdsaJcs2019, &did_key, 1_677_281_798_000);
    assert_eq!(
        issue(alumni(), &options, &private, None).unwrap(),
        recommended
    );

    for (method, value) in [
        (
            did_key,
            "zq6PrUMCtqY5obCSsrQxuFJdGffCDxvFuopdZiBPUBRTFEs1VVsBZi8YiEwVWgHYrXxoV93gBHqGDBtQLPFxpZxz",
        ),
        (
            format!("{ISSUER}#{multikey}"),
            "z7pnwfec5k9N26YDUjjDxjJEijAdEoAbJY2n3CTx3CYvzzRxcV5UkmECmLmQcA8eYTsDQ6GHCFDSk7Yb1hd4uN5a",
        ),
    ] {
        assert!(
            only(published(&method, value, false)).holds(&key),
            "{method}"
        );
    }
}

/// What `tests/clients/credentials/make_vectors.mjs` kept of the published JavaScript libraries.
fn javascript() -> Value {
    let text = include_str!("../../../../tests/vectors/credentials/data-integrity.json");
    serde_json::from_str(text).unwrap()
}

fn javascript_key(method: &str, documents: &Value) -> VerificationKey {
    let (did, fragment) = method.split_once('#').unwrap();
    let methods = documents[did]["verificationMethod"].as_array();
    let multikey = methods
        .and_then(|methods| methods.iter().find(|one| one["id"] == method))
        .map_or(fragment, |one| one["publicKeyMultibase"].as_str().unwrap());
    VerificationKey::from_multikey(multikey).unwrap()
}

#[test]
fn what_javascript_libraries_signed_over_jcs_holds_and_fails_when_altered() {
    let vectors = javascript();
    let mut held = 0;
    for secured in vectors["secured"].as_array().unwrap() {
        let document = &secured["document"];
        let suite = Suite::parse(secured["suite"].as_str().unwrap()).unwrap();
        let opened = open(document.clone(), None).unwrap();
        if suite.is_over_rdf() {
            assert_eq!(opened.unsupported, [suite.name()]);
            continue;
        }
        let (proof, signed) = &opened.proofs[0];
        let key = javascript_key(&signed.method, &vectors["documents"]);
        assert!(signed.holds(&key), "{}", secured["name"]);
        if proof.purpose == Relationship::Authentication {
            let shape = model::presentation(&opened.document).unwrap();
            assert_eq!(shape.credentials.len(), 1);
            assert_eq!(proof.challenge.as_deref(), secured["challenge"].as_str());
        } else {
            model::credential(opened.document).unwrap();
        }
        let mut altered = document.clone();
        altered["id"] = json!("urn:uuid:00000000-0000-4000-8000-000000000000");
        let opened = open(altered, None).unwrap();
        assert!(!opened.proofs[0].1.holds(&key), "{}", secured["name"]);
        held += 1;
    }
    assert!(held >= 3, "{held}");
}

// The published proofs of eddsa-rdfc-2022 need the hash data of another crate; that of the specification stands in.
#[test]
fn hash_data_from_outside_is_checked_and_signed() {
    let multikey = "z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2";
    let key = keys()[0].clone();
    let mut options = options_for(&key);
    options.suite = Suite::EddsaRdfc2022;
    let outside = |value: &Value| {
        assert!(value.get("proof").is_none() && value.get("proofValue").is_none());
        assert_eq!(value["@context"], alumni()["@context"]);
        Ok([7; HASH_BYTES])
    };
    let secured = issue(alumni(), &options, &key, Some(&outside)).unwrap();
    let opened = open(secured.clone(), Some(&outside)).unwrap();
    let (proof, signed) = &opened.proofs[0];
    assert!(verify_hashed(
        proof,
        &[7; HASH_DATA_BYTES],
        &key.verification_key()
    ));
    assert!(!verify_hashed(
        proof,
        &[8; HASH_DATA_BYTES],
        &key.verification_key()
    ));
    assert!(signed.holds(&key.verification_key()));
    let other = VerificationKey::from_multikey(multikey).unwrap();
    assert!(!signed.holds(&other));

    // Without a canonicalizer nothing is concluded from the proof.
    let parsed = credential(secured.clone(), None).unwrap();
    assert_eq!(parsed.unsupported, ["eddsa-rdfc-2022"]);
    assert!(parsed.signatures.is_empty());
    let fails = |_: &Value| Err(Uncanonical::Refused("no JSON-LD".to_owned()));
    let error = credential(secured, Some(&fails)).unwrap_err();
    assert_eq!(error.code, code::CONTEXT_INVALID);
    let error = issue(alumni(), &options, &key, None).unwrap_err();
    assert_eq!(error.code, code::SUITE_UNSUPPORTED);
}

#[test]
fn what_takes_too_much_work_is_tried_once_and_said_once() {
    let key = keys()[0].clone();
    let mut options = options_for(&key);
    options.suite = Suite::EddsaRdfc2022;
    let made = |_: &Value| Ok([7; HASH_BYTES]);
    let mut secured = issue(alumni(), &options, &key, Some(&made)).unwrap();
    let proof = secured["proof"].clone();
    secured["proof"] = json!(vec![proof; PROOFS_MAX]);
    let tried = std::cell::Cell::new(0);
    let fails = |_: &Value| {
        tried.set(tried.get() + 1);
        Err(Uncanonical::Unknown("too large".to_owned()))
    };
    let parsed = credential(secured, Some(&fails)).unwrap();
    assert_eq!(parsed.unsupported, ["eddsa-rdfc-2022 (too large)"]);
    assert_eq!((parsed.signatures.len(), tried.get()), (0, 1));
}

#[test]
fn a_document_is_hashed_once_however_many_proofs_it_has() {
    let key = keys()[0].clone();
    let hashed = std::cell::RefCell::new(Vec::new());
    let outside = |value: &Value| {
        hashed.borrow_mut().push(value.get("type").cloned());
        Ok([7; HASH_BYTES])
    };
    let mut options = options_for(&key);
    options.suite = Suite::EddsaRdfc2022;
    let mut secured = issue(alumni(), &options, &key, Some(&outside)).unwrap();
    let proof = secured["proof"].clone();
    secured["proof"] = json!(vec![proof; PROOFS_MAX]);
    let documents = || {
        let types = hashed.borrow();
        let proofs = types.iter().flatten().filter(|one| **one == Proof::TYPE);
        types.len() - proofs.count()
    };
    hashed.borrow_mut().clear();
    let opened = open(secured.clone(), Some(&outside)).unwrap();
    assert_eq!(opened.proofs.len(), PROOFS_MAX);
    assert_eq!((documents(), hashed.borrow().len()), (1, PROOFS_MAX + 1));
    // With another proof in it, it is another document.
    secured["proof"][0]["id"] = json!("urn:proof:1");
    secured["proof"][1]["previousProof"] = json!("urn:proof:1");
    secured["proof"][2]["previousProof"] = json!("urn:proof:1");
    hashed.borrow_mut().clear();
    open(secured, Some(&outside)).unwrap();
    assert_eq!(documents(), 2);
}

// docs/credentials.md §3: a known answer of our own, since no one else has this suite.
#[test]
fn the_sm2_suite_signs_what_its_specification_says() {
    let key = keys()[1].clone();
    let secured = issue(alumni(), &options_for(&key), &key, None).unwrap();
    let signed = only(secured.clone());
    let hash = |value: &Value| {
        use sm3::Digest as _;
        sm3::Sm3::digest(serde_json_canonicalizer::to_vec(value).unwrap())
    };
    let mut options = secured["proof"].clone();
    options.as_object_mut().unwrap().remove("proofValue");
    assert_eq!(signed.message[..32], hash(&options)[..]);
    assert_eq!(signed.message[32..], hash(&alumni())[..]);
    assert_eq!(
        hex::encode(&signed.message[32..]),
        "317c67a540eb6b237b509dc01844adcf6c04256c4030cde56466512116f93a22"
    );
    assert!(signed.holds(&key.verification_key()));
    assert_eq!(secured["proof"]["cryptosuite"], "starfire-sm2-jcs-2026");
    assert_eq!(
        secured["proof"]["proofValue"],
        "z3gr95SMe6dM5dUrXfChH656TZNJUvH98zGGfsqStyAGXkKWawvskUwoxSa1Yqa4wckbHGZ8TVqoVvnRYhuFHFhr"
    );
}

#[test]
fn a_key_of_another_curve_neither_signs_nor_verifies() {
    let [ed25519, sm2, _] = keys();
    let error = issue(alumni(), &options_for(&ed25519), &sm2, None).unwrap_err();
    assert_eq!(error.code, code::SUITE_KEY);
    let signed = only(issue(alumni(), &options_for(&ed25519), &ed25519, None).unwrap());
    assert!(!signed.holds(&sm2.verification_key()));
}

#[test]
fn proofs_stand_beside_each_other_or_upon_each_other() {
    let [ed25519, sm2, p256] = keys();
    let mut first = options_for(&ed25519);
    first.id = Some("urn:proof:1".into());
    let one = issue(alumni(), &first, &ed25519, None).unwrap();
    let mut second = options_for(&sm2);
    second.id = Some("urn:proof:2".into());
    let set = issue(one, &second, &sm2, None).unwrap();
    let mut third = options_for(&p256);
    third.previous = vec!["urn:proof:1".into(), "urn:proof:2".into()];
    let chain = issue(set.clone(), &third, &p256, None).unwrap();

    let signatures = credential(chain.clone(), None).unwrap().signatures;
    assert_eq!(signatures.len(), 3);
    for (signed, key) in signatures.iter().zip(keys()) {
        assert!(signed.holds(&key.verification_key()));
    }
    // A proof alone can be taken away from the set, but not from under the chain.
    let mut shorter = set;
    shorter["proof"].as_array_mut().unwrap().remove(0);
    assert!(holds(shorter, &sm2));
    let mut broken = chain.clone();
    broken["proof"].as_array_mut().unwrap().remove(0);
    let error = credential(broken, None).unwrap_err();
    assert_eq!(error.code, code::PROOF_INVALID);
    // Nor replaced by another valid one.
    let mut other = options_for(&ed25519);
    other.id = Some("urn:proof:1".into());
    other.created_ms = None;
    let replaced = issue(alumni(), &other, &ed25519, None).unwrap();
    let mut swapped = chain;
    swapped["proof"][0] = replaced["proof"].clone();
    let signatures = credential(swapped, None).unwrap().signatures;
    assert!(signatures[0].holds(&ed25519.verification_key()));
    assert!(!signatures[2].holds(&p256.verification_key()));
}

#[test]
fn what_is_no_proof_is_refused() {
    let key = keys()[0].clone();
    let good = issue(alumni(), &options_for(&key), &key, None).unwrap();
    assert!(holds(good.clone(), &key));
    let check = |change: &dyn Fn(&mut Value)| {
        let mut bad = good.clone();
        change(&mut bad["proof"]);
        let error = credential(bad, None).unwrap_err();
        assert_eq!(error.code, code::PROOF_INVALID, "{error}");
    };
    for name in [
        "type",
        "cryptosuite",
        "verificationMethod",
        "proofPurpose",
        "proofValue",
    ] {
        check(&|proof| drop(proof.as_object_mut().unwrap().remove(name)));
        check(&|proof| proof[name] = json!(1));
        check(&|proof| proof[name] = json!([proof[name].clone()]));
    }
    check(&|proof| *proof = json!([]));
    check(&|proof| *proof = json!("z"));
    check(&|proof| *proof = json!([proof.clone(), 1]));
    check(&|proof| proof["proofPurpose"] = json!("keyAgreement"));
    check(&|proof| proof["verificationMethod"] = json!("key-1"));
    check(&|proof| proof["id"] = json!("one"));
    check(&|proof| proof["created"] = json!("2023-02-24T23:36:38"));
    check(&|proof| proof["expires"] = json!("2023-02-24"));
    check(&|proof| proof["domain"] = json!([]));
    check(&|proof| proof["challenge"] = json!(7));
    check(&|proof| proof["nonce"] = json!(7));
    check(&|proof| proof["previousProof"] = json!("urn:proof:none"));
    check(&|proof| {
        proof["@context"] = json!([
            "https://www.w3.org/ns/credentials/v2",
            "https://evil.example/"
        ]);
    });
    for value in [
        "",
        "z",
        "u",
        "z1",
        "m63t83Y53KfzJ5Z",
        &format!("z{}", "2".repeat(2000)),
        "z0OIl",
    ] {
        check(&|proof| proof["proofValue"] = json!(value));
    }
    check(&|proof| {
        let mut one = proof.clone();
        one["id"] = json!("urn:proof:1");
        *proof = json!([one, one]);
    });
    check(&|proof| *proof = Value::Array(vec![proof.clone(); PROOFS_MAX + 1]));
}

#[test]
fn contexts_that_no_proof_signs_are_not_read() {
    let key = keys()[0].clone();
    let mut secured = issue(alumni(), &options_for(&key), &key, None).unwrap();
    let contexts = secured["@context"].as_array_mut().unwrap();
    contexts.push(json!({ "alumniOf": "https://evil.example/#hates" }));
    let parsed = credential(secured, None).unwrap();
    assert!(parsed.signatures[0].holds(&key.verification_key()));
    assert_eq!(parsed.claims, alumni());
}

#[test]
fn proofs_of_unknown_suites_are_named_and_not_believed() {
    let key = keys()[0].clone();
    let mut secured = issue(alumni(), &options_for(&key), &key, None).unwrap();
    let mut unknown = secured["proof"].clone();
    unknown["cryptosuite"] = json!("bbs-2023");
    let mut old = secured["proof"].clone();
    old["type"] = json!("Ed25519Signature2020");
    secured["proof"] = json!([secured["proof"].clone(), unknown, old]);
    let parsed = credential(secured, None).unwrap();
    assert_eq!(parsed.unsupported, ["bbs-2023", "Ed25519Signature2020"]);
    assert_eq!(parsed.signatures.len(), 1);
}

#[test]
fn a_proof_that_others_can_check_spoils_no_other_and_is_not_believed() {
    let key = keys()[0].clone();
    let secured = issue(alumni(), &options_for(&key), &key, None).unwrap();
    let mut over_rdf = secured["proof"].clone();
    over_rdf["cryptosuite"] = json!("eddsa-rdfc-2022");
    over_rdf.as_object_mut().unwrap().remove("@context");
    let mut of_p384 = secured["proof"].clone();
    of_p384["cryptosuite"] = json!("ecdsa-jcs-2019");
    of_p384["proofValue"] = format!("z{}", bs58::encode([7; 96]).into_string()).into();
    let unknown = |_: &Value| Err(Uncanonical::Unknown("no such context".into()));
    for (other, name) in [
        (over_rdf.clone(), "eddsa-rdfc-2022 (no such context)"),
        (of_p384.clone(), "ecdsa-jcs-2019 with P-384"),
    ] {
        let read = |proof: Value| {
            let mut document = secured.clone();
            document["proof"] = proof;
            credential(document, Some(&unknown)).unwrap()
        };
        let alone = read(other.clone());
        assert_eq!(
            (alone.signatures.len(), &alone.unsupported[..]),
            (0, &[name.to_owned()][..])
        );
        let beside = read(json!([other, secured["proof"].clone()]));
        assert_eq!(beside.signatures.len(), 1);
        assert!(beside.signatures[0].holds(&key.verification_key()));
        assert_eq!(beside.unsupported, [name]);
    }
    // What is wrong for everybody stays wrong, and so does a signature of another length.
    let refused = |_: &Value| Err(Uncanonical::Refused("dropped".into()));
    let mut document = secured;
    document["proof"] = over_rdf;
    let error = credential(document.clone(), Some(&refused)).unwrap_err();
    assert_eq!(error.code, code::CONTEXT_INVALID);
    for (suite, length) in [
        ("eddsa-jcs-2022", 96),
        ("ecdsa-jcs-2019", 95),
        ("ecdsa-jcs-2019", 97),
    ] {
        let mut proof = of_p384.clone();
        proof["cryptosuite"] = json!(suite);
        proof["proofValue"] = format!("z{}", bs58::encode(vec![7; length]).into_string()).into();
        document["proof"] = proof;
        let error = credential(document.clone(), None).unwrap_err();
        assert_eq!(error.code, code::PROOF_INVALID, "{suite} {length}");
    }
    // Nothing is signed in a context that is not known.
    let options = Options {
        suite: Suite::EddsaRdfc2022,
        ..options_for(&key)
    };
    let error = issue(alumni(), &options, &key, Some(&unknown)).unwrap_err();
    assert_eq!(error.code, code::CONTEXT_INVALID);
}

#[test]
fn limits_in_the_words_of_other_formats_are_refused() {
    let key = keys()[0].clone();
    for (name, value) in [
        ("expirationDate", json!("2020-01-01T00:00:00Z")),
        ("validBefore", json!("2020-01-01T00:00:00Z")),
        ("exp", json!(1)),
        ("nbf", json!(1)),
        ("aud", json!("https://verifier.example")),
        (
            "status",
            json!({ "status_list": { "idx": 7, "uri": "https://example.org/1" } }),
        ),
        ("revocationId", json!("1")),
    ] {
        let mut limited = alumni();
        limited[name] = value;
        let issued = issue(limited.clone(), &options_for(&key), &key, None);
        assert_eq!(issued.unwrap_err().code, "JOSE_CLAIM_INVALID", "{name}");
        // As another program signs it.
        let signed = create(limited, &options_for(&key), &key, None).unwrap();
        let read = credential(signed, None);
        assert_eq!(read.unwrap_err().code, "JOSE_CLAIM_INVALID", "{name}");
    }
}

#[test]
fn a_credential_is_issued_only_if_it_is_well_formed() {
    let key = keys()[0].clone();
    let mut bad = alumni();
    bad.as_object_mut().unwrap().remove("issuer");
    let error = issue(bad, &options_for(&key), &key, None).unwrap_err();
    assert_eq!(error.code, code::ISSUER_INVALID);
    let mut big = alumni();
    big["credentialSubject"]["number"] = json!(1_u64 << 53);
    let error = issue(big, &options_for(&key), &key, None).unwrap_err();
    assert_eq!(error.code, code::JSON_INVALID);
    let mut twice = options_for(&key);
    twice.id = Some("urn:proof:1".into());
    let one = issue(alumni(), &twice, &key, None).unwrap();
    let error = issue(one, &twice, &key, None).unwrap_err();
    assert_eq!(error.code, code::PROOF_INVALID);
}

/// JSON that a subject may hold.
fn claim() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-json::NUMBER_MAX..=json::NUMBER_MAX).prop_map(Value::from),
        (-1e15..1e15).prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("\\PC{0,6}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Every text, number, truth and nothing in a document, by JSON Pointer.
fn leaves(value: &Value, at: &str, found: &mut Vec<String>) {
    let escaped = |name: &str| name.replace('~', "~0").replace('/', "~1");
    match value {
        Value::Object(members) => members
            .iter()
            .for_each(|(name, value)| leaves(value, &format!("{at}/{}", escaped(name)), found)),
        Value::Array(elements) => elements
            .iter()
            .enumerate()
            .for_each(|(number, value)| leaves(value, &format!("{at}/{number}"), found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => found.push(at.into()),
    }
}

/// Another value than this, one character apart where it is a text.
fn altered(value: &Value, which: prop::sample::Index, to: char) -> Value {
    match value {
        Value::String(text) if !text.is_empty() => {
            let mut letters: Vec<char> = text.chars().collect();
            let at = which.index(letters.len());
            letters[at] = if letters[at] == to { '!' } else { to };
            letters.into_iter().collect::<String>().into()
        }
        Value::String(_) => to.to_string().into(),
        Value::Bool(truth) => (!truth).into(),
        Value::Number(number) if number.as_f64() == Some(0.0) => 1.into(),
        Value::Number(number) => number
            .as_i64()
            .map_or(json!(0), |number| json!(number - number.signum())),
        Value::Null | Value::Array(_) | Value::Object(_) => json!(false),
    }
}

fn reversed(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let members: Vec<String> = members
                .iter()
                .rev()
                .map(|(name, value)| {
                    format!("{} : {}", Value::from(name.as_str()), reversed(value))
                })
                .collect();
            format!("{{ {} }}", members.join(" ,\n"))
        }
        Value::Array(elements) => {
            let elements: Vec<String> = elements.iter().map(reversed).collect();
            format!("[{}]", elements.join(", "))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn what_is_signed_verifies_in_any_order_of_names_and_with_no_other_value(
        claims in claim(),
        which in any::<prop::sample::Index>(),
        letter in any::<prop::sample::Index>(),
        to in prop::char::range('!', '~'),
        key in 0..3_usize,
    ) {
        let key = keys()[key].clone();
        let mut document = alumni();
        document["credentialSubject"]["claims"] = claims;
        let secured = issue(document, &options_for(&key), &key, None).unwrap();
        prop_assert!(holds(secured.clone(), &key));

        let other_order = json::parse(reversed(&secured).as_bytes()).unwrap();
        prop_assert!(holds(other_order, &key));

        let mut at = Vec::new();
        leaves(&secured, "", &mut at);
        let at = &at[which.index(at.len())];
        let mut changed = secured.clone();
        let value = changed.pointer_mut(at).unwrap();
        *value = altered(value, letter, to);
        prop_assert_ne!(&changed, &secured);
        // Another name of the key is another question: whose key that is.
        prop_assert!(!holds(changed, &key), "{}", at);
    }

    #[test]
    fn no_proof_makes_the_reader_panic(proof in claim(), name in "[a-zA-Z@]{1,12}", value in claim()) {
        drop(credential(with_proof(alumni(), proof), None));
        let key = keys()[0].clone();
        let mut secured = issue(alumni(), &options_for(&key), &key, None).unwrap();
        secured["proof"][name] = value;
        drop(credential(secured, None));
    }
}
