//! How messages look as JSON. Hashes are lower-case hex, times are Unix milliseconds.

use serde_json::{Value, json};
use starfire_proto::v1;

pub(super) fn status(status: &v1::StatusResponse) -> Value {
    let validators = status.validators.iter().map(|validator| {
        json!({
            "address": validator.address,
            "organisation": validator.organisation,
            "power": validator.power,
            "signed": validator.signed,
            "connected": validator.connected,
        })
    });
    json!({
        "version": status.version,
        "name": status.name,
        "role": status.role,
        "chain_id": status.chain_id,
        "chain_code": status.chain_code,
        "height": status.height,
        "round": status.round,
        "time_ms": status.time_ms,
        "since_commit_ms": status.since_commit_ms,
        "header_hash": hex::encode(&status.header_hash),
        "app_hash": hex::encode(&status.app_hash),
        "validator": status.validator,
        "voting": status.voting,
        "syncing": status.syncing,
        "sync": status.sync.as_ref().map(sync),
        "base": status.base,
        "stalled": status.stalled,
        "peers": status.peers,
        "mempool_transactions": status.mempool_transactions,
        "mempool_bytes": status.mempool_bytes,
        "validators": validators.collect::<Vec<_>>(),
        "anchoring": status.anchoring.as_ref().map(anchoring),
    })
}

fn sync(sync: &v1::SyncProgress) -> Value {
    json!({
        "from": sync.from,
        "target": sync.target,
        "remaining_ms": sync.remaining_ms,
        "problem": sync.problem,
    })
}

fn anchoring(anchoring: &v1::AnchorLoopStatus) -> Value {
    json!({
        "main": anchoring.main,
        "anchored_height": anchoring.anchored_height,
        "provable_height": anchoring.provable_height,
        "last_ms": anchoring.last_ms,
        "last_error": anchoring.last_error,
    })
}

pub(super) fn sub_chain(record: &v1::SubChainRecord, newest: Option<&v1::AnchorRecord>) -> Value {
    let status = match record.status() {
        v1::SubChainStatus::Active => "active",
        v1::SubChainStatus::Frozen => "frozen",
        v1::SubChainStatus::Unspecified => "unknown",
    };
    json!({
        "chain_code": record.chain_code,
        "chain_id": record.chain_id,
        "name": record.name,
        "status": status,
        "anchors": record.anchors,
        "frozen_reason": record.frozen_reason,
        "frozen_height": record.frozen_height,
        "newest": newest.map(anchor),
    })
}

pub(super) fn anchor(anchor: &v1::AnchorRecord) -> Value {
    json!({
        "height": anchor.height,
        "header_hash": hex::encode(&anchor.header_hash),
        "app_hash": hex::encode(&anchor.app_hash),
        "time_ms": anchor.time_ms,
        "main_height": anchor.main_height,
        "main_time_ms": anchor.main_time_ms,
        "submitter": anchor.submitter,
    })
}

pub(super) fn evidence(view: &v1::EvidenceView) -> Value {
    let revoked = view.revocation.as_ref().map(|revocation| {
        json!({ "reason": revocation.reason, "time_ms": revocation.time_ms, "height": revocation.height })
    });
    view.record.as_ref().map_or(Value::Null, |record| {
        json!({
            "id": record.id,
            "issuer": record.issuer,
            "type": record.r#type,
            "jurisdiction": record.jurisdiction,
            "time_ms": record.time_ms,
            "height": record.height,
            "valid_until_ms": record.valid_until_ms,
            "revoked": revoked,
        })
    })
}
