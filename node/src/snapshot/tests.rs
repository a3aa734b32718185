//! Snapshots on disk: the same everywhere, bounded, and never served damaged.

use std::fs;
use std::path::Path;

use starfire_state::tree;
use tempfile::TempDir;

use super::chunk;
use super::*;
use crate::sync::fixture::Chain;

fn chain() -> Chain {
    let mut chain = Chain::new();
    for _ in 0..6 {
        chain.note(200_000);
    }
    chain.grow(30);
    chain
}

/// The files of the one snapshot in a directory.
fn files(directory: &Path) -> Vec<PathBuf> {
    let snapshot = fs::read_dir(directory).unwrap().next().unwrap().unwrap();
    let files = fs::read_dir(snapshot.path()).unwrap();
    files.map(|file| file.unwrap().path()).collect()
}

#[test]
fn chunks_join_to_the_state_of_the_height() {
    let (chain, directory) = (chain(), TempDir::new().unwrap());
    let shelf = Shelf::open(directory.path(), 2).unwrap();
    let manifest = shelf.take(chain.archive(), 20).unwrap();
    assert_eq!(manifest.app_hash, tree::root(chain.archive(), 20));
    let mut state = Vec::new();
    let count = u32::try_from(manifest.chunks.len() / HASH_BYTES).unwrap();
    assert!(count > 1);
    for index in 0..count {
        let last = state.last().map(|(path, _): &chunk::Entry| path.clone());
        let bytes = shelf.chunk(20, index).unwrap();
        state.extend(chunk::decode(&bytes, last.as_deref()).unwrap());
    }
    assert_eq!(shelf.chunk(20, count), None);
    assert_eq!(
        state,
        chain.archive().state_at(20).scan(b"", None, usize::MAX)
    );
    assert_eq!(u64::try_from(state.len()), Ok(manifest.entries));

    let other = TempDir::new().unwrap();
    let again = Shelf::open(other.path(), 2).unwrap();
    again.take(chain.archive(), 20).unwrap();
    assert_eq!(again.list(), shelf.list(), "every node makes the same");
    assert_eq!(Shelf::open(other.path(), 2).unwrap().list(), shelf.list());
}

#[test]
fn the_newest_are_kept_and_what_is_unfinished_goes() {
    let (chain, directory) = (chain(), TempDir::new().unwrap());
    let shelf = Shelf::open(directory.path(), 2).unwrap();
    for height in [5, 10, 15] {
        shelf.take(chain.archive(), height).unwrap();
    }
    let heights = |shelf: &Shelf| -> Vec<u64> {
        let list = shelf.list().snapshots;
        list.iter().map(|summary| summary.height).collect()
    };
    assert_eq!(heights(&shelf), [15, 10]);
    assert!(shelf.header(16).is_some() && shelf.block(15).is_some());
    assert!(shelf.header(6).is_none() && shelf.block(5).is_none());
    fs::create_dir(directory.path().join("taking")).unwrap();
    let shelf = Shelf::open(directory.path(), 1).unwrap();
    assert_eq!(heights(&shelf), [15]);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    let error = shelf.take(chain.archive(), 30).unwrap_err();
    assert_eq!(error.code(), "SNAPSHOT_HEIGHT", "no header proves it yet");
}

#[test]
fn a_snapshot_that_fails_leaves_nothing_on_the_disk() {
    let (chain, directory) = (chain(), TempDir::new().unwrap());
    let shelf = Shelf::open(directory.path(), 2).unwrap();
    // A file stands where the finished snapshot would go.
    let place = directory.path().join(format!("{:020}", 20));
    fs::write(&place, b"").unwrap();
    let error = shelf.take(chain.archive(), 20).unwrap_err();
    assert_eq!(error.code(), "SNAPSHOT_FILES");
    fs::remove_file(&place).unwrap();
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn a_changed_bit_anywhere_is_found() {
    let (chain, directory) = (chain(), TempDir::new().unwrap());
    let names = {
        let shelf = Shelf::open(directory.path(), 1).unwrap();
        shelf.take(chain.archive(), 20).unwrap();
        files(directory.path())
    };
    assert!(names.len() >= 5, "{names:?}");
    for path in names {
        let shelf = Shelf::open(directory.path(), 1).unwrap();
        shelf.take(chain.archive(), 20).unwrap();
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 4;
        fs::write(&path, bytes).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        let shelf = if name == MANIFEST {
            Shelf::open(directory.path(), 1).unwrap()
        } else {
            shelf
        };
        match name.strip_prefix("chunk-") {
            Some(index) => assert_eq!(shelf.chunk(20, index.parse().unwrap()), None),
            None if name == HEADER => assert_eq!(shelf.header(21), None),
            None => assert_eq!(shelf.block(20), None),
        }
        assert!(
            shelf.list().snapshots.is_empty(),
            "nobody is sent to it: {name}"
        );
    }
}

#[test]
fn a_snapshot_that_cannot_be_read_now_is_served_later() {
    let (chain, directory) = (chain(), TempDir::new().unwrap());
    let shelf = Shelf::open(directory.path(), 1).unwrap();
    shelf.take(chain.archive(), 20).unwrap();
    let served = |shelf: &Shelf| {
        [
            shelf.chunk(20, 0).is_some(),
            shelf.header(21).is_some(),
            shelf.block(20).is_some(),
        ]
    };
    assert_eq!(served(&shelf), [true; 3]);
    let place = directory.path().join(format!("{:020}", 20));
    // A directory cannot be read as a file.
    let hide = |name: &str| {
        fs::rename(place.join(name), directory.path().join(name)).unwrap();
        fs::create_dir(place.join(name)).unwrap();
    };
    let show = |name: &str| {
        fs::remove_dir(place.join(name)).unwrap();
        fs::rename(directory.path().join(name), place.join(name)).unwrap();
    };
    let names = [&chunk_name(0), HEADER, BLOCK];
    for name in names {
        hide(name);
    }
    assert_eq!(served(&shelf), [false; 3]);
    for name in names {
        show(name);
    }
    assert_eq!(served(&shelf), [true; 3]);

    hide(MANIFEST);
    assert!(Shelf::open(directory.path(), 1).unwrap().newest().is_none());
    show(MANIFEST);
    let shelf = Shelf::open(directory.path(), 1).unwrap();
    assert_eq!(served(&shelf), [true; 3]);
}
