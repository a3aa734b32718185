//! A document verifies as it was issued, and in no other form.

use proptest::prelude::*;
use sha2::{Digest, Sha256};
use starfire_did::{KeyAlgorithm, PrivateKey};

use super::hash::root;
use super::*;

const SAMPLE: &[u8] = include_bytes!("../../../tests/samples/certificate-of-origin.json");

fn key(algorithm: KeyAlgorithm) -> PrivateKey {
    PrivateKey::generate([3; 32], algorithm)
}

fn fields(key: &PrivateKey) -> Fields {
    Fields {
        schema: "https://example.org/certificate-of-origin.schema.json".to_owned(),
        issuer: key.public().address(None),
        kind: "CertificateOfOrigin".to_owned(),
        jurisdiction: "CN".to_owned(),
        number: "E243700000010086".to_owned(),
    }
}

/// Numbers that differ: 1, 2, 3 … in every drawn byte, wrapping.
fn counter() -> impl FnMut(&mut [u8]) {
    let mut next = 0_u8;
    move |buffer| {
        next = next.wrapping_add(1);
        buffer.fill(next);
    }
}

fn issue(content: DraftContent<'_>, algorithm: KeyAlgorithm) -> Document {
    let key = key(algorithm);
    let draft = Draft::new(fields(&key), content, &mut counter()).unwrap();
    let method = format!("{}#key-1", draft.fields().issuer);
    draft.sign(&method, &key).unwrap()
}

#[test]
fn an_issued_certificate_of_origin_reads_back_and_is_signed() {
    for algorithm in [KeyAlgorithm::Ed25519, KeyAlgorithm::Sm2] {
        let document = issue(DraftContent::Json(SAMPLE), algorithm);
        let read = Document::parse(&document.encode()).unwrap();
        assert_eq!(read, document);
        assert!(read.verify_signature(&key(algorithm).public()));
        assert!(!read.verify_signature(&PrivateKey::generate([4; 32], algorithm).public()));
        let Content::Json(value) = read.content() else {
            panic!("it is of fields")
        };
        assert_eq!(value["cooId"], "E243700000010086");
    }
}

#[test]
fn no_byte_of_a_document_can_change() {
    let bytes = issue(
        DraftContent::Json(br#"{"a":{"b":1,"c":[]},"d":"x"}"#),
        KeyAlgorithm::Ed25519,
    )
    .encode();
    for place in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[place] ^= 1;
        assert!(Document::parse(&changed).is_err(), "byte {place}");
    }
}

