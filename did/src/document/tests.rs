//! What is refused, and that what is taken is stored as it was sent.

use proptest::prelude::*;
use prost::Message as _;
use starfire_proto::v1;

use super::sample::{any_record, did, full, key};
use super::*;
use crate::id::ChainCode;
use crate::key::KeyError;

/// What a change to a good document is refused for.
fn refused(change: impl FnOnce(&mut v1::DidDocument)) -> DocumentError {
    let mut record = full();
    change(&mut record);
    Document::try_from(record).unwrap_err()
}

#[test]
fn a_document_is_stored_as_it_was_sent() {
    let record = full();
    let document = Document::try_from(record.clone()).unwrap();
    assert_eq!(v1::DidDocument::from(&document), record);
    assert_eq!(
        document.authentication_keys().collect::<Vec<_>>(),
        [&key(1, KeyAlgorithm::Ed25519)]
    );
}

#[test]
fn the_least_document_is_one() {
    let document = Document::for_key(&did(), &key(1, KeyAlgorithm::Ed25519));
    assert_eq!(
        Document::try_from(v1::DidDocument::from(&document)),
        Ok(document)
    );
}

#[test]
fn ids_are_accounts_and_entries_are_the_documents_own() {
    assert!(matches!(
        refused(|d| d.id = "did:web:example.org".into()),
        DocumentError::Did { .. }
    ));
    assert!(matches!(
        refused(|d| d.id = "did:bid:by01".into()),
        DocumentError::NotAnAccount(_)
    ));
    let other = key(3, KeyAlgorithm::Ed25519).address(None);
    for id in [
        format!("{other}#key-1"),
        did().to_string(),
        format!("{}#", did()),
        "#key-1".into(),
        String::new(),
    ] {
        assert_eq!(
            refused(|d| d.verification_method[0].id = id.clone()),
            DocumentError::EntryId(id.clone())
        );
        assert_eq!(
            refused(|d| d.service[0].id = id.clone()),
            DocumentError::EntryId(id)
        );
    }
    assert!(matches!(
        refused(|d| d.verification_method[0].controller = other.to_string()),
        DocumentError::MethodController(_)
    ));
}

#[test]
fn nothing_stands_twice() {
    let duplicate = |change: fn(&mut v1::DidDocument)| {
        assert!(matches!(refused(change), DocumentError::Duplicate(_)));
    };
    duplicate(|d| d.controller.push(d.controller[0].clone()));
    duplicate(|d| d.verification_method[1].id = d.verification_method[0].id.clone());
    duplicate(|d| d.service[0].id = d.verification_method[0].id.clone());
    duplicate(|d| d.authentication.push(d.authentication[0].clone()));
    duplicate(|d| d.also_known_as.push(d.also_known_as[0].clone()));
    duplicate(|d| {
        let mut again = d.verification_method[0].clone();
        again.id = format!("{}#key-3", d.id);
        d.verification_method.push(again);
    });
}

#[test]
fn someone_can_act_for_it() {
    assert_eq!(
        refused(|d| d.authentication.clear()),
        DocumentError::NoAuthentication
    );
    // A P-256 key logs in, and sends no transaction.
    assert_eq!(
        refused(|d| d.authentication.truncate(1)),
        DocumentError::NoAuthentication
    );
    assert!(matches!(
        refused(|d| d.authentication[0].push('x')),
        DocumentError::UnknownKey(_)
    ));
    assert!(matches!(
        refused(|d| d.assertion_method[0].push('x')),
        DocumentError::UnknownKey(_)
    ));
}

#[test]
fn keys_are_points_that_one_holder_can_sign_for() {
    let small_order = [0; 32];
    assert!(matches!(
        refused(|d| d.verification_method[0].public_key = small_order.into()),
        DocumentError::Key { .. }
    ));
    assert!(matches!(
        refused(|d| d.verification_method[0].public_key.truncate(31)),
        DocumentError::Key { .. }
    ));
    assert!(matches!(
        refused(|d| d.verification_method[1].public_key[64] ^= 1),
        DocumentError::Key { .. }
    ));
    assert!(matches!(
        refused(|d| d.verification_method[1].algorithm = 0),
        DocumentError::Algorithm(_)
    ));
    assert!(matches!(
        refused(|d| d.verification_method[1].algorithm = 7),
        DocumentError::Algorithm(_)
    ));
}

#[test]
fn a_key_is_used_for_what_it_can_do() {
    let (signs, agrees) = (format!("{}#key-1", did()), format!("{}#key-4", did()));
    let of_no_use = |error: DocumentError| assert!(matches!(error, DocumentError::Use { .. }));
    of_no_use(refused(|d| d.key_agreement[0] = signs));
    let lists: [fn(&mut v1::DidDocument) -> &mut Vec<String>; 4] = [
        |d| &mut d.authentication,
        |d| &mut d.assertion_method,
        |d| &mut d.capability_invocation,
        |d| &mut d.capability_delegation,
    ];
    for list in lists {
        of_no_use(refused(|d| list(d)[0] = agrees.clone()));
    }
}

