//! Tendermint's objects as CometBFT writes them in JSON.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use starfire_proto::v1;
use tendermint::block::{self, Commit, CommitSig, Header};
use tendermint::{Hash, PublicKey, Time, validator};

use super::stored::Stored;

/// What no time is.
pub(super) const ZERO_TIME: &str = "0001-01-01T00:00:00Z";
/// Whose codes the results carry.
const CODESPACE: &str = "starfire";

pub(super) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

pub(super) fn hex(bytes: &[u8]) -> String {
    hex::encode_upper(bytes)
}

pub(super) fn time(time: Time) -> String {
    time.to_rfc3339()
}

fn hash(hash: Option<Hash>) -> String {
    hash.map(|hash| hex(hash.as_bytes())).unwrap_or_default()
}

pub(super) fn block_id(id: &block::Id) -> Value {
    json!({
        "hash": hash(Some(id.hash)),
        "parts": { "total": id.part_set_header.total, "hash": hash(Some(id.part_set_header.hash)) },
    })
}

/// The id of no block, before the first one.
pub(super) fn no_block_id() -> Value {
    json!({ "hash": "", "parts": { "total": 0, "hash": "" } })
}

pub(super) fn header(header: &Header) -> Value {
    json!({
        "version": { "block": header.version.block.to_string(), "app": header.version.app.to_string() },
        "chain_id": header.chain_id,
        "height": header.height.to_string(),
        "time": time(header.time),
        "last_block_id": header.last_block_id.as_ref().map_or_else(no_block_id, block_id),
        "last_commit_hash": hash(header.last_commit_hash),
        "data_hash": hash(header.data_hash),
        "validators_hash": hash(Some(header.validators_hash)),
        "next_validators_hash": hash(Some(header.next_validators_hash)),
        "consensus_hash": hash(Some(header.consensus_hash)),
        "app_hash": hex(header.app_hash.as_bytes()),
        "last_results_hash": hash(header.last_results_hash),
        "evidence_hash": hash(header.evidence_hash),
        "proposer_address": hex(header.proposer_address.as_bytes()),
    })
}

pub(super) fn commit(commit: &Commit) -> Value {
    json!({
        "height": commit.height.to_string(),
        "round": commit.round.value(),
        "block_id": block_id(&commit.block_id),
        "signatures": commit.signatures.iter().map(commit_signature).collect::<Vec<_>>(),
    })
}

fn commit_signature(place: &CommitSig) -> Value {
    let (flag, voter) = match place {
        CommitSig::BlockIdFlagAbsent => (1, None),
        CommitSig::BlockIdFlagCommit {
            validator_address,
            timestamp,
            signature,
        } => (2, Some((validator_address, timestamp, signature))),
        CommitSig::BlockIdFlagNil {
            validator_address,
            timestamp,
            signature,
        } => (3, Some((validator_address, timestamp, signature))),
    };
    let Some((address, voted, signature)) = voter else {
        return json!({ "block_id_flag": flag, "validator_address": "", "timestamp": ZERO_TIME, "signature": null });
    };
    json!({
        "block_id_flag": flag,
        "validator_address": hex(address.as_bytes()),
        "timestamp": time(*voted),
        "signature": signature.as_ref().map(|signature| base64(signature.as_bytes())),
    })
}

pub(super) fn block(stored: &Stored) -> Value {
    let nothing =
        || json!({ "height": "0", "round": 0, "block_id": no_block_id(), "signatures": [] });
    let transactions = stored.transactions.iter().map(|envelope| base64(envelope));
    json!({
        "header": header(&stored.header),
        "data": { "txs": transactions.collect::<Vec<_>>() },
        "evidence": { "evidence": [] },
        "last_commit": stored.last_commit.as_ref().map_or_else(nothing, commit),
    })
}

pub(super) fn identified_block(stored: &Stored) -> Value {
    json!({ "block_id": block_id(&stored.id()), "block": block(stored) })
}

pub(super) fn public_key(key: &PublicKey) -> Value {
    json!({ "type": "tendermint/PubKeyEd25519", "value": base64(&key.to_bytes()) })
}

pub(super) fn validator(validator: &validator::Info) -> Value {
    json!({
        "address": hex(validator.address.as_bytes()),
        "pub_key": public_key(&validator.pub_key),
        "voting_power": validator.power.to_string(),
        "proposer_priority": validator.proposer_priority.value().to_string(),
    })
}

/// A receipt as the result of a transaction: its reason stands as `info`, its sentence as `log`.
pub(super) fn result(receipt: &v1::Receipt) -> Value {
    json!({
        "code": receipt.code,
        "data": null,
        "log": receipt.detail,
        "info": receipt.reason,
        "gas_wanted": "0",
        "gas_used": "0",
        "events": receipt.events.iter().map(event).collect::<Vec<_>>(),
        "codespace": if receipt.code == 0 { "" } else { CODESPACE },
    })
}

fn event(event: &v1::Event) -> Value {
    let attribute = |attribute: &v1::EventAttribute| json!({ "key": attribute.key, "value": attribute.value, "index": true });
    json!({
        "type": event.r#type,
        "attributes": event.attributes.iter().map(attribute).collect::<Vec<_>>(),
    })
}

/// An admission, or the refusal by this code, as the result of checking a transaction.
pub(super) fn check(refusal: Option<(u32, String)>) -> Map<String, Value> {
    let refused = refusal.is_some();
    let (code, log) = refusal.unwrap_or_default();
    Map::from_iter([
        ("code".to_owned(), code.into()),
        ("log".to_owned(), log.into()),
        (
            "codespace".to_owned(),
            if refused { CODESPACE } else { "" }.into(),
        ),
    ])
}

/// Parameters in CometBFT's terms. Gas and evidence are none of this chain's.
pub(super) fn consensus_params() -> Value {
    json!({
        "block": { "max_bytes": starfire_ledger::block::BLOCK_BYTES_MAX.to_string(), "max_gas": "-1" },
        "evidence": { "max_age_num_blocks": "1", "max_age_duration": "1", "max_bytes": "0" },
        "validator": { "pub_key_types": ["ed25519"] },
        "version": { "app": starfire_ledger::block::VERSION.app.to_string() },
        "abci": { "vote_extensions_enable_height": "0" },
    })
}
