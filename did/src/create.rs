//! Registers a DID: by itself, or by others with the consent of the key that it derives from.
//!
//! An identifier is derived from a key, so only that key's holder may take it. If it were enough that a transaction names a
//! document with the right key in it, anyone who has seen a public key could register its DID first, with controllers of their own
//! choosing, and keep the holder out for ever: identifiers are registered once. So whoever creates a DID shows that its key
//! agrees: the DID sends the transaction itself, or its key signs it too, or the creation carries its *consent*, a signature by
//! that key over the chain, the DID and the document. The consent lets an organisation register what cannot send transactions
//! (devices, goods, people without an account here); it is good for this document on this chain alone, and for one time, since
//! even a tombstone keeps the identifier taken.
//!
//! Where others create, they speak for the document's controllers: these must meet their threshold with those who signed, so
//! that nobody makes another the keeper of something without its knowledge. The DID itself counts as one that signed.
//!
//! Consents are checked with the transaction's own signatures, in one batch, before it comes into a block
//! (`ledger/src/check.rs`); a creation whose consent was not is refused here.

use prost::Message;
use sha2::{Digest, Sha256};
use starfire_proto::v1;
use starfire_state::{Env, Event, Overlay, Rejection, View, key};

use crate::document::Document;
use crate::handover::{hand_over, signers as document_signers};
use crate::id::Did;
use crate::key::PublicKey;
use crate::known::Known;
use crate::{authority, code, delegation, history, path, policy};

/// What a consent begins with.
pub const CONSENT_PREFIX: &str = "starfire-did-create/1";

/// Registers a DID with its first document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Create {
    document: Document,
    consent: Consent,
}

/// What the key that the DID derives from has said.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Consent {
    /// Nothing besides the transaction's signatures.
    None,
    /// This signature, if it is one.
    Claimed(Vec<u8>),
    /// It agrees.
    Given,
}

/// A signature that a creation hangs on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The key that the DID derives from.
    pub key: PublicKey,
    /// [`consent_message`].
    pub message: Vec<u8>,
    /// 64 bytes.
    pub signature: Vec<u8>,
}

/// What the key that a DID derives from signs, to let others register this document on this chain.
pub fn consent_message(chain_id: &str, document: &v1::DidDocument) -> Vec<u8> {
    let digest = Sha256::digest(document.encode_to_vec());
    format!(
        "{CONSENT_PREFIX}\n{chain_id}\n{}\n{}",
        document.id,
        hex::encode(digest)
    )
    .into_bytes()
}

impl TryFrom<v1::DidCreate> for Create {
    type Error = Rejection;

    fn try_from(message: v1::DidCreate) -> Result<Self, Rejection> {
        let document = Document::try_from(message.document.unwrap_or_default())?;
        let consent = if message.consent.is_empty() {
            Consent::None
        } else {
            Consent::Claimed(message.consent)
        };
        Ok(Self { document, consent })
    }
}

impl Create {
    /// The DID to register.
    pub fn did(&self) -> &Did {
        self.document.id()
    }

    /// The signature to check before the creation counts, if it has one and a key to check it by.
    pub fn claim(&self, chain_id: &str) -> Option<Claim> {
        let Consent::Claimed(signature) = &self.consent else {
            return None;
        };
        Some(Claim {
            key: *self.deriving_key()?,
            message: consent_message(chain_id, &(&self.document).into()),
            signature: signature.clone(),
        })
    }

    /// Whether it carries a consent, whoever's it is.
    pub fn has_consent(&self) -> bool {
        self.consent != Consent::None
    }

    /// Whether there is a [`Self::claim`].
    pub fn has_claim(&self) -> bool {
        matches!(self.consent, Consent::Claimed(_)) && self.deriving_key().is_some()
    }

    /// Says whether the [`Self::claim`] holds.
    pub fn settle(&mut self, holds: bool) -> Result<(), Rejection> {
        if !holds {
            return Err(self.no_consent());
        }
        self.consent = Consent::Given;
        Ok(())
    }