#[test]
fn a_point_has_one_encoding_and_a_key_one_form() {
    let uncompressed = p256::PublicKey::from_sec1_bytes(&full().verification_method[2].public_key)
        .map(|key| p256::elliptic_curve::sec1::ToSec1Point::to_sec1_point(&key, false))
        .unwrap();
    assert!(matches!(
        refused(|d| d.verification_method[2].public_key = uncompressed.as_bytes().to_vec()),
        DocumentError::Key {
            source: KeyError::Length { expected: 33, .. },
            ..
        }
    ));
    assert!(matches!(
        refused(|d| d.verification_method[3].public_key = vec![0; 32]),
        DocumentError::Key { .. }
    ));
    assert!(matches!(
        refused(|d| d.verification_method[0].form = 2),
        DocumentError::Form(_)
    ));
}

#[test]
fn policies_can_be_met_and_guardians_can_act() {
    let guardians =
        |change: fn(&mut v1::DidRecovery)| refused(|d| change(d.recovery.as_mut().unwrap()));
    assert!(matches!(
        refused(|d| d.controller_threshold = 4),
        DocumentError::Policy {
            of: "controllers",
            ..
        }
    ));
    assert!(matches!(
        refused(|d| d.controller_weight.truncate(1)),
        DocumentError::Policy {
            of: "controllers",
            ..
        }
    ));
    assert!(matches!(
        guardians(|r| r.weight[0] = 0),
        DocumentError::Policy {
            of: "guardians",
            ..
        }
    ));
    assert!(matches!(
        guardians(|r| r.threshold = 5),
        DocumentError::Policy {
            of: "guardians",
            ..
        }
    ));
    assert_eq!(guardians(|r| r.guardian.clear()), DocumentError::NoGuardian);
    assert_eq!(
        guardians(|r| r.guardian[0] = did().to_string()),
        DocumentError::OwnGuardian(did())
    );
    assert!(matches!(
        guardians(|r| r.guardian[0] = r.guardian[1].clone()),
        DocumentError::Duplicate(_)
    ));
    let abroad = "did:bid:by01:efnVUgqQFfYeu97ABf6sGm3WFtVXHZB2";
    assert!(matches!(
        refused(|d| d.recovery.as_mut().unwrap().guardian[0] = abroad.into()),
        DocumentError::GuardianOfAnotherChain(_)
    ));
    for delay in [-1, RECOVERY_DELAY_MS_MAX + 1, i64::MIN] {
        assert_eq!(
            refused(|d| d.recovery.as_mut().unwrap().delay_ms = delay),
            DocumentError::RecoveryDelay(delay)
        );
    }
}

#[test]
fn without_controllers_the_did_controls_itself() {
    let mut record = full();
    let document = Document::try_from(record.clone()).unwrap();
    assert!(!document.is_controlled_by(&did()), "one of two controllers");
    record.controller.clear();
    record.controller_weight.clear();
    record.controller_threshold = 1;
    let document = Document::try_from(record).unwrap();
    assert!(document.is_controlled_by(&did()));
    assert_eq!(document.control(), Policy::of_one(did()));
}

