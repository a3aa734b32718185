//! Points of keys that were seen lately. To take one from its encoding costs a third of checking a signature in a batch.

use std::sync::LazyLock;

use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use quick_cache::sync::Cache;

use crate::KEY_BYTES;

/// So many points are kept, of about 200 bytes each with their keys. Strangers' keys drive out keys, and change no answer.
const POINTS_MAX: usize = 1 << 17;

static POINTS: LazyLock<Cache<[u8; KEY_BYTES], EdwardsPoint>> =
    LazyLock::new(|| Cache::new(POINTS_MAX));

/// The point with this encoding, if there is one. What encodes none is not kept.
pub(crate) fn point(bytes: &[u8; KEY_BYTES]) -> Option<EdwardsPoint> {
    if let Some(point) = POINTS.get(bytes) {
        return Some(point);
    }
    let point = CompressedEdwardsY(*bytes).decompress()?;
    POINTS.insert(*bytes, point);
    Some(point)
}
