//! Node processes: start one, look at it, signal it. Only a process that runs this program for that home is ever touched.

use std::fs::OpenOptions;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, kill_process};

use crate::failure::Failure;
use crate::home::Home;

/// The binary's name, as it stands first in a process's arguments.
const BINARY: &str = "starfire";

/// What a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// It runs.
    Running,
    /// It is stopped, and can go on.
    Paused,
    /// It was killed, and the system still takes it apart: its store may be locked for a moment.
    Ending,
    /// It is gone, or its number is another process's.
    Dead,
}

/// What a node can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// End in order (SIGTERM).
    End,
    /// Be gone at once (SIGKILL).
    Kill,
    /// Stop where you are (SIGSTOP).
    Pause,
    /// Go on (SIGCONT).
    Resume,
}

impl From<Signal> for rustix::process::Signal {
    fn from(signal: Signal) -> Self {
        match signal {
            Signal::End => Self::TERM,
            Signal::Kill => Self::KILL,
            Signal::Pause => Self::STOP,
            Signal::Resume => Self::CONT,
        }
    }
}

/// Starts the node of a home, in a process group of its own, so that a Ctrl-C here does not reach it. Its output goes to its log.
pub(crate) fn spawn(home: &Path) -> Result<Child, Failure> {
    let log = Home::at(home).log();
    let fault = |error: &std::io::Error| Failure::file("write", &log, error);
    let output = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&log)
        .map_err(|error| fault(&error))?;
    let errors = output.try_clone().map_err(|error| fault(&error))?;
    let binary = std::env::current_exe().map_err(|error| Failure::caused("BINARY", &error, ""))?;
    Command::new(&binary)
        .arg0(BINARY)
        .args(["start", "--home"])
        .arg(home)
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors)
        .process_group(0)
        .spawn()
        .map_err(|error| Failure::file("run", &binary, &error))
}

/// What the node of this home does.
pub fn condition(pid: u32, home: &Path) -> Condition {
    if !is_ours(pid, home) {
        return if is_ending(pid) {
            Condition::Ending
        } else {
            Condition::Dead
        };
    }
    match state(pid) {
        Some('T' | 't') => Condition::Paused,
        // A zombie has ended; only its parent has not noticed.
        Some('Z' | 'X') | None => Condition::Dead,
        Some(_) => Condition::Running,
    }
}

/// Signals the node of this home. `false`: it does not run.
pub fn send(pid: u32, home: &Path, signal: Signal) -> Result<bool, Failure> {
    let Some(process) = i32::try_from(pid).ok().and_then(Pid::from_raw) else {
        return Ok(false);
    };
    match condition(pid, home) {
        Condition::Running | Condition::Paused => {}
        Condition::Ending | Condition::Dead => return Ok(false),
    }
    match kill_process(process, signal.into()) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::SRCH) => Ok(false),
        Err(error) => Err(Failure::caused(
            "SIGNAL",
            &error,
            "the node may belong to another user",
        )),
    }
}

/// The processor time that a process has used, in ticks of a hundredth of a second.
pub(crate) fn cpu_ticks(pid: u32) -> Option<u64> {
    // proc(5): fields 14 and 15 are utime and stime; the first here is field 3.
    let fields = stat(pid)?;
    let ticks = |index: usize| fields.get(index)?.parse::<u64>().ok();
    ticks(11)?.checked_add(ticks(12)?)
}

/// Numbers are given again: does this one still run our program for that home?
fn is_ours(pid: u32, home: &Path) -> bool {
    use std::os::unix::ffi::OsStrExt;

    let Ok(line) = std::fs::read(format!("/proc/{pid}/cmdline")) else {
        return false;
    };
    let arguments: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
    arguments.starts_with(&[
        BINARY.as_bytes(),
        b"start",
        b"--home",
        home.as_os_str().as_bytes(),
    ])
}

/// Whether a process of our name has lost its memory, and so the arguments that told its home, but not yet its open files.
/// They are closed when its last thread is; until then there are other threads, or the first is no zombie.
fn is_ending(pid: u32) -> bool {
    let arguments = std::fs::read(format!("/proc/{pid}/cmdline"));
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    if !arguments.is_ok_and(|line| line.is_empty()) || name.trim_end() != BINARY {
        return false;
    }
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
    threads > 1 || !matches!(state(pid), Some('Z' | 'X') | None)
}

fn state(pid: u32) -> Option<char> {
    stat(pid)?.first()?.chars().next()
}

/// The fields of `/proc/PID/stat` from the third on: the second is the name, which may hold anything.
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(')')?;
    Some(rest.split_ascii_whitespace().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_process_is_never_taken_for_a_node() {
        let me = std::process::id();
        assert_eq!(condition(me, Path::new("/tmp")), Condition::Dead);
        assert!(!send(me, Path::new("/tmp"), Signal::Kill).unwrap());
    }

    #[test]
    fn no_process_is_dead() {
        assert_eq!(condition(u32::MAX, Path::new("/tmp")), Condition::Dead);
        assert!(!send(0, Path::new("/tmp"), Signal::Kill).unwrap());
    }

    #[test]
    fn a_running_process_has_used_some_time() {
        assert!(cpu_ticks(std::process::id()).is_some());
    }
}
