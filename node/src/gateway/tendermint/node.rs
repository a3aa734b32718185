//! The node and its chain: status, genesis, peers, what waits.

use serde_json::{Value, json};
use starfire_proto::v1;
use tendermint::account;

use super::call::Failure;
use super::stored::{self, Stored};
use super::{render, stored::lowest};
use crate::gateway::{Gateway, ReadView};

/// The version of CometBFT whose RPC this is; CosmJS chooses its dialect by it. Our own version is that of `abci_info`.
const RPC_VERSION: &str = "0.38.17";
/// The version of CometBFT's peer protocol, for clients that insist on one. Our peers speak another.
const P2P_VERSION: &str = "8";
/// The longest chunk of a genesis document, bytes, as in CometBFT.
const GENESIS_CHUNK_BYTES: usize = 16 << 20;

impl Gateway {
    pub(super) async fn tendermint_status(&self) -> Result<Value, Failure> {
        let status = self.node_status();
        let own_key = self.backend.node_key;
        self.read(move |view| Ok(render_status(view, &status, own_key)))
            .await?
    }

    /// How many peers there are. Who they are is their own business.
    pub(super) fn net_info(&self) -> Value {
        json!({
            "listening": true,
            "listeners": [],
            "n_peers": self.node_status().peers.to_string(),
            "peers": [],
        })
    }

    /// How much waits. The pool gives its transactions to validators only.
    pub(super) fn unconfirmed(&self) -> Value {
        let status = self.node_status();
        json!({
            "n_txs": "0",
            "total": status.mempool_transactions.to_string(),
            "total_bytes": status.mempool_bytes.to_string(),
            "txs": [],
        })
    }

    /// The genesis file in CometBFT's terms; the file itself stands in `app_state`.
    pub(super) fn tendermint_genesis(&self) -> Value {
        let genesis = &self.backend.genesis;
        let validators = genesis.validators().validators().iter().map(|validator| {
            json!({
                "address": render::hex(validator.address.as_bytes()),
                "pub_key": render::public_key(&validator.pub_key),
                "power": validator.power.to_string(),
                "name": validator.name.clone().unwrap_or_default(),
            })
        });
        json!({
            "genesis_time": render::time(genesis.time()),
            "chain_id": genesis.chain_id(),
            "initial_height": "1",
            "consensus_params": render::consensus_params(),
            "validators": validators.collect::<Vec<_>>(),
            "app_hash": "",
            "app_state": genesis.file(),
        })
    }

    pub(super) fn genesis_chunk(&self, asked: Option<i64>) -> Result<Value, Failure> {
        let document = self.tendermint_genesis().to_string();
        let chunks: Vec<&[u8]> = document.as_bytes().chunks(GENESIS_CHUNK_BYTES).collect();
        let asked = asked.unwrap_or(0);
        let chunk = usize::try_from(asked)
            .ok()
            .and_then(|index| chunks.get(index));
        match chunk {
            Some(chunk) => Ok(json!({
                "chunk": asked.to_string(),
                "total": chunks.len().to_string(),
                "data": render::base64(chunk),
            })),
            None => Err(Failure::internal(format!(
                "there are {} chunks, {asked} is invalid",
                chunks.len()
            ))),
        }
    }
}

fn render_status(
    view: &ReadView,
    status: &v1::StatusResponse,
    node_key: tendermint::PublicKey,
) -> Result<Value, Failure> {
    let node = account::Id::from(node_key);
    let next = stored::validators(view, view.height() + 1)?;
    let mut validators = next.validators().iter();
    let own = validators.find(|it| hex::encode(it.address.as_bytes()) == status.validator);
    // A node without a vote is named by its own key, without power.
    let (address, key, power) = own.map_or((node, node_key, 0), |own| {
        (own.address, own.pub_key, own.power.value())
    });
    Ok(json!({
        "node_info": {
            "protocol_version": {
                "p2p": P2P_VERSION,
                "block": starfire_ledger::block::VERSION.block.to_string(),
                "app": starfire_ledger::block::VERSION.app.to_string(),
            },
            "id": hex::encode(node.as_bytes()),
            "listen_addr": "tcp://0.0.0.0:0",
            "network": status.chain_id,
            "version": RPC_VERSION,
            "channels": "",
            "moniker": status.name,
            "other": { "tx_index": "on", "rpc_address": "" },
        },
        "sync_info": sync_info(view, status.syncing)?,
        "validator_info": {
            "address": render::hex(address.as_bytes()),
            "pub_key": render::public_key(&key),
            "voting_power": power.to_string(),
        },
    }))
}

fn sync_info(view: &ReadView, syncing: bool) -> Result<Value, Failure> {
    let blocks = match view.height() {
        0 => None,
        newest => Some((
            stored::block(view, lowest(view))?,
            stored::block(view, newest)?,
        )),
    };
    let (earliest, latest) = blocks.unzip();
    let describe = |stored: Option<Stored>| match stored {
        Some(stored) => (
            render::hex(stored.header.hash().as_bytes()),
            render::hex(stored.header.app_hash.as_bytes()),
            stored.header.height.to_string(),
            render::time(stored.header.time),
        ),
        None => (
            String::new(),
            String::new(),
            "0".to_owned(),
            render::ZERO_TIME.to_owned(),
        ),
    };
    let (earliest, latest) = (describe(earliest), describe(latest));
    Ok(json!({
        "earliest_block_hash": earliest.0,
        "earliest_app_hash": earliest.1,
        "earliest_block_height": earliest.2,
        "earliest_block_time": earliest.3,
        "latest_block_hash": latest.0,
        "latest_app_hash": latest.1,
        "latest_block_height": latest.2,
        "latest_block_time": latest.3,
        "catching_up": syncing,
    }))
}
