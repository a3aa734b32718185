//! The machine that a measurement was made on, and what its disk takes for a synced write.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::figures::{Percentiles, micros};
use crate::clock;
use crate::failure::Failure;

/// Synced writes that are timed.
const SYNCED_WRITES: usize = 200;
/// Bytes of one: a page.
const WRITE_BYTES: usize = 4_096;

/// The machine and the program.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Machine {
    /// The processor's name.
    pub(crate) processor: String,
    /// Cores that this process may use.
    pub(crate) cores: usize,
    /// Memory.
    pub(crate) memory_mib: u64,
    /// The kernel's release.
    pub(crate) kernel: String,
    /// The program's version.
    pub(crate) version: String,
    /// What can be told of how it was built.
    pub(crate) build: String,
    /// A page written and synced by one writer, where the nodes' homes are.
    pub(crate) synced_write: Percentiles,
}

/// Looks at this machine, and at the disk that `directory` is on.
pub(crate) fn describe(directory: &Path) -> Result<Machine, Failure> {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let kib = field(&read("/proc/meminfo"), "MemTotal")
        .and_then(|value| value.split(' ').next()?.parse::<u64>().ok());
    Ok(Machine {
        processor: field(&read("/proc/cpuinfo"), "model name").unwrap_or_default(),
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        memory_mib: kib.unwrap_or_default() / 1_024,
        kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        build: match cfg!(debug_assertions) {
            true => "debug assertions on",
            false => "debug assertions off",
        }
        .to_owned(),
        synced_write: synced_writes(directory)?,
    })
}

/// The value of the first line `name: value`.
pub(super) fn field(text: &str, name: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim().to_owned())
    })
}

fn synced_writes(directory: &Path) -> Result<Percentiles, Failure> {
    let path = directory.join("synced-writes");
    let fault = |error: &std::io::Error| Failure::file("write", &path, error);
    let mut file = File::create(&path).map_err(|error| fault(&error))?;
    let mut times = Vec::with_capacity(SYNCED_WRITES);
    for _ in 0..SYNCED_WRITES {
        let start = clock::monotonic();
        file.write_all(&[7; WRITE_BYTES])
            .and_then(|()| file.sync_data())
            .map_err(|error| fault(&error))?;
        times.push(micros(clock::elapsed(start)));
    }
    std::fs::remove_file(&path).map_err(|error| Failure::file("remove", &path, &error))?;
    Ok(Percentiles::of(times, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_by_its_whole_name() {
        let text = "processor\t: 0\nmodel name\t: Some CPU\nmodel name\t: Another\n";
        assert_eq!(field(text, "model name").as_deref(), Some("Some CPU"));
        assert_eq!(field(text, "model"), None);
    }

    #[test]
    fn a_machine_has_cores_and_a_disk() {
        let directory = tempfile::tempdir().unwrap();
        let machine = describe(directory.path()).unwrap();
        assert!(machine.cores > 0);
        assert!(machine.synced_write.max_ms.is_some());
        assert!(
            std::fs::read_dir(directory.path())
                .unwrap()
                .next()
                .is_none()
        );
    }
}
