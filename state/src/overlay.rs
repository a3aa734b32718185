//! Writing state: changes laid over a view, kept or dropped as a whole.

use std::cell::Cell;
use std::collections::BTreeMap;

use crate::env::Event;
use crate::view::{KEY_BYTES_MAX, VALUE_BYTES_MAX, View};

/// What a read counts for besides the value that it yields, bytes: it is looked for even where there is none.
pub const READ_BYTES: u64 = 256;

/// Changes over a view, and the events that tell of them. Itself a view, so overlays nest: a transaction's over its block's.
#[derive(Clone)]
pub struct Overlay<'a> {
    base: &'a dyn View,
    changes: Changes,
    events: Vec<Event>,
    bytes_read: Cell<u64>,
}

/// What an overlay changed: `None` is a deletion.
pub type Changes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

impl<'a> Overlay<'a> {
    /// Nothing changed yet.
    pub fn new(base: &'a dyn View) -> Self {
        Self {
            base,
            changes: Changes::new(),
            events: Vec::new(),
            bytes_read: Cell::new(0),
        }
    }

    /// How much was read through this overlay, wherever it stood: the values, and [`READ_BYTES`] for each.
    pub fn bytes_read(&self) -> u64 {
        self.bytes_read.get()
    }

    fn note_read(&self, bytes: usize) {
        let bytes = u64::try_from(bytes).expect("a length fits in 64 bits");
        let read = self.bytes_read.get().saturating_add(bytes);
        self.bytes_read.set(read.saturating_add(READ_BYTES));
    }

    /// Sets the value at `key`.
    ///
    /// # Panics
    /// When the key is no state path, or the value is empty or too long: operations are checked before they come here.
    pub fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        assert_path(&key);
        assert!(
            !value.is_empty(),
            "an empty value cannot be told from an absent one in a proof"
        );
        assert!(
            value.len() <= VALUE_BYTES_MAX,
            "a value has at most {VALUE_BYTES_MAX} bytes"
        );
        self.changes.insert(key, Some(value));
    }

    /// Encodes and sets a record, which says something: one with every field at its default encodes to nothing.
    pub fn put_record<M: prost::Message>(&mut self, key: Vec<u8>, record: &M) {
        self.put(key, record.encode_to_vec());
    }

    /// Removes the value at `key`.
    pub fn delete(&mut self, key: Vec<u8>) {
        assert_path(&key);
        self.changes.insert(key, None);
    }

    /// Tells of something that happened.
    pub fn emit(&mut self, event: Event) {
        self.events.push(event);
    }

    /// The changes and events, to keep.
    pub fn into_parts(self) -> (Changes, Vec<Event>) {
        (self.changes, self.events)
    }

    /// Lays another overlay's changes over this one's.
    pub fn absorb(&mut self, changes: Changes) {
        self.changes.extend(changes);
    }
}

/// A path is printable ASCII, so that it never meets the store's own separators.
fn assert_path(key: &[u8]) {
    assert!(
        !key.is_empty() && key.len() <= KEY_BYTES_MAX,
        "a state path has 1 to {KEY_BYTES_MAX} bytes"
    );
    assert!(
        key.iter().all(u8::is_ascii_graphic),
        "a state path is printable ASCII"
    );
}

impl std::fmt::Debug for Overlay<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Overlay")
            .field("changes", &self.changes.len())
            .field("events", &self.events)
            .finish()
    }
}

