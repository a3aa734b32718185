//! The newest values of the paths that were written or read last.
//!
//! A payment's accounts are read on admission, on selection and in execution, and written once. In the store each read is a search
//! through all versions of the path; here it is a look-up. Only the core's own view of the newest height reads it: whoever asks for
//! an older height, and every other thread, asks the store.
//!
//! It is a table of fixed size in which a path has a few possible places. When all are taken the oldest entry goes, so the table
//! needs no upkeep and its bound is its size.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, MutexGuard};

use starfire_state::{Changes, View};

use super::many::{SHARE_MIN, read_all};
use super::state::StateAt;

/// Places in the table, together and for one path.
const ENTRIES_MAX: usize = 1 << 18;
const WAYS: usize = 8;
/// Longer paths and values are not kept, so the table has at most so many times [`ENTRIES_MAX`] bytes; accounts have about sixty and a hundred.
const PATH_BYTES_MAX: usize = 128;
const VALUE_BYTES_MAX: usize = 256;
/// Of paths that are to be read ahead so many tell whether the others are worth a look.
const SAMPLE: usize = 64;
/// Paths that are read ahead of their use at one time: one in four of what the table holds.
const READ_AHEAD_MAX: usize = ENTRIES_MAX / 4;

/// Newest values by path.
pub(super) struct Newest {
    sets: Vec<Set>,
}

#[derive(Clone)]
struct Entry {
    /// Of the path: told apart here, two paths need not be fetched to be compared.
    hash: u64,
    path: Box<[u8]>,
    /// What stands there.
    value: Option<Box<[u8]>>,
}

impl Entry {
    fn is_of(&self, hash: u64, path: &[u8]) -> bool {
        self.hash == hash && *self.path == *path
    }

    /// In the memory that it has, where the length is the same.
    fn set(&mut self, value: Option<&[u8]>) {
        match (&mut self.value, value) {
            (Some(stands), Some(value)) if stands.len() == value.len() => {
                stands.copy_from_slice(value);
            }
            (stands, value) => *stands = value.map(Into::into),
        }
    }
}

#[derive(Clone, Default)]
struct Set {
    /// Newest first.
    entries: Vec<Entry>,
}

impl Newest {
    pub(super) fn new() -> Self {
        Self {
            sets: vec![Set::default(); ENTRIES_MAX / WAYS],
        }
    }

    /// What is known of the path: `Some(None)` says that it has no value.
    pub(super) fn get(&self, path: &[u8]) -> Option<Option<Vec<u8>>> {
        let hash = hash(path);
        let entries = &self.sets[place(hash)].entries;
        let known = entries.iter().find(|entry| entry.is_of(hash, path))?;
        Some(known.value.as_ref().map(|value| value.to_vec()))
    }

    /// Takes note of the newest value of a path.
    pub(super) fn note(&mut self, path: &[u8], value: Option<&[u8]>) {
        let hash = hash(path);
        let entries = &mut self.sets[place(hash)].entries;
        let known = entries.iter().position(|entry| entry.is_of(hash, path));
        if path.len() > PATH_BYTES_MAX || value.is_some_and(|value| value.len() > VALUE_BYTES_MAX) {
            known.map(|at| entries.remove(at));
            return;
        }
        match known {
            Some(at) => {
                entries[..=at].rotate_right(1);
                entries[0].set(value);
            }
            None => {
                entries.truncate(WAYS - 1);
                let entry = Entry {
                    hash,
                    path: path.into(),
                    value: value.map(Into::into),
                };
                entries.insert(0, entry);
            }
        }
    }

    /// Takes note of what a block changed.
    pub(super) fn commit(&mut self, changes: &Changes) {
        for (path, value) in changes {
            self.note(path, value.as_deref());
        }
    }

    /// Forgets everything: the store may not be what it was thought to be.
    pub(super) fn clear(&mut self) {
        *self = Self::new();
    }
}

impl fmt::Debug for Newest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Newest").finish_non_exhaustive()
    }
}

/// The newest state, with what is known of it at hand.
pub(super) struct NewestState<'a> {
    state: StateAt<'a>,
    newest: &'a Mutex<Newest>,
}