#[test]
fn a_change_with_all_digests_made_anew_is_still_another_document() {
    let document = issue(
        DraftContent::Json(br#"{"goods":"tea","origin":"CN"}"#),
        KeyAlgorithm::Ed25519,
    );
    let content = Content::Json(serde_json::json!({"goods": "tea", "origin": "MY"}));
    let root = root(&content, &document.salts, &document.decoys).unwrap();
    let forged = Document {
        content,
        root,
        ..document.clone()
    };
    let read = Document::parse(&forged.encode()).unwrap();
    assert_ne!(read.doc_hash(), document.doc_hash());
    assert!(!read.verify_signature(&key(KeyAlgorithm::Ed25519).public()));
}

#[test]
fn hashes_follow_their_formulas() {
    let document = issue(
        DraftContent::Json(br#"{"a":1,"b":null,"c":"x"}"#),
        KeyAlgorithm::Ed25519,
    );
    let issuer = document.fields().issuer.to_string();
    let sha256 = |parts: &[&[u8]]| -> [u8; 32] { Sha256::digest(parts.concat()).into() };
    // Salts 1, 2, 3 to the pointers in order, then the blind, then one decoy.
    let leaf = |salt: &str, rest: &str| {
        sha256(&[&[0], format!("[\"{}\",{rest}]", salt.repeat(16)).as_bytes()])
    };
    let leaves = [
        leaf("01", r#""/a",1"#),
        leaf("02", r#""/b",null"#),
        leaf("03", r#""/c","x""#),
        [5; 32],
    ];
    let inner = |left: &[u8; 32], right: &[u8; 32]| sha256(&[&[1], left, right]);
    let root = inner(
        &inner(&leaves[0], &leaves[1]),
        &inner(&leaves[2], &leaves[3]),
    );
    let text = format!(
        "[\"{}\",\"{issuer}\",\"{}\"]",
        document.fields().schema,
        hex::encode(root)
    );
    assert_eq!(document.doc_hash(), sha256(&[&[2], text.as_bytes()]));
    let text = format!("[\"E243700000010086\",\"{}\"]", "04".repeat(32));
    assert_eq!(
        document.evidence_id(),
        hex::encode(sha256(&[text.as_bytes()]))
    );
}

#[test]
fn a_file_is_committed_to_by_its_bytes() {
    let document = issue(
        DraftContent::File {
            name: "scan.pdf",
            bytes: b"%PDF",
        },
        KeyAlgorithm::Ed25519,
    );
    let read = Document::parse(&document.encode()).unwrap();
    let Content::File(file) = read.content() else {
        panic!("it is of a file")
    };
    assert!(file.matches(b"%PDF"));
    assert!(!file.matches(b"%PDG"));
    assert!(!file.matches(b"%PDF "));
    // Fields that look like a file's description are not that file.
    let fields = serde_json::json!({"name": "scan.pdf", "sha256": file.sha256, "size": 4});
    let other = issue(
        DraftContent::Json(fields.to_string().as_bytes()),
        KeyAlgorithm::Ed25519,
    );
    assert_ne!(other.doc_hash(), document.doc_hash());
}

#[test]
fn what_cannot_be_committed_to_is_refused() {
    let refused = |content: &[u8]| {
        Draft::new(
            fields(&key(KeyAlgorithm::Ed25519)),
            DraftContent::Json(content),
            &mut counter(),
        )
        .unwrap_err()
    };
    assert!(matches!(
        refused(br#"{"a":1,"a":2}"#),
        DocumentError::Content(_)
    ));
    assert!(matches!(
        refused(br#"{"a":1.5}"#),
        DocumentError::Content(_)
    ));
    assert!(matches!(
        refused(br#"{"a":9007199254740993}"#),
        DocumentError::Content(_)
    ));
    assert!(matches!(
        refused(&vec![b' '; CONTENT_BYTES_MAX + 1]),
        DocumentError::Content(_)
    ));
    assert!(matches!(refused(b"[1]"), DocumentError::NotAnObject));
    let deep = format!(
        "{{\"a\":{}{}}}",
        "[".repeat(CONTENT_DEPTH_MAX),
        "]".repeat(CONTENT_DEPTH_MAX)
    );
    assert!(matches!(
        refused(deep.as_bytes()),
        DocumentError::Content(_)
    ));
    let fields = Fields {
        number: String::new(),
        ..fields(&key(KeyAlgorithm::Ed25519))
    };
    let refused = Draft::new(fields, DraftContent::Json(b"{}"), &mut counter()).unwrap_err();
    assert!(matches!(refused, DocumentError::Text("number")));
}

#[test]
fn the_deepest_content_still_makes_a_file() {
    let deep = format!(
        "{{\"a\":{}{}}}",
        "[".repeat(CONTENT_DEPTH_MAX - 1),
        "]".repeat(CONTENT_DEPTH_MAX - 1)
    );
    let document = issue(DraftContent::Json(deep.as_bytes()), KeyAlgorithm::Ed25519);
    assert_eq!(Document::parse(&document.encode()).unwrap(), document);
}

#[test]
fn salts_and_decoys_are_exactly_those_needed() {
    let document = issue(
        DraftContent::Json(br#"{"a":1,"b":2,"c":3}"#),
        KeyAlgorithm::Ed25519,
    );
    let check = |change: &dyn Fn(&mut Document)| {
        let mut changed = document.clone();
        change(&mut changed);
        Document::parse(&changed.encode()).unwrap_err()
    };
    assert!(matches!(
        check(&|it| assert!(it.salts.remove("/a").is_some())),
        DocumentError::Salts
    ));
    assert!(matches!(
        check(&|it| assert!(it.salts.insert("/z".to_owned(), Hex([0; 16])).is_none())),
        DocumentError::Salts
    ));
    assert!(matches!(
        check(&|it| it.decoys.clear()),
        DocumentError::Decoys(1)
    ));
    assert!(matches!(
        check(&|it| it.decoys.push(Hex([0; 32]))),
        DocumentError::Decoys(1)
    ));
    assert!(matches!(
        check(&|it| it.decoys[0] = Hex([0; 32])),
        DocumentError::Hash("root")
    ));
    assert!(matches!(
        check(&|it| it.signature.method = "did:bid:by01#key-1".to_owned()),
        DocumentError::Method(_)
    ));
}

#[test]
fn a_document_signs_with_its_issuers_own_methods_only() {
    let key = key(KeyAlgorithm::Ed25519);
    let draft = Draft::new(fields(&key), DraftContent::Json(b"{}"), &mut counter()).unwrap();
    assert!(matches!(
        draft.clone().sign("did:bid:by01#key-1", &key),
        Err(DocumentError::Method(_))
    ));
    assert!(matches!(
        draft.clone().sign(&draft.fields().issuer.to_string(), &key),
        Err(DocumentError::Method(_))
    ));
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-(1_i64 << 53)..=1 << 53).prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::btree_map(".{0,6}", inner, 0..5)
                .prop_map(|map| map.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn any_object_is_committed_to_whole(value in json(), spaced in any::<bool>()) {
        let object = serde_json::json!({ "value": value });
        let text = if spaced { serde_json::to_vec_pretty(&object) } else { serde_json::to_vec(&object) }.unwrap();
        let document = issue(DraftContent::Json(&text), KeyAlgorithm::Ed25519);
        prop_assert_eq!(document.content(), &Content::Json(object));
        prop_assert_eq!(Document::parse(&document.encode()).unwrap(), document);
    }

    #[test]
    fn arbitrary_bytes_are_refused_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Document::parse(&bytes).is_err());
    }
}
