//! The rules that make a record a document. Limits first, so that no list is walked before it is known to be short.

use prost::Message;
use starfire_proto::v1;

use super::{
    DOCUMENT_BYTES_MAX, Document, DocumentError, ENTRIES_MAX, KeyForm, Method, NameKind, Policy,
    RECOVERY_DELAY_MS_MAX, Recovery, Relationship, Relationships, SERVICE_TYPE_BYTES_MAX, Service,
    Subject, SubjectType, TTL_SECONDS_DEFAULT, TTL_SECONDS_MAX,
};
use crate::id::Did;
use crate::key::{KeyAlgorithm, KeyError, PublicKey};
use crate::uri;
use crate::verification_key::VerificationKey;

mod subject;

impl TryFrom<v1::DidDocument> for Document {
    type Error = DocumentError;

    fn try_from(record: v1::DidDocument) -> Result<Self, DocumentError> {
        let document = Self::stored(record)?;
        for method in &document.methods {
            if !method.key.is_sound() {
                return Err(DocumentError::Key {
                    id: method.id.clone(),
                    source: KeyError::NotAKey,
                });
            }
        }
        Ok(document)
    }
}

impl Document {
    /// Parses a document that a chain has stored: it was checked that one holder can sign for each of its keys, which takes longer
    /// than everything else.
    pub fn stored(record: v1::DidDocument) -> Result<Self, DocumentError> {
        if record.encoded_len() > DOCUMENT_BYTES_MAX {
            return Err(DocumentError::TooLarge(record.encoded_len()));
        }
        let id = account(&record.id)?;
        let methods = methods(record.verification_method, &record.id)?;
        let uses = |relationship, ids| key_references(relationship, ids, &methods);
        let relationships = Relationships {
            authentication: uses(Relationship::Authentication, record.authentication)?,
            assertion_method: uses(Relationship::AssertionMethod, record.assertion_method)?,
            key_agreement: uses(Relationship::KeyAgreement, record.key_agreement)?,
            capability_invocation: uses(
                Relationship::CapabilityInvocation,
                record.capability_invocation,
            )?,
            capability_delegation: uses(
                Relationship::CapabilityDelegation,
                record.capability_delegation,
            )?,
        };
        let controllers = Policy::new(
            accounts(&id, "controller", &record.controller, |did| {
                DocumentError::ControllerOfAnotherChain(did)
            })?,
            record.controller_weight,
            record.controller_threshold,
        );
        let kind = SubjectType::of_record(record.subject_type)
            .ok_or(DocumentError::SubjectType(record.subject_type))?;
        let document = Self {
            id,
            controllers: controllers.map_err(|source| DocumentError::Policy {
                of: "controllers",
                source,
            })?,
            relationships,
            services: services(record.service, &record.id, &methods)?,
            methods,
            also_known_as: names(record.also_known_as)?,
            recovery: record
                .recovery
                .map(|record| recovery(&id, record))
                .transpose()?,
            ttl_seconds: ttl(record.ttl)?,
            subject: Subject {
                kind,
                attributes: subject::attributes(record.attribute)?,
                chains: subject::chains(&id, kind, record.acsn)?,
                credentials: subject::credentials(kind, record.credential)?,
                delegate_sign: record
                    .delegate_sign
                    .map(subject::delegate_sign)
                    .transpose()?,
            },
        };
        if document.authentication_keys().next().is_none() {
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

/// Accounts of the document's own chain, none twice.
fn accounts(
    id: &Did,
    list: &'static str,
    texts: &[String],
    abroad: impl Fn(Did) -> DocumentError,
) -> Result<Vec<Did>, DocumentError> {
    bounded(list, texts.len())?;
    let mut dids = Vec::with_capacity(texts.len());
    for text in texts {
        let did = account(text)?;
        if did.chain_code() != id.chain_code() {
            return Err(abroad(did));
        }
        if dids.contains(&did) {
            return Err(DocumentError::Duplicate(text.clone()));
        }
        dids.push(did);
    }
    Ok(dids)
}

fn recovery(id: &Did, record: v1::DidRecovery) -> Result<Recovery, DocumentError> {
    let guardians = accounts(id, "guardian", &record.guardian, |did| {
        DocumentError::GuardianOfAnotherChain(did)
    })?;
    if guardians.is_empty() {
        return Err(DocumentError::NoGuardian);
    }
    if guardians.contains(id) {
        return Err(DocumentError::OwnGuardian(*id));
    }
    if !(0..=RECOVERY_DELAY_MS_MAX).contains(&record.delay_ms) {
        return Err(DocumentError::RecoveryDelay(record.delay_ms));
    }
    let guardians = Policy::new(guardians, record.weight, record.threshold).map_err(|source| {
        DocumentError::Policy {
            of: "guardians",
            source,
        }
    })?;
    Ok(Recovery {
        guardians,
        delay_ms: record.delay_ms,
    })
}

/// One number for one meaning: the default is 0 and nothing else.
fn ttl(seconds: u32) -> Result<Option<u32>, DocumentError> {
    match seconds {
        0 => Ok(None),
        TTL_SECONDS_DEFAULT => Err(DocumentError::Ttl(seconds)),
        1..=TTL_SECONDS_MAX => Ok(Some(seconds)),
        _ => Err(DocumentError::Ttl(seconds)),
    }
}

fn methods(records: Vec<v1::VerificationMethod>, did: &str) -> Result<Vec<Method>, DocumentError> {
    bounded("verificationMethod", records.len())?;
    let mut methods: Vec<Method> = Vec::with_capacity(records.len());
    for record in records {
        entry_id(did, &record.id, method_ids(&methods))?;
        if record.controller != did {
            return Err(DocumentError::MethodController(record.id));
        }
        let key = verification_key(&record)?;
        if methods.iter().any(|method| method.key == key) {
            return Err(DocumentError::Duplicate(format!(
                "the key of {}",
                record.id
            )));
        }
        let form = match v1::KeyForm::try_from(record.form) {
            Ok(v1::KeyForm::Multikey) => KeyForm::Multikey,
            Ok(v1::KeyForm::Jwk) => KeyForm::Jwk,
            Err(_) => return Err(DocumentError::Form(record.id)),
        };
        methods.push(Method {
            id: record.id,
            key,
            form,
        });
    }
    Ok(methods)
}

pub(super) fn verification_key(
    record: &v1::VerificationMethod,
) -> Result<VerificationKey, DocumentError> {
    let raw = record.public_key.as_slice();
    let account = |algorithm| PublicKey::from_raw(algorithm, raw).map(VerificationKey::Account);
    let key = match v1::KeyAlgorithm::try_from(record.algorithm) {
        Ok(v1::KeyAlgorithm::Ed25519) => account(KeyAlgorithm::Ed25519),
        Ok(v1::KeyAlgorithm::Sm2) => account(KeyAlgorithm::Sm2),
        Ok(v1::KeyAlgorithm::P256) => compressed(raw).and_then(VerificationKey::p256),
        Ok(v1::KeyAlgorithm::Secp256k1) => compressed(raw).and_then(VerificationKey::secp256k1),
        Ok(v1::KeyAlgorithm::X25519) => VerificationKey::x25519(raw),
        Ok(v1::KeyAlgorithm::Unspecified) | Err(_) => {
            return Err(DocumentError::Algorithm(record.id.clone()));
        }
    };
    let unusable = |source| DocumentError::Key {
        id: record.id.clone(),
        source,
    };
    key.map_err(unusable)
}

/// A point has one encoding in a record, the short one.
fn compressed(raw: &[u8]) -> Result<&[u8], KeyError> {
    const BYTES: usize = 33;
    if raw.len() == BYTES {
        Ok(raw)
    } else {
        Err(KeyError::Length {
            expected: BYTES,
            found: raw.len(),
        })
    }
}

fn key_references(
    relationship: Relationship,
    ids: Vec<String>,
    methods: &[Method],
) -> Result<Vec<String>, DocumentError> {
    bounded(relationship.name(), ids.len())?;
    for (index, id) in ids.iter().enumerate() {
        let Some(method) = methods.iter().find(|method| method.id == *id) else {
            return Err(DocumentError::UnknownKey(id.clone()));
        };
        if !relationship.suits(&method.key) {
            return Err(DocumentError::Use {
                id: id.clone(),
                list: relationship.name(),
            });
        }
        if ids[..index].contains(id) {
            return Err(DocumentError::Duplicate(id.clone()));
        }
    }
    Ok(ids)
}

fn services(
    records: Vec<v1::DidService>,
    did: &str,
    methods: &[Method],
) -> Result<Vec<Service>, DocumentError> {
    bounded("service", records.len())?;
    let mut services: Vec<Service> = Vec::with_capacity(records.len());
    for record in records {
        let taken = services.iter().map(|service| service.id.as_str());
        entry_id(did, &record.id, method_ids(methods).chain(taken))?;
        if !is_service_type(&record.r#type) {
            return Err(DocumentError::ServiceType(record.id));
        }
        if !uri::is_uri(&record.endpoint) {
            return Err(DocumentError::Uri(record.endpoint));
        }
        if let Some(scheme) = uri::scheme_without_a_service(&record.endpoint) {
            let id = record.id;
            return Err(DocumentError::EndpointScheme { id, scheme });
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
    for (index, text) in uris.iter().enumerate() {
        if NameKind::of(text).is_none() {
            return Err(DocumentError::Name(text.clone()));
        }
        if uris[..index].contains(text) {
            return Err(DocumentError::Duplicate(text.clone()));
        }
    }
    Ok(uris)
}

fn method_ids(methods: &[Method]) -> impl Iterator<Item = &str> {
    methods.iter().map(|method| method.id.as_str())
}

/// Checks the id of a key or a service of `did`: both share one space of ids, since a DID URL says nothing of which it means.
fn entry_id<'a>(
    did: &str,
    id: &str,
    mut taken: impl Iterator<Item = &'a str>,
) -> Result<(), DocumentError> {
    let own = id
        .split_once('#')
        .is_some_and(|(base, fragment)| base == did && uri::is_fragment(fragment));
    if !own {
        return Err(DocumentError::EntryId(id.to_owned()));
    }
    if taken.any(|other| other == id) {
        return Err(DocumentError::Duplicate(id.to_owned()));
    }
    Ok(())
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
