//! Rows for a store, as one piece of memory: a block writes thousands of them, and each would be two pieces.

use std::ops::Range;
use std::slice;

/// Keys and values, in the order of the keys as far as whoever makes them knows it: a store writes them fastest in that order.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    bytes: Vec<u8>,
    places: Vec<Place>,
}

/// Where a row lies: its key, and its value right behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    key: Range<usize>,
    end: usize,
}

impl Rows {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Adds a row behind all others.
    pub fn push(&mut self, key: &[u8], value: &[u8]) {
        let (place, _) = self.lay(key, |bytes| bytes.extend_from_slice(value));
        self.places.push(place);
    }

    /// The rows in order.
    pub fn iter(&self) -> Iter<'_> {
        Iter {
            bytes: &self.bytes,
            places: self.places.iter(),
        }
    }

    /// Writes a row down whose place in the order [`Rows::append`] gives later. Its value is also returned.
    pub(crate) fn lay(&mut self, key: &[u8], value: impl FnOnce(&mut Vec<u8>)) -> (Place, &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(key);
        let middle = self.bytes.len();
        value(&mut self.bytes);
        let place = Place {
            key: start..middle,
            end: self.bytes.len(),
        };
        (place, &self.bytes[middle..])
    }

    /// Puts rows that were written down behind all others.
    pub(crate) fn append(&mut self, mut laid: Vec<Place>) {
        self.places.append(&mut laid);
    }
}

/// Rows in order.
#[derive(Debug, Clone)]
pub struct Iter<'a> {
    bytes: &'a [u8],
    places: slice::Iter<'a, Place>,
}

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let place = self.places.next()?;
        let key = &self.bytes[place.key.clone()];
        Some((key, &self.bytes[place.key.end..place.end]))
    }
}

impl PartialEq for Rows {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other)
    }
}

impl Eq for Rows {}

impl<'a> IntoIterator for &'a Rows {
    type Item = (&'a [u8], &'a [u8]);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl<K: AsRef<[u8]>, V: AsRef<[u8]>> Extend<(K, V)> for Rows {
    fn extend<T: IntoIterator<Item = (K, V)>>(&mut self, rows: T) {
        for (key, value) in rows {
            self.push(key.as_ref(), value.as_ref());
        }
    }
}

impl<K: AsRef<[u8]>, V: AsRef<[u8]>> FromIterator<(K, V)> for Rows {
    fn from_iter<T: IntoIterator<Item = (K, V)>>(rows: T) -> Self {
        let mut all = Self::new();
        all.extend(rows);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_in_the_order_in_which_they_were_put_there_not_written_down() {
        let mut rows = Rows::new();
        let (late, value) = rows.lay(b"b", |bytes| bytes.extend(b"late"));
        assert_eq!(value, b"late");
        let (empty, value) = rows.lay(b"c", |_| {});
        assert_eq!(value, b"");
        rows.push(b"a", b"early");
        rows.append(vec![late, empty]);
        let expected: [(&[u8], &[u8]); 3] = [(b"a", b"early"), (b"b", b"late"), (b"c", b"")];
        assert_eq!(rows.iter().collect::<Vec<_>>(), expected);
        assert_eq!(rows.len(), 3);
        assert_eq!(
            expected
                .into_iter()
                .collect::<Rows>()
                .iter()
                .collect::<Vec<_>>(),
            expected
        );
    }
}
