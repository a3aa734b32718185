//! The snapshots that a node keeps, and serves.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use prost::Message;
use starfire_proto::v1;
use starfire_state::Archive;

use super::take::{read_sealed, sync_directory};
use super::{BLOCK, HASH_BYTES, HEADER, MANIFEST, SnapshotError, chunk_name, hash, take};

/// Where a snapshot stands while it is taken.
const TAKING: &str = "taking";

/// The newest snapshots of one node. Clones share them.
#[derive(Debug, Clone)]
pub struct Shelf(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    directory: PathBuf,
    keep: usize,
    manifests: RwLock<BTreeMap<u64, v1::SnapshotManifest>>,
}

impl Shelf {
    /// The snapshots in a directory. What is damaged, unfinished or more than `keep` goes; what cannot be read now stays unserved.
    pub fn open(directory: &Path, keep: usize) -> Result<Self, SnapshotError> {
        let fault = |error| SnapshotError::files(directory, error);
        fs::create_dir_all(directory).map_err(fault)?;
        let shelf = Self::at(directory, keep);
        for entry in fs::read_dir(directory).map_err(fault)? {
            let path = entry.map_err(fault)?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            let Some(height) = name.and_then(|name| name.parse::<u64>().ok()) else {
                if name == Some(TAKING) {
                    remove(&path);
                }
                continue;
            };
            match read_sealed::<v1::SnapshotManifest>(&path.join(MANIFEST)) {
                Ok(manifest) if manifest.height == height => {
                    shelf.write().insert(height, manifest);
                }
                Ok(_) => remove(&path),
                Err(error) => {
                    tracing::warn!(code = error.code(), %error, "a snapshot is not served");
                    if shows_damage(&error) {
                        remove(&path);
                    }
                }
            }
        }
        shelf.drop_old();
        Ok(shelf)
    }

    /// A node that keeps none.
    pub fn none() -> Self {
        Self::at(Path::new(""), 0)
    }

    fn at(directory: &Path, keep: usize) -> Self {
        Self(Arc::new(Inner {
            directory: directory.to_owned(),
            keep,
            manifests: RwLock::default(),
        }))
    }

    /// Takes a snapshot of the state after `height` and keeps it; the oldest one goes for it.
    pub fn take(
        &self,
        archive: &dyn Archive,
        height: u64,
    ) -> Result<v1::SnapshotManifest, SnapshotError> {
        let taking = self.0.directory.join(TAKING);
        remove(&taking);
        let taken = self.take_by(archive, height, &taking);
        if taken.is_err() {
            // On a full disk the node itself needs the room.
            remove(&taking);
        }
        taken
    }

    /// Writes it all at `taking` before any of it is shown.
    fn take_by(
        &self,
        archive: &dyn Archive,
        height: u64,
        taking: &Path,
    ) -> Result<v1::SnapshotManifest, SnapshotError> {
        let manifest = take(archive, height, taking)?;
        let place = self.place(height);
        remove(&place);
        fs::rename(taking, &place).map_err(|error| SnapshotError::files(&place, error))?;
        sync_directory(&self.0.directory)?;
        self.write().insert(height, manifest.clone());
        self.drop_old();
        Ok(manifest)
    }

    /// The newest snapshot's height.
    pub fn newest(&self) -> Option<u64> {
        self.read().keys().next_back().copied()
    }

    /// What there is, newest first.
    pub fn list(&self) -> v1::SnapshotList {
        let manifests = self.read();
        let summaries = manifests
            .iter()
            .rev()
            .map(|(height, manifest)| v1::SnapshotSummary {
                height: *height,
                manifest_hash: hash(&manifest.encode_to_vec()).to_vec(),
            });
        v1::SnapshotList {
            snapshots: summaries.collect(),
        }
    }

    /// The manifest of a snapshot.
    pub fn manifest(&self, height: u64) -> Option<v1::SnapshotManifest> {
        self.read().get(&height).cloned()
    }

