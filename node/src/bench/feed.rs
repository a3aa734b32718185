//! Committed blocks as a client sees them.

use std::time::Instant;

use starfire_proto::v1;

use crate::client::{Client, ClientError};
use crate::clock;

/// Bytes of a transaction's hash.
const HASH_BYTES: usize = 32;

/// A committed block, and when its reader had it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// What the node tells of it.
    pub(crate) block: v1::BlockSummary,
    /// When.
    pub(crate) at: Instant,
}

impl Seen {
    /// The block's transactions: their hashes, and the codes of their receipts.
    pub(crate) fn outcomes(&self) -> impl Iterator<Item = ([u8; HASH_BYTES], u32)> + '_ {
        let (hashes, _) = self.block.hashes.as_chunks::<HASH_BYTES>();
        hashes.iter().copied().zip(self.block.codes.iter().copied())
    }
}

/// A node's feed of blocks, with the hashes of their transactions.
#[derive(Debug)]
pub(crate) struct Feed(tonic::Streaming<v1::BlockSummary>);

impl Feed {
    /// From the next block on.
    pub(crate) async fn open(client: &Client) -> Result<Self, ClientError> {
        let request = v1::SubscribeBlocksRequest {
            from: 0,
            transactions: true,
        };
        client
            .call(client.blocks().subscribe(request))
            .await
            .map(Self)
    }

    /// The next block; `None`: the node has ended.
    pub(crate) async fn next(&mut self) -> Option<Seen> {
        let block = self.0.message().await.ok()??;
        Some(Seen {
            block,
            at: clock::monotonic(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_and_codes_belong_together_in_their_order() {
        let seen = Seen {
            block: v1::BlockSummary {
                hashes: [[1; HASH_BYTES], [2; HASH_BYTES]].concat(),
                codes: vec![0, 99],
                ..Default::default()
            },
            at: clock::monotonic(),
        };
        let outcomes: Vec<_> = seen.outcomes().collect();
        assert_eq!(outcomes, [([1; HASH_BYTES], 0), ([2; HASH_BYTES], 99)]);
    }
}
