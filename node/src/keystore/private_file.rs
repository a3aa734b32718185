//! Files that nobody but their owner may read.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use super::KeystoreError;

/// No key or passphrase file is longer.
const FILE_BYTES_MAX: u64 = 16 << 10;

/// Writes a new file that only the owner may read.
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<(), KeystoreError> {
    let fault = |source| KeystoreError::Write {
        path: path.to_owned(),
        source,
    };
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(fault)?;
    file.write_all(bytes).map_err(fault)?;
    file.sync_all().map_err(fault)
}

/// Refuses a file that others than its owner may read, or that is no small file.
pub fn check_private(path: &Path) -> Result<(), KeystoreError> {
    let metadata = std::fs::metadata(path).map_err(|source| KeystoreError::Read {
        path: path.to_owned(),
        source,
    })?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeystoreError::OpenToOthers {
            path: path.to_owned(),
            mode,
        });
    }
    if metadata.len() > FILE_BYTES_MAX {
        return Err(KeystoreError::malformed(path, "it is too large"));
    }
    Ok(())
}

/// Reads a file that nobody but its owner may read.
pub(super) fn read_private(path: &Path) -> Result<String, KeystoreError> {
    check_private(path)?;
    std::fs::read_to_string(path).map_err(|source| KeystoreError::Read {
        path: path.to_owned(),
        source,
    })
}
