//! The content of a chunk: entries of state, in byte order of their paths.
//!
//! ```text
//! length of the path, 2 bytes ‖ path ‖ length of the value, 4 bytes ‖ value        again and again
//! ```
//! Numbers are big-endian. The same state always makes the same chunks.

use starfire_state::view::{KEY_BYTES_MAX, VALUE_BYTES_MAX};

use super::CHUNK_BYTES;

/// The longest chunk: one entry of the longest path and value.
pub const CHUNK_BYTES_MAX: usize = FRAMING_BYTES + KEY_BYTES_MAX + VALUE_BYTES_MAX;
/// What the lengths of an entry take.
const FRAMING_BYTES: usize = 6;

/// A path and its value.
pub type Entry = (Vec<u8>, Vec<u8>);

/// The bytes are not a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    /// They end within an entry, or are more than a chunk has.
    #[error("the chunk has not the length that it says")]
    Length,
    /// A path is none, or a value is empty or too long.
    #[error("the chunk holds an entry that no state has")]
    Entry,
    /// A path does not come after the one before.
    #[error("the chunk's entries are not in order")]
    Order,
}

/// Cuts entries into chunks, as many to one as fit.
#[derive(Debug, Default)]
pub struct Cutter(Vec<u8>);

impl Cutter {
    /// Adds an entry; returns a chunk that has become full without it.
    pub fn push(&mut self, path: &[u8], value: &[u8]) -> Option<Vec<u8>> {
        let length = FRAMING_BYTES + path.len() + value.len();
        let full = (!self.0.is_empty() && self.0.len() + length > CHUNK_BYTES)
            .then(|| std::mem::take(&mut self.0));
        let path_bytes = u16::try_from(path.len()).expect("a state path is short");
        let value_bytes = u32::try_from(value.len()).expect("a value has at most 2 MiB");
        self.0.extend(path_bytes.to_be_bytes());
        self.0.extend(path);
        self.0.extend(value_bytes.to_be_bytes());
        self.0.extend(value);
        full
    }

    /// The last chunk, if anything is left.
    pub fn finish(self) -> Option<Vec<u8>> {
        (!self.0.is_empty()).then_some(self.0)
    }
}

/// Reads a chunk whose first path must come after `after`, the last one of the chunk before.
pub fn decode(bytes: &[u8], after: Option<&[u8]>) -> Result<Vec<Entry>, ChunkError> {
    if bytes.len() > CHUNK_BYTES_MAX {
        return Err(ChunkError::Length);
    }
    let mut rest = bytes;
    let mut entries: Vec<Entry> = Vec::new();
    while !rest.is_empty() {
        let length = usize::from(u16::from_be_bytes(take_array(&mut rest)?));
        let path = take(&mut rest, length)?;
        let length = u32::from_be_bytes(take_array(&mut rest)?);
        let length = usize::try_from(length).map_err(|_| ChunkError::Length)?;
        let value = take(&mut rest, length)?;
        let sound = (1..=KEY_BYTES_MAX).contains(&path.len())
            && path.iter().all(u8::is_ascii_graphic)
            && (1..=VALUE_BYTES_MAX).contains(&value.len());
        if !sound {
            return Err(ChunkError::Entry);
        }
        let before = entries.last().map(|(path, _)| path.as_slice()).or(after);
        if before.is_some_and(|before| before >= path) {
            return Err(ChunkError::Order);
        }
        entries.push((path.to_vec(), value.to_vec()));
    }
    if entries.is_empty() {
        return Err(ChunkError::Length);
    }
    Ok(entries)
}

fn take_array<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], ChunkError> {
    let (head, tail) = rest.split_first_chunk().ok_or(ChunkError::Length)?;
    *rest = tail;
    Ok(*head)
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], ChunkError> {
    let (head, tail) = rest.split_at_checked(length).ok_or(ChunkError::Length)?;
    *rest = tail;
    Ok(head)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;

    use super::*;

    fn cut(state: &BTreeMap<Vec<u8>, Vec<u8>>) -> Vec<Vec<u8>> {
        let mut cutter = Cutter::default();
        let mut chunks: Vec<_> = state
            .iter()
            .filter_map(|(path, value)| cutter.push(path, value))
            .collect();
        chunks.extend(cutter.finish());
        chunks
    }

    fn join(chunks: &[Vec<u8>]) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, ChunkError> {
        let mut state: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
        for chunk in chunks {
            let last = state.last_key_value().map(|(path, _)| path.clone());
            state.extend(decode(chunk, last.as_deref())?);
        }
        Ok(state)
    }

    fn a_state() -> impl Strategy<Value = BTreeMap<Vec<u8>, Vec<u8>>> {
        let value = prop_oneof![
            8 => vec(any::<u8>(), 1..40),
            1 => (300_000..700_000usize).prop_map(|length| vec![7; length]),
        ];
        btree_map("[!-~]{1,12}".prop_map(String::into_bytes), value, 0..30)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_state_survives_cutting_and_joining(state in a_state()) {
            let chunks = cut(&state);
            prop_assert!(chunks.iter().all(|chunk| chunk.len() <= CHUNK_BYTES));
            prop_assert_eq!(join(&chunks), Ok(state));
        }

        #[test]
        fn damage_is_an_error_or_another_state_and_never_a_panic(
            state in a_state(),
            at in any::<prop::sample::Index>(),
            bit in 0..8u32,
            cut_at in any::<prop::sample::Index>(),
        ) {
            let mut chunks = cut(&state);
            prop_assume!(!chunks.is_empty());
            let chunk = &mut chunks[0];
            let place = at.index(chunk.len());
            chunk[place] ^= 1 << bit;
            prop_assert_ne!(join(&chunks), Ok(state));
            let end = cut_at.index(chunks[0].len());
            drop(decode(&chunks[0][..end], None));
        }
    }

    #[test]
    fn the_longest_entry_makes_a_chunk_of_its_own() {
        let state = BTreeMap::from([
            (b"a".to_vec(), vec![1]),
            (vec![b'b'; KEY_BYTES_MAX], vec![2; VALUE_BYTES_MAX]),
            (b"c".to_vec(), vec![3]),
        ]);
        let chunks = cut(&state);
        assert_eq!(chunks.len(), 3);
        assert_eq!(chunks[1].len(), CHUNK_BYTES_MAX);
        assert_eq!(join(&chunks), Ok(state));
    }

    #[test]
    fn entries_out_of_order_across_chunks_are_refused() {
        let chunk = |path: &str| {
            let mut cutter = Cutter::default();
            assert!(cutter.push(path.as_bytes(), b"v").is_none());
            cutter.finish().unwrap()
        };
        assert_eq!(
            join(&[chunk("b"), chunk("a")]),
            Err(ChunkError::Order),
            "not sorted"
        );
        assert_eq!(
            join(&[chunk("a"), chunk("a")]),
            Err(ChunkError::Order),
            "twice"
        );
        assert_eq!(decode(&[], None), Err(ChunkError::Length));
        assert_eq!(decode(&chunk("a b"), None), Err(ChunkError::Entry));
    }
}
