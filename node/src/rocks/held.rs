//! Rows of the newest records that were asked for, in memory: one look-up where RocksDB has a search.
//!
//! It never knows more or less than the table: who writes a DID's row lets go of what is held of it before the height is shown, and
//! what a reader found meanwhile is not kept. Nothing is held of what is not there.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use quick_cache::Weighter;
use quick_cache::sync::{Cache, GuardResult};

/// What a row takes besides its key and its value, about, bytes: two pieces of memory, and its places in the map and the list.
const ROW_OVERHEAD: u64 = 128;
/// A row of a plain document with its key, about, bytes.
const ROW_EXPECTED: u64 = 384;

#[derive(Clone)]
struct Bytes;

impl Weighter<String, Arc<[u8]>> for Bytes {
    fn weight(&self, did: &String, row: &Arc<[u8]>) -> u64 {
        u64::try_from(did.len() + row.len()).map_or(u64::MAX, |bytes| bytes + ROW_OVERHEAD)
    }
}

/// Rows by DID.
pub(super) struct Held(Option<Cache<String, Arc<[u8]>, Bytes>>);

impl Held {
    /// Holds up to so many bytes; with 0 nothing.
    pub(super) fn new(bytes: usize) -> Self {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let rows = usize::try_from(bytes / (ROW_EXPECTED + ROW_OVERHEAD)).unwrap_or(usize::MAX);
        Self((bytes > 0).then(|| Cache::with_weighter(rows, bytes, Bytes)))
    }

    /// The row of a DID; what `read` finds is kept, unless somebody wrote it meanwhile.
    pub(super) fn row(
        &self,
        did: &str,
        read: impl FnOnce() -> Option<Arc<[u8]>>,
    ) -> Option<Arc<[u8]>> {
        let Some(cache) = &self.0 else {
            return read();
        };
        match cache.get_value_or_guard(did, Some(Duration::ZERO)) {
            GuardResult::Value(row) => Some(row),
            GuardResult::Guard(place) => {
                let row = read()?;
                // Refused if the place is gone: then the row was written, and this may be the one before.
                drop(place.insert(Arc::clone(&row)));
                Some(row)
            }
            // Somebody else is reading it.
            GuardResult::Timeout => read(),
        }
    }

    /// The row was written.
    pub(super) fn forget(&self, did: &str) {
        if let Some(cache) = &self.0 {
            cache.remove(did);
        }
    }

    /// What the rows take, bytes.
    pub(super) fn bytes(&self) -> usize {
        let bytes = self.0.as_ref().map_or(0, Cache::weight);
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }

    /// The table may not be what it was. Nobody may be reading it.
    pub(super) fn clear(&self) {
        if let Some(cache) = &self.0 {
            cache.clear();
        }
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(text: &str) -> Option<Arc<[u8]>> {
        Some(Arc::from(text.as_bytes()))
    }

    fn unread() -> Option<Arc<[u8]>> {
        panic!("it is held")
    }

    #[test]
    fn a_row_is_read_once_until_it_is_written() {
        let held = Held::new(1 << 20);
        assert_eq!(held.row("a", || row("1")), row("1"));
        assert_eq!(held.row("a", unread), row("1"));
        held.forget("a");
        assert_eq!(held.row("a", || row("2")), row("2"));
        held.clear();
        assert_eq!(held.row("a", || row("3")), row("3"));
    }

    #[test]
    fn what_was_read_before_a_write_is_not_kept_after_it() {
        let held = Held::new(1 << 20);
        let before = held.row("a", || {
            held.forget("a");
            row("before")
        });
        assert_eq!(before, row("before"));
        assert_eq!(held.row("a", || row("after")), row("after"));
    }

    #[test]
    fn two_who_ask_for_one_row_do_not_wait_for_each_other() {
        let held = Held::new(1 << 20);
        let outer = held.row("a", || held.row("a", || row("1")));
        assert_eq!(outer, row("1"));
        assert_eq!(held.row("a", unread), row("1"));
    }

    #[test]
    fn nothing_is_held_of_what_is_not_there() {
        let held = Held::new(1 << 20);
        assert_eq!(held.row("a", || None), None);
        assert_eq!(held.row("a", || row("1")), row("1"));
    }

    #[test]
    fn rows_make_room_for_others() {
        let bytes = 1 << 20;
        let held = Held::new(bytes);
        for number in 0..20_000 {
            held.row(&number.to_string(), || row(&"x".repeat(300)));
        }
        let cache = held.0.as_ref().expect("it holds something");
        let most = u64::try_from(bytes).expect("a small number");
        assert!((most / 2..=most).contains(&cache.weight()));
    }

    #[test]
    fn without_memory_every_row_is_read() {
        let held = Held::new(0);
        assert_eq!(held.row("a", || row("1")), row("1"));
        assert_eq!(held.row("a", || row("2")), row("2"));
    }
}
