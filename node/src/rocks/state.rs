//! State as of a height, out of rows that keep every height.

use rocksdb::{DB, ReadOptions};
use starfire_state::View;

use super::read::{Shared, must};
use super::records::{self, Told};
use super::tables::{STATE, decode_state_row, state_row, table};
use crate::did_index::did_of;

/// State after one height.
pub(super) struct StateAt<'a> {
    pub(super) shared: &'a Shared,
    pub(super) height: u64,
}

impl View for StateAt<'_> {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.shared.with(|db| {
            if let Some(did) = did_of(key)
                && let Told::Is(record) = records::recall(db, self.shared.held(), did, self.height)
            {
                return record;
            }
            search(db, key, self.height).filter(|value| !value.is_empty())
        })
    }

    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.shared.with(|db| {
            let mut options = ReadOptions::default();
            // Across paths, which the filter on paths knows nothing of.
            options.set_total_order_seek(true);
            let mut rows = db.raw_iterator_cf_opt(table(db, STATE), options);
            let mut found = Vec::new();
            rows.seek(
                after
                    .map(past)
                    .filter(|after| after.as_slice() > prefix)
                    .as_deref()
                    .unwrap_or(prefix),
            );
            while found.len() < limit {
                let Some((row, value)) = rows.item() else {
                    break;
                };
                let (path, height) = decode_state_row(row);
                if !path.starts_with(prefix) {
                    break;
                }
                if height > self.height {
                    let row = state_row(path, self.height);
                    rows.seek(row);
                    continue;
                }
                if !value.is_empty() && after.is_none_or(|after| path > after) {
                    found.push((path.to_vec(), value.to_vec()));
                }
                let next = past(path);
                rows.seek(next);
            }
            must(rows.status());
            found
        })
    }
}

/// What the newest row of a path up to `height` holds; nothing: it was deleted. `None`: there is no such row.
pub(super) fn search(db: &DB, path: &[u8], height: u64) -> Option<Vec<u8>> {
    let mut options = ReadOptions::default();
    options.set_prefix_same_as_start(true);
    let mut rows = db.raw_iterator_cf_opt(table(db, STATE), options);
    rows.seek(state_row(path, height));
    must(rows.status());
    let (row, value) = rows.item()?;
    (decode_state_row(row).0 == path).then(|| value.to_vec())
}

/// A bound above all rows of `path` and below all of the next: 01 follows the separator, and is below every path's bytes.
fn past(path: &[u8]) -> Vec<u8> {
    [path, &[1]].concat()
}
