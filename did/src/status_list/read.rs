//! Reading a list: one bit, all of it, and one bit from a proof.

use starfire_proto::v1;
use starfire_state::{View, record};

use super::{CHUNK_BITS, CHUNK_BYTES, LENGTH_MAX};
use crate::id::Did;
use crate::path;

/// A list's record.
pub fn list(view: &dyn View, issuer: &Did, name: &str) -> Option<v1::StatusListRecord> {
    record(view, &path::status_list(issuer, name))
}

/// One bit; `None`: there is no such list, or it is not as long.
pub fn bit(view: &dyn View, issuer: &Did, name: &str, index: u64) -> Option<bool> {
    let list = list(view, issuer, name)?;
    let chunk = record(
        view,
        &path::status_list_chunk(issuer, name, index / CHUNK_BITS),
    );
    proved_bit(issuer, name, index, &list, chunk.as_ref())
}

/// The whole list; `None`: there is none.
pub fn bytes(view: &dyn View, issuer: &Did, name: &str) -> Option<Vec<u8>> {
    let list = list(view, issuer, name)?;
    let length = usize::try_from(list.length / 8).expect("a list is bounded");
    let mut bytes = vec![0; length];
    let prefix = path::status_list_chunks(issuer, name);
    let chunks_max = usize::try_from(LENGTH_MAX / CHUNK_BITS).expect("a list is bounded");
    for (path, _) in view.scan(&prefix, None, chunks_max) {
        let position: usize = std::str::from_utf8(&path[prefix.len()..])
            .ok()
            .and_then(|digits| digits.parse().ok())
            .expect("a chunk's path ends in its number");
        let chunk: v1::StatusListChunk = record(view, &path).expect("it was found just now");
        let start = position * CHUNK_BYTES;
        bytes[start..start + CHUNK_BYTES].copy_from_slice(&chunk.bits);
    }
    Some(bytes)
}

/// What to prove so that one bit can be read without the chain: the list's record, and the chunk with the bit, or that it is not
/// there.
pub fn proof_paths(issuer: &Did, name: &str, index: u64) -> [Vec<u8>; 2] {
    [
        path::status_list(issuer, name),
        path::status_list_chunk(issuer, name, index / CHUNK_BITS),
    ]
}

/// The bit, by what was proved to stand at [`proof_paths`]. `None`: the records are not of this list, or it is not as long.
pub fn proved_bit(
    issuer: &Did,
    name: &str,
    index: u64,
    list: &v1::StatusListRecord,
    chunk: Option<&v1::StatusListChunk>,
) -> Option<bool> {
    let same = list.issuer == issuer.to_string() && list.name == name;
    if !same || index >= list.length {
        return None;
    }
    let Some(chunk) = chunk else {
        return Some(false);
    };
    let (byte, mask) = mask(index);
    (chunk.bits.len() == CHUNK_BYTES).then(|| chunk.bits[byte] & mask != 0)
}

/// Where a bit stands in its chunk: the byte, and the bit in it.
pub(super) fn mask(index: u64) -> (usize, u8) {
    let within = usize::try_from(index % CHUNK_BITS).expect("a chunk is short");
    (within / 8, 0x80 >> (within % 8))
}
