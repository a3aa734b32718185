//! The index of DIDs on disk: written with the block that changes a record, in the same batch.
//!
//! The rows of a DID follow from its newest record alone (`crate::did_index`), so those to take out follow from the record before. A
//! store that was made before there was an index builds it when it is opened: a mark tells that the index is whole, and is written
//! last, so that a build which a crash cut off begins anew.

use std::collections::BTreeSet;

use rocksdb::{DB, ReadOptions, WriteBatch};
use starfire_state::{Archive, Changes};

use super::check::BadRow;
use super::import::END;
use super::read::{Reader, must};
use super::tables::{self, DIDS, META, STATE, decode_state_row, state_row, table};
use super::{OpenError, Rocks};
use crate::did_index::{By, DidIndex, RECORDS, did_of, rows};

/// How the rows are made. Another way has another name, and builds the index anew.
const LAYOUT: &[u8] = b"1";
/// DIDs whose rows are written at once while the index is built.
const BUILD_SLICE: usize = 10_000;

/// The newest records of some DIDs, and where the next ones follow.
type Page = (Vec<(String, Vec<u8>)>, Option<Vec<u8>>);

impl Rocks {
    /// Sees to it that the index is there. An empty store has a whole one.
    pub(super) fn ensure_did_index(&self) -> Result<(), OpenError> {
        if self.meta(tables::DID_INDEX_KEY).as_deref() == Some(LAYOUT) {
            return Ok(());
        }
        if self.height().is_none() {
            // What is left of a state that was being taken over is discarded, and its rows with it.
            return self.put_meta(tables::DID_INDEX_KEY, LAYOUT);
        }
        self.build_did_index().map(drop)
    }

    /// Makes the index anew from the newest state; says how many DIDs it has.
    pub fn build_did_index(&self) -> Result<u64, OpenError> {
        let write = |sync: bool, fill: &dyn Fn(&DB, &mut WriteBatch)| {
            self.try_write(sync, fill)
                .map_err(|source| OpenError::files(self.reader.shared().path(), source))
        };
        tracing::info!("building the index of DIDs");
        write(false, &|db, writes| {
            writes.delete_cf(table(db, META), tables::DID_INDEX_KEY);
            writes.delete_range_cf(table(db, DIDS), &[] as &[u8], END);
        })?;
        let (mut dids, mut next) = (0, Some(RECORDS.to_vec()));
        while let Some(from) = next {
            let (page, rest) = self.records(&from, BUILD_SLICE);
            write(false, &|db, writes| {
                for (did, record) in &page {
                    put_rows(db, writes, did, record);
                }
            })?;
            dids += u64::try_from(page.len()).expect("a slice is short");
            if rest.is_some() {
                tracing::info!(dids, "building the index of DIDs");
            }
            next = rest;
        }
        // Durable with all that was written before it.
        write(true, &|db, writes| {
            writes.put_cf(table(db, META), tables::DID_INDEX_KEY, LAYOUT);
        })?;
        tracing::info!(dids, "the index of DIDs is built");
        Ok(dids)
    }

    /// Compares the index with the newest state; says how many rows it has, or names the first that is wrong.
    pub fn check_did_index(&self) -> Result<u64, BadRow> {
        let bad = |row: &[u8], problem: &str| BadRow {
            table: DIDS,
            row: format!("row {}", String::from_utf8_lossy(row)),
            problem: problem.to_owned(),
        };
        let (mut expected, mut next) = (0, Some(RECORDS.to_vec()));
        while let Some(from) = next {
            let (page, rest) = self.records(&from, BUILD_SLICE);
            for row in page.iter().flat_map(|(did, record)| rows(did, record)) {
                if self.reader.get(DIDS, &row).is_none() {
                    return Err(bad(&row, "the index lacks a DID that the state has"));
                }
                expected += 1;
            }
            next = rest;
        }
        let found = self.reader.shared().with(|db| {
            let mut count = 0;
            let mut stored = db.raw_iterator_cf_opt(table(db, DIDS), total_order());
            stored.seek_to_first();
            while let Some(row) = stored.key() {
                if !is_derived(db, row) {
                    return Err(bad(row, "the index has a DID where the state has none"));
                }
                count += 1;
                stored.next();
            }
            must(stored.status());
            Ok(count)
        })?;
        assert!(
            found == expected,
            "rows that are all there, and all follow from the state, are as many"
        );
        Ok(found)
    }

