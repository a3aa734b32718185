//! Snapshots: the state after one height, cut into chunks, so that a new node need not execute the whole past.
//!
//! A snapshot is a manifest, its chunks, the block that it stands on and the header after that block. The manifest lists the BLAKE3
//! hash of each chunk and is the same on every node that takes the snapshot, so that one node fetches the chunks of several. It is
//! not believed: what counts is that the tree over the entries has the root which a verified header carries (see
//! [`crate::state_sync`]).
//!
//! On disk a snapshot is a directory named after its height. It is written beside and renamed when it is whole; every file is covered
//! by a hash, and one that a disk has changed is not served.

pub mod chunk;
mod shelf;
mod take;

use std::path::{Path, PathBuf};

pub use shelf::Shelf;
pub(crate) use shelf::discard_unfinished;
pub use take::take;

/// What a chunk holds, bytes: more only if a single entry is longer.
pub const CHUNK_BYTES: usize = 1 << 20;
/// Chunks of one snapshot.
pub const CHUNKS_MAX: usize = 1 << 16;
/// Length of a BLAKE3 hash.
pub const HASH_BYTES: usize = 32;

/// Why a snapshot cannot be taken or read.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// A file cannot be read or written.
    #[error("{} cannot be read or written", path.display())]
    Files {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file is not what was written.
    #[error("{} is damaged", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
    },
    /// State has more chunks than a manifest lists.
    #[error("the state does not fit into {CHUNKS_MAX} chunks")]
    TooLarge,
    /// The height's blocks are not kept, or the header after them is not there yet.
    #[error("height {0} is not one that a snapshot can stand on")]
    Height(u64),
}

impl SnapshotError {
    /// A stable name, for people and programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Files { .. } => "SNAPSHOT_FILES",
            Self::Damaged { .. } => "SNAPSHOT_DAMAGED",
            Self::TooLarge => "SNAPSHOT_TOO_LARGE",
            Self::Height(_) => "SNAPSHOT_HEIGHT",
        }
    }

    fn files(path: &Path, source: std::io::Error) -> Self {
        let path = path.to_owned();
        Self::Files { path, source }
    }
}

const MANIFEST: &str = "manifest";
const HEADER: &str = "header";
const BLOCK: &str = "block";

fn chunk_name(index: usize) -> String {
    format!("chunk-{index:05}")
}

/// The hash of a chunk.
pub fn hash(bytes: &[u8]) -> [u8; HASH_BYTES] {
    *blake3::hash(bytes).as_bytes()
}

#[cfg(test)]
mod tests;