impl View for Overlay<'_> {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        let value = match self.changes.get(key) {
            Some(change) => change.clone(),
            None => self.base.get(key),
        };
        self.note_read(value.as_ref().map_or(0, Vec::len));
        value
    }

    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        let changed: BTreeMap<&[u8], &Option<Vec<u8>>> = self
            .changes
            .range(prefix.to_vec()..)
            .take_while(|(key, _)| key.starts_with(prefix))
            .filter(|(key, _)| after.is_none_or(|after| key.as_slice() > after))
            .map(|(key, change)| (key.as_slice(), change))
            .collect();
        let deleted = changed.values().filter(|change| change.is_none()).count();
        // Each deletion hides at most one entry of the base: asking for as many more leaves enough.
        let mut merged: BTreeMap<Vec<u8>, Vec<u8>> = self
            .base
            .scan(prefix, after, limit.saturating_add(deleted))
            .into_iter()
            .collect();
        for (key, change) in changed {
            match change {
                Some(value) => merged.insert(key.to_vec(), value.clone()),
                None => merged.remove(key),
            };
        }
        self.note_read(0);
        let found = merged.into_iter().take(limit);
        found
            .inspect(|(key, value)| self.note_read(key.len() + value.len()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;

    use super::*;
    use crate::memory::Memory;
    use crate::store::{Archive, Batch, Store};

    type Model = BTreeMap<Vec<u8>, Vec<u8>>;

    /// A key to get; a prefix, a start and a limit to scan with.
    type Read = (Vec<u8>, Vec<u8>, Option<Vec<u8>>, usize);

    fn a_key() -> impl Strategy<Value = Vec<u8>> {
        "[ab/]{1,3}".prop_map(String::into_bytes)
    }

    fn some_changes() -> impl Strategy<Value = Changes> {
        btree_map(
            a_key(),
            proptest::option::of("[0-9]{1,2}".prop_map(String::into_bytes)),
            0..12,
        )
    }

    fn write(state: &mut Overlay<'_>, model: &mut Model, changes: &Changes) {
        for (key, change) in changes {
            match change {
                Some(value) => {
                    state.put(key.clone(), value.clone());
                    model.insert(key.clone(), value.clone());
                }
                None => {
                    state.delete(key.clone());
                    model.remove(key);
                }
            }
        }
    }

    fn check(state: &dyn View, model: &Model, reads: &[Read]) {
        for (key, prefix, after, limit) in reads {
            assert_eq!(state.get(key), model.get(key).cloned());
            let expected: Vec<_> = model
                .iter()
                .filter(|(key, _)| {
                    key.starts_with(prefix) && after.as_ref().is_none_or(|after| *key > after)
                })
                .map(|(key, value)| (key.clone(), value.clone()))
                .take(*limit)
                .collect();
            assert_eq!(
                state.scan(prefix, after.as_deref(), *limit),
                expected,
                "{prefix:?} {after:?} {limit}"
            );
        }
    }

    #[test]
    fn all_that_is_read_is_counted() {
        let base = Memory::new();
        let base = base.state_at(0);
        let mut outer = Overlay::new(base.as_ref());
        outer.put(b"a/1".to_vec(), vec![1; 1000]);
        let mut inner = Overlay::new(&outer);
        inner.put(b"a/2".to_vec(), vec![2; 10]);
        assert_eq!(inner.bytes_read(), 0);
        inner.get(b"a/1");
        inner.get(b"a/2");
        inner.get(b"a/3");
        assert_eq!(inner.bytes_read(), 1010 + 3 * READ_BYTES);
        inner.scan(b"a/", None, 9);
        assert_eq!(inner.bytes_read(), 2 * 1010 + 6 + 6 * READ_BYTES);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn nested_overlays_read_as_one_map(
            layers in vec(some_changes(), 4),
            keep in any::<bool>(),
            reads in vec((a_key(), "[ab/]{0,2}".prop_map(String::into_bytes), proptest::option::of(a_key()), prop_oneof![0..6usize, Just(usize::MAX)]), 8),
        ) {
            let [stored, block, transaction, operation] = <[Changes; 4]>::try_from(layers).unwrap();
            let mut memory = Memory::new();
            memory.commit(Batch { changes: stored.clone(), ..Batch::default() }).unwrap();
            let base = memory.state_at(0);
            let mut model: Model = stored.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();

            let mut outer = Overlay::new(base.as_ref());
            write(&mut outer, &mut model, &block);
            check(&outer, &model, &reads);
            let before = model.clone();
            let mut middle = Overlay::new(&outer);
            write(&mut middle, &mut model, &transaction);
            let mut inner = Overlay::new(&middle);
            write(&mut inner, &mut model, &operation);
            check(&inner, &model, &reads);

            let (changes, _) = inner.into_parts();
            middle.absorb(changes);
            check(&middle, &model, &reads);
            let (changes, _) = middle.into_parts();
            if keep {
                outer.absorb(changes);
            }
            check(&outer, if keep { &model } else { &before }, &reads);
        }
    }
}
