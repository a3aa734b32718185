//! What BIF's documents say of their subject, checked.

use starfire_proto::v1;

use super::{account, bounded};
use crate::document::{
    ATTRIBUTE_DESCRIPTION_BYTES_MAX, ATTRIBUTE_KEY_BYTES_MAX, Attribute, AttributeFormat,
    CredentialKind, DelegateSign, DocumentError, PublicCredential, SIGNATURE_VALUE_BYTES_MAX,
    SubjectType,
};
use crate::id::{ChainCode, Did};
use crate::uri;

pub(super) fn attributes(records: Vec<v1::DidAttribute>) -> Result<Vec<Attribute>, DocumentError> {
    bounded("attribute", records.len())?;
    let mut attributes: Vec<Attribute> = Vec::with_capacity(records.len());
    for record in records {
        let format = AttributeFormat::parse(&record.format);
        let is_one = (1..=ATTRIBUTE_KEY_BYTES_MAX).contains(&record.key.len())
            && record.description.len() <= ATTRIBUTE_DESCRIPTION_BYTES_MAX
            && (format.is_some() || record.format.is_empty());
        if !is_one {
            return Err(DocumentError::Attribute(record.key));
        }
        if attributes.iter().any(|other| other.key == record.key) {
            let twice = format!("the attribute {}", record.key);
            return Err(DocumentError::Duplicate(twice));
        }
        attributes.push(Attribute {
            key: record.key,
            description: record.description,
            encrypted: record.encrypted,
            format,
            value: record.value,
        });
    }
    Ok(attributes)
}

// BID specification v2.0 §4.2: "acsns" only in documents of the main chain that are not a credential's.
pub(super) fn chains(
    id: &Did,
    kind: SubjectType,
    codes: Vec<String>,
) -> Result<Vec<ChainCode>, DocumentError> {
    bounded("acsns", codes.len())?;
    let may_have = id.chain_code().is_none() && kind != SubjectType::Credential;
    let mut chains = Vec::with_capacity(codes.len());
    for text in codes {
        let Some(code) = ChainCode::parse(&text).ok().filter(|_| may_have) else {
            return Err(DocumentError::ChainCode(text));
        };
        if chains.contains(&code) {
            return Err(DocumentError::Duplicate(text));
        }
        chains.push(code);
    }
    Ok(chains)
}

// BID specification v2.0 §4.2: "verifiableCredentials" only in documents that are not a credential's.
pub(super) fn credentials(
    kind: SubjectType,
    records: Vec<v1::DidCredential>,
) -> Result<Vec<PublicCredential>, DocumentError> {
    bounded("verifiableCredentials", records.len())?;
    let mut credentials: Vec<PublicCredential> = Vec::with_capacity(records.len());
    for record in records {
        let id = account(&record.id)?;
        let known =
            CredentialKind::of_number(record.r#type).filter(|_| kind != SubjectType::Credential);
        let Some(kind) = known else {
            return Err(DocumentError::CredentialType(record.id));
        };
        if credentials.iter().any(|other| other.id == id) {
            return Err(DocumentError::Duplicate(record.id));
        }
        credentials.push(PublicCredential { id, kind });
    }
    Ok(credentials)
}

pub(super) fn delegate_sign(record: v1::DidDelegateSign) -> Result<DelegateSign, DocumentError> {
    let names_a_key = record
        .signer
        .split_once('#')
        .is_some_and(|(did, fragment)| Did::parse(did).is_ok() && uri::is_fragment(fragment));
    let value = &record.signature_value;
    let is_text = (1..=SIGNATURE_VALUE_BYTES_MAX).contains(&value.len())
        && value
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+/=-_".contains(&byte));
    if names_a_key && is_text {
        Ok(DelegateSign {
            signer: record.signer,
            signature_value: record.signature_value,
        })
    } else {
        Err(DocumentError::DelegateSign)
    }
}
