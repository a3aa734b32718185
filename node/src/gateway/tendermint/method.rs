//! The methods: their names, what they take, and who answers them.

use serde_json::{Value, json};

use super::call::Failure;
use super::params::Params;
use super::{chain, query, search};
use crate::gateway::{Gateway, ReadView};

/// A method of CometBFT's that is offered here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    AbciInfo,
    AbciQuery,
    Block,
    BlockByHash,
    BlockResults,
    BlockSearch,
    Blockchain,
    BroadcastEvidence,
    BroadcastTxAsync,
    BroadcastTxCommit,
    BroadcastTxSync,
    Commit,
    ConsensusParams,
    Genesis,
    GenesisChunked,
    Header,
    HeaderByHash,
    Health,
    NetInfo,
    NumUnconfirmedTxs,
    Status,
    Tx,
    TxSearch,
    UnconfirmedTxs,
    Validators,
}

impl Method {
    /// All of them.
    pub(super) const ALL: [Self; 25] = [
        Self::AbciInfo,
        Self::AbciQuery,
        Self::Block,
        Self::BlockByHash,
        Self::BlockResults,
        Self::BlockSearch,
        Self::Blockchain,
        Self::BroadcastEvidence,
        Self::BroadcastTxAsync,
        Self::BroadcastTxCommit,
        Self::BroadcastTxSync,
        Self::Commit,
        Self::ConsensusParams,
        Self::Genesis,
        Self::GenesisChunked,
        Self::Header,
        Self::HeaderByHash,
        Self::Health,
        Self::NetInfo,
        Self::NumUnconfirmedTxs,
        Self::Status,
        Self::Tx,
        Self::TxSearch,
        Self::UnconfirmedTxs,
        Self::Validators,
    ];

    pub(super) fn named(asked: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.name() == asked)
    }

    pub(super) fn name(self) -> &'static str {
        self.signature().0
    }

    /// The parameters' names, in the order that a list has them.
    pub(super) fn parameters(self) -> &'static [&'static str] {
        self.signature().1
    }

    /// Whether the answer may be as long as a block.
    pub(super) fn carries_much(self) -> bool {
        match self {
            Self::Block
            | Self::BlockByHash
            | Self::BlockResults
            | Self::BlockSearch
            | Self::Genesis
            | Self::GenesisChunked
            | Self::TxSearch => true,
            Self::AbciInfo
            | Self::AbciQuery
            | Self::Blockchain
            | Self::BroadcastEvidence
            | Self::BroadcastTxAsync
            | Self::BroadcastTxCommit
            | Self::BroadcastTxSync
            | Self::Commit
            | Self::ConsensusParams
            | Self::Header
            | Self::HeaderByHash
            | Self::Health
            | Self::NetInfo
            | Self::NumUnconfirmedTxs
            | Self::Status
            | Self::Tx
            | Self::UnconfirmedTxs
            | Self::Validators => false,
        }
    }

    fn signature(self) -> (&'static str, &'static [&'static str]) {
        match self {
            Self::AbciInfo => ("abci_info", &[]),
            Self::AbciQuery => ("abci_query", &["path", "data", "height", "prove"]),
            Self::Block => ("block", &["height"]),
            Self::BlockByHash => ("block_by_hash", &["hash"]),
            Self::BlockResults => ("block_results", &["height"]),
            Self::BlockSearch => ("block_search", &["query", "page", "per_page", "order_by"]),
            Self::Blockchain => ("blockchain", &["minHeight", "maxHeight"]),
            Self::BroadcastEvidence => ("broadcast_evidence", &["evidence"]),
            Self::BroadcastTxAsync => ("broadcast_tx_async", &["tx"]),
            Self::BroadcastTxCommit => ("broadcast_tx_commit", &["tx"]),
            Self::BroadcastTxSync => ("broadcast_tx_sync", &["tx"]),
            Self::Commit => ("commit", &["height"]),
            Self::ConsensusParams => ("consensus_params", &["height"]),
            Self::Genesis => ("genesis", &[]),
            Self::GenesisChunked => ("genesis_chunked", &["chunk"]),
            Self::Header => ("header", &["height"]),
            Self::HeaderByHash => ("header_by_hash", &["hash"]),
            Self::Health => ("health", &[]),
            Self::NetInfo => ("net_info", &[]),
            Self::NumUnconfirmedTxs => ("num_unconfirmed_txs", &[]),
            Self::Status => ("status", &[]),
            Self::Tx => ("tx", &["hash", "prove"]),
            Self::TxSearch => (
                "tx_search",
                &["query", "prove", "page", "per_page", "order_by"],
            ),
            Self::UnconfirmedTxs => ("unconfirmed_txs", &["limit"]),
            Self::Validators => ("validators", &["height", "page", "per_page"]),
        }
    }
}

