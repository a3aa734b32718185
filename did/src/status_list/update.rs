//! Sets and clears bits of a list.

use std::collections::{BTreeMap, BTreeSet};

use starfire_proto::v1;
use starfire_state::{Env, Event, Overlay, Rejection, record};

use super::create::{Purpose, invalid, named, put};
use super::read::mask;
use super::tree::{Hash, leaf, root_of};
use super::{CHUNK_BITS, CHUNK_BYTES, list};
use crate::authority;
use crate::code;
use crate::id::Did;
use crate::path;

/// Bits that one update may set and clear, together.
pub const UPDATE_BITS_MAX: usize = 4096;

/// Sets and clears bits of a list of the sender's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    name: String,
    expected_version: u64,
    /// What becomes of which bit.
    bits: BTreeMap<u64, bool>,
    set: usize,
    cleared: usize,
}

impl TryFrom<v1::StatusListUpdate> for Update {
    type Error = Rejection;

    fn try_from(message: v1::StatusListUpdate) -> Result<Self, Rejection> {
        named(&message.name)?;
        let (set, cleared) = (message.set.len(), message.clear.len());
        let count = set.saturating_add(cleared);
        if count == 0 || count > UPDATE_BITS_MAX {
            return Err(invalid(format!(
                "an update names 1 to {UPDATE_BITS_MAX} bits, not {count}"
            )));
        }
        let bits: BTreeMap<u64, bool> = (message.set.into_iter().map(|index| (index, true)))
            .chain(message.clear.into_iter().map(|index| (index, false)))
            .collect();
        if bits.len() != count {
            return Err(invalid("an update names a bit twice".into()));
        }
        Ok(Self {
            name: message.name,
            expected_version: message.expected_version,
            bits,
            set,
            cleared,
        })
    }
}

impl Update {
    /// Writes the chunks that change, and the root over all.
    pub fn apply(self, state: &mut Overlay<'_>, env: &Env) -> Result<(), Rejection> {
        let issuer = authority::sender(state, env)?;
        let Some(old) = list(state, &issuer, &self.name) else {
            let detail = format!("{issuer} has no status list {}", self.name);
            return Err(Rejection::new(code::STATUS_LIST_NOT_FOUND, detail));
        };
        if old.version != self.expected_version {
            let detail = format!(
                "the list has version {}, not {}: read it and try again",
                old.version, self.expected_version
            );
            return Err(Rejection::new(code::STATUS_LIST_VERSION_CONFLICT, detail));
        }
        let last = self.bits.last_key_value().map_or(0, |(index, _)| *index);
        if last >= old.length {
            let detail = format!("entry {last} is beyond the list's {} bits", old.length);
            return Err(Rejection::new(code::STATUS_LIST_OUT_OF_RANGE, detail));
        }
        if self.cleared != 0 && Purpose::parse(&old.purpose) == Some(Purpose::Revocation) {
            return Err(Rejection::new(
                code::STATUS_LIST_REVOCATION_FINAL,
                "a revocation is final: no bit of this list is cleared",
            ));
        }

        let mut leaves = leaves(state, &issuer, &self.name);
        let touched: BTreeSet<u64> = self.bits.keys().map(|index| index / CHUNK_BITS).collect();
        for chunk in touched {
            let position = usize::try_from(chunk).expect("a list is bounded");
            leaves[position] = self.rewrite(chunk, state, &issuer);
        }
        let new = v1::StatusListRecord {
            version: old
                .version
                .checked_add(1)
                .expect("fewer than 2^64 transactions update a list"),
            updated_ms: env.time_ms(),
            root: root_of(&leaves).to_vec(),
            ..old
        };
        put(state, &issuer, &new, &leaves);
        let attributes = vec![
            ("issuer", new.issuer),
            ("name", new.name),
            ("version", new.version.to_string()),
            ("set", self.set.to_string()),
            ("cleared", self.cleared.to_string()),
        ];
        state.emit(Event::new("status_list.updated", attributes));
        Ok(())
    }

    /// Writes one chunk, or removes it if it is all zero now. Its hash.
    fn rewrite(&self, chunk: u64, state: &mut Overlay<'_>, issuer: &Did) -> Hash {
        let path = path::status_list_chunk(issuer, &self.name, chunk);
        let stored: Option<v1::StatusListChunk> = record(state, &path);
        let mut bits = stored.map_or_else(|| vec![0; CHUNK_BYTES], |chunk| chunk.bits);
        assert_eq!(bits.len(), CHUNK_BYTES, "a chunk is stored whole");
        let first = chunk * CHUNK_BITS;
        for (index, set) in self.bits.range(first..first + CHUNK_BITS) {
            let (byte, mask) = mask(*index);
            match set {
                true => bits[byte] |= mask,
                false => bits[byte] &= !mask,
            }
        }
        let hash = leaf(&bits);
        if bits.iter().all(|byte| *byte == 0) {
            state.delete(path);
        } else {
            state.put_record(path, &v1::StatusListChunk { bits });
        }
        hash
    }
}

/// The hashes of a list's chunks.
fn leaves(state: &Overlay<'_>, issuer: &Did, name: &str) -> Vec<Hash> {
    let path = path::status_list_leaves(issuer, name);
    let stored: v1::StatusListLeaves =
        record(state, &path).expect("a list is stored with the hashes of its chunks");
    stored.hashes.as_chunks::<32>().0.to_vec()
}