    /// The header of `height`, if it is the one after a snapshot's block. The archive may have pruned it.
    pub fn header(&self, height: u64) -> Option<v1::LightBlock> {
        let snapshot = height.checked_sub(1)?;
        self.sealed(snapshot, HEADER)
    }

    /// The block that a snapshot stands on.
    pub fn block(&self, height: u64) -> Option<v1::SnapshotBlock> {
        self.sealed(height, BLOCK)
    }

    /// A chunk, if it still is what was written.
    pub fn chunk(&self, height: u64, index: u32) -> Option<Vec<u8>> {
        let index = usize::try_from(index).ok()?;
        let expected = {
            let manifests = self.read();
            let hashes = &manifests.get(&height)?.chunks;
            hashes.chunks_exact(HASH_BYTES).nth(index)?.to_vec()
        };
        let path = self.place(height).join(chunk_name(index));
        let read = fs::read(&path).map_err(|error| SnapshotError::files(&path, error));
        let whole = read.and_then(|bytes| {
            if hash(&bytes).as_slice() == expected {
                Ok(bytes)
            } else {
                Err(SnapshotError::Damaged { path })
            }
        });
        self.or_nothing(height, whole)
    }

    fn sealed<M: Message + Default>(&self, height: u64, name: &str) -> Option<M> {
        if !self.read().contains_key(&height) {
            return None;
        }
        let read = read_sealed(&self.place(height).join(name));
        self.or_nothing(height, read)
    }

    /// What was read of a snapshot. One that is damaged goes; a file that cannot be read may be whole, and is tried again.
    fn or_nothing<T>(&self, height: u64, read: Result<T, SnapshotError>) -> Option<T> {
        match &read {
            Ok(_) => {}
            Err(error) if shows_damage(error) => self.forget(height, error),
            Err(error) => {
                tracing::warn!(height, code = error.code(), %error, "a snapshot's file is not served now");
            }
        }
        read.ok()
    }

    /// Nobody is sent to a snapshot that is not whole. One that was replaced meanwhile is gone already.
    fn forget(&self, height: u64, error: &SnapshotError) {
        if self.write().remove(&height).is_some() {
            remove(&self.place(height));
            tracing::warn!(height, code = error.code(), %error, "a snapshot is not served any more");
        }
    }

    fn drop_old(&self) {
        let mut manifests = self.write();
        while manifests.len() > self.0.keep {
            let Some((height, _)) = manifests.pop_first() else {
                break;
            };
            remove(&self.place(height));
        }
    }

    fn place(&self, height: u64) -> PathBuf {
        self.0.directory.join(format!("{height:020}"))
    }

    // Nothing between lock and unlock panics, so the lock's poison means nothing.
    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<u64, v1::SnapshotManifest>> {
        self.0
            .manifests
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, BTreeMap<u64, v1::SnapshotManifest>> {
        self.0
            .manifests
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether bytes were read, and are not those that were written, or the file is gone.
fn shows_damage(error: &SnapshotError) -> bool {
    match error {
        SnapshotError::Damaged { .. } => true,
        SnapshotError::Files { source, .. } => source.kind() == ErrorKind::NotFound,
        SnapshotError::TooLarge | SnapshotError::Height(_) => false,
    }
}

/// Removes what a snapshot that was not finished has left in a directory. Whether there was any. Nobody may be taking one there.
pub(crate) fn discard_unfinished(directory: &Path) -> bool {
    let taking = directory.join(TAKING);
    let left = taking.exists();
    remove(&taking);
    left
}

/// What cannot be removed is in nobody's way but the disk's; the next snapshot tries again.
fn remove(directory: &Path) {
    if directory.exists()
        && let Err(error) = fs::remove_dir_all(directory)
    {
        tracing::warn!(path = %directory.display(), %error, "an old snapshot cannot be removed");
    }
}