/// Answers a call.
pub(super) async fn run(
    gateway: &Gateway,
    method: Method,
    params: &Params,
) -> Result<Value, Failure> {
    match method {
        Method::Health => Ok(json!({})),
        Method::Status => gateway.tendermint_status().await,
        Method::NetInfo => Ok(gateway.net_info()),
        Method::Genesis => Ok(json!({ "genesis": gateway.tendermint_genesis() })),
        Method::GenesisChunked => gateway.genesis_chunk(params.integer("chunk")?),
        Method::ConsensusParams => {
            let height = params.integer("height")?;
            read(gateway, move |view| chain::consensus_params(view, height)).await
        }
        Method::Commit => {
            let height = params.integer("height")?;
            read(gateway, move |view| chain::commit(view, height)).await
        }
        Method::Header => {
            let height = params.integer("height")?;
            read(gateway, move |view| chain::header(view, height)).await
        }
        Method::HeaderByHash => {
            let hash = params.hash("hash")?;
            read(gateway, move |view| chain::header_by_hash(view, &hash)).await
        }
        Method::Block => {
            let height = params.integer("height")?;
            read(gateway, move |view| chain::block(view, height)).await
        }
        Method::BlockByHash => {
            let hash = params.hash("hash")?;
            read(gateway, move |view| chain::block_by_hash(view, &hash)).await
        }
        Method::BlockResults => {
            let height = params.integer("height")?;
            read(gateway, move |view| chain::block_results(view, height)).await
        }
        Method::Blockchain => {
            let (min, max) = (params.integer("minHeight")?, params.integer("maxHeight")?);
            read(gateway, move |view| chain::blockchain(view, min, max)).await
        }
        Method::Validators => {
            let height = params.integer("height")?;
            let page = search::Page::of(params)?;
            read(gateway, move |view| chain::validators(view, height, page)).await
        }
        Method::BlockSearch => {
            let search = search::Search::of(params)?;
            read(gateway, move |view| search::blocks(view, &search)).await
        }
        Method::TxSearch => {
            let (search, prove) = (search::Search::of(params)?, params.flag("prove")?);
            read(gateway, move |view| {
                search::transactions(view, &search, prove)
            })
            .await
        }
        Method::Tx => {
            let (hash, prove) = (params.hash("hash")?, params.flag("prove")?);
            read(gateway, move |view| search::transaction(view, &hash, prove)).await
        }
        Method::AbciInfo => read(gateway, |view| Ok(query::abci_info(view))).await,
        Method::AbciQuery => gateway.abci_query(query::Query::of(params)?).await,
        Method::NumUnconfirmedTxs | Method::UnconfirmedTxs => Ok(gateway.unconfirmed()),
        Method::BroadcastTxAsync => gateway.broadcast_async(params.bytes("tx")?),
        Method::BroadcastTxSync => gateway.broadcast_sync(params.bytes("tx")?).await,
        Method::BroadcastTxCommit => gateway.broadcast_commit(params.bytes("tx")?).await,
        Method::BroadcastEvidence => Err(Failure::internal(
            "evidence is not taken here: validators find their peers' misbehaviour themselves, and two headers that a \
             sub-chain signed for one height are shown to the main chain as an anchor, which freezes the sub-chain",
        )),
    }
}

/// Reads the chain as of the newest height.
async fn read<F>(gateway: &Gateway, read: F) -> Result<Value, Failure>
where
    F: FnOnce(&ReadView) -> Result<Value, Failure> + Send + 'static,
{
    gateway.read(move |view| Ok(read(view))).await?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_method_is_found_by_its_name() {
        for method in Method::ALL {
            assert_eq!(Method::named(method.name()), Some(method));
        }
        assert_eq!(Method::named("dump_consensus_state"), None);
    }
}
