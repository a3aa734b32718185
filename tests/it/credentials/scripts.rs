//! Runs the scripts of `tests/clients/credentials`.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

/// A folder for what the scripts read.
pub(super) struct Desk(TempDir);

impl Desk {
    pub(super) fn new() -> Self {
        Self(TempDir::new().expect("a temporary folder"))
    }

    /// Writes a file that a script is to read.
    pub(super) fn file(&self, name: &str, content: impl ToString) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, content.to_string()).expect("a temporary file");
        path
    }
}

/// What a script prints.
pub(super) fn run<A: AsRef<OsStr>>(script: &str, arguments: &[A]) -> Value {
    let clients = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients");
    assert!(
        clients.join("node_modules").exists(),
        "the libraries are not installed: `scripts/setup.sh --tests` does that"
    );
    let output = Command::new("node")
        .current_dir(clients.join("credentials"))
        .arg(script)
        .args(arguments)
        .output()
        .expect("node runs");
    assert!(
        output.status.success(),
        "{script}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).expect("a script prints JSON")
}
