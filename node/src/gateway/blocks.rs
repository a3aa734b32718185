//! Blocks: one, or all of them as they come.

use prost::Message;
use starfire_proto::v1;
use starfire_state::Rejection;
use tendermint::block::Header;
use tonic::{Request, Response, Status};

use super::backend::ReadView;
use super::error::answer;
use super::feeds::Feed;
use super::{Gateway, limits, proofs};
use crate::grpc::blocks_server::Blocks;

#[tonic::async_trait]
impl Blocks for Gateway {
    type SubscribeStream = Feed;

    async fn get(
        &self,
        request: Request<v1::GetBlockRequest>,
    ) -> Result<Response<v1::BlockView>, Status> {
        let height = request.into_inner().height;
        answer(self.read(move |view| block(view, height)).await)
    }

    async fn subscribe(
        &self,
        request: Request<v1::SubscribeBlocksRequest>,
    ) -> Result<Response<Feed>, Status> {
        let peer = limits::peer(request.extensions());
        let v1::SubscribeBlocksRequest { from, transactions } = request.into_inner();
        answer(self.subscribe_blocks(from, transactions, peer))
    }
}

/// The block of `height`, or the newest one for 0.
fn block(view: &ReadView, height: u64) -> Result<v1::BlockView, Rejection> {
    let height = if height == 0 { view.height() } else { height };
    let signed = proofs::signed_header(view, height)?;
    let archive = view.archive();
    let (Some((block, _)), Some(receipts)) = (archive.block(height), archive.receipts(height))
    else {
        return Err(proofs::pruned(archive, height));
    };
    let receipts = receipts
        .iter()
        .map(|receipt| v1::Receipt::decode(receipt.as_slice()).expect("a stored receipt decodes"));
    Ok(v1::BlockView {
        block: Some(v1::Block::decode(block.as_slice()).expect("a stored block decodes")),
        signed_header: signed.encode_to_vec(),
        validators: proofs::validators(view, height)?,
        receipts: receipts.collect(),
    })
}

/// What subscribers learn of the block of `height`.
pub(super) fn summary(view: &ReadView, height: u64) -> Result<v1::BlockSummary, Rejection> {
    let signed = proofs::signed_header(view, height)?;
    let Some(receipts) = view.archive().receipts(height) else {
        return Err(proofs::pruned(view.archive(), height));
    };
    let mut hashes = Vec::new();
    let mut codes = Vec::with_capacity(receipts.len());
    for receipt in &receipts {
        let outcome = Outcome::decode(receipt.as_slice()).expect("a stored receipt decodes");
        hashes.extend(outcome.hash);
        codes.push(outcome.code);
    }
    let commit = signed.commit.expect("a signed header has a commit");
    let header = Header::try_from(signed.header.expect("a signed header has a header"))
        .expect("a stored header is well formed");
    Ok(v1::BlockSummary {
        height,
        time_ms: i64::try_from(header.time.unix_timestamp_nanos() / 1_000_000)
            .expect("a block's time fits"),
        header_hash: header.hash().as_bytes().to_vec(),
        app_hash: header.app_hash.as_bytes().to_vec(),
        transactions: u32::try_from(receipts.len())
            .expect("a block's transactions are counted in 32 bits"),
        round: u32::try_from(commit.round).expect("a round is not negative"),
        proposer: header.proposer_address.as_bytes().to_vec(),
        hashes,
        codes,
    })
}

/// Of `starfire.v1.Receipt`, what a follower of transactions needs.
#[derive(Clone, PartialEq, Message)]
struct Outcome {
    #[prost(bytes = "vec", tag = "1")]
    hash: Vec<u8>,
    #[prost(uint32, tag = "2")]
    code: u32,
}
