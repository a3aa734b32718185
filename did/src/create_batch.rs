//! Registers many DIDs in one operation: all of them, or none.
//!
//! Each creation is judged as if it came alone ([`crate::create`]). What the batch saves is the rest: one envelope, one nonce, one
//! signature of the sender, and one check of all the consents together.

use std::collections::BTreeSet;
use std::sync::Arc;

use starfire_proto::v1;
use starfire_state::{Env, Overlay, Rejection};

use crate::code;
use crate::create::Create;
use crate::known::Known;

/// The most creations of a batch.
pub const CREATIONS_MAX: usize = 10_000;

/// Registers DIDs with their first documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateBatch {
    /// Shared, since an operation is cloned to be executed.
    creations: Arc<Vec<Create>>,
}

impl TryFrom<v1::DidCreateBatch> for CreateBatch {
    type Error = Rejection;

    fn try_from(message: v1::DidCreateBatch) -> Result<Self, Rejection> {
        let count = message.create.len();
        if !(1..=CREATIONS_MAX).contains(&count) {
            let detail = format!("a batch has 1 to {CREATIONS_MAX} creations, not {count}");
            return Err(Rejection::new(code::DID_BATCH_INVALID, detail));
        }
        let creations = message
            .create
            .into_iter()
            .map(Create::try_from)
            .collect::<Result<Vec<_>, _>>()?;
        let mut seen = BTreeSet::new();
        if let Some(again) = creations.iter().find(|create| !seen.insert(*create.did())) {
            let detail = format!("the batch has {} twice", again.did());
            return Err(Rejection::new(code::DID_BATCH_INVALID, detail));
        }
        Ok(Self {
            creations: Arc::new(creations),
        })
    }
}

impl CreateBatch {
    /// The creations.
    pub fn creations(&self) -> &[Create] {
        &self.creations
    }

    /// The creations, for their consents to be settled.
    pub fn creations_mut(&mut self) -> &mut [Create] {
        Arc::make_mut(&mut self.creations).as_mut_slice()
    }

    /// Stores version 1 of each.
    pub fn apply(
        &self,
        state: &mut Overlay<'_>,
        env: &Env,
        signers: &[&str],
    ) -> Result<(), Rejection> {
        let mut known = Known::default();
        for create in self.creations() {
            create.apply_among(&mut known, state, env, signers)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::unregistered;

    fn batch(
        documents: impl IntoIterator<Item = v1::DidDocument>,
    ) -> Result<CreateBatch, Rejection> {
        let create = documents
            .into_iter()
            .map(|document| v1::DidCreate {
                document: Some(document),
                ..v1::DidCreate::default()
            })
            .collect();
        CreateBatch::try_from(v1::DidCreateBatch { create })
    }

    #[test]
    fn a_batch_has_one_to_ten_thousand_creations() {
        assert_eq!(batch([]).unwrap_err().code, code::DID_BATCH_INVALID);
        let many = std::iter::repeat_n(unregistered(1), CREATIONS_MAX + 1);
        let refused = batch(many).unwrap_err();
        assert_eq!(refused.code, code::DID_BATCH_INVALID);
        assert_eq!(
            refused.detail,
            "a batch has 1 to 10000 creations, not 10001"
        );
        assert_eq!(batch([unregistered(1)]).unwrap().creations().len(), 1);
    }

    #[test]
    fn a_batch_has_every_identifier_once() {
        let twice = batch([unregistered(1), unregistered(2), unregistered(1)]);
        assert_eq!(twice.unwrap_err().code, code::DID_BATCH_INVALID);
    }

    #[test]
    fn one_bad_document_spoils_the_batch() {
        let mut bad = unregistered(2);
        bad.authentication.clear();
        let refused = batch([unregistered(1), bad]).unwrap_err();
        assert_eq!(refused.code, code::DID_DOCUMENT_INVALID);
    }
}
