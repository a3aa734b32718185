//! Headers, commits, validators, blocks and results.

use serde_json::{Value, json};
use starfire_state::key;

use super::call::Failure;
use super::render;
use super::search::Page;
use super::stored::{self, Stored};
use crate::gateway::ReadView;

/// Headers in one answer of `blockchain`, as in CometBFT.
const HEADERS_MAX: u64 = 20;
/// Newest blocks that are found by their hash: no index holds all.
const HASHES_SEARCHED_MAX: u64 = 10_000;

pub(super) fn header(view: &ReadView, height: Option<i64>) -> Result<Value, Failure> {
    let stored = at(view, height)?;
    Ok(json!({ "header": render::header(&stored.header) }))
}

pub(super) fn header_by_hash(view: &ReadView, hash: &[u8; 32]) -> Result<Value, Failure> {
    let header = match find(view, hash) {
        Some(height) => render::header(&stored::block(view, height)?.header),
        None => Value::Null,
    };
    Ok(json!({ "header": header }))
}

pub(super) fn block(view: &ReadView, height: Option<i64>) -> Result<Value, Failure> {
    Ok(render::identified_block(&at(view, height)?))
}

pub(super) fn block_by_hash(view: &ReadView, hash: &[u8; 32]) -> Result<Value, Failure> {
    match find(view, hash) {
        Some(height) => Ok(render::identified_block(&stored::block(view, height)?)),
        None => Ok(json!({ "block_id": render::no_block_id(), "block": null })),
    }
}

/// The signed header. The commit that the next block carries is the chain's; for the newest block it is the one that this node saw,
/// and that is not yet canonical.
pub(super) fn commit(view: &ReadView, height: Option<i64>) -> Result<Value, Failure> {
    let stored = at(view, height)?;
    let next = stored.header.height.value() + 1;
    let carried = if next <= view.height() {
        stored::block(view, next)?.last_commit
    } else {
        None
    };
    Ok(json!({
        "signed_header": {
            "header": render::header(&stored.header),
            "commit": render::commit(carried.as_ref().unwrap_or(&stored.commit)),
        },
        "canonical": carried.is_some(),
    }))
}

/// Who decides a height, up to the one after the newest.
pub(super) fn validators(
    view: &ReadView,
    height: Option<i64>,
    page: Page,
) -> Result<Value, Failure> {
    let newest = view.height() + 1;
    let height = stored::height(view, height, newest)?;
    let set = stored::validators(view, height)?;
    let all = set.validators();
    let listed: Vec<Value> = all[page.range(all.len())?]
        .iter()
        .map(render::validator)
        .collect();
    Ok(json!({
        "block_height": height.to_string(),
        "count": listed.len().to_string(),
        "validators": listed,
        "total": all.len().to_string(),
    }))
}

/// Headers from `max` down to `min`, the newest ones if the range is long.
pub(super) fn blockchain(
    view: &ReadView,
    min: Option<i64>,
    max: Option<i64>,
) -> Result<Value, Failure> {
    let bound = |asked: Option<i64>| {
        u64::try_from(asked.unwrap_or(0))
            .map_err(|_| Failure::internal("heights must be non-negative"))
    };
    let (min, max) = (bound(min)?, bound(max)?);
    let max = if max == 0 {
        view.height()
    } else {
        max.min(view.height())
    };
    let lowest = stored::lowest(view);
    let min = min.max(lowest).max((max + 1).saturating_sub(HEADERS_MAX));
    if min > max {
        return Err(Failure::internal(format!(
            "min height {min} can't be greater than max height {max}"
        )));
    }
    let mut metas = Vec::new();
    for height in (min..=max).rev().filter(|height| *height > 0) {
        metas.push(meta(&stored::block(view, height)?));
    }
    Ok(json!({ "last_height": view.height().to_string(), "block_metas": metas }))
}

fn meta(stored: &Stored) -> Value {
    json!({
        "block_id": render::block_id(&stored.id()),
        "block_size": stored.bytes.to_string(),
        "header": render::header(&stored.header),
        "num_txs": stored.transactions.len().to_string(),
    })
}

/// What became of a block's transactions. The app hash after it stands in the next header; here it is left out, since CometBFT
/// writes it in base64 and `tendermint-rpc` reads hex.
pub(super) fn block_results(view: &ReadView, height: Option<i64>) -> Result<Value, Failure> {
    let height = at(view, height)?.header.height.value();
    let receipts = stored::receipts(view, height)?;
    let results: Vec<Value> = receipts.iter().map(render::result).collect();
    Ok(json!({
        "height": height.to_string(),
        "txs_results": results,
        "finalize_block_events": [],
        "validator_updates": [],
        "consensus_param_updates": null,
        "app_hash": null,
    }))
}

pub(super) fn consensus_params(view: &ReadView, height: Option<i64>) -> Result<Value, Failure> {
    let height = stored::height(view, height, view.height())?;
    Ok(
        json!({ "block_height": height.to_string(), "consensus_params": render::consensus_params() }),
    )
}

fn at(view: &ReadView, height: Option<i64>) -> Result<Stored, Failure> {
    stored::block(view, stored::height(view, height, view.height())?)
}

/// The height of the block with this header hash, among the newest ones. State holds the hashes of all headers before the newest.
fn find(view: &ReadView, hash: &[u8; 32]) -> Option<u64> {
    let newest = view.height();
    let is_newest =
        || stored::block(view, newest).is_ok_and(|stored| stored.header.hash().as_bytes() == hash);
    if newest > 0 && is_newest() {
        return Some(newest);
    }
    let state = view.state();
    let lowest = stored::lowest(view).max(newest.saturating_sub(HASHES_SEARCHED_MAX));
    (lowest..newest)
        .rev()
        .find(|height| state.get(&key::header(*height)).as_deref() == Some(hash))
}