#[test]
fn what_the_subject_is_has_bounds() {
    for ttl in [TTL_SECONDS_DEFAULT, TTL_SECONDS_MAX + 1] {
        assert_eq!(refused(|d| d.ttl = ttl), DocumentError::Ttl(ttl));
    }
    for number in [1, 100, 106, 207, 999] {
        assert_eq!(
            refused(|d| d.subject_type = number),
            DocumentError::SubjectType(number)
        );
    }
    let attribute = |change: fn(&mut v1::DidAttribute)| {
        assert!(matches!(
            refused(|d| change(&mut d.attribute[0])),
            DocumentError::Attribute(_)
        ));
    };
    attribute(|a| a.key.clear());
    attribute(|a| a.key = "k".repeat(ATTRIBUTE_KEY_BYTES_MAX + 1));
    attribute(|a| a.description = "d".repeat(ATTRIBUTE_DESCRIPTION_BYTES_MAX + 1));
    attribute(|a| a.format = "audio".into());
    assert!(matches!(
        refused(|d| d.attribute.push(d.attribute[0].clone())),
        DocumentError::Duplicate(_)
    ));
    assert!(matches!(
        refused(|d| d.acsn[0] = "BY01".into()),
        DocumentError::ChainCode(_)
    ));
    assert!(matches!(
        refused(|d| d.subject_type = 205),
        DocumentError::ChainCode(_)
    ));
    assert!(matches!(
        refused(|d| d.acsn.push(d.acsn[0].clone())),
        DocumentError::Duplicate(_)
    ));
    assert!(matches!(
        refused(|d| d.credential[0].r#type = 205),
        DocumentError::CredentialType(_)
    ));
    assert!(matches!(
        refused(|d| d.credential[0].id = "x".into()),
        DocumentError::Did { .. }
    ));
    assert!(matches!(
        refused(|d| d.credential.push(d.credential[0].clone())),
        DocumentError::Duplicate(_)
    ));
    for (signer, value) in [
        ("x", "abc"),
        ("did:bid:by01#key", ""),
        ("did:bid:by01#key", "a b"),
    ] {
        let bad = v1::DidDelegateSign {
            signer: signer.into(),
            signature_value: value.into(),
        };
        assert_eq!(
            refused(|d| d.delegate_sign = Some(bad)),
            DocumentError::DelegateSign
        );
    }
}

#[test]
fn a_controller_is_of_the_same_chain() {
    let abroad = Did::derive(
        &key(1, KeyAlgorithm::Ed25519),
        Some(&ChainCode::parse("by01").unwrap()),
    );
    assert_eq!(
        refused(|d| d.controller[0] = abroad.to_string()),
        DocumentError::ControllerOfAnotherChain(abroad)
    );
}

#[test]
fn services_and_names_are_uris() {
    assert!(matches!(
        refused(|d| d.service[0].endpoint = "example.org".into()),
        DocumentError::Uri(_)
    ));
    for endpoint in ["javascript:x", "Data:,x", "file:///x", "VBScript:x"] {
        let error = refused(|d| d.service[0].endpoint = endpoint.into());
        assert!(
            matches!(error, DocumentError::EndpointScheme { .. }),
            "{endpoint}"
        );
        assert_eq!(
            starfire_state::Rejection::from(error).code,
            crate::code::DID_ENDPOINT_SCHEME
        );
    }
    assert!(matches!(
        refused(|d| d.service[0].r#type = "Linked Domains".into()),
        DocumentError::ServiceType(_)
    ));
    assert!(matches!(
        refused(|d| d.service[0].r#type = "x".repeat(65)),
        DocumentError::ServiceType(_)
    ));
    assert!(matches!(
        refused(|d| d.also_known_as[0] = "mailto:a@example.org".into()),
        DocumentError::Name(_)
    ));
}

#[test]
fn sizes_are_bounded() {
    let too_many = |change: fn(&mut v1::DidDocument)| {
        assert!(matches!(
            refused(change),
            DocumentError::TooMany { count: 33, .. }
        ));
    };
    too_many(|d| d.controller = vec![d.id.clone(); 33]);
    too_many(|d| d.verification_method = vec![d.verification_method[0].clone(); 33]);
    too_many(|d| d.authentication = vec![d.authentication[0].clone(); 33]);
    too_many(|d| d.assertion_method = vec![d.assertion_method[0].clone(); 33]);
    too_many(|d| d.service = vec![d.service[0].clone(); 33]);
    too_many(|d| d.also_known_as = vec![d.also_known_as[0].clone(); 33]);
    too_many(|d| d.key_agreement = vec![d.key_agreement[0].clone(); 33]);
    too_many(|d| d.attribute = vec![d.attribute[0].clone(); 33]);
    too_many(|d| d.acsn = vec![d.acsn[0].clone(); 33]);
    too_many(|d| d.credential = vec![d.credential[0].clone(); 33]);
    too_many(|d| d.recovery.as_mut().unwrap().guardian = vec![d.id.clone(); 33]);
    assert!(matches!(
        refused(|d| d.service[0].endpoint = "x".repeat(DOCUMENT_BYTES_MAX)),
        DocumentError::TooLarge(_)
    ));
}

proptest! {
    #[test]
    fn what_parses_encodes_identically(record in any_record()) {
        let bytes = record.encode_to_vec();
        let document = Document::try_from(record).unwrap();
        prop_assert_eq!(v1::DidDocument::from(&document).encode_to_vec(), bytes);
    }

    #[test]
    fn no_record_makes_the_parser_panic(
        mut record in any_record(),
        text in "\\PC{0,12}",
        raw in proptest::collection::vec(any::<u8>(), 0..66),
        number in any::<u32>(),
        which in 0..8,
    ) {
        let method = &mut record.verification_method[0];
        match which {
            0 => record.id = text,
            1 => method.public_key = raw,
            2 => method.id = text,
            3 => record.also_known_as.push(text),
            4 => record.controller_threshold = number,
            5 => record.controller_weight.push(number),
            6 => record.ttl = number,
            _ => record.subject_type = number,
        }
        let bytes = record.encode_to_vec();
        if let Ok(document) = Document::try_from(record) {
            prop_assert_eq!(v1::DidDocument::from(&document).encode_to_vec(), bytes);
        }
    }

    #[test]
    fn no_bytes_make_the_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
        if let Ok(record) = v1::DidDocument::decode(bytes.as_slice()) {
            drop(Document::try_from(record));
        }
    }
}
