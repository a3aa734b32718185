//! The rules that make a record a document. Limits first, so that no list is walked before it is known to be short.

use std::collections::BTreeSet;

use prost::Message;
use starfire_proto::v1;

use super::{
    DOCUMENT_BYTES_MAX, Document, DocumentError, ENTRIES_MAX, Method, SERVICE_TYPE_BYTES_MAX,
    Service,
};
use crate::id::Did;
use crate::key::{KeyAlgorithm, KeyError, PublicKey};
use crate::uri;

impl TryFrom<v1::DidDocument> for Document {
    type Error = DocumentError;

    fn try_from(record: v1::DidDocument) -> Result<Self, DocumentError> {
        if record.encoded_len() > DOCUMENT_BYTES_MAX {
            return Err(DocumentError::TooLarge(record.encoded_len()));
        }
        let id = account(&record.id)?;
        let mut entry_ids = BTreeSet::new();
        let methods = methods(&id, record.verification_method, &mut entry_ids)?;
        let document = Self {
            id,
            controllers: controllers(&id, &record.controller)?,
            authentication: key_references("authentication", record.authentication, &methods)?,
            assertion_method: key_references("assertionMethod", record.assertion_method, &methods)?,
            methods,
            services: services(&id, record.service, &mut entry_ids)?,
            also_known_as: names(record.also_known_as)?,
        };
        if document.authentication.is_empty() {
            return Err(DocumentError::NoAuthentication);
        }
        Ok(document)
    }
}

fn account(text: &str) -> Result<Did, DocumentError> {
    let did = Did::parse(text).map_err(|source| DocumentError::Did {
        text: text.to_owned(),
        source,
    })?;
    if did.is_account() {
        Ok(did)
    } else {
        Err(DocumentError::NotAnAccount(did))
    }
}

fn controllers(id: &Did, texts: &[String]) -> Result<Vec<Did>, DocumentError> {
    bounded("controller", texts.len())?;
    let mut controllers = Vec::with_capacity(texts.len());
    for text in texts {
        let did = account(text)?;
        if did.chain_code() != id.chain_code() {
            return Err(DocumentError::ControllerOfAnotherChain(did));
        }
        if controllers.contains(&did) {
            return Err(DocumentError::Duplicate(text.clone()));
        }
        controllers.push(did);
    }
    Ok(controllers)
}

fn methods(
    id: &Did,
    records: Vec<v1::VerificationMethod>,
    entry_ids: &mut BTreeSet<String>,
) -> Result<Vec<Method>, DocumentError> {
    bounded("verificationMethod", records.len())?;
    let mut keys = BTreeSet::new();
    let mut methods = Vec::with_capacity(records.len());
    for record in records {
        claim_entry_id(id, &record.id, entry_ids)?;
        if record.controller != id.to_string() {
            return Err(DocumentError::MethodController(record.id));
        }
        let key = public_key(&record)?;
        if !keys.insert(key) {
            return Err(DocumentError::Duplicate(format!(
                "the key of {}",
                record.id
            )));
        }
        methods.push(Method { id: record.id, key });
    }
    Ok(methods)
}

fn public_key(record: &v1::VerificationMethod) -> Result<PublicKey, DocumentError> {
    let algorithm = match v1::KeyAlgorithm::try_from(record.algorithm) {
        Ok(v1::KeyAlgorithm::Ed25519) => KeyAlgorithm::Ed25519,
        Ok(v1::KeyAlgorithm::Sm2) => KeyAlgorithm::Sm2,
        Ok(
            v1::KeyAlgorithm::Unspecified
            | v1::KeyAlgorithm::P256
            | v1::KeyAlgorithm::Secp256k1
            | v1::KeyAlgorithm::X25519,
        )
        | Err(_) => {
            return Err(DocumentError::Algorithm(record.id.clone()));
        }
    };
    let unusable = |source| DocumentError::Key {
        id: record.id.clone(),
        source,
    };
    let key = PublicKey::from_raw(algorithm, &record.public_key).map_err(unusable)?;
    if key.is_sound() {
        Ok(key)
    } else {
        Err(unusable(KeyError::NotAKey))
    }
}

fn key_references(
    list: &'static str,
    ids: Vec<String>,
    methods: &[Method],
) -> Result<Vec<String>, DocumentError> {
    bounded(list, ids.len())?;
    let mut seen = BTreeSet::new();
    for id in &ids {
        if !methods.iter().any(|method| method.id == *id) {
            return Err(DocumentError::UnknownKey(id.clone()));
        }
        if !seen.insert(id) {
            return Err(DocumentError::Duplicate(id.clone()));
        }
    }
    Ok(ids)
}

fn services(
    id: &Did,
    records: Vec<v1::DidService>,
    entry_ids: &mut BTreeSet<String>,
) -> Result<Vec<Service>, DocumentError> {
    bounded("service", records.len())?;
    let mut services = Vec::with_capacity(records.len());
    for record in records {
        claim_entry_id(id, &record.id, entry_ids)?;
        if !is_service_type(&record.r#type) {
            return Err(DocumentError::ServiceType(record.id));
        }
        if !uri::is_uri(&record.endpoint) {
            return Err(DocumentError::Uri(record.endpoint));
        }
        services.push(Service {
            id: record.id,
            kind: record.r#type,
            endpoint: record.endpoint,
        });
    }
    Ok(services)
}

