//! The newest record of each DID, by the DID: what nearly every question about a DID asks for.
//!
//! State has a value as of every height, and so it is found by a search through all files that may hold a row before it. Here a DID
//! has one row with one key, which is one look-up, in one file. The rows follow from the state and are written with it, in the same
//! batch; the mark of the index of DIDs says that they are whole too. Who asks for an older height than a row has goes on to search.
//! Rows that were asked for are held in memory (`held.rs`).

use std::sync::Arc;

use rocksdb::{DB, WriteBatch};

use super::held::Held;
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

impl Told {
    fn by(row: Option<&[u8]>, height: u64) -> Self {
        let Some(row) = row else {
            return Self::Is(None);
        };
        let (written, record) = decode(row);
        if written > height {
            return Self::Later;
        }
        Self::Is((!record.is_empty()).then(|| record.to_vec()))
    }
}

/// The record of `did` as of `height`, if the newest tells it: what the table says.
pub(super) fn read(db: &DB, did: &str, height: u64) -> Told {
    // Pinned, so that it is copied once.
    let row = must(db.get_pinned_cf(table(db, RECORDS), did));
    Told::by(row.as_deref(), height)
}

/// The same, without the table where its row is held.
pub(super) fn recall(db: &DB, held: &Held, did: &str, height: u64) -> Told {
    let row = held.row(did, || {
        must(db.get_pinned_cf(table(db, RECORDS), did)).map(|row| Arc::from(&*row))
    });
    Told::by(row.as_deref(), height)
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
