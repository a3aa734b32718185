//! Taking a snapshot of a state that does not change any more.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use prost::Message;
use starfire_ledger::receipt;
use starfire_proto::v1;
use starfire_state::{Archive, key, tree};

use super::chunk::Cutter;
use super::{BLOCK, CHUNKS_MAX, HASH_BYTES, HEADER, MANIFEST, SnapshotError, chunk_name, hash};
use crate::sync::serve::light_block;

/// Entries read at once: few, since each may have megabytes.
const SCAN_ENTRIES: usize = 64;

/// Writes the state after `height` into a new directory, with the block that made it and the header that proves it.
pub fn take(
    archive: &dyn Archive,
    height: u64,
    directory: &Path,
) -> Result<v1::SnapshotManifest, SnapshotError> {
    let header = light_block(archive, height + 1).ok_or(SnapshotError::Height(height))?;
    let block = block(archive, height).ok_or(SnapshotError::Height(height))?;
    fs::create_dir_all(directory).map_err(|error| SnapshotError::files(directory, error))?;

    let (mut hashes, mut entries) = (Vec::new(), 0);
    let mut keep = |chunk: Vec<u8>| {
        let index = hashes.len() / HASH_BYTES;
        if index >= CHUNKS_MAX {
            return Err(SnapshotError::TooLarge);
        }
        hashes.extend(hash(&chunk));
        write(&directory.join(chunk_name(index)), &chunk)
    };
    let view = archive.state_at(height);
    let mut cutter = Cutter::default();
    let mut after: Option<Vec<u8>> = None;
    loop {
        let page = view.scan(b"", after.as_deref(), SCAN_ENTRIES);
        let Some((last, _)) = page.last() else { break };
        after = Some(last.clone());
        for (path, value) in &page {
            entries += 1;
            if let Some(full) = cutter.push(path, value) {
                keep(full)?;
            }
        }
    }
    if let Some(last) = cutter.finish() {
        keep(last)?;
    }

    let manifest = v1::SnapshotManifest {
        height,
        app_hash: tree::root(archive, height).to_vec(),
        entries,
        chunks: hashes,
    };
    write_sealed(&directory.join(HEADER), &header.encode_to_vec())?;
    write_sealed(&directory.join(BLOCK), &block.encode_to_vec())?;
    write_sealed(&directory.join(MANIFEST), &manifest.encode_to_vec())?;
    sync_directory(directory)?;
    Ok(manifest)
}

/// The block of the height, and of its receipts what the next header names: the rest nobody could check.
fn block(archive: &dyn Archive, height: u64) -> Option<v1::SnapshotBlock> {
    if !archive.keeps(height) {
        return None;
    }
    let (block, commit) = archive.block(height)?;
    let receipts = archive.receipts(height)?;
    let receipts = receipts.iter().map(|bytes| {
        let receipt = v1::Receipt::decode(bytes.as_slice()).expect("a stored receipt decodes");
        receipt::core(&receipt)
    });
    Some(v1::SnapshotBlock {
        block,
        commit,
        receipts: receipts.collect(),
        validators: archive.state_at(height - 1).get(key::VALIDATORS)?,
    })
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), SnapshotError> {
    let fault = |error| SnapshotError::files(path, error);
    let mut file = File::create(path).map_err(fault)?;
    file.write_all(bytes).map_err(fault)?;
    file.sync_all().map_err(fault)
}

/// With its hash behind it.
fn write_sealed(path: &Path, bytes: &[u8]) -> Result<(), SnapshotError> {
    write(path, &[bytes, &hash(bytes)].concat())
}

/// Reads what was sealed, unless it is damaged.
pub(super) fn read_sealed<M: Message + Default>(path: &Path) -> Result<M, SnapshotError> {
    let mut bytes = fs::read(path).map_err(|error| SnapshotError::files(path, error))?;
    let damaged = || SnapshotError::Damaged {
        path: path.to_owned(),
    };
    let content = bytes.len().checked_sub(HASH_BYTES).ok_or_else(damaged)?;
    let seal = bytes.split_off(content);
    if hash(&bytes).as_slice() != seal {
        return Err(damaged());
    }
    M::decode(bytes.as_slice()).map_err(|_| damaged())
}

/// Makes new names in a directory durable.
pub(super) fn sync_directory(path: &Path) -> Result<(), SnapshotError> {
    File::open(path)
        .and_then(|directory| directory.sync_all())
        .map_err(|error| SnapshotError::files(path, error))
}
