//! Committed blocks as the archive holds them, and which heights there are.

use prost::Message;
use starfire_proto::v1;
use tendermint::block::{self, Commit, Header};
use tendermint::validator;
use tendermint_proto::Protobuf;
use tendermint_proto::v0_38::types::{
    Commit as RawCommit, Header as RawHeader, ValidatorSet as RawValidatorSet,
};

use super::call::Failure;
use crate::gateway::{ReadView, proofs};

/// A committed block.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) header: Header,
    /// Encoded envelopes.
    pub(super) transactions: Vec<Vec<u8>>,
    /// The commit of the block before; none at height 1.
    pub(super) last_commit: Option<Commit>,
    /// The commit by which this node saw the block decided.
    pub(super) commit: Commit,
    /// Length of the encoded block.
    pub(super) bytes: usize,
}

impl Stored {
    pub(super) fn id(&self) -> block::Id {
        self.commit.block_id
    }
}

/// The height that is meant: the newest if none is named. CometBFT's words, which light clients read.
pub(super) fn height(view: &ReadView, asked: Option<i64>, newest: u64) -> Result<u64, Failure> {
    let Some(asked) = asked else {
        return Ok(newest);
    };
    let Some(height) = u64::try_from(asked).ok().filter(|height| *height > 0) else {
        return Err(Failure::internal(format!(
            "height must be greater than 0, but got {asked}"
        )));
    };
    if height > newest {
        return Err(Failure::internal(format!(
            "height {height} must be less than or equal to the current blockchain height {newest}"
        )));
    }
    if height <= view.height() {
        kept(view, height)?;
    }
    Ok(height)
}

/// Whether the height is kept. Who has asked may read it for a while; without that, any part of it may be gone at any moment.
pub(super) fn kept(view: &ReadView, height: u64) -> Result<(), Failure> {
    if view.archive().keeps(height) {
        Ok(())
    } else {
        Err(unavailable(height, lowest(view)))
    }
}

/// The lowest height from which on all are held.
pub(super) fn lowest(view: &ReadView) -> u64 {
    view.archive().base().min(view.height())
}

/// The block of a height.
pub(super) fn block(view: &ReadView, height: u64) -> Result<Stored, Failure> {
    if view.height() == 0 {
        return Err(Failure::internal("no block is committed yet"));
    }
    let Some((bytes, commit)) = view.archive().block(height) else {
        return Err(unavailable(height, lowest(view)));
    };
    let raw = v1::Block::decode(bytes.as_slice()).expect("a stored block decodes");
    let last_commit = (!raw.last_commit.is_empty()).then(|| decode_commit(&raw.last_commit));
    Ok(Stored {
        header: <Header as Protobuf<RawHeader>>::decode(raw.header.as_slice())
            .expect("a stored header decodes"),
        transactions: raw.transactions,
        last_commit,
        commit: decode_commit(&commit),
        bytes: bytes.len(),
    })
}

/// The receipts of a block, one a transaction.
pub(super) fn receipts(view: &ReadView, height: u64) -> Result<Vec<v1::Receipt>, Failure> {
    let Some(receipts) = view.archive().receipts(height) else {
        return Err(unavailable(height, lowest(view)));
    };
    let receipts = receipts
        .iter()
        .map(|receipt| v1::Receipt::decode(receipt.as_slice()).expect("a stored receipt decodes"));
    Ok(receipts.collect())
}

/// Who decides the block of `height`, which may be the one after the newest.
pub(super) fn validators(view: &ReadView, height: u64) -> Result<validator::Set, Failure> {
    let encoded = proofs::validators(view, height)?;
    let set = <validator::Set as Protobuf<RawValidatorSet>>::decode(encoded.as_slice());
    Ok(set.expect("stored validators decode"))
}

fn decode_commit(bytes: &[u8]) -> Commit {
    let raw = RawCommit::decode(bytes).expect("a stored commit decodes");
    Commit::try_from(raw).expect("a stored commit is well formed")
}

fn unavailable(height: u64, lowest: u64) -> Failure {
    Failure::internal(format!(
        "height {height} is not available, lowest height is {lowest}"
    ))
}
