//! Files that commands read and write: bounded when read, never written over by accident, written whole or not at all.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// Reads a file of at most `bytes_max` bytes.
pub fn read(path: &Path, bytes_max: usize) -> Result<Vec<u8>, Failure> {
    let fault = |error| Failure::file("read", path, &error);
    let file = File::open(path).map_err(fault)?;
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(fault)?;
    if bytes.len() > bytes_max {
        return Err(Failure::content(
            path,
            format!("it has more than {bytes_max} bytes"),
        ));
    }
    Ok(bytes)
}

/// Reads a file up to one byte beyond `bytes_max`, for a judge that refuses what is longer by a verdict of its own.
pub fn read_cut(path: &Path, bytes_max: usize) -> Result<Vec<u8>, Failure> {
    let fault = |error| Failure::file("read", path, &error);
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(limit.saturating_add(1)).read_to_end(&mut bytes))
        .map_err(fault)?;
    Ok(bytes)
}

/// Writes a file that must not be there yet.
pub fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let fault = |error| Failure::file("write", path, &error);
    let mut file = File::create_new(path).map_err(fault)?;
    file.write_all(bytes).map_err(fault)?;
    file.sync_all().map_err(fault)
}

/// Writes a file whole or not at all, in place of the one that may be there.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let fault = |error| Failure::file("write", path, &error);
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let beside = PathBuf::from(name);
    let mut file = File::create(&beside).map_err(fault)?;
    file.write_all(bytes).map_err(fault)?;
    file.sync_all().map_err(fault)?;
    std::fs::rename(&beside, path).map_err(fault)
}

/// Removes a file.
pub fn remove(path: &Path) -> Result<(), Failure> {
    std::fs::remove_file(path).map_err(|error| Failure::file("remove", path, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_beyond_its_bound_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("f");
        write_new(&path, b"12345").unwrap();
        assert_eq!(read(&path, 5).unwrap(), b"12345");
        assert_eq!(read(&path, 4).unwrap_err().code, "CONTENT");
    }

    #[test]
    fn only_replacing_writes_over_a_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("f");
        write_new(&path, b"1").unwrap();
        assert!(write_new(&path, b"2").is_err());
        replace(&path, b"3").unwrap();
        assert_eq!(read(&path, 9).unwrap(), b"3");
    }
}