fn names(uris: Vec<String>) -> Result<Vec<String>, DocumentError> {
    bounded("alsoKnownAs", uris.len())?;
    let mut seen = BTreeSet::new();
    for text in &uris {
        if !uri::is_uri(text) {
            return Err(DocumentError::Uri(text.clone()));
        }
        if !seen.insert(text) {
            return Err(DocumentError::Duplicate(text.clone()));
        }
    }
    Ok(uris)
}

/// Keys and services share one space of ids, since a DID URL says nothing of which it means.
fn claim_entry_id(
    did: &Did,
    text: &str,
    taken: &mut BTreeSet<String>,
) -> Result<(), DocumentError> {
    let own = text
        .split_once('#')
        .is_some_and(|(base, fragment)| base == did.to_string() && uri::is_fragment(fragment));
    if !own {
        return Err(DocumentError::EntryId(text.to_owned()));
    }
    if taken.insert(text.to_owned()) {
        Ok(())
    } else {
        Err(DocumentError::Duplicate(text.to_owned()))
    }
}

fn is_service_type(text: &str) -> bool {
    (1..=SERVICE_TYPE_BYTES_MAX).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

fn bounded(list: &'static str, count: usize) -> Result<(), DocumentError> {
    if count <= ENTRIES_MAX {
        Ok(())
    } else {
        Err(DocumentError::TooMany { list, count })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::key::PrivateKey;

    fn did() -> Did {
        key(1, KeyAlgorithm::Ed25519).address(None)
    }

    fn key(seed: u8, algorithm: KeyAlgorithm) -> PublicKey {
        PrivateKey::generate([seed; 32], algorithm).public()
    }

    fn full() -> v1::DidDocument {
        let id = did().to_string();
        let method =
            |fragment: &str, key: PublicKey, algorithm: v1::KeyAlgorithm| v1::VerificationMethod {
                id: format!("{id}#{fragment}"),
                controller: id.clone(),
                algorithm: algorithm.into(),
                public_key: key.raw().to_vec(),
                ..v1::VerificationMethod::default()
            };
        v1::DidDocument {
            id: id.clone(),
            controller: vec![
                id.clone(),
                key(9, KeyAlgorithm::Sm2).address(None).to_string(),
            ],
            verification_method: vec![
                method(
                    "key-1",
                    key(1, KeyAlgorithm::Ed25519),
                    v1::KeyAlgorithm::Ed25519,
                ),
                method("key-2", key(2, KeyAlgorithm::Sm2), v1::KeyAlgorithm::Sm2),
            ],
            authentication: vec![format!("{id}#key-1")],
            assertion_method: vec![format!("{id}#key-2"), format!("{id}#key-1")],
            service: vec![v1::DidService {
                id: format!("{id}#web"),
                r#type: "LinkedDomains".into(),
                endpoint: "https://example.org/".into(),
            }],
            also_known_as: vec!["urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6".into()],
            ..v1::DidDocument::default()
        }
    }

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
    fn a_controller_is_of_the_same_chain() {
        let abroad = Did::derive(
            &key(1, KeyAlgorithm::Ed25519),
            Some(&crate::ChainCode::parse("by01").unwrap()),
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
        assert!(matches!(
            refused(|d| d.service[0].r#type = "Linked Domains".into()),
            DocumentError::ServiceType(_)
        ));
        assert!(matches!(
            refused(|d| d.service[0].r#type = "x".repeat(65)),
            DocumentError::ServiceType(_)
        ));
        assert!(matches!(
            refused(|d| d.also_known_as[0] = "星火".into()),
            DocumentError::Uri(_)
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
        assert!(matches!(
            refused(|d| d.service[0].endpoint = "x".repeat(DOCUMENT_BYTES_MAX)),
            DocumentError::TooLarge(_)
        ));
    }

    proptest! {
        #[test]
        fn what_parses_encodes_identically(
            fragments in proptest::collection::btree_set("[A-Za-z0-9._~-]{1,8}", 1..6),
            sm2 in any::<bool>(),
            used in any::<u8>(),
            names in proptest::collection::vec("[a-z]{0,3}:[a-z%:/?#0-9]{0,9}", 0..4),
        ) {
            let mut record = full();
            let algorithm = if sm2 { v1::KeyAlgorithm::Sm2 } else { v1::KeyAlgorithm::Ed25519 };
            let ours = if sm2 { KeyAlgorithm::Sm2 } else { KeyAlgorithm::Ed25519 };
            record.verification_method = (1u8..).zip(&fragments).map(|(seed, fragment)| v1::VerificationMethod {
                id: format!("{}#{fragment}", record.id),
                controller: record.id.clone(),
                algorithm: algorithm.into(),
                public_key: key(seed, ours).raw().to_vec(),
                ..v1::VerificationMethod::default()
            }).collect();
            let ids: Vec<String> = record.verification_method.iter().map(|method| method.id.clone()).collect();
            record.authentication = ids.iter().take(1 + usize::from(used) % ids.len()).cloned().collect();
            record.assertion_method = ids;
            record.also_known_as = names;
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
}
