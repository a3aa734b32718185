//! New keys for a document, and the account that follows them.
//!
//! An address is derived from its first key for ever, so a key that only left the document could still send transactions as the
//! DID. Therefore the account follows the document: each authentication key's own address becomes a signer of weight 1, one
//! signer suffices, and the key that the address derives from has weight only while it is an authentication key. Weights and
//! thresholds that were set before are replaced; balance and nonce stay.

use std::collections::BTreeSet;

use starfire_proto::v1;
use starfire_state::Overlay;
use starfire_state::account::Account;

use crate::document::{Document, DocumentError};
use crate::id::Did;

/// Keys and what they are for, which make a document by themselves.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Keys(v1::DidKeys);

impl Keys {
    pub(crate) fn parse(did: &Did, keys: v1::DidKeys) -> Result<Self, DocumentError> {
        let keys = Self(keys);
        let alone = v1::DidDocument {
            id: did.to_string(),
            ..v1::DidDocument::default()
        };
        Document::try_from(keys.clone().put_into(alone))?;
        Ok(keys)
    }

    /// The document with these keys in place of its own, and without what others have said of those.
    pub(crate) fn put_into(self, document: v1::DidDocument) -> v1::DidDocument {
        v1::DidDocument {
            verification_method: self.0.verification_method,
            authentication: self.0.authentication,
            assertion_method: self.0.assertion_method,
            key_agreement: self.0.key_agreement,
            capability_invocation: self.0.capability_invocation,
            capability_delegation: self.0.capability_delegation,
            delegate_sign: None,
            ..document
        }
    }
}

/// The addresses of a document's authentication keys.
pub(crate) fn signers(document: &Document) -> BTreeSet<Did> {
    let code = document.id().chain_code();
    document
        .authentication_keys()
        .map(|key| key.address(code.as_ref()))
        .collect()
}

/// Makes the document's authentication keys, and no others, the account's signers.
pub(crate) fn hand_over(state: &mut Overlay<'_>, document: &Document) {
    let did = document.id();
    let mut signers = signers(document);
    assert!(!signers.is_empty(), "a document has an authentication key");
    let address = did.to_string();
    let mut account = Account::load(state, &address).unwrap_or_else(|| Account::create(&address));
    account.record.master_weight = i64::from(signers.remove(did));
    account.record.signers = signers
        .iter()
        .map(|signer| v1::SignerWeight {
            address: signer.to_string(),
            weight: 1,
        })
        .collect();
    account.record.tx_threshold = 1;
    account.record.type_thresholds.clear();
    account.save(state);
}