    /// Stores version 1.
    pub fn apply(
        &self,
        state: &mut Overlay<'_>,
        env: &Env,
        signers: &[&str],
    ) -> Result<(), Rejection> {
        self.apply_among(&mut Known::default(), state, env, signers)
    }

    /// The same, as one of several creations of an operation.
    pub(crate) fn apply_among(
        &self,
        known: &mut Known,
        state: &mut Overlay<'_>,
        env: &Env,
        signers: &[&str],
    ) -> Result<(), Rejection> {
        let did = *self.did();
        require_creator(state, env, signers)?;
        if did
            .chain_code()
            .map_or(String::new(), |code| code.to_string())
            != env.chain.chain_code
        {
            return Err(Rejection::new(
                code::DID_WRONG_CHAIN,
                format!("{did} is not of chain {}", env.chain.chain_id),
            ));
        }
        if self.deriving_key().is_none() {
            let detail = format!("the document has no key that {did} derives from");
            return Err(Rejection::new(code::DID_NOT_DERIVED, detail));
        }
        // A tombstone is a record too: what was deactivated stays so.
        if state.get(&path::record(&did)).is_some() {
            return Err(Rejection::new(
                code::DID_EXISTS,
                format!("{did} is registered already"),
            ));
        }
        if env.sender != did.to_string() {
            self.require_consent(state, env, signers)?;
            let control = self.document.control();
            let standing: Vec<Did> = control
                .members()
                .iter()
                .filter(|member| **member == did || known.stands(state, member, env, signers))
                .copied()
                .collect();
            authority::require_controllers(&did, &control, &standing, env)?;
        }
        delegation::check(known, state, &self.document)?;
        known.forget(&did);
        history::append(state, &did, &history::first(&self.document, env));
        // An account may ask for more keys than a document tells of; one that begins with this document has no others.
        if !document_signers(&self.document).iter().eq([&did]) {
            hand_over(state, &self.document);
        }
        state.emit(Event::new(
            "did.created",
            vec![("did", did.to_string()), ("version", "1".into())],
        ));
        Ok(())
    }

    fn deriving_key(&self) -> Option<&PublicKey> {
        let did = self.did();
        self.document
            .methods()
            .iter()
            .filter_map(|method| method.key.account_key())
            .find(|key| did.is_derived_from(key))
    }

    /// The key agrees, and it still is the one that acts for the address: its account may have been given others since.
    fn require_consent(
        &self,
        view: &dyn View,
        env: &Env,
        signers: &[&str],
    ) -> Result<(), Rejection> {
        let did = self.did();
        let address = did.to_string();
        let agrees = policy::keys_weigh_enough(view, &address, signers)
            || self.consent == Consent::Given
                && policy::keys_weigh_enough(view, &address, &[&address]);
        if agrees {
            return Ok(());
        }
        match self.consent {
            Consent::None => Err(Rejection::new(
                code::DID_NOT_DERIVED,
                format!(
                    "{did} is registered by itself, or with its key's consent, not by {} alone",
                    env.sender
                ),
            )),
            Consent::Claimed(_) | Consent::Given => Err(self.no_consent()),
        }
    }

    fn no_consent(&self) -> Rejection {
        let detail = format!(
            "the key of {} has not signed this creation: it signs the chain, the DID and the document",
            self.did()
        );
        Rejection::new(code::DID_CONSENT_INVALID, detail)
    }
}

/// Whether the chain lets these register DIDs at all.
pub(crate) fn require_creator(
    view: &dyn View,
    env: &Env,
    signers: &[&str],
) -> Result<(), Rejection> {
    match env.chain.did_creation() {
        v1::DidCreation::Anyone => return Ok(()),
        v1::DidCreation::Members => {}
    }
    let sponsored = || {
        signers.iter().any(|address| {
            view.get(&key::member(address)).is_some()
                && policy::keys_weigh_enough(view, address, signers)
        })
    };
    if env.member.is_some() || sponsored() {
        return Ok(());
    }
    Err(Rejection::new(
        code::DID_CREATION_RESTRICTED,
        format!(
            "on {} members register DIDs, and those for whom a member signs",
            env.chain.chain_id
        ),
    ))
}

#[cfg(test)]
mod tests;