    /// The newest records of up to `limit` DIDs from this path on, without a walk through their versions.
    fn records(&self, from: &[u8], limit: usize) -> Page {
        self.reader.shared().with(|db| {
            let mut state = db.raw_iterator_cf_opt(table(db, STATE), total_order());
            let mut page = Vec::new();
            state.seek(from);
            while let Some((row, value)) = state.item() {
                let (path, _) = decode_state_row(row);
                if !path.starts_with(RECORDS) {
                    break;
                }
                if page.len() == limit {
                    return (page, Some(path.to_vec()));
                }
                // A path's rows are newest first, and no value is empty but a deleted one.
                if let Some(did) = did_of(path).filter(|_| !value.is_empty()) {
                    page.push((did.to_owned(), value.to_vec()));
                }
                // Past this DID's older rows and all of its versions.
                let past = [path, b"/", END].concat();
                state.seek(past);
            }
            must(state.status());
            (page, None)
        })
    }
}

/// What a block changes of the index.
pub(super) fn fill(changes: &Changes, height: u64, db: &DB, writes: &mut WriteBatch) {
    let from = RECORDS.to_vec();
    let records = changes
        .range(from..)
        .take_while(|(path, _)| path.starts_with(RECORDS));
    for (path, change) in records {
        let Some(did) = did_of(path) else { continue };
        let old = match height.checked_sub(1) {
            Some(before) => stored_rows(db, path, did, before),
            None => BTreeSet::new(),
        };
        let new = change
            .as_deref()
            .map(|record| rows(did, record))
            .unwrap_or_default();
        for row in old.difference(&new) {
            writes.delete_cf(table(db, DIDS), row);
        }
        // Also those that were there before: in a write that is tried again they may be what the first one took out.
        for row in &new {
            writes.put_cf(table(db, DIDS), row, []);
        }
    }
}

/// The rows of entries of a state that is being taken over, of which none is there yet.
pub(super) fn fill_imported(entries: &Changes, db: &DB, writes: &mut WriteBatch) {
    for (path, value) in entries {
        if let (Some(did), Some(record)) = (did_of(path), value) {
            put_rows(db, writes, did, record);
        }
    }
}

fn put_rows(db: &DB, writes: &mut WriteBatch, did: &str, record: &[u8]) {
    for row in rows(did, record) {
        writes.put_cf(table(db, DIDS), row, []);
    }
}

/// The rows that follow from what stands at a record's path as of a height.
fn stored_rows(db: &DB, path: &[u8], did: &str, height: u64) -> BTreeSet<Vec<u8>> {
    let mut options = ReadOptions::default();
    options.set_prefix_same_as_start(true);
    let mut state = db.raw_iterator_cf_opt(table(db, STATE), options);
    state.seek(state_row(path, height));
    must(state.status());
    match state.item() {
        Some((row, record)) if decode_state_row(row).0 == path => rows(did, record),
        Some(_) | None => BTreeSet::new(),
    }
}

/// Whether a row of the index follows from the newest record of the DID at its end.
fn is_derived(db: &DB, row: &[u8]) -> bool {
    // The DID begins at the last occurrence of its scheme: in front of it may be a controller's.
    let Some(at) = row.windows(4).rposition(|bytes| bytes == b"did:") else {
        return false;
    };
    let Ok(did) = std::str::from_utf8(&row[at..]) else {
        return false;
    };
    let path = [RECORDS, did.as_bytes()].concat();
    stored_rows(db, &path, did, u64::MAX).contains(row)
}

fn total_order() -> ReadOptions {
    let mut options = ReadOptions::default();
    options.set_total_order_seek(true);
    options
}

impl DidIndex for Reader {
    fn dids(&self, by: &By, after: Option<&str>, limit: usize) -> Vec<String> {
        let prefix = by.prefix();
        // No DID has a 00, so this is the first row after that of the one named.
        let from = after.map(|after| [&prefix, after.as_bytes(), &[0]].concat());
        self.shared().with(|db| {
            let mut stored = db.raw_iterator_cf_opt(table(db, DIDS), total_order());
            let mut found = Vec::new();
            stored.seek(from.as_deref().unwrap_or(&prefix));
            while found.len() < limit
                && let Some(did) = stored.key().and_then(|row| row.strip_prefix(&prefix[..]))
            {
                found.push(String::from_utf8_lossy(did).into_owned());
                stored.next();
            }
            must(stored.status());
            found
        })
    }
}

#[cfg(test)]
mod tests;
