//! The newest record of each DID, by the DID: what nearly every question about a DID asks for.
//!
//! State has a value as of every height, and so it is found by a search through all files that may hold a row before it. Here a DID
//! has one row with one key, which is one look-up, in one file. The rows follow from the state and are written with it, in the same
//! batch; the mark of the index of DIDs says that they are whole too. Who asks for an older height than a row has goes on to search.

use rocksdb::{DB, WriteBatch};

use super::read::must;
use super::tables::{RECORDS, table};

/// What the newest row says of a DID's record as of a height.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// This is it, or there is none.
    Is(Option<Vec<u8>>),
    /// Nothing: it is of a later height.
    Later,
}

/// The record of `did` as of `height`, if the newest tells it.
pub(super) fn read(db: &DB, did: &str, height: u64) -> Told {
    // Pinned, so that it is copied once.
    let Some(row) = must(db.get_pinned_cf(table(db, RECORDS), did)) else {
        return Told::Is(None);
    };
    let (written, record) = decode(&row);
    if written > height {
        return Told::Later;
    }
    Told::Is((!record.is_empty()).then(|| record.to_vec()))
}

/// Writes the newest record of a DID; an empty one: it was deleted.
pub(super) fn put(db: &DB, writes: &mut WriteBatch, did: &str, height: u64, record: &[u8]) {
    let row = [height.to_be_bytes().as_slice(), record].concat();
    writes.put_cf(table(db, RECORDS), did, row);
}

/// The height of a row, and its record.
pub(super) fn decode(row: &[u8]) -> (u64, &[u8]) {
    let (height, record) = row
        .split_first_chunk::<8>()
        .expect("a stored record begins with its height");
    (u64::from_be_bytes(*height), record)
}