impl<'a> NewestState<'a> {
    /// `state` is that of the newest height, which does not change while the view lives: a commit needs the store for itself.
    pub(super) fn new(state: StateAt<'a>, newest: &'a Mutex<Newest>) -> Self {
        Self { state, newest }
    }

    fn newest(&self) -> MutexGuard<'_, Newest> {
        self.newest
            .lock()
            .expect("nobody panics while holding the newest values")
    }

    fn keep_unknown(&self, paths: &mut Vec<Vec<u8>>) {
        let newest = self.newest();
        paths.retain(|path| newest.get(path).is_none());
    }
}

impl View for NewestState<'_> {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        if let Some(known) = self.newest().get(key) {
            return known;
        }
        let value = self.state.get(key);
        self.newest().note(key, value.as_deref());
        value
    }

    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.state.scan(prefix, after, limit)
    }

    fn read_ahead(&self, paths: &mut dyn Iterator<Item = Vec<u8>>) {
        let mut unknown: Vec<Vec<u8>> = paths.take(SAMPLE).collect();
        self.keep_unknown(&mut unknown);
        // Where nearly all are known, to look for the others costs more than it saves.
        if unknown.len() < SAMPLE / 8 {
            return;
        }
        let mut others = paths.collect();
        self.keep_unknown(&mut others);
        unknown.append(&mut others);
        if unknown.len() <= SHARE_MIN {
            return;
        }
        // Neighbours lie in one block of a file. What would push out what was read first is left for whoever asks.
        unknown.sort_unstable();
        unknown.dedup();
        unknown.truncate(READ_AHEAD_MAX);
        let values = read_all(&unknown, |path| self.state.get(path));
        let mut newest = self.newest();
        for (path, value) in unknown.iter().zip(values) {
            newest.note(path, value.as_deref());
        }
    }
}

fn hash(path: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    path.hash(&mut hasher);
    hasher.finish()
}

fn place(hash: u64) -> usize {
    let sets = u64::try_from(ENTRIES_MAX / WAYS).expect("a small number");
    usize::try_from(hash % sets).expect("less than a small number")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn what_it_knows_is_what_was_written_last() {
        let mut newest = Newest::new();
        let mut model: BTreeMap<Vec<u8>, Option<Vec<u8>>> = BTreeMap::new();
        let mut random = fastrand::Rng::with_seed(3);
        for _ in 0..600_000 {
            let path = random.u32(0..400_000).to_string().into_bytes();
            let length = random.usize(0..VALUE_BYTES_MAX + 20);
            let value = (length > 9).then(|| vec![random.u8(..); length]);
            newest.note(&path, value.as_deref());
            model.insert(path, value);
        }
        let known = model
            .iter()
            .filter(|(path, value)| match newest.get(path) {
                Some(known) => {
                    assert_eq!(known, **value);
                    true
                }
                None => false,
            })
            .count();
        assert!((ENTRIES_MAX / 2..=ENTRIES_MAX).contains(&known), "{known}");
        newest.clear();
        assert!(model.keys().all(|path| newest.get(path).is_none()));
    }

    #[test]
    fn a_long_path_is_not_kept() {
        let mut newest = Newest::new();
        let path = |length| vec![b'a'; length];
        for length in [PATH_BYTES_MAX, PATH_BYTES_MAX + 1, 40_000] {
            newest.note(&path(length), None);
        }
        assert_eq!(newest.get(&path(PATH_BYTES_MAX)), Some(None));
        assert_eq!(newest.get(&path(PATH_BYTES_MAX + 1)), None);
        assert_eq!(newest.get(&path(40_000)), None);
    }

    #[test]
    fn a_long_value_is_not_kept_and_does_not_leave_the_one_before() {
        let mut newest = Newest::new();
        newest.commit(&Changes::from([(b"a".to_vec(), Some(vec![1]))]));
        assert_eq!(newest.get(b"a"), Some(Some(vec![1])));
        let long = vec![1; VALUE_BYTES_MAX + 1];
        newest.commit(&Changes::from([(b"a".to_vec(), Some(long))]));
        assert_eq!(newest.get(b"a"), None);
        newest.commit(&Changes::from([(b"a".to_vec(), None)]));
        assert_eq!(newest.get(b"a"), Some(None));
    }
}
