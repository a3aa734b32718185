//! Why a key file cannot be used.

use std::path::{Path, PathBuf};

/// A key file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeystoreError {
    /// The file cannot be read.
    #[error("read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file cannot be written.
    #[error("write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Others than the owner may read the file.
    #[error("{} is open to others (mode {mode:o}): run `chmod 600 {}`", path.display(), path.display())]
    OpenToOthers {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file is no key file.
    #[error("{} is not a key file: {message}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// The passphrase does not open the file, or somebody changed it.
    #[error("{}: wrong passphrase, or the file was changed", path.display())]
    Sealed {
        /// The file.
        path: PathBuf,
    },
    /// The passphrase file holds no passphrase.
    #[error("{} holds no passphrase: it must be one line", path.display())]
    EmptyPassphrase {
        /// The file.
        path: PathBuf,
    },
    /// A node's key must be Ed25519.
    #[error("a validator's or node's key must be ed25519")]
    NotEd25519,
    /// The machine gives no randomness.
    #[error("the machine gives no randomness: {0}")]
    Randomness(String),
}

impl KeystoreError {
    /// The file is no key file, for this reason.
    pub(super) fn malformed(path: &Path, message: impl Into<String>) -> Self {
        Self::Malformed {
            path: path.to_owned(),
            message: message.into(),
        }
    }
}
