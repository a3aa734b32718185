//! Handing in transactions, three ways: without an answer from the pool, with it, and with the block's.
//!
//! A transaction is an encoded `starfire.v1.Envelope`. Its hash is the one by which it is known everywhere here, the SHA-256 of the
//! blob inside. The pool's refusals are results with a code, as in CometBFT; a node that cannot take it at all answers an error.

use std::time::Duration;

use prost::Message;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use starfire_proto::v1;
use starfire_proto::v1::transaction_status::State;
use starfire_state::Rejection;

use super::call::Failure;
use super::render;
use crate::gateway::{Gateway, error};

/// How long `broadcast_tx_commit` waits for the block, as in CometBFT.
const COMMIT_WAIT: Duration = Duration::from_secs(10);

impl Gateway {
    pub(super) fn broadcast_async(&self, envelope: Vec<u8>) -> Result<Value, Failure> {
        let hash = hash(&envelope);
        // What the pool says of it is what the caller does not wait for.
        drop(self.hand_in(envelope)?);
        Ok(answered(None, &hash))
    }

    pub(super) async fn broadcast_sync(&self, envelope: Vec<u8>) -> Result<Value, Failure> {
        let hash = hash(&envelope);
        let refusal = self.refusal(envelope).await?;
        Ok(answered(refusal, &hash))
    }

    pub(super) async fn broadcast_commit(&self, envelope: Vec<u8>) -> Result<Value, Failure> {
        let hash = hash(&envelope);
        let refusal = self.refusal(envelope).await?;
        let admitted = refusal.is_none();
        let mut check = render::result(&v1::Receipt::default());
        for (name, value) in render::check(refusal) {
            check[name] = value;
        }
        let mut answer = json!({
            "check_tx": check,
            "tx_result": render::result(&v1::Receipt::default()),
            "hash": render::hex(&hash),
            "height": "0",
        });
        if admitted {
            let status = self.committed(&hash, COMMIT_WAIT).await?;
            if status.state() != State::Committed {
                return Err(Failure::internal(
                    "timed out waiting for tx to be included in a block",
                ));
            }
            answer["tx_result"] = render::result(&status.receipt.unwrap_or_default());
            answer["height"] = status.height.to_string().into();
        }
        Ok(answer)
    }

    /// What the pool has against a transaction. That the node could not ask it is another matter.
    async fn refusal(&self, envelope: Vec<u8>) -> Result<Option<(u32, String)>, Rejection> {
        match self.admit(envelope).await {
            Ok(_) => Ok(None),
            Err(rejection) if [error::BUSY, error::STOPPING].contains(&rejection.code) => {
                Err(rejection)
            }
            Err(rejection) => Ok(Some((rejection.code.number, rejection.to_string()))),
        }
    }
}

fn answered(refusal: Option<(u32, String)>, hash: &[u8; 32]) -> Value {
    let mut answer = json!({ "data": "", "hash": render::hex(hash) });
    for (name, value) in render::check(refusal) {
        answer[name] = value;
    }
    answer
}

/// The transaction's hash; of bytes that are no envelope, theirs.
fn hash(envelope: &[u8]) -> [u8; 32] {
    match v1::Envelope::decode(envelope) {
        Ok(decoded) => Sha256::digest(decoded.transaction).into(),
        Err(_) => Sha256::digest(envelope).into(),
    }
}
