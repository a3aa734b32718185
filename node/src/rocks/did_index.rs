//! The index of DIDs on disk: written with the block that changes a record, in the same batch.
//!
//! The rows of a DID follow from its newest record alone (`crate::did_index`), so those to take out follow from the record before. The
//! newest records themselves stand beside it (`records.rs`) and share its fate. A store that was made before there was an index builds
//! it when it is opened: a mark tells that the index is whole, and is written last, so that a build which a crash cut off begins anew.

use std::collections::BTreeSet;

use rocksdb::{DB, ReadOptions, WriteBatch};
use starfire_state::{Archive, Changes};

use super::check::BadRow;
use super::import::END;
use super::read::{Reader, must};
use super::records::{self, Told};
use super::state::search;
use super::tables::{self, DELETED, DIDS, META, RECORDS, STATE, decode_state_row, table};
use super::{OpenError, Rocks};
use crate::did_index::{By, DidIndex, RECORD_PATHS, did_of, rows};

/// How the rows are made. Another way has another name, and builds the index anew.
const LAYOUT: &[u8] = b"2";
/// DIDs whose rows are written at once while the index is built.
const BUILD_SLICE: usize = 10_000;

/// The newest record of a DID; an empty one was deleted.
struct Newest {
    did: String,
    height: u64,
    record: Vec<u8>,
}

/// The newest records of some DIDs, and where the next ones follow.
type Page = (Vec<Newest>, Option<Vec<u8>>);

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
            writes.delete_range_cf(table(db, RECORDS), &[] as &[u8], END);
        })?;
        let (mut dids, mut next) = (0, Some(RECORD_PATHS.to_vec()));
        while let Some(from) = next {
            let (page, rest) = self.records(&from, BUILD_SLICE);
            write(false, &|db, writes| {
                for newest in &page {
                    put_rows(db, writes, &newest.did, newest.height, &newest.record);
                }
            })?;
            let standing = page.iter().filter(|newest| !newest.record.is_empty());
            dids += u64::try_from(standing.count()).expect("a slice is short");
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

    /// Compares the index, and the newest records beside it, with the newest state; says how many rows the index has, or names the
    /// first that is wrong.
    pub fn check_did_index(&self) -> Result<u64, BadRow> {
        let (mut expected, mut next) = (0, Some(RECORD_PATHS.to_vec()));
        while let Some(from) = next {
            let (page, rest) = self.records(&from, BUILD_SLICE);
            for newest in &page {
                self.check_record(newest)?;
                for row in rows(&newest.did, &newest.record) {
                    if self.reader.get(DIDS, &row).is_none() {
                        let problem = "the index lacks a DID that the state has";
                        return Err(bad(DIDS, &row, problem));
                    }
                    expected += 1;
                }
            }
            next = rest;
        }
        self.check_each(RECORDS, |db, did| {
            search(db, &[RECORD_PATHS, did].concat(), u64::MAX).is_some()
        })?;
        let found = self.check_each(DIDS, is_derived)?;
        assert!(
            found == expected,
            "rows that are all there, and all follow from the state, are as many"
        );
        Ok(found)
    }

    fn check_record(&self, newest: &Newest) -> Result<(), BadRow> {
        let row = self.reader.get(RECORDS, newest.did.as_bytes());
        if row.as_deref().map(records::decode) == Some((newest.height, &newest.record)) {
            return Ok(());
        }
        let problem = "it is not the DID's newest record in the state";
        Err(bad(RECORDS, newest.did.as_bytes(), problem))
    }

    /// Looks whether each row of a table follows from the state; says how many there are.
    fn check_each(
        &self,
        name: &'static str,
        follows: impl Fn(&DB, &[u8]) -> bool,
    ) -> Result<u64, BadRow> {
        self.reader.shared().with(|db| {
            let mut count = 0;
            let mut stored = db.raw_iterator_cf_opt(table(db, name), total_order());
            stored.seek_to_first();
            while let Some(row) = stored.key() {
                if !follows(db, row) {
                    return Err(bad(name, row, "it has a DID where the state has none"));
                }
                count += 1;
                stored.next();
            }
            must(stored.status());
            Ok(count)
        })
    }

    /// The newest records of up to `limit` DIDs from this path on, without a walk through their versions.
    fn records(&self, from: &[u8], limit: usize) -> Page {
        self.reader.shared().with(|db| {
            let mut state = db.raw_iterator_cf_opt(table(db, STATE), total_order());
            let mut page = Vec::new();
            state.seek(from);
            while let Some((row, value)) = state.item() {
                let (path, height) = decode_state_row(row);
                if !path.starts_with(RECORD_PATHS) {
                    break;
                }
                if page.len() == limit {
                    return (page, Some(path.to_vec()));
                }
                // A path's rows are newest first.
                if let Some(did) = did_of(path) {
                    page.push(Newest {
                        did: did.to_owned(),
                        height,
                        record: value.to_vec(),
                    });
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

fn bad(table: &'static str, row: &[u8], problem: &str) -> BadRow {
    BadRow {
        table,
        row: format!("row {}", String::from_utf8_lossy(row)),
        problem: problem.to_owned(),
    }
}

/// What a block changes of the index.
pub(super) fn fill(changes: &Changes, height: u64, db: &DB, writes: &mut WriteBatch) {
    let from = RECORD_PATHS.to_vec();
    let records = changes
        .range(from..)
        .take_while(|(path, _)| path.starts_with(RECORD_PATHS));
    for (path, change) in records {
        let Some(did) = did_of(path) else { continue };
        let old = match height.checked_sub(1) {
            Some(before) => match records::read(db, did, before) {
                Told::Is(record) => record.map(|record| rows(did, &record)).unwrap_or_default(),
                Told::Later => stored_rows(db, path, did, before),
            },
            None => BTreeSet::new(),
        };
        let record = change.as_deref().unwrap_or(DELETED);
        let new = rows(did, record);
        for row in old.difference(&new) {
            writes.delete_cf(table(db, DIDS), row);
        }
        // Also those that were there before: in a write that is tried again they may be what the first one took out.
        for row in &new {
            writes.put_cf(table(db, DIDS), row, []);
        }
        records::put(db, writes, did, height, record);
    }
}

/// The rows of entries of a state that is being taken over, of which none is there yet.
pub(super) fn fill_imported(entries: &Changes, height: u64, db: &DB, writes: &mut WriteBatch) {
    for (path, value) in entries {
        if let (Some(did), Some(record)) = (did_of(path), value) {
            put_rows(db, writes, did, height, record);
        }
    }
}

fn put_rows(db: &DB, writes: &mut WriteBatch, did: &str, height: u64, record: &[u8]) {
    for row in rows(did, record) {
        writes.put_cf(table(db, DIDS), row, []);
    }
    records::put(db, writes, did, height, record);
}

/// The rows that follow from what stands at a record's path as of a height.
fn stored_rows(db: &DB, path: &[u8], did: &str, height: u64) -> BTreeSet<Vec<u8>> {
    search(db, path, height)
        .map(|record| rows(did, &record))
        .unwrap_or_default()
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
    let path = [RECORD_PATHS, did.as_bytes()].concat();
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
