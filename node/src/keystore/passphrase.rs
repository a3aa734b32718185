//! What unlocks key files, and where it may stand.

use std::fmt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::{KeystoreError, random, read_private, write_private};

/// A home's passphrase, if its operator keeps it there.
pub const PASSPHRASE_FILE: &str = "passphrase";

/// What unlocks key files. Wiped from memory when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Passphrase(pub(super) Zeroizing<String>);

impl Passphrase {
    /// A passphrase that somebody typed.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The first line of a file that only its owner may read.
    pub fn read_file(path: &Path) -> Result<Self, KeystoreError> {
        let text = Zeroizing::new(read_private(path)?);
        match text.lines().next() {
            Some(line) if !line.is_empty() => Ok(Self::new(line.to_owned())),
            Some(_) | None => Err(KeystoreError::EmptyPassphrase {
                path: path.to_owned(),
            }),
        }
    }

    /// Six groups of five letters and digits: 140 bits and more.
    pub fn generate() -> Result<Self, KeystoreError> {
        const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
        let bytes = Zeroizing::new(random::<30>()?);
        let groups: Vec<String> = bytes
            .chunks(5)
            .map(|chunk| {
                chunk
                    .iter()
                    .map(|byte| char::from(LETTERS[usize::from(byte % 32)]))
                    .collect()
            })
            .collect();
        Ok(Self::new(groups.join("-")))
    }

    /// Writes it to a new file that only the owner may read.
    pub fn write_file(&self, path: &Path) -> Result<(), KeystoreError> {
        write_private(path, Zeroizing::new(format!("{}\n", *self.0)).as_bytes())
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(..)")
    }
}

/// Where the passphrase of a key file may stand beside it.
pub fn passphrase_beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".passphrase");
    PathBuf::from(name)
}

/// Where the passphrase of a key file is looked for: beside it, or, for the keys of a home, in the home.
pub fn passphrase_places(path: &Path) -> Vec<PathBuf> {
    let mut places = vec![passphrase_beside(path)];
    let directory = path
        .parent()
        .filter(|directory| directory.ends_with("keys"));
    places.extend(directory.map(|keys| keys.with_file_name(PASSPHRASE_FILE)));
    places
}
